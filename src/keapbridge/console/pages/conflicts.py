"""Open conflicts: both values, what was known before, and what was written; decided one by one, or many by a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from keapbridge.console.pages.progress import PATIENCE, begun, named
from keapbridge.console.pages.records import Entry, entries
from keapbridge.console.visit import Visit, missing
from keapbridge.errors import StalePlanError
from keapbridge.model.change import RECORD
from keapbridge.model.checked import usable_id
from keapbridge.model.names import as_name
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.sync.afterwards.open_conflicts import OpenConflict
from keapbridge.sync.linked_in_doubt import RESTORED

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["AConflict", "decide", "decide_many", "show", "show_one"]

MANY = 50
AT_ONCE = 500  # that are listed at once, to be decided by a rule
HISTORY = 20
SIDES = (("customcrm", "Customcrm is right"), ("keap", "Keap is right"))
WENT_BACK = (("customcrm", "What Customcrm holds is right"), ("keap", "What Keap holds is right"))
IDENTITY = (
    ("same", "It is the same record: its values are edits"),
    ("different", "It is another record: end the link"),
)
"""How a conflict is decided: the decision, and what it means."""


@attrs.frozen
class AValue:
    """What a side holds in a field, what it was known to hold, and when its record was changed last."""

    side: Side
    id: str
    now: Canonical
    before: Canonical
    updated_at: datetime | None


@attrs.frozen
class AConflict:
    """A conflict.

    Attributes:
        token: names it, with the values that are shown.
        is_field: whether it is about a field, for which a value of one's own will do.
    """

    token: str
    object: str
    field: str
    reason: str
    values: Sequence[AValue]
    choices: Sequence[tuple[str, str]]
    is_field: bool


def conflict_shown(found: OpenConflict) -> AConflict:
    """A conflict as it is shown."""
    values = (
        AValue(Side.CUSTOMCRM, found.customcrm_id, found.customcrm, found.customcrm_base, found.customcrm_updated_at),
        AValue(Side.KEAP, found.keap_id, found.keap, found.keap_base, found.keap_updated_at),
    )
    is_field = found.field != RECORD
    of_record = {"": SIDES, RESTORED: WENT_BACK}
    return AConflict(
        found.token,
        found.object,
        found.field if is_field else "the whole record",
        "" if found.reason == "manual" else found.reason,  # as the policy says for all: nothing of this one
        values,
        SIDES if is_field else of_record.get(found.about, IDENTITY),
        is_field,
    )


async def show(visit: Visit) -> Response:
    """The conflicts."""
    object, after = _object(visit, visit.query("object")), visit.query("after")
    found = await visit.desk.ask(_of(visit, object).conflicts, after=after or None, limit=MANY)
    shown = {
        "conflicts": [conflict_shown(each) for each in found],
        "fields": sorted({each.field for each in found if each.field != RECORD}),
        "objects": list(visit.desk.session.mappers),
        "object": object,
        "more": visit.url("conflicts", object=object, after=found.next) if found.next else "",
        "done": visit.query("done"),
        "is_first": not after,
    }
    return visit.show("conflicts.html", "Conflicts", shown)


def _object(visit: Visit, given: str) -> str:
    if given and given not in visit.desk.session.mappers:
        raise missing("synchronization")
    return given


def _of(visit: Visit, object: str) -> Any:
    """The session, or one of its synchronizations."""
    return getattr(visit.desk.session, object) if object else visit.desk.session


async def show_one(visit: Visit) -> Response:
    """What is in conflict of one pair, with what was written to it."""
    object, id, session = _object(visit, visit.path["object"]), visit.path["id"], visit.desk.session
    if not usable_id(id):
        raise missing("conflict")
    found = await visit.desk.ask(_of(visit, object).conflicts, customcrm=id)
    if not found:
        raise missing("conflict")
    history = [
        entry
        for side, its in ((Side.CUSTOMCRM, id), (Side.KEAP, found[0].keap_id))
        for entry in await visit.desk.ask(session.history, as_name(object), **_id(side, its))
    ]
    newest = entries(sorted(history, key=lambda each: each.written_at, reverse=True))
    shown = {
        "conflicts": [(conflict_shown(each), _of_field(newest, each.field)) for each in found],
        "object": object,
    }
    return visit.show("conflict.html", f"Conflicts of {object}, Customcrm {id}", shown)


def _id(side: Side, id: str) -> Mapping[str, Any]:
    return {side.value: id}


def _of_field(found: Sequence[Entry], field: str) -> list[Entry]:
    """What was written to a field, or of a whole record."""
    if field == RECORD:
        return list(found[:HISTORY])
    of = [attrs.evolve(each, fields=[its for its in each.fields if its[0] == field]) for each in found]
    return [each for each in of if each.fields][:HISTORY]


async def decide(visit: Visit) -> Response:
    """Decide one: for a side, for a value, or what a record is."""
    desk, decision, token = visit.desk, visit.form.one("decision"), visit.form.one("conflict")
    given: dict[str, Any] = {"decision": decision}
    if decision == "value":
        given = {"value": visit.form.one("value")}
    elif decision == "empty":
        given = {"value": None}
    elif decision not in {name for name, _ in (*SIDES, *IDENTITY)}:
        raise ValueError("Say what is right.")

    async def doing() -> str:
        report = await desk.work(desk.session.resolve, token, by=visit.user.name, wait=PATIENCE, **given)
        return f"conflicts?done={report.run_id}"

    try:
        about = named("conflict", token, visit.user.name, decision, str(given.get("value")))
        return await begun(visit, about, "The decision is being written", doing)
    except StalePlanError as error:
        return moved(visit, error, "conflicts")


def moved(visit: Visit, error: StalePlanError, place: str) -> Response:
    """What somebody else has decided meanwhile, and what was written."""
    is_own = error.by == visit.user.name
    shown = {
        "why": str(error),
        "by": error.by,
        "is_own": is_own,
        "run_id": error.run_id,
        "history": entries(error.meanwhile),
        "place": place,
    }
    title = "You have decided this already" if is_own else "Somebody was quicker" if error.by else "This has moved on"
    return visit.show("moved.html", title, shown, status=409)


async def decide_many(visit: Visit) -> Response:
    """Decide all of a field, or of a synchronization, by one rule."""
    desk, form = visit.desk, visit.form
    side = Side.of(form.one("side"), "the side that is right")
    of, field = _of(visit, _object(visit, form.one("object"))), form.one("field")
    if form.one("sure") != "1":
        raise ValueError("Tick that you are sure: this decides all of them, also those on other pages.")

    async def doing() -> str:
        those = await _those(visit, of, field)
        report = await desk.work(desk.session.resolve_many, those, side, by=visit.user.name, wait=PATIENCE)
        return f"runs/{report.run_id}"

    about = named("conflicts", form.one("object"), field, side.value)
    return await begun(visit, about, "The decisions are being written", doing)


async def _those(visit: Visit, of: Any, field: str) -> list[OpenConflict]:
    """All conflicts of a field, or in any field, on every page."""
    found: list[OpenConflict] = []
    after: str | None = None
    while True:
        page = await visit.desk.work(of.conflicts, after=after, limit=AT_ONCE)
        found += (each for each in page if each.field != RECORD and field in ("", each.field))
        after = page.next
        if after is None:
            return found
