"""Observing: the lists of both systems stream through, and what differs from what is linked is staged in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import attrs

from keapbridge._flow.effects import Flow, clocks, elapsed, gather
from keapbridge._io.calls import Malformed, Page
from keapbridge.decide.cursor import next_cursor
from keapbridge.decide.restored import is_another_past, newest, out_of_sight
from keapbridge.decide.so_far import SoFar
from keapbridge.errors import ShapeError
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.kept_in_store import Cursor
from keapbridge.model.side import Side
from keapbridge.sync.linked_in_doubt import has_gone_back
from keapbridge.sync.reading.anew import anew_where_emptied, learn_places, mapping_fact, shows_emptied
from keapbridge.sync.reading.custom_fields import learn_fields
from keapbridge.sync.reading.fingerprints import salt
from keapbridge.sync.reading.going_on import earlier, note, note_end, note_whole, scan_after
from keapbridge.sync.reading.keys_anew import keys_anew, manner
from keapbridge.sync.reading.never_listed_fields import note_never_listed, probe
from keapbridge.sync.reading.pages import reason_of, recognise, stage, stage_page, stamps_of, without_stamps
from keapbridge.sync.reading.unlisted_fields import catch_up, is_listed_again, learn_unshown
from keapbridge.sync.reading.vanished_fields import NOT_SHOWN
from keapbridge.sync.reading.witnesses import note_homeless, welcome_back
from keapbridge.sync.synchronization import Synchronization

__all__ = ["Scan", "observe", "observe_ids", "read_all_next"]


@attrs.frozen
class Scan:
    """What a scan of one side found.

    Attributes:
        cursor: from where the next scan must look again; `None` where this one looked at some records only.
        nameless: why records could not be read that do not even show an id.
        complete: whether it was to show all there are.
        moved: whether the list moved meanwhile, so that what it has not shown may be there.
        whole: whether it has shown all that it can: what else is there is left out by the list.
        older: the linked records that show something else and are not newer than they were.
        out_of_sight: the records that were changed last, with their stamps, where a list of changes should show them
            again and does not.
    """

    side: Side
    seen: int
    unchanged: int
    cursor: Cursor | None
    nameless: tuple[str, ...] = ()
    complete: bool = False
    moved: bool = False
    whole: bool = False
    older: tuple[str, ...] = ()
    out_of_sight: Mapping[str, datetime] = MappingProxyType({})


def observe(sync: Synchronization, plan_id: str, *, full: bool) -> Flow[list[Scan]]:
    """Scan both sides at once: all of them, or what changed since the last run.

    After a change of the mapping everything is scanned once: records that nobody edits differ by the new fields.
    """
    mapping = _fingerprint(sync.mapper)
    fact = mapping_fact(sync.name)
    known = yield from sync.store.facts.get(fact)
    some_vanished = known is not None and NOT_SHOWN in known
    if some_vanished:
        yield from learn_unshown(sync)
    sync.absences.known = True
    is_new = known is None or known.removesuffix(NOT_SHOWN) != mapping
    if is_new:
        full = full or known is not None
        yield from _remap(sync)
    anew = yield from learn_fields(sync, refresh=full)
    renamed = yield from _learn_entries(sync)
    anew = anew or renamed
    full = full or anew
    by = None if anew else _read_by(mapping, known)
    scans = yield from gather((_scan(sync, side, plan_id, by, full=full) for side in Side), limit=2)
    if not full and _has_news(scans) and (yield from learn_fields(sync, refresh=True)):
        anew = full = True
        scans = yield from gather((_scan(sync, side, plan_id, None, full=True) for side in Side), limit=2)
    if some_vanished and (yield from welcome_back(sync, look=not full)):
        anew = True
        scans = yield from gather((_scan(sync, side, plan_id, None, full=True) for side in Side), limit=2)
    if not all(scan.complete for scan in scans) and (yield from _went_back(sync, scans)):
        # Lists of changes do not show what was restored along with it.
        scans = yield from gather((_scan(sync, side, plan_id, None, full=True) for side in Side), limit=2)
    if known is not None and (yield from shows_emptied(sync, {scan.side: scan.older for scan in scans if scan.older})):
        if not all(scan.complete for scan in scans):
            scans = yield from gather((_scan(sync, side, plan_id, None, full=True) for side in Side), limit=2)
        if (yield from anew_where_emptied(sync)):
            anew = True
            scans = yield from gather((_scan(sync, side, plan_id, None, full=True) for side in Side), limit=2)
    if is_new and (yield from _fall_short(sync, scans, first=known is None)):
        scans = yield from gather((_scan(sync, side, plan_id, None, full=True) for side in Side), limit=2)
    yield from is_listed_again(sync, anew=is_new)
    yield from _catch_up(sync, plan_id)
    gone = {field for side in Side for field in sync.absences.vanished(side)}
    if any(held.field not in gone for held in sync.guard.holds(sync.name)):
        mapping = f"{mapping}, some of it held"  # once it can be read, so is what was seen without it
    if gone or sync.absences.are_left_out:
        mapping += NOT_SHOWN
    if known != mapping or anew:
        yield from sync.store.facts.set(fact, mapping)
    return scans


def _read_by(mapping: str, known: str | None) -> str:
    """What the records of a list of everything are read by: what was begun anew meanwhile is to be read by another."""
    is_new = known is not None and known.removesuffix(NOT_SHOWN) != mapping
    return f"{mapping} after {known}" if is_new else mapping


def observe_ids(sync: Synchronization, plan_id: str, ids: Mapping[Side, Collection[str]]) -> Flow[list[Scan]]:
    """Look at these records only. Those that are not shown are taken for deleted, which is then to be proven."""
    yield from learn_unshown(sync)
    known = yield from sync.store.facts.get(mapping_fact(sync.name))
    if known is None or known.removesuffix(NOT_SHOWN) != _fingerprint(sync.mapper):
        yield from _remap(sync)
    yield from learn_fields(sync, refresh=False)
    yield from _learn_entries(sync)
    scans = yield from gather((_look(sync, side, plan_id, ids[side]) for side in Side), limit=2)
    changed = _has_news(scans) and (yield from learn_fields(sync, refresh=True))
    if (yield from welcome_back(sync, look=False)) or changed:
        scans = yield from gather((_look(sync, side, plan_id, ids[side]) for side in Side), limit=2)
    return scans


def _learn_entries(sync: Synchronization) -> Flow[bool]:
    """Ask for the lists of Keap; whether ids mean something else: all is read then, by the next run at last."""
    renamed = yield from sync.entries.learn(sync.systems[Side.KEAP])
    if renamed:
        yield from read_all_next(sync)
    return renamed


def _fall_short(sync: Synchronization, scans: Sequence[Scan], *, first: bool) -> Flow[bool]:
    """Whether lists of everything, read by a mapping for the first time, may not have shown all.

    Args:
        first: whether it is the first scan of all: records may show more by themselves than in lists.
    """
    note_never_listed(sync)
    return first and (any(scan.moved for scan in scans) or (yield from _probe(sync)))


def _probe(sync: Synchronization) -> Flow[bool]:
    found = False
    for side in Side:
        found |= yield from probe(sync, side, sync.absences.sample[side])
    return found


def _catch_up(sync: Synchronization, plan_id: str) -> Flow[None]:
    for side in Side:
        read = yield from catch_up(sync, side)
        if read:
            seen = [attrs.evolve(one.observation, seen_in=plan_id) for one in read]
            yield from stage(sync, side, seen, {}, complete=False)


def _remap(sync: Synchronization) -> Flow[None]:
    """The mapping is not the one of the last run that read everything."""
    left = yield from learn_places(sync)
    yield from note_homeless(sync, left)
    yield from keys_anew(sync)


def read_all_next(sync: Synchronization) -> Flow[None]:
    """Have the next run read everything."""
    fact = mapping_fact(sync.name)
    known = yield from sync.store.facts.get(fact)
    if known is not None:
        yield from sync.store.facts.set(fact, f"{known}, and all once more")


def _went_back(sync: Synchronization, scans: Sequence[Scan]) -> Flow[bool]:
    """Whether records have gone back to an earlier state, or may have without being listed."""
    if (yield from has_gone_back(sync, {scan.side: scan.older for scan in scans if scan.older})):
        return True
    for scan in scans:
        known = scan.out_of_sight
        if known:
            records, odd = yield from sync.fetch(scan.side, sorted(known))
            found: dict[str, datetime | None] = dict.fromkeys(odd)
            for record in records:
                identity = sync.systems[scan.side].identify(record)
                found[identity.id] = identity.updated_at
            if is_another_past(known, found):
                return True
    return False


def _has_news(scans: Sequence[Scan]) -> bool:
    """Whether records of Keap changed: the values of a custom field that was deleted are gone from them."""
    return any(scan.side is Side.KEAP and scan.unchanged < scan.seen for scan in scans)


def _look(sync: Synchronization, side: Side, plan_id: str, ids: Collection[str]) -> Flow[Scan]:
    records, odd = yield from sync.fetch(side, ids, through_outages=False)
    shown = {sync.systems[side].identify(record).id for record in records} | odd.keys()
    malformed = tuple(Malformed(id, ShapeError(reason)) for id, reason in odd.items())
    gone = tuple(id for id in dict.fromkeys(ids) if id not in shown)
    unchanged, older = yield from stage_page(sync, side, Page(records, malformed, gone), plan_id, complete=False)
    return Scan(side, len(records), unchanged, None, older=tuple(older))


def _fingerprint(mapper: Mapper) -> str:
    lenses = sorted(f"{x.name} {x.customcrm.path} {x.keap.path} {x.kind!r} {x.direction}" for x in mapper.lenses)
    lenses += filter(None, [mapper.taking_part.fingerprint(), manner(mapper)])
    return hashlib.blake2b("\n".join(lenses).encode(), digest_size=16).hexdigest()


@attrs.frozen
class _Begun:
    """A list that has just been begun.

    Attributes:
        before: from where it was to be read.
        since: from where it is read; `None` for everything.
        known: how far an earlier run has come with it, where it goes on with that.
        so_far: the same, or that nothing is known yet.
        elapsed: when it was begun, by the clock that nobody sets, less what its earlier parts have taken.
    """

    before: Cursor | None
    since: datetime | None
    known: SoFar | None
    so_far: SoFar
    elapsed: float

    @property
    def complete(self) -> bool:
        """Whether it is to show all there are."""
        return self.since is None

    def start(self, so_far: SoFar, overlap: timedelta) -> datetime:
        """From where changes are to be read after it."""
        known = None if self.before is None else self.before.since
        return next_cursor(known, so_far.shown, so_far.clock, so_far.started, overlap)


def _begin(
    sync: Synchronization, side: Side, plan_id: str, by: str | None, *, full: bool
) -> Flow[tuple[_Begun, Page[Any] | None]]:
    system = sync.systems[side]
    before = (yield from sync.store.cursors.get(sync.name, side)) if system.lists_changes else None
    since = None if full or before is None else before.since
    started, begun = yield from clocks()
    known_since = None if before is None else before.since
    known = (yield from earlier(sync, side, by, known_since, started)) if since is None else None
    page: Page[Any] | None = yield from (system.scan(since) if known is None else scan_after(system, known.reached))
    # The system's own clock decides, where it tells it: ours may be wrong.
    clock = (page.served_at if page else None) or started
    if since is not None and since > clock:
        since = None  # a clock is wrong, or was: what changed since then is not known
        page = yield from system.scan(None)
    if known is not None:
        begun -= max(0.0, (clock - known.clock).total_seconds())
    elif since is None:
        sync.listings.begun_in[side] = plan_id
        yield from sync.store.staging.begin_scan(sync.name, side)
    so_far = known or SoFar(by or "", known_since, started, clock)
    return _Begun(before, since, known, so_far, begun), page


def _scan(sync: Synchronization, side: Side, plan_id: str, by: str | None, *, full: bool) -> Flow[Scan]:
    """Scan one side.

    Args:
        by: what records are read by; `None` where a list of everything must not go on with an earlier one.
    """
    system, overlap = sync.systems[side], sync.settings.overlap
    begun, page = yield from _begin(sync, side, plan_id, by, full=full)
    so_far, complete = begun.so_far, begun.complete
    salted = yield from salt(sync, side)
    looked_for = {} if complete or begun.before is None else dict(begun.before.newest)
    listed: set[str] = set()  # as far as it is known
    is_again = False  # whether this shows what was changed since the first part of it began
    while page is not None:
        reached = page.reached
        stamps, spent = stamps_of(system, page), timedelta(seconds=(yield from elapsed()) - begun.elapsed)
        so_far = so_far.with_stamps(stamps, spent)
        listed |= looked_for.keys() & (stamps.keys() | without_stamps(page))
        same_text, prints, page = yield from recognise(sync, side, page, salted, complete=complete)
        same, older = yield from stage_page(sync, side, page, plan_id, prints, complete=complete)
        seen, unchanged = (0, 0) if is_again else (same_text + len(page.items), same_text + same)
        nameless = [reason_of(item) for item in page.malformed if item.id is None]
        refused = any(item.refused for item in page.malformed)
        so_far = so_far.with_page(seen, unchanged, older, nameless, refused=refused, moved=page.moved)
        sync.settings.watch.page(sync.name, side, seen, unchanged)
        sync.settings.watch.progress(sync.name, f"reading {side.title}", so_far.seen, None)
        if complete and not is_again:
            so_far = note(sync, side, so_far, reached)
        following = page.next
        page = None  # its memory serves the next one
        page = (yield from following()) if following else None
        if page is None and begun.known is not None and not is_again:
            is_again = True
            page = yield from system.scan(begun.start(so_far, overlap))
    sync.settings.watch.progress(sync.name, f"reading {side.title}", so_far.seen, so_far.seen)
    if complete and not so_far.is_over:
        yield from _end_of_everything(sync, side, plan_id, so_far, in_parts=begun.known is not None)
    missed = {} if begun.since is None or so_far.refused else out_of_sight(looked_for, listed, begun.since)
    last = newest({id: at for id, at in looked_for.items() if id not in missed} | dict(so_far.newest))
    # What the system failed to show is asked for again, from where this scan has begun.
    cursor = begun.before if so_far.refused else Cursor(begun.start(so_far, overlap), last)
    moved = complete and so_far.moved
    whole = complete and not so_far.moved and not so_far.refused
    return Scan(
        side, so_far.seen, so_far.unchanged, cursor, so_far.nameless, complete, moved, whole, so_far.older, missed
    )


def _end_of_everything(sync: Synchronization, side: Side, plan_id: str, so_far: SoFar, *, in_parts: bool) -> Flow[None]:
    if not so_far.refused and not so_far.moved:
        # What is neither linked nor seen is not there any more.
        except_seen_in = "" if in_parts else plan_id
        yield from sync.store.staging.forget_unlinked(sync.name, side, except_seen_in=except_seen_in, unseen=in_parts)
        yield from note_whole(sync, side, so_far)
    yield from sync.store.staging.end_scan(sync.name, side, moved=so_far.moved)
    yield from note_end(sync, side, so_far)
