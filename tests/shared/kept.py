"""What a store keeps, of toys: observations, links, keys and the rest, made in one word each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from keapbridge._flow.drivers import SyncDriver
from keapbridge.model.candidate import Candidate
from keapbridge.model.kept_in_store import Commit, JournalEntry, RecordKey, Staged
from keapbridge.model.records import Canonical, Link, Observation, Snapshot
from keapbridge.model.report import Line
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.rows import dump, load
from keapbridge.store.sql.scratch import Scratch

__all__ = [
    "CUSTOMCRM",
    "FIRST",
    "KEAP",
    "NOON",
    "TOYS",
    "begin_run",
    "entry",
    "groups",
    "having",
    "key",
    "keys_of",
    "line",
    "link",
    "missing",
    "run",
    "scan",
    "scratch",
    "seen",
    "stage",
]

CUSTOMCRM, KEAP = Side.CUSTOMCRM, Side.KEAP
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TOYS = "toys"
FIRST = ("", "")  # from where all are read
run = SyncDriver().run


def seen(side: Side, id: str, values: dict[str, Canonical] | None = None, **rest: Any) -> Observation:
    return Observation(side, id, Snapshot(values or {"name": id}), **rest)


def key(text: str, rank: int = 0) -> RecordKey:
    return RecordKey(rank, text, (), ())


def stage(
    store: LinkStore,
    observation: Observation,
    digest: str = "new",
    *keys: RecordKey,
    complete: bool = False,
    name: str = TOYS,
) -> int:
    staged = [Staged(_known_by(observation, keys), digest)]
    unchanged, _ = run(store.staging.stage(name, observation.side, staged, complete=complete))
    return unchanged


def _known_by(observation: Observation, keys: Sequence[RecordKey]) -> Observation:
    """The record with its match keys, which are made of what is staged: here of an alias, which says what they are."""
    if not keys:
        return observation
    aliases = {"keys": dump([attrs.astuple(each) for each in keys])}
    return attrs.evolve(observation, snapshot=attrs.evolve(observation.snapshot, aliases=aliases))


def keys_of(snapshot: Snapshot) -> tuple[RecordKey, ...]:
    """The match keys that a record was staged with."""
    its: list[tuple[Any, ...]] = load(str(snapshot.aliases.get("keys", "[]")))
    return tuple(
        RecordKey(rank, key, tuple(apart), tuple(stronger), slot, spelt)
        for rank, key, apart, stronger, slot, spelt in its
    )


def scratch(store: LinkStore, plan_id: str = "") -> Scratch:
    """The keys of all toys that are linked to nothing."""
    found: Scratch = run(store.match_keys.scratch())
    for side in Side:
        after: str | None = ""
        while after is not None:
            filling = store.match_keys.fill(found, TOYS, side, after, size=2, keys_of=keys_of, plan_id=plan_id)
            after = run(filling)
    return found


def groups(
    store: LinkStore, rank: int, after: tuple[Side, str], limit: int, plan_id: str = "plan"
) -> tuple[list[Candidate], tuple[Side, str] | None]:
    """The next groups of toys, as a plan sees them."""
    with scratch(store) as unlinked:
        return run(store.match_keys.groups(unlinked, TOYS, rank, after, limit, plan_id))


def having(store: LinkStore, side: Side, keys: Sequence[RecordKey]) -> list[tuple[str, bool]]:
    """The toys of a side that share one of these match keys, and whether they are linked."""
    with scratch(store) as unlinked:
        return run(store.match_keys.same_key(TOYS, side, keys, unlinked))


def link(store: LinkStore, ours: str, theirs: str, **rest: Any) -> Link:
    """Link two records, by default as settled: what both sides hold has the digest `same`."""
    linked = Link(ours, theirs, {"name": ours}, {"name": theirs})
    run(store.links.settle([Commit(TOYS, linked, rest.pop("digests", dict.fromkeys(Side, "same")), **rest)]))
    return linked


def begin_run(
    store: LinkStore, run_id: str = "run", plan_id: str = "plan", at: datetime = NOON, by: str | None = None
) -> None:
    run(store.plans.begin(plan_id, at, [TOYS]))
    assert run(store.runs.begin(plan_id, run_id, at, by)) is not None


def entry(side: Side, id: str, after: str, **rest: Any) -> JournalEntry:
    return JournalEntry(TOYS, side, id, "update", {"name": "before"}, {"name": after}, NOON, **rest)


def line(id: str, outcome: str = "linked", name: str = TOYS) -> Line:
    return Line(name, outcome, CUSTOMCRM, id, fields=("name",), reason="because")


def scan(store: LinkStore, *ids: str) -> None:
    """A complete scan of Keap that sees these records, as they are linked."""
    run(store.staging.begin_scan(TOYS, KEAP))
    for id in ids:
        stage(store, seen(KEAP, id), "same", complete=True)
    run(store.staging.end_scan(TOYS, KEAP))


def missing(store: LinkStore) -> list[tuple[Side, str, bool]]:
    """The side and id of what is missing, and whether that is proven."""
    return [(each.side, each.id, each.proven) for each in run(store.missing.page(TOYS, FIRST, 10))]
