"""What is guessed of a table, as the declaration that `SqlCustomcrm` takes. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from keapbridge.customcrm.records import Contact, Customer, Product, wire_name
from keapbridge.customcrm.sql import SqlTable
from keapbridge.inspecting.joins import Belonging
from keapbridge.inspecting.made import ShortId
from keapbridge.inspecting.schema import Column, Schema, Table
from keapbridge.inspecting.scoring import PROPERTIES, Guess
from keapbridge.mapping.kinds.figures import DECIMALS, number_in
from keapbridge.model.meant import is_spelling_of
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = [
    "AMOUNT",
    "AMOUNT_CURRENCY",
    "COMPANY_NAME",
    "RECORDS",
    "WHOLE_NAME",
    "decimal_mark",
    "declared",
    "has_whole_names",
    "id_of",
    "known",
    "missing",
    "time_zone",
]

RECORDS: Mapping[str, type] = {CONTACTS: Contact, CUSTOMERS: Customer, PRODUCTS: Product}
_OWN = frozenset({"Id", "CreatedAt", "UpdatedAt", "ETag"})
WHOLE_NAME, COMPANY_NAME, AMOUNT, AMOUNT_CURRENCY = "FullName", "CompanyName", "PriceText", "PriceCurrency"
"""Properties of the host's own, for what no property of a record holds."""
UUID_LENGTH = 32  # of the ids that are made where none are declared


def known(object: str) -> tuple[str, ...]:
    """The properties that records of a kind have."""
    names = (wire_name(f.name) for f in attrs.fields(RECORDS[object]) if f.name != "extra")
    return tuple(name for name in names if name not in _OWN)


def id_of(table: Table) -> str | None:
    """The column that tells rows apart; `None` where no single one does."""
    if len(table.key) == 1:
        return table.key[0]
    if not table.key:
        for name in table.single_keys:
            if not table[name].nullable:
                return name
    if table.is_view:
        # Nothing says it: a column that is called so and in whose values nothing is twice.
        for column in table.columns:
            values = table.values(column.name)
            is_named = column.name.casefold() in {"id", f"{table.name}_id".casefold(), f"{table.name}id".casefold()}
            if is_named and None not in values and len(set(values)) == len(values):
                return column.name
    return None


def missing(guess: Guess, table: SqlTable) -> list[str]:
    """The properties that a table has no column for."""
    return [name for name in known(guess.object) if not table.columns.get(name) and name not in table.constants]


def time_zone(schema: Schema) -> str | None:
    """The zone of times that tell none, as it is to be declared; `None` for UTC, and where it is not known."""
    if not schema.offset:
        return None
    with contextlib.suppress(OSError, ValueError):
        if "/" in schema.zone and ZoneInfo(schema.zone):
            return schema.zone
    hours, minutes = divmod(schema.offset, 60)
    return f"Etc/GMT{-hours:+d}" if not minutes else None  # which counts the other way round


def declared(
    schema: Schema, guess: Guess, company: Guess | None, currency: str, beside: Belonging | None = None
) -> SqlTable | None:
    """The declaration of a table; `None` where no columns tell its rows apart.

    Args:
        company: the table of the companies, for contacts that refer to one.
        currency: of prices that do not tell theirs.
        beside: what belongs to its records in other tables.
    """
    table = guess.table
    id = id_of(table)
    ids = table.key if id is None else (id,)
    if not ids:
        return None
    beside = beside or Belonging()
    columns = {name: column for name, column in _columns(guess, company, ids).items() if name not in beside.properties}
    roles = _roles(guess)
    given: dict[str, Any] = {"id": ids, "columns": columns, **roles, **beside.roles}
    if guess.where:
        given["where"] = dict(guess.where)
    constants = _constants(guess.object, columns, currency)
    if constants:
        given["constants"] = constants
    naive = [table[name] for name in roles.values() if table[name].family == "time" and not table[name].has_zone]
    zone = time_zone(schema) if naive else None
    if zone is not None:
        given["time_zone"] = zone
    if beside.joins:
        given["joins"] = beside.joins
    if beside.lookups:
        given["lookups"] = beside.lookups
    made = _new_id(table[id]) if id is not None else None
    if made is not None:
        given["new_id"] = made
    if table.schema is not None:
        given["schema"] = table.schema
    return SqlTable(table.name, **given)


def has_whole_names(guess: Guess) -> bool:
    """Whether people's names are in one column: it is a property of the host's own, which the mapping is to have."""
    return (
        guess.object == CONTACTS
        and WHOLE_NAME in guess.columns
        and not {"FirstName", "LastName"} & guess.columns.keys()
    )


def _columns(guess: Guess, company: Guess | None, ids: Collection[str]) -> dict[str, str | None]:
    """Property → column, those that would be found by their names and are something else as `None`."""
    special = {*ids, *_roles(guess).values()}
    found: dict[str, str | None] = {
        name: column
        for name, column in guess.columns.items()
        if column not in special
        and name in known(guess.object)
        and (name != "CustomerId" or _refers(guess, column, company))
    }
    if has_whole_names(guess):
        found[WHOLE_NAME] = guess.columns[WHOLE_NAME]
    if guess.object == CONTACTS and "CustomerId" not in found:
        referring = [
            c for c in guess.table.columns if guess.table.foreign_key_of(c.name) and _refers(guess, c.name, company)
        ]
        if referring and referring[0].name not in {*special, *found.values()}:
            found["CustomerId"] = referring[0].name
    if guess.object == CONTACTS and "CustomerId" not in found and COMPANY_NAME in guess.roles:
        found[COMPANY_NAME] = guess.roles[COMPANY_NAME]
    if (price := found.get("Price")) is not None and decimal_mark(guess.table.values(price)) is not None:
        found |= {AMOUNT: found.pop("Price"), **({AMOUNT_CURRENCY: c} if (c := found.pop("Currency", None)) else {})}
    for name in known(guess.object):
        if name not in found and name not in _constants(guess.object, found, ""):
            alike = (c.name for c in guess.table.columns if is_spelling_of(c.name, name) and c.name not in special)
            if next(alike, None) is not None:
                found[name] = None
    return {name: found[name] for name in (*PROPERTIES[guess.object], *found) if name in found}


def decimal_mark(values: Iterable[Any]) -> str | None:
    """What stands before the decimals of numbers that are texts; `None` where most are written as by machines."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    plain = sum(map(_is_plain, texts))
    found = {mark: sum(number_in(text, mark) is not None for text in texts) for mark in DECIMALS}
    best = max(found, key=lambda mark: found[mark])
    return best if texts and found[best] > max(plain, len(texts) // 2) else None


def _is_plain(text: str) -> bool:
    try:
        return Decimal(text.strip()).is_finite()
    except InvalidOperation:
        return False


def _refers(guess: Guess, column: str, company: Guess | None) -> bool:
    """Whether a column names a row of the companies' table."""
    if company is None:
        return False
    key = guess.table.foreign_key_of(column)
    if key is not None:
        return key.table == company.table.name and key.remote in {(id_of(company.table),), ()}
    id = id_of(company.table)
    return id is not None and guess.table[column].family == company.table[id].family


def _roles(guess: Guess) -> dict[str, str]:
    found = {name: guess.roles[name] for name in ("modified", "created", "deleted") if name in guess.roles}
    table = guess.table
    if "modified" in found and table[found["modified"]].family not in {"time", "text"}:
        del found["modified"]
    if "created" in found and not _are_moments(table, found["created"]):
        del found["created"]
    if "deleted" in found and table[found["deleted"]].family not in {"boolean", "integer", "time", "number"}:
        del found["deleted"]
    return found


def _are_moments(table: Table, name: str) -> bool:
    """Whether a column tells when a row was made to the second: a day is also what people write there."""
    if table[name].family != "text":
        return table[name].family == "time"
    texts = [value for value in table.values(name) if isinstance(value, str) and value]
    return bool(texts) and all(len(text) > len("2026-01-01") for text in texts)


def _constants(object: str, columns: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {"Currency": currency} if object == PRODUCTS and columns.get("Price") and not columns.get("Currency") else {}


def _new_id(column: Column) -> ShortId | None:
    is_short = column.family == "text" and column.length is not None and column.length < UUID_LENGTH
    return ShortId(column.length or 0) if is_short and not column.filled else None
