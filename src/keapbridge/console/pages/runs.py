"""The runs, and what one of them did: reasons first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from keapbridge.console.desk import Desk
from keapbridge.console.pages.words import heading_words, reason_words
from keapbridge.console.visit import Visit, missing
from keapbridge.errors import StalePlanError
from keapbridge.model.plan import DECISION, Plan
from keapbridge.model.report import TROUBLE, Line, Report
from keapbridge.model.side import Side
from keapbridge.model.summaries import RunSummary

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["ARun", "CountRow", "count_rows", "counted", "run_shown", "show", "show_one", "the_report"]

MANY = 25
LINES = 50
LOOKED_AT = 1_000  # lines of an outcome whose reasons are counted
DIFFERENT = 10  # reasons of an outcome
UNDONE = ("created", "updated", "deleted", "archived", "linked", "told apart")  # what can be taken back
PURPOSES: Mapping[str, str] = {"undo": "took a run back", "decision": "did what somebody decided"}


@attrs.frozen
class ARun:
    """A run in a list of them."""

    id: str
    started_at: datetime
    ending: str
    mood: str
    purpose: str
    words: str


@attrs.frozen
class CountRow:
    """How many records of each synchronization had an outcome, or will have."""

    heading: str
    each: Sequence[int]
    link: str = ""

    @property
    def sum(self) -> int:
        return sum(self.each)


@attrs.frozen
class ALine:
    """What happened to a record."""

    object: str
    heading: str
    fields: Sequence[str]
    reason: str
    ids: Sequence[tuple[Side, str]]


@attrs.frozen
class Reason:
    """Why something did not go through, and how often; `more`: at least so often."""

    outcome: str
    why: str
    number: int
    more: bool

    @property
    def words(self) -> str:
        """The outcome in words."""
        return heading_words(self.outcome, 1)


def _ending(ended: bool, complete: bool, counts: Mapping[str, Mapping[str, int]]) -> tuple[str, str]:
    """How a run ended in words, and how one is to feel about it."""
    if not ended:
        return "Not ended: it is under way, or was cut off", "warn"
    if not complete:
        return "Stopped before its end; the next run goes on", "warn"
    failed = sum(its.get("failed", 0) for its in counts.values())
    return (f"Done, and {failed:,} failed", "bad") if failed else ("Done", "good")


def run_shown(run: RunSummary) -> ARun:
    """A run in a list."""
    ending, mood = _ending(run.ended_at is not None, run.complete, run.counts)
    total: Counter[str] = Counter()
    for its in run.counts.values():
        total.update({heading: number for heading, number in its.items() if heading != "unchanged"})
    words = counted(total) or "nothing to do"
    return ARun(run.run_id, run.started_at, ending, mood, PURPOSES.get(run.purpose, ""), words)


def counted(total: Mapping[str, int]) -> str:
    """Numbers in one line."""
    return ", ".join(
        f"{number:,} {heading_words(heading, number)}" for heading, number in sorted(total.items()) if number
    )


def count_rows(
    counts: Mapping[str, Mapping[str, int]], objects: Sequence[str], links: Mapping[str, str] | None = None
) -> list[CountRow]:
    """A row for each heading."""
    headings = dict.fromkeys(heading for name in objects for heading in counts.get(name, {}))
    return [
        CountRow(
            heading_words(heading),
            [counts.get(name, {}).get(heading, 0) for name in objects],
            (links or {}).get(heading, ""),
        )
        for heading in sorted(headings)
    ]


async def show(visit: Visit) -> Response:
    """The runs, newest first."""
    runs = await visit.desk.ask(visit.desk.session.runs, limit=MANY, after=visit.query("after") or None)
    older = visit.url("runs", after=runs.next) if runs.next else ""
    return visit.show("runs.html", "Runs", {"runs": [run_shown(run) for run in runs], "older": older})


async def the_report(visit: Visit) -> Report:
    """The report of the run that the address names."""
    try:
        found: Report = await visit.desk.ask(visit.desk.session.report, visit.path["run_id"])
    except (StalePlanError, ValueError):
        raise missing("run") from None
    return found


async def show_one(visit: Visit) -> Response:
    """What a run did."""
    report, desk = await the_report(visit), visit.desk
    outcomes = sorted({heading.partition(" in ")[0] for its in report.counts.values() for heading in its})
    outcome = visit.query("outcome") if visit.query("outcome") in outcomes else ""
    after = visit.query("after") or None
    lines = await desk.ask(desk.session.lines, report, outcome=outcome or None, after=after, limit=LINES)
    ending, mood = _ending(report.ended_at is not None, report.complete, report.counts)
    shown = {
        "run_id": report.run_id,
        "plan_id": report.plan_id,
        "by": report.by,
        "decided": await _decided(desk, report),
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "ending": ending,
        "why": report.why,
        "mood": mood,
        "reasons": await _reasons(desk, report),
        "counts": count_rows(report.counts, report.objects),
        "objects": report.objects,
        "outcome": outcome,
        "outcome_words": heading_words(outcome),
        "outcomes": [(each, heading_words(each)) for each in outcomes if each not in ("unchanged", "decided")],
        "lines": [_line(line) for line in lines],
        "more": visit.url("runs", report.run_id, outcome=outcome, after=lines.next) if lines.next else "",
        "can_be_undone": any(report.count(done) for done in UNDONE),
    }
    return visit.show("run.html", f"Run {report.run_id}", shown)


async def _decided(desk: Desk, report: Report) -> str:
    """How many of the conflicts that somebody has decided are as they said; nothing of a run that decided none."""
    try:
        plan: Plan = await desk.ask(desk.session.saved_plan, report.plan_id)
    except StalePlanError:
        return ""
    total = sum(its.get("decide", 0) + its.get("skip", 0) for its in plan.counts.values())
    if plan.purpose != DECISION or not total:
        return ""
    done = report.count("decided")
    left = "" if done == total else f" Why {total - done:,} {'is' if total - done == 1 else 'are'} not stands below."
    return f"{done:,} of {total:,} {'conflict is' if total == 1 else 'conflicts are'} decided and written.{left}"


async def _reasons(desk: Desk, report: Report) -> list[Reason]:
    """The reasons that come most often, the worst first; counted among the first lines of each outcome."""
    found: list[Reason] = []
    for outcome in (*TROUBLE, "skipped"):
        if report.count(outcome):
            lines = await desk.ask(desk.session.lines, report, outcome=outcome, limit=LOOKED_AT)
            its = Counter(line.reason for line in lines)
            common = its.most_common(DIFFERENT)
            found += [Reason(outcome, reason_words(why), number, bool(lines.next)) for why, number in common]
    return found


def _line(line: Line) -> ALine:
    return ALine(line.object, heading_words(line.heading, 1), line.fields, reason_words(line.reason), tuple(_ids(line)))


def _ids(line: Line) -> Iterator[tuple[Side, str]]:
    for side, id in ((Side.CUSTOMCRM, line.customcrm_id), (Side.KEAP, line.keap_id)):
        if id is not None:
            yield side, id
