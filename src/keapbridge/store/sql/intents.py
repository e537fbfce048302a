"""Creates that are about to be sent, until it is known what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from keapbridge._flow.effects import Flow
from keapbridge.model.kept_in_store import Intent
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.rows import to_text

__all__ = ["Intents", "drop_intent", "with_intents"]


class Intents:
    """Creates that are about to be sent, until it is known what became of them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def open(self, name: str) -> Flow[list[Intent]]:
        return (yield from self._read(name)) if self.may_have(name) else []

    def over(self, name: str) -> Flow[list[Intent]]:
        """Those that were written over a record."""
        return (yield from self._read(name, over=True)) if self.may_have(name) else []

    def may_have(self, name: str) -> bool:
        """Whether there may be any: in most runs there are none."""
        return self._core.lease is None or name in self._core.known.with_intents

    @flow
    def _read(self, name: str, *, over: bool = False) -> list[Intent]:
        def query() -> Any:
            i = t.intents.c
            its = (*named(t.intents, "bridge", "object"), *([i.over.is_not(None)] if over else []))
            return select(t.intents).where(*its).order_by(i.created_at, i.id)

        with self._core.reading() as c:
            values = {"bridge": self._core.bridge, "object": name}
            rows = self._core.database.execute(c, "written over" if over else "intents", query, values).all()
        return [self._core.rows.to_intent(row) for row in rows]

    @flow
    def intend(self, intents: Sequence[Intent]) -> None:
        rows = [self._core.rows.intent(intent) for intent in intents]
        self._core.known.with_intents.update(intent.object for intent in intents)
        with self._core.transaction(durable=True) as c:
            c.execute(t.intents.insert(), rows)

    @flow
    def renew(self, intent_id: str, moment: datetime) -> None:
        """What was not sent yet, or surely had no effect, is about to be sent as of this moment."""
        with self._core.transaction(durable=True) as c:
            c.execute(update(t.intents).where(t.intents.c.id == intent_id).values(created_at=to_text(moment)))

    @flow
    def note_over(self, intent: Intent) -> None:
        """What was to make a new record was written over one that was there, and is known to be."""
        self._core.known.with_intents.add(intent.object)
        with self._core.transaction(durable=True) as c:
            self._core.database.upsert(c, t.intents, [self._core.rows.intent(intent)])

    @flow
    def drop(self, *intent_ids: str) -> None:
        with self._core.transaction() as c:
            for intent_id in intent_ids:
                drop_intent(self._core, c, intent_id)


def with_intents(core: Core, c: Connection) -> set[str]:
    """The synchronizations that have some."""

    def query() -> Any:
        return select(t.intents.c.object).distinct().where(*named(t.intents, "bridge"))

    return set(core.database.execute(c, "who has intents", query, {"bridge": core.bridge}).scalars())


def drop_intent(core: Core, c: Connection, intent_id: str) -> None:
    """Drop an intent within a transaction."""

    def query() -> Any:
        return delete(t.intents).where(t.intents.c.id == bindparam("its_id"))

    core.database.execute(c, "drop an intent", query, {"its_id": intent_id})
