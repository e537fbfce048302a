"""What a place takes, as the system that has it tells: lengths, lists of values, digits. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

__all__ = ["Capacity"]


@attrs.frozen
class Capacity:
    """What can be kept in a place.

    Attributes:
        place: in words (`"column email of people"`).
        length: the most characters of a text.
        values: the only texts that it takes, in lower case.
        digits: how many digits a number has at most, and how many of them are decimals.
        least, most: of whole numbers.
        never_empty: whether it always holds something.
        stored: makes of a value what is kept there, or raises `ValueError`, `TypeError` or `ArithmeticError`.
    """

    place: str
    length: int | None = None
    values: frozenset[str] | None = None
    digits: tuple[int, int] | None = None
    least: int | None = None
    most: int | None = None
    never_empty: bool = False
    stored: Callable[[Any], Any] | None = attrs.field(default=None, eq=False, repr=False)

    def refusal(self, raw: Any) -> str | None:
        """Why a value cannot be kept there; `None` where it can."""
        if raw is None or raw == "":
            return f"{self.place} is never empty" if self.never_empty and raw is None else None
        if isinstance(raw, bool):
            return None
        if self.values is not None and str(raw).casefold() not in self.values:
            return f"none of the values that {self.place} takes"
        try:
            kept = raw if self.stored is None else self.stored(raw)
        except (ValueError, TypeError, ArithmeticError):
            return f"{self.place} takes no such value"
        if self.length is not None and isinstance(kept, str) and len(kept) > self.length:
            return f"longer than the {self.length} characters of {self.place}"
        return self._number(raw)

    def _number(self, raw: Any) -> str | None:
        if self.digits is None and self.least is None and self.most is None:
            return None
        try:
            number = Decimal(str(raw))
        except InvalidOperation:
            return None  # no number, and taken as one all the same
        if not number.is_finite():
            return None
        if self.digits is not None:
            precision, scale = self.digits
            if number != round(number, scale):
                return f"more than the {scale} decimals of {self.place}"
            if abs(number) >= Decimal(10) ** (precision - scale):
                return f"more digits than {self.place} has"
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            return f"out of the range of {self.place}"
        return None
