"""What a run knows of what is not shown: questions are asked once, and a pair waits until they are answered."""

from __future__ import annotations

import pytest

from keapbridge.decide.absent_fields import SAMPLE, Verdict
from keapbridge.model.records import Link, Observation, Pair, Snapshot
from keapbridge.model.side import Side
from keapbridge.sync.absent_fields import Absences

KEAP = Side.KEAP


def pair(base: str | None, *absent: str, id: str = "1") -> Pair:
    values = {"Name": "Top", "Colour": None}
    seen = Observation(KEAP, id, Snapshot(values, {}, frozenset(absent)))
    return Pair(Link("a", id, {"Name": "Top", "Colour": base}, {"Name": "Top", "Colour": base}), None, seen)


def test_a_question_is_what_was_held_and_is_not_shown() -> None:
    absences = Absences()
    pairs = [pair("red", "Colour"), pair("red", id="2"), pair(None, "Colour", id="3")]
    assert absences.questions(pairs) == {KEAP: {"Colour": ["1"]}}
    absences.verdicts[KEAP, "Colour"] = Verdict.EMPTY
    assert absences.questions(pairs) == {}


@pytest.mark.parametrize(
    ("found", "value", "waits"),
    [
        (None, "unknown", True),
        (Verdict.UNSTEADY, "unknown", True),
        (Verdict.VANISHED, "unknown", False),
        (Verdict.HIDDEN, "red", False),
        (Verdict.EMPTY, None, False),
    ],
)
def test_a_pair_is_merged_as_the_verdict_says(found: Verdict | None, value: str | None, *, waits: bool) -> None:
    absences = Absences()
    if found is not None:
        absences.verdicts[KEAP, "Colour"] = found
    meant, held = absences.as_meant(pair("red", "Colour"))
    assert meant.current[KEAP].values.get("Colour", "unknown") == value
    assert [item.field for item in held] == ["Colour"] * waits


def test_what_a_record_shows_empty_is_a_witness_and_what_it_leaves_out_is_none() -> None:
    absences = Absences()
    absences.note(KEAP, [Snapshot({"Name": "Top", "Colour": None}, {}, frozenset({"Colour"}))])
    assert absences.shown[KEAP] == {"Name"}
    absences.note(KEAP, [Snapshot({"Name": "Top", "Colour": None}, {"Size": "no number"})])
    assert absences.shown == {KEAP: {"Name", "Colour", "Size"}, Side.CUSTOMCRM: set()}


def test_some_records_are_read_alone_and_then_lists_are_taken_at_their_word() -> None:
    absences = Absences()
    seen = pair(None, "Colour").keap
    assert seen is not None
    asked = [absences.to_be_read_singly(KEAP, seen, ["Colour", "Name"]) for _ in range(SAMPLE + 2)]
    assert asked == [True] * SAMPLE + [False] * 2
    absences.begin()
    absences.note(KEAP, [Snapshot({"Colour": None})])
    assert not absences.to_be_read_singly(KEAP, seen, ["Colour"])
