"""Keap's objects as data: what a request may carry, what an answer shows, and how a write changes a document.

Everything here is pure. A *document* is the JSON object that Keap would answer with, before anything that is looked up
at the moment of the answer (consent of an address, name of a company) and before `fields`. A *check* takes one value of
a request body and returns what is stored, `None` for "nothing to store"; it raises `InvalidError` with the words of the
400 answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from functools import cache, lru_cache
from typing import Any, Literal

import attrs
import phonenumbers
import pycountry

Document = dict[str, Any]


def words(text: str) -> list[str]:
    """A table of names, written without quotes and commas."""
    return text.split()


class InvalidError(Exception):
    """A request that Keap answers with 400; the text is the message of the answer."""


@attrs.frozen
class KeapBehaviour:
    """Switches for what Keap's contract leaves open, and for oddities that integrators have met.

    Attributes:
        null_clears: `null` in a PATCH clears the property; otherwise it is ignored.
        company_custom_fields: A PATCH of a company replaces all of its custom fields, or only those it lists.
        company_writes_answer_everything: POST and PATCH of a company also answer the properties that a GET leaves out
            unless asked for.
        truncate_silently: A text that is too long is cut and stored, instead of refused with 400.
        case_fold_emails: Email addresses are stored in lower case.
        reformat_phones: Phone numbers are stored in the national format of their country, where they can be parsed.
        lose_milliseconds: Answers show `create_time` and `update_time` in whole seconds, cut off.
        refused_refresh: The `error` that answers a refresh token that is used up, expired or unknown.
        reuse_ends_connection: A refresh token that is used twice ends all tokens of its connection.
        throttled_body: The shape of a 429: Keap's own, or the fault of its gateway.
        retry_after: A 429 says in `Retry-After` when to come back, in whole seconds.
    """

    null_clears: bool = True
    company_custom_fields: Literal["replace", "merge"] = "replace"
    company_writes_answer_everything: bool = False
    truncate_silently: bool = False
    case_fold_emails: bool = False
    reformat_phones: bool = False
    lose_milliseconds: bool = False
    refused_refresh: Literal["invalid_grant", "invalid_request"] = "invalid_grant"
    reuse_ends_connection: bool = False
    throttled_body: Literal["keap", "gateway"] = "keap"
    retry_after: bool = False


DEFAULT_BEHAVIOUR = KeapBehaviour()


@attrs.frozen
class Writing:
    """What a check may know beside the value: the switches and the state it refers to."""

    behaviour: KeapBehaviour
    currency: str
    company_exists: Callable[[str], bool]
    custom_fields: Mapping[str, Document]


Check = Callable[[Any, str, Writing], Any]

# --- scalars --------------------------------------------------------------------------------------------------------

# What Python, JSON and SQLite all hold exactly.
LARGEST_INTEGER = 2**63 - 1
_DIGITS = re.compile(r"[0-9]{1,18}")
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(\.[^@\s,;<>.]+)+")


def text(limit: int | None = None, *, required: bool = False) -> Check:
    """A string of at most `limit` characters; the empty one means "no value"."""

    def check(value: Any, path: str, writing: Writing) -> str | None:
        if not isinstance(value, str):
            raise InvalidError(f"{path} must be a string")
        if limit is not None and len(value) > limit:
            if not writing.behaviour.truncate_silently:
                raise InvalidError(f"{path} must be at most {limit} characters")
            value = value[:limit]
        if required and not value.strip():
            raise InvalidError(f"{path} must not be blank")
        return value or None

    return check


def one_of(*allowed: str) -> Check:
    """One of these strings."""

    def check(value: Any, path: str, writing: Writing) -> str:
        if value not in allowed or not isinstance(value, str):
            raise InvalidError(f"{path} must be one of {', '.join(allowed)}")
        return value

    return check


def boolean(value: Any, path: str, writing: Writing) -> bool:
    if not isinstance(value, bool):
        raise InvalidError(f"{path} must be true or false")
    return value


def whole(largest: int) -> Check:
    """An integer from 0 to `largest`."""

    def check(value: Any, path: str, writing: Writing) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
            raise InvalidError(f"{path} must be an integer greater than or equal to 0")
        return value

    return check


def weight(value: Any, path: str, writing: Writing) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LARGEST_INTEGER:
        raise InvalidError(f"{path} must be a number greater than or equal to 0")
    return value


def identifier(value: Any, path: str, writing: Writing) -> str | None:
    """The id of another record, as a string of digits."""
    if not isinstance(value, str) or (value and not _DIGITS.fullmatch(value)):
        raise InvalidError(f"{path} must be a numeric id")
    return value or None


def day(value: Any, path: str, writing: Writing) -> str | None:
    """A date without time."""
    if value == "":
        return None
    try:
        # fromisoformat takes more spellings than the one that comes out again.
        if date.fromisoformat(value).isoformat() == value:
            return str(value)
    except (TypeError, ValueError):
        pass
    raise InvalidError(f"{path} must be a date in the form YYYY-MM-DD")


def email(limit: int) -> Check:
    """An email address, its syntax roughly checked."""
    fits = text(limit)

    def check(value: Any, path: str, writing: Writing) -> str | None:
        stored: str | None = fits(value, path, writing)
        if stored is not None and not _EMAIL.fullmatch(stored):
            raise InvalidError(f"{path} is not a valid email address")
        return stored.lower() if stored and writing.behaviour.case_fold_emails else stored

    return check


# --- money ----------------------------------------------------------------------------------------------------------

# ISO 4217, written down apart from the table of the client: an error in that one is found by this one.
_DECIMALS = {
    **dict.fromkeys(words("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"), 0),
    **dict.fromkeys(words("BHD IQD JOD KWD LYD OMR TND"), 3),
    **dict.fromkeys(words("CLF UYW"), 4),
}
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def money(amount: int, currency: str) -> Document:
    """What Keap answers for an amount in the smallest unit of `currency`."""
    decimals = _DECIMALS.get(currency, 2)
    units, rest = divmod(amount, 10**decimals)
    number = f"{units:,}" + (f".{rest:0{decimals}}" if decimals else "")
    return {
        "amount": amount,
        "currency_code": currency,
        "formatted_amount": _SYMBOLS.get(currency, f"{currency} ") + number,
    }


def price(value: Any, path: str, writing: Writing) -> Document:
    """An amount in the smallest unit of the emulator's currency."""
    return money(whole(LARGEST_INTEGER)(value, path, writing), writing.currency)


# --- addresses, phones ----------------------------------------------------------------------------------------------


@cache
def _countries(name: str) -> dict[str, Any]:
    """All countries by one of their names or codes."""
    return {key: country for country in pycountry.countries if (key := getattr(country, name, None))}


def _country(code: str) -> Any | None:
    return _countries("alpha_3").get(code)


@cache
def _regions() -> dict[str, Any]:
    return {region.code: region for region in pycountry.subdivisions}


@lru_cache(maxsize=4096)
def _region_named(country: str, name: str) -> str | None:
    """The code of a region of this country (alpha-2) by its name."""
    wanted = name.casefold()
    return next((c for c, r in _regions().items() if r.country_code == country and r.name.casefold() == wanted), None)


def _country_named(name: str) -> str | None:
    found = _countries("name").get(name) or _countries("official_name").get(name)
    return str(found.alpha_3) if found else None


def _place(item: Document, path: str) -> None:
    """Refuses places that do not exist; fills in the codes for the deprecated long names."""
    if "country_code" not in item and "country" in item:
        code = _country_named(item["country"])
        if code is None:
            raise InvalidError(f"{path}.country is not known, use country_code")
        item["country_code"] = code
    country_code = item.get("country_code")
    if country_code is None:
        if "region" in item or "region_code" in item:
            raise InvalidError(f"{path}.country_code is required when a region is given")
        return
    country = _country(country_code)
    if country is None:
        raise InvalidError(f"{path}.country_code must be an ISO 3166-1 alpha-3 code")
    if "region_code" not in item and "region" in item:
        code = _region_named(country.alpha_2, item["region"])
        if code is not None:
            item["region_code"] = code
    region_code = item.get("region_code")
    if region_code is not None and getattr(_regions().get(region_code), "country_code", None) != country.alpha_2:
        raise InvalidError(f"{path}.region_code is not a region of {country_code}")


def _name_place(item: Document) -> None:
    """Adds the long names that go with the codes; wrong codes are left as they are."""
    country_code, region_code = item.get("country_code"), item.get("region_code")
    country = _country(country_code) if isinstance(country_code, str) else None
    region = _regions().get(region_code) if isinstance(region_code, str) else None
    if country is not None:
        item["country"] = country.name
    if region is not None:
        item["region"] = region.name


_TEN_DIGITS = re.compile(r"[2-9][0-9]{9}")
_SEPARATORS = re.compile(r"[ ().-]+")


@lru_cache(maxsize=65536)
def e164(number: str, region: str) -> str | None:
    """The number in E.164 as dialled from the country `region` (alpha-2), if it can be parsed."""
    # The usual case by hand: parsing is too slow for 100,000 records.
    if region == "US" and _TEN_DIGITS.fullmatch(digits := _SEPARATORS.sub("", number)):
        return f"+1{digits}"
    parsed = _parsed(number, region)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if parsed else None


def _parsed(number: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_possible_number(parsed) else None


def _national(number: str, region: str) -> str:
    parsed = _parsed(number, region)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL) if parsed else number


# --- properties with slots ------------------------------------------------------------------------------------------

Slots = Mapping[str, Mapping[str, Check]]
EMAIL_SLOTS: Slots = {
    slot: {"email": email(limit), "opt_in_reason": text()}
    for slot, limit in {"EMAIL1": 75, "EMAIL2": 100, "EMAIL3": 100}.items()
}
PHONE_SLOTS: Slots = {
    slot: {"number": text(limit), "extension": text(), "type": text()}
    for slot, limit in {"PHONE1": 40, "PHONE2": 40, "PHONE3": 40, "PHONE4": 20, "PHONE5": 20}.items()
}
FAX_SLOTS: Slots = {slot: {"number": text(), "type": text()} for slot in ("FAX1", "FAX2")}
ADDRESS_SLOTS: Slots = {
    slot: {
        "line1": text(line),
        "line2": text(line),
        "locality": text(locality),
        "region": text(50),
        "region_code": text(),
        "country": text(100),
        "country_code": text(),
        "postal_code": text(code),
        "zip_code": text(code),
        "zip_four": text(10),
    }
    for slot, line, locality, code in (("BILLING", 75, 50, 15), ("SHIPPING", 100, 100, 20), ("OTHER", 100, 100, 15))
}


def slotted(
    slots: Slots,
    *,
    needs: str | None = None,
    ignored: Collection[str] = (),
    default: str | None = None,
    then: Callable[[Document, str], None] | None = None,
) -> Check:
    """An object in a slot named by its `field`.

    Args:
        slots: The properties of each slot.
        needs: The property without which there is nothing to store.
        ignored: What Keap answers and a body may carry back without effect.
        default: The slot of an object that names none; without it, one that names none is refused.
        then: A last check of the whole object, which may complete it.
    """

    def check(value: Any, path: str, writing: Writing) -> Document | None:
        if not isinstance(value, dict):
            raise InvalidError(f"{path} must be an object")
        slot = value.get("field") or default
        if not isinstance(slot, str) or slot not in slots:
            raise InvalidError(f"{path}.field must be one of {', '.join(slots)}")
        stored: Document = {"field": slot}
        for name, given in value.items():
            if name == "field" or name in ignored or given is None:
                continue
            if name not in slots[slot]:
                stored[name] = given  # what a newer Keap knows of an item is taken back as it was given
                continue
            kept = slots[slot][name](given, f"{path}.{name}", writing)
            if kept is not None:
                stored[name] = kept
        if len(stored) == 1 or (needs is not None and needs not in stored):
            return None
        if then is not None:
            then(stored, path)
        return stored

    return check


def many(item: Check, *, key: str, what: str, limit: int = 1000) -> Check:
    """An array that is stored as a whole; no two items may have the same `key`."""

    def check(value: Any, path: str, writing: Writing) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidError(f"{path} must be an array")
        if len(value) > limit:
            raise InvalidError(f"{path} has too many items")
        given = [(each, item(each, f"{path}[{n}]", writing)) for n, each in enumerate(value)]
        keys = [each.get(key) for each, _ in given]
        if len(set(keys)) != len(keys):
            raise InvalidError(f"{path} has more than one item for the same {what}")
        return [kept for _, kept in given if kept is not None]

    return check


_EMAIL_READ_ONLY = ("is_opt_in", "email_opt_status")
_email = {"needs": "email", "ignored": _EMAIL_READ_ONLY}
_phone = {"needs": "number", "ignored": ("number_e164",)}

# --- custom fields --------------------------------------------------------------------------------------------------

NUMERIC_FIELDS = frozenset(
    words("CURRENCY DAY_OF_WEEK DECIMAL_NUMBER MONTH PERCENT USER WHOLE_NUMBER YEAR"),
)
DATE_FIELDS = frozenset({"DATE", "DATE_TIME"})
LIST_FIELDS = frozenset({"LIST_BOX", "USER_LIST_BOX"})
FIELD_TYPES = (
    *sorted(NUMERIC_FIELDS | DATE_FIELDS | LIST_FIELDS),
    *words("DRILLDOWN DROPDOWN EMAIL NAME PHONE_NUMBER RADIO SOCIAL_SECURITY_NUMBER STATE TEXT TEXT_AREA WEBSITE"),
    "YES_NO",
)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?")
_LONGEST_CONTENT = 65_535


def _content(value: Any, path: str, writing: Writing, field: Document) -> Any:
    kind = field.get("field_type", "TEXT")
    if kind in LIST_FIELDS:
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(i, str) and len(i) <= _LONGEST_CONTENT for i in items):
            raise InvalidError(f"{path} must be a list of options")
        _known_options(items, path, field)
        return value or None
    if kind in NUMERIC_FIELDS:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not _is_number(value):
            raise InvalidError(f"{path} must be a number")
        return None if value == "" else value
    if kind == "YES_NO":
        if not isinstance(value, str | bool | int) or str(value).lower() not in ("", "0", "1", "true", "false"):
            raise InvalidError(f"{path} must be true or false")
        return None if value == "" else value
    stored = text(_LONGEST_CONTENT)(value, path, writing)
    if kind in DATE_FIELDS and stored is not None and not _DATE_TIME.fullmatch(stored):
        raise InvalidError(f"{path} must be an ISO-8601 date")
    if kind in ("DROPDOWN", "RADIO") and stored is not None:
        _known_options([stored], path, field)
    return stored


def _is_number(value: str | float) -> bool:
    if value == "":
        return True
    try:
        return abs(float(value)) <= LARGEST_INTEGER
    except (ValueError, OverflowError):
        return False


def _known_options(values: list[str], path: str, field: Document) -> None:
    options = {o[k] for o in field.get("options", ()) for k in ("id", "label")}
    if options and not options.issuperset(values):
        raise InvalidError(f"{path} is not one of the options of the custom field")


def custom_value(value: Any, path: str, writing: Writing) -> Document | None:
    """One custom field of a record; a `null` or empty content stores nothing."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise InvalidError(f"{path}.id is required")
    if unknown := value.keys() - {"id", "content"}:
        raise InvalidError(f"{path}.{min(unknown)} is not a known property")
    field = writing.custom_fields.get(value["id"])
    if field is None:
        raise InvalidError(f"{path}.id is not a custom field of this object")
    if value.get("content") is None:
        return None
    content = _content(value["content"], f"{path}.content", writing, field)
    return None if content is None else {"id": value["id"], "content": content}


# --- the rest of a contact ------------------------------------------------------------------------------------------


def _company(value: Any, path: str, writing: Writing) -> Document | None:
    if not isinstance(value, dict) or (value and not isinstance(value.get("id"), str)):
        raise InvalidError(f"{path}.id is required")
    if unknown := value.keys() - {"id", "company_name"}:
        raise InvalidError(f"{path}.{min(unknown)} is not a known property")
    if not value.get("id"):
        return None
    if not writing.company_exists(value["id"]):
        raise InvalidError(f"{path}.id is not the id of a company")
    return {"id": value["id"]}


def _plain(properties: Mapping[str, Check], *, required: Collection[str] = (), ignored: Collection[str] = ()) -> Check:
    """An object of scalars."""

    def check(value: Any, path: str, writing: Writing) -> Document | None:
        if not isinstance(value, dict):
            raise InvalidError(f"{path} must be an object")
        stored: Document = {}
        for name, given in value.items():
            if name in ignored or given is None:
                continue
            if name not in properties:
                raise InvalidError(f"{path}.{name} is not a known property")
            kept = properties[name](given, f"{path}.{name}", writing)
            if kept is not None:
                stored[name] = kept
        if missing := set(required) - stored.keys():
            raise InvalidError(f"{path}.{min(missing)} is required")
        return stored or None

    return check


_UTM_NAMES = {
    "keap_source_id": "keapSourceId",
    "utm_source": "utmSource",
    "utm_medium": "utmMedium",
    "utm_term": "utmTerm",
    "utm_campaign": "utmCampaign",
    "utm_content": "utmContent",
}


def _utm(value: Any, path: str, writing: Writing) -> list[Document] | None:
    if isinstance(value, list):
        # It is answered as an array, in other words than it is written in: what comes back is left alone.
        return value or None
    given = _plain(dict.fromkeys(_UTM_NAMES, text()), required=("keap_source_id",))(value, path, writing)
    return [{"id": 1, "firstTouch": True, "lastTouch": True} | {_UTM_NAMES[k]: v for k, v in given.items()}]


_SOURCE_TYPES = words(
    "SOURCE_TYPE_UNSPECIFIED API APPOINTMENT FORM_API_HOSTED FORM_API_INTERNAL IMPORT INTERNAL_FORM LANDING_PAGE "
    "MANUAL OTHER UNKNOWN WEBFORM"
)
_SOCIAL_TYPES = words("FACEBOOK LINKED_IN TWITTER INSTAGRAM SNAPCHAT YOUTUBE PINTEREST")

# --- the three objects ----------------------------------------------------------------------------------------------


@attrs.frozen
class Resource:
    """One of Keap's objects.

    Attributes:
        name: Its path segment and the key of its list answers.
        create: What a POST may carry.
        update: What a PATCH may carry.
        required: What a POST must carry, and what nothing clears.
        read_only: What a body may carry back without effect.
        fields: What `fields` may ask for; empty where there is no such parameter.
        omitted: What an answer leaves out unless `fields` asks for it.
        mask: What `update_mask` may name.
        defaults: What an answer shows where nothing is stored.
        keys: The columns of its table: what it may be ordered or searched by, beside the id and the times.
        orders: What `order_by` may name, and its column.
        record_type: The name of the object in the answers about custom fields.
        first_id: Where ids start; apart, so that a mixed-up id is not found rather than found by accident.
    """

    name: str
    create: Mapping[str, Check]
    update: Mapping[str, Check]
    required: frozenset[str]
    read_only: frozenset[str]
    fields: frozenset[str]
    omitted: frozenset[str]
    mask: frozenset[str]
    defaults: Mapping[str, Any]
    keys: Mapping[str, Callable[[Document], str]]
    orders: Mapping[str, str]
    record_type: str
    first_id: int


def dicts(value: Any) -> list[Document]:
    """The objects of an array; none of anything else, as a stored document may have been corrupted on purpose."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def in_slot(items: Any, slot: str, name: str) -> str:
    """The property `name` of the item in this slot, or an empty string."""
    return next((_string(item.get(name)) for item in dicts(items) if item.get("field") == slot), "")


def _part(document: Document, name: str, part: str) -> str:
    value = document.get(name)
    return _string(value.get(part)) if isinstance(value, dict) else ""


_names = text(40)
_long_names = text(100)

_CONTACT: dict[str, Check] = {
    "addresses": many(slotted(ADDRESS_SLOTS, then=_place), key="field", what="field"),
    "anniversary_date": day,
    "assistant_name": text(20),
    "assistant_phone": text(15),
    "billing_information": text(100),
    "birth_date": day,
    "company": _company,
    "contact_type": text(),
    "custom_fields": many(custom_value, key="id", what="custom field"),
    "email_addresses": many(slotted(EMAIL_SLOTS, **_email), key="field", what="field"),  # type: ignore[arg-type]
    "family_name": _names,
    "fax_numbers": many(slotted(FAX_SLOTS, needs="number"), key="field", what="field"),
    "given_name": _names,
    "job_title": text(255),
    "leadsource_id": identifier,
    "middle_name": _long_names,
    "origin": _plain({"ip_address": text()}, ignored=("date",)),
    "owner_id": identifier,
    "phone_numbers": many(slotted(PHONE_SLOTS, **_phone), key="field", what="field"),  # type: ignore[arg-type]
    "preferred_locale": text(),
    "preferred_name": _long_names,
    "prefix": text(),
    "referral_code": text(),
    "social_accounts": many(
        _plain({"name": text(255), "type": one_of(*_SOCIAL_TYPES)}, required=("type",)), key="type", what="type"
    ),
    "source_type": one_of(*_SOURCE_TYPES),
    "spouse_name": _long_names,
    "suffix": text(),
    "time_zone": text(),
    "utm_parameters": _utm,
    "website": _long_names,
}
_CONTACT_READ_ONLY = frozenset(
    words("account_id create_time created_by groups id last_updated_by links notes score_value tag_ids update_time")
)
_CONTACT_ALWAYS = frozenset(
    words(
        "addresses company create_time email_addresses family_name given_name id middle_name owner_id phone_numbers "
        "score_value tag_ids update_time"
    )
)
_CONTACT_FIELDS = frozenset(_CONTACT) | _CONTACT_READ_ONLY
_CONTACT_LISTS = words(
    "addresses custom_fields email_addresses fax_numbers links phone_numbers social_accounts tag_ids utm_parameters"
)

CONTACTS = Resource(
    name="contacts",
    create=_CONTACT,
    update=_CONTACT,
    required=frozenset(),
    read_only=_CONTACT_READ_ONLY,
    fields=_CONTACT_FIELDS,
    omitted=_CONTACT_FIELDS - _CONTACT_ALWAYS,
    mask=_CONTACT_FIELDS,
    defaults={name: [] for name in _CONTACT_LISTS},
    keys={
        "email": lambda d: in_slot(d.get("email_addresses"), "EMAIL1", "email"),
        "company_id": lambda d: _part(d, "company", "id"),
    },
    orders={"id": "id", "create_time": "create_time", "email": "email", "update_time": "update_time"},
    record_type="CONTACT",
    first_id=1,
)

_COMPANY: dict[str, Check] = {
    "address": slotted(ADDRESS_SLOTS, default="BILLING", then=_place),
    "anniversary_date": day,
    "assistant_name": text(),
    "assistant_phone": text(),
    "billing_information": text(),
    "birth_date": day,
    "company_name": text(required=True),
    "contact_type": text(),
    "custom_fields": many(custom_value, key="id", what="custom field"),
    "email_address": slotted(EMAIL_SLOTS, default="EMAIL1", **_email),  # type: ignore[arg-type]
    "fax_number": slotted(FAX_SLOTS, needs="number", default="FAX1"),
    "first_name": text(),
    "job_title": text(),
    "last_name": text(),
    "middle_name": text(),
    "notes": text(),
    "owner_id": identifier,
    "phone_number": slotted(PHONE_SLOTS, default="PHONE1", **_phone),  # type: ignore[arg-type]
    "preferred_name": text(),
    "referral_code": text(),
    "spouse_name": text(),
    "suffix": text(),
    "title": text(),
    "website": text(),
}
_COMPANY_READ_ONLY = frozenset(words("account_id create_time created_by groups id last_updated_by update_time"))

COMPANIES = Resource(
    name="companies",
    create=_COMPANY,
    update=_COMPANY,
    required=frozenset({"company_name"}),
    read_only=_COMPANY_READ_ONLY,
    fields=frozenset(_COMPANY) | _COMPANY_READ_ONLY,
    omitted=frozenset(
        words("address create_time custom_fields email_address fax_number notes phone_number update_time")
    ),
    mask=frozenset(_COMPANY) | _COMPANY_READ_ONLY,
    defaults={"custom_fields": []},
    keys={
        "name": lambda d: _string(d.get("company_name")),
        "email": lambda d: _part(d, "email_address", "email"),
    },
    orders={"id": "id", "create_time": "create_time", "name": "name", "email": "email"},
    record_type="COMPANY",
    first_id=500_001,
)

_INT32 = 2**31 - 1
_INVENTORY: dict[str, Check] = {
    "email_for_inventory_notifications": email(255),
    "inventory_limit": whole(_INT32),
    "out_of_stock_enabled": boolean,
}
_PRODUCT_FLAGS = words(
    "active city_taxable country_taxable is_package needs_digital_delivery shippable state_taxable storefront_hidden "
    "subscription_only taxable"
)
_PRODUCT_TEXTS = words("bottom_html delivery_description description sku top_html")
_PRODUCT: dict[str, Check] = {
    **dict.fromkeys(_PRODUCT_FLAGS, boolean),
    **dict.fromkeys(_PRODUCT_TEXTS, text()),
    "name": text(required=True),
    "price": price,
    "short_description": text(required=True),
    "weight": weight,
}
_PRODUCT_LISTS = ("categories", "options", "subscription_plans")
_STOCK = {"inventory_count": 0, "inventory_limit": 0, "out_of_stock_enabled": False}

PRODUCTS = Resource(
    name="products",
    create=_PRODUCT | {"inventory": _plain(_INVENTORY | {"inventory_count": whole(_INT32)})},
    update=_PRODUCT | _INVENTORY,
    required=frozenset({"name", "price", "short_description"}),
    read_only=frozenset({"id", "create_time", "update_time", "has_legacy_image", *_PRODUCT_LISTS}),
    fields=frozenset(),
    omitted=frozenset(),
    mask=frozenset(_PRODUCT) | frozenset(_INVENTORY),
    defaults={
        **dict.fromkeys(_PRODUCT_FLAGS, False),
        **{name: [] for name in _PRODUCT_LISTS},
        "active": True,
        "has_legacy_image": False,
        "inventory": _STOCK,
    },
    keys={"name": lambda d: _string(d.get("name")), "sku": lambda d: _string(d.get("sku"))},
    orders={"name": "name", "sku": "sku", "last_updated_time": "update_time"},
    record_type="",
    first_id=900_001,
)

RESOURCES = (CONTACTS, COMPANIES, PRODUCTS)

# --- writing --------------------------------------------------------------------------------------------------------


def write(
    resource: Resource,
    document: Document,
    body: Any,
    writing: Writing,
    *,
    new: bool,
    mask: Collection[str] | None = None,
) -> Document:
    """The document after a POST (`new`) or a PATCH with this body.

    A property that the mask names and the body lacks is left alone; one that the body carries and the mask does not
    name is neither written nor checked.
    """
    allowed = resource.create if new else resource.update
    if not isinstance(body, dict):
        raise InvalidError("the body must be a JSON object")
    if unknown := body.keys() - allowed.keys() - resource.read_only:
        raise InvalidError(f"{min(unknown)} is not a known property")
    changed = dict(document)
    for name, value in body.items():
        if name in resource.read_only or (mask is not None and name not in mask):
            continue
        if value is None and (new or not writing.behaviour.null_clears):
            continue
        kept = None if value is None else allowed[name](value, name, writing)
        if kept is not None and resource is COMPANIES and name == "custom_fields":
            kept = _custom_fields(changed, value, kept, writing.behaviour)
        _put(resource, changed, name, kept)
    if new and (missing := resource.required - changed.keys()):
        raise InvalidError(f"{', '.join(sorted(missing))} must be given")
    if new and resource is CONTACTS and not any(changed.get(n) for n in _REACHABLE_BY):
        raise InvalidError(f"a contact needs at least one of {', '.join(_REACHABLE_BY)}")
    if writing.behaviour.reformat_phones:
        _reformat(changed, body.keys() if mask is None else body.keys() & set(mask))
    return changed


_REACHABLE_BY = ("email_addresses", "phone_numbers", "addresses")


def _custom_fields(document: Document, given: Any, kept: list[Document], behaviour: KeapBehaviour) -> list[Document]:
    if behaviour.company_custom_fields == "replace":
        return kept
    listed = {item["id"] for item in given}
    return [item for item in dicts(document.get("custom_fields")) if item.get("id") not in listed] + kept


def _put(resource: Resource, document: Document, name: str, value: Any) -> None:
    if value is None and name in resource.required:
        raise InvalidError(f"{name} must not be empty")
    if resource is PRODUCTS and name in _INVENTORY:
        document["inventory"] = document = stock(document)
    if value is None:
        document.pop(name, None)
    else:
        document[name] = value


def stock(product: Document) -> Document:
    """A copy of a product's inventory, complete."""
    inventory = product.get("inventory")
    return _STOCK | inventory if isinstance(inventory, dict) else dict(_STOCK)


def _reformat(document: Document, written: AbstractSet[str]) -> None:
    region = home_region(document)
    for name in written & {"phone_numbers", "phone_number"}:
        value = document.get(name)
        for phone in dicts([value] if isinstance(value, dict) else value):
            phone["number"] = _national(phone["number"], region)


def complete(document: Document) -> Document:
    """Adds what Keap derives from what is stored: long names of places, phone numbers in E.164."""
    for address in (*dicts(document.get("addresses")), *dicts([document.get("address")])):
        _name_place(address)
    phones = (*dicts(document.get("phone_numbers")), *dicts([document.get("phone_number")]))
    region = home_region(document) if phones else "US"
    for phone in phones:
        number = phone.get("number")
        dialled = e164(number, region) if isinstance(number, str) else None
        if dialled is None:
            phone.pop("number_e164", None)
        else:
            phone["number_e164"] = dialled
    return document


def home_region(document: Document) -> str:
    """The country (alpha-2) in which the phone numbers of this record are dialled."""
    code = in_slot(document.get("addresses"), "BILLING", "country_code") or _part(document, "address", "country_code")
    country = _country(code) if code else None
    return str(country.alpha_2) if country else "US"


def merged(winner: Document, loser: Document) -> Document:
    """The winner of a merge: what it lacks comes from the loser, slot by slot in its arrays."""
    result = dict(winner)
    for name, value in loser.items():
        if name in ("id", "create_time", "update_time"):
            continue
        mine = result.get(name)
        if mine is None or mine == []:
            result[name] = value
        elif isinstance(mine, list) and isinstance(value, list):
            taken = [_slot(item) for item in mine]
            result[name] = mine + [item for item in value if _slot(item) not in taken]
    return result


def _slot(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return next((item[key] for key in ("field", "id", "type") if key in item), item)
