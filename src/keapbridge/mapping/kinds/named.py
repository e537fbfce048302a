"""What records of Keap refer to by id and Customcrm calls by name: users, lead sources, companies. Pure."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.mapping.entries import Entries
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, line
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["CompanyName", "LeadSource", "Owner"]

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
