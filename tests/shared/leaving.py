"""A box of toys that leaves out of what it shows some of what its records hold."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import attrs
from toys import Box, World

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.model.maybe import UNSET
from keapbridge.sync.systems import Identity

__all__ = ["Leaving", "colours", "leaving", "made"]

Names = frozenset[str]


class Leaving(Box):
    """A box that leaves properties out of what it shows.

    Attributes:
        unshown: what nothing shows.
        only_listed: what only lists show.
        unlisted_properties: what lists leave out, and single reads show.
        thrifty: whether it leaves out what is empty.
        shows_by_ids: whether reads of several ids show what lists leave out.
        stamped: whether it tells when records were changed.
        flawed: records of which a list leaves out what all else shows.
        reads: what it was asked to read.
    """

    unshown: Names = frozenset()
    only_listed: Names = frozenset()
    unlisted_properties: Names = frozenset()
    thrifty = False
    shows_by_ids = False
    stamped = True
    flawed: Collection[str] = ()
    reads: list[str] = []  # noqa: RUF012 - made anew by `leave`

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        self.reads.append("list")
        page = yield from super().list(updated_since)
        left = self.unlisted_properties
        shown = [self._as(r, left | {"colour"} if r.id in self.flawed else left) for r in page.items]
        return attrs.evolve(page, items=tuple(shown))

    def get(self, id: str) -> Flow[Any]:
        self.reads.append("get")
        return self._as((yield from super().get(id)), self.only_listed)

    def get_many(self, ids: Collection[str]) -> Flow[tuple[Any, ...]]:
        self.reads.append(f"get {len(ids)}")
        found = yield from super().get_many(ids)
        left = frozenset[str]() if self.shows_by_ids else self.unlisted_properties
        return tuple(self._as(record, left | self.only_listed) for record in found)

    def identify(self, record: Any) -> Identity:
        identity = super().identify(record)
        return identity if self.stamped else attrs.evolve(identity, updated_at=None)

    def _shown(self, id: str) -> Any:
        return self._as(super()._shown(id), self.only_listed)

    def _as(self, record: Any, left_out: Names = frozenset()) -> Any:
        empty = {n for n in ("colour", "maker", "maker_id") if self.thrifty and getattr(record, n, "") is None}
        there = {field.name for field in attrs.fields(type(record))}
        return attrs.evolve(record, **dict.fromkeys((self.unshown | left_out | empty) & there, UNSET))


def leaving(toys: World, side: kb.Side) -> tuple[Leaving, Box]:
    """The box of a side, which can leave out properties from now on, and the other one."""
    box, other = (toys.toys, toys.gadgets) if side is kb.Side.CUSTOMCRM else (toys.gadgets, toys.toys)
    box.__class__ = Leaving
    assert isinstance(box, Leaving)
    box.reads = []
    return box, other


def made(toys: World, number: int, **values: Any) -> None:
    for n in range(number):
        toys.toys.put(name=f"toy {n}", **{"colour": "red", **values})
    assert toys.sync().ok


def colours(box: Box) -> list[Any]:
    return [record.colour for record in box.records.values()]
