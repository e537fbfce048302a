"""What has become of the records that empty references named: the store is asked, and then the system itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from keapbridge._flow.effects import Flow
from keapbridge.decide.orphans import Standing, bereft, emptied_reference
from keapbridge.mapping.kinds import is_pending
from keapbridge.model.checked import usable_id
from keapbridge.model.kept_in_store import ended_fact
from keapbridge.model.records import Pair
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import to_moment
from keapbridge.sync.synchronization import Synchronization

__all__ = ["orphaned"]

_Record = tuple[str, Side, str]
"""The synchronization of a record, where it is looked for, and its id in Customcrm; or an entry's list and name."""


def orphaned(sync: Synchronization, pairs: Sequence[Pair], plan_id: str | None = None) -> Flow[list[Pair]]:
    """The pairs in which no reference counts as edited that is empty because its record is gone; see `decide.orphans`.

    Nothing is asked where no reference has been emptied. Otherwise it is one read of the records that they named, on
    their side, once in a run. What is not shown there is taken for deleted, which is then to be proven.

    Args:
        plan_id: a plan whose links count although they are not made yet.
    """
    named: dict[_Record, bool] = {}  # whether the system is to be asked for it
    for pair in pairs:
        for field, object in sync.mapper.references.items():
            for side, base, other in emptied_reference(pair, field):
                if sync.settings.policy.deletion(side.other, object) == "delete":
                    continue  # its counterpart goes, too, and what refers to that
                named.setdefault((object, side, other), False)
                if base is not None:
                    named[object, side, base] = True
    standings = yield from _unlisted(sync, pairs)
    if not named and not standings:
        return list(pairs)
    for object, side in sorted({(object, side) for object, side, _ in named}):
        ids = {id: asked for (its, where, id), asked in named.items() if (its, where) == (object, side)}
        found = yield from _standings(sync, object, side, ids, plan_id)
        standings.update({(object, side, id): each for id, each in found.items()})

    def standing(object: str, side: Side, id: str) -> Standing:
        return standings.get((object, side, id), Standing.THERE)

    def flows_to(field: str, side: Side) -> bool:
        return sync.mapper[field].flows_to(side)

    references = {**sync.mapper.references, **sync.mapper.listed}
    facts = yield from sync.store.facts.among([ended_fact(*record) for record, asked in named.items() if asked])

    def ended(object: str, side: Side, id: str) -> datetime | None:
        return to_moment(facts.get(ended_fact(object, side, id)))

    return [bereft(pair, references, flows_to, standing, ended) for pair in pairs]


def _unlisted(sync: Synchronization, pairs: Sequence[Pair]) -> Flow[dict[_Record, Standing]]:
    """The names that Keap shows no more where it shows none now, and does not list any more: their entry is gone."""
    found: dict[_Record, Standing] = {}
    for field, of in sync.mapper.listed.items():
        lacking = (its for pair in pairs for its in emptied_reference(pair, field))
        bases = {base for side, base, _ in lacking if side is Side.KEAP and base}
        if bases:
            entries = (yield from sync.entries.known(sync.systems[Side.KEAP]))[of]
            found |= {(of, Side.KEAP, name): Standing.UNLISTED for name in bases if entries.id_of(name) is None}
    return found


def _standings(
    sync: Synchronization, object: str, side: Side, ids: Mapping[str, bool], plan_id: str | None
) -> Flow[dict[str, Standing]]:
    """What has become of records, by their ids in Customcrm; what is not linked yet is for its kind to tell."""
    store = sync.store
    known = [id for id in ids if usable_id(id) and not is_pending(id)]
    partners = yield from store.links.partners(object, Side.CUSTOMCRM, known, plan_id=plan_id)
    here = {id: id if side is Side.CUSTOMCRM else its for id, its in partners.items()}
    missing = yield from store.missing.among(object, side, [id for id in here.values() if id])
    found = {id: Standing.THERE if id in here else Standing.UNLINKED for id in known}
    found |= {id: Standing.DELETED for id, its in here.items() if missing.get(its)}
    asked = {its: id for id, its in here.items() if its and ids[id] and found[id] is Standing.THERE}
    unseen = yield from _not_shown(sync, object, side, asked)
    return found | {asked[its]: Standing.MISSING for its in unseen}


def _not_shown(sync: Synchronization, object: str, side: Side, ids: Collection[str]) -> Flow[set[str]]:
    """Those of some records that a side does not show; one that cannot be read is not shown, either."""
    referred, known = sync.referred.get(object), sync.absences.records
    if referred is None:
        return set()
    asked = [id for id in ids if (object, side, id) not in known]
    if asked:
        records, odd = yield from referred.fetch(side, asked)
        shown = {referred.systems[side].identify(record).id for record in records}
        known.update({(object, side, id): id in shown for id in asked})
        yield from sync.store.missing.note_deleted(object, side, set(asked) - shown - odd.keys())
    return {id for id in ids if not known[object, side, id]}
