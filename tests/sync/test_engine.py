"""What a session can do, as flows: for the synchronizations that are named, alone, and within the brakes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from stopping import Clock, CountingDriver
from toys import World, only

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.model.kept_in_store import Failure

Worlds = Callable[..., World]
KEAP = kb.Side.KEAP


def test_without_names_all_take_part_and_with_names_only_those(toys: World) -> None:
    toys.crm_makers.put(name="Ada")
    toys.toys.put(name="Top")
    assert toys.run(toys.engine.plan(("toys",))).objects == ("toys",)
    assert toys.run(toys.engine.sync(("toys",))).objects == ("toys",)
    assert (len(toys.gadgets.records), len(toys.keap_makers.records)) == (1, 0)
    assert toys.sync().objects == ("makers", "toys")
    assert len(toys.keap_makers.records) == 1


def test_what_there_is_not_is_named_with_what_there_is(toys: World) -> None:
    asked: list[Any] = [
        lambda: toys.run(toys.engine.plan(("dolls",))),
        lambda: toys.run(toys.engine.sync(("toys", "dolls"))),
        lambda: toys.run(toys.engine.explain("dolls", "1", None)),
        lambda: toys.run(toys.engine.history("dolls", "1", None)),
    ]
    for ask in asked:
        with pytest.raises(LookupError, match="this Customcrm has no dolls; it has makers, toys"):
            ask()


@pytest.mark.parametrize("ids", [(None, None), ("1", "2")], ids=["none", "both"])
def test_a_record_is_named_by_one_of_its_ids(toys: World, ids: tuple[str | None, str | None]) -> None:
    for ask in (toys.engine.explain, toys.engine.history):
        with pytest.raises(TypeError, match=r"keap=… or by customcrm=…"):
            toys.run(ask("toys", *ids))


def test_only_the_records_that_are_named_are_looked_at(toys: World) -> None:
    first, second = toys.toys.put(name="Top"), toys.toys.put(name="Kite")
    ids = {kb.Side.CUSTOMCRM: (second,), KEAP: ()}
    assert toys.run(toys.engine.sync(("toys",), ids=ids)).ok
    assert only(toys.gadgets.records).title == "Kite"
    assert toys.sync().ok
    assert len(toys.gadgets.records) == 2
    assert {link.customcrm_id for link in toys.engine.links("toys")} == {first, second}


def test_a_plan_can_be_named_by_its_id(toys: World) -> None:
    toys.toys.put(name="Top")
    plan = toys.plan()
    assert toys.run(toys.engine.apply(plan.id)).ok
    assert only(toys.gadgets.records).title == "Top"
    with pytest.raises(kb.StalePlanError, match="there is no plan 'nonsense'"):
        toys.run(toys.engine.apply("nonsense"))


def test_a_plan_that_does_more_than_the_policy_allows_is_not_even_begun(toy_worlds: Worlds) -> None:
    toys = toy_worlds(policy=kb.Policy(max_creates=1))
    for name in ("Top", "Kite"):
        toys.toys.put(name=name)
    plan = toys.plan()
    with pytest.raises(kb.BrakeError, match="max_creates is 1") as stopped:
        toys.run(toys.engine.apply(plan))
    assert stopped.value.plan == plan
    assert toys.calls() == []


def test_a_brake_is_released_for_one_run_by_the_name_that_it_tells(toy_worlds: Worlds) -> None:
    toys = toy_worlds(policy=kb.Policy(max_creates=1))
    for name in ("Top", "Kite"):
        toys.toys.put(name=name)
    with pytest.raises(kb.BrakeError, match=r"accept=\['creates'\]"):
        toys.sync()
    assert toys.run(toys.engine.sync(accept=["creates", "toys.Name"])).count("created") == 2
    for name in ("Ball", "Doll"):
        toys.toys.put(name=name)
    plan = toys.plan()
    with pytest.raises(kb.BrakeError):
        toys.run(toys.engine.apply(plan, accept=["deletes"]))
    assert toys.run(toys.engine.apply(plan, accept=["creates"])).count("created") == 2


def test_what_is_accepted_is_checked_before_anything_is_done(toys: World) -> None:
    toys.toys.put(name="Top")
    ids = {kb.Side.CUSTOMCRM: (), KEAP: ()}
    for flow in (
        lambda: toys.engine.sync(accept=["creats"]),
        lambda: toys.engine.sync(("toys",), ids=ids, accept=["makers.Name"]),
        lambda: toys.engine.apply("plan", accept={"restored": "kepa"}),
    ):
        with pytest.raises(ValueError, match="accept: "):
            toys.run(flow())
    assert toys.calls() == []


def test_failures_are_those_of_the_synchronizations_that_are_named(toys: World) -> None:
    for name in ("makers", "toys"):
        toys.run(toys.store.failures.note(Failure(name, KEAP, "1", "refused", 1, None)))
    assert [failure.object for failure in toys.run(toys.engine.failures())] == ["makers", "toys"]
    assert [failure.object for failure in toys.run(toys.engine.failures(("toys",)))] == ["toys"]
    assert toys.run(toys.engine.retry("toys", ["nope"], ["1"])) == 0
    assert toys.run(toys.engine.retry("toys", ["1", "nope"], [])) == 1
    assert [failure.object for failure in toys.run(toys.engine.failures())] == ["makers"]


def test_nothing_is_forgotten_because_a_clock_is_a_year_ahead(
    toy_worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys = toy_worlds(retention=timedelta(days=90))

    def scan(self: Any, since: datetime | None) -> Flow[Page[Any]]:
        return attrs.evolve((yield from self.list(since)), served_at=datetime.now(UTC))

    monkeypatch.setattr(type(toys.toys), "scan", scan)
    toys.linked_toy()
    old = toys.plan()
    toys.driver = CountingDriver(Clock(datetime.now(UTC) + timedelta(days=365)))
    for _ in range(3):
        assert toys.sync().ok
    assert toys.run(toys.store.plans.get(old.id)) is not None


def test_what_is_older_than_the_retention_is_forgotten(toy_worlds: Worlds) -> None:
    for retention, known in ((timedelta(0), False), (None, True)):
        toys = toy_worlds(retention=retention)
        toys.linked_toy()
        old = toys.plan()
        toys.sync()
        assert (toys.run(toys.store.plans.get(old.id)) is not None) is known
