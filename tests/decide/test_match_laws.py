"""The laws of matching: one-to-one or not at all, and everybody concerned is told. Pure and quick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide import match
from keapbridge.decide.match import (
    GroupOutcome,
    Unmatched,
    match_all,
    match_appeared,
    match_group,
    near_linked,
    near_misses,
    without_groups_of,
)
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.side import Side

LAWS = examples(120)
OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP

RECORDS = st.builds(
    Candidate,
    side=st.sampled_from(Side),
    id=st.sampled_from(("1", "2", "9", "10")),
    apart=st.tuples(*[st.sampled_from((None, "ada", "a.", "bob"))] * 2),
    stronger=st.tuples(st.sampled_from((None, None, "x", "y"))),
    linked=st.sampled_from((False, False, False, True)),
)
GROUPS = st.lists(RECORDS, min_size=1, max_size=6, unique_by=lambda c: c.name)
STRICT = st.booleans()


# --- the specification, in other words ------------------------------------------------------------------------------


def told_apart(a: Candidate, b: Candidate) -> bool:
    """Whether something known of both differs."""
    known = zip((*a.stronger, *a.apart), (*b.stronger, *b.apart), strict=True)
    return any(None not in (x, y) and x != y for x, y in known)


def could_be_one(a: Candidate, b: Candidate, group: Sequence[Candidate], *, strict: bool) -> bool:
    lonely = len(group) == 2 and not (a.linked or b.linked) and a.side is not b.side
    if lonely and not strict:
        return not told_apart(attrs.evolve(a, apart=()), attrs.evolve(b, apart=()))
    return not told_apart(a, b)


def rivals(record: Candidate, group: Sequence[Candidate], *, strict: bool) -> set[tuple[Side, str]]:
    """All others that could be the same as this record."""
    return {o.name for o in group if o is not record and could_be_one(record, o, group, strict=strict)}


def paired(outcome: GroupOutcome) -> set[tuple[Side, str]]:
    return {(OURS, a) for a, _ in outcome.pairs} | {(THEIRS, b) for _, b in outcome.pairs}


def reported(outcome: GroupOutcome) -> dict[tuple[Side, str], Unmatched]:
    return {(item.side, item.id): item for item in outcome.unmatched}


# --- laws -----------------------------------------------------------------------------------------------------------


@LAWS
@given(GROUPS, STRICT, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(group: list[Candidate], strict: bool, random: Any) -> None:
    other = list(group)
    random.shuffle(other)
    assert match_group(other, strict=strict) == match_group(group, strict=strict)


@LAWS
@given(GROUPS, STRICT)
def test_swapping_the_sides_mirrors_the_outcome(group: list[Candidate], strict: bool) -> None:
    here = match_group(group, strict=strict)
    there = match_group([attrs.evolve(c, side=c.side.other) for c in group], strict=strict)
    assert {(b, a) for a, b in there.pairs} == set(here.pairs)
    turned = {(u.side.other, u.id, u.reason, frozenset((s.other, i) for s, i in u.candidates)) for u in there.unmatched}
    mine = {(u.side, u.id, u.reason, frozenset(u.candidates)) for u in here.unmatched}
    titles = {"Keap": "Customcrm", "Customcrm": "Keap"}
    assert {(s, i, " ".join(titles.get(w, w) for w in reason.split()), c) for s, i, reason, c in turned} == mine


@LAWS
@given(GROUPS, STRICT)
def test_every_record_has_one_part_and_a_linked_one_has_none(group: list[Candidate], strict: bool) -> None:
    outcome = match_group(group, strict=strict)
    parts = Counter([(OURS, a) for a, _ in outcome.pairs])
    parts.update((THEIRS, b) for _, b in outcome.pairs)
    parts.update((u.side, u.id) for u in outcome.unmatched)
    assert set(parts.values()) <= {1}
    assert parts.keys() <= {c.name for c in group if not c.linked}


@LAWS
@given(GROUPS, STRICT)
def test_two_are_one_when_neither_could_be_anything_else(group: list[Candidate], strict: bool) -> None:
    outcome = match_group(group, strict=strict)
    found = {c.name: c for c in group}
    looked_alike = {name for name, u in reported(outcome).items() if "different" not in u.reason}
    for record in (c for c in group if not c.linked):
        others = rivals(record, group, strict=strict)
        only = found[next(iter(others))] if len(others) == 1 else None
        mutual = (
            only is not None
            and only.side is not record.side
            and not only.linked
            and rivals(only, group, strict=strict) == {record.name}
        )
        if not others:
            assert record.name not in {*paired(outcome), *reported(outcome)}
        elif mutual:
            assert record.name not in looked_alike
            assert record.name in {*paired(outcome), *reported(outcome)}
        else:
            assert record.name in looked_alike


@LAWS
@given(GROUPS, STRICT)
def test_what_is_reported_is_reported_for_all_concerned_with_what_it_could_be(
    group: list[Candidate], strict: bool
) -> None:
    outcome = match_group(group, strict=strict)
    told = reported(outcome)
    linked = {c.name for c in group if c.linked}
    by_name = {c.name: c for c in group}
    for name, item in told.items():
        others = rivals(by_name[name], group, strict=strict)
        assert item.candidates
        assert name not in item.candidates
        assert list(item.candidates) == sorted(item.candidates, key=lambda c: (c[0].value, len(c[1]), c[1]))
        assert set(item.candidates) == (others & linked or others)
        assert not set(item.candidates) & paired(outcome)
        assert all(other in told for other in set(item.candidates) - linked)


@LAWS
@given(GROUPS, STRICT)
def test_the_reason_says_what_stands_in_the_way(group: list[Candidate], strict: bool) -> None:
    by_name = {c.name: c for c in group}
    for name, item in reported(match_group(group, strict=strict)).items():
        others = [by_name[other] for other in rivals(by_name[name], group, strict=strict)]
        if any(other.linked for other in others):
            assert item.reason == "could be a record that is linked already"
        elif all(other.side is name[0] for other in others):
            assert item.reason == f"duplicate within {name[0].title}"
        elif "looks different" in item.reason:
            assert len(group) == 2
            assert not strict or not told_apart(*group)
        else:
            assert item.reason == "could be more than one record"


@LAWS
@given(RECORDS, st.integers(2, 4), st.integers(0, 1))
def test_duplicates_are_never_multiplied(record: Candidate, copies: int, partners: int) -> None:
    """Copies of one record, on one side, are all told of, with or without one on the other side."""
    twins = [attrs.evolve(record, id=str(n), linked=False) for n in range(copies)]
    other = [attrs.evolve(record, id="x", side=record.side.other, linked=False)] * partners
    outcome = match_group([*twins, *other])
    assert outcome.pairs == ()
    assert reported(outcome).keys() == {c.name for c in (*twins, *other)}


@LAWS
@given(RECORDS, RECORDS)
def test_a_weak_key_makes_no_pair_that_a_strong_one_would_not(one: Candidate, other: Candidate) -> None:
    couple = [attrs.evolve(one, side=OURS, linked=False), attrs.evolve(other, side=THEIRS, linked=False)]
    strict, easy = match_group(couple, strict=True), match_group(couple)
    assert set(strict.pairs) <= set(easy.pairs)
    assert strict.unmatched == ()


# --- examples -------------------------------------------------------------------------------------------------------


def pair_of(ours: Sequence[str | None], theirs: Sequence[str | None], *, strict: bool = False) -> GroupOutcome:
    return match_group([Candidate(OURS, "1", tuple(ours)), Candidate(THEIRS, "2", tuple(theirs))], strict=strict)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ((), (), True),
        ((None, None), (None, None), True),
        (("ada", "king"), ("ada", "king"), True),
        (("ada", "king"), ("ada", "lovelace"), True),  # married, perhaps
        (("adX", "king"), ("ady", "king"), False),
        (("ady", "king"), ("adX", "king"), False),
        (("j.", "king"), ("john", "king"), True),
        (("john", "king"), ("j.", "king"), True),
        (("ada maria", "king"), ("ada", "king"), True),
        (("ada", "king"), ("bob", "king"), False),
        ((None, "king"), ("bob", "king"), True),
        ((None, "king"), ("bob", "lovelace"), False),
        ((None, "king", "x"), (None, "lovelace", "x"), True),
        (("ada", None), ("bob", None), False),
        (("ada", None), (None, "king"), True),
    ],
)
def test_a_lonely_pair_that_shares_its_key(
    ours: tuple[str | None, ...], theirs: tuple[str | None, ...], same: bool
) -> None:
    if same:
        assert pair_of(ours, theirs) == GroupOutcome(pairs=(("1", "2"),))
    else:
        reason = "shares its key with a record that looks different"
        assert pair_of(ours, theirs) == GroupOutcome(
            unmatched=(Unmatched(OURS, "1", reason, ((THEIRS, "2"),)), Unmatched(THEIRS, "2", reason, ((OURS, "1"),)))
        )


def test_under_a_weak_key_one_difference_tells_a_lonely_pair_apart() -> None:
    assert pair_of(("ada", "king"), ("ada", "lovelace"), strict=True) == GroupOutcome()
    assert pair_of(("ada", None), ("ada", "lovelace"), strict=True).pairs == (("1", "2"),)


def test_a_stronger_key_tells_a_lonely_pair_apart() -> None:
    group = [Candidate(OURS, "1", (), ("a",)), Candidate(THEIRS, "2", (), ("b",))]
    assert match_group(group) == GroupOutcome()


def test_a_crowd_is_matched_by_what_tells_its_people_apart() -> None:
    group = [Candidate(s, s.value[0] + name, (name,)) for s in Side for name in ("ada", "bob", "eve")]
    assert match_group(group).pairs == (("cada", "kada"), ("cbob", "kbob"), ("ceve", "keve"))
    assert match_group(group).unmatched == ()


def test_records_are_listed_in_the_order_of_their_numbers() -> None:
    outcome = match_group([Candidate(OURS, id) for id in ("10", "9", "2")])
    assert [u.id for u in outcome.unmatched] == ["2", "9", "10"]
    assert outcome.unmatched[0].candidates == ((OURS, "9"), (OURS, "10"))
    assert {u.reason for u in outcome.unmatched} == {"duplicate within Customcrm"}


@pytest.mark.parametrize("side", Side)
def test_one_that_could_be_a_linked_record_is_left_alone(side: Side) -> None:
    group = [Candidate(side, "1", linked=True), Candidate(OURS, "2"), Candidate(THEIRS, "3")]
    outcome = match_group(group)
    assert outcome.pairs == ()
    assert [(u.id, u.candidates) for u in outcome.unmatched] == [("2", ((side, "1"),)), ("3", ((side, "1"),))]


def test_records_of_one_group_have_as_many_values() -> None:
    for strict in (False, True):
        with pytest.raises(ValueError, match="zip"):
            pair_of(("a",), ("a", "b"), strict=strict)
    with pytest.raises(ValueError, match="zip"):
        match_group([Candidate(OURS, "1", ("a",)), Candidate(OURS, "2", ("a", "b"))])


def test_candidates_need_an_identity_only() -> None:
    assert Candidate(OURS, "1") == Candidate(OURS, "1", (), (), linked=False)
    assert match_group([Candidate(OURS, "1", ("a", "b")), Candidate(THEIRS, "2", ("a", "c"))]).pairs == (("1", "2"),)
    assert match_group([]) == GroupOutcome((), ())


KEYS = st.builds(RecordKey, st.sampled_from((0, 1)), st.sampled_from("xy"), st.just((None,)), st.just((None,)))
MANY = st.dictionaries(
    st.tuples(st.sampled_from(Side), st.sampled_from(("1", "2", "3"))), st.lists(KEYS, max_size=2), max_size=6
)


@LAWS
@given(MANY, st.tuples(STRICT, STRICT), st.randoms(use_true_random=False))
def test_what_appeared_is_linked_one_to_one_and_by_a_key_of_both(
    keys: dict[tuple[Side, str], list[RecordKey]], strict: tuple[bool, bool], random: Any
) -> None:
    found = match_appeared(keys, strict)
    told = [(record.side, record.id) for _, record in found.unmatched]
    linked = [(side, id) for _, pair in found.pairs for side, id in zip(Side, pair, strict=True)]
    assert max(Counter([*told, *linked]).values(), default=1) == 1
    for rank, (ours, theirs) in found.pairs:
        shared = [{k.key for k in keys[name] if k.rank == rank} for name in ((OURS, ours), (THEIRS, theirs))]
        assert shared[0] & shared[1]
    for name, its in keys.items():  # nobody is free who shares a key with somebody free on the other side
        for other, theirs_keys in keys.items():
            if other[0] is not name[0] and {name, other}.isdisjoint([*told, *linked]):
                assert not {(k.rank, k.key) for k in its} & {(k.rank, k.key) for k in theirs_keys}
    shuffled = list(keys.items())
    random.shuffle(shuffled)
    assert match_appeared(dict(shuffled), strict) == found


# --- several keys of one rank ---------------------------------------------------------------------------------------


def known_by(side: Side, id: str, *keys: str, apart: tuple[str | None, ...] = ("ada",), **options: Any) -> Candidate:
    """A record with these keys, the main one first; `a=A` is the key `a`, spelt `A`."""
    spelt = dict((*key.split("="), None)[:2] for key in keys)
    return Candidate(side, id, apart, keys=spelt, main=next(iter(spelt)), **options)


def test_any_key_of_one_and_any_of_the_other_make_a_pair() -> None:
    assert match_all([known_by(OURS, "1", "home"), known_by(THEIRS, "2", "work", "home")]).pairs == (("1", "2"),)
    assert match_all([known_by(OURS, "1", "work"), known_by(THEIRS, "2", "home")]) == GroupOutcome()


def test_those_that_are_spelt_alike_find_each_other_first() -> None:
    small, large = ([known_by(side, id, f"a1={id}") for side in Side] for id in ("a1", "A1"))
    found = match_all([*small, *large])
    assert sorted(found.pairs) == [("A1", "A1"), ("a1", "a1")]
    assert found.unmatched == ()
    found = match_all([*small, large[0]])
    assert found.pairs == (("a1", "a1"),)
    assert [(u.id, u.reason) for u in found.unmatched] == [("A1", "could be a record that is linked already")]
    assert match_all([small[0], large[1]]).pairs == (("a1", "A1"),), "another spelling is no other record"


def test_the_main_key_comes_before_the_others() -> None:
    families = [known_by(side, id, id, "home", apart=(None,)) for side in Side for id in ("ada", "bob")]
    assert sorted(match_all(families).pairs) == [("ada", "ada"), ("bob", "bob")]


def test_one_that_two_keys_lead_to_others_is_linked_to_none_of_them() -> None:
    found = match_all(
        [known_by(OURS, "1", "x", "y"), known_by(THEIRS, "2", "z", "x"), known_by(THEIRS, "3", "z2", "y")]
    )
    assert found.pairs == ()
    assert {(u.side, u.id) for u in found.unmatched} == {(OURS, "1"), (THEIRS, "2"), (THEIRS, "3")}


def test_who_shares_an_address_with_a_pair_and_is_another_person_is_free() -> None:
    pair = [known_by(side, "ada", "ada", "home") for side in Side]
    found = match_all([*pair, known_by(THEIRS, "bob", "bob", "home", apart=("bob",))])
    assert (found.pairs, found.unmatched) == ((("ada", "ada"),), ())


def test_the_key_of_a_crowd_counts_for_nobody() -> None:
    crowd = [known_by(side, str(n), str(n), "office", apart=(None,)) for side in Side for n in range(101)]
    assert len(match_all(crowd).pairs) == 101
    lost = known_by(OURS, "lost", "office", apart=(None,))
    found = match_all([*crowd, lost])
    assert [(u.id, u.reason) for u in found.unmatched] == [("lost", "203 records share it")]


def test_who_is_known_by_the_key_of_a_crowd_alone_is_told() -> None:
    pair = [attrs.evolve(known_by(side, "ada", "ada"), crowd=500) for side in Side]
    lost = attrs.evolve(known_by(OURS, "lost", "office"), keys={}, crowd=500)
    found = match_all([*pair, lost])
    assert found.pairs == (("ada", "ada"),)
    assert [(u.id, u.reason) for u in found.unmatched] == [("lost", "500 records share it")]
    assert near_misses([attrs.evolve(one, apart=(None,)) for one in pair]) == ()


def test_without_the_groups_of_some() -> None:
    chain = [known_by(OURS, "1", "a"), known_by(THEIRS, "2", "a", "b"), known_by(OURS, "3", "b", "c")]
    others = [known_by(THEIRS, "4", "d"), known_by(OURS, "5", "d")]
    assert without_groups_of([*chain, *others], {(OURS, "3")}) == others
    assert without_groups_of([*chain, *others], set()) == [*chain, *others]
    taken = [attrs.evolve(one, linked=True) for one in chain]
    assert without_groups_of([*taken, *others], {(OURS, "3")}) == [*taken, *others]


@pytest.mark.parametrize(
    ("theirs", "same"),
    [("mail\x1ehome", True), ("home", True), ("other\x1ethird", False), ("work home", False), ("at home", False)],
)
def test_stronger_keys_tell_apart_where_none_is_shared(theirs: str, same: bool) -> None:
    for mine, other in ((OURS, THEIRS), (THEIRS, OURS)):
        found = match_group([Candidate(mine, "1", (), ("work\x1ehome",)), Candidate(other, "2", (), (theirs,))])
        assert bool(found.pairs) is same


def test_a_lonely_pair_is_judged_as_one_beside_records_of_several_keys() -> None:
    lonely = [known_by(OURS, "1", "x", apart=("ada", "u")), known_by(THEIRS, "2", "x", apart=("ada", "v"))]
    others = [known_by(side, "5", "y", "z", apart=("bob", None)) for side in Side]
    assert set(match_all([*lonely, *others]).pairs) == {("1", "2"), ("5", "5")}


SEVERAL = st.builds(
    lambda side, its, keys, apart: known_by(side, its, *keys, apart=(apart,)),
    st.sampled_from(Side),
    st.sampled_from(("1", "2", "3")),
    st.lists(st.sampled_from(("x=x", "x=X", "y", "z")), min_size=1, max_size=3, unique_by=lambda key: key[0]),
    st.sampled_from((None, "ada", "bob")),
)


@LAWS
@given(st.lists(SEVERAL, max_size=6, unique_by=lambda c: c.name), STRICT, st.randoms(use_true_random=False))
def test_with_several_keys_too_it_is_one_to_one_and_in_any_order(
    candidates: list[Candidate], strict: bool, random: Any
) -> None:
    found = match_all(candidates, strict=strict)
    by_name = {c.name: c for c in candidates}
    told = {(u.side, u.id) for u in found.unmatched}
    linked = [(side, id) for pair in found.pairs for side, id in zip(Side, pair, strict=True)]
    assert max(Counter([*told, *linked]).values(), default=1) == 1
    for ours, theirs in found.pairs:
        assert by_name[OURS, ours].keys.keys() & by_name[THEIRS, theirs].keys.keys()
    for c in candidates:  # nobody is free who could be somebody who is free on the other side
        for o in candidates:
            if c.side is not o.side and c.keys.keys() & o.keys.keys() and {c.name, o.name}.isdisjoint([*told, *linked]):
                assert told_apart(c, o)
    shuffled = list(candidates)
    random.shuffle(shuffled)
    again = match_all(shuffled, strict=strict)
    assert set(again.pairs) == set(found.pairs)
    assert {(u.side, u.id, u.reason) for u in again.unmatched} == {(u.side, u.id, u.reason) for u in found.unmatched}


@LAWS
@given(st.lists(SEVERAL, max_size=8, unique_by=lambda c: c.name), STRICT, st.randoms(use_true_random=False))
def test_keys_that_a_crowd_shares_count_for_nobody_in_any_order(
    candidates: list[Candidate], strict: bool, random: Any
) -> None:
    """Neither the order of records nor that of the keys of each decides anything."""

    def turned(candidate: Candidate) -> Candidate:
        keys = list(candidate.keys.items())
        random.shuffle(keys)
        return attrs.evolve(candidate, keys=dict(keys))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(match, "CROWD", 2)
        found = match_all(candidates, strict=strict)
        shuffled = list(map(turned, candidates))
        random.shuffle(shuffled)
        again = match_all(shuffled, strict=strict)
    assert set(again.pairs) == set(found.pairs)
    told = [{(u.side, u.id, u.reason, frozenset(u.candidates)) for u in each.unmatched} for each in (found, again)]
    assert told[0] == told[1]
    sharers = Counter(key for c in candidates for key in c.keys)
    by_name = {c.name: c for c in candidates}
    for ours, theirs in found.pairs:
        shared = by_name[OURS, ours].keys.keys() & by_name[THEIRS, theirs].keys.keys()
        assert any(sharers[key] <= 2 for key in shared)


# --- near to records that are linked ----------------------------------------------------------------------------------

NEARS = st.lists(
    st.builds(
        lambda rank, key, apart, unless: RecordKey(rank, key, (apart,), (unless,)),
        st.integers(1, 2),
        st.sampled_from("pq"),
        st.sampled_from([None, "ada", "bob"]),
        st.sampled_from([None, "x", "y"]),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda key: key.rank,
)
NEW = st.dictionaries(st.tuples(st.sampled_from(Side), st.sampled_from("12")), NEARS, max_size=3)
LINKED = st.lists(
    st.builds(
        lambda rank, number, side, key, apart, unless: (
            rank,
            Candidate(side, f"l{number}", (apart,), (unless,), linked=True, keys={key: None}, main=key),
        ),
        st.integers(1, 2),
        st.integers(0, 2),
        st.sampled_from(Side),
        st.sampled_from("pq"),
        st.sampled_from([None, "ada", "bob"]),
        st.sampled_from([None, "x", "y"]),
    ),
    max_size=5,
    unique_by=lambda item: (item[0], item[1].name),
)


@LAWS
@given(NEW, LINKED, st.randoms(use_true_random=False))
def test_who_is_near_to_linked_records_is_told_with_all_of_the_first_key(
    new: dict[tuple[Side, str], list[RecordKey]], linked: list[tuple[int, Candidate]], random: Any
) -> None:
    found = {(u.side, u.id): (rank, u.candidates) for rank, u in near_linked(new, linked)}
    for name, keys in new.items():
        near = {
            key.rank: {
                c.name
                for rank, c in linked
                if rank == key.rank
                and key.key in c.keys
                and not any(
                    x and y and x != y for x, y in zip(key.stronger + key.apart, c.stronger + c.apart, strict=True)
                )
            }
            for key in keys
        }
        ranks = sorted(rank for rank, some in near.items() if some)
        assert (name in found) == bool(ranks)
        if ranks:
            rank, candidates = found[name]
            assert (rank, set(candidates)) == (ranks[0], near[ranks[0]])
    items = list(new.items())
    random.shuffle(items)
    random.shuffle(linked)
    assert near_linked(dict(items), linked) == near_linked(new, linked)
