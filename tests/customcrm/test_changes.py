"""What type checkers let an update name is what a record has and may be written to."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest

import keapbridge as kb
from keapbridge.customcrm import changes, endpoints
from keapbridge.testing import CustomcrmEmulator


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [
        (endpoints.CONTACTS, changes.ContactChanges),
        (endpoints.CUSTOMERS, changes.CustomerChanges),
        (endpoints.PRODUCTS, changes.ProductChanges),
    ],
    ids=lambda it: getattr(it, "object", ""),
)
def test_an_update_may_name_what_can_be_written(endpoint: endpoints.Endpoint[Any], named: Any) -> None:
    has, may = get_type_hints(endpoint.codec.cls), get_type_hints(named)
    assert may.keys() == endpoint.writable | {"extra"}
    assert {name: has[name] for name in may} == may


def test_a_record_that_was_answered_is_no_class_of_its_own() -> None:
    """It is for type checkers only: whatever takes a record takes both."""
    assert kb.customcrm.SavedContact is kb.customcrm.Contact
    assert kb.customcrm.SavedCustomer is kb.customcrm.Customer
    assert kb.customcrm.SavedProduct is kb.customcrm.Product


@pytest.mark.parametrize("unknown", [kb.UNSET, None])
def test_a_version_that_is_not_known_is_none_to_be_matched(unknown: Any) -> None:
    with CustomcrmEmulator() as server, kb.CustomcrmClient(server.base_url, auth=kb.BearerToken(server.token)) as crm:
        made = crm.contacts.create(kb.customcrm.Contact(first_name="Ada"))
        assert crm.contacts.update(made.id, if_match=unknown, first_name="Eve").first_name == "Eve"
        crm.contacts.delete(made.id, if_match=unknown)
        assert not any("if-match" in {name.lower() for name in request.headers} for request in server.requests)
