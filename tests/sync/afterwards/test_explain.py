"""Looking back: what is known of a record and its counterpart is told as it is, and nothing is written for it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from toys import World

import keapbridge as kb
from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.kept_in_store import Failure
from keapbridge.model.records import Link, Snapshot
from keapbridge.sync.afterwards.explain import Explanation, explain, find_link, history

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP


def test_a_pair_is_explained_from_either_side(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    before = toys.calls()
    told, again = (toys.run(explain(toys["toys"], ids)) for ids in ({CUSTOMCRM: ours}, {KEAP: theirs}))
    assert told == again
    assert told.link is not None
    assert (told.link.customcrm_id, told.link.keap_id) == (ours, theirs)
    assert told.changes == (Change("Colour", KEAP, "red", "green"),)
    assert [(entry.kind, entry.record_id) for entry in told.history] == [("create", theirs)]
    assert toys.calls() == before


def test_a_record_that_is_gone_has_nothing_to_come(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    del toys.gadgets.records[theirs]
    told = toys.run(explain(toys["toys"], {CUSTOMCRM: ours}))
    assert told.keap is None
    assert (told.changes, told.conflicts, told.held) == ((), (), ())


def test_a_record_without_a_link_says_why_it_has_none(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    del toys.toys.records[ours]
    assert toys.sync(full=True).ok
    told = toys.run(explain(toys["toys"], {KEAP: theirs}))
    assert (told.link, told.customcrm, told.why) == (None, None, "deleted in Customcrm")
    assert told.keap is not None
    assert told.keap.values["Name"] == "Top"
    assert str(told).splitlines()[0] == "toys: not linked: deleted in Customcrm"


def test_a_record_that_is_not_there_is_said_not_to_be(toys: World) -> None:
    assert str(toys.run(explain(toys["toys"], {KEAP: "99"}))) == "toys: not linked: Keap has no record '99'"


def test_a_failure_of_either_record_is_told(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.run(toys.store.failures.note(Failure("toys", KEAP, theirs, "refused", 2, None)))
    assert [failure.reason for failure in toys.run(explain(toys["toys"], {CUSTOMCRM: ours})).failures] == ["refused"]


def test_what_was_written_is_told_newest_first(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    for colour in ("green", "blue"):
        toys.toys.put(id=ours, colour=colour)
        assert toys.sync().ok
    found = toys.run(history(toys["toys"], {KEAP: theirs}))
    assert [(entry.kind, entry.after.get("Colour")) for entry in found] == [
        ("update", "blue"),
        ("update", "green"),
        ("create", "red"),
    ]


@pytest.mark.parametrize("side", list(kb.Side))
def test_the_link_of_a_record_is_found_by_either_id(toys: World, side: kb.Side) -> None:
    ours, theirs = toys.linked_toy()
    link = toys.run(find_link(toys["toys"], side, ours if side is CUSTOMCRM else theirs))
    assert link is not None
    assert (link.customcrm_id, link.keap_id) == (ours, theirs)
    assert toys.run(find_link(toys["toys"], side, "nobody")) is None


def test_it_can_be_read_by_a_person() -> None:
    ours = Snapshot({"Name": "Top", "Colour": "red", "Price": "1 EUR", "Size": "5"})
    theirs = Snapshot({"Name": "Top", "Colour": "<blue>", "Price": None, "Size": "6"})
    told = Explanation(
        "toys",
        Link("1", "901"),
        ours,
        theirs,
        changes=(Change("Colour", KEAP, "<blue>", "red"),),
        held=(Held("Price", KEAP, "no currency"),),
        conflicts=(FieldConflict("Size", "5", "6", "manual"),),
        failures=(Failure("toys", KEAP, "901", "refused", 2, datetime(2026, 1, 1, tzinfo=UTC)),),
    )
    text = str(told)
    for words in ("Customcrm 1 ↔ Keap 901", "→ Keap (edit)", "held: no currency", "conflict: manual", "failed 2 times"):
        assert words in text
    assert "&lt;blue&gt;" in told._repr_html_()
    assert "<blue>" not in told._repr_html_()


def test_its_display_has_what_was_written_to_it(toys: World) -> None:
    ours, theirs = toys.linked_toy(name="Top", colour="light red")
    toys.toys.put(id=ours, colour="light blue")
    assert toys.sync().ok
    told = toys.run(toys.engine.explain("toys", keap=theirs, customcrm=None))
    html = told._repr_html_()
    assert "what was written: 2 times" in html
    assert "update in Keap" in html
    assert "<td>light <del>red</del></td><td>light <ins>blue</ins></td>" in html
