"""Cursors: a complete run moves them, and its lease knows them at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, run
from sqlalchemy import Engine

from keapbridge.model.kept_in_store import Cursor
from keapbridge.store.sql import LinkStore, open_store

LATER = NOON + timedelta(days=1)


@pytest.mark.parametrize("complete", [False, True])
def test_only_a_complete_run_moves_the_watermarks(toys: LinkStore, complete: bool) -> None:
    at = Cursor(LATER, {"a": NOON})
    assert run(toys.cursors.get(TOYS, KEAP)) is None
    begin_run(toys)
    run(toys.plans.finish("plan", {}, {}, {TOYS: {"keap": at}}, {}))
    assert run(toys.cursors.get(TOYS, KEAP)) is None
    run(toys.runs.finish("run", LATER, {}, complete=complete))
    assert run(toys.cursors.get(TOYS, KEAP)) == (at if complete else None)
    assert run(toys.cursors.get(TOYS, CUSTOMCRM)) is None


def test_a_lease_knows_what_others_and_its_own_runs_have_reached(toys: LinkStore, engine: Engine) -> None:
    def reach(store: LinkStore, name: str, cursor: Cursor) -> None:
        begin_run(store, name, f"plan of {name}")
        run(store.plans.finish(f"plan of {name}", {}, {}, {TOYS: {"keap": cursor}}, {}))
        run(store.runs.finish(name, LATER, {}, complete=True))

    first, second = Cursor(NOON, {}), Cursor(LATER, {"a": NOON})
    reach(open_store(engine, "toys"), "theirs", first)
    run(toys.lease.acquire("one", timedelta(minutes=1)))
    assert run(toys.cursors.get(TOYS, KEAP)) == first
    reach(toys, "ours", second)
    assert run(toys.cursors.get(TOYS, KEAP)) == second
