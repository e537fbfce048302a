"""What columns with JSON hold, place by place, as if each were a column of its own: `name->en_US`. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from keapbridge.customcrm.sql.documents import ARROW
from keapbridge.inspecting.schema import Column, Family, Table

__all__ = ["is_language", "with_places"]

_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Z][A-Za-z]+)?")
_MOST = 20  # places of one column
_FAMILIES: tuple[tuple[type, Family], ...] = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text"))


def is_language(key: str) -> bool:
    """Whether a key is the code of a language: `en_US`."""
    return _LANGUAGE.fullmatch(key) is not None


def with_places(table: Table) -> Table:
    """A table with the places that its documents have."""
    columns, rows = list(table.columns), [list(row) for row in table.rows]
    for place, column in enumerate(table.columns):
        documents = [_object(row[place]) for row in table.rows]
        filled = [row[place] for row in table.rows if row[place] is not None]
        if column.family not in {"json", "text"} or not filled or sum(map(bool, documents)) < len(filled):
            continue
        for key in _keys(documents):
            found = [None if held is None else held.get(key) for held in documents]
            family = _family(found)
            if family is not None:
                columns.append(Column(name=f"{column.name}{ARROW}{key}", family=family))
                for row, value in zip(rows, found, strict=True):
                    row.append(value)
    return attrs.evolve(table, columns=tuple(columns), rows=tuple(map(tuple, rows)))


def _object(cell: Any) -> Mapping[str, Any] | None:
    if isinstance(cell, str) and cell.lstrip().startswith("{"):
        try:
            cell = json.loads(cell)
        except ValueError:
            return None
    return cell if isinstance(cell, Mapping) else None


def _keys(documents: list[Mapping[str, Any] | None]) -> list[str]:
    """The keys that count: of languages only the one that most have."""
    counted = Counter(key for held in documents if held for key in held if ARROW not in key and key)
    languages = [key for key, _ in counted.most_common() if is_language(key)]
    if languages and len(languages) == len(counted):
        best = max(languages, key=lambda key: (counted[key], key.startswith("en"), -len(key)))
        return [best]
    return [key for key, _ in counted.most_common(_MOST)]


def _family(values: list[Any]) -> Family | None:
    types = {type(value) for value in values if value is not None}
    return next((family for cls, family in _FAMILIES if types == {cls}), None)
