"""A Customcrm that is a real MariaDB."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

import keapbridge as kb

pytestmark = pytest.mark.thorough


def test_a_record_is_made_read_changed_and_deleted(mariadb_url: str) -> None:
    engine = sa.create_engine(mariadb_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, first_name VARCHAR(40), email VARCHAR(80),"
            " updated_at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))"
        )
    with kb.SqlCustomcrm(mariadb_url, contacts=kb.SqlTable("people", id="id", modified="updated_at")) as crm:
        made = crm.create("contacts", {"FirstName": "Ängla", "Email": "a@example.org"}, "k")
        crm.update("contacts", made["Id"], {"FirstName": "Åsa"}, made["ETag"])
        assert [r["FirstName"] for r in crm.list_changes("contacts", None, None).records] == ["Åsa"]
        crm.delete("contacts", made["Id"], None)
        assert list(crm.get_many("contacts", [made["Id"]])) == []
    engine.dispose()
