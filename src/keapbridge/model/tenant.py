"""A tenant of a fleet: one pair of systems with its settings, and how it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from unicodedata import category

import attrs
import msgspec

from keapbridge.model.given import checks, flag, keywords, optional, span, text, wrong

__all__ = ["LANES", "Lane", "Standing", "Tenant"]


class Lane(StrEnum):
    """What is done for a tenant, each with a time of its own: a failing sync does not hold up what webhooks told."""

    SYNC = "sync"
    HOOKS = "hooks"
    WATCH = "watch"


LANES = tuple(Lane)


def _name(what: str, value: Any) -> None:
    name = text(what, value, example="acme", most=100)
    if any(category(letter) in {"Cc", "Cs"} for letter in name):  # controls, halves of characters
        raise ValueError(f"{what} takes a text that can be kept and shown, without control characters, not {name!a}")


def _settings(what: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise wrong(what, f"values by name, such as {what}={{'key': 'vault:acme'}}", value)
    try:
        same = msgspec.json.decode(msgspec.json.encode(dict(value))) == dict(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        same = False
    if not same:
        raise ValueError(
            f"{what} takes what JSON can hold: texts, numbers, yes and no, None, lists, and values by text"
        )


def _weight(what: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(what, f"a number, such as {what}=2", value)
    if not 0.001 <= value <= 1000:
        raise ValueError(f"{what} takes a number from 0.001 to 1000, such as {what}=2, not {value!r}")


def _often(what: str, value: Any) -> None:
    span(what, value, least=timedelta(seconds=1))


def _seldom(what: str, value: Any) -> None:
    span(what, value, least=timedelta(seconds=1), example="timedelta(days=1)")


@keywords({"config": "settings", "interval": "every", "enabled": "paused"})
@attrs.frozen
class Tenant:
    """A pair of systems that a fleet keeps in sync.

    Attributes:
        name: tells it from the others; the name of its session.
        settings: what the host's function needs to open its session, as data: an address, a place in a vault. They
            are kept as they are, and shown to whoever reads the database: no secrets.
        every: how long from one sync to the next. It is a wish: a shared quota may stretch it.
        full_every: how long from one complete scan to the next; `None`: only the first one.
        weight: how much of a shared quota it has, against others.
        paused: whether it rests. What webhooks deliver meanwhile is kept.
    """

    name: str = attrs.field(validator=checks(_name))
    settings: Mapping[str, Any] = attrs.field(factory=dict, validator=checks(_settings))
    every: timedelta = attrs.field(default=timedelta(minutes=5), validator=checks(_often), kw_only=True)
    full_every: timedelta | None = attrs.field(
        default=timedelta(days=1), validator=checks(optional(_seldom)), kw_only=True
    )
    weight: float = attrs.field(default=1.0, validator=checks(_weight), kw_only=True)
    paused: bool = attrs.field(default=False, validator=checks(flag), kw_only=True)


@attrs.frozen
class Standing:
    """A tenant, and how it stands. Moments are by the clock of the database.

    Attributes:
        token: the secret part of its receiver's address.
        due: when each lane is due; `None`: not before something happens.
        jobs: which lanes have a job in the queue: its number.
        full_at: as of when a sync reads everything; `None`: not again.
        added_at: since when it is known.
        began_at: when its last sync began.
        ended_at: when its last sync ended; `None` while the first one has not.
        complete_at: when the last sync began that came to its end.
        outcome: what became of the last one.
        why: of what did not go well, in words that name nobody.
        in_row: how many ended badly, one after the other.
        quota_left: calls of the day, as Keap told last.
        conflicts: how many waited for a decision after the last sync that looked.
        unreadable: whether its row cannot be read; then the rest is made up, but for the name and the token.
    """

    tenant: Tenant
    token: str = attrs.field(repr=False)
    due: Mapping[Lane, datetime | None]
    jobs: Mapping[Lane, int | None]
    full_at: datetime | None
    added_at: datetime
    began_at: datetime | None = None
    ended_at: datetime | None = None
    complete_at: datetime | None = None
    outcome: str = ""
    why: str = ""
    in_row: int = 0
    quota_left: int | None = None
    conflicts: int = 0
    unreadable: bool = False

    @property
    def name(self) -> str:
        return self.tenant.name
