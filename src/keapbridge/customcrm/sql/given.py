"""What a host gives of its tables, checked: names, columns, values, functions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from keapbridge.model.given import named_values, one_of, wrong

__all__ = [
    "A_JOIN",
    "A_LOOKUP",
    "a_function",
    "columns_by_property",
    "name_in_database",
    "several",
    "values_by_name",
]

A_JOIN = "several joins, such as joins=[kb.SqlJoin('addresses', remote='person_id', columns={'City': 'city'})]"
A_LOOKUP = (
    "several lookups, such as lookups=[kb.SqlLookup('countries', local='country_id', columns={'Country': 'name'})]"
)
_TABLES = ("name", "table", "schema", "through")
_COLUMNS = "{'FirstName': 'first_name'}"


def name_in_database(what: str, given: Any) -> None:
    """The name of a table or a column: anything but nothing, spaces too."""
    if not isinstance(given, str) or not given:
        example = f"{what}='people'" if what in _TABLES else f"{what}='updated_at'"
        raise wrong(what, f"a name in the database, such as {example}", given)


def columns_by_property(what: str, given: Any) -> None:
    """Columns by the names of properties; `None` for one without."""
    for property, column in named_values(what, given, example=_COLUMNS).items():
        if column is not None and (not isinstance(column, str) or not column):
            raise wrong(what, f"the column of {property} as a text, such as {what}={_COLUMNS}", column)


values_by_name = partial(named_values, example="{'kind': 'billing'}")
"""Values by the names of columns or properties."""


def a_function(what: str, given: Any) -> None:
    """Anything that can be called."""
    if not callable(given):
        raise wrong(what, "a function", given)


def several(what: str, cls: type, example: str, given: Any) -> tuple[Any, ...]:
    """Parts of one type, in one form."""
    if isinstance(given, (str, Mapping, cls)) or not isinstance(given, Iterable):
        raise wrong(what, example, given)
    return tuple(one_of(what, each, cls, example) for each in given)
