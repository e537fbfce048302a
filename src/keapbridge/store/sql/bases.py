"""Bases as a whole: what all links of a kind know of some fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, select, update

from keapbridge._flow.effects import Flow
from keapbridge.model.maybe import UNSET, Maybe
from keapbridge.model.records import Canonical, Link
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.retries import flow
from keapbridge.store.sql.core import Core
from keapbridge.store.sql.rows import CHUNK

__all__ = ["Bases", "Left"]

BASES: Mapping[str, Any] = {column: bindparam(f"its_{column}") for column in ("customcrm_base", "keap_base")}
Left = Callable[[Canonical], Maybe[Canonical]]
SETTLED = ("customcrm_digest", "keap_digest", "customcrm_mark", "keap_mark")


class Bases:
    """What all links of a bridge know of some fields."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def forget(self, name: str, fields: Mapping[Side, Collection[str]]) -> Flow[None]:
        """Forget what a side was known to hold in these fields, in all links, and that any pair is settled.

        Chunk by chunk, each in a transaction of its own: done twice, it is done.
        """
        every = {field for its in fields.values() for field in its}

        def forgotten(link: Link) -> Link:
            for side in Side:
                base = {field: value for field, value in link.base(side).items() if field not in fields.get(side, ())}
                link = link if len(base) == len(link.base(side)) else link.with_base(side, base)
            return link.without_aside(every) if link.aside else link

        return self._rewrite(name, forgotten)

    def forget_parts(self, name: str, side: Side, left: Mapping[str, Left]) -> Flow[None]:
        """Let a side be known to hold what is left of it in some fields, in all links; done twice, it is done."""

        def forgotten(link: Link) -> Link:
            base = link.base(side)
            known = {field: its(base[field]) for field, its in left.items() if field in base}
            new = {field: value for field, value in {**base, **known}.items() if value is not UNSET}
            return link if new == base else link.with_base(side, new)

        return self._rewrite(name, forgotten)

    def set_aside(self, name: str, fields: Collection[str]) -> Flow[None]:
        """Keep aside what both sides were known to hold in these fields, in all links, and that any pair is settled.

        As with `forget`, done twice it is done.
        """
        return self._rewrite(name, lambda link: link.setting_aside(fields))

    def _rewrite(self, name: str, rewritten: Callable[[Link], Link]) -> Flow[None]:
        after: str | None = ""
        while after is not None:
            after = yield from self._rewrite_some(name, rewritten, after)

    def holding(self, name: str, side: Side, fields: Collection[str], limit: int) -> Flow[dict[str, list[str]]]:
        """By field, some records of a side that were known to hold a value in it.

        Those of which nothing waits come first: they still held it when they were seen last.
        """
        found: dict[str, dict[str, None]] = {field: {} for field in fields}
        for settled in (side, None):
            after: str | None = ""
            while after is not None and any(len(ids) < limit for ids in found.values()):
                links, after = yield from self._some(name, after, settled)
                for link in links:
                    base = link.base(side)
                    for field, ids in found.items():
                        if len(ids) < limit and base.get(field) is not None:
                            ids[link.id(side)] = None
        return {field: list(ids) for field, ids in found.items()}

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
        here = update(t.links).where(*self._core.of(t.links, name), k.customcrm_id == bindparam("its_id"))
        after: str | None = ""
        while after is not None:
            some = select(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
            with self._core.transaction() as c:
                links = [rows.to_link(row) for row in c.execute(some.order_by(k.customcrm_id).limit(CHUNK))]
                known: list[dict[str, str]] = []
                for link in links:
                    base = link.base(side)
                    left = {f: v for f, v in base.items() if f not in fields or v is not None}
                    if len(left) < len(base):
                        known.append({"its_id": link.customcrm_id, **_its(rows.bases(link.with_base(side, left)))})
                if known:
                    unsettled = dict.fromkeys((f"{side.value}_digest", f"{side.value}_mark"))
                    c.execute(here.values({**BASES, **unsettled}), known)
            after = links[-1].customcrm_id if len(links) == CHUNK else None

    @flow
    def _some(self, name: str, after: str, settled: Side | None = None) -> tuple[list[Link], str | None]:
        """The next links, perhaps only those of which nothing of a side waits; and after which one to go on."""
        k = t.links.c
        some = select(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
        if settled is not None:
            some = some.where(k[f"{settled.value}_digest"].is_not(None))
        with self._core.reading() as c:
            links = [self._core.rows.to_link(row) for row in c.execute(some.order_by(k.customcrm_id).limit(CHUNK))]
        return links, links[-1].customcrm_id if len(links) == CHUNK else None

    @flow
    def _rewrite_some(self, name: str, rewritten: Callable[[Link], Link], after: str) -> str | None:
        k, rows = t.links.c, self._core.rows
        some = select(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
        with self._core.transaction() as c:
            links = [rows.to_link(row) for row in c.execute(some.order_by(k.customcrm_id).limit(CHUNK))]
            if not links:
                return None
            last = links[-1].customcrm_id
            these = update(t.links).where(*self._core.of(t.links, name), k.customcrm_id > after)
            c.execute(these.where(k.customcrm_id <= last).values(dict.fromkeys(SETTLED)))
            new = [its for link in links if (its := rewritten(link)) is not link]
            if new:
                here = update(t.links).where(*self._core.of(t.links, name), k.customcrm_id == bindparam("its_id"))
                columns = {**BASES, "aside": bindparam("its_aside")}
                known = [
                    {"its_id": link.customcrm_id, **_its(rows.bases(link)), "its_aside": rows.aside(link)}
                    for link in new
                ]
                c.execute(here.values(columns), known)
        return last if len(links) == CHUNK else None


def _its(columns: Mapping[str, str]) -> dict[str, str]:
    """Values of columns, by the names of their parameters."""
    return {f"its_{column}": value for column, value in columns.items()}
