"""Whether an answer with a list says where the list goes on, by what is declared. Pure.

A list that ends where there is more would be taken for all there is: the rest would be made once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from keapbridge._io.calls import Answer
from keapbridge.customcrm.endpoints.endpoint import Endpoint
from keapbridge.customcrm.endpoints.places import count_of, told_total
from keapbridge.customcrm.paths import has
from keapbridge.customcrm.schema import CursorPaging, LinkPaging, NextUrlPaging, OffsetPaging, PagePaging
from keapbridge.errors import ShapeError
from keapbridge.model.meant import is_meant

__all__ = ["is_told", "refuse_another_way", "says_where"]

DEPTH = 3  # of objects around a list whose names are looked at
_ONWARD = re.compile(
    r"(^|[._@])(next\w*|offset|cursor|after|continuation\w*|\w*page_?token|has_?more\w*|more_\w+)$", re.IGNORECASE
)


def says_where(endpoint: Endpoint[Any], body: Any, answer: Answer, ids: Sequence[str | None]) -> bool:
    """Whether the end of a list is in the answer with its first page, and not only the lack of a word."""
    match endpoint.schema.paging:
        case CursorPaging(following=name) | NextUrlPaging(following=name):
            return has(body, name)
        case LinkPaging():
            return "link" in answer.headers
        case OffsetPaging() | PagePaging() as paging if paging.more is not None and has(body, paging.more):
            return True
        case OffsetPaging() as paging:
            total = told_total(paging, body, answer)
            return not ids or total is None or total > len(ids)
        case PagePaging(pages=pages) as paging:
            return not ids or (told_total(paging, body, answer) is None and pages is None)
        case None:
            return True


def refuse_another_way(endpoint: Endpoint[Any], body: Any) -> None:
    """Refuse a first page that ends a list by what is declared, and names in other words where it goes on.

    Raises:
        ShapeError: naming the words.
    """
    paging = endpoint.schema.paging
    match paging:
        case CursorPaging(following=name) | NextUrlPaging(following=name):
            declared = f"{name!r}{_meant(name, body)}"
        case LinkPaging():
            declared = "Link header"
        case _:
            return
    other = next((name for name, value in _members(body) if _ONWARD.search(name) and _leads_on(value)), None)
    if other is not None:
        what = f"the answer has no {declared}{'' if declared.endswith('?') else ','} and has {other!r}"
        raise ShapeError(f"{what}, as if the list went on: look at paging= of the schema", paths=["$"])


def _leads_on(value: Any) -> bool:
    """Whether a value can be a cursor, an address, or a yes."""
    return value is True or (isinstance(value, str) and bool(value.strip()))


def _members(body: Any, above: str = "", depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    for name, value in body.items() if isinstance(body, dict) else ():
        yield f"{above}{name}", value
        if depth:
            yield from _members(value, f"{above}{name}.", depth - 1)


def is_told(
    endpoint: Endpoint[Any], body: Any, answer: Answer, shown: int, half: int, whole: int, *, is_full: bool
) -> bool:
    """Whether an answer that was asked for half of what a first page had shown says that the list goes on.

    Args:
        shown: how many records it has.
        whole: how many the first page had.
        is_full: whether that were as many as had been asked for.

    Returns:
        Whether it says so; not either where it has more than half, for the size is ignored then.

    Raises:
        ShapeError: where the list goes on without a word.
    """
    paging = endpoint.schema.paging
    match paging:
        case CursorPaging(following=name) | NextUrlPaging(following=name):
            told, where = has(body, name), f"the answer has no {name!r}{_meant(name, body)}"
        case LinkPaging():
            told, where = "link" in answer.headers, "the answer has no Link header"
        case PagePaging() | OffsetPaging() as counted if (total := told_total(counted, body, answer)) is not None:
            told = total > shown
            where = f"{counted.total or counted.total_header!r} is {total}, the number of records of the page"
        case PagePaging(pages=str(name)):
            found = count_of(body, name) or 0
            told, where = found > 1, f"{name!r} is {found}"
        case _:
            return False
    if told or shown < half:
        return told
    if shown == half:
        there = f"the list shows {half} of {whole} {endpoint.singular}s when it is asked for so many"
        raise ShapeError(f"{there}, and does not say where it goes on: {where}", paths=["$"])
    if is_full:
        there = f"the list shows {shown} {endpoint.singular}s, however few it is asked for, just as many as a page has"
        advice = "if that is always everything, declare paging=None"
        raise ShapeError(f"{there}, and nobody can tell whether it goes on: {where}; {advice}", paths=["$"])
    return False


def _meant(name: str, body: Any) -> str:
    return is_meant(name, list(_names(body)))


def _names(body: Any, above: str = "", depth: int = DEPTH) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    for name, value in body.items():
        here = f"{above}{name.replace('.', chr(92) + '.')}"
        yield here
        if depth:
            yield from _names(value, f"{here}.", depth - 1)
