"""A report as it is printed: a run with failures looks like one, and says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from keapbridge.model.report import LONGEST, LOOKED_AT, Line, Report
from keapbridge.model.side import Side

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def report_of(lines: list[Line], **counts: int) -> Report:
    found = {"contacts": counts}
    return Report("r1", "p1", NOON, NOON + timedelta(seconds=2), tuple(found), found, lambda: iter(lines))


def failed(n: int, reason: str = "403 for a new contact") -> Line:
    return Line("contacts", "failed", Side.KEAP, f"A{n}", None, (), reason)


HELD = Line("contacts", "held", Side.KEAP, "A9", "9", ("Country",), "not a known country")


def test_what_went_wrong_is_shown_with_its_records_and_what_to_do() -> None:
    report = report_of([*map(failed, range(5)), HELD], created=3, failed=5, held=1, conflict=2)
    assert str(report).splitlines() == [
        "Run r1: done in 2.0 s, with 5 failed, 1 held, 2 conflict",
        "  contacts   conflict                     2",
        "  contacts   created                      3",
        "  contacts   failed                       5",
        "  contacts   held                         1",
        "  what did not go through:",
        "    contacts: Customcrm A0 failed: 403 for a new contact",
        "    contacts: Customcrm A1 failed: 403 for a new contact",
        "    contacts: Customcrm A2 failed: 403 for a new contact",
        "    and 2 more failed",
        "    contacts: Customcrm A9 ↔ Keap 9 held (Country): not a known country",
        "  failed: session.failures() says when they are tried again, session.contacts.retry(…) has the next run do it",
        "  held: a field flows again when its value is mended, or when what a brake names is accepted",
        "  conflict: session.conflicts() lists what waits for a decision, session.resolve(…) decides",
        "  all of it: report.lines, or keapbridge report r1",
    ]


def test_a_run_in_which_all_went_well_reads_no_lines() -> None:
    def unread() -> Iterator[Line]:
        raise AssertionError("a statement that nobody needs")

    report = attrs.evolve(report_of([], created=3, skipped=1, failed=0), load=unread)
    assert str(report) == report.summary
    assert "What" not in report._repr_html_()


def test_html_shows_the_same_and_nothing_of_it_is_markup() -> None:
    report = report_of([failed(1, "said <script>alert('x')</script>")], failed=1)
    html = report._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "1 failed" in html
    assert "done, with failures" in html
    assert "session.failures()" in html


def test_a_reason_is_one_line_of_bounded_length() -> None:
    report = report_of([failed(1, "a\nb " * LONGEST)], failed=1)
    [shown] = [line for line in str(report).splitlines() if "A1" in line]
    assert len(shown) == LONGEST + len("    ")
    assert shown.endswith("…")


@pytest.mark.parametrize("before", [0, LOOKED_AT])
def test_no_more_lines_are_read_than_are_shown_or_can_be_looked_at(before: int) -> None:
    read: list[int] = []

    def lines() -> Iterator[Line]:
        for n in range(2 * LOOKED_AT):
            read.append(n)
            yield failed(n) if n >= before else Line("contacts", "created", Side.KEAP, f"A{n}")

    report = attrs.evolve(report_of([], failed=LOOKED_AT), load=lines)
    text = str(report)
    assert (len(read), "A2 failed" in text) == ((3, True) if before == 0 else (LOOKED_AT, False))
    assert f"and {LOOKED_AT - (3 if before == 0 else 0)} more failed" in text


def test_a_report_of_a_store_that_is_closed_is_printed_all_the_same() -> None:
    def gone() -> Iterator[Line]:
        raise OSError("closed")

    report = attrs.evolve(report_of([], failed=2), load=gone)
    assert "2 failed; their lines cannot be read any more" in str(report)
