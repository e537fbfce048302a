"""The plans, one of them as a diff, and doing it: all of it, what is ticked, or what a search shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from keapbridge.console.pages.progress import begun
from keapbridge.console.pages.runs import CountRow, count_rows
from keapbridge.console.visit import Form, Visit, missing
from keapbridge.decide.brakes import Exceeded
from keapbridge.errors import StalePlanError
from keapbridge.model.plan import EVERY_RECORD, Action, Plan, Skip, kind_of
from keapbridge.model.plan_rows import row_of_action
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.model.summaries import PlanSummary

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["KINDS", "ARow", "apply", "make", "row_shown", "show", "show_one", "the_plan"]

MANY = 25
ROWS = 50
FIELDS = 40  # of a row
LOOKED_AT = 20_000  # actions that one search looks at
MOST_TICKS = 5_000
KINDS: Mapping[str, str] = {
    "create": "make a record",
    "update": "write edits",
    "adopt": "link, and settle differences",
    "link": "link",
    "delete": "delete",
    "unlink": "forget a link",
    "conflict": "wait for a decision",
    "skip": "leave alone",
}
"""Kinds of actions, in words."""
PURPOSES: Mapping[str, str] = {"undo": "to take a run back", "decision": "what somebody decided"}
ANNOUNCED = "near-misses"


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
    """Which actions are looked at."""

    object: str = ""
    kind: str = ""
    find: str = ""
    after: int = -1

    def fits(self, action: Action) -> bool:
        """Whether an action is among them."""
        return self.object in ("", action.object) and self.kind in ("", kind_of(action)) and self._is_found(action)

    def _is_found(self, action: Action) -> bool:
        if not self.find:
            return True
        row = row_of_action("", 0, action)
        texts = [row["customcrm_id"], row["keap_id"], row["reason"]]
        for change in row["changes"]:
            texts += [change["field"], change["before"], change["after"]]
        texts += [held["field"] for held in row["held"]]
        wanted = self.find.casefold()
        return any(wanted in str(text).casefold() for text in texts if text is not None)

    @property
    def is_everything(self) -> bool:
        return not (self.object or self.kind or self.find)


def plan_shown(plan: PlanSummary) -> APlan:
    """A plan in a list."""
    total: dict[str, int] = {}
    for counts in plan.counts.values():
        for heading, number in counts.items():
            total[heading] = total.get(heading, 0) + number
    words = ", ".join(f"{number:,} {heading}" for heading, number in sorted(total.items()) if number)
    return APlan(plan.id, plan.created_at, words or "nothing to write", PURPOSES.get(plan.purpose, ""), plan.applied_at)


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
    elif kind in {"skip", "delete"}:
        ids = [(side, id) for side, id in ids if id is not None]
    notes = [f"{held['field']} is left out: {held['reason']}" for held in row["held"]]
    if row["reason"] and not isinstance(action, Skip):
        notes.insert(0, row["reason"])
    words = KINDS[kind]
    if isinstance(action, Skip):
        words = action.reason if action.field is None else f"{action.field} is held: {action.reason}"
        notes = []
        if action.candidates:
            notes = ["; ".join(f"{side.title} {id}" for side, id in action.candidates)]
    elif row["side"] and kind in {"create", "delete"}:
        words = f"{'archive' if row['what'] == 'archive' else words} in {Side(row['side']).title}"
    can = kind not in {"conflict", "skip"}
    more = max(0, len(cells) - FIELDS)
    return ARow(number, action.object, kind, words, ids, cells[:FIELDS], notes, can, number in ticked, more)


async def show(visit: Visit) -> Response:
    """The plans, newest first."""
    return visit.show("plans.html", "Plans", {"plans": await _listed(visit, MANY)})


async def _listed(visit: Visit, limit: int) -> list[APlan]:
    return [plan_shown(plan) for plan in await visit.desk.ask(visit.desk.session.plans, limit=limit)]


async def make(visit: Visit) -> Response:
    """Make a plan."""
    desk = visit.desk
    full = visit.form.one("full") == "1"

    async def doing() -> str:
        plan: Plan = await desk.work(desk.session.plan, full=full)
        return f"plans/{plan.id}"

    return await begun(visit, "planning", "A plan is being made", doing())


async def the_plan(visit: Visit) -> Plan:
    """The plan that the address names."""
    try:
        found: Plan = await visit.desk.ask(visit.desk.session.saved_plan, visit.path["plan_id"])
    except (StalePlanError, ValueError):
        raise missing("plan") from None
    return found


def _wanted(form: Form, query: Mapping[str, str]) -> Wanted:
    """What a person wants to see: of a form, or of an address, which says nothing personal."""
    given = {name: form.one(name) or query.get(name, "") for name in ("object", "kind")}
    kind = given["kind"] if given["kind"] in KINDS else ""
    after = form.one("after")
    place = int(after) if after.isascii() and after.isdigit() and form.one("go") == "next" else -1
    return Wanted(given["object"], kind, form.one("find").strip()[:200], place)


def _ticked(form: Form) -> frozenset[int]:
    numbers = [*form.all("tick"), *form.all("kept")]
    return frozenset(int(n) for n in numbers[:MOST_TICKS] if n.isascii() and n.isdigit())


async def show_one(visit: Visit) -> Response:
    """A plan as a diff; a form filters it, looks for something in it, goes on, and keeps what is ticked."""
    plan = await the_plan(visit)
    wanted = _wanted(visit.form, visit.request.query_params)
    return visit.show("plan.html", f"Plan {plan.id}", await _shown(visit, plan, wanted, _ticked(visit.form)))


async def _shown(visit: Visit, plan: Plan, wanted: Wanted, ticked: frozenset[int]) -> Mapping[str, Any]:
    rows, last, is_over = await visit.desk.read(lambda: _page(plan, wanted))
    known = {number for number, _ in rows}
    summary = next((p for p in await visit.desk.ask(visit.desk.session.plans, limit=1000) if p.id == plan.id), None)
    braked = list(_braked(plan, await visit.desk.ask(visit.desk.session.brakes, plan)))
    return {
        "id": plan.id,
        "created_at": plan.created_at,
        "purpose": PURPOSES.get(plan.purpose, ""),
        "applied_at": None if summary is None else summary.applied_at,
        "is_empty": plan.is_empty,
        "outlook": "Nothing is to be written." if plan.is_empty else f"{str(plan.estimate).capitalize()}.",
        "objects": plan.objects,
        "counts": [*count_rows(plan.counts, plan.objects), _unchanged(plan)],
        "braked": braked,
        "warnings": [str(warning) for warning in plan.warnings],
        "kinds": KINDS,
        "wanted": wanted,
        "rows": [row_shown(number, action, ticked) for number, action in rows],
        "kept": sorted(ticked - known),
        "ticked": len(ticked),
        "last": last,
        "is_over": is_over,
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


def _page(plan: Plan, wanted: Wanted) -> tuple[list[tuple[int, Action]], int, bool]:
    """Some actions, how far was looked, and whether that is the end."""
    found: list[tuple[int, Action]] = []
    place = wanted.after
    for looked, (place, action) in enumerate(_from(plan, wanted.after), 1):
        if wanted.fits(action):
            found.append((place, action))
        if len(found) == ROWS or looked == LOOKED_AT:
            return found, place, False
    return found, place, True


def _from(plan: Plan, after: int) -> Iterator[tuple[int, Action]]:
    return ((number, action) for number, action in enumerate(plan.actions) if number > after)


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
        wanted = attrs.evolve(_wanted(form, {}), after=-1)
        only = await desk.work(lambda: [n for n, a in _from(plan, -1) if wanted.fits(a)])
    elif which != "all":
        raise ValueError("Say what is right of the plan: all of it, what is ticked, or what the search shows.")
    accept: list[Any] = [{"restored": form.one("restored")}] if form.one("restored") else []
    accept += [name for name in form.all("accept") if name != "restored"]

    async def doing() -> str:
        report = await desk.work(desk.session.apply, plan, only=only, accept=accept, by=visit.user.name)
        return f"runs/{report.run_id}"

    return await begun(visit, plan.id, "The plan is being applied", doing())
