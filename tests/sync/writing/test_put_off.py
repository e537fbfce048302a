"""What is put off: single texts, so many, and nothing once it was taken."""

from __future__ import annotations

from typing import Any

import pytest

import keapbridge as kb
from keapbridge.model.change import Change
from keapbridge.model.report import Line
from keapbridge.sync.writing import put_off
from keapbridge.sync.writing.put_off import Refusals

KEAP = kb.Side.KEAP


def _line(id: str = "A1", *fields: str) -> Line:
    return Line("contacts", "failed", KEAP, id, "1", fields or ("Email",), "taken")


def _change(after: Any = "b@example.org", field: str = "Email") -> Change:
    return Change(field, KEAP, "a@example.org", after, "edit")


def test_a_single_text_is_put_off_and_taken_once() -> None:
    refusals = Refusals()
    assert refusals.put_off(_line(), [_change(), _change("Ada", "FirstName")])
    assert refusals.has(_line())
    [found] = refusals.take()
    assert (found.id, found.change, found.line) == ("1", _change(), _line())
    assert not refusals.has(_line())
    assert refusals.take() == []
    assert not refusals.put_off(_line(), [_change()]), "what is refused from now on is reported at once"


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        (_line("A1", "Email", "Phone"), [_change(), _change("1", "Phone")]),
        (_line(), [_change(None)]),
        (_line(), [_change("Ada", "FirstName")]),
        (_line(), []),
    ],
)
def test_what_nobody_else_can_give_up_is_not_put_off(line: Line, changes: list[Change]) -> None:
    refusals = Refusals()
    assert not refusals.put_off(line, changes)
    assert refusals.take() == []


def test_so_many_are_put_off_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(put_off, "MOST", 2)
    refusals = Refusals()
    assert [refusals.put_off(_line(f"A{n}"), [_change()]) for n in range(3)] == [True, True, False]
