"""Lists, page by page."""

from __future__ import annotations

import asyncio

import pytest

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow, blocking
from keapbridge._io.calls import Malformed, Page
from keapbridge._io.listing import items, items_async
from keapbridge.errors import ShapeError


def _pages(fetched: list[int], malformed: tuple[Malformed, ...] = ()) -> Flow[Page[str]]:
    def page(n: int) -> Flow[Page[str]]:
        yield from blocking("fetch", fetched.append, n)
        return Page((f"{n}a", f"{n}b"), malformed if n == 1 else (), next=(lambda: page(n + 1)) if n < 3 else None)

    return page(1)


def test_pages_are_fetched_as_they_are_needed() -> None:
    fetched: list[int] = []
    listed = items(SyncDriver(), _pages(fetched))
    assert fetched == []
    assert [next(listed), next(listed)] == ["1a", "1b"]
    assert fetched == [1]
    assert list(listed) == ["2a", "2b", "3a", "3b"]


def test_pages_are_fetched_as_they_are_needed_on_a_loop() -> None:
    async def scenario() -> None:
        fetched: list[int] = []
        listed = items_async(AsyncDriver(), _pages(fetched))
        assert fetched == []
        assert [await anext(listed), await anext(listed)] == ["1a", "1b"]
        assert fetched == [1]
        assert [item async for item in listed] == ["2a", "2b", "3a", "3b"]

    asyncio.run(scenario())


def test_a_record_that_cannot_be_read_is_raised_after_its_neighbours() -> None:
    error = ShapeError("wrong", paths=["$.contacts[1].id"])
    listed = items(SyncDriver(), _pages([], (Malformed("7", error),)))
    assert [next(listed), next(listed)] == ["1a", "1b"]
    with pytest.raises(ShapeError) as caught:
        next(listed)
    assert caught.value.paths == ("$.contacts[1].id",)
