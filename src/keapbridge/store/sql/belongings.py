"""To which two systems the records of a bridge belong, and how it begins anew with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, select, update

from keapbridge.model.kept_in_store import Belongs
from keapbridge.model.records import Link
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.keys import KEYS

__all__ = ["Belongings"]

OF_TWO_SYSTEMS: Sequence[Table] = (
    *(t.links, t.observed, t.match_keys, t.seen, t.missing, t.tombstones, t.told_apart, t.failures, t.cursors),
    *(t.intents, t.overwrites, t.inbox, t.messages, t.works),
)
"""What means nothing, or something else, in other systems; runs and plans are dealt with apart."""

WAITING: Sequence[Table] = (t.tombstones, t.failures, t.intents)
"""What is still to be thought of where nothing is linked."""


class Belongings:
    """The two systems of a bridge.

    Attributes:
        known: what the last lease has shown; it is read along with it.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def known(self) -> Belongs | None:
        return self._core.belongs

    @flow
    def look(self) -> Belongs:
        """The two systems, as far as they are known."""
        with self._core.reading() as c:
            return self._look(c)

    @flow
    def adopt(self, *, keap: str | None = None, customcrm: str | None = None) -> Belongs:
        """Belong to these as of now, where none is known yet; answers those that it belongs to."""
        given = {"keap": keap, "customcrm": customcrm}

        def mine(name: str) -> Any:
            its = (*named(t.leases, "bridge"), t.leases.c[name].is_(None))
            return update(t.leases).where(*its).values({name: bindparam("new")})

        with self._core.transaction(durable=True) as c:
            self._there(c)
            for name, value in given.items():
                if value is not None:
                    values = {"bridge": self._core.bridge, "new": value}
                    self._core.database.execute(c, f"adopt {name}", partial(mine, name), values)
            return self._look(c)

    @flow
    def become(self, belongs: Belongs) -> Belongs:
        """Belong to these, whatever was before."""
        with self._core.transaction(durable=True) as c:
            return self._become(c, belongs)

    @flow
    def begin_anew(self, belongs: Belongs) -> int:
        """Forget all that is known of the records of two systems, and belong to these; answers how many links went."""
        bridge = self._core.bridge
        with self._core.transaction(durable=True) as c:
            links = c.execute(select(func.count()).select_from(t.links).where(t.links.c.bridge == bridge)).scalar_one()
            for table in OF_TWO_SYSTEMS:
                c.execute(delete(table).where(table.c.bridge == bridge))
            # What a plan or an undoing would write is meant for the records of before.
            plans = select(t.plans.c.id).where(t.plans.c.bridge == bridge)
            c.execute(delete(t.actions).where(t.actions.c.plan_id.in_(plans)))
            runs = select(t.runs.c.id).where(t.runs.c.bridge == bridge)
            c.execute(delete(t.lines).where(t.lines.c.run_id.in_(runs) | (t.lines.c.run_id == self._core.next_run)))
            for table in (t.plans, t.runs, t.journal):
                c.execute(delete(table).where(table.c.bridge == bridge))
            c.execute(delete(t.facts).where(t.facts.c.bridge == bridge, t.facts.c.name != KEYS))
            self._become(c, belongs)
        self._core.known.begin()
        return int(links)

    @flow
    def is_blank(self) -> bool:
        """Whether nothing is linked, and nothing else waits that is known of the two systems."""
        with self._core.reading() as c:
            return not any(
                c.execute(select(table.c.bridge).where(table.c.bridge == self._core.bridge).limit(1)).first()
                for table in (t.links, *WAITING)
            )

    @flow
    def sample(self, name: str, limit: int) -> list[Link]:
        """Some links, in no order that says anything: those of which nothing is open come first."""
        k = t.links.c
        some = select(t.links).where(*self._core.of(t.links, name))
        with self._core.reading() as c:
            rows = c.execute(some.order_by(k.customcrm_digest.is_(None), k.customcrm_digest).limit(limit)).all()
        return [self._core.rows.to_link(row) for row in rows]

    def _look(self, c: Connection) -> Belongs:
        def query() -> Any:
            return select(t.leases.c.keap, t.leases.c.customcrm).where(*named(t.leases, "bridge"))

        row = self._core.database.execute(c, "belongs to", query, {"bridge": self._core.bridge}).first()
        self._core.belongs = Belongs() if row is None else Belongs(row.keap, row.customcrm)
        return self._core.belongs

    def _become(self, c: Connection, belongs: Belongs) -> Belongs:
        self._there(c)
        values: Mapping[str, str | None] = {"keap": belongs.keap, "customcrm": belongs.customcrm}
        c.execute(update(t.leases).where(t.leases.c.bridge == self._core.bridge).values(**values))
        return self._look(c)

    def _there(self, c: Connection) -> None:
        def row() -> Any:
            new: dict[str, Any] = {name: bindparam(name) for name in ("bridge", "expires_at")}
            return self._core.database.insert(t.leases).values(new).on_conflict_do_nothing()

        self._core.database.execute(c, "free lease", row, {"bridge": self._core.bridge, "expires_at": ""})
