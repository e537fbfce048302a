"""What records of Keap refer to by id and Customcrm calls by name: users, lead sources, companies, tags. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from attrs import frozen

from keapbridge.decide.spelling import blind
from keapbridge.errors import UnfitError
from keapbridge.mapping.entries import Entries
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, line
from keapbridge.mapping.kinds.choices import Choices
from keapbridge.model.maybe import UNSET, Maybe
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["CompanyName", "LeadSource", "Owner", "Tags", "marks_of"]

_NONE = Entries()


@frozen
class _Named(Kind):
    """An entry of one of Keap's lists. Canonical is its name, in Keap's spelling where Keap has it."""

    listed: ClassVar[str]
    what: ClassVar[str]
    fits_custom_field: ClassVar[bool] = False
    few_values: ClassVar[bool] = True

    @property
    def entries(self) -> str:
        return self.listed

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not line(raw).strip():
            return None
        text = line(raw).strip()
        entries = context.entries.get(self.listed, _NONE)
        if side is Side.CUSTOMCRM:
            return entries.named(text)
        if text == "0":  # as Keap shows that there is none
            return None
        if (name := entries.names.get(text)) is None:
            raise UnfitError(f"Keap does not show {self.what} with the id {text}")
        return name

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None or side is Side.CUSTOMCRM:
            return value
        id = context.entries.get(self.listed, _NONE).id_of(str(value))
        if id is None:
            raise UnfitError(f"{self.what} of that name is yet to be made in Keap")
        return id

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if value is None or side is Side.CUSTOMCRM:
            return value
        entries = context.entries.get(self.listed, _NONE)
        if entries.id_of(str(value)) is None and not (self.makes and entries.may_make):
            raise UnfitError(f"Keap has no {self.what.removeprefix('a ')} of that name")
        return value

    def is_same_text(
        self, now: tuple[Canonical, Canonical], before: tuple[Canonical, Canonical], context: Context
    ) -> bool:
        # Customcrm's spelling stands alone once the entry is called otherwise in Keap.
        return now[0] is not None and blind(str(now[0])) == blind(str(before[0]))

    def sample(self, asked: Asked) -> Sample | None:
        known = asked.links.get(self.listed, ())
        return Sample(*known[asked.turn]) if len(known) > 1 else None


@frozen
class Owner(_Named):
    """A user of Keap, by e-mail address."""

    listed: ClassVar[str] = "users"
    what: ClassVar[str] = "a user"


@frozen
class _Makeable(_Named):
    """One that can be made.

    Attributes:
        create: whether one that Keap does not have is made.
    """

    create: bool = False

    @property
    def makes(self) -> bool:
        return self.create


@frozen
class LeadSource(_Makeable):
    """A lead source of Keap, by name."""

    listed: ClassVar[str] = "lead_sources"
    what: ClassVar[str] = "a lead source"


@frozen
class CompanyName(_Makeable):
    """A company of Keap, by name, where Customcrm keeps no more of it with a contact than that."""

    listed: ClassVar[str] = "company_names"
    what: ClassVar[str] = "a company"


@frozen
class Tags(Kind):
    """The tags of a contact, by name: canonical is the JSON of the sorted list. Each comes and goes by itself.

    Attributes:
        separator: what stands between the names in Customcrm, where it keeps them in one text; else it keeps a list.
        create: whether a tag that Keap does not have is made.
    """

    separator: str | None = None
    create: bool = False
    fits_custom_field: ClassVar[bool] = False
    few_values: ClassVar[bool] = True
    is_marked: ClassVar[bool] = True

    @property
    def entries(self) -> str:
        return "tags"

    @property
    def makes(self) -> bool:
        return self.create

    @property
    def _texts(self) -> Choices:
        return Choices(separator=self.separator)

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None:
            return None
        entries = context.entries.get(self.entries, _NONE)
        if side is Side.CUSTOMCRM:
            return _joined(entries.named(name) for name in _names(self._texts.read(raw, side, scope, context)))
        if not isinstance(raw, (list, tuple)):
            raise UnfitError("not a list")
        ids = [line(id) for id in raw]
        if unknown := [id for id in ids if id not in entries.names]:
            raise UnfitError(f"Keap does not show a tag with the id {unknown[0]}")
        return _joined(entries.names[id] for id in ids)

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if side is Side.CUSTOMCRM or value is None:
            return self._texts.write(value, side, context)
        ids = [context.entries.get(self.entries, _NONE).id_of(name) for name in _names(value)]
        if None in ids:
            raise UnfitError("a tag of that name is yet to be made in Keap")
        return ids

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if side is Side.CUSTOMCRM:
            return self._texts.fit(value, side, limit, context)
        entries = context.entries.get(self.entries, _NONE)
        if not (self.makes and entries.may_make) and not all(map(entries.id_of, _names(value))):
            raise UnfitError("Keap has no tag of one of these names")
        return value

    def combined(self, now: Canonical, other: Canonical, base: Maybe[Canonical]) -> Maybe[Canonical]:
        mine, theirs, before = (_by_key(None if value is UNSET else value) for value in (now, other, base))
        kept = [name for key, name in mine.items() if key in theirs or key not in before]
        return _joined([*kept, *(name for key, name in theirs.items() if key not in before and key not in mine)])

    def names_in(self, value: Canonical) -> Collection[str]:
        return _names(value)

    def without(self, value: Canonical, names: Collection[str]) -> Maybe[Canonical]:
        return _joined(name for name in _names(value) if name not in names)

    def sample(self, asked: Asked) -> Sample | None:
        known = asked.links.get(self.entries, ())
        if len(known) < 2:
            return None
        name, id = known[asked.turn]
        return Sample(name if self.separator else [name], [id])


def marks_of(before: Canonical, after: Canonical, held: Iterable[str], context: Context) -> tuple[list[str], list[str]]:
    """The ids of the tags that a contact gets and loses, so that it has the tags of other names.

    Two tags may have one name: it loses both of them, and keeps the one that it has.

    Args:
        held: the ids of the tags that it has.

    Raises:
        UnfitError: when Keap does not have a tag of one of the names.
    """
    old, new = set(_names(before)), set(_names(after))
    entries = context.entries.get("tags", _NONE)
    added = [entries.id_of(name) for name in sorted(new - old)]
    if None in added:
        raise UnfitError("a tag of that name is yet to be made in Keap")
    gone = [id for id in held if entries.names.get(id) in old - new]
    return [id for id in added if id is not None], gone


def _names(value: Canonical) -> list[str]:
    return [] if value is None else list(json.loads(str(value)))


def _joined(names: Iterable[str]) -> Canonical:
    """The canonical form of some names, of which spellings that nobody can tell apart are one."""
    found = {blind(name): name for name in sorted(names, reverse=True)}
    return json.dumps(sorted(found.values()), ensure_ascii=False) if found else None


def _by_key(value: Canonical) -> dict[str, str]:
    return {blind(name): name for name in _names(value)}
