"""The default mappings: every property of the tables is one that both systems have, and is mapped once."""

from __future__ import annotations

import pytest
from lens_laws import MAPPERS, OURS, THEIRS

from keapbridge.mapping.mapper import Mapper
from keapbridge.model.side import Side


@pytest.mark.parametrize("mapper", MAPPERS, ids=lambda mapper: mapper.name)
def test_everything_flows_both_ways_and_each_place_has_one_field(mapper: Mapper) -> None:
    assert all(lens.flows_to(side) for lens in mapper.lenses for side in Side)
    for side in Side:
        paths = [lens.place(side).path for lens in mapper.lenses]
        assert len(paths) == len(set(paths))


@pytest.mark.parametrize("mapper", MAPPERS, ids=lambda mapper: mapper.name)
def test_texts_of_keap_s_contract_have_its_limits(mapper: Mapper) -> None:
    limits = {lens.name: lens.limits.get(THEIRS) for lens in mapper.lenses}
    expected = {"FirstName": 40, "LastName": 40, "Email": 75, "StreetAddress1": 75, "City": 50, "ZipCode": 15}
    assert {name: limit for name, limit in limits.items() if name in expected} == {
        name: limit for name, limit in expected.items() if name in limits
    }
    assert all(lens.limits.get(OURS) is None for lens in mapper.lenses)
