"""What the engine asks of a system: its port. `clients` has the two systems in those terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping.custom import NamedField
from keapbridge.model.checked import usable_moment, usable_version
from keapbridge.model.records import UNKNOWN_LIFE, Life
from keapbridge.model.side import Side

__all__ = [
    "Answers",
    "GoesOn",
    "HasCustomFields",
    "Identity",
    "MakesNew",
    "Marks",
    "System",
    "WritesTogether",
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


@runtime_checkable
class TellsPlaces(Protocol):
    """A system that may be able to tell where a property is kept: a database."""

    def place_of(self, property: str) -> str:
        """The place in words (`"column mail of people"`); empty where nothing is known of it."""
        ...


@runtime_checkable
class MakesNew(Protocol):
    """A system that may be known to make a new record of everything that is to be one: a database."""

    @property
    def creates_are_new(self) -> bool:
        """Whether it is: the id of an answer to a create is no other record's any more."""
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
