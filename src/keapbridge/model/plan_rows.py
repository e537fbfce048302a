"""Actions of a plan as rows of a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from keapbridge.model.actions import Action, Adopt, Conflict, Create, Delete, Skip, TellApart, Unlink, Update
from keapbridge.model.change import Change, Held
from keapbridge.model.side import Side
from keapbridge.tables.values import Cell, text_of

__all__ = ["flat_action", "row_of_action", "says"]


def row_of_action(plan_id: str, number: int, action: Action) -> dict[str, Any]:
    """What an action is about, what it changes and why, under the same names for all kinds of them.

    Args:
        number: its place in the plan.
    """
    row: dict[str, Any] = {"plan": plan_id, "action": number, "synchronization": action.object}
    match action:
        case Create():
            made = [Change(field, action.side, None, value, "create") for field, value in action.values.items()]
            ours, theirs = _ids(action.side.other, action.source_id)
            return row | _told("create", action.side, ours, theirs, (*made, *action.changes), action.held)
        case Update() | Adopt():
            is_new = isinstance(action, Adopt)
            reason = "" if not isinstance(action, Adopt) else action.key if action.replaces else f"same {action.key}"
            ids = (action.customcrm_id, action.keap_id)
            what = "link" if is_new else "update"
            return row | _told(what, _side(action.changes), *ids, action.changes, action.held, reason)
        case Delete():
            ours, theirs = _ids(action.side, action.id, action.partner_id)
            reason = f"deleted in {action.side.other.title}"
            return row | _told("archive" if action.archive else "delete", action.side, ours, theirs, reason=reason)
        case Unlink():
            return row | _told("unlink", None, action.customcrm_id, action.keap_id, reason=action.reason)
        case Conflict():
            its = action.conflict
            both = [Change(its.field, side, getattr(its, side), None, "") for side in Side]
            return row | _told("conflict", None, action.customcrm_id, action.keap_id, both, reason=its.reason)
        case Skip():
            ours, theirs = _ids(action.side, action.id)
            others = "; ".join(f"{side.title} {id}" for side, id in action.candidates)
            reason = f"{action.reason}: {others}" if others else action.reason
            held = () if action.field is None else (Held(action.field, action.side, action.reason),)
            return row | _told("skip" if action.field is None else "hold", action.side, ours, theirs, (), held, reason)
        case TellApart():
            ours, theirs = _ids(action.side, action.id)
            what = "in doubt again" if action.back else "tell apart"
            return row | _told(what, None, ours, theirs, reason=action.reason)


def says(action: Action, text: str) -> bool:
    """Whether a text is part of an id, a field's name, a value or the reason of an action, whatever its case."""
    row, wanted = row_of_action("", 0, action), text.casefold()
    fields = [each for change in row["changes"] for each in (change["field"], change["before"], change["after"])]
    held = [each for item in row["held"] for each in (item["field"], item["reason"])]
    told = (row["customcrm_id"], row["keap_id"], row["reason"], *fields, *held)
    return any(wanted in text_of(each).casefold() for each in told if each is not None)


def _ids(side: Side, id: str, partner: str | None = None) -> tuple[str | None, str | None]:
    """The ids in Customcrm and in Keap of a record of a side."""
    return (id, partner) if side is Side.CUSTOMCRM else (partner, id)


def _side(changes: Iterable[Change]) -> Side | None:
    """The side that is written to, where it is one."""
    sides = {change.side for change in changes}
    return sides.pop() if len(sides) == 1 else None


def _told(
    what: str,
    side: Side | None,
    customcrm_id: str | None,
    keap_id: str | None,
    changes: Iterable[Change] = (),
    held: Iterable[Held] = (),
    reason: str = "",
) -> dict[str, Any]:
    return {
        "what": what,
        "side": None if side is None else side.value,
        "customcrm_id": customcrm_id,
        "keap_id": keap_id,
        "changes": [
            {"field": c.field, "side": c.side.value, "before": c.before, "after": c.after, "cause": c.cause}
            for c in changes
        ],
        "held": [{"field": h.field, "side": h.side.value, "reason": h.reason} for h in held],
        "reason": reason,
    }


def flat_action(row: Mapping[str, Any]) -> dict[str, Cell]:
    """The same with one cell for all that it changes: a line for each field."""
    changes, held = row["changes"], row["held"]
    values = {
        "fields": ", ".join(dict.fromkeys(change["field"] for change in changes)),
        "before": _lines(row["side"], changes, "before"),
        "after": _lines(row["side"], changes, "after"),
        "held": "\n".join(f"{each['field']}: {each['reason']}" for each in held),
    }
    rest = {name: its for name, its in row.items() if name not in {"changes", "held", "reason"}}
    return {**rest, **values, "reason": row["reason"]}


def _lines(side: str | None, changes: Iterable[Mapping[str, Any]], which: str) -> str:
    """`City: Oslo` for each change that has such a value, with its side where there are two."""
    return "\n".join(
        f"{change['field']}{'' if side else ' in ' + Side(change['side']).title}: {text_of(change[which])}"
        for change in changes
        if change[which] is not None
    )
