"""Lead sources that a plan needs and Keap does not have: made one by one before its records are written."""

from __future__ import annotations

from collections.abc import Mapping

from keapbridge._flow.effects import Flow
from keapbridge.model.actions import Action, Adopt, Create, Update
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.sync.writing.run import RunPart

__all__ = ["WRITING", "make_entries"]

WRITING = ("create", "update", "adopt")


def make_entries(part: RunPart) -> Flow[None]:
    """Make what the plan's writes to Keap name. Afterwards nothing is made any more: what is new then waits a run."""
    sync = part.sync
    if not sync.entries.wanted:
        return
    values: list[Mapping[str, Canonical]] = []
    if sync.entries.makes:
        for batch in part.ahead(WRITING):
            values += [_for_keap(action, sync.entries.makes) for action in (yield from batch)]
    yield from sync.entries.make(sync.systems[Side.KEAP], filter(None, values))


def _for_keap(action: Action, fields: Mapping[str, str]) -> Mapping[str, Canonical]:
    """Those of some fields that an action writes to Keap."""
    match action:
        case Create(side=Side.KEAP):
            return {field: value for field, value in action.values.items() if field in fields}
        case Create() | Update() | Adopt():
            changes = [each for each in action.changes if each.side is Side.KEAP and each.field in fields]
            return {each.field: each.after for each in changes}
    return {}
