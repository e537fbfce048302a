"""Every operation on Keap's records once, as a flow: what both clients, and the engine, are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

import attrs

from keapbridge._flow.effects import Flow, gather
from keapbridge._io.calling import send
from keapbridge._io.calls import Call, Page
from keapbridge._io.listing import fetch
from keapbridge._io.port import Ear, Port
from keapbridge.errors import ApiError, ConflictError, NotFoundError, StatusError
from keapbridge.keap import endpoints, field_endpoints, lists
from keapbridge.keap.asking import Asking, is_named, is_refusal
from keapbridge.keap.by_id import ById
from keapbridge.keap.clearing import Way, is_empty, shows
from keapbridge.keap.endpoints import Endpoint, KeapRecord
from keapbridge.keap.fields import CustomField, Model
from keapbridge.keap.habits import Cleared
from keapbridge.keap.lists import Wanted
from keapbridge.keap.pace import KeapPace, PaceBook
from keapbridge.keap.records import (
    Address,
    CustomFieldValue,
    EmailAddress,
    FaxNumber,
    PhoneNumber,
    SocialAccount,
)
from keapbridge.keap.slots import array_of, put_items
from keapbridge.model.given import (
    moment,
    one_id,
    one_of,
    optional,
    several_ids,
    text,
    whole,
    wrong,
)
from keapbridge.model.maybe import UNSET

__all__ = ["KeapResource", "SlotItem"]

_PARALLEL_READS = 4
_ALWAYS = ("id", "create_time", "update_time")

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

    def asking_for(self, fields: Collection[str]) -> KeapResource[R]:
        """The same operations, which ask for these fields only, and for what tells which record it is."""
        wanted = {*fields, *_ALWAYS}
        asked = tuple(name for name in self.endpoint.asked if name in wanted)
        return attrs.evolve(self, endpoint=attrs.evolve(self.endpoint, asked=asked))

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
        lazy: bool = False,
    ) -> Flow[Page[R]]:
        """The list.

        Args:
            lazy: make records only as they are asked for, where that is possible.
        """
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
            lazy=lazy,
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
        wanted = one_id("id", id)
        record = yield from send(self.port, endpoints.get(self.endpoint, wanted, self.asking))
        if isinstance(record.id, str) and record.id != wanted:
            # It was merged into that one: what is answered is no longer it.
            raise NotFoundError(f"{self.endpoint.singular} {wanted} is not there: {record.id} is answered in its place")
        return record

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
                if found or not (is_refusal(error) or error.status == 404):
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
        if is_refusal(error):  # and not for one of them that is not there
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
        if self.asking.habits.same_email == "same":
            yield from self._check_new(record)
        return (yield from send(self.port, endpoints.create(self.endpoint, record, self.asking)))

    def _check_new(self, record: Any) -> Flow[None]:
        """Refuse a contact that would be written over the one that has its address."""
        first = next(
            (item.email for item in getattr(record, "email_addresses", None) or () if item.field == "EMAIL1"), None
        )
        if not first or ";" in first or "*" in first:
            return
        found = yield from send(self.port, lists.list_page(self.endpoint, self.asking, filters=[("email", first)]))
        if found.items:
            raise ConflictError(
                f"not made: contact {found.items[0].id} has the same e-mail address, and Keap would write to that one",
                status=409,
            )

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
        tried: set[tuple[str, Way]] = set()

        def next_way(each: str) -> Way | None:
            return asking.way(name, each, [way for other, way in tried if other == each])

        while True:
            ways: dict[str, Way] = {each: way for each in emptied if (way := next_way(each)) is not None}
            try:
                answer = yield from send(self.port, endpoints.update(self.endpoint, id, record, mask, asking, ways))
            except StatusError as error:
                is_alone = len(mask) == len(ways) == 1
                named = [each for each in ways if is_alone or is_named(error.said, each)]
                if not is_refusal(error) or not named:
                    raise
                refused: dict[tuple[str, Way], Cleared] = {(each, ways[each]): "refused" for each in named}
                asking.remember_clearing(name, refused)
                if not all(map(next_way, named)):
                    raise
                continue
            told = _told(answer, ways)
            asking.remember_clearing(name, told)
            failed = {each for (each, _), effect in told.items() if effect != "clears"}
            if not self.answers_all:
                failed |= yield from self._looked(id, {e: w for e, w in ways.items() if (e, w) not in told}, tried)
            mask = emptied = [each for each in failed if next_way(each) is not None]
            if not mask:
                return answer

    def _looked(self, id: str, ways: Mapping[str, Way], tried: set[tuple[str, Way]]) -> Flow[set[str]]:
        """Those of the emptied properties, which no answer has shown, that are not empty when they are looked at.

        What was written may only not be shown yet. So nothing is concluded from that: another way does no harm.
        """
        if not ways:
            return set()
        try:
            told = _told((yield from self.get(id)), ways)
        except ApiError:
            return set()
        failed = {each for each, effect in told.items() if effect != "clears"}
        shown = {name for name, _ in tried}  # and if it is not shown any more, it was cleared
        effects: dict[tuple[str, Way], Cleared] = {}
        for each in ways.items():
            if told.get(each, "clears" if each[0] in shown else None) == "clears":
                effects[each] = "clears"
        self.asking.remember_clearing(self.endpoint.name, effects)
        tried |= failed
        return {name for name, _ in failed}

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


def _told(record: Any, ways: Mapping[str, Way]) -> dict[tuple[str, Way], Cleared]:
    """What a record says of the clearing of some of its properties."""
    told: dict[tuple[str, Way], Cleared] = {}
    for name, way in ways.items():
        effect = shows(getattr(record, name))
        if effect is not None:
            told[name, way] = effect
    return told


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
