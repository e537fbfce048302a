"""Writing to linked pairs, old and new: read again what is about to be changed, decide once more, write, remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import attrs

from keapbridge._flow.effects import Flow, gather, now
from keapbridge.errors import ApiError, ShapeError
from keapbridge.model.actions import Action, Adopt, Conflict, Update
from keapbridge.model.change import RECORD, Change
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.linked_in_doubt import RESTORED, doubted
from keapbridge.sync.reading.unlisted_fields import read_singly, whole
from keapbridge.sync.reading.witnesses import judge_written
from keapbridge.sync.synchronization import Seen
from keapbridge.sync.writing.alike import link_alike
from keapbridge.sync.writing.marks import write_marks
from keapbridge.sync.writing.one_pair import commit_pair, left_the_filter, remember_write, write_pair
from keapbridge.sync.writing.pair_state import PairState, confirmed, decide_again, to_commit, untaken
from keapbridge.sync.writing.put_off import Refused
from keapbridge.sync.writing.rereading import Targets, planned_targets, read_again, read_states, tell_held
from keapbridge.sync.writing.run import WRITERS, RunPart, ending, flowing
from keapbridge.sync.writing.swaps import settle_refused, write_together

__all__ = ["adopt", "apply_pairs", "confirm"]


def apply_pairs(part: RunPart) -> Flow[None]:
    """Write to pairs, then link those that need no write: apart, so that what is read again is read in few calls."""
    yield from _apply_batches(part, part.batches(("update", "adopt")))
    if part.sync.restored is not None:
        # They wait in the plan, which was made before somebody said whose values are right.
        yield from _apply_batches(part, map(_decided, part.batches(("conflict",))))
    yield from settle_refused(part, _write_again)
    number = part.plan.counts.get(part.sync.name, {}).get("link", 0)
    if number:
        store = part.sync.store
        yield from store.links.begin_linking(number)
        yield from _apply_batches(part, map(partial(link_alike, part), part.links_to_make()))
        yield from store.match_keys.index()


def adopt(part: RunPart, adoptions: Sequence[Adopt]) -> Flow[None]:
    """Link pairs that the plan does not know of, and write to them what they need."""
    yield from gather((yield from _prepared(part, adoptions, progress=0)), WRITERS)


def _apply_batches(part: RunPart, batches: Iterator[Flow[list[Action]]]) -> Flow[None]:
    def prepare(actions: list[Action]) -> Flow[list[Flow[None]]]:
        return _prepared(part, actions, progress=len(actions))

    yield from flowing(batches, prepare)


def _decided(batch: Flow[list[Action]]) -> Flow[list[Action]]:
    """Of a batch of conflicts those of records that went back, to be written as was said."""
    actions = yield from batch
    both = tuple(Change(RECORD, side, None, None, "accept") for side in Side)
    return [
        Update(a.object, a.customcrm_id, a.keap_id, both)
        for a in actions
        if isinstance(a, Conflict) and a.conflict.about == RESTORED
    ]


def _prepared(part: RunPart, actions: Sequence[Action], *, progress: int) -> Flow[list[Flow[None]]]:
    """The flows that write what these actions need, once all of it has been read again."""
    planned = planned_targets(part, actions)
    quiet: list[PairState] = []

    def read(some: Sequence[Action]) -> Flow[list[PairState]]:
        states = yield from read_states(part, some)
        rest = [state for state in states if not _is_quiet(state, planned)]
        ready = yield from write_marks(part, (yield from read_again(part, rest, planned)))
        quiet.extend(state for state in states if _is_quiet(state, planned))
        return ready

    ready = yield from part.sync.guard.by_halves(actions, read, partial(_not_read, part))

    def write(state: PairState) -> Flow[PairState]:
        written = yield from write_pair(part, state)
        part.progressed(min(1, progress))
        return written

    def end(states: Sequence[PairState | None]) -> Flow[None]:
        yield from confirm(part, [state for state in states if state is not None and state.unconfirmed])
        part.progressed(progress - len(ready))

    return ending([_commit_quiet(part, quiet), *map(write, ready)], end)


def _not_read(part: RunPart, action: Action, error: Exception) -> Flow[list[PairState]]:
    assert isinstance(action, (Update, Adopt))  # the batch has no others
    line = Line(action.object, "failed", None, action.customcrm_id, action.keap_id)
    yield from part.failed(error, line)
    return []


def _is_quiet(state: PairState, planned: Targets) -> bool:
    """Whether nothing is to be written, as when two records that are the same already are linked."""
    promised = planned.get(state.pair.link.customcrm_id)
    return not promised and not state.outcome.changes and left_the_filter(state.pair) is None


def _commit_quiet(part: RunPart, states: Sequence[PairState]) -> Flow[None]:
    """Remember what needs no write, all in one transaction."""

    def commit_all(some: Sequence[PairState]) -> Flow[list[None]]:
        moment = yield from now()
        yield from part.commit(*(to_commit(part.sync, state, moment if state.is_new else None)[0] for state in some))
        return []

    def fail(state: PairState, error: Exception) -> Flow[list[None]]:
        yield from part.failed(error, state.line("failed", None, (), ""))
        return []

    yield from part.sync.guard.by_halves(states, commit_all, fail)


def _write_again(part: RunPart, ring: Sequence[Refused]) -> Flow[bool]:
    """Write what was refused while another record held it: one by itself, or several that swap, where that can be."""
    sync, side = part.sync, ring[0].change.side
    updates: list[Action] = [Update(sync.name, r.customcrm_id, r.keap_id, (r.change,)) for r in ring]
    states = yield from read_again(part, (yield from read_states(part, updates)), planned_targets(part, updates))
    still = {r.customcrm_id: r.change for r in ring}
    chosen = [(s, c) for s in states if (c := still[s.pair.link.customcrm_id]) in s.outcome.changes and s.gone is None]
    if len(ring) == 1 or len(chosen) < len(ring):
        for state in states:
            yield from write_pair(part, state)
        return True
    writes = yield from write_together(sync, side, chosen)
    if writes is None:
        return False
    written: list[PairState] = []
    for (state, change), write in zip(chosen, writes, strict=True):
        written.append((yield from remember_write(part, state, side, [change], write)))
    yield from confirm(part, [state for state in written if state.is_unconfirmed])
    return True


# --- reading back -----------------------------------------------------------------------------------------------


def confirm(part: RunPart, states: Sequence[PairState], rounds: int = 2) -> Flow[None]:
    """Read back, in batches, what the answers to the writes did not show: the bases are what is really held.

    What can be understood only now (a phone number whose country was just written) is written in a further round.
    """
    current = list(states)
    read_back: set[int] = set()
    for side in Side:
        waiting = [n for n, state in enumerate(current) if state.unconfirmed.get(side)]
        again = yield from part.sync.guard.by_halves(
            [current[n] for n in waiting], partial(_confirm_side, part, side), partial(_not_confirmed, part)
        )
        for n, state in zip(waiting, again, strict=True):
            if state is not None:
                read_back.add(n)
                current[n] = state
    more = [
        state
        for n, state in enumerate(current)
        if state.outcome.changes and not state.failed and (n in read_back or not state.is_unconfirmed)
    ]
    if more and rounds > 1:

        def read(some: Sequence[PairState]) -> Flow[list[PairState]]:
            return (yield from write_marks(part, (yield from read_again(part, some, {}))))

        def leave(state: PairState, error: Exception) -> Flow[list[PairState]]:
            yield from part.failed(error, state.line("failed", None, (), ""))
            return []

        ready = yield from part.sync.guard.by_halves(more, read, leave)
        written = yield from gather((write_pair(part, state) for state in ready), WRITERS)
        yield from confirm(part, [state for state in written if state.is_unconfirmed], rounds - 1)


def _still_not_shown(
    part: RunPart, side: Side, states: Sequence[PairState], found: Mapping[str, Seen]
) -> Flow[dict[str, Seen]]:
    """What was given a value and is not shown, nor by its record alone: that a system has such a place is not true.

    Returns:
        The records that were read alone.
    """
    sync = part.sync
    alone: dict[str, Seen] = {}
    questions: dict[str, list[str]] = {}
    for state in states:
        seen = found.get(state.pair.link.id(side))
        sent = state.unconfirmed.get(side, {})
        hidden = set() if seen is None else {f for f in seen.whole.snapshot.absent if sent.get(f) is not None}
        if seen is not None and sync.absences.to_be_read_singly(side, seen.whole, hidden):
            alone.update((yield from read_singly(sync, side, seen)))
        for field in hidden & alone.get(seen.whole.id, seen).whole.snapshot.absent if seen is not None else ():
            questions.setdefault(field, []).append(state.pair.link.id(side))
    held = {item.field for item in sync.guard.holds(sync.name)}
    yield from judge_written(sync, side, questions)
    yield from tell_held(part, side, held)
    return alone


def _not_confirmed(part: RunPart, state: PairState, error: Exception) -> Flow[list[PairState | None]]:
    # It stays staged, as all do that are not read back.
    yield from part.failed(error, state.line("failed", None, (), ""))
    return [None]


def _confirm_side(part: RunPart, side: Side, states: Sequence[PairState]) -> Flow[list[PairState | None]]:
    """The pairs with what a side really holds; `None` for those that it cannot be asked for."""
    sync = part.sync
    ids = [state.pair.link.id(side) for state in states]
    try:
        records = yield from sync.systems[side].get_many(ids)
    except ShapeError:
        raise  # of one of them
    except ApiError:
        return [None] * len(states)  # they stay staged, and the next run compares both sides without these bases
    listed = yield from sync.see(side, records)
    found = {seen.whole.id: seen for seen in (yield from whole(sync, side, listed, by_ids=False))}
    moment = yield from now()
    found.update((yield from _still_not_shown(part, side, states, found)))
    result: list[PairState | None] = []
    for state in states:
        seen = found.get(state.pair.link.id(side))
        if seen is None:
            result.append(state)
            continue
        looked = confirmed(sync.mapper, attrs.evolve(state, moment=moment), side, seen)
        [pair] = yield from doubted(sync, [looked.pair])
        decided = decide_again(sync, attrs.evolve(looked, pair=pair))
        line = untaken(decided, side, seen.whole.snapshot, moment, sync.settings.lag)
        if line is not None:
            decided = attrs.evolve(decided, failed=(*decided.failed, line), told=decided.told.union(line.fields))
            yield from part.report(line)
        result.append((yield from commit_pair(part, decided)))
        for line in state.failed:
            if not part.refused.has(line):
                yield from part.note(line)  # what is remembered of a pair says that nothing of it failed
    return result
