"""The benchmarks still measure: in sizes that show nothing, their rows print figures. Targets are not looked at."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks.__main__ import ROWS
from benchmarks.spread import spread
from benchmarks.table import Line, as_json, at_least, at_most, failed, markdown, replace_table

import keapbridge as kb
from benchmarks import chart, records, strangers
from keapbridge._json.quick import texts_of
from keapbridge.customcrm import endpoints as customcrm_endpoints
from keapbridge.keap import endpoints as keap_endpoints
from keapbridge.mapping.kinds import Context

ROOT = Path(__file__).parents[2]
FIGURE = re.compile(r"\d")


def _printed(*arguments: str) -> list[list[str]]:
    """The cells of the lines that a run prints."""
    command = [sys.executable, "-m", "benchmarks", "--tiny", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]
    return rows[2:]


QUICK = ("list-untyped",)


@pytest.mark.parametrize(
    "row", [pytest.param(name, marks=pytest.mark.thorough if name in QUICK else pytest.mark.slow) for name in ROWS]
)
def test_a_row_prints_figures(row: str) -> None:
    lines = _printed("--only", row)
    assert {line[0] for line in lines} == {row}
    for name, _, _, measured, *_, target, result in lines:
        assert name == row
        assert FIGURE.search(measured) or measured == "none"
        assert FIGURE.search(target) or row == "postgresql", "which is shown, and held to nothing"
        assert result in {"pass", "**fail**"} or row == "postgresql"


def test_every_row_is_explained() -> None:
    explained = re.findall(r"^\| `([\w-]+)` \|", (ROOT / "benchmarks" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert set(explained) == set(ROWS)


# --- the data set -----------------------------------------------------------------------------------------------


def _items(made: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(b"[" + made + b"]")
    return found


def test_both_sides_of_a_contact_read_the_same() -> None:
    indices, seed = range(200, 500), 7
    contacts, mapper = keap_endpoints.CONTACTS, kb.mapping.contacts
    theirs, _ = contacts.codec.load_many(_items(records.keap_contacts(indices, seed)))
    wire, codec = customcrm_endpoints.CONTACTS.wire, customcrm_endpoints.CONTACTS.codec
    ours, _ = codec.load_many([wire.read(item) for item in _items(records.customcrm_contacts(indices, seed))])
    assert len(theirs) == len(ours) == len(indices)
    for index, keap, customcrm in zip(indices, theirs, ours, strict=True):
        expected = records.canonical_contact(index, seed)
        for side, record in ((kb.Side.KEAP, keap), (kb.Side.CUSTOMCRM, customcrm)):
            values, unreadable = mapper.read(side, record, Context())
            assert (dict.fromkeys(expected) | dict(values), unreadable) == (expected, {}), "what is empty is not shown"
        assert (keap.id, customcrm.id) == (records.keap_id(index), records.customcrm_id(index))


def test_a_contact_has_the_fields_and_the_size_that_are_promised() -> None:
    made = records.keap_contacts(range(1000), 1)
    assert {len(item) for item in _items(made)} == {records.KEAP_FIELDS}
    assert 1_250_000 < len(made) < 1_400_000


def test_the_data_set_is_the_same_each_time_and_another_one_with_another_seed() -> None:
    for make in (records.keap_contacts, records.customcrm_contacts):
        assert make(range(50), 1) == make(range(50), 1)
        assert make([49], 1) in make(range(50), 1)
        assert make(range(50), 1) != make(range(50), 2)


def test_no_two_contacts_have_an_address_or_an_id_in_common() -> None:
    contacts = [records.canonical_contact(index, 1) for index in range(5000)]
    assert len({contact["Email"] for contact in contacts}) == 5000
    assert len({records.customcrm_id(index) for index in range(5000)}) == 5000
    assert [records.customcrm_index(records.customcrm_id(index)) for index in range(50)] == list(range(50))


def test_strange_contacts_are_read_and_the_odd_ones_among_them_too() -> None:
    """Whatever is read quickly is read the same with patience, and nothing is lost."""
    codec = keap_endpoints.CONTACTS.codec
    for first in (0, 300):
        for odd in (False, True):
            page = strangers.page(first, first + 300, 1, odd=odd)
            items = json.loads(page)
            assert page == strangers.page(first, first + 300, 1, odd=odd)
            records, malformed = codec.read_many(texts_of(page))
            assert (records, malformed) == codec.load_many(items)
            assert [record.id for record in records] == [item["id"] for item in items]
            assert {"lifecycle", "engagement_score", "preferences"} == {name for r in records for name in r.extra}


# --- runs -------------------------------------------------------------------------------------------------------


def test_runs_are_told_apart_by_the_least_and_the_most_of_each_figure() -> None:
    def told(*lines: Line) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(as_json(lines, []))["lines"]
        return found

    def line(figure: float) -> Line:
        return Line("row", "what", "against", "1 s", "2 s", figure, at_most(1.2))

    shown = Line("shown", "what", "against", "1 s", "2 s", 1.0, None)
    runs = [told(line(1.1), shown), told(line(1.25), shown)]
    *_, row = spread(runs).splitlines()
    assert row == "| row | what | 1.10× | 1.18× | 1.25× | ≤ 1.2× | 1 of 2 |"
    assert "shown" not in spread(runs), "it is held to nothing"
    once = [*runs, told(failed("row", ValueError("no")))]
    assert len(spread(once).splitlines()) == 2, "not all have measured it"


# --- the table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "target", "passed"),
    [
        (10.0, at_least(10), True),
        (9.9, at_least(10), False),
        (1.2, at_most(1.2), True),
        (1.3, at_most(1.2), False),
        (9.0, None, True),
    ],
)
def test_a_figure_is_held_to_its_target(figure: float, target: Any, passed: bool) -> None:
    assert Line("row", "what", "against", "1 s", "2 s", figure, target).passed is passed


def test_lines_are_told_as_json() -> None:
    lines = [Line("row", "what", "against", "1 s", "2 s", 0.5, at_most(1)), failed("other", ValueError("no"))]
    told = json.loads(as_json(lines, ["on a machine"]))
    assert told["remarks"] == ["on a machine"]
    assert [(line["row"], line["figure"], line["target"], line["passed"]) for line in told["lines"]] == [
        ("row", 0.5, 1, True),
        ("other", None, None, False),
    ]


def test_what_could_not_be_measured_has_failed() -> None:
    line = failed("row", ValueError("no | such\nthing"))
    assert not line.passed
    assert line.cells[-1] == "**fail**"
    assert "no / such thing" in markdown([line], [])


def test_the_table_replaces_what_is_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: begin -->\nold\n<!-- table: end -->\nafter\n", "utf-8")
    replace_table(page, "new")
    replace_table(page, "newer")
    assert page.read_text("utf-8") == "before\n<!-- table: begin -->\n\nnewer\n<!-- table: end -->\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n", "utf-8")
    with pytest.raises(ValueError, match="has no"):
        replace_table(page, "new")
    assert page.read_text("utf-8") == "text\n"


def test_the_picture_of_the_figures_is_of_the_table_beside_it() -> None:
    found = chart.ratios(chart.PAGE.read_text("utf-8"))
    assert len(found) > 10
    assert chart.PICTURE.read_text("utf-8") == chart.drawn(found), "python -m benchmarks.chart draws it anew"


def test_a_target_that_is_missed_stands_out() -> None:
    row = "| row | what & why | `x` | 1 | 2 | 0.50× | ≥ 1× | fail |\n"
    [found] = chart.ratios(row.replace("| row |", "| list |"))
    assert found == chart.Ratio("what & why: x", 0.5, 1.0, True, False)
    assert 'class="miss"' in chart.drawn([found])
    assert chart.ratios(row.replace("| row |", "| list |").replace("≥ 1×", "–")) == [], "held to nothing"
    assert "what &amp; why" in chart.drawn([found])
