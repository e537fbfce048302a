"""Reports: what a run did, record by record. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from html import escape

import attrs

from keapbridge.model.finding import Finding
from keapbridge.model.side import Side

__all__ = ["Line", "Report"]


SIDED = frozenset({"created", "updated", "deleted", "archived"})  # outcomes that happen on one side


@attrs.frozen
class Line:
    """What happened to one record.

    Attributes:
        outcome: `created`, `updated`, `linked`, `deleted`, `archived`, `unlinked`, `conflict`, `skipped`, `failed`, or
            `held` for a field.
        side: where it happened; `None` when it concerns the pair.
        fields: the fields that were written or concerned.
        reason: why, for `conflict`, `skipped` and `failed`; what decided, where a policy did.
    """

    object: str
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
class Report:
    """What a run did. Its lines stay in the store and are read as they are iterated over.

    Attributes:
        counts: outcome (`"created in Keap"`) → number, for each synchronization; `unchanged` among them.
        ended_at: `None` for one that is under way, or was cut off.
        complete: whether it came to its end: `False` for one that was stopped. The next run does the rest.
        by: who decided it, where somebody said so.
        warnings: what a check of the session warns of.
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

    @property
    def lines(self) -> Iterator[Line]:
        """What happened to every record that was not simply unchanged."""
        return self._load()

    @property
    def failures(self) -> list[Line]:
        """The records that failed, with their reasons."""
        return [line for line in self.lines if line.outcome == "failed"]

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
        ending = "not ended" if self.ended_at is None else "done" if self.complete else "stopped before its end"
        took = "" if self.ended_at is None else f" in {(self.ended_at - self.started_at).total_seconds():.1f} s"
        by = "" if self.by is None else f", by {self.by}"
        lines = [f"Run {self.run_id}: {ending}{'' if self.ok else ', with failures'}{took}{by}"]
        lines += [f"  {row[0]:<10} {row[1]:<22} {row[2]:>7}" for row in self._rows()]
        lines += [f"  {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str, int]]:
        for name in self.objects:
            for heading, number in sorted(self.counts.get(name, {}).items()):
                yield name, heading, number

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(heading)}</td><td style='text-align:right'>{number}</td></tr>"
            for name, heading, number in self._rows()
        )
        by = "" if self.by is None else f", by {escape(self.by)}"
        warnings = "".join(f"<p>{escape(str(warning))}</p>" for warning in self.warnings)
        return f"<b>Run {escape(self.run_id)}</b>{by}<table>{rows}</table>{warnings}"
