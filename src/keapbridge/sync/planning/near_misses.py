"""Near misses, planned: two records that may be the same, and that nothing links. A person is told, nothing is made.

Who shares a phone number and clearly has another name is made, and told of once: after that they are linked.

Those that are left on both sides once all matches are planned are compared with each other. Who is to be given a
counterpart is compared with the linked ones; their keys are kept with the links, so that one query finds them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from keapbridge._flow.effects import Flow, stop_point
from keapbridge.decide.match import Unmatched, apart_by_name, near_linked, near_misses
from keapbridge.model.accepted import NEAR_MISSES
from keapbridge.model.actions import EVERY_RECORD, Skip
from keapbridge.model.kept_in_store import RecordKey
from keapbridge.model.records import Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.sync.planning.compared import fill
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.synchronization import Synchronization

__all__ = ["near_to_linked", "plan_near_misses"]

BATCH = 500
FEW = 6  # records that a line names


def plan_near_misses(part: PlanPart) -> Flow[None]:
    sync, store = part.sync, part.sync.store.match_keys
    if not sync.mapper.near or part.accepted.near_misses:
        return
    for side in Side:
        if not (yield from store.unlinked(sync.name, side, "", 1, part.plan_id)):
            return  # what is left on one side only is near to nothing
    with (yield from store.scratch()) as scratch:
        yield from fill(scratch, sync, partial(_near_keys, sync), plan_id=part.plan_id)
        for rank, near in zip(sync.mapper.near_ranks, sync.mapper.near, strict=True):
            name = "+".join(near.fields)
            after: tuple[Side, str] | None = (Side.CUSTOMCRM, "")
            while after is not None:
                yield from stop_point()
                group, after = yield from store.groups(scratch, sync.name, rank, after, BATCH, part.plan_id)
                yield from part.add([_told(sync.name, name, unmatched) for unmatched in near_misses(group)])
                yield from part.add([_told_of(sync.name, name, some) for some in apart_by_name(group)])


def _near_keys(sync: Synchronization, snapshot: Snapshot) -> tuple[RecordKey, ...]:
    return sync.mapper.matching.near_keys_of(snapshot.values, snapshot.aliases)


def near_to_linked(part: PlanPart, found: Sequence[Observation]) -> Flow[dict[str, Skip]]:
    """Of records that are about to be given a counterpart, by id, those that may be ones that are linked already."""
    sync = part.sync
    if not found or not sync.mapper.near or part.accepted.near_misses:
        return {}
    keys = {(o.side, o.id): _near_keys(sync, o.snapshot) for o in found}
    every = [key for its in keys.values() for key in its]
    linked = yield from sync.store.match_keys.linked_sharers(sync.name, every)
    told = yield from sync.store.told_apart.of(sync.name, [o.id for o in found])
    names = ["+".join(near.fields) for near in sync.mapper.near]
    first = len(sync.mapper.keys)
    found_near = near_linked(keys, linked, told)
    near = {unmatched.id: _told(sync.name, names[rank - first], unmatched) for rank, unmatched in found_near}
    begun = (yield from _was_to_be_made(part, found[0].side, near)) if near else frozenset()
    return {id: told for id, told in near.items() if id not in begun}


def _was_to_be_made(part: PlanPart, source: Side, ids: Collection[str]) -> Flow[Collection[str]]:
    """Those that a run was to give a counterpart and did not come to: who was made before them changes nothing."""
    sync = part.sync
    promised = yield from sync.store.plans.promised(sync.name, source, ids)
    failed = yield from sync.store.failures.of(sync.name, source, ids)
    return promised | failed.keys()


def _told(object: str, key: str, unmatched: Unmatched) -> Skip:
    reason = f'{unmatched.reason} (same {key}); if it is another: session.sync(accept=["{NEAR_MISSES}"])'
    return Skip(object, unmatched.side, unmatched.id, reason, unmatched.candidates)


def _told_of(object: str, key: str, group: Sequence[tuple[Side, str]]) -> Skip:
    """The line about records that share a key and look different; each of them gets its counterpart."""
    some = "; ".join(f"{side.title} {id}" for side, id in group[:FEW])
    more = f" and {len(group) - FEW} more" if len(group) > FEW else ""
    reason = f"the same {key}, and names that are quite different: {some}{more}; taken for different ones"
    return Skip(object, group[0][0], EVERY_RECORD, reason)
