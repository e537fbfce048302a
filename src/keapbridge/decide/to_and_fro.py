"""To and fro: two automations that change each other's value, with nothing but this library between them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from keapbridge.model.change import Change
from keapbridge.model.records import Canonical, is_stored_form
from keapbridge.model.side import Side

__all__ = ["Written", "goes_to_and_fro"]


@attrs.frozen
class Written:
    """A write of one field of a pair, as it was and as it became."""

    side: Side
    before: Canonical = attrs.field(repr=False)
    after: Canonical = attrs.field(repr=False)


def goes_to_and_fro(writes: Sequence[Written], change: Change, turns: int) -> bool:
    """Whether a change would go on with what was done in turn, on one side and on the other, so many times.

    Args:
        writes: what was written to this field of the pair, in order.
        change: what is about to be written to it.
    """
    last = writes[-turns:]
    if turns < 2 or len(last) < turns:
        return False
    there, here = last[-1], last[-2]  # the last write on the other side, and on the side of the change
    if (there.side, here.side) != (change.side.other, change.side):
        return False
    alternate = all(written == (there, here)[n % 2] for n, written in enumerate(reversed(last)))
    return alternate and change.before == here.before and is_stored_form(change.after, here.after)
