"""What only one kind of Keap's records can do: contacts are merged, stock is moved, addresses are opted in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote

import attrs
from attrs import frozen

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Call
from keapbridge._io.port import Port
from keapbridge._json.codec import NO_EXTRA, Codec, brief, dump_json, load_json
from keapbridge.keap import endpoints
from keapbridge.keap.endpoints import Endpoint
from keapbridge.keap.operations import KeapResource
from keapbridge.keap.product_parts import Extra
from keapbridge.keap.records import Contact, Product, SavedContact, SavedProduct
from keapbridge.keap.resources import (
    AsyncKeapResource,
    AsyncKeapResourceWithFields,
    SyncKeapResource,
    SyncKeapResourceWithFields,
)
from keapbridge.model.given import one_id, telling_methods, text, whole, wrong
from keapbridge.model.maybe import UNSET, Maybe

__all__ = [
    "AsyncKeapAddresses",
    "AsyncKeapContacts",
    "AsyncKeapProducts",
    "DuplicateOption",
    "EmailStatus",
    "KeapAddresses",
    "SyncKeapAddresses",
    "SyncKeapContacts",
    "SyncKeapProducts",
]

DuplicateOption = Literal["Email", "EmailAndName", "EmailAndNameAndCompany"]
"""By what Keap looks for a contact that there is already."""
_OPTIONS: Final = ("Email", "EmailAndName", "EmailAndNameAndCompany")
_MOST: Final = 2**31 - 1


@frozen(kw_only=True)
class EmailStatus:
    """Whether somebody may be written to at an e-mail address, and when that was done last. Read only."""

    email: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    opted_in: Maybe[bool] = UNSET
    create_time: Maybe[datetime] = UNSET
    last_sent_time: Maybe[datetime] = UNSET
    last_open_time: Maybe[datetime] = UNSET
    last_click_time: Maybe[datetime] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


_STATUS: Codec[EmailStatus] = Codec(EmailStatus)


# --- flows ----------------------------------------------------------------------------------------------------------


def create_or_update(flows: KeapResource[SavedContact], contact: Contact, by: DuplicateOption) -> Flow[SavedContact]:
    if by not in _OPTIONS:
        raise wrong("by", f"one of {', '.join(map(repr, _OPTIONS))}", by)
    call = endpoints.create(flows.endpoint, contact, flows.asking)
    return send(flows.port, attrs.evolve(call, query=(*call.query, ("duplicate_option", by))))


def merge(flows: KeapResource[SavedContact], id: str | int, duplicate_id: str | int) -> Flow[SavedContact]:
    winner, loser = one_id("id", id), one_id("duplicate_id", duplicate_id)
    if winner == loser:
        raise ValueError(f"contact {winner} cannot be merged with itself")
    body = {"contact_id": winner, "duplicate_contact_id": loser}
    call = _posted(flows.endpoint, f"{flows.endpoint.path}:merge", body, f"contact {winner}")
    return send(flows.port, attrs.evolve(call, query=(("fields", ",".join(flows.endpoint.asked)),)))


def adjust_inventory(flows: KeapResource[SavedProduct], id: str | int, by: int) -> Flow[SavedProduct]:
    id = one_id("id", id)
    if whole("by", by, least=-_MOST, most=_MOST, example=5) == 0:
        raise ValueError("by is how many more (5) or fewer (-5) there are, and not 0")
    body = {"type": "INCREASE" if by > 0 else "DECREASE", "quantity": abs(by)}
    call = _posted(flows.endpoint, f"{flows.endpoint.path}/{id}:adjustInventory", body, f"product {id}")
    return send(flows.port, attrs.evolve(call, route=f"{flows.endpoint.path}/{{id}}:adjustInventory"))


def _posted(endpoint: Endpoint[Any], path: str, body: Any, subject: str) -> Call[Any]:
    def read(answer: Any) -> Any:
        return endpoint.codec.load(load_json(answer))

    # Done twice it would be done twice, or refused.
    return Call("POST", path, read, body=dump_json(body), subject=subject, repeatable=False)


@attrs.frozen
class KeapAddresses:
    """What is known of e-mail addresses, whoever has them, as flows."""

    port: Port

    def status(self, email: str) -> Flow[EmailStatus]:
        return send(self.port, _about(email, "GET"))

    def set_opted_in(self, email: str, reason: str, *, opted_in: bool) -> Flow[EmailStatus]:
        text("reason", reason, example="asked on the telephone")
        return send(self.port, _about(email, "PATCH", {"opted_in": opted_in, "reason": reason}))


def _about(email: str, method: str, body: Any = None) -> Call[EmailStatus]:
    text("email", email, example="ada@example.org")
    return Call(
        method,
        f"/v2/emailAddresses/{quote(email, safe='@')}/status",
        lambda answer: _STATUS.load(load_json(answer)),
        body=None if body is None else dump_json(body),
        subject="an e-mail address",
        route="/v2/emailAddresses/{email}/status",
    )


# --- with and without an event loop -----------------------------------------------------------------------------------


@telling_methods
class SyncKeapContacts(SyncKeapResourceWithFields[Contact, SavedContact]):
    """Contacts, which Keap can compare and merge."""

    def create_or_update(self, contact: Contact, *, by: DuplicateOption = "Email") -> SavedContact:
        """Create a contact, or write to the oldest one that is the same by Keap's own comparison.

        Whoever is found is changed: this is no way to repeat a `create` whose answer was lost.
        """
        return self._driver.run(create_or_update(self.flows, contact, by))

    def merge(self, id: str | int, duplicate_id: str | int) -> SavedContact:
        """Fill what a contact lacks from another one, which is gone afterwards. Nothing takes that back.

        Raises:
            NotFoundError: when one of them is not there.
        """
        return self._driver.run(merge(self.flows, id, duplicate_id))


@telling_methods
class AsyncKeapContacts(AsyncKeapResourceWithFields[Contact, SavedContact]):
    """`SyncKeapContacts` for an event loop."""

    async def create_or_update(self, contact: Contact, *, by: DuplicateOption = "Email") -> SavedContact:
        """See `SyncKeapContacts.create_or_update`."""
        return await self._driver.run(create_or_update(self.flows, contact, by))

    async def merge(self, id: str | int, duplicate_id: str | int) -> SavedContact:
        """See `SyncKeapContacts.merge`."""
        return await self._driver.run(merge(self.flows, id, duplicate_id))


@telling_methods
class SyncKeapProducts(SyncKeapResource[Product, SavedProduct]):
    """Products, whose stock is counted."""

    def adjust_inventory(self, id: str | int, by: int) -> SavedProduct:
        """Count so many more (`5`) or fewer (`-5`). Never repeated when the outcome is unknown.

        Raises:
            NotFoundError: when there is no such product.
        """
        return self._driver.run(adjust_inventory(self.flows, id, by))


@telling_methods
class AsyncKeapProducts(AsyncKeapResource[Product, SavedProduct]):
    """`SyncKeapProducts` for an event loop."""

    async def adjust_inventory(self, id: str | int, by: int) -> SavedProduct:
        """See `SyncKeapProducts.adjust_inventory`."""
        return await self._driver.run(adjust_inventory(self.flows, id, by))


@telling_methods
class SyncKeapAddresses:
    """E-mail addresses: whether their owners may be written to."""

    def __init__(self, driver: SyncDriver, flows: KeapAddresses) -> None:
        self._driver = driver
        self.flows = flows

    def status(self, email: str) -> EmailStatus:
        """What is known of an address.

        Raises:
            NotFoundError: when nobody has it.
        """
        return self._driver.run(self.flows.status(email))

    def set_opted_in(self, email: str, reason: str, *, opted_in: bool) -> EmailStatus:
        """Opt an address in or out, with the reason that Keap keeps. A synchronization never does that.

        Keap decides: an address whose owner has unsubscribed stays so, whatever is written. The answer tells.
        """
        return self._driver.run(self.flows.set_opted_in(email, reason, opted_in=opted_in))


@telling_methods
class AsyncKeapAddresses:
    """`SyncKeapAddresses` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: KeapAddresses) -> None:
        self._driver = driver
        self.flows = flows

    async def status(self, email: str) -> EmailStatus:
        """See `SyncKeapAddresses.status`."""
        return await self._driver.run(self.flows.status(email))

    async def set_opted_in(self, email: str, reason: str, *, opted_in: bool) -> EmailStatus:
        """See `SyncKeapAddresses.set_opted_in`."""
        return await self._driver.run(self.flows.set_opted_in(email, reason, opted_in=opted_in))
