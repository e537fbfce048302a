"""What the engine wants to remember, by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, select

from keapbridge._flow.effects import Flow
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named

__all__ = ["Facts", "facts_in"]


class Facts:
    """What the engine wants to remember, by name."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turns = threading.Lock()

    def get(self, name: str) -> Flow[str | None]:
        known = self._core.known
        if self._core.lease is not None and name in known.facts and name not in known.fickle:
            return self._core.rows.open_text(known.facts[name])
        value = yield from self._read(name)
        if self._core.lease is not None:
            known.learn(name, value)
        return self._core.rows.open_text(value)

    @flow
    def among(self, names: Collection[str]) -> dict[str, str | None]:
        """Several, by name."""
        with self._core.reading() as c:
            found = facts_in(self._core, c, names)
        return {name: self._core.rows.open_text(value) for name, value in found.items()}

    @flow
    def _read(self, name: str) -> str | None:
        with self._core.reading() as c:
            return facts_in(self._core, c, [name])[name]

    @flow
    def set(self, name: str, value: str, *, durable: bool = False) -> None:
        """Remember something; `durable`: it is on the disk before anything else happens."""
        row = self._core.rows.fact(name, value)
        with self._core.transaction(durable=durable) as c:
            self._core.database.upsert(c, t.facts, [row])
        self._core.known.facts[name] = row["value"]

    @flow
    def keep(self, name: str, latest: Callable[[], str]) -> None:
        """Remember what a function says once it is its turn: it is on the disk before anything else happens.

        Of several who do so at once the last one writes what all of them know.
        """
        with self._turns, self._core.transaction(durable=True) as c:
            row = self._core.rows.fact(name, latest())
            self._core.database.upsert(c, t.facts, [row])
        self._core.known.facts[name] = row["value"]


def facts_in(core: Core, c: Connection, names: Collection[str]) -> dict[str, str | None]:
    """Facts as they are stored, by name; `None` for one that there is not."""
    if not names:
        return {}

    def query() -> Any:
        wanted = core.database.among(t.facts.c.name, "names")
        return select(t.facts.c.name, t.facts.c.value).where(*named(t.facts, "bridge"), wanted)

    values = {"bridge": core.bridge, "names": sorted(names)}
    return {**dict.fromkeys(names), **dict(core.database.execute(c, "facts", query, values).tuples())}
