"""References to records of other synchronizations. Pure."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Reference", "is_pending", "pending_id", "pending_reference"]

_PENDING = "keap:"


def pending_reference(keap_id: str) -> str:
    """How a Keap record is referred to that is not linked yet."""
    return f"{_PENDING}{keap_id}"


def is_pending(value: Canonical) -> bool:
    """Whether a reference names a Keap record that is not linked yet."""
    return pending_id(value) is not None


def pending_id(value: Canonical) -> str | None:
    """The id of the Keap record that a reference names until it is linked."""
    return value.removeprefix(_PENDING) if isinstance(value, str) and value.startswith(_PENDING) else None


@frozen
class Reference(Kind):
    """A reference to a record of another synchronization, followed through its link.

    Canonical is the Customcrm id; a Keap record that is not linked yet is `keap:<id>` until it is.

    Attributes:
        object: the synchronization it refers to (`"companies"`).
    """

    object: str
    fits_custom_field: ClassVar[bool] = False
    few_values: ClassVar[bool] = True

    @property
    def refers_to(self) -> str:
        return self.object

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or not str(raw).strip():
            return None
        if side is Side.CUSTOMCRM:
            return str(raw)
        # Keap shows contacts without a company as company 0.
        if str(raw) == "0":
            return None
        return context.to_customcrm.get(self.object, {}).get(str(raw)) or pending_reference(raw)

    def follow(self, value: Canonical, context: Context) -> Canonical:
        """The value, resolved if its record has been linked since."""
        pending = pending_id(value)
        return value if pending is None else context.to_customcrm.get(self.object, {}).get(pending) or value

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if value is None or side is Side.CUSTOMCRM:
            return value
        return context.to_keap[self.object][str(value)]

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        if value is None:
            return None
        if (pending := pending_id(value)) is not None:
            linked = pending in context.to_customcrm.get(self.object, {})
        else:
            linked = side is Side.CUSTOMCRM or str(value) in context.to_keap.get(self.object, {})
        if not linked:
            raise UnfitError(f"refers to a record of {self.object} that is not linked")
        return value

    def sample(self, asked: Asked) -> Sample | None:
        linked = asked.links.get(self.object, ())
        return Sample(*linked[asked.turn]) if len(linked) > 1 else None
