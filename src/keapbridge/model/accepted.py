"""What a person accepts for one run, and who it is: brakes and fields by name, and which side was restored. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs

from keapbridge.model.meant import is_meant
from keapbridge.model.side import Side

__all__ = ["BRAKES", "NEAR_MISSES", "Accept", "Accepted", "person"]

BRAKES: Final[Mapping[str, str]] = {
    "deletes": "max_deletes",
    "delete-share": "max_delete_share",
    "updates-share": "max_updates_share",
    "creates": "max_creates",
    "first-creates": "max_first_create_share",
}
"""The brakes on whole plans by name, each with the bound of `Policy` that it goes by."""

RESTORED: Final = "restored"
NEAR_MISSES: Final = "near-misses"
LONGEST_NAME: Final = 200

Accept = Collection[str | Mapping[str, str | Side]] | Mapping[str, str | Side]
"""What `accept=` takes: names of brakes and of fields (`"contacts.JobTitle"`), `"near-misses"`, and
`{"restored": "customcrm"}`."""


@attrs.frozen
class Accepted:
    """What is accepted for one run.

    Attributes:
        brakes: brakes on whole plans, by name.
        fields: fields that may be emptied or levelled, each as synchronization and field.
        restored: the side whose values are taken of records that went back to an earlier state.
        near_misses: whether records that are only near to each other are others, and get their counterparts.
    """

    brakes: frozenset[str] = frozenset()
    fields: frozenset[tuple[str, str]] = frozenset()
    restored: Side | None = None
    near_misses: bool = False

    @classmethod
    def of(cls, given: Accept, fields: Mapping[str, Collection[str]]) -> Accepted:
        """What a host says, checked.

        Args:
            fields: the fields of each synchronization of the run.

        Raises:
            TypeError: for what is neither a collection of names nor a mapping.
            ValueError: for a name or a side that there is not.
        """
        accepted = cls()
        for item in _items(given):
            accepted = accepted._with(item, fields) if isinstance(item, str) else accepted._with_side(*item)
        return accepted

    def _with(self, name: str, fields: Mapping[str, Collection[str]]) -> Accepted:
        if name in BRAKES:
            return attrs.evolve(self, brakes=self.brakes | {name})
        if name == NEAR_MISSES:
            return attrs.evolve(self, near_misses=True)
        object, _, field = name.partition(".")
        if field not in fields.get(object, ()):
            raise ValueError(f"accept: {_unknown(name, fields)}")
        return attrs.evolve(self, fields=self.fields | {(object, field)})

    def _with_side(self, name: Any, side: Any) -> Accepted:
        if name != RESTORED:
            raise ValueError(
                f"accept: a mapping tells whose values are right after a restore, {{'restored': 'keap'}}, not {name!r}"
            )
        found = Side.of(side, "accept: restored")
        if self.restored not in {None, found}:
            raise ValueError("accept: only one side's values can be right after a restore")
        return attrs.evolve(self, restored=found)


def person(by: Any) -> str | None:
    """The name of who decides; `None` where nobody says it.

    Raises:
        TypeError: for what is no text.
        ValueError: for a text that is no name: empty, of several lines, or longer than a name.
    """
    if by is None:
        return None
    if not isinstance(by, str):
        raise TypeError(f"by: the name of who decides, by='anna', not {type(by).__name__}")
    name = by.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"by: the name of who decides, by='anna': one line of 1 to {LONGEST_NAME} characters")
    return name


def _items(given: Any) -> Iterator[str | tuple[Any, Any]]:
    """Names, and the items of mappings."""
    if isinstance(given, Mapping):
        yield from given.items()
        return
    if isinstance(given, str):
        raise TypeError(f"accept takes several names: accept=[{given!r}]")
    if not isinstance(given, Collection) or isinstance(given, (bytes, bytearray)):
        raise TypeError(f"accept takes names and a mapping, not {type(given).__name__}")
    for item in given:
        if isinstance(item, Mapping):
            yield from item.items()
        elif isinstance(item, str):
            yield item
        else:
            raise TypeError(f"accept takes names and a mapping, not {type(item).__name__}")


def _unknown(name: str, fields: Mapping[str, Collection[str]]) -> str:
    """What to say about a name that there is not."""
    if name == RESTORED:
        return "say whose values are right after a restore: {'restored': 'customcrm'} or {'restored': 'keap'}"
    known = [*BRAKES, NEAR_MISSES, *(f"{object}.{field}" for object, its in fields.items() for field in its)]
    without_object = {each.partition(".")[2]: each for each in reversed(known) if "." in each}
    meant = is_meant(name, {**{each: each for each in known}, **without_object})
    object, _, field = name.partition(".")
    if not field:
        return f"there is no brake {name!r}" + (meant or f"; there are {', '.join(BRAKES)}, {NEAR_MISSES}, and fields")
    if object in fields:
        return f"{object} has no field {field!r}{meant}"
    return f"{object!r} is not in this run, which is of {', '.join(fields)}{meant}"
