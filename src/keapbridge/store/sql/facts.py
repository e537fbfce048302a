"""What the engine wants to remember, by name."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import select

from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow, named

__all__ = ["Facts"]


class Facts:
    """What the engine wants to remember, by name."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turns = threading.Lock()

    @flow
    def get(self, name: str) -> str | None:
        with self._core.transaction() as c:
            found = self._core.database.execute(
                c,
                "fact",
                lambda: select(t.facts.c.value).where(*named(t.facts, "bridge", "name")),
                {"bridge": self._core.bridge, "name": name},
            ).scalar()
        return self._core.rows.open_text(found)

    @flow
    def set(self, name: str, value: str, *, durable: bool = False) -> None:
        """Remember something; `durable`: it is on the disk before anything else happens."""
        with self._core.transaction(durable=durable) as c:
            self._core.database.upsert(c, t.facts, [self._core.rows.fact(name, value)])

    @flow
    def keep(self, name: str, latest: Callable[[], str]) -> None:
        """Remember what a function says once it is its turn: it is on the disk before anything else happens.

        Of several who do so at once the last one writes what all of them know.
        """
        with self._turns, self._core.transaction(durable=True) as c:
            self._core.database.upsert(c, t.facts, [self._core.rows.fact(name, latest())])
