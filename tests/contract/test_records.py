"""What the engine relies on of a system, as one suite; the fakes of the tests and the real clients are held to it.

A system's users are played through the port itself, so that the suite knows nothing of what is below it. A new system
subclasses `RecordsContract` and says where its records are.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest
import sqlalchemy as sa
from fakes import FakeAdapter, FakeCustomcrm, FakeKeap
from stopping import Clock, CountingDriver

import keapbridge as kb
from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.customcrm.adapted import resources
from keapbridge.customcrm.operations import CustomcrmResource
from keapbridge.customcrm.records import wire_name
from keapbridge.keap.operations import KeapResource
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side
from keapbridge.sync.clients import AdapterSystem, CustomcrmSystem, KeapSystem
from keapbridge.sync.systems import System
from keapbridge.testing import KeapBehaviour
from keapbridge.testing.contract.bench import paged

if TYPE_CHECKING:
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator

ODD_TEXTS = (
    "Zoë Ångström",
    "مرحبا بالعالم",
    "שלום, 世界",
    "👩‍👩‍👧‍👦 family",
    "a\u0301 combined",
    "O'Neil & <Söhne>; =*",
)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
MANY = 1_200  # ids in one question: more than fit into one request
PAGE = 2


@attrs.frozen
class Kind:
    """Records of one kind, and what may be written to them.

    Attributes:
        make: the n-th record.
        edits: attribute → a value that no new record has.
        empty: attributes that can be cleared, with what they hold when they are empty.
        text: an attribute that holds any text.
        limited: an attribute with a limit, and a text that is beyond it; `None` where nothing is promised.
    """

    make: Callable[[int], Any]
    edits: Mapping[str, Any]
    empty: Mapping[str, tuple[Any, ...]]
    text: str
    limited: tuple[str, str] | None = None


NOTHING = (None, "")
BOX = kb.keap.EmailAddress

CUSTOMCRM_KINDS = {
    "contacts": Kind(
        lambda n: kb.customcrm.Contact(
            first_name=f"First {n}",
            last_name="Last",
            email=f"c{n}@example.org",
            birth_date=date(1990, 2, 3),
            extra={"Shoes": str(n)},
        ),
        {"last_name": "Other", "phone": "+1 602 555 0143", "birth_date": date(1991, 1, 1), "extra": {"Shoes": "41"}},
        {"last_name": NOTHING, "birth_date": NOTHING},
        "last_name",
    ),
    "companies": Kind(
        lambda n: kb.customcrm.Customer(name=f"Company {n}", city="Oslo", extra={"Tier": str(n)}),
        {"city": "Bergen", "description": "Noted", "extra": {"Tier": "gold"}},
        {"city": NOTHING},
        "description",
    ),
    "products": Kind(
        lambda n: kb.customcrm.Product(
            name=f"Product {n}", sku=f"S{n}", price=Decimal(n) + Decimal("12.50"), currency="USD"
        ),
        {"sku": "Other", "price": Decimal("0.99"), "active": False},
        {"sku": NOTHING},
        "description",
    ),
}
KEAP_KINDS = {
    "contacts": Kind(
        lambda n: kb.keap.Contact(
            given_name=f"First {n}",
            family_name="Last",
            email_addresses=(BOX(f"k{n}@example.org", "EMAIL1"), BOX(f"k{n}@example.com", "EMAIL2")),
            spouse_name=f"Spouse {n}",
        ),
        {
            "family_name": "Other",
            "birth_date": date(1991, 1, 1),
            "email_addresses": (BOX("new@example.org", "EMAIL1"),),
        },
        {"family_name": NOTHING, "email_addresses": ((),)},
        "family_name",
        ("given_name", "x" * 41),
    ),
    "companies": Kind(
        lambda n: kb.keap.Company(company_name=f"Company {n}", notes=f"Note {n}", website="https://example.org"),
        {"notes": "Noted", "address": kb.keap.Address(locality="Oslo", country_code="NOR", field="BILLING")},
        {"notes": NOTHING},
        "notes",
    ),
    "products": Kind(
        lambda n: kb.keap.Product(
            name=f"Product {n}", sku=f"S{n}", short_description="Short", price=kb.keap.Money(1250, "USD"), weight=1.5
        ),
        {"sku": "Other", "price": kb.keap.Money(99, "USD"), "active": False},
        {"sku": NOTHING},
        "description",
    ),
}
OBJECTS = tuple(KEAP_KINDS)


@attrs.frozen
class Bench:
    """The records of a system, with what is needed to work with them."""

    records: System
    run: Callable[[Flow[Any]], Any]
    kind: Kind
    keys: Iterator[int] = attrs.field(factory=itertools.count)

    def create(self, record: Any, key: str | None = None) -> Any:
        return self.run(self.records.create(record, key or f"key-{next(self.keys)}"))

    def add(self, number: int) -> list[str]:
        return [self.create(self.kind.make(n)).id for n in range(number)]

    def get(self, id: str) -> Any:
        """One record; what a read does not show is empty here, for nothing hides anything."""
        record = self.run(self.records.get(id))
        left_out = [f for f in attrs.fields(type(record)) if getattr(record, f.name) is UNSET]
        return attrs.evolve(record, **{f.name: () if "tuple" in str(f.type) else None for f in left_out})

    def update(self, id: str, version: str | None = None, **changes: Any) -> Any:
        return self.run(self.records.update(id, changes, version))

    def delete(self, id: str, version: str | None = None) -> None:
        self.run(self.records.delete(id, version))

    def pages(self, since: datetime | None = None, *, scan: bool = False) -> Iterator[Page[Any]]:
        return paged(self.run, (self.records.scan if scan else self.records.list)(since))

    def listed(self, since: datetime | None = None) -> list[str]:
        return [record.id for page in self.pages(since) for record in page.items]

    def stamp(self, id: str) -> datetime:
        moment = self.records.identify(self.get(id)).updated_at
        assert moment is not None
        return moment


def _differences(a: Any, b: Any) -> set[str]:
    """The attributes of two records that are known on both sides and differ, but for ids, times and versions."""
    own = {"id", "created_at", "updated_at", "etag", "create_time", "update_time"}
    names = {f.name for f in attrs.fields(type(a))} - own
    values = {n: (getattr(a, n), getattr(b, n)) for n in names}
    return {n for n, (x, y) in values.items() if _is_known(x) and _is_known(y) and _plain(n, x) != _plain(n, y)}


def _is_known(value: Any) -> bool:
    return value is not UNSET and value != {}  # `extra` is what this version does not know; a system may add to it


def _plain(name: str, value: Any) -> Any:
    """A value without what a system adds by itself to the parts of it, and without what is empty."""
    if isinstance(value, tuple):
        return [_plain(name, item) for item in value]
    if attrs.has(type(value)):
        read_only = {"formatted_amount", "is_opt_in", "email_opt_status", "number_e164", "extra", "country", "region"}
        parts = {f.name: getattr(value, f.name) for f in attrs.fields(type(value))}
        return {n: v for n, v in parts.items() if v and n not in read_only}
    return value or None if isinstance(value, (str, dict)) else value


def _with_address(record: Any, address: kb.keap.EmailAddress) -> Any:
    if isinstance(record, kb.keap.Contact):
        return attrs.evolve(record, email_addresses=(attrs.evolve(address, field="EMAIL1"),))
    return attrs.evolve(record, email_address=address)


def _boxes(record: Any) -> tuple[kb.keap.EmailAddress, ...]:
    return record.email_addresses if isinstance(record, kb.keap.Contact) else (record.email_address,)


@pytest.mark.parametrize("object", OBJECTS)
class RecordsContract:
    """What the engine relies on. A subclass sets what its system promises beyond it.

    Attributes:
        tells_deletions: a list of changes names what is gone.
        has_versions: updates and deletions can be made for one version only.
        cuts_texts: a text that is too long is cut and stored, not refused.
        rounds_to: how much earlier than asked for a list of changes may begin.
    """

    tells_deletions: ClassVar[bool] = False
    has_versions: ClassVar[bool] = False
    cuts_texts: ClassVar[bool] = False
    rounds_to: ClassVar[timedelta] = timedelta(0)

    # --- making ---------------------------------------------------------------------------------------------------

    def test_a_new_record_holds_what_was_sent(self, bench: Bench) -> None:
        sent = bench.kind.make(1)
        made = bench.create(sent)
        read = bench.get(made.id)
        assert _differences(sent, read) == set()
        assert _differences(made, read) == set(), "what a create answers is what was stored"

    def test_every_create_makes_a_record_of_its_own(self, bench: Bench) -> None:
        ids = [bench.create(bench.kind.make(1)).id for _ in range(3)]
        assert len(set(ids)) == 3
        assert all(isinstance(id, str) and id for id in ids)

    def test_one_key_makes_one_record_where_that_is_promised(self, bench: Bench) -> None:
        first, again = (bench.create(bench.kind.make(1), "the-key") for _ in range(2))
        assert (first.id == again.id) is bench.records.creates_once
        assert len(bench.listed()) == (1 if bench.records.creates_once else 2)

    def test_texts_of_all_the_world_come_back_as_they_were_sent(self, bench: Bench) -> None:
        for text in ODD_TEXTS:
            made = bench.create(attrs.evolve(bench.kind.make(1), **{bench.kind.text: text}))
            assert getattr(bench.get(made.id), bench.kind.text) == text

    def test_a_text_that_is_too_long_is_refused_or_cut_but_never_something_else(self, bench: Bench) -> None:
        if bench.kind.limited is None:
            pytest.skip("no limit is promised")
        name, text = bench.kind.limited
        long = attrs.evolve(bench.kind.make(1), **{name: text})
        if self.cuts_texts:
            made = bench.create(long)
            held = getattr(bench.get(made.id), name)
            assert text.startswith(held)
            assert 0 < len(held) < len(text)
            assert getattr(made, name) == held
        else:
            with pytest.raises(kb.StatusError) as caught:
                bench.create(long)
            assert caught.value.status in {400, 422}
            assert bench.listed() == []

    # --- reading --------------------------------------------------------------------------------------------------

    def test_what_is_not_there_is_not_found(self, bench: Bench) -> None:
        [id] = bench.add(1)
        bench.delete(id)
        for call in (
            lambda: bench.get(id),
            lambda: bench.update(id, **{bench.kind.text: "text"}),
            lambda: bench.delete(id),
        ):
            with pytest.raises(kb.NotFoundError) as caught:
                call()
            assert caught.value.status in {404, 410}

    def test_many_are_read_at_once_and_those_that_are_gone_are_missing(self, bench: Bench) -> None:
        ids = bench.add(5)
        bench.delete(ids[2])
        kept = [id for id in ids if id != ids[2]]
        found = bench.run(bench.records.get_many([*ids, ids[0]]))
        assert sorted(record.id for record in found) == sorted(kept)
        assert all(_differences(record, bench.get(record.id)) == set() for record in found)
        assert bench.run(bench.records.get_many([])) == ()

    def test_any_number_of_ids_can_be_asked_for(self, bench: Bench) -> None:
        first, *_, last = bench.add(3)
        unknown = [str(10**9 + n * 7) for n in range(MANY)]
        found = bench.run(bench.records.get_many([last, *unknown, first]))
        assert sorted(record.id for record in found) == sorted((first, last))

    def test_a_list_shows_every_record_once(self, bench: Bench) -> None:
        assert bench.listed() == []
        ids = bench.add(7)
        bench.delete(ids.pop(3))
        pages = list(bench.pages())
        assert sorted(record.id for page in pages for record in page.items) == sorted(ids)
        assert [page for page in pages if page.malformed or page.deleted] == []
        assert _differences(pages[0].items[0], bench.get(pages[0].items[0].id)) == set()

    def test_a_scan_tells_what_a_list_tells(self, bench: Bench) -> None:
        ids = bench.add(7)
        bench.update(ids[1], **{bench.kind.text: "edited"})
        bench.delete(ids[2])
        for since in (None, bench.stamp(ids[0])):
            listed = list(bench.pages(since))
            scanned = [page.read() for page in bench.pages(since, scan=True)]
            assert [page.items for page in scanned] == [page.items for page in listed]
            assert [page.deleted for page in scanned] == [page.deleted for page in listed]

    def test_a_list_misses_nothing_when_records_change_meanwhile(self, bench: Bench) -> None:
        ids = bench.add(9)
        pages = bench.pages()
        shown = [record.id for record in next(pages).items]
        assert len(shown) < len(ids), "the list has one page only"
        quiet = [id for id in ids if id not in {ids[0], ids[-1], ids[4]}]
        bench.update(ids[0], **{bench.kind.text: "edited"})
        bench.update(ids[-1], **{bench.kind.text: "edited"})
        bench.delete(ids[4])
        bench.add(2)
        shown += [record.id for page in pages for record in page.items]
        assert {ids[0], ids[-1], *quiet} <= set(shown)
        assert all(shown.count(id) == 1 for id in quiet), "only what was edited may be shown again"

    def test_changes_since_a_moment_include_that_moment(self, bench: Bench) -> None:
        ids = bench.add(5)
        bench.update(ids[1], **{bench.kind.text: "edited"})
        stamps = {id: bench.stamp(id) for id in ids}
        for moment in stamps.values():
            listed = bench.listed(moment)
            assert len(set(listed)) == len(listed)
            assert {id for id in ids if stamps[id] >= moment} <= set(listed)
            assert set(listed) <= {id for id in ids if stamps[id] >= moment - self.rounds_to}
        assert bench.listed(max(stamps.values()) + timedelta(seconds=1)) == []
        assert sorted(bench.listed(LONG_AGO)) == sorted(ids)

    def test_changes_tell_of_deletions_where_that_is_promised(self, bench: Bench) -> None:
        ids = bench.add(3)
        since = bench.stamp(ids[0])
        bench.delete(ids[1])
        told = [id for page in bench.pages(since) for id in page.deleted]
        assert told == ([ids[1]] if self.tells_deletions else [])
        assert [id for page in bench.pages() for id in page.deleted] == []

    def test_a_record_just_made_is_found_by_what_it_holds(self, bench: Bench) -> None:
        if bench.records.creates_once:
            with pytest.raises(NotImplementedError):
                bench.run(bench.records.find_like(bench.kind.make(1), LONG_AGO))
            return
        before = bench.add(3)
        since = bench.stamp(before[0])
        made = bench.create(bench.kind.make(7))
        found = bench.run(bench.records.find_like(bench.kind.make(7), since))
        assert made.id in {record.id for record in found}
        assert len(found) < 4, "everything looks like it"
        assert bench.run(bench.records.find_like(bench.kind.make(8), bench.stamp(made.id) + timedelta(1))) == ()

    # --- changing -------------------------------------------------------------------------------------------------

    def test_an_update_changes_what_it_names_and_nothing_beside(self, bench: Bench) -> None:
        [id, other] = bench.add(2)
        neighbour = bench.get(other)
        for name, value in bench.kind.edits.items():
            before = bench.get(id)
            answer = bench.update(id, **{name: value})
            after = bench.get(id)
            assert _differences(before, after) == {name}
            assert _plain(name, getattr(after, name)) == _plain(name, value)
            assert _differences(answer, after) == set(), "what an update answers is what was stored"
        assert bench.get(other) == neighbour

    def test_an_update_of_one_of_the_hosts_own_properties_keeps_the_others(self, bench: Bench) -> None:
        if bench.records.side is Side.KEAP or not bench.kind.make(1).extra:
            pytest.skip("it has none")
        made = bench.create(attrs.evolve(bench.kind.make(1), extra={"One": "1", "Two": "2"}))
        bench.update(made.id, extra={"Two": "3"})
        assert bench.get(made.id).extra == {"One": "1", "Two": "3"}

    def test_several_attributes_are_changed_at_once_and_unset_is_left_alone(self, bench: Bench) -> None:
        [id] = bench.add(1)
        before = bench.get(id)
        bench.update(id, **bench.kind.edits, **{n: UNSET for n in bench.kind.empty if n not in bench.kind.edits})
        assert _differences(before, bench.get(id)) == set(bench.kind.edits)

    def test_none_clears(self, bench: Bench) -> None:
        [id] = bench.add(1)
        for name, empty in bench.kind.empty.items():
            before = bench.get(id)
            bench.update(id, **{name: None})
            assert getattr(bench.get(id), name) in empty
            assert _differences(before, bench.get(id)) == {name}

    def test_an_unknown_attribute_is_an_error_of_the_caller(self, bench: Bench) -> None:
        [id] = bench.add(1)
        before = bench.get(id)
        for name in ("nonsense", "id"):
            with pytest.raises(TypeError, match=name):
                bench.update(id, **{name: "x"})
        assert bench.get(id) == before

    def test_a_record_tells_who_it_is_and_when_it_was_changed(self, bench: Bench) -> None:
        made = bench.create(bench.kind.make(1))
        first = bench.records.identify(bench.get(made.id))
        assert first.id == made.id == bench.records.identify(made).id
        assert first.updated_at is not None
        assert first.created_at is not None
        assert first.updated_at.tzinfo is not None
        bench.update(made.id, **{bench.kind.text: "edited"})
        second = bench.records.identify(bench.get(made.id))
        assert second.updated_at is not None
        assert second.updated_at > first.updated_at
        assert (second.id, second.created_at) == (first.id, first.created_at)
        assert (first.version is not None) is self.has_versions
        assert (second.version != first.version) is self.has_versions

    def test_a_write_for_another_version_is_refused_where_there_are_versions(self, bench: Bench) -> None:
        if not self.has_versions:
            pytest.skip("it has none")
        made = bench.create(bench.kind.make(1))
        old = bench.records.identify(made).version
        answer = bench.update(made.id, old, **{bench.kind.text: "edited"})
        for call in (
            lambda: bench.update(made.id, old, **{bench.kind.text: "again"}),
            lambda: bench.delete(made.id, old),
        ):
            with pytest.raises(kb.ConflictError):
                call()
        assert getattr(bench.get(made.id), bench.kind.text) == "edited"
        bench.update(made.id, bench.records.identify(answer).version, **{bench.kind.text: "third"})
        bench.delete(made.id, bench.records.identify(bench.get(made.id)).version)
        assert bench.listed() == []

    def test_the_arrays_of_keap_are_replaced_as_a_whole(self, bench: Bench) -> None:
        made = bench.create(bench.kind.make(1))
        if not getattr(made, "email_addresses", None):
            pytest.skip("it has none")
        kept = bench.get(made.id).email_addresses[1]
        bench.update(made.id, email_addresses=(BOX("one@example.org", "EMAIL1"), kept))
        assert [(e.email, e.field) for e in bench.get(made.id).email_addresses] == [
            ("one@example.org", "EMAIL1"),
            ("k1@example.com", "EMAIL2"),
        ]
        bench.update(made.id, email_addresses=(BOX("one@example.org", "EMAIL1"),))
        assert [(e.email, e.field) for e in bench.get(made.id).email_addresses] == [("one@example.org", "EMAIL1")]

    def test_a_custom_field_that_is_made_is_in_the_model_and_holds_what_is_written(self, bench: Bench) -> None:
        if bench.records.side is Side.CUSTOMCRM or isinstance(bench.kind.make(1), kb.keap.Product):
            pytest.skip("it has none")
        records: Any = bench.records
        [id] = bench.add(1)
        made = bench.run(records.create_custom_field(kb.custom_field("Shoe size", type="TEXT", create=True)))
        assert (made.label, made.type) == ("Shoe size", "TEXT")
        assert bench.run(records.model()).field("shoe SIZE").id == made.id
        bench.update(id, custom_fields=(made.item("41"),))
        assert made.value(bench.get(id)) == "41"
        with pytest.raises(kb.StatusError):
            bench.update(id, custom_fields=(kb.keap.CustomFieldValue("987654", "41"),))
        assert made.value(bench.get(id)) == "41"

    def test_a_reason_opts_an_address_in_wherever_it_is_shown(self, bench: Bench) -> None:
        if bench.records.side is Side.CUSTOMCRM or isinstance(bench.kind.make(1), kb.keap.Product):
            pytest.skip("it has no consent")
        records: Any = bench.records
        for reason, status in ((UNSET, "NON_MARKETABLE"), ("They asked", "SINGLE_OPT_IN"), (UNSET, "SINGLE_OPT_IN")):
            made = bench.create(_with_address(bench.kind.make(1), BOX("one@example.org", opt_in_reason=reason)))
            assert [item.email_opt_status for item in _boxes(bench.get(made.id))] == [status]
        found = bench.run(records.find_like(_with_address(type(made)(), BOX("one@example.org")), None))
        assert [item.email_opt_status for record in found for item in _boxes(record)] == ["SINGLE_OPT_IN"] * 3

    def test_what_was_deleted_is_in_no_list(self, bench: Bench) -> None:
        ids = bench.add(4)
        for id in ids[:2]:
            bench.delete(id)
        assert sorted(bench.listed()) == sorted(ids[2:])
        assert sorted(bench.listed(LONG_AGO)) == sorted(ids[2:])


# --- the fakes --------------------------------------------------------------------------------------------------------

START = datetime(2026, 3, 1, tzinfo=UTC)


class TestFakeCustomcrm(RecordsContract):
    tells_deletions = True
    has_versions = True

    @pytest.fixture
    def bench(self, object: str) -> Bench:
        clock = Clock(START)
        records = FakeCustomcrm(clock, page_size=PAGE).records(object)
        return Bench(records, CountingDriver(clock).run, CUSTOMCRM_KINDS[object])


@pytest.mark.thorough
class TestFakeCustomcrmWithoutIdempotencyKeys(TestFakeCustomcrm):
    @pytest.fixture
    def bench(self, object: str) -> Bench:
        clock = Clock(START)
        records = attrs.evolve(FakeCustomcrm(clock, page_size=PAGE).records(object), creates_once=False)
        return Bench(records, CountingDriver(clock).run, CUSTOMCRM_KINDS[object])


PROMISES = dict.fromkeys(("changes_since", "tells_deletions", "conditional_updates", "idempotent_creates"), True)


class TestFakeAdapter(RecordsContract):
    tells_deletions = True
    has_versions = True
    capabilities = kb.AdapterCapabilities(**PROMISES, batch_read=True)

    @pytest.fixture
    def bench(self, object: str) -> Bench:
        clock = Clock(START)
        name = "customers" if object == "companies" else object
        adapter = FakeAdapter(FakeCustomcrm(clock, page_size=PAGE), self.capabilities)
        records = AdapterSystem(resources(adapter)[name])
        return Bench(records, CountingDriver(clock).run, CUSTOMCRM_KINDS[object])


@pytest.mark.thorough
class TestFakeAdapterThatPromisesLittle(TestFakeAdapter):
    tells_deletions = False
    has_versions = False
    capabilities = kb.AdapterCapabilities(changes_since=True)


class TestFakeKeap(RecordsContract):
    @pytest.fixture
    def bench(self, object: str) -> Bench:
        clock = Clock(START)
        return Bench(FakeKeap(clock, page_size=PAGE).records(object), CountingDriver(clock).run, KEAP_KINDS[object])


@pytest.mark.thorough
class TestFakeKeapThatCutsTexts(TestFakeKeap):
    cuts_texts = True

    @pytest.fixture
    def bench(self, object: str) -> Bench:
        clock = Clock(START)
        keap = FakeKeap(clock, page_size=PAGE, cuts=True)
        return Bench(keap.records(object), CountingDriver(clock).run, KEAP_KINDS[object])


# --- the real clients -------------------------------------------------------------------------------------------------


@attrs.frozen
class _CustomcrmPages(CustomcrmResource[Any]):
    """The client's flows, with lists in short pages."""

    def list(self, *, updated_since: datetime | None = None, page_size: int = PAGE, **more: Any) -> Flow[Page[Any]]:
        return super().list(updated_since=updated_since, page_size=page_size, **more)

    def scan(self, *, updated_since: datetime | None = None, page_size: int = PAGE) -> Flow[Page[Any]]:
        return super().scan(updated_since=updated_since, page_size=page_size)


@attrs.frozen
class _KeapPages(KeapResource[Any]):
    def list(self, *, updated_since: datetime | None = None, page_size: int = PAGE, **more: Any) -> Flow[Page[Any]]:
        return super().list(updated_since=updated_since, page_size=page_size, **more)

    def scan(self, *, updated_since: datetime | None = None, page_size: int = PAGE) -> Flow[Page[Any]]:
        return super().scan(updated_since=updated_since, page_size=page_size)


def _customcrm_records(client: Any, object: str) -> CustomcrmSystem:
    flows = getattr(client, "customers" if object == "companies" else object).flows
    return CustomcrmSystem(_CustomcrmPages(flows.port, flows.endpoint))


def _keap_records(client: Any, object: str) -> KeapSystem:
    flows = getattr(client, object).flows
    return KeapSystem(_KeapPages(flows.port, flows.endpoint))


class TestCustomcrmClient(RecordsContract):
    tells_deletions = True
    has_versions = True

    @pytest.fixture
    def bench(self, object: str, crm: kb.CustomcrmClient) -> Bench:
        return Bench(_customcrm_records(crm, object), SyncDriver().run, CUSTOMCRM_KINDS[object])


class TestKeapClient(RecordsContract):
    @pytest.fixture
    def bench(self, object: str, keap: kb.KeapClient) -> Bench:
        return Bench(_keap_records(keap, object), SyncDriver().run, KEAP_KINDS[object])


@pytest.mark.thorough
@pytest.mark.parametrize("keap_behaviour", [KeapBehaviour(truncate_silently=True)], ids=["cut"])
class TestKeapClientWhereTextsAreCut(TestKeapClient):
    cuts_texts = True


def _without_own(kind: Kind) -> Kind:
    """Records without properties of the host's own: a table shows those that are empty, too."""
    edits = {name: value for name, value in kind.edits.items() if name != "extra"}
    return attrs.evolve(kind, make=lambda n: attrs.evolve(kind.make(n), extra={}), edits=edits)


@pytest.mark.thorough  # the suite for adapters asks the same of one in the first tier
class TestDatabase(RecordsContract):
    """A database as the Customcrm, in the terms of the engine."""

    rounds_to = timedelta(milliseconds=1)  # SQLite's function rounds, so it is asked for that much more
    tells_deletions = True
    has_versions = True

    @pytest.fixture
    def bench(self, object: str, tmp_path: Path) -> Iterator[Bench]:
        name = "customers" if object == "companies" else object
        kind = _without_own(CUSTOMCRM_KINDS[object])
        url = f"sqlite:///{tmp_path / 'crm.db'}"
        engine = sa.create_engine(url)
        wire = [wire_name(f.name) for f in attrs.fields(type(kind.make(1))) if f.name not in {"id", "extra", "etag"}]
        columns = ", ".join([*wire, "DeletedAt"])
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE records (Id TEXT PRIMARY KEY, {columns})")
        engine.dispose()
        table = kb.SqlTable("records", modified="UpdatedAt", created="CreatedAt", deleted="DeletedAt")
        tables: dict[str, Any] = {name: table}
        with kb.SqlCustomcrm(url, page_size=PAGE, **tables) as crm:
            yield Bench(AdapterSystem(resources(crm)[name]), SyncDriver().run, kind)


@pytest.mark.thorough
class TestAsyncCustomcrmClient(RecordsContract):
    tells_deletions = True
    has_versions = True

    @pytest.fixture
    def bench(self, object: str, crm_server: CustomcrmEmulator) -> Iterator[Bench]:
        with asyncio.Runner() as loop:
            client = kb.AsyncCustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token))
            records = _customcrm_records(client, object)
            yield Bench(records, lambda flow: loop.run(AsyncDriver().run(flow)), CUSTOMCRM_KINDS[object])
            loop.run(client.aclose())


@pytest.mark.thorough
class TestAsyncKeapClient(RecordsContract):
    @pytest.fixture
    def bench(self, object: str, keap_server: KeapEmulator) -> Iterator[Bench]:
        with asyncio.Runner() as loop:
            auth = kb.KeapApiKey(keap_server.api_key)
            client = kb.AsyncKeapClient(auth=auth, base_url=keap_server.base_url)
            records = _keap_records(client, object)
            yield Bench(records, lambda flow: loop.run(AsyncDriver().run(flow)), KEAP_KINDS[object])
            loop.run(client.aclose())
