"""Match keys: which records could be the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    bindparam,
    delete,
    exists,
    false,
    func,
    literal,
    select,
    true,
    update,
)

from keapbridge._flow.effects import Flow, Sleep
from keapbridge.decide import match
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept import RecordKey
from keapbridge.model.records import Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.indexing import has_more, index_again, index_next, is_indexed
from keapbridge.store.sql.pairs import linked_among
from keapbridge.store.sql.rows import link_columns
from keapbridge.store.sql.told_apart import ToldOf, told_apart
from keapbridge.store.statements import Found

__all__ = ["MatchKeys", "add_keys", "keep_keys", "settle_keys"]

MANY = 100_000  # keys, to sort which takes a second
BETWEEN = 0.3  # seconds, in which all look that wait for a SQLite
KeysOf = Callable[[Snapshot], tuple[RecordKey, ...]]


class MatchKeys:
    """Match keys: which records could be the same."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def index(self) -> Flow[None]:
        """Make the indexes that were left out while many keys came; without this call they are made when needed.

        So long others must wait who write to the file: where it takes long, they can between two.
        """
        if self._core.database.is_sqlite:
            while (yield from self._index_next()):
                yield Sleep(BETWEEN)

    @flow
    def _index_next(self) -> bool:
        """Make the next one of very many keys, or all of them; whether that was not the last."""
        with self._core.transaction() as c:
            if not is_indexed(self._core, c) and has_more(self._core, c, MANY):
                return index_next(self._core, c)
            index_again(self._core, c)
        return False

    @flow
    def groups(
        self, name: str, rank: int, after: tuple[Side, str], limit: int, plan_id: str
    ) -> tuple[list[Candidate], tuple[Side, str] | None]:
        """Who shares a key with the next unlinked records, and who shares another key with those, and so on.

        Each group comes once, with the first of its records of which the plan says nothing yet.

        Args:
            after: the record behind which to begin; at first `(Side.CUSTOMCRM, "")`.

        Returns:
            These records, each with its keys of that rank, and after which one to go on; `None` at the end.
        """
        side, last = after
        candidates: list[Candidate] = []
        with self._core.transaction() as c:
            index_again(self._core, c)
            ids = list(self._left(c, name, side, last, limit, plan_id, t.observed.c.id).scalars())
            rows, crowds = self._sharers(c, name, rank, side, ids)
            told = told_apart(self._core, c, name, {row.id for row in rows})
            for each in Side:
                its: dict[str, list[Any]] = {}
                for row in rows:
                    if row.side == each:
                        its.setdefault(row.id, []).append(row)
                others = its.keys() - set(ids) if each is side else its.keys()
                planned = self._planned(c, plan_id, name, each, others)
                linked = linked_among(self._core, c, name, each, sorted(others))
                for id, some in its.items():
                    kinds = planned.get(id, frozenset())
                    if kinds.isdisjoint(("skip", "doubt")):
                        has_partner = id in linked or not kinds.isdisjoint(("adopt", "link"))
                        candidates.append(self._candidate(each, some, crowds, told, linked=has_partner))
            before = {one.name for one in candidates if side is Side.KEAP and one.side is Side.CUSTOMCRM}
            mine = {one.id for one in candidates if one.side is side}.difference(ids)
            before.update((side, id) for id in self._up_to(c, name, side, last, mine))
        go_on = (side, ids[-1]) if len(ids) == limit else (Side.KEAP, "") if side is Side.CUSTOMCRM else None
        return match.without_groups_of(candidates, before), go_on

    def _candidate(
        self, side: Side, rows: Sequence[Any], crowds: Mapping[str, int], told: ToldOf, *, linked: bool
    ) -> Candidate:
        first = rows[0]
        return Candidate(
            side,
            first.id,
            apart=tuple(self._core.rows.open(first.apart)),
            stronger=tuple(self._core.rows.open(first.stronger)),
            linked=linked,
            keys={row.key: row.spelt for row in rows if row.key not in crowds},
            main=first.key,
            others=told.get((side, first.id), frozenset()),
            crowd=max((crowds.get(row.key, 0) for row in rows), default=0) if crowds else 0,
        )

    def _sharers(
        self, c: Connection, name: str, rank: int, side: Side, ids: Sequence[str]
    ) -> tuple[list[Any], dict[str, int]]:
        """The rows of these records, and of all that share a key with them or with another one of these.

        And the keys that a crowd shares, each with the number of its records. They lead to nobody.
        """
        rows: dict[tuple[str, str, int], Any] = {}
        crowds: dict[str, int] = {}
        asked: set[str] = set()
        new = complete = {(side.value, id) for id in ids}
        while new:
            theirs = self._rows(c, name, rank, t.match_keys.c.id, sorted({id for _, id in new}))
            mine = {(row.side, row.id, row.slot): row for row in theirs if (row.side, row.id) in new}
            keys = {row.key for row in mine.values()} - asked
            asked |= keys
            crowds |= self._crowds(c, name, rank, sorted(keys))
            found = self._rows(c, name, rank, t.match_keys.c.key, sorted(keys - crowds.keys()))
            rows |= mine | {(row.side, row.id, row.slot): row for row in found}
            new = {(row.side, row.id) for row in found if row.slot} - complete  # who has one key is known by it
            complete = complete | new
        return [rows[place] for place in sorted(rows)], crowds

    def _crowds(self, c: Connection, name: str, rank: int, keys: Sequence[str]) -> dict[str, int]:
        """Those of the keys that a crowd shares."""
        m = t.match_keys.c

        def query() -> Any:
            its = (*named(t.match_keys, "bridge", "object", "rank"), m.linked.in_([true(), false()]))
            shared = select(m.key, func.count()).where(*its, self._core.database.among(m.key, "wanted"))
            return shared.group_by(m.key).having(func.count() > bindparam("crowd", type_=Integer))

        values = {**self._wanted(name, rank, keys), "crowd": match.CROWD}
        found = self._core.database.execute(c, "crowds", query, values)
        return dict(found.tuples())

    def _rows(self, c: Connection, name: str, rank: int, by: Any, values: Sequence[str]) -> Sequence[Any]:
        m = t.match_keys.c

        def query() -> Any:
            d = t.tombstones.c
            kept_apart = select(d.id).where(*named(t.tombstones, "bridge", "object"), d.apart.is_(True))
            if by is m.id:
                # Found by their place in the table. SQLite has not counted the index that was just made, would take the
                # keys of a rank for a few and read them all; for a sum that index is of no use.
                side = m.side.in_([literal(side.value) for side in Side])
                its = (*named(t.match_keys, "bridge", "object"), side, m.rank + 0 == bindparam("rank"))
            else:
                its = (*named(t.match_keys, "bridge", "object", "rank"), m.linked.in_([true(), false()]))
            return (
                select(m.key, m.side, m.id, m.slot, m.spelt, m.apart, m.stronger)
                .where(*its, self._core.database.among(by, "wanted"))
                .where(m.id.not_in(kept_apart.where(d.side == m.side)))
            )

        found = self._core.database.execute(c, f"keys by {by.name}", query, self._wanted(name, rank, values))
        return found.all()

    def _wanted(self, name: str, rank: int, values: Sequence[str]) -> dict[str, Any]:
        return {"bridge": self._core.bridge, "object": name, "rank": rank, "wanted": values}

    def _up_to(self, c: Connection, name: str, side: Side, last: str, ids: Collection[str]) -> Sequence[str]:
        """Those of the records of a side that do not come behind that one, in the order of the database."""
        if not (last and ids):
            return ()
        o = t.observed.c

        def query() -> Any:
            its = (*named(t.observed), self._core.database.among(o.id, "ids"), o.id <= bindparam("last"))
            return select(o.id).where(*its)

        values = {**self._core.values(name, side, sorted(ids)), "last": last}
        return list(self._core.database.execute(c, "up to", query, values).scalars())

    @flow
    def unlinked(self, name: str, side: Side, after: str, limit: int, plan_id: str) -> list[Observation]:
        """The records of a side that are linked to nothing, and of which a plan says nothing yet, behind this one."""
        with self._core.reading() as c:
            found = self._left(c, name, side, after, limit, plan_id, *t.observed.c)
            return [self._core.rows.to_observation(row) for row in found]

    @flow
    def is_any_unlinked(self, name: str, plan_id: str) -> bool:
        """Whether a side has such records."""
        with self._core.reading() as c:
            return any(self._left(c, name, side, "", 1, plan_id, t.observed.c.id).first() is not None for side in Side)

    def _left(
        self, c: Connection, name: str, side: Side, after: str, limit: int, plan_id: str, *columns: Column[Any]
    ) -> Found:
        o, a = t.observed.c, t.actions.c
        its_id = a[link_columns(side).id.name]

        def query() -> Any:
            planned = exists().where(*named(t.actions, "plan_id", "object"), its_id == o.id)
            its = (*named(t.observed), o.linked.is_(False), o.id > bindparam("after"), ~planned)
            return select(*columns).where(*its).order_by(o.id).limit(bindparam("limit", type_=Integer))

        values = {**self._core.values(name, side), "plan_id": plan_id, "after": after, "limit": limit}
        which = f"{len(columns)} columns of unlinked in {side.value}"
        return self._core.database.execute(c, which, query, values)

    @flow
    def count_unlinked(self, name: str, side: Side) -> int:
        """How many records of a side were observed and are linked to nothing."""

        def query() -> Any:
            return select(func.count()).where(*named(t.observed), t.observed.c.linked.is_(False))

        with self._core.reading() as c:
            values = self._core.values(name, side)
            return int(self._core.database.execute(c, "how many unlinked", query, values).scalar() or 0)

    @flow
    def same_key(self, name: str, side: Side, keys: Sequence[RecordKey]) -> list[tuple[str, bool]]:
        """The records of a side that share one of these match keys, and whether they are linked."""
        m = t.match_keys.c
        found: set[str] = set()
        with self._core.transaction() as c:
            index_again(self._core, c)
            for key in keys:
                query = select(m.id).where(
                    *self._core.of(t.match_keys, name, side),
                    m.rank == key.rank,
                    m.linked.in_([True, False]),
                    m.key == self._core.rows.key_digest(key.key),
                )
                found.update(c.execute(query).scalars())
            linked = linked_among(self._core, c, name, side, sorted(found))
        return [(id, id in linked) for id in sorted(found)]

    @flow
    def linked_sharers(self, name: str, keys: Iterable[RecordKey]) -> list[tuple[int, Candidate]]:
        """The linked records that share one of these keys: its rank, and the record with those that it shares."""
        digests = {self._core.rows.key_digest(key.key): key.key for key in keys}
        if not digests:
            return []
        m = t.match_keys.c
        query = (
            select(m.side, m.id, m.rank, m.key, m.apart, m.stronger)
            .where(*self._core.of(t.match_keys, name), m.rank.in_(sorted({key.rank for key in keys})))
            .where(m.linked.is_(True), self._core.database.among(m.key, "wanted"))
            .order_by(m.rank, m.side, m.id, m.slot)
        )
        with self._core.transaction() as c:
            index_again(self._core, c)
            rows = c.execute(query, {"wanted": sorted(digests)}).all()
        found: dict[tuple[int, str, str], list[Any]] = {}
        for row in rows:
            found.setdefault((row.rank, row.side, row.id), []).append(row)
        return [(rank, self._linked(its, digests)) for (rank, _, _), its in found.items()]

    def _linked(self, rows: Sequence[Any], digests: Mapping[str, str]) -> Candidate:
        first = rows[0]
        apart, stronger = (tuple(self._core.rows.open(text)) for text in (first.apart, first.stronger))
        its = {digests[row.key]: None for row in rows}
        return Candidate(Side(first.side), first.id, apart, stronger, linked=True, keys=its, main=next(iter(its)))

    @flow
    def add(self, name: str, side: Side, keys: Mapping[str, Iterable[RecordKey]]) -> None:
        """Keep further keys of records that are linked to nothing, for a while; see `drop`."""
        with self._core.transaction() as c:
            add_keys(self._core, c, name, side, keys, linked=False)

    @flow
    def drop(self, name: str, ranks: Sequence[int]) -> None:
        """Drop the keys of these ranks that are of records linked to nothing."""
        m = t.match_keys.c
        with self._core.transaction() as c:
            its = (*self._core.of(t.match_keys, name), m.rank.in_(ranks), m.linked.is_(False))
            c.execute(delete(t.match_keys).where(*its))

    @flow
    def link_anew(self, name: str, after: str, *, size: int, keys_of: KeysOf) -> str | None:
        """Make the keys of the next linked records anew, of their bases; answers after which to go on."""

        def query() -> Any:
            k = t.links.c
            its = (*named(t.links, "bridge", "object"), k.customcrm_id > bindparam("after"))
            return select(t.links).where(*its).order_by(k.customcrm_id).limit(bindparam("limit", type_=Integer))

        values = {"bridge": self._core.bridge, "object": name, "after": after, "limit": size}
        with self._core.transaction() as c:
            found = self._core.database.execute(c, "next links", query, values)
            links = [self._core.rows.to_link(row) for row in found]
            for side in Side:
                keys = {link.id(side): keys_of(Snapshot(link.base(side))) for link in links}
                settle_keys(self._core, c, name, side, keys)
        return links[-1].customcrm_id if len(links) == size else None

    @flow
    def stage_anew(self, name: str, side: Side, after: str, *, size: int, keys_of: KeysOf) -> str | None:
        """The same of the next records of a side that are linked to nothing."""
        rows = self._core.rows

        def query() -> Any:
            o = t.observed.c
            its = (*named(t.observed), o.linked.is_(False), o.id > bindparam("after"))
            return select(t.observed).where(*its).order_by(o.id).limit(bindparam("limit", type_=Integer))

        values = {**self._core.values(name, side), "after": after, "limit": size}
        with self._core.transaction() as c:
            found = [rows.to_observation(row) for row in self._core.database.execute(c, "next unlinked", query, values)]
            keep_keys(self._core, c, name, side, {one.id: keys_of(one.snapshot) for one in found})
        return found[-1].id if len(found) == size else None

    def _planned(
        self, c: Connection, plan_id: str, name: str, side: Side, ids: Collection[str]
    ) -> dict[str, frozenset[str]]:
        """What kinds of actions a plan has for records of a side."""
        if not ids:
            return {}

        def query() -> Any:
            a = t.actions.c
            its_id = a[link_columns(side).id.name]
            its = (*named(t.actions, "plan_id", "object"), self._core.database.among(its_id, "ids"))
            return select(its_id, a.kind).where(*its)

        values = {**self._core.values(name, side, sorted(ids)), "plan_id": plan_id}
        found: dict[str, frozenset[str]] = {}
        for id, kind in self._core.database.execute(c, f"planned in {side.value}", query, values).tuples():
            found[id] = found.get(id, frozenset()) | {kind}
        return found


def settle_keys(core: Core, c: Connection, name: str, side: Side, keys: Mapping[str, Sequence[RecordKey]]) -> None:
    """Keep the match keys of linked records. Most are there already: those stay where they are."""
    if not keys:
        return
    index_again(core, c)
    m = t.match_keys.c

    def query() -> Any:
        its = (*named(t.match_keys), core.database.among(m.id, "ids"))
        return select(m.id, m.rank, m.slot, m.key, m.spelt, m.apart, m.stronger, m.linked).where(*its)

    found = core.database.execute(c, "keys", query, core.values(name, side, keys))
    known: dict[str, dict[tuple[int, int], tuple[Any, ...]]] = {id: {} for id in keys}
    unlinked: set[str] = set()
    for id, rank, slot, key, spelt, apart, stronger, linked in found.tuples():
        known[id][rank, slot] = key, spelt, tuple(core.rows.open(apart)), tuple(core.rows.open(stronger))
        if not linked:
            unlinked.add(id)
    others: set[str] = set()
    new: dict[str, list[RecordKey]] = {}
    for id, wanted in keys.items():
        there = known[id]
        same = {(k.rank, k.slot) for k in wanted if (row := there.get((k.rank, k.slot))) and row == _kept(core, k)}
        if len(same) < len(there):
            others.add(id)
            same.clear()
        new[id] = [k for k in wanted if (k.rank, k.slot) not in same]
    core.delete(c, t.match_keys, name, side, sorted(others))
    add_keys(core, c, name, side, new, linked=True)
    _note_linked(core, c, name, side, sorted(unlinked - others))


def keep_keys(core: Core, c: Connection, name: str, side: Side, keys: Mapping[str, Iterable[RecordKey]]) -> None:
    """Keep the match keys of records that are linked to nothing, instead of those that they had."""
    index_again(core, c)
    core.delete(c, t.match_keys, name, side, list(keys))
    add_keys(core, c, name, side, keys, linked=False)


def add_keys(
    core: Core, c: Connection, name: str, side: Side, keys: Mapping[str, Iterable[RecordKey]], *, linked: bool
) -> None:
    """Keep match keys that are not there yet."""
    rows = [row for id, its in keys.items() for row in core.rows.match_keys(name, side, id, its, linked=linked)]
    core.database.append(c, t.match_keys, rows)


def _note_linked(core: Core, c: Connection, name: str, side: Side, ids: Sequence[str]) -> None:
    if not ids:
        return

    def query() -> Any:
        its = (*named(t.match_keys), core.database.among(t.match_keys.c.id, "ids"))
        return update(t.match_keys).where(*its).values(linked=true())

    core.database.execute(c, "link keys", query, core.values(name, side, ids))


def _kept(core: Core, k: RecordKey) -> tuple[Any, ...]:
    """A key as its row is read, at its place."""
    spelt = None if k.spelt is None else core.rows.key_digest(k.spelt)
    return (core.rows.key_digest(k.key), spelt, k.apart, k.stronger)
