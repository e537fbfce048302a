"""A lens: one pair of fields as data. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import attrs

from keapbridge._flow import UNSET
from keapbridge._side import Side
from keapbridge.errors import MappingError
from keapbridge.mapping.kinds import Canonical, Context, Kind
from keapbridge.mapping.place import Place

__all__ = ["Direction", "Lens"]

Direction = Literal["both", "to_keap", "to_customcrm"]


def _one_of(*allowed: object) -> Callable[[Any, Any, object], None]:
    def check(lens: Any, attribute: Any, value: object) -> None:
        if value not in allowed:
            names = ", ".join(repr(name) for name in allowed if name is not None)
            raise MappingError(f"{lens.name}: {attribute.name} must be one of {names}, not {value!r}")

    return check


@attrs.frozen
class Lens:
    """One pair of fields that mean the same.

    Attributes:
        name: the Customcrm property, which names the field everywhere.
        keap_type: the data type on Keap's side, for people.
        limits: the most characters that a side holds.
        scope: the lens whose value this one depends on (a region's country).
        required: sides on which a record cannot be made without it.
        fallback: the lens whose value is written where a side requires one and there is none.
        policy: who wins a conflict in this field, when it is not as for the others.
    """

    name: str
    kind: Kind
    customcrm: Place
    keap: Place
    keap_type: str = "string"
    direction: Direction = attrs.field(default="both", validator=_one_of(*get_args(Direction)))
    limits: dict[Side, int] = attrs.field(factory=dict)
    scope: str | None = None
    required: frozenset[Side] = frozenset()
    fallback: str | None = None
    policy: str | None = attrs.field(default=None, validator=_one_of(None, "newest", "customcrm", "keap", "manual"))

    def place(self, side: Side) -> Place:
        """Where the value lives on a side."""
        return self.customcrm if side is Side.CUSTOMCRM else self.keap

    def flows_to(self, side: Side) -> bool:
        """Whether edits on the other side reach this one."""
        return self.direction in {"both", "to_keap" if side is Side.KEAP else "to_customcrm"}

    def get(self, side: Side, record: Any, scope: Canonical, context: Context) -> Any:
        """The canonical value in a record; `UNSET` when it was not read.

        Raises:
            UnfitError: when it is there and cannot be understood.
        """
        raw = self.place(side).get(record)
        return UNSET if raw is UNSET else self.kind.read(raw, side, scope, context)

    def put(self, side: Side, record: Any, value: Canonical, context: Context) -> Any:
        """The record with this canonical value, which `fit` has let through."""
        return self.place(side).put(record, self.kind.write(value, side, context))

    def fit(self, side: Side, value: Canonical, context: Context) -> Canonical:
        """The value as that side can hold it.

        Raises:
            UnfitError: when it cannot.
        """
        return self.kind.fit(value, side, self.limits.get(side), context)
