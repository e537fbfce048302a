"""Exit codes: what is new alarms, what is known does not, and a person chooses what else does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from toys import World

import keapbridge as kb
from keapbridge.command.ending import code_of_plan, code_of_report
from keapbridge.command.sessions import Opened
from keapbridge.errors import StatusError
from keapbridge.model.plan import Plan
from keapbridge.model.report import Report

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Session:
    """As much of a session as is asked how a run has ended."""

    def __init__(self, toys: World) -> None:
        self._toys = toys

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._toys.engine, name)
        return lambda *given, **named: self._toys.run(method(*given, *named.values()))


@pytest.fixture
def here() -> Iterator[Any]:
    world = World(policy=kb.Policy(conflicts="manual"))
    yield Opened(Session(world), None, threading.Event())  # type: ignore[arg-type]
    world.store.close()


@pytest.fixture
def toys(here: Any) -> World:
    return here.session._toys  # type: ignore[no-any-return]


def refusing(*names: str) -> Callable[[str, str, Mapping[str, Any]], None]:
    def hook(what: str, _: str, values: Mapping[str, Any]) -> None:
        if what == "create" and values.get("title") in names:
            raise StatusError("no", status=422)

    return hook


def test_a_failure_alarms_once_and_a_new_one_again(here: Any, toys: World) -> None:
    toys.gadgets.before = refusing("Top", "Kite")
    toys.toys.put(name="Top")
    assert code_of_report(toys.sync(), here, None) == 3
    again = toys.sync()
    assert again.count("failed") == 1
    assert code_of_report(again, here, None) == 0
    assert code_of_report(again, here, ["failed"]) == 3
    toys.toys.put(name="Kite")
    assert code_of_report(toys.sync(), here, ["new"]) == 3
    toys.gadgets.before = refusing()
    assert code_of_report(toys.sync(), here, ["failed", "held", "conflict"]) == 0


def test_conflicts_alarm_where_that_is_wanted(here: Any, toys: World) -> None:
    ours, theirs = toys.linked_toy()
    toys.toys.put(id=ours, colour="blue")
    toys.gadgets.put(id=theirs, colour="green")
    report = toys.sync()
    assert report.count("conflict") == 1
    assert code_of_report(report, here, None) == 0
    assert code_of_report(report, here, ["held", "conflict"]) == 3


def test_a_field_that_a_brake_holds_is_told_apart(here: Any, toys: World) -> None:
    pairs = [toys.linked_toy(name=f"Toy {number}", colour="red") for number in range(25)]
    for ours, _ in pairs:
        toys.toys.put(id=ours, colour=None)
    report = toys.sync()
    assert {gadget.colour for gadget in toys.gadgets.records.values()} == {"red"}
    assert code_of_report(report, here, None) == 4
    assert code_of_report(report, here, ["never"]) == 0


def finished(*, complete: bool, counts: Mapping[str, int]) -> Report:
    return Report("r", "p", NOON, NOON + timedelta(seconds=1), ("toys",), {"toys": counts}, lambda: iter(()), complete)


def test_what_was_stopped_tells_by_whom(here: Any) -> None:
    stopped = finished(complete=False, counts={"failed": 1})
    assert code_of_report(stopped, here, ["never"]) == 75
    here.stopped.set()
    assert code_of_report(stopped, here, None) == 130


def test_nothing_alarms_who_does_not_want_it(here: Any) -> None:
    assert code_of_report(finished(complete=True, counts={"failed": 1, "held": 2}), here, ["never"]) == 0


@pytest.mark.parametrize(
    ("counts", "fail_on", "code"),
    [
        ({"conflict": 1, "held field": 1}, None, 0),
        ({"conflict": 1}, ["conflict"], 3),
        ({"held field": 1}, ["conflict"], 0),
        ({"held field": 1}, ["held"], 3),
        ({"held field": 0}, ["held"], 0),
    ],
)
def test_a_plan_alarms_where_that_is_wanted(counts: Mapping[str, int], fail_on: list[str] | None, code: int) -> None:
    plan = Plan("p", NOON, ("toys",), {"toys": counts}, {}, {}, "sync", lambda: iter(()))
    assert code_of_plan(plan, fail_on) == code
