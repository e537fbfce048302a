"""The plan of an undoing: the writes of a run in reverse, what is about one pair together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from kept import run
from toys import World

import keapbridge as kb
from keapbridge.model.actions import Create, Delete, Skip, Unlink, Update
from keapbridge.model.kept_in_store import Commit, JournalEntry
from keapbridge.model.maybe import UNSET
from keapbridge.model.raw import RawChange
from keapbridge.model.records import Link

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP


def _entry(kind: str, side: kb.Side, id: str, partner: str, name: str = "toys", **more: object) -> JournalEntry:
    values = {"before": {"Name": "old"}, "after": {"Name": "new"}, **more}
    return JournalEntry(name, side, id, kind, written_at=NOON, partner_id=partner, **values)  # type: ignore[arg-type]


def _planned(world: World, *entries: JournalEntry) -> kb.Plan:
    done = world.sync()
    run(world.store.links.commit(done.run_id, Commit("toys", Link("0", "0"), {}, journal=entries)))
    return world.run(world.engine.plan_undo(done.run_id))


def test_each_kind_of_write_has_its_reverse() -> None:
    world = World()
    raw = (RawChange(("title",), " old", "new"),)
    gone = (RawChange(("title",), "old", UNSET),)
    plan = _planned(
        world,
        _entry("update", KEAP, "901", "1", raw=raw),
        _entry("create", KEAP, "902", "2"),
        _entry("delete", CUSTOMCRM, "3", "903", raw=gone),
        _entry("link", CUSTOMCRM, "4", "904"),
        _entry("archive", KEAP, "905", "5"),
    )
    skip, unlink, create, delete, update = plan.actions
    assert isinstance(skip, Skip)
    assert isinstance(unlink, Unlink)
    assert create == Create("toys", CUSTOMCRM, "903", {"Name": "old"}, raw=gone)
    assert delete == Delete("toys", KEAP, "902", "2")
    assert isinstance(update, Update)
    assert (update.raw, [(c.before, c.after) for c in update.changes]) == (raw, [("new", "old")])
    assert plan.totals["toys"]["actions"] == 5
    assert plan.counts["toys"]["update in Keap"] == 1


def test_what_is_about_one_pair_is_together_and_the_last_write_first() -> None:
    world = World()
    plan = _planned(
        world,
        _entry("update", KEAP, "901", "1", after={"Name": "a"}),
        _entry("update", KEAP, "902", "2", after={"Name": "b"}),
        _entry("update", CUSTOMCRM, "1", "901", after={"Name": "c"}),
        _entry("update", KEAP, "903", "3", after={"Name": "d"}),
        # A record of Keap that was linked to one, and then to another.
        _entry("update", KEAP, "903", "2", after={"Name": "e"}),
        _entry("update", KEAP, "501", "1", "makers", after={"Name": "f"}),
    )
    updates = [action for action in plan.actions if isinstance(action, Update)]
    assert [(u.object, u.changes[0].before) for u in updates] == [
        ("makers", "f"),
        *(("toys", name) for name in ("e", "d", "b", "c", "a")),
    ]


def test_a_run_that_is_not_known_cannot_be_undone() -> None:
    with pytest.raises(kb.StalePlanError, match="no run 'nothing'"):
        World().run(World().engine.plan_undo("nothing"))
