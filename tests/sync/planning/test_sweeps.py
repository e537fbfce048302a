"""A field that is emptied or levelled for many is held in that direction; the rest flows, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tiers import variants
from toys import Box, World

import keapbridge as kb
from keapbridge.sync.planning import sweeps
from keapbridge.sync.synchronization import Synchronization

Worlds = Callable[..., World]
SIDES = pytest.mark.parametrize(
    "edited", variants(kb.Side, quick=[kb.Side.CUSTOMCRM]), ids=lambda side: f"edited in {side.title}"
)
ACCEPT = ["toys.Colour"]
MANY = 25


def box(toys: World, side: kb.Side) -> Box:
    return toys.toys if side is kb.Side.CUSTOMCRM else toys.gadgets


def linked(toys: World, number: int = MANY) -> dict[kb.Side, list[str]]:
    """So many linked toys of different colours; their ids in the same order on both sides."""
    for n in range(number):
        toys.toys.put(name=f"Top {n}", colour=f"colour {n}")
    assert toys.sync().ok
    links = sorted(toys.engine.links("toys"), key=lambda link: int(link.customcrm_id))
    toys.toys.calls.clear()
    toys.gadgets.calls.clear()
    return {side: [link.id(side) for link in links] for side in kb.Side}


def colours(toys: World, side: kb.Side) -> list[Any]:
    return [record.colour for record in box(toys, side).records.values()]


def sync(toys: World, *ids: str, side: kb.Side = kb.Side.CUSTOMCRM, accept: Any = ()) -> kb.Report:
    named = {side: ids, side.other: ()} if ids else None
    return toys.run(toys.engine.sync(("toys",), ids=named, accept=accept))


@SIDES
@pytest.mark.parametrize("new", [None, "grey"], ids=["emptied", "levelled"])
def test_it_is_held_in_one_direction_until_a_person_accepts_it(toys: World, edited: kb.Side, new: str | None) -> None:
    ids = linked(toys)
    other, name = edited.other, "name" if edited is kb.Side.CUSTOMCRM else "title"
    for id in ids[edited]:
        box(toys, edited).put(id=id, colour=new)
    box(toys, edited).put(id=ids[edited][0], **{name: "Renamed"})
    before = colours(toys, other)

    report = sync(toys)
    assert report.count("held") == 1
    [held] = [line for line in report.lines if line.outcome == "held"]
    assert (held.side, held.fields) == (other, ("Colour",))
    assert f"{MANY} of {MANY} values would" in held.reason
    assert 'session.sync(accept=["toys.Colour"])' in held.reason
    assert colours(toys, other) == before
    assert box(toys, other).calls == [("update", ids[other][0])], "its name flows"

    # Nothing is lost by it, and nothing is done again.
    box(toys, other).calls.clear()
    box(toys, edited).calls.clear()
    for _ in range(2):
        assert sync(toys).count("held") == 1
    assert toys.calls() == []

    assert sync(toys, accept=ACCEPT).count("held") == 0
    assert colours(toys, other) == [new] * MANY
    # It was meant: what follows it is not held because of it.
    last = ids[edited][1]
    box(toys, edited).put(id=last, colour="again")
    assert sync(toys).count("held") == 0
    box(toys, edited).put(id=last, colour=new)
    assert sync(toys).count("held") == 0
    assert box(toys, other).records[ids[other][1]].colour == new
    assert toys.plan().is_empty


@SIDES
def test_it_is_held_as_well_when_the_records_come_one_by_one(toys: World, edited: kb.Side) -> None:
    ids = linked(toys)
    held = []
    for id in ids[edited]:
        box(toys, edited).put(id=id, colour=None)
        held.append(sync(toys, id, side=edited).count("held"))
    assert held == [0] * 19 + [1] * (MANY - 19)
    assert sum(colour is None for colour in colours(toys, edited.other)) == 19


@SIDES
@pytest.mark.parametrize("new", [None, "grey"], ids=["emptied", "levelled"])
def test_what_is_left_of_it_waits_though_what_was_written_before_is_days_old(
    toys: World, edited: kb.Side, new: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = linked(toys)
    was = dict(zip(ids[edited], colours(toys, edited), strict=True))
    for n, id in enumerate(ids[edited][:21]):
        box(toys, edited).put(id=id, colour=new)
        if n < 19:
            sync(toys, id, side=edited)
    assert sync(toys).count("held") == 1
    monkeypatch.setattr(sweeps, "DAY", -sweeps.DAY)  # all that was written is older than that
    report = sync(toys)
    [held] = [line for line in report.lines if line.outcome == "held"]
    assert "21 of 25 values would" in held.reason
    assert 'session.sync(accept=["toys.Colour"])' in held.reason
    assert colours(toys, edited.other).count(new) == 19
    for id in ids[edited][19:21]:  # who changes the rest back begins anew
        box(toys, edited).put(id=id, colour=was[id])
    assert sync(toys).count("held") == 0
    box(toys, edited).put(id=ids[edited][20], colour=new)
    assert sync(toys).count("updated") == 1
    assert colours(toys, edited.other).count(new) == 20


def test_what_is_left_of_it_flows_once_it_is_accepted(toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = linked(toys)[kb.Side.CUSTOMCRM]
    for n, id in enumerate(ids[:21]):
        toys.toys.put(id=id, colour=None)
        if n < 19:
            sync(toys, id)
    assert sync(toys).count("held") == 1
    monkeypatch.setattr(sweeps, "DAY", -sweeps.DAY)
    assert sync(toys, accept=ACCEPT).count("updated") == 2
    toys.toys.put(id=ids[22], colour=None)
    assert sync(toys).count("updated") == 1


def test_who_changes_it_back_releases_it(toys: World) -> None:
    ids = linked(toys)
    was = colours(toys, kb.Side.CUSTOMCRM)
    for id in ids[kb.Side.CUSTOMCRM]:
        toys.toys.put(id=id, colour=None)
    assert sync(toys).count("held") == 1
    for id, colour in zip(ids[kb.Side.CUSTOMCRM], was, strict=True):
        toys.toys.put(id=id, colour=colour)
    assert sync(toys).count("held") == 0
    assert toys.calls() == []
    assert toys.plan().is_empty


def test_a_plan_keeps_what_is_held_and_shows_it(toys: World) -> None:
    ids = linked(toys)
    for id in ids[kb.Side.CUSTOMCRM]:
        toys.toys.put(id=id, colour=None)
    plan = toys.plan()
    assert dict(plan.counts["toys"]) == {"update in Keap": MANY, "held field": 1}
    [found] = plan.findings
    assert (found.object, found.field, found.side, found.accept) == ("toys", "Colour", kb.Side.KEAP, "toys.Colour")
    assert "Colour is not written to Keap: 25 of 25 values would be emptied within a day" in str(plan)
    assert "Colour is not written to Keap: 25 of 25" in plan._repr_html_()
    report = toys.run(toys.engine.apply(plan.id, accept=ACCEPT))
    assert (report.count("held"), report.count("updated")) == (0, MANY)
    assert set(colours(toys, kb.Side.KEAP)) == {None}


def test_what_is_ordinary_flows(toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = linked(toys)[kb.Side.CUSTOMCRM]
    makers = [toys.crm_makers.put(name=f"Maker {n}") for n in range(MANY + 1)]
    for id, maker in zip(ids, makers[1:], strict=True):
        toys.toys.put(id=id, maker=maker)
    assert toys.sync().count("held") == 0, "an empty field was filled"
    steps: list[Callable[[int], dict[str, Any]]] = [
        lambda _n: {"maker": makers[0]},  # all of them get one owner
        lambda n: {"colour": f"another {n}"},  # an honest update
        lambda n: {"colour": f"shade {n % 5}"},  # five of each
        lambda _n: {"colour": "one"},  # which replaces five different ones
    ]
    for step in steps:
        for n, id in enumerate(ids):
            toys.toys.put(id=id, **step(n))
        report = toys.sync()
        assert (report.count("held"), report.count("updated")) == (0, MANY)
    # A run in which nothing is lost asks for no counters.
    asked: list[Any] = []
    monkeypatch.setattr(type(toys.store.overwrites), "added_to", lambda *args: asked.append(args))
    toys.toys.put(name="New", colour="one")
    assert toys.sync().count("created") == 1
    assert asked == []


def test_the_policy_has_the_bounds(toy_worlds: Worlds) -> None:
    for policy, held in (
        (kb.Policy(max_emptied_share=None), 0),
        (kb.Policy(sweep_from=26), 0),
        (kb.Policy(max_levelled_share=None), 1),
        (kb.Policy(max_emptied_share=0.99), 1),
    ):
        toys = toy_worlds(policy=policy)
        for id in linked(toys)[kb.Side.CUSTOMCRM]:
            toys.toys.put(id=id, colour=None)
        assert sync(toys).count("held") == held


def test_a_system_that_holds_many_others_is_not_read_to_the_end(toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    known = type(toys.store.links).holding

    def holding(self: Any, *args: Any) -> Any:
        asked.append(1)
        return (yield from known(self, *args))

    monkeypatch.setattr("keapbridge.sync.planning.sweeps.BATCH", 30)
    monkeypatch.setattr(type(toys.store.links), "holding", holding)
    ids = linked(toys, 200)[kb.Side.CUSTOMCRM]
    for id in ids[:20]:
        toys.toys.put(id=id, colour=None)
    assert sync(toys).count("held") == 0
    assert len(asked) == 4, "as far as it takes to know that twenty are not more than a fifth"


def test_a_field_is_held_for_the_run_only(toys: World) -> None:
    for id in linked(toys)[kb.Side.CUSTOMCRM]:
        toys.toys.put(id=id, colour=None)
    assert sync(toys).count("held") == 1
    bound: Synchronization = toys["toys"]
    assert bound.guard.braked
    toys.plan()
    assert not bound.guard.braked
