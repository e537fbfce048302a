"""What Keap says of the consent to marketing of whoever is behind an e-mail address. Pure."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.base import Context, Kind
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["OptOut", "may_be_asked", "opted_out"]


# --- consent --------------------------------------------------------------------------------------------------------

# Keap's statuses of an e-mail address: whoever is behind it (or an administrator for them) wants no marketing.
_OPTED_OUT = frozenset({"ADMIN", "FEEDBACK", "LIST_UNSUBSCRIBE", "MANUAL", "SPAM", "SYSTEM"})
# Nobody has said anything yet.
_NEVER_ASKED = frozenset({"NON_MARKETABLE", "UNENGAGED_MARKETABLE", "UNENGAGED_NON_MARKETABLE"})
# Opted in, or an address that does not work, which says nothing about anybody's will.
_OTHERWISE = frozenset(
    {
        *("SINGLE_OPT_IN", "DOUBLE_OPT_IN", "CONFIRMED"),
        *("BOUNCE", "HARD_BOUNCE", "INVALID", "DEACTIVATED", "LOCKDOWN"),
    }
)


def opted_out(status: str) -> bool | None:
    """Whether Keap's status of an e-mail address is an opt-out; `None` for a status this version does not know."""
    return status in _OPTED_OUT if status in _OPTED_OUT | _NEVER_ASKED | _OTHERWISE else None


def may_be_asked(status: str | None) -> bool:
    """Whether an opt-in reason is harmless for an address with this status: it overrules nothing."""
    return status in _NEVER_ASKED


@frozen
class OptOut(Kind):
    """Whether an e-mail address is opted out in Keap. It flows to Customcrm only, and an opt-out is never taken back.

    An address without a status says nothing, and a status that this version does not know is not understood.
    """

    fits_custom_field: ClassVar[bool] = False
    few_values: ClassVar[bool] = True

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None or isinstance(raw, bool):
            return raw
        if side is Side.CUSTOMCRM:
            raise UnfitError("neither true nor false")
        found = opted_out(str(raw))
        if found is None:
            raise UnfitError("not a known status of an e-mail address")
        return found

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        if side is Side.KEAP:
            raise UnfitError("Keap's status of an e-mail address can only be read")
        return value

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        # Keap is told nothing, so an opt-out in Customcrm does not contradict what Keap says: it stays.
        return False if side is Side.KEAP and value is True else value
