"""What is to be known of tables before the first run is told, each with its place."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from keapbridge.inspecting.proposal import Proposal, propose
from keapbridge.inspecting.schema import Column, Family, ForeignKey, Schema, Table

TEXTS = ("first_name", "last_name", "email")
ROWS = tuple((i, f"A{i}", f"B{i}", f"p{i}@example.org") for i in range(5))


def people(
    *more: Column, key: tuple[str, ...] = ("id",), rows: tuple[tuple[Any, ...], ...] = ROWS, **options: Any
) -> Table:
    id = options.pop("id", Column(name="id", family="integer", nullable=False, counts=True))
    columns = (id, *(Column(name=name) for name in TEXTS), *more)
    filled = tuple((*row[:4], *((row[4:] or (None,) * len(more))[: len(more)])) for row in rows)
    return Table(name="people", columns=columns, key=key, rows=filled, **options)


def proposed(*tables: Table, dialect: str = "sqlite", **options: Any) -> Proposal:
    return propose(Schema(dialect=dialect, tables=tables, **options))


def told(proposal: Proposal) -> list[str]:
    return [f"{found.severity} {found.place}: {found.what}" for found in proposal.findings]


def column(name: str, family: Family = "text", **options: Any) -> Column:
    return Column(name=name, family=family, **options)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (people(key=()), "error people: looks like contacts, and has no unique key"),
        (
            people(column("line", "integer"), key=("id", "line")),
            "warning people: looks like contacts, and its key is id and line together",
        ),
        (
            people(column("branch", "integer", nullable=False), column("state", nullable=False)),
            "warning people: branch is NOT NULL without a default, and no property is kept there",
        ),
        (
            people(column("branch", nullable=False)),
            "info people: branch is NOT NULL without a default, and no property is kept there",
        ),
        (
            people(column("login", nullable=False), uniques=(("login",),)),
            "warning people: login is NOT NULL without a default, and no property is kept there",
        ),
        (
            people(id=column("id", "integer", nullable=False)),
            "warning people.id: a number that the database does not make by itself",
        ),
        (
            people(id=column("id", length=5, nullable=False)),
            "warning people.id: has room for 5 characters, which is too short for a UUID",
        ),
        (
            people(column("country", choices=("NO", "SE"))),
            "warning people.country: takes NO, SE only",
        ),
        (people(column("city", length=12)), "info people: texts are shorter than in Keap: city 12 characters"),
        (people(), "info people: no column tells when a row was changed"),
        (people(column("updated_at", "date")), "info people.updated_at: holds days"),
        (people(column("updated_at", "time")), "info people.updated_at: no trigger moves it"),
        (people(column("updated_at", "time")), "warning people.updated_at: is empty in 5 of 5 rows"),
        (
            people(column("is_deleted", "boolean")),
            "info people.is_deleted: marks rows as deleted (0 of 5 that were read)",
        ),
        (
            people(column("full_name")),
            "info people.full_name: holds whole names, where Keap has a first and a last name",
        ),
    ],
)
def test_it_is_told(table: Table, said: str) -> None:
    assert said in told(proposed(table))


def test_what_has_no_id_is_not_proposed_and_a_key_of_several_columns_is_taken_whole() -> None:
    assert proposed(people(key=())).tables == {}
    assert proposed(people(column("line", "integer"), key=("id", "line"))).tables["contacts"].id == ("id", "line")


def test_a_unique_column_is_an_id_where_there_is_no_primary_key() -> None:
    table = people(key=(), uniques=(("email",), ("id",)))
    table = attrs.evolve(table, columns=tuple(attrs.evolve(c, nullable=False) for c in table.columns))
    assert proposed(table).tables["contacts"].id == "email"


def test_a_time_that_something_moves_and_that_is_filled_needs_no_word() -> None:
    rows = tuple((*row, "2026-01-01 10:00:00") for row in ROWS)
    table = people(column("updated_at", "time"), rows=rows, triggers=("… SET updated_at = CURRENT_TIMESTAMP …",))
    found = proposed(table)
    assert found.tables["contacts"].modified == "updated_at"
    assert not [line for line in told(found) if "updated_at" in line]


def test_local_time_is_told_by_the_zone_of_the_session_and_by_times_that_are_yet_to_come() -> None:
    rows = tuple((*row, "2026-01-01 12:00:00") for row in ROWS)
    table = people(column("updated_at", "time"), rows=rows)
    for zone, offset, known in (("Europe/Oslo", 60, "Europe/Oslo"), ("CEST", 120, "Etc/GMT-2")):
        found = proposed(table, dialect="postgresql", offset=offset, zone=zone, now="2026-01-01T10:00:00+00:00")
        assert found.tables["contacts"].time_zone == known
        ahead = f"warning people.updated_at: has no time zone, and the database's own is {known}, which is assumed"
        assert ahead in told(found)
    odd = proposed(table, dialect="postgresql", offset=330, zone="+05:30", now="2026-01-01T10:00:00+00:00")
    assert odd.tables["contacts"].time_zone is None
    assert "warning people.updated_at: has no time zone, and the database's own is +5.5 hours from UTC" in told(odd)
    yet = "warning people.updated_at: holds times that are yet to come in UTC: it seems to be in local time"
    assert yet in told(proposed(table, now="2026-01-01T10:00:00+00:00"))
    assert not [line for line in told(proposed(table, offset=0, now="2026-01-01T13:00:00+00:00")) if "zone" in line]
    assert yet not in told(proposed(table, offset=0, now="2026-01-01T13:00:00+00:00"))


def test_who_refers_here_is_told_and_whose_rows_would_go_along() -> None:
    def order(on_delete: str) -> Table:
        key = ForeignKey(columns=("person",), table="people", remote=("id",), on_delete=on_delete)
        return Table(name="bought", columns=(column("id", "integer"), column("person", "integer")), foreign_keys=(key,))

    assert "info people: rows are referred to by bought.person" in told(proposed(people(), order("")))
    cascade = "warning people: a deletion changes or deletes rows elsewhere: bought.person"
    assert cascade in told(proposed(people(), order("CASCADE")))


def test_a_database_without_such_tables_says_so() -> None:
    found = proposed(Table(name="settings", columns=(column("id"), column("value"))), others=("sales",))
    assert found.as_python() == ""
    assert told(found) == [
        "error : no table looks like contacts, companies or products; there are other schemas: sales"
    ]
