"""What a declaration would destroy, or miss, in a database as it is: refused before a record is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from keapbridge.customcrm.sql.documents import Path
from keapbridge.customcrm.sql.keys import Key
from keapbridge.customcrm.sql.listing import NOT_DELETED
from keapbridge.customcrm.sql.parts import Tables
from keapbridge.customcrm.sql.reflected import has_zone, holds_days
from keapbridge.customcrm.sql.table import SqlTable
from keapbridge.customcrm.sql.values import stamp_of
from keapbridge.customcrm.sql.words import said
from keapbridge.errors import MappingError
from keapbridge.model.finding import Finding

__all__ = ["refuse_harm", "refuse_one_table_for_two"]

_UTC = frozenset({"UTC", "Etc/UTC", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT", "Universal", "GMT", "Etc/GMT", "+00:00"})


def refuse_harm(engine: sa.Engine, tables: Tables, key: Key, given: SqlTable, object: str) -> Iterator[Finding]:
    """What is to be known of the tables of a declaration.

    Raises:
        MappingError: for ids that several rows share, several properties in one column, and times whose zone is not
            told and is not UTC.
    """
    _refuse_shared_columns(tables, object)
    _refuse_columns_with_a_role(tables, object)
    _refuse_one_row_twice(tables, key, object)
    _refuse_marks_that_say_nothing(engine, tables, object)
    yield from _shared_ids(engine, tables, key, object)
    yield from _rows_without_id(engine, tables, key, object)
    if tables.modified is not None:
        part, column = tables.modified
        place = f"{object}: {part.table.name}.{column.name}"
        if holds_days(column):
            what = "tells days, and no times"
            yield Finding("info", place, what, "it is read from the day before, and decides no conflict as 'newest'")
        if given.time_zone is None and not has_zone(column):
            zone = _zone_of(engine, part.table.name)
            if zone not in _UTC:
                raise MappingError(
                    f"{place} has no time zone, and that of the database is {zone}: say in which its times are, "
                    "time_zone='UTC' or another one"
                )


def _refuse_shared_columns(tables: Tables, object: str) -> None:
    """Refuse two properties in one column: what is written last would be lost the other one's."""
    for part in tables.parts:
        names: dict[str, str] = {}
        whole: dict[tuple[str, Path], str] = {}
        for name, column in part.columns.items():
            path = part.path(name)
            known = whole.get((column.name, path)) or (names.get(column.name) if not path else None)
            known = known or (whole.get((column.name, ())) if path else None)
            if known is not None:
                where = f"{part.table.name}.{column.name}"
                raise MappingError(f"{object}: {known} and {name} are both in {where}: one has to go")
            whole[column.name, path] = names[column.name] = name
        for set_ in part.on_write:
            if set_ in names:
                where = f"{part.table.name}.{set_}"
                raise MappingError(f"{object}: {names[set_]} is in {where}, which on_write= sets: one has to go")
        for child in tables.below(part):
            _, local = child.link
            if local.name in names and child.is_lookup:
                where = f"{part.table.name}.{local.name}"
                raise MappingError(f"{object}: {names[local.name]} is in {where}, which the lookup {child.name} sets")


def _refuse_columns_with_a_role(tables: Tables, object: str) -> None:
    """Refuse a property in a column that is written for another reason: its value would be lost."""
    roles: dict[str, tuple[Any, ...]] = {"key": (tables.key,), "created": (tables.created,)}
    roles |= {"modified": tuple(part.modified for part in tables.parts)}
    roles |= {"deleted": (tables.deleted[1],) if tables.deleted is not None else ()}
    for role, columns in roles.items():
        for part in tables.parts:
            for name, column in part.columns.items():
                if part.is_lookup or not any(column is each for each in columns):
                    continue
                where = f"{part.table.name}.{column.name}"
                raise MappingError(f"{object}: {name} is in {where}, which {role}= names, too: one has to go")


def _refuse_one_row_twice(tables: Tables, key: Key, object: str) -> None:
    """Refuse two properties in one column of one row, that two joins lead to."""
    seen: dict[tuple[Any, ...], tuple[str, str]] = {}
    for part in tables.parts:
        if part.is_lookup:
            continue
        row: tuple[Any, ...] = (part.table.fullname,)
        if part.above is not None:
            remote, local = part.link
            is_main = part.above is tables.main and part.table.fullname == tables.main.table.fullname
            if not (is_main and (remote.name,) == (local.name,) == tuple(c.name for c in key.columns)):
                told = repr(sorted(part.fixed.items(), key=str))
                row = (part.table.fullname, part.above.name, remote.name, local.name, told)
        for name, column in part.columns.items():
            known = seen.setdefault((*row, column.name, part.path(name)), (name, part.name))
            if known != (name, part.name):
                where = f"{part.table.name}.{column.name}"
                raise MappingError(f"{object}: {known[0]} and {name} are both in {where}, by two joins: one has to go")


LOOKED_AT = 50  # marks of deleted rows


def _refuse_marks_that_say_nothing(engine: sa.Engine, tables: Tables, object: str) -> None:
    """Refuse a mark of deletion that holds other texts than yes, no and times: `active` is none."""
    if tables.deleted is None:
        return
    part, column = tables.deleted
    if not isinstance(column.type, sa.String):
        return
    told = sa.cast(column, sa.String()) if getattr(column.type, "enums", None) else column
    query = sa.select(told).where(column.is_not(None), sa.func.lower(told).not_in(NOT_DELETED)).limit(LOOKED_AT)
    with engine.connect() as connection:
        for cell in connection.execute(query).scalars():
            if said(str(cell)) is None and stamp_of(cell, of_day=True) is None and not str(cell).strip().isdigit():
                raise MappingError(
                    f"{object}: {part.table.name}.{column.name} holds texts that are neither yes, nor no, nor a time: "
                    "it does not say which rows are deleted; where= picks those that are there"
                )


def _shared_ids(engine: sa.Engine, tables: Tables, key: Key, object: str) -> Iterator[Finding]:
    main = tables.main
    names = [column.name for column in key.columns]
    if main.seen.tells_rows_apart({*names, *main.fixed}):
        return
    called = ", ".join(names)
    if set(names) < set(main.seen.key):
        whole = ", ".join(map(repr, main.seen.key))
        raise MappingError(
            f"{object}: several rows of {main.table.name} may have one {called}: its key is id=({whole})"
        )
    several = (
        sa.select(*key.columns)
        .where(*main.where, *(column.is_not(None) for column in key.columns))
        .group_by(*key.columns)
        .having(sa.func.count() > 1)
        .limit(1)
    )
    with engine.connect() as connection:
        if connection.execute(several).first() is not None:
            raise MappingError(
                f"{object}: several rows of {main.table.name} have one {called}: an edit of one would change them all"
            )
    if not main.seen.is_view:
        what = f"no key of the database keeps rows of {main.table.name} from sharing one {called}"
        yield Finding("warning", object, what, "give it a UNIQUE index; every complete run looks at it")


def _rows_without_id(engine: sa.Engine, tables: Tables, key: Key, object: str) -> Iterator[Finding]:
    main = tables.main
    may_lack = [column.is_(None) for column in key.columns if column.name not in main.seen.required]
    if not may_lack or main.seen.is_view:
        return
    lacking = sa.select(sa.literal(1)).select_from(main.table).where(*main.where, sa.or_(*may_lack)).limit(1)
    with engine.connect() as connection:
        if connection.execute(lacking).first() is not None:
            called = " and ".join(column.name for column in key.columns)
            what = f"rows of {main.table.name} without {called} take no part"
            yield Finding("warning", object, what, "nothing tells them apart: give each of them one")


def _zone_of(engine: sa.Engine, table: str) -> str:
    """The time zone in which a database fills in times that have none."""
    with engine.connect() as connection:
        match engine.dialect.name:
            case "postgresql":
                return str(connection.exec_driver_sql("SHOW timezone").scalar_one())
            case "mysql" | "mariadb":
                sql = "SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW()), @@session.time_zone, @@system_time_zone"
                minutes, session, system = connection.exec_driver_sql(sql).one()
                return "UTC" if not minutes else str(system if session == "SYSTEM" else session)
            case "sqlite":
                sql = "SELECT lower(sql) FROM sqlite_master WHERE lower(tbl_name) = lower(:name) AND sql IS NOT NULL"
                texts: Any = connection.execute(sa.text(sql), {"name": table}).scalars()
                return "that of its machine ('localtime')" if any("localtime" in text for text in texts) else "UTC"
            case _:
                return "UTC"


def refuse_one_table_for_two(given: Mapping[str, SqlTable]) -> None:
    """Refuse one table for two kinds of records, unless each of its rows is of one of them by `where`.

    Raises:
        MappingError: naming the table.
    """
    named = list(given.items())
    for place, (object, table) in enumerate(named):
        for other_object, other in named[:place]:
            if (table.name, table.schema) != (other.name, other.schema):
                continue
            common = table.where.keys() & other.where.keys()
            if not any(_several(table.where[name]).isdisjoint(_several(other.where[name])) for name in common):
                raise MappingError(
                    f"{other_object} and {object} are both in {table.name}, and each of its rows would be one of each: "
                    "where= picks those of either"
                )


def _several(value: Any) -> set[Any]:
    return set(value) if isinstance(value, (list, tuple, set, frozenset)) else {value}
