"""Phone and fax numbers. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.mapping.geography import alpha2
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, line, within
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Fax", "Phone"]


@frozen
class Phone(Kind):
    """A phone or fax number in E.164, an extension as `;ext=12`. Its scope is the country of the record."""

    means_alone: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        number, extension = (*raw, None)[:2] if isinstance(raw, tuple) else (raw, None)
        if number is None or not (text := line(number)).strip():
            return None
        region = alpha2(scope) if isinstance(scope, str) else None
        text += f" ext. {line(extension)}" if extension else ""
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

    def is_same_text(
        self, now: tuple[Canonical, Canonical], before: tuple[Canonical, Canonical], context: Context
    ) -> bool:
        (value, _), (known, country) = now, before
        region = (alpha2(country) if isinstance(country, str) else None) or context.default_region
        return isinstance(value, str) and any(_parse_phone(text, region) == known for text in _national(value))

    def for_custom_field(self, value: Canonical, context: Context) -> Any:
        """The number with its extension behind it."""
        return self.write(value, Side.CUSTOMCRM, context)

    def sample(self, asked: Asked) -> Sample | None:
        value = f"+4722{(2 * asked.number + asked.turn) % 10**6:06}"
        return Sample(value, value if asked.in_custom_field else (value, None), "PHONE_NUMBER")


@frozen
class Fax(Phone):
    """A fax number: a phone number in a place that has no room for an extension."""

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if isinstance(value, str) and ";ext=" in value:
            raise UnfitError("a fax number with an extension")
        return within(value, limit)

    def sample(self, asked: Asked) -> Sample | None:
        value = f"+4723{(2 * asked.number + asked.turn) % 10**6:06}"
        return Sample(value, value, "PHONE_NUMBER")


_NO_COUNTRY = "not a possible phone number (without a country or a default region it needs a + prefix)"


def _national(value: str) -> tuple[str, ...]:
    """How a number may have been written in its country, with and without what is dialled before it."""
    import phonenumbers

    number, _, extension = value.partition(";ext=")
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ()
    behind = f" ext. {extension}" if extension else ""
    bare = phonenumbers.national_significant_number(parsed)
    full = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return (f"{bare}{behind}", f"0{bare}{behind}", f"{full}{behind}")


@lru_cache(maxsize=32768)  # the numbers of some pages: the other side's are the same for the most part
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
