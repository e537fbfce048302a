"""An undoing that was cut off: what comes next finds out what was done, asks in few calls, and writes nothing."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from kept import run
from toys import World

import keapbridge as kb
from keapbridge.sync.afterwards.undo_notes import noted


class _KilledError(BaseException):
    pass


@attrs.define
class _Scene:
    world: World
    theirs: list[str]
    run_id: str


@pytest.fixture
def scene() -> _Scene:
    world = World()
    ours = [world.toys.put(name=f"Top {n}", colour="red") for n in range(20)]
    world.sync()
    theirs = {link.customcrm_id: link.keap_id for link in world.engine.links("toys")}
    for id in ours:
        world.toys.put(id=id, colour="green")
    return _Scene(world, [theirs[id] for id in ours], world.sync().run_id)


def _die_at(scene: _Scene, number: int) -> None:
    """The runner dies after so many writes, and nobody hears of the last one."""
    left = [number]

    def die(what: str, _id: str, _values: Any) -> None:
        if what == "update":
            left[0] -= 1
            if left[0] <= 0:
                raise _KilledError

    scene.world.gadgets.after = die
    with pytest.raises(_KilledError):
        scene.world.run(scene.world.engine.undo(scene.run_id))
    scene.world.gadgets.after = lambda *_: None


def _colours(scene: _Scene) -> list[str]:
    return [scene.world.gadgets.records[id].colour for id in scene.theirs]


def test_the_next_sync_takes_nothing_of_it_for_an_edit(scene: _Scene) -> None:
    _die_at(scene, 5)
    held = _colours(scene)
    assert 5 <= held.count("red") < 20
    assert len(run(noted(scene.world.store))) > 0
    reads: list[str] = []
    scene.world.gadgets.before = lambda what, ids, _: reads.append(ids) if what == "get" else None
    report = scene.world.sync()
    assert run(noted(scene.world.store)) == []
    assert (report.count("updated"), _colours(scene)) == (0, held)
    assert {record.colour for record in scene.world.toys.records.values()} == {"green"}
    assert len(reads) == 1, "they are looked up together"


def test_undoing_once_more_ends_it(scene: _Scene) -> None:
    _die_at(scene, 5)
    report = scene.world.run(scene.world.engine.undo(scene.run_id))
    assert _colours(scene) == ["red"] * 20
    assert report.count("updated") + report.count("skipped") == 20
    assert scene.world.plan(full=True).is_empty


def test_a_system_that_is_down_is_waited_for(scene: _Scene) -> None:
    _die_at(scene, 5)

    def down(*_: Any) -> None:
        raise kb.ServerError("out of order", status=503)

    scene.world.gadgets.before = down
    with pytest.raises(kb.ServerError):
        scene.world.sync()
    assert len(run(noted(scene.world.store))) > 0
