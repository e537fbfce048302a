"""How rows and records show themselves in a notebook. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from keapbridge.showing.html import display, element, table
from keapbridge.tables.values import Cell, cells, row_of

__all__ = ["card", "show_rows"]

ROWS = 20
COLUMNS = 10
MEMBERS = 60  # of a record


def show_rows(rows: Sequence[Mapping[str, Cell]], total: int, of: str) -> str:
    """The first rows of a table, with the columns that hold most in them.

    Args:
        total: how many rows there are.
        of: what they are.
    """
    first = list(islice(rows, ROWS))
    filled = {name: sum(row.get(name) not in (None, "") for row in first) for row in first for name in row}
    shown = sorted(filled, key=lambda name: -filled[name])[:COLUMNS]
    columns = [name for name in filled if name in shown]
    told = [f"the first {ROWS} of them"] if total > ROWS else []
    told += [f"{len(filled) - len(columns)} more columns"] if len(filled) > len(columns) else []
    more = element("p", f"{'; '.join(told)}: to_dicts() has them all", cls="q") if told else None
    body = table(columns, ([row.get(name) for name in columns] for row in first)) if first else None
    return display(f"{total:,} {of}", body, more)


def card(record: Any) -> str:
    """A record: what it shows, a line for each property. It is the `_repr_html_` of records."""
    found = cells(row_of(record))
    more = element("p", f"and {len(found) - MEMBERS} more properties", cls="q") if len(found) > MEMBERS else None
    return display(type(record).__name__, table(("", ""), islice(found.items(), MEMBERS)), more)
