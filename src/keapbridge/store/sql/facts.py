"""What the engine wants to remember, by name."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow

__all__ = ["Facts"]


class Facts:
    """What the engine wants to remember, by name."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def get(self, name: str) -> str | None:
        f = t.facts.c
        with self._core.transaction() as c:
            found = self._core.database.execute(
                c,
                "fact",
                lambda: select(f.value).where(f.bridge == bindparam("bridge"), f.name == bindparam("name")),
                {"bridge": self._core.bridge, "name": name},
            ).scalar()
        return self._core.rows.open_text(found)

    @flow
    def set(self, name: str, value: str, *, durable: bool = False) -> None:
        """Remember something; `durable`: it is on the disk before anything else happens."""
        with self._core.transaction(durable=durable) as c:
            self._core.database.upsert(c, t.facts, [self._core.rows.fact(name, value)])
