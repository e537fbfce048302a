"""A Keap that is slow, refuses a field, takes few ids and counts its pages while records go: nothing is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

pytestmark = pytest.mark.thorough

NUMBER = 320
GATEWAY = 30.0  # seconds after which nobody waits for an answer any more


class Difficult:
    """A layer over the emulator: a page of 1,000 takes 40 seconds, and with every page a record is deleted."""

    def __init__(self, server: KeapEmulator) -> None:
        self.app, self.state = server.app, server.state
        self.gone: list[str] = []
        self.refused: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self.app(scope, receive, send)
            return
        status, said = refusal
        self.refused.add(said)
        body = json.dumps({"code": status, "message": said, "status": "-", "details": []}).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Any) -> tuple[int, str] | None:
        query = dict(parse_qsl(scope["query_string"].decode()))
        if "suffix" in query.get("fields", "").split(","):
            return 400, "fields: suffix is not a known property"
        ids = re.search(r"ids==([\d,]+)", query.get("filter", ""))
        if ids and ids[1].count(",") >= 20:
            return 400, "filter: ids takes at most 20 ids"
        if scope["method"] != "GET" or not scope["path"].endswith("/contacts"):
            return None
        if 40.0 * int(query["page_size"]) / 1000 > GATEWAY / 5:
            return 504, "no answer in time"
        if "page_token" in query or "contact_id>" in query.get("filter", ""):
            self.gone.append(min(self.state.contacts, key=int))
            self.state.contacts.delete(self.gone[-1])
        return None


def test_the_first_sync_is_complete_all_the_same(tmp_path: Path) -> None:
    server = KeapEmulator(habits=kb.Habits(page_tokens="offset"))
    server.app = layer = Difficult(server)
    with (
        server,
        CustomcrmEmulator() as crm_server,
        kb.KeapClient(
            auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, retry=kb.RetryPolicy(attempts=2, base=0.001)
        ) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{tmp_path / 'bridge.db'}") as session,
    ):
        people = [
            {"given_name": f"N{n}", "email_addresses": [{"email": f"n{n}@example.org", "field": "EMAIL1"}]}
            for n in range(NUMBER)
        ]
        server.state.contacts.add_many(people)
        crm_server.state.contacts.add_many(
            {"FirstName": f"N{n}", "Email": f"n{n}@example.org", "JobTitle": "Boss"} for n in range(NUMBER - 60, NUMBER)
        )
        report = session.contacts.sync(accept=["first-creates"])
        assert report.ok, report.failures
        held = {each["FirstName"] for each in crm_server.state.contacts.values()}
        there = {each["given_name"] for each in server.state.contacts.values()}
        assert layer.gone, "records went while the list was read"
        assert there <= held, "everything that is there has arrived"
        assert len(crm_server.state.contacts) == len(held), "and once"
        titled = [each["given_name"] for each in server.state.contacts.values() if each.get("job_title") == "Boss"]
        assert sorted(titled) == sorted(f"N{n}" for n in range(NUMBER - 60, NUMBER))
        assert layer.refused == {
            "fields: suffix is not a known property",
            "filter: ids takes at most 20 ids",
            "no answer in time",
        }
        before = len(server.requests.writes)
        session.contacts.sync()
        assert len(server.requests.writes) == before
