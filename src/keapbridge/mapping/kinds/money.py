"""Amounts with their currency, and how many decimals each currency has. Pure."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from math import isfinite, ulp
from typing import Any, ClassVar

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.base import LARGEST, Asked, Context, Sample
from keapbridge.mapping.kinds.figures import Figure, number_in
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["NO_CURRENCY", "Money", "exponent", "is_currency", "is_known_currency"]

NO_CURRENCY = "the currency of the Keap application is not known: it has no product yet"


def _is_noise(amount: Decimal, rounded: Decimal, digits: int) -> bool:
    """Whether an amount is but a rounded one as sums of binary floats come out: 19.990000000000002."""
    known = float(amount)
    if not isfinite(known) or Decimal(repr(known)) != amount:
        return False  # no binary float: somebody has written these decimals
    blur = 4 * ulp(known)
    return blur * 1000 < 10.0**-digits and abs(float(rounded) - known) <= blur


@frozen
class Money(Figure):
    """An amount with its currency: `"USD 12.50"`, always with the currency's decimals.

    Raw it is `(Decimal major units, currency)` in Customcrm and `(integer minor units, currency)` in Keap. Keap's
    currency is that of the application: an amount in another one does not fit.

    Attributes:
        always: the currency of all amounts in Customcrm, where it keeps the amount alone.
    """

    always: str | None = None
    fits_custom_field: ClassVar[bool] = False

    @property
    def currency(self) -> str | None:
        return self.always

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        amount, currency = (*raw, None)[:2] if isinstance(raw, tuple) else (raw, None)
        if amount is None or (isinstance(amount, str) and not amount.strip()):
            return None
        if side is Side.CUSTOMCRM:
            currency = self.always or currency
        currency = str(currency or (context.keap_currency if side is Side.KEAP else "") or "").upper()
        if not is_currency(currency):
            raise UnfitError("a price without a currency" if not currency else "not a currency code")
        digits = exponent(currency)
        try:
            if isinstance(amount, bool):
                raise UnfitError("not an amount")
            major = Decimal(amount).scaleb(-digits) if side is Side.KEAP else self._major(amount)
            if major is None or not major.is_finite():
                raise UnfitError("not an amount")
            rounded = major.quantize(Decimal(1).scaleb(-digits))
        except (InvalidOperation, ValueError, TypeError):
            raise UnfitError("not an amount") from None
        if rounded != major and (side is Side.KEAP or not _is_noise(major, rounded, digits)):
            raise UnfitError(f"more decimals than {currency} has")
        if abs(rounded.scaleb(digits)) > LARGEST:
            raise UnfitError("an amount of more than 64 bits")
        if self.always is not None and currency != self.always:
            raise UnfitError(f"a price in {currency}, where all are in {self.always}")
        return f"{currency} {abs(rounded) if rounded == 0 else rounded}"

    def _major(self, amount: Any) -> Decimal | None:
        if isinstance(amount, str) and self.decimal is not None:
            return number_in(amount, self.decimal)
        return Decimal(str(amount).strip())

    def figure(self, value: Canonical) -> Decimal:
        return Decimal(str(value)[4:])

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        currency, _, amount = str(value).partition(" ")
        major = Decimal(amount)
        if side is Side.KEAP:
            return (int(major.scaleb(exponent(currency))), currency)
        return (major, currency) if self.always is None else major

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if side is Side.KEAP and isinstance(value, str):
            currency = value[:3]
            if context.keap_currency is None:
                raise UnfitError(NO_CURRENCY)
            if currency != context.keap_currency:
                raise UnfitError(f"a price in {currency}: the Keap application sells in {context.keap_currency}")
            if value[4:].startswith("-"):
                raise UnfitError("a negative price")
        return value

    def incomparable(self, a: Canonical, b: Canonical) -> str | None:
        """Amounts in two currencies do not take each other's place."""
        currencies = {str(value)[:3] for value in (a, b) if value is not None}
        return f"prices in {' and '.join(sorted(currencies))}" if len(currencies) > 1 else None

    def sample(self, asked: Asked) -> Sample | None:
        # Counted by hand, not with `exponent`: a sample that asked the table could not find an error in it. Keap's
        # applications are in few currencies, and of those only these have no hundredths.
        decimals = {"CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "VND": 0, "KWD": 3}.get(asked.currency, 2)
        units = 1000 + 2 * asked.number + asked.turn
        major = Decimal(units) / 10**decimals
        return Sample(major if self.always else (major, asked.currency), (units, asked.currency))


# ISO 4217: currencies whose smallest unit is not a hundredth (list one, minor units).
_EXPONENTS = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
            *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def is_currency(text: str) -> bool:
    """Whether it can be the code of a currency (ISO 4217)."""
    return re.fullmatch(r"[A-Z]{3}", text) is not None


def is_known_currency(code: str) -> bool:
    """Whether it is a code of ISO 4217, in capitals."""
    import pycountry

    return code.isupper() and pycountry.currencies.get(alpha_3=code) is not None


def exponent(currency: str) -> int:
    """Decimals of a currency (ISO 4217 minor units)."""
    return _EXPONENTS.get(currency, 2)
