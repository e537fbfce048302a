"""What was lost in the writes of the last day, counted: values are kept as digests only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import attrs
import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select

from keapbridge.decide.sweeps import Count, Place
from keapbridge.model.kept_in_store import Commit
from keapbridge.model.records import Canonical
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core, named
from keapbridge.store.sql.rows import Rows, to_text

__all__ = ["Overwrites", "add_overwrites"]


class Overwrites:
    """What was lost in the writes of the last day."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @flow
    def added_to(
        self, name: str, place: Place, counts: Sequence[Count], since: datetime, few: int
    ) -> tuple[list[Count], int]:
        """What a plan would lose in a field of a side, and what was lost in the same way since then.

        What is older is forgotten.

        Args:
            few: so many different values that were lost are told, where there are more.

        Returns:
            The counts, whose values that were lost are digests, and how many were emptied since then.
        """
        o = t.overwrites.c
        field, side = place
        digests = {_digest(self._core.rows, count.value): count for count in counts}
        its = {**self._core.values(name, side, list(digests)), "field": field}

        def query() -> Any:
            here = (
                *named(t.overwrites, "bridge", "object", "side", "field"),
                self._core.database.among(o.after, "ids"),
            )
            return select(o.after, func.count()).where(*here).group_by(o.after)

        def too_old() -> Any:
            return delete(t.overwrites).where(*named(t.overwrites, "bridge"), o.written_at < bindparam("since"))

        with self._core.transaction() as c:
            old = {"bridge": self._core.bridge, "since": to_text(since)}
            self._core.database.execute(c, "old overwrites", too_old, old)
            written = dict(self._core.database.execute(c, "overwrites", query, its).tuples())
            found = []
            for digest, count in digests.items():
                number = count.number + written.get(digest, 0)
                lost: frozenset[Canonical] = frozenset(_digest(self._core.rows, value) for value in count.lost)
                if number >= few and digest in written and len(lost) < few:
                    lost |= self._lost(c, its, digest, few)
                found.append(attrs.evolve(count, number=number, lost=lost))
        return found, written.get(_digest(self._core.rows, None), 0)

    @flow
    def forget(self, name: str, fields: Collection[str]) -> None:
        """Begin to count anew in these fields: a person has accepted what was lost."""
        o = t.overwrites.c
        with self._core.transaction() as c:
            c.execute(delete(t.overwrites).where(*self._core.of(t.overwrites, name), o.field.in_(sorted(fields))))

    def _lost(self, c: Connection, its: dict[str, Any], after: str, few: int) -> frozenset[Canonical]:
        o = t.overwrites.c
        here = named(t.overwrites, "bridge", "object", "side", "field", "after")
        query = select(o.before).where(*here).distinct().limit(few)
        values = {name: its[name] for name in ("bridge", "object", "side", "field")}
        return frozenset(c.execute(query, {**values, "after": after}).scalars())


def add_overwrites(core: Core, c: Connection, commits: Sequence[Commit]) -> None:
    """Remember what was lost in the writes of these commits, within their transaction."""
    rows = [
        {
            "bridge": core.bridge,
            "object": commit.object,
            "side": lost.side.value,
            "field": lost.field,
            "after": _digest(core.rows, lost.after),
            "record_id": lost.record_id,
            "before": _digest(core.rows, lost.before),
            "written_at": to_text(lost.written_at),
        }
        for commit in commits
        for lost in commit.overwrites
    ]
    core.database.upsert(c, t.overwrites, rows)


def _digest(rows: Rows, value: Canonical) -> str:
    return rows.key_digest(msgspec.json.encode(value).decode())
