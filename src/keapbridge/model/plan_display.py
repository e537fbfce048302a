"""How a plan shows itself in a notebook. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from keapbridge.model.actions import Action, Skip, braked
from keapbridge.model.estimate import Estimate
from keapbridge.model.finding import Finding
from keapbridge.model.plan_rows import row_of_action
from keapbridge.showing.html import Html, Part, badge, changed, display, element, fold, joined, note, numbers, table

__all__ = ["show_plan"]

SHOWN = 15  # actions of each kind
FIELDS = 12  # of each action
_TITLES = {
    "create": "records that are made",
    "link": "records that are linked",
    "update": "records that are changed",
    "delete": "records that are deleted",
    "archive": "records that are archived",
    "unlink": "links that end",
    "conflict": "conflicts, which wait for a decision",
    "skip": "records that do not take part",
    "hold": "fields that are held",
    "tell apart": "records that are not the same",
    "in doubt again": "records that may be the same",
}
_COLOURS = (
    *(("create", 0), ("link", 2), ("update", 1), ("delete", 4), ("archive", 4)),
    *(("unlink", 3), ("conflict", 3), ("held", 3)),
)


class Plan(Protocol):
    """What is shown of a plan; see `model.plan.Plan`."""

    @property
    def id(self) -> str: ...
    @property
    def objects(self) -> Sequence[str]: ...
    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]: ...
    @property
    def unchanged(self) -> Mapping[str, int]: ...
    @property
    def purpose(self) -> str: ...
    @property
    def findings(self) -> Sequence[Skip]: ...
    @property
    def warnings(self) -> Sequence[Finding]: ...
    @property
    def is_empty(self) -> bool: ...
    @property
    def estimate(self) -> Estimate: ...


def show_plan(plan: Plan, first: Iterable[tuple[int, Action]]) -> str:
    """The whole plan in numbers, and the first actions of each kind.

    Args:
        first: some of its actions, each with its place in it.
    """
    return display(
        f"Plan {plan.id}",
        _warnings(plan),
        _numbers(plan),
        *_kinds(plan, first),
        aside="takes a run back" if plan.purpose == "undo" else "",
    )


def _warnings(plan: Plan) -> Part:
    told: list[Part] = [
        element("p", badge("held by a brake", "warn"), f" {found.object} {braked(found)}")
        for found in plan.findings
        if found.accept is not None
    ]
    told += [element("p", badge("warning", "warn"), f" {warning}") for warning in plan.warnings]
    return note(*told) if told else None


def _numbers(plan: Plan) -> Html:
    outlook = badge("nothing to write", "good") if plan.is_empty else element("span", str(plan.estimate))
    counts = [(name, plan.counts.get(name, {}), plan.unchanged.get(name, 0)) for name in plan.objects]
    return joined([element("p", outlook), numbers(counts, _COLOURS)])


def _kinds(plan: Plan, first: Iterable[tuple[int, Action]]) -> Iterator[Html]:
    """A fold for each kind of action; the first ones of it, and how many there are."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for number, action in first:
        row = row_of_action(plan.id, number, action)
        its = found.setdefault(row["what"], [])
        if len(its) < SHOWN:
            its.append(row)
    for what, title in _TITLES.items():
        if rows := found.get(what):
            many = f"the first {len(rows)}" if len(rows) >= SHOWN else f"{len(rows)}"
            yield fold(f"{title}: {many}", _actions(rows))


def _actions(rows: Iterable[Mapping[str, Any]]) -> Html:
    shown: list[tuple[Any, ...]] = []
    for row in rows:
        head = (row["synchronization"], row["customcrm_id"], row["keap_id"])
        changes, reason = row["changes"][:FIELDS], row["reason"]
        held = "; ".join(f"{each['field']}: {each['reason']}" for each in row["held"])
        why = "; ".join(filter(None, (reason, held and f"left out: {held}", _more(row["changes"]))))
        for at, change in enumerate(changes or [None]):
            first = (*head, why) if at == 0 else ("\u00a0", "\u00a0", "\u00a0", "\u00a0")
            shown.append((*first[:3], *_change(row, change), first[3]))
    return table(("", "Customcrm", "Keap", "field", "before", "after", "why"), shown)


def _change(row: Mapping[str, Any], change: Mapping[str, Any] | None) -> tuple[Any, Any, Any]:
    if change is None:
        return "\u00a0", "\u00a0", "\u00a0"
    field = change["field"] if row["side"] else f"{change['field']} in {change['side'].capitalize()}"
    if row["what"] == "conflict":
        return field, change["before"], "\u00a0"
    if row["what"] == "create" and change["before"] is None:
        return field, "\u00a0", change["after"]
    return field, *changed(change["before"], change["after"])


def _more(changes: Iterable[Any]) -> str:
    more = len(list(changes)) - FIELDS
    return f"and {more} more fields" if more > 0 else ""
