"""Keap's users, lead sources and tags by name, as far as a run was told: what their ids mean. Pure but for that.

A name is one however it is spelt: two lead sources whose names nobody can tell apart count as the older one.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from keapbridge.decide.spelling import blind

__all__ = ["Entries"]


@attrs.define
class Entries:
    """One of the lists of Keap, by id and by name.

    Attributes:
        names: the name by id; of those with the same name, the one that counts.
        ids: the id by name, in the one spelling that stands for all.
        may_make: whether what is not there may still be made: while a plan is made, and until it is applied.
    """

    names: dict[str, str] = attrs.field(factory=dict)
    ids: dict[str, str] = attrs.field(factory=dict)
    may_make: bool = True

    def learn(self, found: Iterable[tuple[str, str]]) -> None:
        """Hold these, as id and name, instead of what was known; of two with the same name the first one counts."""
        self.names, self.ids = {}, {}
        for id, name in found:
            self.add(id, name)

    def add(self, id: str, name: str) -> None:
        """Hold one more."""
        key = blind(name)
        if key:
            first = self.ids.setdefault(key, id)
            self.names[id] = self.names.get(first, name.strip())

    def named(self, name: str) -> str:
        """The name in the spelling of Keap, where it has one like it."""
        id = self.ids.get(blind(name))
        return name.strip() if id is None else self.names[id]

    def id_of(self, name: str) -> str | None:
        """Whose name it is."""
        return self.ids.get(blind(name))

    @property
    def told(self) -> list[tuple[str, str]]:
        """All of them, in one order."""
        return sorted(self.names.items())
