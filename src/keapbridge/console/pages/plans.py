"""The plans, one of them as a diff, and doing it: all of it, what is ticked, or what a search shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import attrs

from keapbridge.console.desk import Desk
from keapbridge.console.pages.conflicts import moved
from keapbridge.console.pages.progress import begun, named, run_of
from keapbridge.console.pages.runs import CountRow, count_rows, counted
from keapbridge.console.pages.words import reason_words
from keapbridge.console.visit import Form, Visit, missing
from keapbridge.decide.brakes import Exceeded
from keapbridge.errors import StalePlanError
from keapbridge.model.actions import EVERY_RECORD, Action, Skip, kind_of
from keapbridge.model.plan import Plan
from keapbridge.model.plan_rows import row_of_action
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.model.summaries import PlanSummary

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["KINDS", "ARow", "apply", "make", "row_shown", "show", "show_one", "the_plan"]

MANY = 25
PLANS = 500  # among which one is looked for at once
ROWS = 50
FIELDS = 40  # of a row
AT_ONCE = 2_000  # actions that are found at once, to be applied
MOST_TICKS = 5_000
LONGEST = 200  # characters of a search
KINDS: Mapping[str, str] = {
    "create": "make a record",
    "update": "write edits",
    "adopt": "link, and settle differences",
    "link": "link",
    "delete": "delete",
    "unlink": "forget a link",
    "conflict": "wait for a decision",
    "skip": "leave alone",
    "doubt": "in doubt: may be another record",
    "tellapart": "tell apart",
}
"""Kinds of actions, in words."""
PURPOSES: Mapping[str, str] = {"undo": "to take a run back", "decision": "what somebody decided"}


@attrs.frozen
class APlan:
    """A plan in a list of them."""

    id: str
    created_at: datetime
    words: str
    purpose: str
    applied_at: datetime | None


@attrs.frozen
class Cell:
    """What becomes of a field.

    Attributes:
        is_new: whether there was no value to be replaced, so that only the new one is shown.
    """

    field: str
    side: Side
    before: Canonical
    after: Canonical
    cause: str
    is_new: bool


@attrs.frozen
class ARow:
    """An action of a plan.

    Attributes:
        number: its place in the plan.
        ids: the records that it is about; `None` for one that is to be made.
        can_be_ticked: whether there is anything to approve.
    """

    number: int
    object: str
    kind: str
    words: str
    ids: Sequence[tuple[Side, str | None]]
    cells: Sequence[Cell]
    notes: Sequence[str]
    can_be_ticked: bool
    is_ticked: bool = False
    more: int = 0


@attrs.frozen
class Held:
    """A field, or all of a plan, that a brake holds, and the name by which that is accepted."""

    reason: str
    accept: str


@attrs.frozen
class Wanted:
    """Which actions are looked at.

    Attributes:
        after: where the list goes on.
    """

    object: str = ""
    kind: str = ""
    find: str = ""
    after: str = ""

    @property
    def is_everything(self) -> bool:
        return not (self.object or self.kind or self.find)

    def asked(self) -> dict[str, Any]:
        """What a session is asked for them."""
        return {"object": self.object or None, "kind": self.kind or None, "matching": self.find}


def plan_shown(plan: PlanSummary) -> APlan:
    """A plan in a list."""
    total: dict[str, int] = {}
    for counts in plan.counts.values():
        for heading, number in counts.items():
            total[heading] = total.get(heading, 0) + number
    return APlan(
        plan.id, plan.created_at, counted(total) or "nothing to write", PURPOSES.get(plan.purpose, ""), plan.applied_at
    )


def row_shown(number: int, action: Action, ticked: frozenset[int] = frozenset()) -> ARow:
    """An action as a row."""
    row = row_of_action("", number, action)
    kind = kind_of(action)
    cells = [
        Cell(c["field"], Side(c["side"]), c["before"], c["after"], c["cause"], c["cause"] == "create")
        for c in row["changes"]
    ]
    ids = [(side, row[f"{side.value}_id"]) for side in Side]
    if EVERY_RECORD in (row["customcrm_id"], row["keap_id"]):
        ids = []
    elif kind in {"skip", "doubt", "delete", "tellapart"}:
        ids = [(side, id) for side, id in ids if id is not None]
    notes = [f"{held['field']} is left out: {held['reason']}" for held in row["held"]]
    if row["reason"] and not isinstance(action, Skip):
        notes.insert(0, reason_words(row["reason"]))
    words = KINDS[kind]
    if isinstance(action, Skip):
        words = action.reason if action.field is None else f"{action.field} is held: {action.reason}"
        notes = []
        if action.candidates:
            notes = ["; ".join(f"{side.title} {id}" for side, id in action.candidates)]
    elif row["side"] and kind in {"create", "delete"}:
        words = f"{'archive' if row['what'] == 'archive' else words} in {Side(row['side']).title}"
    can = kind not in {"conflict", "skip", "doubt"}
    more = max(0, len(cells) - FIELDS)
    return ARow(number, action.object, kind, words, ids, cells[:FIELDS], notes, can, number in ticked, more)


async def show(visit: Visit) -> Response:
    """The plans, newest first."""
    plans = await visit.desk.ask(visit.desk.session.plans, limit=MANY, after=visit.query("after") or None)
    older = visit.url("plans", after=plans.next) if plans.next else ""
    return visit.show("plans.html", "Plans", {"plans": [plan_shown(plan) for plan in plans], "older": older})


async def make(visit: Visit) -> Response:
    """Make a plan."""
    desk = visit.desk
    full = visit.form.one("full") == "1"

    async def doing() -> str:
        plan: Plan = await desk.work(desk.session.plan, full=full)
        return f"plans/{plan.id}"

    return await begun(visit, named("plan", str(full), visit.user.name), "A plan is being made", doing)


async def the_plan(visit: Visit) -> Plan:
    """The plan that the address names."""
    try:
        found: Plan = await visit.desk.ask(visit.desk.session.saved_plan, visit.path["plan_id"])
    except (StalePlanError, ValueError):
        raise missing("plan") from None
    return found


def _wanted(plan: Plan, form: Form, query: Mapping[str, str]) -> Wanted:
    """What a person wants to see: of a form, or of an address, which says nothing personal."""
    object, kind = (form.one(name) or query.get(name, "") for name in ("object", "kind"))
    after = form.one("after") if form.one("go") == "next" else ""
    return Wanted(
        object if object in plan.objects else "",
        kind if kind in KINDS else "",
        form.one("find").strip()[:LONGEST],
        after,
    )


def _ticked(form: Form) -> frozenset[int]:
    numbers = [*form.all("tick"), *form.all("kept")]
    return frozenset(int(n) for n in numbers[:MOST_TICKS] if n.isascii() and n.isdigit())


async def show_one(visit: Visit) -> Response:
    """A plan as a diff; a form filters it, looks for something in it, goes on, and keeps what is ticked."""
    plan = await the_plan(visit)
    wanted = _wanted(plan, visit.form, visit.request.query_params)
    return visit.show("plan.html", f"Plan {plan.id}", await _shown(visit, plan, wanted, _ticked(visit.form)))


async def _shown(visit: Visit, plan: Plan, wanted: Wanted, ticked: frozenset[int]) -> Mapping[str, Any]:
    desk = visit.desk
    after = wanted.after or None
    rows = await desk.ask(desk.session.actions, plan.id, **wanted.asked(), after=after, limit=ROWS)
    known = {each.number for each in rows}
    braked = list(_braked(plan, await visit.desk.ask(visit.desk.session.brakes, plan)))
    return {
        "id": plan.id,
        "created_at": plan.created_at,
        "purpose": PURPOSES.get(plan.purpose, ""),
        "applied_at": await _applied_at(visit, plan.id),
        "is_empty": plan.is_empty,
        "outlook": "Nothing is to be written." if plan.is_empty else f"It takes {plan.estimate}.",
        "objects": plan.objects,
        "counts": [*count_rows(plan.counts, plan.objects), _unchanged(plan)],
        "braked": braked,
        "warnings": [str(warning) for warning in plan.warnings],
        "kinds": KINDS,
        "wanted": wanted,
        "rows": [row_shown(each.number, each.action, ticked) for each in rows],
        "kept": sorted(ticked - known),
        "ticked": len(ticked),
        "next": rows.next,
        "can_choose": plan.purpose == "sync",
    }


def _unchanged(plan: Plan) -> CountRow:
    return CountRow("unchanged", [plan.unchanged.get(name, 0) for name in plan.objects])


def _braked(plan: Plan, whole: Sequence[Exceeded]) -> Iterator[Held]:
    for each in whole:
        yield Held(each.reason, each.brake)
    for found in plan.findings:
        if found.accept is not None:
            yield Held(
                f"{found.object}: {found.field} is not written to {found.side.title}: {found.reason}", found.accept
            )


async def _numbers(desk: Desk, plan: Plan, wanted: Wanted) -> list[int]:
    """All actions like that, on every page."""
    found: list[int] = []
    after: str | None = None
    while True:
        page = await desk.ask(desk.session.actions, plan.id, **wanted.asked(), after=after, limit=AT_ONCE)
        found += [each.number for each in page]
        after = page.next
        if after is None:
            return found


async def _applied_at(visit: Visit, plan_id: str) -> datetime | None:
    """When a run began to apply it."""
    after: str | None = None
    while True:
        page = await visit.desk.ask(visit.desk.session.plans, limit=PLANS, after=after)
        for each in page:
            if each.id == plan_id:
                return cast("datetime | None", each.applied_at)
        after = page.next
        if after is None:
            return None


async def apply(visit: Visit) -> Response:
    """Do it."""
    desk, form = visit.desk, visit.form
    plan = await the_plan(visit)
    which = form.one("which")
    only: list[int] | None = None
    if which == "ticked":
        only = sorted(_ticked(form))
        if not only:
            raise ValueError("Nothing is ticked: tick what is right, or apply all of it.")
    elif which == "found":
        only = await _numbers(desk, plan, _wanted(plan, form, {}))
    elif which != "all":
        raise ValueError("Say what is right of the plan: all of it, what is ticked, or what the search shows.")
    accept: list[Any] = [{"restored": form.one("restored")}] if form.one("restored") else []
    accept += [name for name in form.all("accept") if name != "restored"]

    async def doing() -> str:
        report = await desk.work(desk.session.apply, plan, only=only, accept=accept, by=visit.user.name)
        return f"runs/{report.run_id}"

    try:
        return await begun(visit, plan.id, "The plan is being applied", doing)
    except StalePlanError as error:
        run = await run_of(desk, plan.id)
        if run is None:
            raise
        if run.by == visit.user.name:
            return visit.go("runs", run.run_id)  # asked for twice
        return moved(visit, StalePlanError(str(error), run_id=run.run_id, by=run.by), "plans")
