"""Fields that a system empties along with others that are written. Pure.

Nobody has edited them. What the other side holds in them stays, and is known to differ.
"""

from __future__ import annotations

from collections.abc import Collection

from keapbridge.model.records import Values
from keapbridge.model.side import Side

__all__ = ["emptied_along", "told_emptied"]


def emptied_along(held: Values, shown: Values, sent: Collection[str], *, is_sure: bool) -> frozenset[str]:
    """The fields that a record held before a write of others, and that are empty after it.

    Args:
        held: what it held right before.
        shown: what it holds right after.
        sent: the fields that were written.
        is_sure: whether there was no time to edit it in between. Where there was, only all of its fields at once, of
            several, are nobody's edit.
    """
    kept = {field for field, value in held.items() if value is not None and field not in sent and field in shown}
    gone = frozenset(field for field in kept if shown[field] is None)
    return gone if is_sure or (gone == kept and len(gone) > 1) else frozenset()


def told_emptied(side: Side, fields: Collection[str]) -> str:
    """What a person is told of them."""
    return f"{side.title} has emptied {', '.join(sorted(fields))} with it"
