"""`scripts/house` finds import circles and imports that go up, and there is no circle in the package itself."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from script_modules import script


@pytest.fixture(scope="module")
def house() -> ModuleType:
    return script("house")


def package(tmp_path: Path, **files: str) -> Path:
    """A package `toy` of these modules; `__` in a name leads into a package inside it."""
    root = tmp_path / "toy"
    for name, text in {"__init__": "", **files}.items():
        path = root / (name if name == "__init__" else name.replace("__", "/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.joinpath("__init__.py").touch()
        path.with_suffix(".py").write_text(text)
    return root


def directions(house: ModuleType, root: Path, *layers: str, ignored: tuple[str, ...] = ()) -> dict[str, Any]:
    contract = {"type": "layers", "layers": layers, "ignore_imports": ignored}
    modules = house.modules_of(root)
    found = house.directions(
        modules,
        house.imports_of(modules),
        house.layers_of({"tool": {"importlinter": {"contracts": [contract]}}}),
    )
    assert isinstance(found, dict)
    return found


def test_modules_that_import_each_other_are_a_circle(house: ModuleType, tmp_path: Path) -> None:
    root = package(tmp_path, a="import toy.b", b="from toy import c", c="from .a import x", d="import toy.a")
    found = directions(house, root)
    assert found["import circles, TYPE_CHECKING left out"] == [("toy.a", "toy.b", "toy.c")]
    assert found["import circles, TYPE_CHECKING counted"] == [("toy.a", "toy.b", "toy.c")]


def test_an_import_for_types_only_closes_a_circle(house: ModuleType, tmp_path: Path) -> None:
    for_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.a import x"
    found = directions(house, package(tmp_path, a="from toy.b import y", b=for_types))
    assert found["import circles, TYPE_CHECKING left out"] == []
    assert found["import circles, TYPE_CHECKING counted"] == [("toy.a", "toy.b")]
    assert found["import circles only through imports in functions"] == []


def test_an_import_in_a_function_is_told_apart(house: ModuleType, tmp_path: Path) -> None:
    found = directions(house, package(tmp_path, a="from toy.b import y", b="def y():\n    from toy.a import x"))
    assert found["import circles, TYPE_CHECKING counted"] == []
    assert found["import circles only through imports in functions"] == [("toy.a", "toy.b")]


def test_rooms_can_be_a_circle_where_no_modules_are(house: ModuleType, tmp_path: Path) -> None:
    root = package(
        tmp_path, one__a="import toy.two.a", one__b="", two__a="from toy.two import b", two__b="import toy.one.b"
    )
    found = directions(house, root)
    assert found["import circles, TYPE_CHECKING counted"] == []
    assert found["circles of rooms, TYPE_CHECKING counted"] == [("toy.one", "toy.two")]


def test_an_import_of_a_higher_layer_goes_up(house: ModuleType, tmp_path: Path) -> None:
    for_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import toy.top"
    root = package(
        tmp_path, top="import toy.low.a", low__a=for_types, beside="import toy.low", other="import toy.beside"
    )
    layers = ("toy.top", "(toy.other) | toy.beside", "toy.low")
    assert directions(house, root, *layers)["upward imports"] == [("toy.low.a", "toy.top")]
    assert directions(house, root, *layers, ignored=("toy.low.* -> toy.top",))["upward imports"] == []


def test_a_way_up_may_lead_through_modules_of_no_layer(house: ModuleType, tmp_path: Path) -> None:
    root = package(tmp_path, top="", between="def later():\n    import toy.top", low="import toy.between")
    found = directions(house, root, "toy.top", "toy.low")
    assert found["upward imports"] == [("toy.low", "toy.between", "toy.top")]


def test_a_module_belongs_to_the_longest_entry_that_fits(house: ModuleType, tmp_path: Path) -> None:
    root = package(tmp_path, store__low="import toy.middle", store__high="import toy.middle", middle="")
    found = directions(house, root, "toy.store", "toy.middle", "toy.store.low")
    assert found["upward imports"] == [("toy.store.low", "toy.middle")]


def test_floors_are_the_longest_way_down(house: ModuleType) -> None:
    assert house.floors("abcd", {("a", "b"), ("b", "c"), ("a", "c")}) == 3
    assert house.floors("abcd", {("a", "b"), ("b", "a"), ("b", "c")}) == 2


def test_a_kind_is_asked_by_any_name_that_came_from_its_room(house: ModuleType, tmp_path: Path) -> None:
    asking = """
import other as sa
from toy import kinds
from toy.front import Text
SOME = (Text, str)
def ask(kind, lens):
    return isinstance(kind, kinds.Text), isinstance(lens.kind, SOME), isinstance(kind, sa.Text), isinstance(lens, Text)
"""
    root = package(tmp_path, kinds="class Text: ...", front="from toy.kinds import Text", asking=asking)
    assert house.kinds_asked(house.modules_of(root)) == {"toy.asking": 2}


@pytest.mark.thorough
def test_the_package_has_no_circle_even_for_types(house: ModuleType) -> None:
    modules = house.modules_of(house.PACKAGE)
    known = house.pairs(house.imports_of(modules), house.AT_ONCE, house.FOR_TYPES)
    assert house.circles(known) == []
