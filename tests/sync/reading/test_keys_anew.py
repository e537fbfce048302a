"""Match keys that were made in another way are made anew, of what is kept: once, and of everybody."""

from __future__ import annotations

import pytest
from toys import TOYS, World

import keapbridge as kb
from keapbridge.mapping import MatchKey
from keapbridge.sync.reading import keys_anew
from keapbridge.sync.reading.keys_anew import manner


def found(toys: World, side: kb.Side, **values: str) -> list[str]:
    """Who is linked and found by the keys of such a toy."""
    keys = toys["toys"].mapper.matching.keys_of(values, {})
    return [id for id, _ in toys.run(toys.store.match_keys.same_key("toys", side, keys))]


def test_another_way_is_told_from_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = manner(TOYS)
    assert manner(TOYS.matched_by(MatchKey(("Colour",)))) != now
    monkeypatch.setattr(keys_anew, "KEYS_ARE_MADE", keys_anew.KEYS_ARE_MADE + 1)
    assert manner(TOYS) != now


@pytest.mark.parametrize("by_id", [False, True], ids=["run", "webhook"])
def test_who_is_linked_is_found_by_the_new_keys(toys: World, monkeypatch: pytest.MonkeyPatch, by_id: bool) -> None:
    monkeypatch.setattr(keys_anew, "BATCH", 1)
    pairs = [toys.linked_toy(name=f"Top {n}", colour=f"red {n}") for n in range(3)]
    toys.sync()
    toys.remap("toys", TOYS.matched_by(MatchKey(("Colour",))))
    if by_id:
        toys.run(toys.engine.sync(("toys",), ids={kb.Side.CUSTOMCRM: [], kb.Side.KEAP: [pairs[0][1]]}))
    else:
        toys.sync()
    for n, (ours, theirs) in enumerate(pairs):
        assert found(toys, kb.Side.CUSTOMCRM, Colour=f"red {n}") == [ours]
        assert found(toys, kb.Side.KEAP, Colour=f"red {n}") == [theirs]
        assert found(toys, kb.Side.CUSTOMCRM, Name=f"Top {n}") == []


def test_what_is_made_as_it_was_is_left_alone(toys: World, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.linked_toy()
    asked: list[str] = []
    monkeypatch.setattr(type(toys.store.match_keys), "link_anew", lambda *_args, **_options: asked.append("links"))
    toys.sync(full=True)
    assert asked == []
