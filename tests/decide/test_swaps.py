"""The laws of giving way: everyone once, nobody before who holds its value, and rings as a whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.swaps import Wish, in_turn


@st.composite
def _wishes(draw: st.DrawFn) -> list[Wish]:
    """Some records, each of which gives up a value of its own for one that another one holds, or nobody."""
    number = draw(st.integers(0, 7))
    wanted = draw(st.lists(st.integers(0, 9), min_size=number, max_size=number, unique=True))
    made = [Wish(str(n), "Email", n, after) for n, after in enumerate(wanted) if after != n]
    return draw(st.permutations(made))


@examples(200)
@given(_wishes())
def test_everyone_comes_once_and_finds_its_value_given_up(wishes: list[Wish]) -> None:
    steps = in_turn(wishes)
    assert sorted(w.record for step in steps for w in step) == sorted(w.record for w in wishes)
    held = {w.before for w in wishes}
    for step in steps:
        held -= {w.before for w in step}
        assert not held & {w.after for w in step}
        held |= {w.after for w in step}
        if len(step) > 1:
            assert {w.before for w in step} == {w.after for w in step}


def test_two_that_swap_are_one_step_and_another_place_is_no_matter() -> None:
    ada, bob = Wish("1", "Email", "a", "b"), Wish("2", "Email", "b", "a")
    other = Wish("3", "Sku", "a", "b")
    assert in_turn([ada, other, bob]) == [(ada, bob), (other,)]
    assert in_turn([]) == []
