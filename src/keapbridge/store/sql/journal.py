"""What runs wrote, record by record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, literal, or_, select

from keapbridge.model.kept_in_store import JournalEntry
from keapbridge.model.plan import SYNC
from keapbridge.model.records import Link
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.rows import chunks
from keapbridge.store.sql.runs import FORGOTTEN

__all__ = ["Journal", "entries_of_sources"]


class Journal:
    """What runs wrote, record by record."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def of_run(self, run_id: str, records: tuple[str, Mapping[Side, str]] | None = None) -> list[JournalEntry] | None:
        """What a run wrote, in order; `None` when there is no such run.

        Args:
            records: the synchronization and the ids of the records of which it is asked; `None` for all.
        """
        r = t.runs.c
        known = select(r.id).where(r.id == run_id, r.bridge == self._core.bridge, r.plan_id != FORGOTTEN)
        query = select(t.journal).where(t.journal.c.run_id == run_id).order_by(t.journal.c.seq)
        if records is not None:
            name, ids = records
            its = (and_(*self._core.of(t.journal, name, side), t.journal.c.record_id == ids[side]) for side in ids)
            query = query.where(or_(*its))
        with self._core.reading() as c:
            if c.execute(known).first() is None:
                return None
            return [self._core.rows.to_entry(row) for row in c.execute(query)]

    @flow
    def of_links(self, name: str, links: Sequence[Link]) -> dict[str, list[JournalEntry]]:
        """What was written to linked records while they were linked or to link them, by Customcrm's id."""
        wanted = {(side, link.id(side)): link for link in links for side in Side}
        found: dict[str, list[JournalEntry]] = {}

        def query() -> Any:
            j = t.journal.c
            its = (
                *named(t.journal),
                self._core.database.among(j.record_id, "ids"),
                j.kind.in_(literal(kind) for kind in ("create", "update", "put back")),
            )
            return select(t.journal).where(*its).order_by(j.seq)

        with self._core.reading() as c:
            for side in Side:
                for chunk in chunks([link.id(side) for link in links]):
                    values = self._core.values(name, side, chunk)
                    for row in self._core.database.execute(c, "updates of records", query, values):
                        link = wanted[side, row.record_id]
                        if row.partner_id == link.id(side.other):
                            found.setdefault(link.customcrm_id, []).append(self._core.rows.to_entry(row))
        return found

    @flow
    def turns(self, name: str, pairs: Collection[tuple[str, str]], turns: int) -> dict[str, list[JournalEntry]]:
        """The updates of those pairs of ids that were written to often enough on both sides, by Customcrm's id.

        What was written before a person decided a conflict of the pair is left out.
        """
        left = dict(pairs)
        j = t.journal.c
        with self._core.reading() as c:
            for side in Side:
                ids = {ours if side is Side.CUSTOMCRM else theirs for ours, theirs in left.items()}
                often = self._often(c, name, side, ids, turns // 2) if ids else set()
                left = {a: b for a, b in left.items() if (a if side is Side.CUSTOMCRM else b) in often}
            if not left:
                return {}
            found: dict[str, list[JournalEntry]] = {ours: [] for ours in left}
            rows: list[Row[Any]] = []
            query = (
                select(t.journal, t.plans.c.purpose)
                .outerjoin(t.runs, t.runs.c.id == j.run_id)
                .outerjoin(t.plans, t.plans.c.id == t.runs.c.plan_id)
            )
            for side in Side:
                for chunk in chunks(sorted(left if side is Side.CUSTOMCRM else left.values())):
                    its = (*self._core.of(t.journal, name, side), j.kind == "update", j.record_id.in_(chunk))
                    rows += c.execute(query.where(*its))
        for row in sorted(rows, key=lambda row: int(row.seq)):
            ids_of = {side: row.record_id if side.value == row.side else row.partner_id for side in Side}
            ours = ids_of[Side.CUSTOMCRM]
            if left.get(ours) != ids_of[Side.KEAP]:
                continue  # it was linked to another one then
            if row.purpose in {None, SYNC}:
                found[ours].append(self._core.rows.to_entry(row))
            else:
                found[ours] = []
        return found

    def _often(self, c: Connection, name: str, side: Side, ids: Collection[str], least: int) -> set[str]:
        """Those of the records that were written to so often at least: counted in the index alone."""
        found: set[str] = set()

        def often() -> Any:
            j = t.journal.c
            its = (*named(t.journal), self._core.database.among(j.record_id, "ids"))
            return select(j.record_id).where(*its).group_by(j.record_id).having(func.count() >= bindparam("least"))

        for chunk in chunks(sorted(ids)):
            values = {**self._core.values(name, side, chunk), "least": least}
            found.update(self._core.database.execute(c, "often written", often, values).scalars())
        return found

    @flow
    def put_back(self, name: str, ids: Mapping[Side, Collection[str]]) -> list[JournalEntry]:
        """What put back a record over which one of these had been written, and has that one's values."""
        with self._core.reading() as c:
            return [entry for _, entry in entries_of_sources(self._core, c, name, ids)]

    @flow
    def history(self, name: str, side: Side, id: str) -> list[JournalEntry]:
        """What was written to a record, in order, with who decided it."""
        rows, j = self._core.rows, t.journal.c
        query = select(t.journal, t.runs.c.decided_by).outerjoin(t.runs, t.runs.c.id == j.run_id)
        query = query.where(*self._core.of(t.journal, name, side), j.record_id == id)
        with self._core.reading() as c:
            return [rows.to_entry(row, rows.open_text(row.decided_by)) for row in c.execute(query.order_by(j.seq))]


def entries_of_sources(
    core: Core, c: Connection, name: str, ids: Mapping[Side, Collection[str]]
) -> list[tuple[int, JournalEntry]]:
    """The entries of other records that hold values of these, each with its number."""
    j = t.journal.c
    query = select(t.journal).where(*core.of(t.journal, name), j.sources.is_not(None)).order_by(j.seq)
    found = [(int(row.seq), core.rows.to_entry(row)) for row in c.execute(query)]
    return [(seq, entry) for seq, entry in found if not set(ids[entry.side.other]).isdisjoint(entry.sources)]
