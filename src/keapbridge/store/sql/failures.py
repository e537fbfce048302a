"""Records that could not be synced, and when they are tried again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, delete, select

from keapbridge.model.kept import Failure
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.rows import chunks

__all__ = ["Failures"]


class Failures:
    """Records that could not be synced, and when they are tried again."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def note(self, failure: Failure) -> None:
        with self._core.transaction() as c:
            self._core.database.upsert(c, t.failures, [self._core.rows.failure(failure)])

    @flow
    def of(self, name: str, side: Side, ids: Collection[str]) -> dict[str, Failure]:
        with self._core.reading() as c:
            return self._of(c, name, side, ids)

    @flow
    def of_both(self, name: str, ids: Mapping[Side, Collection[str]]) -> dict[Side, dict[str, Failure]]:
        """`of` for records of both sides."""
        with self._core.reading() as c:
            return {side: self._of(c, name, side, its) for side, its in ids.items()}

    def _of(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> dict[str, Failure]:
        found: dict[str, Failure] = {}

        def query() -> Any:
            return select(t.failures).where(*named(t.failures), self._core.database.among(t.failures.c.id, "ids"))

        for chunk in chunks(sorted(ids)):
            rows = self._core.database.execute(c, "failures", query, self._core.values(name, side, chunk))
            found.update((row.id, self._core.rows.to_failure(row)) for row in rows)
        return found

    @flow
    def all(self) -> list[Failure]:
        f = t.failures.c
        query = select(t.failures).where(f.bridge == self._core.bridge).order_by(f.object, f.side, f.id)
        with self._core.reading() as c:
            return [self._core.rows.to_failure(row) for row in c.execute(query)]

    @flow
    def clear(self, name: str, side: Side, id: str) -> bool:
        """Let a record take part again; answers whether it was kept from that."""
        with self._core.transaction() as c:
            gone = [
                c.execute(delete(table).where(*self._core.of(table, name, side), table.c.id == id)).rowcount
                for table in (t.failures, t.tombstones)
            ]
        return any(gone)
