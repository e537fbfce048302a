"""CRMs in shapes that the field knows are declared as data, and kept in sync both ways."""

from __future__ import annotations

import pytest
from field_shapes import SHAPES, Shape, mappings
from two_way_story import filled, kept_in_sync

import keapbridge as kb

LEAST = 18


@pytest.mark.thorough
@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.__name__)
def test_it_is_kept_in_sync_both_ways(kind: type[Shape]) -> None:
    with kind() as there:
        ids = filled(there)
        schema = there.schema()
        assert kb.CustomcrmSchema.from_toml(schema.to_toml()) == schema
        with kb.CustomcrmClient(there.base_url, schema=schema, retry=kb.RetryPolicy(base=0.001)) as client:
            assert kept_in_sync(there, ids, client, mappings()) >= LEAST
