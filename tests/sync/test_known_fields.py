"""The custom fields of a mapping: what Keap has told is remembered, what is yet to be made the mapping tells."""

from __future__ import annotations

import pytest
from toys import World

import keapbridge as kb
from keapbridge.keap.fields import CustomField
from keapbridge.sync.known_fields import Had, forget, had_fields, known_fields, remember

SIZE = kb.custom_field("Shoe size")
MOOD = kb.custom_field("Mood", type="TEXT", create=True)
MAPPER = kb.mapping.contacts.with_lenses(kb.text("ShoeSize", keap=SIZE), kb.text("Mood", keap=MOOD))
FOUND = {
    SIZE: CustomField(id="7", label="Shoe size", type="TEXT"),
    MOOD: CustomField(id="8", label="Mood", type="TEXT"),
}


def test_what_was_found_is_known_until_it_is_forgotten(toys: World) -> None:
    toys.run(remember(toys.store, MAPPER, FOUND))
    assert toys.run(known_fields(toys.store, MAPPER)) == FOUND
    toys.run(forget(toys.store, MAPPER))
    assert SIZE not in toys.run(known_fields(toys.store, MAPPER))


def test_only_what_is_to_be_made_is_known_before_keap_was_asked(toys: World) -> None:
    known = toys.run(known_fields(toys.store, MAPPER))
    assert known.keys() == {MOOD}
    assert not known[MOOD].id
    assert known[MOOD].label == "Mood"


def test_what_keap_does_not_have_is_not_remembered(toys: World) -> None:
    planned = toys.run(known_fields(toys.store, MAPPER))
    toys.run(remember(toys.store, MAPPER, {**planned, SIZE: FOUND[SIZE]}))
    known = toys.run(known_fields(toys.store, MAPPER))
    assert known[SIZE] == FOUND[SIZE]
    assert not known[MOOD].id


def test_what_keap_had_is_known_by_its_id_whatever_became_of_it(toys: World) -> None:
    toys.run(remember(toys.store, MAPPER, FOUND))
    toys.run(remember(toys.store, MAPPER, {MOOD: FOUND[MOOD]}))
    toys.run(forget(toys.store, MAPPER))
    assert toys.run(had_fields(toys.store, MAPPER)) == {SIZE: Had("7", False), MOOD: Had("8", True)}


def test_each_mapping_has_its_own(toys: World) -> None:
    toys.run(remember(toys.store, MAPPER, FOUND))
    companies = kb.mapping.companies.with_lenses(kb.text("ShoeSize", keap=SIZE))
    assert toys.run(known_fields(toys.store, companies)) == {}
    assert toys.run(known_fields(toys.store, kb.mapping.products)) == {}


def test_what_is_remembered_and_broken_is_an_error_of_the_store(toys: World) -> None:
    toys.run(toys.store.facts.set("contacts_custom_fields", "{x"))
    with pytest.raises(kb.LinkStoreError, match="broken"):
        toys.run(known_fields(toys.store, MAPPER))
