"""The log of a run as a person reads it: what happened, why, and nothing of anybody."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLANTED = ("Planted", "planted", "KeapAK-emul", "22334455")


@attrs.frozen
class Scene:
    crm: kb.CustomcrmClient
    keap: kb.KeapClient
    keap_server: Any


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Two contacts that Keap refuses with their own names, one that it takes, and one call that it answers late."""
    with (
        KeapEmulator() as server,
        CustomcrmEmulator() as crm_server,
        kb.KeapClient(
            auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, retry=kb.RetryPolicy(base=0.0)
        ) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
    ):
        for n in range(3):
            crm_server.state.contacts.add(
                {
                    "FirstName": f"Planted{n}",
                    "Email": f"planted{n}@example.org",
                    "Country": "Plantedland",
                    "Phone": "22334455",
                }
            )
        server.faults.add(Fault(status=503), method="GET", times=1)
        no = b'{"message":"Planted0 is no name, planted0@example.org is taken"}'
        server.faults.add(
            Fault(status=400, body=no, content_type="application/json"), method="POST", path="/contacts", times=2
        )
        yield Scene(crm, keap, server)


def test_what_happened_is_told_with_its_reasons_and_without_anybodys_data(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[kb.events.Event] = []
    with (
        caplog.at_level(logging.DEBUG),
        kb.SyncSession(customcrm=scene.crm, keap=scene.keap, store="sqlite://", on_event=seen.append) as session,
    ):
        report = session.sync()
    ours = [record for record in caplog.records if record.name.startswith("keapbridge")]
    text = "\n".join(record.getMessage() for record in ours)
    assert [(r.levelname, r.name) for r in ours if r.levelno > logging.INFO] == [("WARNING", "keapbridge.records")] * 2
    assert text.count("failed: 400 for a new contact (POST)") == 2
    assert re.search(r"GET /v2/companies is sent again after 503 \(attempt 2\)", text)
    assert re.search(r"held \(Country\): ", text)
    told = [record for record in ours if (record.name, record.levelname) == ("keapbridge.run", "INFO")]
    assert len(told) == 1
    line = told[0].getMessage()
    assert line.startswith(f"run {report.run_id}: sync of companies, products, contacts (session default) done in ")
    assert "contacts: created in Keap 1, failed 2" in line
    assert "failed 2 × 400 for a new contact (POST)" in line
    everything = text + repr(seen) + "\n".join(record.getMessage() for record in caplog.records)
    assert [word for word in PLANTED if word in everything] == []
    assert {event.run for event in seen} == {report.run_id}
    kinds = {type(event).__name__ for event in seen}
    assert kinds >= {"RunBegun", "RunEnded", "PhaseBegun", "PhaseEnded", "Page", "Call", "Retry", "Wait", "Record"}
    assert kinds >= {"Field", "Progress"}


def test_a_call_outside_of_a_session_is_told_at_debug(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="keapbridge.calls"):
        made = scene.crm.contacts.create(kb.customcrm.Contact(first_name="Planted", email="planted@example.org"))
        scene.crm.contacts.update(made.id, first_name="Planted again")
        with pytest.raises(kb.NotFoundError):
            scene.crm.contacts.get("planted.person")
    told = [re.sub(r"[\d.]+ s", "‹time›", r.getMessage()) for r in caplog.records if r.name == "keapbridge.calls"]
    assert told == [
        "POST /contacts 201 in ‹time›",
        "PATCH /contacts/{id} 200 in ‹time›",
        "GET /contacts/{id} 404 in ‹time›",
    ]


def test_a_run_that_an_error_ends_is_a_warning(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.keap_server.faults.add(Fault(status=401), times=50)
    with (
        caplog.at_level(logging.INFO, logger="keapbridge.run"),
        kb.SyncSession(customcrm=scene.crm, keap=scene.keap, store="sqlite://") as session,
        pytest.raises(kb.AuthError),
    ):
        session.sync()
    [told] = [record for record in caplog.records if record.name == "keapbridge.run"]
    assert told.levelname == "WARNING"
    assert "was ended by AuthError after" in told.getMessage()


@pytest.mark.parametrize(
    ("seconds", "level", "said"),
    [(5.5, "INFO", "waits 5.5 s, until 12:00:05 UTC: its turn"), (4.5, "DEBUG", "waits 4.5 s: its turn")],
)
def test_only_a_long_wait_is_news(seconds: float, level: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        kb.events.log(logging.getLogger("host"))(kb.events.Wait("its turn", seconds, at=NOON))
    [record] = caplog.records
    assert (record.name, record.levelname) == ("host.run", level)
    assert record.getMessage() == said


def test_calls_that_wait_side_by_side_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    told = kb.events.log(logging.getLogger("host"))
    with caplog.at_level(logging.INFO):
        for seconds in (8.0, 8.3, 8.5):
            told(kb.events.Wait("its turn", seconds, at=NOON))
    assert [record.getMessage() for record in caplog.records] == ["waits 8.0 s, until 12:00:08 UTC: its turn"]


def test_a_progress_function_that_fails_hurts_nobody(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    def share(_object: str, _doing: str, done: int, total: int | None) -> None:
        done / total  # type: ignore[operator]

    with kb.SyncSession(customcrm=scene.crm, keap=scene.keap, store="sqlite://", progress=share) as session:
        assert session.sync().count("created") == 1
    assert caplog.text.count("failed at Progress") == 1
