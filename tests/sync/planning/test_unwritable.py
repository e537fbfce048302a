"""What Customcrm cannot be given for single records is held, and flows as soon as it can."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import keapbridge as kb
from keapbridge.testing import KeapEmulator

SHOP = """
CREATE TABLE country (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL);
CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL, country_id INTEGER NOT NULL REFERENCES country);
CREATE TABLE address (id INTEGER PRIMARY KEY, street VARCHAR(50) NOT NULL, city_id INTEGER NOT NULL REFERENCES city);
CREATE TABLE customer (id INTEGER PRIMARY KEY, first_name VARCHAR(45) NOT NULL, email VARCHAR(50),
    address_id INTEGER NOT NULL REFERENCES address);
INSERT INTO country VALUES (1, 'Norway'), (2, 'Sweden');
INSERT INTO city VALUES (1, 'Oslo', 1), (2, 'Malmo', 2);
INSERT INTO address VALUES (1, 'Storgata 1', 1), (2, 'Lillegata 2', 1);
INSERT INTO customer VALUES (1, 'Ada', 'ada@example.org', 1), (2, 'Bo', 'bo@example.org', 2),
    (3, 'Cy', 'cy@example.org', 2);
"""
TABLE = kb.SqlTable(
    "customer",
    id="id",
    joins=[
        kb.SqlJoin(
            "address",
            local="address_id",
            insert="before",
            columns={"StreetAddress1": "street"},
            on_create={"city_id": 1},
        )
    ],
    lookups=[
        kb.SqlLookup("city", through="address", local="city_id", columns={"City": "name"}),
        kb.SqlLookup("country", through="city", local="country_id", columns={"Country": "name"}),
    ],
)


class Bridge:
    """A shop whose customers share addresses, and an emulated Keap."""

    def __init__(self, path: Path, session: kb.SyncSession, server: KeapEmulator) -> None:
        self.session, self.server = session, server
        self.sql = sqlite3.connect(path, isolation_level=None)

    def edit(self, id: str, **address: str) -> None:
        [link] = [link for link in self.session.contacts.links() if link.customcrm_id == id]
        [held] = self.server.state.contacts[link.keap_id]["addresses"]
        self.server.state.contacts.edit(link.keap_id, addresses=[{**held, **address}])

    def address(self, name: str) -> dict[str, str]:
        [found] = [c for c in self.server.state.contacts.values() if c["given_name"] == name]
        address: dict[str, str] = found["addresses"][0]
        return address

    def rows(self) -> list[tuple[str, str, str]]:
        query = "SELECT first_name, street, city.name FROM customer JOIN address ON address.id = address_id"
        return self.sql.execute(f"{query} JOIN city ON city.id = city_id ORDER BY customer.id").fetchall()

    def held(self) -> dict[str, str]:
        """What a run holds, once it is seen that its plan writes nothing."""
        plan = self.session.plan(full=True)
        assert "nothing to write" in str(plan)
        return {line.fields[0]: line.reason for line in self.session.apply(plan).lines if line.outcome == "held"}


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    path = tmp_path / "crm.db"
    made = sqlite3.connect(path)
    made.executescript(SHOP)
    made.close()
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SqlCustomcrm(f"sqlite:///{path}", contacts=TABLE) as crm,
        kb.SyncSession(
            customcrm=crm, keap=keap, store="sqlite://", policy=kb.Policy(max_first_create_share=None)
        ) as session,
    ):
        session.sync()
        yield (bridge := Bridge(path, session, server))
        bridge.sql.close()


def test_a_row_that_others_share_and_a_place_that_is_not_there_hold_their_field_until_they_can_flow(
    bridge: Bridge,
) -> None:
    before = bridge.rows()
    bridge.edit("2", line1="Nygata 9")
    bridge.edit("1", line1="Storgata 5", locality="Malmo")  # that is in another country
    bridge.session.sync(full=True)
    assert bridge.rows() == [("Ada", "Storgata 5", "Oslo"), *before[1:]]
    for _ in range(3):
        assert bridge.held() == {
            "StreetAddress1": "several rows of customer share one of address: "
            "give this one a row of its own there first",
            "City": "city has no row with this City and Country: add it there first",
        }
    assert (bridge.address("Bo")["line1"], bridge.address("Ada")["locality"]) == ("Nygata 9", "Malmo")
    assert not bridge.session.failures()
    bridge.sql.executescript(
        "INSERT INTO city VALUES (3, 'Malmo', 1); INSERT INTO address VALUES (3, 'Lillegata 2', 1);"
        "UPDATE customer SET address_id = 3 WHERE id = 2"
    )
    bridge.session.sync(full=True)
    assert bridge.rows() == [
        ("Ada", "Storgata 5", "Malmo"),
        ("Bo", "Nygata 9", "Oslo"),
        ("Cy", "Lillegata 2", "Oslo"),
    ]
    assert not bridge.held()


@pytest.mark.parametrize("city", ["Malmo", "Bergen"])  # in another country, and nowhere
def test_a_new_record_arrives_without_what_it_cannot_refer_to_and_its_source_keeps_it(
    bridge: Bridge, city: str
) -> None:
    bridge.server.state.contacts.add(
        {
            "given_name": "Eve",
            "email_addresses": [{"field": "EMAIL1", "email": "eve@example.org"}],
            "addresses": [{"field": "BILLING", "line1": "Gate 4", "locality": city, "country_code": "NOR"}],
        }
    )
    bridge.session.sync(full=True)
    assert bridge.rows()[-1] == ("Eve", "Gate 4", "Oslo")  # where a new row is put by its declaration
    for _ in range(2):
        assert "City" in bridge.held()
    assert bridge.address("Eve")["locality"] == city
