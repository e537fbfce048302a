"""Every operation on a Customcrm's records once, as a flow: what both clients, and the engine, are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs

from keapbridge._flow.effects import Flow, gather, now
from keapbridge._io.calling import send
from keapbridge._io.calls import Answer, Call, Page
from keapbridge._io.ends import Ends, Memory
from keapbridge._io.listing import fetch
from keapbridge._io.port import Port
from keapbridge._json.codec import load_json
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.address import address_of_base_url
from keapbridge.customcrm.by_time import ByTime
from keapbridge.customcrm.endpoints import Endpoint
from keapbridge.customcrm.paths import dig
from keapbridge.customcrm.schema import Capabilities, alternatives
from keapbridge.errors import ApiError, ConflictError, NotFoundError, ShapeError, StatusError
from keapbridge.model.checked import usable_moment
from keapbridge.model.given import moment, one_id, one_of, optional, several_ids, whole
from keapbridge.model.maybe import UNSET

__all__ = ["CustomcrmResource"]

_PARALLEL_READS = 4
_ATTEMPTS = 3  # how often a record that moves while it is written as a whole is read again

R = TypeVar("R")


@attrs.frozen
class CustomcrmResource(Generic[R]):
    """The operations on one kind of record, as flows."""

    port: Port
    endpoint: Endpoint[R]
    ends: Ends = attrs.field(factory=Ends, eq=False, repr=False)

    @property
    def address(self) -> str:
        """What names the system."""
        return address_of_base_url(self.port.base_url)

    @property
    def capabilities(self) -> Capabilities:
        return self.endpoint.schema.capabilities(self.endpoint.object)

    @property
    def reading(self) -> str:
        """What the meaning of a record's text depends on: the API as it is declared."""
        return repr(self.endpoint.schema)

    def list(self, *, updated_since: datetime | None = None, page_size: int = endpoints.MAX_PAGE) -> Flow[Page[R]]:
        call = endpoints.list_page(
            self.endpoint,
            updated_since=optional(moment)("updated_since", updated_since),
            page_size=whole("page_size", page_size, least=1, example=500),
        )
        return fetch(self.port, call, ends=self.ends)

    def scan(self, *, updated_since: datetime | None = None, page_size: int = endpoints.MAX_PAGE) -> Flow[Page[R]]:
        """The list, left unread where that is possible, and past what the CRM cannot show."""
        call = endpoints.list_page(self.endpoint, updated_since=updated_since, page_size=page_size, unread=True)
        return fetch(self.port, call, ByTime(self.port, self.endpoint, updated_since), self.ends)

    def remembering(self, memory: Memory) -> CustomcrmResource[R]:
        """The same with a memory of how the CRM ends its lists."""
        return attrs.evolve(self, ends=Ends(memory))

    @property
    def takes_times_for_utc(self) -> bool:
        """Whether times of change that tell no zone would be read, as UTC, for no other zone is declared."""
        schema = self.endpoint.schema
        is_text = schema.times == "iso8601" or "%" in schema.times
        return is_text and schema.time_zone is UNSET and not self.endpoint.is_plain and self._stamp is not None

    @property
    def _stamp(self) -> str | None:
        path = self.endpoint.wire.paths.get("updated_at")
        return None if path is None else alternatives(path)[0]

    def first_page(self) -> Flow[tuple[Page[R], tuple[Any, ...]]]:
        """The first page of the list, and when its records were changed, as the CRM writes it."""
        page = endpoints.list_page(self.endpoint)

        def decode(answer: Answer) -> tuple[Page[R], tuple[Any, ...]]:
            found = page.decode(answer)
            items = dig(load_json(answer), self.endpoint.schema.envelope.items) if found.items else ()
            return found, tuple(dig(item, self._stamp) for item in items) if isinstance(items, Sequence) else ()

        call: Call[Any] = page
        return send(self.port, attrs.evolve(call, decode=decode, parts=None))

    @property
    def declared(self) -> frozenset[str]:
        """The properties that the schema declares by name, as they are called in mappings."""
        return self.endpoint.declared_names

    @property
    def lacking(self) -> frozenset[str]:
        """The properties of the profile that the CRM is declared not to have."""
        return self.endpoint.lacking

    def path_of(self, name: str) -> str:
        """Where the API's records have a property, by its name in mappings."""
        return self.endpoint.path_of(name)

    def get(self, id: str | int) -> Flow[R]:
        return send(self.port, endpoints.get(self.endpoint, one_id("id", id)))

    def get_many(self, ids: Collection[str | int]) -> Flow[tuple[R, ...]]:
        wanted = sorted(several_ids("ids", ids))
        if not self.capabilities.batch:
            found = yield from gather((self._get_or_none(id) for id in wanted), _PARALLEL_READS)
            return tuple(record for record in found if record is not None)
        flows = (self._batch(ids, call) for ids, call in endpoints.get_many(self.endpoint, wanted))
        parts = yield from gather(flows, _PARALLEL_READS)
        return tuple(record for part in parts for record in part)

    def _batch(self, ids: Collection[str], call: Call[Page[R]]) -> Flow[tuple[R, ...]]:
        """Those of some records that exist; one by one where the CRM shows others, which it was not asked for."""
        found: dict[str, R] = {}
        page: Page[R] | None = yield from fetch(self.port, call)
        while page is not None:
            for item in page.malformed:
                raise item.error
            shown = {_id(record): record for record in page.items}
            found |= {id: record for id, record in shown.items() if id in ids}
            if shown.keys() - set(ids):
                missing = [id for id in ids if id not in found]
                one_by_one = yield from gather((self._get_or_none(id) for id in missing), _PARALLEL_READS)
                return (*found.values(), *(record for record in one_by_one if record is not None))
            page = (yield from page.next()) if page.next else None
        return tuple(found.values())

    def find_like(self, record: R, *, since: datetime | None = None) -> Flow[tuple[R, ...]]:
        """Records that could be this one: by a property, or else what changed since, or else all."""
        call = endpoints.find(self.endpoint, record) or endpoints.list_page(self.endpoint, updated_since=since)
        return self._all(call, since)

    def create(self, record: Any, *, idempotency_key: str | None = None) -> Flow[R]:
        kind = self.endpoint.codec.cls
        one_of("record", record, kind, f"a record of Customcrm, such as kb.customcrm.{kind.__name__}(…)")
        made = yield from send(self.port, endpoints.create(self.endpoint, record, key=idempotency_key))
        if not _is_id_only(made):
            return made
        id = _id(made)
        try:
            return (yield from self.get(id))
        except StatusError as error:
            # Not for certain that nothing was made: rather the contrary.
            what = f"{self.endpoint.singular} {id} was made and cannot be read yet ({error.status})"
            raise ShapeError(what, paths=["$"], method="POST", url=error.url) from error

    def update(self, id: str | int, changes: Mapping[str, Any], *, if_match: str | None = None) -> Flow[R]:
        id = one_id("id", id)
        record, mask = endpoints.changes_to_record(self.endpoint, changes)

        def written(version: str | None, onto: dict[str, Any] | None) -> Call[R]:
            return endpoints.update(self.endpoint, id, record, mask, if_match=version, onto=onto)

        reads = endpoints.reads_before_writing(self.endpoint, record, mask)
        stored = yield from self._write(id, written, if_match, reads=reads)
        return (yield from self.get(id)) if _is_id_only(stored) else stored

    def delete(self, id: str | int, *, if_match: str | None = None) -> Flow[None]:
        id = one_id("id", id)
        match self.endpoint.schema.delete:
            case "hard":
                yield from send(self.port, endpoints.delete(self.endpoint, id, if_match=if_match))
            case "soft":
                moment = yield from now()

                def marked(version: str | None, onto: dict[str, Any] | None) -> Call[None]:
                    return endpoints.mark_deleted(self.endpoint, id, moment, if_match=version, onto=onto)

                reads = endpoints.marks_after_reading(self.endpoint)
                if not reads:
                    # A mark can be written twice; that it was there already is told by reading only.
                    yield from send(self.port, endpoints.current(self.endpoint, id))
                yield from self._write(id, marked, if_match, reads=reads)
            case None:
                what = f"{self.endpoint.singular} {id} was not deleted: the schema declares no way to"
                raise ApiError(what, method="DELETE", url=f"{self.port.base_url}{self.endpoint.path}")

    def _write(
        self,
        id: str,
        call: Callable[[str | None, dict[str, Any] | None], Call[Any]],
        if_match: str | None,
        *,
        reads: bool,
    ) -> Flow[Any]:
        """Write, onto the record as it is now where that is needed: for the version that was read, if none is given."""
        if not reads:
            return (yield from send(self.port, call(if_match, None)))
        for attempt in range(1, _ATTEMPTS + 1):
            present = yield from send(self.port, endpoints.current(self.endpoint, id))
            if if_match and present.version and present.version != if_match:
                what = f"{self.endpoint.singular} {id} has another version by now"
                raise ConflictError(what, method="GET", url=f"{self.port.base_url}{self.endpoint.path}", status=412)
            try:
                return (yield from send(self.port, call(if_match or present.version, present.body)))
            except ConflictError:
                if if_match or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _get_or_none(self, id: str) -> Flow[R | None]:
        try:
            return (yield from self.get(id))
        except NotFoundError:
            return None

    def _all(self, call: Call[Page[R]], since: datetime | None = None) -> Flow[tuple[R, ...]]:
        """The readable records of all pages of a list; without those that are known to be older than a moment."""
        found: list[R] = []
        page: Page[R] | None = yield from fetch(self.port, call)
        while page is not None:
            found += (record for record in page.items if since is None or not _is_older(record, since))
            page = (yield from page.next()) if page.next else None
        return tuple(found)


def _is_id_only(record: Any) -> bool:
    """Whether an answer to a write has shown no more than the id."""
    names = [f.name for f in attrs.fields(type(record)) if f.name not in {"id", "extra"}]
    return not record.extra and all(getattr(record, name) is UNSET for name in names)


def _id(record: Any) -> str:
    return str(record.id)


def _is_older(record: Any, moment: datetime) -> bool:
    made = usable_moment(record.created_at)
    return made is not None and made < moment
