"""Clients for an event loop read and write a declared API just as the others do, and ask for the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from said import Api, AsyncApi, Said

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge._io.calls import Page

RECORDS = {f"{n}": {"Id": f"{n}", "FirstName": f"n{n}"} for n in range(7)}
Do = Callable[[Any], Any]


def _pages(api: Any, contacts: Any, then: Callable[[], None] = lambda: None) -> tuple[list[str], bool]:
    page: Page[Any] | None = api.done(contacts.list())
    found: list[str] = []
    moved = False
    while page is not None:
        found += [record.id for record in page.items]
        moved = page.moved
        then()
        page = api.done(page.next()) if page.next else None
    return found, moved


def _both(do: Callable[[Any, Any], Any], say: Callable[[], Callable[..., Said]], **declared: Any) -> Any:
    """What both clients make of an API, which is the same."""
    schema = kb.CustomcrmSchema(**{"envelope": crm.Envelope(items="data", record="data"), **declared})
    clients = [
        (Api(say()), kb.CustomcrmClient("http://crm.test", schema=schema)),
        (AsyncApi(say()), kb.AsyncCustomcrmClient("http://crm.test", schema=schema)),
    ]
    found: list[Any] = []
    for api, client in clients:
        try:
            outcome = do(api, client.contacts.flows)
        except kb.ApiError as error:
            outcome = (type(error), str(error))
        found.append((outcome, sorted(f"{call.method} {call.path} {call.query}" for call in api.asked)))
    assert found[0] == found[1]
    return found[1]


def _cursor(name: str) -> Callable[..., Said]:
    def say(_: str, __: str, query: dict[str, str], ___: Any) -> Said:
        start, size = int(query.get("cursor", 0)), min(3, int(query.get("limit", 3)))
        shown = list(RECORDS.values())[start : start + size]
        return 200, {"data": shown, "meta": {name: str(start + size)} if start + size < len(RECORDS) else {}}

    return say


def test_a_list_is_read_to_its_end_or_refused() -> None:
    paging = crm.CursorPaging(following="meta.next", most=3)
    (ids, moved), _ = _both(_pages, lambda: _cursor("next"), paging=paging)
    assert ids == list(RECORDS)
    assert not moved
    (kind, said), asked = _both(_pages, lambda: _cursor("nxet"), paging=paging)
    assert kind is kb.ShapeError
    assert "is 'meta.nxet' meant?" in said
    assert len(asked) == 2


def test_a_page_that_comes_twice_is_an_error_and_a_total_that_differs_says_that_the_list_moved() -> None:
    same = list(RECORDS.values())[:3]
    (kind, said), _ = _both(_pages, lambda: lambda *_: (200, {"data": same}), paging=crm.PagePaging(parameter="p"))
    assert kind is kb.ShapeError
    assert "turns no page" in said
    (ids, moved), _ = _both(
        _pages,
        lambda: lambda *said: (200, {"data": same if said[2].get("p", "1") == "1" else [], "total": 5}),
        paging=crm.PagePaging(parameter="p", total="total", most=3),
    )
    assert ids == ["0", "1", "2"]
    assert moved


def test_a_batch_that_is_ignored_or_answered_by_half_takes_nobody_for_another() -> None:
    def ignoring(method: str, path: str, *_: Any) -> Said:
        if path == "/contacts":
            return 200, {"data": list(RECORDS.values())[:3]}
        id = path.rpartition("/")[2]
        return (200, {"data": RECORDS[id]}) if id in RECORDS else (403, {})

    def do(api: Any, contacts: Any) -> list[str]:
        return sorted(record.id for record in api.done(contacts.get_many(["1", "6", "77"])))

    declared: dict[str, Any] = {"version": None, "conditional": False, "gone": (403, 404)}
    ids, asked = _both(do, lambda: ignoring, **declared)
    assert ids == ["1", "6"]
    assert len(asked) == 3
    assert _both(do, lambda: ignoring, **declared, batch=None)[0] == ["1", "6"]


@pytest.mark.parametrize("said", [(403, {}), (404, {}), (200, {"data": None})], ids=str)
def test_what_is_gone_is_not_found(said: Said) -> None:
    (kind, _), _ = _both(lambda api, c: api.done(c.get("9")), lambda: lambda *_: said, gone=(403, 404))
    assert kind is kb.NotFoundError


@pytest.mark.parametrize("said", [(204, None), (200, None)], ids=str)
def test_a_write_that_shows_nothing_is_read_again(said: Said) -> None:
    def say(method: str, *_: Any) -> Said:
        if method == "POST":
            return 204, None, {"location": "/contacts/1"}
        return said if method in {"PATCH", "DELETE"} else (200, {"data": RECORDS["1"]})

    def do(api: Any, contacts: Any) -> list[Any]:
        made = api.done(contacts.create(crm.Contact(first_name="Ada")))
        changed = api.done(contacts.update("1", {"first_name": "Ada"}))
        return [made.id, changed.first_name, api.done(contacts.delete("1"))]

    found, asked = _both(do, lambda: say)
    assert found == ["1", "n1", None]
    assert [line.split()[0] for line in asked] == ["DELETE", "GET", "GET", "PATCH", "POST"]
