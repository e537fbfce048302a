"""The engine's port to a system: what it writes goes the way of marks only where there are any, and they change."""

from __future__ import annotations

from typing import Any

import pytest

from keapbridge._flow.drivers import SyncDriver
from keapbridge.sync.systems import MARKED, update_of


class Plain:
    """A system that notes by which way it is written to."""

    def update(self, id: str, changes: Any, version: str | None) -> Any:
        yield from ()
        return ("update", id, dict(changes), version)


class Marking(Plain):
    def mark(self, tag: str, ids: Any, *, on: bool) -> Any: ...

    def update_marked(self, id: str, present: Any, changes: Any) -> Any:
        yield from ()
        return ("marked", id, present, dict(changes))


@pytest.mark.parametrize(
    ("system", "changes", "way"),
    [
        (Plain(), {"title": "Top"}, ("update", "7", {"title": "Top"}, "v1")),
        (Plain(), {MARKED: ("1",)}, ("update", "7", {MARKED: ("1",)}, "v1")),
        (Marking(), {"title": "Top"}, ("update", "7", {"title": "Top"}, "v1")),
        (Marking(), {MARKED: ("1",)}, ("marked", "7", "as it was read", {MARKED: ("1",)})),
    ],
)
def test_a_write_goes_the_way_of_marks_where_they_change(system: Any, changes: Any, way: Any) -> None:
    assert SyncDriver().run(update_of(system, "7", "as it was read", changes, "v1")) == way
