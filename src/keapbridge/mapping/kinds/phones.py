"""Phone and fax numbers. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, ClassVar

from attrs import evolve, field, frozen
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
        if extension:
            text += f" ext. {line(extension)}"
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
        if not isinstance(value, str):
            return False
        if region is None:  # no country has read it: it may be how a system spells what it was given
            return isinstance(known, str) and _national(value)[:1] == _national(known)[:1] != ()
        return any(_parse_phone(text, region) == known for text in _national(value))

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


def _parse_phone(text: str, region: str | None) -> str | None:
    return _plain_number(text, region) or _any_number(text, region)


@lru_cache(maxsize=4096)  # a crowd may have one switchboard; the other side has the numbers of some pages, too
def _any_number(text: str, region: str | None) -> str | None:
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


def _plain_number(text: str, region: str | None) -> str | None:
    """A number that is read as most are, by what `phonenumbers` knows of countries; `None` for any other text.

    To take a number apart by its own functions takes ten times as long. What they do with digits, signs between
    them and a plus sign is told by the beginning and the length alone, but for few; see `_Numbering`.
    """
    if _PLAIN.fullmatch(text) is None:
        return None
    digits = text.translate(_NO_SIGNS)
    if text[0] != "+":
        home = None if region is None else _numbering_at_home(region)
        return None if home is None else home.number_of(digits)
    for end in (1, 2, 3):
        if (abroad := _numbering(int(digits[:end]))) is not None:
            rest = digits[end:]
            plain = abroad.prefix is None or abroad.prefix.match(rest) is None
            return f"+{digits}" if plain and abroad.is_possible(rest) else None
    return None


_PLAIN = re.compile(r"\+[1-9][0-9 ()./-]{6,24}|[(0-9][0-9 ()./-]{4,24}")
_NO_SIGNS = str.maketrans("", "", "+ ()./-")


@frozen
class _Numbering:
    """How the numbers of a country begin, and how long they are.

    Attributes:
        code: its calling code.
        other: how begins what may be no number of its own: with what is dialled for abroad, or its own code.
        prefix: what is dialled before a number within it, and is no part of the number.
        valid: what its numbers look like.
        lengths: how many digits they can have.
    """

    code: str
    other: re.Pattern[str]
    prefix: re.Pattern[str] | None
    valid: re.Pattern[str]
    lengths: frozenset[int]

    def number_of(self, digits: str) -> str | None:
        """In E.164 what is dialled within the country; `None` where its beginning may mean several things."""
        if self.other.match(digits) is not None:
            return None
        if self.prefix is not None and (found := self.prefix.match(digits)) is not None:
            digits = digits[found.end() :]
            if found.lastindex is not None or self.valid.fullmatch(digits) is None:
                return None
        return f"+{self.code}{digits}" if self.is_possible(digits) else None

    def is_possible(self, digits: str) -> bool:
        """Whether a number can be so long; where it begins with a 0 that may still be a prefix."""
        return len(digits) in self.lengths and digits[0] != "0"


@lru_cache(maxsize=512)
def _numbering_at_home(region: str) -> _Numbering | None:
    from phonenumbers import PhoneMetadata

    home = _numbering_of(PhoneMetadata.metadata_for_region(region.upper(), None))
    main = None if home is None else _numbering(int(home.code))
    return None if home is None or main is None else evolve(home, lengths=home.lengths & main.lengths)


@lru_cache(maxsize=1024)
def _numbering(code: int) -> _Numbering | None:
    """That of the main country with a calling code."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    main, *_ = COUNTRY_CODE_TO_REGION_CODE.get(code, ("",))
    return _numbering_of(PhoneMetadata.metadata_for_region_or_calling_code(code, main))


def _numbering_of(known: Any) -> _Numbering | None:
    if known is None or known.general_desc is None or not known.general_desc.national_number_pattern:
        return None
    its, code, abroad, prefix = (
        known.general_desc, str(known.country_code), known.international_prefix, known.national_prefix_for_parsing
    )  # fmt: skip
    other = re.compile(f"{code}|{abroad}" if abroad else code)
    valid = re.compile(its.national_number_pattern)
    return _Numbering(code, other, re.compile(prefix) if prefix else None, valid, frozenset(its.possible_length))
