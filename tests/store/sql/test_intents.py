"""Creates that are about to be sent, until it is known what became of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import KEAP, NOON, TOYS, run

from keapbridge.errors import LinkStoreError
from keapbridge.model.kept_in_store import Intent
from keapbridge.store.sql import LinkStore


def _intent(id: str, source_id: str = "a", minutes: int = 0, name: str = TOYS) -> Intent:
    return Intent(id, name, KEAP, source_id, {"name": "Ada", "age": 36}, NOON + timedelta(minutes=minutes))


def test_intents_are_open_in_the_order_of_their_times_until_they_are_dropped(toys: LinkStore) -> None:
    first, second, third = _intent("z", "a", 0), _intent("a", "b", 1), _intent("b", "c", 1)
    run(toys.intents.intend([third, first, _intent("train", name="trains")]))
    run(toys.intents.intend([second]))
    assert run(toys.intents.open(TOYS)) == [first, second, third]
    run(toys.intents.drop("a"))
    assert run(toys.intents.open(TOYS)) == [first, third]


def test_no_record_is_about_to_be_created_twice(toys: LinkStore) -> None:
    run(toys.intents.intend([_intent("one")]))
    with pytest.raises(LinkStoreError):
        run(toys.intents.intend([_intent("two", "b"), _intent("three")]))
    assert run(toys.intents.open(TOYS)) == [_intent("one")]


def test_a_bridge_sees_no_intents_of_another(toys: LinkStore, others: LinkStore) -> None:
    run(toys.intents.intend([_intent("one")]))
    assert run(others.intents.open(TOYS)) == []
    run(others.intents.intend([_intent("two")]))
    assert run(toys.intents.open(TOYS)) == [_intent("one")]
