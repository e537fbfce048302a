"""E-mail addresses and companies behind relations are joined, where something says which one is meant."""

from __future__ import annotations

import pytest
from read_tables import PEOPLE, contacts, table

import keapbridge as kb
from keapbridge.inspecting.made import InCase

MAILS = table(
    "mail_addresses",
    "id address address_caps",
    ("a", "ada@example.org", "ADA@EXAMPLE.ORG"),
    ("b", "bo@example.org", "BO@EXAMPLE.ORG"),
)
RELATED = (("r", "a", 1, "People", 1, 0), ("s", "b", 2, "People", 1, 0), ("t", "b", 1, "Deals", 1, 0))
NAMES = tuple(row[:3] for row in PEOPLE)
PERSON = table("people", "id# first_name last_name", *NAMES)


def relation(columns: str, *rows: tuple[object, ...]) -> list[kb.SqlJoin]:
    found, told = contacts(PERSON, table("mail_rel", columns, *rows), MAILS)
    assert found.columns == {"FirstName": "first_name", "LastName": "last_name"}
    return list(found.joins) or [line for line in told if "mail_rel" in line]  # type: ignore[return-value]


def joined(where: dict[str, object], owner: str) -> list[kb.SqlJoin]:
    first, copy = kb.SqlJoin("mail_rel", remote=owner, where=where), {"address_caps": InCase("upper", "address")}
    return [
        first,
        kb.SqlJoin(
            "mail_addresses",
            local="mail_address_id",
            through="mail_rel",
            insert="before",
            columns={"Email": "address"},
            on_write=copy,
        ),
    ]


def test_what_kind_of_record_is_meant_and_which_one_is_the_main_one_picks_a_row() -> None:
    found = relation("id mail_address_id owner_id# owner_type primary_one# deleted#", *RELATED)
    assert found == joined({"owner_type": "People", "deleted": 0, "primary_one": 1}, "owner_id")


def test_a_relation_whose_key_is_both_of_its_columns_needs_nothing_else() -> None:
    found = relation("person_ref mail_address_id people_id#", *((*row[:3],) for row in RELATED[:2]))
    assert found == joined({}, "people_id")


def test_of_several_rows_that_nothing_tells_apart_none_is_taken_and_that_is_told() -> None:
    [told] = relation("id mail_address_id people_id#", ("r", "a", 1), ("s", "b", 1))
    assert "relates several rows of mail_addresses to one of people" in str(told)


@pytest.mark.parametrize(
    "columns",
    [
        "id mail_address_id owner_id# owner_type deleted#",  # two kinds are called alike: nothing says whose it is
        "id other_id owner_id# owner_type deleted#",
    ],
)
def test_what_names_no_record_or_no_other_table_is_no_relation(columns: str) -> None:
    rows = [(*row[:3], "Deals", 0) for row in RELATED]
    assert relation(columns, *rows) == []


def test_the_company_behind_a_relation_is_the_contacts_own() -> None:
    firms = table("companies", "id# name city phone", (7, "Acme Ltd", "Oslo", "+47 22123456"))
    people = table("people", "id# first_name last_name email", *PEOPLE)
    found, _ = contacts(people, firms, table("people_companies", "id people_id# company_id# deleted#", ("r", 1, 7, 0)))
    assert list(found.joins) == [
        kb.SqlJoin("people_companies", remote="people_id", columns={"CustomerId": "company_id"}, where={"deleted": 0})
    ]
