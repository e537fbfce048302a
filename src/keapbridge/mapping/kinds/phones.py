"""Phone and fax numbers. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, ClassVar

from attrs import field, frozen
from attrs.validators import in_

from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.geography import alpha2
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, line, within
from keapbridge.mapping.kinds.text import plain_text
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Fax", "Phone"]


SEPARATORS = {"-": "-", ".": ".", "space": " ", "/": "/", "bare": ""}
_FORMS = ("international", "national")
_STYLES = ("E164", *_FORMS, *(f"{form} {mark}" for form in _FORMS for mark in SEPARATORS))


def _is_style(_: Any, __: Any, value: str | None) -> None:
    if value is not None and value not in _STYLES:
        raise MappingError(f"notation must be 'E164', 'international' or 'national', not {value!r}")


@frozen
class Phone(Kind):
    """A phone or fax number in E.164, an extension as `;ext=12`. Its scope is the country of the record.

    Attributes:
        notation: how Customcrm writes it: `"E164"`, `"international"` or `"national"`, with a separator of its own
            behind it (`"national -"`).
        on_unreadable: what becomes of a text that cannot be dialled: `"hold"` it, or `"pass"` it as a text.
    """

    notation: str | None = field(default=None, validator=_is_style)
    on_unreadable: str = field(default="hold", validator=in_(("hold", "pass")))
    means_alone: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        number, extension = (*raw, None)[:2] if isinstance(raw, tuple) else (raw, None)
        if number is None or not (text := line(number)).strip():
            return None
        region = alpha2(scope) if isinstance(scope, str) else None
        text += f" ext. {line(extension)}" if extension else ""
        parsed = _parse_phone(text, region or context.default_region)
        if parsed is None and self.on_unreadable == "pass":
            return plain_text(text)
        if parsed is None:
            raise UnfitError("not a possible phone number" if region or context.default_region else _NO_COUNTRY)
        return parsed

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        number, _, extension = str(value).partition(";ext=") if str(value)[:1] == "+" else (str(value), "", "")
        if side is Side.KEAP:
            return (number, extension or None)
        return f"{number} x{extension}" if extension else number

    def is_same_text(
        self, now: tuple[Canonical, Canonical], before: tuple[Canonical, Canonical], context: Context
    ) -> bool:
        (value, _), (known, country) = now, before
        region = (alpha2(country) if isinstance(country, str) else None) or context.default_region
        return isinstance(value, str) and any(_parse_phone(text, region) == known for text in _national(value))

    def style_of(self, raw: str, value: Canonical) -> str | None:
        text = raw.strip()
        return next((style for style in _STYLES if _written(str(value), style) == text), None)

    def spell(self, value: Canonical, style: str, scope: Canonical, context: Context) -> Any:
        return _written(str(value), style, abroad=_is_abroad(str(value), scope, context))

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


@lru_cache(maxsize=4096)
def _written(value: str, style: str, *, abroad: bool = False) -> str | None:
    """A number in a style; from abroad none is national. `None` for what is no number."""
    import phonenumbers

    number, _, extension = value.partition(";ext=")
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    form, _, mark = style.partition(" ")
    if form == "E164":
        return number if not extension else f"{number} x{extension}"
    formats = phonenumbers.PhoneNumberFormat
    is_national = form == "national" and not abroad
    text = phonenumbers.format_number(parsed, formats.NATIONAL if is_national else formats.INTERNATIONAL)
    if mark:
        text = re.sub(r"[\s./-]+", SEPARATORS[mark], text.replace("(", "").replace(")", ""))
    return text if not extension else f"{text} x{extension}"


def _is_abroad(value: str, scope: Canonical, context: Context) -> bool:
    """Whether a number is of another country than its record, or that is not known."""
    import phonenumbers

    region = alpha2(scope) if isinstance(scope, str) else context.default_region
    try:
        parsed = phonenumbers.parse(value.partition(";ext=")[0])
    except phonenumbers.NumberParseException:
        return True
    return region is None or phonenumbers.country_code_for_region(region) != parsed.country_code


@lru_cache(maxsize=32768)  # the numbers of some pages: the other side's are the same for the most part
def _parse_phone(text: str, region: str | None) -> str | None:
    import phonenumbers

    if _is_e164(text):
        return text
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


def _is_e164(text: str) -> bool:
    """Whether a text is a number that would be read as itself, as far as its beginning and its length tell.

    So most that a system writes in E.164 need not be taken apart, which takes fifteen times as long.
    """
    if _DIGITS.fullmatch(text) is None:
        return False
    for end in (2, 3, 4):
        if (numbers := _numbers_of(int(text[1:end]))) is not None:
            prefix, lengths = numbers
            rest = text[end:]
            return len(rest) in lengths and rest[0] != "0" and (prefix is None or prefix.match(rest) is None)
    return False


_DIGITS = re.compile(r"\+[1-9][0-9]{6,14}")


@lru_cache(maxsize=1024)
def _numbers_of(code: int) -> tuple[re.Pattern[str] | None, frozenset[int]] | None:
    """What is dialled before numbers of a country calling code and is no part of them, and how long they can be."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    main, *_ = COUNTRY_CODE_TO_REGION_CODE.get(code, ("",))
    known = PhoneMetadata.metadata_for_region_or_calling_code(code, main)
    if known is None or known.general_desc is None:
        return None
    prefix = known.national_prefix_for_parsing
    return re.compile(prefix) if prefix else None, frozenset(known.general_desc.possible_length)
