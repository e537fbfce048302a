"""Properties that lists leave out and reads by id show: who may hold something new there is read by id.

Such a property is found when a record that was known to hold a value does not show it in lists, and does when it is
read by its id; and when one shows more by itself than any list ever has (see `never_listed_fields`). It is remembered.
From then on a record is read by its id when it is new, when its stamp says that it has changed, and before anything of
it is written; and some, run by run, that were linked before it was known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs
import msgspec

from keapbridge._flow.effects import Flow, gather
from keapbridge.decide.absent_fields import ENOUGH, Verdict, shows
from keapbridge.decide.restored import is_older
from keapbridge.errors import ApiError
from keapbridge.model.actions import Skip
from keapbridge.model.records import Observation, Pair, Values
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import load
from keapbridge.sync.guard import EVERY_RECORD, stops_everything
from keapbridge.sync.reading.vanished_fields import hold_all, learn_vanished, note_not_shown
from keapbridge.sync.synchronization import Seen, Synchronization

__all__ = [
    "brought_up",
    "catch_up",
    "compared",
    "completed",
    "found_unlisted",
    "is_listed_again",
    "learn_unshown",
    "looked_closer",
    "read_alone",
    "read_singly",
    "tell_unlisted",
    "whole",
]

AT_ONCE = 8
CATCH_UP = 500  # linked records that are read by id in one run, because nobody knows yet what they hold
TOLD = (
    "lists of {side} leave it out, and reads by id show it: nothing of it is held, a record is read by its id when its "
    "stamp says that it has changed, and before it is written to; without stamps, an edit of it alone waits"
)


def read_alone(sync: Synchronization, side: Side, id: str) -> Flow[dict[str, Seen]]:
    """One record as it shows itself alone, by its id; nothing when it cannot be read."""
    try:
        record = yield from sync.systems[side].get(id)
    except ApiError as error:
        if stops_everything(error):
            raise
        return {}
    [seen] = yield from sync.see(side, [record])
    return {id: seen}


def read_singly(sync: Synchronization, side: Side, listed: Seen) -> Flow[dict[str, Seen]]:
    """The same, of a record that is known; whether lists leave out what it shows is learnt."""
    out = listed.whole.snapshot.absent
    alone = yield from read_alone(sync, side, listed.whole.id)
    found = {field for one in alone.values() for field in out if one.whole.snapshot.values.get(field) is not None}
    yield from found_unlisted(sync, side, found)
    return alone


def looked_closer(sync: Synchronization, side: Side, seen: Seen, fields: Collection[str]) -> Flow[Seen]:
    """A record that was read with others; by itself, where these fields of it may be left out."""
    if sync.absences.to_be_read_singly(side, seen.whole, fields):
        seen = (yield from read_singly(sync, side, seen)).get(seen.whole.id, seen)
    return (yield from whole(sync, side, [seen], by_ids=False))[0]


# --- what is known of them ---------------------------------------------------------------------------------------


def learn_unshown(sync: Synchronization) -> Flow[None]:
    """What was known before this run: what had vanished, and what lists leave out."""
    absences = sync.absences
    if absences.known:
        return
    absences.known = True
    yield from learn_vanished(sync)
    text = yield from sync.store.facts.get(_fact(sync.name))
    told: Mapping[str, Sequence[str]] = load(text) if text else {}
    mapped = {lens.name for lens in sync.mapper.lenses}
    for side in Side:
        fields = mapped.intersection(told.get(side.value, ()))
        absences.unlisted[side] |= fields
        for field in fields:
            absences.verdicts.setdefault((side, field), Verdict.HIDDEN)
        absences.untold[side] |= fields.intersection(told.get(f"{side.value}_untold", ()))
        if side.value in told.get("behind", ()):
            absences.behind.add(side)
        absences.never_listed[side] |= mapped.intersection(told.get(f"{side.value}_never", ()))


def found_unlisted(sync: Synchronization, side: Side, fields: Collection[str]) -> Flow[None]:
    """Remember fields of which it is found out that lists leave them out. What was taken for empty is not known."""
    absences = sync.absences
    new = set(fields) - absences.unlisted[side]
    if not new:
        return
    absences.unlisted[side] |= new
    absences.never_listed[side] -= new
    absences.untold[side] |= new
    absences.learnt[side] |= new
    absences.behind.add(side)
    for field in new:
        absences.verdicts[side, field] = Verdict.HIDDEN
    yield from sync.store.bases.forget_empty(sync.name, side, new)
    yield from _remember(sync)


def is_listed_again(sync: Synchronization, *, anew: bool) -> Flow[None]:
    """What a list of the run has shown is one of them no more.

    Args:
        anew: whether it was noted in this run what no list has shown.
    """
    absences = sync.absences
    news = anew and absences.are_left_out
    for side in Side:
        shown, unlisted, never = absences.shown[side], absences.unlisted[side], absences.never_listed[side]
        news = news or not shown.isdisjoint(unlisted | never)
        for field in unlisted & shown:
            absences.verdicts.pop((side, field), None)
        for left_out in (unlisted, never, absences.untold[side]):
            left_out.difference_update(shown)
    if news:
        yield from _remember(sync)


def tell_unlisted(sync: Synchronization) -> Flow[list[Skip]]:
    """What is told of them, once."""
    untold = {side: sorted(sync.absences.untold[side]) for side in Side}
    lines = [
        Skip(sync.name, side, EVERY_RECORD, TOLD.format(side=side.title), field=field)
        for side, fields in untold.items()
        for field in fields
    ]
    if lines:
        sync.absences.untold = {side: set() for side in Side}
        yield from _remember(sync)
    return lines


def _remember(sync: Synchronization) -> Flow[None]:
    absences = sync.absences
    told: dict[str, list[str]] = {}
    told |= {side.value: sorted(fields) for side, fields in absences.unlisted.items() if fields}
    told |= {f"{side.value}_untold": sorted(fields) for side, fields in absences.untold.items() if fields}
    told |= {f"{side.value}_never": sorted(fields) for side, fields in absences.never_listed.items() if fields}
    if absences.behind:
        told["behind"] = sorted(side.value for side in absences.behind)
    yield from sync.store.facts.set(_fact(sync.name), msgspec.json.encode(told).decode())
    yield from note_not_shown(sync)


def _fact(name: str) -> str:
    return f"{name}_unlisted"


# --- reading by id -----------------------------------------------------------------------------------------------


def whole(sync: Synchronization, side: Side, listed: Sequence[Seen], *, by_ids: bool = True) -> Flow[list[Seen]]:
    """These records as reads by id show them: in few calls where that shows all, else each alone.

    What a record leaves out then is empty, if any other one shows it so. A read whose stamp is older than that of the
    list lags behind it, and tells nothing.

    Args:
        by_ids: whether they come from a list, and not from a read of several ids.
    """
    hidden, shown = sync.absences.unlisted[side], sync.absences.shown_by_id[side]
    before = {one.whole.id: one for one in listed}
    current = dict(before)
    due = [id for id, one in current.items() if _leaves_out(one, hidden)]
    if not due:
        return list(listed)
    batch = {id: current[id] for id in due}
    if by_ids:
        batch = _readable((yield from sync.read(side, due))[0], before)
        current |= batch
    in_batch = _shown(batch.values(), hidden)
    told = dict.fromkeys(batch, in_batch)
    for found in (
        yield from gather(
            (read_alone(sync, side, id) for id in due if _leaves_out(current[id], hidden - in_batch)), AT_ONCE
        )
    ):
        readable = _readable(found, before)
        current |= readable
        shown |= _shown(readable.values(), hidden)
        told |= dict.fromkeys(readable, hidden)
    shown |= in_batch
    more = {
        field
        for id in told
        for field in before[id].whole.snapshot.absent - sync.absences.shown[side]
        if current[id].whole.snapshot.values.get(field) is not None
    }
    yield from found_unlisted(sync, side, more)
    shown |= more
    left = {field for id in told for field in current[id].whole.snapshot.absent & told[id]}
    for field in sorted(left - shown):
        yield from _look_for_witness(sync, side, field, due, {id for id, fields in told.items() if field in fields})
    return [
        one
        if one is before[id] and id not in told
        else _as_listed(before[id], _emptied(one, told.get(id, set()) & shown))
        for id, one in current.items()
    ]


def _readable(found: Mapping[str, Seen], listed: Mapping[str, Seen]) -> dict[str, Seen]:
    """Those that can be understood, and are no older than a list has shown them."""

    def tells(id: str, one: Seen) -> bool:
        return one.whole.problem is None and not is_older(listed[id].whole.life.changed, one.whole.life.changed)

    return {id: one for id, one in found.items() if tells(id, one)}


def _look_for_witness(
    sync: Synchronization, side: Side, field: str, besides: Collection[str], silent: Collection[str]
) -> Flow[None]:
    """Whether a field that no read by id of this run has shown is empty, or is not shown at all any more.

    Args:
        besides: the records that it is asked for.
        silent: those of them that were read by id, and did not show it.
    """
    absences = sync.absences
    if absences.has_vanished(side, field):
        return
    known = yield from sync.store.bases.holding(sync.name, side, [field], ENOUGH + len(besides))
    others = [id for id in known[field] if id not in besides][:ENOUGH]
    readable = sum(id in silent for id in known[field])
    for id in others:
        found = yield from read_alone(sync, side, id)
        readable += len(found)
        if field in _shown(found.values(), {field}):
            break
    else:
        if readable >= ENOUGH:
            yield from hold_all(sync, side, [field])
            return
    absences.shown_by_id[side].add(field)


def _leaves_out(seen: Seen, fields: Collection[str]) -> bool:
    return seen.whole.problem is None and not seen.whole.snapshot.absent.isdisjoint(fields)


def _shown(seen: Collection[Seen], fields: Collection[str]) -> set[str]:
    return {field for one in seen for field in fields if one.whole.problem is None and shows(one.whole, field)}


def _emptied(seen: Seen, fields: Collection[str]) -> Seen:
    """A record of which it is known that it shows these fields where they are not empty."""

    def shown(one: Observation) -> Observation:
        return attrs.evolve(one, snapshot=attrs.evolve(one.snapshot, absent=one.snapshot.absent.difference(fields)))

    return attrs.evolve(seen, whole=shown(seen.whole), observation=shown(seen.observation))


def _as_listed(listed: Seen, seen: Seen) -> Seen:
    """A record that was read by its id in the place of one from a list."""
    of = listed.observation.seen_in
    return attrs.evolve(
        seen, whole=attrs.evolve(seen.whole, seen_in=of), observation=attrs.evolve(seen.observation, seen_in=of)
    )


# --- who is read by id -------------------------------------------------------------------------------------------


def brought_up(sync: Synchronization, side: Side, listed: Sequence[Seen], *, changes: bool) -> Flow[list[Seen]]:
    """Records of a list with what it leaves out: as it is known, where their stamps say that they have not changed.

    Others are read by id: those that have changed, and those that nobody has seen before, which are matched and made.

    Args:
        changes: whether the list is one of what has changed, also where nothing has a stamp.
    """
    hidden = sync.absences.unlisted[side]
    due = {one.whole.id: one for one in listed if hidden and _leaves_out(one, hidden)}
    if not due:
        return list(listed)
    pairs = yield from sync.store.links.pairs_of(sync.name, due, side)
    known = {pair.link.id(side): (pair.link.life(side), pair.link.base(side)) for pair in pairs}
    staged = yield from sync.store.staging.observations(sync.name, side, list(due))
    for id, one in staged.items():
        left_out = due[id].whole.snapshot.absent & hidden
        if left_out <= one.snapshot.values.keys() - one.snapshot.absent:
            known[id] = (one.life, one.snapshot.values)
    filled: dict[str, Seen | None] = dict.fromkeys(due)
    for id, (life, values) in known.items():
        has_stamps = life.changed is not None and due[id].whole.life.changed is not None
        if life.changed == due[id].whole.life.changed if has_stamps else not changes:
            filled[id] = _filled(sync, side, due[id], values)
    read = yield from whole(sync, side, [one for id, one in due.items() if filled[id] is None])
    filled |= {one.whole.id: one for one in read}
    return [filled.get(one.whole.id) or one for one in listed]


def _filled(sync: Synchronization, side: Side, seen: Seen, values: Values) -> Seen:
    """A record with what was known of it; what was not known is not known now. What is known may put it outside."""
    out = seen.whole.snapshot.absent.intersection(sync.absences.unlisted[side])
    shown = {field: value for field, value in seen.whole.snapshot.values.items() if field not in out}
    held = shown | {field: values[field] for field in out if field in values}
    snapshot = attrs.evolve(seen.whole.snapshot, values=held, absent=seen.whole.snapshot.absent - out)
    whole = attrs.evolve(seen.whole, snapshot=snapshot)
    return Seen(None, whole, whole) if seen.record is None else sync.judged(side, seen.record, whole)


def completed(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[Pair]]:
    """Linked pairs, with those records read by id whose stamp says that they may hold something new.

    So are those of which a second look has shown what the first one left out.
    """
    result = list(pairs)
    for side in Side:
        unsteady = {f for (s, f), found in sync.absences.verdicts.items() if s is side and found is Verdict.UNSTEADY}
        if again := [n for n, pair in enumerate(result) if unsteady and _is_unsteady(pair, side, unsteady)]:
            found, _ = yield from sync.read(side, [result[n].link.id(side) for n in again])
            _replace(result, side, again, found)
        hidden = sync.absences.unlisted[side]
        out = {n: Seen(None, seen, seen) for n, pair in enumerate(result) if (seen := pair.seen[side]) is not None}
        out = {n: one for n, one in out.items() if _leaves_out(one, hidden)}
        if out:
            known = {n: _unless_changed(sync, side, one, result[n]) for n, one in out.items()}
            read = yield from whole(sync, side, [one for n, one in out.items() if known[n] is None])
            found = {one.whole.id: one for one in (*read, *known.values()) if one is not None}
            _replace(result, side, list(out), found)
    return result


def compared(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[Pair]]:
    """Linked pairs, with those records read by id of which nothing is known beside what is new on the other side."""
    result = list(pairs)
    for side in Side:
        if due := [n for n, pair in enumerate(result) if sync.unknown(pair, side)]:
            found, _ = yield from sync.read(side, [result[n].link.id(side) for n in due])
            read = yield from whole(sync, side, list(found.values()), by_ids=False)
            _replace(result, side, due, {one.whole.id: one for one in read})
    return result


def _is_unsteady(pair: Pair, side: Side, fields: Collection[str]) -> bool:
    seen, base = pair.seen[side], pair.link.base(side)
    return seen is not None and any(base.get(field) is not None for field in seen.snapshot.absent.intersection(fields))


def _unless_changed(sync: Synchronization, side: Side, seen: Seen, pair: Pair) -> Seen | None:
    """A record with what its base says of it; `None` where its stamp does not say that this is still so.

    Nor does it where the base says nothing, and the other side shows something new.
    """
    known, now = pair.link.life(side).changed, seen.whole.life.changed
    if now is None or known != now:
        return None
    filled = _filled(sync, side, seen, pair.link.base(side))
    return None if sync.unknown(pair.seeing(filled.observation), side) else filled


def _replace(pairs: list[Pair], side: Side, which: Sequence[int], read: Mapping[str, Seen]) -> None:
    """Put what was read by id in the place of what a list has shown; the time of an edit stays what it was."""
    for n in which:
        seen, one = pairs[n].seen[side], read.get(pairs[n].link.id(side))
        if one is None or one.whole.problem is not None:
            continue
        if seen is None:
            pairs[n] = pairs[n].seeing(one.observation)
            continue
        moment = seen.updated_at if one.whole.life.changed == seen.life.changed else one.whole.updated_at
        new = attrs.evolve(one.observation, seen_in=seen.seen_in, updated_at=moment, went_back=seen.went_back)
        pairs[n] = pairs[n].seeing(new)


def catch_up(sync: Synchronization, side: Side) -> Flow[list[Seen]]:
    """Some of the linked records of which nobody knows yet what they hold there, read by id; none once all are."""
    absences = sync.absences
    if side not in absences.behind:
        return []
    ids = yield from sync.store.bases.lacking(sync.name, side, absences.unlisted[side], CATCH_UP)
    found, _ = yield from sync.read(side, ids)
    if len(ids) < CATCH_UP:
        absences.behind.discard(side)
        yield from _remember(sync)
    return (yield from whole(sync, side, list(found.values()), by_ids=False))
