"""Ids, moments and versions as systems show them: what can be used, and what cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.keap import endpoints
from keapbridge.model.checked import asked_id, usable_id, usable_moment, usable_version
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

NO_IDS = ["", " ", ".", "..", " .. ", "\x00", "a\x00", "\ud800", "x" * 256, "a\nb"]


@pytest.mark.parametrize("id", [*NO_IDS, 0, None, False, True, 1.5, b"1"])
def test_what_no_record_can_be_asked_for_by_is_no_request(id: Any) -> None:
    assert not usable_id(id)
    for make in (endpoints.get, endpoints.delete):
        with pytest.raises(ValueError, match="no id of a record"):
            make(endpoints.CONTACTS, id)


@pytest.mark.parametrize(("id", "text"), [("0", "0"), (12, "12"), ("a/b?c#d", "a/b?c#d"), ("x" * 255, "x" * 255)])
def test_any_other_id_is_its_text(id: Any, text: str) -> None:
    assert asked_id(id) == text


@pytest.mark.parametrize("id", ["", ".", "..", 0])
def test_a_client_sends_no_request_to_a_collection(id: Any) -> None:
    with (
        KeapEmulator() as keap_server,
        CustomcrmEmulator() as crm_server,
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
    ):
        for records in (keap.contacts, crm.contacts):
            for call in (records.get, records.delete, records.update):
                with pytest.raises(ValueError, match="no id of a record"):
                    call(id)
            with pytest.raises(ValueError, match="no id of a record"):
                records.get_many(["1", id])
        with pytest.raises(ValueError, match="no id of a record"):
            keap.contacts.put_items(id, kb.keap.EmailAddress("ada@example.org", "EMAIL1"))
        assert not keap_server.requests
        assert not crm_server.requests


@pytest.mark.parametrize(
    ("moment", "known"),
    [
        (datetime(2026, 11, 27, 22, tzinfo=UTC).replace(tzinfo=None), datetime(2026, 11, 27, 22, tzinfo=UTC)),
        (datetime(2026, 11, 27, 22, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 11, 27, 20, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC).replace(tzinfo=None), None),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), None),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))), None),
        ("2026-11-27", None),
        (None, None),
    ],
)
def test_a_moment_is_one_in_utc_or_none(moment: Any, known: datetime | None) -> None:
    assert usable_moment(moment) == known


@pytest.mark.parametrize("version", ["", None, 7, "\ud800", "v\x00", "v" * 501])
def test_a_version_that_cannot_be_kept_is_none(version: Any) -> None:
    assert usable_version(version) is None
    assert usable_version('W/"7"') == 'W/"7"'
