"""What the engine wants to remember, by name."""

from __future__ import annotations

import pytest
from kept import run

from keapbridge.store.sql import LinkStore


@pytest.mark.parametrize("durable", [False, True])
def test_what_was_remembered_last_is_known(toys: LinkStore, durable: bool) -> None:
    assert run(toys.facts.get("colour")) is None
    run(toys.facts.set("colour", "green"))
    run(toys.facts.set("colour", "red", durable=durable))
    run(toys.facts.set("size", "small"))
    assert run(toys.facts.get("colour")) == "red"


def test_a_bridge_has_facts_of_its_own(toys: LinkStore, others: LinkStore) -> None:
    run(toys.facts.set("colour", "green"))
    assert run(others.facts.get("colour")) is None
    run(others.facts.set("colour", "red"))
    assert run(toys.facts.get("colour")) == "green"
