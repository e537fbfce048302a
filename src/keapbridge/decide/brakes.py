"""The brakes: when a plan would do more than the policy allows, nothing of it is done. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keapbridge.decide.policy import Policy
from keapbridge.model.plan import Plan
from keapbridge.model.side import Side

__all__ = ["exceeded"]

FEW_LINKS = 20  # below this many linked records a share says nothing
FEW_RECORDS = 50


def exceeded(plan: Plan, policy: Policy) -> list[str]:
    """Why a plan must not be applied; empty when it may."""
    return list(_reasons(plan, policy))


def _reasons(plan: Plan, policy: Policy) -> Iterator[str]:
    removals = {name: _count(plan.counts.get(name, {}), "delete", "archive", "unlink") for name in plan.objects}
    creates = sum(_count(counts, "create") for counts in plan.counts.values())
    if policy.max_deletes is not None and sum(removals.values()) > policy.max_deletes:
        yield f"{sum(removals.values())} records would be deleted or unlinked; max_deletes is {policy.max_deletes}"
    if policy.max_creates is not None and creates > policy.max_creates:
        yield f"{creates} records would be created; max_creates is {policy.max_creates}"
    for name in plan.objects:
        links = plan.totals.get(name, {}).get("links", 0)
        shares = (
            ("deleted or unlinked", removals[name], policy.max_delete_share, "max_delete_share"),
            ("changed", _count(plan.counts.get(name, {}), "update"), policy.max_updates_share, "max_updates_share"),
        )
        for what, number, share, setting in shares:
            if share is not None and links >= FEW_LINKS and number > share * links:
                yield f"{number} of {links} linked {name} would be {what}; {setting} is {share:g}"
        if links == 0:
            yield from _first_contact(plan, policy, name)


def _first_contact(plan: Plan, policy: Policy, name: str) -> Iterator[str]:
    share = policy.max_first_create_share
    counts, totals = plan.counts.get(name, {}), plan.totals.get(name, {})
    for side in Side:
        created = counts.get(f"create in {side.title}", 0)
        here, there = totals.get(side.value, 0), totals.get(side.other.value, 0)
        if share is None or not here or there < FEW_RECORDS or created <= share * there:
            continue
        yield (
            f"{created} of {there} {name} of {side.other.title} have no counterpart in {side.title}, which is not "
            f"empty ({here} {name}): do the match keys fit? max_first_create_share is {share:g}"
        )


def _count(counts: Mapping[str, int], *kinds: str) -> int:
    return sum(n for heading, n in counts.items() if heading.split(" ")[0] in kinds)
