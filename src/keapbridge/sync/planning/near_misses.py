"""Near misses, planned: two records that may be the same, and that nothing links. A person is told, nothing is made.

Who shares a phone number and clearly has another name is made, and told of once: after that they are linked.

Only those count that are left on both sides once all matches are planned. They are staged, so their keys are made of
what is staged, kept beside the match keys for as long as they are compared, and dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from keapbridge._io.effects import Flow, stop_point
from keapbridge.decide.match import apart_by_name, near_misses
from keapbridge.model.plan import EVERY_RECORD, Skip
from keapbridge.model.side import Side
from keapbridge.sync.planning.draft import PlanPart

__all__ = ["plan_near_misses"]

BATCH = 500
FEW = 6  # records that a line names


def plan_near_misses(part: PlanPart) -> Flow[None]:
    sync, store = part.sync, part.sync.store.match_keys
    if not sync.mapper.near:
        return
    for side in Side:
        if not (yield from store.unlinked(sync.name, side, "", 1, part.plan_id)):
            return  # what is left on one side only is near to nothing
    ranks = range(len(sync.mapper.keys), len(sync.mapper.keys) + len(sync.mapper.near))
    yield from store.drop(sync.name, ranks)  # of a run that was cut short
    for side in Side:
        yield from _keep_keys(part, side)
    for rank, near in zip(ranks, sync.mapper.near, strict=True):
        name = "+".join(near.fields)
        after: str | None = ""
        while after is not None:
            yield from stop_point()
            group, after = yield from store.groups(sync.name, rank, after, BATCH, part.plan_id)
            found = [(u, f"{u.reason} (same {name})") for u in near_misses(group)]
            yield from part.add([Skip(sync.name, u.side, u.id, reason, u.candidates) for u, reason in found])
            yield from part.add([_told_of(sync.name, name, some) for some in apart_by_name(group)])
    yield from store.drop(sync.name, ranks)


def _told_of(object: str, key: str, group: Sequence[tuple[Side, str]]) -> Skip:
    """The line about records that share a key and look different; each of them gets its counterpart."""
    some = "; ".join(f"{side.title} {id}" for side, id in group[:FEW])
    more = f" and {len(group) - FEW} more" if len(group) > FEW else ""
    reason = f"the same {key}, and names that are quite different: {some}{more}; taken for different ones"
    return Skip(object, group[0][0], EVERY_RECORD, reason)


def _keep_keys(part: PlanPart, side: Side) -> Flow[None]:
    sync, store = part.sync, part.sync.store.match_keys
    after = ""
    while True:
        yield from stop_point()
        found = yield from store.unlinked(sync.name, side, after, BATCH, part.plan_id)
        if not found:
            return
        after = found[-1].id
        keys = {o.id: sync.mapper.matching.near_keys_of(o.snapshot.values, o.snapshot.aliases) for o in found}
        yield from store.add(sync.name, side, keys)
        if len(found) < BATCH:
            return
