"""What was lost in the writes of a day: counted by what is there instead, without a value in the store."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, run
from sqlalchemy import select

from keapbridge.decide.sweeps import Count
from keapbridge.model.kept_in_store import Commit, Overwrite
from keapbridge.model.records import Canonical, Link
from keapbridge.model.side import Side
from keapbridge.store import schema
from keapbridge.store.sql import LinkStore, open_store

DAY = timedelta(days=1)


def lose(
    store: LinkStore, number: int, after: Canonical, *, side: Side = KEAP, first: int = 0, **rest: timedelta
) -> None:
    at = NOON - rest.get("ago", timedelta(0))
    for n in range(first, first + number):
        lost = Overwrite(side, f"k{n}", "name", f"was {n}", after, at)
        run(store.links.commit("run", Commit(TOYS, Link(f"c{n}", f"k{n}"), {}, overwrites=(lost,))))


def counted(store: LinkStore, *planned: Count, side: Side = KEAP, few: int = 3) -> tuple[list[tuple[int, int]], int]:
    found, emptied = run(store.overwrites.added_to(TOYS, ("name", side), planned, NOON - DAY, few))
    return [(count.number, len(count.lost)) for count in found], emptied


def test_what_was_written_is_added_to_what_is_planned(toys: LinkStore) -> None:
    begin_run(toys)
    lose(toys, 5, None)
    lose(toys, 2, "one", first=10)
    lose(toys, 4, "other", first=20)
    planned = (Count(None, 1, frozenset({"was 0"})), Count("one", 2, frozenset({"was 10", "new"})))
    # No more different values are told than are asked for, if it is that many.
    assert counted(toys, *planned) == ([(6, 3), (4, 3)], 5)
    assert counted(toys, Count("new", 1, frozenset({"x"}))) == ([(1, 1)], 0)
    assert counted(toys, *planned, side=CUSTOMCRM) == ([(1, 1), (2, 2)], 0)


def test_a_record_that_loses_the_same_again_counts_once(toys: LinkStore) -> None:
    begin_run(toys)
    for _ in range(3):
        lose(toys, 2, None)
    assert counted(toys, Count(None)) == ([(2, 0)], 2)


def test_what_is_older_is_forgotten_and_so_is_what_a_person_accepts(toys: LinkStore) -> None:
    begin_run(toys)
    lose(toys, 3, None, ago=DAY + timedelta(seconds=1))
    lose(toys, 2, None, first=10)
    assert counted(toys, Count(None)) == ([(2, 0)], 2)
    run(toys.overwrites.forget(TOYS, ["other"]))
    assert counted(toys, Count(None)) == ([(2, 0)], 2)
    run(toys.overwrites.forget(TOYS, ["name"]))
    assert counted(toys, Count(None)) == ([(0, 0)], 0)


@pytest.mark.parametrize("keys", [[], [Fernet.generate_key()]], ids=["open", "sealed"])
def test_no_value_is_in_the_store(keys: list[bytes]) -> None:
    store = open_store("sqlite://", "bridge", keys)
    begin_run(store)
    lose(store, 1, "Ada")
    with store.database.transaction() as c:
        [row] = c.execute(select(schema.overwrites))
    assert "Ada" not in str(row)
    assert "was 0" not in str(row)
    assert counted(store, Count("Ada", 0)) == ([(1, 0)], 0)
    store.close()
