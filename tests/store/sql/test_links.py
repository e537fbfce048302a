"""Links: what partners they know of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from keapbridge._io.drivers import SyncDriver
from keapbridge.model.kept import Commit
from keapbridge.model.plan import Adopt, Create
from keapbridge.model.records import Link
from keapbridge.model.side import Side
from keapbridge.store import LinkStore, open_store

CUSTOMCRM, KEAP = Side.CUSTOMCRM, Side.KEAP
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
run = SyncDriver().run


@pytest.fixture
def store() -> Iterator[LinkStore]:
    opened = open_store("sqlite://", "acme")
    yield opened
    opened.close()


def test_partners_are_found_from_both_sides(store: LinkStore) -> None:
    link = Link("ours", "theirs", {}, {})
    run(store.links.settle([Commit("companies", link, {})]))
    assert run(store.links.partners("companies", CUSTOMCRM, ["ours", "other"])) == {"ours": "theirs"}
    assert run(store.links.partners("companies", KEAP, ["theirs", "other"])) == {"theirs": "ours"}
    assert run(store.links.partners("contacts", KEAP, ["theirs"])) == {}


def test_partners_of_a_plan_count_only_for_those_who_ask(store: LinkStore) -> None:
    run(store.plans.begin("plan", NOON, ["companies"]))
    actions = [Create("companies", KEAP, "new", {}), Adopt("companies", "a", "b", "they have the same name")]
    run(store.plans.add_actions("plan", 0, actions))
    asked = store.links.partners("companies", CUSTOMCRM, ["new", "a"], plan_id="plan")
    assert run(asked) == {"new": "", "a": "b"}
    assert run(store.links.partners("companies", KEAP, ["b"], plan_id="plan")) == {"b": "a"}
    assert run(store.links.partners("companies", CUSTOMCRM, ["new", "a"])) == {}


def test_a_link_counts_more_than_a_plan(store: LinkStore) -> None:
    run(store.links.settle([Commit("companies", Link("a", "old", {}, {}), {})]))
    run(store.plans.begin("plan", NOON, ["companies"]))
    run(store.plans.add_actions("plan", 0, [Adopt("companies", "a", "new", "it was merged", replaces="old")]))
    assert run(store.links.partners("companies", CUSTOMCRM, ["a"], plan_id="plan")) == {"a": "old"}
    assert run(store.links.partners("companies", KEAP, ["new", "old"], plan_id="plan")) == {"new": "a", "old": "a"}
