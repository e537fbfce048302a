"""A person who must be forgotten: all that the store knows of them is erased, in one transaction.

What stays are bare ids, which say that nothing is to be made of these records and nothing of them to be kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Table, delete, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from keapbridge.model.kept import FORGOTTEN
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core
from keapbridge.store.sql.rows import chunks, link_columns

__all__ = ["Forgetting"]

Ids = dict[Side, set[str]]
# Tables whose rows are about one record, by the part of a person that they hold.
BY_RECORD: Mapping[str, tuple[Table, ...]] = {
    "staged": (t.observed, t.seen, t.missing),
    "match keys": (t.match_keys,),
    "failures": (t.failures,),
    "deliveries": (t.inbox,),
}


class Forgetting:
    """Erases people."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def erase(self, name: str, side: Side, id: str) -> tuple[dict[Side, list[str]], dict[str, int]]:
        """Erase a record and its counterparts; answers their ids, and how many rows of what kind went."""
        with self._core.transaction(durable=True) as c:
            if self._core.database.is_sqlite:
                c.exec_driver_sql("PRAGMA secure_delete=ON")
            ids = self._counterparts(c, name, {side: {id}, side.other: set()})
            counts = {"links": self._delete_links(c, name, ids)}
            for what, tables in BY_RECORD.items():
                counts[what] = sum(self._delete_of(c, table, name, s, ids[s]) for table in tables for s in Side)
            counts["journal"] = sum(self._delete_journal(c, name, s, ids[s]) for s in Side)
            counts["overwrites"] = sum(self._delete_overwrites(c, name, s, ids[s]) for s in Side)
            counts["intents"] = sum(self._delete_intents(c, name, s, ids[s]) for s in Side)
            counts["actions"] = sum(self._delete_actions(c, name, s, ids[s]) for s in Side)
            counts["lines"] = self._delete_lines(c, name, ids)
            self._delete_errors(c)
            for s in Side:
                self._delete_of(c, t.tombstones, name, s, ids[s])
                self._delete_told_apart(c, name, s, ids[s])
                row = {"bridge": self._core.bridge, "object": name, "side": s.value, "apart": True}
                reason = self._core.rows.close_text(FORGOTTEN)
                self._core.database.upsert(
                    c, t.tombstones, [{**row, "id": i, "reason": reason} for i in sorted(ids[s])]
                )
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

    def _counterparts(self, c: Connection, name: str, ids: Ids) -> Ids:
        """The ids with those that a link, or the journal, knows as their counterparts."""
        j = t.journal.c
        for side in Side:
            mine, other = link_columns(side).id, link_columns(side.other).id
            linked = select(other).where(*self._core.of(t.links, name), mine.in_(ids[side]))
            ids[side.other] |= set(c.execute(linked).scalars())
            written = select(j.partner_id).where(*self._core.of(t.journal, name, side), j.record_id.in_(ids[side]))
            ids[side.other] |= set(filter(None, c.execute(written).scalars()))
            back = select(j.record_id).where(*self._core.of(t.journal, name, side.other), j.partner_id.in_(ids[side]))
            ids[side.other] |= set(c.execute(back).scalars())
        return ids

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

    def _delete_overwrites(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> int:
        of = self._core.of(t.overwrites, name, side)
        return int(c.execute(delete(t.overwrites).where(*of, t.overwrites.c.record_id.in_(ids))).rowcount)

    def _delete_intents(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> int:
        """Those of creates that were to be made of these records, or were written over them."""
        i = t.intents.c
        made = delete(t.intents).where(*self._core.of(t.intents, name, side.other), i.source_id.in_(ids))
        over = delete(t.intents).where(*self._core.of(t.intents, name, side), i.over.in_(ids))
        return int(c.execute(made).rowcount + c.execute(over).rowcount)

    def _delete_actions(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> int:
        plans = select(t.plans.c.id).where(t.plans.c.bridge == self._core.bridge)
        its_id = t.actions.c[link_columns(side).id.name]
        mine = (t.actions.c.object == name, its_id.in_(ids), t.actions.c.plan_id.in_(plans))
        return int(c.execute(delete(t.actions).where(*mine)).rowcount)

    def _delete_errors(self, c: Connection) -> None:
        """What ended runs and works before their time: nobody knows of whom it tells."""
        w, r, bridge = t.works.c, t.runs.c, self._core.bridge
        c.execute(delete(t.works).where(w.bridge == bridge, w.error.is_not(None)))
        c.execute(update(t.runs).where(r.bridge == bridge, r.why.is_not(None)).values(why=None))

    def _delete_lines(self, c: Connection, name: str, ids: Ids) -> int:
        """Lines of reports: what they are about is told by their bodies, which may be encrypted."""
        runs = select(t.runs.c.id).where(t.runs.c.bridge == self._core.bridge)
        query = select(t.lines.c.seq, t.lines.c.body)
        query = query.where(or_(t.lines.c.run_id.in_(runs), t.lines.c.run_id == self._core.next_run))
        found = list(self._about(c.execute(query).yield_per(500), name, ids))
        for chunk in chunks(found):
            c.execute(delete(t.lines).where(t.lines.c.seq.in_(chunk)))
        return len(found)

    def _about(self, rows: Any, name: str, ids: Ids) -> Iterator[int]:
        for row in rows:
            line = self._core.rows.to_line(row.body)
            if line.object == name and (line.customcrm_id in ids[Side.CUSTOMCRM] or line.keap_id in ids[Side.KEAP]):
                yield row.seq
