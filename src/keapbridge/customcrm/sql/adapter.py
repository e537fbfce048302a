"""The adapter over a database: transactions round what the rows of each table do, and errors in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)

from keapbridge.customcrm.adapter import AdapterCapabilities, AdapterPage
from keapbridge.customcrm.address import address_of_database
from keapbridge.customcrm.sql.capacities import capacities
from keapbridge.customcrm.sql.cells import CellError
from keapbridge.customcrm.sql.foreign_keys import hold_to_foreign_keys
from keapbridge.customcrm.sql.opening import (
    create_engine,
    database_of,
    is_outage,
    may_lack_a_column,
    unopened,
    without_lost,
)
from keapbridge.customcrm.sql.refusals import came_second, is_refusal, words_of_database
from keapbridge.customcrm.sql.rows import Rows
from keapbridge.customcrm.sql.strict import refuse_what_does_not_fit
from keapbridge.customcrm.sql.table import SqlTable
from keapbridge.customcrm.sql.unsafe import refuse_one_table_for_two
from keapbridge.errors import MappingError, NoAnswerError, StatusError, StoppedError, TransportError
from keapbridge.model.capacity import Capacity
from keapbridge.model.finding import Finding
from keapbridge.model.given import keywords, one_of, whole
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = ["SqlCustomcrm"]

T = TypeVar("T")
TRIES = 4  # of a transaction that others come before


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
            self._engine = create_engine(target) if isinstance(target, str) else target
            look = sa.inspect(self._engine)
            self._tables = {name: Rows(self._engine, look, name, table) for name, table in self._given.items()}
            self._findings = self._look_at_them()
        except (SQLAlchemyError, ImportError) as error:
            raise unopened(error) from None
        self._had = {name: rows.properties for name, rows in self._tables.items()}
        if not self._tables:
            raise MappingError("a SqlCustomcrm needs at least one table: contacts=, customers= or products=")
        self.objects = tuple(self._tables)

    def _look_at_them(self) -> dict[str, list[Finding]]:
        """What is to be known of the tables; refuses what would destroy data."""
        found = {name: list(rows.refuse_harm(self._engine)) for name, rows in self._tables.items()}
        refuse_one_table_for_two(self._given)
        if found:
            of_all = found[next(iter(found))]
            of_all += refuse_what_does_not_fit(self._engine, is_owned=self._owned)
            if self._owned:
                names = {part.table.name for rows in self._tables.values() for part in rows.tables.parts}
                of_all += hold_to_foreign_keys(self._engine, names)
        return found

    def findings(self, object: str) -> Sequence[Finding]:
        """What is to be known of the tables of an object, found when it was made."""
        return self._findings[object]

    def capacities(self, object: str) -> Mapping[str, Capacity]:
        """What the column of each property takes: lengths, lists of values, digits."""
        return self._ask(object, object, lambda rows, c: capacities(c, rows.tables))

    def examples(self, object: str) -> Sequence[Mapping[str, Any]]:
        """The newest of its records, and what they can refer to: from them it is learnt how values are written."""
        return self._ask(object, object, lambda rows, c: rows.examples(c))

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
            creates_are_new=all(table.creates_are_new for table in rows),
            batch_read=True,
            parallel_calls=self._engine.dialect.name != "sqlite",
        )

    @property
    def address(self) -> str:
        """What names the database: its kind, its host or file and its name, without who signs in."""
        url = self._engine.url
        return address_of_database(url.get_backend_name(), url.host, url.port, database_of(url))

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
        joined = (join.columns for join in given.joins)
        return frozenset(named.union(given.constants, *joined, *(lookup.columns for lookup in given.lookups)))

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

    def foresees(self, object: str) -> frozenset[str]:
        """The properties that a row which others share, or a reference to rows that may be missing, can refuse."""
        return self._tables[object].foresees

    def unwritable(
        self, object: str, writes: Sequence[tuple[str | None, Mapping[str, Any]]], /
    ) -> Sequence[Mapping[str, str]]:
        """Of each write (an id or `None`, and properties) what would be refused, and why: nothing is written."""
        subject = f"what {len(writes)} {object} can be given"
        return self._ask(object, subject, lambda rows, c: rows.unwritable(c, writes))

    def delete(self, object: str, id: str, version: str | None, /) -> None:
        """See `CustomcrmAdapter.delete`."""
        self._ask(object, f"{object} {id}", lambda rows, c: rows.delete(c, id, version))

    def close(self) -> None:
        """Close the connections, unless the engine is the host's own; nothing more is asked of the database."""
        self._closed = True
        if self._owned:
            self._engine.dispose()

    def _ask(self, object: str, subject: str, work: Callable[[Rows, sa.Connection], T], is_list: bool = False) -> T:
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
                if not may_lack_a_column(error) or not self._look_again(object):
                    raise
            return self._done(self._tables[object], work)

    def _done(self, rows: Rows, work: Callable[[Rows, sa.Connection], T]) -> T:
        """Do this, and all of it once more where another transaction came first: nothing of it was kept then."""
        for _ in range(TRIES - 1):
            try:
                return self._done_once(rows, work)
            except DBAPIError as error:
                if not came_second(error.orig):
                    raise
        return self._done_once(rows, work)

    def _done_once(self, rows: Rows, work: Callable[[Rows, sa.Connection], T]) -> T:
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
        self._tables[object] = Rows(self._engine, look, object, without_lost(look, given))
        return before != self._tables[object].properties

    @contextmanager
    def _transaction(self, subject: str) -> Iterator[None]:
        # Never chained: SQLAlchemy's errors show the values of the statement.
        try:
            yield
        except IntegrityError as error:
            words = words_of_database(error.orig, error.statement)
            raise StatusError(f"{subject}: refused by the database: {words}", status=422) from None
        except OperationalError as error:
            words = words_of_database(error.orig, error.statement)
            if is_refusal(error.orig):
                raise StatusError(f"{subject}: refused by the database: {words}", status=422) from None
            kind = NoAnswerError if is_outage(error) else TransportError
            raise kind(f"{subject}: the database failed: {words}", sent=True) from None
        except DBAPIError as error:
            words = words_of_database(error.orig, error.statement)
            raise StatusError(f"{subject}: refused by the database: {words}", status=422) from None
        except StatementError as error:
            words = words_of_database(error.orig, error.statement)
            raise StatusError(f"{subject}: a value that its column cannot take: {words}", status=422) from None
        except UnicodeError:
            raise StatusError(
                f"{subject}: a column holds a text that is no Unicode; it has to be written anew there", status=422
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SqlCustomcrm {self._engine.dialect.name}: {', '.join(self.objects)}>"
