"""Planning: both systems are read, and what would bring them together is written down as a plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from keapbridge._flow.effects import Flow, new_id, now, within
from keapbridge.decide.restored import back_total
from keapbridge.errors import MappingError
from keapbridge.model.accepted import Accepted
from keapbridge.model.actions import Skip
from keapbridge.model.plan import Plan
from keapbridge.model.side import Side
from keapbridge.store.sql.plans import Begun
from keapbridge.sync.guard import EVERY_RECORD, stops_everything
from keapbridge.sync.planning.deletions import plan_deletions
from keapbridge.sync.planning.draft import PlanDraft, PlanPart
from keapbridge.sync.planning.first_contact import plan_creates, plan_hopeless, plan_matches
from keapbridge.sync.planning.linked import plan_pairs
from keapbridge.sync.planning.lost_creates import plan_lost_creates
from keapbridge.sync.planning.near_misses import plan_near_misses
from keapbridge.sync.planning.sweeps import hold_sweeps
from keapbridge.sync.reading.scan import Scan, observe, observe_ids
from keapbridge.sync.reading.unlisted_fields import tell_unlisted
from keapbridge.sync.synchronization import Synchronization

__all__ = ["propose"]

ASKED = (
    'the Keap application has no product that shows its currency: open the session with currency="USD", or '
    "what else it sells in (ISO 4217)"
)


MOVED = "the list moved while it was read: what it does not show is not taken for deleted in this run"


def propose(
    synchronizations: Sequence[Synchronization],
    *,
    full: bool = False,
    ids: Mapping[Side, Collection[str]] | None = None,
    accepted: Accepted | None = None,
) -> Flow[Plan]:
    """Observe both systems and write down what would bring them together. Nothing is written to either of them.

    Args:
        synchronizations: of one bridge; what refers to others comes after them.
        full: everything, not only what changed since the last run.
        ids: only these records, and what was left open before.
        accepted: what a person accepts for this run.
    """
    store = synchronizations[0].store
    plan_id = (yield from new_id())[:12]
    begun = Begun((yield from now()), [sync.name for sync in synchronizations])
    draft = PlanDraft(store, plan_id, begun, accepted or Accepted())
    stopped: list[Exception] = []
    for sync in synchronizations:
        part = draft.part(sync)
        try:
            yield from _propose_part(part, full, ids)
        except Exception as error:
            # What is set up wrongly is for the host to mend before anything is done.
            if stops_everything(error) or isinstance(error, MappingError):
                raise
            stopped.append(error)
            if len(stopped) == len(synchronizations):
                raise
            part.cursors = {}  # what it has not seen is still to be seen
            part.totals = {
                "actions": part.actions,
                "links": (yield from store.links.count(sync.name)),
            }  # for the brakes
            yield from part.add([Skip(sync.name, Side.KEAP, EVERY_RECORD, sync.guard.stopped(error, sync.name))])
    return (yield from draft.finish())


def _propose_part(part: PlanPart, full: bool, ids: Mapping[Side, Collection[str]] | None) -> Flow[None]:
    sync = part.sync
    watch = sync.settings.watch
    yield from within(plan_lost_creates(part), place=("planning", sync.name))
    reading = observe(sync, part.plan_id, full=full) if ids is None else observe_ids(sync, part.plan_id, ids)
    scans = yield from watch.phase(sync.name, "reading", reading)
    yield from watch.phase(sync.name, "planning", _plan_part(part, scans))


def _plan_part(part: PlanPart, scans: Sequence[Scan]) -> Flow[None]:
    sync = part.sync
    part.complete = all(scan.complete for scan in scans)
    part.whole = frozenset(scan.side for scan in scans if scan.whole)
    part.cursors = {scan.side.value: scan.cursor for scan in scans if scan.cursor is not None}
    yield from sync.assured()
    news, sync.belonging.news = sync.belonging.news, None  # told once
    found = [Skip(sync.name, Side.CUSTOMCRM, EVERY_RECORD, news)] if news else []
    found += [Skip(sync.name, scan.side, "?", reason) for scan in scans for reason in scan.nameless]
    yield from part.add([*found, *(Skip(sync.name, s.side, EVERY_RECORD, MOVED) for s in scans if s.moved)])
    staged, missing = yield from sync.store.staging.is_anything_open(sync.name)
    if missing:
        yield from plan_deletions(part)  # which may stage what is there after all
    if missing or staged:
        yield from _plan_records(part)
        yield from hold_sweeps(part)
    held = sync.guard.holds(sync.name)
    found = [*part.uncertain.values()]
    found += [Skip(sync.name, item.side, EVERY_RECORD, item.reason, field=item.field) for item in held]
    found += yield from tell_unlisted(sync)
    yield from part.add([*found, Skip(sync.name, Side.KEAP, EVERY_RECORD, ASKED)] if part.wants_currency else found)
    yield from _count(part, scans)


def _plan_records(part: PlanPart) -> Flow[None]:
    yield from plan_pairs(part)
    if (yield from plan_matches(part)):
        yield from plan_near_misses(part)
        yield from part.add(list(part.uncertain.values()))
        for side in Side:
            yield from plan_creates(part, side)
        yield from plan_hopeless(part)


def _count(part: PlanPart, scans: Sequence[Scan]) -> Flow[None]:
    sync = part.sync
    # Of the pairs that were looked at, one side may have come as it was.
    quiet = max(scan.unchanged - part.one_sided[scan.side] for scan in scans)
    part.unchanged = max(0, quiet) + part.settled
    part.totals = {scan.side.value: scan.seen for scan in scans} | {"actions": part.actions}
    for side, number in part.went_back.items():
        part.totals |= {back_total(side): number, back_total(side, "_by"): part.back_by[side]}
    if (rate := sync.systems[Side.KEAP].calls_per_minute) is not None:
        part.totals["keap_per_minute"] = rate
    if part.counts:  # the brakes want to know; counting costs where nothing happens
        part.totals["links"] = yield from sync.store.links.count(sync.name)
        if not part.totals["links"]:
            for side in Side:  # what is outside the filter takes no part
                unlinked = yield from sync.store.match_keys.count_unlinked(sync.name, side)
                part.totals[f"{side.value}_unlinked"] = unlinked
