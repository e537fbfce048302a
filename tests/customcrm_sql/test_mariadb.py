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


def test_a_value_that_does_not_fit_is_refused_where_the_server_would_change_it(mariadb_url: str) -> None:
    engine = sa.create_engine(mariadb_url, connect_args={"init_command": "SET sql_mode = ''"})
    lax = f"{mariadb_url}?init_command=SET+sql_mode%3D%27%27"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, job_title VARCHAR(40) CHARACTER SET utf8mb3,"
            " birth_date TIMESTAMP NULL, website TINYTEXT)"
        )
    table = kb.SqlTable("people", id="id")
    misfits = {"JobTitle": "Chief 🎈", "BirthDate": "1900-02-28", "Website": "https://example.org/" + "å" * 200}
    with kb.SqlCustomcrm(lax, contacts=table) as crm:
        assert not [found for found in crm.findings("contacts") if "sql_mode" in found.what]
        made = crm.create("contacts", {"JobTitle": "Chief", "BirthDate": "1980-01-31", "Website": "https://a.no"}, "k")
        for name, value in misfits.items():
            with pytest.raises(kb.StatusError, match="refused by the database"):
                crm.update("contacts", made["Id"], {name: value}, None)
        [still] = crm.get_many("contacts", [made["Id"]])
        assert {**still, "ETag": ""} == {**made, "ETag": ""}
    with kb.SqlCustomcrm(engine, contacts=table) as crm:
        [found] = [found for found in crm.findings("contacts") if "sql_mode" in found.what]
        assert found.severity == "warning"
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar() == ""
    engine.dispose()
