"""The dataflow document, rendered from the mappings in force. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Protocol

from keapbridge.dataflow.checklist import checklist
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.notation import in_words
from keapbridge.model.given import kind
from keapbridge.model.side import Side

__all__ = ["dataflow_document", "property_table"]

Row = tuple[str, str, str]

_HEADER: Row = ("Customcrm property", "Keap property", "Keap data type")

_INTRODUCTION = (
    "Customcrm and Keap hold data about the same people, organisations and goods. This dataflow keeps the two in step: "
    "it reads what was edited on either side and writes it to the other, property by property. It consists of these "
    "synchronizations, all of which work in both directions:"
)
_REMARK = (
    "The properties that are kept in step are listed with each synchronization, and behind them a checklist by which "
    "it can be tested: one line for each property and each direction."
)
_SECTION = (
    (
        "Each {customcrm} in Customcrm has one record among Keap's {keap} as its counterpart, and each of Keap's "
        "{keap} has one {customcrm}. What has no counterpart is matched with a record that is already there, or else "
        "is given one."
    ),
    (
        "From then on the two stay linked. An edit of either is carried over to the other; it makes no difference in "
        "which system it was made, nor in which of them the record was made first."
    ),
)


def property_table(mapper: Mapper, format: str = "rst") -> str:
    """The table of one synchronization, as `"rst"`, `"md"` or `"html"`."""
    return _writer(format).table([(lens.customcrm.path, lens.keap.path, lens.keap_type) for lens in mapper.lenses])


def dataflow_document(mappers: Sequence[Mapper], format: str = "rst") -> str:
    """The whole document: what is synchronised, and for each synchronization its properties and its checklist.

    Args:
        mappers: the mappings in force, as the session has them.
        format: `"rst"`, `"md"` or `"html"` (a fragment, to be put into a page).
    """
    for mapper in [mappers] if isinstance(mappers, (str, Mapper)) else mappers:
        if isinstance(mappers, Mapper) or not isinstance(mapper, Mapper):
            example = "dataflow_document([kb.mapping.contacts])"
            raise TypeError(f"mappers takes several mappers, such as {example}, not {kind(mapper)}")
    return "\n\n".join(_parts(mappers, _writer(format))) + "\n"


def _parts(mappers: Sequence[Mapper], to: _Writer) -> Iterator[str]:
    yield to.heading("Customcrm to Keap Dataflow", 1)
    yield to.paragraph(_INTRODUCTION)
    yield to.items([f"{m.name}: Customcrm's {m.customcrm_object} and Keap's {m.keap_object}" for m in mappers])
    yield to.paragraph(_REMARK)
    for mapper in mappers:
        yield to.heading(f"{mapper.customcrm_object} and {mapper.keap_object}", 2)
        for sentence in (*_SECTION, *_restrictions(mapper)):
            yield to.paragraph(sentence.format(customcrm=mapper.customcrm_object, keap=mapper.keap_object))
        yield to.table([(lens.customcrm.path, lens.keap.path, lens.keap_type) for lens in mapper.lenses])
        notations = [f"{lens.name}: {words}" for lens, words in _written(mapper)]
        if notations:
            yield to.paragraph("How Customcrm writes them, as is declared or learnt from what it holds:")
            yield to.items(notations)
        losses = [f"{lens.name}: {lens.losses}" for lens in mapper.lenses if lens.losses]
        if losses:
            yield to.paragraph("What does not survive the way to Keap and back:")
            yield to.items(losses)
        yield to.heading(f"Checklist for {mapper.name}", 3)
        yield to.items([check.sentence for check in checklist(mapper)], boxes=True)


def _restrictions(mapper: Mapper) -> Iterator[str]:
    for side, name in ((Side.CUSTOMCRM, "{customcrm}"), (Side.KEAP, "{keap}")):
        words = mapper.taking_part.described(side).replace("{", "{{").replace("}", "}}")
        if words:
            yield f"Of {side.title}'s {name} only those take part of which this is so: {words}."


def _written(mapper: Mapper) -> Iterator[tuple[Lens, str]]:
    """The fields of which it is known how Customcrm writes them, and how."""
    for lens in mapper.lenses:
        words = in_words(lens.kind, lens.notation) if lens.flows_to(Side.CUSTOMCRM) else None
        if words is not None:
            yield lens, words


class _Writer(Protocol):
    """A format of the document."""

    def heading(self, text: str, level: int) -> str: ...
    def paragraph(self, text: str) -> str: ...
    def items(self, texts: Sequence[str], *, boxes: bool = False) -> str: ...
    def table(self, rows: Sequence[Row]) -> str: ...


def _writer(format: str) -> _Writer:
    if format not in _WRITERS:
        raise ValueError(f"format must be 'rst', 'md' or 'html', not {format!r}")
    return _WRITERS[format]


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


class _Rst:
    def heading(self, text: str, level: int) -> str:
        title = self._plain(text)
        return f"{title}\n{'=-~'[level - 1] * _width(title)}"

    def paragraph(self, text: str) -> str:
        return self._plain(text)

    def items(self, texts: Sequence[str], *, boxes: bool = False) -> str:
        return "\n".join(f"- {'☐ ' if boxes else ''}{self._plain(text)}" for text in texts)

    def table(self, rows: Sequence[Row]) -> str:
        cells = [tuple(self._plain(cell) for cell in row) for row in (_HEADER, *rows)]
        widths = [max(_width(row[column]) for row in cells) for column in range(len(_HEADER))]
        rule = "  ".join("=" * width for width in widths)
        lines = [
            "  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        return "\n".join([rule, lines[0], rule, *lines[1:], rule])

    def _plain(self, text: str) -> str:
        """Text without anything that means markup."""
        marked = re.sub(r"([\\*`|]|(?<![^\W_])_|_(?![^\W_])|(?<=:):)", r"\\\1", _on_one_line(text))
        marked = re.sub(r"^(\w+)([.)])(?=\s|$)", r"\1\\\2", marked)  # no number of a list
        if not marked.strip("\\"):
            return f"\\ {marked}"  # no line over a title
        return f"\\{marked}" if not marked[0].isalnum() and marked[0] != "\\" else marked


def _width(text: str) -> int:
    """How many columns a text takes where every letter has one, and those of East Asia two."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


class _Md:
    def heading(self, text: str, level: int) -> str:
        return f"{'#' * level} {self._plain(text)}"

    def paragraph(self, text: str) -> str:
        return self._plain(text)

    def items(self, texts: Sequence[str], *, boxes: bool = False) -> str:
        return "\n".join(f"- {'[ ] ' if boxes else ''}{self._plain(text)}" for text in texts)

    def table(self, rows: Sequence[Row]) -> str:
        body = [tuple(self._plain(cell) for cell in row) for row in rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in (_HEADER, ("---",) * len(_HEADER), *body))

    def _plain(self, text: str) -> str:
        return re.sub(r"([\\`*|<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", _on_one_line(text))


class _Html:
    def heading(self, text: str, level: int) -> str:
        return f"<h{level}>{self._plain(text)}</h{level}>"

    def paragraph(self, text: str) -> str:
        return f"<p>{self._plain(text)}</p>"

    def items(self, texts: Sequence[str], *, boxes: bool = False) -> str:
        lines = "\n".join(f"<li>{'☐ ' if boxes else ''}{self._plain(text)}</li>" for text in texts)
        return f"<ul>\n{lines}\n</ul>"

    def table(self, rows: Sequence[Row]) -> str:
        head = "".join(f"<th>{self._plain(cell)}</th>" for cell in _HEADER)
        body = "".join(f"<tr>{''.join(f'<td>{self._plain(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _plain(self, text: str) -> str:
        return escape(_on_one_line(text))


_WRITERS: Mapping[str, _Writer] = {"rst": _Rst(), "md": _Md(), "html": _Html()}
