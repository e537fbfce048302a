"""What the repositories share: each method is a flow of one step that tells its name, in a transaction with a fence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import KEAP, run

from keapbridge._flow.effects import Blocking
from keapbridge.errors import SessionBusyError
from keapbridge.store import schema
from keapbridge.store.sql import LinkStore


def test_a_step_tells_its_repository_and_its_name(toys: LinkStore) -> None:
    for flow, name in (
        (toys.links.pairs_of("contacts", ["1"]), "links.pairs_of"),
        (toys.match_keys.same_key("contacts", KEAP, []), "match_keys.same_key"),
    ):
        step = next(flow)
        assert isinstance(step, Blocking)
        assert step.label == name


def test_nothing_happens_before_the_step_is_performed(toys: LinkStore) -> None:
    remembered = toys.facts.set("colour", "green")
    step = next(remembered)
    assert run(toys.facts.get("colour")) is None
    assert isinstance(step, Blocking)
    step.work()
    assert run(toys.facts.get("colour")) == "green"


def test_only_a_transaction_without_a_fence_is_open_to_who_lost_the_lease(toys: LinkStore) -> None:
    core = toys.facts._core
    assert run(toys.lease.acquire("one", timedelta(minutes=3))) is None
    core.lease = "two"  # what somebody believes whose lease was taken over
    with pytest.raises(SessionBusyError), core.transaction():
        pass
    with core.transaction(fenced=False) as c:
        assert c.exec_driver_sql("SELECT 1").scalar() == 1


def test_rows_are_told_by_bridge_object_and_side(toys: LinkStore, others: LinkStore) -> None:
    for store in (toys, others):
        with store.database.transaction() as c:
            for side in ("customcrm", "keap"):
                row = {"bridge": store.bridge, "object": "contacts", "side": side, "id": "1", "proven": False}
                store.database.append(c, schema.missing, [row, {**row, "id": "2"}, {**row, "object": "companies"}])
    core = toys.facts._core
    with core.transaction() as c:
        core.delete(c, schema.missing, "contacts", KEAP, [])
        core.delete(c, schema.missing, "contacts", KEAP, ["1", "unknown"])
        left = {tuple(row)[:4] for row in c.execute(schema.missing.select())}
        ours = c.execute(schema.missing.select().where(*core.of(schema.missing, "contacts"))).all()
    assert len(left) == 11
    assert ("toys", "contacts", "keap", "1") not in left
    assert {(row.side, row.id) for row in ours} == {("customcrm", "1"), ("customcrm", "2"), ("keap", "2")}


def test_the_lines_that_wait_are_those_of_one_bridge(toys: LinkStore, others: LinkStore) -> None:
    assert toys.facts._core.next_run != others.facts._core.next_run
