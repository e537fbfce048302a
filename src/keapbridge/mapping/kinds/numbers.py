"""Whole numbers and numbers with decimals. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.keap.fields import plain_number
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, carriable
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Integer", "Number"]


@frozen
class Integer(Kind):
    """A whole number."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        found = _exact_number(raw)
        if found is None:
            return None
        if found != found.to_integral_value():
            raise UnfitError("not a whole number")
        return carriable(int(found))

    def sample(self, asked: Asked) -> Sample | None:
        value = 2 * asked.number + asked.turn
        return Sample(value, value)


@frozen
class Number(Kind):
    """A number with decimals, as a text without needless zeros (`"12.5"`); written as a number where that is exact."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        found = _exact_number(raw)
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


def _exact_number(raw: Any) -> Decimal | None:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float, Decimal)):
        raise UnfitError("not a number")
    try:
        found = Decimal(raw) if isinstance(raw, int) else Decimal(str(raw).strip())
    except InvalidOperation:
        raise UnfitError("not a number") from None
    if not found.is_finite() or abs(found.adjusted()) > _MOST_DIGITS:
        raise UnfitError("not a number")
    return found


_MOST_DIGITS = 100
