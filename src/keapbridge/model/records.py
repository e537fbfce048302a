"""The values the engine works on: snapshots, observations, links. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import attrs

from keapbridge.model.changed import changed
from keapbridge.model.side import Side, SideName

__all__ = [
    "UNKNOWN_LIFE",
    "Awaited",
    "Canonical",
    "Decided",
    "Doubt",
    "Life",
    "Link",
    "Observation",
    "Pair",
    "Side",
    "Snapshot",
    "Values",
    "WrittenOver",
    "is_stored_form",
    "is_untaken",
]

NATIONAL = 7  # digits at the end of a phone number that no country code or trunk prefix reaches

Canonical = str | int | bool | None
Values = Mapping[str, Canonical]


@attrs.frozen
class Snapshot:
    """The mapped fields of a record in canonical form.

    Attributes:
        values: field → value; a field that is not there is unknown, `None` is known to be empty.
        unreadable: field → reason, for what is there and could not be understood.
        absent: those of the empty fields that the record did not show at all; see `decide.absent_fields`.
        aliases: place → value, for what it is known by beside the mapped fields (a third e-mail address).
    """

    values: Values = attrs.field(repr=False)
    unreadable: Mapping[str, str] = attrs.field(factory=dict)
    absent: frozenset[str] = attrs.field(default=frozenset(), eq=False)
    aliases: Values = attrs.field(factory=dict, repr=False)


@attrs.frozen
class Life:
    """What a record shows of its life, in its system's own time: it tells records apart that have the same id.

    Attributes:
        born: when it was made, as a text; `None` where that is not shown.
        changed: when it was changed last; `None` where that is not shown.
    """

    born: str | None = None
    changed: datetime | None = None

    def over(self, known: Life) -> Life:
        """This one, and what it does not tell as it was known."""
        return Life(self.born or known.born, self.changed or known.changed)


UNKNOWN_LIFE = Life()


@attrs.frozen
class Observation:
    """What was seen of one record.

    Attributes:
        updated_at: when it was edited last, as far as that is known: what we write to a record is no edit.
        version: the system's own name of this state (an ETag), where it has one.
        problem: why the record could not be read, when it could not.
        seen_in: the plan whose scan saw it last.
        mark: that of the very text that it was read from, and of what was read; see `kept_in_store.mark`.
        life: what it shows of its life, whoever changed it.
        went_back: whether it was found to have gone back, and nobody has decided since.
    """

    side: Side
    id: str
    snapshot: Snapshot
    updated_at: datetime | None = None
    version: str | None = None
    problem: str | None = None
    seen_in: str | None = None
    mark: str | None = None
    life: Life = UNKNOWN_LIFE
    went_back: bool = False

    def marked(self, mark: str) -> Observation:
        """The same with its mark: for all that is read, so it is not put together by `attrs.evolve`."""
        known = (self.updated_at, self.version, self.problem, self.seen_in)
        return Observation(self.side, self.id, self.snapshot, *known, mark, self.life, self.went_back)


@attrs.frozen
class Awaited:
    """A value that was written to a side, which has not shown it since.

    Attributes:
        before: what the side held before.
        sent: what was written.
        since: when it was written first.
        writes: how often it was written.
    """

    before: Canonical = attrs.field(repr=False)
    sent: Canonical = attrs.field(repr=False)
    since: datetime
    writes: int = 1


@attrs.frozen
class Decided:
    """What both sides are to hold in a field, and are not known to hold yet; see `decide.decided`.

    Attributes:
        by: what has decided it, for people.
        before: by side: what it held when that was decided; once it is written to a side, what that has stored.
        after: by side: what it is to hold; once it is written, what is stored.
    """

    by: str
    before: Mapping[Side, Canonical] = attrs.field(repr=False)
    after: Mapping[Side, Canonical] = attrs.field(repr=False)

    @property
    def is_done(self) -> bool:
        """Whether it is known to be written."""
        return self.before == self.after

    def stands(self, now: Mapping[Side, Any]) -> bool:
        """Whether nobody has edited either side since, which now hold these values."""
        return all(now[side] in (self.before[side], self.after[side]) for side in self.before)

    def is_about(self, values: Mapping[Side, Any]) -> bool:
        """Whether it decides between these values, as far as that is known once it is written to a side."""
        return all(held in (values[side], self.after[side]) for side, held in self.before.items())

    def stored(self, side: Side, value: Canonical) -> Decided:
        """The same once a side is known to have stored its value, in a form of its own perhaps."""
        return Decided(self.by, {**self.before, side: value}, {**self.after, side: value})


@attrs.frozen
class Link:
    """A durable identity pair, and what both sides were known to hold after the last sync.

    Attributes:
        awaited: by side and field: what was written there and is still to be shown.
        decided: by field: what both sides are to hold, as long as they may not.
        aside: by side and field: what was known of fields when they left the mapping; see `decide.returned`.
        customcrm_life, keap_life: what the two records showed of their lives then.
    """

    customcrm_id: str
    keap_id: str
    customcrm_base: Values = attrs.field(factory=dict, repr=False)
    keap_base: Values = attrs.field(factory=dict, repr=False)
    awaited: Mapping[Side, Mapping[str, Awaited]] = attrs.field(factory=dict, repr=False)
    customcrm_life: Life = UNKNOWN_LIFE
    keap_life: Life = UNKNOWN_LIFE
    decided: Mapping[str, Decided] = attrs.field(factory=dict, repr=False)
    aside: Mapping[Side, Values] = attrs.field(factory=dict, repr=False)

    def id(self, side: Side | SideName) -> str:
        """The id of the record of a side."""
        return self.customcrm_id if _is_customcrm(side) else self.keap_id

    def base(self, side: Side | SideName) -> Values:
        """What a side was known to hold."""
        return self.customcrm_base if _is_customcrm(side) else self.keap_base

    def with_base(self, side: Side, base: Values) -> Link:
        name = "customcrm_base" if side is Side.CUSTOMCRM else "keap_base"
        changes: dict[str, Any] = {name: base}
        return changed(self, **changes)

    def based_on(self, side: Side, values: Values) -> Link:
        """The link with these values in the base of a side; what the base says of other fields stays."""
        return self.with_base(side, {**self.base(side), **values})

    def forgetting(self, side: Side, fields: Collection[str]) -> Link:
        """The link whose base of a side says nothing of these fields."""
        base = self.base(side)
        left = {field: value for field, value in base.items() if field not in fields}
        return self if len(left) == len(base) else self.with_base(side, left)

    def awaiting(self, side: Side, fields: Mapping[str, Awaited]) -> Link:
        """The link with these values, and no others, still to be shown by a side."""
        others = {each: its for each, its in self.awaited.items() if each is not side and its}
        return changed(self, awaited={**others, side: dict(fields)} if fields else others)

    def deciding(self, fields: Mapping[str, Decided]) -> Link:
        """The link with these decisions, beside others."""
        return changed(self, decided={**self.decided, **fields}) if fields else self

    def undecided(self, fields: Collection[str]) -> Link:
        """The link without decisions about these fields."""
        left = {field: its for field, its in self.decided.items() if field not in fields}
        return self if len(left) == len(self.decided) else changed(self, decided=left)

    def setting_aside(self, fields: Collection[str]) -> Link:
        """The link whose bases say nothing of these fields, which have left the mapping; what they said is kept."""
        link = self
        for side in Side:
            base = self.base(side)
            if its := {field: base[field] for field in fields if field in base}:
                link = changed(link, aside={**link.aside, side: {**link.aside.get(side, {}), **its}})
                link = link.forgetting(side, its)
        return link

    def without_aside(self, fields: Collection[str]) -> Link:
        """The link in which nothing of these fields is kept aside."""
        left = {s: {f: v for f, v in values.items() if f not in fields} for s, values in self.aside.items()}
        return changed(self, aside={side: values for side, values in left.items() if values})

    def life(self, side: Side) -> Life:
        return self.customcrm_life if side is Side.CUSTOMCRM else self.keap_life

    def knowing(self, side: Side, life: Life) -> Link:
        """The link with what a record shows of its life now; what it does not show is as it was."""
        known = self.life(side)
        name = "customcrm_life" if side is Side.CUSTOMCRM else "keap_life"
        changes: dict[str, Any] = {name: life.over(known)}
        return self if life == known else changed(self, **changes)


@attrs.frozen
class Doubt:
    """Why what a record shows is not taken for an edit of the record that is linked.

    Attributes:
        about: `"restored"`: it has gone back; `"lagging"`: it may have, or its system shows an old state for a moment;
            `"stranger"`: it may be another one; `"another"`: it is another one.
        side: whose record it is.
        reason: what is so, for people.
        fields: what has gone back.
        back_by: how much older it is than it was, in seconds.
        winner: the side whose values are taken of what has gone back, once somebody has said so.
    """

    about: str
    side: Side
    reason: str
    fields: frozenset[str] = frozenset()
    back_by: int = 0
    winner: Side | None = None


@attrs.frozen
class WrittenOver:
    """What was sent for a new record, and was written over one that is linked; see `decide.written_over`.

    Attributes:
        intent_id: of the create that was sent.
        source_id: the record of the other side whose counterpart it was to be.
        side: the system that took it for a record that it has.
        reason: what is so, for people.
        written: field → what was written.
        before: field → what was held before, where that is not what the base says.
        certain: whether the system has said so; else the record only looks like it.
        begun: whether putting it back has begun.
    """

    intent_id: str
    source_id: str
    side: Side
    reason: str
    written: Values = attrs.field(repr=False)
    before: Values = attrs.field(factory=dict, repr=False)
    certain: bool = True
    begun: bool = False


@attrs.frozen
class Pair:
    """A link and what was seen of its two records; a side that was not seen again is as its base says.

    Attributes:
        doubt: why nothing flows before somebody decides.
        contested: fields of which a person decides although one side alone was edited, with the reason; `None` for one
            that is being decided.
        unwritable: fields that Customcrm cannot be given for this record as things are, with the reason.
        orphans: references that wait because the record they name, or named, is gone: the side that lacks it, and the
            reason; see `decide.orphans`.
        written_over: what was written over one of the records, and is no edit.
        seen: by side: the two looks, as `customcrm` and `keap` have them.
        current: by side: what it holds now, as far as is known.
    """

    link: Link
    customcrm: Observation | None
    keap: Observation | None
    doubt: Doubt | None = None
    contested: Mapping[str, str | None] = attrs.field(factory=dict)
    unwritable: Mapping[str, str] = attrs.field(factory=dict)
    orphans: Mapping[str, tuple[Side, str]] = attrs.field(factory=dict)
    written_over: tuple[WrittenOver, ...] = ()
    seen: Mapping[Side, Observation | None] = attrs.field(init=False, eq=False, repr=False)
    current: Mapping[Side, Snapshot] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Once for all that ask, field by field.
        ours, theirs, link = self.customcrm, self.keap, self.link
        object.__setattr__(self, "seen", {Side.CUSTOMCRM: ours, Side.KEAP: theirs})
        current = {
            Side.CUSTOMCRM: Snapshot(link.customcrm_base) if ours is None else ours.snapshot,
            Side.KEAP: Snapshot(link.keap_base) if theirs is None else theirs.snapshot,
        }
        object.__setattr__(self, "current", current)

    def seeing(self, seen: Observation) -> Pair:
        """The pair with a newer look at one of its records."""
        name = "customcrm" if seen.side is Side.CUSTOMCRM else "keap"
        changes: dict[str, Any] = {name: seen}
        return changed(self, **changes)

    def updated_at(self, side: Side) -> datetime | None:
        seen = self.seen[side]
        return seen.updated_at if seen else None


def _is_customcrm(side: Side | SideName) -> bool:
    if side is Side.CUSTOMCRM or side is Side.KEAP:
        return side is Side.CUSTOMCRM
    return Side.of(side, "Link") is Side.CUSTOMCRM


def is_stored_form(sent: Canonical, held: Canonical) -> bool:
    """Whether a system could have made `held` out of `sent` by itself: cut, trimmed, in another case or punctuation."""
    if sent == held:
        return True
    if not isinstance(sent, str) or not isinstance(held, str):
        return False
    if sent.startswith("+") and held.startswith("+"):
        return sent[-NATIONAL:] == held[-NATIONAL:]  # a phone number in national form, read by another country
    ours, theirs = ("".join(c for c in text.casefold() if c.isalnum()) for text in (sent, held))
    return bool(theirs) and ours.startswith(theirs)


def is_untaken(sent: Canonical, held: Canonical, before: Canonical) -> bool:
    """Whether a side that was sent a value holds what it held before, and not the same in other letters."""
    if held != before or sent == held:
        return False
    if not isinstance(sent, str) or not isinstance(held, str):
        return True
    if sent.startswith("+") and held.startswith("+"):
        return sent[-NATIONAL:] != held[-NATIONAL:]
    ours, theirs = ("".join(c for c in text.casefold() if c.isalnum()) for text in (sent, held))
    return ours != theirs
