"""Who may write: one runner at a time, by the clock of the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import Connection, bindparam, null, select, update

from keapbridge.errors import SessionBusyError
from keapbridge.model.kept_in_store import Belongs
from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.cursors import cursors_in
from keapbridge.store.sql.facts import facts_in
from keapbridge.store.sql.intents import with_intents
from keapbridge.store.sql.rows import to_text
from keapbridge.store.sql.staging import open_in

__all__ = ["Holder", "Lease", "clock_of"]


@attrs.frozen
class Holder:
    """Who has the lease, and how long if it is not prolonged."""

    holder: str
    until: datetime


class Lease:
    """Who may write: one runner at a time.

    Attributes:
        clock: tells the time of the database, which is the same for all runners whatever their own clocks say.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.clock = clock_of(core.database)

    @flow
    def time(self) -> datetime:
        """The time of day (UTC), by the clock of the database."""
        with self._core.transaction(fenced=False) as c:
            return self.clock(c)

    @flow
    def acquire(self, holder: str, term: timedelta) -> Holder | None:
        """Take the lease of the bridge for a term, or tell who has it. What its holder asks first is read along."""
        k, execute = t.leases.c, self._core.database.execute
        here = {"bridge": self._core.bridge}

        def row() -> Any:
            new: dict[str, Any] = {"bridge": bindparam("bridge"), "expires_at": bindparam("nothing")}
            return self._core.database.insert(t.leases).values(new).on_conflict_do_nothing()

        def claim() -> Any:
            # Mine already: it was given to me, and the answer was lost.
            free = k.holder.is_(None) | (k.holder == bindparam("its_holder")) | (k.expires_at <= bindparam("now"))
            mine = update(t.leases).where(*named(t.leases, "bridge"), free)
            values: dict[str, Any] = {"holder": bindparam("its_holder"), "expires_at": bindparam("until")}
            return mine.values(values).returning(k.keap, k.customcrm)

        with self._core.database.transaction(apart=True) as c:
            moment = self.clock(c)
            its = {**here, "now": to_text(moment), "its_holder": holder, "until": to_text(moment + term)}
            mine = execute(c, "claim a lease", claim, its).first()
            if mine is None:  # held, or there is none yet
                execute(c, "a lease", row, {**here, "nothing": ""})
                mine = execute(c, "claim a lease", claim, its).first()
            if mine is None:
                held = c.execute(select(k.holder, k.expires_at).where(k.bridge == self._core.bridge)).one()
                return Holder(held.holder or "", datetime.fromisoformat(held.expires_at))
            self._begin_to_know(c)
            self._core.lease, self._core.belongs = holder, Belongs(mine.keap, mine.customcrm)
        return None

    def _begin_to_know(self, c: Connection) -> None:
        core, known = self._core, self._core.known
        known.begin()
        known.facts |= facts_in(core, c, known.asked)
        known.cursors |= cursors_in(core, c)
        known.with_intents |= with_intents(core, c)
        for name, found in open_in(core, c, known.planned).items():
            known.open[name], known.failing[name] = found.staged or found.missing, found.failed

    @flow
    def renew(self, holder: str, term: timedelta) -> None:
        """Prolong the lease: it lasts for another term from now.

        Raises:
            SessionBusyError: when it was lost. So does every write of a run from then on.
        """
        k = t.leases.c
        with self._core.transaction() as c:
            until = to_text(self.clock(c) + term)
            mine = update(t.leases).where(k.bridge == self._core.bridge, k.holder == holder)
            if c.execute(mine.values(expires_at=until)).rowcount != 1:
                raise SessionBusyError(
                    "another runner took this session over; this one stops, and what it did stays done"
                )

    @flow
    def release(self, holder: str) -> None:
        """Give the lease back, if it is still had."""

        def query() -> Any:
            its = (t.leases.c.bridge == bindparam("its_bridge"), t.leases.c.holder == bindparam("its_holder"))
            return update(t.leases).where(*its).values(holder=null())

        with self._core.database.transaction(apart=True) as c:
            its = {"its_bridge": self._core.bridge, "its_holder": holder}
            self._core.database.execute(c, "release a lease", query, its)
        if self._core.lease == holder:  # and not that of another run, which came at once
            self._core.lease = None


def clock_of(database: Database) -> Callable[[Connection], datetime]:
    """What tells the time of a database."""
    return _of_sqlite if database.is_sqlite else _of_postgresql


def _of_sqlite(connection: Connection) -> datetime:
    text = connection.exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')").scalar_one()
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _of_postgresql(connection: Connection) -> datetime:
    moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return moment.astimezone(UTC)
