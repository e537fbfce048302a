"""Tables: five ways out of Python, all with the same rows."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.customcrm.records import Contact
from keapbridge.tables import Rows
from keapbridge.tables.files import read_csv, read_excel

PEOPLE = [Contact(id="1", first_name="Ada", city=None), Contact(id="2", first_name="=1+1")]


def test_records_are_dicts_that_json_takes() -> None:
    assert json.loads(json.dumps(kb.to_dicts(PEOPLE))) == [
        {"id": "1", "first_name": "Ada", "city": None},
        {"id": "2", "first_name": "=1+1"},
    ]
    assert kb.to_dicts(iter(PEOPLE)) == kb.to_dicts(Rows(PEOPLE)) == Rows(PEOPLE).to_dicts()
    assert kb.to_dicts([]) == []


def test_files_have_a_column_for_all_that_any_row_has(tmp_path: Path) -> None:
    kb.to_csv(PEOPLE, tmp_path / "people.csv")
    kb.to_excel(PEOPLE, tmp_path / "people.xlsx")
    rows = [["id", "first_name", "city"], ["1", "Ada", ""], ["2", "=1+1", ""]]
    assert read_csv(tmp_path / "people.csv") == read_excel(tmp_path / "people.xlsx") == rows


def test_rows_are_a_list() -> None:
    rows = Rows(PEOPLE)
    assert rows == PEOPLE
    assert isinstance(rows, list)
    assert rows[0].first_name == "Ada"


@pytest.mark.parametrize("wrong", ["text", 3, {"a": 1}, None])
def test_what_is_no_table_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a plan, a report, or several records"):
        kb.to_dicts(wrong)


def test_what_comes_later_is_to_be_collected_first() -> None:
    class Later:
        def __aiter__(self) -> Any: ...

    with pytest.raises(TypeError, match="collect it first"):
        kb.to_dicts(Later())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("library", "call", "told"),
    [
        ("polars", lambda _: kb.to_polars(PEOPLE), "pip install polars"),
        ("pandas", lambda _: kb.to_pandas(PEOPLE), "pip install pandas"),
        ("xlsxwriter", lambda path: kb.to_excel(PEOPLE, path), r"pip install 'keapbridge\[sheets\]'"),
        ("python_calamine", kb.read_approvals, r"pip install 'keapbridge\[sheets\]'"),
    ],
)
def test_a_library_that_is_not_there_is_named(
    library: str, call: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == library:
            raise ImportError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=told):
        call(tmp_path / "table.xlsx")


@pytest.mark.thorough
def test_frames_have_the_same_rows() -> None:
    polars, pandas = kb.to_polars(PEOPLE), kb.to_pandas(PEOPLE)
    assert polars.to_dicts() == [
        {"id": "1", "first_name": "Ada", "city": None},
        {"id": "2", "first_name": "=1+1", "city": None},
    ]
    assert list(pandas["first_name"]) == ["Ada", "=1+1"]
    mixed = kb.to_polars([{"value": 1}, {"value": "two"}, {"value": None}, {"value": True}])
    assert mixed["value"].to_list() == ["1", "two", None, "True"]
