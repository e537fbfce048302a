"""What is to be known of a table before it is written to: keys, what must be given, times, who refers to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from keapbridge.customcrm.sql import SqlTable
from keapbridge.inspecting.declaring import AMOUNT, AMOUNT_CURRENCY, COMPANY_NAME, id_of
from keapbridge.inspecting.made import ShortId
from keapbridge.inspecting.mappings import MAPPERS
from keapbridge.inspecting.schema import Schema, Table
from keapbridge.inspecting.scoring import PROPERTIES, Guess
from keapbridge.model.finding import Finding, Severity
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS
from keapbridge.model.side import Side

__all__ = ["findings_of"]

_AHEAD = timedelta(minutes=5)
_SHOWN = 6  # names in one finding


def findings_of(schema: Schema, guess: Guess, table: SqlTable | None) -> Iterator[Finding]:
    """What is to be known of a table that is taken for some kind of record.

    Args:
        table: its declaration; `None` where it cannot be declared.
    """
    yield from _keys(guess.table, guess.object, table)
    if guess.table.unread:
        yield Finding(
            "info", guess.table.title, f"no rows were read: {guess.table.unread}", "its columns go by names alone"
        )
    if table is None:
        return
    yield from _new_rows(guess.table, table)
    yield from _limits(guess, table)
    yield from _modified(schema, guess, table)
    yield from _deleted(guess, table)
    yield from _referring(schema, guess.table, table)
    yield from _left_out(guess, table)


def _place(table: Table, column: str = "") -> str:
    return f"{table.title}.{column}" if column else table.title


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _keys(table: Table, object: str, declared: SqlTable | None) -> Iterator[Finding]:
    id = id_of(table)
    if id is not None and table.is_view:
        what = f"it is a view, and nothing says that {id} is unique"
        yield Finding("warning", _place(table, id), what, "two rows of one id would be taken for one record")
    if id is not None:
        return
    if len(table.key) > 1:
        what = f"looks like {object}, and its key is {' and '.join(table.key)} together"
        yield Finding("warning", _place(table), what, "new_id= makes the keys of new records; without it none is made")
    else:
        what = f"looks like {object}, and has no unique key"
        yield Finding("error", _place(table), what, "give it a column that tells its rows apart, as a primary key")


def _written(table: SqlTable) -> set[str]:
    made_before = (join.local for join in table.joins if join.insert == "before" and join.through is None)
    roles = (*table.ids, table.modified, table.created, table.key, *made_before, *table.on_create, *table.on_write)
    return {name for name in (*roles, *table.columns.values()) if isinstance(name, str)}


def _new_rows(table: Table, declared: SqlTable) -> Iterator[Finding]:
    """What makes an INSERT fail."""
    lacking = [c for c in table.columns if c.must_be_given and c.name not in _written(declared)]
    # Texts can be "", but for those of which no two may be the same.
    blank = [c for c in lacking if c.family == "text" and not c.choices and c.name not in table.single_keys]
    for columns, advice in (
        (
            [c.name for c in lacking if c not in blank],
            "new records of Keap cannot be made here until something fills them",
        ),
        ([c.name for c in blank], "they are '' in new rows; on_create= gives them something else"),
    ):
        if columns:
            plural = "are" if len(columns) > 1 else "is"
            what = f"{_names(columns)} {plural} NOT NULL without a default, and no property is kept there"
            severity: Severity = "info" if columns == [c.name for c in blank] else "warning"
            yield Finding(severity, _place(table), what, advice)
    id = id_of(table)
    if id is None:
        return
    key = table[id]
    if key.family in {"integer", "number"} and not (key.counts or key.filled) and not table.is_view:
        what = "a number that the database does not make by itself"
        yield Finding(
            "warning", _place(table, id), what, "new_id= makes the ids of new records; without it none can be made"
        )
    if isinstance(declared.new_id, ShortId):
        what = f"has room for {key.length} characters, which is too short for a UUID"
        advice = "new_id= makes ids of what fits; change it to what your ids look like"
        yield Finding("warning", _place(table, id), what, advice)


def _limits(guess: Guess, declared: SqlTable) -> Iterator[Finding]:
    """Where the database holds less than Keap."""
    short: list[str] = []
    for lens in MAPPERS[guess.object].lenses:
        column = declared.columns.get(lens.name)
        if not isinstance(column, str):
            continue
        length, there = guess.table[column].length, lens.limits.get(Side.KEAP)
        if length is not None and (there is None or length < there) and length < 255:
            short.append(f"{column} {length}")
        if guess.table[column].choices:
            what = f"takes {_names(list(guess.table[column].choices))} only"
            yield Finding(
                "warning", _place(guess.table, column), what, f"other values of {lens.name} cannot be written"
            )
    if short:
        what = f"texts are shorter than in Keap: {_names(short)} characters"
        yield Finding("info", _place(guess.table), what, "what is longer there cannot be written here whole")


def _modified(schema: Schema, guess: Guess, declared: SqlTable) -> Iterator[Finding]:
    table, name = guess.table, guess.roles.get("modified")
    if declared.modified is None:
        if name is None:
            what = "no column tells when a row was changed"
            advice = "every run reads the whole table, and nobody knows which of two edits is newer"
        else:
            what, advice = _unusable(table, name)
        yield Finding("info", _place(table, name or ""), what, advice)
        return
    if declared.modified not in table:
        return  # it is in another table
    column = table[declared.modified]
    place = _place(table, column.name)
    values = table.values(column.name)
    if column.family == "date" or (column.family == "text" and _are_days(values)):
        yield Finding(
            "warning", place, "holds days", "a run reads from the day before, and does not know the newer of two edits"
        )
    empty = sum(value is None or value == "" for value in values)
    if empty:
        what = f"is empty in {empty} of {len(values)} rows"
        yield Finding(
            "warning", place, what, "these rows are read by every run: fill it once, with the time they were made"
        )
    yield from _zone(schema, table, declared, values)
    if (
        not (column.moves or any(column.name.casefold() in text.casefold() for text in table.triggers))
        and not table.is_view
    ):
        what = "no trigger moves it"
        yield Finding("info", place, what, "whoever changes a row must set it, or only complete runs see the change")


def _unusable(table: Table, name: str) -> tuple[str, str]:
    family = table[name].family
    if family == "date":
        return "holds days", "every run reads the whole table: a change of today is not told from another one of today"
    return f"holds {'numbers' if family == 'integer' else family}, and no times", "every run reads the whole table"


def _are_days(values: list[Any]) -> bool:
    texts = [value for value in values if isinstance(value, str) and value]
    return bool(texts) and all(len(text) <= len("2026-01-01") for text in texts)


def _zone(schema: Schema, table: Table, declared: SqlTable, values: list[Any]) -> Iterator[Finding]:
    """Whether times without a zone are in UTC."""
    column = table[declared.modified or ""]
    if column.has_zone:
        return
    place = _place(table, column.name)
    advice = 'time_zone="Europe/Oslo" says in which one they are'
    if declared.time_zone is not None:
        what = f"has no time zone, and the database's own is {declared.time_zone}, which is assumed"
        yield Finding("warning", place, what, "an application that writes UTC all the same wants time_zone='UTC'")
        return
    if schema.offset:
        hours = f"{schema.offset / 60:+g} hours"
        yield Finding("warning", place, f"has no time zone, and the database's own is {hours} from UTC", advice)
        return
    newest = max((moment for value in values if (moment := _moment(value)) is not None), default=None)
    now = _moment(schema.now)
    if newest is not None and now is not None and newest > now + _AHEAD:
        what = "holds times that are yet to come in UTC: it seems to be in local time"
        yield Finding("warning", place, what, advice)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _deleted(guess: Guess, declared: SqlTable) -> Iterator[Finding]:
    name = guess.roles.get("deleted")
    if name is None:
        return
    if declared.deleted is None:
        what = f"looks like a mark of deletion, and holds {guess.table[name].family}"
        yield Finding("warning", _place(guess.table, name), what, "it is not used: rows that are marked take part")
        return
    marked = sum(value not in (None, 0, False, "") for value in guess.table.values(name))
    what = f"marks rows as deleted ({marked} of {len(guess.table.rows)} that were read)"
    yield Finding("info", _place(guess.table, name), what, "they take no part, and a deletion sets it")


def _referring(schema: Schema, table: Table, declared: SqlTable) -> Iterator[Finding]:
    if declared.deleted is not None:
        return
    cascades: list[str] = []
    others: list[str] = []
    for other, key in schema.referring(table):
        (cascades if key.on_delete.upper() in {"CASCADE", "SET NULL", "SET DEFAULT"} else others).append(
            f"{other.title}.{key.columns[0]}"
        )
    if cascades:
        what = f"a deletion changes or deletes rows elsewhere: {_names(cascades)}"
        yield Finding("warning", _place(table), what, 'undo cannot bring those back: keep deletions="unlink"')
    if others:
        what = f"rows are referred to by {_names(others)}"
        yield Finding("info", _place(table), what, "such a row cannot be deleted; the rest of a run goes on")


def _left_out(guess: Guess, declared: SqlTable) -> Iterator[Finding]:
    """What was seen and has no place in the declaration."""
    table, columns = guess.table, guess.columns
    if guess.object == CONTACTS and "FullName" in columns and "FullName" not in declared.columns:
        what = "holds whole names, where Keap has a first and a last name"
        advice = "the names are taken from the others"
        yield Finding("info", _place(table, columns["FullName"]), what, advice)
    if COMPANY_NAME in guess.roles and guess.object == CONTACTS:
        what = "holds the name of a contact's company as a text"
        advice = "Keap's companies are found by it, and made with create=True; an undoing leaves those"
        advice = advice if COMPANY_NAME in declared.columns else "it is left alone"
        yield Finding("info", _place(table, guess.roles[COMPANY_NAME]), what, advice)
    if guess.object == CUSTOMERS and "FullName" in guess.roles:
        what = "names a person of the company"
        yield Finding(
            "info", _place(table, guess.roles["FullName"]), what, "it is left alone: contacts are rows of a table"
        )
    if "CustomerId" in columns and "CustomerId" not in declared.columns:
        what = "seems to name the contact's company, whose table is not proposed"
        yield Finding("info", _place(table, columns["CustomerId"]), what)
    if "inactive" in guess.roles and guess.object == PRODUCTS and "Active" not in columns:
        what = "says the opposite of Active"
        advice = "it is left alone; a computed column or a view can say it the other way round"
        yield Finding("info", _place(table, guess.roles["inactive"]), what, advice)
    properties = [name for name in PROPERTIES[guess.object] if isinstance(declared.columns.get(name), str)]
    if guess.object == PRODUCTS and "Price" not in properties and AMOUNT not in declared.columns:
        yield Finding("warning", _place(table), "no column holds prices", "Keap makes no product without one")
    is_untold = AMOUNT in declared.columns and AMOUNT_CURRENCY not in declared.columns
    if is_untold or declared.constants.get("Currency"):
        what = f"no column tells the currency of prices; {declared.constants.get('Currency', 'USD')} is assumed"
        advice = f"say yours in {'always' if is_untold else 'constants'}=, or inspect with currency="
        yield Finding("warning", _place(table), what, advice)
