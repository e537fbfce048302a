"""What a look told before anything was written: values that are printed as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, Final, Literal, get_args, overload

import attrs

from keapbridge.showing.html import Html, badge, display, table

__all__ = ["Finding", "Findings", "Severity"]

Severity = Literal["error", "warning", "info"]
"""Nothing runs before an error is mended; what runs in spite of a warning may not be what is meant."""

_ORDER: Final = get_args(Severity)
LONGEST = 500  # characters of each text: some of it is of other people's making
SHOWN = 50  # findings of a list


def _short(text: Any) -> str:
    said = " ".join(str(text).split())
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


@attrs.frozen
class Finding:
    """Something that is not as it has to be, or that one should know.

    Attributes:
        severity: `"error"`, `"warning"` or `"info"`.
        place: where: a field (`"contacts.Email"`), a table and its column, an argument (`"Policy(conflicts=)"`).
        what: what is so.
        advice: what to do about it; empty where there is nothing to do.
    """

    severity: Severity = attrs.field(validator=attrs.validators.in_(_ORDER))
    place: str = attrs.field(converter=_short)
    what: str = attrs.field(converter=_short)
    advice: str = attrs.field(default="", converter=_short)

    @property
    def sentence(self) -> str:
        """All of it in one, as the message of an error."""
        said = f"{self.place}: {self.what}"
        return f"{said}{'' if said.endswith('?') else ';'} {self.advice}" if self.advice else said

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{self.severity}: {where}{self.what}" + (f" → {self.advice}" if self.advice else "")

    def _repr_html_(self) -> str:
        return display("", table(("", "", "", ""), [_row(self)]))


def _row(found: Finding) -> tuple[Html, str, str, str]:
    mood = {"error": "bad", "warning": "warn"}.get(found.severity, "")
    return badge(found.severity, mood), found.place, Html(escape(found.what)), Html(escape(found.advice))


def _tuple(given: Iterable[Finding]) -> tuple[Finding, ...]:
    """In order of their severity, each once."""
    return tuple(sorted(dict.fromkeys(given), key=lambda each: _ORDER.index(each.severity)))


@attrs.frozen(repr=False, eq=False)
class Findings(Sequence[Finding]):
    """Findings, errors first, each once. They equal a list or a tuple of the same findings."""

    each: tuple[Finding, ...] = attrs.field(default=(), converter=_tuple)

    def __eq__(self, other: object) -> bool:
        return self.each == tuple(other) if isinstance(other, (Findings, list, tuple)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.each)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those because of which nothing runs."""
        return tuple(found for found in self.each if found.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Those that stand in plans, too."""
        return tuple(found for found in self.each if found.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error among them."""
        return not self.errors

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Findings: ...
    def __getitem__(self, index: int | slice) -> Finding | Findings:
        return Findings(self.each[index]) if isinstance(index, slice) else self.each[index]

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.each)

    @property
    def _heading(self) -> str:
        if not self.each:
            return "nothing found: all is as it has to be"
        counts = {severity: sum(found.severity == severity for found in self.each) for severity in _ORDER}
        plural = {"error": "errors", "warning": "warnings", "info": "notes"}
        words = {"error": "error", "warning": "warning", "info": "note"}
        return ", ".join(f"{n} {words[name] if n == 1 else plural[name]}" for name, n in counts.items() if n)

    @property
    def _more(self) -> str:
        return f"… and {len(self.each) - SHOWN} more" if len(self.each) > SHOWN else ""

    def __str__(self) -> str:
        lines = [self._heading]
        for found in self.each[:SHOWN]:
            where = f"{found.place}: " if found.place else ""
            lines.append(f"  {found.severity:<7}  {where}{found.what}")
            lines += [f"           → {found.advice}"] if found.advice else []
        return "\n".join([*lines, *([f"  {self._more}"] if self._more else [])])

    def __repr__(self) -> str:
        return f"<Findings: {self._heading}>"

    def _repr_html_(self) -> str:
        rows = table(("", "", "", ""), map(_row, self.each[:SHOWN])) if self.each else None
        return display(self._heading, rows, self._more or None)
