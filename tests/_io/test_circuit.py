"""A system that is down is left alone, and a run against it ends soon, with a report of what it has done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

import keapbridge as kb
from keapbridge._io.circuit import Circuit, is_outage
from keapbridge.errors import (
    ApiError,
    AuthError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    ShapeError,
    TransportError,
    UnavailableError,
)
from keapbridge.testing import Fault, KeapEmulator

if TYPE_CHECKING:
    from conftest import World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REST = timedelta(seconds=30)
DOWN = ServerError("x", status=503)
ALWAYS = 10**6


def _opened(at: datetime = NOON) -> Circuit:
    circuit = Circuit(3, REST)
    for _ in range(3):
        circuit.failed(DOWN, at)
    return circuit


@pytest.mark.parametrize("error", [DOWN, TransportError("x"), TransportError("x", sent=False), ShapeError("no JSON")])
def test_what_tells_of_an_outage(error: ApiError) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("x", status=404),
        AuthError("x", status=401),
        RateLimitedError("x", status=429),
        ShapeError("x", paths=["$.id"]),
        UnavailableError("x"),
    ],
)
def test_what_tells_of_a_record_or_of_us(error: ApiError) -> None:
    assert not is_outage(error)


@examples(100)
@given(st.lists(st.booleans(), max_size=40))
def test_it_opens_after_so_many_failures_in_a_row_and_never_before(outcomes: list[bool]) -> None:
    circuit, in_a_row = Circuit(3, REST), 0
    for succeeds in outcomes:
        if not circuit.is_quiet:
            break
        if succeeds:
            circuit.succeeded()
            in_a_row = 0
        else:
            circuit.failed(DOWN, NOON)
            in_a_row += 1
        assert circuit.is_quiet is (in_a_row < 3)


def test_an_open_one_lets_nothing_pass_and_says_until_when() -> None:
    circuit = _opened()
    with pytest.raises(UnavailableError, match="3 calls failed") as caught:
        circuit.check(NOON + REST / 2)
    assert caught.value.retry_at == NOON + REST


def test_after_the_rest_one_call_tries_and_the_others_wait_for_it() -> None:
    circuit = _opened()
    circuit.check(NOON + REST)
    with pytest.raises(UnavailableError):
        circuit.check(NOON + REST)
    circuit.succeeded()
    circuit.check(NOON + REST)
    assert circuit.is_quiet


def test_a_trial_that_fails_opens_it_again() -> None:
    circuit = _opened()
    circuit.check(NOON + REST)
    circuit.failed(DOWN, NOON + REST)
    with pytest.raises(UnavailableError):
        circuit.check(NOON + REST + REST / 2)


def test_a_clock_that_was_put_back_does_not_prolong_the_rest() -> None:
    circuit = _opened(NOON + timedelta(days=365))
    circuit.check(NOON)
    with pytest.raises(UnavailableError, match="12:00:30"):
        circuit.check(NOON)  # one call tries, the others wait by the clock as it is now


# --- clients and runs -----------------------------------------------------------------------------------------------

PATIENCE = kb.RetryPolicy(attempts=2, base=0.001, patience=6, rest=timedelta(minutes=1))


@pytest.fixture
def keap(keap_server: KeapEmulator) -> Any:
    auth = kb.KeapApiKey(keap_server.api_key)
    with kb.KeapClient(auth=auth, base_url=keap_server.base_url, retry=PATIENCE) as client:
        yield client


def test_a_client_stops_asking_a_system_that_is_down(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    keap_server.faults.add(Fault(status=503), times=ALWAYS)
    for _ in range(3):
        with pytest.raises(kb.ServerError):
            keap.contacts.get("1")
    for resource in (keap.contacts, keap.companies):
        with pytest.raises(kb.UnavailableError, match=r"contact 1|company 1"):
            resource.get("1")
    assert len(keap_server.requests) == 6


def test_a_run_against_a_system_that_goes_down_ends_soon_and_the_next_one_does_the_rest(world: World) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(60))
    world.keap.faults.add(Fault(status=503), path="/contacts", method="POST", skip=20, times=ALWAYS)
    with pytest.raises(kb.UnavailableError) as caught:
        world.sync()
    report = caught.value.report
    assert report is not None
    assert report.count("created in Keap") == len(world.keap.state.contacts) == 20
    # Which answers come before the last good one is luck; without an end there would be one call for each of the 60.
    assert len(world.keap.requests.matching("POST")) < 60
    world.keap.faults.clear()
    session = world.sessions()
    session._engine.bridge["contacts"].systems[kb.Side.KEAP].flows.port.circuit.succeeded()  # its rest is over
    for failure in session.failures():
        session.contacts.retry(customcrm=[failure.id])
    assert session.sync().ok
    assert world.counts()["contacts"] == (60, 60)
    world.assert_quiet()


def test_a_quota_that_is_spent_in_the_middle_ends_the_run_and_a_later_one_does_the_rest(
    world: World, keap_server: KeapEmulator
) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(30))
    auth = kb.KeapApiKey(keap_server.api_key)
    paced = kb.Pacing(per_second=10_000, per_minute=100_000, per_day=15)
    with kb.KeapClient(auth=auth, base_url=keap_server.base_url, pacing=paced) as keap:
        with pytest.raises(kb.QuotaExhaustedError) as caught:
            world.sync(keap=keap)
        assert caught.value.resets_at is not None
        report = caught.value.report
        assert report is not None
        assert report.count("created in Keap") == len(world.keap.state.contacts) > 0
    assert len(keap_server.requests) == 15
    assert world.sync().ok
    assert world.counts()["contacts"] == (30, 30)
    world.assert_quiet()
