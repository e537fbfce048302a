"""Whether the parts of a mapper fit together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from keapbridge.errors import MappingError
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.match_keys import MatchKey, NearKey
from keapbridge.model.maybe import UNSET
from keapbridge.model.meant import is_meant
from keapbridge.model.side import Side

__all__ = ["check_keys", "check_lenses"]


def check_lenses(name: str, lenses: Sequence[Lens]) -> None:
    """Raise `MappingError` for fields that are mapped twice, or before what they depend on."""
    seen: set[str] = set()
    paths: dict[str, str] = {}
    for lens in lenses:
        # The label of a custom field may have a plus of its own.
        own = [lens.keap.path] if lens.keap.custom is not None else lens.keap.path.split("+")
        for path in own if lens.keap.constant is UNSET else ():
            if path in paths:
                both = f"by {paths[path]} and by {lens.name}"
                raise MappingError(f"{name}: Keap's {path} is mapped twice, {both}: leave one of them out")
            paths[path] = lens.name
        if lens.name in seen:
            raise MappingError(f"{name}: {lens.name} is mapped twice: leave one of them out")
        if lens.scope is not None and lens.scope not in seen:
            meant = is_meant(lens.scope, seen)
            raise MappingError(f"{name}: {lens.name} depends on {lens.scope}, which must be mapped before it{meant}")
        if lens.follows is not None:
            _check_follower(name, lens, next(other for other in lenses if other.name == lens.follows))
        seen.add(lens.name)


def check_keys(mapper: str, lenses: Sequence[Lens], keys: Sequence[MatchKey], nears: Sequence[NearKey]) -> None:
    """Raise `MappingError` for keys of fields that are not mapped."""
    seen = {lens.name for lens in lenses}
    for key in keys:
        for name in (*key.fields, *key.apart):
            if name not in seen:
                raise MappingError(f"{mapper}: the match key {'+'.join(key.fields)} needs {name}{is_meant(name, seen)}")
    for near in nears:
        for name in (*near.fields, *near.apart, *near.unless):
            if name not in seen:
                raise MappingError(
                    f"{mapper}: what is near by {'+'.join(near.fields)} needs {name}{is_meant(name, seen)}"
                )


def _check_follower(name: str, follower: Lens, scope: Lens) -> None:
    for side in Side:
        if follower.flows_to(side) and not scope.flows_to(side):
            raise MappingError(
                f"{name}: {follower.name} flows to {side.title} and {scope.name} does not: "
                f"it would end up in another {scope.name}"
            )
