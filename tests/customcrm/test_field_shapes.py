"""CRMs in shapes that the field knows are declared as data, and kept in sync both ways."""

from __future__ import annotations

import pytest
from field_shapes import IMITATED, SHAPES, Shape, mappings
from two_way_story import filled, kept_in_sync

import keapbridge as kb

LEAST = 18


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [*SHAPES, *IMITATED], ids=lambda kind: kind.__name__)
def test_it_is_kept_in_sync_both_ways(kind: type[Shape]) -> None:
    with kind() as there:
        ids = filled(there)
        schema = there.schema()
        assert kb.CustomcrmSchema.from_toml(schema.to_toml()) == schema
        with kb.CustomcrmClient(there.base_url, schema=schema, retry=kb.RetryPolicy(base=0.001)) as client:
            assert kept_in_sync(there, ids, client, mappings()) >= LEAST


@pytest.mark.parametrize("kind", IMITATED, ids=lambda kind: kind.__name__)
def test_an_imitation_is_recognised_and_declared_as_its_preset_says(kind: type[Shape]) -> None:
    with kind() as there:
        filled(there)
        declared = there.schema()
        paths = {name: getattr(declared, name).path for name in ("contacts", "customers", "products")}
        proposal = kb.detect_api(there.base_url, **paths)
        assert not {each.method for each in there.requests} & {"PUT", "PATCH", "DELETE"}
        assert proposal.schema is not None, str(proposal)
        found, wanted = proposal.schema.of("contacts"), declared.of("contacts")
        assert found.envelope == wanted.envelope
        assert type(found.paging) is type(wanted.paging)
        assert (found.changed_since, found.update, found.headers) == (
            wanted.changed_since,
            wanted.update,
            wanted.headers,
        )
        assert (found.contacts.one, found.contacts.requests.keys()) == (
            wanted.contacts.one,
            wanted.contacts.requests.keys(),
        )
