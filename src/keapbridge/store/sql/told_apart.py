"""Records that a person has told apart: they are never taken for the same, whatever they share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, literal, or_, select, tuple_

from keapbridge.decide.match import ToldOf
from keapbridge.model.pair_in_doubt import ToldApart
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.pairs import pairs_by
from keapbridge.store.sql.rows import moment_of, to_text

__all__ = ["TellsApart", "ToldOf", "told_apart"]

Name = tuple[Side, str]


class TellsApart:
    """Who is not whom."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def note(self, name: str, one: Name, other: Name, run_id: str, moment: datetime, by: str | None) -> None:
        """Remember that two records are not the same."""
        its = {"run_id": run_id, "told_at": to_text(moment), "decided_by": self._core.rows.close_text(by)}
        rows = [{**_row(self._core.bridge, name, a, b), **its} for a, b in ((one, other), (other, one))]
        with self._core.transaction() as c:
            self._core.database.upsert(c, t.told_apart, rows)

    @flow
    def drop(self, name: str, one: Name, other: Name) -> bool:
        """Forget that; answers whether it was known."""
        k = t.told_apart.c
        with self._core.transaction() as c:
            rows = [_row(self._core.bridge, name, a, b) for a, b in ((one, other), (other, one))]
            pairs = [and_(*(k[column] == value for column, value in row.items())) for row in rows]
            return bool(c.execute(delete(t.told_apart).where(or_(*pairs))).rowcount)

    @flow
    def of(self, name: str, ids: Collection[str]) -> ToldOf:
        """Of the records with these ids, on either side, those that they are not."""
        with self._core.reading() as c:
            return told_apart(self._core, c, name, ids)

    @flow
    def of_run(self, run_id: str) -> list[ToldApart]:
        """What a run has told apart."""
        with self._core.reading() as c:
            query = self._once().where(t.told_apart.c.run_id == run_id)
            return [self._to_told(row) for row in c.execute(query.order_by(*t.told_apart.primary_key))]

    @flow
    def between(self, name: str, one: Name, other: Name) -> ToldApart | None:
        """Who has told two records apart, and when."""
        k = t.told_apart.c
        its = _row(self._core.bridge, name, one, other)
        query = select(t.told_apart).where(*(k[column] == value for column, value in its.items()))
        with self._core.reading() as c:
            row = c.execute(query).first()
            return None if row is None else self._to_told(row)

    @flow
    def page(self, names: Collection[str], after: Sequence[str], limit: int | None) -> list[ToldApart]:
        """All of them, by synchronization, side and id.

        Args:
            after: the values of the one behind which to begin; empty for the first.
        """
        k = t.told_apart.c
        order = (k.object, k.side, k.id, k.other_side, k.other_id)
        query = self._once().where(k.object.in_(names))
        if after:
            query = query.where(tuple_(*order) > tuple_(*map(literal, after)))
        with self._core.reading() as c:
            return [self._to_told(row) for row in c.execute(query.order_by(*order).limit(limit))]

    def _once(self) -> Any:
        """Each two of them once: there is a row for either."""
        k = t.told_apart.c
        return select(t.told_apart).where(
            k.bridge == self._core.bridge,
            or_(k.side < k.other_side, and_(k.side == k.other_side, k.id < k.other_id)),
        )

    def _to_told(self, row: Any) -> ToldApart:
        return ToldApart(
            row.object,
            Side(row.side),
            row.id,
            Side(row.other_side),
            row.other_id,
            moment_of(row.told_at),
            row.run_id,
            self._core.rows.open_text(row.decided_by),
        )


def told_apart(core: Core, c: Connection, name: str, ids: Collection[str]) -> ToldOf:
    """Of the records with these ids, on either side, those that they are not. Most stores know of none.

    Who is not a record is not its counterpart, either.
    """

    def any_() -> Any:
        return select(literal(1)).where(*named(t.told_apart, "bridge", "object")).limit(1)

    def query() -> Any:
        k = t.told_apart.c
        side = k.side.in_([literal(side.value) for side in Side])
        its = (*named(t.told_apart, "bridge", "object"), side, core.database.among(k.id, "ids"))
        return select(k.side, k.id, k.other_side, k.other_id).where(*its)

    values = {"bridge": core.bridge, "object": name}
    if not ids or core.database.execute(c, "any told apart", any_, values).first() is None:
        return {}
    found: dict[Name, frozenset[Name]] = {}
    rows = core.database.execute(c, "told apart", query, {**values, "ids": sorted(ids)})
    for side, id, other_side, other_id in rows.tuples():
        its = found.get((Side(side), id), frozenset())
        found[Side(side), id] = its | {(Side(other_side), other_id)}
    partners = _partners(core, c, name, frozenset().union(*found.values()))
    return {who: its | {partners[each] for each in its if each in partners} for who, its in found.items()}


def _partners(core: Core, c: Connection, name: str, names: Collection[Name]) -> dict[Name, Name]:
    found: dict[Name, Name] = {}
    for side in Side:
        for pair in pairs_by(core, c, name, side, sorted(id for its, id in names if its is side)):
            found[side, pair.link.id(side)] = (side.other, pair.link.id(side.other))
    return found


def _row(bridge: str, name: str, one: Name, other: Name) -> dict[str, str]:
    (side, id), (other_side, other_id) = one, other
    return {
        "bridge": bridge,
        "object": name,
        "side": side.value,
        "id": id,
        "other_side": other_side.value,
        "other_id": other_id,
    }
