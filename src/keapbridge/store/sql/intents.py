"""Creates that are about to be sent, until it is known what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from keapbridge._flow.effects import Flow
from keapbridge.model.kept import Intent
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.rows import to_text

__all__ = ["Intents", "drop_intent"]


class Intents:
    """Creates that are about to be sent, until it is known what became of them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def open(self, name: str) -> Flow[list[Intent]]:
        known = self._core.known
        if self._core.lease is not None:
            if known.with_intents is None:
                known.with_intents = yield from self._with_some()
            if name not in known.with_intents | known.intended:
                return []
        return (yield from self._read(name))

    @flow
    def _read(self, name: str) -> list[Intent]:
        def query() -> Any:
            its = named(t.intents, "bridge", "object")
            return select(t.intents).where(*its).order_by(t.intents.c.created_at, t.intents.c.id)

        with self._core.reading() as c:
            values = {"bridge": self._core.bridge, "object": name}
            rows = self._core.database.execute(c, "intents", query, values).all()
        return [self._core.rows.to_intent(row) for row in rows]

    @flow
    def _with_some(self) -> set[str]:
        """The synchronizations that have intents: in most runs none."""

        def query() -> Any:
            return select(t.intents.c.object).distinct().where(*named(t.intents, "bridge"))

        with self._core.reading() as c:
            names = self._core.database.execute(c, "who has intents", query, {"bridge": self._core.bridge}).scalars()
            return set(names)

    @flow
    def intend(self, intents: Sequence[Intent]) -> None:
        rows = [self._core.rows.intent(intent) for intent in intents]
        self._core.known.intended.update(intent.object for intent in intents)
        with self._core.transaction(durable=True) as c:
            c.execute(t.intents.insert(), rows)

    @flow
    def renew(self, intent_id: str, moment: datetime) -> None:
        """What was not sent yet, or surely had no effect, is about to be sent as of this moment."""
        with self._core.transaction(durable=True) as c:
            c.execute(update(t.intents).where(t.intents.c.id == intent_id).values(created_at=to_text(moment)))

    @flow
    def drop(self, *intent_ids: str) -> None:
        with self._core.transaction() as c:
            for intent_id in intent_ids:
                drop_intent(self._core, c, intent_id)


def drop_intent(core: Core, c: Connection, intent_id: str) -> None:
    """Drop an intent within a transaction."""
    this = t.intents.c.id == bindparam("its_id")
    core.database.execute(c, "drop an intent", lambda: delete(t.intents).where(this), {"its_id": intent_id})
