"""A system as the engine sees it, with what the suite's tests do to it and ask of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self, cast
from uuid import uuid4

import attrs
import pytest

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.customcrm.adapted import resources
from keapbridge.customcrm.adapter import AdapterCapabilities, CustomcrmAdapter, is_asynchronous
from keapbridge.customcrm.client import AsyncCustomcrmClient, CustomcrmClient
from keapbridge.customcrm.records import wire_name
from keapbridge.customcrm.schema import Capabilities
from keapbridge.errors import ShapeError, StatusError
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.maybe import UNSET
from keapbridge.sync.clients import AdapterSystem, CustomcrmSystem
from keapbridge.sync.systems import System
from keapbridge.testing.contract.samples import CLEARED, EDITS, MAKERS, samples

__all__ = ["LONG_AGO", "OTHER_FORM", "Bench", "absent", "differences", "first_shown", "needs", "paged", "takes"]

OTHER_FORM = "a value is shown in another form than it was taken in: the record cannot be read, and its edits wait: {}"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OWN = frozenset({"id", "created_at", "updated_at", "etag", "extra"})

Customcrm = CustomcrmAdapter | CustomcrmClient | AsyncCustomcrmClient


def _of_client(client: CustomcrmClient | AsyncCustomcrmClient, object: str) -> tuple[System, AdapterCapabilities]:
    flows = getattr(client, object).flows
    return CustomcrmSystem(flows), _promised(flows.capabilities)


def _promised(able: Capabilities) -> AdapterCapabilities:
    """What a declared API promises."""
    return AdapterCapabilities(
        changes_since=able.changed_since,
        tells_deletions=able.tombstones,
        conditional_updates=able.conditional,
        idempotent_creates=able.idempotent,
        batch_read=able.batch,
    )


class Bench:
    """One kind of records of an adapter, or of a declared API, as the engine sees them."""

    others: Mapping[str, Bench] | None = None
    """The other kinds of the same system, where they were made beside it."""

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

    @classmethod
    def of_system(cls, system: System, object: str) -> Self:
        """Of what a session has of its Customcrm, without an event loop."""
        bench = cls.__new__(cls)
        bench.object, bench.loop, bench._loop = object, None, None
        bench._driver, bench.records = SyncDriver(), system
        bench._held, bench.can_delete = None, True
        if isinstance(system, CustomcrmSystem):
            bench.promises = _promised(system.flows.capabilities)
            bench.can_delete = system.flows.capabilities.deletes is not None
        else:
            flows: Any = cast("AdapterSystem", system).flows
            bench.promises, bench._held, bench.adapter = flows.capabilities, flows.properties, flows.adapter
        return bench

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
        if self.others is not None:
            return self.others.get("customers")
        is_client = isinstance(self.adapter, (CustomcrmClient, AsyncCustomcrmClient))
        if not is_client and "customers" not in resources(cast("CustomcrmAdapter", self.adapter)):
            return None
        return Bench(self.adapter, "customers", self.loop)

    def narrowed(self, mappings: Sequence[Mapper]) -> Bench:
        """The same for what these mappings map, where one of them is for these records."""
        for mapper in mappings:
            if mapper.customcrm_type is type(MAKERS[self.object](0)):
                mapped = {name for lens in mapper.lenses for name in lens.customcrm.properties}
                self._held = frozenset(mapped if self._held is None else self._held & mapped)
        return self

    @property
    def samples(self) -> dict[str, tuple[Any, Any]]:
        """Two values for all that it holds, by attribute."""
        cls = type(MAKERS[self.object](0))
        return {name: values for name, values in samples(cls).items() if self.holds(name)}

    @property
    def shown(self) -> dict[str, Any]:
        """All records as a list shows them, by id."""
        return {record.id: self.whole(record) for page in self.pages() for record in page.items}

    def make(self, n: int, **changes: Any) -> Any:
        """The n-th record, not stored yet."""
        record = attrs.evolve(MAKERS[self.object](n), **changes)
        lacks = {f.name: UNSET for f in attrs.fields(type(record)) if f.name != "extra" and not self.holds(f.name)}
        lacking: dict[str, Any] = dict(lacks)
        return attrs.evolve(record, **lacking)

    @property
    def edits(self) -> dict[str, Any]:
        """Attributes with values that no new record has."""
        return {name: value for name, value in EDITS[self.object].items() if self.holds(name)}

    @property
    def cleared(self) -> list[str]:
        """Attributes that can be empty."""
        return [name for name in CLEARED[self.object] if self.holds(name)]

    @property
    def text(self) -> str:
        """An attribute that holds any text."""
        wanted = ("last_name",) if self.object == "contacts" else ("description", "name")
        return next(name for name in wanted if self.holds(name))

    def create(self, record: Any, key: str | None = None) -> Any:
        return self.run(self.records.create(record, key or self.key()))

    def key(self) -> str:
        """A key for a create that nobody has used, in this system or in another run of the suite."""
        return uuid4().hex

    def add(self, number: int) -> list[str]:
        return [self.create(self.make(n)).id for n in range(number)]

    def get(self, id: str) -> Any:
        return self.whole(self.run(self.records.get(id)))

    def get_many(self, ids: Sequence[str]) -> tuple[Any, ...]:
        return tuple(map(self.whole, self.run(self.records.get_many(ids))))

    def update(self, id: str, version: str | None = None, /, **changes: Any) -> Any:
        return self.run(self.records.update(id, changes, version))

    def whole(self, record: Any) -> Any:
        """A record in which what it does not show is empty: these records are the own of the suite, nothing hides."""
        names = [f.name for f in attrs.fields(type(record)) if f.name != "extra" and self.holds(f.name)]
        left_out: dict[str, Any] = dict.fromkeys(name for name in names if getattr(record, name) is UNSET)
        return attrs.evolve(record, **left_out)

    def delete(self, id: str, version: str | None = None) -> None:
        needs(self.can_delete, "to delete records")
        self.run(self.records.delete(id, version))

    def raw_pages(self) -> Iterator[Page[Any]]:
        """All pages, with what of them cannot be read."""
        return paged(self.run, self.records.list(None))

    def pages(self, since: datetime | None = None) -> Iterator[Page[Any]]:
        for page in paged(self.run, self.records.list(since)):
            for item in page.malformed:
                raise item.error
            yield page

    def listed(self, since: datetime | None = None) -> list[str]:
        return [record.id for page in self.pages(since) for record in page.items]

    def stamp(self, id: str) -> datetime:
        moment = self.records.identify(self.get(id)).updated_at
        assert moment is not None, f"{id} has no UpdatedAt: without it nobody knows since when changes are missing"
        return moment


def paged(run: Callable[[Flow[Any]], Any], first: Flow[Page[Any]]) -> Iterator[Page[Any]]:
    """The pages of a list, each asked for when it is needed."""
    flow: Flow[Page[Any]] | None = first
    while flow is not None:
        page = run(flow)
        yield page
        flow = page.next() if page.next else None


def first_shown(pages: Iterator[Page[Any]]) -> list[str]:
    """The ids on the first page that has any: an empty one before it is right."""
    return [record.id for record in next((page for page in pages if page.items), Page()).items]


def absent(ids: Sequence[str], number: int) -> list[str]:
    """Ids that nobody has, in the form of those that there are: a system may refuse those of another form."""
    if ids and all(id.isdecimal() for id in ids):
        above = max(map(int, ids)) + 10**8
        return [str(above + n * 7) for n in range(number)]
    if ids and all(_UUID.fullmatch(id) for id in ids):
        return [f"00000000-0000-4000-8000-{n:012d}" for n in range(number)]
    return ["no-such-id", *(str(10**8 + n * 7) for n in range(number - 1))]


def differences(a: Any, b: Any) -> list[str]:
    """The attributes that both show, and show differently; empty is empty, in whatever way."""
    names = [f.name for f in attrs.fields(type(a)) if f.name not in _OWN]
    values = {n: (getattr(a, n), getattr(b, n)) for n in names}
    return [n for n, (x, y) in values.items() if UNSET not in (x, y) and (x or None) != (y or None)]


def takes(bench: Bench, id: str, name: str, value: Any) -> bool:
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


def needs(promise: bool, name: str) -> None:
    """Skip what was not promised."""
    if not promise:
        pytest.skip(f"the adapter does not promise {name}")
