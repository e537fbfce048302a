"""Looking for properties that are not shown: a witness is sought before anything counts as empty."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from keapbridge._io.effects import Flow
from keapbridge.decide.absence import SAMPLE, Question, Verdict, evidence, to_ask, to_ask_alone, verdict
from keapbridge.errors import ApiError
from keapbridge.model.records import Observation, Pair
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import load
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.reading.anew import begin_anew, mapping_fact
from keapbridge.sync.synchronization import Seen, Synchronization

__all__ = ["NOT_SHOWN", "judge", "judge_written", "learn_vanished", "note_homeless", "read_alone", "welcome_back"]

NOT_SHOWN = ", some of it not shown"  # what the fact of the mapping ends with
Questions = Mapping[str, Sequence[str]]
"""Field → the records that do not show it."""


# --- is it empty? -----------------------------------------------------------------------------------------------


def judge(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[None]:
    """Find out of what these pairs do not show whether it is empty; see `decide.absence`.

    Nothing is asked where everything is shown. Otherwise it is one read of a few records on a side.
    """
    for side in Side:
        new = [f for f in _without_place(sync, side) if not sync.absences.has_vanished(side, f)]
        yield from _hold_all(sync, side, new)
    found = sync.absences.questions(pairs)
    for side, questions in found.items():
        yield from _judge(sync, side, questions)


def judge_written(sync: Synchronization, side: Side, questions: Questions) -> Flow[None]:
    """The same of what was written and is not shown by these records when they are read back."""
    new = {f: ids for f, ids in questions.items() if not sync.absences.has_vanished(side, f)}
    if new:
        yield from _judge(sync, side, new, was_written=True)


def _judge(sync: Synchronization, side: Side, asked: Questions, *, was_written: bool = False) -> Flow[None]:
    absences = sync.absences
    others = yield from sync.store.bases.holding(sync.name, side, list(asked), 2 * SAMPLE)
    questions = [
        Question(field, ids, others[field], field in absences.shown[side], was_written) for field, ids in asked.items()
    ]
    again = yield from _look(sync, side, {id for question in questions for id in to_ask(question)})
    alone: dict[str, Observation] = {}
    for id in dict.fromkeys(id for question in questions for id in to_ask_alone(question, again)):
        alone.update({id: seen.whole for id, seen in (yield from read_alone(sync, side, id)).items()})
    for question in questions:
        absences.verdicts[side, question.field] = verdict(evidence(question, again, alone))
    yield from _hold_all(sync, side, [field for field in asked if absences.has_vanished(side, field)])


def _look(sync: Synchronization, side: Side, ids: Collection[str]) -> Flow[dict[str, Observation]]:
    """Some records, as lists show them."""
    found, _ = yield from sync.read(side, sorted(ids))
    return {id: seen.whole for id, seen in found.items() if seen.whole.problem is None}


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


# --- what has no place any more --------------------------------------------------------------------------------


def note_homeless(sync: Synchronization, left: Collection[str]) -> Flow[None]:
    """Of what has left the mapping, hold what has left it only because Customcrm has no place for it any more."""
    yield from _hold_all(sync, Side.CUSTOMCRM, sorted(lens.name for lens in sync.mapper.homeless if lens.name in left))


def _without_place(sync: Synchronization, side: Side) -> list[str]:
    """The same where the system of a run that goes on has lost the place of a field. No witness is needed for that."""
    known = sync.systems[side].properties
    return [] if known is None else [x.name for x in sync.mapper.lenses if not x.place(side).properties <= known]


def _hold_all(sync: Synchronization, side: Side, fields: Sequence[str]) -> Flow[None]:
    for field in fields:
        sync.absences.verdicts[side, field] = Verdict.VANISHED
        _hold(sync, side, field)
    if fields:
        yield from _remember(sync)


# --- what has vanished ------------------------------------------------------------------------------------------


def learn_vanished(sync: Synchronization) -> Flow[None]:
    """What had vanished before is held until it is shown again."""
    absences = sync.absences
    if absences.known:
        return
    absences.known = True
    text = yield from sync.store.facts.get(_fact(sync.name))
    told: Mapping[str, Sequence[str]] = load(text) if text else {}
    mapped = {lens.name for lens in (*sync.mapper.lenses, *sync.mapper.homeless)}
    for side in Side:
        for field in mapped.intersection(told.get(side.value, ())):
            absences.verdicts[side, field] = Verdict.VANISHED
            _hold(sync, side, field)


def welcome_back(sync: Synchronization, *, look: bool) -> Flow[bool]:
    """What is shown again begins anew; whether that is so of anything.

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
        back[side] = [field for field in gone if field in absences.shown[side]]
    if not any(back.values()):
        return False
    for side, fields in back.items():
        for field in fields:
            del absences.verdicts[side, field]
            sync.guard.release(sync.name, field)
    yield from begin_anew(sync, back)
    yield from _remember(sync)
    return True


def _hold(sync: Synchronization, side: Side, field: str) -> None:
    reason = (
        f"no record of {side.title} shows it, though some held a value: nothing is cleared, until one shows it again"
    )
    sync.guard.hold(sync.name, field, side, reason)


def _remember(sync: Synchronization) -> Flow[None]:
    gone = {side.value: fields for side in Side if (fields := sync.absences.vanished(side))}
    yield from sync.store.facts.set(_fact(sync.name), msgspec.json.encode(gone).decode())
    known = yield from sync.store.facts.get(mapping_fact(sync.name))
    if gone and known is not None and not known.endswith(NOT_SHOWN):
        yield from sync.store.facts.set(mapping_fact(sync.name), known + NOT_SHOWN)


def _fact(name: str) -> str:
    return f"{name}_vanished"
