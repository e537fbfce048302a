"""Crash safety by enumeration: a run is stopped at each single effect, and another one, knowing nothing, goes on.

The driver below counts the requests and the store's transactions of a run and stops the world before or after the k-th:
a request that was performed but whose answer nobody saw, a transaction that was committed but not acted upon. What is
left is what a dead process leaves: both systems, the file of the store, a lease that nobody will release. Users go on
editing; then a fresh session over the same file runs to the end, and both systems are compared, record by record.

The clock belongs to the test, so that the dead process's lease is over when the next one starts.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from copied_stores import CopiedStore, FileStore, PostgresqlStore
from in_process import InProcess, straight_into, twins
from stopping import Clock, CountingDriver, KilledError, shares
from tiers import variants

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Blocking, Effect
from keapbridge.sync.lease import TERM
from keapbridge.testing import CustomcrmEmulator, KeapBehaviour, KeapEmulator

STRIDE = 613  # without the full enumeration, every so many-th effect is enough to notice what has broken
SOON = TERM + timedelta(seconds=1)  # as soon as the lease is over: changes of before are listed again
LATER = timedelta(days=1)  # long after what is listed again by default
CERTAIN = timedelta(minutes=2)  # by then it is known what was not made: sent within `lag`, and shown within `lag`

POLICY = kb.Policy(conflicts={"JobTitle": "manual", "*": "newest"}, deletions="delete")
ODD_KEAP = KeapBehaviour(truncate_silently=True, reformat_phones=True)


# --- the world that is stopped ----------------------------------------------------------------------------------------


@attrs.frozen
class World:
    """Both systems, the store and the clock."""

    clock: Clock
    keap: KeapEmulator
    crm: CustomcrmEmulator
    store: CopiedStore
    loop: asyncio.Runner = attrs.field(factory=asyncio.Runner)

    @contextmanager
    def session(self, driver: SyncDriver) -> Iterator[kb.SyncSession]:
        """What one process has: clients, session and store of its own."""
        crm = kb.CustomcrmClient(self.crm.base_url, auth=kb.BearerToken(self.crm.token))
        keap = kb.KeapClient(auth=kb.KeapApiKey(self.keap.api_key), base_url=self.keap.base_url)
        for client, app in ((crm, self.crm.app), (keap, self.keap.app)):
            straight_into(client, InProcess(app, self.loop))
        with (
            crm,
            keap,
            kb.SyncSession(customcrm=crm, keap=keap, store=self.store.url, policy=POLICY) as session,
        ):
            session._driver = driver
            shares(session._engine.bridge.store, self.clock)
            yield session

    def sync(self, *, full: bool, driver: CountingDriver | None = None) -> kb.Report:
        with self.session(driver or CountingDriver(self.clock)) as session:
            return session.sync(full=full)

    @property
    def writes(self) -> list[tuple[str, str, bytes]]:
        return [(w.method, w.path, w.body) for w in (*self.keap.requests.writes, *self.crm.requests.writes)]

    def forget_requests(self) -> None:
        self.keap.requests.clear()
        self.crm.requests.clear()

    def copy(self, folder: Path) -> World:
        """The same world once more, to be stopped at another moment."""
        clock = Clock(self.clock.moment)
        keap, crm = twins(self.keap, self.crm, clock)
        return World(clock, keap, crm, self.store.copy(folder))

    def close(self) -> None:
        self.store.drop()
        self.keap.close()
        self.crm.close()
        self.loop.close()


# --- the scenario ---------------------------------------------------------------------------------------------------

LONG = "von " + "Longenough" * 6  # more than Keap holds of a family name
LONG_NOTE = ("Notes " * 20).strip()


def _email(address: str, slot: str = "EMAIL1") -> dict[str, str]:
    return {"email": address, "field": slot}


def _populate(world: World, *, full: bool) -> None:
    """Linked records, synced some days ago; then what users of both systems did since."""
    ours, theirs = world.crm.state, world.keap.state
    for name in ("Oak", "Birch"):
        ours.customers.add({"Name": name, "City": "Oslo", "Country": "NO"})
    theirs.companies.add({"company_name": "Elm", "address": {"locality": "Oslo", "country_code": "NOR"}})
    ours.products.add({"Name": "Widget", "Sku": "W1", "Price": "10.00", "Currency": "USD"})
    theirs.products.add({"name": "Gadget", "sku": "G1", "price": 2000, "short_description": "A gadget"})
    for name in ("Uma", "Kai", "Both", "Conny", "Newton", "Dora", "Delia"):
        ours.contacts.add(
            {"FirstName": name, "LastName": "Linked", "JobTitle": "Clerk", "Email": f"{name.lower()}@example.org"}
        )
    assert world.sync(full=False).ok
    world.clock.pass_by(LATER)

    # Updates in both directions, and one pair with edits of different fields on both sides.
    crm_id = {name: _crm(world, table, name)["Id"] for table, name in _ALL_LINKED}
    keap_id = {name: _keap(world, table, name)["id"] for table, name in _ALL_LINKED}
    ours.customers.edit(crm_id["Oak"], City="Bergen")
    theirs.companies.edit(keap_id["Birch"], notes="A note of Keap")
    theirs.companies.edit(keap_id["Elm"], notes="Another note")
    ours.products.edit(crm_id["Widget"], Price="12.50")
    theirs.products.edit(keap_id["Gadget"], description="Described in Keap")
    ours.contacts.edit(crm_id["Uma"], JobTitle="Chief")
    theirs.contacts.edit(keap_id["Kai"], family_name="Edited")
    ours.contacts.edit(crm_id["Both"], JobTitle="Ours")
    theirs.contacts.edit(keap_id["Both"], middle_name="Theirs")
    # One conflict that waits, one that the time stamps decide.
    ours.contacts.edit(crm_id["Conny"], JobTitle="Analyst", MiddleName="Flows")
    theirs.contacts.edit(keap_id["Conny"], job_title="Engineer")
    ours.contacts.edit(crm_id["Newton"], LastName="Earlier")
    world.clock.pass_by(timedelta(seconds=1))
    theirs.contacts.edit(keap_id["Newton"], family_name="Newer")
    # Deletions; what was deleted in Keap shows in a complete scan only.
    ours.contacts.delete(crm_id["Dora"])
    if full:
        theirs.contacts.delete(keap_id["Delia"])

    # Creates in both directions: with and without e-mail, contacts of companies that are new themselves, and values
    # of which the other side stores another form.
    newco = ours.customers.add({"Name": "Newco", "City": "Lund", "Country": "SE", "Description": LONG_NOTE})
    ours.contacts.add({"FirstName": "Nina", "LastName": "New", "Email": "nina@example.org", "CustomerId": newco})
    ours.contacts.add({"FirstName": "Nomail", "LastName": LONG, "Phone": "+1 602-555-0143", "Country": "US"})
    ours.contacts.add({"FirstName": "Nocountry", "LastName": "New", "Phone": "+1 602 555 0177"})
    ours.contacts.add({"FirstName": "Noreach", "LastName": "Nameonly", "City": "Malmö", "CustomerId": newco})
    ours.contacts.add({"FirstName": "Nophone", "LastName": LONG, "City": "Gävle"})
    ours.products.add({"Name": "Novum", "Price": "3.50", "Currency": "USD"})
    ours.products.add({"Name": "Nova", "Sku": "N1", "Price": "4.50", "Currency": "USD", "Description": "New"})
    keapco = theirs.companies.add({"company_name": "Keapco", "address": {"locality": "Paris", "country_code": "FRA"}})
    theirs.contacts.add(
        {"given_name": "Kim", "email_addresses": [_email("kim@example.org")], "company": {"id": keapco}}
    )
    theirs.contacts.add(
        {
            "given_name": "Kasper",
            "family_name": "Quiet",
            "phone_numbers": [{"number": "(602) 555-0188", "field": "PHONE1"}],
            "addresses": [{"field": "BILLING", "country_code": "USA", "locality": "Tempe"}],
        }
    )
    theirs.products.add({"name": "Kappa", "price": 700, "short_description": "From Keap", "active": True})

    # Records that both systems have, with differences.
    ours.customers.add({"Name": "Acme", "City": "Turku"})
    theirs.companies.add({"company_name": "Acme", "notes": "Known to Keap"})
    ours.products.add({"Name": "Alpha", "Sku": "A1", "Price": "5.00", "Currency": "USD", "Description": "Ours"})
    theirs.products.add({"name": "Alpha", "sku": "A1", "price": 500, "short_description": "Keap's"})
    ours.contacts.add({"FirstName": "Ada", "LastName": "Older", "Email": "ada@example.org", "JobTitle": "Countess"})
    world.clock.pass_by(timedelta(seconds=1))
    theirs.contacts.add(
        {
            "given_name": "Ada",
            "family_name": "Newer",
            "email_addresses": [_email("ada@example.org"), _email("ada.two@example.org", "EMAIL2")],
        }
    )


_ALL_LINKED = [
    *(("customers", name) for name in ("Oak", "Birch", "Elm")),
    *(("products", name) for name in ("Widget", "Gadget")),
    *(("contacts", name) for name in ("Uma", "Kai", "Both", "Conny", "Newton", "Dora", "Delia")),
]
_KEAP_TABLE = {"customers": "companies", "products": "products", "contacts": "contacts"}
_KEAP_NAME = {"customers": "company_name", "products": "name", "contacts": "given_name"}
_CRM_NAME = {"customers": "Name", "products": "Name", "contacts": "FirstName"}


def _crm(world: World, table: str, name: str) -> dict[str, Any]:
    record: dict[str, Any]
    [record] = [r for r in getattr(world.crm.state, table).values() if r[_CRM_NAME[table]] == name]
    return record


def _keap(world: World, table: str, name: str) -> dict[str, Any]:
    records = getattr(world.keap.state, _KEAP_TABLE[table]).values()
    record: dict[str, Any]
    [record] = [r for r in records if r[_KEAP_NAME[table]] == name]
    return record


def _edit_meanwhile(world: World) -> list[tuple[str, str, str, Any]]:
    """What users do between the crash and the next run; answers what must be in both systems in the end."""
    edits: list[tuple[str, str, str, Any]] = []
    for table, name, field, value in (
        ("contacts", "Uma", "Website", "https://uma.example.org"),
        ("contacts", "Nina", "JobTitle", "Novice"),  # its counterpart may be half made
        ("contacts", "Nomail", "FirstName", "Nomail"),  # saved without any change
        ("contacts", "Nophone", "JobTitle", "Listener"),
        ("customers", "Newco", "City", "Kiruna"),
        ("customers", "Newco", "Description", None),  # cleared: not to come back from the other side
        ("contacts", "Nina", "LastName", None),
        ("products", "Novum", "Price", "3.75"),
    ):
        getattr(world.crm.state, table).edit(_crm(world, table, name)["Id"], **{field: value})
        edits.append((table, name, field, value))
    for table, name, theirs, ours, value in (
        ("contacts", "Kai", "job_title", "JobTitle", "Edited in Keap"),
        ("contacts", "Kasper", "middle_name", "MiddleName", "K."),  # its counterpart may be half made
        ("contacts", "Nomail", "middle_name", "MiddleName", "Nowhere"),  # if it is there by now
        ("contacts", "Noreach", "job_title", "JobTitle", "Noted"),
        ("contacts", "Ada", "middle_name", "MiddleName", "King"),
        ("customers", "Keapco", "notes", "Description", "Noted in Keap"),
        ("products", "Kappa", "description", "Description", "Described meanwhile"),
        ("products", "Nova", "description", "Description", "Changed in Keap"),  # what the create wrote itself
    ):
        records = getattr(world.keap.state, _KEAP_TABLE[table])
        for id_, record in records.items():
            if record[_KEAP_NAME[table]] == name:
                records.edit(id_, **{theirs: value})
                edits.append((table, name, ours, value))
    return edits


# --- what must be true in the end -------------------------------------------------------------------------------------


def _digits(number: str | None) -> str | None:
    """A phone number of the United States, without the prefix and without punctuation."""
    return "".join(c for c in number if c.isdigit())[-10:] if number else None


def _slot(record: dict[str, Any], array: str, slot: str, name: str) -> Any:
    return next((item.get(name) for item in record.get(array) or () if item["field"] == slot), None)


_Comparable = tuple[str, Callable[[dict[str, Any]], Any], Callable[[dict[str, Any]], Any]]
_COMPARED: dict[str, tuple[_Comparable, ...]] = {
    "customers": (
        ("City", lambda c: c["City"], lambda k: (k.get("address") or {}).get("locality")),
        ("Description", lambda c: c["Description"], lambda k: k.get("notes")),
    ),
    "products": (
        ("Sku", lambda c: c["Sku"], lambda k: k.get("sku")),
        ("Price", lambda c: round(float(c["Price"]) * 100), lambda k: k["price"]["amount"]),
        ("Description", lambda c: c["Description"], lambda k: k.get("description")),
    ),
    "contacts": (
        ("LastName", lambda c: (c["LastName"] or "")[:40], lambda k: k.get("family_name") or ""),
        ("MiddleName", lambda c: c["MiddleName"], lambda k: k.get("middle_name")),
        ("JobTitle", lambda c: c["JobTitle"], lambda k: k.get("job_title")),
        ("Website", lambda c: c["Website"], lambda k: k.get("website")),
        ("City", lambda c: c["City"], lambda k: _slot(k, "addresses", "BILLING", "locality")),
        ("Email", lambda c: c["Email"], lambda k: _slot(k, "email_addresses", "EMAIL1", "email")),
        ("Email2", lambda c: c["Email2"], lambda k: _slot(k, "email_addresses", "EMAIL2", "email")),
        ("Phone", lambda c: _digits(c["Phone"]), lambda k: _digits(_slot(k, "phone_numbers", "PHONE1", "number"))),
    ),
}

_NAMES = {
    "customers": {"Oak", "Birch", "Elm", "Newco", "Keapco", "Acme"},
    "products": {"Widget", "Gadget", "Novum", "Nova", "Kappa", "Alpha"},
    "contacts": {"Uma", "Kai", "Both", "Conny", "Newton", "Delia", "Ada"}
    | {"Nina", "Nomail", "Nocountry", "Noreach", "Nophone", "Kim", "Kasper"},
}
_EDITED_BEFORE: list[tuple[str, str, str, Any]] = [
    ("customers", "Oak", "City", "Bergen"),
    ("customers", "Birch", "Description", "A note of Keap"),
    ("customers", "Elm", "Description", "Another note"),
    ("customers", "Acme", "City", "Turku"),
    ("customers", "Acme", "Description", "Known to Keap"),
    ("products", "Widget", "Price", "12.50"),
    ("products", "Gadget", "Description", "Described in Keap"),
    ("products", "Alpha", "Description", "Ours"),
    ("contacts", "Uma", "JobTitle", "Chief"),
    ("contacts", "Kai", "LastName", "Edited"),
    ("contacts", "Both", "JobTitle", "Ours"),
    ("contacts", "Both", "MiddleName", "Theirs"),
    ("contacts", "Conny", "MiddleName", "Flows"),
    ("contacts", "Newton", "LastName", "Newer"),
    ("contacts", "Ada", "LastName", "Newer"),
    ("contacts", "Ada", "Email2", "ada.two@example.org"),
    ("contacts", "Nomail", "LastName", LONG),
    ("contacts", "Nomail", "Phone", "+1 602-555-0143"),
    ("contacts", "Nophone", "LastName", LONG),
]
_COMPANY_OF = {"Nina": "Newco", "Noreach": "Newco", "Kim": "Keapco"}
_WAITING = ("Conny", "JobTitle")


def _assert_in_step(world: World, edits: list[tuple[str, str, str, Any]], *, full: bool) -> None:
    """Every record has exactly one counterpart that holds the same, and no edit was lost."""
    for table, expected in _NAMES.items():
        names = expected - {"Delia"} if full else expected
        crm = [r[_CRM_NAME[table]] for r in getattr(world.crm.state, table).values()]
        keap = [r[_KEAP_NAME[table]] for r in getattr(world.keap.state, _KEAP_TABLE[table]).values()]
        assert (sorted(crm), sorted(keap)) == (sorted(names), sorted(names)), f"{table}: {crm} {keap}"
        differences = [
            (name, field, ours(_crm(world, table, name)), theirs(_keap(world, table, name)))
            for name in names
            for field, ours, theirs in _COMPARED[table]
            if (name, field) != _WAITING and ours(_crm(world, table, name)) != theirs(_keap(world, table, name))
        ]
        assert not differences, f"{table}: {differences}"
    wanted = {(table, name, field): value for table, name, field, value in (*_EDITED_BEFORE, *edits)}
    held = {(table, name, field): _crm(world, table, name)[field] for table, name, field in wanted}
    assert held == wanted
    waiting = (_crm(world, "contacts", "Conny")["JobTitle"], _keap(world, "contacts", "Conny")["job_title"])
    assert waiting == ("Analyst", "Engineer")
    for name, company in _COMPANY_OF.items():
        assert _crm(world, "contacts", name)["CustomerId"] == _crm(world, "customers", company)["Id"]
        assert _keap(world, "contacts", name)["company"]["id"] == _keap(world, "customers", company)["id"]


def _assert_linked(world: World, session: kb.SyncSession, *, full: bool) -> None:
    for table, expected in _NAMES.items():
        names = expected - {"Delia"} if full else expected
        links = {(link.customcrm_id, link.keap_id) for link in getattr(session, _KEAP_TABLE[table]).links()}
        assert links == {(_crm(world, table, n)["Id"], _keap(world, table, n)["id"]) for n in names}, table
        assert SyncDriver().run(session._engine.bridge.store.intents.open(_KEAP_TABLE[table])) == [], table
    assert [(c.object, c.field) for c in session.conflicts()] == [("contacts", "JobTitle")]


def _is_any_uncertain(world: World) -> bool:
    """Whether creates may have been sent that are not shown yet: their records wait."""
    with world.session(CountingDriver(world.clock)) as session:
        intents = session._engine.bridge.store.intents
        return any(SyncDriver().run(intents.open(name)) for name in _KEAP_TABLE.values())


def _finish(world: World, gap: timedelta, *, full: bool) -> None:
    """What happens after a crash, and what must be true then."""
    world.clock.pass_by(gap)
    edits = _edit_meanwhile(world)
    report = world.sync(full=full)
    assert report.ok, "\n".join(str(line) for line in report.lines if line.outcome == "failed")
    if _is_any_uncertain(world):
        world.clock.pass_by(CERTAIN)
        assert world.sync(full=full).ok
    _assert_in_step(world, edits, full=full)
    world.clock.pass_by(gap)
    world.forget_requests()
    world.sync(full=True)
    assert world.writes == []
    with world.session(CountingDriver(world.clock)) as session:
        _assert_linked(world, session, full=full)


# --- the tests ------------------------------------------------------------------------------------------------------


@attrs.frozen
class Scene:
    """A world that waits for the run that is going to be stopped, and the effects which that run has."""

    world: World
    full: bool
    side_by_side: bool
    effects: list[str]


@contextmanager
def _scene(store: CopiedStore, folder: Path, *, full: bool, side_by_side: bool) -> Iterator[Scene]:
    clock = Clock(datetime(2026, 3, 1, tzinfo=UTC))
    world = World(clock, KeapEmulator(clock=clock, behaviour=ODD_KEAP), CustomcrmEmulator(clock=clock), store)
    _populate(world, full=full)
    rehearsal = world.copy(folder)
    driver = CountingDriver(rehearsal.clock, side_by_side=side_by_side)
    report = rehearsal.sync(full=full, driver=driver)
    assert report.ok
    rehearsal.close()
    yield Scene(world, full, side_by_side, driver.log)
    world.close()


@pytest.fixture(
    scope="module",
    params=variants(itertools.product((False, True), (False, True)), quick=[(False, True)]),
    ids=lambda p: f"{'full' if p[0] else 'changes'}-{'side_by_side' if p[1] else 'in_order'}",
)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    full, side_by_side = request.param
    folder = tmp_path_factory.mktemp("scene")
    (folder / "rehearsal").mkdir()
    store = FileStore(folder / "bridge.db")
    with _scene(store, folder / "rehearsal", full=full, side_by_side=side_by_side) as found:
        yield found


@pytest.fixture(scope="module")
def postgresql_scene(
    postgresql: str, postgresql_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    store = PostgresqlStore(postgresql, postgresql_template).copy()
    with _scene(store, tmp_path_factory.mktemp("scene"), full=True, side_by_side=True) as found:
        yield found


def _crash_and_finish(scene: Scene, k: int, folder: Path, *, stop_after: bool, gap: timedelta) -> None:
    world = scene.world.copy(folder)
    driver = CountingDriver(world.clock, stop_at=k, stop_after=stop_after, side_by_side=scene.side_by_side)
    try:
        with pytest.raises(KilledError):
            world.sync(full=scene.full, driver=driver)
        assert driver.log == scene.effects[: k + 1]
        _finish(world, gap, full=scene.full)
    finally:
        world.close()


def _failures(scene: Scene, folder: Path, which: Iterable[int], *, stop_after: bool) -> list[str]:
    failures: list[str] = []
    for k in which:
        # The world after one effect is the world before the next: so each is continued soon and later.
        gap = LATER if k % 2 else SOON
        place = folder / str(k)
        place.mkdir()
        try:
            _crash_and_finish(scene, k, place, stop_after=stop_after, gap=gap)
        except Exception as error:  # noqa: BLE001 - all of them are reported together
            failures.append(f"{k} {scene.effects[k]}: {type(error).__name__}: {error}")
        shutil.rmtree(place)
    return failures


PARTS = 8  # of what takes longest, so that what one of them finds is told while the others go on
moments = pytest.mark.parametrize("stop_after", variants([False, True], quick=[True]), ids=["before", "after"])


@pytest.mark.thorough
def test_an_undisturbed_run_ends_in_step(scene: Scene, tmp_path: Path) -> None:
    world = scene.world.copy(tmp_path)
    assert world.sync(full=scene.full).ok
    _finish(world, LATER, full=scene.full)
    world.close()


@moments
def test_a_run_stopped_at_some_effects_is_finished_by_the_next(scene: Scene, tmp_path: Path, stop_after: bool) -> None:
    which = range(STRIDE // 2 * stop_after, len(scene.effects), STRIDE)
    failures = _failures(scene, tmp_path, which, stop_after=stop_after)
    assert not failures, "\n".join(failures)


@pytest.mark.slow
@pytest.mark.timeout(0)
@moments
def test_a_run_stopped_at_any_effect_is_finished_by_the_next(scene: Scene, tmp_path: Path, stop_after: bool) -> None:
    failures = _failures(scene, tmp_path, range(len(scene.effects)), stop_after=stop_after)
    assert not failures, f"{len(failures)} of {len(scene.effects)}\n" + "\n".join(failures)


# --- on PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
@moments
def test_on_postgresql_it_is_stopped_once_at_some_kinds_of_effects(
    postgresql_scene: Scene, tmp_path: Path, stop_after: bool
) -> None:
    """The last one of every twelfth kind: what is written in the store, and what is sent."""
    last = {label.partition("/")[0]: k for k, label in enumerate(postgresql_scene.effects)}
    which = sorted(last.values())[6 * stop_after :: 12]
    failures = _failures(postgresql_scene, tmp_path, which, stop_after=stop_after)
    assert not failures, "\n".join(failures)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.xdist_group("postgresql")
@pytest.mark.parametrize("part", range(PARTS))
@moments
def test_on_postgresql_it_is_stopped_at_any_effect(
    postgresql_scene: Scene, tmp_path: Path, stop_after: bool, part: int
) -> None:
    which = range(part, len(postgresql_scene.effects), PARTS)
    failures = _failures(postgresql_scene, tmp_path, which, stop_after=stop_after)
    assert not failures, f"{len(failures)} of {len(which)}\n" + "\n".join(failures)


class EndingConnections(CountingDriver):
    """Before each of these effects the server ends all connections, as when it restarts."""

    def __init__(self, clock: Clock, store: PostgresqlStore, every: int) -> None:
        super().__init__(clock, side_by_side=True)
        self._store, self._every = store, every
        self._asked = self.ended = 0

    def perform(self, effect: Effect) -> Any:
        if isinstance(effect, Blocking):
            self._asked += 1
            if self._asked % self._every == 0:
                self._store.end_connections()
                self.ended += 1
        return super().perform(effect)


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_goes_on_over_any_number_of_restarts_of_the_server(
    postgresql_scene: Scene, tmp_path: Path, every: int
) -> None:
    world = postgresql_scene.world.copy(tmp_path)
    assert isinstance(world.store, PostgresqlStore)
    driver = EndingConnections(world.clock, world.store, every)
    assert world.sync(full=True, driver=driver).ok
    assert driver.ended > 20
    _finish(world, LATER, full=True)
    world.close()
