"""The dataflow document, rendered from the mappings in force. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keapbridge.mapping.mapper import Mapper

__all__ = ["dataflow_document", "property_table"]

_HEADER = ("Customcrm property", "Keap property", "Keap data type")

_INTRODUCTION = (
    "Customcrm and Keap hold the same customers' data, and this dataflow keeps the two in step, in both directions: a "
    "record of the one has its counterpart in the other, and an edit on either side reaches the other."
)
_SECTION = (
    "Every {customcrm} in Customcrm is kept equal to one of Keap's {keap}, and the other way round. Once two records "
    "are linked, it does not matter where they are edited. These properties are kept in step:"
)

Rows = Sequence[tuple[str, str, str]]


def property_table(mapper: Mapper, format: str = "rst") -> str:
    """The table of one synchronization, as `"rst"`, `"md"` or `"html"`."""
    rows = [(lens.customcrm.path, lens.keap.path, lens.keap_type) for lens in mapper.lenses]
    return _table(format)(rows)


def dataflow_document(mappers: Sequence[Mapper], format: str = "rst") -> str:
    """The whole document: what is synchronised, and a section with its table for each synchronization."""
    heading = _heading(format)
    parts = [
        heading("Customcrm to Keap Dataflow", 1),
        _INTRODUCTION,
    ]
    for mapper in mappers:
        parts += [
            heading(f"{mapper.customcrm_object} and {mapper.keap_object}", 2),
            _SECTION.format(customcrm=mapper.customcrm_object, keap=mapper.keap_object),
            property_table(mapper, format),
        ]
    if format == "html":
        parts = [p if p.startswith("<") else f"<p>{escape(p)}</p>" for p in parts]
    return "\n\n".join(parts) + "\n"


def _heading(format: str) -> Callable[[str, int], str]:
    renderers: dict[str, Callable[[str, int], str]] = {
        "rst": lambda text, level: f"{text}\n{('=' if level == 1 else '-') * len(text)}",
        "md": lambda text, level: f"{'#' * level} {text}",
        "html": lambda text, level: f"<h{level}>{escape(text)}</h{level}>",
    }
    return renderers[_known(format)]


def _table(format: str) -> Callable[[Rows], str]:
    return {"rst": _rst, "md": _md, "html": _html}[_known(format)]


def _known(format: str) -> str:
    if format not in {"rst", "md", "html"}:
        raise ValueError(f"format must be 'rst', 'md' or 'html', not {format!r}")
    return format


def _rst(rows: Rows) -> str:
    widths = [max(len(r[i]) for r in (_HEADER, *rows)) for i in range(3)]
    rule = "  ".join("=" * w for w in widths)
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in (_HEADER, *rows)]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def _md(rows: Rows) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (_HEADER, ("---",) * 3, *rows))


def _html(rows: Rows) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in _HEADER)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
