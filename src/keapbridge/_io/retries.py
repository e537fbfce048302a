"""When a failed call is sent again, and after how long. Pure: no clock, no randomness, no I/O."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import attrs

from keapbridge._io.bounds import Bounds
from keapbridge._io.told_times import retry_after
from keapbridge.errors import (
    ApiError,
    BoundError,
    QuotaExhaustedError,
    RateLimitedError,
    ServerError,
    ShapeError,
    TransportError,
)
from keapbridge.model.given import checks, keywords, seconds, span, whole

__all__ = ["Pause", "RetryPolicy", "decide", "is_too_long", "is_too_much"]


@keywords()
@attrs.frozen
class RetryPolicy:
    """How patient a client is.

    Attributes:
        attempts: how often a call is sent at most, the first time included.
        base: seconds; the pause after the first failure is drawn from 0 to this, then from twice as much, …
        cap: seconds; no pause is longer, and a longer `Retry-After` is not waited for but raised.
        patience: how many calls in a row may fail, of all that a client makes, before the system counts as down: from
            then on calls raise `UnavailableError` without being sent.
        rest: how long a system that is down is left alone before one call tries again.
    """

    attempts: int = attrs.field(default=4, validator=checks(partial(whole, least=1)))
    base: float = attrs.field(default=0.5, validator=checks(seconds))
    cap: float = attrs.field(default=60.0, validator=checks(seconds))
    patience: int = attrs.field(default=12, validator=checks(partial(whole, least=1)))
    rest: timedelta = attrs.field(default=timedelta(seconds=30), validator=checks(span))


@attrs.frozen
class Pause:
    """Wait so many seconds, or with `jitter` a random part of them."""

    seconds: float
    jitter: bool


def decide(error: ApiError, attempt: int, *, repeatable: bool, policy: RetryPolicy, bounds: Bounds) -> Pause | None:
    """The pause before the next attempt, or `None` to give up.

    A call whose outcome is unknown (connection lost, 5xx) is repeated only when it is `repeatable`; one that surely did
    not take effect (never sent, 429) always.
    """
    if attempt >= policy.attempts or not _worth_it(error, repeatable=repeatable):
        return None
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        return None if is_too_long(error, policy, bounds) else Pause(error.retry_after, jitter=False)
    longest = min(policy.cap, bounds.wait_seconds)
    asked = retry_after(error.headers) if isinstance(error, ServerError) else None
    if asked is not None:
        return None if asked > longest else Pause(asked, jitter=False)
    return Pause(min(longest, policy.base * 2.0 ** min(attempt - 1, 60)), jitter=True)


def is_too_long(error: ApiError, policy: RetryPolicy, bounds: Bounds) -> bool:
    """Whether a refusal asks for a longer wait than the client takes."""
    wait = error.retry_after if isinstance(error, RateLimitedError) else None
    return wait is not None and wait > min(policy.cap, bounds.wait_seconds)


def is_too_much(error: ApiError) -> bool:
    """Whether less could be read where this failed: one record of many may be the reason, or that they are many."""
    match error:
        case BoundError():
            return error.bound in {"answer_bytes", "call_seconds"}
        case TransportError():
            return error.sent
        case ServerError():
            return error.status not in {501, 503}
        case ShapeError():
            return True
        case _:
            return False


def _worth_it(error: ApiError, *, repeatable: bool) -> bool:
    match error:
        case QuotaExhaustedError() | BoundError():
            return False  # the next answer would be as long
        case RateLimitedError():
            return True
        case TransportError():
            return repeatable or not error.sent
        case ServerError():
            return repeatable and error.status != 501
        case ShapeError():
            # A body that is no JSON at all comes from an outage page or a broken proxy, not from the record.
            return repeatable and not error.paths
        case _:
            return False
