"""Having a store belong to other systems: from the beginning, or with its links where they are right there, too."""

from __future__ import annotations

from keapbridge._flow.effects import Flow
from keapbridge.errors import OtherSystemError
from keapbridge.model.kept_in_store import Belongs
from keapbridge.model.side import Side
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.reading.recognition import recognised, said

__all__ = ["rebind"]


def rebind(bridge: Bridge, *, keep_links: bool) -> Flow[int]:
    """Let the store belong to the systems of this session; answers how many links it has lost by that.

    Args:
        keep_links: keep links and bases, after a look at some linked records of both systems.

    Raises:
        OtherSystemError: when they are to be kept, and the records do not hold what is known of them.
    """
    belonging, belongings = bridge.belonging, bridge.store.belongings
    known = belongings.known or Belongs()
    if not keep_links:
        # Which application answers is learned as a new store learns it.
        lost = yield from belongings.begin_anew(Belongs(None, belonging.address))
        belonging.met, belonging.heard = None, False
        return lost
    belonging.anew = True
    try:
        if not (yield from belongings.is_blank()):
            for side in Side:
                found = yield from recognised(bridge, side)
                if not found.is_same:
                    raise _refused(bridge, side, known, said(found))
        yield from belongings.become(Belongs(belonging.met, belonging.address))
    finally:
        belonging.anew = False
    return 0


def _refused(bridge: Bridge, side: Side, known: Belongs, why: str) -> OtherSystemError:
    return OtherSystemError(
        f"the links of {bridge.store.bridge!r} are not kept: only {why} in {side.title}. "
        "session.rebind() drops them and begins anew",
        side=side,
        known=known.keap if side is Side.KEAP else known.customcrm,
        met=bridge.belonging.met if side is Side.KEAP else bridge.belonging.address,
    )
