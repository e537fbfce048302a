"""Cursors: up to when the changes of each side were read and applied."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from keapbridge._flow.effects import Flow
from keapbridge.model.kept_in_store import Cursor
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.known import StoredCursor
from keapbridge.store.sql.rows import load, moment_of

__all__ = ["Cursors", "cursors_in"]


class Cursors:
    """Cursors: up to when the changes of each side were read and applied."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def get(self, name: str, side: Side) -> Flow[Cursor | None]:
        """Up to when a side's changes were read and applied; `None` before that."""
        cursors = self._core.known.cursors if self._core.lease is not None else (yield from self._read())
        found = cursors.get((name, side.value))
        if found is None:
            return None
        watermark, newest = found
        return Cursor(moment_of(watermark), {id: moment_of(at) for id, at in load(newest or "{}").items()})

    @flow
    def _read(self) -> dict[tuple[str, str], StoredCursor]:
        with self._core.reading() as c:
            return cursors_in(self._core, c)


def cursors_in(core: Core, c: Connection) -> dict[tuple[str, str], StoredCursor]:
    """All cursors as they are stored, by synchronization and side."""

    def query() -> Any:
        return select(t.cursors).where(*named(t.cursors, "bridge"))

    rows = core.database.execute(c, "cursors", query, {"bridge": core.bridge})
    return {(row.object, row.side): (row.watermark, row.newest) for row in rows}
