"""The values the engine works on: snapshots, observations, links. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from keapbridge.model.side import Side

__all__ = [
    "Awaited",
    "Canonical",
    "Link",
    "Observation",
    "Pair",
    "Side",
    "Snapshot",
    "Values",
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
    """

    values: Values = attrs.field(repr=False)
    unreadable: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Observation:
    """What was seen of one record.

    Attributes:
        version: the system's own name of this state (an ETag), where it has one.
        problem: why the record could not be read, when it could not.
        seen_in: the plan whose scan saw it last.
        mark: the fingerprint of the very text that it was read from, with the digest of what was read from it.
    """

    side: Side
    id: str
    snapshot: Snapshot
    updated_at: datetime | None = None
    version: str | None = None
    problem: str | None = None
    seen_in: str | None = None
    mark: str | None = None


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
class Link:
    """A durable identity pair, and what both sides were known to hold after the last sync.

    Attributes:
        awaited: by side and field: what was written there and is still to be shown.
    """

    customcrm_id: str
    keap_id: str
    customcrm_base: Values = attrs.field(factory=dict, repr=False)
    keap_base: Values = attrs.field(factory=dict, repr=False)
    awaited: Mapping[Side, Mapping[str, Awaited]] = attrs.field(factory=dict, repr=False)

    def id(self, side: Side) -> str:
        return self.customcrm_id if side is Side.CUSTOMCRM else self.keap_id

    def base(self, side: Side) -> Values:
        return self.customcrm_base if side is Side.CUSTOMCRM else self.keap_base

    def with_base(self, side: Side, base: Values) -> Link:
        name = "customcrm_base" if side is Side.CUSTOMCRM else "keap_base"
        changes: dict[str, Any] = {name: base}
        return attrs.evolve(self, **changes)

    def based_on(self, side: Side, values: Values) -> Link:
        """The link with these values in the base of a side; what the base says of other fields stays."""
        return self.with_base(side, {**self.base(side), **values})

    def awaiting(self, side: Side, fields: Mapping[str, Awaited]) -> Link:
        """The link with these values, and no others, still to be shown by a side."""
        others = {each: its for each, its in self.awaited.items() if each is not side and its}
        return attrs.evolve(self, awaited={**others, side: dict(fields)} if fields else others)


@attrs.frozen
class Pair:
    """A link and what was seen of its two records; a side that was not seen again is as its base says."""

    link: Link
    customcrm: Observation | None
    keap: Observation | None

    def seen(self, side: Side) -> Observation | None:
        return self.customcrm if side is Side.CUSTOMCRM else self.keap

    def seeing(self, seen: Observation) -> Pair:
        """The pair with a newer look at one of its records."""
        name = "customcrm" if seen.side is Side.CUSTOMCRM else "keap"
        changes: dict[str, Any] = {name: seen}
        return attrs.evolve(self, **changes)

    def current(self, side: Side) -> Snapshot:
        seen = self.seen(side)
        return Snapshot(self.link.base(side)) if seen is None else seen.snapshot

    def updated_at(self, side: Side) -> datetime | None:
        seen = self.seen(side)
        return seen.updated_at if seen else None


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
