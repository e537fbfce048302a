"""Which properties of an API's records are which of the default profile, by the words of `inspecting`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from keapbridge.customcrm.paths import has, last_name
from keapbridge.detecting.records import leaves
from keapbridge.detecting.values import family_of, stamps_of
from keapbridge.inspecting.naming import column_scores, letters
from keapbridge.inspecting.schema import Column, Table
from keapbridge.inspecting.scoring import PROPERTIES, assigned, looks_of, scores_of
from keapbridge.inspecting.shapes import Looks
from keapbridge.model.maybe import UNSET
from keapbridge.model.names import CONTACTS

__all__ = ["Found", "Part", "found_in", "parts_of"]

_AROUND = frozenset({"attributes", "properties", "fields", "data", "relationships", "value", "values", "columns"})
"""What says nothing of what is in it."""
_ROLES = ("modified", "created", "deleted")
_NO = (None, "")
_EXACT = 0.76  # of a score; what a word and its values say together counts more


@attrs.frozen
class Part:
    """A property of the records, and where it was seen.

    Attributes:
        path: where it is.
        shown: how many of the listed records have it.
        filled: how many of them hold something there.
        of: how many records were listed.
        alone: whether a record that is read by its id has it; `None` where none was read.
        values: what was seen. It is data of people, and shown nowhere.
    """

    path: str
    shown: int
    filled: int
    of: int
    alone: bool | None
    values: tuple[Any, ...] = attrs.field(repr=False)
    names: tuple[str, ...] = ()

    @property
    def seen(self) -> Literal["all", "some", "none"]:
        """In how many of the listed records it is."""
        return "all" if self.shown == self.of and self.of else "some" if self.shown else "none"

    def __str__(self) -> str:
        told = f"in {self.seen} of {self.of} listed" if self.seen != "some" else f"in {self.shown} of {self.of} listed"
        alone = "" if self.alone is None else ", read alone too" if self.alone else ", not when read alone"
        if self.seen == "none" and self.alone:
            alone = ", only when read alone"
        return f"{told}{alone}"


@attrs.frozen
class Found:
    """What was found of the properties of one kind of record.

    Attributes:
        properties: property of the default profile → its part.
        roles: `modified`, `created`, `deleted` → its part.
        others: the paths that nothing was found for.
    """

    properties: Mapping[str, Part] = attrs.field(factory=dict)
    roles: Mapping[str, Part] = attrs.field(factory=dict)
    others: tuple[str, ...] = ()


def parts_of(listed: Sequence[Mapping[str, Any]], alone: Mapping[str, Any] | None) -> dict[str, Part]:
    """All properties of some records, by their paths."""
    each = [{leaf.path: leaf for leaf in leaves(dict(record))} for record in listed]
    single = {} if alone is None else {leaf.path: leaf for leaf in leaves(dict(alone))}
    found: dict[str, Part] = {}
    for leaf in (leaf for record in (*each, single) for leaf in record.values()):
        if leaf.path in found:
            continue
        values = [record[leaf.path].value if leaf.path in record else UNSET for record in each]
        shown = sum(has(dict(record), leaf.path) for record in listed)
        told = [value for value in values if value is not UNSET]
        if leaf.path in single:
            told.append(single[leaf.path].value)
        filled = sum(value not in _NO for value in values if value is not UNSET)
        is_alone = None if alone is None else has(dict(alone), leaf.path)
        found[leaf.path] = Part(leaf.path, shown, filled, len(listed), is_alone, tuple(told), leaf.names)
    return _leafs_only(found)


def _leafs_only(found: dict[str, Part]) -> dict[str, Part]:
    """Without what is an object in other records, and empty here."""
    return {
        path: part
        for path, part in found.items()
        if any(value is not None for value in part.values)
        or not any(other.startswith((f"{path}.", f"{path}[")) for other in found)
    }


def found_in(object: str, kind: str, parts: Mapping[str, Part], id: str) -> Found:
    """Which of them are the properties of a kind of record.

    Args:
        kind: what its path is called (`"people"`).
        id: the path of the id, which is no other property.
    """
    columns: dict[str, Part] = {}
    for path, part in parts.items():
        if path != id and not path.startswith(("links.", "_links.", "@", "relationships.links")):
            name = _called(part.names, kind)
            columns[name if name not in columns else path] = part
    table = _table(kind, columns)
    others = ("CompanyName",) if object == CONTACTS else ("FullName",)
    wanted = (*PROPERTIES[object], *_ROLES, "inactive", *others)
    seen = looks_of(table)
    scores = scores_of(table, seen, wanted)
    scores = [
        (score, name, column)
        for score, name, column in scores
        # What no record holds yet may be the time of a first edit.
        if name not in _ROLES or not seen[column].filled or _can_be(name, table[column].family)
    ]
    # The id of something inside a record refers to another one, or to nothing.
    scores = [each for each in scores if each[1] == "CustomerId" or last_name(columns[each[2]].path) != "id"]
    scores += _by_name(object, table, seen)
    scores += _as_numbers(table, {column for _, name, column in scores if name in _ROLES})
    if object != CONTACTS:
        scores = [each for each in scores if each[1] != "FullName"]
    taken = assigned(sorted(scores, key=lambda each: (-each[0], each[1])))
    chosen = {name: columns[column] for name, (column, _) in taken.items()}
    if {"FirstName", "LastName"} & chosen.keys():
        chosen.pop("FullName", None)
    properties = {name: chosen[name] for name in PROPERTIES[object] if name in chosen}
    roles = {name: chosen[name] for name in _ROLES if name in chosen}
    used = {part.path for part in chosen.values()} | {id}
    return Found(properties, roles, tuple(path for path in parts if path not in used))


def _by_name(object: str, table: Table, seen: Mapping[str, Looks]) -> list[tuple[float, str, str]]:
    """What is called exactly as a property is it, where its values do not speak for another one."""
    named = {letters(property): property for property in PROPERTIES[object]}
    return [
        (_EXACT if seen[column.name].filled else 1 + _EXACT / 100, named[letters(column.name)], column.name)
        for column in table.columns
        if letters(column.name) in named and column.family in {"text", "integer"}
    ]


def _called(names: tuple[str, ...], kind: str) -> str:
    """A path as the name of a column: the order of its words that says most."""
    own = [re.sub(r"s$", "", name) if n < len(names) - 1 else name for n, name in enumerate(names)]
    words = [word for word in own if word.lower() not in _AROUND] or [names[-1]]
    choices = (" ".join(words), " ".join(reversed(words)))
    return max(choices, key=lambda name: max(column_scores(name, kind).values(), default=0.0))


def _table(kind: str, columns: Mapping[str, Part]) -> Table:
    declared = tuple(Column(name=name, family=family_of(part.values)) for name, part in columns.items())
    count = max((len(part.values) for part in columns.values()), default=0)
    rows = tuple(
        tuple(part.values[n] if n < len(part.values) else None for part in columns.values()) for n in range(count)
    )
    return Table(name=kind, columns=declared, rows=rows)


def _can_be(role: str, family: str) -> bool:
    return family in ({"boolean", "time", "integer", "text"} if role == "deleted" else {"time"})


def _as_numbers(table: Table, taken: set[str]) -> list[tuple[float, str, str]]:
    """Times that are numbers: their names say what they are, and their values could be no other."""
    found: list[tuple[float, str, str]] = []
    for column in table.columns:
        named = column_scores(column.name, table.name)
        values = [value for value in table.values(column.name) if value is not None]
        is_time = column.family in {"integer", "number"} and stamps_of(values) is not None
        if column.name not in taken and is_time:
            found += [(named[role], role, column.name) for role in ("modified", "created") if named.get(role, 0) >= 0.5]
    return found
