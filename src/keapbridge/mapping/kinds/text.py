"""Kinds of values: their canonical form, how it is read from a record and written into one. Pure.

A canonical value is a `str`, `bool`, `int` or `None` (known to be empty); two values mean the same exactly when their
canonical
forms are equal. `read` takes the raw value of a `Place`; what it cannot understand is an `UnfitError` with the
reason, never a guess and never an empty value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, Union

from attrs import evolve, field, frozen

from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap.fields import CustomField, plain_number
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.geography import alpha2, countries, plain, regions
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side

__all__ = [
    "Boolean",
    "Canonical",
    "Choice",
    "Choices",
    "Context",
    "Country",
    "Date",
    "DateTime",
    "Email",
    "Fax",
    "FullName",
    "Integer",
    "Kind",
    "Made",
    "Money",
    "Number",
    "OptOut",
    "Phone",
    "Reference",
    "Region",
    "Text",
    "Url",
    "carriable",
    "is_pending",
    "may_be_asked",
    "name_of",
    "opted_out",
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
        custom_fields: which field of Keap is meant by each custom field of the mapping.
        may_opt_in: new e-mail addresses that Keap may be told an opt-in reason for.
    """

    keap_currency: str | None = None
    default_region: str | None = None
    to_customcrm: Mapping[str, Mapping[str, str]] = field(factory=dict)
    to_keap: Mapping[str, Mapping[str, str]] = field(factory=dict)
    custom_fields: Mapping[NamedField, CustomField] = field(factory=dict)
    may_opt_in: frozenset[str] = frozenset()

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


def _one_of(*allowed: object) -> Callable[[Any, Any, object], None]:
    def check(kind: Any, attribute: Any, value: object) -> None:
        if value not in allowed:
            raise MappingError(f"{attribute.name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")

    return check


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


def carriable(value: Any) -> Canonical:
    """The value, if it is canonical and every system and store can carry it.

    Raises:
        UnfitError: for half of a surrogate pair, which has no place in UTF-8, and for what is no canonical value.
    """
    if isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            raise UnfitError("half of a surrogate pair, which is no character")
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise UnfitError("a number of more than 64 bits")
        return value
    raise UnfitError("neither a text, nor a whole number, nor true or false")


LARGEST = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")
# What no text of people has: all control characters but the tab and the end of a line.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain_text(raw: str) -> str | None:
    """A text in its canonical form: no white space around it, one sort of line end, Unicode NFC.

    Raises:
        UnfitError: when it has control characters or half of a surrogate pair in it.
    """
    if raw.isascii() and raw.isprintable():  # as most are: no ends of lines, no control characters
        return raw.strip() or None
    text = raw.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        return None
    if not text.isprintable():
        stray = _CONTROL.search(text)
        if stray is not None:
            raise UnfitError(f"a control character (U+{ord(stray[0]):04X})")
        carriable(text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _line(raw: Any, longest: int) -> str:
    """What can be a name, a number or a code: one value of no great length, as a text.

    Raises:
        UnfitError: when it is a structure, or longer than any such value.
    """
    if isinstance(raw, (dict, list, tuple, set, frozenset, bytes)):
        raise UnfitError("not a text")
    text = str(raw)
    if len(text) > longest:
        raise UnfitError(f"longer than {longest} characters")
    return text


_LONGEST_NAME = 250


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

    on_too_long: str = field(default="truncate", validator=_one_of("truncate", "error"))

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None:
            return None
        if not isinstance(raw, str):
            if isinstance(raw, (int, float, Decimal)) and not isinstance(raw, bool):
                return str(raw)
            if isinstance(raw, datetime):
                return _moment_text(raw)
            if isinstance(raw, date):
                return raw.isoformat()
            raise UnfitError("not a text")
        return plain_text(raw)

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if self.on_too_long == "truncate" and limit is not None and isinstance(value, str):
            return value[:limit].rstrip()
        return _no_limit(value, limit)


_LONGEST_EMAIL = 320
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.[a-z]{2,}"
)


@frozen
class Email:
    """An e-mail address, in lower case: systems differ in the case they keep, mailboxes do not."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not (text := _line(raw, _LONGEST_EMAIL).strip()):
            return None
        text = text.lower()
        if len(text) < 65 and _PLAIN_EMAIL.fullmatch(text):
            return text
        from email_validator import validate_email

        try:
            found = validate_email(text, check_deliverability=False, test_environment=True)
        except ValueError:  # its own error is one, and so is what it lets pass for letters of no alphabet
            raise UnfitError("not a valid e-mail address") from None
        return found.normalized.lower()

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return _no_limit(value, limit)


_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?!\d+(/|$))")
_HOST = re.compile(r"(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))+\.?")


@frozen
class Url:
    """The address of a web page: scheme and host in lower case, without a lone slash behind the host.

    One without a scheme is taken for `https`.
    """

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not (text := plain_text(_line(raw, _LONGEST_URL)) or ""):
            return None
        found = _SCHEME.match(text)
        kind, rest = (found[1].lower(), text[found.end() :]) if found else ("https", f"//{text.removeprefix('//')}")
        if kind not in {"http", "https"} or not rest.startswith("//") or any(c.isspace() for c in text):
            raise UnfitError("not the address of a web page")
        host, mark, path = _split(rest[2:])
        name, colon, port = host.rpartition("@")[2].partition(":")
        if not _HOST.fullmatch(name) or (colon and not (port.isascii() and port.isdecimal())):
            raise UnfitError("not the address of a web page")
        user = host[: -len(name + colon + port)]
        # A letter that grows in lower case may be decomposed by it.
        small = unicodedata.normalize("NFC", f"{user}{name.lower()}{colon}{port}")
        return f"{kind}://{small}{'' if mark + path == '/' else mark + path}"

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return _no_limit(value, limit)


_LONGEST_URL = 8000


def _split(text: str) -> tuple[str, str, str]:
    """The host, what ends it, and the rest."""
    end = re.search(r"[/?#]", text)
    return (text, "", "") if end is None else (text[: end.start()], end[0], text[end.end() :])


@frozen
class FullName:
    """A person's whole name in one property of Customcrm, and in two of Keap: the given names and the family name.

    Canonical is the whole name as Customcrm writes it. Where the family name begins is a guess when a whole name in the
    order "given family" is split: at its last word, and at the words in lower case before that ("van", "de la"). Keap's
    own parts are left as they are while the whole name is the same.

    Attributes:
        order: how Customcrm writes it.
        longest: the most characters of each of Keap's parts.
    """

    order: Literal["given family", "family, given"] = field(
        default="given family", validator=_one_of("given family", "family, given")
    )
    longest: int = 40
    keeps_spelling: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if side is Side.KEAP:
            given, family = (_words(part) for part in (*raw, None)[:2]) if isinstance(raw, tuple) else (_words(raw), "")
            return self._whole(given, family)
        return self._whole(*self._parts(_words(raw)))

    def _whole(self, given: str, family: str) -> str | None:
        if self.order == "given family":
            return f"{given} {family}".strip() or None
        if "," in family:
            raise UnfitError("a comma in a family name")
        return (f"{family}, {given}" if family and given else family or (f", {given}" if given else "")) or None

    def _parts(self, whole: str) -> tuple[str, str]:
        if self.order == "family, given":
            family, _, given = whole.partition(",")
            return given.strip(), family.strip()
        words = whole.split(" ")
        begin = len(words) - 1
        while begin > 1 and words[begin - 1][:1].islower():
            begin -= 1
        return (whole, "") if begin < 1 else (" ".join(words[:begin]), " ".join(words[begin:]))

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None or side is Side.CUSTOMCRM:
            return value
        given, family = self._parts(str(value))
        return (given or None, family or None)

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if side is Side.KEAP and isinstance(value, str):
            for part in self._parts(value):
                _no_limit(part, self.longest)
        return value


def _words(raw: Any) -> str:
    """A name with one space between its words."""
    if raw is None or raw is UNSET:
        return ""
    if not isinstance(raw, str):
        raise UnfitError("not a text")
    return " ".join((plain_text(raw) or "").split())


def name_of(function: Callable[..., Any]) -> str:
    """A function as it is told from others in every process: by its module and its name there."""
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__qualname__)}"


@frozen
class Made:
    """A value that the host's own functions make of Keap's, and the other way round. Canonical is Customcrm's.

    Attributes:
        get: Keap's value → Customcrm's.
        put: Customcrm's value → Keap's.
        loses: whether it is declared that Keap does not hold all of a value: the whole then stays in Customcrm.
    """

    get: Callable[[Any], Any] = field(repr=name_of)
    put: Callable[[Any], Any] = field(repr=name_of)
    loses: bool = False
    keeps_spelling: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        return self._canonical(raw) if side is Side.CUSTOMCRM else self._canonical(self._call(self.get, raw))

    def _canonical(self, value: Any) -> Canonical:
        if isinstance(value, str):
            return plain_text(value)
        if isinstance(value, (float, Decimal, date)):
            return Text().read(value, Side.CUSTOMCRM, None, Context())
        return carriable(value)

    def _call(self, function: Callable[[Any], Any], value: Any) -> Any:
        if value is None:
            return None
        try:
            return function(value)
        except UnfitError:
            raise
        except Exception as error:  # noqa: BLE001 - the host's function, which one bad value must not let stop a run
            # Its message may tell of the value.
            raise UnfitError(f"{name_of(function)} does not take it ({type(error).__name__})") from None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value if side is Side.CUSTOMCRM else self._call(self.put, value)

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        value = _no_limit(self._canonical(value), limit)
        if side is Side.CUSTOMCRM or value is None:
            return value
        held = self.read(self._call(self.put, value), Side.KEAP, None, context)
        if held == value:
            return held
        if not self.loses:
            raise UnfitError("read back from Keap it would be another value, and no loss is declared")
        again = self.read(self._call(self.put, held), Side.KEAP, None, context)
        if held is None or again != held:
            raise UnfitError("read back from Keap it would be another value each time")
        return held


@frozen
class Phone:
    """A phone or fax number in E.164, an extension as `;ext=12`. Its scope is the country of the record."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        number, extension = (*raw, None)[:2] if isinstance(raw, tuple) else (raw, None)
        if number is None or not (text := _line(number, _LONGEST_NAME)).strip():
            return None
        region = alpha2(scope) if isinstance(scope, str) else None
        text += f" ext. {_line(extension, _LONGEST_NAME)}" if extension else ""
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


@frozen
class Country:
    """A country, ISO 3166-1 alpha-3. Read from names and codes; written as alpha-3 to Keap, alpha-2 to Customcrm."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        for text in raw if isinstance(raw, tuple) else (raw,):
            if text is None or not (name := _line(text, _LONGEST_NAME)).strip():
                continue
            found = countries().get(plain(name))
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
            if text is None or not (name := _line(text, _LONGEST_NAME)).strip():
                continue
            if not isinstance(scope, str):
                raise UnfitError("a region without a country")
            found = regions(alpha2(scope) or "").get(plain(name))
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
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        if isinstance(raw, date):
            return raw.isoformat()[:10]
        try:
            return date.fromisoformat(str(raw).strip()[:10]).isoformat()
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


@frozen
class DateTime:
    """A moment, ISO 8601 in UTC. One without a time zone is taken as UTC."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        if isinstance(raw, date) and not isinstance(raw, datetime):
            raw = raw.isoformat()
        try:
            return _moment_text(raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw).strip()))
        except (ValueError, OverflowError):
            raise UnfitError("not a date with a time") from None

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return value


def _moment_text(moment: datetime) -> str:
    known = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    known = known.replace(microsecond=known.microsecond // 1000 * 1000)  # Keap keeps milliseconds
    return known.isoformat(timespec="milliseconds" if known.microsecond else "seconds").replace("+00:00", "Z")


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


@frozen
class Integer:
    """A whole number."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        found = _exact_number(raw)
        if found is None:
            return None
        if found != found.to_integral_value():
            raise UnfitError("not a whole number")
        return carriable(int(found))

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return value


@frozen
class Number:
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

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return value


Pairs = tuple[tuple[Any, Any], ...]


def _as_pairs(values: Mapping[Any, Any] | Pairs) -> Pairs:
    return tuple(values.items()) if isinstance(values, Mapping) else tuple(values)


def _one_to_one(_: object, __: object, pairs: Pairs) -> None:
    for column in (0, 1):
        names = [_term(pair[column]) for pair in pairs]
        twice = sorted({str(value) for _, value in names if names.count((_, value)) > 1})
        if twice:
            raise MappingError(f"a table of choices has one row for each value; twice: {', '.join(twice)}")


def _term(value: Any) -> tuple[bool, Any]:
    """A value of a table as it is compared: numbers are no yes or no, texts go without space around them."""
    if isinstance(value, str):
        value = value.strip()
    elif isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    return isinstance(value, bool), value


@frozen
class Choice:
    """One of a few values, which the two systems call by different names. Canonical is Customcrm's.

    Attributes:
        values: Customcrm's value and Keap's, one row for each; what is not in the table is not understood.
    """

    values: Pairs = field(converter=_as_pairs, validator=_one_to_one)

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        own = 0 if side is Side.CUSTOMCRM else 1
        for pair in self.values:
            if _term(pair[own]) == _term(raw):
                found: Canonical = pair[0]
                return found
        raise UnfitError("not one of the choices of the mapping")

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None or side is Side.CUSTOMCRM:
            return value
        return next(theirs for ours, theirs in self.values if _term(ours) == _term(value))

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        return self.read(value, Side.CUSTOMCRM, None, context)


@frozen
class Choices:
    """Several texts, each once: canonical is the JSON of the list, sorted where the order means nothing.

    Attributes:
        values: Customcrm's texts and Keap's, one row for each; empty where both use the same.
        separator: what stands between the texts in Customcrm, where it keeps them in one; otherwise it keeps a list.
        ordered: whether their order means something.
    """

    values: Pairs = field(default=(), converter=_as_pairs, validator=_one_to_one)
    separator: str | None = None
    ordered: bool = False

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None:
            return None
        found = dict.fromkeys(self._ours(item, side) for item in self._items(raw, side))
        found.pop("", None)
        return json.dumps(list(found) if self.ordered else sorted(found), ensure_ascii=False) if found else None

    def _items(self, raw: Any, side: Side) -> Iterable[Any]:
        if not isinstance(raw, str):
            if not isinstance(raw, (list, tuple, set, frozenset)):
                raise UnfitError("not a list")
            return raw
        if raw.lstrip().startswith("["):
            try:
                listed = json.loads(raw)
            except (
                ValueError,
                RecursionError,
            ):  # a text that begins like a list, or one of a hundred thousand brackets
                listed = None
            if isinstance(listed, list):
                return listed
        return raw.split(self.separator) if self.separator and side is Side.CUSTOMCRM else (raw,)

    def _ours(self, item: Any, side: Side) -> str:
        if not isinstance(item, str):
            raise UnfitError("not a list of texts")
        text = plain_text(item) or ""
        if not self.values or not text:
            return text
        own = 0 if side is Side.CUSTOMCRM else 1
        for pair in self.values:
            if _term(pair[own])[1] == text:
                return str(pair[0])
        raise UnfitError("not one of the choices of the mapping")

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None:
            return None
        ours: list[str] = json.loads(str(value))
        if side is Side.KEAP:
            theirs = dict(self.values)
            return tuple(theirs.get(item, item) for item in ours)
        return (
            ours
            if self.separator is None
            else f"{self.separator}{'' if self.separator[-1:].isspace() else ' '}".join(ours)
        )

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        fitting = self.read(value, Side.CUSTOMCRM, None, context)
        joined = self.separator is not None and side is Side.CUSTOMCRM and fitting is not None
        if joined and any(str(self.separator) in item for item in json.loads(str(fitting))):
            raise UnfitError(f"an item with {self.separator!r} in it")
        return fitting


# --- consent --------------------------------------------------------------------------------------------------------

# Keap's statuses of an e-mail address: whoever is behind it (or an administrator for them) wants no marketing.
_OPTED_OUT = frozenset({"ADMIN", "FEEDBACK", "LIST_UNSUBSCRIBE", "MANUAL", "SPAM", "SYSTEM"})
# Nobody has said anything yet.
_NEVER_ASKED = frozenset({"NON_MARKETABLE", "UNENGAGED_MARKETABLE", "UNENGAGED_NON_MARKETABLE"})
# Opted in, or an address that does not work, which says nothing about anybody's will.
_OTHERWISE = frozenset(
    {
        *("SINGLE_OPT_IN", "DOUBLE_OPT_IN", "CONFIRMED"),
        *("BOUNCE", "HARD_BOUNCE", "INVALID", "DEACTIVATED", "LOCKDOWN"),
    }
)


def opted_out(status: str) -> bool | None:
    """Whether Keap's status of an e-mail address is an opt-out; `None` for a status this version does not know."""
    return status in _OPTED_OUT if status in _OPTED_OUT | _NEVER_ASKED | _OTHERWISE else None


def may_be_asked(status: str | None) -> bool:
    """Whether an opt-in reason is harmless for an address with this status: it overrules nothing."""
    return status in _NEVER_ASKED


@frozen
class OptOut:
    """Whether an e-mail address is opted out in Keap. It flows to Customcrm only, and an opt-out is never taken back.

    An address without a status says nothing, and a status that this version does not know is not understood.
    """

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or isinstance(raw, bool):
            return raw
        if side is Side.CUSTOMCRM:
            raise UnfitError("neither true nor false")
        found = opted_out(str(raw))
        if found is None:
            raise UnfitError("not a known status of an e-mail address")
        return found

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if side is Side.KEAP:
            raise UnfitError("Keap's status of an e-mail address can only be read")
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        # Keap is told nothing, so an opt-out in Customcrm does not contradict what Keap says: it stays.
        return False if side is Side.KEAP and value is True else value


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


def exponent(currency: str) -> int:
    """Decimals of a currency (ISO 4217 minor units)."""
    return _EXPONENTS.get(currency, 2)


@frozen
class Money:
    """An amount with its currency: `"USD 12.50"`, always with the currency's decimals.

    Raw it is `(Decimal major units, currency)` in Customcrm and `(integer minor units, currency)` in Keap. Keap's
    currency is that of the application: an amount in another one does not fit.

    Attributes:
        always: the currency of all amounts in Customcrm, where it keeps the amount alone.
    """

    always: str | None = None

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        amount, currency = (*raw, None)[:2] if isinstance(raw, tuple) else (raw, None)
        if amount is None or (isinstance(amount, str) and not amount.strip()):
            return None
        if side is Side.CUSTOMCRM:
            currency = self.always or currency
        currency = str(currency or (context.keap_currency if side is Side.KEAP else "") or "").upper()
        if not re.fullmatch(r"[A-Z]{3}", currency):
            raise UnfitError("a price without a currency" if not currency else "not a currency code")
        digits = exponent(currency)
        try:
            if isinstance(amount, bool):
                raise UnfitError("not an amount")
            major = Decimal(amount).scaleb(-digits) if side is Side.KEAP else Decimal(str(amount).strip())
            rounded = major.quantize(Decimal(1).scaleb(-digits))
        except (InvalidOperation, ValueError, TypeError):
            raise UnfitError("not an amount") from None
        if rounded != major:
            raise UnfitError(f"more decimals than {currency} has")
        if abs(rounded.scaleb(digits)) > LARGEST:
            raise UnfitError("an amount of more than 64 bits")
        if self.always is not None and currency != self.always:
            raise UnfitError(f"a price in {currency}, where all are in {self.always}")
        return f"{currency} {abs(rounded) if rounded == 0 else rounded}"

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
