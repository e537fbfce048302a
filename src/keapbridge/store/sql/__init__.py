"""The link store in a relational database, SQLite or PostgreSQL: small repositories over one core."""

from __future__ import annotations

import os
from collections.abc import Sequence

from keapbridge._flow.effects import Flow, blocking
from keapbridge.store.backup import back_up
from keapbridge.store.database import Database
from keapbridge.store.opening import Target
from keapbridge.store.sql.alike import Alike
from keapbridge.store.sql.bases import Bases
from keapbridge.store.sql.belongings import Belongings
from keapbridge.store.sql.core import Core
from keapbridge.store.sql.cursors import Cursors
from keapbridge.store.sql.facts import Facts
from keapbridge.store.sql.failures import Failures
from keapbridge.store.sql.forgetting import Forgetting
from keapbridge.store.sql.intents import Intents
from keapbridge.store.sql.journal import Journal
from keapbridge.store.sql.keys import open_rows, reseal
from keapbridge.store.sql.lease import Lease
from keapbridge.store.sql.links import Links
from keapbridge.store.sql.match_keys import MatchKeys
from keapbridge.store.sql.missing_records import MissingRecords
from keapbridge.store.sql.overwrites import Overwrites
from keapbridge.store.sql.plans import Plans
from keapbridge.store.sql.rows import Rows
from keapbridge.store.sql.runs import Runs
from keapbridge.store.sql.staging import Staging
from keapbridge.store.sql.told_apart import TellsApart

__all__ = ["LinkStore", "open_store"]


class LinkStore:
    """What is kept for one bridge. Each method of its parts is a flow and one transaction, unless it says otherwise."""

    def __init__(self, database: Database, rows: Rows) -> None:
        core = Core(database, rows)
        self.database = database
        self.rows = rows
        self.bridge = rows.bridge
        self.facts = Facts(core)
        self.cursors = Cursors(core)
        self.staging = Staging(core)
        self.missing = MissingRecords(core)
        self.alike = Alike(core)
        self.match_keys = MatchKeys(core)
        self.links = Links(core)
        self.bases = Bases(core)
        self.belongings = Belongings(core)
        self.told_apart = TellsApart(core)
        self.failures = Failures(core)
        self.forgetting = Forgetting(core)
        self.plans = Plans(core)
        self.runs = Runs(core)
        self.journal = Journal(core)
        self.intents = Intents(core)
        self.overwrites = Overwrites(core)
        self.lease = Lease(core)

    def rekey(self) -> Flow[None]:
        """Encrypt again what is not encrypted with the first key."""
        return blocking("store.rekey", reseal, self.database, self.rows)

    def backup(self, path: str | os.PathLike[str]) -> Flow[None]:
        """Write a copy of the whole database."""
        return blocking("store.backup", back_up, self.database, path)

    def close(self) -> None:
        """Close the connections, unless the engine is the host's own."""
        self.database.close()


def open_store(target: Target, bridge: str, keys: Sequence[str | bytes] = ()) -> LinkStore:
    """The store of a bridge; its tables are made or brought up to date.

    Args:
        target: a SQLAlchemy URL (`sqlite:///bridge.db`, `postgresql+psycopg://…`) or the host's own engine.
        keys: encrypt what is known of people with these; see `FernetSeal`.

    Raises:
        LinkStoreError: when the database cannot be opened, or is encrypted otherwise.
    """
    database = Database(target)
    try:
        return LinkStore(database, open_rows(database, bridge, keys))
    except BaseException:
        database.close()
        raise
