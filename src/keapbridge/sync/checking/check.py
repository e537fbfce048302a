"""The check: what a host says, held against itself and against both systems. Nothing is written to either of them.

A run asks once for what it costs little to know, and remembers in the store that it was right; after a change of the
mapping, or of what is declared of Customcrm, it asks again. `session.check()` asks for everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from keapbridge._io.effects import Flow, Page
from keapbridge.errors import ApiError, AuthError, OtherSystemError, TryLaterError
from keapbridge.model.finding import Finding, Findings
from keapbridge.model.names import CONTACTS
from keapbridge.model.side import Side
from keapbridge.store.sql.rows import load
from keapbridge.sync.belonging import REMEDY
from keapbridge.sync.checking.asked import (
    asks_for_custom_fields,
    asks_for_records,
    custom_fields,
    shown,
    stamped,
    takes_times_for_utc,
    times_as_written,
    undated,
    zoneless,
)
from keapbridge.sync.checking.declared import refuse
from keapbridge.sync.guard import stops_everything
from keapbridge.sync.reading.recognition import moved_customcrm
from keapbridge.sync.synchronization import Bridge, Synchronization

__all__ = ["Checked", "check", "check_first"]

FACT = "checked"  # what was right when it was asked


@attrs.define
class Checked:
    """What a session knows of its set-up.

    Attributes:
        findings: of the last check; `None` before the first run.
    """

    findings: Findings | None = None


def check(bridge: Bridge) -> Flow[Findings]:
    """All that can be known: each system is asked for a page of each kind of record, and for its custom fields.

    Where Customcrm has moved, up to 20 linked records of it are read, to tell whether it is the same.

    Raises:
        TryLaterError: when a system does not answer.
    """
    found: list[Finding] = list(bridge.findings)
    for sync in bridge.synchronizations.values():
        for side in Side:
            page = yield from _tried(sync, side, sync.systems[side].list(None), found)
            if side is Side.CUSTOMCRM and page is not None and asks_for_records(sync):
                found += shown(sync, page)
            if side is Side.CUSTOMCRM and page is not None:
                found += stamped(sync, page)
                found += undated(sync, page)
                if takes_times_for_utc(sync):
                    written = yield from _tried(sync, side, times_as_written(sync), found)
                    found += zoneless(sync, written or ())
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
    if checked.findings is not None:
        return checked.findings
    found: list[Finding] = list(bridge.findings)
    for sync in _contacts_first(those):
        if (yield from asks_for_custom_fields(sync)):
            found += yield from _for_a_run(custom_fields(sync))
            break
    asked = [sync for sync in bridge.synchronizations.values() if asks_for_records(sync)]
    if asked:
        found += yield from _remembered(bridge, asked)
    refuse(found)
    checked.findings = Findings(found)
    return checked.findings


def _remembered(bridge: Bridge, asked: Sequence[Synchronization]) -> Flow[list[Finding]]:
    """What records show, as of the time when that was asked of the same declaration."""
    mark = _mark(asked)
    text = yield from bridge.store.facts.get(FACT)
    known = load(text) if text else {}
    if known.get("of") == mark:
        return [Finding(*each) for each in known["found"]]
    first = _contacts_first(asked)[0]
    page = yield from _for_a_run(_page(first))
    found = [*shown(first, page[0]), *stamped(first, page[0])] if page else []
    if page and page[0].items and Findings(found).ok:
        said = {"of": mark, "found": [attrs.astuple(each) for each in found]}
        yield from bridge.store.facts.set(FACT, msgspec.json.encode(said).decode())
    return found


def _contacts_first(those: Sequence[Synchronization]) -> Sequence[Synchronization]:
    """One call has to do: of all kinds, contacts are what is matched wrongly most easily, and they are read last."""
    return sorted(those, key=lambda sync: sync.name != CONTACTS)


def _page(sync: Synchronization) -> Flow[list[Page[Any]]]:
    return [(yield from sync.systems[Side.CUSTOMCRM].list(None))]


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
