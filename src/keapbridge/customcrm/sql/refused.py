"""What a declaration would destroy, or miss, in a database as it is: refused before a record is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from keapbridge.customcrm.sql.keys import Key
from keapbridge.customcrm.sql.parts import Tables
from keapbridge.customcrm.sql.reflected import has_zone, holds_days
from keapbridge.customcrm.sql.table import SqlTable
from keapbridge.errors import MappingError
from keapbridge.model.finding import Finding

__all__ = ["refuse_harm"]

_UTC = frozenset({"UTC", "Etc/UTC", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT", "Universal", "GMT", "Etc/GMT", "+00:00"})


def refuse_harm(engine: sa.Engine, tables: Tables, key: Key, given: SqlTable, object: str) -> Iterator[Finding]:
    """What is to be known of the tables of a declaration.

    Raises:
        MappingError: for ids that several rows share, several properties in one column, and times whose zone is not
            told and is not UTC.
    """
    _refuse_shared_columns(tables, object)
    yield from _shared_ids(engine, tables, key, object)
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
        for name, column in part.columns.items():
            if column.name in names:
                where = f"{part.table.name}.{column.name}"
                raise MappingError(f"{object}: {names[column.name]} and {name} are both in {where}: one has to go")
            names[column.name] = name
        for set_ in part.on_write:
            if set_ in names:
                where = f"{part.table.name}.{set_}"
                raise MappingError(f"{object}: {names[set_]} is in {where}, which on_write= sets: one has to go")
        for child in tables.below(part):
            _, local = child.link
            if local.name in names and child.is_lookup:
                where = f"{part.table.name}.{local.name}"
                raise MappingError(f"{object}: {names[local.name]} is in {where}, which the lookup {child.name} sets")


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
