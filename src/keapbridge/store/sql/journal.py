"""What runs wrote, record by record."""

from __future__ import annotations

from sqlalchemy import select

from keapbridge.model.kept import JournalEntry
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow
from keapbridge.store.sql.runs import FORGOTTEN

__all__ = ["Journal"]


class Journal:
    """What runs wrote, record by record."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def of_run(self, run_id: str) -> list[JournalEntry] | None:
        """What a run wrote, in order; `None` when there is no such run."""
        r = t.runs.c
        known = select(r.id).where(r.id == run_id, r.bridge == self._core.bridge, r.plan_id != FORGOTTEN)
        query = select(t.journal).where(t.journal.c.run_id == run_id).order_by(t.journal.c.seq)
        with self._core.transaction() as c:
            if c.execute(known).first() is None:
                return None
            return [self._core.rows.to_entry(row) for row in c.execute(query)]

    @flow
    def history(self, name: str, side: Side, id: str) -> list[JournalEntry]:
        query = select(t.journal).where(*self._core.of(t.journal, name, side), t.journal.c.record_id == id)
        with self._core.transaction() as c:
            return [self._core.rows.to_entry(row) for row in c.execute(query.order_by(t.journal.c.seq))]
