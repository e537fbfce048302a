"""Linked pairs in doubt, planned: a record that has gone back waits for a word, the link of a reissued id ends."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from keapbridge._flow.effects import Flow, now
from keapbridge.decide.merge import Merge
from keapbridge.model.actions import Action, Conflict, Skip
from keapbridge.model.kept_in_store import Removal
from keapbridge.model.records import Doubt, Observation, Pair
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.sync.linked_in_doubt import ANOTHER, LAGGING, RESTORED
from keapbridge.sync.planning.draft import PlanPart
from keapbridge.sync.reading.scan import read_all_next
from keapbridge.sync.synchronization import Synchronization

__all__ = ["in_doubt", "looked_at_again", "parting", "remember_gone_back"]


def in_doubt(part: PlanPart, pair: Pair, doubt: Doubt, outcome: Merge) -> Flow[list[Action]]:
    """What is planned for a pair in doubt."""
    name, link = part.sync.name, pair.link
    if doubt.about == ANOTHER and _may_end_one_more(part):
        line = Line(name, "unlinked", None, link.customcrm_id, link.keap_id, (), doubt.reason)
        removal = parting(part.sync, part.plan_id, pair, doubt)
        yield from part.sync.store.links.remove(None, (yield from now()), attrs.evolve(removal, lines=(line,)))
        return []
    if doubt.about == LAGGING:
        return [Skip(name, doubt.side, link.id(doubt.side), doubt.reason)]
    if doubt.about == RESTORED:
        part.went_back[doubt.side] += 1
        part.back_by[doubt.side] = max(part.back_by[doubt.side], doubt.back_by)
    return [Conflict(name, link.customcrm_id, link.keap_id, each) for each in outcome.conflicts]


def _may_end_one_more(part: PlanPart) -> bool:
    """So many links are ended as may be ended for deletions; more look like another system, and wait for a word."""
    part.reissued += 1
    most = part.sync.settings.policy.max_deletes
    return most is None or part.reissued <= most


def parting(sync: Synchronization, plan_id: str, pair: Pair, doubt: Doubt) -> Removal:
    """The end of a link whose one id is another record's now; that record is free, and so is its former partner.

    As after a deletion, the partner is given no new counterpart by itself.
    """
    side, link = doubt.side, pair.link
    taker = pair.seen[side]
    assert taker is not None  # it is seen that it is another one
    left = pair.seen[side.other] or Observation(side.other, link.id(side.other), pair.current[side.other])
    return Removal(
        sync.name,
        link,
        attrs.evolve(left, seen_in=plan_id, mark=None),
        doubt.reason,
        taker=attrs.evolve(taker, seen_in=plan_id, mark=None),
    )


def looked_at_again(part: PlanPart, pairs: Sequence[Pair], merged: Sequence[tuple[Pair, Merge]]) -> Flow[list[Pair]]:
    """The pairs, with those read once more that seem to have gone back and that this run has not seen."""
    sync = part.sync
    stale = {
        pair.link.customcrm_id: pair.doubt.side
        for before, (pair, _) in zip(pairs, merged, strict=True)
        if _is_news(before, pair) and pair.doubt and (seen := before.seen[pair.doubt.side])
        if seen.seen_in != part.plan_id
    }
    for side in Side:
        ids = [pair.link.id(side) for pair in pairs if stale.get(pair.link.customcrm_id) is side]
        if ids:
            found, _ = yield from sync.read(side, ids)
            rows = [sync.staged(attrs.evolve(seen.observation, seen_in=part.plan_id)) for seen in found.values()]
            yield from sync.store.staging.stage(sync.name, side, rows, complete=False)
    if not stale:
        return list(pairs)
    fresh = {pair.link.customcrm_id: pair for pair in (yield from sync.store.links.pairs_of(sync.name, stale))}
    return [fresh.get(pair.link.customcrm_id, pair) for pair in pairs]


def remember_gone_back(part: PlanPart, pairs: Sequence[Pair], merged: Sequence[tuple[Pair, Merge]]) -> Flow[None]:
    """Note which records have gone back, so that they wait also when they are edited; the next run looks at all."""
    news = [pair for before, (pair, _) in zip(pairs, merged, strict=True) if _is_news(before, pair)]
    for side in Side:
        ids = [pair.link.id(side) for pair in news if pair.doubt and pair.doubt.side is side]
        if ids:
            yield from part.sync.store.staging.note_gone_back(part.sync.name, side, ids)
    if news and not part.complete:
        part.complete = True
        yield from read_all_next(part.sync)


def _is_news(before: Pair, pair: Pair) -> bool:
    """Whether it was not known yet that a record has gone back."""
    doubt = pair.doubt
    if doubt is None or doubt.about != RESTORED or doubt.winner is not None:
        return False
    seen = before.seen[doubt.side]
    return seen is not None and not seen.went_back
