"""The Keap clients. `KeapResource` holds every operation once, as a flow; the classes are one-liners over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Generic, Self, TypeVar, Unpack, overload

import attrs

from keapbridge._io.bounds import Bounds
from keapbridge._io.calling import send
from keapbridge._io.drivers import AsyncDriver, SyncDriver
from keapbridge._io.effects import Call, Flow, Page, gather
from keapbridge._io.http import AsyncHttpPort, HttpSettings, SyncHttpPort
from keapbridge._io.listing import fetch
from keapbridge._io.port import Credentials, Ear, Port, Renewable, check_credentials
from keapbridge._io.retries import RetryPolicy
from keapbridge._io.secret import Secret
from keapbridge.errors import NotFoundError, StatusError
from keapbridge.keap import endpoints, field_endpoints, lists
from keapbridge.keap.asking import Asking, is_named, is_refusal
from keapbridge.keap.by_id import ById
from keapbridge.keap.changes import CompanyChanges, ContactChanges, ProductChanges
from keapbridge.keap.clearing import Way, is_empty, shows
from keapbridge.keap.endpoints import COMPANIES, CONTACTS, PRODUCTS, Endpoint, KeapRecord
from keapbridge.keap.fields import CustomField, FieldType, Model
from keapbridge.keap.habits import Cleared, Habits
from keapbridge.keap.hooks import AsyncKeapHooks, KeapHooks, SyncKeapHooks
from keapbridge.keap.limits import KeapLimits, read_limits
from keapbridge.keap.lists import Wanted
from keapbridge.keap.oauth import oauth_of
from keapbridge.keap.pace import KeapPace, PaceBook, pace_for
from keapbridge.keap.records import (
    Address,
    Company,
    Contact,
    CustomFieldValue,
    EmailAddress,
    FaxNumber,
    PhoneNumber,
    Product,
    SavedCompany,
    SavedContact,
    SavedProduct,
    SocialAccount,
)
from keapbridge.keap.slots import array_of, put_items
from keapbridge.keap.turns import Pacing
from keapbridge.model.given import (
    keywords,
    moment,
    one_id,
    one_of,
    optional,
    several_ids,
    telling_methods,
    text,
    whole,
    wrong,
)
from keapbridge.model.maybe import UNSET

__all__ = ["BASE_URL", "AsyncKeapClient", "KeapClient", "KeapResource"]

BASE_URL = "https://api.infusionsoft.com/crm/rest"
_PARALLEL_READS = 4

N = TypeVar("N")  # a record that is given to be made
R = TypeVar("R", bound=KeapRecord)
SlotItem = EmailAddress | PhoneNumber | FaxNumber | Address | SocialAccount | CustomFieldValue


@attrs.frozen
class KeapResource(Generic[R]):
    """The operations on one resource, as flows."""

    port: Port
    endpoint: Endpoint[R]
    asking: Asking = attrs.field(factory=Asking, eq=False, repr=False)
    _models: dict[str, Model] = attrs.field(init=False, factory=dict, eq=False, repr=False)

    def sharing(self, book: PaceBook, who: str) -> KeapResource[R]:
        """The same operations, paced together with all others that use the key and the book."""
        pace = self.port.pace
        if not isinstance(pace, KeapPace):
            return self
        return attrs.evolve(self, port=self.port.paced(pace.shared(book, who)))

    def heard_by(self, ear: Ear) -> KeapResource[R]:
        """The same operations, with somebody who listens to all answers."""
        return attrs.evolve(self, port=self.port.heard_by(ear))

    def touch(self) -> Flow[None]:
        """Have Keap answer: the shortest list that there is."""
        yield from send(self.port, lists.list_page(self.endpoint, self.asking, page_size=1))

    @property
    def calls_per_minute(self) -> int | None:
        """How many calls the pace lets through."""
        return self.port.pace.per_minute if isinstance(self.port.pace, KeapPace) else None

    @property
    def answers_all(self) -> bool:
        """Whether the answer to a write shows all that a read shows."""
        return self.endpoint.answers_all or self.asking.habits.company_answers == "everything"

    def list(
        self,
        *,
        updated_since: datetime | None = None,
        filters: Collection[tuple[str, str]] | Mapping[str, str] = (),
        order_by: str | None = None,
        page_size: int = lists.MAX_PAGE,
    ) -> Flow[Page[R]]:
        terms = _filters(filters)
        order_by = optional(partial(text, example="id asc"))("order_by", order_by)
        if order_by is None and not any(name.startswith(self.endpoint.id_above) for name, _ in terms):
            order_by = self.endpoint.by_id
        call = lists.list_page(
            self.endpoint,
            self.asking,
            updated_since=optional(moment)("updated_since", updated_since),
            filters=terms,
            order_by=order_by,
            page_size=whole("page_size", page_size, least=1, most=lists.MAX_PAGE, example=500),
        )
        return fetch(self.port, call)

    def scan(self, *, updated_since: datetime | None = None, page_size: int = lists.MAX_PAGE) -> Flow[Page[R]]:
        """The list by ids, as far as Keap can order it so, left unread and past all that Keap cannot show."""
        newest_first = updated_since is not None and self.endpoint.since is None
        order_by = None if newest_first else self.endpoint.by_id
        call = lists.list_page(
            self.endpoint,
            self.asking,
            updated_since=updated_since,
            order_by=order_by,
            page_size=page_size,
            unread=True,
        )
        since = None if newest_first else updated_since
        past = ById(self.port, self.endpoint, since, asking=self.asking, anew=newest_first)
        return fetch(self.port, call, past)

    def scan_after(self, reached: str) -> Flow[Page[R]]:
        """`scan` of all, from where a page of another one says that it had come."""
        past = ById(self.port, self.endpoint, None, asking=self.asking, last=int(reached))
        return fetch(self.port, past.after(past.last), past)

    def get(self, id: str | int) -> Flow[R]:
        return send(self.port, endpoints.get(self.endpoint, one_id("id", id), self.asking))

    def get_many(self, ids: Collection[str | int]) -> Flow[tuple[R, ...]]:
        wanted = set(several_ids("ids", ids))
        flows = (self._of_ids(part, wanted) for part in lists.of_ids(self.endpoint, wanted, self.asking))
        return tuple(record for found in (yield from gather(flows, _PARALLEL_READS)) for record in found)

    def _of_ids(self, part: Wanted[R], wanted: set[str]) -> Flow[tuple[R, ...]]:
        """Those of the wanted records that a part of them shows, and what it leaves out where pages are shorter."""
        call: Call[Page[R]] | None = part.call()
        found: list[R] = []
        seen = 0
        while call is not None:
            try:
                page = yield from send(self.port, call)
            except StatusError as error:
                if found or not is_refusal(error):
                    raise
                return (yield from self._fewer(part, wanted, error))
            for item in page.malformed:
                if item.id in wanted:
                    raise item.error
            found += (record for record in page.items if record.id in wanted)
            seen += len(page.items) + len(page.malformed)
            call = page.following if seen < part.size else None
        return tuple(found)

    def _fewer(self, part: Wanted[R], wanted: set[str], error: StatusError) -> Flow[tuple[R, ...]]:
        """The same where so many ids are refused at once: in halves, and in the end one by one."""
        ids = part.ids(wanted)
        if len(ids) == 1:
            try:
                return ((yield from self.get(ids[0])),)
            except NotFoundError:
                return ()
        if not ids:
            raise error
        half = (len(ids) + 1) // 2
        found: tuple[R, ...] = ()
        for some in (ids[:half], ids[half:]):
            for smaller in lists.of_ids(self.endpoint, some, self.asking):
                found += yield from self._of_ids(smaller, wanted)
        self.asking.remember_ids(self.endpoint.name, half)
        return found

    def find_like(self, record: R, *, since: datetime | None = None) -> Flow[tuple[R, ...]]:
        call = lists.find_like(self.endpoint, record, self.asking, since=since)
        found: tuple[R, ...] = ()
        page = None if call is None else (yield from fetch(self.port, call))
        while page is not None:
            found += page.items
            page = (yield from page.next()) if page.next else None
        return found

    def create(self, record: Any) -> Flow[R]:
        self._check_record(record)
        return send(self.port, endpoints.create(self.endpoint, record, self.asking))

    def _check_record(self, record: R) -> None:
        kind = self.endpoint.codec.cls
        one_of("record", record, kind, f"a record of Keap, such as kb.keap.{kind.__name__}(…)")

    def update(self, id: str | int, changes: Mapping[str, Any]) -> Flow[R]:
        id = one_id("id", id)
        record = endpoints.changes_to_record(self.endpoint, changes)
        mask = [name for name, value in changes.items() if value is not UNSET]
        emptied = {name for name in mask if is_empty(changes[name])} - self.endpoint.codec.arrays
        if not emptied - self.endpoint.required:
            return send(self.port, endpoints.update(self.endpoint, id, record, mask, self.asking))
        return self._clear(id, record, mask, emptied - self.endpoint.required)

    def _clear(self, id: str, record: R, mask: Collection[str], emptied: Collection[str]) -> Flow[R]:
        """A write that empties some properties, in the ways that this Keap takes; each that fails is tried once."""
        name, asking = self.endpoint.name, self.asking
        while True:
            ways: dict[str, Way] = {}
            for each in emptied:
                known = asking.way(name, each)
                if known is not None:
                    ways[each] = known
            try:
                answer = yield from send(self.port, endpoints.update(self.endpoint, id, record, mask, asking, ways))
            except StatusError as error:
                is_alone = len(mask) == len(ways) == 1
                named = [each for each in ways if is_alone or is_named(error.said, each)]
                if not is_refusal(error) or not named:
                    raise
                refused: dict[tuple[str, Way], Cleared] = {(each, ways[each]): "refused" for each in named}
                asking.remember_clearing(name, refused)
                if not all(asking.way(name, each) for each in named):
                    raise
                continue
            told: dict[tuple[str, Way], Cleared] = {}
            for each, way in ways.items():
                effect = shows(getattr(answer, each))
                if effect is not None:
                    told[each, way] = effect
            asking.remember_clearing(name, told)
            mask = emptied = [n for (n, _), effect in told.items() if effect != "clears" and asking.way(name, n)]
            if not mask:
                return answer

    def put_items(self, id: str | int, items: Collection[SlotItem]) -> Flow[R]:
        id = one_id("id", id)
        if not items:
            raise TypeError("items takes what to put, such as put_items('12', kb.keap.EmailAddress('…', 'EMAIL1'))")
        arrays: dict[str, list[Any]] = {}
        for item in items:
            arrays.setdefault(array_of(item), []).append(item)
        present = yield from self.get(id)
        changes = {name: put_items(getattr(present, name), new) for name, new in arrays.items()}
        return (yield from self.update(id, changes))

    def delete(self, id: str | int) -> Flow[None]:
        return send(self.port, endpoints.delete(self.endpoint, one_id("id", id)))

    def model(self, *, refresh: bool = False) -> Flow[Model]:
        if refresh or self.endpoint.name not in self._models:
            self._models[self.endpoint.name] = yield from send(self.port, field_endpoints.get_model(self.endpoint))
        return self._models[self.endpoint.name]

    def create_custom_field(
        self,
        label: str,
        type: str,
        options: Collection[str] = (),
        group_id: str | None = None,
        user_group_id: str | None = None,
    ) -> Flow[CustomField]:
        call = field_endpoints.create_field(self.endpoint, label, type, options, group_id, user_group_id)
        made = yield from send(self.port, call)
        self._models.clear()
        return made


def _check(auth: Any, pacing: Any, habits: Any) -> None:
    if auth is None:
        raise wrong("auth", 'credentials, such as auth=kb.KeapApiKey("KeapAK-…")', auth)
    check_credentials(auth)
    if pacing is not None:
        one_of("pacing", pacing, Pacing, "how much of the limits it may use, pacing=kb.Pacing(…)")
    if habits is not None:
        one_of("habits", habits, Habits, "how this Keap behaves, habits=kb.Habits.load('habits.toml')")


def _filters(given: Any) -> list[tuple[str, str]]:
    """Terms by name, as pairs or as a mapping."""
    terms = given.items() if isinstance(given, Mapping) else given
    example = "filters={'family_name': 'Smi*'} or filters=[('family_name', 'Smi*')]"
    if isinstance(terms, str) or not isinstance(terms, Iterable):
        raise wrong("filters", f"names with values, {example}", given)
    found = list(terms)
    for term in found:
        if not (isinstance(term, tuple) and len(term) == 2 and all(isinstance(each, str) and each for each in term)):
            raise wrong("filters", f"names and values that are texts, {example}", term)
    return found


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
        first = self.flows.list(updated_since=updated_since, filters=filters, order_by=order_by, page_size=page_size)
        return self._driver.iterate(first)

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
        first = self.flows.list(updated_since=updated_since, filters=filters, order_by=order_by, page_size=page_size)
        return self._driver.iterate(first)

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


@keywords()
class KeapClient:
    """Keap's REST v2 API. Thread-safe; close it, or use it as a context manager.

    Args:
        auth: `KeapApiKey("KeapAK-…")` or `KeapOAuth(…)`.
        base_url: what `/v2` and `/v1` live below.
        timeout: seconds without progress before a request is given up.
        retry: how patient it is; see `RetryPolicy`.
        bounds: what it takes from the system at most; see `Bounds`.
        habits: how this Keap behaves where its contract is silent; what is not known of it is not relied on.
        pacing: how much of Keap's limits it may use. Without it, all of what Keap publishes for these credentials; at
            other addresses than Keap's own, no limit.
    """

    def __init__(
        self,
        *,
        auth: Credentials | Renewable,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        pacing: Pacing | None = None,
        habits: Habits | None = None,
    ) -> None:
        _check(auth, pacing, habits)
        pace = pace_for(auth, base_url, pacing, bounds)
        self._port = SyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                pace=pace,
                bounds=Bounds() if bounds is None else bounds,
            )
        )
        self._driver = driver = SyncDriver()
        self._asking = asking = Asking(Habits.unknown() if habits is None else habits)
        self.contacts: SyncKeapResourceWithFields[Contact, SavedContact] = SyncKeapResourceWithFields(
            driver, KeapResource(self._port, CONTACTS, asking)
        )
        self.companies: SyncKeapResourceWithFields[Company, SavedCompany] = SyncKeapResourceWithFields(
            driver, KeapResource(self._port, COMPANIES, asking)
        )
        self.products: SyncKeapResource[Product, SavedProduct] = SyncKeapResource(
            driver, KeapResource(self._port, PRODUCTS, asking)
        )
        self.hooks = SyncKeapHooks(driver, KeapHooks(self._port))

    @property
    def habits(self) -> Habits:
        """How this Keap behaves where its contract is silent, as far as that was said, or its answers have shown it."""
        return self._asking.habits

    @property
    def limits(self) -> KeapLimits:
        """What the last answer's headers said about the limits."""
        return read_limits(self._port.last_headers)

    def authorize(self, code: str | Secret, *, redirect_uri: str | None = None) -> None:
        """Sign in with the code that a person brought back from `KeapOAuth.authorization_url`.

        Args:
            redirect_uri: the same as in that address.

        Raises:
            StatusError: when Keap does not take the code: it is good for one use, and for a short time.
        """
        code = Secret.of(code)
        self._driver.run(oauth_of(self._port).authorize(self._port, code, redirect_uri))

    def close(self) -> None:
        """Close the connections."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<KeapClient {self._port.settings.base_url}>"


@keywords()
class AsyncKeapClient:
    """`KeapClient` for an event loop.

    Args:
        app: an ASGI application to call instead of the network, such as an emulator's `app`.
    """

    def __init__(
        self,
        *,
        auth: Credentials | Renewable,
        base_url: str = BASE_URL,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        pacing: Pacing | None = None,
        habits: Habits | None = None,
        app: Callable[..., Any] | None = None,
    ) -> None:
        _check(auth, pacing, habits)
        pace = pace_for(auth, base_url, pacing, bounds)
        self._port = AsyncHttpPort(
            HttpSettings(
                base_url,
                auth,
                timeout,
                RetryPolicy() if retry is None else retry,
                app,
                pace,
                Bounds() if bounds is None else bounds,
            )
        )
        self._driver = driver = AsyncDriver()
        self._asking = asking = Asking(Habits.unknown() if habits is None else habits)
        self.contacts: AsyncKeapResourceWithFields[Contact, SavedContact] = AsyncKeapResourceWithFields(
            driver, KeapResource(self._port, CONTACTS, asking)
        )
        self.companies: AsyncKeapResourceWithFields[Company, SavedCompany] = AsyncKeapResourceWithFields(
            driver, KeapResource(self._port, COMPANIES, asking)
        )
        self.products: AsyncKeapResource[Product, SavedProduct] = AsyncKeapResource(
            driver, KeapResource(self._port, PRODUCTS, asking)
        )
        self.hooks = AsyncKeapHooks(driver, KeapHooks(self._port))

    @property
    def habits(self) -> Habits:
        """How this Keap behaves where its contract is silent, as far as that was said, or its answers have shown it."""
        return self._asking.habits

    @property
    def limits(self) -> KeapLimits:
        """What the last answer's headers said about the limits."""
        return read_limits(self._port.last_headers)

    async def authorize(self, code: str | Secret, *, redirect_uri: str | None = None) -> None:
        """See `KeapClient.authorize`."""
        code = Secret.of(code)
        await self._driver.run(oauth_of(self._port).authorize(self._port, code, redirect_uri))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._port.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncKeapClient {self._port.settings.base_url}>"
