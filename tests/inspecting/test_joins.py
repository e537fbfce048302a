"""Tables that belong to records are joined, those that they refer to are looked up."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from read_tables import PEOPLE, PERSON, contacts, table

import keapbridge as kb


def test_a_row_that_refers_to_a_person_and_is_its_only_one_is_joined() -> None:
    profile = table(
        "profile",
        "profile_id# phone person#",
        (1, "+47 22123456", 1),
        (2, "+47 22123457", 2),
        refers={"person": "person"},
    )
    found, _ = contacts(table("person", PERSON, *PEOPLE), profile)
    assert list(found.joins) == [kb.SqlJoin("profile", remote="person", columns={"Phone": "phone"})]


def test_of_several_rows_the_main_one_is_picked_by_its_kind() -> None:
    rows = [(1, "Oslo", "home", 1), (2, "Bergen", "delivery", 1), (3, "Moss", "home", 2), (4, "Halden", "delivery", 2)]
    place = table("place", "place_id# city kind person#", *rows, refers={"person": "person"})
    found, _ = contacts(table("person", PERSON, *PEOPLE), place)
    assert list(found.joins) == [kb.SqlJoin("place", remote="person", columns={"City": "city"}, where={"kind": "home"})]


def test_what_is_called_as_the_key_of_a_person_refers_to_it_where_the_database_does_not_say_so() -> None:
    rows = [(1, "Gate 1", "Oslo", 1, 1), (2, "Gate 2", "Moss", 0, 1), (3, "Gate 3", "Bergen", 1, 2)]
    columns = {"StreetAddress1": "address", "City": "city"}
    for key, found_there in (("person_id", 1), ("id", 0)):
        person = table("person", PERSON.replace("person_id", key), *PEOPLE)
        place = table("place", f"place_id# address city is_default# {key}#", *rows)
        found, _ = contacts(person, place)
        joined = [kb.SqlJoin("place", remote=key, columns=columns, where={"is_default": 1})]
        assert list(found.joins) == joined[:found_there]


@pytest.mark.parametrize("rows", [[(1, "Oslo", 1, 1), (2, "Moss", 0, 1), (3, "Bergen", 1, 2)], [(1, "Oslo", 1, 1)]])
def test_of_several_rows_the_one_that_is_marked_is_picked_also_where_there_is_but_one_by_now(rows: list[Any]) -> None:
    place = table("place", "place_id# city is_primary# person#", *rows, refers={"person": "person"})
    found, _ = contacts(table("person", PERSON, *PEOPLE), place)
    assert [join.where for join in found.joins] == [{"is_primary": 1}]


def test_of_several_rows_that_nothing_tells_apart_none_is_taken_and_that_is_told() -> None:
    place = table("place", "place_id# city person#", (1, "Oslo", 1), (2, "Moss", 1), refers={"person": "person"})
    found, told = contacts(table("person", PERSON, *PEOPLE), place)
    assert list(found.joins) == []
    assert any("place: has several rows for one of person" in line for line in told)


def test_an_address_is_made_before_its_person_and_its_city_and_country_are_looked_up() -> None:
    people = [(*row, i + 1) for i, row in enumerate(PEOPLE)]
    found, _ = contacts(
        table("person", f"{PERSON} address_id#", *people, refers={"address_id": "address"}),
        table(
            "address",
            "address_id# address postal_code city_id#",
            (1, "Storgata 1", "0150", 1),
            (2, "Lillegata 2", "1500", 2),
            refers={"city_id": "city"},
        ),
        table("city", "city_id# city country_id#", (1, "Oslo", 1), (2, "Moss", 1), refers={"country_id": "country"}),
        table("country", "country_id# country", (1, "Norway"), (2, "Sweden")),
    )
    address = {"StreetAddress1": "address", "ZipCode": "postal_code"}
    assert list(found.joins) == [kb.SqlJoin("address", local="address_id", insert="before", columns=address)]
    assert list(found.lookups) == [
        kb.SqlLookup("city", local="city_id", through="address", columns={"City": "city"}),
        kb.SqlLookup("country", local="country_id", through="city", columns={"Country": "country"}),
    ]


def test_an_address_that_several_share_is_not_theirs() -> None:
    people = [(*row, 1) for row in PEOPLE]
    shared = table("address", "address_id# address postal_code", (1, "Storgata 1", "0150"))
    found, _ = contacts(table("person", f"{PERSON} address_id#", *people, refers={"address_id": "address"}), shared)
    assert list(found.joins) == []


def test_a_country_is_looked_up_without_a_foreign_key_and_by_its_code() -> None:
    people = [(*row, 1) for row in PEOPLE]
    countries = table("c_country", "rowid# label code", (1, "Norge", "NO"), (2, "Sverige", "SE"))
    found, _ = contacts(table("person", f"{PERSON} fk_pays#", *people), countries)
    assert list(found.lookups) == [kb.SqlLookup("c_country", local="fk_pays", columns={"Country": "code"})]


def test_the_table_that_every_record_begins_in_tells_its_times_and_deletions() -> None:
    rows = [(n, "2026-01-02 10:00:00", 0, "Person" if n < 3 else "Deal") for n in (1, 2, 3)]
    entity = table("entity", "entity_id# modified_at deleted# kind", *rows)
    kind = attrs.evolve(entity["kind"], nullable=False)
    entity = attrs.evolve(entity, columns=(*entity.columns[:3], kind))
    person = table("person", PERSON, *PEOPLE, refers={"person_id": "entity"})
    found, _ = contacts(person, entity)
    assert (found.modified, found.deleted) == ("entity.modified_at", "entity.deleted")
    begun = kb.SqlJoin(
        "entity",
        local="person_id",
        remote="entity_id",
        insert="before",
        always=True,
        on_create={"kind": "Person"},
    )
    assert list(found.joins) == [begun]
