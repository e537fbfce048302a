"""The two systems in the engine's terms: what each promises, and how what it does not promise is done without it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge.customcrm.adapted import resources
from keapbridge.customcrm.adapter import AdapterPage
from keapbridge.sync.clients import AdapterSystem, CustomcrmSystem, KeapSystem
from keapbridge.sync.systems import HasCustomFields, Identity

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Shelf:
    """An adapter over some records, two on a page."""

    def __init__(self, *records: dict[str, Any], **promises: bool) -> None:
        self.records = list(records)
        self.capabilities = kb.AdapterCapabilities(**promises)
        self.asked: list[Any] = []

    def list_changes(self, _: str, since: datetime | None, cursor: str | None, /) -> AdapterPage:
        self.asked.append(since)
        start = int(cursor or 0)
        more = str(start + 2) if start + 2 < len(self.records) else None
        return AdapterPage(self.records[start : start + 2], cursor=more)

    def get_many(self, _: str, ids: Sequence[str], /) -> list[dict[str, Any]]:
        return [record for record in self.records if record["Id"] in ids]

    def create(self, _object: str, record: Any, key: str, /) -> Any:
        self.asked.append(key)
        return {**record, "Id": "9"}

    def update(self, _object: str, id: str, changes: Any, version: str | None, /) -> Any:
        self.asked.append(version)
        return {"Id": id, **changes}

    def delete(self, _object: str, _id: str, version: str | None, /) -> None:
        self.asked.append(version)


def contact(id: str, **values: Any) -> dict[str, Any]:
    return {"Id": id, "UpdatedAt": NOON, "ETag": f"v{id}", **values}


ADA = contact("1", FirstName="Ada", LastName="Lovelace", Email="ada@example.org")
BOB = contact("2", FirstName="Bob", LastName="Byron", Email="bob@example.org")
ADA_ALIKE = contact("3", FirstName="ADA", LastName="Lovelace", City="London")


def of(shelf: Shelf) -> AdapterSystem:
    return AdapterSystem(resources(shelf)["contacts"])


def test_a_record_is_looked_for_among_all_that_changed() -> None:
    system = of(Shelf(ADA, BOB, ADA_ALIKE, ADA, changes_since=True))
    wanted = kb.customcrm.Contact(first_name="Ada", last_name="Lovelace", email="ada@example.org")
    found = SyncDriver().run(system.find_like(wanted, NOON))
    assert [record.id for record in found] == ["1", "3"], "each once, also when two pages show it"
    assert SyncDriver().run(system.find_like(kb.customcrm.Contact(), NOON)) == ()


def test_what_makes_one_record_of_one_key_is_not_searched() -> None:
    system = of(Shelf(ADA, idempotent_creates=True))
    assert system.creates_once
    with pytest.raises(NotImplementedError):
        SyncDriver().run(system.find_like(kb.customcrm.Contact(), None))


@pytest.mark.parametrize("promised", [True, False])
def test_a_version_is_believed_only_where_it_is_promised(promised: bool) -> None:
    shelf = Shelf(ADA, conditional_updates=promised)
    system = of(shelf)
    record = SyncDriver().run(system.get("1"))
    identity = system.identify(record)
    assert identity == Identity("1", NOON, None, "v1" if promised else None)
    SyncDriver().run(system.update("1", {"first_name": "Augusta"}, identity.version))
    assert shelf.asked == [identity.version]


@pytest.mark.parametrize("promised", [True, False])
def test_changes_are_asked_for_only_where_they_can_be_told(promised: bool) -> None:
    shelf = Shelf(ADA, changes_since=promised)
    system = of(shelf)
    assert system.lists_changes is promised
    SyncDriver().run(system.scan(NOON))
    assert shelf.asked == [NOON if promised else None]


def test_keap_has_no_versions_and_no_keys_and_fields_that_people_make() -> None:
    with kb.KeapClient(auth=kb.KeapApiKey("key"), base_url="http://127.0.0.1:9") as client:
        system = KeapSystem(client.contacts.flows)
        record = kb.keap.Contact(id="7", update_time=NOON)
        assert system.identify(record) == Identity("7", NOON, None, None)
        assert not system.creates_once
        assert isinstance(system, HasCustomFields)
    assert not isinstance(of(Shelf()), HasCustomFields)


def test_a_customcrm_names_the_state_of_a_record() -> None:
    with kb.CustomcrmClient("http://127.0.0.1:9", auth=kb.BearerToken("token")) as client:
        system = CustomcrmSystem(client.contacts.flows)
        record = kb.customcrm.Contact(id="7", updated_at=NOON, etag="v7")
        assert system.identify(record) == Identity("7", NOON, None, "v7")
        assert system.properties is None
        assert system.creates_once
        with pytest.raises(NotImplementedError):
            system.find_like(record, None)
