"""Which records of the two sides are the same, at first contact. Pure; one-to-one or not at all.

Records are compared within groups that share keys (e-mail addresses, a SKU): a group is everybody who is reached from
one of them by a key that two have in common. The rules, for the records of one group:

1. One on each side, and nothing linked: they are the same, unless a stronger key tells them apart. If what tells such
   records apart speaks against it (one e-mail address, two quite different first names), they are reported.
2. A crowd (several on a side): two are the same when each is the only one of its side that the other could be, and has
   no double on its own side, going by the fields that tell people with the same key apart. First those whose main keys
   are spelt alike, then those with the same main key (the first e-mail address of both), then all others.
3. Whatever could be more than one record, or one that is linked already, is reported with its candidates and left
   alone.
4. Several on one side that nothing tells apart are duplicates: reported, never multiplied.
5. All others go on to the next key, and in the end are created on the other side.

What a person has told apart is never the same, whatever they share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import attrs

from keapbridge.model.candidate import ALSO, Candidate
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.side import Side

__all__ = [
    "CROWD",
    "Appeared",
    "GroupOutcome",
    "Unmatched",
    "apart_by_name",
    "match_all",
    "match_appeared",
    "match_group",
    "near_appeared",
    "near_linked",
    "near_misses",
    "without_groups_of",
]

CROWD = 200  # a key that more records share says nothing about who they are
_Shares = Callable[[Candidate, Candidate], bool]
ToldOf = Mapping[tuple[Side, str], frozenset[tuple[Side, str]]]
"""Of records those that they are not, as a person has said."""
NOBODY: ToldOf = MappingProxyType({})


@attrs.frozen
class Unmatched:
    """A record that must not be linked or created, and what it could be."""

    side: Side
    id: str
    reason: str
    candidates: tuple[tuple[Side, str], ...]


@attrs.frozen
class GroupOutcome:
    """`pairs` of (Customcrm id, Keap id), and the records to be left alone. All others are free."""

    pairs: tuple[tuple[str, str], ...] = ()
    unmatched: tuple[Unmatched, ...] = ()


def match_all(candidates: Sequence[Candidate], *, strict: bool = False) -> GroupOutcome:
    """Decide unlinked records by the keys of one rank, of which each may have several.

    A key that a crowd shares counts for nobody; who has no other is reported.

    Args:
        strict: the keys are weak; see `match_group`.
    """
    sharers: dict[str, int] = {}
    for candidate in candidates:
        for key in candidate.keys:
            sharers[key] = sharers.get(key, 0) + 1
    crowded = {key: number for key, number in sharers.items() if number > CROWD}
    pairs: list[tuple[str, str]] = []
    unmatched: list[Unmatched] = []
    rest: Sequence[Candidate] = candidates
    if crowded or any(candidate.crowd for candidate in candidates):
        rest = [c if crowded.keys().isdisjoint(c.keys) else _without(c, crowded) for c in candidates]
        for candidate, left in zip(candidates, rest, strict=True):
            if not left.keys and not candidate.linked:
                number = max([candidate.crowd, *(crowded[key] for key in candidate.keys)])
                unmatched.append(Unmatched(*candidate.name, f"{number} records share it", ()))
        rest = [c for c in rest if c.keys]
    for group in _groups(rest):
        outcome = match_group(group, strict=strict)
        pairs += outcome.pairs
        unmatched += outcome.unmatched
    return GroupOutcome(tuple(pairs), tuple(unmatched))


def without_groups_of(candidates: Sequence[Candidate], some: Collection[tuple[Side, str]]) -> list[Candidate]:
    """These records, but for the groups of some of them that are not linked."""
    met = {key for candidate in candidates if candidate.name in some and not candidate.linked for key in candidate.keys}
    more = met
    while more:
        more = {key for c in candidates if not more.isdisjoint(c.keys) for key in c.keys} - met
        met |= more
    return [c for c in candidates if met.isdisjoint(c.keys)] if met else list(candidates)


def match_group(group: Sequence[Candidate], *, strict: bool = False) -> GroupOutcome:
    """Decide the unlinked records of one group.

    Args:
        strict: the key is weak: what tells records apart counts for a lonely pair too.
    """
    if len(group) == 1:
        return GroupOutcome()
    if len(group) == 2 and not any(c.linked for c in group) and group[0].side is not group[1].side:
        return _match_lonely(*sorted(group, key=_order), strict=strict)
    pairs: list[tuple[str, str]] = []
    if len(group) > 2 and {c.side for c in group if not c.linked} == set(Side):
        for shares in (_main_alike, _same_main):
            found = _clear_pairs(group, shares)
            pairs += found
            linked = {name for pair in found for name in _both(pair)}
            group = [attrs.evolve(c, linked=True) if c.name in linked else c for c in group]
    view = _View.of(group, _share, _not_told_apart)
    unmatched: list[Unmatched] = []
    for record in view.records:
        mine = (record.side, record.id)
        options, taken, twins = (some[record.name] for some in (view.options, view.taken, view.twins))
        if taken:
            unmatched.append(Unmatched(*mine, "could be a record that is linked already", _names(taken)))
        elif options:
            if not view.is_clear(record):
                unmatched.append(Unmatched(*mine, "could be more than one record", _names([*options, *twins])))
            elif record.side is Side.CUSTOMCRM:
                pairs.append((record.id, options[0].id))
        elif twins:
            unmatched.append(Unmatched(*mine, f"duplicate within {record.side.title}", _names(twins)))
    return GroupOutcome(tuple(pairs), tuple(unmatched))


def _match_lonely(ours: Candidate, theirs: Candidate, *, strict: bool) -> GroupOutcome:
    """Decide a group of one record on each side, as nearly all are."""
    could_be = _not_told_apart if strict else _same_key
    if not (_share(ours, theirs) and could_be(ours, theirs)):
        return GroupOutcome()
    if not _looks_different(ours.apart, theirs.apart):
        return GroupOutcome(((ours.id, theirs.id),))
    reason = "shares its key with a record that looks different"
    return GroupOutcome(
        unmatched=tuple(Unmatched(*one.name, reason, (other.name,)) for one, other in ((ours, theirs), (theirs, ours)))
    )


def near_misses(candidates: Sequence[Candidate]) -> tuple[Unmatched, ...]:
    """Records of both sides that may be the same, by what they are near by. Nothing of that is certain.

    Only who is linked to nothing counts; see `near_linked` for the others. What a crowd shares says nothing.
    """
    found: list[Unmatched] = []
    for group in _groups(_of_no_crowd(candidates)):
        free = [c for c in group if not c.linked]
        for one in sorted(free, key=_order):
            others = [o for o in free if o.side is not one.side and _share(one, o) and _may_be(one, o)]
            if others:
                found.append(Unmatched(*one.name, "may be a record that is linked to nothing either", _names(others)))
    return tuple(found)


def near_linked(
    keys: Mapping[tuple[Side, str], Sequence[RecordKey]],
    linked: Iterable[tuple[int, Candidate]],
    told: ToldOf = NOBODY,
) -> tuple[tuple[int, Unmatched], ...]:
    """Records that are about to be given a counterpart, and may be ones that are linked already, of whichever side.

    Args:
        keys: of each new record, those that near misses are found by.
        linked: linked records that share one of them, each with its rank.
        told: of each new record those that it is not, as a person has said.

    Returns:
        Each with the rank of the first key that it is near by.
    """
    sharers: dict[tuple[int, str], list[Candidate]] = {}
    for rank, candidate in linked:
        for key in candidate.keys:
            sharers.setdefault((rank, key), []).append(candidate)
    found: list[tuple[int, Unmatched]] = []
    for name, its in sorted(keys.items(), key=_name):
        for rank in sorted({key.rank for key in its}):
            new = _candidate(name, [key for key in its if key.rank == rank], told)
            groups = [sharers.get((rank, key), []) for key in new.keys]
            others = {o.name: o for group in groups if len(group) <= CROWD for o in group if _may_be(new, o)}
            if others:
                reason = "may be a record that is linked already"
                found.append((rank, Unmatched(*name, reason, _names(list(others.values())))))
                break
    return tuple(found)


def apart_by_name(candidates: Sequence[Candidate]) -> tuple[tuple[tuple[Side, str], ...], ...]:
    """Groups of records of both sides that share what near misses are found by, and clearly are not the same.

    Each is to be given its counterpart (colleagues have one switchboard); a person is told of the group.
    """
    found: list[tuple[tuple[Side, str], ...]] = []
    for group in _groups(_of_no_crowd(candidates)):
        free = [c for c in group if not c.linked]
        across = [(a, b) for a in free for b in free if a.side is not b.side and _share(a, b) and _same_key(a, b)]
        if across and all(_looks_different(a.apart, b.apart) for a, b in across):
            told = {one.name: one for pair in across for one in pair}
            found.append(_names(list(told.values())))
    return tuple(found)


def near_appeared(
    keys: Mapping[tuple[Side, str], Sequence[RecordKey]], ranks: Sequence[int], told: ToldOf = NOBODY
) -> tuple[tuple[int, Unmatched], ...]:
    """`near_misses` among records that are about to be given a counterpart, and those that were made meanwhile."""
    found: dict[tuple[Side, str], tuple[int, Unmatched]] = {}
    for rank in ranks:
        its = {
            name: [key for key in all_keys if key.rank == rank] for name, all_keys in sorted(keys.items(), key=_name)
        }
        for near in near_misses([_candidate(name, some, told) for name, some in its.items() if some]):
            found.setdefault((near.side, near.id), (rank, near))
    return tuple(found.values())


@attrs.frozen
class _View:
    """A group as it is seen by one way of sharing keys.

    Attributes:
        records: those that are not linked, in their order.
        options: by name, who of the other side it could be.
        taken: by name, which linked records it could be.
        twins: by name, who of its own side it could be.
    """

    records: Sequence[Candidate]
    options: Mapping[tuple[Side, str], Sequence[Candidate]]
    taken: Mapping[tuple[Side, str], Sequence[Candidate]]
    twins: Mapping[tuple[Side, str], Sequence[Candidate]]

    @classmethod
    def of(cls, group: Sequence[Candidate], shares: _Shares, could_be: _Shares) -> _View:
        free = {side: sorted((c for c in group if c.side is side and not c.linked), key=_order) for side in Side}
        linked = [c for c in group if c.linked]
        records = (*free[Side.CUSTOMCRM], *free[Side.KEAP])

        def others(of: Candidate, among: Sequence[Candidate], same: _Shares) -> list[Candidate]:
            return [o for o in among if o is not of and shares(of, o) and same(of, o)]

        return cls(
            records,
            {c.name: others(c, free[c.side.other], could_be) for c in records},
            {c.name: others(c, linked, _not_told_apart) for c in records},
            {c.name: others(c, free[c.side], _not_told_apart) for c in records},
        )

    def is_clear(self, record: Candidate) -> bool:
        """Whether it could be one record only, which could be this one only."""
        options = self.options[record.name]
        if len(options) != 1 or len(self.options[options[0].name]) != 1:
            return False
        return not any(self.taken[c.name] or self.twins[c.name] for c in (record, options[0]))


def _clear_pairs(group: Sequence[Candidate], shares: _Shares) -> list[tuple[str, str]]:
    view = _View.of(group, shares, _not_told_apart)
    clear = [c for c in view.records if c.side is Side.CUSTOMCRM and view.is_clear(c)]
    return [(c.id, view.options[c.name][0].id) for c in clear]


def _groups(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """The groups, in the order of their first candidates."""
    if all(len(candidate.keys) == 1 for candidate in candidates):  # as nearly always
        plain: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            plain.setdefault(next(iter(candidate.keys)), []).append(candidate)
        yield from plain.values()
        return
    first: dict[str, str] = {}  # key → another one of its group, up to the one that stands for it

    def root(key: str) -> str:
        while (up := first.setdefault(key, key)) != key:
            first[key] = first[up]
            key = up
        return key

    for candidate in candidates:
        one, *others = candidate.keys
        for key in others:
            first[root(key)] = root(one)
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(root(next(iter(candidate.keys))), []).append(candidate)
    yield from groups.values()


def _of_no_crowd(candidates: Sequence[Candidate]) -> list[Candidate]:
    sharers = Counter(key for candidate in candidates for key in candidate.keys)
    return [c for c in candidates if not c.crowd and all(sharers[key] <= CROWD for key in c.keys)]


def _without(candidate: Candidate, keys: Mapping[str, int]) -> Candidate:
    left = {key: spelt for key, spelt in candidate.keys.items() if key not in keys}
    return attrs.evolve(candidate, keys=left)


@attrs.frozen
class Appeared:
    """What became of records that are about to be given a counterpart, and of those that somebody has made meanwhile.

    `pairs` and `unmatched` as in `GroupOutcome`, each with the rank of the key that decided. All others are free.
    """

    pairs: tuple[tuple[int, tuple[str, str]], ...] = ()
    unmatched: tuple[tuple[int, Unmatched], ...] = ()


def match_appeared(
    keys: Mapping[tuple[Side, str], Sequence[RecordKey]], strict: Sequence[bool], told: ToldOf = NOBODY
) -> Appeared:
    """Decide records of both sides by the keys that they share across them; the strongest key decides.

    Args:
        keys: of each record.
        strict: of each rank, whether its key is weak.
        told: of each record those that it is not, as a person has said.
    """
    pairs: list[tuple[int, tuple[str, str]]] = []
    unmatched: list[tuple[int, Unmatched]] = []
    decided: set[tuple[Side, str]] = set()
    for rank, is_weak in enumerate(strict):
        its = {
            name: [key for key in all_keys if key.rank == rank] for name, all_keys in sorted(keys.items(), key=_name)
        }
        free = [_candidate(name, some, told) for name, some in its.items() if some and name not in decided]
        for group in _groups(free):
            if {candidate.side for candidate in group} != set(Side):
                continue
            outcome = match_group(group, strict=is_weak)
            pairs += [(rank, pair) for pair in outcome.pairs]
            unmatched += [(rank, record) for record in outcome.unmatched]
            decided |= {name for pair in outcome.pairs for name in _both(pair)}
            decided |= {(record.side, record.id) for record in outcome.unmatched}
    return Appeared(tuple(pairs), tuple(unmatched))


def _candidate(name: tuple[Side, str], keys: Sequence[RecordKey], told: ToldOf = NOBODY) -> Candidate:
    keys = sorted(keys, key=lambda key: key.slot)
    spelt = {key.key: key.spelt for key in keys}
    others = told.get(name, frozenset())
    return Candidate(*name, keys[0].apart, keys[0].stronger, keys=spelt, main=keys[0].key, others=others)


def _name(item: tuple[tuple[Side, str], Sequence[RecordKey]]) -> tuple[str, int, str]:
    (side, id), _ = item
    return (side.value, len(id), id)


def _share(a: Candidate, b: Candidate) -> bool:
    return not a.keys.keys().isdisjoint(b.keys)


def _same_main(a: Candidate, b: Candidate) -> bool:
    return a.main == b.main and a.main in a.keys and b.main in b.keys


def _main_alike(a: Candidate, b: Candidate) -> bool:
    return _same_main(a, b) and a.keys[a.main] == b.keys[b.main]


def _same_key(a: Candidate, b: Candidate) -> bool:
    if (a.others or b.others) and (b.name in a.others or a.name in b.others):
        return False
    return a.stronger == b.stronger or not any(_differ(x, y) for x, y in zip(a.stronger, b.stronger, strict=True))


def _may_be(a: Candidate, b: Candidate) -> bool:
    return _same_key(a, b) and not _looks_different(a.apart, b.apart)


def _not_told_apart(a: Candidate, b: Candidate) -> bool:
    return _same_key(a, b) and all(x is None or y is None or x == y for x, y in zip(a.apart, b.apart, strict=True))


def _differ(x: str | None, y: str | None) -> bool:
    """Whether two records have stronger keys, and none in common."""
    return x is not None and y is not None and x != y and set(x.split(ALSO)).isdisjoint(y.split(ALSO))


def _looks_different(a: tuple[str | None, ...], b: tuple[str | None, ...]) -> bool:
    """Whether the first (the most telling) field differs, or all that are known on both sides do.

    A shorter form of the same is no difference (`J.` and `John`, `Ada` and `Ada Maria`).
    """
    if a == b:
        return False
    known = [None if x is None or y is None else not _same_start(x, y) for x, y in zip(a, b, strict=True)]
    told = [different for different in known if different is not None]
    return bool(told) and (known[0] is True or all(told))


def _same_start(x: str, y: str) -> bool:
    x, y = x.rstrip("."), y.rstrip(".")
    return x.startswith(y) or y.startswith(x)


def _both(pair: tuple[str, str]) -> tuple[tuple[Side, str], tuple[Side, str]]:
    """The names of the two records of a pair."""
    ours, theirs = pair
    return (Side.CUSTOMCRM, ours), (Side.KEAP, theirs)


def _names(candidates: Sequence[Candidate]) -> tuple[tuple[Side, str], ...]:
    return tuple((c.side, c.id) for c in sorted(candidates, key=_order))


def _order(candidate: Candidate) -> tuple[str, int, str]:
    return (candidate.side.value, len(candidate.id), candidate.id)
