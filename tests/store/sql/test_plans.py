"""Plans: kept under their id and read batch by batch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, run

from keapbridge.model.actions import Action, Adopt, Create, Skip, Update
from keapbridge.model.change import Change
from keapbridge.model.kept_in_store import Cursor
from keapbridge.model.maybe import UNSET
from keapbridge.model.raw import RawChange
from keapbridge.store.sql import LinkStore, core, plans, rows


def _create(id: str, name: str = TOYS) -> Create:
    return Create(name, KEAP, id, {"name": id})


def _planned(store: LinkStore, *actions: Action, plan_id: str = "plan") -> None:
    run(store.plans.begin(plan_id, NOON, [TOYS]))
    run(store.plans.add_actions(plan_id, 0, actions))


def test_a_plan_is_kept_under_its_id_with_all_it_says(toys: LinkStore) -> None:
    run(toys.plans.begin("plan", NOON, ["toys", "trains"], purpose="undo"))
    counts, unchanged, totals = {"toys": {"create in Keap": 2}}, {"toys": 7}, {"toys": {"links": 9}}
    plan = run(toys.plans.finish("plan", counts, unchanged, {"toys": {"keap": Cursor(NOON)}}, totals))
    assert (plan.id, plan.created_at, plan.objects, plan.purpose) == ("plan", NOON, ("toys", "trains"), "undo")
    assert (plan.counts, plan.unchanged, plan.totals) == (counts, unchanged, totals)
    assert run(toys.plans.get("plan")) == plan
    assert run(toys.plans.get("another")) is None


def test_a_plan_reads_its_actions_as_they_are_asked_for(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "CHUNK", 2)
    _planned(toys, *map(_create, "abc"))
    run(toys.plans.add_actions("plan", 3, [_create("d", "trains"), _create("e")]))
    run(toys.plans.add_actions("plan", 5, []))
    _planned(toys, _create("x"), plan_id="another")
    plan = run(toys.plans.get("plan"))
    assert plan is not None
    assert list(plan.actions) == [*map(_create, "abc"), _create("d", "trains"), _create("e")]
    assert next(plan.actions) == _create("a")


def test_actions_of_some_kinds_are_read_batch_by_batch(toys: LinkStore) -> None:
    skip = Skip(TOYS, CUSTOMCRM, "s", "it has no name")
    _planned(
        toys, _create("a"), skip, _create("t", "trains"), Adopt(TOYS, "l", "L", "name"), _create("b"), _create("c")
    )
    first = run(toys.plans.actions("plan", TOYS, ["create", "skip"], -1, 3))
    assert first == [(0, _create("a")), (1, skip), (4, _create("b"))]
    assert run(toys.plans.actions("plan", TOYS, ["create", "skip"], 4, 3)) == [(5, _create("c"))]
    assert run(toys.plans.actions("plan", TOYS, ["delete"], -1, 3)) == []


def test_some_actions_are_found_by_their_places(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "CHUNK", 2)
    _planned(toys, *map(_create, "abcd"))
    _planned(toys, _create("x"), plan_id="another")
    found = run(toys.plans.actions_at("plan", [3, 0, 2, 9]))
    assert found == {0: _create("a"), 2: _create("c"), 3: _create("d")}
    raw = (RawChange(("title",), " Ada", UNSET),)
    updated = Update(TOYS, "a", "A", (), raw=raw)
    run(toys.plans.add_actions("plan", 4, [updated]))
    assert run(toys.plans.actions_at("plan", [4])) == {4: updated}
    assert updated.turned() == (RawChange(("title",), UNSET, " Ada"),)


def test_links_that_need_no_write_come_in_the_order_of_their_keap_ids(toys: LinkStore) -> None:
    written = Adopt(TOYS, "w", "A", "name", (Change("name", KEAP, None, "Ada"),))
    links = {id: Adopt(TOYS, f"of {id}", id, "name") for id in "CBD"}
    _planned(toys, *links.values(), written)
    assert run(toys.plans.links_to_make("plan", TOYS, "", 2)) == [(1, links["B"]), (0, links["C"])]
    assert run(toys.plans.links_to_make("plan", TOYS, "C", 2)) == [(2, links["D"])]


def test_a_bridge_sees_no_plan_of_another(toys: LinkStore, others: LinkStore) -> None:
    _planned(toys, _create("a"))
    assert run(others.plans.get("plan")) is None


def test_plans_are_listed_newest_first(toys: LinkStore) -> None:
    for n, id in enumerate("abc"):
        run(toys.plans.begin(id, NOON + timedelta(hours=n), [TOYS]))
    run(toys.plans.finish("c", {TOYS: {"create in Keap": 2}}, {}, {}, {}))
    run(toys.runs.begin("b", "run", NOON))
    found = run(toys.plans.newest(2))
    assert [(p.id, p.counts, p.applied_at) for p in found] == [
        ("c", {TOYS: {"create in Keap": 2}}, None),
        ("b", {}, NOON),
    ]
    assert str(found[0]).endswith("not applied: 2 create in Keap")


# --- in parts ---------------------------------------------------------------------------------------------------------

DOUBT = Skip(TOYS, CUSTOMCRM, "d", "same name", candidates=((KEAP, "D"),))
MIXED: tuple[Action, ...] = (
    _create("a"),
    Skip(TOYS, CUSTOMCRM, "s", "it has no name"),
    _create("t", "trains"),
    Adopt(TOYS, "l", "L", "name"),
    DOUBT,
    _create("b"),
    Update("trains", "u", "U", (Change("colour", KEAP, "red", "blue"),)),
)
BOTH = [TOYS, "trains"]


def _paged(store: LinkStore, names: list[str], kind: str | None, matching: str, limit: int) -> list[int]:
    """The places of all actions like that, gone through part by part."""
    found: list[int] = []
    after: int | None = -1
    while after is not None:
        part, after = run(store.plans.page("plan", names, kind, matching, after, limit))
        assert len(part) <= limit
        found += [each.number for each in part]
        assert all(each.action == MIXED[each.number] for each in part)
    return found


@pytest.mark.parametrize("limit", [1, 2, 7, 50])
@pytest.mark.parametrize(
    ("names", "kind", "matching", "places"),
    [
        (BOTH, None, "", [0, 1, 2, 3, 4, 5, 6]),
        ([TOYS], None, "", [0, 1, 3, 4, 5]),
        (BOTH, "create", "", [0, 2, 5]),
        ([TOYS], "create", "", [0, 5]),
        (BOTH, "doubt", "", [4]),
        (BOTH, "skip", "", [1]),
        (BOTH, "link", "", [3]),
        (BOTH, "delete", "", []),
        (BOTH, None, "U", [6]),  # an id
        ([TOYS], None, "U", []),
        (BOTH, "create", "u", []),
        (BOTH, None, "BLUE", [6]),  # a value
        (BOTH, None, "no name", [1]),  # a reason
        (BOTH, None, "nowhere", []),
    ],
)
def test_a_plan_is_gone_through_in_parts(
    toys: LinkStore, names: list[str], kind: str | None, matching: str, places: list[int], limit: int
) -> None:
    _planned(toys, *MIXED)
    _planned(toys, _create("x"), plan_id="another")
    assert _paged(toys, names, kind, matching, limit) == places


def test_a_search_ends_a_part_after_so_many_and_goes_on_there(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "LOOKED_AT", 3)
    _planned(toys, *MIXED)
    assert run(toys.plans.page("plan", BOTH, None, "blue", -1, 9)) == ([], 2)
    assert run(toys.plans.page("plan", BOTH, None, "blue", 2, 9)) == ([], 5)
    [found], after = run(toys.plans.page("plan", BOTH, None, "blue", 5, 9))
    assert (found.number, after) == (6, None)
    assert _paged(toys, BOTH, None, "blue", 2) == [6]


def test_a_bridge_goes_through_no_plan_of_another(toys: LinkStore, others: LinkStore) -> None:
    _planned(toys, *MIXED)
    assert run(others.plans.get("plan")) is None, "so that its session asks for no part of it"


def test_which_runs_have_done_what_was_decided_of_a_pair(toys: LinkStore) -> None:
    ids = {CUSTOMCRM: "u", KEAP: "U"}
    done, moot = {TOYS: {"updated in Keap": 1}}, {TOYS: {"skipped": 1, "unchanged": 4}}
    for n, (id, purpose, counts) in enumerate(
        [("a", "decision", done), ("b", "decision", moot), ("c", "sync", done), ("d", "decision", done)]
    ):
        run(toys.plans.begin(id, NOON, [TOYS], purpose=purpose))
        run(toys.plans.add_actions(id, 0, [Update(TOYS, "u", "U", ())]))
        run(toys.runs.begin(id, f"run {id}", NOON + timedelta(hours=n), f"who did {id}"))
        run(toys.runs.finish(f"run {id}", NOON, counts, complete=True))
    assert run(toys.plans.decisions(TOYS, ids, NOON)) == [("run d", "who did d"), ("run a", "who did a")]
    assert run(toys.plans.decisions(TOYS, {CUSTOMCRM: "u"}, NOON + timedelta(hours=1))) == [("run d", "who did d")]
    assert run(toys.plans.decisions(TOYS, {KEAP: "V"}, NOON)) == []
    assert run(toys.plans.decisions("trains", ids, NOON)) == []
