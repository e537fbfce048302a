"""The Keap clients. `KeapResource` holds every operation once, as a flow; the classes are one-liners over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

import attrs

from keapbridge._drive import AsyncDriver, SyncDriver
from keapbridge._flow import UNSET, Flow, Page, Port, fetch, gather, send
from keapbridge._retry import RetryPolicy
from keapbridge._transport import AsyncHttpPort, Credentials, HttpSettings, SyncHttpPort
from keapbridge.keap import calls
from keapbridge.keap.calls import COMPANIES, CONTACTS, PRODUCTS, Endpoint, KeapRecord
from keapbridge.keap.hooks import AsyncKeapHooks, KeapHooks, SyncKeapHooks
from keapbridge.keap.limits import KeapLimits, read_limits
from keapbridge.keap.models import (
    Address,
    Company,
    Contact,
    CustomFieldValue,
    EmailAddress,
    FaxNumber,
    PhoneNumber,
    Product,
    SocialAccount,
)
from keapbridge.keap.slots import array_of, put_items

__all__ = ["BASE_URL", "AsyncKeapClient", "KeapClient", "KeapResource"]

BASE_URL = "https://api.infusionsoft.com/crm/rest"
_PARALLEL_READS = 4

R = TypeVar("R", bound=KeapRecord)
SlotItem = EmailAddress | PhoneNumber | FaxNumber | Address | SocialAccount | CustomFieldValue


@attrs.frozen
class KeapResource(Generic[R]):
    """The operations on one resource, as flows."""

    port: Port
    endpoint: Endpoint[R]

    def list(
        self,
        *,
        updated_since: datetime | None = None,
        filters: Collection[tuple[str, str]] = (),
        order_by: str | None = None,
        page_size: int = calls.MAX_PAGE,
    ) -> Flow[Page[R]]:
        call = calls.list_page(
            self.endpoint, updated_since=updated_since, filters=filters, order_by=order_by, page_size=page_size
        )
        return fetch(self.port, call)

    def get(self, id: str) -> Flow[R]:
        return send(self.port, calls.get(self.endpoint, id))

    def get_many(self, ids: Collection[str]) -> Flow[tuple[R, ...]]:
        wanted = set(ids)
        flows = (send(self.port, call) for call in calls.get_many(self.endpoint, wanted))
        pages = yield from gather(flows, _PARALLEL_READS)
        for page in pages:
            for item in page.malformed:
                if item.id in wanted:
                    raise item.error
        return tuple(record for page in pages for record in page.items if record.id in wanted)

    def find_like(self, record: R, *, since: datetime | None = None) -> Flow[tuple[R, ...]]:
        call = calls.find_like(self.endpoint, record, since=since)
        found: tuple[R, ...] = ()
        page = None if call is None else (yield from fetch(self.port, call))
        while page is not None:
            found += page.items
            page = (yield from page.next()) if page.next else None
        return found

    def create(self, record: R) -> Flow[R]:
        return send(self.port, calls.create(self.endpoint, record))

    def update(self, id: str, changes: dict[str, Any]) -> Flow[R]:
        record = calls.changes_to_record(self.endpoint, changes)
        mask = [name for name, value in changes.items() if value is not UNSET]
        return send(self.port, calls.update(self.endpoint, id, record, mask))

    def put_items(self, id: str, items: Collection[SlotItem]) -> Flow[R]:
        arrays: dict[str, list[Any]] = {}
        for item in items:
            arrays.setdefault(array_of(item), []).append(item)
        present = yield from self.get(id)
        changes = {name: put_items(getattr(present, name), new) for name, new in arrays.items()}
        return (yield from self.update(id, changes))

    def delete(self, id: str) -> Flow[None]:
        return send(self.port, calls.delete(self.endpoint, id))


class SyncKeapResource(Generic[R]):
    """Records of one kind: typed, lazily listed, changed by the field."""

    def __init__(self, driver: SyncDriver, flows: KeapResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(
        self,
        *,
        updated_since: datetime | None = None,
        filters: Collection[tuple[str, str]] = (),
        order_by: str | None = None,
        page_size: int = calls.MAX_PAGE,
    ) -> Iterator[R]:
        """All records, or those changed at or after a moment; pages are fetched as they are needed.

        Args:
            updated_since: an aware datetime.
            filters: `("family_name", "Smi*")` terms that must all hold; a name may end in an operator (`contact_id>`).
            order_by: a field and `asc` or `desc`, as Keap's contract allows for the resource.
            page_size: 1 to 1,000.

        Raises:
            ShapeError: at a record that cannot be read, with its JSON path.
        """
        first = self.flows.list(updated_since=updated_since, filters=filters, order_by=order_by, page_size=page_size)
        return self._driver.iterate(first)

    def get(self, id: str) -> R:
        """One record with all its fields.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.get(id))

    def get_many(self, ids: Collection[str]) -> tuple[R, ...]:
        """Those of the records that exist, in as few calls as the resource allows; order is not kept."""
        return self._driver.run(self.flows.get_many(ids))

    def create(self, record: R) -> R:
        """Create a record and return it as Keap stored it. Never repeated when the outcome is unknown."""
        return self._driver.run(self.flows.create(record))

    def update(self, id: str, **changes: Any) -> R:
        """Write these fields and no others (PATCH with `update_mask`); `UNSET` leaves alone, `None` clears.

        Arrays are replaced as a whole: `put_items` changes single slots and keeps the others.
        """
        return self._driver.run(self.flows.update(id, changes))

    def put_items(self, id: str, *items: SlotItem) -> R:
        """Change single slots (`EmailAddress("ada@example.org", "EMAIL1")`); all other slots stay as they are."""
        return self._driver.run(self.flows.put_items(id, items))

    def delete(self, id: str) -> None:
        """Delete a record.

        Raises:
            NotFoundError: when there is none.
        """
        self._driver.run(self.flows.delete(id))


class AsyncKeapResource(Generic[R]):
    """`SyncKeapResource` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: KeapResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(
        self,
        *,
        updated_since: datetime | None = None,
        filters: Collection[tuple[str, str]] = (),
        order_by: str | None = None,
        page_size: int = calls.MAX_PAGE,
    ) -> AsyncIterator[R]:
        """See `SyncKeapResource.list`."""
        first = self.flows.list(updated_since=updated_since, filters=filters, order_by=order_by, page_size=page_size)
        return self._driver.iterate(first)

    async def get(self, id: str) -> R:
        """See `SyncKeapResource.get`."""
        return await self._driver.run(self.flows.get(id))

    async def get_many(self, ids: Collection[str]) -> tuple[R, ...]:
        """See `SyncKeapResource.get_many`."""
        return await self._driver.run(self.flows.get_many(ids))

    async def create(self, record: R) -> R:
        """See `SyncKeapResource.create`."""
        return await self._driver.run(self.flows.create(record))

    async def update(self, id: str, **changes: Any) -> R:
        """See `SyncKeapResource.update`."""
        return await self._driver.run(self.flows.update(id, changes))

    async def put_items(self, id: str, *items: SlotItem) -> R:
        """See `SyncKeapResource.put_items`."""
        return await self._driver.run(self.flows.put_items(id, items))

    async def delete(self, id: str) -> None:
        """See `SyncKeapResource.delete`."""
        await self._driver.run(self.flows.delete(id))


class KeapClient:
    """Keap's REST v2 API. Thread-safe; close it, or use it as a context manager.

    Args:
        auth: `KeapApiKey("KeapAK-…")`.
        base_url: what `/v2` and `/v1` live below.
        timeout: seconds without progress before a request is given up.
        retry: how patient it is; see `RetryPolicy`.
    """

    def __init__(
        self,
        *,
        auth: Credentials,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._port = SyncHttpPort(HttpSettings(base_url, auth, timeout, retry or RetryPolicy()))
        driver = SyncDriver()
        self.contacts: SyncKeapResource[Contact] = SyncKeapResource(driver, KeapResource(self._port, CONTACTS))
        self.companies: SyncKeapResource[Company] = SyncKeapResource(driver, KeapResource(self._port, COMPANIES))
        self.products: SyncKeapResource[Product] = SyncKeapResource(driver, KeapResource(self._port, PRODUCTS))
        self.hooks = SyncKeapHooks(driver, KeapHooks(self._port))

    @property
    def limits(self) -> KeapLimits:
        """What the last answer's headers said about the limits."""
        return read_limits(self._port.last_headers)

    def close(self) -> None:
        """Close the connections."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KeapClient {self._port.settings.base_url}>"


class AsyncKeapClient:
    """`KeapClient` for an event loop.

    Args:
        app: an ASGI application to call instead of the network, such as an emulator's `app`.
    """

    def __init__(
        self,
        *,
        auth: Credentials,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        app: Callable[..., Any] | None = None,
    ) -> None:
        self._port = AsyncHttpPort(HttpSettings(base_url, auth, timeout, retry or RetryPolicy(), app))
        driver = AsyncDriver()
        self.contacts: AsyncKeapResource[Contact] = AsyncKeapResource(driver, KeapResource(self._port, CONTACTS))
        self.companies: AsyncKeapResource[Company] = AsyncKeapResource(driver, KeapResource(self._port, COMPANIES))
        self.products: AsyncKeapResource[Product] = AsyncKeapResource(driver, KeapResource(self._port, PRODUCTS))
        self.hooks = AsyncKeapHooks(driver, KeapHooks(self._port))

    @property
    def limits(self) -> KeapLimits:
        """What the last answer's headers said about the limits."""
        return read_limits(self._port.last_headers)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._port.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncKeapClient {self._port.settings.base_url}>"
