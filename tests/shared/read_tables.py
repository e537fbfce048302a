"""Tables as an inspection reads them, made by hand, and what is proposed of them for contacts."""

from __future__ import annotations

from typing import Any

import keapbridge as kb
from keapbridge.inspecting.proposal import propose
from keapbridge.inspecting.schema import Column, ForeignKey, Schema, Table


def table(
    name: str, columns: str, *rows: tuple[Any, ...], refers: dict[str, str] | None = None, **options: Any
) -> Table:
    """A table whose first column is its key; names that end in a `#` are numbers."""
    names = [each.removesuffix("#") for each in columns.split()]
    made = tuple(
        Column(name=n, family="integer" if each.endswith("#") else "text", counts=i == 0 and each.endswith("#"))
        for i, (n, each) in enumerate(zip(names, columns.split(), strict=True))
    )
    keys = tuple(ForeignKey(columns=(c,), table=t, remote=(f"{t}_id",)) for c, t in (refers or {}).items())
    return Table(name=name, columns=made, key=(names[0],), rows=rows, foreign_keys=keys)


def contacts(*tables: Table) -> tuple[kb.SqlTable, list[str]]:
    found = propose(Schema(dialect="sqlite", tables=tables))
    return found.tables["contacts"], [str(finding) for finding in found.findings]


PERSON = "person_id# first_name last_name email"
PEOPLE = ((1, "Ada", "Berg", "ada@example.org"), (2, "Bo", "Dahl", "bo@example.org"))
