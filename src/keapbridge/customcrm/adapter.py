"""Any other Customcrm: a host's own object with five methods over plain dicts.

The methods may be plain or `async`. What an adapter says it cannot do is done another way, at the price that
`AdapterCapabilities` names. No HTTP here, and no database.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import attrs
from attrs.validators import instance_of, optional

from keapbridge.customcrm.endpoints import CONTACTS, CUSTOMERS, PRODUCTS, Endpoint

__all__ = [
    "ENDPOINTS",
    "METHODS",
    "AdapterCapabilities",
    "AdapterPage",
    "CustomcrmAdapter",
    "is_asynchronous",
]

ENDPOINTS: Mapping[str, Endpoint[Any]] = {e.object: e for e in (CONTACTS, CUSTOMERS, PRODUCTS)}

METHODS = ("list_changes", "get_many", "create", "update", "delete")


@attrs.frozen(kw_only=True)
class AdapterCapabilities:
    """What an adapter promises beyond the five methods. Nothing is taken for granted.

    Attributes:
        changes_since: `list_changes` can be asked for what changed at or after a moment. Without it every run reads
            everything, and finds by what the records hold which of them changed.
        tells_deletions: its pages name what is gone. Without it deletions are found by complete runs, and by runs that
            read everything anyway.
        conditional_updates: `ETag` names the state of a record, and writes for another one are a `ConflictError`.
            Without it an edit is overwritten that is made between the engine's second look at a record and its write.
        idempotent_creates: one `key` makes one record. Without it a create whose outcome is unknown is looked for in
            what changed since, before it is repeated.
        creates_are_new: what `create` makes under a new `key` is a record of its own, and never one that was there
            already. Where ids of deleted records are given again, it is known by that which record is meant; without
            it the births of both tell, and where they are not shown, it counts as one that was written over.
        batch_read: `get_many` reads many records at once. Without it the records are read one by one.
        parallel_calls: plain methods may be called from several threads at once. Without it they are called one at a
            time: by a `SyncSession` on the thread that called the session, by an `AsyncSyncSession` on worker threads.
    """

    changes_since: bool = False
    tells_deletions: bool = False
    conditional_updates: bool = False
    idempotent_creates: bool = False
    creates_are_new: bool = False
    batch_read: bool = False
    parallel_calls: bool = False


@attrs.frozen
class AdapterPage:
    """A part of a list.

    Attributes:
        records: under the names of the default REST profile, see `CustomcrmAdapter`.
        deleted: ids of records that are gone, where a list of changes tells.
        cursor: what to ask for the next part with; `None` at the end.
        as_of: the system's own clock when the list was begun; ours is taken where it is not given.
    """

    records: Sequence[Mapping[str, Any]]
    deleted: Sequence[Any] = ()
    cursor: str | None = None
    as_of: datetime | None = attrs.field(default=None, validator=optional(instance_of(datetime)))


@runtime_checkable
class CustomcrmAdapter(Protocol):
    """What a host implements for a CRM that is neither a REST API nor a database. `object` is `"contacts"`,
    `"customers"` or `"products"`.

    A record is a dict under the names of the default REST profile: `Id`, `FirstName`, …, `UpdatedAt`, `CreatedAt` (both
    with a time zone) and `ETag`, as far as the system has them, and further properties of the host's own. `None` is
    empty; a property that is missing is not shown, and clears nothing by itself. Values are texts, numbers, `Decimal`,
    `bool`, `date` and `datetime`, or what JSON has for them.

    Methods raise `NotFoundError` for a record that is not there, `ConflictError` for another version, and `StatusError`
    with `status=422` for values that are refused; the engine then writes property by property. Any other error of an
    adapter becomes a `TransportError` whose cause it is; a record that was to be made is looked for in the next run.

    Four attributes are optional: `address`, a text that names the one system that it leads to, for a store takes no
    other one (without it the class does); `objects`, the names of those that it has where it has not all three, and
    `properties(object)`, the names of the properties that it can hold, to which default mappings are narrowed; and
    `required(object)`, the names of those that a new record cannot be made without.

    So is a sixth method, for a CRM whose values are unique: `update_together(object, writes)` takes the arguments of
    several updates (`[(id, changes, version), …]`), does all of them or none, and returns the records in this order. It
    is called when records swap their values; without it the report names them.

    So are two more, for a CRM that refuses some values because of what else it holds: `foresees(object)`, the names of
    the properties concerned, and `unwritable(object, writes)`, which takes `[(id or None, properties), …]` and returns
    for each write what it would refuse, by property, with the reason. Such a field is held, and its record flows.
    """

    @property
    def capabilities(self) -> AdapterCapabilities:
        """What it promises."""
        ...

    def list_changes(
        self, object: str, since: datetime | None, cursor: str | None, /
    ) -> AdapterPage | Awaitable[AdapterPage]:
        """A part of all records, or of those changed at or after `since`, from where `cursor` says.

        A record that nobody edits while the parts are read is in exactly one of them; one that is edited meanwhile is
        in at least one.
        """
        ...

    def get_many(
        self, object: str, ids: Sequence[str], /
    ) -> Sequence[Mapping[str, Any]] | Awaitable[Sequence[Mapping[str, Any]]]:
        """Those of the records that exist, in any order."""
        ...

    def create(
        self, object: str, record: Mapping[str, Any], key: str, /
    ) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """Make a record and return it as it was stored. The same `key` comes again when the answer was lost."""
        ...

    def update(
        self, object: str, id: str, changes: Mapping[str, Any], version: str | None, /
    ) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """Write these properties and no others, `None` clears; return the record as it was stored.

        With a `version` only onto the record whose `ETag` it is.
        """
        ...

    def delete(self, object: str, id: str, version: str | None, /) -> Awaitable[None] | None:
        """Delete a record; with a `version` only that one."""
        ...


def is_asynchronous(adapter: CustomcrmAdapter) -> bool:
    """Whether any of its methods needs an event loop."""
    return any(inspect.iscoroutinefunction(getattr(adapter, name)) for name in METHODS)
