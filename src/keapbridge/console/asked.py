"""Parts of what a session lists, and how one of them is named in a form. Nothing of it says anything of people."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

import attrs

from keapbridge.console.desk import Desk
from keapbridge.model.kept import Failure
from keapbridge.sync.afterwards.resolve import OpenConflict

__all__ = ["Part", "conflict_of", "conflicts", "failures", "token_of"]

T = TypeVar("T")


@attrs.frozen
class Part(Generic[T]):
    """Some of a list, and after what it goes on; `""` at its end."""

    rows: Sequence[T]
    next: str = ""


def token_of(conflict: OpenConflict) -> str:
    """What names a conflict with the values that somebody has seen, without telling them."""
    seen = json.dumps([conflict.customcrm, conflict.keap, conflict.about], default=str)
    digest = hashlib.blake2b(seen.encode(errors="replace"), digest_size=12).hexdigest()
    named = json.dumps([conflict.object, conflict.customcrm_id, conflict.keap_id, conflict.field, digest])
    return base64.urlsafe_b64encode(named.encode()).decode().rstrip("=")


async def conflicts(desk: Desk, object: str, after: str, limit: int) -> Part[OpenConflict]:
    """Some of the open conflicts, of one synchronization or all."""
    of: Any = getattr(desk.session, object) if object else desk.session
    first = _place(after)
    found = await desk.ask(of.conflicts)
    return Part(list(islice(found, first, first + limit)), str(first + limit) if len(found) > first + limit else "")


async def conflict_of(desk: Desk, token: str) -> OpenConflict | None:
    """The conflict of a token; `None` when it is not open any more, or its values have changed."""
    return next((each for each in await desk.ask(desk.session.conflicts) if token_of(each) == token), None)


async def failures(desk: Desk, after: str, limit: int) -> Part[Failure]:
    """Some of the failures."""
    first = _place(after)
    found = await desk.ask(desk.session.failures)
    return Part(found[first : first + limit], str(first + limit) if len(found) > first + limit else "")


def _place(after: str) -> int:
    return int(after) if after.isascii() and after.isdigit() else 0
