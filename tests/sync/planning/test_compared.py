"""The keys of what is linked to nothing, made when a plan compares it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from toys import World

import keapbridge as kb
from keapbridge.model.records import Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.store.sql.scratch import Scratch
from keapbridge.sync.planning import compared


def _found(toys: World, sides: Sequence[Side] = tuple(Side), *, kept_apart: bool = False) -> list[list[str]]:
    """Who is found by the key of a toy called Top, a side."""
    sync = toys["toys"]
    scratch: Scratch = toys.run(toys.store.match_keys.scratch())
    with scratch:
        toys.run(compared.fill(scratch, sync, sync.keys, sides=sides, kept_apart=kept_apart))
        return [scratch.same_key(side, sync.keys(Snapshot({"Name": "Top"}))) for side in Side]


def test_all_are_there_of_the_sides_that_are_asked_for(toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "BATCH", 2)
    ours = [toys.toys.put(name="Top", colour="red") for _ in range(3)]
    theirs = [toys.gadgets.put(title="TOP", colour="red") for _ in range(3)]
    assert {line.outcome for line in toys.sync().lines} == {"skipped"}
    assert _found(toys) == [sorted(ours), sorted(theirs)]
    assert _found(toys, [kb.Side.KEAP]) == [[], sorted(theirs)]


def test_who_is_kept_apart_is_there_where_it_may_be_found_all_the_same(toys: World) -> None:
    id = toys.gadgets.put(title="Top", colour="red")
    kept = Observation(Side.KEAP, id, Snapshot({"Name": "Top", "Colour": "red"}))
    toys.run(toys.store.links.keep_apart("toys", kept, "a person said so"))
    assert _found(toys) == [[], []]
    assert _found(toys, kept_apart=True) == [[], [id]]
