"""Which row is meant by what properties name: a country by its name, a city by its own and that of its country."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import sqlalchemy as sa

from keapbridge.customcrm.sql.gathering import Found
from keapbridge.customcrm.sql.parts import Part, Tables, condition
from keapbridge.customcrm.sql.table import SqlLookup
from keapbridge.errors import StatusError
from keapbridge.model.maybe import Unreadable

__all__ = ["Wanted", "find_row", "refers_to"]


@attrs.frozen
class Wanted:
    """What a row is to hold, with what it refers to, by property."""

    values: Mapping[str, Any]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is named."""
        return not self.values

    def missing_in(self, part: Part) -> str:
        """That no row holds this, in words."""
        return f"{part.table.name} has no row with this {' and '.join(sorted(self.values))}"

    @classmethod
    def of(cls, tables: Tables, part: Part, given: Mapping[str, Any], found: Found | None) -> Wanted:
        """What is named by the properties of a lookup: those that are given, and the others as they are."""
        values: dict[str, Any] = {}
        for each in _tree(tables, part):
            row = None if found is None else found.row(each)
            for name, column in each.columns.items():
                if name in given:
                    values[name] = given[name]
                elif row is not None and not isinstance(row, Unreadable):
                    values[name] = row[column.name]
        return cls({name: value for name, value in values.items() if value not in (None, "")})

    @staticmethod
    def properties(tables: Tables, part: Part) -> frozenset[str]:
        """The properties that a row of a lookup is found by, those of what it refers to among them."""
        return frozenset(name for each in _tree(tables, part) for name in each.columns)

    @staticmethod
    def concerns(tables: Tables, part: Part, given: Mapping[str, Any]) -> bool:
        """Whether any of these properties is kept in the rows of a lookup."""
        return not Wanted.properties(tables, part).isdisjoint(given)

    def below(self, tables: Tables, part: Part) -> Wanted:
        """What is named of a lookup that another one hangs on."""
        names = Wanted.properties(tables, part)
        return Wanted({name: value for name, value in self.values.items() if name in names})


def refers_to(part: Part) -> str:
    """What becomes of what no row of a lookup has."""
    return part.given.missing if isinstance(part.given, SqlLookup) else "hold"


def _tree(tables: Tables, part: Part) -> list[Part]:
    return [part, *(each for child in tables.below(part) for each in _tree(tables, child))]


def find_row(
    connection: sa.Connection,
    tables: Tables,
    part: Part,
    wanted: Wanted,
    stored: Callable[[Part, sa.Column[Any], Any], Any],
) -> Any:
    """The value by which the row that is meant is referred to; `None` where there is none.

    Letter for letter, or else whatever the case of its texts.

    Raises:
        StatusError: when several rows are meant.
    """
    for of_text in (lambda value: value, sa.func.lower):
        rows: Any = part.table
        conditions = list(part.where)
        for each in _tree(tables, part):
            if each is not part:
                remote, local = each.link
                more = [condition(each.table.c[name], value) for name, value in each.given.where.items()]
                rows = rows.outerjoin(each.table, sa.and_(remote == local, *more))
            for name, column in each.columns.items():
                if name in wanted.values:
                    value = stored(each, column, wanted.values[name])
                    is_text = isinstance(column.type, sa.String)
                    conditions.append(of_text(column) == of_text(value) if is_text else column == value)
        query = sa.select(part.link[0]).select_from(rows).where(*conditions).limit(2)
        found = connection.execute(query).scalars().all()
        if len(found) > 1:
            names = " and ".join(sorted(wanted.values))
            raise StatusError(f"several rows of {part.table.name} have this {names}", status=422)
        if found:
            return found[0]
    return None
