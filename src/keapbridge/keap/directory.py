"""What Keap's records refer to by id: users, lead sources and tags, as records, endpoints and the clients' faces.

They are few, and change seldom: a list of each is one call, mostly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs
from attrs import frozen

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Call, Page
from keapbridge._io.listing import items, items_async
from keapbridge._io.port import Port
from keapbridge._json.codec import NO_EXTRA, Codec, brief, dump_json, load_json
from keapbridge.errors import KeapbridgeError
from keapbridge.keap.endpoints import COMPANIES, Endpoint, KeapRecord
from keapbridge.keap.operations import KeapResource
from keapbridge.keap.product_parts import Extra, as_tuple
from keapbridge.keap.records import Company, EmailAddress
from keapbridge.model.given import keywords, one_id, several_ids, telling_methods
from keapbridge.model.maybe import UNSET, Maybe, UnsetType

__all__ = [
    "LEAD_SOURCES",
    "TAGS",
    "USERS",
    "AsyncKeapDirectory",
    "AsyncKeapTags",
    "KeapTagging",
    "LeadSource",
    "SavedLeadSource",
    "SavedTag",
    "SavedUser",
    "SyncKeapDirectory",
    "SyncKeapTags",
    "Tag",
    "User",
    "entries",
    "make_entry",
]

_AT_ONCE = 100  # contacts of one call
N = TypeVar("N")  # what is given to be made
R = TypeVar("R", bound=KeapRecord)


@frozen(kw_only=True)
class User:
    """Somebody who works with Keap: the owner of contacts and companies. Read only."""

    id: Maybe[str] = UNSET
    given_name: Maybe[str] = UNSET
    family_name: Maybe[str] = UNSET
    email_addresses: tuple[EmailAddress, ...] | UnsetType = attrs.field(default=UNSET, converter=as_tuple)
    status: Maybe[str] = UNSET
    admin: Maybe[bool] = UNSET
    partner: Maybe[bool] = UNSET
    create_time: Maybe[datetime] = UNSET
    update_time: Maybe[datetime] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen(kw_only=True)
class LeadSource:
    """Where contacts come from."""

    id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    vendor: Maybe[str] = UNSET
    medium: Maybe[str] = UNSET
    message: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    lead_source_category_id: Maybe[str] = UNSET
    create_time: Maybe[datetime] = UNSET
    update_time: Maybe[datetime] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


@keywords()
@frozen(kw_only=True)
class Tag:
    """What contacts are marked with."""

    id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    description: Maybe[str] = UNSET
    create_time: Maybe[datetime] = UNSET
    update_time: Maybe[datetime] = UNSET
    extra: Extra = NO_EXTRA
    __repr__ = brief


if TYPE_CHECKING:

    class SavedUser(User):
        """`User` as Keap answers it."""

        id: str

    class SavedLeadSource(LeadSource):
        """`LeadSource` as Keap answers it."""

        id: str

    class SavedTag(Tag):
        """`Tag` as Keap answers it."""

        id: str
else:
    SavedUser, SavedLeadSource, SavedTag = User, LeadSource, Tag

_READ_ONLY = frozenset({"id", "create_time", "update_time"})

USERS: Endpoint[SavedUser] = Endpoint(
    name="users",
    singular="user",
    codec=Codec(SavedUser),
    read_only=frozenset(field.name for field in attrs.fields(User)),
    choosable=False,
    answers_all=True,
    since=None,
    ids="user_ids",
    id_above="user_id",
    longest_page=100,
)
LEAD_SOURCES: Endpoint[SavedLeadSource] = Endpoint(
    name="lead_sources",
    at="leadSources",
    singular="lead source",
    codec=Codec(SavedLeadSource),
    read_only=_READ_ONLY,
    required=frozenset({"name"}),
    choosable=False,
    answers_all=True,
    since=None,
    ids=None,
    id_above="id",
)
TAGS: Endpoint[SavedTag] = Endpoint(
    name="tags",
    singular="tag",
    codec=Codec(SavedTag),
    read_only=_READ_ONLY,
    required=frozenset({"name"}),
    choosable=False,
    answers_all=True,
    since=None,
    ids="tag_ids",
    id_above="tag_id",
)


@attrs.frozen
class KeapTagging:
    """Marking contacts with tags, and taking the mark away, as flows. Both can be repeated without harm."""

    port: Port

    def apply(self, tag_id: str | int, contact_ids: Collection[str | int]) -> Flow[tuple[str, ...]]:
        return self._change("applyTags", one_id("tag_id", tag_id), several_ids("contact_ids", contact_ids))

    def remove(self, tag_id: str | int, contact_ids: Collection[str | int]) -> Flow[tuple[str, ...]]:
        return self._change("removeTags", one_id("tag_id", tag_id), several_ids("contact_ids", contact_ids))

    def _change(self, verb: str, tag: str, contacts: Collection[str]) -> Flow[tuple[str, ...]]:
        """Those of the contacts of which Keap says that it was not done."""
        ids, failed = list(contacts), []
        for start in range(0, len(ids), _AT_ONCE):
            body = dump_json({"contact_ids": ids[start : start + _AT_ONCE]})
            path = f"{TAGS.path}/{tag}/contacts:{verb}"
            route = f"{TAGS.path}/{{id}}/contacts:{verb}"
            call: Call[Any] = Call("POST", path, load_json, body=body, subject=f"tag {tag}", route=route)
            answer = yield from send(self.port, call)
            results = answer.get("results") if isinstance(answer, dict) else None
            told = results if isinstance(results, dict) else {}
            failed += [id for id in ids[start : start + _AT_ONCE] if told.get(id, "SUCCESS") != "SUCCESS"]
        return tuple(failed)


def entries(flows: KeapResource[Any], of: str) -> Flow[Sequence[tuple[str, str]]]:
    """The entries of a list, as id and name, on the port of other operations.

    What counts of two with the same name comes first: users who work there still, and older ones.

    Args:
        of: `"users"`, by e-mail address; `"lead_sources"`, `"tags"` or `"company_names"`.
    """
    resource: KeapResource[Any] = KeapResource(flows.port, _LISTS[of], flows.asking)
    resource = resource.asking_for({"company_name"}) if of == "company_names" else resource
    filters = [("include_inactive", "true")] if of == "users" else []
    found: list[Any] = []
    page: Page[Any] | None = yield from resource.list(filters=filters)
    while page is not None:
        for item in page.malformed:
            raise item.error
        found += page.items
        page = (yield from page.next()) if page.next else None
    found.sort(key=lambda each: (_is_inactive(each), len(each.id), each.id))
    return [(each.id, name) for each in found if (name := _name_of(each))]


def make_entry(flows: KeapResource[Any], of: str, name: str) -> Flow[str]:
    """Make a lead source, a tag or a company of this name, and answer its id."""
    resource: KeapResource[Any] = KeapResource(flows.port, _LISTS[of], flows.asking)
    record = Company(company_name=name) if of == "company_names" else resource.endpoint.codec.cls(name=name)
    made = yield from resource.create(record)
    return str(made.id)


_LISTS: Mapping[str, Endpoint[Any]] = {
    "users": USERS,
    "lead_sources": LEAD_SOURCES,
    "tags": TAGS,
    "company_names": COMPANIES,
}


def _name_of(entry: User | LeadSource | Tag | Company) -> str:
    match entry:
        case LeadSource() | Tag():
            return entry.name or ""
        case Company():
            return entry.company_name or ""
        case User():
            return next((item.email.lower() for item in entry.email_addresses or () if item.email), "")


def _is_inactive(entry: User | LeadSource | Tag | Company) -> bool:
    return isinstance(entry, (User, LeadSource)) and (entry.status or "").casefold() == "inactive"


@telling_methods
class SyncKeapDirectory(Generic[N, R]):
    """Users, lead sources or tags, to be looked up; those that can be made, to be made."""

    def __init__(self, driver: SyncDriver, flows: KeapResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(
        self, *, filters: Collection[tuple[str, str]] | Mapping[str, str] = (), order_by: str | None = None
    ) -> Iterator[R]:
        """All of them, or those that a filter lets through (`{"name": "Goo*"}`), page by page."""
        return items(self._driver, self.flows.list(filters=filters, order_by=order_by))

    def get(self, id: str | int) -> R:
        """One of them.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.get(id))

    def create(self, record: N) -> R:
        """Make one; never repeated when the outcome is unknown, and whether there is one of this name is not looked at.

        Raises:
            KeapbridgeError: for users, whom nobody makes here.
        """
        _check_makes(self.flows)
        return self._driver.run(self.flows.create(record))


@telling_methods
class AsyncKeapDirectory(Generic[N, R]):
    """`SyncKeapDirectory` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: KeapResource[R]) -> None:
        self._driver = driver
        self.flows = flows

    def list(
        self, *, filters: Collection[tuple[str, str]] | Mapping[str, str] = (), order_by: str | None = None
    ) -> AsyncIterator[R]:
        """See `SyncKeapDirectory.list`."""
        return items_async(self._driver, self.flows.list(filters=filters, order_by=order_by))

    async def get(self, id: str | int) -> R:
        """See `SyncKeapDirectory.get`."""
        return await self._driver.run(self.flows.get(id))

    async def create(self, record: N) -> R:
        """See `SyncKeapDirectory.create`."""
        _check_makes(self.flows)
        return await self._driver.run(self.flows.create(record))


def _check_makes(flows: KeapResource[Any]) -> None:
    if not flows.endpoint.writable:
        raise KeapbridgeError(f"{flows.endpoint.name} are made in Keap itself")


@telling_methods
class SyncKeapTags(SyncKeapDirectory[Tag, SavedTag]):
    """Tags, which contacts are marked with."""

    def __init__(self, driver: SyncDriver, flows: KeapResource[SavedTag]) -> None:
        super().__init__(driver, flows)
        self._tagging = KeapTagging(flows.port)

    def apply(self, tag_id: str | int, contact_ids: Collection[str | int]) -> tuple[str, ...]:
        """Mark contacts with a tag, 100 with a call.

        Returns:
            The ids of those of which Keap says that it was not done, such as of contacts that there are not.
        """
        return self._driver.run(self._tagging.apply(tag_id, contact_ids))

    def remove(self, tag_id: str | int, contact_ids: Collection[str | int]) -> tuple[str, ...]:
        """Take a tag off contacts, 100 with a call; returns the same as `apply`."""
        return self._driver.run(self._tagging.remove(tag_id, contact_ids))


@telling_methods
class AsyncKeapTags(AsyncKeapDirectory[Tag, SavedTag]):
    """`SyncKeapTags` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: KeapResource[SavedTag]) -> None:
        super().__init__(driver, flows)
        self._tagging = KeapTagging(flows.port)

    async def apply(self, tag_id: str | int, contact_ids: Collection[str | int]) -> tuple[str, ...]:
        """See `SyncKeapTags.apply`."""
        return await self._driver.run(self._tagging.apply(tag_id, contact_ids))

    async def remove(self, tag_id: str | int, contact_ids: Collection[str | int]) -> tuple[str, ...]:
        """See `SyncKeapTags.remove`."""
        return await self._driver.run(self._tagging.remove(tag_id, contact_ids))
