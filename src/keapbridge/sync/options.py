"""What a host can choose when it opens a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypedDict

import attrs

from keapbridge.decide.policy import Policy
from keapbridge.events.values import Listener
from keapbridge.mapping.mapper import Mapper
from keapbridge.sync.watching import Watch

__all__ = ["Progress", "SessionOptions", "Settings"]

Progress = Callable[[str, str, int, int | None], None]
"""Called with the synchronization, what is being done, how many are done and how many there are (if known)."""


class SessionOptions(TypedDict, total=False):
    """What `SyncSession` and `AsyncSyncSession` take beside the two systems and the store. All have defaults.

    Attributes:
        name: keeps several pairs of systems apart in one store; `"default"`.
        identity: names the Customcrm (`"acme"`), in place of its address: the store takes this one under any address,
            and no other one.
        policy: what to do where there is a choice.
        contacts: the mapping of contacts, where it is not the default one.
        companies: the same for companies.
        products: the same for products.
        overlap: how far before the newest change that was seen changes are looked for again, for lists that lag;
            five minutes.
        lag: how long Keap may take to show a new record; one minute. A create whose answer was lost is looked for that
            long, and sent again only if it is not found.
        retention: how long plans, reports and the journal (and with it the ability to undo) are kept; 90 days, `None`:
            for ever.
        encryption_keys: encrypt what the store knows of people (the `encryption` extra); the first key encrypts, all
            decrypt.
        default_region: ISO 3166-1 alpha-2 country of phone numbers without a prefix in records without a country.
        currency: ISO 4217 code of the currency that the Keap application sells in (`"USD"`): needed as long as it has
            no product that shows it.
        progress: `True` for progress bars (the `progress` extra), or a function that is called with the
            synchronization, what is being done, how many are done and of how many.
        on_event: a listener, or several of them: functions that are called with what happens while it happens. See
            `keapbridge.events`. Without a `kb.events.log(...)` among them, the default one is there as well.
        debug: run everything on the thread that calls, one after the other, so that a debugger stops at breakpoints
            in the mapping and in the engine. Others are kept out for an hour then, should the process be killed.
    """

    name: str
    identity: str | None
    policy: Policy | None
    contacts: Mapper
    companies: Mapper
    products: Mapper
    overlap: timedelta
    lag: timedelta
    retention: timedelta | None
    encryption_keys: Sequence[str | bytes]
    default_region: str | None
    currency: str | None
    progress: Progress | bool
    on_event: Listener | Sequence[Listener]
    debug: bool


@attrs.frozen
class Settings:
    """The choices that the engine goes by; see `SessionOptions`."""

    policy: Policy = attrs.field(factory=Policy)
    overlap: timedelta = timedelta(minutes=5)
    lag: timedelta = timedelta(minutes=1)
    retention: timedelta | None = timedelta(days=90)
    default_region: str | None = None
    currency: str | None = None
    watch: Watch = attrs.field(factory=Watch, repr=False, eq=False)
    debug: bool = False
