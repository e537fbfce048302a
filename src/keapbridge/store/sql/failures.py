"""Records that could not be synced, and when they are tried again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, literal, select, tuple_

from keapbridge._flow.effects import Flow
from keapbridge.model.kept_in_store import Failure
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
        self._core.known.failing[failure.object] = True
        with self._core.transaction() as c:
            self._core.database.upsert(c, t.failures, [self._core.rows.failure(failure)])

    @flow
    def of(self, name: str, side: Side, ids: Collection[str]) -> dict[str, Failure]:
        with self._core.reading() as c:
            return self._of(c, name, side, ids)

    def of_both(self, name: str, ids: Mapping[Side, Collection[str]]) -> Flow[dict[Side, dict[str, Failure]]]:
        """`of` for records of both sides."""
        may_have = self._core.lease is None or self._core.known.failing.get(name, True)
        return (yield from self._of_both(name, ids)) if may_have else {}

    @flow
    def _of_both(self, name: str, ids: Mapping[Side, Collection[str]]) -> dict[Side, dict[str, Failure]]:
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
    def page(
        self, names: Collection[str] | None = None, after: Sequence[str] = (), limit: int | None = None
    ) -> list[Failure]:
        """The failures by synchronization, side and id.

        Args:
            names: of some synchronizations; `None` for all.
            after: name, side and id of the one behind which to begin; empty for the first.
            limit: how many at most; `None` for all.
        """
        f = t.failures.c
        query = select(t.failures).where(f.bridge == self._core.bridge)
        if names is not None:
            query = query.where(f.object.in_(names))
        if after:
            query = query.where(tuple_(f.object, f.side, f.id) > tuple_(*map(literal, after)))
        query = query.order_by(f.object, f.side, f.id).limit(limit)
        with self._core.reading() as c:
            return [self._core.rows.to_failure(row) for row in c.execute(query)]

    @flow
    def count(self) -> dict[str, int]:
        """How many there are, by synchronization."""
        f = t.failures.c
        query = select(f.object, func.count()).where(f.bridge == self._core.bridge).group_by(f.object)
        with self._core.reading() as c:
            return {name: int(number) for name, number in c.execute(query)}

    @flow
    def clear(self, name: str, side: Side, id: str) -> bool:
        """Let a record take part again; answers whether it was kept from that."""
        with self._core.transaction() as c:
            gone = [
                c.execute(delete(table).where(*self._core.of(table, name, side), table.c.id == id)).rowcount
                for table in (t.failures, t.tombstones)
            ]
        return any(gone)
