"""Sweeps: a field that is emptied, or given one same value, for many: a fault until a person says otherwise. Pure.

What is counted is the loss of a value that both systems knew: something that was there is replaced. Filling what is
empty destroys nothing, and at first contact there is nothing yet that could be lost. A sweep is held as one field in
one direction; what goes together with it in a pair waits with it, and everything else flows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import attrs

from keapbridge.decide.merge import FieldRule, Merge
from keapbridge.decide.policy import Policy
from keapbridge.model.change import Change, Held
from keapbridge.model.records import Canonical, Link
from keapbridge.model.side import Side

__all__ = ["Count", "Place", "Tally", "is_loss", "is_sweep", "loses", "sweep", "withhold", "without"]

Place = tuple[str, Side]
"""A field, and the side on which it is written."""

ACCEPTED = "accept"  # the cause of a change to what a person says is right
MANY = 1000  # values of a field that are counted one by one: a value for more than every fifth is among those


@attrs.frozen
class Count:
    """How many lose the value they have, in the same way.

    Attributes:
        value: what they get instead; `None`: nothing.
        number: how many.
        lost: the different values that they lose, as far as they are counted.
    """

    value: Canonical
    number: int = 0
    lost: frozenset[Canonical] = frozenset()


def is_loss(change: Change, link: Link) -> bool:
    """Whether a change replaces a value that both sides knew, and no person has said that it may."""
    if change.cause == ACCEPTED:
        return False
    known = change.field in link.customcrm_base and change.field in link.keap_base
    return known and change.before is not None and change.before != change.after


def loses(change: Change, link: Link, ordinary: Collection[str]) -> bool:
    """Whether a change counts.

    Args:
        ordinary: the fields in which it is ordinary that many get one same value.
    """
    return is_loss(change, link) and (change.after is None or change.field not in ordinary)


def sweep(counts: Iterable[Count], holding: int, policy: Policy) -> str | None:
    """Why a field is not written to a side; `None` when it may be.

    Args:
        counts: what is lost there, in a plan and in what was written within a day.
        holding: how many linked records of the side hold a value in the field.
    """
    for count in sorted(counts, key=lambda count: -count.number):
        if is_sweep(count, holding, policy):
            what = "be emptied" if count.value is None else "become one same value"
            return f"{count.number} of {holding} values would {what} within a day"
    return None


def is_sweep(count: Count, holding: int, policy: Policy) -> bool:
    """Whether so many lose their value in one way that a person is to say whether that is right."""
    few = policy.sweep_from
    share = policy.max_emptied_share if count.value is None else policy.max_levelled_share
    if share is None or count.number < few or count.number <= share * holding:
        return False
    return count.value is None or len(count.lost) >= few


@attrs.define
class Tally:
    """What the changes of a plan would lose, counted as they are found.

    Attributes:
        ordinary: the fields in which it is ordinary that many get one same value.
        few: below this number nothing is a sweep.
    """

    ordinary: frozenset[str]
    few: int
    _found: dict[Place, dict[Canonical, tuple[int, set[Canonical]]]] = attrs.field(factory=dict)

    def add(self, link: Link, changes: Iterable[Change]) -> None:
        """Count the changes of a pair."""
        for change in changes:
            if not loses(change, link, self.ordinary):
                continue
            found = self._found.setdefault((change.field, change.side), {})
            number, lost = found.get(change.after, (0, set()))
            if len(lost) < self.few:
                lost.add(change.before)
            found[change.after] = (number + 1, lost)
            if len(found) > MANY:
                _thin_out(found)

    def counts(self) -> Mapping[Place, list[Count]]:
        """What was counted, by place."""
        return {
            place: [Count(value, number, frozenset(lost)) for value, (number, lost) in found.items()]
            for place, found in self._found.items()
        }


def _thin_out(found: dict[Canonical, tuple[int, set[Canonical]]]) -> None:
    """Forget what is rare: one of each value, so that what is left is at most one in `MANY` short."""
    for value, (number, lost) in list(found.items()):
        if number > 1:
            found[value] = (number - 1, lost)
        else:
            del found[value]


def withhold(outcome: Merge, link: Link, held: Callable[[str, Side], str | None], rules: Iterable[FieldRule]) -> Merge:
    """What is to be done for a pair without what is held.

    A field and the one that it follows (a region and its country) are written together or not at all, and so is a value
    that was decided for both sides.

    Args:
        held: why a field is not written to a side; `None` when it is.
    """
    known = link.customcrm_base.keys() & link.keap_base.keys()  # any other meets its counterpart for the first time
    places = [(change.field, change.side) for change in outcome.changes]
    stopped = {place: reason for place in places if place[0] in known and (reason := held(*place)) is not None}
    return without(outcome, stopped, rules, told=True)


def without(
    outcome: Merge, held: Mapping[tuple[str, Side], str], rules: Iterable[FieldRule], *, told: bool = False
) -> Merge:
    """What is to be done for a pair but for some fields of a side, and for what is written together with them.

    Args:
        held: why they are not written, by field and side.
        told: whether that is said once for all records.
    """
    places = [(change.field, change.side) for change in outcome.changes]
    stopped = {place: held[place] for place in places if place in held}
    if not stopped:
        return outcome
    heads = {rule.name: rule.follows or rule.name for rule in rules}
    waits = True
    while waits:
        waits = False
        for field, side in places:
            if (field, side) in stopped:
                continue
            head = heads.get(field, field)
            for other, its_side in stopped:
                follow = {head, field} & {heads.get(other, other), other}
                if field == other or (side is its_side and follow):
                    stopped[field, side] = f"waits for {other} in {its_side.title}"
                    waits = True
                    break
    left = tuple(change for change in outcome.changes if (change.field, change.side) not in stopped)
    waiting = tuple(Held(*place, stopped[place], told) for place in places if place in stopped)
    return attrs.evolve(outcome, changes=left, held=(*outcome.held, *waiting))
