"""A plan in a notebook: small however large it is, and read from the store by kind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.model.actions import Conflict, Create, Skip, Update
from keapbridge.model.change import Change, FieldConflict
from keapbridge.store.sql import open_store

KEAP, OURS = kb.Side.KEAP, kb.Side.CUSTOMCRM
EVIL = "<img src=x onerror=alert(1)>"


def plan_of(store: object, number: int) -> kb.Plan:
    run, plans = SyncDriver().run, store.plans  # type: ignore[attr-defined]
    run(plans.begin("p1", datetime(2026, 5, 1, tzinfo=UTC), ("contacts",)))
    wide = {f"Field{n}": EVIL for n in range(20)}
    for start in range(0, number, 5_000):
        run(
            plans.add_actions(
                "p1", start, [Create("contacts", KEAP, f"A{n}", wide) for n in range(start, start + 5_000)]
            )
        )
    rest = [
        Update("contacts", EVIL, "7", (Change(EVIL, KEAP, EVIL, "Oslo"),)),
        Conflict("contacts", "A2", "8", FieldConflict("City", EVIL, "Oslo", EVIL)),
        Skip("contacts", OURS, "A3", EVIL),
    ]
    run(plans.add_actions("p1", number, rest))
    counts = {"contacts": {"create in Keap": number, "update in Keap": 1, "conflict": 1, "skip": 1}}
    return run(plans.finish("p1", counts, {"contacts": 5}, {}, {}))  # type: ignore[no-any-return]


@pytest.mark.thorough
def test_a_plan_of_many_actions_is_shown_by_its_first_ones() -> None:
    store = open_store("sqlite://", "display")
    try:
        plan = plan_of(store, 100_000)
        html = plan._repr_html_()
    finally:
        store.close()
    assert len(html.encode()) < 200_000
    assert "100,000 create in Keap" in html
    assert "records that are changed: 1" in html, "of the kinds at the end, too"
    assert "conflicts, which wait for a decision: 1" in html
    assert EVIL not in html


def test_a_plan_is_shown_though_its_store_is_closed() -> None:
    store = open_store("sqlite://", "display")
    plan = plan_of(store, 0)
    store.close()
    assert "5\u00a0unchanged" in plan._repr_html_()
