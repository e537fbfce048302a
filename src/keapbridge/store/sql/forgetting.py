"""A person who must be forgotten: all that the store knows of them is erased, in one transaction.

What stays are bare ids, which say that nothing is to be made of these records and nothing of them to be kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from keapbridge.model.kept_in_store import FORGOTTEN
from keapbridge.model.records import Life, Observation, Snapshot
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core
from keapbridge.store.sql.journal import entries_of_sources
from keapbridge.store.sql.match_keys import drop_keys
from keapbridge.store.sql.rows import chunks, link_columns

__all__ = ["Forgetting"]

Ids = dict[Side, set[str]]
# Tables whose rows are about one record, by the part of a person that they hold.
BY_RECORD: Mapping[str, tuple[Table, ...]] = {
    "staged": (t.observed, t.missing),
    "failures": (t.failures,),
    "deliveries": (t.inbox,),
}


class Forgetting:
    """Erases people."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def whom(self, name: str, side: Side, id: str) -> Ids:
        """The record with its counterparts, by side."""
        with self._core.reading() as c:
            return self._whom(c, name, side, id)[0]

    @flow
    def erase(self, name: str, side: Side, id: str, moment: datetime) -> tuple[dict[Side, list[str]], dict[str, int]]:
        """Erase a record and its counterparts; answers their ids, and how many rows of what kind went.

        Beside the bare ids it is kept when that was: who was made later under one of them is somebody else.
        """
        with self._core.transaction(durable=True) as c:
            if self._core.database.is_sqlite:
                c.exec_driver_sql("PRAGMA secure_delete=ON")
            ids, former = self._whom(c, name, side, id)
            counts = {"links": self._delete_links(c, name, ids)}
            counts["match keys"] = drop_keys(self._core, c, name, ids[Side.CUSTOMCRM])
            for what, tables in BY_RECORD.items():
                counts[what] = sum(self._delete_of(c, table, name, s, ids[s]) for table in tables for s in Side)
            counts["journal"] = sum(self._delete_journal(c, name, s, ids[s]) for s in Side)
            counts["journal"] += self._scrub_others(c, name, ids)
            counts["overwrites"] = sum(self._delete_overwrites(c, name, s, ids[s]) for s in Side)
            counts["intents"] = sum(self._delete_intents(c, name, s, ids[s]) for s in Side)
            counts["actions"] = sum(self._delete_actions(c, name, s, ids[s], former[s]) for s in Side)
            counts["lines"] = self._delete_lines(c, name, ids, former)
            self._delete_errors(c)
            for s in Side:
                self._delete_of(c, t.tombstones, name, s, ids[s])
                self._delete_told_apart(c, name, s, ids[s])
                bare = [Observation(s, i, Snapshot({}), life=Life(moment.isoformat())) for i in sorted(ids[s])]
                left = [self._core.rows.tombstone(name, o, FORGOTTEN, apart=True) for o in bare]
                self._core.database.upsert(c, t.tombstones, left)
        return {s: sorted(ids[s]) for s in Side}, counts

    @flow
    def clean(self) -> bool:
        """Write the file anew without what was erased: it would stay in free pages; whether that was done.

        A PostgreSQL does that itself, when it vacuums.
        """
        database = self._core.database
        if not database.is_sqlite:
            return False
        database.check_file()
        try:
            with database.lock, closing(database.engine.raw_connection()) as pooled:
                connection: Any = pooled.driver_connection
                connection.execute("VACUUM")
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except (SQLAlchemyError, sqlite3.Error):
            return False  # others are reading it
        return not busy

    def _whom(self, c: Connection, name: str, side: Side, id: str) -> tuple[Ids, Ids]:
        """The record with those that a link, or the journal, knows as its counterparts; and its former ones.

        A former one is linked with another record now: its number was given to somebody else, say. What is known of it
        is that one's.
        """
        ids: Ids = {side: {id}, side.other: set()}
        former: Ids = {each: set() for each in Side}
        j = t.journal.c
        for this in (side, side.other):
            mine, other = link_columns(this).id, link_columns(this.other).id
            linked = set(c.execute(select(other).where(*self._core.of(t.links, name), mine.in_(ids[this]))).scalars())
            to = select(j.partner_id).where(*self._core.of(t.journal, name, this), j.record_id.in_(ids[this]))
            of = select(j.record_id).where(*self._core.of(t.journal, name, this.other), j.partner_id.in_(ids[this]))
            written = {*c.execute(to).scalars(), *c.execute(of).scalars()} - {"", *linked}
            taken = set(c.execute(select(other).where(*self._core.of(t.links, name), other.in_(written))).scalars())
            former[this.other] |= taken - ids[this.other]
            ids[this.other] |= linked | (written - taken)
        return ids, former

    def _delete_links(self, c: Connection, name: str, ids: Ids) -> int:
        k = t.links.c
        either = or_(k.customcrm_id.in_(ids[Side.CUSTOMCRM]), k.keap_id.in_(ids[Side.KEAP]))
        return int(c.execute(delete(t.links).where(*self._core.of(t.links, name), either)).rowcount)

    def _delete_of(self, c: Connection, table: Table, name: str, side: Side, ids: Collection[str]) -> int:
        return int(c.execute(delete(table).where(*self._core.of(table, name, side), table.c.id.in_(ids))).rowcount)

    def _delete_told_apart(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> None:
        k = t.told_apart.c
        its = or_((k.side == side.value) & k.id.in_(ids), (k.other_side == side.value) & k.other_id.in_(ids))
        c.execute(delete(t.told_apart).where(*self._core.of(t.told_apart, name), its))

    def _delete_journal(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> int:
        j = t.journal.c
        mine = delete(t.journal).where(*self._core.of(t.journal, name, side), j.record_id.in_(ids))
        theirs = delete(t.journal).where(*self._core.of(t.journal, name, side.other), j.partner_id.in_(ids))
        return int(c.execute(mine).rowcount + c.execute(theirs).rowcount)

    def _scrub_others(self, c: Connection, name: str, ids: Ids) -> int:
        """What the journal of others has of these records, which had been written over theirs."""
        j, found = t.journal.c, entries_of_sources(self._core, c, name, ids)
        nothing = {"before": self._core.rows.close({}), "raw": None, "sources": None}
        for seq, _ in found:
            c.execute(update(t.journal).where(j.seq == seq).values(nothing))
        return len(found)

    def _delete_overwrites(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> int:
        of = self._core.of(t.overwrites, name, side)
        return int(c.execute(delete(t.overwrites).where(*of, t.overwrites.c.record_id.in_(ids))).rowcount)

    def _delete_intents(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> int:
        """Those of creates that were to be made of these records, or were written over them."""
        i = t.intents.c
        made = delete(t.intents).where(*self._core.of(t.intents, name, side.other), i.source_id.in_(ids))
        over = delete(t.intents).where(*self._core.of(t.intents, name, side), i.over.in_(ids))
        return int(c.execute(made).rowcount + c.execute(over).rowcount)

    def _delete_actions(
        self, c: Connection, name: str, side: Side, ids: Collection[str], former: Collection[str]
    ) -> int:
        """Those about these records, and the creates that were to be made of former ones: they name no other record."""
        a = t.actions.c
        plans = select(t.plans.c.id).where(t.plans.c.bridge == self._core.bridge)
        its_id = a[link_columns(side).id.name]
        its = or_(its_id.in_(ids), its_id.in_(former) & (a.kind == "create"))
        return int(c.execute(delete(t.actions).where(a.object == name, its, a.plan_id.in_(plans))).rowcount)

    def _delete_errors(self, c: Connection) -> None:
        """What ended runs and works before their time: nobody knows of whom it tells."""
        w, r, bridge = t.works.c, t.runs.c, self._core.bridge
        c.execute(delete(t.works).where(w.bridge == bridge, w.error.is_not(None)))
        c.execute(update(t.runs).where(r.bridge == bridge, r.why.is_not(None)).values(why=None))

    def _delete_lines(self, c: Connection, name: str, ids: Ids, former: Ids) -> int:
        """Lines of reports: what they are about is told by their bodies, which may be encrypted."""
        runs = select(t.runs.c.id).where(t.runs.c.bridge == self._core.bridge)
        query = select(t.lines.c.seq, t.lines.c.body)
        query = query.where(or_(t.lines.c.run_id.in_(runs), t.lines.c.run_id == self._core.next_run))
        found = [
            row.seq
            for row in c.execute(query).yield_per(500)
            if (line := self._core.rows.to_line(row.body)).object == name and _is_about(line, ids, former)
        ]
        for chunk in chunks(found):
            c.execute(delete(t.lines).where(t.lines.c.seq.in_(chunk)))
        return len(found)


def _is_about(line: Line, ids: Ids, former: Ids) -> bool:
    """Whether a line is about any of these records, or about a former one alone."""
    named = {Side.CUSTOMCRM: line.customcrm_id, Side.KEAP: line.keap_id}
    if any(named[side] in ids[side] for side in Side):
        return True
    return any(named[side] in former[side] and named[side.other] is None for side in Side)
