"""What the engine wants to remember, by name."""

from __future__ import annotations

import threading

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


def test_of_several_who_remember_the_same_the_last_one_says_what_all_know(toys: LinkStore) -> None:
    known: list[str] = []

    def remember(what: str) -> None:
        known.append(what)
        run(toys.facts.keep("colours", lambda: ",".join(sorted(known))))

    for each in [threading.Thread(target=remember, args=(colour,)) for colour in "abcd"]:
        each.start()
        each.join()
    assert run(toys.facts.get("colours")) == "a,b,c,d"


def test_a_bridge_has_facts_of_its_own(toys: LinkStore, others: LinkStore) -> None:
    run(toys.facts.set("colour", "green"))
    assert run(others.facts.get("colour")) is None
    run(others.facts.set("colour", "red"))
    assert run(toys.facts.get("colour")) == "green"
