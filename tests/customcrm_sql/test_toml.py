"""Tables of a database as TOML: they come back equal, and slips name their key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toml_host import new_id

import keapbridge as kb

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
VALUES = st.one_of(
    NAMES,
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.dates(),
    st.just(datetime(2026, 1, 2, tzinfo=UTC)),
    st.just(Decimal("12.50")),
    st.none(),
)
COLUMNS = st.dictionaries(NAMES, NAMES, max_size=2)
ANY = st.dictionaries(NAMES, VALUES, max_size=2)
MAYBE = st.one_of(st.none(), NAMES)
JOINS = st.builds(
    kb.SqlJoin,
    NAMES,
    local=MAYBE,
    remote=MAYBE,
    columns=COLUMNS,
    through=MAYBE,
    insert=st.sampled_from(["before", "after"]),
    where=ANY,
    on_create=ANY,
    on_write=st.one_of(ANY, st.just({"name": new_id})),
    always=st.booleans(),
    modified=MAYBE,
    moves_modified=st.booleans(),
    name=MAYBE,
)
LOOKUPS = st.builds(
    kb.SqlLookup,
    NAMES,
    local=NAMES,
    columns=COLUMNS,
    missing=st.sampled_from(["hold", "create"]),
    where=ANY,
    on_create=st.one_of(ANY, st.just({"name": new_id})),
)
TABLES = st.builds(
    kb.SqlTable,
    NAMES,
    id=st.one_of(NAMES, st.tuples(NAMES, NAMES)),
    where=ANY,
    on_create=ANY,
    time_zone=st.sampled_from([None, "Europe/Oslo"]),
    cascades=st.lists(NAMES, max_size=2),
    lookups=st.lists(LOOKUPS, max_size=2),
    columns=st.dictionaries(NAMES, st.one_of(st.none(), NAMES), max_size=2),
    modified=st.one_of(st.none(), NAMES),
    deleted=st.one_of(st.none(), NAMES),
    constants=st.dictionaries(NAMES, VALUES, max_size=2),
    joins=st.lists(JOINS, max_size=2),
    new_id=st.sampled_from([None, new_id]),
    touch=st.booleans(),
    schema=st.one_of(st.none(), NAMES),
)


@given(TABLES)
def test_a_table_comes_back_equal(table: kb.SqlTable) -> None:
    assert kb.SqlTable.from_toml(table.to_toml()) == table


def test_a_host_writes_it_as_in_python() -> None:
    said = """
        name = "klienten"
        id = "klient_nr"
        columns = {FirstName = "vorname", Fax = false}
        constants = {Since = 2020-01-02}
        new_id = "toml_host:new_id"

        [[joins]]
        table = "adressen"
        remote = "klient_nr"
        columns = {City = "ort"}
        where = {Art = "privat", Ende = {empty = true}}

        [[lookups]]
        table = "laender"
        local = "land_nr"
        columns = {Country = "name"}
    """
    assert kb.SqlTable.from_toml(said) == kb.SqlTable(
        "klienten",
        id="klient_nr",
        columns={"FirstName": "vorname", "Fax": None},
        constants={"Since": date(2020, 1, 2)},
        new_id=new_id,
        joins=[
            kb.SqlJoin("adressen", remote="klient_nr", columns={"City": "ort"}, where={"Art": "privat", "Ende": None})
        ],
        lookups=[kb.SqlLookup("laender", local="land_nr", columns={"Country": "name"})],
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name: is missing"),
        ("name = 5", "name: must be a text, not 5"),
        ('name = "p"\nidd = "x"', "idd: there is no such key; is 'id' meant?"),
        ('name = "p"\ncolumns = {A = 5}', "columns.A: must be a text or false, not 5"),
        ('name = "p"\ncolumns = "x"', "columns: must be a table, not 'x'"),
        ('name = "p"\njoins = {table = "a"}', "joins: must be a list of"),
        ('name = "p"\njoins = [{remote = "b"}]', r"joins\[0\].table: is missing"),
        ('name = "p"\njoins = [{table = "b", insert = "later"}]', r"joins\[0\].insert: must be 'before' or 'after'"),
        ('name = "p"\ntime_zone = "Europe/Olso"', "time_zone: 'Europe/Olso' is no time zone"),
        ('name = "p"\nnew_id = "nowhere"', "new_id: 'nowhere' is no name as in 'package.module:name'"),
        ('name = "p"\nconstants = {A = {decimal = "x"}}', "constants.A.decimal: 'x' is no number"),
    ],
)
def test_a_slip_names_its_key(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kb.SqlTable.from_toml(text)


def test_a_function_without_a_name_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="has no name of its own"):
        kb.SqlTable("people", new_id=lambda key: key).to_toml()
