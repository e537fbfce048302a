"""Pairs and observations, as several repositories read them."""

from __future__ import annotations

from kept import CUSTOMCRM, KEAP, TOYS, link, seen, stage

from keapbridge.model.records import Pair
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.core import Core
from keapbridge.store.sql.pairs import observed, pairs_by


def _core(store: LinkStore) -> Core:
    return store.links._core


def test_pairs_come_in_the_order_of_the_side_that_is_asked_for(toys: LinkStore) -> None:
    one, two = link(toys, "a", "Z"), link(toys, "b", "Y")
    stage(toys, seen(KEAP, "Z"), "edited")
    core = _core(toys)
    with core.transaction() as c:
        ours = pairs_by(core, c, TOYS, CUSTOMCRM, ["b", "unknown", "a"])
        theirs = pairs_by(core, c, TOYS, KEAP, ["Z", "Y", "a"])
    assert ours == [Pair(one, None, seen(KEAP, "Z")), Pair(two, None, None)]
    assert theirs == ours[::-1]


def test_whoever_asks_for_nothing_gets_nothing(toys: LinkStore) -> None:
    link(toys, "a", "A")
    core = _core(toys)
    with core.transaction() as c:
        assert pairs_by(core, c, TOYS, CUSTOMCRM, []) == []
        assert observed(core, c, TOYS, CUSTOMCRM, []) == {}


def test_an_id_means_another_record_on_the_other_side_and_of_another_object(toys: LinkStore) -> None:
    stage(toys, seen(CUSTOMCRM, "1"))
    stage(toys, seen(KEAP, "1", {"name": "another"}), name="trains")
    core = _core(toys)
    with core.transaction() as c:
        assert observed(core, c, TOYS, CUSTOMCRM, ["1"]) == {"1": seen(CUSTOMCRM, "1")}
        assert observed(core, c, TOYS, KEAP, ["1"]) == {}
        assert observed(core, c, "trains", KEAP, ["1"]) == {"1": seen(KEAP, "1", {"name": "another"})}


def test_a_bridge_reads_no_pairs_of_another(toys: LinkStore, others: LinkStore) -> None:
    link(toys, "a", "A")
    stage(toys, seen(CUSTOMCRM, "a"), "edited")
    core = _core(others)
    with core.transaction() as c:
        assert pairs_by(core, c, TOYS, CUSTOMCRM, ["a"]) == []
        assert observed(core, c, TOYS, CUSTOMCRM, ["a"]) == {}
