"""The tables of a store, made or brought up to date: by one at a time, whoever else opens it at the same moment.

On PostgreSQL that is held by an advisory lock, on SQLite by the lock of the file. What is decided is decided under it:
of two statements before it, one may see the tables of another's upgrade, and the other not yet its version.
"""

from __future__ import annotations

import logging
from typing import Any

import attrs
from sqlalchemy import Connection, Engine, Index, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from keapbridge._flow.drivers import SyncDriver
from keapbridge.errors import LinkStoreError
from keapbridge.store import schema
from keapbridge.store.engines import cannot, reason, schema_of
from keapbridge.store.retries import PassingError, is_passing, retrying

__all__ = ["Migrated", "bring_up_to_date", "is_not_allowed", "lock"]

LOGGER = logging.getLogger("keapbridge.store")
_MIGRATING = 0x6B656170  # PostgreSQL's number for the lock of who migrates
_LOCKED = "5s"  # a table that somebody holds for longer keeps all others waiting behind the upgrade: it is tried again

_INDEXES = text(
    "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid "
    "AND c.relname LIKE '%keapbridge%' AND CASE WHEN CAST(:schema AS text) IS NULL THEN pg_table_is_visible(c.oid) "
    "ELSE c.relnamespace = to_regnamespace(quote_ident(:schema)) END"
)

_RESTORE = "Restore a backup of it"
_NOT_ALLOWED = frozenset({"42501", "3F000"})  # no right to it; no schema in which anything could be made


@attrs.frozen
class Migrated:
    """What became of a store.

    Attributes:
        before: the version of the schema that it had; `None` for one that has been made now.
        after: the version that it has, which is the one of this keapbridge.
        queue: what became of the tables of a fleet's queue; empty where they were not asked for.
    """

    before: str | None
    after: str
    queue: str = ""

    def __str__(self) -> str:
        return f"{self._store()}\n{self.queue}" if self.queue else self._store()

    def _store(self) -> str:
        if self.before is None:
            return f"a new store was made (schema {self.after})"
        if self.before == self.after:
            return f"the store is up to date (schema {self.after})"
        return f"the store was brought from schema {self.before} to {self.after}"


def bring_up_to_date(engine: Engine) -> Migrated:
    """Bring the tables to the schema of this version, if they are those of a version that is known.

    Raises:
        LinkStoreError: when it is a version that is not known, or the role may not do it.
    """
    with engine.connect() as connection:
        before = _look(connection)
        lost = _lost(connection) if before == schema.HEAD else []
    if lost:
        _make_again(engine, lost)
    if before == schema.HEAD:
        return Migrated(before, before)
    before = SyncDriver().run(retrying("upgrade", lambda: _upgrade(engine)))
    if before == schema.HEAD:
        LOGGER.debug("another process has brought the store up to date meanwhile")
    elif before is None:
        LOGGER.info("a new store was made")
    else:
        LOGGER.info("the store was brought from schema %s to %s", before, schema.HEAD)
    return Migrated(before, schema.HEAD)


def _look(connection: Connection) -> str | None:
    """The version, before any lock is taken: `None` where it takes one to be sure."""
    try:
        versions = _versions(connection)
    except SQLAlchemyError as error:
        if is_not_allowed(error):
            raise cannot(
                f"its role may not read its tables ({reason(error)}). Grant it SELECT, INSERT, UPDATE, DELETE on them"
            ) from None
        raise
    return _known(versions) if versions else None


def _make_again(engine: Engine, lost: list[Index]) -> None:
    """Indexes that a restore or a load of many rows has left out, because it was cut off: nothing else would notice."""
    names = ", ".join(str(index.name) for index in lost)
    try:
        SyncDriver().run(retrying("upgrade", lambda: _upgrade(engine)))
    except LinkStoreError as error:
        LOGGER.warning("the store lacks %s, and this role cannot make it: everything takes longer. %s", names, error)
    else:
        LOGGER.info("the store lacked %s, made again", names)


def _lost(connection: Connection) -> list[Index]:
    """The indexes that are not there, or not to be relied on."""
    if connection.dialect.name == "postgresql":
        there = set(connection.execute(_INDEXES, {"schema": schema_of(connection.engine)}).scalars())
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'index'"
        there = {*connection.exec_driver_sql(query).scalars(), *(index.name for index in schema.match_keys.indexes)}
    return [index for table in schema.metadata.sorted_tables for index in table.indexes if index.name not in there]


def _upgrade(engine: Engine) -> str | None:
    """One try, in one transaction; the version that was there before."""
    from keapbridge.store.migrations import upgrade

    known: str | None = None
    committing = False
    try:
        with engine.connect() as connection:
            is_postgresql = engine.dialect.name == "postgresql"
            if is_postgresql:
                # A snapshot of the moment before the lock would show tables that are outdated by then.
                connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                if is_postgresql:
                    lock(connection, schema_of(engine))
                else:
                    _lock_file(connection)
                known = _judge(connection)
                if known != schema.HEAD:
                    upgrade(connection, known)
                for index in _lost(connection):
                    index.drop(connection, checkfirst=True)  # one that is there and not valid
                    index.create(connection)
                committing = True
    except SQLAlchemyError as error:
        if is_not_allowed(error):
            raise cannot(_not_allowed(known, error)) from None
        if is_passing(error, committing=committing, has_waited=False):
            raise PassingError(f"cannot open the link store: its upgrade failed: {reason(error)}") from None
        raise
    return known


def lock(connection: Connection, name: str | None) -> None:
    """Be the only one that makes or changes tables, until the transaction ends; those of a schema, which is made."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCKED}'")
    if name is not None:
        if not inspect(connection).has_schema(name):
            connection.execute(CreateSchema(name))
        # Not all of Alembic's statements take a schema from elsewhere.
        connection.execute(text("SELECT set_config('search_path', quote_ident(:name), true)"), {"name": name})


def _lock_file(connection: Connection) -> None:
    """Let an engine of the host's begin now; by itself it may only begin as of the first row that is written."""
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _judge(connection: Connection) -> str | None:
    versions = _versions(connection)
    if versions:
        return _known(versions)
    if inspect(connection).has_table(schema.links.name, schema=schema_of(connection.engine)):
        raise cannot(
            f"its tables are there, but not the row that tells their version ({schema.versions.name}). {_RESTORE}"
        )
    return None


def _known(versions: list[str]) -> str:
    if versions == [schema.HEAD]:
        return schema.HEAD
    from keapbridge.store.migrations import known_versions

    version = " and ".join(versions)
    if version in known_versions():
        return version
    newer = version.isdigit() and version > schema.HEAD
    what = "was made by a newer keapbridge" if newer else "has a schema that is not known"
    remedy = "Update keapbridge, or go back to the backup that was made before" if newer else _RESTORE
    raise cannot(f"it {what} (schema {version[:20]}, this version has {schema.HEAD}). {remedy}")


def _versions(connection: Connection) -> list[str]:
    """The version of the schema; none for a database in which there is no store yet."""
    name = schema_of(connection.engine)
    if not inspect(connection).has_table(schema.versions.name, schema=name):
        return []
    return list(connection.execute(schema.versions.select()).scalars())


def _not_allowed(known: str | None, error: SQLAlchemyError) -> str:
    what = (
        "there is no store in the database yet, or this role does not see it"
        if known is None
        else f"it has schema {known}, and this version of keapbridge needs {schema.HEAD}"
    )
    return (
        f"{what}; the role that it is opened with may not change tables ({reason(error)}). Run once, with a role that "
        "owns them: keapbridge migrate URL, or keapbridge.migrate(url)"
    )


def is_not_allowed(error: SQLAlchemyError) -> bool:
    """Whether the role lacks a right."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _NOT_ALLOWED
