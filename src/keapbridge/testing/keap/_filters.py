"""The grammar of `filter=`, `order_by=` and `page_token=`, translated to SQL.

A filter is a list of clauses `name operator value` joined by `;`. What a name means is a row of a table: its kind
(which operators it takes, how its value is read) and the SQL that tests it, with `{test}` where operator and parameter
go. The record is the row `r`; texts are compared without regard to case, as a database like Keap's does.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import attrs
import msgspec

from keapbridge.keap.habits import Habits
from keapbridge.testing.keap._checks import InvalidError
from keapbridge.testing.keap._documents import Document
from keapbridge.testing.keap._fields import DATE_FIELDS, LIST_FIELDS, NUMERIC_FIELDS, YES_NO
from keapbridge.testing.keap._resources import COMPANIES, CONTACTS, PRODUCTS, Resource
from keapbridge.testing.keap._slots import PHONE_SLOTS

MAX_PAGE = 1000
MAX_IDS = 1_000_000
Kind = Literal["text", "exact", "number", "ids", "moment"]


@attrs.frozen
class Condition:
    """SQL that holds for the wanted records, and its parameters."""

    sql: str
    parameters: tuple[Any, ...]


@attrs.frozen
class Filter:
    """One name that a filter may use.

    Attributes:
        kind: `text` takes `==` and a trailing `*`; `exact` takes `==`; `number` also takes comparisons; `ids` takes
            `==` and a list; `moment` takes `==` and an ISO-8601 time with milliseconds and offset.
        sql: The test, with `{test}` for operator and parameter.
    """

    kind: Kind
    sql: str


def _scalar(name: str) -> str:
    return f"json_extract(r.doc, '$.{name}') {{test}}"


def _member(array: str, slot: str, name: str) -> str:
    # CASE, because SQLite may evaluate the terms of AND in any order, and a corrupted item is no JSON object.
    return (
        f"EXISTS (SELECT 1 FROM json_each(r.doc, '$.{array}') a WHERE CASE a.type WHEN 'object' THEN "
        f"json_extract(a.value, '$.field') = '{slot}' AND json_extract(a.value, '$.{name}') {{test}} END)"
    )


_ADDRESS_PARTS = ("line1", "locality", "region", "postal_code", "country_code")

_FILTERS: dict[str, dict[str, Filter]] = {
    CONTACTS.name: {
        "email": Filter("text", "r.id IN (SELECT record_id FROM contact_emails WHERE email {test})"),
        **{n: Filter("text", _scalar(n)) for n in ("given_name", "family_name", "middle_name", "website")},
        "company_id": Filter("exact", "r.company_id {test}"),
        "contact_ids": Filter("ids", "r.id {test}"),
        "ids": Filter("ids", "r.id {test}"),
        "contact_id": Filter("number", "r.id {test}"),
        "start_update_time": Filter("moment", "r.update_time >= {test}"),
        "end_update_time": Filter("moment", "r.update_time <= {test}"),
        **{
            f"{slot.lower()}_address_{part}": Filter("exact", _member("addresses", slot, part))
            for slot in ("BILLING", "SHIPPING", "OTHER")
            for part in _ADDRESS_PARTS
        },
        "city": Filter("text", _member("addresses", "BILLING", "locality")),
        "state": Filter("text", _member("addresses", "BILLING", "region")),
        # There are no lead sources here, so no contact has one of any name.
        "lead_source_name": Filter("text", "NULL {test}"),
    },
    COMPANIES.name: {
        "company_name": Filter("exact", "r.name {test}"),
        "name": Filter("text", "r.name {test}"),
        "email": Filter("exact", "r.email {test}"),
        "city": Filter("text", _scalar("address.locality")),
        "state": Filter("text", _scalar("address.region")),
        "since_time": Filter("moment", "r.update_time >= {test}"),
        "until_time": Filter("moment", "r.update_time <= {test}"),
        "company_id": Filter("number", "r.id {test}"),
    },
    PRODUCTS.name: {
        "name": Filter("text", "r.name {test}"),
        "sku": Filter("text", "r.sku {test}"),
        "description": Filter("text", _scalar("description")),
        "short_description": Filter("text", _scalar("short_description")),
        "product_id": Filter("number", "r.id {test}"),
        "product_ids": Filter("ids", "r.id {test}"),
    },
}


def names(resource: Resource) -> frozenset[str]:
    """What lists of an object are filtered by, besides custom fields."""
    return frozenset(_FILTERS[resource.name]) | (_PHONE if resource is CONTACTS else frozenset())


_PHONE = frozenset({"phone_number", "phone_fields"})
_CLAUSE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(==|>=|<=|>|<)(.+)", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_ID = re.compile(r"[0-9]{1,18}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}(Z|[+-]\d\d:?\d\d)")


def conditions(
    resource: Resource, text: str, custom_fields: Mapping[str, Document], habits: Habits | None = None
) -> list[Condition]:
    """The conditions of a `filter=`.

    Raises:
        InvalidError: On an unknown name, an operator or a value that the name does not take.
    """
    clauses = [_clause(part) for part in text.split(";") if part]
    known = _FILTERS[resource.name]
    found: list[Condition] = []
    if resource is CONTACTS:
        found += _phone(clauses)
        clauses = [c for c in clauses if c[0] not in _PHONE]
    by_name = {f["field_name"].lower(): f for f in custom_fields.values()}
    for name, operator, value in clauses:
        if name in known:
            found.append(_condition(known[name], name, operator, value, habits or Habits()))
        elif name.lower() in by_name:
            found.append(_custom(by_name[name.lower()], name, operator, value))
        else:
            raise InvalidError(f"filter: {name} is not a field to filter by")
    return found


def _clause(part: str) -> tuple[str, str, str]:
    match = _CLAUSE.fullmatch(part.strip())
    if match is None:
        raise InvalidError("filter: expected field==value")
    return match[1], match[2], match[3].strip()


def _condition(wanted: Filter, name: str, operator: str, value: str, habits: Habits) -> Condition:
    test, parameter = _test(wanted.kind, name, operator, value)
    sql = wanted.sql.format(test=test)
    if wanted.kind == "ids" and value.count(",") >= (habits.ids_at_once or MAX_IDS):
        raise InvalidError(f"filter: {name} takes at most {habits.ids_at_once} ids")
    if wanted.kind == "moment" and habits.since == "exclusive":
        sql = sql.replace(">=", ">")
    return Condition(sql, (parameter,))


def _test(kind: Kind, name: str, operator: str, value: str) -> tuple[str, Any]:
    if operator != "==" and kind != "number":
        raise InvalidError(f"filter: {name} supports == only")
    match kind:
        case "number":
            if not _NUMBER.fullmatch(value):
                raise InvalidError(f"filter: {name} needs a number")
            return f"{operator} ?", float(value) if "." in value else int(value)
        case "ids":
            ids = [part.strip() for part in value.split(",")]
            if not all(_ID.fullmatch(i) for i in ids):
                raise InvalidError(f"filter: {name} needs a list of ids")
            return "IN (SELECT value FROM json_each(?))", json.dumps([int(i) for i in ids])
        case "moment":
            return "?", moment(value, name)
        case "text" if value.endswith("*"):
            return "LIKE ? ESCAPE '\\'", _escaped(value[:-1]) + "%"
        case _:
            return "= ? COLLATE NOCASE", value


def _escaped(prefix: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", prefix)


def moment(value: str, name: str) -> str:
    """An ISO-8601 time with milliseconds and offset, in the form in which times are stored."""
    # An offset's plus sign that was not encoded arrives as a space.
    value = re.sub(r" (\d\d:?\d\d)$", r"+\1", value)
    try:
        if _MOMENT.fullmatch(value):
            return stamp(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        pass
    raise InvalidError(f"filter: {name} needs an ISO-8601 time with milliseconds and offset")


def stamp(at: datetime) -> str:
    """The time as Keap writes it; its order as a text is its order in time."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _phone(clauses: list[tuple[str, str, str]]) -> list[Condition]:
    given = {name: (operator, value) for name, operator, value in clauses}
    slots = [s.strip() for s in given.get("phone_fields", ("==", ""))[1].split(",") if s.strip()]
    if unknown := set(slots) - PHONE_SLOTS.keys():
        raise InvalidError(f"filter: {min(unknown)} is not a phone field")
    if any(given[n][0] != "==" for n in _PHONE & given.keys()):
        raise InvalidError("filter: phone_number and phone_fields support == only")
    if "phone_number" not in given:
        return []
    if not slots:
        raise InvalidError("filter: phone_number requires phone_fields")
    number = given["phone_number"][1]
    if number.endswith("*") and len(number) < 4:
        raise InvalidError("filter: phone_number needs at least 3 characters before the *")
    test, parameter = _test("text", "phone_number", "==", number)
    sql = (
        "EXISTS (SELECT 1 FROM json_each(r.doc, '$.phone_numbers') a WHERE CASE a.type WHEN 'object' THEN "
        "json_extract(a.value, '$.field') IN (SELECT value FROM json_each(?)) "
        f"AND (json_extract(a.value, '$.number') {test} OR json_extract(a.value, '$.number_e164') {test}) END)"
    )
    return [Condition(sql, (json.dumps(slots), parameter, parameter))]


def _custom(field: Document, name: str, operator: str, value: str) -> Condition:
    kind = field["field_type"]
    content = "json_extract(f.value, '$.content')"
    parameter: Any
    if kind in NUMERIC_FIELDS:
        test, parameter = _test("number", name, operator, value)
        content = f"CAST({content} AS REAL)"
    elif kind in DATE_FIELDS:
        test, parameter = f"{operator.replace('==', '=')} ?", moment(value, name)
        content = f"strftime('%Y-%m-%dT%H:%M:%fZ', {content})"
    elif kind == "YES_NO":
        _test("exact", name, operator, value)
        if value.casefold() not in YES_NO:
            raise InvalidError(f"filter: {name} needs yes or no")
        test, parameter = "= ?", YES_NO[value.casefold()]
        content = f"CASE lower({content}) " + "".join(f"WHEN '{n}' THEN {v} " for n, v in YES_NO.items()) + "END"
    elif kind in LIST_FIELDS:
        _, parameter = _test("exact", name, operator, value)
        test, content = "", f"? IN (SELECT value FROM json_each(json_array({content}), '$[0]'))"
    else:
        test, parameter = _test("exact" if kind == "DRILLDOWN" else "text", name, operator, value)
    sql = (
        "EXISTS (SELECT 1 FROM json_each(r.doc, '$.custom_fields') f WHERE CASE f.type WHEN 'object' THEN "
        f"json_extract(f.value, '$.id') = '{field['id']}' AND {content} {test} END)"
    )
    return Condition(sql, (parameter,))


# --- order and pages ------------------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    """By which column, and whether downwards; ties by id."""

    column: str
    descending: bool

    @property
    def sql(self) -> str:
        way = "DESC" if self.descending else "ASC"
        return f"r.{self.column} {way}, r.id {way}"


def order(resource: Resource, text: str, habits: Habits | None = None) -> Order:
    """The order of an `order_by=`; by id without one."""
    words = text.split()
    if not words:
        return Order("id", descending=habits is not None and habits.default_order == "newest_first")
    if words[0] not in resource.orders:
        raise InvalidError(f"order_by: {words[0]} is not a field to order by")
    if len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
        raise InvalidError("order_by: expected a field and asc or desc")
    return Order(resource.orders[words[0]], descending=words[-1].lower() == "desc")


def page_size(text: str, longest: int = MAX_PAGE) -> int:
    """How long a page is to be; 0 leaves it to Keap."""
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 0 <= int(text) <= longest:
        raise InvalidError(f"page_size must be an integer from 0 to {longest}")
    return int(text) or longest


def token(asked: str, value: Any, record_id: int) -> str:
    """The opaque token of the page after this record, good for the same list only."""
    return base64.urlsafe_b64encode(msgspec.json.encode([asked, value, record_id])).decode().rstrip("=")


def offset(text: str, asked: str) -> int:
    """After how many records the page of a token begins, where tokens count them."""
    return _told_by(text, asked)[1]


def after(text: str, asked: str, wanted: Order) -> Condition:
    """The condition that a page token stands for."""
    value, record_id = _told_by(text, asked)
    comparison = "<" if wanted.descending else ">"
    if wanted.column == "id":
        return Condition(f"r.id {comparison} ?", (record_id,))
    return Condition(f"(r.{wanted.column}, r.id) {comparison} (?, ?)", (value, record_id))


def _told_by(text: str, asked: str) -> tuple[str | int, int]:
    try:
        said, value, record_id = msgspec.json.decode(
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True),
            type=tuple[str, str | int, int],
        )
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise InvalidError("page_token is not valid") from None
    if said != asked:
        raise InvalidError("page_token belongs to another list")
    return value, record_id
