"""Two emulators, clients for them and sessions between them: new ones for every test, and each held to Keap's contract.

The calls go straight into the emulators, which are served as soon as somebody asks for their address: sockets cost a
third of a run. With `--sockets`, as in the second tier, all of them go over HTTP.

What passes between the library and the Keap emulator is checked against Keap's published contract when a test ends. A
test that breaks answers on purpose asks for `broken_answers`: its requests are checked all the same.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import is_hypothesis_test, settings
from in_process import ServedCustomcrm, ServedKeap, without_sockets
from laws import FRESH
from mariadb_server import mariadb, mariadb_url
from postgresql_server import postgresql, postgresql_store, postgresql_template, postgresql_url, rows_only
from quick_stores import compiled_once, store, template
from random_habits import LAGS, habits_of_seed
from rewritten import rewrite_share

import keapbridge as kb
from keapbridge.testing import CustomcrmBehaviour, CustomcrmEmulator, KeapBehaviour, KeapEmulator, Recorded, RequestLog
from keapbridge.testing.keap._playing import played

__all__ = [
    "compiled_once",
    "mariadb",
    "mariadb_url",
    "postgresql",
    "postgresql_store",
    "postgresql_template",
    "postgresql_url",
    "rows_only",
    "store",
    "template",
]  # fixtures

SEED = "KEAPBRIDGE_TEST_SEED"
PATIENCE = kb.RetryPolicy(attempts=3, base=0.001)
MOST_CHECKED = 2  # exchanges of one form that a process holds against the contract; more would tell nothing new
TESTS = Path(__file__).parent
# Where what is asked of Keap, and answered, has been so in tests of its client, of both systems and of the engine.
NOTHING_NEW = frozenset(
    {
        *("_flow", "_io", "command", "crash", "customcrm", "customcrm_sql", "docs", "events", "store"),
        *("test_api_snippets.py", "test_demo.py", "test_secrets.py"),
    }
)
MEMORY, ROOM = "/dev/shm", 8 * 2**30  # bytes: the slow suites write a few of these
MOST_ITEMS = 6  # records of a page that are held against the contract

Json = dict[str, Any]
Sessions = Callable[..., kb.SyncSession]


def pytest_configure(config: pytest.Config) -> None:
    # Set once, before the workers of a parallel run are started, so that they all have the same.
    os.environ.setdefault(SEED, "1")
    _keep_files_in_memory()
    gc.disable()  # nothing of what is collected becomes garbage
    rewrite_share(config)


def _keep_files_in_memory() -> None:
    """Nobody waits for the disk of a store that lasts as long as a test, where there is room for it in memory."""
    with contextlib.suppress(OSError, AttributeError):  # not everywhere
        room = os.statvfs(MEMORY)
        if room.f_bavail * room.f_frsize > ROOM and os.access(MEMORY, os.W_OK):
            os.environ.setdefault("TMPDIR", MEMORY)
            tempfile.tempdir = None  # it may have been asked for already


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips", action="store_true", help="a test that is skipped fails: nothing may be missing here"
    )
    parser.addoption(
        "--sockets", action="store_true", help="every call to an emulator goes over HTTP, not only where that is tested"
    )
    parser.addoption(
        "--habits",
        choices=["known", "unknown"],
        help=f"Keap's emulator has habits drawn from ${SEED}, which its clients are told, or have to find out",
    )
    parser.addoption(
        "--every-exchange", action="store_true", help="hold each exchange with Keap to its contract, not two of a form"
    )


def pytest_collection_finish() -> None:
    # What was imported and collected stays to the end: nobody need look for garbage in it, over and over.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    if is_hypothesis_test(getattr(item, "obj", None)):
        item.add_marker("law")
    if "keap_server" in getattr(item, "fixturenames", ()) and item.path.relative_to(TESTS).parts[0] not in NOTHING_NEW:
        item.add_marker("contract")


def _is_about_promises(path: Path) -> bool:
    """Whether a test skips what is not promised; all others skip because something is missing."""
    return path.name == "test_records.py" or path.parts[-3:-1] == ("testing", "contract")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.getoption("--no-skips") and report.skipped and isinstance(report.longrepr, tuple):
        path, _, reason = report.longrepr
        if not _is_about_promises(Path(path)):
            report.outcome, report.longrepr = "failed", f"skipped, and nothing may be missing here: {reason}"
    return report


def pytest_report_header(config: pytest.Config) -> list[str]:
    seeds = [f"seed: {SEED}={os.environ[SEED]}"]
    if settings.get_current_profile_name() == FRESH:
        again = f"--hypothesis-profile={FRESH} --hypothesis-seed={config.getoption('--hypothesis-seed')}"
        seeds.append(f"laws: fresh examples, and the same once more with {again}")
    return seeds


@pytest.fixture
def rng() -> random.Random:
    """Randomness that can be had again: the seed is printed with a failure."""
    seed = os.environ[SEED]
    print(f"{SEED}={seed}")  # noqa: T201 - shown when the test fails
    return random.Random(seed)


# --- the two systems ------------------------------------------------------------------------------------------------


@pytest.fixture
def keap_behaviour() -> KeapBehaviour:
    """Parametrize it for a Keap with odd habits."""
    return KeapBehaviour()


@pytest.fixture
def crm_behaviour() -> CustomcrmBehaviour:
    """Parametrize it for a Customcrm with odd habits."""
    return CustomcrmBehaviour()


@pytest.fixture
def keap_habits(request: pytest.FixtureRequest, keap_behaviour: KeapBehaviour) -> kb.Habits | None:
    """Those of the emulator with `--habits`: drawn at random, but for what a test fixes."""
    if not request.config.getoption("--habits"):
        return None
    seed = int(os.environ[SEED])
    marks = [mark.kwargs for mark in request.node.iter_markers("habits")]
    assumed, switched = kb.Habits.assumed(), played(None, keap_behaviour)[0]
    fixed = {n: v for n in kb.Habits.fields() if (v := getattr(switched, n)) != getattr(assumed, n)}
    # Sessions of tests do not wait for what is shown late; some have several people with one address, or empty slots.
    fixed |= dict.fromkeys(LAGS, "none") | {"same_email": "second", "arrays": "replace"}
    fixed |= {name: value for kwargs in reversed(marks) for name, value in kwargs.items()}
    print(f"{SEED}={seed} --habits")  # noqa: T201 - shown when the test fails
    return habits_of_seed(seed, **fixed)


@pytest.fixture
def broken_answers() -> None:
    """Asked for by tests whose Keap answers what its contract forbids."""


@pytest.fixture
def emptied_switches() -> None:
    """Asked for by tests that empty what only has a value in Keap's contract, such as a yes or no: `null` is sent."""


@pytest.fixture(scope="session")
def closing() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Closes servers in the background: they take a fifth of a second, and nobody has to wait for it."""
    with ThreadPoolExecutor(8) as pool:
        closed: list[Future[None]] = []
        yield lambda close: closed.append(pool.submit(close))
        for future in closed:
            future.result()


@pytest.fixture
def keap_server(
    request: pytest.FixtureRequest,
    keap_behaviour: KeapBehaviour,
    keap_habits: kb.Habits | None,
    closing: Callable[[Callable[[], None]], None],
) -> Iterator[KeapEmulator]:
    server = ServedKeap(behaviour=keap_behaviour, habits=keap_habits)
    exchanges = _all_exchanges(server.requests)
    yield server
    closing(server.close)
    _hold_to_the_contract(
        exchanges,
        every=request.config.getoption("--every-exchange"),
        # A Keap that cuts texts takes what its contract forbids.
        requests=not keap_behaviour.truncate_silently,
        answers=keap_habits is None and "broken_answers" not in request.fixturenames,
        nulls=keap_habits is not None or "emptied_switches" in request.fixturenames,
    )


@pytest.fixture
def crm_server(
    crm_behaviour: CustomcrmBehaviour, closing: Callable[[Callable[[], None]], None]
) -> Iterator[CustomcrmEmulator]:
    server = ServedCustomcrm(behaviour=crm_behaviour)
    yield server
    closing(server.close)


@pytest.fixture
def sockets() -> None:
    """Asked for by tests whose `keap` and `crm` must reach their systems over HTTP: of time-outs, of connections."""


def _unserved(request: pytest.FixtureRequest, server: KeapEmulator | CustomcrmEmulator) -> str | None:
    """What is taken for the address of an emulator that needs no sockets in this test; `None` where it does."""
    if request.config.getoption("--sockets") or "sockets" in request.fixturenames:
        return None
    return server.unserved_url if isinstance(server, (ServedKeap, ServedCustomcrm)) else None


@pytest.fixture
def keap(request: pytest.FixtureRequest, keap_server: KeapEmulator) -> Iterator[kb.KeapClient]:
    url = _unserved(request, keap_server)
    auth = kb.KeapApiKey(keap_server.api_key)
    told = keap_server.habits if request.config.getoption("--habits") == "known" else None
    with kb.KeapClient(auth=auth, base_url=url or keap_server.base_url, retry=PATIENCE, habits=told) as client:
        if url is not None:
            without_sockets(client, keap_server)
        yield client


@pytest.fixture
def crm(request: pytest.FixtureRequest, crm_server: CustomcrmEmulator) -> Iterator[kb.CustomcrmClient]:
    url = _unserved(request, crm_server)
    auth = kb.BearerToken(crm_server.token)
    with kb.CustomcrmClient(url or crm_server.base_url, auth=auth, retry=PATIENCE) as client:
        if url is not None:
            without_sockets(client, crm_server)
        yield client


@pytest.fixture
def sessions(keap: kb.KeapClient, crm: kb.CustomcrmClient, store: str) -> Iterator[Sessions]:
    """Makes sessions between the two systems, by default all over the same store."""
    made: list[kb.SyncSession] = []

    def make(**options: Any) -> kb.SyncSession:
        made.append(kb.SyncSession(**{"customcrm": crm, "keap": keap, "store": store, "lag": timedelta(0), **options}))
        return made[-1]

    yield make
    for session in made:
        session.close()


# --- both of them and a session, as most tests want them ------------------------------------------------------------


@attrs.frozen
class World:
    """Both systems and the means to sync them; what a test looks at is the state of the two emulators."""

    keap: KeapEmulator
    crm: CustomcrmEmulator
    sessions: Sessions

    def sync(self, *, full: bool = False, **options: Any) -> kb.Report:
        """One run in a session of its own, as a scheduled job would do it."""
        with self.sessions(**options) as session:
            return session.sync(full=full)

    def let_time_pass(self) -> None:
        """Wait until either system stamps its next write later than all before it; they stamp ahead when in a hurry."""
        stamps = [r["UpdatedAt"] for table in self.crm.state.snapshot().values() for r in table.values()]
        stamps += [r["update_time"] for table in self.keap.state.snapshot().values() for r in table.values()]
        last = datetime.fromisoformat(max(stamps))
        while datetime.now(UTC) <= last + timedelta(milliseconds=2):
            time.sleep(0.001)

    def forget_requests(self) -> None:
        self.keap.requests.clear()
        self.crm.requests.clear()

    @property
    def writes(self) -> list[Recorded]:
        """What was written to either system."""
        return [*self.keap.requests.writes, *self.crm.requests.writes]

    def snapshot(self) -> dict[str, Any]:
        """What both systems hold."""
        return {"keap": self.keap.state.snapshot(), "customcrm": self.crm.state.snapshot()}

    def counts(self) -> dict[str, tuple[int, int]]:
        """Number of records in Customcrm and in Keap, by synchronization."""
        ours, theirs = self.crm.state, self.keap.state
        return {
            "companies": (len(ours.customers), len(theirs.companies)),
            "products": (len(ours.products), len(theirs.products)),
            "contacts": (len(ours.contacts), len(theirs.contacts)),
        }

    def assert_quiet(self, **options: Any) -> None:
        """Nothing is written by another run, nor by one that looks at everything again."""
        before = self.snapshot()
        self.forget_requests()
        with self.sessions(**options) as session:
            for full in (False, True):
                plan = session.plan(full=full)
                assert plan.is_empty, "\n".join(map(str, plan.actions))
                session.apply(plan)
                assert [(w.method, w.path, w.body) for w in self.writes] == []
        assert self.snapshot() == before


@pytest.fixture
def world(keap_server: KeapEmulator, crm_server: CustomcrmEmulator, sessions: Sessions) -> World:
    return World(keap_server, crm_server, sessions)


# --- the contract ---------------------------------------------------------------------------------------------------


def _all_exchanges(log: RequestLog) -> list[Recorded]:
    """Everything the log will see, also what the test makes it forget."""
    kept: list[Recorded] = []
    add = log.add

    def keep(item: Recorded) -> None:
        kept.append(item)
        add(item)

    log.add = keep  # type: ignore[method-assign]
    return kept


def _hold_to_the_contract(
    exchanges: list[Recorded], *, every: bool, requests: bool, answers: bool, nulls: bool
) -> None:
    import keap_contract

    if not keap_contract.AVAILABLE:
        return  # test_contract says so
    for exchange in exchanges:
        if "/v2/" not in exchange.path or _BEYOND.search(exchange.path):
            continue  # the contract is that of v2, and of some of its paths only
        form = (requests, answers, nulls, *_form(exchange))
        _checked[form] += 1
        if every or _checked[form] <= MOST_CHECKED:
            keap_contract.validate_exchange(_sampled(exchange), request=requests, answer=answers, nulls=nulls)


_BEYOND = re.compile(r"/v2/(users|leadSources|tags)\b")
_checked: Counter[tuple[Any, ...]] = Counter()


def _form(exchange: Recorded) -> tuple[Any, ...]:
    """What exchanges have in common that differ in their values only."""
    path = "/".join("…" if part.isdecimal() else part for part in exchange.path.split("/"))
    body = _shape(exchange.json) if exchange.body else None
    return exchange.method, path, exchange.status, tuple(sorted(exchange.query)), body


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((name, _shape(part)) for name, part in sorted(value.items()))
    return (
        tuple(sorted({_shape(item) for item in value}, key=repr))
        if isinstance(value, list)
        else (type(value), bool(value))
    )


def _sampled(exchange: Recorded) -> Recorded:
    """The exchange, with a few records of a long page: the first, the last, and some between."""
    if len(exchange.response_body) < 20_000:
        return exchange
    try:
        answer = json.loads(exchange.response_body)
    except ValueError:
        return exchange
    for name, value in answer.items():
        if isinstance(value, list) and len(value) > MOST_ITEMS:
            answer[name] = [*value[:: len(value) // (MOST_ITEMS - 1)], value[-1]]
    return attrs.evolve(exchange, response_body=json.dumps(answer).encode())
