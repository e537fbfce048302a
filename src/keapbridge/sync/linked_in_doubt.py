"""What is remembered of linked records against what they show: who they are, and what of it is no edit.

The journal is asked only about records that are no newer than they were, and show something else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import attrs

from keapbridge._flow.effects import Flow, now
from keapbridge.decide.identity import Who, who_is_it
from keapbridge.decide.restored import GoneBack, is_no_newer, is_older, old_state
from keapbridge.decide.returned import returned
from keapbridge.decide.written_over import as_it_was, looks_written_over
from keapbridge.model.change import RECORD
from keapbridge.model.kept_in_store import Intent, JournalEntry
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Decided, Doubt, Life, Observation, Pair, Snapshot, Values, WrittenOver
from keapbridge.model.side import Side
from keapbridge.sync.synchronization import Synchronization, digest

__all__ = ["ANOTHER", "LAGGING", "RESTORED", "SAME", "STRANGER", "decided", "doubted", "has_gone_back", "written_over"]

RESTORED, LAGGING, STRANGER, ANOTHER = "restored", "lagging", "stranger", "another"
SAME = "same"  # what somebody may say of a record that may be another
BATCH = 500


def doubted(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[Pair]]:
    """The pairs, each with what speaks against taking what it shows for edits."""
    pairs = yield from written_over(sync, pairs)
    older = [pair for pair in pairs if any(_may_be_old(pair, side) for side in Side) or _come_back(sync, pair) != pair]
    if not older:
        return [_with_doubt(sync, pair, (), None) for pair in pairs]
    entries = yield from sync.store.journal.of_links(sync.name, [pair.link for pair in older])
    moment = yield from now()
    return [_with_doubt(sync, pair, entries.get(pair.link.customcrm_id, ()), moment) for pair in pairs]


def written_over(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[Pair]]:
    """The pairs with what was written over their records, or may have been, by creates that are not done with."""
    its = sync.store.intents
    if not its.may_have(sync.name):
        return list(pairs)
    edited = any(_is_edited(pair, side) for pair in pairs for side in Side)
    intents = (yield from its.open(sync.name)) if edited else (yield from its.over(sync.name))
    return [attrs.evolve(pair, written_over=_notes(pair, intents)) for pair in pairs] if intents else list(pairs)


def _is_edited(pair: Pair, side: Side) -> bool:
    """Whether a record shows anything that it was not known to hold."""
    seen, base = pair.seen[side], pair.link.base(side)
    if seen is None:
        return False
    return bool(seen.snapshot.unreadable) or any(
        value != base.get(field, UNSET) for field, value in seen.snapshot.values.items() if value is not None
    )


def _notes(pair: Pair, intents: Sequence[Intent]) -> tuple[WrittenOver, ...]:
    found: list[WrittenOver] = []
    for its in intents:
        source = f"{its.side.other.title} {its.source_id}"
        if its.over is not None and its.over == pair.link.id(its.side):
            reason = f"what was made of {source} was written over it"
            found.append(WrittenOver(its.id, its.source_id, its.side, reason, its.values, its.before))
        elif (
            its.over is None
            and its.source_id != pair.link.id(its.side.other)
            and looks_written_over(pair, its.side, its.values)
        ):
            reason = f"what was made of {source} may have been written over it; looked at again"
            found.append(WrittenOver(its.id, its.source_id, its.side, reason, its.values, certain=False))
    return tuple(found)


def has_gone_back(sync: Synchronization, older: Mapping[Side, Collection[str]]) -> Flow[bool]:
    """Whether any of these records, which are older than they were, has gone back."""
    for side, ids in older.items():
        wanted = sorted(ids)
        for start in range(0, len(wanted), BATCH):
            pairs = yield from sync.store.links.pairs_of(sync.name, wanted[start : start + BATCH], side)
            pairs = yield from doubted(sync, pairs)
            if any(pair.doubt is not None and pair.doubt.about == RESTORED for pair in pairs):
                return True
    return False


def _come_back(sync: Synchronization, pair: Pair) -> Pair:
    """The pair with what was known of fields that it shows again after a time in which nobody saw them."""
    return returned(pair, {lens.name for lens in sync.mapper.lenses}) if pair.link.aside else pair


def _is_suspect(pair: Pair, side: Side) -> bool:
    seen = pair.seen[side]
    if seen is None or seen.problem is not None:
        return False
    return seen.went_back or is_no_newer(pair.link.life(side).changed, seen.life.changed)


def _may_be_old(pair: Pair, side: Side) -> bool:
    """Whether the journal is to be asked about a suspect: what shows nothing new cannot be an old state."""
    if not _is_suspect(pair, side):
        return False
    base, seen = pair.link.base(side), pair.current[side].values
    return bool(pair.written_over) or any(base.get(field, value) != value for field, value in seen.items())


def _with_doubt(sync: Synchronization, pair: Pair, entries: Sequence[JournalEntry], moment: datetime | None) -> Pair:
    doubt = _doubt(sync, as_it_was(pair), entries, moment)
    if doubt is not None and doubt.about in {RESTORED, LAGGING} and (seen := pair.seen[doubt.side]) is not None:
        pair = pair.seeing(attrs.evolve(seen, went_back=doubt.about == RESTORED))
    return attrs.evolve(pair, doubt=doubt) if doubt != pair.doubt else pair


def _doubt(sync: Synchronization, pair: Pair, entries: Sequence[JournalEntry], moment: datetime | None) -> Doubt | None:
    perhaps: Doubt | None = None
    for side in Side:
        seen = pair.seen[side]
        if seen is None or seen.problem is not None:
            continue
        if _said(sync, pair, side) == SAME:
            continue
        link, linked = pair.link, pair.current[side.other].values
        life, base, values = link.life(side), link.base(side), _meant(sync, pair, side)
        known = _come_back(sync, pair).link.base(side) if link.aside else base
        come_back = known.keys() - base.keys()
        who = who_is_it(sync.mapper.signs, life, base, seen.life, values, linked)
        if who is Who.ANOTHER:
            reason = f"the id {side.title} {seen.id} belongs to another record now, which was made at another time"
            return Doubt(ANOTHER, side, reason)
        suspect = moment is not None and _is_suspect(pair, side)
        if moment is not None and (come_back or suspect):
            # Whether it went back while it did not show them, its stamp does not tell any more.
            older = seen.went_back or is_older(life.changed, seen.life.changed) or bool(come_back)
            if not suspect:
                values = {field: values[field] for field in come_back}
            awaited, lag = link.awaited.get(side, {}), sync.settings.lag
            written = [entry.written_at for entry in entries if entry.side is side]
            last = max(written, default=None) if _is_before(seen, life, moment + lag) else None
            back = old_state(known, values, awaited, entries, older=older, moment=moment, lag=lag, written_at=last)
            if back is not None:
                return _gone_back(sync, pair, seen, back)
        if who is Who.PERHAPS:
            reason = f"the same person? All that {side.title} {seen.id} was known by is another"
            perhaps = Doubt(STRANGER, side, reason)
    return perhaps


def _is_before(seen: Observation, known: Life, latest: datetime) -> bool:
    """Whether a record is as it was before, if ever so little. A stamp of the future does not tell."""
    return known.changed is not None and seen.life.changed is not None and seen.life.changed < known.changed <= latest


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


def _gone_back(sync: Synchronization, pair: Pair, seen: Observation, back: GoneBack) -> Doubt:
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
    return Doubt(about, side, reason, back.fields, max(0, by), winner)
