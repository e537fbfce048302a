"""What names a Customcrm shows no more than its host or file, and is another one for another system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.customcrm import address


@pytest.mark.parametrize(
    ("base_url", "same", "other", "shown"),
    [
        (
            "https://CRM.example.com/k/s3cret",
            "https://crm.example.com/k/s3cret",
            "https://crm.example.com/k/s3cret2",
            "https://crm.example.com",
        ),
        ("http://crm.example.com", "http://crm.example.com", "https://crm.example.com", "http://crm.example.com"),
        ("http://localhost:80/a", "http://localhost:80/a", "http://localhost:81/a", "http://localhost:80"),
    ],
)
def test_an_api_is_named_by_its_address(base_url: str, same: str, other: str, shown: str) -> None:
    named = address.address_of_base_url(base_url)
    assert named == address.address_of_base_url(same)
    assert named != address.address_of_base_url(other)
    assert address.shown_address(named) == shown
    assert "s3cret" not in named


def test_a_database_is_named_without_its_driver_and_who_signs_in() -> None:
    named = {
        address.address_of_database(url.get_backend_name(), url.host, url.port, url.database)
        for url in map(
            sa.make_url,
            (
                "postgresql+psycopg://ada:pw@db/crm",
                "postgresql+pg8000://bob:word@DB/crm?password=x",
                "postgresql://db/crm",
            ),
        )
    }
    assert [address.shown_address(each) for each in named] == ["postgresql db/crm"]


def test_a_file_is_the_same_from_every_folder_and_another_one_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        for url in ("sqlite:///crm.db", f"sqlite:///{tmp_path / folder / 'crm.db'}"):
            engine = sa.create_engine(url)
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    "CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, first_name TEXT, updated_at TEXT)"
                )
            with kb.SqlCustomcrm(
                url, contacts=kb.SqlTable("people", id="id", modified="updated_at", columns={"FirstName": "first_name"})
            ) as crm:
                found.append(crm.address)
            engine.dispose()
    assert found[0] == found[1] != found[2] == found[3]
    assert {address.shown_address(each) for each in found} == {"sqlite crm.db"}
    assert str(tmp_path) not in "".join(found)


def test_an_adapter_is_named_by_what_it_says_or_by_its_class() -> None:
    class Shop:
        address: Any = ""

    shop = Shop()
    assert address.shown_address(address.address_of_object(shop)).endswith("Shop")
    shop.address = "shop 7"
    assert address.address_of_object(shop) == "shop 7"
