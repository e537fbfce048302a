"""What is to be checked of a mapping: for every property and each way that it flows, one line. Pure."""

from __future__ import annotations

import attrs

from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.maybe import UNSET
from keapbridge.model.side import Side

__all__ = ["Check", "checklist"]


@attrs.frozen
class Check:
    """One line of the checklist.

    Attributes:
        object: the synchronization (`"contacts"`).
        field: the pair of properties, by its name.
        to: the side that an edit must reach.
        sentence: what is to be done and seen.
    """

    object: str
    field: str
    to: Side
    sentence: str

    def __str__(self) -> str:
        return f"{self.object}: {self.sentence}"


def checklist(mapper: Mapper) -> tuple[Check, ...]:
    """The lines of a synchronization, by property; to Keap first."""
    return tuple(
        Check(mapper.name, lens.name, to, _sentence(mapper, lens, to))
        for lens in mapper.lenses
        for to in (Side.KEAP, Side.CUSTOMCRM)
        if lens.flows_to(to)
    )


def _sentence(mapper: Mapper, lens: Lens, to: Side) -> str:
    objects = {Side.CUSTOMCRM: mapper.customcrm_object, Side.KEAP: mapper.keap_object}
    source, target = lens.place(to.other), lens.place(to)
    made = f"a record of {to.other.title}'s {objects[to.other]}"
    way = f"{to.other.title} to {to.title}"
    if source.constant is not UNSET:
        return f"{way}: the counterpart of {made} has {source.path.removeprefix('always ')} in {target.path}."
    return f"{way}: make {made} with {source.path}, then edit it; both times {to.title} shows it in {target.path}."
