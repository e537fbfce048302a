"""Open conflicts: which there are, by which token a page names one, and what became of one that moved on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import NoneType

import attrs

from keapbridge._flow.effects import Flow, now
from keapbridge.decide.merge import Merge
from keapbridge.errors import StalePlanError
from keapbridge.model.change import RECORD, FieldConflict
from keapbridge.model.kept_in_store import Missing
from keapbridge.model.names import Name, as_name
from keapbridge.model.records import Canonical, Pair
from keapbridge.model.side import Side
from keapbridge.model.token import digest_of, read_token, token_of
from keapbridge.sync.planning.deletions import is_left_edited
from keapbridge.sync.planning.linked import merge_pairs
from keapbridge.sync.synchronization import Synchronization

__all__ = ["FIRST", "OpenConflict", "Place", "as_seen", "conflicts", "conflicts_of", "moved_on", "named_by"]

BATCH = 500
LOOKED_AT = 2_000  # records that are looked at for a part of the list
_TAKES = "conflict takes one of session.conflicts(), or its token"
_TOKEN = (str, str, str, str, str, str, (str, NoneType))


@attrs.frozen
class OpenConflict:
    """A field of a linked pair that holds two different values, and waits.

    Attributes:
        field: `*` stands for the whole record: deleted on one side and edited on the other, or in doubt.
        customcrm, keap: the two values, in canonical form.
        reason: why the policy did not decide.
        about: what is in doubt of a whole record: `"restored"`, whether it was put back to an earlier state;
            `"stranger"` or `"another"`, whether it is the same record as before.
        customcrm_base, keap_base: what both held after the last sync; `None` where that is not known.
        customcrm_updated_at, keap_updated_at: when both records were changed last, where their systems show it.
        listed_at: when it was listed.
    """

    object: Name = attrs.field(converter=as_name)
    customcrm_id: str
    keap_id: str
    field: str
    customcrm: Canonical = attrs.field(repr=False)
    keap: Canonical = attrs.field(repr=False)
    reason: str = ""
    about: str = ""
    customcrm_base: Canonical = attrs.field(default=None, repr=False, eq=False)
    keap_base: Canonical = attrs.field(default=None, repr=False, eq=False)
    customcrm_updated_at: datetime | None = attrs.field(default=None, eq=False)
    keap_updated_at: datetime | None = attrs.field(default=None, eq=False)
    listed_at: datetime | None = attrs.field(default=None, eq=False)

    @property
    def token(self) -> str:
        """What `resolve` takes in its place, for a page to give back: it holds ids, and a digest of both values."""
        listed = None if self.listed_at is None else self.listed_at.isoformat()
        where = (self.object, self.customcrm_id, self.keap_id, self.field, self.about)
        return token_of(*where, digest_of(self.customcrm, self.keap), listed)


Place = tuple[int, str, str]
"""Where a list of conflicts goes on: in which of its stages, and behind the record of which side and id."""
FIRST: Place = (0, "", "")


def conflicts(
    sync: Synchronization, after: Place = FIRST, limit: int | None = None
) -> Flow[tuple[list[OpenConflict], Place | None]]:
    """The open conflicts of a synchronization, as far as both systems have been read, and where they go on.

    Those of a pair stay together. So many records are looked at for a part that it may have few.

    Args:
        limit: how many at most, unless one pair has more; `None` for all.
    """
    moment = yield from now()
    found: list[OpenConflict] = []
    size = BATCH if limit is None else min(BATCH, limit + 1)
    looked = 0
    place: Place | None = after
    while place is not None:
        stage, *_ = place
        if stage == 0:
            shown, last = yield from sync.store.links.pairs(sync.name, place[1:], size)
            behind = {pair.link.customcrm_id: (stage, side.value, pair.link.id(side)) for side, pair in shown}
            merged = yield from _of_pairs(sync, [pair for _, pair in shown])
            groups = [(behind[pair.link.customcrm_id], its) for pair, its in merged]
            going_on: Place | None = (stage + 1, "", "") if last is None else (stage, *last)
        else:
            missing = yield from sync.store.missing.page(sync.name, place[1:], size)
            groups = []
            for item in missing:
                groups.append(((stage, item.side.value, item.id), (yield from _of_missing(sync, item))))
            going_on = None if len(missing) < size else (stage, missing[-1].side.value, missing[-1].id)
        for here, its in groups:
            if limit is not None and found and len(found) + len(its) > limit:
                return found, place
            found += (attrs.evolve(conflict, listed_at=moment) for conflict in its)
            place = here
        looked += size
        place = going_on
        if limit is not None and place is not None and (len(found) >= limit or looked >= LOOKED_AT):
            return found, place
    return found, None


def conflicts_of(sync: Synchronization, ids: Mapping[Side, str]) -> Flow[list[OpenConflict]]:
    """The open conflicts of one linked pair."""
    moment = yield from now()
    missing = yield from sync.store.missing.of(sync.name, ids)
    found: list[OpenConflict] = []
    for item in missing:
        found += yield from _of_missing(sync, item)
    if not any(item.proven for item in missing):
        pairs = yield from sync.store.links.pairs_of(sync.name, [ids[Side.CUSTOMCRM]])
        those = [pair for pair in pairs if pair.link.keap_id == ids[Side.KEAP] and any(pair.seen.values())]
        found += [conflict for _, its in (yield from _of_pairs(sync, those)) for conflict in its]
    return [attrs.evolve(conflict, listed_at=moment) for conflict in found]


def _of_pairs(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[list[tuple[Pair, list[OpenConflict]]]]:
    def unknown(pair: Pair, error: Exception) -> Flow[list[tuple[Pair, Merge]]]:
        yield from ()
        sync.guard.failed(error, f"{sync.name} {pair.link.customcrm_id} ↔ {pair.link.keap_id}")
        return []

    merged = yield from sync.guard.by_halves(list(pairs), lambda some: merge_pairs(sync, some, None), unknown)
    return [(pair, [_open(sync, pair, conflict) for conflict in outcome.conflicts]) for pair, outcome in merged]


def _open(sync: Synchronization, pair: Pair, conflict: FieldConflict) -> OpenConflict:
    ours, theirs = (pair.seen[side] for side in Side)
    return OpenConflict(
        sync.name,
        pair.link.customcrm_id,
        pair.link.keap_id,
        conflict.field,
        conflict.customcrm,
        conflict.keap,
        conflict.reason,
        conflict.about,
        customcrm_base=pair.link.customcrm_base.get(conflict.field),
        keap_base=pair.link.keap_base.get(conflict.field),
        customcrm_updated_at=None if ours is None else ours.updated_at,
        keap_updated_at=None if theirs is None else theirs.updated_at,
    )


def _of_missing(sync: Synchronization, item: Missing) -> Flow[list[OpenConflict]]:
    left = item.side.other
    asks = item.proven and sync.settings.policy.deletion(left, sync.name) in {"delete", "archive"}
    if not asks or not (yield from is_left_edited(sync, item.pair, left)):
        return []
    ids = (item.pair.link.customcrm_id, item.pair.link.keap_id)
    return [OpenConflict(sync.name, *ids, RECORD, None, None, f"deleted in {item.side.title}, edited in {left.title}")]


def named_by(token: str) -> OpenConflict:
    """The conflict that a token names, as far as that says it: without the values and the reason.

    Raises:
        ValueError: for a text that is no such token.
    """
    name, customcrm_id, keap_id, field, about, _, listed = read_token(_TAKES, token, _TOKEN)
    try:
        listed_at = None if listed is None else datetime.fromisoformat(listed)
    except ValueError:
        raise ValueError(_TAKES) from None
    return OpenConflict(name, customcrm_id, keap_id, field, None, None, "", about, listed_at=listed_at)


def as_seen(sync: Synchronization, token: str) -> Flow[OpenConflict]:
    """The conflict that a token names, which is as it was when it was listed.

    Raises:
        StalePlanError: when it is not.
    """
    named, digest = named_by(token), read_token(_TAKES, token, _TOKEN)[5]
    for found in (yield from conflicts_of(sync, {Side.CUSTOMCRM: named.customcrm_id, Side.KEAP: named.keap_id})):
        is_it = (found.field, found.about) == (named.field, named.about)
        if is_it and digest_of(found.customcrm, found.keap) == digest:
            return attrs.evolve(found, listed_at=named.listed_at)
    raise (yield from moved_on(sync, named))


def _what(conflict: OpenConflict) -> str:
    what = f"{conflict.object} {conflict.customcrm_id}"
    return what if conflict.field == RECORD else f"{conflict.field} of {what}"


def moved_on(
    sync: Synchronization, conflict: OpenConflict, how: str = "", *, but: str | None = None
) -> Flow[StalePlanError]:
    """What somebody who decides too late is told: who has decided something of the pair since, or else how it moved.

    Args:
        how: where it is more than that the values are others.
        but: a run that does not count, for it is their own.
    """
    what = _what(conflict)
    if conflict.listed_at is not None:
        ids = {Side.CUSTOMCRM: conflict.customcrm_id, Side.KEAP: conflict.keap_id}
        runs = yield from sync.store.plans.decisions(sync.name, ids, conflict.listed_at)
        for run_id, by in runs:
            if run_id != but:
                told = f"somebody has decided it meanwhile; session.report({run_id!r}) tells who, and what was done"
                written = (yield from sync.store.journal.of_run(run_id, (sync.name, ids))) or []
                meanwhile = [attrs.evolve(entry, by=by) for entry in written]
                return StalePlanError(f"{what}: {told}", run_id=run_id, by=by, meanwhile=meanwhile)
    return StalePlanError(f"{how or f'{what} has changed; look again'}; session.conflicts() lists what waits now")
