"""Tables of a database as TOML: `contacts = {name = "people", id = "id", columns = {FirstName = "vorname"}}`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from keapbridge._toml.named import name_of
from keapbridge._toml.reading import join, read_class
from keapbridge._toml.values import from_plain, to_plain
from keapbridge._toml.writing import told

__all__ = ["table_from", "table_table"]

T = TypeVar("T")

VALUES = ("where", "on_create", "on_write", "constants")  # what holds any values, by column or property


def table_from(kind: type[T], data: Any, where: str = "") -> T:
    """A table from what a TOML file holds; `false` stands for `None`, and functions are named as `module:name`.

    Args:
        kind: its class, `SqlTable`.

    Raises:
        ValueError: naming the key, for what cannot be.
    """
    return read_class(kind, data, where, {Mapping[str, Any]: _values, Callable[..., Any]: _function})


def table_table(table: Any) -> dict[str, Any]:
    """A table (`SqlTable`) as TOML has it: what is not as by default.

    Raises:
        ValueError: for a function that has no name in a module.
    """
    data = _with_values(table, told(table))
    if table.new_id is not None:
        data["new_id"] = name_of(table.new_id)
    for others in ("joins", "lookups"):
        for other, given in zip(getattr(table, others), data.get(others, ()), strict=False):
            _with_values(other, given)
    return data


def _with_values(given: Any, data: dict[str, Any]) -> dict[str, Any]:
    for name in VALUES:
        values = getattr(given, name, None)
        if values:
            data[name] = {key: to_plain(value) for key, value in values.items()}
    return data


def _values(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: must be a table, not {value!r}")
    return {key: from_plain(item, join(where, key)) for key, item in value.items()}


def _function(value: Any, where: str) -> Any:
    return from_plain({"function": value}, where)
