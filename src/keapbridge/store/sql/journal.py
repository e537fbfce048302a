"""What runs wrote, record by record."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from keapbridge.model.kept import JournalEntry
from keapbridge.model.records import Link
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow
from keapbridge.store.sql.rows import chunks
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
    def of_links(self, name: str, links: Sequence[Link]) -> dict[str, list[JournalEntry]]:
        """What was written to linked records while they were linked, by Customcrm's id."""
        j = t.journal.c
        wanted = {(side, link.id(side)): link for link in links for side in Side}
        found: dict[str, list[JournalEntry]] = {}
        with self._core.transaction() as c:
            for side in Side:
                for chunk in chunks([link.id(side) for link in links]):
                    query = select(t.journal).where(*self._core.of(t.journal, name, side), j.record_id.in_(chunk))
                    for row in c.execute(query.where(j.kind == "update").order_by(j.seq)):
                        link = wanted[side, row.record_id]
                        if row.partner_id == link.id(side.other):
                            found.setdefault(link.customcrm_id, []).append(self._core.rows.to_entry(row))
        return found

    @flow
    def history(self, name: str, side: Side, id: str) -> list[JournalEntry]:
        query = select(t.journal).where(*self._core.of(t.journal, name, side), t.journal.c.record_id == id)
        with self._core.transaction() as c:
            return [self._core.rows.to_entry(row) for row in c.execute(query.order_by(t.journal.c.seq))]
