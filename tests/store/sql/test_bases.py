"""Bases as a whole: some fields are forgotten in all links, and every pair is looked at again."""

from __future__ import annotations

from kept import CUSTOMCRM, KEAP, TOYS, link, run, seen, stage

from keapbridge.model.kept_in_store import Commit
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Link
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore


def test_fields_are_forgotten_on_their_side_only(toys: LinkStore, others: LinkStore) -> None:
    values = {"name": "Ada", "colour": "red"}
    run(toys.links.settle([Commit(TOYS, Link("a", "A", values, values), {})]))
    run(others.links.settle([Commit(TOYS, Link("a", "A", values, values), {})]))
    run(toys.bases.forget(TOYS, {KEAP: ["colour", "size"]}))
    assert list(toys.links.all(TOYS)) == [Link("a", "A", values, {"name": "Ada"})]
    run(toys.bases.forget(TOYS, {KEAP: ["colour"], CUSTOMCRM: ["name"]}))
    assert list(toys.links.all(TOYS)) == [Link("a", "A", {"colour": "red"}, {"name": "Ada"})]
    assert list(others.links.all(TOYS)) == [Link("a", "A", values, values)]


def test_what_is_left_of_a_value_is_known_and_what_is_not_there_stays_so(toys: LinkStore) -> None:
    run(toys.links.settle([Commit(TOYS, Link("a", "A", {"name": "Ada"}, {"name": "Ada", "colour": "red"}), {})]))
    left = {"name": str.upper, "colour": lambda _: UNSET, "size": lambda _: "XL"}
    run(toys.bases.forget_parts(TOYS, KEAP, left))
    assert list(toys.links.all(TOYS)) == [Link("a", "A", {"name": "Ada"}, {"name": "ADA"})]


def test_no_pair_is_taken_for_settled_any_more(toys: LinkStore) -> None:
    number = 501  # more than one chunk of them
    for n in range(number):
        link(toys, f"a{n:03}", f"A{n:03}")
    assert stage(toys, seen(KEAP, "A500"), "same") == 1
    run(toys.bases.forget(TOYS, {KEAP: ["name"]}))
    assert all(not each.keap_base and each.customcrm_base for each in toys.links.all(TOYS))
    for side, id in ((CUSTOMCRM, "a500"), (KEAP, "A500"), (KEAP, "A000")):
        assert stage(toys, seen(side, id), "same") == 0
    assert {s: len(run(toys.staging.observations(TOYS, s, ["a500", "A500", "A000"]))) for s in Side} == {
        CUSTOMCRM: 1,
        KEAP: 2,
    }


def test_of_those_that_hold_a_value_the_settled_ones_are_named_first(toys: LinkStore) -> None:
    for n in range(4):
        digests = {KEAP: None if n < 2 else "same", CUSTOMCRM: None}
        its = Link(f"a{n}", f"A{n}", {"name": "Ada"}, {"name": None if n == 2 else "Ada", "colour": "red"})
        run(toys.links.settle([Commit(TOYS, its, digests)]))
    assert run(toys.bases.holding(TOYS, KEAP, ["name", "size"], 2)) == {"name": ["A3", "A0"], "size": []}
    assert run(toys.bases.holding(TOYS, CUSTOMCRM, ["name"], 2)) == {"name": ["a0", "a1"]}
