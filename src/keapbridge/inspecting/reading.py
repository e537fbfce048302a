"""The only part that asks the database: its schema, and a few rows of each table that may be meant. It never writes.

Its connections can only read, and what takes too long there ends by itself. Nothing is asked whose cost grows with a
table: no count, no look for the largest; rows come by the primary key, from both ends.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, SingletonThreadPool, StaticPool

from keapbridge.customcrm.sql.opening import create_engine, unopened
from keapbridge.customcrm.sql.refusals import words_of_database
from keapbridge.inspecting.naming import table_scores
from keapbridge.inspecting.places import with_places
from keapbridge.inspecting.relations import about, may_relate
from keapbridge.inspecting.schema import Column, Family, ForeignKey, Schema, Table

__all__ = ["opened", "read_schema", "with_rows"]

SECONDS = 5  # of one question, where the database counts them
STEPS = 20_000_000  # of one question in SQLite, which counts no seconds: about one of them
TABLES = 80  # of which rows are read
RELATIONS = 40  # more of them, which may say what belongs to a record
_LONG = 400  # characters of a text that are read


@contextmanager
def opened(target: str | sa.Engine) -> Iterator[sa.Engine]:
    """An engine whose connections can only read.

    Raises:
        TransportError: when the database cannot be opened.
    """
    try:
        engine = _of_url(target) if isinstance(target, str) else _beside(target)
    except (SQLAlchemyError, ImportError) as error:
        raise unopened(error) from None
    try:
        yield engine
    except DBAPIError as error:
        raise unopened(error) from None
    finally:
        if engine is target:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA query_only = OFF")
        else:
            engine.dispose()


def _of_url(url: str) -> sa.Engine:
    made = sa.make_url(url)
    path = made.database
    if made.get_backend_name() != "sqlite" or not path or path == ":memory:":
        return _limited(create_engine(url))
    # Named as it is, SQLite would make a file that there is not.
    name = path if path.startswith("file:") else Path(path).absolute().as_uri()
    address = name if "mode=" in name else f"{name}{'&' if '?' in name else '?'}mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, check_same_thread=False)

    return _limited(sa.create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True))


def _beside(engine: sa.Engine) -> sa.Engine:
    """An engine for the same database, over connections of its own: those of the host stay as they are."""
    if isinstance(engine.pool, (StaticPool, SingletonThreadPool)):  # in memory: there is no other connection to it
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        return engine
    creator: Any = engine.pool._creator  # noqa: SLF001 - the only thing that knows how the host connects
    return _limited(sa.create_engine(engine.url, creator=creator, poolclass=NullPool, hide_parameters=True))


def _limited(engine: sa.Engine) -> sa.Engine:
    @event.listens_for(engine, "connect")
    def _only_read(connection: Any, _: Any) -> None:
        _limit(engine.dialect.name, connection)

    return engine


def _limit(dialect: str, connection: Any) -> None:
    if dialect == "sqlite":
        connection.execute("PRAGMA query_only = ON")
        left = [STEPS // 100_000]

        def tick() -> int:
            left[0] -= 1
            return left[0] < 0

        connection.set_progress_handler(tick, 100_000)
        return
    statements = {
        "postgresql": (f"SET statement_timeout = '{SECONDS}s'", "SET default_transaction_read_only = on"),
        "mysql": ("SET SESSION TRANSACTION READ ONLY", f"SET SESSION max_statement_time = {SECONDS}"),
        "mariadb": ("SET SESSION TRANSACTION READ ONLY", f"SET SESSION max_statement_time = {SECONDS}"),
    }.get(dialect, ())
    cursor = connection.cursor()
    for statement in statements:
        try:
            cursor.execute(statement)
        except Exception:
            if "max_statement_time" not in statement:
                raise
            cursor.execute(f"SET SESSION max_execution_time = {SECONDS * 1000}")
    cursor.close()
    if dialect == "postgresql":
        connection.commit()


# --- the schema -----------------------------------------------------------------------------------------------------


def read_schema(engine: sa.Engine, schema: str | None = None) -> Schema:
    """What a database has, without its rows."""
    look = sa.inspect(engine)
    names = [
        *((name, False) for name in look.get_table_names(schema)),
        *((n, True) for n in look.get_view_names(schema)),
    ]
    columns = look.get_multi_columns(schema, kind=sa.engine.reflection.ObjectKind.ANY)
    keys: Any = look.get_multi_pk_constraint(schema)
    foreign: Any = look.get_multi_foreign_keys(schema)
    on_delete = _on_delete(engine)
    uniques: Any = look.get_multi_unique_constraints(schema)
    # SQLite makes indexes by itself for what is UNIQUE.
    automatic: Any = {"include_auto_indexes": True} if engine.dialect.name == "sqlite" else {}
    indexes: Any = look.get_multi_indexes(schema, **automatic)
    checks = _checks(engine, look, schema)
    triggers = _triggers(engine, schema)
    tables: list[Table] = []
    for name, is_view in names:
        at = (schema, name)
        key = tuple((keys.get(at) or {}).get("constrained_columns") or ())
        found: Any = columns.get(at) or ()
        unique = [tuple(each["column_names"]) for each in uniques.get(at) or ()]
        unique += [
            tuple(i["column_names"]) for i in indexes.get(at) or () if i.get("unique") and None not in i["column_names"]
        ]
        tables.append(
            Table(
                name=name,
                schema=schema,
                columns=tuple(_column(c, engine.dialect.name, key, checks.get(name, ())) for c in found),
                key=key,
                uniques=tuple(dict.fromkeys(each for each in unique if each)),
                foreign_keys=tuple(_foreign_key(each, name, on_delete) for each in foreign.get(at) or ()),
                is_view=is_view,
                triggers=tuple(triggers.get(name, ())),
            )
        )
    offset, zone, now = _clock(engine)
    others = [
        name for name in look.get_schema_names() if name not in _OURS and name != (schema or look.default_schema_name)
    ]
    others = others if engine.dialect.name == "postgresql" else []
    return Schema(
        dialect=engine.dialect.name, tables=tuple(tables), offset=offset, zone=zone, now=now, others=tuple(others)
    )


_OURS = frozenset({"information_schema", "pg_catalog", "pg_toast"})
_FAMILIES: Sequence[tuple[Any, Family]] = (
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.Float, "float"),
    (sa.Numeric, "number"),
    (sa.DateTime, "time"),
    (sa.Date, "date"),
    (sa.Uuid, "uuid"),
    (sa.JSON, "json"),
    (sa.LargeBinary, "binary"),
    (sa.String, "text"),
)


def _family(type_: Any) -> Family:
    if isinstance(type_, sa.types.NullType):
        return "text"  # of SQLite: a column may have no type
    if type(type_).__name__ in {"BIT", "TINYINT"} and getattr(type_, "display_width", 1) == 1:
        return "boolean"
    if type(type_).__name__ in {"JSONB", "JSON", "HSTORE"}:
        return "json"
    if type(type_).__name__ in {"BLOB", "LONGBLOB", "MEDIUMBLOB", "TINYBLOB", "BYTEA", "BINARY", "VARBINARY"}:
        return "binary"
    if type(type_).__name__ in {"TIMESTAMP", "DATETIME"}:
        return "time"
    for kind, family in _FAMILIES:
        if isinstance(type_, kind):
            return family
    return "other"


def _column(found: Any, dialect: str, key: tuple[str, ...], checks: Sequence[str]) -> Column:
    type_, name = found["type"], found["name"]
    default = str(found.get("default") or "")
    counts = found.get("autoincrement") is True or bool(found.get("identity")) or "nextval(" in default
    # SQLite makes numbers for what is declared so, and for nothing else.
    counts = counts or (dialect == "sqlite" and key == (name,) and str(type_).upper() == "INTEGER")
    choices = tuple(getattr(type_, "enums", ())) or _listed(name, checks)
    return Column(
        name=name,
        family="text" if getattr(type_, "enums", ()) else _family(type_),
        length=None if getattr(type_, "enums", ()) else getattr(type_, "length", None),
        choices=choices,
        nullable=bool(found.get("nullable", True)) and name not in key,
        filled=found.get("default") is not None,
        counts=counts,
        computed=found.get("computed") is not None,
        has_zone=bool(getattr(type_, "timezone", False)),
        moves="on update" in default.casefold(),
    )


def _listed(name: str, checks: Sequence[str]) -> tuple[str, ...]:
    """The values of `CHECK (kind IN ('a', 'b'))`, as either database shows it."""
    for text in checks:
        bare = text.replace('"', "").replace("`", "").replace("(", " ").replace("[", " ")
        if (
            re.match(rf"\W*{re.escape(name)}\b.*(\bin\b|= *any)", bare, re.IGNORECASE)
            and " and " not in bare.casefold()
        ):
            return tuple(re.findall(r"'((?:[^']|'')*)'", text))
    return ()


def _checks(engine: sa.Engine, look: sa.Inspector, schema: str | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    if getattr(engine.dialect, "is_mariadb", False):  # which shows those of a column elsewhere
        sql = (
            "SELECT table_name, check_clause FROM information_schema.check_constraints WHERE constraint_schema = :name"
        )
        with engine.connect() as connection:
            for table, text in connection.execute(sa.text(sql), {"name": schema or look.default_schema_name}):
                found[str(table)] = (*found.get(str(table), ()), str(text))
        return found
    with contextlib.suppress(NotImplementedError):
        for (_, name), some in look.get_multi_check_constraints(schema).items():
            found[name] = tuple(str(each["sqltext"]) for each in some)
    return found


def _on_delete(engine: sa.Engine) -> dict[tuple[str, str], str]:
    """What SQLite does with rows that refer to a deleted one, by table and column; others tell it with the key."""
    if engine.dialect.name != "sqlite":
        return {}
    sql = (
        'SELECT m.name, f."from", f.on_delete FROM sqlite_master m, pragma_foreign_key_list(m.name) f'
        " WHERE m.type = 'table'"
    )
    with engine.connect() as connection:
        return {(str(table), str(column)): str(what) for table, column, what in connection.execute(sa.text(sql))}


def _foreign_key(found: Any, table: str, on_delete: dict[tuple[str, str], str]) -> ForeignKey:
    columns = tuple(found["constrained_columns"])
    return ForeignKey(
        columns=columns,
        table=found["referred_table"],
        schema=found.get("referred_schema"),
        remote=tuple(found["referred_columns"]),
        on_delete=str((found.get("options") or {}).get("ondelete") or on_delete.get((table, columns[0]), "")),
    )


_TRIGGERS = {
    "sqlite": "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": (
        "SELECT c.relname, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal AND (t.tgtype & 16) <> 0"
    ),
    "mysql": (
        "SELECT event_object_table, action_statement FROM information_schema.triggers"
        " WHERE event_object_schema = DATABASE() AND event_manipulation = 'UPDATE'"
    ),
}
_TRIGGERS["mariadb"] = _TRIGGERS["mysql"]


def _triggers(engine: sa.Engine, schema: str | None) -> dict[str, list[str]]:
    sql = _TRIGGERS.get(engine.dialect.name)
    found: dict[str, list[str]] = {}
    if sql is None:
        return found
    with engine.connect() as connection:
        for table, text in connection.execute(sa.text(sql)):
            if engine.dialect.name != "sqlite" or " update " in f" {str(text).casefold()} ":
                found.setdefault(str(table), []).append(str(text))
    return found


_CLOCKS = {
    "sqlite": "SELECT NULL, '', strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now')",
    "postgresql": (
        "SELECT extract(timezone FROM now())::int / 60, current_setting('TimeZone'),"
        " to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') || '+00:00'"
    ),
    "mysql": (
        "SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW()),"
        " IF(@@session.time_zone = 'SYSTEM', @@system_time_zone, @@session.time_zone),"
        " CONCAT(DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%s'), '+00:00')"
    ),
}
_CLOCKS["mariadb"] = _CLOCKS["mysql"]


def _clock(engine: sa.Engine) -> tuple[int | None, str, str]:
    """By how many minutes the database's times go before UTC, in which zone, and what it takes to be now."""
    sql = _CLOCKS.get(engine.dialect.name)
    if sql is None:
        return None, "", ""
    with engine.connect() as connection:
        offset, zone, now = connection.exec_driver_sql(
            sql.replace("%", "%%") if engine.dialect.name == "mysql" else sql
        ).one()
    return None if offset is None else int(offset), str(zone), str(now)


# --- rows -----------------------------------------------------------------------------------------------------------


def with_rows(engine: sa.Engine, schema: Schema, sample: int) -> Schema:
    """The same with some rows of each table that may be meant."""
    wanted = _wanted(schema)
    tables = [_sampled(engine, table, sample) if table.title in wanted else table for table in schema.tables]
    return attrs.evolve(schema, tables=tuple(tables))


def _wanted(schema: Schema) -> set[str]:
    """Those whose names say most first."""

    def named(table: Table) -> float:
        scores = table_scores(table.name)
        return max((score for name, score in scores.items() if name != "none"), default=0.0) - scores.get("none", 0.0)

    best = sorted(schema.tables, key=lambda table: (-named(table), table.is_view, table.name))
    mains = [table for table in best[:TABLES] if named(table) > 0]
    related = [table for table in best[TABLES:] if may_relate(table, mains) or about(table.name)]
    return {table.title for table in (*best[:TABLES], *related[:RELATIONS])}


def _sampled(engine: sa.Engine, table: Table, sample: int) -> Table:
    columns = [c for c in table.columns if c.family not in {"binary", "other"}]
    if not columns:
        return table
    source = sa.table(table.name, *(sa.column(c.name) for c in columns), schema=table.schema)
    shown = [_shown(source.c[c.name], c) for c in columns]
    keys = [source.c[name] for name in table.key if name in source.c]
    query = sa.select(*shown)
    queries = [query.limit(sample)]
    if keys:
        half = (sample + 1) // 2
        queries = [query.order_by(*keys).limit(half), query.order_by(*(key.desc() for key in keys)).limit(half)]
    rows: dict[Any, tuple[Any, ...]] = {}
    try:
        with engine.connect() as connection:
            for one in queries:
                for row in connection.execute(one):
                    rows[repr(tuple(row))] = tuple(row)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        said = "it takes too long" if "interrupted" in str(cause) else words_of_database(cause)
        return attrs.evolve(table, unread=said)
    place = {c.name: i for i, c in enumerate(columns)}
    whole = [tuple(row[place[c.name]] if c.name in place else None for c in table.columns) for row in rows.values()]
    return with_places(attrs.evolve(table, rows=tuple(whole)))


def _shown(column: Any, kind: Column) -> Any:
    """What is read of a column: no more than the beginning of a long text."""
    if kind.family != "text" or (kind.length is not None and kind.length <= _LONG) or kind.choices:
        return column
    return sa.func.substr(column, 1, _LONG).label(column.name)
