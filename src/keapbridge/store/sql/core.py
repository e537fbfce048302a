"""What the repositories of a store share: its database, whose links it holds, and transactions with the lease's fence.

A method of a repository is one transaction: a plain method, of which `flow` makes what the engine can yield from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    literal_column,
    select,
)

from keapbridge.model.kept_in_store import Belongs
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.database import Database, Fence
from keapbridge.store.retries import insistent
from keapbridge.store.sql.known import Known
from keapbridge.store.sql.rows import CHUNK, Rows

__all__ = ["Core", "is_empty", "named", "next_run"]

R = TypeVar("R")
P = ParamSpec("P")
T = TypeVar("T")


def next_run(bridge: str) -> str:
    """Under what name lines wait for the next run of a bridge."""
    return f"next:{hashlib.blake2b(bridge.encode(), digest_size=16).hexdigest()}"


class Core:
    """A database as the repositories of one bridge use it.

    Attributes:
        next_run: whose lines wait for the next run: they tell of what was done without one.
        lease: the runner that holds it in this process.
        known: what that runner need not read again.
        belongs: of which two systems the records are, as it was shown last.
        reading: a transaction that only reads. It looks at no lease: whoever has lost it is told when it writes.
    """

    def __init__(self, database: Database, rows: Rows) -> None:
        self.database = database
        self.rows = rows
        self.bridge = rows.bridge
        self.next_run = next_run(rows.bridge)
        self.lease: str | None = None
        self.known = Known()
        self.belongs: Belongs | None = None
        self.reading = database.reading

    def transaction(self, *, durable: bool = False, fenced: bool = True) -> AbstractContextManager[Connection]:
        """See `Database.transaction`; fenced: a runner that was taken for dead must not write any more."""
        fence = Fence(self.bridge, self.lease) if fenced and self.lease is not None else None
        return self.database.transaction(durable=durable, fence=fence)

    def paged(self, query: Any, key: ColumnElement[Any], first: Any) -> Iterator[Row[Any]]:
        """The rows of a `select` in the order of a key, which is among its columns, from behind `first` on.

        They are read in chunks: what is done with one keeps no transaction open.
        """
        after = first
        while True:
            rows = self._page(query.where(key > after).order_by(key).limit(CHUNK))
            if not rows:
                return
            yield from rows
            after = rows[-1]._mapping[key]  # noqa: SLF001 - SQLAlchemy's public name for it

    @insistent
    def _page(self, query: Any) -> Sequence[Row[Any]]:
        with self.reading() as c:
            return c.execute(query).all()

    def of(self, table: Table, name: str, side: Side | None = None) -> list[Any]:
        """The rows of an object, and perhaps of a side."""
        conditions = [table.c.bridge == self.bridge, table.c.object == name]
        return conditions if side is None else [*conditions, table.c.side == side.value]

    def values(self, name: str, side: Side, ids: Collection[str] | None = None) -> dict[str, Any]:
        """What the parameters of a statement with `named`, and perhaps a list of ids, stand for."""
        values = {"bridge": self.bridge, "object": name, "side": side.value}
        return values if ids is None else {**values, "ids": ids}

    def upsert_observed(self, c: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Stage records, which lets there be something to plan."""
        self.known.open.update((row["object"], True) for row in rows)
        self.database.upsert(c, t.observed, rows)

    def delete(self, c: Connection, table: Table, name: str, side: Side, ids: Sequence[str]) -> None:
        """Delete the rows of these records; most tables have none of most records."""
        if ids:
            self.database.execute(
                c,
                f"delete {table.name}",
                lambda: delete(table).where(*named(table), self.database.among(table.c.id, "ids")),
                self.values(name, side, ids),
            )

    def rare(self, c: Connection) -> list[Table]:
        """Those of the mostly empty tables that hold anything of records."""
        tables = (t.missing, t.failures, t.tombstones)

        def some() -> Any:
            return select(*(exists().where(table.c.bridge == bindparam("bridge")) for table in tables))

        found = self.database.execute(c, "rare rows", some, {"bridge": self.bridge}).one()
        return [table for table, has_rows in zip(tables, found, strict=True) if has_rows]


def named(table: FromClause, *names: str) -> list[Any]:
    """The rows of an object and a side, or of what else is named, in a statement that is compiled once."""
    return [table.c[name] == bindparam(name) for name in names or ("bridge", "object", "side")]


def is_empty(query: Select[Any]) -> ColumnElement[bool]:
    """Whether a query about the row at hand has no rows; it is asked for each.

    PostgreSQL would make a join of it and, where it does not know yet how large a table has become, or has only seen it
    empty, compare each row with each. The offset keeps it from that.
    """
    return ~query.offset(literal_column("0")).exists()
