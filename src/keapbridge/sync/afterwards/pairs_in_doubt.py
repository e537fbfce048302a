"""Records that may be the same: which there are, and what somebody's word does. It is written like any plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.errors import StalePlanError, UnfitError
from keapbridge.model.actions import Adopt, Conflict, NumberedAction, Skip, TellApart
from keapbridge.model.pair_in_doubt import PairInDoubt
from keapbridge.model.records import Canonical, Pair
from keapbridge.model.report import Report
from keapbridge.model.side import Side
from keapbridge.model.token import read_token
from keapbridge.sync.afterwards.resolve import apply_decisions
from keapbridge.sync.planning.first_contact import read_unlinked
from keapbridge.sync.planning.linked import merge_pairs
from keapbridge.sync.synchronization import Synchronization

__all__ = ["FIRST", "Place", "different", "named", "pairs_in_doubt", "same"]

BATCH = 50  # records in doubt that are looked at together: each may have many candidates
LOOKED_AT = 1_000  # for a part of the list
TAKES = "pair takes one of session.pairs_in_doubt(), or its token"
WORD = "as somebody said"  # what they were matched by
_AGAIN = "; session.pairs_in_doubt() lists what waits now"

Name = tuple[Side, str]
Place = tuple[str, int, int]
"""Where a list goes on: in which plan, at which of its actions, and behind how many of the candidates of that."""
FIRST: Place = ("", 0, 0)


@attrs.frozen
class _Known:
    """What the store knows of the records that some actions are about.

    Attributes:
        pairs: those that are linked.
        loose: those that are linked to nothing, with what they hold.
        told: of records those that they are not.
        doubts: of records those that the same plan says they could be.
    """

    pairs: Mapping[Name, Pair]
    loose: Mapping[Name, Mapping[str, Canonical]]
    told: Mapping[Name, Collection[Name]]
    doubts: Mapping[Name, Collection[Name]]


def pairs_in_doubt(
    sync: Synchronization, plan_id: str, after: Place = FIRST, limit: int | None = None
) -> Flow[tuple[list[PairInDoubt], Place | None]]:
    """Of which records a plan says that they may be the same, as far as they still are in doubt, and where to go on.

    So many records are looked at for a part that it may have few.

    Args:
        after: where to begin.
        limit: how many at most; `None` for all.
    """
    found: list[PairInDoubt] = []
    _, seq, skipped = after
    looked = 0
    while True:
        rows, last = yield from sync.store.plans.page(plan_id, [sync.name], "doubt", "", seq - 1, BATCH)
        known = yield from _known(sync, plan_id, rows)
        for number, action in ((row.number, row.action) for row in rows):
            assert isinstance(action, Skip)  # only they have candidates
            mine = (action.side, action.id)
            begin = skipped if number == seq else 0
            for n, other in enumerate(action.candidates[begin:], begin):
                if not _is_open(known, mine, other):
                    continue
                if len(found) == limit:
                    return found, (plan_id, number, n)
                found.append(_in_doubt(known, action, other))
        looked += BATCH
        if last is None:
            return found, None
        seq, skipped = last + 1, 0
        if limit is not None and looked >= LOOKED_AT:
            return found, (plan_id, seq, 0)


def _known(sync: Synchronization, plan_id: str, rows: Sequence[NumberedAction]) -> Flow[_Known]:
    ids: dict[Side, set[str]] = {side: set() for side in Side}
    others: dict[Side, set[str]] = {side: set() for side in Side}
    for action in (row.action for row in rows):
        assert isinstance(action, Skip)  # only they have candidates
        ids[action.side].add(action.id)
        for side, id in action.candidates:
            others[side].add(id)
    every = {side: ids[side] | others[side] for side in Side}
    pairs: dict[Name, Pair] = {}
    loose: dict[Name, Mapping[str, Canonical]] = {}
    doubts: defaultdict[Name, set[Name]] = defaultdict(set)
    for side in Side:
        linked = yield from sync.store.links.pairs_of(sync.name, every[side], side)
        pairs.update({(side, pair.link.id(side)): pair for pair in linked})
        free = {id for id in every[side] if (side, id) not in pairs}
        seen = yield from sync.store.staging.observations(sync.name, side, free)
        loose.update({(side, id): observation.snapshot.values for id, observation in seen.items()})
        for action in (yield from sync.store.plans.actions_of(plan_id, sync.name, side, others[side])):
            if isinstance(action, Skip):
                doubts[side, action.id].update(action.candidates)
    told = yield from sync.store.told_apart.of(sync.name, ids[Side.CUSTOMCRM] | ids[Side.KEAP])
    return _Known(pairs, loose, told, doubts)


def _is_open(known: _Known, mine: Name, other: Name) -> bool:
    """Whether it is still to be said of a record and a candidate, and is not told of the candidate already."""
    if mine not in known.loose or (other not in known.loose and other not in known.pairs):
        return False
    if other in known.told.get(mine, ()):
        return False
    is_twice = other in known.loose and mine in known.doubts.get(other, ())
    return not is_twice or _order(mine) < _order(other)


def _order(name: Name) -> tuple[str, int, str]:
    side, id = name
    return (side.value, len(id), id)


def _in_doubt(known: _Known, action: Skip, other: Name) -> PairInDoubt:
    side, id = other
    pair = known.pairs.get(other)
    values = known.loose[other] if pair is None else {**pair.link.base(side), **pair.current[side].values}
    return PairInDoubt(
        action.object,
        action.side,
        action.id,
        side,
        id,
        action.reason,
        known.loose[action.side, action.id],
        values,
        None if pair is None else pair.link.id(side.other),
    )


def named(doubt: PairInDoubt | str) -> tuple[str, Name, Name]:
    """Of which synchronization and which two records a person speaks.

    Raises:
        ValueError: for a text that is no token of a pair in doubt.
    """
    if isinstance(doubt, PairInDoubt):
        return doubt.object, (doubt.side, doubt.id), (doubt.other_side, doubt.other_id)
    name, side, id, other_side, other_id = read_token(TAKES, doubt, (str,) * 5)
    sides = {each.value: each for each in Side}
    if not {side, other_side} <= sides.keys():
        raise ValueError(TAKES)
    return name, (sides[side], id), (sides[other_side], other_id)


def same(sync: Synchronization, one: Name, other: Name, by: str | None = None) -> Flow[Report]:
    """Link two records, for somebody says that they are the same. What they hold is merged as at any first contact.

    Raises:
        StalePlanError: when they are linked or told apart already, or one of them is not there any more.
        UnfitError: when they cannot be linked: two of one system, or one that is linked to another.
    """
    yield from _check_open(sync, one, other)
    ids = dict((one, other))
    if len(ids) < len(Side):
        side = one[0].title
        raise UnfitError(f"{one[1]} and {other[1]} are both in {side}: merge them there, and the next sync sees it")
    both = (ids[Side.CUSTOMCRM], ids[Side.KEAP])
    for side, id in ids.items():
        partner = (yield from sync.store.links.partners(sync.name, side, [id])).get(id)
        if partner is not None:
            at = side.other.title
            raise UnfitError(
                f"{side.title} {id} is linked to {at} {partner}, and each record has one counterpart: merge "
                f"{at} {partner} and {ids[side.other]} in {at}"
            )
    pairs = yield from read_unlinked(sync, [both])
    if not pairs:
        raise StalePlanError(f"{_words(one)} and {_words(other)} are not both there any more{_AGAIN}")
    [(_, outcome)] = yield from merge_pairs(sync, pairs, None)
    adopt = Adopt(sync.name, *both, WORD, outcome.changes, outcome.held)
    conflicts = [Conflict(sync.name, *both, conflict) for conflict in outcome.conflicts]
    return (yield from apply_decisions([sync], [adopt, *conflicts], by))


def different(sync: Synchronization, one: Name, other: Name, by: str | None = None) -> Flow[Report]:
    """Remember that two records are not the same: they are not matched, and neither waits for the other any more.

    Raises:
        StalePlanError: when they are linked or told apart already.
    """
    yield from _check_open(sync, one, other)
    return (yield from apply_decisions([sync], [TellApart(sync.name, one, other)], by))


def _check_open(sync: Synchronization, one: Name, other: Name) -> Flow[None]:
    """Raise when somebody has said already whether they are the same."""
    what = f"{sync.name} {_words(one)} and {_words(other)}"
    told = yield from sync.store.told_apart.between(sync.name, one, other)
    if told is not None:
        again = f"undo run {told.run_id}, and they are in doubt again"
        raise StalePlanError(f"{what} are told apart already; {again}", run_id=told.run_id, by=told.by)
    partner = (yield from sync.store.links.partners(sync.name, one[0], [one[1]])).get(one[1])
    if (one[0].other, partner) == other:
        entries = [e for e in (yield from sync.store.journal.history(sync.name, *one)) if e.kind == "link"][-1:]
        by = entries[0].by if entries else None
        raise StalePlanError(f"{what} are linked already", by=by, meanwhile=entries)


def _words(name: Name) -> str:
    side, id = name
    return f"{side.title} {id}"
