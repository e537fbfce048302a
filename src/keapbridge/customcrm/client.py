"""The Customcrm clients. `CustomcrmResource` holds every operation once, as a flow; the rest are one-liners over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack, overload

import attrs

from keapbridge._io.bounds import Bounds
from keapbridge._io.calling import send
from keapbridge._io.drivers import AsyncDriver, SyncDriver
from keapbridge._io.effects import Call, Flow, Page, gather, now
from keapbridge._io.ends import Ends, Memory
from keapbridge._io.http import AsyncHttpPort, HttpSettings, SyncHttpPort
from keapbridge._io.listing import fetch
from keapbridge._io.port import Credentials, Port, Renewable, check_credentials
from keapbridge._io.retries import RetryPolicy
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.address import address_of_base_url
from keapbridge.customcrm.by_time import ByTime
from keapbridge.customcrm.changes import ContactChanges, CustomerChanges, ProductChanges
from keapbridge.customcrm.endpoints import Endpoint
from keapbridge.customcrm.pace import EvenPace
from keapbridge.customcrm.records import Contact, Customer, Product, SavedContact, SavedCustomer, SavedProduct
from keapbridge.customcrm.schema import OBJECTS, Capabilities, CustomcrmSchema
from keapbridge.errors import ApiError, ConflictError, NotFoundError, ShapeError, StatusError
from keapbridge.model.checked import usable_moment
from keapbridge.model.given import keywords, moment, one_id, one_of, optional, several_ids, telling_methods, whole
from keapbridge.model.maybe import UNSET, Maybe

if TYPE_CHECKING:
    import ssl

__all__ = ["AsyncCustomcrmClient", "CustomcrmClient", "CustomcrmResource"]

_PARALLEL_READS = 4
_ATTEMPTS = 3  # how often a record that moves while it is written as a whole is read again

N = TypeVar("N")  # a record that is given to be made
R = TypeVar("R")


@attrs.frozen
class CustomcrmResource(Generic[R]):
    """The operations on one kind of record, as flows."""

    port: Port
    endpoint: Endpoint[R]
    ends: Ends = attrs.field(factory=Ends, eq=False, repr=False)

    @property
    def address(self) -> str:
        """What names the system."""
        return address_of_base_url(self.port.base_url)

    @property
    def capabilities(self) -> Capabilities:
        return self.endpoint.schema.capabilities(self.endpoint.object)

    @property
    def reading(self) -> str:
        """What the meaning of a record's text depends on: the API as it is declared."""
        return repr(self.endpoint.schema)

    def list(self, *, updated_since: datetime | None = None, page_size: int = endpoints.MAX_PAGE) -> Flow[Page[R]]:
        call = endpoints.list_page(
            self.endpoint,
            updated_since=optional(moment)("updated_since", updated_since),
            page_size=whole("page_size", page_size, least=1, example=500),
        )
        return fetch(self.port, call, ends=self.ends)

    def scan(self, *, updated_since: datetime | None = None, page_size: int = endpoints.MAX_PAGE) -> Flow[Page[R]]:
        """The list, left unread where that is possible, and past what the CRM cannot show."""
        call = endpoints.list_page(self.endpoint, updated_since=updated_since, page_size=page_size, unread=True)
        return fetch(self.port, call, ByTime(self.port, self.endpoint, updated_since), self.ends)

    def remembering(self, memory: Memory) -> CustomcrmResource[R]:
        """The same with a memory of how the CRM ends its lists."""
        return attrs.evolve(self, ends=Ends(memory))

    @property
    def declared(self) -> frozenset[str]:
        """The properties that the schema declares by name, as they are called in mappings."""
        return self.endpoint.declared_names

    def path_of(self, name: str) -> str:
        """Where the API's records have a property, by its name in mappings."""
        return self.endpoint.path_of(name)

    def get(self, id: str | int) -> Flow[R]:
        return send(self.port, endpoints.get(self.endpoint, one_id("id", id)))

    def get_many(self, ids: Collection[str | int]) -> Flow[tuple[R, ...]]:
        wanted = sorted(several_ids("ids", ids))
        if not self.capabilities.batch:
            found = yield from gather((self._get_or_none(id) for id in wanted), _PARALLEL_READS)
            return tuple(record for record in found if record is not None)
        flows = (self._batch(ids, call) for ids, call in endpoints.get_many(self.endpoint, wanted))
        parts = yield from gather(flows, _PARALLEL_READS)
        return tuple(record for part in parts for record in part)

    def _batch(self, ids: Collection[str], call: Call[Page[R]]) -> Flow[tuple[R, ...]]:
        """Those of some records that exist; one by one where the CRM shows others, which it was not asked for."""
        found: dict[str, R] = {}
        page: Page[R] | None = yield from fetch(self.port, call)
        while page is not None:
            for item in page.malformed:
                raise item.error
            shown = {_id(record): record for record in page.items}
            found |= {id: record for id, record in shown.items() if id in ids}
            if shown.keys() - set(ids):
                missing = [id for id in ids if id not in found]
                one_by_one = yield from gather((self._get_or_none(id) for id in missing), _PARALLEL_READS)
                return (*found.values(), *(record for record in one_by_one if record is not None))
            page = (yield from page.next()) if page.next else None
        return tuple(found.values())

    def find_like(self, record: R, *, since: datetime | None = None) -> Flow[tuple[R, ...]]:
        """Records that could be this one: by a property, or else what changed since, or else all."""
        call = endpoints.find(self.endpoint, record) or endpoints.list_page(self.endpoint, updated_since=since)
        return self._all(call, since)

    def create(self, record: Any, *, idempotency_key: str | None = None) -> Flow[R]:
        kind = self.endpoint.codec.cls
        one_of("record", record, kind, f"a record of Customcrm, such as kb.customcrm.{kind.__name__}(…)")
        made = yield from send(self.port, endpoints.create(self.endpoint, record, key=idempotency_key))
        if not _is_id_only(made):
            return made
        id = _id(made)
        try:
            return (yield from self.get(id))
        except StatusError as error:
            # Not for certain that nothing was made: rather the contrary.
            what = f"{self.endpoint.singular} {id} was made and cannot be read yet ({error.status})"
            raise ShapeError(what, paths=["$"], method="POST", url=error.url) from error

    def update(self, id: str | int, changes: Mapping[str, Any], *, if_match: str | None = None) -> Flow[R]:
        id = one_id("id", id)
        record, mask = endpoints.changes_to_record(self.endpoint, changes)

        def written(version: str | None, onto: dict[str, Any] | None) -> Call[R]:
            return endpoints.update(self.endpoint, id, record, mask, if_match=version, onto=onto)

        reads = endpoints.reads_before_writing(self.endpoint, record, mask)
        stored = yield from self._write(id, written, if_match, reads=reads)
        return (yield from self.get(id)) if _is_id_only(stored) else stored

    def delete(self, id: str | int, *, if_match: str | None = None) -> Flow[None]:
        id = one_id("id", id)
        match self.endpoint.schema.delete:
            case "hard":
                yield from send(self.port, endpoints.delete(self.endpoint, id, if_match=if_match))
            case "soft":
                moment = yield from now()

                def marked(version: str | None, onto: dict[str, Any] | None) -> Call[None]:
                    return endpoints.mark_deleted(self.endpoint, id, moment, if_match=version, onto=onto)

                reads = endpoints.marks_after_reading(self.endpoint)
                if not reads:
                    # A mark can be written twice; that it was there already is told by reading only.
                    yield from send(self.port, endpoints.current(self.endpoint, id))
                yield from self._write(id, marked, if_match, reads=reads)
            case None:
                what = f"{self.endpoint.singular} {id} was not deleted: the schema declares no way to"
                raise ApiError(what, method="DELETE", url=f"{self.port.base_url}{self.endpoint.path}")

    def _write(
        self,
        id: str,
        call: Callable[[str | None, dict[str, Any] | None], Call[Any]],
        if_match: str | None,
        *,
        reads: bool,
    ) -> Flow[Any]:
        """Write, onto the record as it is now where that is needed: for the version that was read, if none is given."""
        if not reads:
            return (yield from send(self.port, call(if_match, None)))
        for attempt in range(1, _ATTEMPTS + 1):
            present = yield from send(self.port, endpoints.current(self.endpoint, id))
            if if_match and present.version and present.version != if_match:
                what = f"{self.endpoint.singular} {id} has another version by now"
                raise ConflictError(what, method="GET", url=f"{self.port.base_url}{self.endpoint.path}", status=412)
            try:
                return (yield from send(self.port, call(if_match or present.version, present.body)))
            except ConflictError:
                if if_match or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _get_or_none(self, id: str) -> Flow[R | None]:
        try:
            return (yield from self.get(id))
        except NotFoundError:
            return None

    def _all(self, call: Call[Page[R]], since: datetime | None = None) -> Flow[tuple[R, ...]]:
        """The readable records of all pages of a list; without those that are known to be older than a moment."""
        found: list[R] = []
        page: Page[R] | None = yield from fetch(self.port, call)
        while page is not None:
            found += (record for record in page.items if since is None or not _is_older(record, since))
            page = (yield from page.next()) if page.next else None
        return tuple(found)


def _pace(per_minute: int | None) -> EvenPace | None:
    return None if per_minute is None else EvenPace(whole("per_minute", per_minute, least=1, example=300))


def _schema(given: CustomcrmSchema | None) -> CustomcrmSchema:
    if given is None:
        return CustomcrmSchema()
    return one_of("schema", given, CustomcrmSchema, "what the API looks like, schema=kb.CustomcrmSchema(…)")


def _is_id_only(record: Any) -> bool:
    """Whether an answer to a write has shown no more than the id."""
    names = [f.name for f in attrs.fields(type(record)) if f.name not in {"id", "extra"}]
    return not record.extra and all(getattr(record, name) is UNSET for name in names)


def _id(record: Any) -> str:
    return str(record.id)


def _is_older(record: Any, moment: datetime) -> bool:
    made = usable_moment(record.created_at)
    return made is not None and made < moment


def _common(schema: CustomcrmSchema) -> Capabilities:
    """What a CRM is able to do with all its objects."""
    return reduce(and_, map(schema.capabilities, OBJECTS))


@telling_methods
class SyncCustomcrmResource(Generic[N, R]):
    """Records of one kind: typed, lazily listed, changed by the field."""

    def __init__(self, driver: SyncDriver, flows: CustomcrmResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    @property
    def capabilities(self) -> Capabilities:
        """What the CRM is able to with these records, as its schema says."""
        return self.flows.capabilities

    def list(self, *, updated_since: datetime | None = None, page_size: int = endpoints.MAX_PAGE) -> Iterator[R]:
        """All records, or those changed at or after an (aware) moment; pages are fetched as they are needed.

        Raises:
            ShapeError: at a record that cannot be read, with its JSON path.
        """
        return self._driver.iterate(self.flows.list(updated_since=updated_since, page_size=page_size))

    def get(self, id: str | int) -> R:
        """One record.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.get(id))

    def get_many(self, ids: Collection[str | int]) -> tuple[R, ...]:
        """Those of the records that exist; order is not kept."""
        return self._driver.run(self.flows.get_many(ids))

    def create(self, record: N, *, idempotency_key: str | None = None) -> R:
        """Create a record and return it as it was stored; one key makes one record, however often it is sent."""
        return self._driver.run(self.flows.create(record, idempotency_key=idempotency_key))

    @overload
    def update(
        self: SyncCustomcrmResource[Contact, SavedContact],
        id: str | int,
        *,
        if_match: Maybe[str] = None,
        **changes: Unpack[ContactChanges],
    ) -> SavedContact: ...
    @overload
    def update(
        self: SyncCustomcrmResource[Customer, SavedCustomer],
        id: str | int,
        *,
        if_match: Maybe[str] = None,
        **changes: Unpack[CustomerChanges],
    ) -> SavedCustomer: ...
    @overload
    def update(
        self: SyncCustomcrmResource[Product, SavedProduct],
        id: str | int,
        *,
        if_match: Maybe[str] = None,
        **changes: Unpack[ProductChanges],
    ) -> SavedProduct: ...
    def update(self, id: str | int, *, if_match: Maybe[str] = None, **changes: Any) -> Any:
        """Write these fields and no others; `UNSET` leaves alone, `None` clears, `extra={…}` for the host's own.

        Args:
            if_match: the `etag` the change was made for.

        Raises:
            ConflictError: when the record has another version by now.
        """
        return self._driver.run(self.flows.update(id, changes, if_match=if_match or None))

    def delete(self, id: str | int, *, if_match: Maybe[str] = None) -> None:
        """Delete a record."""
        self._driver.run(self.flows.delete(id, if_match=if_match or None))


@telling_methods
class AsyncCustomcrmResource(Generic[N, R]):
    """`SyncCustomcrmResource` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: CustomcrmResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    @property
    def capabilities(self) -> Capabilities:
        """See `SyncCustomcrmResource.capabilities`."""
        return self.flows.capabilities

    def list(self, *, updated_since: datetime | None = None, page_size: int = endpoints.MAX_PAGE) -> AsyncIterator[R]:
        """See `SyncCustomcrmResource.list`."""
        return self._driver.iterate(self.flows.list(updated_since=updated_since, page_size=page_size))

    async def get(self, id: str | int) -> R:
        """See `SyncCustomcrmResource.get`."""
        return await self._driver.run(self.flows.get(id))

    async def get_many(self, ids: Collection[str | int]) -> tuple[R, ...]:
        """See `SyncCustomcrmResource.get_many`."""
        return await self._driver.run(self.flows.get_many(ids))

    async def create(self, record: N, *, idempotency_key: str | None = None) -> R:
        """See `SyncCustomcrmResource.create`."""
        return await self._driver.run(self.flows.create(record, idempotency_key=idempotency_key))

    @overload
    async def update(
        self: AsyncCustomcrmResource[Contact, SavedContact],
        id: str | int,
        *,
        if_match: Maybe[str] = None,
        **changes: Unpack[ContactChanges],
    ) -> SavedContact: ...
    @overload
    async def update(
        self: AsyncCustomcrmResource[Customer, SavedCustomer],
        id: str | int,
        *,
        if_match: Maybe[str] = None,
        **changes: Unpack[CustomerChanges],
    ) -> SavedCustomer: ...
    @overload
    async def update(
        self: AsyncCustomcrmResource[Product, SavedProduct],
        id: str | int,
        *,
        if_match: Maybe[str] = None,
        **changes: Unpack[ProductChanges],
    ) -> SavedProduct: ...
    async def update(self, id: str | int, *, if_match: Maybe[str] = None, **changes: Any) -> Any:
        """See `SyncCustomcrmResource.update`."""
        return await self._driver.run(self.flows.update(id, changes, if_match=if_match or None))

    async def delete(self, id: str | int, *, if_match: Maybe[str] = None) -> None:
        """See `SyncCustomcrmResource.delete`."""
        await self._driver.run(self.flows.delete(id, if_match=if_match or None))


@keywords()
class CustomcrmClient:
    """A Customcrm with a REST API. Thread-safe; close it, or use it as a context manager.

    Args:
        base_url: what the paths of the schema (`/contacts`, `/customers` and `/products`) live below.
        auth: `BearerToken("…")`, `ApiKey(…)`, `BasicAuth(…)` or `ClientCredentials(…)`.
        schema: what the API looks like; without one it is the default profile.
        timeout: seconds without progress before a request is given up.
        retry: how patient it is; see `RetryPolicy`.
        bounds: what it takes from the system at most; see `Bounds`.
        per_minute: how many calls it makes in a minute at most, evenly spaced; the limits that answers tell of in
            `X-RateLimit-Remaining` and `X-RateLimit-Reset` are kept then, too. `None`: as many as come.
        verify: the file of the certificates that the server's is checked by, or an `ssl.SSLContext`, which may have a
            certificate of the client; `None`: those that everybody trusts.
        proxy: the URL of a proxy for all calls.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Credentials | Renewable | None = None,
        schema: CustomcrmSchema | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        per_minute: int | None = None,
        verify: str | ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        check_credentials(auth)
        self.schema: CustomcrmSchema = _schema(schema)
        self._port = SyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                bounds=Bounds() if bounds is None else bounds,
                pace=_pace(per_minute),
                verify=verify,
                proxy=proxy,
            )
        )
        driver = SyncDriver()
        self.contacts: SyncCustomcrmResource[Contact, SavedContact] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedContact, self.schema, base_url))
        )
        self.customers: SyncCustomcrmResource[Customer, SavedCustomer] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedCustomer, self.schema, base_url))
        )
        self.products: SyncCustomcrmResource[Product, SavedProduct] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedProduct, self.schema, base_url))
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the CRM is able to with all three objects; see also those of each (`crm.contacts.capabilities`)."""
        return _common(self.schema)

    def close(self) -> None:
        """Close the connections."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CustomcrmClient {self._port.settings.base_url}>"


@keywords()
class AsyncCustomcrmClient:
    """`CustomcrmClient` for an event loop.

    Args:
        app: an ASGI application to call instead of the network, such as an emulator's `app`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Credentials | Renewable | None = None,
        schema: CustomcrmSchema | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        per_minute: int | None = None,
        verify: str | ssl.SSLContext | None = None,
        proxy: str | None = None,
        app: Callable[..., Any] | None = None,
    ) -> None:
        check_credentials(auth)
        self.schema: CustomcrmSchema = _schema(schema)
        self._port = AsyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                app,
                bounds=Bounds() if bounds is None else bounds,
                pace=_pace(per_minute),
                verify=verify,
                proxy=proxy,
            )
        )
        driver = AsyncDriver()
        self.contacts: AsyncCustomcrmResource[Contact, SavedContact] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedContact, self.schema, base_url))
        )
        self.customers: AsyncCustomcrmResource[Customer, SavedCustomer] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedCustomer, self.schema, base_url))
        )
        self.products: AsyncCustomcrmResource[Product, SavedProduct] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, endpoints.endpoint(SavedProduct, self.schema, base_url))
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the CRM is able to with all three objects; see also those of each (`crm.contacts.capabilities`)."""
        return _common(self.schema)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._port.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncCustomcrmClient {self._port.settings.base_url}>"
