"""Pairs in doubt: two records side by side, of which a person says whether they are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from keapbridge.console.pages.conflicts import moved
from keapbridge.console.pages.progress import PATIENCE, begun, named
from keapbridge.console.visit import Visit
from keapbridge.errors import StalePlanError
from keapbridge.model.pair_in_doubt import PairInDoubt
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["decide", "show"]

MANY = 25


@attrs.frozen
class APair:
    """Two records that may be the same.

    Attributes:
        fields: what both hold: name, the one's value, the other's, and whether they differ.
        can_be_same: whether they can be linked: they are of the two systems, and neither is linked.
    """

    token: str
    object: str
    reason: str
    one: tuple[Side, str]
    other: tuple[Side, str]
    fields: Sequence[tuple[str, Canonical, Canonical, bool]]
    linked_to: str | None
    can_be_same: bool


def pair_shown(found: PairInDoubt) -> APair:
    """A pair side by side."""
    return APair(
        found.token,
        found.object,
        found.reason,
        (found.side, found.id),
        (found.other_side, found.other_id),
        list(_fields(found)),
        found.linked_to,
        found.is_across and found.linked_to is None,
    )


def _fields(found: PairInDoubt) -> Iterator[tuple[str, Canonical, Canonical, bool]]:
    for name in dict.fromkeys([*found.values, *found.other_values]):
        one, other = found.values.get(name), found.other_values.get(name)
        if one is not None or other is not None:
            yield name, one, other, one != other


async def show(visit: Visit) -> Response:
    """The pairs."""
    session = visit.desk.session
    found = await visit.desk.ask(session.pairs_in_doubt, after=visit.query("after") or None, limit=MANY)
    apart = await visit.desk.ask(session.told_apart, limit=MANY)
    shown = {
        "pairs": [pair_shown(each) for each in found],
        "more": visit.url("pairs", after=found.next) if found.next else "",
        "apart": apart,
        "done": visit.query("done"),
    }
    return visit.show("pairs.html", "Pairs in doubt", shown)


async def decide(visit: Visit) -> Response:
    """Say that they are the same, or that they are not."""
    desk, form = visit.desk, visit.form
    ways = {"same": desk.session.same, "different": desk.session.different}
    way = ways.get(form.one("decision"))
    if way is None:
        raise ValueError("Say whether they are the same.")

    async def doing() -> str:
        report = await desk.work(way, form.one("pair"), by=visit.user.name, wait=PATIENCE)
        return f"pairs?done={report.run_id}"

    try:
        about = named("pair", form.one("pair"), visit.user.name, form.one("decision"))
        return await begun(visit, about, "The decision is being written", doing)
    except StalePlanError as error:
        return moved(visit, error, "pairs")
