"""Lists, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow, blocking
from keapbridge._io.calls import PART, Malformed, Page, Unread
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


def test_records_are_read_as_they_are_asked_for_and_the_first_error_comes_last() -> None:
    read: list[int] = []

    def decode(texts: Sequence[str], positions: Sequence[int]) -> tuple[tuple[str, ...], tuple[Malformed, ...]]:
        read.extend(positions)
        wrong = {n: Malformed(None, ShapeError(f"{n} is wrong", paths=["$"])) for n in positions if n in {3, 40}}
        return tuple(text for n, text in zip(positions, texts, strict=True) if n not in wrong), tuple(wrong.values())

    def page() -> Flow[Page[str]]:
        yield from ()
        return Page(unread=Unread((None,) * 50, tuple(map(str, range(50))), range(50), (), decode))

    listed = items(SyncDriver(), page())
    assert next(listed) == "0"
    assert read == list(range(PART))
    others = [next(listed) for _ in range(47)]
    assert others == [str(n) for n in range(1, 50) if n not in {3, 40}]
    assert read == list(range(50)), "each once"
    with pytest.raises(ShapeError, match=r"^3 is wrong"):
        next(listed)
