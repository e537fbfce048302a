"""Reports: what a run did, record by record. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import attrs

from keapbridge.model.elsewhere import passed_on
from keapbridge.model.finding import Finding
from keapbridge.model.names import Name, as_name
from keapbridge.model.side import Side
from keapbridge.tables.tabular import Rows, Tabular
from keapbridge.tables.values import Row, row_of

__all__ = ["Line", "Report"]


FEW = 3  # lines of each outcome that a printed report shows,
LOOKED_AT = 10_000  # of so many that are read for it,
LONGEST = 300  # each with so many characters
TROUBLE = ("failed", "held", "conflict")  # outcomes that a person is to know of
SIDED = frozenset({"created", "updated", "deleted", "archived"})  # outcomes that happen on one side


@attrs.frozen
class Line:
    """What happened to one record.

    Attributes:
        outcome: `created`, `updated`, `linked`, `deleted`, `archived`, `unlinked`, `told apart`, `in doubt again`,
            `conflict`, `skipped`, `failed`, or `held` for a field.
        side: where it happened; `None` when it concerns the pair.
        fields: the fields that were written or concerned.
        reason: why, for `conflict`, `skipped` and `failed`; what decided, where a policy did.
    """

    object: Name = attrs.field(converter=as_name)
    outcome: str
    side: Side | None = None
    customcrm_id: str | None = None
    keap_id: str | None = None
    fields: tuple[str, ...] = ()
    reason: str = ""

    @property
    def heading(self) -> str:
        """What it is counted as: `"created in Keap"`, `"failed"`."""
        return f"{self.outcome} in {self.side.title}" if self.side and self.outcome in SIDED else self.outcome

    def __str__(self) -> str:
        ids = " ↔ ".join(
            f"{side.title} {id}"
            for side, id in ((Side.CUSTOMCRM, self.customcrm_id), (Side.KEAP, self.keap_id))
            if id is not None
        )
        where = f" in {self.side.title}" if self.side and self.outcome in SIDED else ""
        fields = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.object}: {ids} {self.outcome}{where}{fields}" + (f": {self.reason}" if self.reason else "")


@attrs.frozen
class Report(Tabular):
    """What a run did. Its lines stay in the store and are read as they are iterated over.

    As a table it has one row for each line.

    Attributes:
        counts: outcome (`"created in Keap"`) → number, for each synchronization; `unchanged` among them.
        ended_at: `None` for one that is under way, or was cut off.
        complete: whether it came to its end: `False` for one that was stopped. The next run does the rest.
        by: who decided it, where somebody said so.
        warnings: what a check of the session warns of.
        why: what ended it before its time, where that is known.
    """

    run_id: str
    plan_id: str
    started_at: datetime
    ended_at: datetime | None
    objects: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    _load: Callable[[], Iterator[Line]] = attrs.field(repr=False, eq=False)
    complete: bool = True
    by: str | None = None
    warnings: tuple[Finding, ...] = attrs.field(default=(), eq=False)
    why: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return passed_on(self, f"session.report({self.run_id!r})")

    @property
    def lines(self) -> Iterator[Line]:
        """What happened to every record that was not simply unchanged."""
        return self._load()

    @property
    def failures(self) -> Rows[Line]:
        """The records that failed, with their reasons."""
        return Rows(line for line in self.lines if line.outcome == "failed")

    def _dicts(self) -> Iterator[Row]:
        return ({"run": self.run_id, **row_of(line)} for line in self.lines)

    @property
    def _name(self) -> str:
        return f"run {self.run_id}"

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not any(counts.get("failed") for counts in self.counts.values())

    def count(self, outcome: str, name: str | None = None) -> int:
        """How many records had this outcome (`"created"` counts both sides), in one synchronization or in all."""
        return sum(
            number
            for each, counts in self.counts.items()
            if name in {None, each}
            for heading, number in counts.items()
            if heading == outcome or heading.startswith(f"{outcome} in ")
        )

    def __str__(self) -> str:
        """The numbers, the first few records that failed and fields that are held, and what to do next."""
        parts = [self.summary]
        if shown := self._shown():
            parts += ["  what did not go through:", *(f"    {text}" for text in shown)]
        return "\n".join([*parts, *(f"  {text}" for text in self._next())])

    @property
    def summary(self) -> str:
        """The numbers alone: how the run ended, and how many records had which outcome."""
        lines = [self._ending()]
        lines += [f"  {row[0]:<10} {row[1]:<22} {row[2]:>7}" for row in self._rows()]
        lines += [f"  {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _ending(self) -> str:
        ending = "not ended" if self.ended_at is None else "done" if self.complete else "stopped before its end"
        took = "" if self.ended_at is None else f" in {(self.ended_at - self.started_at).total_seconds():.1f} s"
        by = "" if self.by is None else f", by {self.by}"
        numbers = ", ".join(f"{number} {outcome}" for outcome, number in self._trouble().items())
        return f"Run {self.run_id}: {ending}{took}{numbers and f', with {numbers}'}{by}"

    def _trouble(self) -> dict[str, int]:
        """How many records failed, and so on; nothing for a run in which all went well."""
        return {outcome: number for outcome in TROUBLE if (number := self.count(outcome))}

    def _shown(self) -> list[str]:
        """The first few lines of what failed and what is held, and how many more there are."""
        trouble = self._trouble()
        trouble.pop("conflict", None)  # with both values, elsewhere
        wanted = {outcome: min(FEW, number) for outcome, number in trouble.items()}
        found: dict[str, list[str]] = {outcome: [] for outcome in wanted}
        try:
            for line in islice(self.lines, LOOKED_AT if wanted else 0):
                if len(found.get(line.outcome, ())) < wanted.get(line.outcome, 0):
                    found[line.outcome].append(_short(str(line)))
                    if all(len(found[outcome]) == number for outcome, number in wanted.items()):
                        break
        except Exception:  # noqa: BLE001 - the store is closed, or gone: printing fails for nobody
            return [f"{number} {outcome}; their lines cannot be read any more" for outcome, number in trouble.items()]
        shown: list[str] = []
        for outcome, texts in found.items():
            shown += texts
            if more := trouble[outcome] - len(texts):
                shown.append(f"and {more} more {outcome}")
        return shown

    def _retry(self) -> str:
        failed = next((name for name, counts in self.counts.items() if counts.get("failed")), "")
        return f"session.{failed}.retry(…)"

    def _next(self) -> list[str]:
        """What a person does about it."""
        trouble = self._trouble()
        advice = {
            "failed": f"session.failures() says when they are tried again, {self._retry()} has the next run do it",
            "held": "a field flows again when its value is mended, or when what a brake names is accepted",
            "conflict": "session.conflicts() lists what waits for a decision, session.resolve(…) decides",
        }
        told = [f"{outcome}: {advice[outcome]}" for outcome in trouble]
        return [*told, f"all of it: report.lines, or keapbridge report {self.run_id}"] if told else []

    def _rows(self) -> Iterator[tuple[str, str, int]]:
        for name in self.objects:
            for heading, number in sorted(self.counts.get(name, {}).items()):
                yield name, heading, number

    def _repr_html_(self) -> str:
        from keapbridge.model.report_display import show_report

        return show_report(self, self._trouble(), self._shown(), self._next())


def _short(text: str) -> str:
    """A line as one line, and not longer than people read."""
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"
