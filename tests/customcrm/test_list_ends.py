"""Lists prove their end: what a host has misspelt, and what a server ignores, is not taken for all there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from said import Api, Said

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge._io.calls import Page

RECORDS = [{"Id": f"{n}", "FirstName": f"n{n}"} for n in range(7)]


def _of(paging: Any, say: Callable[..., Said]) -> tuple[Api, Callable[[], list[str]], Callable[[], bool]]:
    """The API, what lists it, and what tells whether the last list has moved."""
    schema = kb.CustomcrmSchema(paging=paging, envelope=crm.Envelope(items="data"), changed_since=None)
    api = Api(say)
    client = kb.CustomcrmClient("http://crm.test", schema=schema)
    last: list[Page[Any]] = []

    def pages() -> Iterator[Page[Any]]:
        page: Page[Any] | None = api.run(client.contacts.flows.list())
        while page is not None:
            last[:] = [page]
            yield page
            page = api.run(page.next()) if page.next else None

    return api, lambda: [record.id for page in pages() for record in page.items], lambda: last[0].moved


def _cursor(
    cap: int, name: str = "next", *, says_end: bool = False, records: list[dict[str, Any]] = RECORDS
) -> Callable[..., Said]:
    def say(_: str, __: str, query: dict[str, str], ___: Any) -> Said:
        start, size = int(query.get("cursor", 0)), min(cap, int(query.get("limit", cap)))
        more = start + size < len(records)
        told: dict[str, Any] = {name: str(start + size)} if more else {name: None} if says_end else {}
        return 200, {"data": records[start : start + size], "meta": told}

    return say


@pytest.mark.parametrize(("cap", "asked"), [(3, 1), (4, 1), (7, 2)])
def test_a_misspelt_name_of_the_next_page_is_refused_however_long_pages_are(cap: int, asked: int) -> None:
    api, ids, _ = _of(crm.CursorPaging(following="meta.nxet"), _cursor(cap))
    with pytest.raises(kb.ShapeError, match=r"no 'meta\.nxet'; is 'meta\.next' meant\?"):
        ids()
    assert len(api.asked) == asked


def test_a_list_that_leaves_the_name_out_at_its_end_is_asked_once_more_and_never_again() -> None:
    api, ids, _ = _of(crm.CursorPaging(following="meta.next", most=7), _cursor(7))
    assert len(ids()) == 7
    assert [dict(call.query)["limit"] for call in api.asked] == ["7", "3"]
    assert len(ids()) == 7
    assert len(api.asked) == 3


def test_a_list_that_says_that_it_ends_is_not_asked_again() -> None:
    api, ids, _ = _of(crm.CursorPaging(following="meta.next"), _cursor(7, says_end=True))
    assert len(ids()) == 7
    assert len(api.asked) == 1


@pytest.mark.parametrize(("most", "refused"), [(7, True), (100, False)])
def test_a_server_that_ignores_the_size_is_refused_only_where_its_page_is_full(most: int, refused: bool) -> None:
    api, ids, _ = _of(crm.CursorPaging(following="meta.nxet", most=most), lambda *_: (200, {"data": RECORDS}))
    if refused:
        with pytest.raises(kb.ShapeError, match="paging=None"):
            ids()
    else:
        assert len(ids()) == 7
        assert len(ids()) == 7
    assert len(api.asked) == (2 if refused else 3)


def test_a_link_header_that_never_comes() -> None:
    def say(_: str, __: str, query: dict[str, str], ___: Any) -> Said:
        return 200, {"data": RECORDS[: int(query["per_page"])]}

    _, ids, _ = _of(crm.LinkPaging(most=4), say)
    with pytest.raises(kb.ShapeError, match="no Link header"):
        ids()


@pytest.mark.parametrize(
    "paging",
    [crm.PagePaging(total="count"), crm.PagePaging(pages="pages"), crm.OffsetPaging(total="count", size="per_page")],
    ids=["total of pages", "pages", "total of offsets"],
)
def test_a_total_that_counts_the_page_is_refused(paging: Any) -> None:
    def say(_: str, __: str, query: dict[str, str], ___: Any) -> Said:
        shown = RECORDS[: min(3, int(query["per_page"]))]
        return 200, {"data": shown, "count": len(shown), "pages": 1}

    _, ids, _ = _of(paging, say)
    with pytest.raises(kb.ShapeError, match="does not say where it goes on"):
        ids()


@pytest.mark.parametrize("paging", [crm.PagePaging(), crm.OffsetPaging()], ids=["page", "offset"])
def test_a_parameter_that_turns_no_page_is_an_error(paging: Any) -> None:
    api, ids, _ = _of(paging, lambda *_: (200, {"data": RECORDS}))
    with pytest.raises(kb.ShapeError, match="turns no page"):
        ids()
    assert len(api.asked) < 7


def test_page_numbers_that_begin_anew_behind_the_last_one_are_an_error() -> None:
    def say(_: str, __: str, query: dict[str, str], ___: Any) -> Said:
        page = (int(query.get("page", 1)) - 1) % 3
        return 200, {"data": RECORDS[page * 3 : page * 3 + 3]}

    _, ids, _ = _of(crm.PagePaging(), say)
    with pytest.raises(kb.ShapeError, match="turns no page"):
        ids()


def test_a_whole_page_that_comes_twice_is_an_error() -> None:
    def say(_: str, __: str, query: dict[str, str], ___: Any) -> Said:
        number = int(query.get("cursor", 0))
        return 200, {"data": RECORDS[:3], "meta": {"next": str(number + 1)}}

    api, ids, _ = _of(crm.CursorPaging(following="meta.next"), say)
    with pytest.raises(kb.ShapeError, match="shown before"):
        ids()
    assert len(api.asked) == 2


def test_one_record_that_comes_twice_says_that_the_list_moved() -> None:
    records = [*RECORDS[:4], RECORDS[0], *RECORDS[4:]]
    _, ids, moved = _of(crm.CursorPaging(following="meta.next"), _cursor(3, records=records))
    assert set(ids()) == {record["Id"] for record in RECORDS}
    assert moved()


@pytest.mark.parametrize(("totals", "is_moved"), [((7, 7, 8, 7), False), ((8, 8, 8, 8), True), ((7, 7, 7), False)])
def test_a_total_that_still_differs_says_that_the_list_moved(totals: tuple[int, ...], is_moved: bool) -> None:
    told = chain(totals, repeat(totals[-1]))

    def say(_: str, __: str, query: dict[str, str], ___: Any) -> Said:
        start = 4 * (int(query.get("page", 1)) - 1)
        return 200, {"data": RECORDS[start : start + 4], "total": next(told)}

    _, ids, moved = _of(crm.PagePaging(total="total", most=4), say)
    assert len(ids()) == 7
    assert moved() is is_moved
