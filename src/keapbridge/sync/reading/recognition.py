"""Is a system under another address still the one whose records are linked? A few of them are read."""

from __future__ import annotations

from keapbridge._flow.effects import Flow
from keapbridge.customcrm.address import shown_address
from keapbridge.decide.belonging import SAMPLE, Recognised, recognise
from keapbridge.model.kept_in_store import Belongs
from keapbridge.model.names import CONTACTS
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.sync.bridge import Bridge

ANEW = (
    " (so few tell little: if it is the same CRM, session.rebind() finds its pairs anew, and with identity=… its "
    "address does not matter from then on)"
)

__all__ = ["moved_customcrm", "recognise_customcrm", "recognised"]


def recognise_customcrm(bridge: Bridge) -> Flow[str | None]:
    """Let a run begin with the Customcrm that the store belongs to, wherever that is by now.

    Nothing is asked where its address is the one that is remembered.

    Returns:
        What is to be told: that its address has changed.

    Raises:
        OtherSystemError: when it is another one.
    """
    belonging, belongings = bridge.belonging, bridge.store.belongings
    known, address = belongings.known or Belongs(), belonging.address
    if address is None or known.customcrm == address:
        return None
    if known.customcrm is None:
        yield from belongings.adopt(customcrm=address)
        return None
    if (yield from belongings.is_blank()):
        # What was seen there is of nobody's interest any more, and could be taken for what is here.
        yield from belongings.begin_anew(Belongs(known.keap, address))
        return None
    told = yield from _compared(bridge, known, address)
    yield from belongings.become(Belongs(known.keap, address))
    return told


def moved_customcrm(bridge: Bridge) -> Flow[str | None]:
    """What `recognise_customcrm` would tell. Nothing is remembered of it.

    Raises:
        OtherSystemError: when it is another one.
    """
    belonging, belongings = bridge.belonging, bridge.store.belongings
    known = belongings.known
    if known is None:
        known = yield from belongings.look()
    if belonging.address is None or known.customcrm in {None, belonging.address}:
        return None
    if (yield from belongings.is_blank()):
        return None
    return (yield from _compared(bridge, known, belonging.address))


def _compared(bridge: Bridge, known: Belongs, address: str) -> Flow[str]:
    found = yield from recognised(bridge, Side.CUSTOMCRM)
    if not found.is_same:
        raise bridge.belonging.other_customcrm(known, f"{said(found)}{ANEW if found.are_few else ''}")
    before, now = shown_address(known.customcrm or "?"), shown_address(address)
    return f"Customcrm is at {now} now, before at {before}: {said(found)}, so it is the same"


def recognised(bridge: Bridge, side: Side) -> Flow[Recognised]:
    """What up to 20 linked records of a side tell: people first, whom no two systems have in common by chance."""
    told: list[tuple[dict[str, Canonical], dict[str, Canonical] | None]] = []
    for name in sorted(bridge.synchronizations, key=lambda name: name != CONTACTS):
        if len(told) >= SAMPLE:
            break
        sync = bridge[name]
        links = yield from bridge.store.belongings.sample(name, SAMPLE - len(told))
        if links:
            seen, _ = yield from sync.read(side, [link.id(side) for link in links])
            for link in links:
                one = seen.get(link.id(side))
                told.append((dict(link.base(side)), None if one is None else dict(one.whole.snapshot.values)))
    return recognise(told)


def said(found: Recognised) -> str:
    """What was found, in words."""
    return f"{found.same} of {found.of} linked records hold what is known of them"
