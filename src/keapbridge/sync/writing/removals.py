"""Ending links: what is gone is looked for once more, what is left is compared with its base once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keapbridge._flow.effects import Flow, finish, now, stop_point
from keapbridge.errors import ApiError, NotFoundError
from keapbridge.mapping import taking_back
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.model.actions import Delete, Unlink
from keapbridge.model.kept_in_store import JournalEntry, Removal
from keapbridge.model.records import Observation, Pair
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.planning.deletions import is_edited
from keapbridge.sync.reading.unlisted_fields import whole
from keapbridge.sync.synchronization import Seen
from keapbridge.sync.writing.run import RunPart

__all__ = ["apply_removals"]


def apply_removals(part: RunPart) -> Flow[None]:
    """Unlink, delete or archive what the plan says."""
    for batch in part.batches(("unlink", "delete")):
        actions = [action for action in (yield from batch) if isinstance(action, (Unlink, Delete))]
        wanted = {_customcrm_id(action): action for action in actions}
        pairs = yield from part.sync.store.links.pairs_of(part.sync.name, wanted)
        for gone in Side:
            mine = [pair for pair in pairs if _gone(wanted[pair.link.customcrm_id]) is gone]
            there, odd = yield from part.sync.read(gone, [pair.link.id(gone) for pair in mine])
            held, unreadable = yield from part.sync.read(gone.other, [pair.link.id(gone.other) for pair in mine])
            seen = yield from whole(part.sync, gone.other, list(held.values()), by_ids=False)
            left = {one.whole.id: one for one in seen}
            for pair in mine:
                yield from stop_point()
                action = wanted[pair.link.customcrm_id]
                taker = there.get(pair.link.id(gone)) if isinstance(action, Unlink) and action.reissued else None
                if (taker is None and pair.link.id(gone) in {*there, *odd}) or pair.link.keap_id != _keap_id(action):
                    reason = f"it is in {gone.title} after all"
                    yield from part.report(_line(part, pair, "skipped", None, reason))
                elif pair.link.id(gone.other) in unreadable:
                    reason = unreadable[pair.link.id(gone.other)]
                    yield from part.report(_line(part, pair, "skipped", None, reason))
                else:
                    yield from _removed(part, pair, action, left.get(pair.link.id(gone.other)), taker)
                part.progressed(1)
        part.progressed(len(actions) - len(pairs))


def _customcrm_id(action: Unlink | Delete) -> str:
    if isinstance(action, Unlink):
        return action.customcrm_id
    return action.id if action.side is Side.CUSTOMCRM else action.partner_id


def _keap_id(action: Unlink | Delete) -> str:
    if isinstance(action, Unlink):
        return action.keap_id
    return action.id if action.side is Side.KEAP else action.partner_id


def _gone(action: Unlink | Delete) -> Side:
    return action.gone if isinstance(action, Unlink) else action.side.other


def _removed(part: RunPart, pair: Pair, action: Unlink | Delete, left: Seen | None, taker: Seen | None) -> Flow[None]:
    try:
        yield from finish(_remove(part, pair, action, left, taker))
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are removed
        yield from part.failed(error, _line(part, pair, "failed", None, ""))


def _remove(part: RunPart, pair: Pair, action: Unlink | Delete, left: Seen | None, taker: Seen | None) -> Flow[None]:
    gone = _gone(action)
    if taker is not None:
        line = _line(part, pair, "unlinked", None, action.reason if isinstance(action, Unlink) else "")
        survivor = None if left is None else left.observation
        yield from part.remove(
            Removal(part.sync.name, pair.link, survivor, line.reason, lines=(line,), taker=taker.observation)
        )
        return
    if left is None:
        line = _line(part, pair, "unlinked", None, "deleted on both sides")
        yield from part.remove(Removal(part.sync.name, pair.link, lines=(line,)))
        return
    observation = left.observation
    if isinstance(action, Delete) and observation.problem == OUTSIDE:
        yield from part.report(_line(part, pair, "skipped", action.side, OUTSIDE))
        return
    if isinstance(action, Unlink):
        line = _line(part, pair, "unlinked", None, action.reason)
        reason = "" if action.anew else action.reason
        yield from part.remove(_keeping(part, pair, observation, reason, (), line))
        return
    current = Pair(pair.link, observation, observation)
    if (yield from is_edited(part.sync, current, action.side)):
        reason = f"deleted in {gone.title}, edited in {action.side.title}; waits for a decision"
        # So that it can be found and decided: what has shown it may have been this look alone.
        yield from part.sync.store.staging.stage(
            part.sync.name, action.side, [part.sync.staged(observation)], complete=False
        )
        yield from part.report(_line(part, pair, "conflict", None, reason))
        return
    try:
        yield from _delete(part, action, observation)
    except (ApiError, TypeError) as error:  # TypeError: the policy archives by a field that cannot be written
        if stops_everything(error):
            raise
        yield from part.fail(_line(part, pair, "failed", action.side, str(error)))
        return
    moment = yield from now()
    reason = f"deleted in {gone.title}"
    kind, outcome = ("archive", "archived") if action.archive else ("delete", "deleted")
    line = _line(part, pair, outcome, action.side, reason)
    before = observation.snapshot.values
    raw = None if action.archive else taking_back.raw_of(part.sync.mapper, action.side, left.record)
    entry = JournalEntry(part.sync.name, action.side, action.id, kind, before, {}, moment, action.partner_id, raw)
    if action.archive:
        yield from part.remove(_keeping(part, pair, observation, reason, (entry,), line))
    else:
        yield from part.remove(Removal(part.sync.name, pair.link, journal=(entry,), lines=(line,)))


def _delete(part: RunPart, action: Delete, seen: Observation) -> Flow[None]:
    system = part.sync.systems[action.side]
    if action.archive:
        changes: Mapping[str, Any] = part.sync.settings.policy.archive[action.side.value][action.object]
        yield from system.update(action.id, changes, seen.version)
        return
    try:
        yield from system.delete(action.id, seen.version)
    except NotFoundError:
        return  # somebody else was quicker


def _keeping(
    part: RunPart,
    pair: Pair,
    left: Observation,
    reason: str,
    journal: tuple[JournalEntry, ...],
    line: Line,
) -> Removal:
    return Removal(part.sync.name, pair.link, left, reason, journal=journal, lines=(line,))


def _line(part: RunPart, pair: Pair, outcome: str, side: Side | None, reason: str) -> Line:
    return Line(part.sync.name, outcome, side, pair.link.customcrm_id, pair.link.keap_id, (), reason)
