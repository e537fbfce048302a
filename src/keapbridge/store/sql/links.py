"""Links with their bases: read as pairs, and written together with all that a commit changes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import (
    Connection,
    Integer,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)

from keapbridge.errors import KeapbridgeError, LinkStoreError
from keapbridge.model.kept_in_store import Commit, RecordKey, Removal, moved_fact
from keapbridge.model.records import Link, Observation, Pair
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.engines import LOG
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.indexing import leave_unindexed
from keapbridge.store.sql.intents import drop_intent
from keapbridge.store.sql.match_keys import drop_keys, settle_keys
from keapbridge.store.sql.overwrites import add_overwrites
from keapbridge.store.sql.pairs import pairs_by
from keapbridge.store.sql.rows import AS_IT_IS, chunks, link_columns, to_text

__all__ = ["Links"]

MANY = 1_000  # pairs, to link which the index of match keys is rather made anew than kept
KEYS = 8  # that a pair has at most, more or less


def _is_of_one(error: Exception) -> bool:
    """Whether a transaction failed of what it was to keep, and not of the store."""
    return error.refused if isinstance(error, LinkStoreError) else not isinstance(error, KeapbridgeError)


def _keys(commits: Iterable[Commit]) -> dict[str, dict[Side, tuple[RecordKey, ...]]]:
    """The match keys that links have now, by Customcrm's ids; those of a record that one had before are not its own."""
    found: dict[str, dict[Side, tuple[RecordKey, ...]]] = {}
    for commit in commits:
        keys = {**({} if commit.replaces is None else {Side.KEAP: ()}), **commit.keys}
        if keys:
            found.setdefault(commit.link.customcrm_id, {}).update(keys)
    return found


@attrs.define
class _Ticket:
    """Commits that wait for their transaction."""

    run_id: str
    commits: tuple[Commit, ...]
    done: bool = False
    error: BaseException | None = None


class Links:
    """The links of a bridge."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: list[_Ticket] = []

    @flow
    def pairs(
        self, name: str, after: tuple[str, str], limit: int
    ) -> tuple[list[tuple[Side, Pair]], tuple[str, str] | None]:
        """Linked pairs of which a record was observed, and after which side and id to go on; `None` at the end.

        Each comes once, with the side on which it was: by Customcrm's record where that was, else by Keap's. Those of
        which a record is proven missing are left out.
        """
        # Step by step, each by its ids: in one statement a database may begin with the links, of which there are most.
        o = t.observed.c

        def observed() -> Any:
            follows = tuple_(o.side, o.id) > tuple_(bindparam("after_side"), bindparam("after_id"))
            its = (*named(t.observed, "bridge", "object"), o.linked.is_(True), follows)
            return select(o.side, o.id).where(*its).order_by(o.side, o.id).limit(bindparam("limit", type_=Integer))

        last = {"after_side": after[0], "after_id": after[1]}
        values = {"bridge": self._core.bridge, "object": name, "limit": limit}
        pairs: list[tuple[Side, Pair]] = []
        with self._core.reading() as c:
            rows = list(self._core.database.execute(c, "observed and linked", observed, values | last).tuples())
            for side in Side:
                its = pairs_by(self._core, c, name, side, [id for its_side, id in rows if its_side == side.value])
                pairs += [(side, pair) for pair in its if side is Side.CUSTOMCRM or pair.customcrm is None]
            # What is missing on a side is planned as a deletion instead.
            gone = {each: self._proven_missing(c, name, each, [p.link.id(each) for _, p in pairs]) for each in Side}
        wanted = [(side, pair) for side, pair in pairs if not any(pair.link.id(each) in gone[each] for each in Side)]
        return wanted, rows[-1] if len(rows) == limit else None

    @flow
    def pairs_of(self, name: str, ids: Collection[str], side: Side = Side.CUSTOMCRM) -> list[Pair]:
        """The pairs of those of these records of a side that are linked, in the order of their ids."""
        with self._core.reading() as c:
            return pairs_by(self._core, c, name, side, sorted(ids))

    @flow
    def partners(self, name: str, side: Side, ids: Collection[str], *, plan_id: str | None = None) -> dict[str, str]:
        """The records that these of a side are linked to, or that a plan will link: id → the other side's id.

        Args:
            plan_id: of a plan whose creates, adoptions and links count as well; `""` for a partner yet to be created.
        """
        its_id, other_id = link_columns(side).id.name, link_columns(side.other).id.name
        a, k = t.actions.c, t.links.c
        execute, among = self._core.database.execute, self._core.database.among

        def planned() -> Any:
            kinds = a.kind.in_([literal(kind) for kind in ("create", "adopt", "link")])
            its = (*named(t.actions, "plan_id", "object"), kinds, among(a[its_id], "ids"))
            return select(a[its_id], a[other_id]).where(*its)

        def linked() -> Any:
            return select(k[its_id], k[other_id]).where(*named(t.links, "bridge", "object"), among(k[its_id], "ids"))

        found: dict[str, str] = {}
        with self._core.reading() as c:
            for chunk in chunks(sorted(ids)):
                values = self._core.values(name, side, chunk)
                if plan_id is not None:
                    some = execute(c, f"planned partners in {side.value}", planned, {**values, "plan_id": plan_id})
                    found.update((id, other or "") for id, other in some.tuples())
                found.update(execute(c, f"partners in {side.value}", linked, values).tuples())
        return found

    @flow
    def count(self, name: str) -> int:
        def query() -> Any:
            return select(func.count()).select_from(t.links).where(*named(t.links, "bridge", "object"))

        with self._core.reading() as c:
            values = {"bridge": self._core.bridge, "object": name}
            return int(self._core.database.execute(c, "how many links", query, values).scalar() or 0)

    @flow
    def holding(self, name: str, side: Side, field: str, after: str, limit: int) -> tuple[int, str | None]:
        """How many of the next links hold a value in a field of a side, and after which id of Customcrm's to go on.

        That is `None` at the end.
        """
        k = t.links.c
        query = select(k.customcrm_id, k.customcrm_base, k.keap_base).where(
            *self._core.of(t.links, name), k.customcrm_id > after
        )
        with self._core.reading() as c:
            rows = list(map(tuple, c.execute(query.order_by(k.customcrm_id).limit(limit))))
        to_bases = self._core.rows.to_bases
        held = [dict(zip(Side, to_bases(*bases), strict=True))[side] for _, *bases in rows]
        number = sum(base.get(field) is not None for base in held)
        return number, rows[-1][0] if len(rows) == limit else None

    @flow
    def settle(self, commits: Sequence[Commit]) -> None:
        with self._core.transaction() as c:
            self._write_commits(c, [(None, commit) for commit in commits])

    @flow
    def commit(self, run_id: str, *commits: Commit) -> None:
        """Writers that come while another one writes wait, and the next of them writes for all: one transaction."""
        ticket = _Ticket(run_id, commits)
        self._waiting.append(ticket)
        with self._core.database.lock:
            if not ticket.done:
                tickets, self._waiting = self._waiting, []
                self._write_tickets(tickets)
        if ticket.error is not None:
            raise ticket.error

    @flow
    def remove(self, run_id: str | None, moment: datetime, *removals: Removal) -> None:
        """End links; without a run their lines wait for the next one."""
        ended = [self._core.rows.fact(name, str(to_text(moment))) for removal in removals for name in removal.ended]
        with self._core.transaction() as c:
            for removal in removals:
                self._remove(c, run_id, removal)
            self._core.database.upsert(c, t.facts, ended)
            self._core.database.append(
                c, t.journal, [self._core.rows.journal(run_id, e) for r in removals for e in r.journal if run_id]
            )
            lines = [self._core.rows.line(run_id or self._core.next_run, line) for r in removals for line in r.lines]
            self._core.database.append(c, t.lines, lines)
        self._core.known.facts.update({row["name"]: row["value"] for row in ended})

    def _remove(self, c: Connection, run_id: str | None, removal: Removal) -> None:
        name, link = removal.object, removal.link
        self._note_moved(c, name, run_id or f"{link.customcrm_id},{link.keap_id}")
        c.execute(delete(t.links).where(*self._core.of(t.links, name), t.links.c.customcrm_id == link.customcrm_id))
        drop_keys(self._core, c, name, [link.customcrm_id])
        for side in Side:
            self._core.delete(c, t.observed, name, side, [link.id(side)])
            for table in (t.missing, t.failures):
                c.execute(delete(table).where(*self._core.of(table, name, side), table.c.id == link.id(side)))
        left = removal.survivor
        if left is not None:
            self._keep(c, name, left, removal.reason, apart=removal.apart)
        for parted in removal.parted:
            self._keep(c, name, parted, removal.reason, apart=True)
        if removal.taker is not None:
            self._keep(c, name, removal.taker, "", apart=False)

    @flow
    def keep_apart(self, name: str, observation: Observation, reason: str) -> None:
        """Keep a record that shall be given no counterpart by itself."""
        with self._core.transaction() as c:
            self._keep(c, name, observation, reason, apart=True)

    @flow
    def tombstones(self, name: str, side: Side, ids: Collection[str]) -> dict[str, str]:

        def query() -> Any:
            d = t.tombstones.c
            return select(d.id, d.reason).where(*named(t.tombstones), self._core.database.among(d.id, "ids"))

        found: dict[str, str] = {}
        with self._core.reading() as c:
            for chunk in chunks(sorted(ids)):
                rows = self._core.database.execute(c, "why deleted", query, self._core.values(name, side, chunk))
                found.update((row.id, self._core.rows.seal.open(row.reason)) for row in rows)
        return found

    @flow
    def begin_linking(self, number: int) -> None:
        """About to link so many pairs, batch by batch: what they would scatter may wait for `MatchKeys.index`."""
        with self._core.transaction() as c:
            if number >= MANY:
                leave_unindexed(self._core, c, few=KEYS * number)
            else:
                self._core.database.log(c, LOG)

    def all(self, name: str) -> Iterator[Link]:
        """All links, in the order of Customcrm's ids."""
        query = select(t.links).where(*self._core.of(t.links, name))
        return map(self._core.rows.to_link, self._core.paged(query, t.links.c.customcrm_id, ""))

    def _write_tickets(self, tickets: Sequence[_Ticket]) -> None:
        error: BaseException | None = None
        try:
            with self._core.transaction() as c:
                self._write_commits(c, [(each.run_id, commit) for each in tickets for commit in each.commits])
        except BaseException as failed:  # noqa: BLE001 - raised again by each of those whose commits it has undone
            error = failed
        if len(tickets) > 1 and isinstance(error, Exception) and _is_of_one(error):
            # Each by itself: what one of them holds must not be the failure of the others.
            for each in tickets:
                self._write_tickets([each])
            return
        for each in tickets:
            each.done, each.error = True, error

    def _write_commits(self, c: Connection, commits: Sequence[tuple[str | None, Commit]]) -> None:
        rows, database = self._core.rows, self._core.database
        by_object: dict[str, list[Commit]] = {}
        for _, commit in commits:
            by_object.setdefault(commit.object, []).append(commit)
        rare = self._core.rare(c)
        for name, group in by_object.items():
            moved = [commit.replaces for commit in group if commit.replaces is not None]
            if moved:
                self._note_moved(c, name, ",".join(moved))
                self._core.delete(c, t.observed, name, Side.KEAP, moved)
            # Who is to get a record that was just made must not take another one's.
            database.append(c, t.links, [rows.link(commit) for commit in group if commit.intent_id is not None])
            known = [rows.link(commit) for commit in group if commit.intent_id is None]
            database.write_many(c, "link", self._upsert_links, known)
            for side in Side:
                ids = [commit.link.id(side) for commit in group]
                self._core.delete(c, t.observed, name, side, ids)
                for table in rare:
                    self._core.delete(c, table, name, side, ids + (moved if side is Side.KEAP else []))
            settle_keys(self._core, c, name, _keys(group))
            staged = [rows.observed(name, o, linked=True) for commit in group for o in commit.staged]
            self._core.upsert_observed(c, staged)
        for _, commit in commits:
            for intent_id in (*filter(None, [commit.intent_id]), *commit.put_back):
                drop_intent(self._core, c, intent_id)
        journal = [rows.journal(run, entry) for run, commit in commits if run for entry in commit.journal]
        database.append(c, t.journal, journal)
        add_overwrites(self._core, c, [commit for _, commit in commits])
        lines = [rows.line(run or self._core.next_run, line) for run, commit in commits for line in commit.lines]
        database.append(c, t.lines, lines)

    def _proven_missing(self, c: Connection, name: str, side: Side, ids: Sequence[str]) -> set[str]:
        if not ids:
            return set()
        m = t.missing.c

        def query() -> Any:
            return select(m.id).where(*named(t.missing), m.proven.is_(True), self._core.database.among(m.id, "ids"))

        values = self._core.values(name, side, ids)
        return set(self._core.database.execute(c, "proven missing", query, values).scalars())

    def _keep(self, c: Connection, name: str, left: Observation, reason: str, *, apart: bool) -> None:
        rows, database = self._core.rows, self._core.database
        self._core.upsert_observed(c, [rows.observed(name, left, linked=False)])
        if not reason:
            return
        database.upsert(c, t.tombstones, [rows.tombstone(name, left, reason, apart=apart)])

    def _note_moved(self, c: Connection, name: str, which: str) -> None:
        fact = moved_fact(name)
        self._core.known.fickle.add(fact)
        before = c.execute(select(t.facts.c.value).where(t.facts.c.bridge == self._core.bridge, t.facts.c.name == fact))
        value = hashlib.blake2b(f"{before.scalar()} {which}".encode(), digest_size=16).hexdigest()
        self._core.database.upsert(c, t.facts, [self._core.rows.fact(fact, value)])

    def _upsert_links(self, columns: tuple[str, ...]) -> Any:
        statement = self._core.database.insert(t.links).values({name: bindparam(name) for name in columns})
        new = statement.excluded
        plain = ("keap_id", "customcrm_base", "keap_base", "awaited", "decided", "aside")
        lives = ("customcrm_born", "keap_born", "customcrm_changed", "keap_changed")
        updates: dict[str, Any] = {name: new[name] for name in (*plain, *lives)}
        for name in ("customcrm_digest", "keap_digest", "customcrm_mark", "keap_mark"):
            updates[name] = case((new[name] == literal_column(f"'{AS_IT_IS}'"), t.links.c[name]), else_=new[name])
        keys = [column.name for column in t.links.primary_key]
        return statement.on_conflict_do_update(index_elements=keys, set_=updates)
