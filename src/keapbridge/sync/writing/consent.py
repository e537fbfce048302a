"""Consent in a run: an opt-in reason is said to Keap only for an address that nobody has opted out.

Keap moves an address that a person opted out by hand back to marketable when it is given a reason. So a new address is
looked up before it comes with one, and in doubt it comes without.
"""

from __future__ import annotations

from typing import Any

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.errors import ApiError
from keapbridge.keap.records import EmailAddress
from keapbridge.mapping.kinds import Context, may_be_asked
from keapbridge.model.maybe import Unreadable
from keapbridge.model.records import Values
from keapbridge.model.side import Side
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.synchronization import Synchronization

__all__ = ["with_opt_ins"]


def with_opt_ins(sync: Synchronization, side: Side, record: Any, values: Values, context: Context) -> Flow[Context]:
    """The context of a write, with the new addresses that Keap may be told an opt-in reason for."""
    if side is not Side.KEAP:
        return context
    allowed: set[str] = set()
    for address in sorted(sync.mapper.opt_ins(record, values, context)):
        if (yield from _may_opt_in(sync, address)):
            allowed.add(address)
    return attrs.evolve(context, may_opt_in=frozenset(allowed))


def _may_opt_in(sync: Synchronization, address: str) -> Flow[bool]:
    holders = sync.traits.address_holders
    if not holders or not address.isascii() or ";" in address or "*" in address:
        return False  # nobody is asked, or no filter finds it for certain
    for holder in holders:
        try:
            found = yield from holder.records.find_like(holder.probe(address), None)
        except ApiError as error:
            if stops_everything(error):
                raise
            return False
        known = [status for record in found for item in holder.addresses(record) for status in _said(item, address)]
        if not all(isinstance(status, str) and may_be_asked(status) for status in known):
            return False
    return True


def _said(item: EmailAddress | Unreadable, address: str) -> tuple[Any, ...]:
    """What is said of an address where an item may be it; what cannot be read may be."""
    if isinstance(item, Unreadable) or isinstance(item.email, Unreadable):
        return (None,)
    same = isinstance(item.email, str) and item.email.strip().casefold() == address.casefold()
    return (item.email_opt_status,) if same else ()
