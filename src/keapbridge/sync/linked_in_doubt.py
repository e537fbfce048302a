"""What is remembered of linked records against what they show: who they are, and whether they have gone back.

The journal is asked only about records that are older than they were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import attrs

from keapbridge._flow.effects import Flow, now
from keapbridge.decide.identity import Who, who_is_it
from keapbridge.decide.restored import GoneBack, is_no_newer, is_older, old_state
from keapbridge.model.change import RECORD
from keapbridge.model.kept import JournalEntry
from keapbridge.model.records import Decided, Doubt, Observation, Pair, Snapshot, Values
from keapbridge.model.side import Side
from keapbridge.sync.synchronization import Synchronization, digest

__all__ = ["ANOTHER", "LAGGING", "RESTORED", "SAME", "STRANGER", "decided", "doubted", "has_gone_back"]

RESTORED, LAGGING, STRANGER, ANOTHER = "restored", "lagging", "stranger", "another"
SAME = "same"  # what somebody may say of a record that may be another
BATCH = 500


def doubted(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[Pair]]:
    """The pairs, each with what speaks against taking what it shows for edits."""
    older = [pair for pair in pairs if any(_is_suspect(pair, side) for side in Side)]
    if not older:
        return [_with_doubt(sync, pair, (), None) for pair in pairs]
    entries = yield from sync.store.journal.of_links(sync.name, [pair.link for pair in older])
    moment = yield from now()
    return [_with_doubt(sync, pair, entries.get(pair.link.customcrm_id, ()), moment) for pair in pairs]


def has_gone_back(sync: Synchronization, older: Mapping[Side, Collection[str]]) -> Flow[bool]:
    """Whether any of these records, which are older than they were, has gone back."""
    for side, ids in older.items():
        wanted = sorted(ids)
        for start in range(0, len(wanted), BATCH):
            some = wanted[start : start + BATCH]
            if side is Side.KEAP:
                some = list((yield from sync.store.links.partners(sync.name, side, some)).values())
            pairs = yield from doubted(sync, (yield from sync.store.links.pairs_of(sync.name, some)))
            if any(pair.doubt is not None and pair.doubt.about == RESTORED for pair in pairs):
                return True
    return False


def _is_suspect(pair: Pair, side: Side) -> bool:
    seen = pair.seen[side]
    if seen is None or seen.problem is not None:
        return False
    return seen.went_back or is_no_newer(pair.link.life(side).changed, seen.life.changed)


def _with_doubt(sync: Synchronization, pair: Pair, entries: Sequence[JournalEntry], moment: datetime | None) -> Pair:
    perhaps: Doubt | None = None
    for side in Side:
        seen = pair.seen[side]
        if seen is None or seen.problem is not None:
            continue
        if _said(sync, pair, side) == SAME:
            continue
        link, linked = pair.link, pair.current[side.other].values
        life, base, values = link.life(side), link.base(side), _meant(sync, pair, side)
        who = who_is_it(sync.mapper.signs, life, base, seen.life, values, linked)
        if who is Who.ANOTHER:
            reason = f"the id {side.title} {seen.id} belongs to another record now, which was made at another time"
            return attrs.evolve(pair, doubt=Doubt(ANOTHER, side, reason))
        if moment is not None and _is_suspect(pair, side):
            older = seen.went_back or is_older(life.changed, seen.life.changed)
            awaited, lag = link.awaited.get(side, {}), sync.settings.lag
            back = old_state(base, values, awaited, entries, older=older, moment=moment, lag=lag)
            if back is not None:
                return _gone_back(sync, pair, seen, back)
        if who is Who.PERHAPS:
            reason = f"the same person? All that {side.title} {seen.id} was known by is another"
            perhaps = Doubt(STRANGER, side, reason)
    return attrs.evolve(pair, doubt=perhaps) if perhaps != pair.doubt else pair


def decided(sync: Synchronization, pair: Pair, word: str) -> Pair:
    """A pair in doubt of which somebody has said what is so: that the record is the `SAME`, or the side that is right.

    It counts for what the record shows by now: one that shows yet something else is in doubt again.
    """
    doubt = pair.doubt
    assert doubt is not None  # it was asked about
    shown = _shown(sync, pair, doubt.side, doubt.fields)
    return attrs.evolve(
        pair, link=pair.link.deciding({RECORD: Decided(word, {doubt.side: shown}, {doubt.side: shown})})
    )


def _said(sync: Synchronization, pair: Pair, side: Side, fields: Collection[str] = ()) -> str | None:
    """What somebody has said about what a record shows."""
    said = pair.link.decided.get(RECORD)
    if said is None or said.before.get(side) != _shown(sync, pair, side, fields):
        return None
    return said.by


def _shown(sync: Synchronization, pair: Pair, side: Side, fields: Collection[str]) -> str:
    """What a record holds in the fields that have gone back, or else in those that tell who it is."""
    which = fields or [field for sign in sync.mapper.signs.values() for field in sign]
    values = pair.current[side].values
    return digest(Snapshot({field: values[field] for field in which if field in values}))


def _meant(sync: Synchronization, pair: Pair, side: Side) -> Values:
    """What a record shows; what its list leaves out is no old state."""
    if not pair.current[side].absent:
        return pair.current[side].values
    meant, _ = sync.absences.as_meant(pair)
    return meant.current[side].values


def _gone_back(sync: Synchronization, pair: Pair, seen: Observation, back: GoneBack) -> Pair:
    side, said = seen.side, _said(sync, pair, seen.side, back.fields)
    winner = sync.restored or (None if said is None else Side(said))
    known = pair.link.life(side).changed
    by = int((known - seen.life.changed).total_seconds()) if known and seen.life.changed else 0
    about = RESTORED if back.certain or winner is not None else LAGGING
    where = f"{side.title} {seen.id}"
    if about == RESTORED:
        reason = f"{where} went back to an earlier state: {', '.join(sorted(back.fields))}"
    else:
        reason = f"{where} shows what it held before it was written: an old state, or a restored one; looked at again"
    doubt = Doubt(about, side, reason, back.fields, max(0, by), winner)
    return attrs.evolve(pair.seeing(attrs.evolve(seen, went_back=about == RESTORED)), doubt=doubt)
