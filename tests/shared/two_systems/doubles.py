"""What stands for clients, adapters and the store: the engine's own parts, over the fakes."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any, Protocol

import attrs
from copied_stores import PostgresqlStore
from fakes import FakeAdapter
from quick_stores import share_statements
from sqlalchemy import Engine, create_engine

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge.mapping.custom import NamedField
from keapbridge.store.opening import memory_engine
from keapbridge.store.sql import open_store
from keapbridge.sync.clients import KeapSystem
from keapbridge.sync.synchronization import Synchronization
from two_systems.pools import KEAP


@attrs.frozen
class AsItIs:
    """A codec of records that need no reading."""

    def by_fields(self, root: str = "") -> AsItIs:
        return self


@attrs.frozen
class Records:
    """An endpoint of such records."""

    codec: AsItIs = AsItIs()


@attrs.frozen
class Flowing:
    """What the engine's own adapters ask of a client, over a fake."""

    records: Any
    leaves_unread: bool = False
    reading: str = ""
    calls_per_minute: int | None = None
    capabilities: kb.customcrm.Capabilities = attrs.field(factory=kb.customcrm.Capabilities)
    endpoint: Records = Records()
    declared: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()
    takes_times_for_utc: bool = False
    address: str = ""

    def heard_by(self, listen: Any) -> Flowing:
        return self

    def asking_for(self, fields: Collection[str]) -> Flowing:
        return self

    def touch(self) -> Flow[None]:
        yield from ()

    def path_of(self, name: str) -> str:
        return name

    @property
    def answers_all(self) -> bool:
        return bool(self.records.answers_all)

    def sharing(self, book: Any, who: str) -> Flowing:
        return self

    def list(self, *, updated_since: datetime | None) -> Flow[Any]:
        return self.records.list(updated_since)

    def scan(self, *, updated_since: datetime | None) -> Flow[Any]:
        return (self.records.scan if self.leaves_unread else self.records.list)(updated_since)

    def get(self, id: str) -> Flow[Any]:
        return self.records.get(id)

    def get_many(self, ids: Collection[str]) -> Flow[Any]:
        return self.records.get_many(ids)

    def find_like(self, record: Any, *, since: datetime) -> Flow[Any]:
        return self.records.find_like(record, since)

    def create(self, record: Any, *, idempotency_key: str | None = None) -> Flow[Any]:
        return self.records.create(record, idempotency_key)

    def update(self, id: str, changes: dict[str, Any], *, if_match: str | None = None) -> Flow[Any]:
        return self.records.update(id, changes, if_match)

    def delete(self, id: str, *, if_match: str | None = None) -> Flow[None]:
        return self.records.delete(id, if_match)

    def model(self, *, refresh: bool) -> Flow[Any]:
        return self.records.model()

    def create_custom_field(self, label: str, type: Any, options: Any, group_id: str | None) -> Flow[Any]:
        return self.records.create_custom_field(NamedField(label, None, type, True, options, group_id))


class AsyncCustomcrmClient:
    """By its name the wrong client for a session without an event loop."""


@attrs.frozen
class Small(FakeAdapter):
    """A Customcrm that knows people only."""

    objects = ("contacts",)


class AsyncAdapter:
    capabilities = kb.AdapterCapabilities()

    async def list_changes(self, *_: Any) -> Any: ...

    get_many = create = update = delete = list_changes


@attrs.frozen
class Keyed(KeapSystem):
    """Keap's records, which tell the machine what they were made for."""

    def create(self, record: Any, idempotency_key: str) -> Flow[Any]:
        return self.flows.create(record, idempotency_key=idempotency_key)  # type: ignore[call-arg]


def keyed(sync: Synchronization) -> Synchronization:
    keap: Any = sync.systems[KEAP]
    return attrs.evolve(sync, systems={**sync.systems, KEAP: Keyed(keap.flows)})


class Stores(Protocol):
    """Where the machine's stores are."""

    def new(self) -> Engine:
        """One with its tables."""

    def same(self, engine: Engine) -> Engine:
        """Another one that holds the same."""

    def end(self, engine: Engine) -> None: ...


class InMemory:
    """Stores of SQLite in memory."""

    def new(self) -> Engine:
        return new_store()

    def same(self, engine: Engine) -> Engine:
        return same_store(engine)

    def end(self, engine: Engine) -> None:
        engine.dispose()


@attrs.frozen
class OnPostgresql:
    """Databases of a server."""

    template: PostgresqlStore

    def new(self) -> Engine:
        return create_engine(self.template.copy().url)

    def same(self, engine: Engine) -> Engine:
        engine.dispose()  # a database that is in use is not copied
        return create_engine(self._of(engine).copy().url)

    def end(self, engine: Engine) -> None:
        engine.dispose()
        self._of(engine).drop()

    def _of(self, engine: Engine) -> PostgresqlStore:
        return attrs.evolve(self.template, name=engine.url.database)


_FIRST: list[tuple[Engine, bytes]] = []


def new_store() -> Engine:
    """A store in memory with its tables; migrations run once, and a statement is compiled once, for all stores."""
    if not _FIRST:
        engine = memory_engine()
        open_store(engine, "template")
        _FIRST.append((engine, _connection(engine).serialize()))
        engine.dispose()
    first, content = _FIRST[0]
    engine = memory_engine()
    share_statements(engine, first)
    _connection(engine).deserialize(content)
    return engine


def same_store(engine: Engine) -> Engine:
    """Another store in memory, that holds the same."""
    twin = new_store()
    _connection(twin).deserialize(_connection(engine).serialize())
    return twin


def _connection(engine: Engine) -> sqlite3.Connection:
    return engine.raw_connection().driver_connection  # type: ignore[return-value]
