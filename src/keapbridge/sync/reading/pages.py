"""A page of a list: what came in the text that is known is left out, and the rest is read and staged in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._flow.uncollected import uncollected
from keapbridge._io.calls import Malformed, Page, Unread
from keapbridge.errors import ShapeError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.model.checked import usable_id
from keapbridge.model.records import Observation, Snapshot
from keapbridge.model.side import Side
from keapbridge.sync.guard import REFUSED
from keapbridge.sync.reading.fingerprints import Salt, fingerprints
from keapbridge.sync.reading.never_listed_fields import PROBED, looked_beyond
from keapbridge.sync.reading.unlisted_fields import brought_up
from keapbridge.sync.synchronization import KEAP_CURRENCY, Seen, Synchronization
from keapbridge.sync.systems import System

__all__ = ["reason_of", "recognise", "stage", "stage_page", "stamps_of", "without_stamps"]


def stamps_of(system: System, page: Page[Any]) -> dict[str | None, datetime | None]:
    """When the records of a page were changed, by id, also of those that are not read."""
    identities = [system.identify(record) for record in page.items]
    found: dict[str | None, datetime | None] = {one.id: one.updated_at for one in identities}
    if page.unread is not None:
        found.update(zip(page.unread.ids, page.unread.stamps, strict=True))
    return found


def without_stamps(page: Page[Any]) -> set[str]:
    """The records of a page that only show that they are there, or were."""
    return {*page.deleted, *(item.id for item in page.malformed if item.id is not None)}


def recognise(
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


def stage_page(
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
    looked_at = yield from looked_beyond(sync, side, looked_at)
    seen = [one.observation for one in looked_at]
    observations = yield from _without_strangers(sync, side, seen)
    observations += [_unreadable(side, item, plan_id) for item in page.malformed if item.id is not None]
    deleted = [id for id in page.deleted if usable_id(id)]
    if deleted:
        yield from sync.store.staging.forget_unlinked(sync.name, side, ids=deleted)
        yield from sync.store.missing.note_deleted(sync.name, side, deleted)

    return (yield from stage(sync, side, observations, prints, complete=complete))


def _note(sync: Synchronization, side: Side, seen: Sequence[Seen]) -> None:
    sync.absences.note(side, [one.whole.snapshot for one in seen])
    sample = sync.absences.sample[side]
    sample += [one.whole.id for one in seen[: PROBED - len(sample)] if one.whole.problem is None]


def stage(
    sync: Synchronization,
    side: Side,
    observations: Sequence[Observation],
    prints: Mapping[str, str],
    *,
    complete: bool,
) -> Flow[tuple[int, list[str]]]:
    """Keep what was seen, as far as it differs from what is known; the same answer as of `stage_page`."""
    keep = partial(sync.store.staging.stage, sync.name, side, complete=complete, signs=sync.mapper.signs)

    def some(batch: Sequence[Observation]) -> Flow[list[tuple[int, list[str]]]]:
        with uncollected():
            rows = [sync.staged(o, prints.get(o.id)) for o in batch]
        return [(yield from keep(rows))]

    def alone(seen: Observation, error: Exception) -> Flow[list[tuple[int, list[str]]]]:
        reason = sync.guard.failed(error, f"{sync.name} {side.title} {seen.id}")
        problem = Observation(side, seen.id, Snapshot({}), problem=reason, seen_in=seen.seen_in)
        return [(yield from keep([sync.staged(problem)]))]

    parts = yield from sync.guard.by_halves(observations, some, alone)
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
    return Observation(side, item.id, Snapshot({}), problem=reason_of(item), seen_in=plan_id)


def reason_of(item: Malformed) -> str:
    """Why a record cannot be read."""
    return f"{REFUSED if item.refused else ''}{item.error}"
