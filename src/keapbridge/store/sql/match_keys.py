"""Match keys: which records could be the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, exists, func, select, true, update

from keapbridge.model.candidate import Candidate
from keapbridge.model.kept import RecordKey
from keapbridge.model.records import Observation
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow, named
from keapbridge.store.sql.rows import link_columns

__all__ = ["MatchKeys", "settle_keys"]


class MatchKeys:
    """Match keys: which records could be the same."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def groups(self, name: str, rank: int, after: str, limit: int, plan_id: str) -> list[tuple[str, list[Candidate]]]:
        m = t.match_keys.c

        def wanted() -> Any:
            its = named(t.match_keys, "bridge", "object", "rank")
            unlinked = select(m.key).distinct().where(*its, m.linked.is_(False), m.key > bindparam("after"))
            return unlinked.order_by(m.key).limit(bindparam("limit", type_=Integer))

        groups: dict[str, list[Candidate]] = {}
        with self._core.transaction() as c:
            self._core.database.index_again(c)
            values = {"bridge": self._core.bridge, "object": name, "rank": rank, "after": after, "limit": limit}
            keys = list(self._core.database.execute(c, "unlinked keys", wanted, values).scalars())
            rows = self._with_keys(c, name, rank, keys) if keys else ()
            planned = {
                side.value: self._planned(c, plan_id, name, side, [row.id for row in rows if row.side == side.value])
                for side in Side
            }
        for row in rows:
            kinds = planned[row.side].get(row.id, frozenset())
            if "skip" not in kinds:
                linked = bool(row.linked) or not kinds.isdisjoint(("adopt", "link"))
                apart, stronger = tuple(self._core.rows.open(row.apart)), tuple(self._core.rows.open(row.stronger))
                groups.setdefault(row.key, []).append(Candidate(Side(row.side), row.id, apart, stronger, linked=linked))
        return [(key, groups.get(key, [])) for key in keys]

    def _with_keys(self, c: Connection, name: str, rank: int, keys: Sequence[str]) -> Sequence[Any]:
        m, s = t.match_keys.c, t.tombstones.c
        kept_apart = select(s.id).where(*self._core.of(t.tombstones, name), s.apart.is_(True), s.side == m.side)
        query = (
            select(m.key, m.side, m.id, m.apart, m.stronger, m.linked)
            .where(*self._core.of(t.match_keys, name), m.rank == rank, m.linked.in_([True, False]))
            .where(m.key.in_(self._core.database.each("keys")))
            .where(m.linked.is_(True) | m.id.not_in(kept_apart))
            .order_by(m.key, m.side, m.id)
        )
        return c.execute(query, {"keys": keys}).all()

    @flow
    def unlinked(self, name: str, side: Side, after: str, limit: int, plan_id: str) -> list[Observation]:
        o, a = t.observed.c, t.actions.c
        its_id = a[link_columns(side).id.name]

        def query() -> Any:
            planned = exists().where(*named(t.actions, "plan_id", "object"), its_id == o.id)
            its = (*named(t.observed), o.linked.is_(False), o.id > bindparam("after"), ~planned)
            return select(t.observed).where(*its).order_by(o.id).limit(bindparam("limit", type_=Integer))

        values = {"bridge": self._core.bridge, "object": name, "side": side.value, "plan_id": plan_id}
        with self._core.transaction() as c:
            rows = self._core.database.execute(
                c, f"unlinked in {side.value}", query, values | {"after": after, "limit": limit}
            )
            return [self._core.rows.to_observation(row) for row in rows]

    @flow
    def count_unlinked(self, name: str, side: Side) -> int:
        """How many records of a side were observed and are linked to nothing."""
        o = t.observed.c
        query = select(func.count()).where(*self._core.of(t.observed, name, side), o.linked.is_(False))
        with self._core.transaction() as c:
            return int(c.execute(query).scalar_one())

    @flow
    def same_key(self, name: str, side: Side, keys: Sequence[RecordKey]) -> list[tuple[str, bool]]:
        """The records of a side that share one of these match keys, and whether they are linked."""
        m = t.match_keys.c
        found: dict[str, bool] = {}
        with self._core.transaction() as c:
            self._core.database.index_again(c)
            for key in keys:
                query = select(m.id, m.linked).where(
                    *self._core.of(t.match_keys, name, side),
                    m.rank == key.rank,
                    m.linked.in_([True, False]),
                    m.key == self._core.rows.key_digest(key.key),
                )
                found.update((row.id, bool(row.linked)) for row in c.execute(query))
        return sorted(found.items())

    def _planned(
        self, c: Connection, plan_id: str, name: str, side: Side, ids: Sequence[str]
    ) -> dict[str, frozenset[str]]:
        """What kinds of actions a plan has for these records."""
        if not ids:
            return {}
        a = t.actions.c
        its_id = a[link_columns(side).id.name]
        query = select(its_id, a.kind).where(a.plan_id == plan_id, a.object == name)
        found: dict[str, frozenset[str]] = {}
        for id, kind in c.execute(query.where(its_id.in_(self._core.database.each("ids"))), {"ids": ids}).all():
            found[id] = found.get(id, frozenset()) | {kind}
        return found


def settle_keys(core: Core, c: Connection, name: str, side: Side, keys: Mapping[str, Iterable[RecordKey]]) -> None:
    """Keep the match keys of linked records. Most are there already: those stay where they are."""
    if not keys:
        return
    m = t.match_keys.c

    def its() -> list[Any]:
        return [*named(t.match_keys), m.id.in_(core.database.each("ids"))]

    found = core.database.execute(
        c,
        "keys",
        lambda: select(m.id, m.rank, m.key, m.apart, m.stronger, m.linked).where(*its()),
        core.values(name, side, keys),
    )
    known: dict[str, set[Any]] = {id: set() for id in keys}
    unlinked: set[str] = set()
    for id, rank, key, apart, stronger, linked in map(tuple, found):
        known[id].add((rank, key, tuple(core.rows.open(apart)), tuple(core.rows.open(stronger))))
        if not linked:
            unlinked.add(id)
    others = [
        id
        for id, its in keys.items()
        if known[id] != {(k.rank, core.rows.key_digest(k.key), k.apart, k.stronger) for k in its}
    ]
    core.delete(c, t.match_keys, name, side, [id for id in others if known[id]])
    rows = [row for id in others for row in core.rows.match_keys(name, side, id, keys[id], linked=True)]
    core.database.upsert(c, t.match_keys, rows)
    linked_now = sorted(unlinked.difference(others))
    if linked_now:
        core.database.execute(
            c,
            "link keys",
            lambda: update(t.match_keys).where(*its()).values(linked=true()),
            core.values(name, side, linked_now),
        )
