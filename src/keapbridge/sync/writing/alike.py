"""Linking pairs whose records hold the same, as nearly all do at first contact: many at once, and none is merged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from keapbridge._flow.effects import Flow, now
from keapbridge.mapping.kinds import is_pending
from keapbridge.model.actions import Action, Adopt
from keapbridge.model.records import Snapshot
from keapbridge.model.report import Line
from keapbridge.store.sql.alike import KnownBy
from keapbridge.sync.reading.witnesses import judge
from keapbridge.sync.synchronization import Synchronization, digest
from keapbridge.sync.writing.pair_state import linked_line
from keapbridge.sync.writing.run import RunPart

__all__ = ["link_alike"]


def link_alike(part: RunPart, batch: Flow[list[Action]]) -> Flow[list[Action]]:
    """Link those pairs of a batch that are alike; answers the others, which are to be looked at one by one."""
    actions = yield from batch
    sync = part.sync
    yield from judge(sync, [])  # has a system lost the place of a field since the plan was made?
    if sync.absences.verdicts:
        return actions  # what is not shown, or was shown by some only, may not be what it holds
    lines = [linked_line(a) for a in actions if isinstance(a, Adopt) and not (a.held or a.replaces)]
    linked = yield from sync.guard.by_halves(lines, partial(_link, part), _not_linked)
    done = {(line.customcrm_id, line.keap_id) for line in linked}
    part.progressed(len(done))
    return [a for a in actions if not (isinstance(a, Adopt) and (a.customcrm_id, a.keap_id) in done)]


def _link(part: RunPart, lines: Sequence[Line]) -> Flow[list[Line]]:
    sync, run = part.sync, part.run
    known_by = partial(_known_by, sync, frozenset(lens.name for lens in sync.mapper.lenses))
    moment = yield from now()
    linked = yield from sync.store.alike.link(run.run_id, lines, moment, sync.absences.doubtful, known_by)
    run.count(linked)
    return linked


def _not_linked(_: Line, __: Exception) -> Flow[list[Line]]:
    """It is told where the pair is looked at by itself."""
    yield from ()
    return []


def _known_by(sync: Synchronization, fields: frozenset[str], snapshot: Snapshot) -> KnownBy | None:
    """What a link keeps of a record; `None` where its values are to be looked at.

    They are where a record that it refers to may be linked by now, and where the mapping is another one.
    """
    values = snapshot.values
    if not values.keys() <= fields or any(is_pending(values.get(field)) for field in sync.mapper.references):
        return None
    return KnownBy(digest(snapshot), sync.keys_of_linked(snapshot))
