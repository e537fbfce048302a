"""Taking a run back is stopped at each single effect, and what comes next, knowing nothing, makes no harm of it.

The two systems are the fakes. Whatever was undone by the time of the crash, a complete sync must neither take it for
somebody's edit or deletion nor make anything twice; and undoing once more ends where one undoing would have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest
from fakes import Fault, no_faults
from stopping import CountingDriver, KilledError
from tiers import each
from two_systems import DAY, TwoSystems, policy_without_brakes

import keapbridge as kb
from keapbridge.sync.lease import TERM

AFTER_THE_TERM = TERM + timedelta(seconds=1)

Held = tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]]


@attrs.frozen
class Scene:
    """A run that is to be undone.

    Attributes:
        begin: makes it, and answers its id.
        never: what must not be, whatever was undone: what users typed is lost, or somebody is there twice.
    """

    begin: Callable[[TwoSystems], str]
    never: Callable[[Held], bool]


def _add(two: TwoSystems, *names: str) -> list[str]:
    return [two.crm.contacts.add(kb.customcrm.Contact(first_name=n, city="Oslo")) for n in names]


def _sync(two: TwoSystems, *, full: bool = False) -> str:
    report = two.session().sync(full=full)
    assert report.ok
    two.clock.pass_by(DAY)
    return str(report.run_id)


def _creates(two: TwoSystems) -> str:
    _add(two, "Ada", "Bob")
    return _sync(two)


def _updates(two: TwoSystems) -> str:
    ada, _ = _add(two, "Ada", "Bob")
    _sync(two)
    two.crm.contacts.edit(ada, city="Bergen", job_title="Clerk")
    return _sync(two)


def _updates_in_customcrm(two: TwoSystems) -> str:
    _add(two, "Ada", "Bob")
    _sync(two)
    two.keap.contacts.edit(next(iter(two.keap.contacts)), job_title="Clerk", given_name="Augusta")
    return _sync(two)


def _deletes(two: TwoSystems) -> str:
    ada, _ = _add(two, "Ada", "Bob")
    _sync(two)
    two.crm.contacts.delete(ada)
    return _sync(two)


def _deletes_in_customcrm(two: TwoSystems) -> str:
    _add(two, "Ada", "Bob")
    _sync(two)
    two.keap.contacts.delete(next(iter(two.keap.contacts)))
    return _sync(two, full=True)


def _links(two: TwoSystems) -> str:
    box = kb.keap.EmailAddress("ada@example.org", "EMAIL1")
    two.crm.contacts.add(kb.customcrm.Contact(first_name="Ada", city="Oslo", email="ada@example.org"))
    two.keap.contacts.add(kb.keap.Contact(given_name="Ada", email_addresses=(box,)))
    return _sync(two)


def _twice(names: list[tuple[Any, Any]]) -> bool:
    return len({name for name, _ in names}) < len(names)


SCENES = {
    "creates": Scene(_creates, lambda held: [name for name, _ in held[0]] != ["Ada", "Bob"]),
    "updates": Scene(_updates, lambda held: held[0] != [("Ada", "Bergen"), ("Bob", "Oslo")]),
    "updates-in-customcrm": Scene(_updates_in_customcrm, lambda held: ("Augusta", "Oslo") not in held[1]),
    "deletes": Scene(_deletes, lambda held: held[0] != [("Bob", "Oslo")]),
    "deletes-in-customcrm": Scene(_deletes_in_customcrm, lambda held: [name for name, _ in held[1]] != ["Bob"]),
    "links": Scene(_links, lambda held: (len(held[0]), len(held[1])) != (1, 1)),
}


QUICK = ("deletes",)  # the others take their time, and tell little more


@pytest.fixture(
    params=[pytest.param(s, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, s in SCENES.items()]
)
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.param
    return found


def _fresh(scene: Scene) -> tuple[TwoSystems, str]:
    two = TwoSystems()
    two.policy = policy_without_brakes(deletions="delete")
    return two, scene.begin(two)


def _held(two: TwoSystems) -> Held:
    """Who is in both systems, and where they live."""
    ours = sorted((r.first_name, r.city) for r in two.crm.contacts.state.records.values())
    theirs = sorted(
        (r.given_name, next((a.locality for a in r.addresses), None)) for r in two.keap.contacts.state.records.values()
    )
    return ours, theirs


def _undisturbed(scene: Scene) -> tuple[Held, list[str]]:
    two, run = _fresh(scene)
    driver = CountingDriver(two.clock)
    assert two.session(driver).undo(run).ok
    held = _held(two)
    two.clock.pass_by(DAY)
    assert two.session().plan(full=True).is_empty
    two.engine.dispose()
    return held, driver.log


def _go_on(two: TwoSystems, scene: Scene, run: str, wanted: Held) -> Iterator[str]:
    """What is wrong after a complete sync, and after undoing once more."""
    two.session().sync(full=True)
    two.clock.pass_by(DAY)
    held = _held(two)
    if scene.never(held) or any(map(_twice, held)):
        yield f"after the sync: {held}"
    two.session().undo(run)
    two.clock.pass_by(DAY)
    two.session().sync(full=True)
    if (held := _held(two)) != wanted:
        yield f"after undoing again: {held}, not {wanted}"
    two.clock.pass_by(DAY)
    if not (plan := two.session().plan(full=True)).is_empty:
        yield f"not quiet: {[*map(str, plan.actions)]}"


@each
def test_an_undoing_that_is_stopped_at_any_effect_loses_nothing_and_makes_nothing_twice(
    scene: Scene, stride: int
) -> None:
    """The world after one effect is the world before the next."""
    wanted, effects = _undisturbed(scene)
    failures = []
    start, run = _fresh(scene)
    for k in range(0, len(effects), stride):
        two = start.copy()
        with pytest.raises(KilledError):
            two.session(CountingDriver(two.clock, stop_at=k)).undo(run)
        two.clock.pass_by(AFTER_THE_TERM)
        failures += [f"{k} {effects[k]}: {wrong}" for wrong in _go_on(two, scene, run, wanted)]
        two.engine.dispose()
    start.engine.dispose()
    assert not failures, "\n".join(failures)


def test_an_undoing_whose_answers_are_lost_loses_nothing_and_makes_nothing_twice(scene: Scene) -> None:
    wanted, _ = _undisturbed(scene)
    two, run = _fresh(scene)
    for system in (two.crm, two.keap):
        system.faults = lambda request: Fault.LOST_ANSWER if request.method != "GET" else None
    two.session().undo(run)
    two.crm.faults = two.keap.faults = no_faults
    two.clock.pass_by(AFTER_THE_TERM)
    assert [*_go_on(two, scene, run, wanted)] == []


def test_a_run_that_is_undone_twice_is_undone_once(scene: Scene) -> None:
    two, run = _fresh(scene)
    two.session().undo(run)
    held, before = _held(two), len(two.crm.writes) + len(two.keap.writes)
    report = two.session().undo(run)
    assert {line.outcome for line in report.lines} == {"skipped"}
    assert (_held(two), len(two.crm.writes) + len(two.keap.writes)) == (held, before)


def test_what_a_lost_answer_has_made_is_waited_for(two: TwoSystems) -> None:
    run = _deletes(two)
    two.keap.faults = lambda request: Fault.OUTAGE if request.method == "POST" else None
    two.session().undo(run)
    two.keap.faults = no_faults
    with pytest.raises(kb.UncertainError, match="not certain before") as later:
        two.session().undo(run)
    assert later.value.retry_at
    two.clock.pass_by(later.value.retry_at - two.clock())
    assert two.session().undo(run).count("created") == 1
    assert len(two.keap.contacts) == 2


def test_an_undoing_keeps_others_out_for_as_long_as_it_takes(two: TwoSystems) -> None:
    _add(two, *(f"P{n}" for n in range(12)))
    run = _sync(two)
    busy: list[Any] = []

    class Slow(CountingDriver):
        """Every request takes half of the lease's term, and somebody else comes by."""

        def _counted(self, effect: Any) -> Any:
            if hasattr(effect, "call") and effect.call.method == "DELETE":
                self.live(TERM / 2)
                with pytest.raises(kb.SessionBusyError) as caught:
                    two.session().sync()
                busy.append(caught.value)
            return super()._counted(effect)

    assert two.session(Slow(two.clock)).undo(run).count("deleted") == len(busy) == 12
    assert (len(two.crm.contacts), len(two.keap.contacts)) == (12, 0)


@pytest.fixture
def two() -> Iterator[TwoSystems]:
    systems = TwoSystems()
    systems.policy = policy_without_brakes(deletions="delete")
    yield systems
    systems.engine.dispose()
