"""Just before records are made: a last look for those that somebody else has made since the plan's reading.

One list of changes for a batch of creates, from the newest stamp that was seen on; a system without such lists is read
once in a run. What is linked, or was there when the plan was made, is known; what is left is matched with the records
that are about to be given a counterpart. A pair is linked instead, and a doubtful one is reported.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from keapbridge._flow.effects import Flow, elapsed, now
from keapbridge._io.calls import Page
from keapbridge.decide.cursor import Shown, next_cursor
from keapbridge.decide.match import match_appeared, near_appeared
from keapbridge.model.actions import Adopt
from keapbridge.model.records import Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.sync.reading.unlisted_fields import brought_up
from keapbridge.sync.synchronization import digest
from keapbridge.sync.writing.run import RunPart, one_sided
from keapbridge.sync.writing.updates import adopt

__all__ = ["LastLook"]

FRESH = timedelta(minutes=1)  # how long a reading is good enough to make records by


@attrs.define
class LastLook:
    """What a run knows of records that were made meanwhile, in one synchronization.

    Attributes:
        since: from where the next look at a side begins.
        looked: when a side was looked at last, by the clock that nobody sets.
        appeared: the records of a side that were not there before and are not linked.
    """

    part: RunPart
    since: dict[Side, datetime] = attrs.field(factory=dict)
    looked: dict[Side, float] = attrs.field(factory=dict)
    appeared: dict[Side, dict[str, Observation]] = attrs.field(factory=lambda: {side: {} for side in Side})

    def still_to_make(self, target: Side, ids: Sequence[str]) -> Flow[list[str]]:
        """Those of the records whose counterparts are still to be made; the others are linked, or reported."""
        if ids and (yield from self._is_due(target)):
            yield from self._look(target)
        yield from self._forget_linked(target)
        if not ids or not self.appeared[target]:
            return list(ids)
        return (yield from self._settle(target, ids))

    def _is_due(self, target: Side) -> Flow[bool]:
        moment = yield from elapsed()
        last = self.looked.get(target)
        if last is not None:
            return self.part.sync.systems[target].lists_changes and moment - last > FRESH.total_seconds()
        age = (yield from now()) - self.part.plan.created_at
        return not (self.part.run.is_fresh and timedelta(0) <= age <= FRESH)

    def _look(self, target: Side) -> Flow[None]:
        sync = self.part.sync
        system = sync.systems[target]
        since = (yield from self._begin(target)) if system.lists_changes else None
        started, begun = (yield from now()), (yield from elapsed())
        page: Page[Any] | None = yield from system.list(since)
        clock = (page.served_at if page else None) or started
        if since is not None and since > clock:
            page = yield from system.list(None)  # a clock is wrong, or was
        shown = Shown()
        while page is not None:
            stamps = [system.identify(record).updated_at for record in page.items]
            shown = shown.page(stamps, clock, timedelta(seconds=(yield from elapsed()) - begun))
            yield from self._take(target, page.items)
            page = (yield from page.next()) if page.next else None
        self.since[target] = next_cursor(since, shown, clock, started, sync.settings.lag)
        self.looked[target] = begun

    def _begin(self, target: Side) -> Flow[datetime]:
        """From where a look begins: from the newest stamp that was seen, minus `lag`."""
        if target in self.since:
            return self.since[target]
        sync, plan = self.part.sync, self.part.plan
        seen = yield from sync.store.plans.watermark(plan.id, sync.name, target)
        if seen is None:  # the plan is about some records only
            cursor = yield from sync.store.cursors.get(sync.name, target)
            seen = cursor.since if cursor else None
        if seen is None:
            return plan.created_at - sync.settings.overlap - sync.settings.lag
        return seen + sync.settings.overlap - sync.settings.lag

    def _take(self, target: Side, records: Sequence[Any]) -> Flow[None]:
        """Remember what was not there when the plan was made, or was another."""
        sync = self.part.sync
        listed = yield from brought_up(sync, target, (yield from sync.see(target, records)), changes=True)
        seen = {one.observation.id: one.observation for one in listed}
        linked = yield from sync.store.links.partners(sync.name, target, seen)
        kept = yield from sync.store.links.tombstones(sync.name, target, [id for id in seen if id not in linked])
        free = [id for id in seen if id not in linked and id not in kept and seen[id].problem is None]
        known = yield from sync.store.staging.observations(sync.name, target, free)
        new = {
            id: seen[id] for id in free if id not in known or digest(known[id].snapshot) != digest(seen[id].snapshot)
        }
        if new:
            staged = [sync.staged(observation) for observation in new.values()]
            yield from sync.store.staging.stage(sync.name, target, staged, complete=False)
        self.appeared[target].update(new)

    def _forget_linked(self, target: Side) -> Flow[None]:
        appeared = self.appeared[target]
        if appeared:
            for id in (yield from self.part.sync.store.links.partners(self.part.sync.name, target, appeared)):
                del appeared[id]

    def _settle(self, target: Side, ids: Sequence[str]) -> Flow[list[str]]:
        sync, source = self.part.sync, target.other
        staged = yield from sync.store.staging.observations(sync.name, source, ids)
        seen = {(source, id): observation.snapshot for id, observation in staged.items()}
        ours = yield from self._under_way(target, ids)
        for id, observation in self.appeared[target].items():
            if not any((key.rank, key.key) in ours for key in sync.keys(observation.snapshot)):
                seen[target, id] = observation.snapshot
        keys = {name: sync.keys(snapshot) for name, snapshot in seen.items()}
        told = yield from sync.store.told_apart.of(sync.name, {id for _, id in seen})
        found = match_appeared(keys, [key.strict for key in sync.mapper.keys], told)
        fields = [*(key.fields for key in sync.mapper.keys), *(near.fields for near in sync.mapper.near)]
        names = ["+".join(some) for some in fields]
        adoptions = [Adopt(sync.name, a, b, f"{names[rank]}, made meanwhile") for rank, (a, b) in found.pairs]
        done = {a.customcrm_id if source is Side.CUSTOMCRM else a.keap_id for a in adoptions}
        linked = {(side, id) for _, pair in found.pairs for side, id in zip(Side, pair, strict=True)}
        free = {} if self.part.run.accepted.near_misses else {n: s for n, s in seen.items() if n not in linked}
        near = {name: sync.mapper.matching.near_keys_of(s.values, s.aliases) for name, s in free.items()}
        nearly = near_appeared(near, range(len(sync.mapper.keys), len(names)), told)
        for rank, unmatched in (*found.unmatched, *nearly):
            if unmatched.side is source and unmatched.id not in done:
                done.add(unmatched.id)
                others = "; ".join(f"{side.title} {id}" for side, id in unmatched.candidates)
                reason = f"{unmatched.reason} (same {names[rank]}), made meanwhile: {others}"
                yield from self.part.report(one_sided(sync.name, "skipped", source, unmatched.id, reason))
        if adoptions:
            yield from adopt(self.part, adoptions)
        return [id for id in ids if id not in done]

    def _under_way(self, target: Side, ids: Collection[str]) -> Flow[set[tuple[int, str]]]:
        """The match keys of records that are being made at the moment: they may be listed, and are linked soon."""
        sync = self.part.sync
        intents = yield from sync.store.intents.open(sync.name)
        making = [intent for intent in intents if intent.side is target and intent.source_id not in ids]
        return {(key.rank, key.key) for intent in making for key in sync.keys(Snapshot(intent.values))}
