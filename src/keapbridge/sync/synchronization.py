"""What a run works with: both systems, the mappings, the store; and the parts that planning and applying share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from keapbridge._io.effects import Flow
from keapbridge.decide.policy import Policy
from keapbridge.errors import ShapeError
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.kinds import Context, Money, Region, is_pending
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.kept import Key, Missing, Staged
from keapbridge.model.records import Canonical, Observation, Pair, Snapshot
from keapbridge.model.side import Side
from keapbridge.sync.reading.custom_fields import known_fields
from keapbridge.sync.systems import Records

if TYPE_CHECKING:
    from keapbridge.store import LinkStore

__all__ = ["Bridge", "Progress", "Rule", "digest", "keys_of", "staged"]

KEAP_CURRENCY = "keap_currency"

Progress = Callable[[str, str, int, int | None], None]
"""Called with the synchronization, what is being done, how many are done and how many there are (if known)."""


@attrs.frozen
class Bridge:
    """Two systems, their mappings, and the store that remembers what is linked.

    Attributes:
        overlap: how far before the last run the next one looks for changes: covers clocks that differ and lists that
        lag.
        lag: how long a system may take to show a new record.
        retention: how long plans, reports and the journal are kept.
        default_region: the country (ISO 3166-1 alpha-2) of phone numbers that have neither a prefix nor a country.
    """

    store: LinkStore
    mappers: Mapping[str, Mapper]
    systems: Mapping[tuple[str, Side], Records]
    policy: Policy
    overlap: timedelta
    lag: timedelta
    retention: timedelta | None
    default_region: str | None
    progress: Progress

    def context(
        self, object: str, snapshots: Iterable[Snapshot] = (), *, keap_records: Sequence[Any] = (), plan_id: str | None
    ) -> Flow[Context]:
        """What these snapshots and records need to be read and written: their references, Keap's currency."""
        mapper = self.mappers[object]
        wanted = mapper.keap_references(keap_records)
        ours: dict[str, set[str]] = {}
        for snapshot in snapshots:
            for field, kind in mapper.references.items():
                value = snapshot.values.get(field)
                if value is not None:
                    (wanted if is_pending(value) else ours).setdefault(kind.object, set()).add(
                        str(value).removeprefix("keap:")
                    )
        to_keap: dict[str, Mapping[str, str]] = {}
        to_customcrm: dict[str, Mapping[str, str]] = {}
        for name, ids in ours.items():
            to_keap[name] = yield from self.store.links.partners(name, Side.CUSTOMCRM, ids, plan_id=plan_id)
        for name, ids in wanted.items():
            if ids:
                to_customcrm[name] = yield from self.store.links.partners(name, Side.KEAP, ids, plan_id=plan_id)
        currency = (yield from self.store.facts.get(KEAP_CURRENCY)) if object == "products" else None
        fields = yield from known_fields(self.store, mapper)
        return Context(currency, self.default_region, to_customcrm, to_keap, fields).mirrored()

    def observe(
        self, object: str, side: Side, record: Any, context: Context, *, plan_id: str | None = None
    ) -> Observation:
        """A record as the engine sees it, in the scan of a plan or later."""
        identity = self.systems[object, side].identify(record)
        snapshot = Snapshot(*self.mappers[object].read(side, record, context))
        return Observation(side, identity.id, snapshot, identity.updated_at, identity.version, seen_in=plan_id)

    def observe_whole(
        self, object: str, side: Side, record: Any, context: Context, *, plan_id: str | None = None
    ) -> Observation:
        """A record that was read with all its properties: of one outside the mapping's filter no more than that."""
        seen = self.observe(object, side, record, context, plan_id=plan_id)
        if self.mappers[object].takes_part(side, record, seen.snapshot.values):
            return seen
        return attrs.evolve(seen, snapshot=Snapshot({}), problem=OUTSIDE)

    def read_many(self, object: str, side: Side, ids: Collection[str]) -> Flow[tuple[tuple[Any, ...], dict[str, str]]]:
        """Those of the records that exist, and why others cannot be read: one that is odd does not stop its neighbours.

        Returns:
            The records, and the ids of those that are there in an unexpected form, with the reason.
        """
        system = self.systems[object, side]
        try:
            records = yield from system.get_many(ids)
        except ShapeError:
            records = ()
        else:
            return records, {}
        odd: dict[str, str] = {}
        for id in ids:
            try:
                records += yield from system.get_many([id])
            except ShapeError as error:
                odd[id] = str(error)
        return records, odd

    def look(
        self, object: str, side: Side, ids: Collection[str]
    ) -> Flow[tuple[dict[str, tuple[Any, Observation]], dict[str, str]]]:
        """`read_many`, with what each record says in the engine's terms: both by id."""
        if not ids:
            return {}, {}
        records, odd = yield from self.read_many(object, side, ids)
        context = yield from self.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
        seen = ((record, self.observe_whole(object, side, record, context)) for record in records)
        return {observation.id: (record, observation) for record, observation in seen}, odd

    def look_at(self, object: str, side: Side, id: str) -> Flow[tuple[Any, Observation] | None]:
        """One record, also one outside the mapping's filter; `None` when it is not there.

        Raises:
            ShapeError: when it is there in an unexpected form.
        """
        records = yield from self.systems[object, side].get_many([id])
        if not records:
            return None
        context = yield from self.context(object, keap_records=records if side is Side.KEAP else (), plan_id=None)
        return records[0], self.observe(object, side, records[0], context)

    def settle_references(self, object: str, snapshot: Snapshot, context: Context) -> Snapshot:
        """The snapshot, with references resolved whose records have been linked since it was taken."""
        changed = {
            field: kind.settle(value, context)
            for field, kind in self.mappers[object].references.items()
            if is_pending(value := snapshot.values.get(field))
        }
        return attrs.evolve(snapshot, values={**snapshot.values, **changed}) if changed else snapshot

    def pairs(self, object: str, size: int) -> Iterator[Flow[list[Pair]]]:
        """Linked pairs about which something was observed, each once, batch by batch."""
        for side in Side:
            after: str | None = ""

            def next_batch(side: Side = side) -> Flow[list[Pair]]:
                nonlocal after
                found, after = yield from self.store.links.pairs(object, side, after or "", size)
                return found

            while after is not None:
                yield next_batch()

    def missing(self, object: str, size: int) -> Iterator[Flow[list[Missing]]]:
        """Linked records that were not shown or are called deleted, batch by batch; the last one is empty."""
        after: tuple[str, str] | None = ("", "")

        def next_batch() -> Flow[list[Missing]]:
            nonlocal after
            found = yield from self.store.staging.missing(object, after or ("", ""), size)
            after = (found[-1].side.value, found[-1].id) if found else None
            return found

        while after is not None:
            yield next_batch()

    def rules(self, object: str, context: Context) -> list[Rule]:
        """The fields of a synchronization as the merge sees them."""
        return [Rule(lens, context) for lens in self.mappers[object].lenses]


@attrs.frozen
class Rule:
    """A lens with its context: what the merge needs to know of a field."""

    lens: Lens
    context: Context

    @property
    def name(self) -> str:
        return self.lens.name

    @property
    def policy(self) -> str | None:
        return self.lens.policy

    @property
    def follows(self) -> str | None:
        return self.lens.scope if isinstance(self.lens.kind, Region) else None

    @property
    def keeps(self) -> bool:
        return self.lens.on_empty == "keep"

    def flows_to(self, side: Side) -> bool:
        return self.lens.flows_to(side)

    def fit(self, side: Side, value: Canonical) -> Canonical:
        return self.lens.fit(side, value, self.context)

    def incomparable(self, a: Canonical, b: Canonical) -> str | None:
        return self.lens.kind.incomparable(a, b) if isinstance(self.lens.kind, Money) else None


def digest(snapshot: Snapshot) -> str:
    """A short fingerprint of a snapshot; the order of its fields does not matter."""
    content = msgspec.json.encode([snapshot.values, snapshot.unreadable], order="sorted")
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def staged(mapper: Mapper, seen: Observation, fingerprint: str | None = None) -> Staged:
    """An observation for the store; one with a problem never equals what its link remembers, so it stays in view.

    Args:
        fingerprint: of the text that it was read from.
    """
    content = digest(seen.snapshot)
    # What waits for another record to be linked means something else as soon as that is done.
    waits = any(is_pending(seen.snapshot.values.get(field)) for field in mapper.references)
    if fingerprint is not None and seen.problem is None and not waits:
        seen = attrs.evolve(seen, mark=fingerprint + content)
    return Staged(seen, content, keys_of(mapper, seen.snapshot))


def keys_of(mapper: Mapper, snapshot: Snapshot) -> tuple[Key, ...]:
    """The match keys of a record, strongest first: of its values as both sides can hold them."""
    values = mapper.key_values(snapshot.values)
    stronger: list[str | None] = []
    found: list[Key] = []
    for rank, match_key in enumerate(mapper.keys):
        key = match_key.key(values)
        if key is not None:
            apart = match_key.parts(match_key.apart, values)
            found.append(Key(rank, key, apart, tuple(stronger)))
        stronger.append(key)
    return tuple(found)
