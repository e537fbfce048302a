"""What a host can choose when it opens a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypedDict

import attrs

from keapbridge.decide.policy import Policy
from keapbridge.events.values import Listener
from keapbridge.mapping.geography import alpha3
from keapbridge.mapping.kinds.money import is_known_currency
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.given import flag, one_of, option_names, optional, span, text, wrong
from keapbridge.sync.watching import Watch

__all__ = ["Progress", "SessionOptions", "Settings", "check_options"]

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
            long, and sent again only if it is not found. What is not there so soon after it was made is not taken
            for deleted.
        retention: how long plans, reports and the journal (and with it the ability to undo) are kept; 90 days, `None`:
            for ever.
        encryption_keys: encrypt what the store knows of people (the `encryption` extra); the first key encrypts, all
            decrypt.
        default_region: ISO 3166-1 alpha-2 country of phone numbers without a prefix in records without a country.
        currency: ISO 4217 code of the currency that the Keap application sells in (`"USD"`): needed as long as it has
            no product that shows it.
        progress: `True` for one live display of what is done: in a notebook, on a terminal (the `progress` extra), or
            as a line in the log every half a minute; or a function that is called with the
            synchronization, what is being done, how many are done and of how many: a few times a second at most, and
            with `"waiting until 16:05:12 UTC: …"` as what is being done when a wait of more than five seconds begins.
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


def _mapper(what: str, value: Any) -> Mapper:
    return one_of(what, value, Mapper, f"a mapper, such as {what}=kb.mapping.{what}.with_lenses(…)")


def _region(what: str, value: Any) -> str:
    given = text(what, value, example="NO")
    if len(given) != 2 or alpha3(given) is None:
        raise ValueError(f"{what} takes an ISO 3166-1 code of two letters, such as {what}='NO', not {given[:20]!r}")
    return given


def _currency(what: str, value: Any) -> str:
    if not isinstance(value, str) or not is_known_currency(value):
        given = value[:20] if isinstance(value, str) else value
        raise ValueError(f'{what}={given!r} is no code of ISO 4217, as {what}="USD" is')
    return value


def _keys(what: str, value: Any) -> object:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise wrong(what, f"several keys, such as {what}=[key]", value)
    return value


def _progress(what: str, value: Any) -> object:
    if not isinstance(value, bool) and not callable(value):
        raise wrong(what, f"{what}=True or a function", value)
    return value


def _listeners(what: str, value: Any) -> object:
    if not callable(value) and (isinstance(value, str) or not isinstance(value, Iterable)):
        raise wrong(what, f"a function or several, such as {what}=[kb.events.log()]", value)
    return value


_days = partial(span, example="timedelta(days=90)")
_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "name": partial(text, example="default", most=100),
    "identity": optional(partial(text, example="acme", most=100)),
    "policy": optional(lambda what, value: one_of(what, value, Policy, f"{what}=kb.Policy(…)")),
    "contacts": _mapper,
    "companies": _mapper,
    "products": _mapper,
    "overlap": span,
    "lag": span,
    "retention": optional(_days),
    "encryption_keys": _keys,
    "default_region": optional(_region),
    "currency": optional(_currency),
    "progress": _progress,
    "on_event": _listeners,
    "debug": flag,
}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that there are not, and values that cannot be meant.

    Raises:
        TypeError: for names and types.
        ValueError: for values.
    """
    option_names("a session", options, SessionOptions.__annotations__)
    for name, value in options.items():
        _CHECKS[name](name, value)


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
