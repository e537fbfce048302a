"""Reading again what is about to be written, in few calls, and deciding once more on what it holds now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs

from keapbridge._flow.effects import Flow, now
from keapbridge.model.actions import EVERY_RECORD, Action, Adopt, Skip, Update
from keapbridge.model.records import Pair
from keapbridge.model.side import Side
from keapbridge.sync.linked_in_doubt import doubted
from keapbridge.sync.planning.first_contact import read_unlinked
from keapbridge.sync.planning.linked import merged_in
from keapbridge.sync.reading.orphans import orphaned
from keapbridge.sync.reading.unlisted_fields import read_singly, whole
from keapbridge.sync.reading.witnesses import judge, judge_read
from keapbridge.sync.writing.pair_state import PairState, decide_again, held_line, linked_line, reread
from keapbridge.sync.writing.run import RunPart

__all__ = ["Targets", "planned_targets", "read_again", "read_states", "tell_held"]

Targets = Mapping[str, frozenset[Side]]
"""Customcrm's id → the sides of its pair that a plan writes to."""


def read_states(part: RunPart, actions: Sequence[Action]) -> Flow[list[PairState]]:
    """The pairs that some actions are about, as the store knows them now; those that were linked otherwise are left."""
    sync = part.sync
    updates = [a.customcrm_id for a in actions if isinstance(a, Update)]
    pairs: list[Pair] = yield from doubted(sync, (yield from sync.store.links.pairs_of(sync.name, updates)))
    adoptions = {(a.customcrm_id, a.keap_id): a for a in actions if isinstance(a, Adopt)}
    if adoptions:
        partners = sync.store.links.partners
        to_keap = yield from partners(sync.name, Side.CUSTOMCRM, [ours for ours, _ in adoptions])
        to_customcrm = yield from partners(sync.name, Side.KEAP, [theirs for _, theirs in adoptions])
        free = [(a, b) for a, b in adoptions if a not in to_keap and b not in to_customcrm]
        pairs += yield from read_unlinked(sync, free)
        moved = {a: b for (a, b), x in adoptions.items() if x.replaces == to_keap.get(a) and b not in to_customcrm}
        pairs += yield from _read_moved(part, moved)
    context = yield from sync.context([pair.current[side] for pair in pairs for side in Side])
    moment = yield from now()
    pairs = yield from orphaned(sync, (yield from judge(sync, pairs)))
    states = []
    for pair, outcome in (yield from merged_in(sync, pairs, context, moment)):
        state = PairState(sync.name, pair, context, outcome, moment=moment)
        adoption = adoptions.get((pair.link.customcrm_id, pair.link.keap_id))
        states.append(state if adoption is None else _adopted(state, adoption))
    return states


def _read_moved(part: RunPart, moved: Mapping[str, str]) -> Flow[list[Pair]]:
    """Pairs whose Keap record was merged into another one: the link keeps its bases."""
    store, name = part.sync.store, part.sync.name
    pairs = yield from store.links.pairs_of(name, moved)
    staged = yield from store.staging.observations(name, Side.KEAP, list(moved.values()))
    return [
        Pair(attrs.evolve(pair.link, keap_id=new_id, keap_life=staged[new_id].life), pair.customcrm, staged[new_id])
        for pair in pairs
        if (new_id := moved[pair.link.customcrm_id]) in staged
    ]


def _adopted(state: PairState, adoption: Adopt) -> PairState:
    return attrs.evolve(state, replaces=adoption.replaces, is_new=True).saying(linked_line(adoption))


def planned_targets(part: RunPart, actions: Sequence[Action]) -> dict[str, frozenset[Side]]:
    """What a plan writes to, but for what a brake holds."""
    name, braked = part.sync.name, part.sync.guard.braked
    return {
        a.customcrm_id: frozenset(c.side for c in a.changes if (name, c.field, c.side) not in braked)
        for a in actions
        if isinstance(a, (Update, Adopt))
    }


def read_again(part: RunPart, states: Sequence[PairState], planned: Targets) -> Flow[list[PairState]]:
    """Read again, in batches, every record that is to be written, and decide on what it holds now."""
    current = list(states)
    wanted = [planned.get(state.pair.link.customcrm_id, frozenset()) for state in current]
    while True:
        for side in Side:
            missing = [
                n
                for n, state in enumerate(current)
                if side in wanted[n] and side not in state.records and state.gone is None
            ]
            if not missing:
                continue
            again = yield from _reread_side(part, side, [current[n] for n in missing])
            for n, state in zip(missing, again, strict=True):
                current[n] = state
        current = yield from _doubted(part, current)
        current = [decide_again(part.sync, state) for state in current]
        wanted = [state.targets for state in current]
        if all(state.gone is not None or state.targets <= state.records.keys() for state in current):
            return current


def _doubted(part: RunPart, states: Sequence[PairState]) -> Flow[list[PairState]]:
    """The states, of pairs that were linked before with what speaks against taking what they show for edits."""
    old = [n for n, state in enumerate(states) if not state.is_new and state.replaces is None]
    pairs = yield from doubted(part.sync, [states[n].pair for n in old])
    pairs = yield from orphaned(part.sync, pairs)
    seen = dict(zip(old, pairs, strict=True))
    return [attrs.evolve(state, pair=seen[n]) if n in seen else state for n, state in enumerate(states)]


def _reread_side(part: RunPart, side: Side, states: Sequence[PairState]) -> Flow[list[PairState]]:
    sync = part.sync
    found, odd = yield from sync.read(side, [state.pair.link.id(side) for state in states])
    for state in states:
        seen = found.get(state.pair.link.id(side))
        fields = [change.field for change in state.outcome.changes if change.side is side]
        if seen is not None and sync.absences.to_be_read_singly(side, seen.whole, fields):
            found.update((yield from read_singly(sync, side, seen)))
    found = {one.whole.id: one for one in (yield from whole(sync, side, list(found.values()), by_ids=False))}
    ids = [state.pair.link.id(side) for state in states]
    again = [reread(s, side, found.get(id), odd.get(id, "")) for s, id in zip(states, ids, strict=True)]
    held = {item.field for item in sync.guard.holds(sync.name)}
    both = [(before.pair, state.pair) for before, state in zip(states, again, strict=True)]
    pairs = yield from judge_read(sync, side, both)
    yield from tell_held(part, side, held)
    return [attrs.evolve(state, pair=pair) for state, pair in zip(again, pairs, strict=True)]


def tell_held(part: RunPart, side: Side, but: Collection[str]) -> Flow[None]:
    """Tell of the fields that are held for all records since the plan was made, but for those that were told."""
    name = part.sync.name
    for item in part.sync.guard.holds(name):
        if item.field not in but:
            yield from part.report(held_line(Skip(name, side, EVERY_RECORD, item.reason, field=item.field)))
