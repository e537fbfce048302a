"""Columns with JSON are seen place by place, translations in the language that most of them have."""

from __future__ import annotations

import json

import attrs
import pytest
from read_tables import table

from keapbridge.inspecting.naming import column_scores
from keapbridge.inspecting.places import with_places


@pytest.mark.parametrize(
    ("documents", "names"),
    [
        ([{"en_US": "Chair", "nl_BE": "Stoel"}, {"nl_BE": "Tafel"}], ["doc->nl_BE"]),
        ([{"en_US": "Chair", "nl_BE": "Stoel"}, None], ["doc->en_US"]),
        ([{"email": "a@example.org", "n": 1}, {"email": None, "n": 2}], ["doc->email", "doc->n"]),
        ([{"nested": {"a": 1}}, {"mixed": 1}, {"mixed": "x"}], []),
        ([None, None], []),
    ],
)
def test_places_are_columns(documents: list[object], names: list[str]) -> None:
    for shown in (documents, [None if each is None else json.dumps(each) for each in documents]):
        seen = with_places(table("wares", "id# doc", *enumerate(shown)))
        assert [column.name for column in seen.columns[2:]] == names
    assert seen.rows[0][:1] == (0,)


def test_texts_that_are_not_all_documents_are_texts() -> None:
    plain = table("wares", "id# doc", (1, '{"a": 1}'), (2, "{no"))
    assert with_places(plain) == attrs.evolve(plain)


def test_a_place_is_called_as_its_key_and_a_translation_as_its_column() -> None:
    assert column_scores("data->email") == column_scores("email")
    assert column_scores("name->en_US") == column_scores("name")
