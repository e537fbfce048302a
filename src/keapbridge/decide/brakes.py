"""The brakes: when a plan would do more than the policy allows, nothing of it is done. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from keapbridge.decide.policy import Policy
from keapbridge.model.accepted import BRAKES, Accepted
from keapbridge.model.plan import Plan
from keapbridge.model.side import Side

__all__ = ["Exceeded", "exceeded"]

FEW_LINKS = 20  # below this many linked records a share says nothing
FEW_RECORDS = 50


@attrs.frozen
class Exceeded:
    """A bound that a plan goes beyond.

    Attributes:
        brake: the name by which it is accepted.
        reason: what would be done, and how far it may go.
    """

    brake: str
    reason: str


def exceeded(plan: Plan, policy: Policy, accepted: Accepted | None = None) -> list[Exceeded]:
    """Why a plan must not be applied; empty when it may.

    Args:
        accepted: what a person has released.
    """
    released = accepted.brakes if accepted else frozenset()
    return [found for found in _exceeded(plan, policy) if found.brake not in released]


def _exceeded(plan: Plan, policy: Policy) -> Iterator[Exceeded]:
    removals = {name: _count(plan.counts.get(name, {}), "delete", "archive", "unlink") for name in plan.objects}
    creates = sum(_count(counts, "create") for counts in plan.counts.values())
    if policy.max_deletes is not None and sum(removals.values()) > policy.max_deletes:
        what = f"{sum(removals.values())} records would be deleted or unlinked"
        yield Exceeded("deletes", f"{what}; max_deletes is {policy.max_deletes}")
    if policy.max_creates is not None and creates > policy.max_creates:
        yield Exceeded("creates", f"{creates} records would be created; max_creates is {policy.max_creates}")
    for name in plan.objects:
        links = plan.totals.get(name, {}).get("links", 0)
        shares = (
            ("deleted or unlinked", removals[name], policy.max_delete_share, "delete-share"),
            ("changed", _count(plan.counts.get(name, {}), "update"), policy.max_updates_share, "updates-share"),
        )
        for what, number, share, brake in shares:
            if share is not None and links >= FEW_LINKS and number > share * links:
                reason = f"{number} of {links} linked {name} would be {what}; {BRAKES[brake]} is {share:g}"
                yield Exceeded(brake, reason)
        if links == 0:
            yield from (Exceeded("first-creates", reason) for reason in _first_contact(plan, policy, name))


def _first_contact(plan: Plan, policy: Policy, name: str) -> Iterator[str]:
    """Judged by the smaller side alone: of the larger one most may have no counterpart, however well the keys fit."""
    share = policy.max_first_create_share
    counts, totals = plan.counts.get(name, {}), plan.totals.get(name, {})
    sizes = {side: totals.get(f"{side.value}_unlinked", totals.get(side.value, 0)) for side in Side}
    smaller = min(Side, key=sizes.__getitem__)
    size, lonely = sizes[smaller], sizes[smaller] - counts.get("link", 0)
    if share is None or not _count(counts, "create") or size < FEW_RECORDS or lonely <= share * size:
        return
    yield (
        f"{lonely} of {size} {name} of {smaller.title} have no counterpart among {sizes[smaller.other]} of "
        f"{smaller.other.title}: do the match keys fit? max_first_create_share is {share:g}"
    )


def _count(counts: Mapping[str, int], *kinds: str) -> int:
    return sum(n for heading, n in counts.items() if heading.split(" ")[0] in kinds)
