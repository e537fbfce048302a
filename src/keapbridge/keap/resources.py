"""What the clients show of Keap's records: one-liners over the operations, with and without an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar, Unpack, overload

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._io.listing import items, items_async
from keapbridge.keap import lists
from keapbridge.keap.changes import CompanyChanges, ContactChanges, ProductChanges
from keapbridge.keap.endpoints import KeapRecord
from keapbridge.keap.fields import CustomField, FieldType, Model
from keapbridge.keap.operations import KeapResource, SlotItem
from keapbridge.keap.records import (
    Company,
    Contact,
    Product,
    SavedCompany,
    SavedContact,
    SavedProduct,
)
from keapbridge.model.given import telling_methods

__all__ = ["AsyncKeapResource", "AsyncKeapResourceWithFields", "SyncKeapResource", "SyncKeapResourceWithFields"]

N = TypeVar("N")  # a record that is given to be made
R = TypeVar("R", bound=KeapRecord)


@telling_methods
class SyncKeapResource(Generic[N, R]):
    """Records of one kind: typed, lazily listed, changed by the field."""

    def __init__(self, driver: SyncDriver, flows: KeapResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(
        self,
        *,
        updated_since: datetime | None = None,
        filters: Collection[tuple[str, str]] | Mapping[str, str] = (),
        order_by: str | None = None,
        page_size: int = lists.MAX_PAGE,
    ) -> Iterator[R]:
        """All records, or those changed at or after a moment; pages are fetched as they are needed.

        Args:
            updated_since: an aware datetime.
            filters: `{"family_name": "Smi*"}` or pairs, which must all hold; a name may end in an operator
                (`contact_id>`).
            order_by: a field and `asc` or `desc`, as Keap's contract allows for the resource.
            page_size: 1 to 1,000.

        Raises:
            ShapeError: at a record that cannot be read, with its JSON path.
        """
        first = self.flows.list(
            updated_since=updated_since, filters=filters, order_by=order_by, page_size=page_size, lazy=True
        )
        return items(self._driver, first)

    def get(self, id: str | int) -> R:
        """One record with all its fields.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.get(id))

    def get_many(self, ids: Collection[str | int]) -> tuple[R, ...]:
        """Those of the records that exist, in as few calls as the resource allows; order is not kept."""
        return self._driver.run(self.flows.get_many(ids))

    def create(self, record: N) -> R:
        """Create a record and return it as Keap stored it. Never repeated when the outcome is unknown."""
        return self._driver.run(self.flows.create(record))

    @overload
    def update(
        self: SyncKeapResource[Contact, SavedContact], id: str | int, **changes: Unpack[ContactChanges]
    ) -> SavedContact: ...
    @overload
    def update(
        self: SyncKeapResource[Company, SavedCompany], id: str | int, **changes: Unpack[CompanyChanges]
    ) -> SavedCompany: ...
    @overload
    def update(
        self: SyncKeapResource[Product, SavedProduct], id: str | int, **changes: Unpack[ProductChanges]
    ) -> SavedProduct: ...
    def update(self, id: str | int, **changes: Any) -> Any:
        """Write these fields and no others (PATCH with `update_mask`); `UNSET` leaves alone, `None` clears.

        Arrays are replaced as a whole: `put_items` changes single slots and keeps the others.
        """
        return self._driver.run(self.flows.update(id, changes))

    def put_items(self, id: str | int, *items: SlotItem) -> R:
        """Change single slots (`EmailAddress("ada@example.org", "EMAIL1")`); all other slots stay as they are."""
        return self._driver.run(self.flows.put_items(id, items))

    def delete(self, id: str | int) -> None:
        """Delete a record.

        Raises:
            NotFoundError: when there is none.
        """
        self._driver.run(self.flows.delete(id))


@telling_methods
class SyncKeapResourceWithFields(SyncKeapResource[N, R]):
    """Records that have custom fields: contacts and companies."""

    def model(self, *, refresh: bool = False) -> Model:
        """The custom fields of these records; asked for once, and again with `refresh`."""
        return self._driver.run(self.flows.model(refresh=refresh))

    def create_custom_field(
        self,
        *,
        label: str,
        type: FieldType = "TEXT",
        options: Collection[str] = (),
        group_id: str | None = None,
        user_group_id: str | None = None,
    ) -> CustomField:
        """Make a custom field. Never repeated when the outcome is unknown: labels need not be unique.

        Args:
            label: what people see.
            type: as Keap names it (`"WHOLE_NUMBER"`).
            options: the labels of what a drop-down, radio or list field can hold.
            group_id: the group (tab) to show it in; Keap's own "Custom Fields" where there is none.
            user_group_id: the users to choose from, for `"USER"` and `"USER_LIST_BOX"`.

        Raises:
            ValueError: without a label.
        """
        return self._driver.run(self.flows.create_custom_field(label, type, options, group_id, user_group_id))


@telling_methods
class AsyncKeapResource(Generic[N, R]):
    """`SyncKeapResource` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: KeapResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(
        self,
        *,
        updated_since: datetime | None = None,
        filters: Collection[tuple[str, str]] | Mapping[str, str] = (),
        order_by: str | None = None,
        page_size: int = lists.MAX_PAGE,
    ) -> AsyncIterator[R]:
        """See `SyncKeapResource.list`."""
        first = self.flows.list(
            updated_since=updated_since, filters=filters, order_by=order_by, page_size=page_size, lazy=True
        )
        return items_async(self._driver, first)

    async def get(self, id: str | int) -> R:
        """See `SyncKeapResource.get`."""
        return await self._driver.run(self.flows.get(id))

    async def get_many(self, ids: Collection[str | int]) -> tuple[R, ...]:
        """See `SyncKeapResource.get_many`."""
        return await self._driver.run(self.flows.get_many(ids))

    async def create(self, record: N) -> R:
        """See `SyncKeapResource.create`."""
        return await self._driver.run(self.flows.create(record))

    @overload
    async def update(
        self: AsyncKeapResource[Contact, SavedContact], id: str | int, **changes: Unpack[ContactChanges]
    ) -> SavedContact: ...
    @overload
    async def update(
        self: AsyncKeapResource[Company, SavedCompany], id: str | int, **changes: Unpack[CompanyChanges]
    ) -> SavedCompany: ...
    @overload
    async def update(
        self: AsyncKeapResource[Product, SavedProduct], id: str | int, **changes: Unpack[ProductChanges]
    ) -> SavedProduct: ...
    async def update(self, id: str | int, **changes: Any) -> Any:
        """See `SyncKeapResource.update`."""
        return await self._driver.run(self.flows.update(id, changes))

    async def put_items(self, id: str | int, *items: SlotItem) -> R:
        """See `SyncKeapResource.put_items`."""
        return await self._driver.run(self.flows.put_items(id, items))

    async def delete(self, id: str | int) -> None:
        """See `SyncKeapResource.delete`."""
        await self._driver.run(self.flows.delete(id))


@telling_methods
class AsyncKeapResourceWithFields(AsyncKeapResource[N, R]):
    """`SyncKeapResourceWithFields` for an event loop."""

    async def model(self, *, refresh: bool = False) -> Model:
        """See `SyncKeapResourceWithFields.model`."""
        return await self._driver.run(self.flows.model(refresh=refresh))

    async def create_custom_field(
        self,
        *,
        label: str,
        type: FieldType = "TEXT",
        options: Collection[str] = (),
        group_id: str | None = None,
        user_group_id: str | None = None,
    ) -> CustomField:
        """See `SyncKeapResourceWithFields.create_custom_field`."""
        return await self._driver.run(self.flows.create_custom_field(label, type, options, group_id, user_group_id))
