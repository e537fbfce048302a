"""The quotas of the Keap emulator: what is counted, what is refused, and what the headers say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from keapbridge.testing import KeapBehaviour, KeapEmulator, KeapQuota

NOON = datetime(2030, 5, 1, 12, 0, 0, tzinfo=UTC)
EXCEEDED = {"code": "429", "message": "Quota Exceeded", "status": "Request Throttled", "details": None}

Start = Callable[..., tuple[KeapEmulator, httpx.Client]]


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def start(time: Time) -> Iterator[Start]:
    started: list[tuple[KeapEmulator, httpx.Client]] = []

    def begin(**options: Any) -> tuple[KeapEmulator, httpx.Client]:
        keap = KeapEmulator(clock=time, **options).__enter__()
        client = httpx.Client(
            base_url=f"{keap.base_url}/v2", headers={"X-Keap-API-Key": keap.api_key}, timeout=60, verify=False
        )
        started.append((keap, client))
        return started[-1]

    yield begin
    for keap, client in started:
        client.close()
        keap.close()


def statuses(client: httpx.Client, count: int, **options: Any) -> list[int]:
    return [client.get("/contacts", **options).status_code for _ in range(count)]


def numbers(answer: httpx.Response, prefix: str) -> tuple[int, int, int]:
    """Limit, used and available; the first window, where there are two."""
    return tuple(
        int(answer.headers[f"x-keap-{prefix}-{name}"].partition("|")[0]) for name in ("limit", "used", "available")
    )  # type: ignore[return-value]


def test_a_minute_has_so_many_calls(start: Start, time: Time) -> None:
    keap, client = start(quota=KeapQuota(per_minute=3))
    time.pass_by(59.5)
    assert statuses(client, 5) == [200, 200, 200, 429, 429]
    refusal = client.get("/contacts")
    assert refusal.json() == EXCEEDED
    assert numbers(refusal, "product-throttle") == (3, 3, 0)
    assert "retry-after" not in refusal.headers
    time.pass_by(0.5)
    assert statuses(client, 1) == [200]
    assert (keap.throttled, keap.quota_used) == (3, 4)
    assert [r.status for r in keap.requests] == [200, 200, 200, 429, 429, 429, 200]


def test_a_day_ends_at_midnight_utc(start: Start, time: Time) -> None:
    _, client = start(quota=KeapQuota(per_day=2))
    assert statuses(client, 3) == [200, 200, 429]
    headers = client.get("/contacts").headers
    midnight = datetime(2030, 5, 2, tzinfo=UTC)
    assert headers["x-keap-product-quota-expiry-time"] == str(int(midnight.timestamp() * 1000))
    assert headers["x-keap-product-quota-time-unit"] == "day"
    # What has no limit has no headers.
    assert "x-keap-product-throttle-limit" not in headers
    assert headers["x-keap-product-spike-limit"] == ""
    time.now = midnight - timedelta(milliseconds=1)
    assert statuses(client, 1) == [429]
    time.now = midnight
    assert statuses(client, 1) == [200]


def test_a_spike_is_arrested_over_a_sliding_second(start: Start, time: Time) -> None:
    _, client = start(quota=KeapQuota(per_second=2))
    assert statuses(client, 1) == [200]
    time.pass_by(0.6)
    assert statuses(client, 2) == [200, 429]
    time.pass_by(0.4)
    # The first call is a second old now, the second is not; the refused one was never counted.
    assert statuses(client, 2) == [200, 429]
    assert client.get("/contacts").headers["x-keap-product-spike-limit"] == "2ps"


def test_the_clock_of_the_quota_may_run_faster(start: Start, time: Time) -> None:
    _, client = start(quota=KeapQuota(per_minute=1, per_day=3, time_scale=10))
    assert statuses(client, 2) == [200, 429]
    time.pass_by(5.99)
    assert statuses(client, 1) == [429]
    time.pass_by(0.01)
    assert statuses(client, 1) == [200]
    expiry = int(client.get("/contacts").headers["x-keap-product-quota-expiry-time"]) / 1000
    assert 0 < expiry - time.now.timestamp() <= 8640
    time.pass_by(6)
    assert statuses(client, 1) == [200]
    time.pass_by(6)
    assert statuses(client, 1) == [429], "the day is used up"
    time.now = datetime.fromtimestamp(expiry, UTC)
    assert statuses(client, 1) == [200]


def test_each_key_has_its_own_quota_and_the_tenant_one_for_all(start: Start, time: Time) -> None:
    keap, client = start(quota=KeapQuota(per_minute=2, tenant_per_minute=3, tenant_per_day=4))
    bearer = {"Authorization": f"Bearer {keap.oauth.grant().access_token}"}
    other = {"Authorization": f"Bearer {keap.oauth.grant().access_token}"}
    assert statuses(client, 3) == [200, 200, 429]
    with httpx.Client(base_url=client.base_url, verify=False) as oauth:
        answer = oauth.get("/contacts", headers=bearer)
        assert numbers(answer, "product-throttle") == (2, 1, 1)
        assert numbers(answer, "tenant-throttle") == (3, 3, 0)
        # One call is left to the OAuth client, over all its tokens, and none to the tenant.
        assert statuses(oauth, 1, headers=other) == [429]
        time.pass_by(60)
        assert statuses(oauth, 2, headers=other) == [200, 429], "the tenant's day is over"
    assert keap.quota_used == 4


def test_others_use_up_the_quota(start: Start, time: Time) -> None:
    keap, client = start(quota=KeapQuota.api_key())
    keap.spend(minute=239)
    answer = client.get("/contacts")
    assert numbers(answer, "product-throttle") == (240, 240, 0)
    assert statuses(client, 1) == [429]
    time.pass_by(60)
    keap.spend(day=29_998)
    assert statuses(client, 2) == [200, 429]
    assert keap.quota_used == 30_000
    time.pass_by(86_400)
    keap.spend(tenant_minute=9_999)
    answer = client.get("/contacts")
    assert (numbers(answer, "tenant-throttle"), numbers(answer, "product-throttle")) == (
        (10_000, 10_000, 0),
        (240, 1, 239),
    )
    assert statuses(client, 1) == [429]
    with pytest.raises(ValueError, match="taken back"):
        keap.spend(day=-1)


def test_a_429_may_come_from_the_gateway_and_say_when_to_return(start: Start, time: Time) -> None:
    behaviour = KeapBehaviour(throttled_body="gateway", retry_after=True)
    _, client = start(behaviour=behaviour, quota=KeapQuota(per_second=1, per_minute=2))
    time.pass_by(17.5)
    first, second = client.get("/contacts"), client.get("/contacts")
    assert (first.status_code, second.headers["retry-after"]) == (200, "1")
    assert second.json()["fault"]["detail"]["errorcode"] == "policies.ratelimit.SpikeArrestViolation"
    time.pass_by(1)
    assert statuses(client, 1) == [200]
    third = client.get("/contacts")
    assert third.json()["fault"]["detail"]["errorcode"] == "policies.ratelimit.QuotaViolation"
    assert third.headers["retry-after"] == "42"


def test_what_is_refused_at_the_door_is_not_counted_but_answered_with_headers(start: Start) -> None:
    keap, client = start(quota=KeapQuota.api_key())
    for headers in ({"X-Keap-API-Key": "wrong"}, {"X-Keap-API-Key": "", "Authorization": "Bearer wrong"}):
        answer = client.get("/contacts", headers=headers)
        assert (answer.status_code, answer.headers["x-keap-product-quota-used"]) == (401, "0")
    assert keap.quota_used == 0
    assert client.get("/nowhere").headers["x-keap-product-quota-used"] == "1"


def test_by_default_nothing_is_refused_and_the_headers_stay_generous(start: Start) -> None:
    keap, client = start()
    keap.spend(day=100_000, minute=100_000)
    answer = client.get("/contacts")
    assert answer.status_code == 200
    assert numbers(answer, "product-throttle") == (240, 120, 120)
    assert numbers(answer, "product-quota") == (30_000, 15_000, 15_000)
    assert (keap.quota_used, keap.throttled) == (100_001, 0)
    token = keap.oauth.grant().access_token
    bearer = httpx.get(f"{keap.base_url}/v2/contacts", headers={"Authorization": f"Bearer {token}"}, verify=False)
    assert numbers(bearer, "product-quota")[0] == 150_000
    assert bearer.headers["x-keap-product-spike-limit"] == "25ps"


@pytest.mark.parametrize("wrong", [{"per_day": -1}, {"time_scale": 0}])
def test_a_quota_must_make_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be >"):
        KeapQuota(**wrong)
