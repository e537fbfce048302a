"""Plans: what a run will do, as a value that is read as far as somebody looks at it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import attrs

from keapbridge.model.actions import HELD, Action, Skip, braked
from keapbridge.model.elsewhere import passed_on
from keapbridge.model.estimate import Estimate, estimate
from keapbridge.model.finding import Finding
from keapbridge.model.plan_rows import flat_action, row_of_action
from keapbridge.tables.tabular import Tabular
from keapbridge.tables.values import Cell, Row

__all__ = ["DECISION", "SYNC", "Plan"]

SYNC = "sync"
DECISION = "decision"  # the purpose of a plan that does what a person has decided of a conflict
LOOKED_AT = 500  # actions that are read to be shown, where they cannot be asked for by kind


@attrs.frozen
class Plan(Tabular):
    """What a run will do. Its actions stay in the store and are read as they are iterated over.

    As a table it has one row for each action. A sheet or CSV file of it has a column *approve* in front: what a person
    has ticked there is read by `kb.read_approvals`, and `session.apply(plan, only=…)` does that and no more.

    Attributes:
        counts: heading (`"create in Keap"`) → number, for each synchronization.
        unchanged: linked pairs that were looked at and need nothing, for each synchronization.
        purpose: `"sync"`, `"undo"` for a plan that takes a run back, or `"decision"` for one that a person decided.
        totals: for each synchronization, how many records were seen on each side, how many links there were, and how
            many calls Keap allows in a minute.
        findings: fields that are held for all records, with the reason; the changes that a brake holds are in the plan,
            and are not made.
        warnings: what a check of the session warns of.
    """

    id: str
    created_at: datetime
    objects: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    unchanged: Mapping[str, int]
    totals: Mapping[str, Mapping[str, int]]
    purpose: str
    _load: Callable[[], Iterator[tuple[int, Action]]] = attrs.field(repr=False, eq=False)
    findings: tuple[Skip, ...] = ()
    warnings: tuple[Finding, ...] = attrs.field(default=(), eq=False)
    _some: Callable[[int], Iterable[tuple[int, Action]]] | None = attrs.field(default=None, repr=False, eq=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return passed_on(self, f"session.saved_plan({self.id!r})")

    @property
    def actions(self) -> Iterator[Action]:
        """All actions, in the order they are applied."""
        return (action for _, action in self._load())

    def _dicts(self) -> Iterator[Row]:
        return (row_of_action(self.id, number, action) for number, action in self._load())

    def _table(self) -> Iterator[Mapping[str, Cell]]:
        return map(flat_action, self._dicts())

    @property
    def _name(self) -> str:
        return f"plan {self.id}"

    @property
    def _is_to_be_approved(self) -> bool:
        return True

    @property
    def is_empty(self) -> bool:
        """Whether applying it would write nothing; conflicts and skipped records may still be listed."""
        quiet = {"conflict", "skip", HELD}
        return not any(n for counts in self.counts.values() for heading, n in counts.items() if heading not in quiet)

    @property
    def estimate(self) -> Estimate:
        """About what applying it will take."""
        rates = [found["keap_per_minute"] for found in self.totals.values() if "keap_per_minute" in found]
        return estimate(self.counts, min(rates, default=None))

    def __str__(self) -> str:
        lines = [f"Plan {self.id}: {self._outlook}"]
        lines += [f"  {row[0]:<10} {row[1]:<22} {row[2]:>7}" for row in self._rows()]
        lines += [f"  {line}" for line in self._braked()]
        lines += [f"  {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _braked(self) -> Iterator[str]:
        """A line for each field that a brake holds."""
        for found in self.findings:
            if found.accept is not None:
                yield f"{found.object:<10} {braked(found)}"

    @property
    def _outlook(self) -> str:
        return "nothing to write" if self.is_empty else str(self.estimate)

    def _rows(self) -> Iterator[tuple[str, str, int]]:
        for name in self.objects:
            for heading, number in sorted(self.counts.get(name, {}).items()):
                yield name, heading, number
            yield name, "unchanged", self.unchanged.get(name, 0)

    def _first(self, number: int) -> list[tuple[int, Action]]:
        """The first actions of each kind, or of all where there is no other way; none where the store is closed."""
        try:
            return list(islice(self._load(), LOOKED_AT) if self._some is None else self._some(number))
        except Exception:  # noqa: BLE001 - showing fails for nobody
            return []

    def _repr_html_(self) -> str:
        from keapbridge.model.plan_display import SHOWN, show_plan

        return show_plan(self, self._first(SHOWN))
