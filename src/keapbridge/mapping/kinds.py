"""Kinds of values: their canonical form, how it is read from a record and written into one. Pure.

A canonical value is a `str`, `bool`, `int` or `None` (known to be empty); two values mean the same exactly when their
canonical
forms are equal. `read` takes the raw value of a `Place`; what it cannot understand is an `UnfitError` with the
reason, never a guess and never an empty value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, Union

from attrs import evolve, field, frozen

from keapbridge._side import Side
from keapbridge.errors import UnfitError
from keapbridge.mapping.geography import alpha2, countries, plain, regions

__all__ = [
    "Boolean",
    "Canonical",
    "Context",
    "Country",
    "Date",
    "Email",
    "Fax",
    "Kind",
    "Money",
    "Phone",
    "Reference",
    "Region",
    "Text",
    "is_pending",
]

Canonical: TypeAlias = Union[str, int, bool, None]


@frozen
class Context:
    """What reading and writing may depend on beside the record.

    Attributes:
        keap_currency: the currency of the Keap application, once it is known.
        default_region: ISO 3166-1 alpha-2 country of phone numbers without a prefix, in records without a country.
        to_customcrm: Keap id → Customcrm id of linked records, by object (`"companies"`).
        to_keap: the reverse. In both, an id whose partner is yet to be created maps to `""`.
    """

    keap_currency: str | None = None
    default_region: str | None = None
    to_customcrm: Mapping[str, Mapping[str, str]] = field(factory=dict)
    to_keap: Mapping[str, Mapping[str, str]] = field(factory=dict)

    def mirrored(self) -> Context:
        """The same references, readable in both directions: what was written with it can be read back with it."""
        return evolve(
            self,
            to_customcrm=_merged(self.to_customcrm, self.to_keap),
            to_keap=_merged(self.to_keap, self.to_customcrm),
        )


def _merged(
    known: Mapping[str, Mapping[str, str]], reverse: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    return {
        name: {**{b: a for a, b in reverse.get(name, {}).items() if b}, **known.get(name, {})}
        for name in known.keys() | reverse.keys()
    }


class Kind(Protocol):
    """One kind of value."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        """The canonical value. `scope` is that of the field this one depends on (a region's country)."""
        ...

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        """The raw value for a side; `value` is one that `fit` has let through."""
        ...

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        """The value as that side can hold it.

        Raises:
            UnfitError: when it cannot.
        """
        ...


def _no_limit(value: Canonical, limit: int | None) -> Canonical:
    if limit is not None and isinstance(value, str) and len(value) > limit:
        raise UnfitError(f"longer than {limit} characters")
    return value


@frozen
class Text:
    """Text without surrounding white space, in Unicode NFC.

    Attributes:
        on_too_long: `"truncate"` (the other side keeps the whole text) or `"error"`.
    """

    on_too_long: str = "truncate"

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None:
            return None
        if not isinstance(raw, str):
            if isinstance(raw, (int, float, Decimal)) and not isinstance(raw, bool):
                return str(raw)
            raise UnfitError("not a text")
        text = raw.replace("\r\n", "\n").replace("\r", "\n").strip()
        return (text if text.isascii() else unicodedata.normalize("NFC", text)) or None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if self.on_too_long == "truncate" and limit is not None and isinstance(value, str):
            return value[:limit].rstrip()
        return _no_limit(value, limit)


_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.[a-z]{2,}"
)


@frozen
class Email:
    """An e-mail address, in lower case: systems differ in the case they keep, mailboxes do not."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not str(raw).strip():
            return None
        text = str(raw).strip().lower()
        if len(text) < 65 and _PLAIN_EMAIL.fullmatch(text):
            return text
        from email_validator import EmailNotValidError, validate_email

        try:
            found = validate_email(text, check_deliverability=False, test_environment=True)
        except EmailNotValidError:
            raise UnfitError("not a valid e-mail address") from None
        return found.normalized.lower()

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return _no_limit(value, limit)


@frozen
class Phone:
    """A phone or fax number in E.164, an extension as `;ext=12`. Its scope is the country of the record."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        number, extension = (*raw, None)[:2] if isinstance(raw, tuple) else (raw, None)
        if number is None or not str(number).strip():
            return None
        region = alpha2(scope) if isinstance(scope, str) else None
        text = str(number) + (f" ext. {extension}" if extension else "")
        parsed = _parse_phone(text, region or context.default_region)
        if parsed is None:
            raise UnfitError("not a possible phone number" if region or context.default_region else _NO_COUNTRY)
        return parsed

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        number, _, extension = str(value).partition(";ext=")
        if side is Side.KEAP:
            return (number, extension or None)
        return f"{number} x{extension}" if extension else number

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return _no_limit(value, limit)


@frozen
class Fax(Phone):
    """A fax number: a phone number in a place that has no room for an extension."""

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if isinstance(value, str) and ";ext=" in value:
            raise UnfitError("a fax number with an extension")
        return _no_limit(value, limit)


_NO_COUNTRY = "not a possible phone number (without a country or a default region it needs a + prefix)"


@lru_cache(maxsize=4096)
def _parse_phone(text: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    # A local number without its area code would be another number elsewhere; a second 0 is a misread prefix.
    possible = phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not possible or (parsed.number_of_leading_zeros or 0) > 1:
        return None
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return f"{number};ext={parsed.extension}" if parsed.extension else number


@frozen
class Country:
    """A country, ISO 3166-1 alpha-3. Read from names and codes; written as alpha-3 to Keap, alpha-2 to Customcrm."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        for text in raw if isinstance(raw, tuple) else (raw,):
            if text is None or not str(text).strip():
                continue
            found = countries().get(plain(str(text)))
            if found is None:
                raise UnfitError("not a known country")
            return found
        return None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        return (value, None) if side is Side.KEAP else alpha2(str(value))

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return value


@frozen
class Region:
    """A state or province, ISO 3166-2 (`US-AZ`). Its scope is the country: a bare `AZ` or a name belongs to it."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        for text in raw if isinstance(raw, tuple) else (raw,):
            if text is None or not str(text).strip():
                continue
            if not isinstance(scope, str):
                raise UnfitError("a region without a country")
            found = regions(alpha2(scope) or "").get(plain(str(text)))
            if found is None:
                raise UnfitError("not a known region of its country")
            return found
        return None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return (value, None) if side is Side.KEAP and value is not None else value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return value


@frozen
class Date:
    """A date without time, ISO 8601."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or raw == "":
            return None
        if isinstance(raw, date):
            return raw.isoformat()[:10]
        try:
            return date.fromisoformat(str(raw)[:10]).isoformat()
        except ValueError:
            raise UnfitError("not a date") from None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return None if value is None else date.fromisoformat(str(value))

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return value


@frozen
class Boolean:
    """Yes or no."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or isinstance(raw, bool):
            return raw
        raise UnfitError("neither true nor false")

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return value


# ISO 4217: currencies whose smallest unit is not a hundredth (list one, minor units).
_WITHOUT_DECIMALS = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def exponent(currency: str) -> int:
    """Decimals of a currency (ISO 4217 minor units)."""
    return _EXPONENTS.get(currency, 2)


@frozen
class Money:
    """An amount with its currency: `"USD 12.50"`, always with the currency's decimals.

    Raw it is `(Decimal major units, currency)` in Customcrm and `(integer minor units, currency)` in Keap. Keap's
    currency is that of the application: an amount in another one does not fit.
    """

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        amount, currency = (*raw, None)[:2] if isinstance(raw, tuple) else (raw, None)
        if amount is None:
            return None
        currency = str(currency or (context.keap_currency if side is Side.KEAP else "") or "").upper()
        if not re.fullmatch(r"[A-Z]{3}", currency):
            raise UnfitError("a price without a currency" if not currency else "not a currency code")
        digits = exponent(currency)
        try:
            major = Decimal(amount).scaleb(-digits) if side is Side.KEAP else Decimal(str(amount))
            rounded = major.quantize(Decimal(1).scaleb(-digits))
        except (InvalidOperation, ValueError, TypeError):
            raise UnfitError("not an amount") from None
        if rounded != major:
            raise UnfitError(f"more decimals than {currency} has")
        return f"{currency} {abs(rounded) if rounded == 0 else rounded}"

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        currency, _, amount = str(value).partition(" ")
        major = Decimal(amount)
        return (int(major.scaleb(exponent(currency))), currency) if side is Side.KEAP else (major, currency)

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if side is Side.KEAP and isinstance(value, str):
            currency = value[:3]
            if context.keap_currency is None:
                raise UnfitError("the currency of the Keap application is not known: it has no product yet")
            if currency != context.keap_currency:
                raise UnfitError(f"a price in {currency}: the Keap application sells in {context.keap_currency}")
            if value[4:].startswith("-"):
                raise UnfitError("a negative price")
        return value

    def incomparable(self, a: Canonical, b: Canonical) -> str | None:
        """Amounts in two currencies do not take each other's place."""
        currencies = {str(value)[:3] for value in (a, b) if value is not None}
        return f"prices in {' and '.join(sorted(currencies))}" if len(currencies) > 1 else None


_PENDING = "keap:"


def is_pending(value: Canonical) -> bool:
    """Whether a reference names a Keap record that is not linked yet."""
    return isinstance(value, str) and value.startswith(_PENDING)


@frozen
class Reference:
    """A reference to a record of another synchronization, followed through its link.

    Canonical is the Customcrm id; a Keap record that is not linked yet is `keap:<id>` until it is.

    Attributes:
        object: the synchronization it refers to (`"companies"`).
    """

    object: str

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not str(raw).strip():
            return None
        if side is Side.CUSTOMCRM:
            return str(raw)
        # Keap shows contacts without a company as company 0.
        if str(raw) == "0":
            return None
        return context.to_customcrm.get(self.object, {}).get(str(raw)) or f"{_PENDING}{raw}"

    def settle(self, value: Canonical, context: Context) -> Canonical:
        """The value, resolved if its record has been linked since."""
        if not is_pending(value):
            return value
        found = context.to_customcrm.get(self.object, {}).get(str(value).removeprefix(_PENDING))
        return found or value

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None or side is Side.CUSTOMCRM:
            return value
        return context.to_keap[self.object][str(value)]

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if value is None:
            return None
        if is_pending(value):
            linked = str(value).removeprefix(_PENDING) in context.to_customcrm.get(self.object, {})
        else:
            linked = side is Side.CUSTOMCRM or str(value) in context.to_keap.get(self.object, {})
        if not linked:
            raise UnfitError(f"refers to a record of {self.object} that is not linked")
        return value
