"""Two small systems in memory, in the terms of the engine: what a Customcrm and a Keap do, without HTTP and JSON.

They hold the library's own records, so that the real mappings run over them, and are held to the same contract as the
real clients (`records_contract`). Every operation is one `Send`, so that a driver can stop the world at it and
`calling.send` repeats it as it would repeat a request. What goes wrong is decided by a plan that the test hands in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, Self

import attrs
import msgspec

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Call, Malformed, Page, Unread
from keapbridge._io.circuit import Circuit
from keapbridge._io.retries import RetryPolicy
from keapbridge.customcrm import records as customcrm
from keapbridge.customcrm.adapter import ENDPOINTS
from keapbridge.customcrm.records import wire_name
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField, Model
from keapbridge.keap.slots import find_item
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.kinds import opted_out
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side
from keapbridge.sync.systems import Identity

__all__ = ["FakeAdapter", "FakeCustomcrm", "FakeDatabase", "FakeKeap", "Fault", "Habits", "no_faults"]

Clock = Callable[[], datetime]
PAGE = 2
INDEX_LAG = timedelta(seconds=30)


class Fault(Enum):
    """What happens to a request."""

    RATE_LIMIT = auto()
    """It is not performed; the next one may be."""
    LOST_ANSWER = auto()
    """It is performed, and nobody learns of it."""
    UNSENT = auto()
    """It is not performed, and everybody knows."""
    OUTAGE = auto()
    """It is not performed, and nobody can be sure."""
    STALE = auto()
    """A list or a search that shows what was some moments ago."""
    REFUSED_KEY = auto()
    QUOTA = auto()


@attrs.frozen
class Habits:
    """What a Keap does where its contract is silent.

    Attributes:
        empty: what its answers show where there is nothing: `None`, an empty text, or `UNSET` for nothing at all.
        unlisted: the attributes that lists and searches leave out, and reads of single records show.
        whole_seconds: whether its time stamps are.
        capitals: the attributes that it keeps in capital letters, however they were written.
        moves_always: whether a write that changes nothing makes a record newer.
        exclusive: whether a list of changes since a moment leaves out what was changed at that moment.
        newest_first: whether lists of everything begin with what was made last.
        refuses: whether it refuses texts that are too long; `None`: as the system was made.
        takes_for_another: whether a new contact is written over the one that has its e-mail address.
    """

    empty: Any = None
    unlisted: frozenset[str] = frozenset()
    whole_seconds: bool = False
    capitals: frozenset[str] = frozenset()
    moves_always: bool = True
    exclusive: bool = False
    newest_first: bool = False
    refuses: bool | None = None
    takes_for_another: bool = False

    @classmethod
    def of(cls, habits: kb.Habits, **own: Any) -> Self:
        """Those of a real Keap, as far as this one can have them.

        Args:
            own: those that no profile has.
        """
        return cls(
            empty={"left_out": UNSET, "null": None, "empty": ""}[habits.empty_shown or "null"],
            whole_seconds=habits.times == "seconds",
            moves_always=habits.no_change == "moves",
            exclusive=habits.since == "exclusive",
            newest_first=habits.default_order == "newest_first",
            refuses=habits.too_long == "refused",
            **own,
        )


FaultPlan = Callable[["Request"], Fault | None]


def no_faults(_: Request) -> None:
    """All is well."""


@attrs.frozen
class Request(Call[Any]):
    """A call that carries what it does; `work` is given the state it looks at."""

    work: Callable[[State], Any] = attrs.field(kw_only=True, repr=False)
    reads: bool = attrs.field(default=False, kw_only=True)
    by_id: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class State:
    """What a table held at a moment: its records, and since when which ids are gone."""

    records: Mapping[str, Any] = attrs.field(factory=dict)
    deleted: Mapping[str, datetime] = attrs.field(factory=dict)


class FakeSystem:
    """What the tables of a system have in common: the clock, what goes wrong, and the log of what was written.

    Attributes:
        cuts: texts that are too long are cut and stored, not refused.
        faults: decides about every request.
        writes: (method, path) of everything that was written through the API.
        habits: how it behaves where nobody knows.
    """

    side: Side
    base_url = "memory:"

    def __init__(
        self, clock: Clock, *, page_size: int = PAGE, retry: RetryPolicy | None = None, cuts: bool = False
    ) -> None:
        self.clock = clock
        self.cuts = cuts
        self.page_size = page_size
        self.retry = retry or RetryPolicy(attempts=2)
        self.bounds = kb.Bounds()
        self.circuit = Circuit(self.retry.patience, self.retry.rest)
        self.credentials = None
        self.pace = None
        self.ear: Any = None
        self.faults: FaultPlan = no_faults
        self.habits = Habits()
        self.writes: list[tuple[str, str]] = []
        self.tables: dict[str, FakeTable] = {}

    def exchange(self, call: Request) -> Any:
        """Perform a request, as far as the plan of faults lets it."""
        table = self.tables[call.path.split("/")[1]]
        fault = self.faults(call)
        where = {"method": call.method, "url": call.path}
        match fault:
            case Fault.RATE_LIMIT:
                raise kb.RateLimitedError("too many requests", **where, status=429, retry_after=1)
            case Fault.QUOTA:
                raise kb.QuotaExhaustedError("the quota is spent", **where, status=429)
            case Fault.UNSENT:
                raise kb.TransportError("no connection", **where, sent=False)
            case Fault.OUTAGE:
                raise kb.ServerError("out of order", **where, status=503)
            case Fault.REFUSED_KEY:
                raise kb.AuthError("who are you?", **where, status=401)
        state = table.state_at(self.clock() - INDEX_LAG) if fault is Fault.STALE and call.reads else table.state
        answer = table.as_shown(table.without_hidden(call.work(state)), listed=call.reads)
        if table.terse and call.method in {"POST", "PATCH"}:
            answer = attrs.evolve(answer, **dict.fromkeys(table.terse, UNSET))
        if table.listed_only and call.by_id:
            answer = tuple(attrs.evolve(item, **dict.fromkeys(table.listed_only, UNSET)) for item in answer)
        if not call.reads and call.method != "GET":
            self.writes.append((call.method, call.path))
        if fault is Fault.LOST_ANSWER:
            raise kb.TransportError("the answer was lost", **where, sent=True)
        return answer


class FakeTable:
    """The records of one kind, as users of the system see and edit them.

    Attributes:
        made: what the API made: key of the create → id.
        creates: the same in its order, each create by itself: a key may come twice.
        removed: ids that the API deleted.
        spoiled: ids of records that are not what the contract promises.
        nameless: how many records a list shows that have not even an id.
        refused: attribute → values that are not accepted.
        limits: attribute → characters that it may have.
        hidden: attributes that are not shown.
        deaf: attributes whose new values are answered with success, and not kept.
        unique: attributes whose values only one record may have.
        tied: attribute → others that are emptied when it is written.
        terse: attributes that answers to writes leave out.
        listed_only: attributes that lists show, and reads of some records by their ids do not.
        fields: Keap's custom fields.
    """

    def __init__(self, system: FakeSystem, name: str, cls: type, first_id: int) -> None:
        self.system = system
        self.name = name
        self.cls = cls
        self.state = State()
        self.made: dict[str, str] = {}
        self.creates: list[tuple[str, str]] = []
        self.fields: tuple[CustomField, ...] = ()
        self.removed: list[str] = []
        self.spoiled: set[str] = set()
        self.nameless = 0
        self.refused: dict[str, set[Any]] = {}
        self.limits: dict[str, int] = {}
        self.hidden: set[str] = set()
        self.deaf: set[str] = set()
        self.unique: set[str] = set()
        self.tied: dict[str, tuple[str, ...]] = {}
        self.terse: set[str] = set()
        self.listed_only: set[str] = set()
        self._numbers: Iterator[int] = itertools.count(first_id)
        self._history: list[tuple[datetime, State]] = []
        system.tables[name] = self

    # --- what users do --------------------------------------------------------------------------------------------

    def add(self, record: Any) -> str:
        """A new record; what it leaves `UNSET` is empty."""
        return str(self._add(record).id)

    def edit(self, id: str, **changes: Any) -> Any:
        return self._change(id, changes)

    def delete(self, id: str) -> None:
        deleted = {**self.state.deleted, id: self.system.clock()}
        self._remember(State({k: v for k, v in self.state.records.items() if k != id}, deleted))

    def restore(self, record: Any) -> None:
        """A deleted record comes back out of the bin, as it was."""
        deleted = {id: moment for id, moment in self.state.deleted.items() if id != record.id}
        self._remember(State(self.state.records, deleted))
        self._save(record.id, record)

    def go_back(self, record: Any) -> None:
        """A record is as it was, its stamps and its version, too."""
        self._remember(attrs.evolve(self.state, records={**self.state.records, record.id: record}))

    def reissue(self, id: str, record: Any) -> None:
        """Another record gets the id of one that is gone."""
        self.delete(id)
        deleted = {gone: moment for gone, moment in self.state.deleted.items() if gone != id}
        self._remember(State(self.state.records, deleted))
        made = self._add(record)
        records = {k: v for k, v in self.state.records.items() if k != made.id}
        self._remember(State({**records, id: attrs.evolve(made, id=id)}, deleted))

    def reuse(self, id: str) -> None:
        """The id of a record that is gone is that of the next one."""
        self._numbers = itertools.chain([int(id.lstrip(self.name[0].upper()))], self._numbers)

    def __getitem__(self, id: str) -> Any:
        return self.state.records[id]

    def __contains__(self, id: str) -> bool:
        return id in self.state.records

    def __iter__(self) -> Iterator[str]:
        return iter(self.state.records)

    def __len__(self) -> int:
        return len(self.state.records)

    def make_field_anew(self, label: str) -> None:
        """A custom field is deleted, with all that it held, and made again: with the same label, and another id."""
        [field] = [field for field in self.fields if field.label == label]
        self.fields = tuple(other for other in self.fields if other != field)
        for id, record in self.state.records.items():
            left = tuple(item for item in record.custom_fields if item.id != field.id)
            if left != record.custom_fields:
                self._save(id, attrs.evolve(record, custom_fields=left))
        self.add_field(field.label, field.type)

    def add_field(self, label: str, type: str = "TEXT") -> CustomField:
        made = CustomField(str(next(self._numbers)), label, type)
        self.fields = (*self.fields, made)
        return made

    # --- what is below --------------------------------------------------------------------------------------------

    def state_at(self, moment: datetime) -> State:
        """What was there at a moment of the recent past."""
        found = State()
        for since, state in self._history:
            if since <= moment:
                found = state
        return found

    def _remember(self, state: State) -> None:
        self.state = state
        self._history = [*self._history[-50:], (self.system.clock(), state)]

    def _add(self, record: Any) -> Any:
        number = str(next(self._numbers))
        id = number if self.system.side is Side.KEAP else f"{self.name[0].upper()}{number}"
        given = {f.name: getattr(record, f.name) for f in attrs.fields(self.cls)}
        empty: dict[str, Any] = {name: None for name, value in given.items() if value is UNSET}
        arrays = {name: () for name in empty if attrs.fields_dict(self.cls)[name].converter is not None}
        whole = self.cls(**self._stored({**given, **empty, **arrays, "id": id}))
        return self._save(id, whole, new=True)

    def _save(self, id: str, record: Any, *, new: bool = False) -> Any:
        moment = self.system.clock()
        if self.system.habits.whole_seconds:
            moment = moment.replace(microsecond=0)
        saved = attrs.evolve(record, **self._stamps(record, moment, new=new))
        self._remember(attrs.evolve(self.state, records={**self.state.records, id: saved}))
        return saved

    def _stamps(self, record: Any, moment: datetime, *, new: bool) -> dict[str, Any]:
        if self.system.side is Side.KEAP:
            return {"update_time": moment} | ({"create_time": moment} if new else {})
        version = 1 if new else int(record.etag.strip('"')) + 1
        return {"updated_at": moment, "etag": f'"{version}"'} | ({"created_at": moment} if new else {})

    def _stored(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What the system keeps of these values."""
        return {name: self._kept(name, value) for name, value in changes.items()}

    def _kept(self, name: str, value: Any) -> Any:
        if name in self.system.habits.capitals and isinstance(value, str):
            value = value.upper()
        if name in self.limits and isinstance(value, str):
            return value[: self.limits[name]].rstrip()
        if name == "price" and isinstance(value, keap.Money) and isinstance(self.system, FakeKeap):
            return attrs.evolve(value, currency_code=self.system.currency)
        if name == "email_addresses" and isinstance(value, tuple):
            return tuple(map(self._told, value))
        if name == "email_address" and isinstance(value, keap.EmailAddress):
            return self._told(value)
        return () if value is None and attrs.fields_dict(self.cls)[name].converter is not None else value

    def _told(self, item: keap.EmailAddress) -> keap.EmailAddress:
        """An address without what was said of consent, which belongs to the address and not to the record."""
        if isinstance(self.system, FakeKeap) and isinstance(item.opt_in_reason, str):
            self.system.opt_in(str(item.email), self.name)
        return attrs.evolve(item, opt_in_reason=UNSET, is_opt_in=UNSET, email_opt_status=UNSET)

    def without_hidden(self, answer: Any) -> Any:
        """What is answered, without what is not shown."""
        if not self.hidden:
            return answer
        match answer:
            case Page():
                return attrs.evolve(answer, items=tuple(map(self.without_hidden, answer.items)))
            case tuple():
                return tuple(map(self.without_hidden, answer))
            case self.cls():
                return attrs.evolve(answer, **dict.fromkeys(self.hidden, UNSET))
            case _:
                return answer

    def as_shown(self, answer: Any, *, listed: bool) -> Any:
        """What is answered, by the habits of the system."""
        habits = self.system.habits
        match answer:
            case Page():
                return attrs.evolve(answer, items=tuple(self.as_shown(item, listed=listed) for item in answer.items))
            case tuple():
                return tuple(self.as_shown(item, listed=listed) for item in answer)
            case self.cls() if habits != Habits():
                fields = attrs.fields(self.cls)
                empty = [f for f in fields if getattr(answer, f.name) in (None, ()) and f.name != "extra"]
                texts = [f.name for f in empty if habits.empty is UNSET or f.type == "Maybe[str]"]
                hidden = [f.name for f in fields if listed and f.name in habits.unlisted]
                return attrs.evolve(answer, **{**dict.fromkeys(texts, habits.empty), **dict.fromkeys(hidden, UNSET)})
            case _:
                return answer

    def existing(self, id: str, method: str, state: State | None = None) -> Any:
        records = (state or self.state).records
        if id not in records:
            raise kb.NotFoundError(
                f"{self.name} {id} is not there", method=method, url=f"/{self.name}/{id}", status=404
            )
        if id in self.spoiled:
            raise kb.ShapeError(f"{self.name} {id} is odd", paths=["$.id"], method=method, url=f"/{self.name}/{id}")
        return records[id]

    def check(self, changes: Mapping[str, Any], id: str | None = None) -> None:
        """Refuse what cannot be stored, in a record or a new one."""
        others = [record for other, record in self.state.records.items() if other != id]
        taken = [n for n in self.unique if changes.get(n) and any(getattr(o, n) == changes[n] for o in others)]
        if taken:
            raise kb.ConflictError(f"taken: {', '.join(taken)}", method="PATCH", url=f"/{self.name}", status=409)
        bad = [name for name, values in self.refused.items() if changes.get(name) in values]
        if not self.system.cuts:
            bad += [name for name, limit in self.limits.items() if len(changes.get(name) or "") > limit]
        target = self.system.tables.get("customers" if self.system.side is Side.CUSTOMCRM else "companies")
        company = changes.get("customer_id") or getattr(changes.get("company") or None, "id", None)
        if company and (target is None or company not in target):
            bad.append("company")
        known = {field.id for field in self.fields}
        if self.system.side is Side.KEAP and any(item.id not in known for item in changes.get("custom_fields") or ()):
            bad.append("custom_fields")
        if bad:
            raise kb.StatusError(f"not accepted: {', '.join(bad)}", method="POST", url=f"/{self.name}", status=400)

    def page(self, state: State, wanted: Callable[[State], list[tuple[Any, Any]]], after: Any) -> Page[Any]:
        """A part of a list that is ordered by unique places; a record that moves to another place is shown again."""
        places = [(place, item) for place, item in wanted(state) if after is None or place > after]
        shown, rest = places[: self.system.page_size], places[self.system.page_size :]
        gone = tuple(item for _, item in shown if isinstance(item, str))
        records = [item for _, item in shown if not isinstance(item, str)]
        odd = [Malformed(r.id, _odd(self.name, r.id)) for r in records if r.id in self.spoiled]
        if after is None:
            odd += [Malformed(None, _odd(self.name, "?")) for _ in range(self.nameless)]
        page: Page[Any] = Page(
            tuple(r for r in records if r.id not in self.spoiled),
            malformed=tuple(odd),
            deleted=gone,
            served_at=self.system.clock(),
        )
        if not rest:
            return page
        return attrs.evolve(page, next=lambda: self.list_from(wanted, shown[-1][0]))

    def list_from(self, wanted: Callable[[State], list[tuple[Any, Any]]], after: Any) -> Flow[Page[Any]]:
        return self.request("GET", f"/{self.name}", lambda state: self.page(state, wanted, after), reads=True)

    def request(
        self,
        method: str,
        path: str,
        work: Callable[[State], Any],
        *,
        reads: bool = False,
        repeatable: bool = True,
        by_id: bool = False,
    ) -> Flow[Any]:
        call = Request(method, path, lambda a: a, repeatable=repeatable, work=work, reads=reads, by_id=by_id)
        return send(self.system, call)

    def write(self, id: str, changes: Mapping[str, Any], allowed: Collection[str]) -> Any:
        unknown = changes.keys() - set(allowed)
        if unknown:
            raise TypeError(f"{self.name} have no writable field {', '.join(sorted(unknown))}")
        self.check(changes, id)
        taken = {name: value for name, value in changes.items() if value is not UNSET and name not in self.deaf}
        return self._change(id, {**dict.fromkeys(n for name in taken for n in self.tied.get(name, ())), **taken})

    def _change(self, id: str, changes: Mapping[str, Any]) -> Any:
        record, habits = self.state.records[id], self.system.habits
        own = {"extra": {**record.extra, **changes["extra"]}} if "extra" in changes else {}
        changed = attrs.evolve(record, **self._stored({**changes, **own}))
        return self._save(id, changed) if habits.moves_always or changed != record else record

    def create(self, record: Any, key: str) -> Any:
        self.check({f.name: getattr(record, f.name) for f in attrs.fields(self.cls)})
        made = self._add(record)
        self.made[key] = made.id
        self.creates.append((key, made.id))
        return made

    def remove(self, id: str) -> None:
        self.delete(id)
        self.removed.append(id)


def _odd(name: str, id: str) -> kb.ShapeError:
    return kb.ShapeError(f"{name} {id} is odd", paths=["$.id"], method="GET", url=f"/{name}")


# --- Customcrm ------------------------------------------------------------------------------------------------------


class FakeCustomcrm(FakeSystem):
    """Versions, idempotency keys and change lists with tombstones, as in the default REST profile."""

    side = Side.CUSTOMCRM

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(clock, **options)
        self.contacts = FakeTable(self, "contacts", customcrm.Contact, 1)
        self.customers = FakeTable(self, "customers", customcrm.Customer, 1)
        self.products = FakeTable(self, "products", customcrm.Product, 1)

    def records(self, object: str) -> FakeCustomcrmRecords:
        """The records of one synchronization, as the engine sees them."""
        return FakeCustomcrmRecords(self.tables["customers" if object == "companies" else object])


def before_reading(pages: Flow[Page[Any]]) -> Flow[Page[Any]]:
    """A list as it comes over the wire: each record a text that says all it holds, to be read only where needed."""
    page = yield from pages
    shown = [*page.items, *page.malformed]

    def decode(texts: Sequence[Any], places: Sequence[int]) -> tuple[tuple[Any, ...], tuple[Malformed, ...]]:
        found = [shown[place] for place in places]
        odd = tuple(item for item in found if isinstance(item, Malformed))
        return tuple(item for item in found if not isinstance(item, Malformed)), odd

    texts = tuple(str(i.error).encode() if isinstance(i, Malformed) else msgspec.json.encode(i) for i in shown)
    stamps = [getattr(item, "update_time", None) or getattr(item, "updated_at", None) for item in shown]
    unread = Unread(tuple(item.id for item in shown), texts, range(len(shown)), stamps, decode)
    onward = page.next
    following = None if onward is None else lambda: before_reading(onward())
    return attrs.evolve(page, items=(), malformed=(), unread=unread, next=following)


@attrs.frozen
class FakeCustomcrmRecords:
    """`Records` over a table of the fake Customcrm."""

    table: FakeTable
    side: Side = Side.CUSTOMCRM
    creates_once: bool = True
    calls_per_minute: int | None = None
    answers_all: bool = True
    lists_changes: bool = True

    def identify(self, record: Any) -> Identity:
        return Identity(record.id, record.updated_at, record.created_at, record.etag)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        def wanted(state: State) -> list[tuple[Any, Any]]:
            places: list[tuple[Any, Any]] = [(r.updated_at, r) for r in state.records.values()]
            if updated_since is not None:
                places += [(moment, id) for id, moment in state.deleted.items()]
                places = [(moment, item) for moment, item in places if moment >= updated_since]
            return sorted(places, key=lambda place: place[0])

        return self.table.list_from(wanted, None)

    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return before_reading(self.list(updated_since))

    def get(self, id: str) -> Flow[Any]:
        return self.table.request("GET", self._path(id), lambda _: self.table.existing(id, "GET"))

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        def work(state: State) -> tuple[Any, ...]:
            return tuple(self.table.existing(id, "GET", state) for id in sorted(set(ids)) if id in state.records)

        return self.table.request("GET", f"/{self.table.name}", work, reads=True, by_id=True)

    def find_like(self, record: Any, since: datetime) -> Flow[tuple[Any, ...]]:
        if self.creates_once:
            raise NotImplementedError("a Customcrm is asked again with the same idempotency key instead")
        name = "name" if self.table.name != "contacts" else "email" if record.email else "first_name"
        wanted = getattr(record, name)

        def work(state: State) -> tuple[Any, ...]:
            recent = (r for r in state.records.values() if r.updated_at >= since)
            return tuple(r for r in recent if not wanted or _same(wanted, getattr(r, name)))

        return self.table.request("GET", f"/{self.table.name}", work, reads=True)

    def create(self, record: Any, key: str) -> Flow[Any]:
        def work(_: State) -> Any:
            if self.creates_once and key in self.table.made:
                return self.table.existing(self.table.made[key], "POST")
            return self.table.create(record, key)

        return self.table.request("POST", f"/{self.table.name}", work, repeatable=self.creates_once)

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        return self.table.request("PATCH", self._path(id), lambda _: self.changed(id, changes, version))

    def changed(self, id: str, changes: Mapping[str, Any], version: str | None) -> Any:
        self._demand(id, version, "PATCH")
        return self.table.write(id, changes, self._writable)

    def delete(self, id: str, version: str | None) -> Flow[None]:
        return self.table.request("DELETE", self._path(id), lambda _: self.removed(id, version))

    def removed(self, id: str, version: str | None) -> None:
        self._demand(id, version, "DELETE")
        self.table.remove(id)

    @property
    def _writable(self) -> set[str]:
        return {f.name for f in attrs.fields(self.table.cls)} - {"id", "created_at", "updated_at", "etag"}

    def _path(self, id: str) -> str:
        return f"/{self.table.name}/{id}"

    def _demand(self, id: str, version: str | None, method: str) -> None:
        record = self.table.existing(id, method)
        if version is not None and version != record.etag:
            raise kb.ConflictError(f"{id} has moved", method=method, url=self._path(id), status=412)


@attrs.frozen
class FakeAdapter:
    """The same Customcrm behind an adapter of its host's, which promises more or less.

    Attributes:
        lacks: object → names of what it has nowhere to keep.
        silent: names of what it never tells.
    """

    system: FakeCustomcrm
    capabilities: kb.AdapterCapabilities
    lacks: Mapping[str, Collection[str]] = attrs.field(factory=dict)
    silent: Collection[str] = ()

    def properties(self, object: str) -> set[str] | None:
        names = {wire_name(f.name) for f in attrs.fields(self.system.tables[object].cls)} - {"Extra"}
        return names - set(self.lacks[object]) | {"Own"} if object in self.lacks else None

    def list_changes(self, object: str, since: datetime | None, cursor: str | None) -> kb.AdapterPage:
        """In the order of the changes, from behind the one that the cursor names."""
        table = self.system.tables[object]
        after = None if cursor is None else datetime.fromisoformat(cursor)

        def work(state: State) -> kb.AdapterPage:
            places: list[tuple[datetime, Any]] = [(r.updated_at, r) for r in state.records.values()]
            if since is not None and self.capabilities.tells_deletions:
                places += [(moment, id) for id, moment in state.deleted.items()]
            floor = since or datetime.min.replace(tzinfo=UTC)
            places = sorted((p for p in places if p[0] >= floor and (not after or p[0] > after)), key=lambda p: p[0])
            shown, rest = places[: self.system.page_size], places[self.system.page_size :]
            records = [self._plain(object, item) for _, item in shown if not isinstance(item, str)]
            records += [{"FirstName": "Nobody"}] * (table.nameless if after is None else 0)
            gone = [item for _, item in shown if isinstance(item, str)]
            return kb.AdapterPage(records, gone, shown[-1][0].isoformat() if rest else None, self.system.clock())

        page: kb.AdapterPage = self._asks(object, "LIST", f"/{object}", work)
        return page

    def get_many(self, object: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        def work(state: State) -> list[dict[str, Any]]:
            return [self._plain(object, state.records[id]) for id in ids if id in state.records]

        found: list[dict[str, Any]] = self._asks(object, "GET", f"/{object}", work)
        return found

    def create(self, object: str, record: Mapping[str, Any], key: str) -> dict[str, Any]:
        table = self.system.tables[object]

        def work(_: State) -> Any:
            if key in table.made and self.capabilities.idempotent_creates:
                return table.existing(table.made[key], "POST")
            return table.create(ENDPOINTS[object].codec.load({"Id": "?", **record}), key)

        return self._plain(object, self._asks(object, "POST", f"/{object}", work))

    def update(self, object: str, id: str, changes: Mapping[str, Any], version: str | None) -> dict[str, Any]:
        new = self._wire(object, id, changes)
        table, path = FakeCustomcrmRecords(self.system.tables[object]), f"/{object}/{id}"
        return self._plain(object, self._asks(object, "PATCH", path, lambda _: table.changed(id, new, version)))

    def delete(self, object: str, id: str, version: str | None) -> None:
        table = FakeCustomcrmRecords(self.system.tables[object])
        self._asks(object, "DELETE", f"/{object}/{id}", lambda _: table.removed(id, version))

    def _wire(self, object: str, id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What is written, by attributes."""
        read = ENDPOINTS[object].codec.load({"Id": id, **changes})
        names = [f.name for f in attrs.fields(type(read)) if wire_name(f.name) in changes]
        return {name: getattr(read, name) for name in names} | ({"extra": read.extra} if read.extra else {})

    def _asks(self, object: str, method: str, path: str, work: Callable[[State], Any]) -> Any:
        reads = method == "LIST"  # a record by its id is what it is now: that is what proves a deletion
        return self.system.exchange(Request("GET" if reads else method, path, lambda a: a, work=work, reads=reads))

    def _plain(self, object: str, record: Any) -> dict[str, Any]:
        shown = self.system.tables[object].without_hidden(record)
        found = {k: v for k, v in ENDPOINTS[object].codec.dump(shown).items() if k not in self.silent}
        return {**found, "UpdatedAt": "some day"} if record.id in self.system.tables[object].spoiled else found


@attrs.frozen
class FakeDatabase(FakeAdapter):
    """One that can write to several records at once, all or none: they may swap what only one of them may have."""

    def update_together(
        self, object: str, writes: Sequence[tuple[str, Mapping[str, Any], str | None]]
    ) -> list[dict[str, Any]]:
        table = self.system.tables[object]
        records = FakeCustomcrmRecords(table)

        def work(_: State) -> list[Any]:
            before, unique = table.state, table.unique
            table.unique = set()
            try:
                done = [records.changed(id, self._wire(object, id, its), version) for id, its, version in writes]
                table.unique = unique
                for record in done:
                    table.check({name: getattr(record, name) for name in unique}, record.id)
            except kb.ApiError:
                table.state = before
                raise
            finally:
                table.unique = unique
            return done

        return [self._plain(object, each) for each in self._asks(object, "PATCH", f"/{object}/{writes[0][0]}", work)]


# --- Keap -----------------------------------------------------------------------------------------------------------


class FakeKeap(FakeSystem):
    """No versions, no idempotency keys, no tombstones; the writes of companies answer little.

    Attributes:
        currency: of all prices.
        consents: address → its status, where somebody has said something about it.
        overruled: opted-out addresses for which a reason was given although a record shows that they are opted out.
    """

    side = Side.KEAP

    def __init__(self, clock: Clock, *, currency: str = "USD", **options: Any) -> None:
        super().__init__(clock, **options)
        self.currency = currency
        self.consents: dict[str, str] = {}
        self.overruled: list[str] = []
        self.contacts = FakeTable(self, "contacts", keap.Contact, 100)
        self.companies = FakeTable(self, "companies", keap.Company, 200)
        self.products = FakeTable(self, "products", keap.Product, 300)
        self.contacts.limits.update({"given_name": 40, "family_name": 40, "middle_name": 100, "job_title": 255})

    def records(self, object: str) -> FakeKeapRecords:
        """The records of one synchronization, as the engine sees them."""
        return FakeKeapRecords(self.tables[object])

    def opt_in(self, address: str, name: str) -> None:
        """Somebody gives a reason: it overrules a person who opted an address out by hand, and nobody else."""
        status = self.status(address)
        tables = (self.contacts, self.companies) if name == "companies" else (self.contacts,)
        shown = {
            a.casefold() for table in tables for record in table.state.records.values() for a in _addresses(record)
        }
        if opted_out(status) and address.casefold() in shown:
            self.overruled.append(address)
        if status in {"NON_MARKETABLE", "MANUAL"}:
            self.consents[address.casefold()] = "SINGLE_OPT_IN"

    def opt_out(self, address: str) -> None:
        self.consents[address.casefold()] = "MANUAL"

    def status(self, address: str) -> str:
        return self.consents.get(address.casefold(), "NON_MARKETABLE")

    def shown(self, record: Any) -> Any:
        """A record with what is known of the consent of its addresses."""
        if isinstance(record, keap.Contact) and record.email_addresses:
            return attrs.evolve(record, email_addresses=tuple(map(self._with_status, record.email_addresses)))
        if isinstance(record, keap.Company) and record.email_address:
            return attrs.evolve(record, email_address=self._with_status(record.email_address))
        return record

    def _with_status(self, item: keap.EmailAddress) -> keap.EmailAddress:
        status = self.status(str(item.email))
        return attrs.evolve(item, email_opt_status=status, is_opt_in=status == "SINGLE_OPT_IN")

    def merge(self, winner: str, loser: str) -> None:
        """The winner takes what it lacks from the loser, which is gone."""
        lost = self.contacts[loser]
        taken = {
            f.name: value
            for f in attrs.fields(keap.Contact)
            if not getattr(self.contacts[winner], f.name) and (value := getattr(lost, f.name)) and f.name != "id"
        }
        self.contacts.delete(loser)
        self.contacts.edit(winner, **taken)


# What a write of a company answers: what a GET shows that asks for nothing.
_COMPANY_ANSWER = frozenset({"id", "company_name", "website"})


@attrs.frozen
class FakeKeapRecords:
    """`Records` over a table of the fake Keap."""

    table: FakeTable
    side: Side = Side.KEAP
    creates_once: bool = False
    calls_per_minute: int | None = None
    lists_changes: bool = True

    @property
    def answers_all(self) -> bool:
        return self.table.name != "companies"

    def identify(self, record: Any) -> Identity:
        return Identity(record.id, record.update_time or None, record.create_time or None, None)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        def wanted(state: State) -> list[tuple[Any, Any]]:
            habits = self._keap.habits
            way = -1 if habits.newest_first else 1
            return sorted(
                (
                    (way * int(id), self._keap.shown(record))
                    for id, record in state.records.items()
                    if updated_since is None
                    or record.update_time > updated_since
                    or (record.update_time == updated_since and not habits.exclusive)
                ),
                key=lambda place: place[0],
            )

        def newest_first(state: State) -> list[tuple[Any, Any]]:
            """Products have no filter by time: their list ends at the first one that is older."""
            return sorted(
                (((-r.update_time.timestamp(), id), r) for id, r in wanted(state)), key=lambda place: place[0]
            )

        by_time = self.table.name == "products" and updated_since is not None
        return self.table.list_from(newest_first if by_time else wanted, None)

    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return before_reading(self.list(updated_since))

    def get(self, id: str) -> Flow[Any]:
        return self.table.request("GET", self._path(id), lambda _: self._existing(id))

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        def work(state: State) -> tuple[Any, ...]:
            return tuple(self._existing(id, state) for id in sorted(set(ids)) if id in state.records)

        return self.table.request("GET", f"/{self.table.name}", work, reads=True, by_id=True)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        def work(state: State) -> tuple[Any, ...]:
            return tuple(
                self._keap.shown(r)
                for r in state.records.values()
                if _alike(record, r) and (since is None or r.update_time >= since or self.table.name == "products")
            )

        return self.table.request("GET", f"/{self.table.name}", work, reads=True)

    def create(self, record: Any, key: str) -> Flow[Any]:
        def work(_: State) -> Any:
            over = self._taken_for(record)
            return self._shown(self.table.create(record, key) if over is None else self._written_over(over, record))

        return self.table.request("POST", f"/{self.table.name}", work, repeatable=False)

    def _taken_for(self, record: Any) -> Any:
        """The contact that a new one is taken for."""
        if not (self._keap.habits.takes_for_another and isinstance(record, keap.Contact) and record.email_addresses):
            return None
        known = self.table.state.records.values()
        return next((one for one in known if find_item(record.email_addresses, "EMAIL1") and _alike(record, one)), None)

    def _written_over(self, over: keap.Contact, record: keap.Contact) -> Any:
        new = {name: value for name in self._writable if (value := getattr(record, name)) not in (UNSET, None, ())}
        for name in ("email_addresses", "phone_numbers", "fax_numbers", "addresses", "custom_fields"):
            if name in new:
                items = {getattr(i, "field", None) or getattr(i, "id", None): i for i in getattr(over, name) or ()}
                items |= {getattr(i, "field", None) or getattr(i, "id", None): i for i in new[name]}
                new[name] = tuple(items.values())
        return self.table.write(str(over.id), new, self._writable)

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        def work(_: State) -> Any:
            self.table.existing(id, "PATCH")
            return self._shown(self.table.write(id, changes, self._writable))

        return self.table.request("PATCH", self._path(id), work)

    def delete(self, id: str, version: str | None) -> Flow[None]:
        def work(_: State) -> None:
            self.table.existing(id, "DELETE")
            self.table.remove(id)

        return self.table.request("DELETE", self._path(id), work)

    def model(self) -> Flow[Model]:
        return self.table.request("GET", f"/{self.table.name}/model", lambda _: Model(self.table.fields))

    def create_custom_field(self, wanted: NamedField) -> Flow[CustomField]:
        def work(_: State) -> CustomField:
            return self.table.add_field(wanted.label or "", wanted.type or "TEXT")

        return self.table.request("POST", f"/{self.table.name}/model/customFields", work, repeatable=False)

    @property
    def _keap(self) -> FakeKeap:
        assert isinstance(self.table.system, FakeKeap)
        return self.table.system

    def _existing(self, id: str, state: State | None = None) -> Any:
        return self._keap.shown(self.table.existing(id, "GET", state))

    @property
    def _writable(self) -> set[str]:
        names = {f.name for f in attrs.fields(self.table.cls)}
        return names - {"id", "create_time", "update_time", "score_value", "tag_ids", "extra"}

    def _path(self, id: str) -> str:
        return f"/{self.table.name}/{id}"

    def _shown(self, record: Any) -> Any:
        if not isinstance(record, keap.Company):
            return self._keap.shown(record)
        return keap.Company(**{name: getattr(record, name) for name in _COMPANY_ANSWER})


def _alike(wanted: Any, record: Any) -> bool:
    """Whether a search for the strongest property of a record would show another one."""
    match wanted:
        case keap.Contact():
            address = find_item(wanted.email_addresses, "EMAIL1")
            if address is not None and address.email:
                return any(_same(address.email, item.email) for item in record.email_addresses)
            name = "family_name" if wanted.family_name else "given_name"
        case keap.Company():
            if not wanted.company_name and wanted.email_address:
                return any(_same(wanted.email_address.email, address) for address in _addresses(record))
            name = "company_name"
        case _:
            name = "sku" if wanted.sku else "name"
    value = getattr(wanted, name)
    return not value or _same(value, getattr(record, name))


def _addresses(record: Any) -> list[str]:
    single = getattr(record, "email_address", None)
    return [
        str(item.email) for item in (*(getattr(record, "email_addresses", ()) or ()), *([single] if single else []))
    ]


def _same(a: Any, b: Any) -> bool:
    return bool(a) and bool(b) and a.casefold() == b.casefold()
