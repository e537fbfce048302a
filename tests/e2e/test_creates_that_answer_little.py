"""A create whose answer does not show what was sent, or of which not all was taken: nobody has emptied that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_server import Asked, Said, SmallServer

import keapbridge as kb
from keapbridge.testing import KeapEmulator

Records = dict[str, dict[str, Any]]
PLAIN = kb.CustomcrmSchema(
    version=None, deleted=None, batch=None, conditional=False, idempotency=None, paging=None, changed_since=None
)


def record(id: str, **values: Any) -> dict[str, Any]:
    return {"Id": id, "UpdatedAt": datetime.now(UTC).isoformat(), **values}


def whole(made: dict[str, Any]) -> Said:
    return Said(201, made)


def only_its_id(made: dict[str, Any]) -> Said:
    return Said(201, {"Id": made["Id"]})


def a_job(_made: dict[str, Any]) -> Said:
    return Said(202, {"Id": "job-77", "status": "queued"})


def taken(values: dict[str, Any]) -> dict[str, Any]:
    return values


def emptied(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "JobTitle": None}


def left_out(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "JobTitle"}


def api(
    records: Records, answered: Callable[..., Said], kept: Callable[..., dict[str, Any]]
) -> Callable[[Asked], Said]:
    def answer(asked: Asked) -> Said:
        _, object, *rest = asked.path.split("/")
        if object != "contacts":
            return Said(200, {"Items": []})
        if asked.method == "POST":
            made = records[str(len(records) + 1)] = record(str(len(records) + 1), **kept(asked.body))
            return answered(made)
        if not rest:
            return Said(200, {"Items": list(records.values())})
        if rest[0] not in records:
            return Said(404, {"message": "there is none"})
        if asked.method == "PATCH":
            records[rest[0]] = {**records[rest[0]], **record(rest[0], **asked.body)}
        return Said(200, records[rest[0]])

    return answer


@pytest.mark.parametrize("answered", [whole, only_its_id, a_job])
@pytest.mark.parametrize("kept", [taken, emptied, left_out])
def test_what_a_new_record_does_not_show_empties_nothing_in_keap(
    answered: Callable[..., Said], kept: Callable[..., dict[str, Any]]
) -> None:
    records = {
        str(n): record(str(n), FirstName=f"P{n}", Email=f"p{n}@example.org", JobTitle=f"J{n}") for n in range(1, 5)
    }
    with (
        SmallServer(api(records, answered, kept)) as crm_server,
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.CustomcrmClient(crm_server.url, schema=PLAIN) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", lag=timedelta(0)) as session,
    ):
        assert session.sync().ok
        address = {"email": "ada@example.org", "field": "EMAIL1"}
        id = server.state.contacts.add({"given_name": "Ada", "job_title": "Chief", "email_addresses": [address]})
        before = dict(server.state.contacts[id])
        for full in (False, False, True):
            session.sync(full=full)
            assert dict(server.state.contacts[id]) == before
            assert len(server.state.contacts) == 5
        assert [each["Email"] for each in records.values()].count("ada@example.org") == 1
        if answered is not a_job:
            assert records["5"]["JobTitle"] == "Chief"
