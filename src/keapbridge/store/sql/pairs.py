"""Pairs and observations, as several repositories read them within a transaction of theirs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from keapbridge.model.records import Observation, Pair
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core
from keapbridge.store.sql.rows import link_columns

__all__ = ["observed", "pairs_by"]


def pairs_by(core: Core, c: Connection, name: str, side: Side, ids: Sequence[str]) -> list[Pair]:
    """The linked pairs of these records of a side, in the order of their ids."""
    if not ids:
        return []
    wanted = link_columns(side).id
    query = select(t.links).where(*core.of(t.links, name), wanted.in_(core.database.each("ids")))
    links = [core.rows.to_link(row) for row in c.execute(query.order_by(wanted), {"ids": list(ids)})]
    ours, theirs = (observed(core, c, name, each, [link.id(each) for link in links]) for each in Side)
    return [Pair(link, ours.get(link.customcrm_id), theirs.get(link.keap_id)) for link in links]


def observed(core: Core, c: Connection, name: str, side: Side, ids: Sequence[str]) -> dict[str, Observation]:
    """What is observed of these records of a side and not settled."""
    if not ids:
        return {}
    wanted = t.observed.c.id.in_(core.database.each("ids"))
    query = select(t.observed).where(*core.of(t.observed, name, side), wanted)
    return {row.id: core.rows.to_observation(row) for row in c.execute(query, {"ids": list(ids)})}
