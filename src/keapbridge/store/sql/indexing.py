"""The indexes of match keys, which are left out on SQLite while very many come, and made at once when they are needed.

Keys and ids come in no order: at first contact of a million records each index would be written many times over. Made
at once, its entries are sorted first.

While they are left out a key is found by nobody, and whoever asks for one has the indexes made first, by this process
or by one that did not come that far.

Nobody else writes to the file while one is made, which takes its time where there are very many keys: then they are
made one by one (`MatchKeys.index`).

On PostgreSQL nothing is left out: who reads and writes rows need not own the tables.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    bindparam,
    inspect,
    literal,
    select,
)
from sqlalchemy.sql import column, table

from keapbridge.store import schema as t
from keapbridge.store.engines import LOG, LONG_LOG
from keapbridge.store.sql.core import Core

__all__ = ["has_more", "index_again", "index_next", "is_indexed", "leave_unindexed"]


def leave_unindexed(core: Core, c: Connection, *, few: int = 0) -> None:
    """Let match keys be written without their indexes, while the database has no more than a `few` of them.

    Another bridge's keys are not left without them.
    """
    if not core.database.is_sqlite:
        return
    k = t.match_keys.c

    def others() -> Any:
        return select(k.rank).where((k.bridge < bindparam("bridge")) | (k.bridge > bindparam("bridge"))).limit(1)

    its = {"bridge": core.bridge}
    if not has_more(core, c, few) and core.database.execute(c, "keys of others", others, its).first() is None:
        for index in t.match_keys.indexes:
            index.drop(c, checkfirst=True)
        core.database.log(c, LONG_LOG)


def has_more(core: Core, c: Connection, few: int) -> bool:
    """Whether the database has more match keys than that."""

    def query() -> Any:
        return select(t.match_keys.c.rank).limit(1).offset(bindparam("few", type_=Integer))

    return core.database.execute(c, "more keys", query, {"few": few}).first() is not None


def is_indexed(core: Core, c: Connection) -> bool:
    """Whether the indexes are there. They are made and left out by all processes, one at a time."""
    if not core.database.is_sqlite:
        return True

    def query() -> Any:
        known = table("sqlite_master", column("type"), column("tbl_name"))
        its = (known.c.type == literal("index"), known.c.tbl_name == literal(t.match_keys.name))
        return select(known.c.tbl_name).where(*its).limit(literal(1, Integer)).offset(literal(1, Integer))

    return core.database.execute(c, "indexes of keys", query, {}).first() is not None


def index_again(core: Core, c: Connection) -> None:
    """Make the indexes, if they were left out."""
    while index_next(core, c):
        pass


def index_next(core: Core, c: Connection) -> bool:
    """Make one of the indexes that were left out; whether another one is to be made."""
    if is_indexed(core, c):
        return False
    there = {index["name"] for index in inspect(c).get_indexes(t.match_keys.name)}
    left_out = [index for index in t.match_keys.indexes if index.name not in there]
    missing, *others = sorted(left_out, key=lambda index: str(index.name))
    missing.create(c)
    if not others:
        core.database.log(c, LOG)
    return bool(others)
