"""Pairs and observations, as several repositories read them within a transaction of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from keapbridge.model.records import Observation, Pair
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.rows import link_columns

__all__ = ["linked_among", "observed", "pairs_by"]


def pairs_by(core: Core, c: Connection, name: str, side: Side, ids: Sequence[str]) -> list[Pair]:
    """The linked pairs of these records of a side, in the order of their ids."""
    if not ids:
        return []
    wanted = link_columns(side).id

    def query() -> Any:
        its = (*named(t.links, "bridge", "object"), core.database.among(wanted, "ids"))
        return select(t.links).where(*its).order_by(wanted)

    rows = core.database.execute(c, f"pairs by {side.value}", query, core.values(name, side, ids))
    links = [core.rows.to_link(row) for row in rows]
    ours, theirs = (observed(core, c, name, each, [link.id(each) for link in links]) for each in Side)
    return [Pair(link, ours.get(link.customcrm_id), theirs.get(link.keap_id)) for link in links]


def linked_among(core: Core, c: Connection, name: str, side: Side, ids: Sequence[str]) -> set[str]:
    """Those of the records that are linked."""
    if not ids:
        return set()
    its_id = link_columns(side).id

    def query() -> Any:
        return select(its_id).where(*named(t.links, "bridge", "object"), core.database.among(its_id, "ids"))

    values = core.values(name, side, ids)
    return set(core.database.execute(c, f"linked in {side.value}", query, values).scalars())


def observed(core: Core, c: Connection, name: str, side: Side, ids: Sequence[str]) -> dict[str, Observation]:
    """What is observed of these records of a side and not settled."""
    if not ids:
        return {}

    def query() -> Any:
        return select(t.observed).where(*named(t.observed), core.database.among(t.observed.c.id, "ids"))

    rows = core.database.execute(c, "observed", query, core.values(name, side, ids))
    return {row.id: core.rows.to_observation(row) for row in rows}
