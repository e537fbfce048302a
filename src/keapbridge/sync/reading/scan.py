"""Observing: the lists of both systems stream through, and what differs from what is linked is staged in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import attrs

from keapbridge._io.effects import Flow, Malformed, Page, Unread, elapsed, gather, now
from keapbridge.decide.cursor import Shown, next_cursor
from keapbridge.decide.restored import is_another_past, newest, out_of_sight
from keapbridge.errors import ShapeError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.checked import usable_id
from keapbridge.model.kept import Cursor
from keapbridge.model.records import Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.sync.doubts import has_gone_back
from keapbridge.sync.guard import REFUSED
from keapbridge.sync.reading.absences import note_homeless, welcome_back
from keapbridge.sync.reading.anew import anew_where_emptied, learn_places, mapping_fact, shows_emptied
from keapbridge.sync.reading.custom_fields import learn_fields
from keapbridge.sync.reading.fingerprints import Salt, fingerprints, salt
from keapbridge.sync.reading.keys_anew import keys_anew, manner
from keapbridge.sync.reading.unlisted import PROBED, brought_up, catch_up, is_listed_again, learn_unshown, probe
from keapbridge.sync.reading.vanished import NOT_SHOWN
from keapbridge.sync.synchronization import KEAP_CURRENCY, Seen, Synchronization
from keapbridge.sync.systems import System

__all__ = ["Scan", "observe", "observe_ids", "read_all_next"]


@attrs.frozen
class Scan:
    """What a scan of one side found.

    Attributes:
        cursor: from where the next scan must look again; `None` where this one looked at some records only.
        nameless: why records could not be read that do not even show an id.
        complete: whether it was to show all there are.
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
    if known is None or known.removesuffix(NOT_SHOWN) != mapping:
        full = full or known is not None
        yield from _remap(sync)
    anew = yield from learn_fields(sync, refresh=full)
    full = full or anew
    scans = yield from gather((_scan(sync, side, plan_id, full=full) for side in Side), limit=2)
    if not full and _has_news(scans) and (yield from learn_fields(sync, refresh=True)):
        anew = full = True
        scans = yield from gather((_scan(sync, side, plan_id, full=True) for side in Side), limit=2)
    if some_vanished and (yield from welcome_back(sync, look=not full)):
        anew = True
        scans = yield from gather((_scan(sync, side, plan_id, full=True) for side in Side), limit=2)
    if not all(scan.complete for scan in scans) and (yield from _went_back(sync, scans)):
        # Lists of changes do not show what was restored along with it.
        scans = yield from gather((_scan(sync, side, plan_id, full=True) for side in Side), limit=2)
    if known is not None and (yield from shows_emptied(sync, {scan.side: scan.older for scan in scans if scan.older})):
        if not all(scan.complete for scan in scans):
            scans = yield from gather((_scan(sync, side, plan_id, full=True) for side in Side), limit=2)
        if (yield from anew_where_emptied(sync)):
            anew = True
            scans = yield from gather((_scan(sync, side, plan_id, full=True) for side in Side), limit=2)
    if known is None and (yield from _probe(sync)):
        scans = yield from gather((_scan(sync, side, plan_id, full=True) for side in Side), limit=2)
    yield from is_listed_again(sync)
    yield from _catch_up(sync, plan_id)
    gone = {field for side in Side for field in sync.absences.vanished(side)}
    if any(held.field not in gone for held in sync.guard.holds(sync.name)):
        mapping = f"{mapping}, some of it held"  # once it can be read, so is what was seen without it
    if gone or any(sync.absences.unlisted.values()):
        mapping += NOT_SHOWN
    if known != mapping or anew:
        yield from sync.store.facts.set(fact, mapping)
    return scans


def observe_ids(sync: Synchronization, plan_id: str, ids: Mapping[Side, Collection[str]]) -> Flow[list[Scan]]:
    """Look at these records only. Those that are not shown are taken for deleted, which is then to be proven."""
    yield from learn_unshown(sync)
    known = yield from sync.store.facts.get(mapping_fact(sync.name))
    if known is None or known.removesuffix(NOT_SHOWN) != _fingerprint(sync.mapper):
        yield from _remap(sync)
    yield from learn_fields(sync, refresh=False)
    scans = yield from gather((_look(sync, side, plan_id, ids[side]) for side in Side), limit=2)
    changed = _has_news(scans) and (yield from learn_fields(sync, refresh=True))
    if (yield from welcome_back(sync, look=False)) or changed:
        scans = yield from gather((_look(sync, side, plan_id, ids[side]) for side in Side), limit=2)
    return scans


def _probe(sync: Synchronization) -> Flow[bool]:
    """At the first scan: whether records show more by themselves than in lists."""
    found = False
    for side in Side:
        found |= yield from probe(sync, side, sync.absences.sample[side])
    return found


def _catch_up(sync: Synchronization, plan_id: str) -> Flow[None]:
    for side in Side:
        read = yield from catch_up(sync, side)
        if read:
            seen = [attrs.evolve(one.observation, seen_in=plan_id) for one in read]
            yield from _keep(sync, side, seen, {}, complete=False)


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
    unchanged, older = yield from _stage(sync, side, Page(records, malformed, gone), plan_id, complete=False)
    return Scan(side, len(records), unchanged, None, older=tuple(older))


def _fingerprint(mapper: Mapper) -> str:
    lenses = sorted(f"{x.name} {x.customcrm.path} {x.keap.path} {x.kind!r} {x.direction}" for x in mapper.lenses)
    lenses += filter(None, [mapper.taking_part.fingerprint(), manner(mapper)])
    return hashlib.blake2b("\n".join(lenses).encode(), digest_size=16).hexdigest()


def _scan(sync: Synchronization, side: Side, plan_id: str, *, full: bool) -> Flow[Scan]:
    system = sync.systems[side]
    everything = full or not system.lists_changes
    before = (yield from sync.store.staging.cursor(sync.name, side)) if system.lists_changes else None
    since = None if everything or before is None else before.since
    started, begun = (yield from now()), (yield from elapsed())
    page: Page[Any] | None = yield from system.scan(since)
    # The system's own clock decides, where it tells it: ours may be wrong.
    clock = (page.served_at if page else None) or started
    if since is not None and since > clock:
        since = None  # a clock is wrong, or was: what changed since then is not known
        page = yield from system.scan(None)
    complete = since is None
    salted = yield from salt(sync, side)
    shown = Shown()
    known = {} if complete or before is None else dict(before.newest)
    fresh: dict[str, datetime] = {}
    listed: set[str] = set()  # as far as it is known
    if complete:
        yield from sync.store.staging.begin_scan(sync.name, side)
    seen = unchanged = 0
    refused = False
    nameless: list[str] = []
    older: list[str] = []
    while page is not None:
        counted = seen, unchanged
        stamps, spent = _stamps(system, page), timedelta(seconds=(yield from elapsed()) - begun)
        shown = shown.page(stamps.values(), clock, spent)
        listed |= known.keys() & (stamps.keys() | _without_stamps(page))
        fresh = newest(fresh | {id: at for id, at in stamps.items() if id and at and at <= clock + spent})
        same_text, prints, page = yield from _recognise(sync, side, page, salted, complete=complete)
        same, its_older = yield from _stage(sync, side, page, plan_id, prints, complete=complete)
        unchanged += same_text + same
        older += its_older
        seen += same_text + len(page.items)
        sync.settings.watch.page(sync.name, side, seen - counted[0], unchanged - counted[1])
        nameless += [_reason(item) for item in page.malformed if item.id is None]
        refused = refused or any(item.refused for item in page.malformed)
        sync.settings.watch.progress(sync.name, f"reading {side.title}", seen, None)
        following = page.next
        page = None  # its memory serves the next one
        page = (yield from following()) if following else None
    sync.settings.watch.progress(sync.name, f"reading {side.title}", seen, seen)
    if complete:
        if not refused:
            # What is neither linked nor seen is not there any more.
            yield from sync.store.staging.forget_unlinked(sync.name, side, except_seen_in=plan_id)
        yield from sync.store.staging.end_scan(sync.name, side)
    missed = {} if since is None or refused else out_of_sight(known, listed, since)
    last = newest({id: at for id, at in known.items() if id not in missed} | fresh)
    start = next_cursor(before.since if before else None, shown, clock, started, sync.settings.overlap)
    # What the system failed to show is asked for again, from where this scan has begun.
    cursor = before if refused else Cursor(start, last)
    return Scan(side, seen, unchanged, cursor, tuple(nameless), complete, tuple(older), missed)


def _stamps(system: System, page: Page[Any]) -> dict[str | None, datetime | None]:
    """When the records of a page were changed, by id, also of those that are not read."""
    identities = [system.identify(record) for record in page.items]
    found: dict[str | None, datetime | None] = {one.id: one.updated_at for one in identities}
    if page.unread is not None:
        found.update(zip(page.unread.ids, page.unread.stamps, strict=True))
    return found


def _without_stamps(page: Page[Any]) -> set[str]:
    """The records of a page that only show that they are there, or were."""
    return {*page.deleted, *(item.id for item in page.malformed if item.id is not None)}


def _recognise(
    sync: Synchronization, side: Side, page: Page[Any], salted: Salt | None, *, complete: bool
) -> Flow[tuple[int, Mapping[str, str], Page[Any]]]:
    """Of a page that is not read yet, leave out what comes in the text that was read before, and read the rest.

    Returns:
        How many records were left out, the fingerprints of all by id, and the page of the rest.
    """
    unread = page.unread
    if unread is None:
        return 0, {}, page
    prints: dict[str, str] = {}
    known: set[str] = set()
    if salted is not None:
        prints = fingerprints(unread, salted)
        if len(prints) == len(unread.ids):  # nothing comes twice
            known = yield from sync.store.staging.recognise(sync.name, side, prints, complete=complete)
    rest = unread.only([n for n, id in enumerate(unread.ids) if id not in known])
    return len(known), prints, (yield from _read(sync, side, attrs.evolve(page, unread=None), rest))


def _read(sync: Synchronization, side: Side, page: Page[Any], unread: Unread[Any]) -> Flow[Page[Any]]:
    """The page with its records read; those that cannot be are malformed."""

    def some(which: Sequence[int]) -> Flow[list[Page[Any]]]:
        yield from ()
        return [Page(unread=unread.only(which)).read()]

    def alone(which: int, error: Exception) -> Flow[list[Page[Any]]]:
        yield from ()
        id = unread.ids[which]
        reason = sync.guard.failed(error, f"{sync.name} {side.title} {id or '?'}")
        return [Page(malformed=(Malformed(id, ShapeError(reason)),))]

    parts = yield from sync.guard.by_halves(range(len(unread.ids)), some, alone)
    items, malformed = (tuple(item for part in parts for item in column(part)) for column in (_items, _malformed))
    return attrs.evolve(page, items=page.items + items, malformed=page.malformed + malformed)


_items, _malformed = attrgetter("items"), attrgetter("malformed")


def _stage(
    sync: Synchronization,
    side: Side,
    page: Page[Any],
    plan_id: str,
    prints: Mapping[str, str] = MappingProxyType({}),
    *,
    complete: bool,
) -> Flow[tuple[int, list[str]]]:
    """Stage a page; answers how many records were as they are known, and which others are no newer than they were."""
    if side is Side.KEAP:
        yield from _learn_currency(sync, page.items)
    looked_at = yield from sync.see(side, page.items, plan_id=plan_id)
    _note(sync, side, looked_at)
    looked_at = yield from brought_up(sync, side, looked_at, changes=not complete)
    seen = [one.observation for one in looked_at]
    observations = yield from _without_strangers(sync, side, seen)
    observations += [_unreadable(side, item, plan_id) for item in page.malformed if item.id is not None]
    deleted = [id for id in page.deleted if usable_id(id)]
    if deleted:
        yield from sync.store.staging.forget_unlinked(sync.name, side, ids=deleted)
        yield from sync.store.staging.note_deleted(sync.name, side, deleted)

    return (yield from _keep(sync, side, observations, prints, complete=complete))


def _note(sync: Synchronization, side: Side, seen: Sequence[Seen]) -> None:
    sync.absences.note(side, [one.whole.snapshot for one in seen])
    sample = sync.absences.sample[side]
    sample += [one.whole.id for one in seen[: PROBED - len(sample)] if one.whole.problem is None]


def _keep(
    sync: Synchronization,
    side: Side,
    observations: Sequence[Observation],
    prints: Mapping[str, str],
    *,
    complete: bool,
) -> Flow[tuple[int, list[str]]]:
    def stage(some: Sequence[Observation]) -> Flow[list[tuple[int, list[str]]]]:
        rows = [sync.staged(o, prints.get(o.id)) for o in some]
        return [(yield from sync.store.staging.stage(sync.name, side, rows, complete=complete))]

    def stage_problem(seen: Observation, error: Exception) -> Flow[list[tuple[int, list[str]]]]:
        reason = sync.guard.failed(error, f"{sync.name} {side.title} {seen.id}")
        problem = Observation(side, seen.id, Snapshot({}), problem=reason, seen_in=seen.seen_in)
        row = sync.staged(problem)
        return [(yield from sync.store.staging.stage(sync.name, side, [row], complete=complete))]

    parts = yield from sync.guard.by_halves(observations, stage, stage_problem)
    return sum(same for same, _ in parts), [id for _, older in parts for id in older]


def _without_strangers(sync: Synchronization, side: Side, seen: list[Observation]) -> Flow[list[Observation]]:
    """All but those outside the filter that are not linked: the rest is parked, and not taken for deleted."""
    outside = [o.id for o in seen if o.problem == OUTSIDE]
    if not outside:
        return seen
    linked = yield from sync.store.links.partners(sync.name, side, outside)
    strangers = {id for id in outside if id not in linked}
    yield from sync.store.staging.forget_unlinked(sync.name, side, ids=strangers)
    return [o for o in seen if o.id not in strangers]


def _learn_currency(sync: Synchronization, records: Sequence[Any]) -> Flow[None]:
    told = sync.traits.currency_of
    if told is None:
        return
    known = yield from sync.store.facts.get(KEAP_CURRENCY)
    found = next((currency for record in records if (currency := told(record))), None)
    if found and found != known:
        yield from sync.store.facts.set(KEAP_CURRENCY, found)


def _unreadable(side: Side, item: Malformed, plan_id: str) -> Observation:
    assert item.id is not None  # the caller has filtered
    return Observation(side, item.id, Snapshot({}), problem=_reason(item), seen_in=plan_id)


def _reason(item: Malformed) -> str:
    return f"{REFUSED if item.refused else ''}{item.error}"
