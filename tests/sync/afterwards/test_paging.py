"""Lists in parts: nothing is twice on them and nothing is left out, however large the parts are."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge.model.token import read_token, token_of
from keapbridge.sync.afterwards.paging import AFTER, at_most, behind, in_parts, part, positive

LISTS = {"toys": [1, 2, 3], "tools": [], "pens": [4], "pots": [5, 6]}


def some(sync: Any, place: Any, most: int | None) -> Flow[tuple[list[int], Any]]:
    yield from ()
    its = [number for number in LISTS[sync.name] if number > place[0]]
    found = its if most is None else its[:most]
    return found, (found[-1],) if len(found) < len(its) else None


@pytest.mark.parametrize("most", [None, 1, 2, 3, 4, 6, 7])
def test_the_parts_are_the_list(most: int | None) -> None:
    those: Any = [SimpleNamespace(name=name) for name in LISTS]
    found: list[int] = []
    name, place = None, (0,)
    for _ in range(20):
        page = SyncDriver().run(in_parts(those, name, place, (0,), some, most))
        assert most is None or len(page) <= most
        found += page
        if page.next is None:
            break
        name, *where = read_token(AFTER, page.next, (str, int))
        place = (where[0],)
    assert found == [1, 2, 3, 4, 5, 6]


def test_a_list_does_not_go_on_in_a_synchronization_that_is_no_more() -> None:
    those: Any = [SimpleNamespace(name=name) for name in LISTS]
    assert not SyncDriver().run(in_parts(those, "gone", (0,), (0,), some, 5))


def test_one_more_than_is_wanted_tells_that_there_are_more() -> None:
    assert part([1, 2], 2, lambda n: (n,)).next is None
    page = part([1, 2, 3], 2, lambda n: (n,))
    assert list(page) == [1, 2]
    assert read_token(AFTER, page.next or "", (int,)) == [2]


def test_where_a_list_of_the_newest_goes_on() -> None:
    assert behind(None) is None
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert behind(token_of(moment.isoformat(), "a")) == (moment, "a")
    for odd in ("no token", token_of("some day", "a"), token_of("0001-01-01T00:00:00+14:00", "a")):
        with pytest.raises(ValueError, match="after"):
            behind(odd)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "3", True])
def test_a_part_has_a_size(limit: Any) -> None:
    with pytest.raises(ValueError, match="from 1 on"):
        positive(limit)
    with pytest.raises(ValueError, match="from 1 on"):
        at_most(limit)
    assert at_most(None) is None
