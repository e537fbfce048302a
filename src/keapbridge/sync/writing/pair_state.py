"""A pair while it is written, as a value; and what becomes of it when something is read or written. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from keapbridge.decide.along import told_emptied
from keapbridge.decide.awaited import is_overdue
from keapbridge.decide.decided import to_be_noted
from keapbridge.decide.merge import Merge
from keapbridge.decide.restored import life_after_write
from keapbridge.decide.written_over import PUT_BACK, as_it_was, begun, done
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.raw import raw_changes
from keapbridge.mapping.writing import written_along
from keapbridge.model.actions import Adopt, Skip
from keapbridge.model.change import Change
from keapbridge.model.changed import changed
from keapbridge.model.kept_in_store import Commit, JournalEntry
from keapbridge.model.maybe import UNSET
from keapbridge.model.raw import RawChange
from keapbridge.model.records import (
    Awaited,
    Canonical,
    Link,
    Observation,
    Pair,
    Snapshot,
    Values,
    is_stored_form,
    is_untaken,
)
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.planning.linked import held_skips, settled_commit
from keapbridge.sync.synchronization import Seen, Synchronization
from keapbridge.sync.writing.run import one_sided

__all__ = [
    "ALONG",
    "EDITED_ON_BOTH",
    "PairState",
    "Sent",
    "after_write",
    "assume",
    "awaiting",
    "confirmed",
    "decide_again",
    "held_line",
    "linked_line",
    "remember",
    "reread",
    "stored_of",
    "to_commit",
    "to_note",
    "untaken",
    "with_along",
]

EDITED_ON_BOTH = "different on both sides; waits for a decision"
ALONG = "along"  # why a field is written of which nothing was decided: another one is not written without it
_UNSAID = frozenset({"edit", "first contact", ALONG, PUT_BACK})  # why most is written, of which no line says so


@attrs.frozen
class PairState:
    """A pair while it is written.

    Attributes:
        name: the synchronization.
        outcome: what is to be done; decided on what was staged, and again on what was read again.
        lines: what is to be reported with the next commit.
        records: the records as they were read again; a write needs the record that it changes.
        unconfirmed: fields that were written and that the answer did not show, with what was sent.
        uncompared: fields that were written along with others, and not as the other side is known to have them.
        gone: the side whose record could not be read again.
        unread: why it could not be; empty where it is not there any more.
        replaces: the Keap record that the Customcrm record was linked to before.
        is_new: whether the link is about to be made.
        told: the held fields that were reported.
        failed: what is told of writes that failed; what is left then is for the next run.
        moment: when it was looked at last.
    """

    name: str
    pair: Pair
    context: Context
    outcome: Merge
    lines: tuple[Line, ...] = ()
    records: Mapping[Side, Any] = attrs.field(factory=dict, repr=False)
    unconfirmed: Mapping[Side, Values] = attrs.field(factory=dict, repr=False)
    uncompared: frozenset[str] = frozenset()
    gone: Side | None = None
    unread: str = ""
    replaces: str | None = None
    is_new: bool = False
    told: frozenset[str] = frozenset()
    failed: tuple[Line, ...] = ()
    moment: datetime | None = None

    @property
    def targets(self) -> frozenset[Side]:
        """The sides that are to be written to."""
        return frozenset(change.side for change in self.outcome.changes)

    @property
    def is_unconfirmed(self) -> bool:
        """Whether something was written of which no answer shows what became of it."""
        return any(self.unconfirmed.values())

    def line(self, outcome: str, side: Side | None, fields: Iterable[str], reason: str) -> Line:
        """A line about the pair, for the report."""
        link = self.pair.link
        return Line(self.name, outcome, side, link.customcrm_id, link.keap_id, tuple(sorted(fields)), reason)

    def held_lines(self) -> tuple[Line, ...]:
        """A line for each field that is held and was not reported yet."""
        new = [item for item in self.outcome.held if item.field not in self.told]
        return tuple(held_line(skip) for skip in held_skips(self.name, self.pair.link, new))

    def held_told(self) -> PairState:
        """The state in which all of them are reported."""
        return changed(self, told=self.told | {item.field for item in self.outcome.held})

    def saying(self, *lines: Line) -> PairState:
        """The state with further lines for the report."""
        return changed(self, lines=(*self.lines, *lines))


@attrs.frozen
class Sent:
    """A write of one record.

    Attributes:
        record: the record with the new values.
        written: what was written of it: attribute → value.
        answer: the record as the system answered it.
        whole: whether what the answer does not show is not there.
    """

    record: Any = attrs.field(repr=False)
    written: Mapping[str, Any] = attrs.field(repr=False)
    answer: Any = attrs.field(repr=False)
    whole: bool = True

    def changes(self, before: Any) -> tuple[RawChange, ...] | None:
        """What it has changed, in the notation of the system; `before` is the record as it was read."""
        return raw_changes(before, self.record, self.written, self.answer)


def held_line(skip: Skip) -> Line:
    """The line of a field that is held."""
    line = one_sided(skip.object, "held", skip.side, skip.id, skip.reason)
    return changed(line, fields=(skip.field or "",))


def linked_line(adoption: Adopt) -> Line:
    """The line of a pair that is linked."""
    reason = adoption.key if adoption.replaces else f"same {adoption.key}"
    return Line(adoption.object, "linked", None, adoption.customcrm_id, adoption.keap_id, (), reason)


def _see(state: PairState, seen: Observation) -> PairState:
    return changed(state, pair=state.pair.seeing(seen))


# --- deciding ---------------------------------------------------------------------------------------------------


def decide_again(sync: Synchronization, state: PairState) -> PairState:
    """Merge what was read last; a conflict that was not in the plan is reported."""
    known = {conflict.field for conflict in state.outcome.conflicts}
    outcome = sync.merged(state.pair, sync.rules(state.context), state.moment)
    new = sorted(({c.field: c for c in outcome.conflicts if c.field not in known}).items())
    return changed(state, outcome=outcome, uncompared=frozenset()).saying(
        *(state.line("conflict", None, (field,), c.reason if c.about else EDITED_ON_BOTH) for field, c in new)
    )


def reread(state: PairState, side: Side, seen: Seen | None, unread: str = "") -> PairState:
    """A record was read again; `None`: it could not be, for this reason, or is not there any more."""
    if seen is None:
        return changed(state, gone=side, unread=unread)
    state = changed(state, records={**state.records, side: seen.record})
    return _see(state, _as_seen(seen.observation, state.pair.seen[side]))


def _as_seen(seen: Observation, before: Observation | None) -> Observation:
    """A record that holds what it held keeps the time of that edit, and has still gone back if it had.

    Its own time stamp moves when we write to it.
    """
    if before is None or before.snapshot != seen.snapshot:
        return seen
    return changed(seen, updated_at=before.updated_at or seen.updated_at, went_back=before.went_back)


# --- after a write ----------------------------------------------------------------------------------------------


def with_along(
    mapper: Mapper, side: Side, before: Any, after: Any, changes: Sequence[Change], context: Context
) -> list[Change]:
    """What a write has changed of a record: what it was to change, and what is not written without that."""
    along = written_along(mapper, side, before, after, {change.field for change in changes}, context)
    return [*changes, *(Change(field, side, *values, ALONG) for field, values in along.items())]


def after_write(
    mapper: Mapper,
    state: PairState,
    side: Side,
    changes: Sequence[Change],
    answer: Any,
    shown: Observation,
    moment: datetime,
    emptied: Collection[str] = (),
) -> PairState:
    """The pair after one of its records was written.

    Args:
        answer: the record as the system answered it.
        shown: what that says.
        moment: when it was written.
        emptied: what the record has lost by it.
    """
    sent = {change.field: change.after for change in changes}
    before = {change.field: change.before for change in changes}
    # An answer that shows what was there before may be older than the write: that is read back, too.
    stored = {f: v for f, v in stored_of(shown, sent).items() if not is_untaken(sent[f], v, before[f])}
    open_still = {field: value for field, value in sent.items() if field not in stored}
    # What is written in parts is read back once, after the last of them.
    others = {field: value for field, value in state.unconfirmed.get(side, {}).items() if field not in sent}
    along = {change.field: change.after for change in changes if change.cause == ALONG}
    state = changed(
        state,
        unconfirmed={**state.unconfirmed, side: {**others, **open_still}},
        uncompared=state.uncompared.difference(sent) | _not_as_on(state.pair.current[side.other], along),
    )
    state = awaiting(state, side, before, moment)
    state = assume(remember(_stored(state, side, stored), side, stored, shown), side)
    if not open_still:
        held = _shown_over(state.records[side], answer)
        state = changed(state, records={**state.records, side: held})
        state = _read_anew(mapper, state, side, sent, shown.snapshot)
    if emptied:
        state = _without(state, side, emptied)
    left = tuple(c for c in state.outcome.changes if not (c.field in sent and c.side is side))
    settled = tuple(each for each in state.outcome.settled if each.field not in {*sent, *emptied})
    outcome = changed(state.outcome, changes=left, settled=settled)
    state = changed(state, outcome=outcome, pair=begun(state.pair, side, sent))
    notes = [f"{c.field} decided by {c.cause}" for c in changes if c.cause not in _UNSAID]
    notes += [PUT_BACK] if any(c.cause == PUT_BACK for c in changes) else []
    notes += [f"{side.title} kept another {f}" for f, v in stored.items() if not is_stored_form(sent[f], v)]
    notes += [told_emptied(side, emptied)] if emptied else []
    return state.saying(state.line("updated", side, sent, "; ".join(notes)))


def _without(state: PairState, side: Side, emptied: Collection[str]) -> PairState:
    """The pair of which one record has lost some values; what the other one holds stays, and is no edit."""
    seen, nothing = state.pair.seen[side], dict.fromkeys(emptied)
    assert seen is not None  # it was written just now
    snapshot = changed(seen.snapshot, values={**seen.snapshot.values, **nothing})
    state = _see(state, changed(seen, snapshot=snapshot))
    return _with_link(state, state.pair.link.based_on(side, nothing))


def confirmed(mapper: Mapper, state: PairState, side: Side, seen: Seen) -> PairState:
    """The pair after what was written has been read back: the bases are what is really held."""
    sent, shown = state.unconfirmed[side], seen.whole
    left = {each: fields for each, fields in state.unconfirmed.items() if each is not side}
    state = changed(state, unconfirmed=left)
    held = {f: shown.snapshot.values[f] for f in sent if f in shown.snapshot.values}
    # What is no form of what was sent is somebody's edit: the base stays what was sent, so that it is found.
    # What it held before is nobody's edit: it was not taken, or is not shown yet.
    # What is not shown was not taken, or has no place there; neither is an edit.
    absent = shown.snapshot.absent
    stored = {f: v if f in absent or is_stored_form(sent[f], v) else sent[f] for f, v in held.items()}
    awaited = state.pair.link.awaited.get(side, {})
    untaken = {f: a for f, a in awaited.items() if f not in held or is_untaken(a.sent, held[f], a.before)}
    stored |= {f: sent[f] for f in untaken if f in stored}
    state = _with_link(state, state.pair.link.awaiting(side, untaken))
    state = _stored(state, side, {field: value for field, value in stored.items() if field not in untaken})
    state = remember(state, side, stored, shown)
    known = state.pair.seen[side]
    if stored != held or known is None:
        state = _see(state, shown)
    else:
        # What no answer has shown yet is known from now on.
        values = {**shown.snapshot.values, **known.snapshot.values}
        absent = known.snapshot.absent | shown.snapshot.absent.difference(known.snapshot.values)
        state = _see(state, changed(known, snapshot=changed(known.snapshot, values=values, absent=absent)))
    state = _read_anew(mapper, state, side, sent, shown.snapshot)
    return changed(state, records={**state.records, side: seen.record})


def untaken(state: PairState, side: Side, shown: Snapshot, moment: datetime, lag: timedelta) -> Line | None:
    """What is told of fields that a side has had its time to take, and shows as before; `None` where there are none."""
    awaited = state.pair.link.awaited.get(side, {})
    fields = [field for field, its in awaited.items() if field in shown.values and is_overdue(its, moment, lag)]
    reason = f"{side.title} took it without an error, and still holds what it held before"
    return state.line("failed", side, fields, reason) if fields else None


def _shown_over(known: Any, answer: Any) -> Any:
    """The record as an answer shows it; what the answer leaves out is as it was, for writes that replace a whole."""
    names = [field.name for field in attrs.fields(type(answer)) if field.name != "extra"]
    shown = {name: value for name in names if (value := getattr(answer, name)) is not UNSET}
    return changed(known, **shown, extra={**known.extra, **answer.extra})


def _not_as_on(other: Snapshot, along: Values) -> frozenset[str]:
    """The fields that a side was given along with others, of which the other side holds another or an unknown value.

    What is filled in where the other side has nothing (the country that a region names) is as it should be.
    """
    held: dict[str, Any] = {field: other.values.get(field, UNSET) for field in along}
    return frozenset(field for field, value in along.items() if held[field] is not None and held[field] != value)


def stored_of(answer: Observation, sent: Values) -> dict[str, Canonical]:
    """What a system says it stored of what was sent, as far as its answer shows it."""
    shown, absent = answer.snapshot.values, answer.snapshot.absent
    # What was cleared may be left out. What was given a value and is not shown is still to be looked at.
    return {f: shown[f] for f in sent if f in shown and (sent[f] is None or f not in absent)}


def remember(state: PairState, side: Side, stored: Values, shown: Observation) -> PairState:
    """The pair as it is after a write: the written fields as stored, all others as they were read.

    Only what was written is taken from the answer: an edit of another field that came in between is still to be found.

    Args:
        shown: what the system answered.
    """
    seen = state.pair.seen[side]
    assert seen is not None  # it was re-read, or made just now
    absent = seen.snapshot.absent.difference(stored)
    snapshot = changed(seen.snapshot, values={**seen.snapshot.values, **stored}, absent=absent)
    life = life_after_write(shown.life, seen.life)
    new = changed(seen, snapshot=snapshot, version=shown.version, life=life)
    state = _based_on(state, side, stored)
    pair = changed(state.pair, link=state.pair.link.knowing(side, life))
    return _see(changed(state, pair=pair), new)


def assume(state: PairState, side: Side) -> PairState:
    """Until what was written is read back, the bases say what was sent: an edit meanwhile is an edit."""
    return _based_on(state, side, state.unconfirmed[side])


def awaiting(state: PairState, side: Side, before: Values, moment: datetime) -> PairState:
    """The pair that waits until a side shows what was written and is not confirmed.

    Args:
        before: what the side held, field by field, of all that was written.
    """
    link = state.pair.link
    known = link.awaited.get(side, {})
    awaited = {field: old for field, old in known.items() if field not in before}
    for field, sent in state.unconfirmed[side].items():
        if field not in before:
            continue  # written with another part
        held, old = before[field], known.get(field)
        if sent == held:
            continue
        if old is not None and (old.before, old.sent) == (held, sent):
            awaited[field] = changed(old, writes=old.writes + 1)
        else:
            awaited[field] = Awaited(held, sent, moment)
    return _with_link(state, link.awaiting(side, awaited))


def _with_link(state: PairState, link: Link) -> PairState:
    return changed(state, pair=changed(state.pair, link=link))


def to_note(state: PairState, deciding: Collection[str]) -> PairState | None:
    """The pair with decisions that are to be remembered before it is written; `None` where there are none."""
    fields = to_be_noted(state.pair, state.outcome.changes, deciding)
    return _with_link(state, state.pair.link.deciding(fields)) if fields else None


def _stored(state: PairState, side: Side, stored: Values) -> PairState:
    """The pair of which it is known that a side has stored its part of what was decided."""
    decided = state.pair.link.decided
    done = {field: decided[field].stored(side, value) for field, value in stored.items() if field in decided}
    return _with_link(state, state.pair.link.deciding(done)) if done else state


def _based_on(state: PairState, side: Side, written: Values) -> PairState:
    """The pair with what was written as one side's base, and what it was made of as the other side's.

    What was not made of that has no base there any more: else two values that nobody has compared would count as known,
    and differ for ever.

    What is decided and not known to be written to both sides keeps its bases: an edit of either is in conflict. So does
    what is put back: nobody has compared it. But where a base took what was written over the record for its own, it is
    what the other side's base says.
    """
    was = as_it_was(state.pair).current
    source, back = was[side.other].values, _put_back(state.pair, side, was[side].values)
    decided, link = state.pair.link.decided, state.pair.link
    held, own = state.pair.current[side].values, link.base(side.other)
    back = {field: value for field, value in back.items() if field in written and written[field] == value}
    never_its_own = {f: v for f, v in back.items() if link.base(side).get(f, UNSET) == held.get(f) and own.get(f) == v}
    written = {f: v for f, v in written.items() if (f not in decided or decided[f].is_done) and f not in back}
    link = link.based_on(side, {**written, **never_its_own})
    compared = {f: source[f] for f in written if f in source and f not in state.uncompared}
    return _with_link(
        state, link.based_on(side.other, compared).forgetting(side.other, state.uncompared & written.keys())
    )


def _put_back(pair: Pair, side: Side, was: Values) -> Values:
    """What a record held in the fields that were written over."""
    if not pair.written_over:
        return {}
    held = pair.current[side].values
    return {field: value for field, value in was.items() if held.get(field, UNSET) != value}


def _read_anew(mapper: Mapper, state: PairState, side: Side, sent: Collection[str], answer: Snapshot) -> PairState:
    """Fields that are read by the light of one that was written (a phone number by its country) are read anew.

    Nobody has edited them: what was known, in the base or as settled before the write, is known in the new reading.
    So is what nobody could read, where it may be how the side spells what was known.
    """
    seen = state.pair.seen[side]
    assert seen is not None  # it was written just now
    values, unreadable = dict(seen.snapshot.values), dict(seen.snapshot.unreadable)
    base = dict(state.pair.link.base(side))
    settled = {each.field: each for each in state.outcome.settled}
    for lens in mapper.lenses:
        field = lens.name
        if lens.scope not in sent or field in sent or not (field in answer.values or field in answer.unreadable):
            continue
        before = values.pop(field, UNSET)
        unreadable.pop(field, None)
        if field in answer.unreadable:
            unreadable[field] = answer.unreadable[field]
            continue
        values[field] = now = answer.values[field]
        if field in base and (base[field] == before or (before is UNSET and is_stored_form(base[field], now))):
            base[field] = now
        if field in settled and settled[field].of(side) == before:
            settled[field] = settled[field].showing(side, now)
    absent = seen.snapshot.absent.intersection(field for field, value in values.items() if value is None)
    snapshot = changed(seen.snapshot, values=values, unreadable=unreadable, absent=absent)
    state = _with_link(_see(state, changed(seen, snapshot=snapshot)), state.pair.link.with_base(side, base))
    return changed(state, outcome=changed(state.outcome, settled=tuple(settled.values())))


# --- remembering ------------------------------------------------------------------------------------------------


def to_commit(
    sync: Synchronization,
    state: PairState,
    linked_at: datetime | None,
    journal: tuple[JournalEntry, ...] = (),
    intent_id: str | None = None,
) -> tuple[Commit, PairState]:
    """What is to be remembered of a pair, and the pair once that is done.

    Args:
        linked_at: when the link was made, if it is new.
    """
    link = state.pair.link
    if linked_at is not None:
        made = JournalEntry(state.name, Side.CUSTOMCRM, link.customcrm_id, "link", {}, {}, linked_at, link.keap_id)
        journal = (made, *journal)
    lines = (*state.lines, *state.held_lines())
    commit = settled_commit(sync, state.pair, state.outcome)
    commit = changed(commit, lines=lines, journal=journal, intent_id=intent_id, replaces=state.replaces)
    if put_back := done(state.pair):
        commit = changed(commit, put_back=put_back)
        left = tuple(note for note in state.pair.written_over if note.intent_id not in put_back)
        state = changed(state, pair=changed(state.pair, written_over=left))
    if not state.outcome.is_settled or state.is_unconfirmed or state.uncompared:
        # Keep both sides in view until the rest is decided.
        pair = state.pair
        staged = tuple(pair.seen[s] or Observation(s, pair.link.id(s), pair.current[s]) for s in Side)
        commit = changed(commit, digests=dict.fromkeys(Side), marks=dict.fromkeys(Side), staged=staged)
    return commit, changed(state.held_told(), lines=(), is_new=False)
