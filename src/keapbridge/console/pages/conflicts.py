"""Open conflicts: both values, what was known before, and what was written; decided one by one, or many by a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from keapbridge.console.asked import conflict_of, conflicts, token_of
from keapbridge.console.pages.progress import begun
from keapbridge.console.pages.records import Entry, entries
from keapbridge.console.visit import Visit, missing
from keapbridge.errors import StalePlanError
from keapbridge.model.change import RECORD
from keapbridge.model.checked import usable_id
from keapbridge.model.kept import JournalEntry
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.sync.afterwards.resolve import OpenConflict
from keapbridge.sync.doubts import RESTORED

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["AConflict", "decide", "decide_many", "show", "show_one"]

MANY = 50
MOST = 100_000  # that one rule decides
HISTORY = 20
WRITES = 5  # that tell what somebody else did
WHOLE: Mapping[str, Sequence[tuple[str, str]]] = {
    "": (("customcrm", "Customcrm is right"), ("keap", "Keap is right")),
    RESTORED: (("customcrm", "What Customcrm holds is right"), ("keap", "What Keap holds is right")),
}
IDENTITY = (
    ("same", "It is the same record: its values are edits"),
    ("different", "It is another record: end the link"),
)
"""How a conflict is decided that is about a whole record."""


@attrs.frozen
class AConflict:
    """A conflict.

    Attributes:
        choices: how it is decided: the decision, and what it means.
        takes_value: whether a value of one's own will do.
    """

    token: str
    object: str
    customcrm_id: str
    keap_id: str
    field: str
    customcrm: Canonical
    keap: Canonical
    reason: str
    choices: Sequence[tuple[str, str]]
    takes_value: bool

    @property
    def ids(self) -> Sequence[tuple[Side, str]]:
        return ((Side.CUSTOMCRM, self.customcrm_id), (Side.KEAP, self.keap_id))

    @property
    def values(self) -> Sequence[tuple[Side, Canonical]]:
        return ((Side.CUSTOMCRM, self.customcrm), (Side.KEAP, self.keap))


def conflict_shown(found: OpenConflict) -> AConflict:
    """A conflict as it is shown."""
    is_field = found.field != RECORD
    return AConflict(
        token_of(found),
        found.object,
        found.customcrm_id,
        found.keap_id,
        found.field if is_field else "the whole record",
        found.customcrm,
        found.keap,
        found.reason,
        WHOLE[""] if is_field else WHOLE.get(found.about, IDENTITY),
        is_field,
    )


async def show(visit: Visit) -> Response:
    """The conflicts."""
    session = visit.desk.session
    object = _object(visit, visit.query("object"))
    found = await conflicts(visit.desk, object, visit.query("after"), MANY)
    shown = {
        "conflicts": [conflict_shown(each) for each in found.rows],
        "fields": sorted({each.field for each in found.rows if each.field != RECORD}),
        "objects": list(session.mappers),
        "object": object,
        "more": visit.url("conflicts", object=object, after=found.next) if found.next else "",
        "done": visit.query("done"),
        "is_first": not visit.query("after"),
    }
    return visit.show("conflicts.html", "Conflicts", shown)


def _object(visit: Visit, given: str) -> str:
    if given and given not in visit.desk.session.mappers:
        raise missing("synchronization")
    return given


async def show_one(visit: Visit) -> Response:
    """One of them, with what was written to its field."""
    found = await conflict_of(visit.desk, visit.path["token"])
    if found is None:
        raise missing("conflict")
    session = visit.desk.session
    explained = await visit.desk.ask(session.explain, found.object, customcrm=found.customcrm_id)
    bases = [] if explained.link is None else [(side, explained.link.base(side).get(found.field)) for side in Side]
    shown = {
        "conflict": conflict_shown(found),
        "bases": bases if found.field != RECORD else [],
        "history": _of_field(entries(explained.history), found.field),
    }
    return visit.show("conflict.html", f"Conflict: {found.object}, {conflict_shown(found).field}", shown)


def _of_field(found: Sequence[Entry], field: str) -> list[Entry]:
    """What was written to a field, or of a whole record."""
    if field == RECORD:
        return list(found[:HISTORY])
    of = [attrs.evolve(each, fields=[its for its in each.fields if its[0] == field]) for each in found]
    return [each for each in of if each.fields][:HISTORY]


async def decide(visit: Visit) -> Response:
    """Decide one: for a side, or for a value."""
    found = await conflict_of(visit.desk, visit.form.one("conflict"))
    if found is None:
        return await _moved(visit)
    desk, decision = visit.desk, visit.form.one("decision")
    given: dict[str, Any] = {"decision": decision}
    if decision == "value":
        given = {"value": visit.form.one("value")}
    elif decision == "empty":
        given = {"value": None}
    elif decision not in {name for name, _ in conflict_shown(found).choices}:
        raise ValueError("Say what is right.")

    async def doing() -> str:
        report = await desk.work(desk.session.resolve, found, by=visit.user.name, **given)
        return f"conflicts?done={report.run_id}"

    return await begun(visit, f"decision-{visit.form.one('conflict')}", "The decision is being written", doing())


async def _moved(visit: Visit) -> Response:
    """What became of a conflict that is not open any more: who decided it, and what was written."""
    form, session = visit.form, visit.desk.session
    object = form.one("object")
    ids = {side.value: form.one(side.value) for side in Side if usable_id(form.one(side.value))}
    if object not in session.mappers or not ids:
        raise missing("conflict")
    history: list[JournalEntry] = []
    for side, id in ids.items():
        which: dict[str, Any] = {side: id}
        history += await visit.desk.ask(session.history, object, **which)
    newest = sorted(history, key=lambda each: each.written_at, reverse=True)
    shown = {"history": entries(newest)[:WRITES], "object": object, "ids": list(ids.items())}
    return visit.show("moved.html", "Somebody was quicker", shown, status=409)


async def decide_many(visit: Visit) -> Response:
    """Decide all of a field, or of a synchronization, by one rule."""
    desk, form = visit.desk, visit.form
    side = Side.of(form.one("side"), "the side that is right")
    object, field = _object(visit, form.one("object")), form.one("field")
    if form.one("sure") != "1":
        raise ValueError("Tick that you are sure: this decides all of them, also those on other pages.")

    async def doing() -> str:
        runs: list[str] = []
        for each in (await conflicts(desk, object, "", MOST)).rows:
            if each.field != RECORD and field in ("", each.field):
                try:
                    report = await desk.work(desk.session.resolve, each, side, by=visit.user.name)
                except StalePlanError:
                    continue  # somebody was quicker
                runs.append(report.run_id)
        return f"conflicts?done={runs[-1]}" if runs else "conflicts"

    return await begun(visit, "decisions", "The decisions are being written", doing())
