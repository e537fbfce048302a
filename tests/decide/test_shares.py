"""A shared quota: never more than there is, all of it where it is wanted, and by weight."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.shares import DAY, LONGEST, Quota, Stretch, Wish, stretched

FIVE = timedelta(minutes=5)
LEAST = 1 / LONGEST.total_seconds()

wishes = st.lists(
    st.builds(
        Wish,
        st.timedeltas(timedelta(seconds=1), timedelta(days=7)),
        st.floats(0.001, 1000),
        st.integers(0, 1000),
    ),
    max_size=20,
)
quotas = st.builds(
    Quota,
    day=st.integers(1, 10**7),
    minute=st.none() | st.integers(1, 10**5),
    calls=st.integers(1, 20),
    reserve=st.floats(0, 0.95),
)


def rate(stretch: Stretch, wish: Wish) -> float:
    return 1 / stretch.every(wish.every, wish.weight).total_seconds()


@given(wishes, quotas)
@examples(400)
def test_nobody_gets_more_than_it_wishes_nor_all_more_than_there_is(several: list[Wish], quota: Quota) -> None:
    stretch = stretched(several, quota)
    used = math.fsum(rate(stretch, wish) * wish.tenants for wish in several)
    capped = math.fsum(wish.tenants for wish in several) * LEAST  # of those that nobody lets wait any longer
    assert used <= quota.syncs_per_second * (1 + 1e-6) + capped
    assert all(stretch.every(wish.every, wish.weight) >= wish.every for wish in several)
    if stretch.level is not None:
        # What there is, is used: nobody waits for nothing.
        assert used >= quota.syncs_per_second * (1 - 1e-6)


@given(wishes, quotas)
@examples(400)
def test_nobody_starves_and_the_weight_tells(several: list[Wish], quota: Quota) -> None:
    stretch = stretched(several, quota)
    if stretch.level is None:
        return
    for wish in several:
        assert rate(stretch, wish) == pytest.approx(max(LEAST, min(wish.rate, stretch.level * wish.weight)), rel=1e-3)


@given(wishes)
def test_without_a_quota_all_have_their_wish(several: list[Wish]) -> None:
    stretch = stretched(several, None)
    assert all(stretch.every(wish.every, wish.weight) == wish.every for wish in several)


def test_what_the_quota_of_an_oauth_client_means_is_told() -> None:
    few = stretched([Wish(FIVE, 1.0, 100)], Quota())
    assert str(few) == "every tenant is synced as often as it wishes"
    many = stretched([Wish(FIVE, 1.0, 1990), Wish(FIVE, 10.0, 10)], Quota())
    assert str(many) == (
        "576,000 syncs a day are wished, and the quota has room for 40,000: "
        "every is stretched to 1:15:14 for a weight of 1"
    )
    assert many.every(FIVE, 10.0) == many.every(FIVE, 1.0) / 10
    assert Quota().syncs_per_second * DAY == pytest.approx(40_000)
    assert Quota().at_once(timedelta(seconds=5)) == 33
    assert Quota(minute=1).at_once(timedelta(seconds=5)) == 1


@pytest.mark.parametrize("wrong", [{"day": 0}, {"minute": -1}, {"calls": 0}, {"reserve": 1.0}, {"reserve": 20}])
def test_a_quota_that_leaves_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="such as"):
        Quota(**wrong)  # type: ignore[arg-type]
