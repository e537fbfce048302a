"""Names of tables and columns say what they are for, in ten languages and in the habits of those who made them."""

from __future__ import annotations

import pytest

from keapbridge.inspecting.naming import column_scores, table_scores, words_of


@pytest.mark.parametrize(
    ("column", "property"),
    [
        ("first_name", "FirstName"),
        ("Vorname", "FirstName"),
        ("prénom", "FirstName"),
        ("voornaam", "FirstName"),
        ("imię", "FirstName"),
        ("förnamn", "FirstName"),
        ("LastName", "LastName"),
        ("apellidos", "LastName"),
        ("cognome", "LastName"),
        ("sobrenome", "LastName"),
        ("E-Mail", "Email"),
        ("EMAILADDRESS", "Email"),
        ("correo_electronico", "Email"),
        ("epostadress", "Email"),
        ("Straße", "StreetAddress1"),
        ("kundeStrasse", "StreetAddress1"),
        ("mailingcity", "City"),
        ("primary_address_street", "StreetAddress1"),
        ("PLZ", "ZipCode"),
        ("kod_pocztowy", "ZipCode"),
        ("Telemóvel", "MobilePhone"),
        ("phone_mobile", "MobilePhone"),
        ("Geburtsdatum", "BirthDate"),
        ("data_di_nascita", "BirthDate"),
        ("país", "Country"),
        ("precio", "Price"),
        ("list_price", "Price"),
        ("artikelnummer", "Sku"),
        ("write_date", "modified"),
        ("geändert_am", "modified"),
        ("date_modified", "modified"),
        ("supprimé", "deleted"),
    ],
)
def test_a_name_is_known_in_its_language(column: str, property: str) -> None:
    scores = column_scores(column)
    assert property in scores
    assert scores[property] == max(scores.values())


@pytest.mark.parametrize("column", ["address_id", "ReportsTo", "email_opt_out", "password", "lft", "płeć", ""])
def test_what_is_something_else_is_taken_for_nothing(column: str) -> None:
    assert column_scores(column) == {}


@pytest.mark.parametrize(
    ("column", "property"),
    [
        ("designation", "Country"),
        ("destination", "Country"),
        ("voicemail", "Email"),
        ("real_estate", "Region"),
        ("birthplace", "City"),
        ("ethnicity", "City"),
        ("interactive", "Active"),
        ("inactive", "Active"),
    ],
)
def test_what_only_seems_to_end_with_a_word_is_not_taken_for_it(column: str, property: str) -> None:
    assert property not in column_scores(column)


def test_what_stands_for_another_one_than_the_first_comes_behind() -> None:
    assert column_scores("alt_address_street")["StreetAddress1"] < column_scores("address_street")["StreetAddress1"]


def test_columns_may_repeat_what_their_table_is_called() -> None:
    assert column_scores("product_name", "products")["Name"] > 0.9
    assert column_scores("p_price", "items", ("p",))["Price"] > 0.9


@pytest.mark.parametrize(
    ("table", "object"),
    [
        ("contacts", "contacts"),
        ("llx_socpeople", "contacts"),
        ("Ansprechpartner", "contacts"),
        ("personnes", "contacts"),
        ("accounts", "customers"),
        ("Firmen", "customers"),
        ("entreprises", "customers"),
        ("tbl_Produkte", "products"),
        ("film", "products"),
        ("Order Details", "none"),
        ("contacts_audit", "none"),
    ],
)
def test_a_table_is_known_by_its_name(table: str, object: str) -> None:
    scores = table_scores(table)
    assert scores[object] == max(scores.values())


def test_words_are_cut_where_people_see_them() -> None:
    assert words_of("CustomerID") == ("customer", "id")
    assert words_of("ZIPCode") == ("zip", "code")
    assert words_of("straße_2") == ("strasse", "2")
