"""Bounds as values, and lists that never end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Effect, Send
from keapbridge._io.bounds import Bounds, Listing
from keapbridge._io.listing import items
from keapbridge.customcrm.adapted import resources
from keapbridge.customcrm.adapter import AdapterPage
from keapbridge.testing import KeapEmulator


@pytest.mark.parametrize("name", ["answer_bytes", "pages", "empty_pages", "call_seconds", "wait_seconds"])
@pytest.mark.parametrize("value", [0, -1, math.nan, True, "9", None])
def test_a_bound_is_more_than_nothing(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Bounds(**{name: value})


def test_nothing_is_waited_for_longer_than_a_day() -> None:
    with pytest.raises(ValueError, match="at most a day"):
        Bounds(wait_seconds=86_401)
    with pytest.raises(ValueError, match="whole number"):
        Bounds(pages=1.5)  # type: ignore[arg-type]


def test_a_page_that_is_asked_for_again_is_no_circle() -> None:
    listing = Listing(Bounds())
    for _ in range(2):
        listing.onward(1, "b")
        listing.onward(2, "c")
    for _ in range(3):
        listing.onward(3, None)  # a counted page names nothing
    with pytest.raises(kb.ShapeError, match="leads back"):
        listing.onward(3, "b")


def test_a_list_has_so_many_pages_at_most() -> None:
    listing = Listing(Bounds(pages=3))
    listing.onward(2, "c")
    with pytest.raises(kb.BoundError, match=r"after 3 pages.*Bounds\(pages=…\)") as caught:
        listing.onward(3, "d")
    assert caught.value.bound == "pages"


def test_a_list_has_so_many_empty_pages_in_a_row_at_most() -> None:
    listing = Listing(Bounds(empty_pages=2))
    listing.onward(1, "b", empty=True)
    listing.onward(2, "c")
    for _ in range(3):  # the same page, asked for again
        listing.onward(3, "d", empty=True)
    with pytest.raises(kb.BoundError, match=r"after 2 empty pages.*Bounds\(empty_pages=…\)") as caught:
        listing.onward(4, "e", empty=True)
    assert caught.value.bound == "empty_pages"


class Endless(SyncDriver):
    """Has Keap name another next page, or the same few again and again."""

    def __init__(self, tokens: Iterator[str], empty_from: int = 1000) -> None:
        super().__init__()
        self.tokens, self.empty_from, self.calls = tokens, empty_from, 0

    def perform(self, effect: Effect) -> Any:
        if not isinstance(effect, Send):
            return super().perform(effect)
        self.calls += 1
        query = tuple(pair for pair in effect.call.query if pair[0] != "page_token")
        from attrs import evolve

        answer = effect.port.exchange(evolve(effect.call, query=query))
        if self.calls > self.empty_from:
            answer = evolve(answer, body=b'{"contacts": []}')
        return evolve(answer, body=answer.body.rstrip()[:-1] + f', "next_page_token": "{next(self.tokens)}"}}'.encode())


@pytest.mark.parametrize(("tokens", "calls"), [("a", 2), ("ab", 3), ("abcb", 4)])
def test_a_list_that_leads_in_a_circle_is_an_error_at_once(tokens: str, calls: int) -> None:
    with KeapEmulator() as server, kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap:
        server.state.products.add({"name": "Bike", "price": 1, "short_description": "b"})
        driver = Endless(tokens[n % len(tokens)] for n in range(100))
        with pytest.raises(kb.ShapeError, match="never end") as caught:
            list(items(driver, keap.products.flows.list()))
        assert (driver.calls, caught.value.method) == (calls, "GET")


def test_a_list_that_always_names_another_page_ends_at_the_bound() -> None:
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, bounds=kb.Bounds(pages=4)) as keap,
    ):
        driver = Endless(map(str, range(100)))
        with pytest.raises(kb.BoundError) as caught:
            list(items(driver, keap.contacts.flows.list()))
        assert (driver.calls, caught.value.bound, caught.value.method) == (4, "pages", "GET")


@pytest.mark.parametrize("there", [0, 2])
def test_a_list_that_shows_nothing_more_and_never_ends_is_an_error_long_before_that(there: int) -> None:
    bounds = kb.Bounds(empty_pages=3)
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, bounds=bounds) as keap,
    ):
        server.state.contacts.add_many({"given_name": f"N{n}"} for n in range(there))
        driver = Endless(map(str, range(100)), empty_from=1)
        with pytest.raises(kb.BoundError) as caught:
            list(items(driver, keap.contacts.flows.list()))
        assert (driver.calls, caught.value.bound) == (3 + bool(there), "empty_pages")


def test_an_adapter_that_leads_in_a_circle_is_told_so() -> None:
    class Circle:
        capabilities = kb.AdapterCapabilities()
        calls = 0

        def list_changes(self, object: str, since: Any, cursor: str | None) -> AdapterPage:
            self.calls += 1
            return AdapterPage(records=[], cursor={None: "a", "a": "b", "b": "a"}[cursor])

        def get_many(self, *args: Any) -> Any: ...
        def create(self, *args: Any) -> Any: ...
        def update(self, *args: Any) -> Any: ...
        def delete(self, *args: Any) -> Any: ...

    adapter = Circle()
    contacts: Any = resources(adapter)["contacts"]
    with pytest.raises(kb.ShapeError, match="never end"):
        list(items(SyncDriver(), contacts.list()))
    assert adapter.calls == 3
