"""Match keys: which records could be the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
)

from keapbridge._flow.effects import Flow, Sleep
from keapbridge._flow.uncollected import uncollected
from keapbridge.decide import match
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.records import Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, is_empty, named
from keapbridge.store.sql.indexing import has_more, index_again, index_next, is_indexed
from keapbridge.store.sql.rows import BOTH, KeptKey, Texts, link_columns
from keapbridge.store.sql.scratch import Holder, Scratch
from keapbridge.store.sql.told_apart import ToldOf, told_apart
from keapbridge.store.statements import Found

__all__ = ["MatchKeys", "add_keys", "drop_keys", "settle_keys"]

MANY = 100_000  # keys, to sort which takes a second
BETWEEN = 0.3  # seconds, in which all look that wait for a SQLite
KeysOf = Callable[[Snapshot], tuple[RecordKey, ...]]
OfBoth: TypeAlias = Mapping[Side, Sequence[RecordKey]]


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
    def scratch(self) -> Scratch:
        """Where the keys of records that are linked to nothing are for as long as they are compared; to be closed."""
        return Scratch(self._core.rows)

    @flow
    def fill(
        self,
        scratch: Scratch,
        name: str,
        side: Side,
        after: str,
        *,
        size: int,
        keys_of: KeysOf,
        plan_id: str = "",
        kept_apart: bool = False,
    ) -> str | None:
        """Make the keys of the next unlinked records behind this one; answers after which to go on.

        Args:
            plan_id: of a plan that says nothing of them yet; by default it may.
            kept_apart: also of those that are matched with nobody.
        """
        o, opened = t.observed.c, self._core.rows.open
        with self._core.reading() as c:
            found = list(self._left(c, name, side, after, size, plan_id, o.id, o.snapshot, o.aliases).tuples())
            apart = set() if kept_apart else self._kept_apart(c, name, side, [id for id, _, _ in found])
        with uncollected():
            made = {
                id: keys_of(Snapshot(opened(values), aliases={} if aliases is None else opened(aliases)))
                for id, values, aliases in found
                if id not in apart
            }
            scratch.add(side, made)
        return found[-1][0] if len(found) == size else None

    @flow
    def groups(
        self, scratch: Scratch, name: str, rank: int, after: tuple[Side, str], limit: int, plan_id: str
    ) -> tuple[list[Candidate], tuple[Side, str] | None]:
        """Who shares a key with the next unlinked records, and who shares another key with those, and so on.

        Each group comes once, with the first of its records of which the plan says nothing yet.

        Args:
            scratch: with the keys of all that are linked to nothing.
            after: the record behind which to begin; at first `(Side.CUSTOMCRM, "")`.

        Returns:
            These records, each with its keys of that rank, and after which one to go on; `None` at the end.
        """
        side, last = after
        candidates: list[Candidate] = []
        with self._core.transaction() as c:
            ids = list(self._left(c, name, side, last, limit, plan_id, t.observed.c.id).scalars())
            holders, crowds = self._sharers(c, scratch, name, rank, side, ids)
            told = told_apart(self._core, c, name, {one.id for one in holders})
            opened = self._opening()
            for each in Side:
                records = {one.id: one for one in holders if one.side is each}
                others = records.keys() - set(ids) if each is side else records.keys()
                planned = self._planned(c, plan_id, name, each, others)
                for id, one in records.items():
                    kinds = planned.get(id, frozenset())
                    if kinds.isdisjoint(("skip", "doubt")):
                        has_partner = one.link is not None or not kinds.isdisjoint(("adopt", "link"))
                        candidates.append(_candidate(one, opened, crowds, told, linked=has_partner))
            before = {one.name for one in candidates if side is Side.KEAP and one.side is Side.CUSTOMCRM}
            mine = {one.id for one in candidates if one.side is side}.difference(ids)
            before.update((side, id) for id in self._up_to(c, name, side, last, mine))
        go_on = (side, ids[-1]) if len(ids) == limit else (Side.KEAP, "") if side is Side.CUSTOMCRM else None
        return match.without_groups_of(candidates, before), go_on

    def _opening(self) -> Callable[[str], Texts]:
        """What tells records apart, which many have in common with their counterparts."""

        @cache
        def opened(stored: str) -> Texts:
            return tuple(self._core.rows.open(stored))

        return opened

    def _sharers(
        self, c: Connection, scratch: Scratch, name: str, rank: int, side: Side, ids: Sequence[str]
    ) -> tuple[list[Holder], dict[str, int]]:
        """These records, and all that share a key with them or with another one of these, in the order of their ids.

        And the keys that a crowd shares, each with the number of its records. They lead to nobody.
        """
        has_links = self._has_keys(c, name)
        found: dict[tuple[Side, str], Holder] = {}
        crowds: dict[str, int] = {}
        asked: set[str] = set()
        new = scratch.of(rank, side, ids)
        while new:
            found |= {(one.side, one.id): one for one in new}
            keys = {key for one in new for key in one.keys} - asked
            asked |= keys
            crowds |= self._crowds(c, scratch, name, rank, keys, has_links=has_links)
            known = keys - crowds.keys()
            sharing = scratch.sharing(rank, known)
            if has_links:
                sharing += self._linked_sharing(c, name, rank, known)
            new = [one for one in sharing if (one.side, one.id) not in found]
        return sorted(found.values(), key=_place), crowds

    def _has_keys(self, c: Connection, name: str) -> bool:
        """Whether anybody is linked who could be found; then they can be."""

        def query() -> Any:
            return select(literal(1)).where(*named(t.match_keys, "bridge", "object")).limit(1)

        if not has_more(self._core, c, 0):
            return False
        index_again(self._core, c)
        values = {"bridge": self._core.bridge, "object": name}
        return self._core.database.execute(c, "any keys", query, values).first() is not None

    def _crowds(
        self, c: Connection, scratch: Scratch, name: str, rank: int, keys: Collection[str], *, has_links: bool
    ) -> dict[str, int]:
        """Those of the keys that a crowd shares."""
        crowds = scratch.crowds(rank, match.CROWD)
        found = {key: crowds[key] for key in crowds.keys() & keys}
        if not has_links:
            return found
        m = t.match_keys.c

        def query() -> Any:
            records = func.sum(case((m.side == literal(BOTH), literal(2, Integer)), else_=literal(1, Integer)))
            its = (*named(t.match_keys, "bridge", "object", "rank"), self._core.database.among(m.key, "wanted"))
            return select(m.key, records).where(*its).group_by(m.key)

        linked = dict(self._core.database.execute(c, "crowds", query, self._wanted(name, rank, keys)).tuples())
        others = scratch.numbers(rank, linked.keys())
        numbers = {key: int(number) + others.get(key, 0) for key, number in linked.items()}
        return found | {key: number for key, number in numbers.items() if number > match.CROWD}

    def _linked_sharing(self, c: Connection, name: str, rank: int, keys: Collection[str]) -> list[Holder]:
        """The linked records that have one of these keys, each with all of its keys of that rank."""
        m = t.match_keys.c

        def query(by: Any) -> Any:
            # By the link: SQLite has not counted the index of keys that was just made, would take those of a rank for
            # a few and read them all; for a sum that index is of no use.
            its_rank = m.rank if by is m.key else m.rank + 0
            its = (*named(t.match_keys, "bridge", "object"), its_rank == bindparam("rank"))
            return _with_partners().where(*its, self._core.database.among(by, "wanted"))

        def rows(by: Any, values: Collection[str]) -> list[_LinkedKey]:
            wanted = self._wanted(name, rank, values)
            found = self._core.database.execute(c, f"keys by {by.name}", partial(query, by), wanted)
            return list(_of_each(found.tuples()))

        sharing = rows(m.key, keys) if keys else []
        names = {(key.side, key.id) for key in sharing}
        whole = rows(m.customcrm_id, {key.link for key in sharing}) if sharing else []
        return [one for one in _holders(whole) if (one.side, one.id) in names]

    def _wanted(self, name: str, rank: int, values: Collection[str]) -> dict[str, Any]:
        return {"bridge": self._core.bridge, "object": name, "rank": rank, "wanted": sorted(values)}

    def _kept_apart(self, c: Connection, name: str, side: Side, ids: Collection[str]) -> set[str]:
        """Those of the records that are matched with nobody."""
        if not ids:
            return set()

        def query() -> Any:
            d = t.tombstones.c
            return select(d.id).where(*named(t.tombstones), d.apart.is_(True), self._core.database.among(d.id, "ids"))

        return set(self._core.database.execute(c, "kept apart", query, self._core.values(name, side, ids)).scalars())

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
            planned = select(its_id).where(*named(t.actions, "plan_id", "object"), its_id == o.id)
            its = (*named(t.observed), o.linked.is_(False), o.id > bindparam("after"), is_empty(planned))
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
    def same_key(
        self, name: str, side: Side, keys: Sequence[RecordKey], scratch: Scratch | None = None
    ) -> list[tuple[str, bool]]:
        """The records of a side that share one of these match keys, and whether they are linked.

        Args:
            scratch: with the keys of those that are linked to nothing, if any of these are of interest.
        """
        found = dict.fromkeys(() if scratch is None else scratch.same_key(side, keys), False)
        found |= {key.id: True for key in self._linked_keys(name, keys) if key.side is side}
        return sorted(found.items())

    @flow
    def linked_sharers(self, name: str, keys: Sequence[RecordKey]) -> list[tuple[int, Candidate]]:
        """The linked records that share one of these keys: its rank, and the record with those that it shares."""
        plain = {self._core.rows.key_digest(key.key): key.key for key in keys}
        opened = self._opening()
        found: list[tuple[int, Candidate]] = []
        for rank, its in groupby(self._linked_keys(name, keys), attrgetter("rank")):
            for one in _holders(its):
                shared = one._replace(keys={plain[key]: None for key in one.keys})
                found.append((rank, _candidate(shared, opened, {}, {}, linked=True)))
        return found

    def _linked_keys(self, name: str, keys: Sequence[RecordKey]) -> list[_LinkedKey]:
        """Those of these keys that linked records have, by their ranks."""
        wanted = {(key.rank, self._core.rows.key_digest(key.key)) for key in keys}
        if not wanted:
            return []
        m = t.match_keys.c
        ranks, texts = (sorted({each[n] for each in wanted}) for n in (0, 1))
        among = self._core.database.among(m.key, "wanted")
        query = _with_partners().where(*self._core.of(t.match_keys, name), m.rank.in_(ranks), among).order_by(m.rank)
        with self._core.transaction() as c:
            index_again(self._core, c)
            rows = c.execute(query, {"wanted": texts}).all()
        return [key for key in _of_each(rows) if (key.rank, key.key) in wanted]

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
            keys = {link.customcrm_id: {side: keys_of(Snapshot(link.base(side))) for side in Side} for link in links}
            settle_keys(self._core, c, name, keys)
        return links[-1].customcrm_id if len(links) == size else None

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


def settle_keys(core: Core, c: Connection, name: str, keys: Mapping[str, OfBoth]) -> None:
    """Keep the match keys of links, by Customcrm's ids; a side of which nothing is said keeps those it has.

    Most are there already: those stay where they are.
    """
    if not keys:
        return
    index_again(core, c)
    m = t.match_keys.c

    def query() -> Any:
        its = (*named(t.match_keys, "bridge", "object"), core.database.among(m.customcrm_id, "ids"))
        return select(m.customcrm_id, m.side, m.rank, m.slot, m.key, m.spelt, m.apart, m.stronger).where(*its)

    values = {"bridge": core.bridge, "object": name, "ids": sorted(keys)}
    known: dict[str, dict[Side, list[KeptKey]]] = {id: {} for id in keys}
    for id, side, rank, slot, key, spelt, apart, stronger in core.database.execute(c, "keys", query, values).tuples():
        kept = KeptKey(rank, slot, key, spelt, tuple(core.rows.open(apart)), tuple(core.rows.open(stronger)))
        for each in _sides(side):
            known[id].setdefault(each, []).append(kept)
    new: dict[str, dict[Side, list[KeptKey]]] = {}
    for id, its in keys.items():
        wanted = known[id] | {side: list(map(core.rows.kept_key, some)) for side, some in its.items()}
        if any(set(some) != set(known[id].get(side, ())) for side, some in wanted.items()):
            new[id] = wanted
    drop_keys(core, c, name, [id for id in new if known[id]])
    _write(core, c, name, new)


def add_keys(core: Core, c: Connection, name: str, keys: Mapping[str, OfBoth]) -> None:
    """Keep the match keys of links that are new."""
    kept: dict[str, dict[Side, list[KeptKey]]] = {}
    for id, its in keys.items():
        ours, theirs = (its[side] for side in Side)
        first = list(map(core.rows.kept_key, ours))
        second = first if theirs == ours else list(map(core.rows.kept_key, theirs))
        kept[id] = {Side.CUSTOMCRM: first, Side.KEAP: second}
    _write(core, c, name, kept)


def drop_keys(core: Core, c: Connection, name: str, ids: Collection[str]) -> int:
    """Drop the match keys of links, by Customcrm's ids; how many there were."""
    if not ids:
        return 0

    def query() -> Any:
        m = t.match_keys.c
        return delete(t.match_keys).where(
            *named(t.match_keys, "bridge", "object"), core.database.among(m.customcrm_id, "ids")
        )

    values = {"bridge": core.bridge, "object": name, "ids": sorted(ids)}
    return int(core.database.execute(c, "drop keys", query, values).rowcount)


def _write(core: Core, c: Connection, name: str, keys: Mapping[str, Mapping[Side, Collection[KeptKey]]]) -> None:
    rows = [row for id, its in keys.items() for row in core.rows.match_keys(name, id, its)]
    core.database.append(c, t.match_keys, rows)


def _with_partners() -> Any:
    """Keys of links, each with the two records of its link; nobody need look at the links before the keys."""
    m, k = t.match_keys.c, t.links.c
    its = and_(k.bridge == m.bridge, k.object == m.object, k.customcrm_id == m.customcrm_id)
    columns = (m.rank, m.side, m.customcrm_id, k.keap_id, m.slot, m.key, m.spelt, m.apart, m.stronger)
    return select(*columns).select_from(t.match_keys.outerjoin(t.links, its))


class _LinkedKey(NamedTuple):
    """A key of one of the records of a link."""

    rank: int
    side: Side
    id: str
    slot: int
    key: str
    spelt: str | None
    apart: str
    stronger: str
    link: str


def _of_each(rows: Iterable[Any]) -> Iterator[_LinkedKey]:
    """Keys as `_with_partners` finds them: one of each of the records that have it."""
    for rank, side, link, keap_id, slot, key, spelt, apart, stronger in rows:
        ids = {Side.CUSTOMCRM: link, Side.KEAP: keap_id}
        for each in _sides(side):
            yield _LinkedKey(rank, each, ids[each], slot, key, spelt, apart, stronger, link)


def _holders(keys: Iterable[_LinkedKey]) -> list[Holder]:
    """The records that have these keys of one rank, in the order of their ids."""
    found: list[Holder] = []
    for (side, id), its in groupby(sorted(keys, key=_place_of_key), attrgetter("side", "id")):
        first, *others = its
        spelt = {key.key: key.spelt for key in (first, *others)}
        found.append(Holder(side, id, spelt, first.apart, first.stronger, first.link))
    return found


def _place_of_key(key: _LinkedKey) -> tuple[str, str, int]:
    return key.side.value, key.id, key.slot


def _place(one: Holder) -> tuple[str, str]:
    return one.side.value, one.id


def _candidate(
    one: Holder, opened: Callable[[str], Texts], crowds: Mapping[str, int], told: ToldOf, *, linked: bool
) -> Candidate:
    return Candidate(
        one.side,
        one.id,
        apart=opened(one.apart),
        stronger=opened(one.stronger),
        linked=linked,
        keys={key: spelt for key, spelt in one.keys.items() if key not in crowds} if crowds else one.keys,
        main=next(iter(one.keys)),
        others=told.get((one.side, one.id), frozenset()),
        crowd=max((crowds.get(key, 0) for key in one.keys), default=0) if crowds else 0,
    )


def _sides(side: str) -> Sequence[Side]:
    return tuple(Side) if side == BOTH else (Side(side),)
