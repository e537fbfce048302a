"""The tables: each row belongs to a bridge or to what does, and every name can be had in both databases."""

from __future__ import annotations

from keapbridge.store import schema

SHARED = {"tokens", "paces"}  # by all bridges that use a key
OF_ANOTHER = {"actions": "plan_id", "lines": "run_id"}  # that belongs to a bridge


def test_every_row_belongs_to_a_bridge() -> None:
    for name, table in schema.metadata.tables.items():
        short = name.removeprefix("keapbridge_")
        if short not in SHARED:
            assert OF_ANOTHER.get(short, "bridge") in table.c, name


def test_every_record_has_one_row_for_each_bridge_object_and_side() -> None:
    for table in (schema.observed, schema.missing, schema.tombstones, schema.failures):
        assert [c.name for c in table.primary_key] == ["bridge", "object", "side", "id"], table.name


def test_names_say_whose_they_are_and_fit_into_postgresql() -> None:
    indexes = [str(index.name) for table in schema.metadata.tables.values() for index in table.indexes]
    assert all(name.startswith("keapbridge_") for name in schema.metadata.tables)
    assert all(name.startswith(("ix_keapbridge_", "ux_keapbridge_")) for name in indexes)
    assert all(len(name) <= 63 for name in (*schema.metadata.tables, *indexes))


def test_an_index_is_called_unique_when_it_is() -> None:
    indexes = [index for table in schema.metadata.tables.values() for index in table.indexes]
    assert {str(index.name) for index in indexes if index.unique} == {
        str(index.name) for index in indexes if str(index.name).startswith("ux_")
    }
