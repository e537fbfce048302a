"""Few calls: as many list calls as there are pages, one write for each record that must change, and nothing more.

At the first scan a few records of Keap are read by their ids, too: its lists may leave out what no record has shown.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import keapbridge as kb
from keapbridge.decide.absent_fields import SAMPLE
from keapbridge.sync.reading.never_listed_fields import PROBED
from keapbridge.sync.writing import creates, last_look

if TYPE_CHECKING:
    from conftest import World

NO_OVERLAP = timedelta(0)
slow = [pytest.mark.slow, pytest.mark.timeout(600)]

pytestmark = pytest.mark.slow  # counts the calls of big runs


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the machine takes, what was read when it began is new enough: nothing is looked at once more."""
    for module, name in ((last_look, "FRESH"), (creates, "RECENT")):
        monkeypatch.setattr(module, name, timedelta(days=1))


@pytest.mark.parametrize("source", kb.Side, ids=lambda side: f"all-in-{side.value}")
@pytest.mark.parametrize("number", [1001, pytest.param(10_000, marks=slow)])
def test_many_contacts_take_a_call_for_each_page_and_each_record(world: World, source: kb.Side, number: int) -> None:
    if source is kb.Side.CUSTOMCRM:
        world.crm.state.contacts.add_many(
            {"FirstName": f"A{n}", "LastName": "L", "Email": f"a{n}@example.org"} for n in range(number)
        )
    else:
        world.keap.state.contacts.add_many(
            {"given_name": f"A{n}", "email_addresses": [{"email": f"a{n}@example.org", "field": "EMAIL1"}]}
            for n in range(number)
        )
    report = world.sync()
    assert report.ok
    assert world.counts()["contacts"] == (number, number)
    pages = math.ceil(number / 1000)
    keap, crm = _by_method(world, "keap"), _by_method(world, "customcrm")
    if source is kb.Side.CUSTOMCRM:
        probed = 0
        assert (keap, crm) == ({"GET": 1, "POST": number}, {"GET": pages})
    else:
        probed = PROBED
        assert (keap, crm) == ({"GET": pages + probed}, {"GET": 1, "POST": number})
    assert len(world.keap.requests) + len(world.crm.requests) == pages + probed + 1 + number + 4


def _by_method(world: World, side: str) -> Counter[str]:
    """Requests for contacts only."""
    requests = world.keap.requests if side == "keap" else world.crm.requests
    return Counter(r.method for r in requests if "/contacts" in r.path)


def test_linking_takes_the_pages_only_and_edits_take_batch_reads_and_a_write_each(world: World) -> None:
    number, edited = 1100, 100
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(number))
    world.keap.state.contacts.add_many(
        {"given_name": f"A{n}", "email_addresses": [{"email": f"a{n}@example.org", "field": "EMAIL1"}]}
        for n in range(number)
    )
    assert world.sync(overlap=NO_OVERLAP).count("linked") == number
    assert (_by_method(world, "keap"), _by_method(world, "customcrm")) == ({"GET": 2 + PROBED}, {"GET": 2})
    world.forget_requests()
    for n in range(1, edited + 1):
        world.crm.state.contacts.edit(f"A{n}", JobTitle="Countess")
    assert world.sync(overlap=NO_OVERLAP).count("updated") == edited
    keap, crm = _by_method(world, "keap"), _by_method(world, "customcrm")
    assert keap["PATCH"] == edited
    assert keap["GET"] <= 4 + SAMPLE  # the first ones alone: its lists have shown no job title yet
    assert crm == {"GET": crm["GET"]}
    assert crm["GET"] <= 3
