"""Ending links: what is gone is looked for once more, what is left is compared with its base once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keapbridge._io.effects import Flow, now
from keapbridge.errors import ApiError, NotFoundError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.model.kept import JournalEntry, Removal
from keapbridge.model.plan import Delete, Unlink
from keapbridge.model.records import Observation, Pair
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.lease import keep
from keapbridge.sync.planning.deletions import is_edited
from keapbridge.sync.synchronization import keys_of
from keapbridge.sync.writing.run import Run, stops_everything

__all__ = ["apply_removals"]


def apply_removals(book: Run, object: str) -> Flow[None]:
    """Unlink, delete or archive what the plan says."""
    for batch in book.batches(object, ("unlink", "delete")):
        actions = [action for action in (yield from batch) if isinstance(action, (Unlink, Delete))]
        wanted = {_customcrm_id(action): action for action in actions}
        pairs = yield from book.bridge.store.links.pairs_of(object, wanted)
        for gone in Side:
            mine = [pair for pair in pairs if _gone(wanted[pair.link.customcrm_id]) is gone]
            there, odd = yield from book.bridge.look(object, gone, [pair.link.id(gone) for pair in mine])
            left, unreadable = yield from book.bridge.look(
                object, gone.other, [pair.link.id(gone.other) for pair in mine]
            )
            for pair in mine:
                action = wanted[pair.link.customcrm_id]
                if pair.link.id(gone) in {*there, *odd} or pair.link.keap_id != _keap_id(action):
                    reason = f"it is in {gone.title} after all"
                    yield from book.report(_line(pair, object, "skipped", None, reason))
                elif pair.link.id(gone.other) in unreadable:
                    reason = unreadable[pair.link.id(gone.other)]
                    yield from book.report(_line(pair, object, "skipped", None, reason))
                else:
                    yield from _remove(book, object, pair, action, left.get(pair.link.id(gone.other)))
        book.progressed(object, len(actions))


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


def _remove(
    book: Run, object: str, pair: Pair, action: Unlink | Delete, left: tuple[Any, Observation] | None
) -> Flow[None]:
    gone = _gone(action)
    if left is None:
        line = _line(pair, object, "unlinked", None, "deleted on both sides")
        yield from book.remove(Removal(object, pair.link, lines=(line,)))
        return
    observation = left[1]
    if isinstance(action, Delete) and observation.problem == OUTSIDE:
        yield from book.report(_line(pair, object, "skipped", action.side, OUTSIDE))
        return
    if isinstance(action, Unlink):
        line = _line(pair, object, "unlinked", None, action.reason)
        reason = "" if action.anew else action.reason
        yield from book.remove(_keeping(book, object, pair, observation, reason, (), line))
        return
    current = Pair(pair.link, observation, observation)
    if is_edited(current, action.side):
        reason = f"deleted in {gone.title}, edited in {action.side.title}; waits for a decision"
        yield from book.report(_line(pair, object, "conflict", None, reason))
        return
    try:
        yield from _delete(book, object, action, observation)
    except (ApiError, TypeError) as error:  # TypeError: the policy archives by a field that cannot be written
        if stops_everything(error):
            raise
        yield from book.fail(_line(pair, object, "failed", action.side, str(error)))
        return
    moment = yield from now()
    reason = f"deleted in {gone.title}"
    kind, outcome = ("archive", "archived") if action.archive else ("delete", "deleted")
    line = _line(pair, object, outcome, action.side, reason)
    before = observation.snapshot.values
    entry = JournalEntry(object, action.side, action.id, kind, before, {}, moment, action.partner_id)
    if action.archive:
        yield from book.remove(_keeping(book, object, pair, observation, reason, (entry,), line))
    else:
        yield from book.remove(Removal(object, pair.link, journal=(entry,), lines=(line,)))


def _delete(book: Run, object: str, action: Delete, seen: Observation) -> Flow[None]:
    system = book.bridge.systems[object, action.side]
    yield from keep(book.bridge.store)
    if action.archive:
        changes: Mapping[str, Any] = book.bridge.policy.archive[action.side.value][action.object]
        yield from system.update(action.id, changes, seen.version)
        return
    try:
        yield from system.delete(action.id, seen.version)
    except NotFoundError:
        return  # somebody else was quicker


def _keeping(
    book: Run,
    object: str,
    pair: Pair,
    left: Observation,
    reason: str,
    journal: tuple[JournalEntry, ...],
    line: Line,
) -> Removal:
    keys = keys_of(book.bridge.mappers[object], left.snapshot)
    return Removal(object, pair.link, left, keys, reason, journal=journal, lines=(line,))


def _line(pair: Pair, object: str, outcome: str, side: Side | None, reason: str) -> Line:
    return Line(object, outcome, side, pair.link.customcrm_id, pair.link.keap_id, (), reason)
