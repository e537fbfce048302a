"""The pace of calls to a Customcrm: its own, and the one that answers ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from said import Api, Said

import keapbridge as kb
from keapbridge._flow.effects import Now, Sleep

BEGINNING = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EMPTY = {"Items": [], "NextCursor": None}


class Clocked(Api):
    """A CRM that is a function, at a clock that moves with every wait alone."""

    def __init__(self, *answers: Said) -> None:
        super().__init__(lambda *_: next(self.answers))
        self.answers = iter(answers)
        self.moment = BEGINNING
        self.waits: list[float] = []

    def perform(self, effect: Any) -> Any:
        if isinstance(effect, Now):
            return self.moment
        if isinstance(effect, Sleep):
            self.waits.append(effect.ceiling)
            self.moment += timedelta(seconds=effect.ceiling)
            return None
        return super().perform(effect)

    def lists(self, times: int, **options: Any) -> list[Any]:
        """What as many lists give, one after the other; an error ends them."""
        found: list[Any] = []
        with kb.CustomcrmClient("http://crm.test", **options) as crm:
            for _ in range(times):
                try:
                    found.append(self.run(crm.contacts.flows.list()))
                except kb.ApiError as error:
                    return [*found, error]
        return found


def ok(**headers: str) -> Said:
    return 200, EMPTY, {name.replace("_", "-"): value for name, value in headers.items()}


def test_calls_are_evenly_spaced_at_the_pace_that_is_set() -> None:
    crm = Clocked(*[ok()] * 4)
    crm.lists(4, per_minute=120)
    assert crm.waits == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "30"}, 30),
        ({"ratelimit_remaining": "0", "ratelimit_reset": "30"}, 30),
        ({"x_rate_limit_remaining": "0", "x_rate_limit_reset": str(int(BEGINNING.timestamp()) + 45)}, 45),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "86400"}, 300),  # no longer than five minutes
        ({"x_ratelimit_remaining": "1", "x_ratelimit_reset": "30"}, 0.01),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "soon"}, 0.01),
        ({"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9" * 40}, 0.01),
        ({"x_ratelimit_remaining": "0"}, 0.01),
    ],
    ids=str,
)
def test_no_call_is_made_while_answers_say_that_none_is_left(headers: Mapping[str, str], wait: float) -> None:
    crm = Clocked(ok(**headers), ok())
    crm.lists(2, per_minute=6000)
    assert crm.waits == [wait]


@pytest.mark.parametrize("status", [400, 403, 408, 409, 413, 423, 425, 429, 500, 503])
def test_an_answer_that_names_a_moment_is_asked_again_then(status: int) -> None:
    crm = Clocked((status, {"message": "too many"}, {"retry-after": "7"}), ok())
    [found] = crm.lists(1)
    assert found.items == ()
    assert crm.waits == [7]


@pytest.mark.parametrize("status", [401, 404, 410, 412])
def test_what_says_something_of_a_record_or_the_caller_is_no_matter_of_time(status: int) -> None:
    crm = Clocked((status, {}, {"retry-after": "7"}))
    [found] = crm.lists(1)
    assert isinstance(found, kb.StatusError)
    assert not isinstance(found, kb.RateLimitedError)
    assert (found.status, crm.waits) == (status, [])


def test_a_longer_wait_than_the_client_takes_is_told() -> None:
    crm = Clocked((403, {"message": "secondary limit"}, {"retry-after": "3600"}))
    [found] = crm.lists(1, retry=kb.RetryPolicy(cap=60))
    assert isinstance(found, kb.RateLimitedError)
    assert (found.status, found.retry_after, crm.waits) == (403, 3600, [])
    assert "until 2026-03-01 13:00:00 UTC" in str(found)


def test_a_create_that_was_refused_for_a_while_is_made_once() -> None:
    crm = Clocked((403, {}, {"retry-after": "1"}), (201, {"Id": "7", "FirstName": "Ada"}))
    with kb.CustomcrmClient("http://crm.test", schema=kb.CustomcrmSchema(idempotency=None)) as client:
        made = crm.run(client.contacts.flows.create(kb.customcrm.Contact(first_name="Ada")))
    assert made.id == "7"
    assert [call.method for call in crm.asked] == ["POST", "POST"]


def test_what_is_no_pace_is_refused() -> None:
    with pytest.raises(ValueError, match="per_minute"):
        kb.CustomcrmClient("http://crm.test", per_minute=0)
