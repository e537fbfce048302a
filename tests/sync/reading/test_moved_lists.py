"""A list that has moved while it was read is used, and what it has not shown is neither deleted nor forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
import pytest
from tiers import variants
from toys import Box, World

import keapbridge as kb
from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page

SIDES = [kb.Side.CUSTOMCRM, kb.Side.KEAP]


class Moving(Box):
    """A box whose lists leave out some records, and say that they moved."""

    left_out: frozenset[str] = frozenset()
    moved = 0

    def list(self, updated_since: datetime | None) -> Flow[Page[Any]]:
        page = yield from super().list(updated_since)
        moves, self.moved = self.moved > 0, max(0, self.moved - 1)
        if not moves:
            return page
        return attrs.evolve(page, items=tuple(r for r in page.items if r.id not in self.left_out), moved=True)


@pytest.mark.parametrize("side", SIDES)
def test_absence_proves_nothing_in_that_run_and_everything_in_the_next(toys: World, side: kb.Side) -> None:
    box = toys.toys if side is kb.Side.CUSTOMCRM else toys.gadgets
    box.__class__ = Moving
    for n in range(6):
        toys.toys.put(name=f"toy {n}")
    toys.sync()
    gone = next(iter(box.records))
    del box.records[gone]
    box.moved = 1  # type: ignore[attr-defined]
    report = toys.sync(full=True)
    assert report.ok
    assert [line.reason for line in report.lines if "list moved" in line.reason]
    assert len(list(toys.engine.links("toys"))) == 6
    toys.sync(full=True)
    assert len(list(toys.engine.links("toys"))) == 5


@pytest.mark.parametrize("side", variants(SIDES, quick=[kb.Side.KEAP]))
def test_at_first_contact_a_list_that_moved_is_read_once_more(toys: World, side: kb.Side) -> None:
    box = toys.toys if side is kb.Side.CUSTOMCRM else toys.gadgets
    box.__class__ = Moving
    for n in range(6):
        toys.toys.put(name=f"toy {n}")
        toys.gadgets.put(title=f"toy {n}")
    box.left_out, box.moved = frozenset([next(iter(box.records))]), 1  # type: ignore[attr-defined]
    assert toys.sync().ok
    assert (len(toys.toys.records), len(toys.gadgets.records)) == (6, 6)
