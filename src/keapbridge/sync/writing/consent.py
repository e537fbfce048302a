"""Consent in a run: an opt-in reason is said to Keap only for an address that nobody has opted out.

Keap moves an address that a person opted out by hand back to marketable when it is given a reason. So a new address is
looked up before it comes with one, and in doubt it comes without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from keapbridge._io.effects import Flow
from keapbridge.errors import ApiError
from keapbridge.keap import records as keap
from keapbridge.mapping.kinds import Canonical, Context, may_be_asked
from keapbridge.model.side import Side
from keapbridge.sync.writing.run import stops_everything

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from keapbridge.sync.synchronization import Bridge

__all__ = ["with_opt_ins"]


def with_opt_ins(
    bridge: Bridge, object: str, side: Side, record: Any, values: Mapping[str, Canonical], context: Context
) -> Flow[Context]:
    """The context of a write, with the new addresses that Keap may be told an opt-in reason for."""
    if side is not Side.KEAP:
        return context
    allowed: set[str] = set()
    for address in sorted(bridge.mappers[object].opt_ins(record, values, context)):
        if (yield from _may_opt_in(bridge, object, address)):
            allowed.add(address)
    return attrs.evolve(context, may_opt_in=frozenset(allowed))


def _may_opt_in(bridge: Bridge, object: str, address: str) -> Flow[bool]:
    if not address.isascii() or ";" in address or "*" in address:
        return False  # no filter finds it for certain
    probes: dict[str, Any] = {"contacts": keap.Contact(email_addresses=(keap.EmailAddress(address, "EMAIL1"),))}
    if object == "companies":
        probes["companies"] = keap.Company(email_address=keap.EmailAddress(address))
    for name, probe in probes.items():
        try:
            found = yield from bridge.systems[name, Side.KEAP].find_like(probe, None)
        except ApiError as error:
            if stops_everything(error):
                raise
            return False
        statuses = [item.email_opt_status for record in found for item in _addresses(record) if _is(item, address)]
        if not all(isinstance(status, str) and may_be_asked(status) for status in statuses):
            return False
    return True


def _addresses(record: Any) -> tuple[keap.EmailAddress, ...]:
    if isinstance(record, keap.Company):
        return (record.email_address,) if record.email_address else ()
    return record.email_addresses or ()


def _is(item: keap.EmailAddress, address: str) -> bool:
    return isinstance(item.email, str) and item.email.strip().casefold() == address.casefold()
