"""What the repositories share: each method is a flow of one step that tells its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keapbridge._io.drivers import SyncDriver
from keapbridge._io.effects import Blocking
from keapbridge.model.side import Side
from keapbridge.store import LinkStore, open_store

KEAP = Side.KEAP
run = SyncDriver().run


@pytest.fixture
def store() -> Iterator[LinkStore]:
    opened = open_store("sqlite://", "acme")
    yield opened
    opened.close()


def test_a_step_tells_its_repository_and_its_name(store: LinkStore) -> None:
    for flow, name in (
        (store.links.pairs_of("contacts", ["1"]), "links.pairs_of"),
        (store.match_keys.same_key("contacts", KEAP, []), "match_keys.same_key"),
    ):
        step = next(flow)
        assert isinstance(step, Blocking)
        assert step.label == name


def test_nothing_happens_before_the_step_is_performed(store: LinkStore) -> None:
    remembered = store.facts.set("colour", "green")
    step = next(remembered)
    assert run(store.facts.get("colour")) is None
    assert isinstance(step, Blocking)
    step.work()
    assert run(store.facts.get("colour")) == "green"
