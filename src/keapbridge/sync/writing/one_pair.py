"""Writing one pair: what it needs, on one side after the other, and remembering it after each write."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from keapbridge._flow.effects import Flow, finish, now, within
from keapbridge.decide.sweeps import loses
from keapbridge.decide.written_over import PUT_BACK, as_it_was
from keapbridge.errors import ApiError, ConflictError, MappingError, StatusError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.writing import put_values
from keapbridge.model.change import Change
from keapbridge.model.kept_in_store import JournalEntry, Overwrite
from keapbridge.model.plan import SYNC
from keapbridge.model.records import Pair
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.reading.custom_fields import forget_fields
from keapbridge.sync.systems import update_of
from keapbridge.sync.writing.consent import with_opt_ins
from keapbridge.sync.writing.emptied import what_is_emptied
from keapbridge.sync.writing.pair_state import (
    PairState,
    Sent,
    after_write,
    stored_of,
    to_commit,
    to_note,
    with_along,
)
from keapbridge.sync.writing.rereading import read_again
from keapbridge.sync.writing.run import RunPart

__all__ = ["commit_pair", "left_the_filter", "remember_write", "write_pair"]

KEPT_CHANGING = "it kept changing while it was to be written; a later run tries again"
STANDS_STILL = "it shows no change; does it compare the versions that it shows (conditional=)?"
ATTEMPTS = 3  # how often a record that moves while it is written is decided anew


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


def write_pair(part: RunPart, state: PairState) -> Flow[PairState]:
    """Write what a pair needs and remember it; what fails is reported."""
    try:
        written = yield from _write_decided(part, state)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are written
        fields = [change.field for change in state.outcome.changes]
        failure = yield from part.failed(error, state.line("failed", None, fields, ""))
        return attrs.evolve(state, failed=(failure,))
    if not written.failed:
        part.sync.guard.went_well()
    return written


def _write_decided(part: RunPart, state: PairState) -> Flow[PairState]:
    if state.gone is not None:
        why = state.unread or "it is not there any more"
        reason = f"could not be read again in {state.gone.title}: {why}; a later run looks again"
        yield from part.fail(state.line("failed", state.gone, (), reason))
        return state
    if (left := left_the_filter(state.pair)) is not None:
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
    stands_still = written.state.records == state.records  # so a conflict is none with a newer state
    if stands_still and isinstance(written.error, ConflictError) and written.error.status == 409:
        written = yield from _write_changes(part, written.state, frozenset({409}))
    state, error = written.state, written.error
    if error is None:
        return state
    if stops_everything(error):
        raise error
    failure = state.line(
        "failed", None, (c.field for c in state.outcome.changes), _why(error, stands_still=stands_still)
    )
    yield from part.fail(failure)
    yield from part.report(*state.held_lines())
    return attrs.evolve(state.held_told(), failed=(failure,))


def _why(error: Exception, *, stands_still: bool) -> str:
    if not isinstance(error, ConflictError):
        return str(error)
    return f"{error}: {STANDS_STILL}" if stands_still else KEPT_CHANGING


def _read_once_more(part: RunPart, state: PairState) -> Flow[_Written]:
    sides = frozenset(state.records)
    moved = attrs.evolve(state, records={})
    try:
        [again] = yield from read_again(part, [moved], {state.pair.link.customcrm_id: sides})
    except (ApiError, MappingError) as error:
        return _Written(moved, error=error)
    return _Written(again)


def left_the_filter(pair: Pair) -> Side | None:
    """The side whose record is not for this synchronization any more."""
    return next((side for side in Side if (seen := pair.seen[side]) and seen.problem == OUTSIDE), None)


def _write_changes(part: RunPart, state: PairState, refusals: frozenset[int] = frozenset()) -> Flow[_Written]:
    """Write both sides, and then what the first writes made readable (a phone number whose country was missing).

    Args:
        refusals: further statuses that say that a value is refused.
    """
    if not state.outcome.changes:
        # An adoption of equal records, or somebody else has made both sides equal (or conflicting) meanwhile.
        state = yield from commit_pair(part, state)
    if (decided := to_note(state, part.sync.deciding.get(state.pair.link.customcrm_id, ()))) is not None:
        state = yield from commit_pair(part, decided)
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
            [state] = yield from read_again(part, [state], {})
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
    units = sorted({mapper[change.field].place(side).unit for change in changes})
    if ("custom_fields",) in units:
        yield from forget_fields(part.sync)
    if len(units) == 1:
        return _Written(state, (state.line("failed", side, (change.field for change in changes), refusal),))
    written = _Written(state)
    for unit in units:
        some = [change for change in changes if mapper[change.field].place(side).unit == unit]
        then = yield from _write_accepted(part, written.state, side, some, refusals)
        written = attrs.evolve(then, refused=(*written.refused, *then.refused))
        if written.error is not None:
            break
    return written


def _write_side(part: RunPart, state: PairState, side: Side, changes: Sequence[Change]) -> Flow[PairState]:
    sync, link = part.sync, state.pair.link
    seen = state.pair.seen[side]
    assert seen is not None  # it was re-read
    sent = {change.field: change.after for change in changes}
    context = yield from with_opt_ins(sync, side, state.records[side], sent, state.context)
    record, written = put_values(sync.mapper, side, state.records[side], sent, context)
    update = update_of(sync.systems[side], link.id(side), state.records[side], written, seen.version)
    answer = yield from within(update, place=(side.title, link.id(side)))
    return (yield from remember_write(part, state, side, changes, Sent(record, written, answer)))


def remember_write(
    part: RunPart, state: PairState, side: Side, changes: Sequence[Change], write: Sent
) -> Flow[PairState]:
    """Remember what was written, and what the system has answered."""
    sync, link, answer = part.sync, state.pair.link, write.answer
    changes = with_along(sync.mapper, side, state.records[side], write.record, changes, state.context)
    sent = {change.field: change.after for change in changes}
    moment = yield from now()
    shown = sync.observe(side, answer, state.context, whole=write.whole and sync.systems[side].answers_all)
    seen = state.pair.seen[side]
    assert seen is not None  # it was re-read
    emptied = yield from what_is_emptied(sync, seen, shown, sent)
    before = {change.field: change.before for change in changes}
    after = {**sent, **stored_of(shown, sent)}
    raw = write.changes(state.records[side])
    entry = JournalEntry(sync.name, side, link.id(side), "update", before, after, moment, link.id(side.other), raw)
    written_now = after_write(sync.mapper, state, side, changes, answer, shown, moment, emptied)
    entries, changes = _but_put_back(state, entry, changes)
    lost = _overwrites(part, state, entry, changes)
    return (yield from commit_pair(part, written_now, entries, overwrites=lost))


def _but_put_back(
    state: PairState, entry: JournalEntry, changes: Sequence[Change]
) -> tuple[tuple[JournalEntry, ...], Sequence[Change]]:
    """A write for the journal, and what it has really changed: what is put back is no change, and is not undone."""
    if not state.pair.written_over:
        return (entry,), changes
    was = as_it_was(state.pair).current[entry.side].values
    changed = {c.field: was.get(c.field, c.before) for c in changes if c.cause != PUT_BACK}
    back = [c.field for c in changes if c.cause == PUT_BACK]
    sources = tuple(sorted({note.source_id for note in state.pair.written_over if note.side is entry.side}))
    parts = (("put back", {f: entry.before[f] for f in back}, sources), ("update", changed, ()))
    entries = [
        attrs.evolve(entry, kind=kind, before=before, after={f: entry.after[f] for f in before}, raw=None, sources=its)
        for kind, before, its in parts
        if before
    ]
    return tuple(entries), [attrs.evolve(c, before=changed[c.field]) for c in changes if c.field in changed]


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


def commit_pair(
    part: RunPart,
    state: PairState,
    journal: tuple[JournalEntry, ...] = (),
    intent_id: str | None = None,
    overwrites: tuple[Overwrite, ...] = (),
) -> Flow[PairState]:
    """Remember a pair as it is; answers the pair of which everything is remembered."""
    linked_at = (yield from now()) if state.is_new else None
    commit, state = to_commit(part.sync, state, linked_at, journal, intent_id)
    yield from part.commit(attrs.evolve(commit, overwrites=overwrites) if overwrites else commit)
    return state
