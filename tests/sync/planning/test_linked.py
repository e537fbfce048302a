"""Linked pairs, planned: what needs no write is remembered at once, what cannot flow is told, what failed waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from toys import World

import keapbridge as kb
from keapbridge._flow.effects import now
from keapbridge.decide.merge import Merge
from keapbridge.model.actions import Conflict, Skip, Update
from keapbridge.model.change import Held
from keapbridge.model.kept_in_store import Failure
from keapbridge.model.records import Link, Observation, Pair, Snapshot
from keapbridge.sync.planning.linked import held_skips, merge_pairs, settled_commit, waiting, with_references
from keapbridge.sync.synchronization import digest

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP


def test_the_same_edit_on_both_sides_is_remembered_without_a_write(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    before = toys.calls()
    toys.toys.put(id=ours, colour="green")
    toys.gadgets.put(id=theirs, colour="green")
    assert toys.plan().is_empty
    [link] = toys.engine.links("toys")
    assert link.customcrm_base["Colour"] == link.keap_base["Colour"] == "green"
    assert toys.calls() == before
    toys.gadgets.put(id=theirs, colour="blue")
    [action] = toys.plan().actions
    assert isinstance(action, Update)
    assert [(c.side, c.before, c.after) for c in action.changes] == [(CUSTOMCRM, "green", "blue")]


def _to_and_fro(toys: World, ours: str, theirs: str, rounds: int) -> None:
    """An automation on each side, which does not want what the other one does."""
    for _ in range(rounds):
        toys.toys.put(id=ours, colour="RED")
        toys.sync()
        toys.gadgets.put(id=theirs, colour="red")
        toys.sync()


def test_two_automations_that_change_each_others_value_are_parked_until_a_person_decides(
    toys: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = toys.linked_toy()
    _to_and_fro(toys, ours, theirs, 3)
    assert toys.plan().is_empty, "six writes"
    written = len(toys.calls())
    _to_and_fro(toys, ours, theirs, 2)
    toys.toys.put(id=ours, name="Kite")
    report = toys.sync()
    assert toys.calls()[written:] == [("update", theirs)]
    assert (toys.gadgets.records[theirs].title, toys.gadgets.records[theirs].colour) == ("Kite", "red")
    [line] = [line for line in report.lines if line.outcome == "conflict"]
    assert (line.fields, line.reason.split(":")[0]) == (
        ("Colour",),
        "changed 6 times in turn between the same two values",
    )
    [conflict] = toys.run(toys.engine.conflicts())
    assert (conflict.customcrm, conflict.keap) == ("RED", "red")

    # Whoever decides it lets it go on, as if nothing had been.
    for side, colour in ((KEAP, "red"), (CUSTOMCRM, "RED")):
        [conflict] = toys.run(toys.engine.conflicts())
        toys.run(toys.engine.resolve(conflict, side))
        assert toys.toys.records[ours].colour == toys.gadgets.records[theirs].colour == colour
        assert toys.run(toys.engine.conflicts()) == []
        written = len(toys.calls())
        _to_and_fro(toys, ours, theirs, 5)
        assert 6 <= len(toys.calls()) - written <= 7

    # A run that writes nothing does not look into the journal.
    [conflict] = toys.run(toys.engine.conflicts())
    toys.run(toys.engine.resolve(conflict, KEAP))
    asked: list[Any] = []
    monkeypatch.setattr(type(toys.store.journal), "turns", lambda *args: asked.append(args))
    assert toys.sync(full=True).ok
    assert asked == []


def test_what_one_side_switches_on_and_off_is_no_conflict(toy_worlds: Callable[..., World]) -> None:
    toys = toy_worlds()
    ours, theirs = toys.linked_toy()
    for colour in ("RED", "red") * 5:
        toys.toys.put(id=ours, colour=colour)
        assert toys.sync().count("updated") == 1
    patient = toy_worlds(policy=kb.Policy(max_turns=None))
    ours, theirs = patient.linked_toy()
    _to_and_fro(patient, ours, theirs, 5)
    assert len(patient.calls()) == 11


def test_a_field_that_cannot_flow_is_told_with_its_reason_and_the_others_flow(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, price="12.50", currency="EUR")
    [skip] = toys.plan().actions
    assert isinstance(skip, Skip)
    assert (skip.side, skip.id, skip.field) == (KEAP, theirs, "Price")
    toys.toys.put(id=ours, name="Kite")
    [update] = toys.plan().actions
    assert isinstance(update, Update)
    assert [change.field for change in update.changes] == ["Name"]
    assert [item.field for item in update.held] == ["Price"]


def test_a_conflict_is_told_beside_what_is_written(toy_worlds: Callable[..., World]) -> None:
    toys = toy_worlds(policy=kb.Policy(conflicts="manual"))
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="green")
    toys.gadgets.put(id=theirs, colour="blue", title="Kite")
    update, conflict = toys.plan().actions
    assert isinstance(update, Update)
    assert [(c.field, c.side) for c in update.changes] == [("Name", CUSTOMCRM)]
    assert isinstance(conflict, Conflict)
    assert (conflict.conflict.field, conflict.conflict.customcrm, conflict.conflict.keap) == ("Colour", "green", "blue")


def test_a_pair_that_failed_waits_until_it_is_due_or_edited(toys: World) -> None:
    ours, theirs = toys.linked_toy()
    moment = toys.run(now())
    later = moment + timedelta(hours=20)
    failed = {CUSTOMCRM: ours, KEAP: theirs}
    toys.toys.put(id=ours, colour="green")
    toys.plan()
    for side, id in failed.items():
        toys.run(toys.store.failures.note(Failure("toys", side, id, "refused", 3, later)))
    [skip] = toys.plan().actions
    assert isinstance(skip, Skip)
    assert (skip.side, skip.id) == (CUSTOMCRM, ours)
    assert skip.reason == f"failed 3 times, tried again after {later:%Y-%m-%d %H:%M} UTC: refused"
    assert toys.sync().ok
    assert toys.gadgets.records[theirs].colour == "red"
    for side, id in failed.items():
        toys.run(toys.store.failures.note(Failure("toys", side, id, "refused", 4, moment)))
    assert toys.sync().ok
    assert toys.gadgets.records[theirs].colour == "green"


def test_only_failures_that_are_not_due_are_waited_for(toys: World) -> None:
    moment = toys.run(now())
    for id, due in (
        ("due", moment),
        ("later", moment + timedelta(hours=1)),
        ("never", None),
        ("a clock was wrong", moment + timedelta(days=300)),
    ):
        toys.run(toys.store.failures.note(Failure("toys", KEAP, id, "refused", 8, due)))
    asked = [(KEAP, id) for id in ("due", "later", "never", "a clock was wrong", "fine")] + [(CUSTOMCRM, "later")]
    found = toys.run(waiting(toys["toys"], asked))
    assert found.keys() == {(KEAP, "later"), (KEAP, "never")}
    assert found[KEAP, "never"] == "failed 8 times, tried again when it is edited: refused"


def test_a_reference_is_known_as_soon_as_its_record_is_linked(toys: World) -> None:
    maker = toys.crm_makers.put(name="Ada")
    assert toys.sync().ok
    [linked] = toys.engine.links("makers")
    sync = toys["toys"]
    theirs = Observation(KEAP, "901", Snapshot({"Name": "Top", "Maker": f"keap:{linked.keap_id}"}))
    pair = Pair(Link("1", "901"), None, theirs)
    context = toys.run(sync.context([theirs.snapshot]))
    ready = with_references(sync, pair, context)
    assert ready.current[KEAP].values == {"Name": "Top", "Maker": maker}
    assert ready.customcrm is None
    assert pair.current[KEAP].values["Maker"] == f"keap:{linked.keap_id}", "the pair itself is as it was"


def test_what_is_settled_becomes_the_base_and_all_else_stays(toys: World) -> None:
    link = Link("1", "901", {"Name": "Top", "Colour": "red"}, {"Name": "TOP", "Colour": "red"})
    ours = Observation(CUSTOMCRM, "1", Snapshot({"Name": "Kite", "Colour": "blue"}), datetime(2026, 1, 1, tzinfo=UTC))
    pair = Pair(link, ours, Observation(KEAP, "901", Snapshot({"Name": "Kite", "Colour": "green"}), mark="text"))
    [(_, outcome)] = toys.run(merge_pairs(toys["toys"], [pair], None))
    commit = settled_commit(toys["toys"], pair, outcome)
    assert commit.link.customcrm_base == {"Name": "Kite", "Colour": "red"}
    assert commit.link.keap_base == {"Name": "Kite", "Colour": "red"}
    assert commit.digests == {side: digest(pair.current[side]) for side in kb.Side}
    assert commit.marks == {CUSTOMCRM: None, KEAP: "text"}


def test_a_side_that_was_not_seen_keeps_the_digest_that_it_has(toys: World) -> None:
    pair = Pair(Link("1", "901", {"Name": "Top"}, {"Name": "Top"}), None, Observation(KEAP, "901", Snapshot({})))
    assert settled_commit(toys["toys"], pair, Merge()).digests.keys() == {KEAP}


def test_each_held_field_is_a_line_about_the_record_that_lacks_it() -> None:
    held = (Held("Price", KEAP, "no currency"), Held("Maker", CUSTOMCRM, "not linked"))
    assert list(held_skips("toys", Link("1", "901"), held)) == [
        Skip("toys", KEAP, "901", "no currency", field="Price"),
        Skip("toys", CUSTOMCRM, "1", "not linked", field="Maker"),
    ]
