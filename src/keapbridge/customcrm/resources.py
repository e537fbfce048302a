"""What the clients show of a Customcrm's records: one-liners over the operations, with and without an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from datetime import datetime
from typing import Any, Generic, TypeVar, Unpack, overload

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._io.listing import items, items_async
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.changes import ContactChanges, CustomerChanges, ProductChanges
from keapbridge.customcrm.operations import CustomcrmResource
from keapbridge.customcrm.records import Contact, Customer, Product, SavedContact, SavedCustomer, SavedProduct
from keapbridge.customcrm.schema import Capabilities
from keapbridge.model.given import telling_methods
from keapbridge.model.maybe import Maybe

__all__ = ["AsyncCustomcrmResource", "SyncCustomcrmResource"]

N = TypeVar("N")  # a record that is given to be made
R = TypeVar("R")


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
        return items(self._driver, self.flows.list(updated_since=updated_since, page_size=page_size))

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
        return items_async(self._driver, self.flows.list(updated_since=updated_since, page_size=page_size))

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
