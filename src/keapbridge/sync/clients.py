"""The two systems in the terms of the engine's port: the clients of Keap and Customcrm, and a host's adapter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.customcrm.adapted import AdapterResource
from keapbridge.customcrm.operations import CustomcrmResource
from keapbridge.errors import ApiError
from keapbridge.keap.directory import KeapTagging, entries, make_entry
from keapbridge.keap.fields import CustomField, Model
from keapbridge.keap.operations import KeapResource
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import is_stored_form
from keapbridge.model.side import Side
from keapbridge.sync.systems import MARKED, Identity

__all__ = ["AdapterSystem", "CustomcrmSystem", "KeapSystem", "by_fields"]

F = TypeVar("F", bound=Any)


def by_fields(flows: F) -> F:
    """The same operations, which read a record field by field where some of it cannot be understood.

    A host's own calls are told of such a record with an error instead.
    """
    given: object = flows
    endpoint, root = flows.endpoint, "" if isinstance(given, AdapterResource) else "$"
    read: F = attrs.evolve(flows, endpoint=attrs.evolve(endpoint, codec=endpoint.codec.by_fields(root=root)))
    return read


@attrs.frozen
class CustomcrmSystem:
    """Customcrm's records: conditional updates and creates that can be repeated, where it is able to."""

    flows: CustomcrmResource[Any]
    side: Side = Side.CUSTOMCRM
    calls_per_minute: int | None = None
    properties: frozenset[str] | None = None
    answers_all: bool = True
    declares_for_mapping: bool = False

    @property
    def declared(self) -> frozenset[str]:
        """The properties that the schema declares by name."""
        return self.flows.declared

    @property
    def lacking(self) -> frozenset[str]:
        """The properties of the profile that it is declared not to have."""
        return self.flows.lacking

    @property
    def deletes(self) -> bool:
        """Whether its records can be deleted."""
        return self.flows.capabilities.deletes is not None

    def path_of(self, name: str) -> str:
        """Where its answers have a property."""
        return self.flows.path_of(name)

    @property
    def creates_once(self) -> bool:
        return self.flows.capabilities.idempotent

    @property
    def lists_changes(self) -> bool:
        return self.flows.capabilities.changed_since

    @property
    def reading(self) -> str:
        return self.flows.reading

    def identify(self, record: Any) -> Identity:
        return Identity(record.id, record.updated_at or None, record.created_at or None, record.etag or None)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.flows.list(updated_since=updated_since)

    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.flows.scan(updated_since=updated_since)

    def get(self, id: str) -> Flow[Any]:
        return self.flows.get(id)

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        return self.flows.get_many(ids)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        if self.creates_once:
            raise NotImplementedError("a Customcrm is asked again with the same idempotency key instead")
        return self.flows.find_like(record, since=since)

    def create(self, record: Any, idempotency_key: str) -> Flow[Any]:
        return self.flows.create(record, idempotency_key=idempotency_key)

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        return self.flows.update(id, dict(changes), if_match=version)

    def delete(self, id: str, version: str | None) -> Flow[None]:
        return self.flows.delete(id, if_match=version)


@attrs.frozen
class AdapterSystem:
    """The records of a host's adapter: what it does not promise is done without it."""

    flows: AdapterResource[Any]
    side: Side = Side.CUSTOMCRM
    calls_per_minute: int | None = None
    reading: str = ""
    answers_all: bool = True
    declares_for_mapping: bool = True
    deletes: bool = True

    @property
    def properties(self) -> frozenset[str] | None:
        return self.flows.properties

    @property
    def declared(self) -> frozenset[str]:
        """The properties that were declared by name, to be mapped; nothing where the adapter does not tell."""
        return self.flows.declared

    @property
    def needs(self) -> frozenset[str]:
        """What a new record cannot be made without, by the names of properties, or else of columns."""
        return self.flows.needs

    @property
    def creates_once(self) -> bool:
        return self.flows.capabilities.idempotent_creates

    @property
    def creates_are_new(self) -> bool:
        return self.flows.capabilities.creates_are_new

    @property
    def lists_changes(self) -> bool:
        return self.flows.capabilities.changes_since

    def identify(self, record: Any) -> Identity:
        version = record.etag or None if self.flows.capabilities.conditional_updates else None
        return Identity(record.id, record.updated_at or None, record.created_at or None, version)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.flows.list(updated_since=updated_since)

    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.list(updated_since)  # what it answers is no text

    def get(self, id: str) -> Flow[Any]:
        return self.flows.get(id)

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        return self.flows.get_many(ids)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        if self.creates_once:
            raise NotImplementedError("it is asked again with the same key instead")
        wanted = _known(record)
        found: list[Any] = []
        page: Page[Any] | None = yield from self.flows.list(updated_since=since)
        while page is not None:
            found += [item for item in page.items if _is_like(wanted, _known(item))]
            page = (yield from page.next()) if page.next else None
        # A record that was edited while the pages were read is in two of them.
        return tuple({item.id: item for item in found}.values())

    def create(self, record: Any, idempotency_key: str) -> Flow[Any]:
        return self.flows.create(record, idempotency_key=idempotency_key)

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        return self.flows.update(id, changes, if_match=version)

    def place_of(self, property: str) -> str:
        return self.flows.place_of(property)

    @property
    def writes_together(self) -> bool:
        return self.flows.writes_together

    def update_together(self, writes: Sequence[tuple[str, Mapping[str, Any], str | None]]) -> Flow[Sequence[Any]]:
        return self.flows.update_together(writes)

    @property
    def foresees(self) -> frozenset[str]:
        return self.flows.foresees

    def unwritable(self, writes: Sequence[tuple[str | None, Any, frozenset[str]]]) -> Flow[Sequence[Mapping[str, str]]]:
        return self.flows.unwritable(writes)

    def delete(self, id: str, version: str | None) -> Flow[None]:
        return self.flows.delete(id, if_match=version)


def _known(record: Any) -> dict[str, Any]:
    """What a record is known to hold."""
    names = [field.name for field in attrs.fields(type(record)) if field.name != "extra"]
    values = {name: getattr(record, name) for name in names} | dict(record.extra)
    return {name: value for name, value in values.items() if value is not UNSET and value is not None and value != ""}


def _is_like(wanted: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Whether half of what is wanted is there; what is alike is then compared in canonical form."""
    same = [name for name, value in wanted.items() if name in held and is_stored_form(str(value), str(held[name]))]
    return bool(same) and 2 * len(same) >= len(wanted)


@attrs.frozen
class KeapSystem:
    """Keap's records: no versions, no idempotency keys."""

    flows: KeapResource[Any]
    side: Side = Side.KEAP
    creates_once: bool = False
    lists_changes: bool = True
    reading: str = ""
    properties: frozenset[str] | None = None

    def reading_for(self, mapper: Mapper) -> KeapSystem:
        """The system that is asked for what a mapping looks at; whoever asks for consent needs all."""
        fields = mapper.keap_attributes
        return self if fields is None else attrs.evolve(self, flows=self.flows.asking_for(fields))

    @property
    def calls_per_minute(self) -> int | None:
        return self.flows.calls_per_minute

    @property
    def answers_all(self) -> bool:
        return self.flows.answers_all

    def identify(self, record: Any) -> Identity:
        return Identity(record.id, record.update_time or None, record.create_time or None, None)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.flows.list(updated_since=updated_since)

    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.flows.scan(updated_since=updated_since)

    def get(self, id: str) -> Flow[Any]:
        return self.flows.get(id)

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        return self.flows.get_many(ids)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        return self.flows.find_like(record, since=since)

    def create(self, record: Any, idempotency_key: str) -> Flow[Any]:
        return self.flows.create(record)

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        return self.flows.update(id, dict(changes))

    def mark(self, tag: str, ids: Collection[str], *, on: bool) -> Flow[Collection[str]]:
        tagging = KeapTagging(self.flows.port)
        return tagging.apply(tag, ids) if on else tagging.remove(tag, ids)

    def update_marked(self, id: str, present: Any, changes: Mapping[str, Any]) -> Flow[Any]:
        held, wanted = present.tag_ids or (), changes[MARKED] or ()
        moved = [(tag, False) for tag in held if tag not in wanted] + [(tag, True) for tag in wanted if tag not in held]
        for tag, on in moved:
            if (yield from self.mark(tag, [id], on=on)):
                raise ApiError(f"Keap has not {'applied' if on else 'removed'} the tag {tag}")
        rest = {name: value for name, value in changes.items() if name != MARKED}
        return (yield from self.flows.update(id, rest) if rest else self.flows.get(id))

    def delete(self, id: str, version: str | None) -> Flow[None]:
        return self.flows.delete(id)

    def touch(self) -> Flow[None]:
        return self.flows.touch()

    def scan_after(self, reached: str) -> Flow[Page[Any]]:
        return self.flows.scan_after(reached)

    def entries(self, of: str) -> Flow[Sequence[tuple[str, str]]]:
        return entries(self.flows, of)

    def make_entry(self, of: str, name: str) -> Flow[str]:
        return make_entry(self.flows, of, name)

    def model(self) -> Flow[Model]:
        return self.flows.model(refresh=True)

    def create_custom_field(self, wanted: NamedField) -> Flow[CustomField]:
        label, type = wanted.label or "", wanted.type or "TEXT"
        return self.flows.create_custom_field(label, type, wanted.options, wanted.group_id)
