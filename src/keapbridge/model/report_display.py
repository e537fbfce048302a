"""How a report shows itself in a notebook: how it ended and what did not go through come first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from keapbridge.model.finding import Finding
from keapbridge.showing.html import Html, badge, display, element, joined, listing, note, numbers

__all__ = ["show_report"]

_COLOURS = (
    ("created", 0),
    ("linked", 2),
    ("updated", 1),
    ("deleted", 4),
    ("archived", 4),
    ("failed", 4),
    ("conflict", 3),
)


class Report(Protocol):
    """What is shown of a report; see `model.report.Report`."""

    @property
    def run_id(self) -> str: ...
    @property
    def objects(self) -> Sequence[str]: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def ok(self) -> bool: ...
    @property
    def by(self) -> str | None: ...
    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]: ...
    @property
    def warnings(self) -> Sequence[Finding]: ...


def show_report(report: Report, trouble: Mapping[str, int], lines: Sequence[str], advice: Sequence[str]) -> str:
    """The outcome, what did not go through and what to do about it, then the numbers.

    Args:
        trouble: how many lines a person is to know of, by outcome.
        lines: the first ones of them.
        advice: what to do.
    """
    took = "" if report.ended_at is None else f"{(report.ended_at - report.started_at).total_seconds():.1f} s"
    told = [element("p", badge("warning", "warn"), f" {warning}") for warning in report.warnings]
    if lines:
        told += [element("p", "What did not go through:"), listing(lines)]
    told += [element("p", text) for text in advice]
    parts = (_ending(report, trouble), note(*told) if told else None, _numbers(report))
    return display(f"Run {report.run_id}", *parts, aside=took)


def _ending(report: Report, trouble: Mapping[str, int]) -> Html:
    if report.ended_at is None:
        words, mood = "not ended", "warn"
    elif not report.complete:
        words, mood = "stopped before its end", "warn"
    else:
        words, mood = ("done", "good") if report.ok else ("done, with failures", "bad")
    counted = [badge(f"{n:,} {what}", "bad" if what == "failed" else "warn") for what, n in trouble.items()]
    by = "" if report.by is None else f", by {report.by}"
    return element("p", badge(words, mood), *(joined([" ", each]) for each in counted), by)


def _numbers(report: Report) -> Html:
    its = [(name, dict(report.counts.get(name, {}))) for name in report.objects]
    return numbers(((name, counts, counts.pop("unchanged", 0)) for name, counts in its), _COLOURS)
