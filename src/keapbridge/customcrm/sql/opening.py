"""Opening a database, telling what its errors mean, and what is left of a declaration when columns are lost."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, OperationalError, ProgrammingError
from sqlalchemy.pool import StaticPool

from keapbridge.customcrm.sql.documents import split
from keapbridge.customcrm.sql.table import SqlJoin, SqlLookup, SqlTable
from keapbridge.errors import NoAnswerError, TransportError
from keapbridge.model.given import missing_driver

__all__ = ["create_engine", "database_of", "is_outage", "may_lack_a_column", "unopened", "without_lost"]

_LOGGING_NAME = "keapbridge"

# What databases say of a wrong password, of a name that there is not, and of a file that cannot be opened.
_FOR_GOOD = (
    "authentication failed",
    "access denied",
    "does not exist",
    "unknown database",
    "unable to open",
    "no such",
)


def database_of(url: sa.URL) -> str | None:
    """The name of a database; a file has the same one from every folder."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url.database if url.host else None
    return str(Path(url.database).absolute())


def create_engine(url: str) -> sa.Engine:
    # A host that logs everything would log every row; it can still ask for this logger.
    logger = logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGING_NAME}")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    options: dict[str, Any] = {"hide_parameters": True, "logging_name": _LOGGING_NAME}
    if url in {"sqlite://", "sqlite:///:memory:"}:
        return sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False}, **options)
    return sa.create_engine(url, pool_pre_ping=True, **options)


def unopened(error: Exception) -> TransportError:
    kind = NoAnswerError if is_outage(error) else TransportError
    return kind(f"cannot open the database: {type(error).__name__}{_more(error)}", sent=False)


def _more(error: Exception) -> str:
    """What helps, without the URL, which may hold a password."""
    if isinstance(error, ImportError):
        return f": {missing_driver(error)}"
    if isinstance(error, ArgumentError):
        return ": target takes a SQLAlchemy URL, such as sqlite:///crm.db or postgresql+psycopg://…"
    if "unable to open database file" in str(error):
        return ": its file cannot be opened; look whether its folder is there"
    return ""


def is_outage(error: Exception) -> bool:
    """Whether a database does not answer for now: it is down, or locked; what is wrong for good is said otherwise."""
    if not isinstance(error, OperationalError):
        return False
    said = str(error.orig).casefold()
    return not any(words in said for words in _FOR_GOOD)


def may_lack_a_column(error: DBAPIError) -> bool:
    """Whether it can be an error of a column that there is not; only PostgreSQL tells in the words of its locale."""
    return isinstance(error, ProgrammingError) or "column" in str(error.orig).casefold()


def without_lost(look: sa.Inspector, given: SqlTable) -> SqlTable:
    """The declaration without the properties whose columns are lost."""

    def there(name: str, schema: str | None) -> set[str]:
        try:
            return {column["name"] for column in look.get_columns(name, schema)}
        except NoSuchTableError:
            return set()

    def is_in(column: str | None, found: set[str]) -> bool:
        return column is not None and (column in found or split(column)[0] in found)

    main = there(given.name, given.schema)
    columns = {name: column if is_in(column, main) else None for name, column in given.columns.items()}
    joins: list[SqlJoin] = []
    for join in given.joins:
        found = there(join.table, join.schema)
        joins.append(attrs.evolve(join, columns={n: c for n, c in join.columns.items() if is_in(c, found)}))
        columns |= {n: None for n, c in join.columns.items() if not is_in(c, found)}  # nor is another one meant
    lookups: list[SqlLookup] = []
    for lookup in given.lookups:
        found = there(lookup.table, lookup.schema)
        left = {n: c for n, c in lookup.columns.items() if c in found}
        if left:
            lookups.append(attrs.evolve(lookup, columns=left))
        columns |= {n: None for n, c in lookup.columns.items() if c not in found}
    return attrs.evolve(given, columns=columns, joins=joins, lookups=lookups)
