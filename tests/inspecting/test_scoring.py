"""What a table holds is told by names and by values together."""

from __future__ import annotations

from typing import Any

import pytest

from keapbridge.inspecting.schema import Column, Family, Schema, Table
from keapbridge.inspecting.scoring import assigned, guesses, looks_of, scores_of

FAMILIES: dict[type, Family] = {int: "integer", float: "float", bool: "boolean"}


def a_table(name: str, /, *rows: tuple[Any, ...], columns: str, key: str = "id") -> Table:
    names = columns.split()
    kinds = [
        next((FAMILIES.get(type(row[i]), "text") for row in rows if row[i] is not None), "text")
        for i in range(len(names))
    ]
    made = tuple(Column(name=n, family=kind) for n, kind in zip(names, kinds, strict=True))
    return Table(name=name, columns=made, key=(key,), rows=rows)


def columns_of(table: Table, object: str) -> dict[str, str]:
    [guess] = guesses(Schema(dialect="sqlite", tables=(table,)))[object]
    return dict(guess.columns)


PEOPLE = [("Ada", "Berg"), ("Bo", "Dahl"), ("Cy", "Ek"), ("Di", "Falk")]


@pytest.mark.parametrize(
    ("values", "property"),
    [
        (["Sales Representative", "Vice President, Sales", "Sales Manager", "Inside Sales Coordinator"], "JobTitle"),
        (["Mr.", "Ms.", "Dr.", "Mrs."], "Title"),
        (["Herr", "Frau", "Frau", "Herr"], "Title"),
        (["Leiter Einkauf", "Berater", "Geschäftsführerin", "Vertrieb"], "JobTitle"),
    ],
)
def test_a_title_is_what_its_values_say(values: list[str], property: str) -> None:
    rows = [(i, *who, f"p{i}@example.org", title) for i, (who, title) in enumerate(zip(PEOPLE, values, strict=True))]
    found = columns_of(a_table("people", *rows, columns="id first_name last_name email title"), "contacts")
    assert {name for name, column in found.items() if column == "title"} == {property}


def test_a_column_is_found_by_its_values_alone() -> None:
    rows = [(i, *who, f"p{i}@example.org", f"+47 22 12 34 {i}0") for i, who in enumerate(PEOPLE)]
    found = columns_of(a_table("people", *rows, columns="id vorname nachname xyz abc"), "contacts")
    assert (found["Email"], found["Phone"]) == ("xyz", "abc")


def test_values_that_contradict_a_name_count_more() -> None:
    rows = [(i, *who, "yes", f"p{i}@example.org") for i, who in enumerate(PEOPLE)]
    found = columns_of(a_table("people", *rows, columns="id first_name last_name email contact"), "contacts")
    assert found["Email"] == "contact"


def test_each_column_is_one_property() -> None:
    table = a_table("film", *((i, f"Film {i}", 9.5) for i in range(5)), columns="id title rental_rate")
    found = columns_of(table, "products")
    assert found == {"Name": "title", "Price": "rental_rate"}
    scores = scores_of(table, looks_of(table), ("Name", "ShortDescription", "Title"))
    assert len({column for column, _ in assigned(scores).values()}) == len(assigned(scores))


@pytest.mark.parametrize(
    ("columns", "row", "object"),
    [
        ("id first_name last_name email", (1, "Ada", "Berg", "a@example.org"), "contacts"),
        ("id company_name city phone", (1, "Acme Ltd", "Oslo", "+47 22123456"), "customers"),
        (
            "id company_name contact_name contact_title phone",
            (1, "Acme Ltd", "Ada Berg", "Owner", "+47 2212345"),
            "customers",
        ),
        ("id name email phone", (1, "Ada Berg", "a@example.org", "+47 22123456"), "contacts"),
        ("id name email phone", (1, "Acme Ltd", "a@example.org", "+47 22123456"), "customers"),
    ],
)
def test_a_table_of_customers_is_of_people_or_of_companies(columns: str, row: tuple[Any, ...], object: str) -> None:
    table = a_table("customers", *[(i, *row[1:]) for i in range(5)], columns=columns)
    found = guesses(Schema(dialect="sqlite", tables=(table,)))
    assert [name for name, some in found.items() if some] == [object]


def test_ones_own_people_come_behind_the_customers() -> None:
    rows = [(i, *who, f"p{i}@example.org", "Owner") for i, who in enumerate(PEOPLE)]
    employees = a_table("employees", *rows, columns="id first_name last_name email job_title")
    customers = a_table("customer", *(row[:4] for row in rows), columns="id first_name last_name email")
    found = guesses(Schema(dialect="sqlite", tables=(employees, customers)))
    assert [guess.table.name for guess in found["contacts"]] == ["customer", "employees"]


def test_logs_details_and_settings_come_behind_or_are_nothing() -> None:
    rows = [(i, *who, f"p{i}@example.org") for i, who in enumerate(PEOPLE)]
    names = ("contacts_audit", "contacts", "contact_history")
    tables = tuple(a_table(name, *rows, columns="id first_name last_name email") for name in names)
    assert guesses(Schema(dialect="sqlite", tables=tables))["contacts"][0].table.name == "contacts"
    settings = a_table("settings", *((i, "x", "y") for i in range(5)), columns="id name value")
    assert not any(guesses(Schema(dialect="sqlite", tables=(settings,))).values())


def test_people_and_companies_of_one_table_are_told_apart_by_a_word_for_either() -> None:
    rows = [
        (1, "Company", None, None, "Acme", "post@example.org", None),
        (2, "Contact", "Ada", "Berg", None, "ada@example.org", 1),
        (3, "Individual", "Bo", "Dahl", None, "bo@example.org", None),
        (4, "Robot", "Cy", "Ek", None, "cy@example.org", None),
    ]
    names = "id type first_name last_name name email company_id"
    found = guesses(Schema(dialect="sqlite", tables=(a_table("people", *rows, columns=names),)))
    [people], [firms] = found["contacts"], found["customers"]
    assert (people.where, firms.where) == ({"type": ["Contact", "Individual"]}, {"type": "Company"})
    assert (firms.columns["Name"], people.columns["FirstName"]) == ("name", "first_name")
    # Jobs or states of people are no sorts of them.
    rows = [(*row[:1], ("Manager", "Clerk", "Boss", "Cook")[n], *row[2:]) for n, row in enumerate(rows)]
    found = guesses(Schema(dialect="sqlite", tables=(a_table("people", *rows, columns=names),)))
    assert [guess.where for guess in found["contacts"]] == [{}]
