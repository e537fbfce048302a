"""Numbers as people of a country write them: `1.234,56`, `1,234.56`, `1 234,56`. Pure.

Three digits make a group; a number without groups is written so, too. The style of a number is 1234.56 written in it.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from decimal import Decimal
from functools import lru_cache
from typing import Any

from attrs import field, frozen

from keapbridge.errors import MappingError
from keapbridge.mapping.kinds.base import Context, Kind
from keapbridge.model.records import Canonical

__all__ = ["DECIMALS", "Figure", "number_in", "style_in", "written_in"]

DECIMALS = (".", ",")
_MARKS = ".,'’ \u00a0\u202f"  # between groups of digits, but for the one before the decimals


def _is_decimal_mark(_: Any, __: Any, value: str | None) -> None:
    if value is not None and value not in DECIMALS:
        raise MappingError(f"decimal must be {' or '.join(map(repr, DECIMALS))}, not {value!r}")


@lru_cache(maxsize=4)
def _pattern(decimal: str) -> re.Pattern[str]:
    marks = re.escape(_MARKS.replace(decimal, ""))
    whole = rf"\d{{1,3}}(?:(?P<mark>[{marks}])\d{{3}})(?:(?P=mark)\d{{3}})*|\d+"
    return re.compile(rf"(?P<sign>[-+]?)(?P<whole>{whole})(?:{re.escape(decimal)}(?P<rest>\d+))?", re.ASCII)


def number_in(text: str, decimal: str) -> Decimal | None:
    """The number that a text writes; `None` for one that is not written so."""
    found = _pattern(decimal).fullmatch(text.strip())
    if found is None:
        return None
    digits = re.sub(r"\D", "", found["whole"])
    return Decimal(f"{found['sign']}{digits}.{found['rest'] or ''}")


def style_in(text: str, decimal: str) -> str | None:
    """In which style a text writes its number; `None` where it does not tell: below a thousand there are no groups."""
    found = _pattern(decimal).fullmatch(text.strip())
    if found is None or len(re.sub(r"\D", "", found["whole"])) <= len("234"):
        return None
    return f"1{found['mark'] or ''}234{decimal}56"


def written_in(number: Decimal, decimal: str, style: str | None = None) -> str:
    """A number with all of its decimals, in a style, or else without groups."""
    mark = style[1] if style is not None and not style[1].isdigit() else ""
    return f"{number:,f}".translate({ord(","): mark, ord("."): decimal})


@frozen
class Figure(Kind):
    """A number, or an amount.

    Attributes:
        decimal: what stands before its decimals in texts of Customcrm, whose digits are in groups then: `","` for
            `1.234,5`. `None` for numbers as machines write them.
    """

    decimal: str | None = field(default=None, kw_only=True, validator=_is_decimal_mark)

    @abstractmethod
    def figure(self, value: Canonical) -> Decimal:
        """The number in a canonical value."""

    @property
    def is_own(self) -> bool:
        return self.decimal is not None

    @property
    def usual_style(self) -> str | None:
        return f"1234{self.decimal}56" if self.decimal is not None else None

    def style_of(self, raw: str, value: Canonical) -> str | None:
        return style_in(raw, self.decimal) if self.decimal is not None else None

    def spell(self, value: Canonical, style: str, scope: Canonical, context: Context) -> Any:
        return written_in(self.figure(value), self.decimal, style) if self.decimal is not None else None
