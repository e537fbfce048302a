"""A run is interrupted at its effects, in every way there is: with threads, on an event loop, in a process of its own.

Nothing is written any more once it knows; what was on its way is waited for. The next run completes what is left,
makes nothing twice, and an undoing right after the interrupt restores exactly what there was.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from in_process import AtOnce, connect, straight_into, twins
from sqlalchemy import create_engine, text
from threads import assert_ended
from tiers import variants

import keapbridge as kb
from keapbridge._flow import scope as scopes
from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Blocking, Effect, Elapsed, Send
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

if TYPE_CHECKING:
    from crash.conftest import Office, Runner

POLICY = kb.Policy(conflicts={"JobTitle": "manual", "*": "newest"}, deletions="delete")
WAY = 0.0005  # seconds, so that several calls are under way at a time
DEADLINE = timedelta(hours=1)
MOMENTS = 24  # at which each way interrupts a run, beginning at another one: together they meet nearly all effects
PATIENCE = 60.0  # seconds until a test gives up
THREADS, LOOP = "threads", "loop"

Snapshot = dict[str, Counter[str]]


# --- the scene --------------------------------------------------------------------------------------------------------


@attrs.frozen
class Scene:
    """Both systems and the store between them, some time after their last sync."""

    keap: KeapEmulator
    crm: CustomcrmEmulator
    store: Path

    def copy(self, folder: Path) -> Scene:
        folder.mkdir()
        for file in self.store.parent.glob(f"{self.store.name}*"):
            shutil.copyfile(file, folder / file.name)
        return Scene(*twins(self.keap, self.crm), folder / self.store.name)

    @contextmanager
    def session(self, driver: Any = None) -> Iterator[kb.SyncSession]:
        """With a driver on its threads; without one on this thread, one call after the other, which is quicker."""
        crm = kb.CustomcrmClient(self.crm.base_url, auth=kb.BearerToken(self.crm.token))
        keap = kb.KeapClient(auth=kb.KeapApiKey(self.keap.api_key), base_url=self.keap.base_url)
        servers = ((crm, self.crm), (keap, self.keap))
        for client, server in servers:
            if driver is None:
                straight_into(client, AtOnce(server.app))
            else:
                connect(client, server.app, WAY)
        with (
            crm,
            keap,
            kb.SyncSession(customcrm=crm, keap=keap, debug=driver is None, **self._options) as session,
        ):
            _drive(session, driver)
            yield session

    async def in_loop(self, driver: Any, work: Callable[[Any], Any]) -> Any:
        crm = kb.AsyncCustomcrmClient(self.crm.base_url, auth=kb.BearerToken(self.crm.token))
        keap = kb.AsyncKeapClient(auth=kb.KeapApiKey(self.keap.api_key), base_url=self.keap.base_url)
        connect(crm, self.crm.app, WAY)
        connect(keap, self.keap.app, WAY)
        async with crm, keap, kb.AsyncSyncSession(customcrm=crm, keap=keap, **self._options) as session:
            _drive(session, driver)
            return await work(session)

    @property
    def _options(self) -> Any:
        # Nobody waits for a create whose answer was lost to show.
        return {"store": f"sqlite:///{self.store}", "policy": POLICY, "lag": timedelta(0)}

    @property
    def writes(self) -> int:
        return len(self.keap.requests.writes) + len(self.crm.requests.writes)

    def snapshot(self) -> Snapshot:
        """What both systems hold, without what differs where a record is made anew: ids and moments."""
        names: dict[Any, Any] = {None: None, 0: None}
        found: Snapshot = {}
        for side, state in (("crm", self.crm.state.snapshot()), ("keap", self.keap.state.snapshot())):
            for id, record in (state.get("customers") or state["companies"]).items():
                names[id] = names[str(id)] = record.get("Name") or record.get("company_name")
            for table, records in state.items():
                found[f"{side} {table}"] = Counter(_words(record, names) for record in records.values())
        return found

    def last_run(self) -> str | None:
        """The id of the run that began last."""
        engine = create_engine(f"sqlite:///{self.store}")
        with engine.connect() as connection:
            id = connection.execute(
                text("SELECT id FROM keapbridge_runs ORDER BY started_at DESC, rowid DESC")
            ).scalar()
        engine.dispose()
        return id

    def close(self) -> None:
        self.keap.close()
        self.crm.close()


def _drive(session: Any, driver: Any) -> None:
    if driver is not None:
        session._driver = driver
        for name in ("companies", "products", "contacts"):
            getattr(session, name)._driver = driver


_VOLATILE = {"id", "Id", "CreatedAt", "UpdatedAt", "create_time", "update_time", "ETag"}


def _words(record: Any, names: Any) -> str:
    kept = {key: value for key, value in sorted(record.items()) if key not in _VOLATILE and value not in (None, [], {})}
    if "CustomerId" in kept:
        kept["CustomerId"] = names[kept["CustomerId"]]
    if "company" in kept:
        kept["company"] = names[kept["company"].get("id")]
    return repr(kept)


def _populated(folder: Path) -> Scene:
    """Linked records of all kinds, and what users of both systems did since: all that a run can have to do."""
    scene = Scene(KeapEmulator(), CustomcrmEmulator(), folder / "bridge.db")
    ours, theirs = scene.crm.state, scene.keap.state
    oak = ours.customers.add({"Name": "Oak", "City": "Oslo"})
    ours.products.add({"Name": "Widget", "Sku": "W1", "Price": "10.00", "Currency": "USD"})
    for name in ("Uma", "Kai", "Dora", "Conny"):
        email = f"{name.lower()}@example.org"
        ours.contacts.add({"FirstName": name, "LastName": "Linked", "JobTitle": "Clerk", "Email": email})
    with scene.session() as session:
        assert session.sync().ok
    crm = {r["FirstName"]: r["Id"] for r in ours.contacts.values()}
    keap = {r["given_name"]: r["id"] for r in theirs.contacts.values()}
    ours.customers.edit(oak, City="Bergen")
    ours.contacts.edit(crm["Uma"], JobTitle="Chief", CustomerId=oak)
    theirs.contacts.edit(keap["Kai"], family_name="Edited", middle_name="M.")
    ours.contacts.edit(crm["Conny"], JobTitle="Analyst")
    theirs.contacts.edit(keap["Conny"], job_title="Engineer")
    ours.contacts.delete(crm["Dora"])
    new = ours.customers.add({"Name": "Newco", "City": "Lund"})
    ours.contacts.add({"FirstName": "Nina", "LastName": "New", "Email": "nina@example.org", "CustomerId": new})
    ours.contacts.add({"FirstName": "Noa", "LastName": "Nomail", "City": "Malmö", "Country": "SE"})
    theirs.contacts.add({"given_name": "Kim", "email_addresses": [{"email": "kim@example.org", "field": "EMAIL1"}]})
    ours.contacts.add({"FirstName": "Ada", "LastName": "Both", "Email": "ada@example.org", "MiddleName": "K."})
    theirs.contacts.add({"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]})
    return scene


NAMES = ["Ada", "Conny", "Kai", "Kim", "Nina", "Noa", "Uma"]
COMPANIES = ["Newco", "Oak"]


# --- operations -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Operation:
    """Something that a session does, and what was done before.

    Attributes:
        prepare: answers what `begin` is told.
        begin: begins it, for a session of either kind; with a deadline where it takes one.
    """

    prepare: Callable[[kb.SyncSession], Any]
    begin: Callable[[Any, Any, dict[str, Any]], Any]
    has_deadline: bool = True


def _conflict(session: kb.SyncSession) -> Any:
    session.plan()
    [conflict] = session.conflicts()
    return conflict


OPERATIONS = {
    "sync": Operation(lambda _: None, lambda session, _, options: session.sync(**options)),
    "apply": Operation(lambda s: s.plan().id, lambda session, plan, options: session.apply(plan, **options)),
    "undo": Operation(lambda s: s.sync().run_id, lambda session, run, options: session.undo(run, **options)),
    "resolve": Operation(
        _conflict, lambda session, conflict, _: session.resolve(conflict, value="Decided"), has_deadline=False
    ),
}


# --- drivers ----------------------------------------------------------------------------------------------------------


class Cut:
    """Interrupts a run at one of its effects.

    Attributes:
        number: of effects so far.
        known: whether the run knows that it is interrupted.
        admitted: the writes that were let through.
        late: those of them that were let through although it was known.
    """

    def __init__(self, at: int | None, way: Way) -> None:
        self.at, self.way = at, way
        self.number = 0
        self.known = False
        self.fired = False
        self.ahead = 0.0
        self.session: Any = None
        self.task: Any = None
        self.admitted: list[str] = []
        self.late: list[str] = []
        self._lock = threading.Lock()

    def is_due(self, effect: Effect) -> bool:
        if not isinstance(effect, (Send, Blocking)):
            return False
        with self._lock:
            self.number += 1
            due = self.number - 1 == self.at
        self.fired = self.fired or due
        return due

    def note(self, effect: Effect, known: bool) -> None:
        if isinstance(effect, Send) and effect.call.method != "GET":
            with self._lock:
                self.admitted.append(f"{effect.call.method} {effect.call.path}")
                if known:
                    self.late.append(self.admitted[-1])


class CutSyncDriver(SyncDriver):
    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    def perform(self, effect: Effect) -> Any:
        due = self.cut.is_due(effect)
        if due and not self.cut.way.after:
            self.cut.way.happens(self.cut)
        try:
            result = super().perform(effect)
        finally:  # an answer that is an error is lost as well
            if due and self.cut.way.after:
                self.cut.way.happens(self.cut)
        return result + self.cut.ahead if isinstance(effect, Elapsed) else result

    def _admit(self, effect: Effect) -> None:
        known = self.cut.known
        super()._admit(effect)
        self.cut.note(effect, known)


class CutAsyncDriver(AsyncDriver):
    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut = cut

    async def perform(self, effect: Effect) -> Any:
        due = self.cut.is_due(effect)
        if due and not self.cut.way.after:
            self.cut.way.happens(self.cut)
        try:
            result = await super().perform(effect)
        finally:  # an answer that is an error is lost as well
            if due and self.cut.way.after:
                self.cut.way.happens(self.cut)
        return result + self.cut.ahead if isinstance(effect, Elapsed) else result

    async def _admit(self, effect: Effect) -> None:
        known = self.cut.known
        await super()._admit(effect)
        self.cut.note(effect, known)


# --- ways -------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Way:
    """A way to interrupt a run.

    Attributes:
        happens: does it.
        raises: what reaches the caller; nothing where the report does.
        after: after the effect, so that what it answered is lost; not before.
    """

    happens: Callable[[Cut], None]
    raises: type[BaseException] | None = None
    after: bool = False


def _control_c(cut: Cut) -> None:
    if threading.current_thread() is threading.main_thread():
        cut.known = True
        raise KeyboardInterrupt
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)
    scope = scopes.current.get()
    end = time.monotonic() + PATIENCE
    while scope is not None and scope.task.halted is None and time.monotonic() < end:
        time.sleep(0.0002)  # until the thread that waits has learnt of it
    cut.known = True


def _stop(cut: Cut) -> None:
    cut.session.stop()
    cut.known = True


def _time_is_up(cut: Cut) -> None:
    cut.ahead = 2 * DEADLINE.total_seconds()
    cut.known = True


def _soon_known(cut: Cut) -> None:
    """The tasks of a group learn of it one after the other, as the loop comes round to them."""
    loop = asyncio.get_running_loop()

    def wait(rounds: int) -> None:
        if rounds:
            loop.call_soon(wait, rounds - 1)
        else:
            cut.known = True

    wait(3)


def _cancel(cut: Cut) -> None:
    cut.task.cancel()
    _soon_known(cut)


def _signal_to_the_loop(cut: Cut) -> None:
    signal.raise_signal(signal.SIGINT)  # `asyncio.run` makes a cancellation of it
    _soon_known(cut)


WAYS: dict[str, dict[str, Way]] = {
    THREADS: {
        "Ctrl-C": Way(_control_c, KeyboardInterrupt),
        "Ctrl-C after it": Way(_control_c, KeyboardInterrupt, after=True),
        "stop": Way(_stop),
        "deadline": Way(_time_is_up),
    },
    LOOP: {
        "cancelled": Way(_cancel, asyncio.CancelledError),
        "cancelled after it": Way(_cancel, asyncio.CancelledError, after=True),
        "Ctrl-C": Way(_signal_to_the_loop, KeyboardInterrupt),
        "stop": Way(_stop),
        "deadline": Way(_time_is_up),
    },
}
CASES = [
    (operation, kind, way)
    for operation, kind in itertools.product(OPERATIONS, WAYS)
    for way in WAYS[kind]
    if way != "deadline" or OPERATIONS[operation].has_deadline
]


# --- playing ----------------------------------------------------------------------------------------------------------


def _run(scene: Scene, kind: str, operation: Operation, given: Any, cut: Cut) -> BaseException | kb.Report:
    options = {"deadline": DEADLINE} if operation.has_deadline else {}
    try:
        if kind == THREADS:
            with scene.session(CutSyncDriver(cut)) as session:
                cut.session = session
                return operation.begin(session, given, options)  # type: ignore[no-any-return]

        async def work(session: Any) -> Any:
            cut.session, cut.task = session, asyncio.current_task()
            return await operation.begin(session, given, options)

        with asyncio.Runner() as loop:
            return loop.run(scene.in_loop(CutAsyncDriver(cut), work))  # type: ignore[no-any-return]
    except (KeyboardInterrupt, asyncio.CancelledError) as interrupt:
        return interrupt


@attrs.frozen
class Played:
    """A scene in which an operation is about to begin, and what there was before it."""

    scene: Scene
    given: Any
    before: Snapshot
    original: Snapshot
    effects: int

    def play(self, name: str, kind: str, way: Way, at: int, folder: Path, *, undo: bool) -> None:
        scene = self.scene.copy(folder)
        cut = Cut(at, way)
        last = scene.last_run()
        ended = _run(scene, kind, OPERATIONS[name], self.given, cut)
        self._look_at_the_end(scene, cut, way, ended)
        with scene.session() as session:
            if undo:
                run = self.given if name == "undo" else scene.last_run()
                if run is not None and (name == "undo" or run != last):
                    report = session.undo(run)
                    assert report.complete, report
                    assert report.ok, report
                restored, wanted = scene.snapshot(), self.original if name == "undo" else self.before
                assert not (different := _difference(wanted, restored)), different
            else:
                report = session.sync()
                assert report.ok, list(report.lines)
                plan = session.plan(full=True)
                assert plan.is_empty, [*plan.actions]
                if name != "undo":
                    self._assert_one_of_each(scene, decided=name == "resolve")
        scene.close()

    def _look_at_the_end(self, scene: Scene, cut: Cut, way: Way, ended: Any) -> None:
        assert_ended("keapbridge_")
        assert cut.late == [], "it was written after the run knew"
        assert scene.writes == len(cut.admitted), "something was sent without having been let through"
        if not cut.fired:
            assert ended.complete
        elif way.raises is not None:
            assert isinstance(ended, way.raises), ended
        else:
            assert isinstance(ended, kb.Report), ended

    def _assert_one_of_each(self, scene: Scene, *, decided: bool) -> None:
        ours, theirs = scene.crm.state, scene.keap.state
        names = sorted(r["FirstName"] for r in ours.contacts.values())
        assert (names, sorted(r["given_name"] for r in theirs.contacts.values())) == (NAMES, NAMES)
        companies = sorted(r["Name"] for r in ours.customers.values())
        assert (companies, sorted(r["company_name"] for r in theirs.companies.values())) == (COMPANIES, COMPANIES)
        crm = {r["FirstName"]: r for r in ours.contacts.values()}
        keap = {r["given_name"]: r for r in theirs.contacts.values()}
        titles = {name: (crm[name]["JobTitle"], keap[name].get("job_title")) for name in ("Uma", "Conny")}
        assert titles["Uma"] == ("Chief", "Chief")
        assert titles["Conny"] == ("Analyst", "Engineer") or (decided and titles["Conny"] == ("Decided", "Decided"))
        assert (crm["Kai"]["LastName"], crm["Kai"]["MiddleName"]) == ("Edited", "M.")
        assert [k["middle_name"] for k in (keap["Ada"], keap["Kai"])] == ["K.", "M."]


def _difference(wanted: Snapshot, found: Snapshot) -> str:
    lines = [f"{table}: - {x}" for table in wanted for x in wanted[table] - found[table]]
    return "\n".join([*lines, *(f"{table}: + {x}" for table in wanted for x in found[table] - wanted[table])])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Played]]:
    """Scenes for each operation, as far as they are needed; all from one."""
    folder = tmp_path_factory.mktemp("scenes")
    made: dict[tuple[str, str], Played] = {}
    first: list[Scene] = []

    def get(name: str, kind: str) -> Played:
        if not first:
            first.append(_populated(folder))
        if (name, kind) not in made:
            scene = first[0].copy(folder / f"{name} {kind}")
            original = scene.snapshot()
            with scene.session() as session:
                given = OPERATIONS[name].prepare(session)
            scene.keap.requests.clear()
            scene.crm.requests.clear()
            rehearsal = scene.copy(folder / f"{name} {kind} rehearsal")
            cut = Cut(None, Way(_stop))
            report = _run(rehearsal, kind, OPERATIONS[name], given, cut)
            assert isinstance(report, kb.Report), report
            assert report.ok, list(report.lines)
            rehearsal.close()
            made[name, kind] = Played(scene, given, scene.snapshot(), original, cut.number)
        return made[name, kind]

    yield get
    for each in made.values():
        each.scene.close()
    for scene in first:
        scene.close()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises `KeyboardInterrupt`, also where the tests were started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _failures(
    played: Callable[[str, str], Played], case: tuple[str, str, str], folder: Path, effects: Callable[[int], range]
) -> list[str]:
    name, kind, way = case
    found: list[str] = []
    scene = played(name, kind)
    for number, at in enumerate(effects(scene.effects)):
        undo = number % 2 == 1
        try:
            scene.play(name, kind, WAYS[kind][way], at, folder / str(at), undo=undo)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - all of them are reported together
            found.append(f"{at} of {scene.effects}, then {'undo' if undo else 'sync'}: {type(error).__name__}: {error}")
        shutil.rmtree(folder / str(at))
    return found


def _name(case: tuple[str, str, str]) -> str:
    return ", ".join(case)


QUICK = (("sync", THREADS, "Ctrl-C"),)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("case", variants(CASES, quick=QUICK), ids=_name)
def test_a_run_interrupted_at_some_effects_is_finished_by_the_next_or_taken_back(
    played: Callable[[str, str], Played], case: tuple[str, str, str], tmp_path: Path
) -> None:
    failures = _failures(played, case, tmp_path, lambda number: range(number // 2, number, 1 + number // 3))
    assert not failures, f"{len(failures)}\n" + "\n".join(failures)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("case", CASES, ids=_name)
def test_a_run_interrupted_at_every_nth_effect_is_finished_by_the_next_or_taken_back(
    played: Callable[[str, str], Played], case: tuple[str, str, str], tmp_path: Path
) -> None:
    ways = [(kind, way) for kind in WAYS for way in WAYS[kind]]

    def shared_out(number: int) -> range:
        stride = -(-number // MOMENTS)
        return range(ways.index(case[1:]) * stride // len(ways), number, stride)

    failures = _failures(played, case, tmp_path, shared_out)
    assert not failures, f"{len(failures)}\n" + "\n".join(failures)


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("number", [1, 20])
@pytest.mark.parametrize(("sent", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped")], ids=str)
def test_a_process_that_gets_a_signal_writes_nothing_more_and_the_next_one_goes_on(
    office: Office, start: Callable[..., Runner], sent: signal.Signals, word: str, number: int
) -> None:
    for n in range(40):
        office._add_to_customcrm("contact", f"R{n}")
    runner = start()
    assert runner.listen() == "ready"
    runner.tell("changes")
    end = time.monotonic() + 60
    while _written(office) < number and time.monotonic() < end:
        time.sleep(0.001)
    runner.process.send_signal(sent)
    assert runner.listen() == word
    written = _written(office)
    assert number <= written < 40
    other = start()  # at once: nobody keeps it waiting
    assert other.listen() == "ready"
    assert _written(office) == written
    for what in ("changes", "full"):
        other.tell(what)
        assert other.listen() == "done"
    office.assert_in_step()


@pytest.mark.thorough
@pytest.mark.parametrize(("sent", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped")], ids=str)
def test_a_process_that_gets_a_signal_at_every_nth_effect_leaves_all_to_the_next(
    office: Office, start: Callable[..., Runner], sent: signal.Signals, word: str
) -> None:
    runner, other = start(), start()
    assert (runner.listen(), other.listen()) == ("ready", "ready")
    said = set()
    for at in range(0, 200, 12):
        office.add(4)
        office.edit(3)
        runner.tell(f"changes {sent.value} {at}")
        said.add(runner.listen())
        other.tell("changes")  # at once: nobody keeps it waiting
        assert other.listen() == "done", at
    assert word in said <= {word, "done"}
    for what in ("changes", "full"):
        other.tell(what)
        assert other.listen() == "done"
    office.assert_in_step()


def _written(office: Office) -> int:
    return len(office.keap.requests.writes) + len(office.crm.requests.writes)
