"""Records that may be the same, and records that only share what near misses are found by. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.match import (
    CROWD,
    Unmatched,
    apart_by_name,
    match_all,
    match_appeared,
    near_appeared,
    near_linked,
    near_misses,
)
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.side import Side

LAWS = examples(120)
OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP
REASON = "may be a record that is linked to nothing either"

KEYS = st.sets(st.sampled_from("pqr"), min_size=1, max_size=2).map(lambda keys: dict.fromkeys(sorted(keys)))
RECORDS = st.builds(
    Candidate,
    side=st.sampled_from(Side),
    id=st.sampled_from(("1", "2", "9", "10")),
    apart=st.tuples(st.sampled_from((None, "ada", "adam", "bob"))),
    stronger=st.tuples(st.sampled_from((None, None, "x", "y"))),
    linked=st.sampled_from((False, False, False, True)),
    keys=KEYS,
)
SOME = st.lists(RECORDS, min_size=1, max_size=7, unique_by=lambda c: c.name)


def one(side: Side, id: str, *keys: str, **more: Any) -> Candidate:
    return Candidate(side, id, keys=dict.fromkeys(keys or ("p",)), **more)


def named(*names: tuple[Side, str]) -> tuple[tuple[Side, str], ...]:
    return names


def share(a: Candidate, b: Candidate) -> bool:
    return bool(a.keys.keys() & b.keys.keys())


# --- near misses ----------------------------------------------------------------------------------------------------


def test_two_that_share_a_key_may_be_one_and_each_is_told_with_the_other() -> None:
    a, b = one(OURS, "1", "p", "q"), one(THEIRS, "2", "q")
    found = (Unmatched(OURS, "1", REASON, named((THEIRS, "2"))), Unmatched(THEIRS, "2", REASON, named((OURS, "1"))))
    assert near_misses([b, a]) == found


@pytest.mark.parametrize(
    "others",
    [
        [one(OURS, "2")],
        [one(THEIRS, "2", "q")],
        [one(THEIRS, "2", linked=True)],
        [one(THEIRS, "2", "q"), one(OURS, "3", "q", linked=True)],
    ],
    ids=["of one side", "of another key", "linked", "nothing in common"],
)
def test_who_has_no_free_record_of_the_other_side_near_is_near_to_nobody(others: list[Candidate]) -> None:
    assert near_misses([one(OURS, "1"), *others]) == ()


def test_those_it_may_be_stand_in_the_order_of_their_numbers() -> None:
    [ours, *_] = near_misses([one(OURS, "1"), one(THEIRS, "10"), one(THEIRS, "9")])
    assert ours.candidates == named((THEIRS, "9"), (THEIRS, "10"))


@given(SOME)
@LAWS
def test_near_is_mutual_across_the_sides_and_by_a_shared_key(some: list[Candidate]) -> None:
    by_name = {c.name: c for c in some}
    found = {(u.side, u.id): set(u.candidates) for u in near_misses(some)}
    for name, others in found.items():
        assert others
        for other in others:
            assert name in found[other]
            assert other[0] is not name[0]
            assert share(by_name[name], by_name[other])
            assert not by_name[other].linked


@given(SOME, st.randoms(use_true_random=False))
@LAWS
def test_the_order_does_not_matter(some: list[Candidate], random: Any) -> None:
    mixed = list(some)
    random.shuffle(mixed)
    assert Counter(near_misses(mixed)) == Counter(near_misses(some))
    assert Counter(apart_by_name(mixed)) == Counter(apart_by_name(some))


@pytest.mark.parametrize(("crowd", "near"), [(CROWD - 1, 2), (CROWD, 0)], ids=["as many as may be", "one more"])
def test_what_a_crowd_shares_says_nothing(crowd: int, near: int) -> None:
    linked = [one(OURS, f"l{n}", linked=True) for n in range(crowd - 1)]
    pair = [one(OURS, "1"), one(THEIRS, "2")]
    assert len(near_misses([*pair, *linked])) == near
    names = [attrs.evolve(c, apart=(name,)) for c, name in zip(pair, ("ada", "bob"), strict=True)]
    assert len(apart_by_name([*names, *linked])) == near // 2


def test_who_shares_another_key_with_a_crowd_is_left_out_of_it() -> None:
    crowd = [one(OURS, f"l{n}", "p", linked=True) for n in range(CROWD)]
    assert near_misses([*crowd, one(OURS, "1", "p", "q"), one(THEIRS, "2", "q")]) == ()
    near = near_misses([*crowd, one(OURS, "1", "q"), one(THEIRS, "2", "q")])
    assert [(u.side, u.id) for u in near] == [(OURS, "1"), (THEIRS, "2")]


# --- clearly another ------------------------------------------------------------------------------------------------


def test_colleagues_with_one_number_are_told_as_a_group() -> None:
    ada, bob = one(OURS, "1", apart=("ada",)), one(THEIRS, "2", apart=("bob",))
    assert apart_by_name([bob, ada]) == (named((OURS, "1"), (THEIRS, "2")),)
    assert near_misses([ada, bob]) == ()


@pytest.mark.parametrize(
    "others",
    [
        [one(THEIRS, "2", apart=("ada",))],
        [one(THEIRS, "2", apart=("adam",))],
        [one(THEIRS, "2", apart=("bob",)), one(THEIRS, "3", apart=("ada",))],
        [one(THEIRS, "2", "q", apart=("bob",))],
        [one(OURS, "2", apart=("bob",))],
        [one(THEIRS, "2", apart=("bob",), linked=True)],
        [one(THEIRS, "2", apart=("bob",), stronger=("y",))],
    ],
    ids=["one name", "alike", "one of them", "another key", "of one side", "linked", "a stronger key"],
)
def test_who_may_be_the_same_or_shares_nothing_makes_no_such_group(others: list[Candidate]) -> None:
    others = [other if other.stronger else attrs.evolve(other, stronger=("x",)) for other in others]
    assert apart_by_name([one(OURS, "1", apart=("ada",), stronger=("x",)), *others]) == ()


def test_only_those_who_share_across_the_sides_are_of_the_group() -> None:
    some = [one(OURS, "1", apart=("ada",)), one(OURS, "2", "p", "q", apart=("eve",)), one(THEIRS, "3", apart=("bob",))]
    chained = one(OURS, "4", "q", apart=("kim",))  # reached through a record of its own side
    assert apart_by_name([*some, chained]) == (named((OURS, "1"), (OURS, "2"), (THEIRS, "3")),)


@given(SOME)
@LAWS
def test_nobody_is_told_apart_from_whom_it_may_be(some: list[Candidate]) -> None:
    told = [name for group in apart_by_name(some) for name in group]
    assert len(set(told)) == len(told)
    by_name = {c.name: c for c in some}
    near = {(u.side, u.id) for u in near_misses(some)}
    for name in told:
        assert not by_name[name].linked
    # One that may be another record is near to it; a group has none of these.
    for group in apart_by_name(some):
        if all(not any(c.stronger) for c in some):
            assert not near.intersection(group)


# --- among those that were made meanwhile -----------------------------------------------------------------------------


def key(rank: int, text: str) -> RecordKey:
    return RecordKey(rank, text, (), ())


def appeared(keys: dict[tuple[Side, str], Sequence[RecordKey]], *ranks: int) -> dict[tuple[Side, str], tuple[int, Any]]:
    return {(u.side, u.id): (rank, u.candidates) for rank, u in near_appeared(keys, ranks)}


def test_the_first_key_that_two_are_near_by_tells() -> None:
    keys = {
        (OURS, "1"): [key(3, "phone"), key(4, "name")],
        (THEIRS, "2"): [key(4, "name"), key(3, "phone")],
        (THEIRS, "5"): [key(4, "name")],
    }
    both, all_three = named((THEIRS, "2")), named((OURS, "1"))
    assert appeared(keys, 3, 4) == {
        (OURS, "1"): (3, both),
        (THEIRS, "2"): (3, all_three),
        (THEIRS, "5"): (4, all_three),
    }
    assert appeared(keys, 4) == {
        (OURS, "1"): (4, named((THEIRS, "2"), (THEIRS, "5"))),
        (THEIRS, "2"): (4, all_three),
        (THEIRS, "5"): (4, all_three),
    }
    assert [u.id for _, u in near_appeared(dict(reversed(keys.items())), [4])] == ["1", "2", "5"]
    assert appeared(keys) == {}
    assert appeared(keys, 7) == {}


def test_what_appeared_is_told_in_the_order_of_numbers() -> None:
    keys = {(side, id): [key(3, "phone")] for side, id in ((THEIRS, "10"), (THEIRS, "9"), (OURS, "2"))}
    assert [u.id for _, u in near_appeared(keys, [3])] == ["2", "9", "10"]
    twice = {**keys, (OURS, "11"): [key(4, "fax")], (THEIRS, "8"): [key(4, "fax")]}
    assert [u.id for _, u in near_appeared(twice, [3, 4])] == ["2", "9", "10", "11", "8"]
    groups = {(side, id): [key(3, f"of {id}")] for side in Side for id in ("10", "9")}
    assert [u.id for _, u in near_appeared(groups, [3])] == ["9", "9", "10", "10"]


def test_those_whose_main_key_is_the_same_find_each_other_among_what_appeared() -> None:
    def family(its: str) -> list[RecordKey]:
        return [RecordKey(0, text, (None,), (), slot=slot) for slot, text in enumerate((its, "home"))]

    names = {(side, its): family(its) for side in Side for its in ("ada", "bob")}
    assert [pair for _, pair in match_appeared(names, [False]).pairs] == [("ada", "ada"), ("bob", "bob")]


def test_a_new_record_that_may_be_a_linked_one_is_told_why_in_the_order_of_numbers() -> None:
    keys = {(side, id): [key(3, "phone")] for side, id in ((THEIRS, "10"), (THEIRS, "9"), (OURS, "2"))}
    linked = [(3, one(OURS, "7", "phone", linked=True))]
    found = near_linked(keys, linked)
    assert [(u.side, u.id) for _, u in found] == [(OURS, "2"), (THEIRS, "9"), (THEIRS, "10")]
    assert {u.reason for _, u in found} == {"may be a record that is linked already"}
    crowd = [(3, one(OURS, f"l{n}", "phone", linked=True)) for n in range(CROWD)]
    assert len(near_linked(keys, crowd)) == 3
    assert near_linked(keys, [*crowd, (3, one(OURS, "l", "phone", linked=True))]) == ()


def test_a_new_record_that_is_told_apart_from_a_linked_one_is_not_near_to_it() -> None:
    new, linked = (THEIRS, "9"), [(3, one(OURS, "7", "phone", linked=True)), (3, one(OURS, "8", "phone", linked=True))]
    [(_, near)] = near_linked({new: [key(3, "phone")]}, linked, {new: frozenset({(OURS, "7")})})
    assert near.candidates == named((OURS, "8"))


# --- all groups of a rank, and of what appeared -----------------------------------------------------------------------


def test_a_key_of_exactly_a_crowd_still_counts() -> None:
    some = [one(OURS, str(n), "p", apart=(str(n),)) for n in range(CROWD - 1)]
    assert match_all([*some, one(THEIRS, "x", "p", apart=("7",))]).pairs == (("7", "x"),)
    over = match_all([*some, one(OURS, "q", "p", apart=("q",)), one(THEIRS, "x", "p", apart=("7",))])
    assert over.pairs == ()
    assert {u.candidates for u in over.unmatched} == {()}
    assert {u.reason for u in over.unmatched} == {f"{CROWD + 1} records share it"}


def test_what_a_crowd_does_not_share_is_as_it_was() -> None:
    crowd = [one(OURS, str(n), "p", apart=("ada",)) for n in range(CROWD + 1)]
    a, b = one(OURS, "a", "q", apart=("ada",), main="q"), one(THEIRS, "b", "q", apart=("ada",), main="q")
    assert match_all([*crowd, a, b]).pairs == (("a", "b"),)


@pytest.mark.parametrize(("strict", "pairs"), [(True, ()), (False, (("1", "2"),))])
def test_a_weak_key_looks_at_what_tells_apart_in_all_groups(strict: bool, pairs: Any) -> None:
    some = [one(OURS, "1", apart=("ada", "x")), one(THEIRS, "2", apart=("ada", "y"))]
    assert match_all(some, strict=strict).pairs == pairs
    assert match_all(some).pairs == (("1", "2"),)
    names = {(OURS, "1"): [RecordKey(0, "p", ("ada", "x"), ())], (THEIRS, "2"): [RecordKey(0, "p", ("ada", "y"), ())]}
    assert tuple(pair for _, pair in match_appeared(names, [strict]).pairs) == pairs


def test_every_group_of_what_appeared_is_decided_once_by_its_strongest_key() -> None:
    def known(*texts: str) -> list[RecordKey]:
        return [key(rank, text) for rank, text in enumerate(texts)]

    names = {
        (OURS, "0"): known("alone", "none"),
        (OURS, "10"): known("b", "z"),
        (OURS, "9"): known("a", "z"),
        (THEIRS, "1"): known("a", "z"),
        (THEIRS, "2"): known("b", "z"),
        (OURS, "3"): known("c", "y"),
        (OURS, "4"): known("c", "y"),
        (THEIRS, "5"): known("c", "y"),
        (OURS, "6"): known("d", "y"),
        (OURS, "7"): known("d", "y"),
        (THEIRS, "8"): known("d", "y"),
    }
    found = match_appeared(names, [False, False])
    assert found.pairs == ((0, ("9", "1")), (0, ("10", "2")))
    told = [(rank, u.side, u.id) for rank, u in found.unmatched]
    assert told == [
        (0, side, id) for side, id in ((OURS, "3"), (OURS, "4"), (THEIRS, "5"), (OURS, "6"), (OURS, "7"), (THEIRS, "8"))
    ]


@pytest.mark.parametrize("who", [(Side.CUSTOMCRM, "ada"), (Side.KEAP, "ada")], ids=["said of ours", "said of theirs"])
def test_two_who_are_told_apart_are_neither_matched_nor_near(who: tuple[Side, str]) -> None:
    here, there = who, (who[0].other, "ada")
    keys = {(side, "ada"): [RecordKey(0, "ada", (), ())] for side in Side}
    assert match_appeared(keys, [False]).pairs == ((0, ("ada", "ada")),)
    assert match_appeared(keys, [False], {here: frozenset({there})}).pairs == ()
    assert match_appeared(keys, [False], {here: frozenset({(there[0], "bob")})}).pairs == ((0, ("ada", "ada")),)
    assert {(u.side, u.id) for _, u in near_appeared(keys, [0])} == {here, there}
    assert near_appeared(keys, [0], {here: frozenset({there})}) == ()
