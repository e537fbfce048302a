"""Bases as a whole: what all links of a kind know of some fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, select, update

from keapbridge._io.effects import Flow
from keapbridge.model.records import Link
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.sql.core import Core, flow
from keapbridge.store.sql.rows import CHUNK

__all__ = ["Bases"]

SETTLED = ("customcrm_digest", "keap_digest", "customcrm_mark", "keap_mark")


class Bases:
    """What all links of a bridge know of some fields."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def forget(self, name: str, fields: Mapping[Side, Collection[str]]) -> Flow[None]:
        """Forget what a side was known to hold in these fields, in all links, and that any pair is settled.

        Chunk by chunk, each in a transaction of its own: done twice, it is done.
        """
        after: str | None = ""
        while after is not None:
            after = yield from self._forget_some(name, fields, after)

    def holding(self, name: str, side: Side, fields: Collection[str], limit: int) -> Flow[dict[str, list[str]]]:
        """By field, some records of a side that were known to hold a value in it."""
        found: dict[str, list[str]] = {field: [] for field in fields}
        after: str | None = ""
        while after is not None and any(len(ids) < limit for ids in found.values()):
            links, after = yield from self._some(name, after)
            for link in links:
                base = link.base(side)
                for field, ids in found.items():
                    if len(ids) < limit and base.get(field) is not None:
                        ids.append(link.id(side))
        return found

    def lacking(self, name: str, side: Side, fields: Collection[str], limit: int) -> Flow[list[str]]:
        """Some records of a side of which nothing is known in one of these fields, not even that it is empty."""
        found: list[str] = []
        after: str | None = ""
        while after is not None and len(found) < limit:
            links, after = yield from self._some(name, after)
            found += [link.id(side) for link in links if not set(fields) <= link.base(side).keys()]
        return found[:limit]

    @flow
    def forget_empty(self, name: str, side: Side, fields: Collection[str]) -> None:
        """Forget that these fields of a side were taken for empty, in all links, and that those pairs are settled."""
        k, rows = t.links.c, self._core.rows
        column = f"{side.value}_base"
        here = update(t.links).where(*self._core.of(t.links, name), k.customcrm_id == bindparam("its_id"))
        after: str | None = ""
        while after is not None:
            some = select(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
            with self._core.transaction() as c:
                links = [rows.to_link(row) for row in c.execute(some.order_by(k.customcrm_id).limit(CHUNK))]
                left = {
                    link.customcrm_id: {f: v for f, v in base.items() if f not in fields or v is not None}
                    for link in links
                    if len(base := link.base(side))
                }
                known = [
                    {"its_id": link.customcrm_id, "its_base": rows.close(left[link.customcrm_id])}
                    for link in links
                    if link.customcrm_id in left and len(left[link.customcrm_id]) < len(link.base(side))
                ]
                if known:
                    unsettled = dict.fromkeys((f"{side.value}_digest", f"{side.value}_mark"))
                    c.execute(here.values({column: bindparam("its_base"), **unsettled}), known)
            after = links[-1].customcrm_id if len(links) == CHUNK else None

    @flow
    def _some(self, name: str, after: str) -> tuple[list[Link], str | None]:
        k = t.links.c
        some = select(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
        with self._core.transaction() as c:
            links = [self._core.rows.to_link(row) for row in c.execute(some.order_by(k.customcrm_id).limit(CHUNK))]
        return links, links[-1].customcrm_id if len(links) == CHUNK else None

    @flow
    def _forget_some(self, name: str, fields: Mapping[Side, Collection[str]], after: str) -> str | None:
        k, rows = t.links.c, self._core.rows
        some = select(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
        with self._core.transaction() as c:
            links = [rows.to_link(row) for row in c.execute(some.order_by(k.customcrm_id).limit(CHUNK))]
            if not links:
                return None
            last = links[-1].customcrm_id
            these = update(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
            c.execute(these.where(k.customcrm_id <= last).values(dict.fromkeys(SETTLED)))
            known = [link for link in links if any(not link.base(s).keys().isdisjoint(f) for s, f in fields.items())]
            if known:
                here = update(t.links).where(*self._core.of(t.links, name), k.customcrm_id == bindparam("its_id"))
                bases: dict[str, Any] = {
                    column: bindparam(f"its_{column}") for column in ("customcrm_base", "keap_base")
                }
                c.execute(here.values(bases), [self._without(link, fields) for link in known])
        return last if len(links) == CHUNK else None

    def _without(self, link: Link, fields: Mapping[Side, Collection[str]]) -> dict[str, str]:
        left = {s: {f: v for f, v in link.base(s).items() if f not in fields.get(s, ())} for s in Side}
        bases = {f"its_{side.value}_base": self._core.rows.close(base) for side, base in left.items()}
        return {"its_id": link.customcrm_id, **bases}
