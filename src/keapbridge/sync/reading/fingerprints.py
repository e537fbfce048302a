"""Which records need not be read: those that come in the very text that was read before, and mean the same.

A mark is the fingerprint of a record's text with the digest of the snapshot that was read from it. It says how the text
is read, so it is of use as long as texts are read in the same way: the fingerprint depends on the mapping and on all
that reading depends on beside the record.
"""

from __future__ import annotations

import binascii
import hashlib
from typing import Any

import msgspec

from keapbridge._flow.effects import Flow
from keapbridge._io.calls import Unread
from keapbridge._version import __version__
from keapbridge.model.kept_in_store import moved_fact
from keapbridge.model.side import Side
from keapbridge.sync.synchronization import Synchronization

__all__ = ["Salt", "fingerprints", "salt"]

Salt = str
"""What the meaning of a text depends on beside the text, as a digest."""


def salt(sync: Synchronization, side: Side) -> Flow[Salt | None]:
    """What texts are read by; `None` when that cannot be told, because functions of the host have a part in it."""
    mapper = sync.mapper
    reading = mapper.reading(side)
    if reading is None:
        return None
    context = yield from sync.context()
    moved: list[str | None] = []
    for referred in mapper.references.values():
        moved += [(yield from sync.store.facts.get(moved_fact(referred)))]
    fields = sorted(((name.path, field) for name, field in context.custom_fields.items()), key=lambda item: item[0])
    told = [
        __version__,
        sync.systems[side].reading,
        reading,
        context.keap_currency,
        context.default_region,
        fields,
        {name: entries.told for name, entries in context.entries.items()},
        moved,
    ]
    return hashlib.blake2b(msgspec.json.encode(told), digest_size=8).hexdigest()


def fingerprints(unread: Unread[Any], salt: Salt) -> dict[str, str]:
    """By id, what tells the text of each record from all others, and from itself where it is read by another salt."""
    salted = hashlib.sha256(salt.encode())  # processors have instructions for it

    def made(text: bytes) -> str:
        digest = salted.copy()
        digest.update(text)
        return binascii.b2a_base64(digest.digest()[:15], newline=False).decode()

    return {id: made(text) for id, text in zip(unread.ids, unread.texts, strict=True) if id is not None}
