"""What a new record must have, and what is put in its place where it has not. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from keapbridge.errors import UnfitError
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["as_given", "fill_required", "never"]


def fill_required(mapper: Mapper, side: Side, values: Mapping[str, Canonical]) -> dict[str, Canonical]:
    """The values of a new record with its fallbacks.

    Raises:
        UnfitError: naming what a new record on this side must have and this one has not.
    """
    filled = dict(values)
    for lens in mapper.lenses:
        if side in lens.required and filled.get(lens.name) is None:
            value = filled.get(lens.fallback) if lens.fallback else None
            if value is None:
                raise UnfitError(f"{side.title} needs {lens.name}")
            filled[lens.name] = value
    for lens in mapper.homeless:
        if side is Side.KEAP and side in lens.required and filled.get(lens.fallback or "") is None:
            raise UnfitError(f"{side.title} needs {lens.name}, and Customcrm has no place for it")
    if all(value is None for value in filled.values()):
        raise UnfitError(f"{side.title} has no place for anything that it holds")
    if beside := mapper.needed.get(side):
        raise UnfitError(f"{side.title} needs {', '.join(beside)}, and nothing is mapped to it")
    needed = mapper.needs_any.get(side, ())
    if needed and all(filled.get(name) is None for name in needed):
        raise UnfitError(f"{side.title} needs at least one of {', '.join(needed)}")
    return filled


def never(mapper: Mapper, side: Side) -> str | None:
    """Why no record at all can be made on this side, whatever it holds; `None` when some can."""
    if beside := mapper.needed.get(side):
        return f"{side.title} needs {', '.join(beside)}, and nothing is mapped to it"
    mapped = {lens.name for lens in mapper.lenses}
    for lens in mapper.homeless:
        if side is Side.KEAP and side in lens.required and lens.fallback not in mapped:
            return f"{side.title} needs {lens.name}, and Customcrm has no place for it"
    return None


def as_given(mapper: Mapper, side: Side, filled: Mapping[str, Canonical]) -> dict[str, Canonical]:
    """The other way round: what the source had of a new record, without what its fallbacks filled in."""
    given = dict(filled)
    for lens in mapper.lenses:
        fills = lens.fallback is not None and side in lens.required
        if fills and lens.name in filled and filled[lens.name] == filled.get(lens.fallback or ""):
            given[lens.name] = None
    return given
