"""A Customcrm that empties what was not written, beside what was: nobody has emptied that, and Keap keeps it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from small_server import UNSAID, Asked, Said, SmallServer

import keapbridge as kb
from keapbridge.testing import KeapEmulator

PLAIN = kb.CustomcrmSchema(
    version=None, deleted=None, batch=None, conditional=False, idempotency=None, paging=None, changed_since=None
)
MADE = {
    "contacts": {"FirstName": "Ada", "LastName": "Berg", "Email": "ada@example.org", "JobTitle": "Clerk"},
    "customers": {"Name": "Acme", "Description": "Old", "City": "Oslo", "Website": "https://acme.example"},
    "products": {"Name": "Kite", "Sku": "K1", "Description": "Old", "Price": "1.50", "Currency": "USD"},
}
IN_KEAP = {"contacts": "contacts", "customers": "companies", "products": "products"}
EDITED = {
    "contacts": ("job_title", "JobTitle"),
    "customers": ("notes", "Description"),
    "products": ("description", "Description"),
}


@attrs.define
class TakesAPartForAll:
    """An API whose PATCH is a PUT.

    Attributes:
        holds: the object that it has records of.
        says: what the answer to a write shows: the record, nothing, or what was sent.
        replaces: whether what was not sent goes.
    """

    says: str
    replaces: bool = True
    holds: str = "contacts"
    records: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    _ids: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def __call__(self, asked: Asked) -> Said:
        parts = asked.path.strip("/").split("/")
        now = datetime.now(UTC).isoformat()
        if asked.method == "POST":
            id = str(next(self._ids))
            self.records[id] = {**asked.body, "Id": id, "UpdatedAt": now}
            return Said(201, self.records[id])
        if len(parts) == 1:
            return Said(200, {"Items": list(self.records.values()) if parts[0] == self.holds else []})
        record = self.records.get(parts[1])
        if record is None:
            return Said(404, {"message": "there is none"})
        if asked.method == "PATCH":
            kept = {} if self.replaces else record
            self.records[parts[1]] = record = {**kept, **asked.body, "Id": parts[1], "UpdatedAt": now}
            if self.says == "nothing":
                return Said(204, UNSAID)
            return Said(200, {**asked.body, "Id": parts[1]} if self.says == "what was sent" else record)
        return Said(200, record)


@pytest.mark.parametrize("object", list(MADE))
@pytest.mark.parametrize("says", ["the record", "nothing", "what was sent"])
@pytest.mark.parametrize("replaces", [True, False], ids=["replaces", "merges"])
def test_what_an_api_loses_by_a_write_is_kept_in_keap_and_told(object: str, says: str, replaces: bool) -> None:
    api = TakesAPartForAll(says, replaces, holds=object)
    api.records["90"] = {**MADE[object], "Id": "90", "UpdatedAt": datetime.now(UTC).isoformat()}
    attribute, property = EDITED[object]
    with (
        SmallServer(api) as crm_server,
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.CustomcrmClient(crm_server.url, schema=PLAIN) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", lag=timedelta(0), currency="USD") as session,
    ):
        assert session.sync().ok
        state = getattr(server.state, IN_KEAP[object])
        [id] = state
        for value in ("New", "Newer"):
            state.edit(id, **{attribute: value})
            held = dict(state[id])
            run = session.sync()
            assert (run.ok, api.records["90"][property]) == (True, value)
            [line] = [line for line in run.lines if line.outcome == "updated"]
            lost = value == "New" and replaces
            assert ("has emptied" in line.reason) == lost
            for full in (False, True):
                session.sync(full=full)
                assert dict(state[id]) == held
        assert ("Name" in api.records["90"] or "FirstName" in api.records["90"]) == (not replaces)


def test_what_a_trigger_empties_is_kept_in_keap_after_an_undo_too(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.begin() as c:
        c.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, job_title TEXT, city TEXT)")
        c.exec_driver_sql("INSERT INTO people (email, job_title, city) VALUES ('ada@example.org', 'Clerk', 'Oslo')")
        c.exec_driver_sql(
            "CREATE TRIGGER moved AFTER UPDATE OF job_title ON people BEGIN "
            "UPDATE people SET city = NULL WHERE id = new.id; END"
        )
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SqlCustomcrm(engine, contacts=kb.SqlTable("people", id="id")) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", lag=timedelta(0)) as session,
    ):
        assert session.sync().ok
        [id] = server.state.contacts

        def city() -> str:
            return str(server.state.contacts[id]["addresses"][0]["locality"])

        server.state.contacts.edit(id, job_title="Chief")
        run = session.sync()
        [line] = list(run.lines)
        assert line.reason == "Customcrm has emptied City with it"
        with engine.begin() as c:
            c.exec_driver_sql("UPDATE people SET city = 'Bergen'")
        assert session.sync().ok
        assert city() == "Bergen"
        [undone] = list(session.undo(run.run_id).lines)
        assert undone.reason == "undo; Customcrm has emptied City with it"
        for full in (False, True):
            session.sync(full=full)
            assert city() == "Bergen"
    engine.dispose()
