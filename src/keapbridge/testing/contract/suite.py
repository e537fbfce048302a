"""Whether a host's `CustomcrmAdapter` keeps the promises that the engine relies on: a pytest suite to subclass.

```python
from keapbridge.testing import contract


class TestMyAdapter(contract.CustomcrmAdapterContract):
    def make_adapter(self):
        return MyAdapter(connect_to_an_empty_system())
```

A `CustomcrmClient` with the schema of a declared API takes the place of an adapter. What is not promised by the
`capabilities` is not asked. Each failure says what it would break.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, cast

import attrs
import pytest

from keapbridge._io.drivers import AsyncDriver, SyncDriver
from keapbridge._io.effects import Flow, Page
from keapbridge.customcrm.adapter import AdapterCapabilities, CustomcrmAdapter, is_asynchronous, resources
from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
from keapbridge.customcrm.records import Contact, Customer, Product, wire_name
from keapbridge.errors import ConflictError, NotFoundError, ShapeError, StatusError
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.maybe import UNSET
from keapbridge.sync.systems import AdapterSystem, CustomcrmSystem, System
from keapbridge.testing.contract.samples import KEPT, samples

__all__ = ["Bench", "CustomcrmAdapterContract"]

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LONG = 100_000
MANY = 25
A_CLOCK = timedelta(minutes=20)
OTHER_FORM = "a value is shown in another form than it was taken in: the record cannot be read, and its edits wait: {}"
UNKNOWN = 500  # ids in one question that nobody has
ODD_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "accents": "Zoë Ångström",
        "right-to-left writing": "مرحبا بالعالم",
        "two directions": "שלום, world",
        "emoji": "👩‍👩‍👧‍👦 family",
        "combining marks": "a\u0301 combined",
        "quotes and signs": "O'Neil & <Söhne>; =* % _ \\ --",
    }
)
_OWN = frozenset({"id", "created_at", "updated_at", "etag", "extra"})


def _contact(n: int) -> Contact:
    return Contact(
        first_name=f"First {n}",
        last_name="Last",
        email=f"c{n}@example.org",
        phone="+1 602 555 0143",
        birth_date=date(1990, 2, 3),
        city="Oslo",
    )


def _customer(n: int) -> Customer:
    return Customer(name=f"Company {n}", city="Oslo", description="Noted", website="https://example.org")


def _product(n: int) -> Product:
    return Product(name=f"Product {n}", sku=f"S{n}", description="Noted", price=Decimal("12.50"), currency="USD")


_MAKERS: Mapping[str, Callable[[int], Any]] = {"contacts": _contact, "customers": _customer, "products": _product}
_EDITS: Mapping[str, Mapping[str, Any]] = {
    "contacts": {"last_name": "Other", "city": "Bergen", "birth_date": date(1991, 12, 31)},
    "customers": {"name": "Another", "city": "Bergen", "description": "Changed"},
    "products": {"name": "Another", "sku": "X9", "price": Decimal("0.10")},
}
_CLEARED = {"contacts": ("city", "birth_date", "phone"), "customers": ("city", "description"), "products": ("sku",)}


Customcrm = CustomcrmAdapter | CustomcrmClient | AsyncCustomcrmClient


def _of_client(client: CustomcrmClient | AsyncCustomcrmClient, object: str) -> tuple[System, AdapterCapabilities]:
    flows = getattr(client, object).flows
    able = flows.capabilities
    promises = AdapterCapabilities(
        changes_since=able.changed_since,
        tells_deletions=able.tombstones,
        conditional_updates=able.conditional,
        idempotent_creates=able.idempotent,
        batch_read=able.batch,
    )
    return CustomcrmSystem(flows), promises


class Bench:
    """One kind of records of an adapter, or of a declared API, as the engine sees them."""

    def __init__(self, adapter: Customcrm, object: str, loop: asyncio.Runner | None = None) -> None:
        self.object = object
        self.adapter = adapter
        self.loop = loop
        self.records: System
        self.can_delete = True
        self._held: frozenset[str] | None = None
        if isinstance(adapter, (CustomcrmClient, AsyncCustomcrmClient)):
            self.records, self.promises = _of_client(adapter, object)
            self.can_delete = getattr(adapter, object).flows.capabilities.deletes is not None
            waits = isinstance(adapter, AsyncCustomcrmClient)
        else:
            resource = resources(adapter)[object]
            self.records, self.promises = AdapterSystem(resource), adapter.capabilities
            self._held = resource.properties
            waits = is_asynchronous(adapter)
        self._loop = loop if waits else None
        self._driver = SyncDriver()
        self._keys = itertools.count()

    def run(self, flow: Flow[Any]) -> Any:
        """Drive a flow of the engine's."""
        return self._driver.run(flow) if self._loop is None else self._loop.run(AsyncDriver().run(flow))

    def holds(self, attribute: str) -> bool:
        """Whether the adapter has a place for it."""
        return self._held is None or wire_name(attribute) in self._held

    @property
    def companies(self) -> Bench | None:
        """The companies that these records refer to, where the adapter has them and a place for the reference."""
        if self.object != "contacts" or not self.holds("customer_id"):
            return None
        is_client = isinstance(self.adapter, (CustomcrmClient, AsyncCustomcrmClient))
        if not is_client and "customers" not in resources(cast("CustomcrmAdapter", self.adapter)):
            return None
        return Bench(self.adapter, "customers", self.loop)

    def narrowed(self, mappings: Sequence[Mapper]) -> Bench:
        """The same for what these mappings map, where one of them is for these records."""
        for mapper in mappings:
            if mapper.customcrm_type is type(_MAKERS[self.object](0)):
                mapped = {name for lens in mapper.lenses for name in lens.customcrm.properties}
                self._held = frozenset(mapped if self._held is None else self._held & mapped)
        return self

    @property
    def samples(self) -> dict[str, tuple[Any, Any]]:
        """Two values for all that it holds, by attribute."""
        cls = type(_MAKERS[self.object](0))
        return {name: values for name, values in samples(cls).items() if self.holds(name)}

    @property
    def shown(self) -> dict[str, Any]:
        """All records as a list shows them, by id."""
        return {record.id: self._whole(record) for page in self.pages() for record in page.items}

    def make(self, n: int, **changes: Any) -> Any:
        """The n-th record, not stored yet."""
        record = attrs.evolve(_MAKERS[self.object](n), **changes)
        lacks = {f.name: UNSET for f in attrs.fields(type(record)) if f.name != "extra" and not self.holds(f.name)}
        lacking: dict[str, Any] = dict(lacks)
        return attrs.evolve(record, **lacking)

    @property
    def edits(self) -> dict[str, Any]:
        """Attributes with values that no new record has."""
        return {name: value for name, value in _EDITS[self.object].items() if self.holds(name)}

    @property
    def cleared(self) -> list[str]:
        """Attributes that can be empty."""
        return [name for name in _CLEARED[self.object] if self.holds(name)]

    @property
    def text(self) -> str:
        """An attribute that holds any text."""
        wanted = ("last_name",) if self.object == "contacts" else ("description", "name")
        return next(name for name in wanted if self.holds(name))

    def create(self, record: Any, key: str | None = None) -> Any:
        return self._whole(self.run(self.records.create(record, key or f"{self.object}-{next(self._keys)}")))

    def add(self, number: int) -> list[str]:
        return [self.create(self.make(n)).id for n in range(number)]

    def get(self, id: str) -> Any:
        return self._whole(self.run(self.records.get(id)))

    def get_many(self, ids: Sequence[str]) -> tuple[Any, ...]:
        return tuple(map(self._whole, self.run(self.records.get_many(ids))))

    def update(self, id: str, version: str | None = None, /, **changes: Any) -> Any:
        return self._whole(self.run(self.records.update(id, changes, version)))

    def _whole(self, record: Any) -> Any:
        """A record in which what it does not show is empty: these records are the own of the suite, nothing hides."""
        names = [f.name for f in attrs.fields(type(record)) if f.name != "extra" and self.holds(f.name)]
        left_out: dict[str, Any] = dict.fromkeys(name for name in names if getattr(record, name) is UNSET)
        return attrs.evolve(record, **left_out)

    def delete(self, id: str, version: str | None = None) -> None:
        _needs(self.can_delete, "to delete records")
        self.run(self.records.delete(id, version))

    def pages(self, since: datetime | None = None) -> Iterator[Page[Any]]:
        page = self.run(self.records.list(since))
        while True:
            for item in page.malformed:
                raise item.error
            yield page
            if page.next is None:
                return
            page = self.run(page.next())

    def listed(self, since: datetime | None = None) -> list[str]:
        return [record.id for page in self.pages(since) for record in page.items]

    def stamp(self, id: str) -> datetime:
        moment = self.records.identify(self.get(id)).updated_at
        assert moment is not None, f"{id} has no UpdatedAt: without it nobody knows since when changes are missing"
        return moment


def _differences(a: Any, b: Any) -> list[str]:
    names = [f.name for f in attrs.fields(type(a)) if f.name not in _OWN]
    values = {n: (getattr(a, n), getattr(b, n)) for n in names}
    return [n for n, (x, y) in values.items() if UNSET not in (x, y) and (x or None) != (y or None)]


def _takes(bench: Bench, id: str, name: str, value: Any) -> bool:
    """Whether a value is taken; some are refused by right, because nothing else is there, or something must be."""
    try:
        bench.update(id, **{name: value})
    except ShapeError as error:
        pytest.fail(OTHER_FORM.format(error))
    except StatusError as error:
        if error.status in {400, 422}:
            return False
        pytest.fail(f"{name} is not taken, and that is no refusal, status 422, either: {error}")
    return True


def _needs(promise: bool, name: str) -> None:
    if not promise:
        pytest.skip(f"the adapter does not promise {name}")


class CustomcrmAdapterContract:
    """The suite. A subclass says how an adapter over an empty system is made; every test gets one of its own.

    Where that needs fixtures, override the fixture `adapter` instead. Let the pages be short (two or three records):
    paging is tested with twelve records.

    Attributes:
        cuts_texts: a text that is too long is cut and stored. Otherwise it must be refused or kept.
        mappings: those of the session, where they are not the default ones: what they leave out is not tried.
    """

    cuts_texts: ClassVar[bool] = False
    mappings: ClassVar[Sequence[Mapper]] = ()

    def make_adapter(self) -> Any:
        """An adapter, or a client, over a system without records; it may be a coroutine.

        Its `close` or `aclose` is called.
        """
        raise NotImplementedError("say how your adapter is made: def make_adapter(self): …")

    @pytest.fixture
    def contract_loop(self) -> Iterator[asyncio.Runner]:
        """Where asynchronous adapters run."""
        with asyncio.Runner() as loop:
            yield loop

    @pytest.fixture
    def adapter(self, contract_loop: asyncio.Runner) -> Iterator[Any]:
        """An adapter of the test's own."""
        made = self.make_adapter()
        made = contract_loop.run(made) if inspect.iscoroutine(made) else made
        yield made
        for name in ("close", "aclose"):
            closed = getattr(made, name, int)()
            if inspect.iscoroutine(closed):
                contract_loop.run(closed)

    @pytest.fixture(params=("contacts", "customers", "products"))
    def bench(self, request: pytest.FixtureRequest, adapter: Any, contract_loop: asyncio.Runner) -> Bench:
        """What the tests work with."""
        is_client = isinstance(adapter, (CustomcrmClient, AsyncCustomcrmClient))
        if not is_client and request.param not in resources(adapter):
            pytest.skip(f"the adapter has no {request.param}")
        return Bench(adapter, request.param, contract_loop).narrowed(self.mappings)

    # --- making -----------------------------------------------------------------------------------------------------

    def test_a_new_record_holds_what_was_sent(self, bench: Bench) -> None:
        sent = bench.make(1)
        made = bench.create(sent)
        lost = _differences(sent, bench.get(made.id))
        assert not lost, f"{lost} came back different: every run would take that for an edit and carry it to Keap"
        told = _differences(made, bench.get(made.id))
        assert not told, f"create answered other {told} than it stored: the next run would see an edit of nobody's"

    def test_every_create_makes_a_record_of_its_own(self, bench: Bench) -> None:
        ids = [bench.create(bench.make(1)).id for _ in range(3)]
        assert len(set(ids)) == 3, "two creates with different keys gave one record: two people would become one"
        assert sorted(bench.listed()) == sorted(ids), "what was made is not what is listed: links would lead nowhere"

    def test_a_create_that_is_repeated_makes_one_record(self, bench: Bench) -> None:
        _needs(bench.promises.idempotent_creates, "idempotent_creates")
        first, again = (bench.create(bench.make(1), "the-same-key") for _ in range(2))
        message = "a create that is sent again after its answer was lost makes a second record: a duplicate"
        assert first.id == again.id, message
        assert bench.listed() == [first.id], message

    @pytest.mark.parametrize("what", ODD_TEXTS)
    def test_texts_of_all_the_world_come_back_as_they_were_sent(self, bench: Bench, what: str) -> None:
        text = ODD_TEXTS[what]
        made = bench.create(bench.make(1, **{bench.text: text}))
        for held in (made, bench.get(made.id)):
            assert getattr(held, bench.text) == text, f"{what}: a text was changed, and Keap would get the change"

    def test_a_long_text_is_kept_or_refused(self, bench: Bench) -> None:
        text = "word " * (LONG // 5) + "end"
        try:
            made = bench.create(bench.make(1, **{bench.text: text}))
        except StatusError as error:
            if error.status not in {400, 422}:
                pytest.fail("a refusal must be a StatusError with status 422: other fields of the record would wait")
            assert bench.listed() == [], "what was refused was stored all the same: the next try makes a duplicate"
            return
        held = getattr(bench.get(made.id), bench.text)
        if self.cuts_texts:
            assert held, "a text was not cut but dropped: it would look like an edit"
            assert text.startswith(held), "a text was not cut but changed: it would look like an edit"
        else:
            assert held == text, "a long text was cut in silence: Keap's whole text would be replaced by its beginning"

    # --- every property ---------------------------------------------------------------------------------------------

    def test_every_property_is_stored_and_shown_alike_by_reads_and_lists(self, bench: Bench) -> None:
        values = {name: first for name, (first, _) in bench.samples.items()}
        sent = bench.make(1, **values)
        made = bench.create(sent)
        held = bench.get(made.id)
        lost = [name for name in _differences(sent, held) if name in values]
        assert not lost, f"{lost} were not stored as they were sent: every run would take that for an edit, and lose it"
        apart = _differences(held, bench.shown[made.id])
        assert not apart, f"a list shows other {apart} than a read: a run would take that for an edit of nobody's"
        several = [record for record in bench.get_many([made.id]) if record.id == made.id]
        apart = [name for record in several for name in _differences(held, record)]
        assert not apart, f"get_many shows other {apart} than a read: writes would be planned on wrong values"

    def test_every_property_can_be_changed_and_emptied_alone(self, bench: Bench) -> None:
        values = bench.samples
        try:
            id = bench.create(bench.make(1, **{name: first for name, (first, _) in values.items()})).id
        except ShapeError as error:
            pytest.fail(OTHER_FORM.format(error))
        for name, (_, second) in values.items():
            before = bench.get(id)
            if not _takes(bench, id, name, second):
                continue
            after = bench.get(id)
            assert getattr(after, name) == second, f"an update of {name} is stuck: what is edited in Keap never arrives"
            beside = [each for each in _differences(before, after) if each != name]
            assert not beside, f"an update of {name} changed {beside}: edits made there would be lost"
        apart = _differences(bench.get(id), bench.shown[id])
        assert not apart, f"after updates a list shows other {apart} than a read: edits would be taken back"
        for name in values.keys() - KEPT:
            if not _takes(bench, id, name, None):
                continue
            left = getattr(bench.get(id), name)
            assert left in (None, ""), f"{name} was not cleared: what is emptied in Keap comes back"
            listed = getattr(bench.shown[id], name)
            assert listed in (None, ""), f"a list still shows {name} after it was cleared: it would come back"

    def test_many_records_are_all_listed_and_all_read_by_their_ids(self, bench: Bench) -> None:
        ids = set(bench.add(MANY))
        cut = len(ids - set(bench.listed()))
        assert not cut, f"a list ends {cut} records too early: they would be made once more, as duplicates"
        found = {record.id: record for record in bench.get_many(sorted(ids))}
        assert found.keys() == ids, (
            f"get_many answers {len(found)} of {len(ids)}: the others would be taken for deleted"
        )
        shown = bench.shown
        others = [id for id in ids if _differences(found[id], shown[id])]
        assert not others, "get_many gives records the ids of others: edits of one would be written over another"

    def test_a_reference_is_stored_moved_and_taken_away(self, bench: Bench) -> None:
        companies = bench.companies
        if companies is None:
            pytest.skip("the records refer to no companies")
        first, second = companies.add(2)
        id = bench.create(bench.make(1, customer_id=first)).id
        for company in (first, second, None):
            if company != first:
                bench.update(id, customer_id=company)
            [by_id] = bench.get_many([id])
            for how, seen in (("a read", bench.get(id)), ("a list", bench.shown[id]), ("get_many", by_id)):
                held = seen.customer_id or None
                assert held == company, (
                    f"{how} shows CustomerId {held!r} where {company!r} was written: a person would belong to another "
                    "company, or to none"
                )

    def test_the_time_of_change_is_that_of_a_clock_and_moves(self, bench: Bench) -> None:
        _needs(bench.promises.changes_since, "changes_since")
        [id] = bench.add(1)
        page = next(bench.pages())
        first, clock = bench.stamp(id), page.served_at or datetime.now(UTC)
        apart = abs(first - clock)
        assert apart < A_CLOCK, (
            f"UpdatedAt of a new record is {apart} away from the system's clock (a local time?): changes of that long "
            "are never seen, or read again and again"
        )
        for n in range(3):
            if first.microsecond == 0 and n:
                time.sleep(1.05)  # it tells whole seconds
            bench.update(id, **{bench.text: f"edited {n}"})
            if bench.stamp(id) > first:
                return
        pytest.fail("UpdatedAt does not move when a record is edited: its edits are never seen, and never reach Keap")

    # --- reading ----------------------------------------------------------------------------------------------------

    def test_many_are_read_at_once_and_those_that_are_gone_are_missing(self, bench: Bench) -> None:
        ids = bench.add(5)
        bench.delete(ids[2])
        found = sorted(record.id for record in bench.get_many([*ids, ids[0]]))
        wanted = sorted(set(ids) - {ids[2]})
        assert found == wanted, "get_many does not answer just what exists: writes would be planned on old readings"
        assert bench.get_many([]) == (), "get_many of nothing must be nothing"

    def test_any_number_of_ids_can_be_asked_for(self, bench: Bench) -> None:
        first, *_, last = bench.add(3)
        unknown = [str(10**8 + n * 7) for n in range(UNKNOWN)]
        found = sorted(record.id for record in bench.get_many([last, *unknown, "no-such-id", first]))
        assert found == sorted((first, last)), "unknown ids disturb get_many: a deletion would stop a whole run"

    def test_what_is_not_there_is_not_found(self, bench: Bench) -> None:
        [id] = bench.add(1)
        bench.delete(id)
        message = "must be a NotFoundError: a record deleted meanwhile would stop the run, or come back to life"
        for what, call in (
            ("an update", lambda: bench.update(id, **{bench.text: "text"})),
            ("a deletion", lambda: bench.delete(id)),
        ):
            try:
                call()
            except NotFoundError:
                continue
            pytest.fail(f"{what} of a record that is gone {message}")

    def test_a_list_shows_every_record_once(self, bench: Bench) -> None:
        assert bench.listed() == [], "make_adapter must give a system without records"
        ids = bench.add(7)
        bench.delete(ids.pop(3))
        shown = bench.listed()
        assert set(shown) >= set(ids), "a list leaves records out: they would be taken for deleted"
        assert sorted(shown) == sorted(ids), "a list shows records twice, or deleted ones: they would come back"

    def test_a_list_misses_nothing_when_records_change_meanwhile(self, bench: Bench) -> None:
        ids = bench.add(12)
        pages = bench.pages()
        shown = [record.id for record in next(pages).items]
        if len(shown) == len(ids):
            return  # one page, read at one moment
        gone = shown[0]
        bench.delete(gone)
        bench.update(ids[-1], **{bench.text: "edited"})
        bench.add(2)
        shown += [record.id for page in pages for record in page.items]
        missed = set(ids) - set(shown)
        assert not missed, "a list misses records when others are deleted or edited meanwhile: deletions of nobody's"
        twice = [id for id in ids if id not in {gone, ids[-1]} and shown.count(id) > 1]
        assert not twice, "a record that nobody edits is in two pages: nothing can be counted on"

    def test_changes_since_a_moment_include_that_moment(self, bench: Bench) -> None:
        _needs(bench.promises.changes_since, "changes_since")
        ids = bench.add(5)
        bench.update(ids[1], **{bench.text: "edited"})
        stamps = {id: bench.stamp(id) for id in ids}
        for moment in stamps.values():
            missed = {id for id in ids if stamps[id] >= moment} - set(bench.listed(moment))
            assert not missed, "changes of the very moment are left out: edits in that moment would never reach Keap"
        assert set(bench.listed(LONG_AGO)) == set(ids), "changes since long ago are not everything: edits get lost"

    def test_changes_in_pages_miss_nothing_when_records_change_meanwhile(self, bench: Bench) -> None:
        _needs(bench.promises.changes_since, "changes_since")
        ids = bench.add(12)
        pages = bench.pages(LONG_AGO)
        shown = [record.id for record in next(pages).items]
        for id in shown[:1]:
            bench.update(id, **{bench.text: "edited"})
        shown += [record.id for page in pages for record in page.items]
        assert set(shown) >= set(ids), "an edit during the listing pushes others out of it: their edits are never seen"

    def test_changes_leave_out_what_did_not_change(self, bench: Bench) -> None:
        _needs(bench.promises.changes_since, "changes_since")
        ids = bench.add(3)
        later = max(bench.stamp(id) for id in ids) + timedelta(days=1)
        message = "changes_since is promised and ignored: every run reads everything, and no deletion is ever found"
        assert bench.listed(later) == [], message

    def test_an_edit_moves_the_time_of_change(self, bench: Bench) -> None:
        _needs(bench.promises.changes_since, "changes_since")
        [id] = bench.add(1)
        before = bench.stamp(id)
        for n in range(3):
            bench.update(id, **{bench.text: f"edited {n}"})
            after = bench.stamp(id)
            assert after >= before, "UpdatedAt went back: the edit is older than the last run and is never seen"
            assert id in bench.listed(after), "an edited record is not among the changes: the edit never reaches Keap"
            before = after

    def test_times_carry_a_time_zone(self, bench: Bench) -> None:
        try:
            made = bench.create(bench.make(1))
            for record in (made, bench.get(made.id)):
                bench.records.identify(record)
        except ShapeError as error:
            pytest.fail(f"{error}: the newest edit could not be told, and changes would be missed by hours")

    # --- changing ---------------------------------------------------------------------------------------------------

    def test_an_update_changes_what_it_names_and_nothing_beside(self, bench: Bench) -> None:
        [id, other] = bench.add(2)
        neighbour = bench.get(other)
        for name, value in bench.edits.items():
            before = bench.get(id)
            answer = bench.update(id, **{name: value})
            after = bench.get(id)
            touched = [n for n in _differences(before, after) if n != name]
            assert not touched, f"an update of {name} changed {touched}: edits made there would be lost"
            assert getattr(after, name) == value, f"an update of {name} was not stored: it would be sent for ever"
            told = _differences(answer, after)
            assert not told, f"update answered other {told} than it stored: the next run would see an edit of nobody's"
        assert not _differences(neighbour, bench.get(other)), "an update changed another record"

    def test_none_clears(self, bench: Bench) -> None:
        [id] = bench.add(1)
        for name in bench.cleared:
            before = bench.get(id)
            bench.update(id, **{name: None})
            after = bench.get(id)
            assert getattr(after, name) in (None, ""), f"{name} was not cleared: what is emptied in Keap comes back"
            beside = [n for n in _differences(before, after) if n != name]
            assert not beside, f"clearing {name} changed {beside}: values would be lost"

    def test_a_write_for_another_version_is_refused(self, bench: Bench) -> None:
        _needs(bench.promises.conditional_updates, "conditional_updates")
        made = bench.create(bench.make(1))
        old = bench.records.identify(made).version
        assert old, "conditional_updates are promised, and records have no ETag: edits would be overwritten"
        bench.update(made.id, old, **{bench.text: "edited"})
        for what, call in (
            ("update", lambda: bench.update(made.id, old, **{bench.text: "again"})),
            ("delete", lambda: bench.delete(made.id, old)),
        ):
            try:
                call()
            except ConflictError:
                continue
            pytest.fail(f"{what} for an old ETag must be a ConflictError: an edit made meanwhile would be lost")
        held = bench.get(made.id)
        assert getattr(held, bench.text) == "edited", "a refused update was stored: an edit made meanwhile is lost"
        bench.update(made.id, bench.records.identify(held).version, **{bench.text: "third"})
        bench.delete(made.id, bench.records.identify(bench.get(made.id)).version)
        assert bench.listed() == [], "a deletion for the right ETag was not done"

    # --- deleting ---------------------------------------------------------------------------------------------------

    def test_what_was_deleted_is_in_no_list(self, bench: Bench) -> None:
        ids = bench.add(4)
        for id in ids[:2]:
            bench.delete(id)
        message = "a deleted record is still shown: its partner in Keap is never deleted, or it is made again"
        assert sorted(bench.listed()) == sorted(ids[2:]), message
        assert sorted(bench.listed(LONG_AGO)) == sorted(ids[2:]), message

    def test_changes_tell_of_deletions(self, bench: Bench) -> None:
        _needs(bench.promises.tells_deletions, "tells_deletions")
        ids = bench.add(3)
        since = bench.stamp(ids[0])
        bench.delete(ids[1])
        told = [id for page in bench.pages(since) for id in page.deleted]
        assert told == [ids[1]], "deletions are promised and not told: the partner in Keap stays until a complete run"
        assert [id for page in bench.pages() for id in page.deleted] == [], "a complete list needs no tombstones"

    def test_a_lost_create_is_found_again(self, bench: Bench) -> None:
        if bench.promises.idempotent_creates:
            pytest.skip("a create can be repeated")
        before = bench.add(2)
        since = bench.stamp(before[0]) if bench.promises.changes_since else LONG_AGO
        made = bench.create(bench.make(7))
        found = {record.id for record in bench.run(bench.records.find_like(bench.make(7), since))}
        assert made.id in found, "a create whose answer was lost is not found again: it would be made twice"
