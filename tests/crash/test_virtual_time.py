"""A run in virtual time: at each of its effects the machine sleeps, a clock is set, somebody interrupts, another comes.

Whatever happens to the one runner, in the end each record has one counterpart, no edit is lost, and all ends. Keap
refuses creates for a while and answers slowly, so that runs wait: for their next attempt, on many flows at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fakes import Fault, Request
from stopping import CountingDriver
from tiers import variants
from two_systems import DAY, TwoSystems, policy_without_brakes

import keapbridge as kb
from keapbridge._flow.effects import Blocking, Effect, Flow, Now, Send, now
from keapbridge._io.retries import RetryPolicy
from keapbridge.sync.lease import Lease
from keapbridge.sync.writing.window import Window

SECOND = timedelta(seconds=1)
SKEW = timedelta(minutes=4)
SLOW = 3 * SECOND  # what Keap takes for a no
REFUSED = 20 * SECOND  # as long as it refuses creates
NAMES = ("Ada", "Bob", "Cy", "Di", "Eve")


class Meddled(CountingDriver):
    """Runs flows side by side; before one of its effects something happens.

    Attributes:
        skew: how far its wall clock is from that of the database.
    """

    def __init__(self, two: TwoSystems, at: int | None = None, then: Callable[[Meddled], Any] = id) -> None:
        super().__init__(two.clock, side_by_side=True)
        self.skew = timedelta(0)
        self._at, self._then = at, then

    def perform(self, effect: Effect) -> Any:
        found = super().perform(effect)
        return found + self.skew if isinstance(effect, Now) else found

    def _counted(self, effect: Send | Blocking) -> Any:
        if len(self.log) == self._at:
            self._at = None
            self._then(self)
        if isinstance(effect, Send) and effect.call.method == "POST":
            self.live(SLOW)
        return super()._counted(effect)


def _begin() -> TwoSystems:
    """One linked contact that was edited, and four that are to be made in Keap."""
    two = TwoSystems()
    two.policy = policy_without_brakes()
    ada = two.crm.contacts.add(kb.customcrm.Contact(first_name=NAMES[0], city="Oslo", email="ada@example.org"))
    two.session().sync()
    two.clock.pass_by(DAY)
    two.crm.contacts.edit(ada, city="Bergen")
    for name in NAMES[1:]:
        two.crm.contacts.add(kb.customcrm.Contact(first_name=name, city="Oslo", email=f"{name.lower()}@example.org"))
    return two


def _busy(start: TwoSystems) -> TwoSystems:
    """The same once more, with a Keap that refuses creates for a while."""
    two = start.copy()
    calm_at = two.clock.moment + REFUSED
    two.keap.retry = RetryPolicy(attempts=12)

    def refuses(request: Request) -> Fault | None:
        return Fault.RATE_LIMIT if request.method == "POST" and two.clock.moment < calm_at else None

    two.keap.faults = refuses
    return two


def _rehearsed(start: TwoSystems) -> list[str]:
    two = _busy(start)
    driver = Meddled(two)
    assert two.session(driver).sync().ok
    two.engine.dispose()
    return driver.log


# --- what happens -----------------------------------------------------------------------------------------------------


def _edit(two: TwoSystems) -> None:
    """A person edits what the runner may be about to write."""
    ada = next(iter(two.crm.contacts))
    two.crm.contacts.edit(ada, city="Narvik")


def _another(two: TwoSystems, skew: timedelta) -> kb.Report | None:
    """Another runner, which gives up when it is kept out."""
    driver = Meddled(two)
    driver.skew = skew
    try:
        return two.session(driver).sync()
    except kb.SessionBusyError:
        return None


def _comes(skew: timedelta) -> Callable[[TwoSystems, Meddled], None]:
    def happens(two: TwoSystems, runner: Meddled) -> None:
        _edit(two)
        came = _another(two, skew)
        assert came is None or runner.log[-1:] in ([], ["lease.release"]), "it was let in beside a runner at work"

    return happens


def _sleeps(time: timedelta, skew: timedelta) -> Callable[[TwoSystems, Meddled], None]:
    """The machine sleeps; meanwhile somebody edits, and another runner does all there is to do."""

    def happens(two: TwoSystems, _: Meddled) -> None:
        two.clock.pass_by(time)
        _edit(two)
        _another(two, skew)

    return happens


def _is_set(step: timedelta) -> Callable[[TwoSystems, Meddled], None]:
    def happens(two: TwoSystems, runner: Meddled) -> None:
        runner.skew += step
        _edit(two)
        _another(two, timedelta(0))

    return happens


def _interrupts(error: type[BaseException]) -> Callable[[TwoSystems, Meddled], None]:
    def happens(_: TwoSystems, __: Meddled) -> None:
        raise error

    return happens


def _stops(two: TwoSystems, runner: Meddled) -> None:
    _edit(two)
    runner.session.stop()


HAPPENINGS: dict[str, Callable[[TwoSystems, Meddled], None]] = {
    "another comes": _comes(timedelta(0)),
    "another comes, ahead": _comes(SKEW),
    "another comes, behind": _comes(-SKEW),
    "a minute's sleep": _sleeps(60 * SECOND, timedelta(0)),
    "three minutes' sleep": _sleeps(180 * SECOND, SKEW),
    "clock set on": _is_set(SKEW),
    "clock set back": _is_set(-SKEW),
    "interrupted": _interrupts(KeyboardInterrupt),
    "stopped": _stops,
}


def _play(start: TwoSystems, k: int, happens: Callable[[TwoSystems, Meddled], None]) -> str | None:
    """What is wrong in the end."""
    two = _busy(start)
    runner = Meddled(two, k, lambda me: happens(two, me))
    runner.session = session = two.session(runner)
    ended: Any = None
    try:
        ended = session.sync()
    except (kb.SessionBusyError, KeyboardInterrupt) as error:
        ended = error
    if isinstance(ended, KeyboardInterrupt) or not getattr(ended, "complete", True):
        assert _another(two, timedelta(0)) is not None, "a runner that was interrupted keeps others out"
    two.clock.pass_by(DAY)
    for _ in range(2):
        two.session().sync(full=True)
        two.clock.pass_by(DAY)
    quiet = two.session().plan(full=True).is_empty
    ours = sorted((r.first_name, r.city) for r in two.crm.contacts.state.records.values())
    theirs = sorted((r.given_name, r.addresses[0].locality) for r in two.keap.contacts.state.records.values())
    edited = "Narvik" in {city for _, city in ours}
    touched = happens == HAPPENINGS["interrupted"] or edited
    two.engine.dispose()
    if ours != theirs or [name for name, _ in ours] != sorted(NAMES) or not quiet or not touched:
        return f"{ours} and {theirs}, quiet: {quiet}"
    return None


def _failures(name: str, effects: range) -> list[str]:
    start = _begin()
    log = _rehearsed(start)
    played = {k: _play(start, k, HAPPENINGS[name]) for k in range(effects.start, len(log), effects.step)}
    start.engine.dispose()
    return [f"{k} {log[k]}: {wrong}" for k, wrong in played.items() if wrong is not None]


@pytest.mark.parametrize(
    "effects",
    [
        pytest.param(range(5, 6, 67), id="few"),
        pytest.param(range(7, 8, 29), id="some", marks=pytest.mark.thorough),
        pytest.param(range(0, 1, 1), id="each", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("name", variants(HAPPENINGS, quick=("another comes, behind",)))
def test_whatever_happens_nothing_is_made_twice_and_no_edit_is_lost(name: str, effects: range) -> None:
    assert not (found := _failures(name, effects)), "\n".join(found)


def _nobody_looks(_: Any, __: Effect) -> Flow[None]:
    yield from now()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "name", "gates"),
    [("PATCH", "a minute's sleep", [Lease]), ("POST", "three minutes' sleep", [Lease, Window])],
)
def test_without_the_gates_an_edit_is_lost_and_records_are_made_twice(
    monkeypatch: pytest.MonkeyPatch, method: str, name: str, gates: list[type]
) -> None:
    start = _begin()
    k = next(k for k, line in enumerate(_rehearsed(start)) if line.startswith(method))
    assert _play(start, k, HAPPENINGS[name]) is None
    for gate in gates:
        monkeypatch.setattr(gate, "admit", _nobody_looks)
    assert _play(start, k, HAPPENINGS[name]) is not None
    start.engine.dispose()
