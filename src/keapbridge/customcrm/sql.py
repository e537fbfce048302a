"""A relational database as the Customcrm: tables or views per object, read and written through SQLAlchemy.

An adapter like any other. It looks at the tables when it is made and refuses what cannot work, naming table and column.
Written for SQLite, PostgreSQL and MySQL; tested with the first two.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar, cast, get_args, get_type_hints

import attrs
import sqlalchemy as sa
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    NoSuchTableError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.pool import StaticPool

from keapbridge.customcrm.adapter import ENDPOINTS, AdapterCapabilities, AdapterPage
from keapbridge.customcrm.address import address_of_database
from keapbridge.customcrm.sql_cells import CellError, Reader
from keapbridge.customcrm.sql_refusals import words_of_database
from keapbridge.customcrm.sql_words import said, spelt
from keapbridge.errors import (
    ConflictError,
    MappingError,
    NoAnswerError,
    NotFoundError,
    StatusError,
    StoppedError,
    TransportError,
)
from keapbridge.model.checked import asked_id
from keapbridge.model.given import keywords, missing_driver, one_of, whole
from keapbridge.model.maybe import Unreadable
from keapbridge.model.meant import is_meant
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = ["SqlCustomcrm", "SqlJoin", "SqlTable"]

T = TypeVar("T")

# What databases say of a wrong password, of a name that there is not, and of a file that cannot be opened.
_FOR_GOOD = (
    "authentication failed",
    "access denied",
    "does not exist",
    "unknown database",
    "unable to open",
    "no such",
)

_LOGGING_NAME = "keapbridge"
_OWN = {"Id", "CreatedAt", "UpdatedAt", "ETag"}
_UUID_TEXT = 32
SPELLINGS = 20  # cells of a column that are looked at to learn how it spells yes and no


@keywords()
@attrs.frozen
class SqlJoin:
    """A second table with a part of the record, such as its address: at most one row for a record.

    Attributes:
        table: its name.
        on: the column that holds the id of the record.
        columns: property → column.
        where: column → value, for what tells the row from others of the record (`{"Kind": "billing"}`). A row that is
            made gets these values.
        modified: the column with the time of its last change. Without it changes of this table alone cannot be listed,
            and every run reads everything.
        schema: the database schema it is in, where it is not the default one.
    """

    table: str
    on: str
    columns: Mapping[str, str]
    where: Mapping[str, Any] = attrs.field(factory=dict)
    modified: str | None = None
    schema: str | None = None


def _as_tuple(joins: Sequence[SqlJoin]) -> tuple[SqlJoin, ...]:
    return tuple(joins)


@keywords()
@attrs.frozen
class SqlTable:
    """The table, or the view, with the records of one kind.

    Properties are found in columns of the same name, whatever their case and underscores (`FirstName` in `first_name`).

    Attributes:
        name: of the table or view.
        id: the column with the id: a number, a text or a UUID.
        columns: property → column where the names differ, also for the host's own properties; `None` for a property
            that shall not take part although there is a column.
        modified: the column with the time of the last change; in UTC where it has no time zone. Without it every run
            reads everything.
        created: the column with the time when the record was made. It tells a row that was given the id of a deleted
            one.
        deleted: a column for soft deletion: a time, a boolean or a number. A record is there while it is empty, false
            or 0. Without it records are deleted.
        key: a unique text column that keeps the key of a create, so that it can be repeated where the database makes
            the ids.
        constants: property → value, for what all records have in common (`{"Currency": "USD"}`).
        joins: further tables with parts of the record.
        new_id: makes an id from the key of a create. By default the database makes numbers and what has a default, and
            other ids are UUIDs made from the key.
        touch: set `modified` with every write; not needed where a trigger does it.
        schema: the database schema it is in, where it is not the default one.
    """

    name: str
    id: str = attrs.field(default="Id", kw_only=True)
    columns: Mapping[str, str | None] = attrs.field(factory=dict, kw_only=True)
    modified: str | None = attrs.field(default=None, kw_only=True)
    created: str | None = attrs.field(default=None, kw_only=True)
    deleted: str | None = attrs.field(default=None, kw_only=True)
    key: str | None = attrs.field(default=None, kw_only=True)
    constants: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    joins: Sequence[SqlJoin] = attrs.field(default=(), converter=_as_tuple, kw_only=True)
    new_id: Callable[[str], Any] | None = attrs.field(default=None, kw_only=True)
    touch: bool = attrs.field(default=True, kw_only=True)
    schema: str | None = attrs.field(default=None, kw_only=True)

    @classmethod
    def from_toml(cls, source: str) -> SqlTable:
        """A table from a text that is TOML: its keys are the attributes, `false` stands for `None`.

        Functions are named as `module:name`, and a value that TOML lacks is `{empty = true}` or `{decimal = "12.50"}`.

        Raises:
            ValueError: naming the key, for a key that is not known and a value that cannot be.
        """
        import tomllib

        from keapbridge.customcrm.sql_toml import table_from

        return table_from(tomllib.loads(source))

    def to_toml(self) -> str:
        """The table as TOML, which `from_toml` reads again: what is not as by default.

        Raises:
            ValueError: for a function that has no name in a module.
        """
        from keapbridge._toml.writing import dumps
        from keapbridge.customcrm.sql_toml import table_table

        return dumps(table_table(self))


@keywords()
class SqlCustomcrm:
    """A Customcrm that is a database; a session takes it like a client. Close it, or use it as a context manager.

    Writes are transactions. An update names the state that it was made for (`ETag`, a digest of the record) and is a
    `ConflictError` when the row holds something else by now. Rows of a table are locked between that look and the
    write, rows of a view are not.

    A column with a property that is dropped meanwhile is a property that records do not show; it is looked for again
    with every list.

    Args:
        target: a SQLAlchemy URL or the host's own engine.
        contacts: where the contacts are; an object without a table takes no part.
        customers: where the customers are.
        products: where the products are.
        page_size: records in one question.

    Raises:
        MappingError: for tables and columns that do not exist, and views that cannot be written.
        TransportError: when the database cannot be opened; a `NoAnswerError`, which is a `TryLaterError`, while it is
            down or locked.
    """

    def __init__(
        self,
        target: str | sa.Engine,
        *,
        contacts: SqlTable | None = None,
        customers: SqlTable | None = None,
        products: SqlTable | None = None,
        page_size: int = 500,
    ) -> None:
        one_of("target", target, (str, sa.Engine), "a SQLAlchemy URL or an Engine, such as 'sqlite:///crm.db'")
        whole("page_size", page_size, least=1, example=500)
        tables = {CONTACTS: contacts, CUSTOMERS: customers, PRODUCTS: products}
        for name, table in tables.items():
            if table is not None:
                one_of(name, table, SqlTable, f"where they are, {name}=kb.SqlTable('people', id='id')")
        self._given = {name: table for name, table in tables.items() if table is not None}
        self._owned = isinstance(target, str)
        self._page_size = page_size
        self._closed = False
        try:
            self._engine = _create(target) if isinstance(target, str) else target
            look = sa.inspect(self._engine)
            self._tables = {name: _Rows(self._engine, look, name, table) for name, table in self._given.items()}
        except (SQLAlchemyError, ImportError) as error:
            raise _unopened(error) from None
        self._had = {name: rows.properties for name, rows in self._tables.items()}
        if not self._tables:
            raise MappingError("a SqlCustomcrm needs at least one table: contacts=, customers= or products=")
        self.objects = tuple(self._tables)

    @property
    def capabilities(self) -> AdapterCapabilities:
        """What all of its tables can do."""
        rows = self._tables.values()
        changes = all(table.lists_changes for table in rows)
        return AdapterCapabilities(
            changes_since=changes,
            tells_deletions=changes and all(table.given.deleted for table in rows),
            conditional_updates=True,
            idempotent_creates=all(table.creates_once for table in rows),
            batch_read=True,
            parallel_calls=self._engine.dialect.name != "sqlite",
        )

    @property
    def address(self) -> str:
        """What names the database: its kind, its host or file and its name, without who signs in."""
        url = self._engine.url
        return address_of_database(url.get_backend_name(), url.host, url.port, _database_of(url))

    def properties(self, object: str) -> frozenset[str]:
        """The names of the properties that have a column; looked for again as long as one is lost."""
        with self._transaction(object):
            self._find_lost(object)
        return self._tables[object].properties

    def place_of(self, object: str, property: str) -> str:
        """The column and the table that a property is kept in, for people; empty where it has none."""
        return self._tables[object].place_of(property)

    def required(self, object: str) -> frozenset[str]:
        """What a row cannot be made without: the properties of columns that are never empty, and other such columns.

        Texts do not count, for those can be "".
        """
        return self._tables[object].required

    def declared(self, object: str) -> frozenset[str]:
        """The properties that the declaration of its tables names."""
        given = self._given[object]
        named = {name for name, column in given.columns.items() if column is not None}
        return frozenset(named.union(given.constants, *(join.columns for join in given.joins)))

    def list_changes(self, object: str, since: datetime | None, cursor: str | None, /) -> AdapterPage:
        """See `CustomcrmAdapter.list_changes`."""
        return self._ask(object, object, lambda rows, c: rows.page(c, since, cursor, self._page_size), cursor is None)

    def get_many(self, object: str, ids: Sequence[str], /) -> Sequence[Mapping[str, Any]]:
        """See `CustomcrmAdapter.get_many`."""
        return self._ask(object, object, lambda rows, c: rows.read(c, ids))

    def create(self, object: str, record: Mapping[str, Any], key: str, /) -> Mapping[str, Any]:
        """See `CustomcrmAdapter.create`."""
        return self._ask(object, object, lambda rows, c: rows.create(c, record, key))

    def update(self, object: str, id: str, changes: Mapping[str, Any], version: str | None, /) -> Mapping[str, Any]:
        """See `CustomcrmAdapter.update`."""
        return self._ask(object, f"{object} {id}", lambda rows, c: rows.update(c, id, changes, version))

    def update_together(
        self, object: str, writes: Sequence[tuple[str, Mapping[str, Any], str | None]], /
    ) -> Sequence[Mapping[str, Any]]:
        """See `CustomcrmAdapter`."""
        subject = f"{object} {' and '.join(id for id, _, _ in writes)}"
        return self._ask(object, subject, lambda rows, c: rows.update_together(c, writes))

    def delete(self, object: str, id: str, version: str | None, /) -> None:
        """See `CustomcrmAdapter.delete`."""
        self._ask(object, f"{object} {id}", lambda rows, c: rows.delete(c, id, version))

    def close(self) -> None:
        """Close the connections, unless the engine is the host's own; nothing more is asked of the database."""
        self._closed = True
        if self._owned:
            self._engine.dispose()

    def _ask(self, object: str, subject: str, work: Callable[[_Rows, sa.Connection], T], is_list: bool = False) -> T:
        """Do this in a transaction, and once more if it fails because a column is not there any more."""
        if self._closed:
            raise StoppedError(f"{subject}: this SqlCustomcrm is closed; open another one, kb.SqlCustomcrm(…)")
        with self._transaction(subject):
            if is_list:
                self._find_lost(object)
            rows = self._tables[object]
            try:
                return self._done(rows, work)
            except (OperationalError, ProgrammingError) as error:
                if not _may_lack_a_column(error) or not self._look_again(object):
                    raise
            return self._done(self._tables[object], work)

    def _done(self, rows: _Rows, work: Callable[[_Rows, sa.Connection], T]) -> T:
        """Do this, and where a row cannot be read, all of it once more with more patience."""
        try:
            with self._engine.begin() as connection:
                return work(rows, connection)
        except CellError:
            with self._engine.begin() as connection:
                return work(rows.patiently(), connection)

    def _find_lost(self, object: str) -> None:
        if self._tables[object].properties != self._had[object]:
            self._look_again(object)

    def _look_again(self, object: str) -> bool:
        """Find out which columns there are now; whether others than before.

        Raises:
            MappingError: when there is no such table any more, or it lacks what is no property, such as its id.
        """
        given = self._given[object]
        look = sa.inspect(self._engine)
        before = self._tables[object].properties
        self._tables[object] = _Rows(self._engine, look, object, _without_lost(look, given))
        return before != self._tables[object].properties

    @contextmanager
    def _transaction(self, subject: str) -> Iterator[None]:
        # Never chained: SQLAlchemy's errors show the values of the statement.
        try:
            yield
        except IntegrityError as error:
            # The first line names constraints and columns; what follows may show values.
            raise StatusError(f"{subject}: refused by the database: {_first_line(error)}", status=422) from None
        except OperationalError as error:
            kind = NoAnswerError if _is_outage(error) else TransportError
            raise kind(f"{subject}: the database failed: {words_of_database(error.orig)}", sent=True) from None
        except DBAPIError as error:
            words = words_of_database(error.orig)
            raise StatusError(f"{subject}: refused by the database: {words}", status=422) from None
        except StatementError as error:
            words = words_of_database(error.orig)
            raise StatusError(f"{subject}: a value that its column cannot take: {words}", status=422) from None
        except UnicodeError:
            raise StatusError(f"{subject}: a text that is no Unicode", status=422) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SqlCustomcrm {self._engine.dialect.name}: {', '.join(self.objects)}>"


def _database_of(url: sa.URL) -> str | None:
    """The name of a database; a file has the same one from every folder."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url.database if url.host else None
    return str(Path(url.database).absolute())


def _unopened(error: Exception) -> TransportError:
    kind = NoAnswerError if _is_outage(error) else TransportError
    more = f": {missing_driver(error)}" if isinstance(error, ImportError) else ""
    return kind(f"cannot open the database: {type(error).__name__}{more}", sent=False)


def _is_outage(error: Exception) -> bool:
    """Whether a database does not answer for now: it is down, or locked; what is wrong for good is said otherwise."""
    if not isinstance(error, OperationalError):
        return False
    said = str(error.orig).casefold()
    return not any(words in said for words in _FOR_GOOD)


def _first_line(error: IntegrityError) -> str:
    return (str(error.orig).splitlines() or [""])[0][:200]


def _may_lack_a_column(error: DBAPIError) -> bool:
    """Whether it can be an error of a column that there is not; only PostgreSQL tells in the words of its locale."""
    return isinstance(error, ProgrammingError) or "column" in str(error.orig).casefold()


def _without_lost(look: sa.Inspector, given: SqlTable) -> SqlTable:
    """The declaration without the properties whose columns are lost."""

    def there(name: str, schema: str | None) -> set[str]:
        try:
            return {column["name"] for column in look.get_columns(name, schema)}
        except NoSuchTableError:
            return set()

    main = there(given.name, given.schema)
    columns = {name: column if column in main else None for name, column in given.columns.items()}
    joins: list[SqlJoin] = []
    for join in given.joins:
        found = there(join.table, join.schema)
        joins.append(attrs.evolve(join, columns={n: c for n, c in join.columns.items() if c in found}))
        columns |= {n: None for n, c in join.columns.items() if c not in found}  # nor is another one meant
    return attrs.evolve(given, columns=columns, joins=joins)


def _create(url: str) -> sa.Engine:
    # A host that logs everything would log every row; it can still ask for this logger.
    logger = logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGING_NAME}")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    options: dict[str, Any] = {"hide_parameters": True, "logging_name": _LOGGING_NAME}
    if url in {"sqlite://", "sqlite:///:memory:"}:
        return sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False}, **options)
    return sa.create_engine(url, pool_pre_ping=True, **options)


# --- looking at tables ---------------------------------------------------------------------------------------------


@attrs.frozen
class _Reflected:
    """A table as it is: its columns, and what can be written."""

    table: sa.Table
    is_view: bool
    defaults: frozenset[str]
    required: frozenset[str]

    def column(self, name: str, what: str) -> sa.Column[Any]:
        if name not in self.table.c:
            there = [c.name for c in self.table.c]
            meant = is_meant(name, there) or f" (it has {', '.join(there)})"
            raise MappingError(f"{what}: the table {self.table.fullname} has no column {name}{meant}")
        return self.table.c[name]


def _reflect(
    engine: sa.Engine, look: sa.Inspector, name: str, schema: str | None, id: str | None, what: str
) -> _Reflected:
    is_view = name in look.get_view_names(schema)
    if not is_view and name not in look.get_table_names(schema):
        meant = is_meant(name, [*look.get_table_names(schema), *look.get_view_names(schema)])
        raise MappingError(f"{what}: there is no table or view {name}{meant}")
    found = look.get_columns(name, schema)
    on_sqlite = engine.dialect.name == "sqlite"
    columns: list[Any] = [sa.Column(c["name"], _kind(c["type"], on_sqlite), primary_key=c["name"] == id) for c in found]
    table = sa.Table(name, sa.MetaData(), *columns, schema=schema)
    if is_view:
        _check_view(engine, table, what)
    made = {c["name"] for c in found if c.get("default") is not None or c.get("identity") or _counts(c)}
    return _Reflected(table, is_view, frozenset(made), frozenset(c["name"] for c in found if not c["nullable"]))


def _counts(column: Any) -> bool:
    return column.get("autoincrement") is True


def _kind(type_: sa.types.TypeEngine[Any], on_sqlite: bool) -> sa.types.TypeEngine[Any]:
    """The type that gives plain values: SQLite's columns hold texts and numbers whatever they are called."""
    if isinstance(type_, sa.Uuid):
        return sa.Uuid(as_uuid=False)
    if on_sqlite and isinstance(type_, (sa.DateTime, sa.Date, sa.Time)):
        return _TimeAsText()
    if on_sqlite and isinstance(type_, sa.types.NullType):
        return sa.String()
    if on_sqlite and isinstance(type_, sa.Numeric):
        return sa.Float()
    if on_sqlite and isinstance(type_, sa.Boolean):
        return _AsWritten()
    return type_


class _TimeAsText(sa.String):
    """A date or a time, which SQLite keeps as a text."""


def _can_be_blank(column: sa.Column[Any]) -> bool:
    """Whether "" stands for nothing in a column that is never empty."""
    return isinstance(column.type, sa.String) and not isinstance(column.type, _TimeAsText)


class _AsWritten(sa.Boolean):
    """Yes or no, read as whatever SQLite keeps in the column: any text would be a yes."""

    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


def _check_view(engine: sa.Engine, table: sa.Table, what: str) -> None:
    """Refuse a view that cannot be written."""
    with engine.connect() as connection:
        match engine.dialect.name:
            case "sqlite":
                sql = "SELECT upper(sql) FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(:name)"
                triggers = " ".join(connection.execute(sa.text(sql), {"name": table.name}).scalars())
                lacking = [kind for kind in ("INSERT", "UPDATE", "DELETE") if f"INSTEAD OF {kind}" not in triggers]
            case "postgresql":
                # Bits of events: 4 is UPDATE, 8 is INSERT, 16 is DELETE; with triggers included.
                sql = "SELECT pg_relation_is_updatable(to_regclass(:name), true)"
                name = engine.dialect.identifier_preparer.format_table(table)
                events = connection.execute(sa.text(sql), {"name": name}).scalar() or 0
                bits = {"INSERT": 8, "UPDATE": 4, "DELETE": 16}
                lacking = [kind for kind, bit in bits.items() if not events & bit]
            case _:
                sql = (
                    "SELECT is_updatable FROM information_schema.views WHERE table_name = :name "
                    "AND table_schema = COALESCE(:schema, DATABASE())"
                )
                given = {"name": table.name, "schema": table.schema}
                lacking = [] if connection.execute(sa.text(sql), given).scalar() == "YES" else ["UPDATE"]
    if lacking:
        raise MappingError(
            f"{what}: the view {table.fullname} takes no {', '.join(lacking)}: "
            "name the table below it, or give the view INSTEAD OF triggers"
        )


def _squeezed(name: str) -> str:
    return name.replace("_", "").casefold()


# --- one kind of record --------------------------------------------------------------------------------------------


@attrs.frozen
class _Part:
    """A table and the properties that are in it."""

    seen: _Reflected
    columns: Mapping[str, sa.Column[Any]]
    on: sa.Column[Any]
    modified: sa.Column[Any] | None
    where: tuple[Any, ...] = ()
    fixed: Mapping[str, Any] = attrs.field(factory=dict)


class _Rows:
    """The records of one object: rows of a table, with what belongs to them in others."""

    def __init__(self, engine: sa.Engine, look: sa.Inspector, object: str, given: SqlTable) -> None:
        self.given = given
        self.object = object
        self._dialect = engine.dialect.name
        self._kinds = _property_types(ENDPOINTS[object].codec.cls, ENDPOINTS[object].codec.wire_names)
        seen = _reflect(engine, look, given.name, given.schema, given.id, object)
        self._id = seen.column(given.id, object)
        named = {k: None if k is None else seen.column(k, object) for k in (given.created, given.deleted, given.key)}
        self._created, self._deleted = named[given.created], named[given.deleted]
        self._key = named[given.key]
        modified = None if given.modified is None else _time(seen, given.modified, object)
        joins = [self._join(engine, look, join) for join in given.joins]
        elsewhere = {name for join in joins for name in join.columns} | set(given.constants)
        special = {given.id, given.modified, given.created, given.deleted, given.key}
        self._main = _Part(seen, self._columns(seen, special, elsewhere), self._id, modified)
        self._parts = (self._main, *joins)
        self.properties = frozenset(name for part in self._parts for name in part.columns) | set(given.constants)
        self.required = self._required()
        self.lists_changes = all(part.modified is not None for part in self._parts)
        is_made = given.id in seen.defaults or _is_number(self._id)
        self._makes_ids = given.new_id is None and is_made
        self.creates_once = not self._makes_ids or given.key is not None
        self._patient = False
        self._words: dict[sa.Column[Any], Sequence[Any]] = {}
        self._check()

    def place_of(self, property: str) -> str:
        """Where a property is kept, in words."""
        columns = ((part.columns.get(property), part.seen.table) for part in self._parts)
        return next((f"column {column.name} of {table.name}" for column, table in columns if column is not None), "")

    def patiently(self) -> _Rows:
        """The same, where some rows cannot be read at once."""
        other = copy.copy(self)
        other._patient = True  # noqa: SLF001 - its own
        return other

    def _given_by_us(self) -> set[str]:
        """The columns that are written without a property."""
        special = {self.given.id, self.given.modified if self.given.touch else None, self.given.key}
        if self._created is not None and self.given.touch:
            special.add(self._created.name)
        return {name for name in special if name is not None}

    def _never_empty(self) -> list[sa.Column[Any]]:
        """The columns that a new row must have a value for."""
        seen, known = self._main.seen, self._given_by_us()
        if seen.is_view:
            return []
        return [c for c in seen.table.c if c.name in seen.required - seen.defaults and c.name not in known]

    def _required(self) -> frozenset[str]:
        names = {column.name: name for name, column in self._main.columns.items()}
        table = self._main.seen.table.name
        return frozenset(
            names.get(column.name, f"{table}.{column.name}")
            for column in self._never_empty()
            if not _can_be_blank(column) and column is not self._deleted
        )

    def _check(self) -> None:
        seen, what = self._main.seen, self.object
        if not self._makes_ids and self.given.new_id is None:
            length = getattr(self._id.type, "length", None)
            if length is not None and length < _UUID_TEXT:
                raise MappingError(f"{what}: {seen.table.name}.{self.given.id} is too short for a UUID: give new_id=")
        if self._makes_ids and seen.is_view and self.given.key is None and self._dialect == "sqlite":
            raise MappingError(f"{what}: the view {seen.table.name} does not tell new ids: give key= or new_id=")
        if self.lists_changes and len({_has_zone(p.modified) for p in self._parts}) > 1:
            raise MappingError(f"{what}: some columns with the time of change have a time zone, and some have none")

    def _columns(self, seen: _Reflected, special: Collection[Any], elsewhere: Collection[str]) -> dict[str, Any]:
        known = [name for name in ENDPOINTS[self.object].codec.wire_names.values() if name not in _OWN]
        by_name = {_squeezed(c.name): c for c in seen.table.c if c.name not in special}
        found = {name: by_name[_squeezed(name)] for name in known if _squeezed(name) in by_name}
        for name, column in self.given.columns.items():
            if name in _OWN:
                raise MappingError(f"{self.object}: {name} is given by id=, modified= or created=, not by columns=")
            if column is None and name not in known:
                raise MappingError(f"{self.object}: there is no property {name} to leave out{is_meant(name, known)}")
            found.pop(name, None)
            if column is not None:
                found[name] = seen.column(column, self.object)
        return {name: column for name, column in found.items() if name not in elsewhere}

    def _join(self, engine: sa.Engine, look: sa.Inspector, join: SqlJoin) -> _Part:
        seen = _reflect(engine, look, join.table, join.schema, None, self.object)
        columns = {name: seen.column(column, self.object) for name, column in join.columns.items()}
        where = tuple(seen.column(column, self.object) == value for column, value in join.where.items())
        modified = None if join.modified is None else _time(seen, join.modified, self.object)
        return _Part(seen, columns, seen.column(join.on, self.object), modified, where, dict(join.where))

    # --- reading ----------------------------------------------------------------------------------------------------

    def page(self, connection: sa.Connection, since: datetime | None, cursor: str | None, size: int) -> AdapterPage:
        moment = self._clock(connection)
        after = None if cursor is None else json.loads(cursor)
        if since is None:
            query = sa.select(self._id).where(*self._alive()).order_by(self._id).limit(size)
            if after is not None:
                query = query.where(self._id > self._raw_id(after[0]))
            ids = [row[0] for row in connection.execute(query)]
            last = [str(ids[-1])] if ids else []
        else:
            rows: Sequence[Any] = connection.execute(self._changes(since, after, size)).all()
            ids = [row[0] for row in rows]
            last = [str(ids[-1]), _place_text(rows[-1][1])] if rows else []
        records = self._records(connection, ids)
        alive = {record["Id"] for record in records}
        gone = [str(id) for id in ids if str(id) not in alive]
        return AdapterPage(records, gone, json.dumps(last) if len(ids) == size else None, moment)

    def _changes(self, since: datetime, after: Any, size: int) -> Any:
        """The ids of what changed, and when, in order; those of another table count for their record."""
        # Rows without a time, or with one that is none, are always listed: nobody knows when they were changed.
        modified = cast("sa.Column[Any]", self._main.modified)
        always = sa.literal(self._moment(since), None if self._dialect == "sqlite" else modified.type)
        place = sa.func.coalesce(self._place(modified), always).label("place")
        sources = [sa.select(self._id.label("id"), place)]
        for part in self._parts[1:]:
            ours = sa.select(self._id.label("id"), sa.func.coalesce(self._place(part.modified), always).label("place"))
            sources.append(ours.join(part.seen.table, part.on == self._id).where(*part.where))
        together = sa.union_all(*sources).subquery() if len(sources) > 1 else sources[0].subquery()
        newest = sa.func.max(together.c.place)
        # As a text: there are moments that no driver can show ("infinity").
        shown = sa.cast(newest, sa.Text) if self._dialect == "postgresql" else newest
        query = sa.select(together.c.id, shown.label("newest")).group_by(together.c.id)
        query = query.having(newest >= self._moment(since))
        if after is not None:
            id, last = self._raw_id(after[0]), self._place_value(after[1])
            query = query.having(sa.or_(newest > last, sa.and_(newest == last, together.c.id > id)))
        return query.order_by(newest, together.c.id).limit(size)

    def _place(self, column: Any) -> Any:
        # SQLite's times are texts in whatever form the host writes them: made comparable, in UTC.
        return sa.func.strftime("%Y-%m-%d %H:%M:%f", column) if self._dialect == "sqlite" else column

    def _moment(self, since: datetime) -> Any:
        moment = since.astimezone(UTC)
        if self._dialect == "sqlite":
            earlier = moment - timedelta(milliseconds=1)  # its function rounds to milliseconds
            return earlier.strftime("%Y-%m-%d %H:%M:%S.") + f"{earlier.microsecond // 1000:03}"
        return moment if _has_zone(self._main.modified) else moment.replace(tzinfo=None)

    def _place_value(self, text: str) -> Any:
        if self._dialect == "postgresql":
            return sa.cast(sa.literal(text), cast("sa.Column[Any]", self._main.modified).type)
        return text if self._dialect == "sqlite" else datetime.fromisoformat(text)

    def _alive(self) -> tuple[Any, ...]:
        if self._deleted is None:
            return ()
        if isinstance(self._deleted.type, sa.Boolean):
            return (sa.or_(self._deleted.is_(None), self._deleted == sa.false()),)
        if _is_number(self._deleted):
            return (sa.or_(self._deleted.is_(None), self._deleted == 0),)
        return (self._deleted.is_(None),)

    def read(self, connection: sa.Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
        raw = [id for id in map(self._raw_id, ids) if id is not None]
        return self._records(connection, raw)

    def _records(self, connection: sa.Connection, ids: Sequence[Any], *, lock: bool = False) -> list[dict[str, Any]]:
        if not ids:
            return []
        seen = self._main.seen
        locks = lock and not seen.is_view
        reader = Reader(connection, seen.table, self._id, self._alive(), locks, self._patient)
        rows = {row[self.given.id]: row for row in reader.read(ids)}
        others = [self._others(connection, part, list(rows)) for part in self._parts[1:]]
        there = (id for id in dict.fromkeys(ids) if id in rows)
        return [self._record(rows[id], [other.get(id, []) for other in others]) for id in there]

    def _others(self, connection: sa.Connection, part: _Part, ids: Sequence[Any]) -> dict[Any, list[Any]]:
        reader = Reader(connection, part.seen.table, part.on, part.where, patient=self._patient)
        found: dict[Any, list[Any]] = {}
        for row in reader.read(ids) if ids else ():
            found.setdefault(row[part.on.name], []).append(row)
        return found

    def _record(self, row: Any, others: Sequence[Sequence[Any]]) -> dict[str, Any]:
        record: dict[str, Any] = {"Id": str(row[self.given.id]), **self.given.constants}
        for part, rows in zip(self._parts, ([row], *others), strict=True):
            several = Unreadable(f"{len(rows)} rows in {part.seen.table.name}") if len(rows) > 1 else None
            for name, column in part.columns.items():
                value = rows[0][column.name] if rows else None
                record[name] = several or _shown(value, self._kinds.get(name))
        content = json.dumps(record, sort_keys=True, default=str)
        modified = row[self.given.modified] if self.given.modified else None
        record["ETag"] = hashlib.blake2b(f"{content}{modified}".encode("utf-8", "replace"), digest_size=12).hexdigest()
        if self.given.created is not None:
            record["CreatedAt"] = _stamp(row[self.given.created])
        if self.given.modified is not None:
            record["UpdatedAt"] = self._updated([row, *(rows[0] if rows else None for rows in others)])
        return record

    def _updated(self, rows: Sequence[Any]) -> datetime | None:
        """When a record was changed last: the row that was, of all that it is made of; `None` if one does not tell."""
        stamps: list[datetime] = []
        for part, row in zip(self._parts, rows, strict=True):
            if row is not None and part.modified is not None:
                stamp = _stamp(row[part.modified.name])
                if stamp is None:
                    return None
                stamps.append(stamp)
        return max(stamps, default=None)

    # --- writing ----------------------------------------------------------------------------------------------------

    def create(self, connection: sa.Connection, record: Mapping[str, Any], key: str) -> dict[str, Any]:
        self._refuse_strangers(record)
        self._lock(connection)
        id = None if self._makes_ids else self._new_id(key)
        known = self._made_before(connection, id, key)
        if known is not None:
            return known
        values = self._values(connection, self._main, record)
        if id is not None:
            values[self.given.id] = id
        if self._key is not None:
            values[self._key.name] = key
        if self._created is not None and self.given.touch and self._created.name not in self._main.seen.defaults:
            values[self._created.name] = self._now(self._created)
        values |= self._touched(self._main)
        values |= {c.name: "" for c in self._never_empty() if c.name not in values and _can_be_blank(c)}
        statement = sa.insert(self._main.seen.table).values(values)
        if id is None:
            id = self._inserted(connection, statement, key)
        else:
            connection.execute(statement)
        for part in self._parts[1:]:
            self._write_part(connection, part, id, self._values(connection, part, record))
        return self._records(connection, [id])[0]

    def _inserted(self, connection: sa.Connection, statement: Any, key: str) -> Any:
        if self._main.seen.is_view and self._dialect == "sqlite":
            assert self._key is not None  # checked when it was made
            connection.execute(statement)
            return connection.execute(sa.select(self._id).where(self._key == key)).scalar_one()
        if connection.dialect.insert_returning:
            return connection.execute(statement.returning(self._id)).scalar_one()
        made: Any = connection.execute(statement).inserted_primary_key
        return made[0]

    def _made_before(self, connection: sa.Connection, id: Any, key: str) -> dict[str, Any] | None:
        if self._key is None and id is None:
            return None
        condition: sa.ColumnElement[bool] = (self._id == id) if self._key is None else (self._key == key)
        found = connection.execute(sa.select(self._id).where(condition)).scalar()
        if found is None:
            return None
        records = self._records(connection, [found])
        if not records:
            raise NotFoundError(f"{self.object} {found} was made and deleted since", status=410)
        return records[0]

    def update(
        self, connection: sa.Connection, id: str, changes: Mapping[str, Any], version: str | None
    ) -> dict[str, Any]:
        raw = self._existing(connection, id, version)
        self._refuse_strangers(changes)
        for part in self._parts[1:]:
            values = self._values(connection, part, changes, raw)
            if values:
                self._write_part(connection, part, raw, values)
        values = self._values(connection, self._main, changes, raw) | self._touched(self._main)
        if values:
            statement = sa.update(self._main.seen.table).where(self._id == raw).values(values)
            connection.execute(statement)
        return self._records(connection, [raw])[0]

    def update_together(
        self, connection: sa.Connection, writes: Sequence[tuple[str, Mapping[str, Any], str | None]]
    ) -> list[dict[str, Any]]:
        """Several updates, of which one may write what another one gives up."""
        for id, _, version in sorted(writes, key=lambda write: write[0]):  # in one order, so that nobody is locked out
            self._existing(connection, id, version)
        for id, changes, _ in writes:
            self._give_up(connection, self._raw_id(id), changes)
        return [self.update(connection, id, changes, None) for id, changes, _ in writes]

    def _give_up(self, connection: sa.Connection, raw: Any, changes: Mapping[str, Any]) -> None:
        """Let go of the values that are about to be replaced: nobody sees what takes their place until then."""
        for part in self._parts:
            free = {c.name: self._nothing(part, c, raw) for name, c in part.columns.items() if name in changes}
            if free:
                connection.execute(sa.update(part.seen.table).where(part.on == raw, *part.where).values(free))

    def _nothing(self, part: _Part, column: sa.Column[Any], raw: Any) -> Any:
        if column.name not in part.seen.required:
            return None
        if not isinstance(column.type, sa.String):
            return column
        longest = getattr(column.type, "length", None) or 40
        return hashlib.blake2b(f"{column.name} {raw}".encode(), digest_size=20).hexdigest()[:longest]

    def delete(self, connection: sa.Connection, id: str, version: str | None) -> None:
        raw = self._existing(connection, id, version)
        table = self._main.seen.table
        if self._deleted is None:
            for part in self._parts[1:]:
                connection.execute(sa.delete(part.seen.table).where(part.on == raw, *part.where))
            connection.execute(sa.delete(table).where(self._id == raw))
            return
        column = self._deleted
        is_flag = isinstance(column.type, sa.Boolean)
        value = True if is_flag else 1 if _is_number(column) else self._now(column)
        connection.execute(
            sa.update(table).where(self._id == raw).values({column.name: value, **self._touched(self._main)})
        )

    def _existing(self, connection: sa.Connection, id: str, version: str | None) -> Any:
        """The id of a record that is there in this version; nobody else can write it until the transaction ends."""
        self._lock(connection)
        raw = self._raw_id(asked_id(id))
        records = [] if raw is None else self._records(connection, [raw], lock=True)
        if not records:
            raise NotFoundError(f"{self.object} {id} is not there", status=404)
        if version is not None and records[0]["ETag"] != version:
            raise ConflictError(f"{self.object} {id} was changed meanwhile", status=412)
        return raw

    def _lock(self, connection: sa.Connection) -> None:
        if self._dialect == "sqlite" and not self._main.seen.is_view:
            # It has no locks for rows; a write that writes nothing makes this transaction the only writer.
            nothing = sa.update(self._main.seen.table).where(sa.false()).values({self.given.id: self._id})
            connection.execute(nothing)

    def _write_part(self, connection: sa.Connection, part: _Part, id: Any, values: Mapping[str, Any]) -> None:
        """Write to the row of another table; one without content is not made."""
        table = part.seen.table
        done = (
            connection.execute(
                sa.update(table).where(part.on == id, *part.where).values({**values, **self._touched(part)})
            ).rowcount
            if values
            else 0
        )
        if not done and any(value not in (None, "") for value in values.values()):
            seen = part.seen
            blank = {c.name: "" for c in table.c if c.name in seen.required - seen.defaults and _can_be_blank(c)}
            whole = {**blank, **part.fixed, part.on.name: id, **values, **self._touched(part)}
            connection.execute(sa.insert(table).values(whole))

    def _values(
        self, connection: sa.Connection, part: _Part, given: Mapping[str, Any], raw: Any = None
    ) -> dict[str, Any]:
        """The values of a row: of a new one, or of that which belongs to the record with the id `raw`."""
        found: dict[str, Any] = {}
        for name, column in part.columns.items():
            if name in given:
                value = given[name]
                word = self._word(connection, part, column, value, raw) if isinstance(value, bool) else None
                found[column.name] = self._stored(part, column, value) if word is None else word
        return found

    def _word(self, connection: sa.Connection, part: _Part, column: sa.Column[Any], value: bool, raw: Any) -> Any:
        """Yes or no for a column of texts, as the row spells it, or else others do; `None` for another column."""
        if not isinstance(column.type, (sa.String, _AsWritten)):
            return None
        query = sa.select(column).where(column.is_not(None))
        own: Sequence[Any] = ()
        if raw is not None:
            own = connection.execute(query.where(part.on == raw, *part.where).limit(1)).scalars().all()
        if not own and not self._words.get(column):
            self._words[column] = connection.execute(query.where(*part.where).limit(SPELLINGS)).scalars().all()
        like = own or self._words.get(column, ())
        if isinstance(column.type, _AsWritten) and not any(isinstance(cell, str) for cell in like):
            return None
        return sa.literal(spelt(value, like, getattr(column.type, "length", None)), sa.String())

    def _stored(self, part: _Part, column: sa.Column[Any], value: Any) -> Any:
        if value is None:
            return "" if _can_be_blank(column) and column.name in part.seen.required else None
        try:
            return self._converted(column, value)
        except (ValueError, TypeError, ArithmeticError):
            where = f"{part.seen.table.name}.{column.name}"
            raise StatusError(f"{self.object}: {where} takes no such value", status=422) from None

    def _converted(self, column: sa.Column[Any], value: Any) -> Any:
        kind = column.type
        if isinstance(kind, sa.Boolean):
            return bool(value)
        if _is_number(column):
            return int(value)
        if isinstance(kind, sa.Float):
            return float(value)
        if isinstance(kind, sa.Numeric):
            return Decimal(str(value))
        if isinstance(value, datetime):
            moment = value.astimezone(UTC)
            if isinstance(kind, sa.String):
                return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
            return moment if getattr(kind, "timezone", False) else moment.replace(tzinfo=None)
        if isinstance(kind, sa.String):
            return value.isoformat() if isinstance(value, date) else str(value)
        if isinstance(kind, sa.Date) and isinstance(value, str):
            return date.fromisoformat(value)
        return value

    def _refuse_strangers(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            constant = self.given.constants.get(name)
            if name not in self.properties or (name in self.given.constants and value not in (None, constant)):
                held = f"holds {name} {constant} only" if constant is not None else f"has no column for {name}"
                raise StatusError(f"{self.object}: {self.given.name} {held}", status=422)

    def _touched(self, part: _Part) -> dict[str, Any]:
        return {part.modified.name: self._now(part.modified)} if self.given.touch and part.modified is not None else {}

    # --- ids and times ----------------------------------------------------------------------------------------------

    def _new_id(self, key: str) -> Any:
        if self.given.new_id is not None:
            return self.given.new_id(key)
        made = hashlib.blake2b(f"{self.object} {key}".encode(), digest_size=16).digest()
        # As RFC 9562 marks a UUID whose bits mean something to its maker only.
        digits = bytes([*made[:6], made[6] & 0x0F | 0x80, made[7], made[8] & 0x3F | 0x80, *made[9:]]).hex()
        length = getattr(self._id.type, "length", None)
        if length is not None and length < _UUID_TEXT + 4:
            return digits
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _raw_id(self, id: str) -> Any:
        """The id as the column has it; `None` for one that it cannot have."""
        if _is_number(self._id):
            return int(id) if id.isascii() and id.isdigit() and len(id) < 19 else None
        if isinstance(self._id.type, sa.Uuid):
            digits = id.replace("-", "").lower()
            return id if len(digits) == _UUID_TEXT and not digits.strip("0123456789abcdef") else None
        return id

    def _now(self, column: sa.Column[Any]) -> Any:
        """The database's own clock: all that write to it share it."""
        match self._dialect:
            case "sqlite":
                return sa.func.strftime("%Y-%m-%d %H:%M:%f", "now")
            case "postgresql":
                now = sa.func.clock_timestamp()
                return now if _has_zone(column) else sa.func.timezone("UTC", now)
            case "mysql" | "mariadb":
                return sa.func.utc_timestamp(sa.text("6"))
            case _:
                return sa.func.current_timestamp()

    def _clock(self, connection: sa.Connection) -> datetime | None:
        if self._dialect != "postgresql":
            return None
        found: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return found.astimezone(UTC)


def _time(seen: _Reflected, name: str, what: str) -> sa.Column[Any]:
    column = seen.column(name, what)
    if not isinstance(column.type, (sa.DateTime, sa.String)):
        raise MappingError(f"{what}: {seen.table.name}.{name} holds no times; without modified= all is read every time")
    return column


def _has_zone(column: Any) -> bool:
    return bool(getattr(column.type, "timezone", False))


def _is_number(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Integer)


def _place_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _zoned(value: Any) -> Any:
    if isinstance(value, str) and value:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value  # no moment: whoever reads the record sees that
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _stamp(value: Any) -> datetime | None:
    """When a row was made or changed; `None` where it does not say so in a way that can be understood."""
    try:
        found = _zoned(value)
    except ValueError:
        return None
    return found if isinstance(found, datetime) else None


def _property_types(cls: type, wire_names: Mapping[str, str]) -> dict[str, type]:
    hints = get_type_hints(cls)
    return {wire: get_args(hints[name])[0] for name, wire in wire_names.items()}


def _shown(value: Any, kind: type | None) -> Any:
    """A value of a column as the property has it; what cannot be that is left as it is, to be told as unreadable."""
    if isinstance(value, memoryview):
        value = bytes(value)
    if value is None or kind is None or isinstance(value, Unreadable):
        return value
    if kind is str:
        return value if isinstance(value, (str, bytes)) else str(value)
    if kind is bool:
        known = value if not isinstance(value, str) or (meant := said(value)) is None else meant
        return bool(known) if isinstance(known, (int, float, Decimal)) and known in (0, 1) else known
    if kind is Decimal:
        return str(value) if isinstance(value, float) else value
    if kind is date:
        return value.date() if isinstance(value, datetime) else value
    if kind is datetime:
        return _zoned(value)
    return value
