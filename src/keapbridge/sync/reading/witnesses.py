"""Looking for properties that are not shown: a witness is sought before anything counts as empty."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from keapbridge._flow.effects import Flow
from keapbridge.decide.absent_fields import (
    ENOUGH,
    SAMPLE,
    Question,
    Verdict,
    evidence,
    shows,
    to_ask,
    to_ask_alone,
    verdict,
)
from keapbridge.model.records import Observation, Pair
from keapbridge.model.side import Side
from keapbridge.sync.reading.anew import set_aside
from keapbridge.sync.reading.unlisted_fields import compared, completed, found_unlisted, read_alone
from keapbridge.sync.reading.vanished_fields import hold_all, remember_vanished
from keapbridge.sync.synchronization import Synchronization

__all__ = ["judge", "judge_read", "judge_written", "note_homeless", "welcome_back"]

Questions = Mapping[str, Sequence[str]]
"""Field → the records that do not show it."""


# --- is it empty? -----------------------------------------------------------------------------------------------


def judge(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[Pair]]:
    """Find out of what these pairs do not show whether it is empty; see `decide.absent_fields`.

    Nothing is asked where everything is shown. Otherwise it is one read of a few records on a side.

    Returns:
        The pairs, with those records read by id whose lists leave out what they may hold; see `unlisted_fields`.
    """
    for side in Side:
        new = [f for f in _without_place(sync, side) if not sync.absences.has_vanished(side, f)]
        if new:
            yield from hold_all(sync, side, new)
    pairs = yield from compared(sync, pairs)
    found = sync.absences.questions(pairs)
    for side, questions in found.items():
        yield from _judge(sync, side, questions)
    return (yield from completed(sync, pairs))


def judge_read(sync: Synchronization, side: Side, pairs: Sequence[tuple[Pair, Pair]]) -> Flow[list[Pair]]:
    """The same of pairs as lists have shown them, whose records of a side were read by id before they are written.

    That lists show a property is no witness then: reads by id may leave it out of all records.
    """
    asked = sync.absences.questions_by_id(side, pairs)
    if asked:
        sync.absences.asked_by_id.update((side, field) for field in asked)
        yield from _judge(sync, side, asked, by_id=True)
    return (yield from judge(sync, [pair for _, pair in pairs]))


def judge_written(sync: Synchronization, side: Side, questions: Questions) -> Flow[None]:
    """The same of what was written and is not shown by these records when they are read back."""
    new = {f: ids for f, ids in questions.items() if not sync.absences.has_vanished(side, f)}
    if new:
        yield from _judge(sync, side, new, was_written=True)


def _judge(
    sync: Synchronization, side: Side, asked: Questions, *, was_written: bool = False, by_id: bool = False
) -> Flow[None]:
    absences = sync.absences
    others = yield from sync.store.bases.holding(sync.name, side, list(asked), 2 * SAMPLE)
    questions = [
        Question(field, ids, others[field], not by_id and field in absences.shown[side], was_written, by_id)
        for field, ids in asked.items()
    ]
    again = yield from _look(sync, side, {id for question in questions for id in to_ask(question)})
    alone: dict[str, Observation] = {}
    for id in dict.fromkeys(id for question in questions for id in to_ask_alone(question, again)):
        alone.update({id: seen.whole for id, seen in (yield from read_alone(sync, side, id)).items()})
    for question in questions:
        absences.verdicts[side, question.field] = verdict(evidence(question, again, alone))
    gone = [field for field in asked if absences.has_vanished(side, field)]
    if by_id:
        absences.only_listed[side].update(gone)
    yield from hold_all(sync, side, gone)
    yield from found_unlisted(sync, side, [f for f in asked if absences.verdicts[side, f] is Verdict.HIDDEN])


def _look(sync: Synchronization, side: Side, ids: Collection[str]) -> Flow[dict[str, Observation]]:
    """Some records, as lists show them."""
    found, _ = yield from sync.read(side, sorted(ids))
    return {id: seen.whole for id, seen in found.items() if seen.whole.problem is None}


# --- what has no place any more --------------------------------------------------------------------------------


def note_homeless(sync: Synchronization, left: Collection[str]) -> Flow[None]:
    """Of what has left the mapping, hold what has left it only because Customcrm has no place for it any more."""
    yield from hold_all(sync, Side.CUSTOMCRM, sorted(lens.name for lens in sync.mapper.homeless if lens.name in left))


def _without_place(sync: Synchronization, side: Side) -> list[str]:
    """The same where the system of a run that goes on has lost the place of a field. No witness is needed for that."""
    known = sync.systems[side].properties
    return [] if known is None else [x.name for x in sync.mapper.lenses if not x.place(side).properties <= known]


# --- what has vanished ------------------------------------------------------------------------------------------


def welcome_back(sync: Synchronization, *, look: bool) -> Flow[bool]:
    """What is shown again goes on from what was known of it, where it is not empty; whether that is so of anything.

    Args:
        look: also read a few records that held it: a permission that is given back changes no record.
    """
    absences = sync.absences
    back: dict[Side, list[str]] = {}
    for side in Side:
        lost = _without_place(sync, side)
        gone = [field for field in absences.vanished(side) if field not in lost]
        missing = [field for field in gone if field not in absences.shown[side]]
        if look and missing:
            held = yield from sync.store.bases.holding(sync.name, side, missing, SAMPLE)
            seen = yield from _look(sync, side, sorted({id for ids in held.values() for id in ids})[:SAMPLE])
            absences.note(side, [one.snapshot for one in seen.values()])
            absences.shown[side] |= yield from _shown_singly(sync, side, held)
        known = [field for field in gone if field in absences.shown[side]]
        still = set(known) & absences.only_listed[side]
        if still:
            still -= yield from _shown_by_id(sync, side, still)
        back[side] = [field for field in known if field not in still]
        absences.only_listed[side].difference_update(back[side])
    if not any(back.values()):
        return False
    for side, fields in back.items():
        for field in fields:
            del absences.verdicts[side, field]
            sync.guard.release(sync.name, field)
            if field in absences.unlisted[side]:
                absences.verdicts[side, field] = Verdict.HIDDEN
    yield from set_aside(sync, {field for fields in back.values() for field in fields})
    yield from remember_vanished(sync)
    return True


def _shown_by_id(sync: Synchronization, side: Side, fields: Collection[str]) -> Flow[set[str]]:
    """Of what only lists have shown, that which a few records show by now when they are read by id."""
    held = yield from sync.store.bases.holding(sync.name, side, sorted(fields), SAMPLE)
    seen = yield from _look(sync, side, sorted({id for ids in held.values() for id in ids})[:SAMPLE])
    return {field for field in fields if any(shows(one, field) for one in seen.values())}


def _shown_singly(sync: Synchronization, side: Side, held: Questions) -> Flow[set[str]]:
    """Of what only reads by id have ever shown, that which one of a few records shows again."""
    found: set[str] = set()
    for field, ids in held.items():
        for id in ids[:ENOUGH] if field in sync.absences.unlisted[side] else ():
            for seen in (yield from read_alone(sync, side, id)).values():
                found |= {field} if shows(seen.whole, field) else set()
    return found
