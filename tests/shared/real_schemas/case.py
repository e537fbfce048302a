"""One schema of others, and what is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

__all__ = ["RealSchema"]


@attrs.frozen(kw_only=True)
class RealSchema:
    """A database as an application makes it.

    Attributes:
        name: of the application.
        engine: where it lives.
        version: of which the facts are.
        guessed: what is not known, or left out.
        sql: makes its tables and rows.
        edits: what is changed in the proposal that is printed: a text and what takes its place.
        records: how many there are of each synchronization.
        theirs: an edit in Keap: synchronization, table, column, key column, its value, what the cell holds afterwards.
        changes: the attributes that are changed in Keap for it.
        ours: an edit in the database, and what Keap's record holds afterwards, by a path.
        stamps: columns that every write moves.
        default_region: of phone numbers without a prefix.
        told: what the findings must have among them.
        one_way: an edit of a contact in Keap that writes nothing here.
        makes: the tables in which a new contact of Keap gets a row each; none where it cannot be made here.
        made: makes a contact in the database: its last name is `Nova`.
    """

    name: str
    engine: Literal["sqlite", "postgresql", "mariadb"]
    version: str
    guessed: str
    sql: str
    records: Mapping[str, int]
    theirs: tuple[str, str, str, str, Any, Any]
    changes: Mapping[str, Any]
    ours: tuple[str, str]
    edits: tuple[tuple[str, str], ...] = ()
    stamps: frozenset[str] = frozenset()
    default_region: str | None = None
    told: tuple[str, ...] = ()
    one_way: Mapping[str, Any] = attrs.field(factory=dict)
    makes: tuple[str, ...] = ()
    made: str = ""
