"""One synchronization: what it sees of a record, what it remembers of it, and how it reads around an odd one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples
from toys import TOYS, Box, Gadget, Toy, World

import keapbridge as kb
from keapbridge.errors import ShapeError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.kinds import Context
from keapbridge.model.kept_in_store import mark
from keapbridge.model.records import Doubt, Link, Observation, Pair, Snapshot
from keapbridge.sync.synchronization import Rule, Synchronization, digest

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
CONTEXT = Context(None, None, {}, {})
VALUES = st.dictionaries(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 3), st.text(max_size=2)))


def odd(id: str) -> Any:
    """A record that is there in an unexpected form."""

    def hook(what: str, ids: str, _: Mapping[str, Any]) -> None:
        if what == "get" and id in ids.split():
            raise ShapeError(f"{id} is odd")

    return hook


def test_an_odd_record_does_not_stop_its_neighbours(toys: World) -> None:
    ids = [toys.gadgets.put(title=name) for name in ("Top", "Kite", "Ball")]
    toys.gadgets.before = odd(ids[1])
    found, reasons = toys.run(toys["toys"].read(KEAP, [*ids, "999"]))
    assert found.keys() == {ids[0], ids[2]}
    assert reasons == {ids[1]: f"{ids[1]} is odd"}
    assert found[ids[0]].whole.snapshot.values["Name"] == "Top"
    assert found[ids[0]].record is toys.gadgets.records[ids[0]]


def test_nothing_is_asked_about_no_records(toys: World) -> None:
    toys.gadgets.before = odd("")
    assert toys.run(toys["toys"].read(KEAP, [])) == ({}, {})


def test_one_record_is_there_or_not_and_an_odd_one_is_neither(toys: World) -> None:
    id = toys.gadgets.put(title="Top")
    found = toys.run(toys["toys"].read_one(KEAP, id))
    assert found is not None
    assert found.whole.snapshot.values["Name"] == "Top"
    assert toys.run(toys["toys"].read_one(KEAP, "999")) is None
    toys.gadgets.before = odd(id)
    with pytest.raises(ShapeError):
        toys.run(toys["toys"].read_one(KEAP, id))


def test_of_a_record_outside_the_filter_takes_part_only_that_it_is_outside(toys: World) -> None:
    narrow = attrs.evolve(toys["toys"], mapper=TOYS.where(customcrm={"Colour": "red"}))
    toys.toys.put(name="Top", colour="red")
    toys.toys.put(name="Kite", colour="blue")
    inside, outside = toys.run(narrow.see(CUSTOMCRM, list(toys.toys.records.values())))
    assert inside.observation is inside.whole
    assert (outside.observation.problem, outside.observation.snapshot) == (OUTSIDE, Snapshot({}))
    assert outside.whole.snapshot.values["Name"] == "Kite"


def test_references_are_looked_up_from_the_side_that_they_are_told_by(toys: World) -> None:
    maker = toys.crm_makers.put(name="Ada")
    assert toys.sync().ok
    [link] = toys.engine.links("makers")
    sync = toys["toys"]
    gadget = Gadget("901", "Top", maker_id=link.keap_id)
    [seen] = toys.run(sync.see(KEAP, [gadget]))
    assert seen.whole.snapshot.values["Maker"] == maker
    [stranger] = toys.run(sync.see(KEAP, [attrs.evolve(gadget, maker_id="999")]))
    assert stranger.whole.snapshot.values["Maker"] == "keap:999"
    pending = Snapshot({"Name": "Top", "Maker": f"keap:{link.keap_id}"})
    context = toys.run(sync.context([pending]))
    assert sync.follow_references(pending, context).values == {"Name": "Top", "Maker": maker}
    settled = Snapshot({"Name": "Top"})
    assert sync.follow_references(settled, context) is settled


@pytest.mark.parametrize(
    ("values", "problem", "marked"),
    [({"Name": "Top"}, None, True), ({"Name": "Top"}, OUTSIDE, False), ({"Maker": "keap:9"}, None, False)],
    ids=["known", "problem", "waiting"],
)
def test_only_what_means_the_same_next_time_is_known_by_its_text(
    toys: World, values: dict[str, Any], problem: str | None, marked: bool
) -> None:
    seen = Observation(KEAP, "901", Snapshot(values), problem=problem)
    staged = toys["toys"].staged(seen, "text")
    assert staged.digest == digest(seen.snapshot)
    assert staged.observation.mark == (mark("text", staged.digest) if marked else None)
    assert toys["toys"].staged(seen).observation is seen


def test_batches_of_pairs_show_each_pair_once(toys: World) -> None:
    for name in "abcde":
        toys.toys.put(name=name)
    assert toys.sync().ok
    for toy in list(toys.toys.records):
        toys.toys.put(id=toy, colour="green")
    for gadget in list(toys.gadgets.records):
        toys.gadgets.put(id=gadget, colour="blue")
    shown: list[str] = []
    sync = toys["toys"]
    for side in kb.Side:
        rows = [
            sync.staged(seen.observation) for seen in toys.run(sync.see(side, list(_box(toys, side).records.values())))
        ]
        toys.run(toys.store.staging.stage("toys", side, rows, complete=False))
    for batch in sync.pairs(2):
        shown += [pair.link.customcrm_id for pair in toys.run(batch)]
    assert sorted(shown) == sorted(toys.toys.records)


def _box(toys: World, side: kb.Side) -> Box:
    return toys.toys if side is CUSTOMCRM else toys.gadgets


def test_a_synchronization_is_called_what_its_mapper_is_called(toys: World) -> None:
    systems = {CUSTOMCRM: Box(CUSTOMCRM, Toy, 1), KEAP: Box(KEAP, Gadget, 1)}
    assert Synchronization(TOYS, systems, toys.store).name == "toys"


def test_a_rule_says_what_its_lens_says() -> None:
    name, _, maker, _ = TOYS.lenses
    rule = Rule.of(name, CONTEXT)
    assert (rule.name, rule.flows_to(KEAP), rule.fit(KEAP, "Top")) == ("Name", True, "Top")
    with pytest.raises(kb.UnfitError):
        Rule.of(maker, CONTEXT).fit(KEAP, "1")


@examples(100)
@given(VALUES, VALUES)
def test_a_digest_tells_contents_apart_and_not_the_order_of_fields(one: dict[str, Any], other: dict[str, Any]) -> None:
    turned = dict(reversed(list(one.items())))
    assert digest(Snapshot(one)) == digest(Snapshot(turned))
    assert (digest(Snapshot(one)) == digest(Snapshot(other))) is (one == other)
    assert digest(Snapshot(one)) != digest(Snapshot(one, {"e": "odd"}))


def test_match_keys_are_ranked_and_know_the_stronger_ones() -> None:
    mapper = attrs.evolve(TOYS, keys=(kb.mapping.MatchKey(("Colour",)), kb.mapping.MatchKey(("Name",))))
    first, second = mapper.matching.keys_of({"Name": "Top", "Colour": "red"}, {})
    assert (first.rank, first.stronger) == (0, ())
    assert (second.rank, second.stronger) == (1, (first.key,))
    [only] = mapper.matching.keys_of({"Name": "Top", "Colour": None}, {})
    assert (only.rank, only.stronger) == (1, (None,))


@pytest.mark.parametrize("about", ["restored", "lagging", "stranger"])
def test_no_number_is_written_anew_while_it_is_in_doubt_whose_it_is(toys: World, about: str) -> None:
    contacts = attrs.evolve(toys["toys"], mapper=kb.mapping.contacts)
    base = {"Country": "NOR", "Phone": "+4722334455"}
    moved = {"Country": "SWE", "Phone": "+4622334455"}  # the same digits, read by another country
    seen = [Observation(CUSTOMCRM, "1", Snapshot(moved)), Observation(KEAP, "901", Snapshot(base))]
    pair = Pair(Link("1", "901", base, base), *seen)
    rules = contacts.rules(CONTEXT)
    written = {(c.field, c.side) for c in contacts.merged(pair, rules).changes}
    assert written == {("Country", KEAP), ("Phone", CUSTOMCRM)}
    in_doubt = attrs.evolve(pair, doubt=Doubt(about, CUSTOMCRM, "it may be another one"))
    assert contacts.merged(in_doubt, rules).changes == ()
