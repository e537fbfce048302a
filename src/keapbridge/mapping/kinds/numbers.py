"""Whole numbers and numbers with decimals. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.keap.fields import plain_number
from keapbridge.mapping.kinds.base import Asked, Context, Sample, carriable
from keapbridge.mapping.kinds.figures import Figure, number_in
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Integer", "Number"]


@frozen
class _Number(Figure):
    def figure(self, value: Canonical) -> Decimal:
        return Decimal(str(value))

    def _number(self, raw: Any, side: Side) -> Decimal | None:
        return _exact_number(raw, self.decimal if side is Side.CUSTOMCRM else None)


@frozen
class Integer(_Number):
    """A whole number."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        found = self._number(raw, side)
        if found is None:
            return None
        if found != found.to_integral_value():
            raise UnfitError("not a whole number")
        return carriable(int(found))

    def sample(self, asked: Asked) -> Sample | None:
        value = 2 * asked.number + asked.turn
        return Sample(value, value)


@frozen
class Number(_Number):
    """A number with decimals, as a text without needless zeros (`"12.5"`); written as a number where that is exact."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        found = self._number(raw, side)
        if found is None:
            return None
        text = f"{found:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if found == 0 else text

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return None if value is None else plain_number(Decimal(str(value)))

    def sample(self, asked: Asked) -> Sample | None:
        value = Decimal(2 * asked.number + asked.turn) + Decimal("0.5")
        return Sample(float(value), value)


def _exact_number(raw: Any, decimal: str | None) -> Decimal | None:
    """The number that a raw value is; `None` where it is empty."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Decimal)):
        raise UnfitError("not a number")
    found: Decimal | None
    try:
        if isinstance(raw, str) and decimal is not None:
            found = number_in(raw, decimal)
        else:
            found = Decimal(raw) if isinstance(raw, int) else Decimal(str(raw).strip())
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or abs(found.adjusted()) > _MOST_DIGITS:
        raise UnfitError("not a number")
    return found


_MOST_DIGITS = 100
