"""Whole runs against systems that send more than a client takes, or want to be left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import keapbridge as kb
from keapbridge.testing import Fault, KeapEmulator

if TYPE_CHECKING:
    from conftest import World

TOO_LONG = Fault(status=502, body=b" " * 300_000, content_type="text/html", when="after")


def test_a_create_whose_answer_is_too_long_is_looked_up_and_not_made_twice(
    world: World, keap_server: KeapEmulator
) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    keap_server.faults.add(TOO_LONG, method="POST", path="/contacts")
    bounds = kb.Bounds(answer_bytes=200_000)
    with kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url, bounds=bounds) as keap:
        world.sync(keap=keap)
        assert world.sync(keap=keap).ok
    assert world.counts()["contacts"] == (1, 1)
    assert len(keap_server.requests.matching("POST", "/contacts")) == 1


def test_a_wait_of_a_year_ends_the_run_with_its_report(world: World, keap_server: KeapEmulator) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(40))
    year = Fault(status=429, headers=(("Retry-After", "31536000"),))
    keap_server.faults.add(year, method="POST", path="/contacts", skip=10, times=100)
    with pytest.raises(kb.RateLimitedError, match="wait_seconds") as caught:
        world.sync()
    report = caught.value.report
    assert report is not None
    assert report.count("created in Keap") == len(world.keap.state.contacts) == 10
    assert caught.value.retry_at is not None
    assert len(keap_server.requests.matching("POST", "/contacts")) < 30
