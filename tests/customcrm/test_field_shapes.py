"""CRMs in shapes that the field knows are declared as data, and kept in sync both ways."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from field_shapes import IMITATED, SHAPES, AirtableLike, PipedriveLike, SalesforceLike, Shape, ZohoLike, mappings
from two_way_story import filled, kept_in_sync

import keapbridge as kb
from keapbridge.customcrm import schema as crm

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


@pytest.mark.parametrize("kind", [PipedriveLike, ZohoLike, AirtableLike], ids=lambda kind: kind.__name__)
def test_how_their_pages_follow_is_found(kind: type[Shape]) -> None:
    with kind() as there:
        filled(there)
        declared = there.schema()
        proposal = kb.detect_api(there.base_url, **paths_of(declared))
        assert proposal.schema is not None
        found: Any = proposal.schema.of("contacts").paging
        wanted: Any = declared.paging
        assert (type(found), found.parameter, found.size) == (type(wanted), wanted.parameter, wanted.size)
        assert getattr(found, "more", None) == getattr(wanted, "more", None)
        assert proposal.seen["products.Price"].partition(":")[0] == crm.path_of(declared.products.properties["Price"])


@pytest.mark.parametrize(
    ("kind", "wrong", "named"),
    [
        (AirtableLike, crm.CursorPaging(following="cursor", parameter="cursor", size="limit"), "has 'offset'"),
        (SalesforceLike, crm.NextUrlPaging(following="next", size=None), "has 'nextRecordsUrl'"),
        (PipedriveLike, crm.CursorPaging(following="next", size=None), r"more_items_in_collection"),
        (SalesforceLike, crm.LinkPaging(size="limit"), "has 'nextRecordsUrl'"),
    ],
    ids=["cursor", "address", "more", "link"],
)
def test_a_list_that_goes_on_in_other_words_is_refused(kind: type[Shape], wrong: Any, named: str) -> None:
    """Also where the size of its pages cannot be said, so that it cannot be asked for less."""
    with kind() as there:
        filled(there)
        schema = attrs.evolve(there.schema(), paging=wrong)
        with kb.CustomcrmClient(there.base_url, schema=schema) as client, pytest.raises(kb.ShapeError, match=named):
            list(client.contacts.list())


def paths_of(schema: kb.CustomcrmSchema) -> dict[str, Any]:
    return {name: getattr(schema, name).path for name in ("contacts", "customers", "products")}


@pytest.mark.parametrize("kind", IMITATED, ids=lambda kind: kind.__name__)
def test_an_imitation_is_recognised_and_declared_as_its_preset_says(kind: type[Shape]) -> None:
    with kind() as there:
        filled(there)
        declared = there.schema()
        proposal = kb.detect_api(there.base_url, **paths_of(declared))
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
