"""The link store in a relational database: SQLite or PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import attrs
import cattrs
import msgspec
from cattrs.strategies import configure_tagged_union
from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    update,
)

from keapbridge._seal import Seal, seal_for
from keapbridge.errors import SessionBusyError, SyncError
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept import Commit, Failure, Intent, JournalEntry, Key, Missing, Removal, Staged, moved_fact
from keapbridge.model.plan import Action, Create, Delete, Plan, Skip, kind_of
from keapbridge.model.records import Canonical, Link, Observation, Pair, Snapshot
from keapbridge.model.report import Line, Report
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.database import Database

__all__ = ["SqlLinkStore", "open_store"]

KEEP = "="  # in place of a digest: the one that is there
MANY = 10_000  # pairs, to link which the index of match keys is rather made anew than kept
KEYS = 8  # that a pair has at most, more or less
CHUNK = 500  # ids in one IN: within every database's limit of bound values

T = TypeVar("T")


def open_store(target: str | Engine, bridge: str, keys: Sequence[str | bytes] = ()) -> SqlLinkStore:
    """The store of a bridge; its tables are made or brought up to date.

    Args:
        target: a SQLAlchemy URL (`sqlite:///bridge.db`, `postgresql+psycopg://…`) or the host's own engine.
        keys: encrypt what is known of people with these; see `FernetSeal`.

    Raises:
        LinkStoreError: when the database cannot be opened.
    """
    seal = seal_for(keys)
    return SqlLinkStore(Database(target), bridge, seal=seal)


@attrs.define
class _Ticket:
    """Commits that wait for their transaction."""

    run_id: str
    commits: tuple[Commit, ...]
    done: bool = False
    error: SyncError | None = None


class SqlLinkStore:
    """`LinkStore` over SQLAlchemy Core."""

    def __init__(self, database: Database, bridge: str, *, seal: Seal) -> None:
        self.database = database
        self._bridge = bridge
        self._seal = seal
        # Whose lines wait for the next run: they tell of what was done without one.
        self._next_run = f"next:{hashlib.blake2b(bridge.encode(), digest_size=16).hexdigest()}"
        self._waiting: list[_Ticket] = []
        self._lease: tuple[str, datetime] | None = None

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def _transaction(self, *, durable: bool = False, fenced: bool = True) -> Iterator[Connection]:
        with self.database.transaction(durable=durable) as connection:
            if fenced:
                self._fence(connection)
            yield connection

    @property
    def bridge(self) -> str:
        """Whose links these are."""
        return self._bridge

    # --- small things -------------------------------------------------------------------------------------------

    def watermark(self, object: str, side: Side) -> datetime | None:
        query = select(t.cursors.c.watermark).where(
            t.cursors.c.bridge == self._bridge, t.cursors.c.object == object, t.cursors.c.side == side.value
        )
        with self._transaction() as c:
            return _moment(c.execute(query).scalar())

    def fact(self, name: str) -> str | None:
        query = select(t.facts.c.value).where(t.facts.c.bridge == self._bridge, t.facts.c.name == name)
        with self._transaction() as c:
            return c.execute(query).scalar()

    def set_fact(self, name: str, value: str, *, durable: bool = False) -> None:
        with self._transaction(durable=durable) as c:
            self.database.upsert(c, t.facts, [{"bridge": self._bridge, "name": name, "value": value}])

    # --- observations -------------------------------------------------------------------------------------------

    def recognise(self, object: str, side: Side, fingerprints: Mapping[str, str], *, complete: bool) -> set[str]:
        with self._transaction() as c:
            known = self._known(c, object, side, list(fingerprints))
            same = [id for id, digest, mark in known if digest and mark == fingerprints[id] + digest]
            self._unstage(c, object, side, same)
            self._note_seen(c, object, side, same, complete=complete)
        return set(same)

    def stage(self, object: str, side: Side, staged: Sequence[Staged], *, complete: bool) -> int:
        unchanged: list[str] = []
        learnt: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        keys: list[dict[str, Any]] = []
        with self._transaction() as c:
            links = self._known(c, object, side, [s.observation.id for s in staged])
            known = {id: (digest, mark) for id, digest, mark in links}
            for item in staged:
                id, mark = item.observation.id, item.observation.mark
                linked = id in known
                if linked and known[id][0] == item.digest:
                    unchanged.append(id)
                    if mark is not None and mark != known[id][1]:
                        learnt.append({"its_id": id, "its_mark": mark})
                    continue
                rows.append(self._observed_row(object, item.observation, linked=linked))
                if not linked:
                    keys += self._key_rows(object, side, id, item.keys, linked=False)
            self._unstage(c, object, side, unchanged)
            self._learn_marks(c, object, side, learnt)
            self._compare_with_staged(c, object, side, rows)
            self._note_seen(c, object, side, list(known), complete=complete)
            self.database.upsert(c, t.observed, rows)
            self._drop_keys(c, object, side, [r["id"] for r in rows if not r["linked"]])
            self.database.upsert(c, t.match_keys, keys)
        return len(unchanged)

    def _learn_marks(self, c: Connection, object: str, side: Side, marks: Sequence[Mapping[str, Any]]) -> None:
        if marks:
            columns = _link_columns(side)
            here = update(t.links).where(*self._of(t.links, object), columns.id == bindparam("its_id"))
            c.execute(here.values({columns.mark: bindparam("its_mark")}), marks)

    def _note_seen(self, c: Connection, object: str, side: Side, ids: Sequence[str], *, complete: bool) -> None:
        """Linked records are there: what a complete scan is told, and what was taken for missing is not."""
        if not ids:
            return
        self._forget_missing(c, object, side, ids)
        if complete:
            place = (literal(self._bridge), literal(object), literal(side.value))
            each = self.database.each("ids")
            rows = select(*place, each.selected_columns[0]).where(true())  # without it SQLite reads ON as a join's
            names = ["bridge", "object", "side", "id"]
            c.execute(self.database.insert(t.seen).from_select(names, rows).on_conflict_do_nothing(), {"ids": ids})

    def _compare_with_staged(self, c: Connection, object: str, side: Side, rows: Sequence[dict[str, Any]]) -> None:
        """What was edited since it was staged is tried again if it had failed; what was not keeps the time of its edit.

        A record's own time stamp also moves when this library writes another field of it.
        """
        new = {row["id"]: row for row in rows}
        edited: list[str] = []
        wanted = t.observed.c.id.in_(self.database.each("ids"))
        query = select(t.observed).where(*self._of(t.observed, object, side), wanted)
        for old in c.execute(query, {"ids": list(new)}).mappings() if new else ():
            row = new[old["id"]]
            if any(self._open(old[c]) != self._open(row[c]) for c in ("snapshot", "unreadable")):
                edited.append(old["id"])
            elif old["updated_at"] is not None:
                row["updated_at"] = old["updated_at"]
        self._delete(c, t.failures, object, side, edited)

    def _forget_missing(self, c: Connection, object: str, side: Side, ids: Sequence[str]) -> None:
        self._delete(c, t.missing, object, side, ids)

    def _delete(self, c: Connection, table: Table, object: str, side: Side, ids: Sequence[str]) -> None:
        """Delete the rows of these records; most tables have none of most records."""
        if ids:
            wanted = table.c.id.in_(self.database.each("ids"))
            self.database.execute(
                c,
                f"delete {table.name}",
                lambda: delete(table).where(*_named(table), wanted),
                self._values(object, side, ids),
            )

    def begin_scan(self, object: str, side: Side) -> None:
        with self._transaction() as c:
            self.database.leave_unindexed(c, self._bridge)
            c.execute(delete(t.seen).where(*self._of(t.seen, object, side)))

    def end_scan(self, object: str, side: Side) -> None:
        id_column = _link_columns(side).id
        k, s = t.links.c, t.seen.c
        unseen = (
            select(k.bridge, k.object, literal(side.value), id_column, literal(False))
            .outerjoin(
                t.seen, and_(s.bridge == k.bridge, s.object == k.object, s.side == side.value, s.id == id_column)
            )
            .where(*self._of(t.links, object), s.id.is_(None))
        )
        names = ["bridge", "object", "side", "id", "proven"]
        with self._transaction() as c:
            seen_again = select(s.id).where(*self._of(t.seen, object, side))
            c.execute(delete(t.missing).where(*self._of(t.missing, object, side), t.missing.c.id.in_(seen_again)))
            c.execute(self.database.insert(t.missing).from_select(names, unseen).on_conflict_do_nothing())
            c.execute(delete(t.seen).where(*self._of(t.seen, object, side)))

    def note_deleted(self, object: str, side: Side, ids: Collection[str]) -> None:
        id_column = _link_columns(side).id
        with self._transaction() as c:
            for chunk in _chunks(sorted(ids)):
                query = select(id_column).where(*self._of(t.links, object), id_column.in_(chunk))
                rows = [
                    {"bridge": self._bridge, "object": object, "side": side.value, "id": id, "proven": False}
                    for id in c.execute(query).scalars()
                ]
                if rows:
                    c.execute(self.database.insert(t.missing).on_conflict_do_nothing(), rows)

    def missing(self, object: str, after: tuple[str, str], limit: int) -> list[Missing]:
        m = t.missing.c
        query = (
            select(m.side, m.id, m.proven)
            .where(*self._of(t.missing, object), tuple_(m.side, m.id) > tuple_(*after))
            .order_by(m.side, m.id)
            .limit(limit)
        )
        with self._transaction() as c:
            rows = c.execute(query).all()
            pairs: dict[tuple[str, str], Pair] = {}
            for side in Side:
                mine = [row.id for row in rows if row.side == side.value]
                pairs |= {(side.value, pair.link.id(side)): pair for pair in self._pairs_by(c, object, side, mine)}
        return [Missing(Side(side), pairs[side, id], bool(proven)) for side, id, proven in rows if (side, id) in pairs]

    def prove_missing(self, object: str, side: Side, ids: Collection[str]) -> None:
        with self._transaction() as c:
            for chunk in _chunks(sorted(ids)):
                which = [*self._of(t.missing, object, side), t.missing.c.id.in_(chunk)]
                c.execute(update(t.missing).where(*which).values(proven=True))

    def drop_missing(self, object: str, side: Side, ids: Collection[str]) -> None:
        with self._transaction() as c:
            self._forget_missing(c, object, side, sorted(ids))

    def same_key(self, object: str, side: Side, keys: Sequence[Key]) -> list[tuple[str, bool]]:
        m = t.match_keys.c
        found: dict[str, bool] = {}
        with self._transaction() as c:
            self.database.index_again(c)
            for key in keys:
                query = select(m.id, m.linked).where(
                    *self._of(t.match_keys, object, side),
                    m.rank == key.rank,
                    m.linked.in_([True, False]),
                    m.key == _key_digest(key.key),
                )
                found.update((row.id, bool(row.linked)) for row in c.execute(query))
        return sorted(found.items())

    def tombstones(self, object: str, side: Side, ids: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        with self._transaction() as c:
            for chunk in _chunks(sorted(ids)):
                query = select(t.tombstones.c.id, t.tombstones.c.reason).where(
                    *self._of(t.tombstones, object, side), t.tombstones.c.id.in_(chunk)
                )
                found.update((row.id, row.reason) for row in c.execute(query))
        return found

    def keep_apart(self, object: str, observation: Observation, reason: str) -> None:
        with self._transaction() as c:
            self._keep(c, object, observation, (), reason, apart=True)

    def _keep(
        self, c: Connection, object: str, left: Observation, keys: Iterable[Key], reason: str, *, apart: bool
    ) -> None:
        self.database.upsert(c, t.observed, [self._observed_row(object, left, linked=False)])
        self.database.upsert(c, t.match_keys, self._key_rows(object, left.side, left.id, keys, linked=False))
        if not reason:
            return
        row = {"bridge": self._bridge, "object": object, "side": left.side.value, "id": left.id}
        self.database.upsert(c, t.tombstones, [{**row, "reason": reason, "apart": apart}])

    def journal(self, run_id: str) -> list[JournalEntry] | None:
        known = select(t.runs.c.id).where(t.runs.c.id == run_id, t.runs.c.bridge == self._bridge)
        query = select(t.journal).where(t.journal.c.run_id == run_id).order_by(t.journal.c.seq)
        with self._transaction() as c:
            if c.execute(known).first() is None:
                return None
            return [self._entry(row) for row in c.execute(query)]

    def history(self, object: str, side: Side, id: str) -> list[JournalEntry]:
        query = select(t.journal).where(*self._of(t.journal, object, side), t.journal.c.record_id == id)
        with self._transaction() as c:
            return [self._entry(row) for row in c.execute(query.order_by(t.journal.c.seq))]

    def prune(self, before: datetime) -> None:
        p, r = t.plans.c, t.runs.c
        old_plans = select(p.id).where(p.bridge == self._bridge, p.created_at < _text(before))
        old_runs = select(r.id).where(r.bridge == self._bridge, r.started_at < _text(before))
        with self._transaction() as c:
            # One by one: for a list of plans that it does not know, a database may read all actions of all plans.
            for id in c.execute(old_plans).scalars().all():
                c.execute(delete(t.actions).where(t.actions.c.plan_id == id))
                c.execute(delete(t.plans).where(p.id == id))
            for id in c.execute(old_runs).scalars().all():
                c.execute(delete(t.lines).where(t.lines.c.run_id == id))
                c.execute(delete(t.journal).where(t.journal.c.run_id == id))
                c.execute(delete(t.runs).where(r.id == id))

    def count_links(self, object: str) -> int:
        query = select(func.count()).select_from(t.links).where(*self._of(t.links, object))
        with self._transaction() as c:
            return int(c.execute(query).scalar_one())

    def remove(self, run_id: str, removal: Removal) -> None:
        object, link = removal.object, removal.link
        with self._transaction() as c:
            self._note_moved(c, object, run_id)
            c.execute(delete(t.links).where(*self._of(t.links, object), t.links.c.customcrm_id == link.customcrm_id))
            for side in Side:
                self._unstage(c, object, side, [link.id(side)])
                self._drop_keys(c, object, side, [link.id(side)])
                for table in (t.missing, t.failures):
                    c.execute(delete(table).where(*self._of(table, object, side), table.c.id == link.id(side)))
            left = removal.survivor
            if left is not None:
                self._keep(c, object, left, removal.survivor_keys, removal.reason, apart=removal.apart)
            journal = [self._journal_row(run_id, entry) for entry in removal.journal]
            self.database.append(c, t.journal, journal)
            self._add_lines(c, [(run_id, line) for line in removal.lines])

    def _note_moved(self, c: Connection, object: str, which: str) -> None:
        name = moved_fact(object)
        before = c.execute(select(t.facts.c.value).where(t.facts.c.bridge == self._bridge, t.facts.c.name == name))
        value = hashlib.blake2b(f"{before.scalar()} {which}".encode(), digest_size=16).hexdigest()
        self.database.upsert(c, t.facts, [{"bridge": self._bridge, "name": name, "value": value}])

    # --- failures -----------------------------------------------------------------------------------------------

    def fail(self, failure: Failure) -> None:
        row = {
            "bridge": self._bridge,
            "object": failure.object,
            "side": failure.side.value,
            "id": failure.id,
            "reason": failure.reason,
            "tries": failure.tries,
            "next_try_at": _text(failure.next_try_at),
        }
        with self._transaction() as c:
            self.database.upsert(c, t.failures, [row])

    def failures(self, object: str, side: Side, ids: Collection[str]) -> dict[str, Failure]:
        found: dict[str, Failure] = {}
        with self._transaction() as c:
            for chunk in _chunks(sorted(ids)):
                query = select(t.failures).where(*self._of(t.failures, object, side), t.failures.c.id.in_(chunk))
                found.update((row.id, _failure(row)) for row in c.execute(query))
        return found

    def all_failures(self) -> list[Failure]:
        f = t.failures.c
        query = select(t.failures).where(f.bridge == self._bridge).order_by(f.object, f.side, f.id)
        with self._transaction() as c:
            return [_failure(row) for row in c.execute(query)]

    def clear_failure(self, object: str, side: Side, id: str) -> None:
        with self._transaction() as c:
            for table in (t.failures, t.tombstones):
                c.execute(delete(table).where(*self._of(table, object, side), table.c.id == id))

    # --- the lease ----------------------------------------------------------------------------------------------

    def acquire(self, holder: str, now: datetime, until: datetime) -> bool:
        k = t.leases.c
        with self._transaction(fenced=False) as c:
            row = {"bridge": self._bridge, "holder": None, "expires_at": ""}
            c.execute(self.database.insert(t.leases).on_conflict_do_nothing(), [row])
            free = (k.holder.is_(None)) | (k.expires_at <= _text(now))
            claim = update(t.leases).where(k.bridge == self._bridge, free)
            taken = c.execute(claim.values(holder=holder, expires_at=_text(until))).rowcount == 1
        if taken:
            self._lease = (holder, until)
        return taken

    def lease_is_due(self, now: datetime, margin: timedelta) -> bool:
        return self._lease is not None and self._lease[1] - now < margin

    def renew(self, until: datetime) -> None:
        with self._transaction() as c:
            if self._lease is not None:
                c.execute(update(t.leases).where(t.leases.c.bridge == self._bridge).values(expires_at=_text(until)))
                self._lease = (self._lease[0], until)

    def release(self, holder: str) -> None:
        with self._transaction(fenced=False) as c:
            k = t.leases.c
            c.execute(update(t.leases).where(k.bridge == self._bridge, k.holder == holder).values(holder=None))
        self._lease = None

    def _fence(self, c: Connection) -> None:
        """A runner that was taken for dead must not write any more."""
        if self._lease is None:
            return
        k = t.leases.c
        holder = self.database.execute(
            c, "holder", lambda: select(k.holder).where(k.bridge == bindparam("bridge")), {"bridge": self._bridge}
        )
        if holder.scalar() != self._lease[0]:
            raise SessionBusyError("another runner took this session over; this one stops")

    def forget_unlinked(self, object: str, side: Side, *, ids: Collection[str] = (), except_seen_in: str = "") -> None:
        o, m = t.observed.c, t.match_keys.c
        with self._transaction() as c:
            for chunk in _chunks(sorted(ids)):
                self._forget(c, object, side, o.id.in_(chunk), m.id.in_(chunk))
            if except_seen_in:
                stale = select(o.id).where(
                    *self._of(t.observed, object, side), o.linked.is_(False), o.seen_in != except_seen_in
                )
                for chunk in _chunks(list(c.execute(stale).scalars())):
                    self._forget(c, object, side, o.id.in_(chunk), m.id.in_(chunk))

    def _forget(self, c: Connection, object: str, side: Side, observed: Any, keys: Any) -> None:
        o, m = t.observed, t.match_keys
        c.execute(delete(o).where(*self._of(o, object, side), o.c.linked.is_(False), observed))
        c.execute(delete(m).where(*self._of(m, object, side), m.c.linked.is_(False), keys))

    def _known(self, c: Connection, object: str, side: Side, ids: Sequence[str]) -> Sequence[Any]:
        """What the links of records know of them: id, digest and mark."""
        columns = _link_columns(side)
        wanted = columns.id.in_(self.database.each("ids"))
        query = select(columns.id, columns.digest, columns.mark).where(*self._of(t.links, object), wanted)
        return c.execute(query, {"ids": ids}).all()

    def _observed_row(self, object: str, o: Observation, *, linked: bool) -> dict[str, Any]:
        return {
            "bridge": self._bridge,
            "object": object,
            "side": o.side.value,
            "id": o.id,
            "linked": linked,
            "snapshot": self._close(dict(sorted(o.snapshot.values.items()))),
            "unreadable": self._close(o.snapshot.unreadable),
            "updated_at": _text(o.updated_at),
            "version": o.version,
            "problem": o.problem,
            "mark": o.mark,
            "seen_in": o.seen_in,
        }

    def _key_rows(self, object: str, side: Side, id: str, keys: Iterable[Key], *, linked: bool) -> list[dict[str, Any]]:
        return [
            {
                "bridge": self._bridge,
                "object": object,
                "side": side.value,
                "id": id,
                "rank": k.rank,
                "key": _key_digest(k.key),
                "apart": self._close(k.apart),
                "stronger": self._close(k.stronger),
                "linked": linked,
            }
            for k in keys
        ]

    def _unstage(self, c: Connection, object: str, side: Side, ids: Sequence[str]) -> None:
        self._delete(c, t.observed, object, side, ids)

    def _drop_keys(self, c: Connection, object: str, side: Side, ids: Sequence[str]) -> None:
        self._delete(c, t.match_keys, object, side, ids)

    def _of(self, table: Table, object: str, side: Side | None = None) -> list[Any]:
        conditions = [table.c.bridge == self._bridge, table.c.object == object]
        return conditions if side is None else [*conditions, table.c.side == side.value]

    def _values(self, object: str, side: Side, ids: Collection[str]) -> dict[str, Any]:
        """What the parameters of a statement with `_named` and a list of ids stand for."""
        return {"bridge": self._bridge, "object": object, "side": side.value, "ids": self.database.listed(ids)}

    def observations(self, object: str, side: Side, ids: Collection[str]) -> dict[str, Observation]:
        with self._transaction() as c:
            return self._observed(c, object, side, sorted(ids))

    def pairs(self, object: str, side: Side, after: str, limit: int) -> tuple[list[Pair], str | None]:
        # Step by step, each by its ids: in one statement a database may begin with the links, of which there are most.
        o = t.observed.c
        observed = select(o.id).where(*self._of(t.observed, object, side), o.linked.is_(True), o.id > after)
        with self._transaction() as c:
            ids = list(c.execute(observed.order_by(o.id).limit(limit)).scalars())
            pairs = self._pairs_by(c, object, side, ids)
            # What is missing on a side is planned as a deletion instead.
            gone = {
                each: self._proven_missing(c, object, each, [pair.link.id(each) for pair in pairs]) for each in Side
            }
        wanted = [
            pair
            for pair in pairs
            if not any(pair.link.id(each) in gone[each] for each in Side)
            and (side is Side.CUSTOMCRM or pair.customcrm is None)
        ]
        return wanted, ids[-1] if len(ids) == limit else None

    def _proven_missing(self, c: Connection, object: str, side: Side, ids: Sequence[str]) -> set[str]:
        m = t.missing.c
        query = select(m.id).where(*self._of(t.missing, object, side), m.proven.is_(True))
        return (
            set(c.execute(query.where(m.id.in_(self.database.each("ids"))), {"ids": ids}).scalars()) if ids else set()
        )

    def pairs_of(self, object: str, customcrm_ids: Collection[str]) -> list[Pair]:
        with self._transaction() as c:
            return self._pairs_by(c, object, Side.CUSTOMCRM, sorted(customcrm_ids))

    def _pairs_by(self, c: Connection, object: str, side: Side, ids: Sequence[str]) -> list[Pair]:
        """The linked pairs of these records of a side, in the order of their ids."""
        if not ids:
            return []
        wanted = _link_columns(side).id
        query = select(t.links).where(*self._of(t.links, object), wanted.in_(self.database.each("ids")))
        links = [self._link(row) for row in c.execute(query.order_by(wanted), {"ids": list(ids)})]
        ours, theirs = (self._observed(c, object, each, [link.id(each) for link in links]) for each in Side)
        return [Pair(link, ours.get(link.customcrm_id), theirs.get(link.keap_id)) for link in links]

    def _observed(self, c: Connection, object: str, side: Side, ids: Sequence[str]) -> dict[str, Observation]:
        if not ids:
            return {}
        wanted = t.observed.c.id.in_(self.database.each("ids"))
        query = select(t.observed).where(*self._of(t.observed, object, side), wanted)
        return {row.id: self._observation(row) for row in c.execute(query, {"ids": list(ids)})}

    def groups(self, object: str, rank: int, after: str, limit: int, plan_id: str) -> list[tuple[str, list[Candidate]]]:
        m = t.match_keys.c
        wanted = (
            select(m.key)
            .distinct()
            .where(*self._of(t.match_keys, object), m.rank == rank, m.linked.is_(False), m.key > after)
            .order_by(m.key)
            .limit(limit)
        )
        kept_apart = select(t.tombstones.c.id).where(*self._of(t.tombstones, object), t.tombstones.c.apart.is_(True))
        groups: dict[str, list[Candidate]] = {}
        with self._transaction() as c:
            self.database.index_again(c)
            keys = list(c.execute(wanted).scalars())
            query = (
                select(m.key, m.side, m.id, m.apart, m.stronger, m.linked)
                .where(*self._of(t.match_keys, object), m.rank == rank, m.linked.in_([True, False]))
                .where(m.key.in_(self.database.each("keys")))
                .where(m.linked.is_(True) | m.id.not_in(kept_apart.where(t.tombstones.c.side == m.side)))
                .order_by(m.key, m.side, m.id)
            )
            rows = c.execute(query, {"keys": keys}).all() if keys else []
            planned = {
                side.value: self._planned(c, plan_id, object, side, [row.id for row in rows if row.side == side.value])
                for side in Side
            }
        for row in rows:
            kinds = planned[row.side].get(row.id, frozenset())
            if "skip" not in kinds:
                linked = bool(row.linked) or not kinds.isdisjoint(("adopt", "link"))
                apart, stronger = tuple(self._open(row.apart)), tuple(self._open(row.stronger))
                groups.setdefault(row.key, []).append(Candidate(Side(row.side), row.id, apart, stronger, linked=linked))
        return [(key, groups.get(key, [])) for key in keys]

    def _planned(
        self, c: Connection, plan_id: str, object: str, side: Side, ids: Sequence[str]
    ) -> dict[str, frozenset[str]]:
        """What kinds of actions a plan has for these records."""
        if not ids:
            return {}
        a = t.actions.c
        its_id = a[_link_columns(side).id.name]
        query = select(its_id, a.kind).where(a.plan_id == plan_id, a.object == object)
        found: dict[str, frozenset[str]] = {}
        for id, kind in c.execute(query.where(its_id.in_(self.database.each("ids"))), {"ids": ids}).all():
            found[id] = found.get(id, frozenset()) | {kind}
        return found

    def unlinked(self, object: str, side: Side, after: str, limit: int, plan_id: str) -> list[Observation]:
        o, a = t.observed.c, t.actions.c
        planned = exists().where(a.plan_id == plan_id, a.object == object, a[_link_columns(side).id.name] == o.id)
        query = (
            select(t.observed)
            .where(*self._of(t.observed, object, side), o.linked.is_(False), o.id > after, ~planned)
            .order_by(o.id)
            .limit(limit)
        )
        with self._transaction() as c:
            return [self._observation(row) for row in c.execute(query)]

    def references(
        self, object: str, *, customcrm_ids: Collection[str] = (), keap_ids: Collection[str] = (), plan_id: str | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        to_keap: dict[str, str] = {}
        to_customcrm: dict[str, str] = {}
        with self._transaction() as c:
            for column, ids in (("customcrm_id", customcrm_ids), ("keap_id", keap_ids)):
                for chunk in _chunks(sorted(ids)):
                    if plan_id is not None:
                        a = t.actions.c
                        query = select(a.customcrm_id, a.keap_id).where(
                            a.plan_id == plan_id,
                            a.object == object,
                            a.kind.in_(("create", "adopt", "link")),
                            t.actions.c[column].in_(chunk),
                        )
                        _collect(c.execute(query), to_keap, to_customcrm)
                    query = select(t.links.c.customcrm_id, t.links.c.keap_id).where(
                        *self._of(t.links, object), t.links.c[column].in_(chunk)
                    )
                    _collect(c.execute(query), to_keap, to_customcrm)
        return to_keap, to_customcrm

    # --- links --------------------------------------------------------------------------------------------------

    def settle(self, commits: Sequence[Commit]) -> None:
        with self._transaction() as c:
            self._write_commits(c, [(None, commit) for commit in commits])

    def commit(self, run_id: str, *commits: Commit) -> None:
        """Writers that come while another one writes wait, and the next of them writes for all: one transaction."""
        ticket = _Ticket(run_id, commits)
        self._waiting.append(ticket)
        with self.database.lock:
            if not ticket.done:
                tickets, self._waiting = self._waiting, []
                self._write_tickets(tickets)
        if ticket.error is not None:
            raise ticket.error

    def _write_tickets(self, tickets: Sequence[_Ticket]) -> None:
        error: SyncError | None = None
        try:
            with self._transaction() as c:
                self._write_commits(c, [(each.run_id, commit) for each in tickets for commit in each.commits])
        except SyncError as failed:
            error = failed
        for each in tickets:
            each.done, each.error = True, error

    def _write_commits(self, c: Connection, commits: Sequence[tuple[str | None, Commit]]) -> None:
        by_object: dict[str, list[Commit]] = {}
        for _, commit in commits:
            by_object.setdefault(commit.object, []).append(commit)
        rare = self._rare_rows(c)
        for object, group in by_object.items():
            moved = [commit.replaces for commit in group if commit.replaces is not None]
            if moved:
                self._note_moved(c, object, ",".join(moved))
                self._unstage(c, object, Side.KEAP, moved)
                self._drop_keys(c, object, Side.KEAP, moved)
            self.database.write_many(c, "link", self._upsert_links, [self._link_row(commit) for commit in group])
            for side in Side:
                ids = [commit.link.id(side) for commit in group]
                self._unstage(c, object, side, ids)
                for table in rare:
                    self._delete(c, table, object, side, ids + (moved if side is Side.KEAP else []))
                keys = {commit.link.id(side): commit.keys[side] for commit in group if side in commit.keys}
                self._settle_keys(c, object, side, keys)
            staged = [self._observed_row(object, o, linked=True) for commit in group for o in commit.staged]
            self.database.upsert(c, t.observed, staged)
        for _, commit in commits:
            if commit.intent_id is not None:
                self._drop_intent(c, commit.intent_id)
        journal = [self._journal_row(run, entry) for run, commit in commits if run for entry in commit.journal]
        self.database.append(c, t.journal, journal)
        self._add_lines(c, [(run or self._next_run, line) for run, commit in commits for line in commit.lines])

    def _settle_keys(self, c: Connection, object: str, side: Side, keys: Mapping[str, Iterable[Key]]) -> None:
        """Keep the match keys of linked records. Most are there already: those stay where they are."""
        if not keys:
            return
        m = t.match_keys.c
        wanted = m.id.in_(self.database.each("ids"))
        found = self.database.execute(
            c,
            "keys",
            lambda: select(m.id, m.rank, m.key, m.apart, m.stronger, m.linked).where(*_named(t.match_keys), wanted),
            self._values(object, side, keys),
        )
        known: dict[str, set[Any]] = {id: set() for id in keys}
        unlinked: set[str] = set()
        for id, rank, key, apart, stronger, linked in map(tuple, found):
            known[id].add((rank, key, tuple(self._open(apart)), tuple(self._open(stronger))))
            if not linked:
                unlinked.add(id)
        others = [
            id
            for id, its in keys.items()
            if known[id] != {(k.rank, _key_digest(k.key), k.apart, k.stronger) for k in its}
        ]
        self._drop_keys(c, object, side, [id for id in others if known[id]])
        rows = [row for id in others for row in self._key_rows(object, side, id, keys[id], linked=True)]
        self.database.upsert(c, t.match_keys, rows)
        linked_now = sorted(unlinked.difference(others))
        if linked_now:
            self.database.execute(
                c,
                "link keys",
                lambda: update(t.match_keys).where(*_named(t.match_keys), wanted).values(linked=true()),
                self._values(object, side, linked_now),
            )

    def _rare_rows(self, c: Connection) -> list[Table]:
        """Those of the mostly empty tables that hold anything."""
        tables = (t.missing, t.failures, t.tombstones)

        def some() -> Any:
            return select(*(exists().where(table.c.bridge == bindparam("bridge")) for table in tables))

        found = self.database.execute(c, "rare rows", some, {"bridge": self._bridge}).one()
        return [table for table, has_rows in zip(tables, found, strict=True) if has_rows]

    def _upsert_links(self, columns: tuple[str, ...]) -> Any:
        statement = self.database.insert(t.links).values({name: bindparam(name) for name in columns})
        new = statement.excluded
        updates: dict[str, Any] = {name: new[name] for name in ("keap_id", "customcrm_base", "keap_base")}
        for name in ("customcrm_digest", "keap_digest", "customcrm_mark", "keap_mark"):
            updates[name] = case((new[name] == literal_column(f"'{KEEP}'"), t.links.c[name]), else_=new[name])
        keys = [column.name for column in t.links.primary_key]
        return statement.on_conflict_do_update(index_elements=keys, set_=updates)

    def _link_row(self, commit: Commit) -> dict[str, Any]:
        return {
            "bridge": self._bridge,
            "object": commit.object,
            "customcrm_id": commit.link.customcrm_id,
            "keap_id": commit.link.keap_id,
            "customcrm_base": self._close(commit.link.customcrm_base),
            "keap_base": self._close(commit.link.keap_base),
            "customcrm_digest": commit.digests.get(Side.CUSTOMCRM, KEEP),
            "keap_digest": commit.digests.get(Side.KEAP, KEEP),
            "customcrm_mark": commit.marks.get(Side.CUSTOMCRM, KEEP),
            "keap_mark": commit.marks.get(Side.KEAP, KEEP),
        }

    def _journal_row(self, run_id: str, entry: JournalEntry) -> dict[str, Any]:
        return {
            "run_id": run_id,
            "bridge": self._bridge,
            "object": entry.object,
            "side": entry.side.value,
            "record_id": entry.record_id,
            "partner_id": entry.partner_id,
            "kind": entry.kind,
            "before": self._close(entry.before),
            "after": self._close(entry.after),
            "written_at": _text(entry.written_at),
        }

    def links(self, object: str) -> Iterator[Link]:
        after = ""
        while True:
            query = (
                select(t.links)
                .where(*self._of(t.links, object), t.links.c.customcrm_id > after)
                .order_by(t.links.c.customcrm_id)
                .limit(CHUNK)
            )
            with self._transaction() as c:
                rows = c.execute(query).all()
            if not rows:
                return
            yield from map(self._link, rows)
            after = rows[-1].customcrm_id

    # --- plans and runs -----------------------------------------------------------------------------------------

    def begin_plan(self, plan_id: str, created_at: datetime, objects: Sequence[str], *, purpose: str = "sync") -> None:
        row = {
            "id": plan_id,
            "bridge": self._bridge,
            "created_at": _text(created_at),
            "objects": _json(objects),
            "counts": "{}",
            "unchanged": "{}",
            "watermarks": "{}",
            "totals": "{}",
            "purpose": purpose,
        }
        with self._transaction() as c:
            c.execute(t.plans.insert(), [row])

    def add_actions(self, plan_id: str, first_seq: int, actions: Sequence[Action]) -> None:
        rows = []
        for seq, action in enumerate(actions, first_seq):
            kind = kind_of(action)
            ids = _ids(action)
            rows.append(
                {
                    "plan_id": plan_id,
                    "seq": seq,
                    "object": action.object,
                    "kind": kind,
                    "customcrm_id": ids.get(Side.CUSTOMCRM),
                    "keap_id": ids.get(Side.KEAP),
                    "body": self._close(_converter.unstructure(action, unstructure_as=Action)),
                }
            )
        if not rows:
            return
        with self._transaction() as c:
            self.database.append(c, t.actions, rows)

    def finish_plan(
        self,
        plan_id: str,
        counts: Mapping[str, Mapping[str, int]],
        unchanged: Mapping[str, int],
        watermarks: Mapping[str, Mapping[str, datetime]],
        totals: Mapping[str, Mapping[str, int]],
    ) -> Plan:
        values = {
            "counts": _json(counts),
            "unchanged": _json(unchanged),
            "watermarks": _json(watermarks),
            "totals": _json(totals),
        }
        with self._transaction() as c:
            c.execute(update(t.plans).where(t.plans.c.id == plan_id).values(**values))
        plan = self.plan(plan_id)
        assert plan is not None  # it was begun above
        return plan

    def plan(self, plan_id: str) -> Plan | None:
        query = select(t.plans).where(t.plans.c.id == plan_id, t.plans.c.bridge == self._bridge)
        with self._transaction() as c:
            row = c.execute(query).first()
        if row is None:
            return None
        return Plan(
            row.id,
            datetime.fromisoformat(row.created_at),
            tuple(_load(row.objects)),
            _load(row.counts),
            _load(row.unchanged),
            _load(row.totals),
            row.purpose,
            lambda: self._all_actions(plan_id),
        )

    def _all_actions(self, plan_id: str) -> Iterator[Action]:
        after = -1
        while True:
            query = (
                select(t.actions.c.seq, t.actions.c.body)
                .where(t.actions.c.plan_id == plan_id, t.actions.c.seq > after)
                .order_by(t.actions.c.seq)
                .limit(CHUNK)
            )
            with self._transaction() as c:
                rows = c.execute(query).all()
            if not rows:
                return
            for row in rows:
                yield self._action(row.body)
            after = rows[-1].seq

    def actions(
        self, plan_id: str, object: str, kinds: Collection[str], after: int, limit: int
    ) -> list[tuple[int, Action]]:
        a = t.actions.c
        query = (
            select(a.seq, a.body)
            .where(a.plan_id == plan_id, a.object == object, a.kind.in_(list(kinds)), a.seq > after)
            .order_by(a.seq)
            .limit(limit)
        )
        with self._transaction() as c:
            return [(row.seq, self._action(row.body)) for row in c.execute(query)]

    def links_to_make(self, plan_id: str, object: str, after: str, limit: int) -> list[tuple[str, Action]]:
        a = t.actions.c
        query = (
            select(a.keap_id, a.body)
            .where(a.plan_id == plan_id, a.object == object, a.kind == "link", a.keap_id > after)
            .order_by(a.keap_id)
            .limit(limit)
        )
        with self._transaction() as c:
            return [(row.keap_id, self._action(row.body)) for row in c.execute(query)]

    def begin_linking(self, number: int) -> None:
        if number >= MANY:
            with self._transaction() as c:
                self.database.leave_unindexed(c, self._bridge, few=KEYS * number)

    def end_linking(self) -> None:
        with self._transaction() as c:
            self.database.index_again(c)

    def begin_apply(self, plan_id: str, run_id: str, started_at: datetime) -> bool:
        """Mark a plan as applied and begin the run; `False` when it was applied before."""
        p = t.plans.c
        claim = update(t.plans).where(p.id == plan_id, p.bridge == self._bridge, p.applied_at.is_(None))
        run = {"id": run_id, "bridge": self._bridge, "plan_id": plan_id, "started_at": _text(started_at)}
        with self._transaction() as c:
            if c.execute(claim.values(applied_at=_text(started_at))).rowcount != 1:
                return False
            c.execute(t.runs.insert(), [run])
        return True

    def add_lines(self, run_id: str, lines: Iterable[Line]) -> None:
        with self._transaction() as c:
            self._add_lines(c, [(run_id, line) for line in lines])

    def claim_lines(self, run_id: str, objects: Collection[str]) -> list[Line]:
        query = select(t.lines.c.seq, t.lines.c.body).where(t.lines.c.run_id == self._next_run)
        with self._transaction() as c:
            waiting = {row.seq: _converter.structure(_load(row.body), Line) for row in c.execute(query)}
            claimed = {seq: line for seq, line in waiting.items() if line.object in objects}
            for chunk in _chunks(list(claimed)):
                c.execute(update(t.lines).where(t.lines.c.seq.in_(chunk)).values(run_id=run_id))
        return list(claimed.values())

    def _add_lines(self, c: Connection, lines: Sequence[tuple[str, Line]]) -> None:
        rows = [{"run_id": run, "body": _json(_converter.unstructure(line))} for run, line in lines]
        self.database.append(c, t.lines, rows)

    def finish_run(
        self, run_id: str, ended_at: datetime, counts: Mapping[str, Mapping[str, int]], *, complete: bool
    ) -> Report:
        with self._transaction() as c:
            c.execute(
                update(t.runs).where(t.runs.c.id == run_id).values(ended_at=_text(ended_at), counts=_json(counts))
            )
            row = c.execute(
                select(t.runs.c.started_at, t.plans.c.id, t.plans.c.objects, t.plans.c.watermarks)
                .join(t.plans, t.plans.c.id == t.runs.c.plan_id)
                .where(t.runs.c.id == run_id)
            ).one()
            cursors = [
                {"bridge": self._bridge, "object": object, "side": side, "watermark": watermark}
                for object, sides in _load(row.watermarks).items()
                for side, watermark in sides.items()
            ]
            if complete:
                self.database.upsert(c, t.cursors, cursors)
        started_at = datetime.fromisoformat(row.started_at)
        return Report(
            run_id, row.id, started_at, ended_at, tuple(_load(row.objects)), counts, lambda: self._all_lines(run_id)
        )

    def _all_lines(self, run_id: str) -> Iterator[Line]:
        after = 0
        while True:
            query = (
                select(t.lines.c.seq, t.lines.c.body)
                .where(t.lines.c.run_id == run_id, t.lines.c.seq > after)
                .order_by(t.lines.c.seq)
                .limit(CHUNK)
            )
            with self._transaction() as c:
                rows = c.execute(query).all()
            if not rows:
                return
            for row in rows:
                yield _converter.structure(_load(row.body), Line)
            after = rows[-1].seq

    # --- intents ------------------------------------------------------------------------------------------------

    def intend(self, intents: Sequence[Intent]) -> None:
        rows = [
            {
                "id": i.id,
                "bridge": self._bridge,
                "object": i.object,
                "side": i.side.value,
                "source_id": i.source_id,
                "draft": self._close(i.draft),
                "created_at": _text(i.created_at),
            }
            for i in intents
        ]
        with self._transaction(durable=True) as c:
            c.execute(t.intents.insert(), rows)

    def open_intents(self, object: str) -> list[Intent]:
        query = select(t.intents).where(*self._of(t.intents, object)).order_by(t.intents.c.created_at, t.intents.c.id)
        with self._transaction() as c:
            return [
                Intent(
                    id=row.id,
                    object=row.object,
                    side=Side(row.side),
                    source_id=row.source_id,
                    draft=self._open(row.draft),
                    created_at=datetime.fromisoformat(row.created_at),
                )
                for row in c.execute(query)
            ]

    def drop_intent(self, intent_id: str) -> None:
        with self._transaction() as c:
            self._drop_intent(c, intent_id)

    def _drop_intent(self, c: Connection, intent_id: str) -> None:
        this = t.intents.c.id == bindparam("its_id")
        self.database.execute(c, "drop an intent", lambda: delete(t.intents).where(this), {"its_id": intent_id})

    # --- rows ↔ values --------------------------------------------------------------------------------------------

    def _close(self, value: Any) -> str:
        """What the store knows of people, as it is stored."""
        return self._seal.close(_json(value))

    def _open(self, stored: str) -> Any:
        return _load(self._seal.open(stored))

    def _entry(self, row: Row[Any]) -> JournalEntry:
        values = (self._open(row.before), self._open(row.after), datetime.fromisoformat(row.written_at), row.partner_id)
        return JournalEntry(row.object, Side(row.side), row.record_id, row.kind, *values)

    def _observation(self, row: Row[Any]) -> Observation:
        return Observation(
            Side(row.side),
            row.id,
            Snapshot(self._open(row.snapshot), self._open(row.unreadable)),
            _moment(row.updated_at),
            row.version,
            row.problem,
            row.seen_in,
            row.mark,
        )

    def _link(self, row: Row[Any]) -> Link:
        return Link(row.customcrm_id, row.keap_id, self._open(row.customcrm_base), self._open(row.keap_base))

    def _action(self, body: str) -> Action:
        return _converter.structure(self._open(body), Action)  # type: ignore[arg-type]


# --- rows ↔ values ----------------------------------------------------------------------------------------------


def _named(table: Table) -> list[Any]:
    """The rows of an object and a side, in a statement that is compiled once."""
    return [table.c[name] == bindparam(name) for name in ("bridge", "object", "side")]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _load(text: str) -> Any:
    return msgspec.json.decode(text)


def _key_digest(key: str) -> str:
    # Match keys are e-mail addresses and names: equality is all that is asked of them.
    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


class _LinkColumns(NamedTuple):
    """What a link has of one side."""

    id: Any
    digest: Any
    mark: Any


def _link_columns(side: Side) -> _LinkColumns:
    k = t.links.c
    if side is Side.CUSTOMCRM:
        return _LinkColumns(k.customcrm_id, k.customcrm_digest, k.customcrm_mark)
    return _LinkColumns(k.keap_id, k.keap_digest, k.keap_mark)


def _failure(row: Row[Any]) -> Failure:
    return Failure(row.object, Side(row.side), row.id, row.reason, row.tries, _moment(row.next_try_at))


def _collect(rows: Iterable[Any], to_keap: dict[str, str], to_customcrm: dict[str, str]) -> None:
    for ours, theirs in map(tuple, rows):
        if ours is not None:
            to_keap[ours] = theirs or ""
        if theirs is not None:
            to_customcrm[theirs] = ours or ""


def _ids(action: Action) -> dict[Side, str]:
    """The records that an action is about."""
    match action:
        case Create():
            return {action.side.other: action.source_id}
        case Skip() | Delete():
            return {action.side: action.id}
        case _:
            return {Side.CUSTOMCRM: action.customcrm_id, Side.KEAP: action.keap_id}


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_structure_hook(Canonical, lambda value, _: value)
    converter.register_unstructure_hook(Canonical, lambda value: value)
    configure_tagged_union(Action, converter, tag_name="action", tag_generator=lambda cls: cls.__name__.lower())
    return converter


_converter = _make_converter()
