"""Two runners of one session: only one is at work at a time, and what either does is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tiers import variants

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Blocking, Effect, Elapsed, Flow, Gather, Now, Send
from keapbridge.sync.lease import TERM

if TYPE_CHECKING:
    from conftest import World
    from crash.conftest import Office, Runner
    from keapbridge.store.sql import LinkStore

MANY = 100
rounds = pytest.mark.parametrize("rounds", [5, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
waiting = pytest.mark.parametrize("wait", [0.0, 60.0], ids=["give-up", "wait"])

AFTER_THE_TERM = TERM + timedelta(seconds=1)


@pytest.mark.slow
@rounds
@waiting
def test_two_processes_sync_the_same_session(
    office: Office, start: Callable[..., Runner], rounds: int, wait: float
) -> None:
    runners = [start(wait=wait) for _ in range(2)]
    assert [runner.listen() for runner in runners] == ["ready", "ready"]
    office.add(10)
    outcomes: list[str] = []
    for _ in range(rounds):
        office.add(office.rng.randint(0, 3))
        for runner in runners:
            runner.tell("changes")
        office.edit(office.rng.randint(1, 4))
        outcomes += [runner.listen() for runner in runners]
    assert set(outcomes) <= ({"done"} if wait else {"done", "busy"})
    assert outcomes.count("done") >= rounds
    assert wait or rounds < MANY or "busy" in outcomes, "they never met"
    for what in ("changes", "full"):
        runners[0].tell(what)
        assert runners[0].listen() == "done"
    office.assert_in_step()


@pytest.mark.slow
@rounds
@waiting
def test_two_threads_sync_the_same_session(office: Office, sessions: Any, rounds: int, wait: float) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(3)

    def work(session: kb.SyncSession) -> None:
        for _ in range(rounds):
            together.wait(60)
            try:
                outcomes.append("done" if session.sync(wait=wait).ok else "failed")
            except kb.SessionBusyError:
                outcomes.append("busy")
            together.wait(60)

    threads = [threading.Thread(target=work, args=(sessions(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    office.add(10)
    for _ in range(rounds):
        office.add(office.rng.randint(0, 3))
        together.wait(60)
        office.edit(office.rng.randint(1, 4))
        together.wait(60)
    for thread in threads:
        thread.join()
    assert set(outcomes) <= ({"done"} if wait else {"done", "busy"})
    assert outcomes.count("done") >= rounds
    assert wait or rounds < MANY or "busy" in outcomes, "they never met"
    for full in (False, True):
        assert sessions().sync(full=full).ok
    office.assert_in_step()


# --- leases -----------------------------------------------------------------------------------------------------------


class Watch:
    """A time of day that can be moved on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)


class StalledDriver(SyncDriver):
    """Stands still for longer than its lease lasts, once, behind the first effect of a kind; then it goes on.

    It has one thread: several requests that are on their way at that moment could not be called back by anybody.
    """

    def __init__(
        self, watch: Watch, stalls: Callable[[Effect], bool] = lambda _: False, meanwhile: Callable[[], Any] = int
    ) -> None:
        super().__init__()
        self._watch = watch
        self._stalls = stalls
        self._meanwhile = meanwhile
        self.stalled = False

    def perform(self, effect: Effect) -> Any:
        if isinstance(effect, Gather):
            return [self.run(flow) for flow in effect.flows]
        result = super().perform(effect)
        if isinstance(effect, Now):
            return result + self._watch.ahead
        if isinstance(effect, Elapsed):
            return result + self._watch.ahead.total_seconds()
        if not self.stalled and self._stalls(effect):
            self.stalled = True
            self._watch.ahead += AFTER_THE_TERM
            self._meanwhile()
        return result


def _posts(effect: Effect) -> bool:
    return isinstance(effect, Send) and effect.call.method == "POST"


def _writes_intents(effect: Effect) -> bool:
    return isinstance(effect, Blocking) and effect.label == "intents.intend"


def _stages(effect: Effect) -> bool:
    return isinstance(effect, Blocking) and effect.label == "staging.stage"


def _session(sessions: Any, driver: SyncDriver) -> kb.SyncSession:
    session: kb.SyncSession = sessions()
    session._driver = driver
    _shares(session, driver)
    return session


def _shares(session: kb.SyncSession, driver: SyncDriver) -> LinkStore:
    """The database has the driver's time of day."""
    store = session._engine.bridge.store
    store.lease.clock = lambda _: driver.perform(Now())
    return store


def test_a_lease_keeps_others_out_until_it_is_over(world: World) -> None:
    watch = Watch()
    held = _session(world.sessions, StalledDriver(watch))
    driver = held._driver
    assert driver.run(held._engine.bridge.store.lease.acquire("somebody", TERM)) is None
    another = _session(world.sessions, StalledDriver(watch))
    with pytest.raises(kb.SessionBusyError):
        another.sync()
    watch.ahead = TERM - timedelta(seconds=1)
    with pytest.raises(kb.SessionBusyError):
        another.sync()
    watch.ahead = AFTER_THE_TERM
    assert another.sync().ok


@pytest.mark.parametrize("stalls", variants([_stages, _writes_intents, _posts], quick=(_posts,)))
def test_a_runner_that_was_taken_for_dead_stops_and_has_done_no_harm(
    world: World, stalls: Callable[[Effect], bool]
) -> None:
    for n in range(12):
        world.crm.state.contacts.add({"FirstName": f"A{n}", "LastName": "L", "City": "Oslo"})
    watch = Watch()
    successor = _session(world.sessions, StalledDriver(watch))
    reports: list[kb.Report] = []
    driver = StalledDriver(watch, stalls, lambda: reports.append(successor.sync()))
    with pytest.raises(kb.SessionBusyError, match="took this session over"):
        _session(world.sessions, driver).sync()
    assert driver.stalled
    assert reports[0].ok
    world.sync()
    names = sorted(contact["given_name"] for contact in world.keap.state.contacts.values())
    assert names == sorted(f"A{n}" for n in range(12))
    assert world.sync(full=True).ok
    world.assert_quiet()


def test_a_store_whose_lease_was_taken_over_refuses_every_write(world: World) -> None:
    watch = Watch()
    driver = StalledDriver(watch)
    old, new = (_shares(world.sessions(), driver) for _ in range(2))
    assert driver.run(old.lease.acquire("old", TERM)) is None
    assert driver.run(new.lease.acquire("new", TERM)).holder == "old"
    watch.ahead = AFTER_THE_TERM
    later = driver.perform(Now())
    assert driver.run(new.lease.acquire("new", TERM)) is None
    writes: dict[str, Flow[Any]] = {
        "lease.renew": old.lease.renew("old", TERM),
        "intents.intend": old.intents.intend([]),
        "intents.drop": old.intents.drop("intent"),
        "links.settle": old.links.settle([]),
        "runs.begin": old.runs.begin("plan", "run", later),
        "runs.add_lines": old.runs.add_lines("run", []),
        "runs.finish": old.runs.finish("run", later, {}, complete=True),
        "staging.stage": old.staging.stage("contacts", kb.Side.KEAP, [], complete=True),
    }
    refused = set()
    for name, write in writes.items():
        try:
            driver.run(write)
        except kb.SessionBusyError:
            refused.add(name)
        except Exception:  # noqa: BLE001 - it got further than it should
            pass
    assert refused == writes.keys()
    driver.run(old.lease.release("old"))
    driver.run(new.lease.renew("new", TERM))  # what the old one does cannot touch the new one's lease
