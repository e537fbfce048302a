"""What the engine asks of a system, and the two systems in those terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

import attrs

from keapbridge._io.effects import Flow, Page
from keapbridge.customcrm.adapter import AdapterResource
from keapbridge.customcrm.operations import CustomcrmResource
from keapbridge.errors import ApiError
from keapbridge.keap.directory import KeapTagging, entries, make_entry
from keapbridge.keap.fields import CustomField, Model
from keapbridge.keap.operations import KeapResource
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.checked import usable_moment, usable_version
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import UNKNOWN_LIFE, Life, is_stored_form
from keapbridge.model.side import Side

__all__ = [
    "AdapterSystem",
    "Answers",
    "CustomcrmSystem",
    "GoesOn",
    "HasCustomFields",
    "Identity",
    "KeapSystem",
    "Marks",
    "System",
    "WritesTogether",
    "by_fields",
    "update_of",
]


MARKED = "tag_ids"
"""What Keap's contacts are marked with."""


@attrs.frozen
class Identity:
    """What a record says of itself, as far as that can be used. `version` is its ETag, where the system has one."""

    id: str
    updated_at: datetime | None = attrs.field(converter=usable_moment)
    created_at: datetime | None = attrs.field(converter=usable_moment)
    version: str | None = attrs.field(converter=usable_version)

    @property
    def life(self) -> Life:
        """What tells it from another record of the same id, and from an earlier state of it."""
        born = self.created_at
        if born is None and self.updated_at is None:
            return UNKNOWN_LIFE
        return Life(None if born is None else born.isoformat(), self.updated_at)


class System(Protocol):
    """One of the two systems, as far as one synchronization goes: its records, as flows."""

    @property
    def side(self) -> Side: ...
    @property
    def creates_once(self) -> bool:
        """Whether a create with the same key may be sent again without making a second record."""
        ...

    @property
    def calls_per_minute(self) -> int | None:
        """How many calls the system allows; `None` where nothing is known of a limit."""
        ...

    @property
    def lists_changes(self) -> bool:
        """Whether a list can leave out what did not change. If not, every scan is a complete one."""
        ...

    @property
    def reading(self) -> str:
        """What the meaning of a record's text depends on, beside the mapping."""
        ...

    @property
    def properties(self) -> frozenset[str] | None:
        """The properties that its records can have, by their names on the wire; `None` where they can have any."""
        ...

    @property
    def answers_all(self) -> bool:
        """Whether the answer to a write shows all that the record holds, as a read does."""
        ...

    def identify(self, record: Any) -> Identity: ...
    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]: ...
    def scan(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        """`list` with the records left unread, where that is possible."""
        ...

    def get(self, id: str) -> Flow[Any]: ...
    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]: ...
    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]: ...
    def create(self, record: Any, idempotency_key: str) -> Flow[Any]: ...
    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]: ...
    def delete(self, id: str, version: str | None) -> Flow[None]: ...


@runtime_checkable
class HasCustomFields(Protocol):
    """A system with fields that its people make: Keap."""

    def model(self) -> Flow[Model]:
        """The fields there are, asked anew."""
        ...

    def create_custom_field(self, wanted: NamedField) -> Flow[CustomField]: ...


@runtime_checkable
class Answers(Protocol):
    """A system that can be made to answer, so that it tells which one it is: Keap."""

    def touch(self) -> Flow[None]:
        """Ask for next to nothing."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """A system whose list of everything can go on where an earlier one was ended: Keap."""

    def scan_after(self, reached: str) -> Flow[Page[Any]]:
        """`scan` of all, from where a page of an earlier one had come (`Page.reached`)."""
        ...


F = TypeVar("F", bound=Any)


def by_fields(flows: F) -> F:
    """The same operations, which read a record field by field where some of it cannot be understood.

    A host's own calls are told of such a record with an error instead.
    """
    given: object = flows
    endpoint, root = flows.endpoint, "" if isinstance(given, AdapterResource) else "$"
    read: F = attrs.evolve(flows, endpoint=attrs.evolve(endpoint, codec=endpoint.codec.by_fields(root=root)))
    return read


@runtime_checkable
class TellsPlaces(Protocol):
    """A system that may be able to tell where a property is kept: a database."""

    def place_of(self, property: str) -> str:
        """The place in words (`"column mail of people"`); empty where nothing is known of it."""
        ...


@runtime_checkable
class WritesTogether(Protocol):
    """A system that may be able to write to several records at once, all or none: a database."""

    @property
    def writes_together(self) -> bool:
        """Whether it is able to."""
        ...

    def update_together(self, writes: Sequence[tuple[str, Mapping[str, Any], str | None]]) -> Flow[Sequence[Any]]:
        """Write to records by id, with what changes and for which version; records may swap unique values."""
        ...


@runtime_checkable
class ForeseesRefusals(Protocol):
    """A system that may be able to tell what it cannot be given for one record: a database."""

    @property
    def foresees(self) -> frozenset[str]:
        """The properties of which it tells that, by their names on the wire."""
        ...

    def unwritable(self, writes: Sequence[tuple[str | None, Any, frozenset[str]]]) -> Flow[Sequence[Mapping[str, str]]]:
        """What cannot be written, with the reasons, of these properties of records; `None` is a new one."""
        ...


@runtime_checkable
class Marks(Protocol):
    """A system that marks records by calls of their own: Keap, with its tags."""

    def mark(self, tag: str, ids: Collection[str], *, on: bool) -> Flow[Collection[str]]:
        """Mark records with a tag, or take it off them; answers those of which that was not done."""
        ...

    def update_marked(self, id: str, present: Any, changes: Mapping[str, Any]) -> Flow[Any]:
        """Write to a record what is changed of it as it is, marks among that."""
        ...


def update_of(system: System, id: str, present: Any, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
    """Write to a record.

    Args:
        present: the record as it was read: what it is marked with is changed by what is another than there.
    """
    if MARKED in changes and isinstance(system, Marks):
        return system.update_marked(id, present, changes)
    return system.update(id, changes, version)


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
