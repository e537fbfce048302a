"""Approvals: exactly what a person has ticked is done, and what refers to something that is not waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from toys import World

import keapbridge as kb


def apply_only(toys: World, plan: kb.Plan, only: Any) -> kb.Report:
    return toys.run(toys.engine.apply(plan, only=only))


def numbers(plan: kb.Plan, of: Callable[[dict[str, Any]], bool]) -> list[int]:
    return [row["action"] for row in plan.to_dicts() if of(row)]


def values_of(row: dict[str, Any]) -> dict[str, Any]:
    return {change["field"]: change["after"] for change in row["changes"]}


def named(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda row: values_of(row).get("Name") in names


def titles(toys: World) -> set[str]:
    return {gadget.title for gadget in toys.gadgets.records.values()}


def test_what_is_approved_is_done_and_the_rest_is_planned_anew(toys: World) -> None:
    for name in ("Top", "Kite", "Ball"):
        toys.toys.put(name=name)
    plan = toys.plan()
    report = apply_only(toys, plan, numbers(plan, named("Kite")))
    assert titles(toys) == {"Kite"}
    assert (report.count("created"), report.count("not approved")) == (1, 2)
    assert {values_of(row)["Name"] for row in toys.plan().to_dicts()} == {"Top", "Ball"}
    assert toys.sync().count("created") == 2
    assert toys.plan().is_empty


def test_an_empty_choice_does_nothing(toys: World) -> None:
    toys.toys.put(name="Top")
    report = apply_only(toys, toys.plan(), [])
    assert report.ok
    assert toys.calls() == []
    assert toys.sync().count("created") == 1


def test_every_kind_of_action_can_be_left(toys: World) -> None:
    toys.linked_toy(name="Edited")
    ours, _ = toys.linked_toy(name="Gone")
    toys.toys.put(name="Same")
    toys.gadgets.put(title="Same")
    toys.toys.put(name="Alike")
    toys.gadgets.put(title="Alike", colour="green")
    toys.toys.put(id="1", colour="blue")
    del toys.toys.records[ours]
    plan = toys.plan(full=True)
    kinds = {row["what"] for row in plan.to_dicts()}
    assert {"update", "link", "unlink"} <= kinds
    before = toys.calls()
    report = apply_only(toys, plan, [])
    assert toys.calls() == before
    assert report.count("not approved") == len(plan.to_dicts())
    assert {row["what"] for row in toys.plan(full=True).to_dicts()} == kinds
    assert toys.sync(full=True).ok
    assert toys.plan(full=True).is_empty


@pytest.mark.parametrize("side", kb.Side)
def test_what_refers_to_a_record_that_is_not_approved_waits(toys: World, side: kb.Side) -> None:
    if side is kb.Side.CUSTOMCRM:
        toys.toys.put(name="Top", maker=toys.crm_makers.put(name="Ada"))
        toys.toys.put(name="Kite")
    else:
        toys.gadgets.put(title="Top", maker_id=toys.keap_makers.put(name="Ada"))
        toys.gadgets.put(title="Kite")
    plan = toys.plan()
    report = apply_only(toys, plan, numbers(plan, named("Top", "Kite")))
    assert report.count("created") == 1
    [waits] = [line for line in report.lines if line.outcome == "skipped"]
    assert waits.fields == ("Maker",)
    assert "not approved" in waits.reason
    assert toys.sync().count("created") == 2, "the maker, then its toy"
    assert {toy.name: toy.maker is None for toy in toys.toys.records.values()} == {"Top": False, "Kite": True}
    assert {each.title: each.maker_id is None for each in toys.gadgets.records.values()} == {"Top": False, "Kite": True}
    assert toys.plan().is_empty


def test_a_pair_that_is_not_linked_lets_wait_what_refers_to_it(toys: World) -> None:
    maker = toys.crm_makers.put(name="Ada")
    toys.keap_makers.put(name="Ada")
    toys.toys.put(name="Top", maker=maker)
    plan = toys.plan()
    assert apply_only(toys, plan, numbers(plan, named("Top"))).count("skipped") == 1
    assert toys.calls() == []
    assert toys.sync().ok
    assert toys.plan().is_empty


def test_a_record_that_is_linked_already_lets_nothing_wait(toys: World) -> None:
    maker = toys.crm_makers.put(name="Ada")
    assert toys.sync().ok
    toys.toys.put(name="Top", maker=maker)
    toys.crm_makers.put(id=maker, name="Ada B.")
    plan = toys.plan()
    assert apply_only(toys, plan, numbers(plan, named("Top"))).count("created") == 1
    assert [maker.name for maker in toys.keap_makers.records.values()] == ["Ada"]


def test_approvals_of_another_plan_and_unknown_actions_are_refused(toys: World) -> None:
    toys.toys.put(name="Top")
    first, second = toys.plan(), toys.plan()
    with pytest.raises(kb.StalePlanError, match=first.id):
        apply_only(toys, second, kb.Approvals(first.id, {0: {}}))
    with pytest.raises(ValueError, match=f"plan {second.id} has no action 7"):
        apply_only(toys, second, [7])
    for wrong in ("0", [True], [0.0], 3, kb.Side):
        with pytest.raises(TypeError, match="only"):
            apply_only(toys, second, wrong)
    assert toys.calls() == []
    assert apply_only(toys, second, [0]).count("created") == 1, "a refusal leaves the plan as it was"


def test_an_undo_is_done_whole(toys: World) -> None:
    toys.toys.put(name="Top")
    run = toys.sync()
    plan = toys.run(toys.engine.plan_undo(run))
    with pytest.raises(ValueError, match="done whole"):
        apply_only(toys, plan, [0])


def written(toys: World, path: Path, rows: Iterable[dict[str, str]]) -> kb.Plan:
    """A plan whose file a person has edited: the cells of some actions are replaced."""
    plan = toys.plan()
    plan.to_csv(path)
    text = path.read_text("utf-8-sig")
    for row in rows:
        for before, after in row.items():
            assert before in text
            text = text.replace(before, after)
    path.write_text(text, "utf-8")
    return plan


def test_a_ticked_file_is_applied_and_an_edited_one_is_not(toys: World, tmp_path: Path) -> None:
    toys.toys.put(name="Top", colour="red")
    path = tmp_path / "plan.csv"
    plan = written(toys, path, [{"\n,": "\nx,", "Colour: red": "Colour: blue"}])
    with pytest.raises(ValueError, match=r"action 0 .*: after was edited"):
        apply_only(toys, plan, kb.read_approvals(path))
    assert toys.calls() == []
    plan = written(toys, path, [{"\n,": "\nx,"}])
    approvals = kb.read_approvals(path)
    assert str(approvals) == f"1 approved actions of plan {plan.id}"
    assert apply_only(toys, plan, approvals).count("created") == 1


def test_brakes_count_the_whole_plan(toy_worlds: Callable[..., World]) -> None:
    toys = toy_worlds(policy=kb.Policy(max_deletes=0))
    ours, _ = toys.linked_toy()
    toys.toys.put(name="Kite")
    del toys.toys.records[ours]
    plan = toys.plan(full=True)
    with pytest.raises(kb.BrakeError):
        apply_only(toys, plan, numbers(plan, named("Kite")))


@pytest.mark.thorough
def test_exactly_what_another_library_has_ticked_in_a_sheet_is_applied(toys: World, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    for number in range(5_000):
        toys.toys.put(name=f"=A{number}")
    path = tmp_path / "plan.xlsx"
    plan = toys.plan()
    plan.to_excel(path)
    book = openpyxl.load_workbook(path)
    ticked: set[str] = set()
    for number, row in enumerate(book.active.iter_rows(min_row=2)):
        assert all(cell.data_type != "f" for cell in row), "no cell is a formula"
        if number % 2:
            row[0].value = "yes"
            ticked.add(row[10].value.removeprefix("Name: "))
    book.save(path)
    approvals = kb.read_approvals(path)
    report = apply_only(toys, plan, approvals)
    assert len(approvals) == report.count("created") == report.count("not approved") == 2_500
    assert titles(toys) == ticked
