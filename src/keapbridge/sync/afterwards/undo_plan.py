"""What undoing a run would do, as a plan: its writes in reverse, all that is about one pair one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import attrs

from keapbridge._flow.effects import Flow, new_id, now
from keapbridge.errors import StalePlanError
from keapbridge.model.actions import Action, Create, Delete, Skip, TellApart, Unlink, Update, headings
from keapbridge.model.change import Change
from keapbridge.model.kept_in_store import JournalEntry
from keapbridge.model.plan import DECISION, Plan
from keapbridge.model.records import Values
from keapbridge.model.side import Side
from keapbridge.sync.bridge import Bridge

__all__ = ["OTHER_RUNS", "UNDO", "is_only_noted", "pair_of", "plan_undo"]

UNDO = "undo"
NOTED = "undo of a note"  # why a value is written back which nobody has seen written
BATCH = 500
OTHER_RUNS = "; session.runs() lists those that are kept"


def plan_undo(bridge: Bridge, run_id: str) -> Flow[Plan]:
    """What undoing a run would do.

    Raises:
        StalePlanError: when there is no such run in this session's store.
    """
    entries = yield from bridge.store.journal.of_run(run_id)
    if entries is None:
        raise StalePlanError(f"there is no run {run_id!r} in this session's store (any more){OTHER_RUNS}")
    plan_id = (yield from new_id())[:12]
    moment = yield from now()
    told = yield from bridge.store.told_apart.of_run(run_id)
    actions = [
        *_by_pair(filter(None, map(_reverse, reversed(entries)))),
        *(yield from _only_noted(bridge, run_id, entries)),
        *(TellApart(each.object, (each.side, each.id), (each.other_side, each.other_id), back=True) for each in told),
    ]
    objects = tuple(dict.fromkeys(action.object for action in actions))
    counts: dict[str, Counter[str]] = {name: Counter() for name in objects}
    for action in actions:
        counts[action.object].update(headings(action))
    totals: dict[str, dict[str, int]] = {
        name: {"actions": number} for name, number in Counter(a.object for a in actions).items()
    }
    yield from bridge.store.plans.begin(plan_id, moment, objects, purpose=UNDO)
    for start in range(0, len(actions), BATCH):
        yield from bridge.store.plans.add_actions(plan_id, start, actions[start : start + BATCH])
    return (yield from bridge.store.plans.finish(plan_id, counts, {}, {}, totals))


def _only_noted(bridge: Bridge, run_id: str, entries: Sequence[JournalEntry]) -> Flow[list[Update]]:
    """What a person has decided in a run that is not known to have written it: nobody is to go on with it."""
    report = yield from bridge.store.runs.report(run_id)
    plan = None if report is None else (yield from bridge.store.plans.get(report.plan_id))
    if plan is None or plan.purpose != DECISION:
        return []
    found: list[Update] = []
    for action in (yield from bridge.store.plans.actions_at(plan.id, [0])).values():
        if not isinstance(action, Update):
            continue
        fields = {change.field for change in action.changes}
        known = {(field, entry.side) for entry in entries for field in entry.after}
        for pair in (yield from bridge.store.links.pairs_of(action.object, [action.customcrm_id])):
            decided = pair.link.decided
            for field in sorted(fields & decided.keys()) if pair.link.keap_id == action.keap_id else ():
                before, after = decided[field].before, decided[field].after
                unknown = [side for side in Side if (field, side) not in known]
                changes = [Change(field, side, after.get(side), before.get(side), NOTED) for side in unknown]
                found += [attrs.evolve(action, changes=(change,)) for change in changes]
    return found


def is_only_noted(action: Update, held: Values) -> bool:
    """Whether an action takes back what was noted, and is not there."""
    return all(c.cause == NOTED and (c.before == c.after or held.get(c.field) != c.before) for c in action.changes)


def _reverse(entry: JournalEntry) -> tuple[JournalEntry, Action] | None:
    """What takes a write back; `None` where nothing does: what was written over by mistake stays put back."""
    ours, theirs = _ids(entry)
    match entry.kind:
        case "create":
            return entry, Delete(entry.object, entry.side, entry.record_id, entry.partner_id)
        case "put back":
            return None
        case "update" if not entry.before:
            return entry, Skip(entry.object, entry.side, entry.record_id, "what it held before is not known")
        case "update":
            changes = tuple(
                Change(field, entry.side, after, entry.before.get(field), UNDO) for field, after in entry.after.items()
            )
            return entry, Update(entry.object, ours, theirs, changes, raw=entry.raw)
        case "link":
            return entry, Unlink(entry.object, ours, theirs, Side.KEAP, "the run that linked them is undone")
        case "delete":
            values = {field: value for field, value in entry.before.items() if value is not None}
            return entry, Create(entry.object, entry.side, entry.partner_id, values, raw=entry.raw)
        case _:
            return entry, Skip(
                entry.object, entry.side, entry.record_id, "what archiving changed is not known any more"
            )


def _by_pair(reverses: Iterable[tuple[JournalEntry, Action]]) -> Iterator[Action]:
    """The actions, last write first, but those about one pair together, where the first of them is."""
    groups: dict[tuple[str, Side, str], list[Action]] = {}
    first: dict[int, list[Action]] = {}
    for entry, action in reverses:
        names = [(entry.object, side, id) for side, id in zip(Side, _ids(entry), strict=True) if id]
        known = {id(groups[name]): groups[name] for name in names if name in groups}
        group: list[Action] = next(iter(known.values()), [])
        for other in list(known.values())[1:]:  # a record that was linked to two, one after the other
            group += other
            del first[id(other)]
            groups.update({name: group for name, its in groups.items() if its is other})
        group.append(action)
        first.setdefault(id(group), group)
        groups.update(dict.fromkeys(names, group))
    for group in first.values():
        yield from group


def _ids(entry: JournalEntry) -> tuple[str, str]:
    if entry.side is Side.CUSTOMCRM:
        return entry.record_id, entry.partner_id
    return entry.partner_id, entry.record_id


def pair_of(action: Action) -> frozenset[tuple[Side, str]]:
    """The records that an action of such a plan is about."""
    match action:
        case Update() | Unlink():
            ids = {Side.CUSTOMCRM: action.customcrm_id, Side.KEAP: action.keap_id}
        case Delete():
            ids = {action.side: action.id, action.side.other: action.partner_id}
        case Create():
            ids = {action.side.other: action.source_id}
        case TellApart():
            return frozenset((action.one, action.other))
        case _:
            ids = {getattr(action, "side", Side.KEAP): getattr(action, "id", "")}
    return frozenset((side, id) for side, id in ids.items() if id)
