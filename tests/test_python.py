"""What is printed to be pasted makes the same values again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest

from keapbridge._python import Python, literal


@attrs.frozen
class Leaf:
    name: str
    weight: Decimal = Decimal(1)
    tags: Sequence[str] = attrs.field(default=(), converter=tuple)


@attrs.frozen
class Tree:
    leaves: Sequence[Leaf] = attrs.field(default=(), converter=tuple)
    by_name: Mapping[str, Leaf] = attrs.field(factory=dict, kw_only=True)
    grow: Any = attrs.field(default=None, kw_only=True)


PYTHON = Python(lambda cls: cls.__name__, lambda value: "len" if value is len else None)
LEAF = Leaf("a", Decimal("1.50"), ("x", 'says "y"'))


@pytest.mark.parametrize(
    "value",
    [
        Tree(),
        Tree([LEAF, Leaf("b")]),
        Tree([LEAF] * 5, by_name={"it's": LEAF, "\\": Leaf("c", tags=["only"])}, grow=len),
    ],
)
def test_it_makes_the_same_value(value: Tree) -> None:
    text = PYTHON.of(value)
    assert eval(text) == value
    assert max(map(len, text.splitlines())) <= 100


def test_what_is_as_by_default_is_left_out() -> None:
    assert PYTHON.of(Leaf("b", tags=["one", "two"])) == 'Leaf("b", tags=("one", "two"))'
    assert PYTHON.of(Tree(grow=len), 3) == "Tree(grow=len)"


@pytest.mark.parametrize("text", ["plain", "it's", 'a "b"', "back\\slash", "line\nbreak", "é", ""])
def test_a_text_is_the_same_text(text: str) -> None:
    assert eval(literal(text)) == text
