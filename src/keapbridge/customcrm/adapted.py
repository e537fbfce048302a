"""A host's adapter as the operations on each kind of record: flows that call its methods and read what they answer.

What it says it cannot do is done another way here. No HTTP, and no database.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import attrs

from keapbridge._flow.effects import Await, Flow, blocking, gather
from keapbridge._io.bounds import Bounds, Listing
from keapbridge._io.calls import Malformed, Page
from keapbridge._io.ends import Shown
from keapbridge._io.told_times import plausible
from keapbridge.customcrm.adapter import ENDPOINTS, METHODS, AdapterCapabilities, AdapterPage, CustomcrmAdapter
from keapbridge.customcrm.address import address_of_object
from keapbridge.customcrm.endpoints import Endpoint, changes_to_record, record_extra
from keapbridge.errors import KeapbridgeError, NotFoundError, ShapeError, TransportError
from keapbridge.model.capacity import Capacity
from keapbridge.model.finding import Finding
from keapbridge.model.given import kind

__all__ = ["AdapterResource", "resources", "tidy"]

R = TypeVar("R")

_MOST_IDS = 200  # in one question: databases and URLs have limits, too
_SIDE_BY_SIDE = 4
_BOUND = (
    ", which says that something is bound to a thread: without parallel_calls, a SyncSession calls the adapter on the "
    "thread that called the session. Make it there, or let it be used on others (check_same_thread=False of sqlite3)"
)


def resources(adapter: CustomcrmAdapter) -> dict[str, AdapterResource[Any]]:
    """The operations on what an adapter has, by object.

    Raises:
        TypeError: when it is no adapter, naming what it lacks.
        ValueError: for an object that there is not.
    """
    missing = [name for name in METHODS if not callable(getattr(adapter, name, None))]
    if missing:
        raise TypeError(f"{type(adapter).__name__} is no CustomcrmAdapter: it has no {', '.join(missing)}")
    if not isinstance(adapter.capabilities, AdapterCapabilities):
        raise TypeError(f"{type(adapter).__name__}.capabilities must be AdapterCapabilities(…)")
    objects = getattr(adapter, "objects", tuple(ENDPOINTS))
    unknown = sorted(set(objects) - ENDPOINTS.keys())
    if unknown:
        raise ValueError(f"{type(adapter).__name__}.objects: there are no {', '.join(unknown)}")
    turns = threading.RLock()
    return {name: AdapterResource(adapter, name, ENDPOINTS[name], turns) for name in objects}


@attrs.frozen
class AdapterResource(Generic[R]):
    """The operations on one kind of record of an adapter, as flows over the typed records.

    Attributes:
        turns: held while a plain method works, unless it may work beside others.
    """

    adapter: CustomcrmAdapter
    object: str
    endpoint: Endpoint[R]
    turns: threading.RLock = attrs.field(factory=threading.RLock, repr=False)

    @property
    def capabilities(self) -> AdapterCapabilities:
        return self.adapter.capabilities

    @property
    def address(self) -> str:
        """What names the system."""
        return address_of_object(self.adapter)

    @property
    def needs(self) -> frozenset[str]:
        """What a new record cannot be made without; nothing where the adapter does not tell."""
        tell = getattr(self.adapter, "required", None)
        found: Any = tell(self.object) if callable(tell) else ()
        return frozenset(found)

    def place_of(self, property: str) -> str:
        """Where a property is kept, in words; empty where the adapter does not tell."""
        tell = getattr(self.adapter, "place_of", None)
        return str(tell(self.object, property)) if callable(tell) else ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the adapter has found of how it is declared; nothing where it does not tell."""
        tell = getattr(self.adapter, "findings", None)
        found: Any = tell(self.object) if callable(tell) else ()
        return tuple(found)

    @property
    def capacities(self) -> Mapping[str, Capacity]:
        """What its properties take, by name; nothing where the adapter does not tell."""
        tell = getattr(self.adapter, "capacities", None)
        found: Any = tell(self.object) if callable(tell) else {}
        return dict(found)

    @property
    def examples(self) -> tuple[R, ...]:
        """Some of its records, by which it is learnt how they are written; none where the adapter does not tell."""
        tell = getattr(self.adapter, "examples", None)
        found: Any = tell(self.object) if callable(tell) else ()
        return self._load_many([item for item in found if isinstance(item, Mapping)])[0]

    @property
    def declared(self) -> frozenset[str]:
        """The names that a host has given to what it holds; nothing where the adapter does not tell."""
        tell = getattr(self.adapter, "declared", None)
        found: Any = tell(self.object) if callable(tell) else ()
        return frozenset(found)

    @property
    def properties(self) -> frozenset[str] | None:
        """The names of what it can hold; `None` when it holds everything."""
        tell = getattr(self.adapter, "properties", None)
        found: Any = tell(self.object) if callable(tell) else None
        return None if found is None else frozenset(found)

    def list(self, *, updated_since: datetime | None = None) -> Flow[Page[R]]:
        since = updated_since if self.capabilities.changes_since else None
        return self._page(since, None, Listing(Bounds()), Shown(), 1)

    def _page(
        self, since: datetime | None, cursor: str | None, listing: Listing, before: Shown, number: int
    ) -> Flow[Page[R]]:
        subject = f"the list of {self.object}"
        page: Any = yield from self._call("list_changes", subject, since, cursor)
        if not isinstance(page, AdapterPage):
            raise ShapeError(f"{subject}: list_changes must return kb.AdapterPage([…]), not {kind(page)}", paths=["$"])
        following = page.cursor
        if following is not None and following == cursor:
            raise ShapeError(
                f"{subject}: a page of list_changes names itself as the next one; its last page has cursor=None",
                paths=["cursor"],
            )
        records, malformed = self._load_many(_several("AdapterPage(records=)", subject, page.records))
        found = Page(
            records,
            malformed=malformed,
            deleted=() if since is None else tuple(str(id) for id in page.deleted),
            next=None if following is None else lambda: self._page(since, following, listing, before, number + 1),
            served_at=plausible(page.as_of),
            shown=_shown(records, malformed),
        )
        if following is not None:
            listing.onward(number, str(following), empty=found.is_empty)
        before.add(found)
        return found

    def get(self, id: str) -> Flow[R]:
        found = yield from self.get_many([id])
        if not found:
            raise NotFoundError(f"{self.endpoint.singular} {id} is not there", status=404)
        return found[0]

    def get_many(self, ids: Collection[str]) -> Flow[tuple[R, ...]]:
        size = _MOST_IDS if self.capabilities.batch_read else 1
        ordered = sorted(set(ids))
        parts = (ordered[start : start + size] for start in range(0, len(ordered), size))
        found = yield from gather((self._read(part) for part in parts), _SIDE_BY_SIDE)
        return tuple(record for part in found for record in part)

    def _read(self, ids: Sequence[str]) -> Flow[tuple[R, ...]]:
        subject = f"{len(ids)} {self.object}"
        data = _several("get_many", subject, (yield from self._call("get_many", subject, ids)))
        wanted = [item for item in data if not isinstance(item, Mapping) or str(item.get("Id")) in ids]
        records, malformed = self._load_many(wanted)
        for item in malformed:
            raise item.error
        return records

    def create(self, record: R, *, idempotency_key: str) -> Flow[R]:
        body = self.endpoint.codec.dump(record, self.endpoint.writable | record_extra(record).keys())
        given = {name: value for name, value in body.items() if value is not None}
        subject = f"a new {self.endpoint.singular}"
        answer: Any = yield from self._call("create", subject, given, idempotency_key)
        return self._load(answer, subject)

    def update(self, id: str, changes: Mapping[str, Any], *, if_match: str | None = None) -> Flow[R]:
        record, mask = changes_to_record(self.endpoint, changes)
        version = if_match if self.capabilities.conditional_updates else None
        subject = f"{self.endpoint.singular} {id}"
        wanted = self.endpoint.codec.dump(record, mask)
        answer: Any = yield from self._call("update", subject, id, wanted, version)
        return self._load(answer, subject)

    @property
    def writes_together(self) -> bool:
        """Whether the adapter has `update_together`."""
        return callable(getattr(self.adapter, "update_together", None))

    def update_together(self, writes: Sequence[tuple[str, Mapping[str, Any], str | None]]) -> Flow[tuple[R, ...]]:
        """Write to several records at once, all or none; each with its id, its changes and its version."""
        wanted: list[tuple[str, Mapping[str, Any], str | None]] = []
        for id, changes, version in writes:
            record, mask = changes_to_record(self.endpoint, changes)
            given = version if self.capabilities.conditional_updates else None
            wanted.append((id, self.endpoint.codec.dump(record, mask), given))
        subject = f"{self.endpoint.singular} {' and '.join(id for id, _, _ in wanted)}"
        answers = yield from self._call("update_together", subject, wanted)
        return tuple(self._load(answer, subject) for answer in _several("update_together", subject, answers))

    @property
    def foresees(self) -> frozenset[str]:
        """The properties of which the adapter tells beforehand what it cannot take for one record; often none."""
        tell = getattr(self.adapter, "foresees", None)
        found: Any = tell(self.object) if callable(tell) else ()
        return frozenset(found)

    def unwritable(self, writes: Sequence[tuple[str | None, R, frozenset[str]]]) -> Flow[Sequence[Mapping[str, str]]]:
        """What cannot be written, with the reasons; asked of an adapter that `foresees` something.

        Args:
            writes: the id (`None` for a new record), a record with the values, and the properties that are written.
        """
        wanted: list[tuple[str | None, Mapping[str, Any]]] = []
        for id, record, names in writes:
            body = self.endpoint.codec.dump(record, self.endpoint.writable | record_extra(record).keys())
            wanted.append((id, {name: value for name, value in body.items() if name in names}))
        subject = f"what {len(wanted)} {self.object} can be given"
        found: Any = yield from self._call("unwritable", subject, wanted)
        return tuple(found)

    def delete(self, id: str, *, if_match: str | None = None) -> Flow[None]:
        version = if_match if self.capabilities.conditional_updates else None
        yield from self._call("delete", f"{self.endpoint.singular} {id}", id, version)

    # --- the adapter's methods --------------------------------------------------------------------------------------

    def _call(self, name: str, subject: str, *arguments: Any) -> Flow[Any]:
        method: Callable[..., Any] = getattr(self.adapter, name)
        if inspect.iscoroutinefunction(method):

            async def wait() -> Any:
                try:
                    return await method(self.object, *arguments)
                except Exception as error:  # noqa: BLE001 - it is the host's code: anything may come
                    raise _meant(error, subject) from _cause(error)

            result: Any = yield Await(wait, f"{type(self.adapter).__name__}.{name}")
            return result

        def work() -> Any:
            try:
                if self.capabilities.parallel_calls:
                    return method(self.object, *arguments)
                with self.turns:
                    return method(self.object, *arguments)
            except (Exception, GeneratorExit) as error:  # noqa: BLE001 - it is the host's code: anything may come
                raise _meant(error, subject) from _cause(error)

        at_home = not self.capabilities.parallel_calls
        return (yield from blocking(subject, work, outward=True, at_home=at_home))

    # --- its records ------------------------------------------------------------------------------------------------

    def _load(self, data: Any, subject: str) -> R:
        if not isinstance(data, Mapping):
            raise ShapeError(f"{subject}: the adapter must return the record as a dict, not {kind(data)}", paths=["$"])
        found = tidy(data)
        naive = _naive_times(found)
        if naive and not self.endpoint.codec.is_by_fields:
            raise _without_zone(naive)
        return self.endpoint.codec.load({**found, **dict.fromkeys(naive)})

    def _load_many(self, items: Sequence[Any]) -> tuple[tuple[R, ...], tuple[Malformed, ...]]:
        data = [tidy(item) if isinstance(item, Mapping) else item for item in items]
        naive = {at: names for at, item in enumerate(data) if (names := _naive_times(item))}
        if not naive:
            return self.endpoint.codec.load_many(data)
        if self.endpoint.codec.is_by_fields:
            return self.endpoint.codec.load_many(
                [{**item, **dict.fromkeys(naive[at])} if at in naive else item for at, item in enumerate(data)]
            )
        left = [at for at in range(len(data)) if at not in naive]
        records, malformed = self.endpoint.codec.load_many([data[at] for at in left], positions=left)
        return records, (*malformed, *(Malformed(data[at].get("Id"), _without_zone(naive[at])) for at in naive))


def _shown(records: Iterable[Any], malformed: Iterable[Malformed]) -> tuple[str | None, ...]:
    """The ids on a page, by which it is noticed that a list goes round in a circle."""
    return (*(str(record.id) for record in records), *(item.id for item in malformed))


def _several(what: str, subject: str, answer: Any) -> Sequence[Any]:
    """Records in a list, as an adapter has to answer them."""
    if isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
        raise ShapeError(f"{subject}: {what} must be a list of records, each a dict, not {kind(answer)}", paths=["$"])
    return answer if isinstance(answer, Sequence) else tuple(answer)


def tidy(data: Mapping[str, Any]) -> dict[str, Any]:
    """A record as JSON would have it: what differs between databases and programs is the same from here on."""
    return {name: _plain(name, value) for name, value in data.items() if isinstance(name, str)}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if (name.endswith("Id") or name == "ETag") and value is not None and not isinstance(value, (str, bool)):
        return str(value)  # a number or a UUID
    return value


def _naive_times(data: Any) -> tuple[str, ...]:
    """Which of the times of a record tell no zone: they are no moments, and a record shows none where it may."""
    found = data if isinstance(data, Mapping) else {}
    return tuple(name for name in ("UpdatedAt", "CreatedAt") if _is_naive(found.get(name)))


def _is_naive(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None
    except ValueError:
        return False


def _without_zone(names: Sequence[str]) -> ShapeError:
    path = f"$.{names[0]}"
    return ShapeError(f"unexpected data at {path} (a time without a time zone)", paths=[path])


def _meant(error: BaseException, subject: str) -> Exception:
    if isinstance(error, KeapbridgeError):
        return error
    remedy = ""
    with suppress(Exception):  # it may even fail to say what it is
        remedy = _BOUND if "thread" in str(error).casefold() else ""
    return TransportError(f"{subject}: the adapter failed with {type(error).__name__}{remedy}", sent=True)


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ if isinstance(error, KeapbridgeError) else error
