"""Keap's users, lead sources and tags in a run: asked once when it begins, and made where a mapping wants that.

It is one call for each of the lists that the mapping refers to, for they are short.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

import attrs
import msgspec

from keapbridge._flow.effects import Flow
from keapbridge.decide.spelling import blind
from keapbridge.mapping.entries import Entries
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.bases import Left

__all__ = ["HasEntries", "KnownEntries"]

_Told = dict[str, list[tuple[str, str]]]
"""What was told of lists: the id and the name of each entry."""


@runtime_checkable
class HasEntries(Protocol):
    """A system with lists that its records refer to by id: Keap, with its users, lead sources and tags."""

    def entries(self, of: str) -> Flow[Sequence[tuple[str, str]]]:
        """Those of a list (`"users"`), as id and name; of two with the same name, the one that counts comes first."""
        ...

    def make_entry(self, of: str, name: str) -> Flow[str]:
        """Make one and answer its id."""
        ...


@attrs.define
class KnownEntries:
    """What a session knows of the lists of Keap that a mapping refers to.

    Attributes:
        lists: what is known, by list.
        wanted: the lists that the mapping refers to.
        makes: those of the fields whose entries are made where they are not there, with their lists.
    """

    mapper: Mapper
    store: LinkStore
    lists: dict[str, Entries] = attrs.field(factory=dict)
    wanted: Collection[str] = attrs.field(
        init=False, default=attrs.Factory(lambda self: _wanted(self.mapper), takes_self=True)
    )
    makes: Mapping[str, str] = attrs.field(
        init=False, default=attrs.Factory(lambda self: _made(self.mapper), takes_self=True)
    )

    def known(self, system: object) -> Flow[Mapping[str, Entries]]:
        """All of them, asked for unless that was done."""
        if not self.lists.keys() >= set(self.wanted):
            yield from self.learn(system)
        return self.lists

    def learn(self, system: object) -> Flow[bool]:
        """Ask anew; whether the ids of the records may mean something else than they did in the run before."""
        if not self.wanted:
            return False
        yield from self._ask(system)
        for entries in self.lists.values():
            entries.may_make = True
        return (yield from self._note())

    def make(self, system: object, values: Iterable[Mapping[str, Canonical]]) -> Flow[None]:
        """Make what these values name and Keap does not have, one after the other, after a last look.

        What is needed later than that is made by the next run.
        """
        asked = False
        for each in values:
            for of, name in self._named(each):
                if of in self.lists and self.lists[of].id_of(name):
                    continue
                if not asked:
                    yield from self._ask(system)
                    asked = True
                if self.lists[of].id_of(name) is None:
                    assert isinstance(system, HasEntries)  # it was asked for them
                    self.lists[of].add((yield from system.make_entry(of, name)), name)
                    yield from self._note()
        if not asked:
            yield from self.known(system)
        for entries in self.lists.values():
            entries.may_make = False

    def _named(self, values: Mapping[str, Canonical]) -> Iterator[tuple[str, str]]:
        """The lists and names of the entries that some values are made of, as far as they are made."""
        for field, of in self.makes.items():
            for name in self.mapper[field].kind.names_in(values.get(field)):
                yield of, name

    def _ask(self, system: object) -> Flow[None]:
        assert isinstance(system, HasEntries)  # a mapping with such fields is made for a system that has them
        for name in self.wanted:
            entries = self.lists.setdefault(name, Entries())
            entries.learn((yield from system.entries(name)))

    def _note(self) -> Flow[bool]:
        """Note what the ids mean; whether one means something else than was noted before.

        What Keap has lost with an entry was taken by nobody: a tag that is deleted is no more among those that contacts
        were known to have, and what was called by a name that is another entry's by now is not known any more.
        """
        told = yield from self.store.facts.get(self._fact)
        now: _Told = {name: entries.told for name, entries in sorted(self.lists.items())}
        text = msgspec.json.encode(now).decode()
        if told == text:
            return False
        before: _Told = {} if told is None else msgspec.json.decode(told, type=_Told)
        left = dict(self._left(before, now))
        if left:
            yield from self.store.bases.forget_parts(self.mapper.name, Side.KEAP, left)
        yield from self.store.facts.set(self._fact, text)
        return _means_else(before, now)

    def _left(self, before: _Told, now: _Told) -> Iterator[tuple[str, Left]]:
        """The fields whose values have lost entries, with what is left of a value."""
        for lens in self.mapper.lenses:
            of = lens.kind.entries
            if of is None or not (gone := _gone(before.get(of, ()), now.get(of, ()))):
                continue
            there = {blind(name) for _, name in now[of]}
            names = gone if lens.kind.is_marked else {name for name in gone if blind(name) in there}
            if names:
                yield lens.name, partial(lens.kind.without, names=names)

    @property
    def _fact(self) -> str:
        return f"{self.mapper.name}_entries"


def _wanted(mapper: Mapper) -> Collection[str]:
    return sorted({lens.kind.entries for lens in mapper.lenses if lens.kind.entries is not None})


def _made(mapper: Mapper) -> Mapping[str, str]:
    kinds = {lens.name: lens.kind for lens in mapper.lenses}
    return {name: kind.entries for name, kind in kinds.items() if kind.makes and kind.entries is not None}


def _gone(before: Iterable[tuple[str, str]], now: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The names of entries that are gone, unless they are also those of others that were there."""
    ids, told = {id for id, _ in now}, tuple(before)
    kept = {blind(name) for id, name in told if id in ids}
    return frozenset(name for id, name in told if id not in ids and blind(name) not in kept)


def _means_else(before: _Told, now: _Told) -> bool:
    """Whether an id of one of the lists means something else than before; a new one was not understood so far."""
    return any(
        dict(now.get(name, ())).get(id) != meaning for name, entries in before.items() for id, meaning in entries
    )
