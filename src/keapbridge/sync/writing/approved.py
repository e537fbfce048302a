"""What a person has approved of a plan. The rest waits for the next one, and so does what refers to a record of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.errors import StalePlanError
from keapbridge.mapping.kinds import pending_reference
from keapbridge.model.actions import Action, Adopt, Create, Update
from keapbridge.model.plan import Plan
from keapbridge.model.plan_rows import flat_action, row_of_action
from keapbridge.model.records import Canonical
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.synchronization import Synchronization
from keapbridge.tables.approvals import Approvals, edited
from keapbridge.tables.values import text_of

__all__ = ["Approved", "approvals_of", "approved"]

BATCH = 500
NO_ROW: Mapping[str, str] = MappingProxyType({})  # nothing to hold against the plan
NEW = ("create", "adopt", "link")  # kinds of actions that others may wait for


@attrs.frozen
class Approved:
    """The actions that are done.

    Attributes:
        numbers: their places in the plan.
        left: for each synchronization the references that name a record which is not linked, and is not to be.
    """

    numbers: frozenset[int]
    left: Mapping[str, frozenset[str]]

    def waiting(self, sync: Synchronization, action: Action) -> Line | None:
        """Why an approved action is not done yet: what it refers to is to be linked first, and that is not approved."""
        values = _references_of(action, sync.mapper.references)
        for field, value in values.items():
            referred = sync.mapper.references[field]
            if value in self.left.get(referred, frozenset()):
                reason = f"{field} refers to {referred} {value}, which is not linked, and that is not approved"
                return Line(sync.name, "skipped", None, *_ids(action), (field,), reason)
        return None


def _references_of(action: Action, fields: Collection[str]) -> dict[str, Canonical]:
    match action:
        case Create():
            return {field: value for field, value in action.values.items() if field in fields}
        case Update() | Adopt():
            return {change.field: change.after for change in action.changes if change.field in fields}
        case _:
            return {}


def _ids(action: Action) -> tuple[str | None, str | None]:
    if isinstance(action, Create):
        return (action.source_id, None) if action.side is Side.KEAP else (None, action.source_id)
    assert isinstance(action, (Update, Adopt))  # no others refer to anything
    return action.customcrm_id, action.keap_id


def approvals_of(given: Any, plan_id: str) -> Approvals:
    """What a host has given as `only`: what was read from a file, or numbers of actions.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(given, Approvals):
        return given
    is_list = isinstance(given, Collection) and not isinstance(given, (str, bytes))
    if not is_list or any(not isinstance(number, int) or isinstance(number, bool) for number in given):
        raise TypeError("only: kb.read_approvals(path), or numbers of actions as plan.to_dicts() has them, only=[0, 3]")
    return Approvals(plan_id, dict.fromkeys(given, NO_ROW))


def approved(bridge: Bridge, plan: Plan, only: Approvals) -> Flow[Approved]:
    """Hold approvals against the plan that they are for.

    Raises:
        StalePlanError: when they are for another plan.
        ValueError: for an action that the plan does not have, and for a row whose values somebody has edited.
    """
    if only.plan_id != plan.id:
        raise StalePlanError(f"the approvals are for plan {only.plan_id}, not for {plan.id}: nothing was done")
    numbers = iter(sorted(only))
    while batch := list(islice(numbers, BATCH)):
        actions = yield from bridge.store.plans.actions_at(plan.id, batch)
        for number in batch:
            _check(plan.id, number, actions.get(number), only.rows[number])
    chosen = frozenset(only)
    referred = {name for each in plan.objects for name in bridge[each].mapper.references.values()}
    left: defaultdict[str, set[str]] = defaultdict(set)
    for name in sorted(referred & set(plan.objects)):
        after = -1
        while rows := (yield from bridge.store.plans.actions(plan.id, name, NEW, after, BATCH)):
            left[name].update(ref for number, action in rows if number not in chosen for ref in _named(action))
            after = rows[-1][0]
    return Approved(chosen, {name: frozenset(refs) for name, refs in left.items()})


def _check(plan_id: str, number: int, action: Action | None, row: Mapping[str, str]) -> None:
    if action is None:
        raise ValueError(f"plan {plan_id} has no action {number}: nothing was done")
    told = {name: text_of(cell) for name, cell in flat_action(row_of_action(plan_id, number, action)).items()}
    if columns := edited(row, told):
        raise ValueError(
            f"action {number} of plan {plan_id}: {', '.join(columns)} was edited. Approving changes no values: edit "
            "the record, make a new plan and approve that; nothing was done"
        )


def _named(action: Action) -> Iterator[str]:
    """How others refer to a record before it is linked."""
    if isinstance(action, Create):
        yield action.source_id if action.side is Side.KEAP else pending_reference(action.source_id)
    elif isinstance(action, Adopt):
        yield action.customcrm_id
        yield pending_reference(action.keap_id)


def chosen_of(
    rows: Sequence[tuple[int, Action]], sync: Synchronization, those: Approved
) -> tuple[list[Action], list[Line], int]:
    """Of some numbered actions those that are done, a line for each that is approved and waits, and how many are not
    approved.
    """
    done: list[Action] = []
    waiting: list[Line] = []
    for number, action in rows:
        if number in those.numbers:
            line = those.waiting(sync, action)
            done += [action] if line is None else []
            waiting += [] if line is None else [line]
    return done, waiting, len(rows) - len(done) - len(waiting)
