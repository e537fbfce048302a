"""A record: its pair, every field with why it is so, what was written to it, and where both are to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from keapbridge.console.pages.words import reason_words
from keapbridge.console.visit import Visit, missing
from keapbridge.model.checked import usable_id
from keapbridge.model.kept_in_store import JournalEntry
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side
from keapbridge.sync.afterwards.explain import Explanation

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["Entry", "ask", "entries", "find", "show"]

ENTRIES = 100  # of the time line


@attrs.frozen
class AField:
    """A field of a pair: what both sides hold, what they were known to hold, and why it is so."""

    name: str
    values: Sequence[tuple[Side, Canonical]]
    base: Sequence[tuple[Side, Canonical]]
    differs: bool
    why: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be told of it."""
        return not self.why and all(value is None for _, value in (*self.values, *self.base))


@attrs.frozen
class Entry:
    """A write that was done."""

    written_at: datetime
    what: str
    by: str | None
    fields: Sequence[tuple[str, Canonical, Canonical]]


@attrs.frozen
class There:
    """A record of one side, and where it is to be seen."""

    side: Side
    id: str | None
    link: str | None


async def ask(visit: Visit) -> Response:
    """Which record?"""
    return visit.show("ask.html", "A record", {"objects": list(visit.desk.session.mappers), "sides": list(Side)})


async def find(visit: Visit) -> Response:
    """On to the record that the form names."""
    id = visit.form.one("id").strip()
    if not usable_id(id):
        raise ValueError("That is no id of a record.")
    return visit.go("records", *_named(visit, visit.form.one("object"), visit.form.one("side")), id)


def _named(visit: Visit, object: str, side: str) -> tuple[str, str]:
    if object not in visit.desk.session.mappers or side not in {each.value for each in Side}:
        raise missing("record")
    return object, side


async def show(visit: Visit) -> Response:
    """What is known of a record; both systems are asked for it."""
    object, name = _named(visit, visit.path["object"], visit.path["side"])
    id = visit.path["id"]
    if not usable_id(id):
        raise missing("record")
    side, which = Side(name), {name: id}
    found: Explanation = await visit.desk.ask(visit.desk.session.explain, object, **which)
    if found.link is None and found.keap is None and found.customcrm is None and not found.history:
        raise missing("record")
    ids = {each: found.link.id(each) if found.link else id if each is side else None for each in Side}
    fields = list(_fields(found))
    shown: dict[str, Any] = {
        "object": object,
        "there": [There(s, i, visit.outside(s, object, i) if i is not None else None) for s, i in ids.items()],
        "is_linked": found.link is not None,
        "why": found.why,
        "fields": [field for field in fields if not field.is_empty],
        "empty": [field.name for field in fields if field.is_empty],
        "failures": [f"{f.side.title} {f.id} failed {f.tries} times: {f.reason}" for f in found.failures],
        "entries": entries(found.history),
        "conflicts": bool(found.conflicts),
        "more": max(0, len(found.history) - ENTRIES),
    }
    return visit.show("record.html", f"{object}, {side.title} {id}", shown)


def _fields(found: Explanation) -> Iterator[AField]:
    now = {Side.CUSTOMCRM: found.customcrm, Side.KEAP: found.keap}
    values = {side: {} if snapshot is None else snapshot.values for side, snapshot in now.items()}
    bases = {side: {} if found.link is None else found.link.base(side) for side in Side}
    why = {c.field: f"goes to {c.side.title} with the next sync ({c.cause})" for c in found.changes}
    why |= {
        c.field: f"waits for a decision: {reason_words(c.reason)}" if c.reason else "waits for a decision"
        for c in found.conflicts
    }
    why |= {h.field: f"is held: {h.reason}" for h in found.held}
    for name in dict.fromkeys([*values[Side.CUSTOMCRM], *values[Side.KEAP]]):
        differs = all(name in values[side] for side in Side) and len({values[side][name] for side in Side}) > 1
        plain = "a difference that is known, and is no edit" if differs and found.link else ""
        yield AField(
            name,
            [(side, values[side].get(name)) for side in Side],
            [(side, bases[side].get(name)) for side in Side],
            differs,
            why.get(name, plain),
        )


def entries(history: Sequence[JournalEntry]) -> list[Entry]:
    """What was written, newest first."""
    return [
        Entry(
            each.written_at,
            f"{each.kind} in {each.side.title}",
            each.by,
            [(f, each.before.get(f), each.after.get(f)) for f in dict.fromkeys([*each.before, *each.after])],
        )
        for each in history[:ENTRIES]
    ]
