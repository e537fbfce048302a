"""The noun of the engine: one synchronization, a mapper bound to both systems and the store; and how it sees records.

Of what tells the three synchronizations apart, everything is data here: their mapper, and their traits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import attrs
import msgspec

from keapbridge._flow.effects import Flow
from keapbridge._flow.uncollected import uncollected
from keapbridge._io.circuit import is_outage
from keapbridge.decide.absent_fields import beside_news
from keapbridge.decide.awaited import waiting
from keapbridge.decide.merge import Merge, merge
from keapbridge.decide.policy import HostRule
from keapbridge.decide.sweeps import withhold, without
from keapbridge.decide.written_over import as_it_was, putting_back
from keapbridge.errors import ApiError
from keapbridge.keap.records import EmailAddress
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.kinds import Context, is_pending, pending_id
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.writing import same_texts
from keapbridge.model.change import Change, Held
from keapbridge.model.checked import usable_id
from keapbridge.model.kept_in_store import Missing, RecordKey, Staged, mark
from keapbridge.model.maybe import Maybe, Unreadable
from keapbridge.model.records import Canonical, Observation, Pair, Snapshot
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore
from keapbridge.sync.absent_fields import Absences
from keapbridge.sync.belonging import Belonging
from keapbridge.sync.guard import Guard
from keapbridge.sync.known_entries import KnownEntries
from keapbridge.sync.known_fields import known_fields
from keapbridge.sync.listings import Listings
from keapbridge.sync.options import Settings
from keapbridge.sync.systems import Answers, System, TellsPlaces

__all__ = ["AddressHolder", "Rule", "Seen", "Synchronization", "Traits", "digest"]

UNKNOWN = "its record could not be read, and it is not known what it holds: what is new on the other side waits"
KEAP_CURRENCY = "keap_currency"  # the fact that tells it


@attrs.frozen
class AddressHolder:
    """Records of Keap among which the owner of an e-mail address may be, with what they said about being written to.

    Attributes:
        records: where to look.
        probe: what to look for, made of the address.
        addresses: the addresses of a record that was found; `Unreadable` where they cannot be told.
    """

    records: System
    probe: Callable[[str], Any]
    addresses: Callable[[Any], Sequence[EmailAddress | Unreadable]]


@attrs.frozen
class Traits:
    """What one synchronization has of its own, beside its mapper. Without any it is a plain one.

    Attributes:
        currency_of: tells the currency of the Keap application from a record of Keap, where records show it.
        merges_in_keap: whether people merge two of its records in Keap into one.
        address_holders: who is asked before Keap is told an opt-in reason; with none, no reason is told.
    """

    currency_of: Callable[[Any], str | None] | None = None
    merges_in_keap: bool = False
    address_holders: tuple[AddressHolder, ...] = ()


@attrs.frozen
class Seen:
    """A record and what it says, as the engine sees it.

    Attributes:
        record: as the system showed it; a write needs the record that it changes.
        whole: all that it says, also of a record outside the mapping's filter.
        observation: what takes part of it: of a record outside the filter no more than that it is outside.
    """

    record: Any
    whole: Observation
    observation: Observation


@attrs.frozen
class Synchronization:
    """A mapper, bound to both systems and to the store that remembers what is linked.

    Attributes:
        guard: what has failed in the run under way; one for all synchronizations of a bridge.
        belonging: to which two systems the store belongs; one for all synchronizations of a bridge.
        absences: what the run under way knows of properties that are not shown.
        entries: the users and lead sources of Keap that the mapping refers to.
        listings: how far the lists of the run under way have come.
        restored: the side whose values a person takes of what has gone back, in the run under way.
        deciding: what a person decides at the moment: by Customcrm's id the rule of each field.
        referred: the synchronizations before it, to whose records its own may refer.
        name: what it is called everywhere (`"contacts"`): the mapper's name.
    """

    mapper: Mapper
    systems: Mapping[Side, System]
    store: LinkStore
    settings: Settings = attrs.field(factory=Settings)
    traits: Traits = attrs.field(factory=Traits)
    guard: Guard = attrs.field(factory=Guard, eq=False, repr=False)
    belonging: Belonging = attrs.field(
        default=attrs.Factory(lambda self: Belonging(self.store), takes_self=True), eq=False, repr=False
    )
    absences: Absences = attrs.field(factory=Absences, eq=False, repr=False)
    listings: Listings = attrs.field(factory=Listings, eq=False, repr=False)
    entries: KnownEntries = attrs.field(
        default=attrs.Factory(lambda self: KnownEntries(self.mapper, self.store), takes_self=True), eq=False, repr=False
    )
    restored: Side | None = None
    deciding: Mapping[str, Mapping[str, HostRule]] = attrs.field(factory=dict)
    referred: Mapping[str, Synchronization] = attrs.field(factory=dict, eq=False, repr=False)
    name: str = attrs.field(init=False, default=attrs.Factory(lambda self: self.mapper.name, takes_self=True))
    _made: list[tuple[Context, tuple[Rule, ...]]] = attrs.field(init=False, factory=list, eq=False, repr=False)

    def context(
        self, snapshots: Iterable[Snapshot] = (), *, keap_records: Sequence[Any] = (), plan_id: str | None = None
    ) -> Flow[Context]:
        """What these snapshots and records need to be read and written: their references, Keap's currency.

        Args:
            plan_id: a plan whose links count although they are not made yet.
        """
        theirs = self.mapper.keap_references(keap_records) if keap_records else {}
        ours: dict[str, set[str]] = {}
        for snapshot in snapshots:
            for field, referred in self.mapper.references.items():
                value = snapshot.values.get(field)
                if (pending := pending_id(value)) is not None:
                    theirs.setdefault(referred, set()).add(pending)
                elif value is not None:
                    ours.setdefault(referred, set()).add(str(value))
        to_customcrm = yield from self._partners(Side.KEAP, theirs, plan_id)
        to_keap = yield from self._partners(Side.CUSTOMCRM, ours, plan_id)
        currency = None
        if self.traits.currency_of is not None:
            currency = (yield from self.store.facts.get(KEAP_CURRENCY)) or self.settings.currency
        fields = (yield from known_fields(self.store, self.mapper)) if self.mapper.custom_fields else {}
        entries = (yield from self.entries.known(self.systems[Side.KEAP])) if self.entries.wanted else {}
        found = Context(currency, self.settings.default_region, to_customcrm, to_keap, fields, entries)
        return found.mirrored() if theirs or ours else found

    def _partners(
        self, side: Side, ids: Mapping[str, set[str]], plan_id: str | None
    ) -> Flow[dict[str, Mapping[str, str]]]:
        found: dict[str, Mapping[str, str]] = {}
        for name, wanted in ids.items():
            there = {id for id in wanted if usable_id(id)}
            found[name] = (yield from self.store.links.partners(name, side, there, plan_id=plan_id)) if there else {}
        return found

    def assured(self) -> Flow[None]:
        """Let Keap have answered before anything is planned or written: its first answer tells which one it is.

        Nearly always it has.

        Raises:
            OtherSystemError: when it is another Keap application than that of the store.
        """
        keap = self.systems[Side.KEAP]
        if not self.belonging.heard and isinstance(keap, Answers):
            yield from keap.touch()

    # --- seeing records -----------------------------------------------------------------------------------------

    def see(self, side: Side, records: Sequence[Any], *, plan_id: str | None = None) -> Flow[list[Seen]]:
        """What these records say, with the context that they need. One that cannot be read is seen to have a problem.

        Args:
            plan_id: the plan whose scan shows them.
        """

        def some(records: Sequence[Any]) -> Flow[list[Seen]]:
            theirs = records if side is Side.KEAP else ()
            context = yield from self.context(keap_records=theirs, plan_id=plan_id)
            with uncollected():
                return [self._seen(side, record, context, plan_id) for record in records]

        def alone(record: Any, error: Exception) -> Flow[list[Seen]]:
            yield from ()
            return [self._unseen(side, record, error, plan_id)]

        return (yield from self.guard.by_halves(records, some, alone))

    def _seen(self, side: Side, record: Any, context: Context, plan_id: str | None) -> Seen:
        """What one record says, in a context that is known."""
        try:
            whole = self.observe(side, record, context, plan_id=plan_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other records are read
            return self._unseen(side, record, error, plan_id)
        return self.judged(side, record, whole)

    def judged(self, side: Side, record: Any, whole: Observation) -> Seen:
        """A record of which all that is known is what `whole` says, and whether it takes part."""
        try:
            if self.mapper.takes_part(side, record, whole.snapshot.values):
                return Seen(record, whole, whole)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other records are read
            return self._unseen(side, record, error, whole.seen_in)
        return Seen(record, whole, attrs.evolve(whole, snapshot=Snapshot({}), problem=OUTSIDE))

    def _unseen(self, side: Side, record: Any, error: Exception, plan_id: str | None) -> Seen:
        """A record that could not be read, with the reason."""
        id = str(getattr(record, "id", "?"))
        reason = self.guard.failed(error, f"{self.name} {side.title} {id}")
        problem = Observation(side, id, Snapshot({}), problem=reason, seen_in=plan_id)
        return Seen(record, problem, problem)

    def observe(
        self, side: Side, record: Any, context: Context, *, plan_id: str | None = None, whole: bool = True
    ) -> Observation:
        """All that a record says, whether or not it takes part.

        Args:
            whole: whether all of it was asked for: what it does not show is empty then, or has vanished. What an answer
                that shows a part only leaves out is not known.
        """
        identity = self.systems[side].identify(record)
        guard, place = self.guard, side.title

        def astray(field: str, error: Exception) -> str:
            return guard.field_failed(error, self.name, place, identity.id, field)

        values, unreadable = self.mapper.read(side, record, context, astray)
        unreadable = self._placed(side, unreadable) if unreadable else unreadable
        guard.fields_went_well(self.name, place, unreadable)
        absent = self.mapper.absent(side, record, values, unreadable) if whole else frozenset()
        aliases = self.mapper.matching.aliases(side, record, values, context)
        snapshot = Snapshot({**values, **dict.fromkeys(absent)} if absent else values, unreadable, absent, aliases)
        moment, version = None if self.is_undated(side) else identity.updated_at, identity.version
        return Observation(side, identity.id, snapshot, moment, version, seen_in=plan_id, life=identity.life)

    def is_undated(self, side: Side) -> bool:
        """Whether the times of a side are not believed, for they may be of another zone."""
        return side is Side.CUSTOMCRM and self.name in self.guard.undated

    def _placed(self, side: Side, reasons: Mapping[str, str]) -> dict[str, str]:
        """Why fields cannot be understood, with the place where a person finds the value."""
        system = self.systems[side]
        if not isinstance(system, TellsPlaces):
            return dict(reasons)
        places = {field: system.place_of(self.mapper[field].place(side).path.partition("+")[0]) for field in reasons}
        return {
            field: f"{reason} ({place})" if (place := places[field]) else reason for field, reason in reasons.items()
        }

    def read(self, side: Side, ids: Collection[str]) -> Flow[tuple[dict[str, Seen], dict[str, str]]]:
        """Those of the records that exist, and why others cannot be read: an odd one does not stop its neighbours.

        Returns:
            What each record says, by id, and the ids of those that are there in an unexpected form, with the reason.
        """
        records, odd = yield from self.fetch(side, ids)
        found = (yield from self.see(side, records)) if records else []
        return {seen.whole.id: seen for seen in found}, odd

    def fetch(
        self, side: Side, ids: Collection[str], *, through_outages: bool = True
    ) -> Flow[tuple[tuple[Any, ...], dict[str, str]]]:
        """`read`, with the records as they are.

        Args:
            through_outages: a system that fails is a reason like others; else its error is raised, so that whoever asks
                for the records asks again.
        """
        odd: dict[str, str] = {}

        def some(ids: Sequence[str]) -> Flow[list[Any]]:
            return list((yield from self.systems[side].get_many(ids)))

        def alone(id: str, error: Exception) -> Flow[list[Any]]:
            yield from ()
            if not through_outages and isinstance(error, ApiError) and is_outage(error):
                raise error
            odd[id] = self.guard.failed(error, f"{self.name} {side.title} {id}")
            return []

        records = yield from self.guard.by_halves(list(ids), some, alone)
        return tuple(records), odd

    def read_one(self, side: Side, id: str) -> Flow[Seen | None]:
        """One record; `None` when it is not there.

        Raises:
            ShapeError: when it is there in an unexpected form.
        """
        records = yield from self.systems[side].get_many([id])
        return (yield from self.see(side, records))[0] if records else None

    # --- what the store knows -----------------------------------------------------------------------------------

    def pairs(self, size: int) -> Iterator[Flow[list[Pair]]]:
        """Linked pairs about which something was observed, each once, batch by batch."""
        after: tuple[str, str] | None = ("", "")

        def next_batch() -> Flow[list[Pair]]:
            nonlocal after
            found, after = yield from self.store.links.pairs(self.name, after or ("", ""), size)
            return [pair for _, pair in found]

        while after is not None:
            yield next_batch()

    def missing(self, size: int) -> Iterator[Flow[list[Missing]]]:
        """Linked records that were not shown or are called deleted, batch by batch; the last one is empty."""
        after: tuple[str, str] | None = ("", "")

        def next_batch() -> Flow[list[Missing]]:
            nonlocal after
            found = yield from self.store.missing.page(self.name, after or ("", ""), size)
            after = (found[-1].side.value, found[-1].id) if found else None
            return found

        while after is not None:
            yield next_batch()

    # --- fields -------------------------------------------------------------------------------------------------

    def rules(self, context: Context) -> tuple[Rule, ...]:
        """The fields of a synchronization as the merge sees them. They are made once a batch, which has one context."""
        for known, rules in self._made:
            if known is context:
                return rules
        rules = tuple(Rule.of(lens, context) for lens in self.mapper.lenses)
        self._made[:] = [(context, rules)]
        return rules

    def merged(self, pair: Pair, rules: Iterable[Rule], moment: datetime | None = None) -> Merge:
        """What is to be done for a pair. A field whose rule fails is held.

        Args:
            moment: now, where it is known: what is awaited of a side is not awaited for ever.
        """
        guard, shown = self.guard, pair
        pair = as_it_was(pair)
        pair, waits = waiting(pair, moment, self.settings.lag) if pair.link.awaited else (pair, {})

        def astray(field: str, error: Exception) -> str:
            link = pair.link
            return guard.field_failed(error, self.name, "rules", f"{link.customcrm_id} ↔ {link.keap_id}", field)

        if pair.orphans:
            waits = {**waits, **{field: Held(field, *its) for field, its in pair.orphans.items()}}
        unread = self._unread(pair)
        pair, unseen = self.absences.as_meant(pair)
        unseen = (*unseen, *unread)
        rules = tuple(rules)
        policy = self.settings.policy
        if rulings := self.deciding.get(pair.link.customcrm_id):
            # Of the other fields nothing is decided meanwhile.
            policy = attrs.evolve(policy, conflicts="manual")
            rules = tuple(attrs.evolve(rule, policy=rulings.get(rule.name, rule.policy)) for rule in rules)
            pair = attrs.evolve(pair, contested=dict.fromkeys(rulings))
        pair, rewrites = self.as_before(pair, rules)
        outcome = merge(pair, rules, policy, astray, waits)
        is_certain = pair.doubt is None or pair.doubt.winner is not None
        if rewrites and is_certain:
            decided = {(change.field, change.side) for change in outcome.changes}
            decided.update((item.field, side) for item in outcome.held for side in Side)
            more = tuple(change for change in rewrites if (change.field, change.side) not in decided)
            outcome = attrs.evolve(outcome, changes=(*outcome.changes, *more))
        if unseen:
            outcome = attrs.evolve(outcome, held=(*outcome.held, *unseen))
        if pair.unwritable and outcome.changes:
            held = {(field, Side.CUSTOMCRM): reason for field, reason in pair.unwritable.items()}
            outcome = without(outcome, held, rules)
        if guard.braked and outcome.changes:
            outcome = withhold(
                outcome, pair.link, lambda field, side: guard.braked.get((self.name, field, side)), rules
            )
        if shown.written_over and is_certain:
            outcome = putting_back(shown, outcome)
        guard.fields_went_well(self.name, "rules", {held.field for held in outcome.held} if outcome.held else ())
        return attrs.evolve(outcome, held=self.once(outcome.held)) if guard.held and outcome.held else outcome

    def unknown(self, pair: Pair, side: Side) -> frozenset[str]:
        """The fields of a side of which nothing is known, and to which something new of the other side would flow."""
        fields = beside_news(pair, side)
        if not fields:
            return fields
        has_vanished = self.absences.has_vanished
        into = (lens.name for lens in self.mapper.lenses if lens.flows_to(side))
        return fields.intersection(name for name in into if not has_vanished(side, name))

    def _unread(self, pair: Pair) -> list[Held]:
        """The edits that wait because it is not known what they would be written over, not even after a read by id."""
        return [
            Held(field, side, UNKNOWN)
            for side in Side
            if (fields := self.unknown(pair, side))
            for field in sorted(fields & pair.link.base(side.other).keys())
        ]

    def as_before(self, pair: Pair, rules: Sequence[Rule]) -> tuple[Pair, list[Change]]:
        """The pair in which no text means another value only because its country has changed, or a name in Keap.

        Returns:
            That, and what must be written so that it stays so.
        """
        rewrites: list[Change] = []
        for side in Side:
            seen, base = pair.seen[side], pair.link.base(side)
            if seen is None or not base or not rules:
                continue
            now = seen.snapshot.values
            same = same_texts(self.mapper, side, base, now, rules[0].context)
            same = {field: value for field, value in same.items() if self.mapper[field].flows_to(side)}
            if same:
                # What is read by a field of its own record is written so that it stays what it is.
                scoped = {field: value for field, value in same.items() if self.mapper[field].scope is not None}
                rewrites += [Change(field, side, now[field], value) for field, value in scoped.items()]
                snapshot = attrs.evolve(seen.snapshot, values={**now, **same})
                pair = pair.seeing(attrs.evolve(seen, snapshot=snapshot))
        return pair, rewrites

    def once(self, held: Iterable[Held]) -> tuple[Held, ...]:
        """Held fields; those that are held for all records are not told for each."""
        return tuple(attrs.evolve(h, told=True) if self.guard.is_held(self.name, h.field) else h for h in held)

    def follow_references(self, snapshot: Snapshot, context: Context) -> Snapshot:
        """The snapshot, with references resolved whose records have been linked since it was taken."""
        changed = self.mapper.followed(snapshot.values, context)
        return attrs.evolve(snapshot, values={**snapshot.values, **changed}) if changed else snapshot

    # --- what is remembered of a record -------------------------------------------------------------------------

    def staged(self, seen: Observation, fingerprint: str | None = None) -> Staged:
        """An observation for the store; one with a problem never equals what its link remembers, so it stays in view.

        Args:
            fingerprint: of the text that it was read from.
        """
        content = digest(seen.snapshot)
        # What waits for another record to be linked means something else as soon as that is done.
        waits = any(is_pending(seen.snapshot.values.get(field)) for field in self.mapper.references)
        if fingerprint is not None and seen.problem is None and not waits:
            seen = seen.marked(mark(fingerprint, content))
        return Staged(seen, content)

    def keys(self, snapshot: Snapshot) -> tuple[RecordKey, ...]:
        """The match keys of a record, strongest first."""
        return self.mapper.matching.keys_of(snapshot.values, snapshot.aliases)

    def keys_of_linked(self, snapshot: Snapshot) -> tuple[RecordKey, ...]:
        """The same of a record that is linked, with those by which others may be near to it.

        They are kept with its link, so that they need not be made of all links whenever a record comes new.
        """
        return self.mapper.matching.all_keys_of(snapshot.values, snapshot.aliases)

    def remembered(self, pair: Pair) -> tuple[dict[Side, str], dict[Side, tuple[RecordKey, ...]]]:
        """The digests and the keys of the records of a pair, as far as they were seen.

        Those that hold the same are known by the same.
        """
        digests: dict[Side, str] = {}
        keys: dict[Side, tuple[RecordKey, ...]] = {}
        for side in Side:
            if (seen := pair.seen[side]) is None:
                continue
            other = pair.seen[side.other]
            if keys and other is not None and _content(other.snapshot) == _content(seen.snapshot):
                digests[side], keys[side] = digests[side.other], keys[side.other]
            else:
                digests[side], keys[side] = digest(seen.snapshot), self.keys_of_linked(seen.snapshot)
        return digests, keys


@attrs.frozen
class Rule:
    """A lens in a context, as the merge asks for it (`decide.merge.FieldRule`): for every field of every pair."""

    context: Context
    name: str
    policy: str | HostRule | None
    follows: str | None
    keeps: bool
    flows_to: Callable[[Side], bool]
    fit: Callable[[Side, Canonical], Canonical]
    incomparable: Callable[[Canonical, Canonical], str | None]
    combined: Callable[[Canonical, Canonical, Maybe[Canonical]], Maybe[Canonical]]
    encodes: Callable[[Canonical, Canonical], bool]

    @classmethod
    def of(cls, lens: Lens, context: Context) -> Rule:
        """The rule of a lens in a context."""
        keeps, fit, kind = lens.on_empty == "keep", partial(lens.fit, context=context), lens.kind
        own = (lens.flows_to, fit, kind.incomparable, kind.combined, kind.encodes)
        return cls(context, lens.name, lens.policy, lens.follows, keeps, *own)


_SORTED = msgspec.json.Encoder(order="sorted")


def digest(snapshot: Snapshot) -> str:
    """A short fingerprint of a snapshot; the order of its fields does not matter."""
    content = _SORTED.encode(_content(snapshot))
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _content(snapshot: Snapshot) -> list[Mapping[str, Any]]:
    """What a record is known to say."""
    return [snapshot.values, snapshot.unreadable, *([snapshot.aliases] if snapshot.aliases else [])]
