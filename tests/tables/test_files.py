"""Files: whatever a record holds comes back as it was, and no program takes it for a formula."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keapbridge.tables import files
from keapbridge.tables.files import from_csv, in_csv, read_csv, read_excel, write_csv, write_excel

EVIL = ["=1+1", "@SUM(A1)", "\t=1", "\r=1", "+A1", "-cmd|' /C calc'!A0", '=HYPERLINK("http://x")', "+1-Dial", "-2+A1"]
PLAIN = [
    "+47 22 33 44 55",
    "-3.5",
    "Ada",
    "",
    "'quoted",
    "a=b",
    "+",
    "-",
    "12",
    "O'Brien",
    'say "hi"',
    "two\nlines",
    "Å🙂",
]


@pytest.mark.parametrize("text", EVIL)
def test_a_formula_is_a_text_in_a_csv_file(text: str) -> None:
    assert in_csv(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert in_csv(text) == text


@given(st.text())
def test_a_cell_comes_back_as_it_was(text: str) -> None:
    assert from_csv(in_csv(text)) == text
    assert not in_csv(text).startswith(("=", "@", "\t", "\r"))


def test_a_csv_file_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_csv(path, ["a", "b"], [[text, None] for text in [*EVIL, *PLAIN]])
    assert read_csv(path) == [["a", "b"], *([text, ""] for text in [*EVIL, *PLAIN])]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_csv_file_may_be_saved_with_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["a", "b"], ["1,5", "x"]])
    assert read_csv(path) == [["a", "b"], ["1,5", "x"]]


def test_a_sheet_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    cells = [*EVIL, *PLAIN, "0012", "1e5", "TRUE", "2026-01-02"]
    write_excel(path, ["a", "b"], [[text, number] for number, text in enumerate(cells)], name="table")
    assert read_excel(path) == [["a", "b"], *([text, str(number)] for number, text in enumerate(cells))]


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_csv(path, ["a"], [["1"]])

    def broken() -> object:
        yield ["2"]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_csv(path, ["a"], broken())  # type: ignore[arg-type]
    assert read_csv(path) == [["a"], ["1"]]
    assert [each.name for each in tmp_path.iterdir()] == ["table.csv"]


def test_a_sheet_has_only_so_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_ROWS", 2)
    with pytest.raises(ValueError, match="to_csv has no such limit"):
        write_excel(tmp_path / "table.xlsx", ["a"], [["1"]] * 3, name="table")


def test_a_file_that_is_no_sheet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    path.write_text("no workbook")
    with pytest.raises(ValueError, match=r"table\.xlsx cannot be read as a sheet"):
        read_excel(path)
