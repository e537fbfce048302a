"""Writing to linked pairs, old and new: read again what is about to be changed, decide once more, write, remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import attrs

from keapbridge._io.effects import Flow, finish, gather, now, within
from keapbridge.decide.sweeps import loses
from keapbridge.errors import ApiError, ConflictError, MappingError, ShapeError, StatusError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.model.change import RECORD, Change
from keapbridge.model.kept import Commit, JournalEntry, Overwrite
from keapbridge.model.plan import SYNC, Action, Adopt, Conflict, Skip, Update
from keapbridge.model.records import Pair
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.doubts import RESTORED, doubted
from keapbridge.sync.guard import EVERY_RECORD, stops_everything
from keapbridge.sync.planning.first_contact import read_unlinked
from keapbridge.sync.planning.linked import merged_in
from keapbridge.sync.reading.absences import judge, judge_written, read_alone
from keapbridge.sync.reading.custom_fields import forget_fields
from keapbridge.sync.synchronization import Seen
from keapbridge.sync.writing.consent import with_opt_ins
from keapbridge.sync.writing.pair_state import (
    PairState,
    Sent,
    after_write,
    confirmed,
    decide_again,
    held_line,
    reread,
    stored_of,
    to_commit,
    untaken,
)
from keapbridge.sync.writing.refused import Refused
from keapbridge.sync.writing.run import WRITERS, RunPart, ending, flowing
from keapbridge.sync.writing.swaps import settle_refused, write_together

__all__ = ["adopt", "apply_pairs", "commit_pair", "confirm"]

ATTEMPTS = 3  # how often a record that moves while it is written is decided anew

Targets = Mapping[str, frozenset[Side]]
"""Customcrm's id → the sides of its pair that a plan writes to."""


@attrs.frozen
class _Written:
    """How far writing came.

    Attributes:
        refused: lines about what a system refused to take.
        error: what ended it before its time; the state is that of the moment before.
    """

    state: PairState
    refused: tuple[Line, ...] = ()
    error: ApiError | MappingError | None = None


def apply_pairs(part: RunPart) -> Flow[None]:
    """Write to pairs, then link those that need no write: apart, so that what is read again is read in few calls."""
    yield from _apply_batches(part, part.batches(("update", "adopt")))
    if part.sync.restored is not None:
        # They wait in the plan, which was made before somebody said whose values are right.
        yield from _apply_batches(part, map(_decided, part.batches(("conflict",))))
    yield from settle_refused(part, _write_again)
    number = part.plan.counts.get(part.sync.name, {}).get("link", 0)
    if number:
        yield from part.sync.store.links.begin_linking(number)
        yield from _apply_batches(part, part.links_to_make())
        yield from part.sync.store.links.end_linking()


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
    planned = _planned_targets(part, actions)
    quiet: list[PairState] = []

    def read(some: Sequence[Action]) -> Flow[list[PairState]]:
        states = yield from _read_states(part, some)
        rest = [state for state in states if not _is_quiet(state, planned)]
        ready = yield from _reread(part, rest, planned)
        quiet.extend(state for state in states if _is_quiet(state, planned))
        return ready

    ready = yield from part.sync.guard.by_halves(actions, read, partial(_not_read, part))

    def end(states: Sequence[PairState | None]) -> Flow[None]:
        yield from confirm(part, [state for state in states if state is not None and state.unconfirmed])
        part.progressed(progress)

    return ending([_commit_quiet(part, quiet), *(_write_pair(part, state) for state in ready)], end)


def _not_read(part: RunPart, action: Action, error: Exception) -> Flow[list[PairState]]:
    assert isinstance(action, (Update, Adopt))  # the batch has no others
    line = Line(action.object, "failed", None, action.customcrm_id, action.keap_id)
    yield from part.failed(error, line)
    return []


def _is_quiet(state: PairState, planned: Targets) -> bool:
    """Whether nothing is to be written, as when two records that are the same already are linked."""
    promised = planned.get(state.pair.link.customcrm_id)
    return not promised and not state.outcome.changes and _left_the_filter(state.pair) is None


def _commit_quiet(part: RunPart, states: Sequence[PairState]) -> Flow[None]:
    """Remember what needs no write, all in one transaction."""

    def commit_all(some: Sequence[PairState]) -> Flow[list[None]]:
        commits: list[Commit] = []
        for state in some:
            commit, _ = yield from _to_commit(part, state)
            commits.append(commit)
        yield from part.commit(*commits)
        return []

    def fail(state: PairState, error: Exception) -> Flow[list[None]]:
        yield from part.failed(error, state.line("failed", None, (), ""))
        return []

    yield from part.sync.guard.by_halves(states, commit_all, fail)


# --- reading again ----------------------------------------------------------------------------------------------


def _read_states(part: RunPart, actions: Sequence[Action]) -> Flow[list[PairState]]:
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
    context = yield from sync.context([pair.current(side) for pair in pairs for side in Side])
    moment = yield from now()
    yield from judge(sync, pairs)
    states = []
    for pair, outcome in (yield from merged_in(sync, pairs, context)):
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
    reason = adoption.key if adoption.replaces else f"same {adoption.key}"
    new = attrs.evolve(state, replaces=adoption.replaces, is_new=True)
    return new.saying(new.line("linked", None, (), reason))


def _planned_targets(part: RunPart, actions: Sequence[Action]) -> dict[str, frozenset[Side]]:
    """What a plan writes to, but for what a brake holds."""
    name, braked = part.sync.name, part.sync.guard.braked
    return {
        a.customcrm_id: frozenset(c.side for c in a.changes if (name, c.field, c.side) not in braked)
        for a in actions
        if isinstance(a, (Update, Adopt))
    }


def _reread(part: RunPart, states: Sequence[PairState], planned: Targets) -> Flow[list[PairState]]:
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
    seen = dict(zip(old, pairs, strict=True))
    return [attrs.evolve(state, pair=seen[n]) if n in seen else state for n, state in enumerate(states)]


def _reread_side(part: RunPart, side: Side, states: Sequence[PairState]) -> Flow[list[PairState]]:
    sync = part.sync
    found, _ = yield from sync.read(side, [state.pair.link.id(side) for state in states])
    for state in states:
        seen = found.get(state.pair.link.id(side))
        fields = [change.field for change in state.outcome.changes if change.side is side]
        if seen is not None and sync.absences.to_be_read_singly(side, seen.whole, fields):
            found.update((yield from read_alone(sync, side, seen.whole.id)))
    again = [reread(state, side, found.get(state.pair.link.id(side))) for state in states]
    yield from judge(sync, [state.pair for state in again])
    return again


# --- writing ----------------------------------------------------------------------------------------------------


def _write_pair(part: RunPart, state: PairState) -> Flow[PairState]:
    """Write what a pair needs and remember it; what fails is reported."""
    try:
        written = yield from _write_decided(part, state)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are written
        fields = [change.field for change in state.outcome.changes]
        failure = yield from part.failed(error, state.line("failed", None, fields, ""))
        return attrs.evolve(state, failed=(failure,))
    part.sync.guard.went_well()
    return written


def _write_decided(part: RunPart, state: PairState) -> Flow[PairState]:
    if state.gone is not None:
        reason = f"could not be read again in {state.gone.title}: it was deleted, or has an unexpected form"
        yield from part.fail(state.line("failed", state.gone, (), reason))
        return state
    if (left := _left_the_filter(state.pair)) is not None:
        yield from part.report(state.line("skipped", left, (), OUTSIDE))
        return state
    written = yield from _write_changes(part, state)
    for _ in range(ATTEMPTS - 1):
        if not isinstance(written.error, ConflictError):
            break
        # It moved between the second reading and the write: read once more, decide once more.
        written = yield from _read_once_more(part, written.state)
        if written.error is None:
            written = yield from _write_changes(part, written.state)
    if _is_refused(written, state):
        written = yield from _write_changes(part, written.state, frozenset({409}))
    state, error = written.state, written.error
    if error is None:
        return state
    if stops_everything(error):
        raise error
    reason = "it kept changing while it was to be written" if isinstance(error, ConflictError) else str(error)
    failure = state.line("failed", None, (c.field for c in state.outcome.changes), reason)
    yield from part.fail(failure)
    yield from part.report(*state.held_lines())
    return attrs.evolve(state.held_told(), failed=(failure,))


def _is_refused(written: _Written, first: PairState) -> bool:
    """Whether a conflict is none with a newer state: the records are as they were read first."""
    error = written.error
    return isinstance(error, ConflictError) and error.status == 409 and written.state.records == first.records


def _read_once_more(part: RunPart, state: PairState) -> Flow[_Written]:
    sides = frozenset(state.records)
    moved = attrs.evolve(state, records={})
    try:
        [again] = yield from _reread(part, [moved], {state.pair.link.customcrm_id: sides})
    except (ApiError, MappingError) as error:
        return _Written(moved, error=error)
    return _Written(again)


def _left_the_filter(pair: Pair) -> Side | None:
    return next((side for side in Side if (seen := pair.seen(side)) and seen.problem == OUTSIDE), None)


def _write_changes(part: RunPart, state: PairState, refusals: frozenset[int] = frozenset()) -> Flow[_Written]:
    """Write both sides, and then what the first writes made readable (a phone number whose country was missing).

    Args:
        refusals: further statuses that say that a value is refused.
    """
    if not state.outcome.changes:
        # An adoption of equal records, or somebody else has made both sides equal (or conflicting) meanwhile.
        state = yield from commit_pair(part, state)
    refused: tuple[Line, ...] = ()
    for _ in range(ATTEMPTS):
        changes = state.outcome.changes
        for side in Side:
            mine = [change for change in changes if change.side is side]
            if mine:
                written = yield from _write_accepted(part, state, side, mine, refusals)
                if written.error is not None:
                    return written
                state, refused = written.state, (*refused, *written.refused)
        if refused or state.is_unconfirmed:
            break
        try:
            [state] = yield from _reread(part, [state], {})
        except (ApiError, MappingError) as error:
            return _Written(state, error=error)
        if not state.outcome.changes or state.gone is not None:
            break
    for line in refused:
        if not part.refused.put_off(line, [] if state.is_new else state.outcome.changes):
            yield from part.fail(line)
    return _Written(attrs.evolve(state, failed=refused))


def _write_accepted(
    part: RunPart, state: PairState, side: Side, changes: Sequence[Change], refusals: frozenset[int] = frozenset()
) -> Flow[_Written]:
    """Write what the system accepts: if it refuses the whole, then property by property."""
    try:
        return _Written((yield from finish(_write_side(part, state, side, changes))))
    except StatusError as error:
        if error.status not in {400, 422} | refusals:
            return _Written(state, error=error)
        refusal = str(error)
    except (ApiError, MappingError) as error:
        return _Written(state, error=error)
    except Exception as error:  # noqa: BLE001 - a field that fails must not stop the others
        link = state.pair.link
        refusal = part.sync.guard.failed(error, f"{state.name} {link.customcrm_id} ↔ {link.keap_id}")
    mapper = part.sync.mapper
    roots = sorted({mapper[change.field].place(side).roots for change in changes})
    if ("custom_fields",) in roots:
        yield from forget_fields(part.sync)
    if len(roots) == 1:
        return _Written(state, (state.line("failed", side, (change.field for change in changes), refusal),))
    written = _Written(state)
    for root in roots:
        some = [change for change in changes if mapper[change.field].place(side).roots == root]
        then = yield from _write_accepted(part, written.state, side, some, refusals)
        written = attrs.evolve(then, refused=(*written.refused, *then.refused))
        if written.error is not None:
            break
    return written


def _write_side(part: RunPart, state: PairState, side: Side, changes: Sequence[Change]) -> Flow[PairState]:
    sync, link = part.sync, state.pair.link
    seen = state.pair.seen(side)
    assert seen is not None  # it was re-read
    sent = {change.field: change.after for change in changes}
    context = yield from with_opt_ins(sync, side, state.records[side], sent, state.context)
    record, written = sync.mapper.changed(side, state.records[side], sent, context)
    along = sync.mapper.written_along(side, state.records[side], record, sent, state.context)
    changes = [*changes, *(Change(field, side, *values) for field, values in along.items())]
    update = sync.systems[side].update(link.id(side), written, seen.version)
    answer = yield from within(update, place=(side.title, link.id(side)))
    return (yield from _written(part, state, side, changes, Sent(record, written, answer)))


def _written(part: RunPart, state: PairState, side: Side, changes: Sequence[Change], write: Sent) -> Flow[PairState]:
    """Remember what was written, and what the system has answered."""
    sync, link, answer = part.sync, state.pair.link, write.answer
    sent = {change.field: change.after for change in changes}
    moment = yield from now()
    shown = sync.observe(side, answer, state.context, whole=sync.systems[side].answers_all)
    before = {change.field: change.before for change in changes}
    after = {**sent, **stored_of(shown, sent)}
    raw = write.changes(state.records[side])
    entry = JournalEntry(sync.name, side, link.id(side), "update", before, after, moment, link.id(side.other), raw)
    written_now = after_write(sync.mapper, state, side, changes, answer, shown, moment)
    lost = _overwrites(part, state, entry, changes)
    return (yield from commit_pair(part, written_now, (entry,), overwrites=lost))


def _overwrites(
    part: RunPart, state: PairState, entry: JournalEntry, changes: Sequence[Change]
) -> tuple[Overwrite, ...]:
    """What was lost in a write, but for what a person has decided or accepted."""
    name, accepted = part.sync.name, part.run.accepted.fields
    if part.plan.purpose != SYNC:
        return ()
    return tuple(
        Overwrite(change.side, entry.record_id, change.field, change.before, change.after, entry.written_at)
        for change in changes
        if loses(change, state.pair.link, part.sync.mapper.few_valued) and (name, change.field) not in accepted
    )


def _write_again(part: RunPart, ring: Sequence[Refused]) -> Flow[bool]:
    """Write what was refused while another record held it: one by itself, or several that swap, where that can be."""
    sync, side = part.sync, ring[0].change.side
    updates: list[Action] = [Update(sync.name, r.customcrm_id, r.keap_id, (r.change,)) for r in ring]
    states = yield from _reread(part, (yield from _read_states(part, updates)), _planned_targets(part, updates))
    still = {r.customcrm_id: r.change for r in ring}
    chosen = [(s, c) for s in states if (c := still[s.pair.link.customcrm_id]) in s.outcome.changes and s.gone is None]
    if len(ring) == 1 or len(chosen) < len(ring):
        for state in states:
            yield from _write_pair(part, state)
        return True
    writes = yield from write_together(sync, side, chosen)
    if writes is None:
        return False
    written: list[PairState] = []
    for (state, change), write in zip(chosen, writes, strict=True):
        written.append((yield from _written(part, state, side, [change], write)))
    yield from confirm(part, [state for state in written if state.is_unconfirmed])
    return True


# --- remembering ------------------------------------------------------------------------------------------------


def commit_pair(
    part: RunPart,
    state: PairState,
    journal: tuple[JournalEntry, ...] = (),
    intent_id: str | None = None,
    overwrites: tuple[Overwrite, ...] = (),
) -> Flow[PairState]:
    """Remember a pair as it is; answers the pair of which everything is remembered."""
    commit, state = yield from _to_commit(part, state, journal, intent_id)
    yield from part.commit(attrs.evolve(commit, overwrites=overwrites) if overwrites else commit)
    return state


def _to_commit(
    part: RunPart, state: PairState, journal: tuple[JournalEntry, ...] = (), intent_id: str | None = None
) -> Flow[tuple[Commit, PairState]]:
    linked_at = (yield from now()) if state.is_new else None
    return to_commit(part.sync, state, linked_at, journal, intent_id)


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
            return (yield from _reread(part, some, {}))

        def leave(state: PairState, error: Exception) -> Flow[list[PairState]]:
            yield from part.failed(error, state.line("failed", None, (), ""))
            return []

        ready = yield from part.sync.guard.by_halves(more, read, leave)
        written = yield from gather((_write_pair(part, state) for state in ready), WRITERS)
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
            alone.update((yield from read_alone(sync, side, seen.whole.id)))
        for field in hidden & alone.get(seen.whole.id, seen).whole.snapshot.absent if seen is not None else ():
            questions.setdefault(field, []).append(state.pair.link.id(side))
    held = {item.field for item in sync.guard.holds(sync.name)}
    yield from judge_written(sync, side, questions)
    for item in sync.guard.holds(sync.name):
        if item.field not in held:
            skip = Skip(sync.name, side, EVERY_RECORD, item.reason, field=item.field)
            yield from part.report(held_line(skip))
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
    found = {seen.whole.id: seen for seen in (yield from sync.see(side, records))}
    moment = yield from now()
    found.update((yield from _still_not_shown(part, side, states, found)))
    result: list[PairState | None] = []
    for state in states:
        seen = found.get(state.pair.link.id(side))
        if seen is None:
            result.append(state)
            continue
        looked = attrs.evolve(state, moment=moment)
        decided = decide_again(sync, confirmed(sync.mapper, looked, side, seen))
        line = untaken(decided, side, seen.whole.snapshot, moment, sync.settings.lag)
        if line is not None:
            decided = attrs.evolve(decided, failed=(*decided.failed, line), told=decided.told.union(line.fields))
            yield from part.report(line)
        result.append((yield from commit_pair(part, decided)))
        for line in state.failed:
            if not part.refused.has(line):
                yield from part.note(line)  # what is remembered of a pair says that nothing of it failed
    return result
