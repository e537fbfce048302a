"""What the engine wants to remember, by name."""

from __future__ import annotations

from sqlalchemy import select

from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow, named

__all__ = ["Facts"]


class Facts:
    """What the engine wants to remember, by name."""

    def __init__(self, core: Core) -> None:
        self._core = core

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
