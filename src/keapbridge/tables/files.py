"""Tables as files that people open: CSV, and sheets. No cell is ever a formula, whatever a record holds."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keapbridge.tables.values import Cell, text_of

__all__ = ["needs", "read_csv", "read_excel", "write_csv", "write_excel"]

MOST_ROWS = 1_048_575  # of a sheet, without its header
LONGEST = 32_767  # characters of a cell
WIDEST = 60  # characters of a column
_FORMULA = re.compile(r"[=@\t\r]|[+-].*[^\W\d_]", re.DOTALL)
"""What a program takes for a formula when it opens a CSV file. A phone (`+47 22 33 44 55`) or a number is none."""


def needs(what: str, library: str, extra: str | None = None) -> str:
    """What to install."""
    return f"{what} need {library}: pip install " + (f"'keapbridge[{extra}]'" if extra else library)


def in_csv(text: str) -> str:
    """A cell of a CSV file: with a quote before what would be a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def from_csv(text: str) -> str:
    """The text of a cell of a CSV file, without the quote that `in_csv` has put there."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


@contextmanager
def _whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name beside a file to write to, which becomes the file once all is written; only its owner reads it."""
    import tempfile  # it takes a while to import, and most never write one

    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_csv(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write a CSV file in UTF-8, with the mark by which spreadsheets know that."""
    with _whole(path) as name, name.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(map(in_csv, columns))
        out.writerows([in_csv(text_of(cell)) for cell in row] for row in rows)


def read_csv(path: str | os.PathLike[str]) -> list[list[str]]:
    """The rows of a CSV file, its header first, as they were before they were written."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        sample = file.readline()
        file.seek(0)
        delimiter = ";" if sample.count(";") > sample.count(",") else ","  # as spreadsheets of some countries save it
        return [[from_csv(cell) for cell in row] for row in csv.reader(file, delimiter=delimiter)]


def write_excel(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    name: str,
    choices: Sequence[str] = (),
) -> None:
    """Write a sheet with a header that stays in view, and filters. Cells are texts, numbers, yes or no, days.

    Args:
        choices: what may be chosen in the first column.

    Raises:
        ImportError: when XlsxWriter is not there.
        ValueError: for more rows than a sheet can have.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise ImportError(needs("sheets", "XlsxWriter", "sheets"), name=error.name) from error
    with _whole(path) as file:
        book = xlsxwriter.Workbook(file, {"constant_memory": True})
        try:
            _fill(book, columns, rows, name, choices)
        finally:  # also of one that is given up: it holds files of its own
            book.close()


def _fill(book: Any, columns: Sequence[str], rows: Iterable[Sequence[Cell]], name: str, choices: Sequence[str]) -> None:
    sheet = book.add_worksheet(name)
    head = book.add_format({"bold": True, "bottom": 1})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    for number, column in enumerate(columns):
        sheet.write_string(0, number, column, head)
    widths = [len(column) for column in columns]
    count = 0
    for count, row in enumerate(rows, 1):
        if count > MOST_ROWS:
            raise ValueError(f"a sheet has {MOST_ROWS:,} rows at most; to_csv has no such limit")
        for number, cell in enumerate(row):
            _write(sheet, count, number, cell, wrapped)
            widths[number] = max(widths[number], *map(len, text_of(cell).splitlines()), 0)
    for number, width in enumerate(widths):
        sheet.set_column(number, number, min(width, WIDEST) + 2)
    sheet.freeze_panes(1, 0)
    if columns:
        sheet.autofilter(0, 0, count, len(columns) - 1)
    if choices and count:
        sheet.data_validation(1, 0, count, 0, {"validate": "list", "source": list(choices)})


def _write(sheet: Any, row: int, column: int, cell: Cell, wrapped: Any) -> None:
    match cell:
        case None:
            sheet.write_blank(row, column, None, wrapped)
        case bool():
            sheet.write_boolean(row, column, cell, wrapped)
        case int() | float() if abs(cell) < 10**15:  # more digits than a sheet's number has are a text
            sheet.write_number(row, column, cell, wrapped)
        case _:
            sheet.write_string(row, column, text_of(cell)[:LONGEST], wrapped)


def read_excel(path: str | os.PathLike[str]) -> list[list[str]]:
    """The rows of the first sheet of a workbook as texts, its header first.

    Raises:
        ImportError: when python-calamine is not there.
        ValueError: for a file that is no workbook.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError as error:
        raise ImportError(needs("sheets", "python-calamine", "sheets"), name=error.name) from error
    try:
        with CalamineWorkbook.from_path(Path(path)) as book:
            rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise ValueError(f"{Path(path).name} cannot be read as a sheet: {error}") from error
    return [[_read(cell) for cell in row] for row in rows]


def _read(cell: Any) -> str:
    """The text of a cell; a sheet knows no whole numbers."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else text_of(cell)
