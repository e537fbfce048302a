"""The runs, and what one of them did: reasons first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from keapbridge.console.visit import Visit, missing
from keapbridge.errors import StalePlanError
from keapbridge.model.report import TROUBLE, Line, Report
from keapbridge.model.side import Side
from keapbridge.model.summaries import RunSummary

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["ARun", "CountRow", "count_rows", "run_shown", "show", "show_one", "the_report"]

MANY = 25
LINES = 50
LOOKED_AT = 5_000  # lines whose reasons are counted, and among which those of an outcome are looked for
DIFFERENT = 20  # reasons
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
    """Why something did not go through, and how often."""

    outcome: str
    why: str
    number: int


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
    words = ", ".join(f"{number:,} {heading}" for heading, number in sorted(total.items()) if number) or "nothing to do"
    return ARun(run.run_id, run.started_at, ending, mood, PURPOSES.get(run.purpose, ""), words)


def count_rows(
    counts: Mapping[str, Mapping[str, int]], objects: Sequence[str], links: Mapping[str, str] | None = None
) -> list[CountRow]:
    """A row for each heading."""
    headings = dict.fromkeys(heading for name in objects for heading in counts.get(name, {}))
    return [
        CountRow(heading, [counts.get(name, {}).get(heading, 0) for name in objects], (links or {}).get(heading, ""))
        for heading in sorted(headings)
    ]


async def show(visit: Visit) -> Response:
    """The runs, newest first."""
    limit = _whole(visit.query("limit"), MANY, 1000)
    runs = await visit.desk.ask(visit.desk.session.runs, limit=limit + 1)
    older = visit.url("runs", limit=limit + MANY) if len(runs) > limit else ""
    return visit.show("runs.html", "Runs", {"runs": [run_shown(run) for run in runs[:limit]], "older": older})


def _whole(text: str, default: int, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and int(text[:9]) else default


async def the_report(visit: Visit) -> Report:
    """The report of the run that the address names."""
    try:
        found: Report = await visit.desk.ask(visit.desk.session.report, visit.path["run_id"])
    except (StalePlanError, ValueError):
        raise missing("run") from None
    return found


async def show_one(visit: Visit) -> Response:
    """What a run did."""
    report = await the_report(visit)
    outcome, after = visit.query("outcome"), _whole(visit.query("after"), 0, 10**9)
    reasons, looked_at = await visit.desk.read(lambda: _reasons(report))
    lines, more = await visit.desk.read(lambda: _lines(report, outcome, after))
    ending, mood = _ending(report.ended_at is not None, report.complete, report.counts)
    outcomes = sorted({heading for its in report.counts.values() for heading in its} - {"unchanged"})
    shown = {
        "run_id": report.run_id,
        "plan_id": report.plan_id,
        "by": report.by,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "ending": ending,
        "mood": mood,
        "reasons": reasons,
        "looked_at": looked_at,
        "is_partly_read": looked_at == LOOKED_AT,
        "counts": count_rows(report.counts, report.objects),
        "objects": report.objects,
        "outcome": outcome if outcome in outcomes else "",
        "outcomes": outcomes,
        "lines": lines,
        "more": visit.url("runs", report.run_id, outcome=outcome, after=more) if more else "",
        "can_be_undone": any(report.count(done) for done in ("created", "updated", "deleted", "archived", "linked")),
    }
    return visit.show("run.html", f"Run {report.run_id}", shown)


def _reasons(report: Report) -> tuple[list[Reason], int]:
    """The reasons that come most often, the worst first."""
    wanted = {outcome for outcome in (*TROUBLE, "skipped") if report.count(outcome)}
    found: Counter[tuple[str, str]] = Counter()
    number = 0
    for line in islice(report.lines, LOOKED_AT if wanted else 0):
        number += 1
        if line.outcome in wanted:
            found[line.outcome, line.reason] += 1
    order = (*TROUBLE, "skipped")
    ranked = sorted(found.items(), key=lambda item: (order.index(item[0][0]), -item[1]))
    return [Reason(outcome, why, times) for (outcome, why), times in ranked[:DIFFERENT]], number


def _lines(report: Report, outcome: str, after: int) -> tuple[list[ALine], int | None]:
    """Some lines, and from where to go on."""
    found: list[ALine] = []
    for place, line in enumerate(islice(report.lines, after, after + LOOKED_AT), after + 1):
        if not outcome or line.heading == outcome:
            found.append(_line(line))
        if len(found) == LINES:
            return found, place
    return found, None


def _line(line: Line) -> ALine:
    return ALine(line.object, line.heading, line.fields, line.reason, tuple(_ids(line)))


def _ids(line: Line) -> Iterator[tuple[Side, str]]:
    for side, id in ((Side.CUSTOMCRM, line.customcrm_id), (Side.KEAP, line.keap_id)):
        if id is not None:
            yield side, id
