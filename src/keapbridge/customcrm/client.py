"""The Customcrm clients. `CustomcrmResource` holds every operation once, as a flow; the rest are one-liners over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

import attrs

from keapbridge._drive import AsyncDriver, SyncDriver
from keapbridge._flow import Flow, Page, gather
from keapbridge._port import Credentials, Port
from keapbridge._retry import RetryPolicy
from keapbridge._send import fetch, send
from keapbridge._transport import AsyncHttpPort, HttpSettings, SyncHttpPort
from keapbridge.customcrm import calls
from keapbridge.customcrm.calls import CONTACTS, CUSTOMERS, PRODUCTS, Endpoint
from keapbridge.customcrm.models import Contact, Customer, Product

__all__ = ["AsyncCustomcrmClient", "CustomcrmClient", "CustomcrmResource"]

_PARALLEL_READS = 4

R = TypeVar("R")


@attrs.frozen
class CustomcrmResource(Generic[R]):
    """The operations on one kind of record, as flows."""

    port: Port
    endpoint: Endpoint[R]

    def list(self, *, updated_since: datetime | None = None, page_size: int = calls.MAX_PAGE) -> Flow[Page[R]]:
        return fetch(self.port, calls.list_page(self.endpoint, updated_since=updated_since, page_size=page_size))

    def get(self, id: str) -> Flow[R]:
        return send(self.port, calls.get(self.endpoint, id))

    def get_many(self, ids: Collection[str]) -> Flow[tuple[R, ...]]:
        flows = (send(self.port, call) for call in calls.get_many(self.endpoint, ids))
        pages = yield from gather(flows, _PARALLEL_READS)
        for page in pages:
            for item in page.malformed:
                raise item.error
        return tuple(record for page in pages for record in page.items)

    def create(self, record: R, *, idempotency_key: str | None = None) -> Flow[R]:
        return send(self.port, calls.create(self.endpoint, record, key=idempotency_key))

    def update(self, id: str, changes: dict[str, Any], *, if_match: str | None = None) -> Flow[R]:
        record, mask = calls.changes_to_record(self.endpoint, changes)
        return send(self.port, calls.update(self.endpoint, id, record, mask, if_match=if_match))

    def delete(self, id: str, *, if_match: str | None = None) -> Flow[None]:
        return send(self.port, calls.delete(self.endpoint, id, if_match=if_match))


class SyncCustomcrmResource(Generic[R]):
    """Records of one kind: typed, lazily listed, changed by the field."""

    def __init__(self, driver: SyncDriver, flows: CustomcrmResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(self, *, updated_since: datetime | None = None, page_size: int = calls.MAX_PAGE) -> Iterator[R]:
        """All records, or those changed at or after an (aware) moment; pages are fetched as they are needed.

        Raises:
            ShapeError: at a record that cannot be read, with its JSON path.
        """
        return self._driver.iterate(self.flows.list(updated_since=updated_since, page_size=page_size))

    def get(self, id: str) -> R:
        """One record.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.get(id))

    def get_many(self, ids: Collection[str]) -> tuple[R, ...]:
        """Those of the records that exist; order is not kept."""
        return self._driver.run(self.flows.get_many(ids))

    def create(self, record: R, *, idempotency_key: str | None = None) -> R:
        """Create a record and return it as it was stored; one key makes one record, however often it is sent."""
        return self._driver.run(self.flows.create(record, idempotency_key=idempotency_key))

    def update(self, id: str, *, if_match: str | None = None, **changes: Any) -> R:
        """Write these fields and no others; `UNSET` leaves alone, `None` clears, `extra={…}` for the host's own.

        Args:
            if_match: the `etag` the change was made for.

        Raises:
            ConflictError: when the record has another version by now.
        """
        return self._driver.run(self.flows.update(id, changes, if_match=if_match))

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a record."""
        self._driver.run(self.flows.delete(id, if_match=if_match))


class AsyncCustomcrmResource(Generic[R]):
    """`SyncCustomcrmResource` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: CustomcrmResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(self, *, updated_since: datetime | None = None, page_size: int = calls.MAX_PAGE) -> AsyncIterator[R]:
        """See `SyncCustomcrmResource.list`."""
        return self._driver.iterate(self.flows.list(updated_since=updated_since, page_size=page_size))

    async def get(self, id: str) -> R:
        """See `SyncCustomcrmResource.get`."""
        return await self._driver.run(self.flows.get(id))

    async def get_many(self, ids: Collection[str]) -> tuple[R, ...]:
        """See `SyncCustomcrmResource.get_many`."""
        return await self._driver.run(self.flows.get_many(ids))

    async def create(self, record: R, *, idempotency_key: str | None = None) -> R:
        """See `SyncCustomcrmResource.create`."""
        return await self._driver.run(self.flows.create(record, idempotency_key=idempotency_key))

    async def update(self, id: str, *, if_match: str | None = None, **changes: Any) -> R:
        """See `SyncCustomcrmResource.update`."""
        return await self._driver.run(self.flows.update(id, changes, if_match=if_match))

    async def delete(self, id: str, *, if_match: str | None = None) -> None:
        """See `SyncCustomcrmResource.delete`."""
        await self._driver.run(self.flows.delete(id, if_match=if_match))


class CustomcrmClient:
    """A Customcrm that speaks the default REST profile. Thread-safe; close it, or use it as a context manager.

    Args:
        base_url: what `/contacts`, `/customers` and `/products` live below.
        auth: `BearerToken("…")`.
        timeout: seconds without progress before a request is given up.
        retry: how patient it is; see `RetryPolicy`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Credentials | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._port = SyncHttpPort(HttpSettings(base_url, auth, timeout, retry or RetryPolicy()))
        driver = SyncDriver()
        self.contacts: SyncCustomcrmResource[Contact] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, CONTACTS)
        )
        self.customers: SyncCustomcrmResource[Customer] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, CUSTOMERS)
        )
        self.products: SyncCustomcrmResource[Product] = SyncCustomcrmResource(
            driver, CustomcrmResource(self._port, PRODUCTS)
        )

    def close(self) -> None:
        """Close the connections."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CustomcrmClient {self._port.settings.base_url}>"


class AsyncCustomcrmClient:
    """`CustomcrmClient` for an event loop.

    Args:
        app: an ASGI application to call instead of the network, such as an emulator's `app`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Credentials | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        app: Callable[..., Any] | None = None,
    ) -> None:
        self._port = AsyncHttpPort(HttpSettings(base_url, auth, timeout, retry or RetryPolicy(), app))
        driver = AsyncDriver()
        self.contacts: AsyncCustomcrmResource[Contact] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, CONTACTS)
        )
        self.customers: AsyncCustomcrmResource[Customer] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, CUSTOMERS)
        )
        self.products: AsyncCustomcrmResource[Product] = AsyncCustomcrmResource(
            driver, CustomcrmResource(self._port, PRODUCTS)
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._port.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncCustomcrmClient {self._port.settings.base_url}>"
