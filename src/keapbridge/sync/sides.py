"""What the engine asks of a system, and the two systems in those terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

import attrs

from keapbridge._flow import Flow, Page
from keapbridge.customcrm.client import CustomcrmResource
from keapbridge.keap.client import KeapResource
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping.custom import NamedField
from keapbridge.sync.records import Side

__all__ = ["CustomcrmRecords", "Identity", "KeapRecords", "Records"]


@attrs.frozen
class Identity:
    """What a record says of itself. `version` is its ETag, where the system has one."""

    id: str
    updated_at: datetime | None
    created_at: datetime | None
    version: str | None


class Records(Protocol):
    """The records of one synchronization on one side, as flows."""

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

    def identify(self, record: Any) -> Identity: ...
    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]: ...
    def get(self, id: str) -> Flow[Any]: ...
    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]: ...
    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]: ...
    def create(self, record: Any, key: str) -> Flow[Any]: ...
    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]: ...
    def delete(self, id: str, version: str | None) -> Flow[None]: ...


@attrs.frozen
class CustomcrmRecords:
    """Customcrm's records: conditional updates and creates that can be repeated, where it is able to."""

    flows: CustomcrmResource[Any]
    side: Side = Side.CUSTOMCRM
    calls_per_minute: int | None = None

    @property
    def creates_once(self) -> bool:
        return self.flows.capabilities.idempotent

    def identify(self, record: Any) -> Identity:
        return Identity(record.id, record.updated_at or None, record.created_at or None, record.etag or None)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.flows.list(updated_since=updated_since)

    def get(self, id: str) -> Flow[Any]:
        return self.flows.get(id)

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        return self.flows.get_many(ids)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        if self.creates_once:
            raise NotImplementedError("a Customcrm is asked again with the same idempotency key instead")
        return self.flows.find_like(record, since=since)

    def create(self, record: Any, key: str) -> Flow[Any]:
        return self.flows.create(record, idempotency_key=key)

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        return self.flows.update(id, dict(changes), if_match=version)

    def delete(self, id: str, version: str | None) -> Flow[None]:
        return self.flows.delete(id, if_match=version)


@attrs.frozen
class KeapRecords:
    """Keap's records: no versions, no idempotency keys."""

    flows: KeapResource[Any]
    side: Side = Side.KEAP
    creates_once: bool = False

    @property
    def calls_per_minute(self) -> int | None:
        return self.flows.calls_per_minute

    def identify(self, record: Any) -> Identity:
        return Identity(record.id, record.update_time or None, record.create_time or None, None)

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        return self.flows.list(updated_since=updated_since)

    def get(self, id: str) -> Flow[Any]:
        return self.flows.get(id)

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        return self.flows.get_many(ids)

    def find_like(self, record: Any, since: datetime | None) -> Flow[tuple[Any, ...]]:
        return self.flows.find_like(record, since=since)

    def create(self, record: Any, key: str) -> Flow[Any]:
        return self.flows.create(record)

    def update(self, id: str, changes: Mapping[str, Any], version: str | None) -> Flow[Any]:
        return self.flows.update(id, dict(changes))

    def delete(self, id: str, version: str | None) -> Flow[None]:
        return self.flows.delete(id)

    def model(self) -> Flow[Model]:
        return self.flows.model(refresh=True)

    def create_custom_field(self, wanted: NamedField) -> Flow[CustomField]:
        label, type = wanted.label or "", wanted.type or "TEXT"
        return self.flows.create_custom_field(label, type, wanted.options, wanted.group_id)
