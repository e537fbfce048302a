"""The laws of sweeps: what is counted, what is held, and that nothing else is. Pure and quick."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide import sweeps
from keapbridge.decide.merge import Merge
from keapbridge.decide.policy import Policy
from keapbridge.decide.sweeps import Count, Tally, is_loss, sweep, withhold
from keapbridge.model.change import Change
from keapbridge.model.records import Canonical, Link
from keapbridge.model.side import Side

LAWS = examples(100)
KEAP, CRM = Side.KEAP, Side.CUSTOMCRM
POLICY = Policy()
KNOWN = Link("1", "2", {"Title": "x", "Country": "x", "Region": "x"}, {"Title": "x", "Country": "x", "Region": "x"})
VALUES = st.none() | st.sampled_from(("a", "b", "c")) | st.integers(0, 3)


def counted(changes: list[Change], ordinary: frozenset[str] = frozenset(), link: Link = KNOWN) -> list[Count]:
    tally = Tally(ordinary, POLICY.sweep_from)
    for change in changes:
        tally.add(link, [change])
    [found] = tally.counts().values() or [[]]
    return found


def emptied(number: int) -> list[Change]:
    return [Change("Title", KEAP, f"was {n}", None) for n in range(number)]


def levelled(number: int, different: int) -> list[Change]:
    return [Change("Title", KEAP, f"was {n % different}", "one") for n in range(number)]


@pytest.mark.parametrize(
    ("changes", "holding", "is_held"),
    [
        (emptied(19), 19, False),  # a small table may be emptied
        (emptied(20), 20, True),
        (emptied(20), 99, True),
        (emptied(20), 100, False),  # a fifth is not more than a fifth
        (emptied(60), 60, True),
        (levelled(60, 60), 60, True),
        (levelled(60, 20), 60, True),
        (levelled(60, 19), 60, False),  # a status, of which there are few
        (levelled(19, 19), 19, False),
        (levelled(20, 20), 100, False),
        ([Change("Title", KEAP, f"was {n}", f"is {n}") for n in range(60)], 60, False),  # an honest update
        ([Change("Title", KEAP, f"was {n}", f"is {n % 4}") for n in range(60)], 60, False),  # fifteen of each
        ([Change("Title", KEAP, None, "one") for _ in range(60)], 60, False),  # what was empty is filled
    ],
)
def test_the_bounds_are_where_the_policy_has_them(changes: list[Change], holding: int, is_held: bool) -> None:
    assert (sweep(counted(changes), holding, POLICY) is not None) is is_held
    off = Policy(max_emptied_share=None, max_levelled_share=None)
    assert sweep(counted(changes), holding, off) is None
    wide = Policy(max_emptied_share=1.0, max_levelled_share=1.0)
    assert sweep(counted(changes), holding, wide) is None


def test_what_is_ordinary_may_become_one_value_and_may_not_be_emptied() -> None:
    ordinary = frozenset({"Title"})
    assert sweep(counted(levelled(60, 60), ordinary), 60, POLICY) is None
    assert sweep(counted(emptied(60), ordinary), 60, POLICY) == "60 of 60 values would be emptied within a day"


@pytest.mark.parametrize(
    "link", [Link("1", "2"), attrs.evolve(KNOWN, keap_base={}), attrs.evolve(KNOWN, customcrm_base={})]
)
def test_first_contact_is_no_loss(link: Link) -> None:
    assert not is_loss(emptied(1)[0], link)
    assert counted(levelled(60, 60), link=link) == []


@LAWS
@given(st.lists(st.tuples(VALUES, VALUES)))
def test_a_tally_counts_each_loss_once_in_any_order(pairs: list[tuple[Canonical, Canonical]]) -> None:
    changes = [Change("Title", KEAP, before, after) for before, after in pairs]
    found = {count.value: count for count in counted(changes)}
    assert found == {count.value: count for count in counted(changes[::-1])}
    lost = [change for change in changes if change.before is not None and change.before != change.after]
    assert sum(count.number for count in found.values()) == len(lost)
    for value, count in found.items():
        assert count.lost == {change.before for change in lost if change.after == value}


def test_a_tally_keeps_what_is_frequent_among_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "MANY", 10)
    changes = [Change("Title", KEAP, n, "one" if n % 3 == 0 else f"is {n}") for n in range(300)]
    found = {count.value: count for count in counted(changes)}
    assert len(found) <= 10
    assert 100 - 300 // 10 <= found["one"].number <= 100
    assert len(found["one"].lost) == POLICY.sweep_from, "no more are remembered than are asked for"


# --- withholding ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Rule:
    name: str
    follows: str | None = None

    def __getattr__(self, name: str) -> Any:  # pragma: no cover
        raise AssertionError(f"{name} was not to be asked for")


RULES: Any = (Rule("Title"), Rule("Country"), Rule("Region", "Country"))
FIELDS = ("Title", "Country", "Region")
CHANGES = st.lists(
    st.builds(Change, st.sampled_from(FIELDS), st.sampled_from(Side), VALUES, VALUES),
    unique_by=lambda change: (change.field, change.side),
).map(tuple)
PLACES = st.frozensets(st.tuples(st.sampled_from(FIELDS), st.sampled_from(Side)), max_size=3)


@LAWS
@given(CHANGES, PLACES)
def test_what_is_held_waits_with_what_goes_together_and_the_rest_flows(
    changes: tuple[Change, ...], places: frozenset[tuple[str, Side]]
) -> None:
    def held(field: str, side: Side) -> str | None:
        return "too many" if (field, side) in places else None

    left = withhold(Merge(changes=changes), KNOWN, held, RULES)
    changed = {(c.field, c.side) for c in changes}
    stopped = changed & places
    for _ in changed:
        stopped |= {
            (field, side)
            for field, side in changed
            if (field, side.other) in stopped
            or (
                (field, side) in {("Country", side), ("Region", side)}
                and {("Country", side), ("Region", side)} & stopped
            )
        }
    assert left.changes == tuple(c for c in changes if (c.field, c.side) not in stopped)
    assert {(h.field, h.side) for h in left.held} == {(c.field, c.side) for c in changes} - {
        (c.field, c.side) for c in left.changes
    }
    assert all(h.told for h in left.held)


def test_first_contact_is_not_held() -> None:
    changes = (Change("Title", KEAP, "a", "b"),)
    left = withhold(Merge(changes=changes), Link("1", "2"), lambda _field, _side: "too many", RULES)
    assert left.changes == changes
