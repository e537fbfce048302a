"""Approvals: the rows of a plan that a person has ticked in a sheet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import attrs

from keapbridge.tables.files import read_csv, read_excel

__all__ = ["APPROVE", "CHOICES", "Approvals", "read_approvals"]

APPROVE = "approve"  # the column in which a person says so
CHOICES = ("yes", "no")
_YES = frozenset({"yes", "y", "x", "ok", "true", "1", "✓", "✔"})
_NO = frozenset({"", "no", "n", "false", "0", "-"})


def _frozen(rows: Mapping[int, Mapping[str, str]]) -> Mapping[int, Mapping[str, str]]:
    return MappingProxyType(dict(rows))


@attrs.frozen
class Approvals:
    """Actions of a plan that a person approves; `session.apply(plan, only=…)` does them and no others.

    Attributes:
        plan_id: whose they are.
        rows: number of an action → what its row says, by which `apply` sees that nobody has edited it: approving
            changes no values. Nothing is held against an empty one.
    """

    plan_id: str
    rows: Mapping[int, Mapping[str, str]] = attrs.field(converter=_frozen, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows)

    def __str__(self) -> str:
        return f"{len(self)} approved actions of plan {self.plan_id}"


def read_approvals(path: str | os.PathLike[str]) -> Approvals:
    """Read which actions are approved in a file that `plan.to_excel` or `plan.to_csv` has written.

    A row is approved with `yes`, `y`, `x`, `ok`, `true`, `1` or a tick in its column *approve*, and is not while that
    is empty or says `no`.

    Args:
        path: of the sheet (`.xlsx`, `.ods`) or of the CSV file.

    Raises:
        ValueError: for a file that holds no plan, or several; a row that is there twice; an answer that is neither.
        ImportError: when a sheet is to be read and python-calamine is not there.
    """
    name = Path(path).name
    head, *rows = (read_csv(path) if Path(path).suffix.lower() == ".csv" else read_excel(path)) or [[]]
    missing = [column for column in (APPROVE, "plan", "action") if column not in head]
    if missing:
        raise ValueError(f"{name}: no column {missing[0]!r}; approvals are read from what plan.to_excel(…) has written")
    if len(set(head)) < len(head):
        raise ValueError(f"{name}: two columns have the same name")
    plans: set[str] = set()
    approved: dict[int, Mapping[str, str]] = {}
    seen: set[int] = set()
    for number, cells in enumerate(rows, 2):
        row = dict(zip(head, [*cells, *[""] * (len(head) - len(cells))], strict=False))
        if not any(cells):
            continue
        where = f"{name}, row {number}"
        plans.add(row["plan"])
        action = _action(row["action"], where)
        if action in seen:
            raise ValueError(f"{where}: action {action} is there twice")
        seen.add(action)
        if _is_yes(row.pop(APPROVE), where):
            approved[action] = row
    if len(plans) != 1:
        raise ValueError(f"{name}: {'rows of several plans' if plans else 'no row of a plan'} in it")
    return Approvals(plans.pop(), approved)


def _action(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(
            f"{where}: the number of an action is missing; leave the columns 'plan' and 'action' as they are"
        )
    return int(text)


def _is_yes(text: str, where: str) -> bool:
    said = text.strip().casefold()
    if said not in _YES | _NO:
        raise ValueError(f"{where}: approve is 'yes', 'no' or empty, not {text[:40]!r}")
    return said in _YES


def edited(row: Mapping[str, str], told: Mapping[str, str]) -> Sequence[str]:
    """The columns of an approved row that say something else than its plan does."""
    return [column for column, text in row.items() if column in told and text.strip() != told[column].strip()]
