"""The check: what a host says, held against itself and against both systems. Nothing is written to either of them.

A run asks once for what it costs little to know, and remembers in the store that it was right; after a change of the
mapping, or of what is declared of Customcrm, it asks again. `session.check()` asks for everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

import attrs
import msgspec

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Page
from keapbridge.errors import ApiError, AuthError, OtherSystemError, TryLaterError
from keapbridge.model.finding import Finding, Findings
from keapbridge.model.names import CONTACTS
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import load
from keapbridge.sync.belonging import REMEDY
from keapbridge.sync.bridge import Bridge
from keapbridge.sync.checking.asked import (
    asks_for_custom_fields,
    asks_for_records,
    custom_fields,
    first_page,
    misspelt,
    shown,
    stamped,
    undated,
    zoneless,
)
from keapbridge.sync.checking.declared import refuse
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.reading.recognition import moved_customcrm
from keapbridge.sync.reading.vanished_fields import hold_unseen
from keapbridge.sync.synchronization import Synchronization

__all__ = ["Checked", "check", "check_first"]

FACT = "checked"  # what was right when it was asked


@attrs.define
class Checked:
    """What a session knows of its set-up.

    Attributes:
        findings: of the last check; `None` before the first run.
        held: synchronization, field and reason of what is held until records show it.
        undated: the synchronizations whose times of Customcrm are not believed.
    """

    findings: Findings | None = None
    held: Sequence[tuple[str, str, str]] = ()
    undated: Collection[str] = ()

    def heed(self, bridge: Bridge) -> None:
        """Let a run keep to it."""
        for name, field, reason in self.held:
            hold_unseen(bridge[name], Side.CUSTOMCRM, field, reason)
        bridge.guard.undated.update(self.undated)


def check(bridge: Bridge) -> Flow[Findings]:
    """All that can be known: each system is asked for a page of each kind of record, and for its custom fields.

    Where Customcrm has moved, up to 20 linked records of it are read, to tell whether it is the same.

    Raises:
        TryLaterError: when a system does not answer.
    """
    found: list[Finding] = list(bridge.findings)
    for sync in bridge.synchronizations.values():
        for side in Side:
            told = yield from _tried(sync, side, first_page(sync, side), found)
            if side is Side.KEAP or told is None:
                continue
            page, written = told
            if asks_for_records(sync):
                found += shown(sync, page)
            found += [*stamped(sync, page), *undated(sync, page), *zoneless(sync, written)]
        found += (yield from _tried(sync, Side.KEAP, custom_fields(sync, again=True), found)) or ()
    found += yield from _moved(bridge)
    return Findings(found)


def check_first(bridge: Bridge, checked: Checked, those: Sequence[Synchronization]) -> Flow[Findings]:
    """What a session asks before its first run: at most one call of each system, each for what is not remembered.

    Customcrm is asked for records, Keap for its custom fields. Those of other kinds are asked by the run itself when it
    reads that kind, which is before anything is written, too.

    Args:
        those: the synchronizations of the run.

    Raises:
        MappingError: with all that cannot work, before anything is planned.
        TryLaterError: when a system does not answer.
    """
    if checked.findings is not None and not checked.held:
        return checked.findings
    found: list[Finding] = list(bridge.findings)
    for sync in _contacts_first(those):
        if (yield from asks_for_custom_fields(sync)):
            found += yield from _for_a_run(custom_fields(sync))
            break
    asked = [sync for sync in bridge.synchronizations.values() if asks_for_records(sync)]
    if asked:
        found += yield from _remembered(bridge, checked, asked)
    refuse(found)
    checked.findings = Findings(found)
    return checked.findings


def _remembered(bridge: Bridge, checked: Checked, asked: Sequence[Synchronization]) -> Flow[list[Finding]]:
    """What records show, as of the time when that was asked of the same declaration.

    What is held for it is asked again with every run: any record may show it by now.
    """
    mark = _mark(asked)
    text = yield from bridge.store.facts.get(FACT)
    known = load(text) if text else {}
    if known.get("of") == mark:
        checked.undated = known.get("undated", ())
        return [Finding(*each) for each in known["found"]]
    first = _contacts_first(asked)[0]
    told = yield from _for_a_run(_page(first))
    if not told:
        return []
    page, written = told[0]
    times = [*stamped(first, page), *zoneless(first, written)]
    found = [*shown(first, page), *times]
    checked.held = [(first.name, field, why) for field, why in misspelt(first, page)]
    checked.undated = [sync.name for sync in asked] if times else []  # of one API, all have the same clock
    if page.items and Findings(found).ok and not checked.held:
        said = {"of": mark, "found": [attrs.astuple(each) for each in found], "undated": checked.undated}
        yield from bridge.store.facts.set(FACT, msgspec.json.encode(said).decode())
    return found


def _contacts_first(those: Sequence[Synchronization]) -> Sequence[Synchronization]:
    """One call has to do: of all kinds, contacts are what is matched wrongly most easily, and they are read last."""
    return sorted(those, key=lambda sync: sync.name != CONTACTS)


def _page(sync: Synchronization) -> Flow[list[tuple[Page[Any], tuple[Any, ...]]]]:
    return [(yield from first_page(sync, Side.CUSTOMCRM))]


def _mark(asked: Sequence[Synchronization]) -> str:
    """What tells one declaration from another."""
    said: list[str] = []
    for sync in asked:
        system, mapper = sync.systems[Side.CUSTOMCRM], sync.mapper
        said += [sync.name, system.reading, mapper.taking_part.fingerprint()]
        said += sorted(f"{lens.name} {lens.customcrm.path}" for lens in mapper.lenses)
    return hashlib.blake2b("\n".join(said).encode(), digest_size=16).hexdigest()


def _for_a_run(flow: Flow[list[Any]]) -> Flow[list[Any]]:
    """What one object of one system does not tell stops no run: it is read in a moment, and the others are."""
    try:
        return (yield from flow)
    except ApiError as error:
        if stops_everything(error):
            raise
        return []


def _tried(sync: Synchronization, side: Side, flow: Flow[Any], found: list[Finding]) -> Flow[Any]:
    """What a system answers; nothing where it refuses to, which is a finding."""
    try:
        return (yield from flow)
    except TryLaterError:
        raise
    except OtherSystemError as error:
        found.append(_another(error))
        return None
    except ApiError as error:
        advice = "look at the credentials and what they permit" if isinstance(error, AuthError) else ""
        found.append(Finding("error", f"{sync.name} of {side.title}", f"cannot be read: {error}", advice))
        return None


def _moved(bridge: Bridge) -> Flow[list[Finding]]:
    """What a run would say of a Customcrm at another address than that of the store. The store is left as it is."""
    try:
        moved = yield from moved_customcrm(bridge)
    except OtherSystemError as error:
        return [_another(error)]
    return [] if moved is None else [Finding("info", Side.CUSTOMCRM.title, moved)]


def _another(error: OtherSystemError) -> Finding:
    return Finding("error", error.side.title, str(error).removesuffix(f". {REMEDY}"), REMEDY)
