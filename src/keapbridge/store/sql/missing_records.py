"""Linked records that a complete scan did not see, or a list of changes calls deleted, until it is known what is so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Integer, bindparam, select, tuple_, update

from keapbridge.model.kept_in_store import Missing
from keapbridge.model.records import Pair
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.pairs import pairs_by
from keapbridge.store.sql.rows import chunks, link_columns

__all__ = ["MissingRecords"]


class MissingRecords:
    """Linked records that were not shown where they should have been."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def note_deleted(self, name: str, side: Side, ids: Collection[str]) -> None:
        """Note linked records that a change list calls deleted."""
        id_column = link_columns(side).id
        self._core.known.open[name] = True
        with self._core.transaction() as c:
            for chunk in chunks(sorted(ids)):
                query = select(id_column).where(*self._core.of(t.links, name), id_column.in_(chunk))
                rows = [
                    {"bridge": self._core.bridge, "object": name, "side": side.value, "id": id, "proven": False}
                    for id in c.execute(query).scalars()
                ]
                if rows:
                    c.execute(self._core.database.insert(t.missing).on_conflict_do_nothing(), rows)

    @flow
    def page(self, name: str, after: tuple[str, str], limit: int) -> list[Missing]:
        """Linked records that are missing, by side and id, after this one."""
        m = t.missing.c

        def query() -> Any:
            follows = tuple_(m.side, m.id) > tuple_(bindparam("after_side"), bindparam("after_id"))
            its = (*named(t.missing, "bridge", "object"), follows)
            return (
                select(m.side, m.id, m.proven)
                .where(*its)
                .order_by(m.side, m.id)
                .limit(bindparam("limit", type_=Integer))
            )

        last = {"after_side": after[0], "after_id": after[1]}
        values = {"bridge": self._core.bridge, "object": name, "limit": limit}
        with self._core.reading() as c:
            rows = list(self._core.database.execute(c, "missing", query, values | last).tuples())
            pairs: dict[tuple[str, str], Pair] = {}
            for side in Side:
                mine = [id for its_side, id, _ in rows if its_side == side.value]
                pairs |= {(side.value, pair.link.id(side)): pair for pair in pairs_by(self._core, c, name, side, mine)}
        return [Missing(Side(side), pairs[side, id], bool(proven)) for side, id, proven in rows if (side, id) in pairs]

    @flow
    def of(self, name: str, ids: Mapping[Side, str]) -> list[Missing]:
        """Those of the two records of a pair that are missing."""
        m = t.missing.c
        found: list[Missing] = []
        with self._core.reading() as c:
            for side, id in ids.items():
                its = (*self._core.of(t.missing, name, side), m.id == id)
                proven = c.execute(select(m.proven).where(*its)).scalar()
                pairs = [] if proven is None else pairs_by(self._core, c, name, side, [id])
                found += [Missing(side, pair, bool(proven)) for pair in pairs]
        return found

    @flow
    def among(self, name: str, side: Side, ids: Collection[str]) -> dict[str, bool]:
        """Those of these records that are missing, each with whether that is proven."""
        m, found = t.missing.c, {}
        with self._core.reading() as c:
            for chunk in chunks(sorted(ids)):
                query = select(m.id, m.proven).where(*self._core.of(t.missing, name, side), m.id.in_(chunk))
                found.update({id: bool(proven) for id, proven in map(tuple, c.execute(query))})
        return found

    @flow
    def prove(self, name: str, side: Side, ids: Collection[str]) -> None:
        """Note that they are gone."""
        with self._core.transaction() as c:
            for chunk in chunks(sorted(ids)):
                which = [*self._core.of(t.missing, name, side), t.missing.c.id.in_(chunk)]
                c.execute(update(t.missing).where(*which).values(proven=True))

    @flow
    def drop(self, name: str, side: Side, ids: Collection[str]) -> None:
        with self._core.transaction() as c:
            self._core.delete(c, t.missing, name, side, sorted(ids))
