"""What the engine wants to remember, by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from keapbridge._flow.effects import Flow
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named

__all__ = ["Facts"]


class Facts:
    """What the engine wants to remember, by name."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turns = threading.Lock()

    def get(self, name: str) -> Flow[str | None]:
        known = self._core.known
        if self._core.lease is None or name in known.fickle:
            found = yield from self._read([name])
            return self._core.rows.open_text(found.get(name))
        if name not in known.facts:
            names = known.names_with(name)
            found = yield from self._read(names)
            for each in names:
                known.facts.setdefault(each, found.get(each))
        return self._core.rows.open_text(known.facts[name])

    @flow
    def _read(self, names: Sequence[str]) -> dict[str, str]:
        def query() -> Any:
            wanted = self._core.database.among(t.facts.c.name, "names")
            return select(t.facts.c.name, t.facts.c.value).where(*named(t.facts, "bridge"), wanted)

        values = {"bridge": self._core.bridge, "names": self._core.database.listed(names)}
        with self._core.reading() as c:
            return dict(self._core.database.execute(c, "facts", query, values).tuples())

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
