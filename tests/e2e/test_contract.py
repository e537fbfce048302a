"""What passes between the library and the Keap emulator keeps to Keap's published contract.

Every test's exchanges are checked when its `keap_server` ends; here is one that has every kind of them, and that says
so where the contract is not at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import keap_contract
import pytest

import keapbridge as kb

if TYPE_CHECKING:
    from conftest import World


@pytest.mark.thorough
@pytest.mark.skipif(not keap_contract.AVAILABLE, reason=keap_contract.UNAVAILABLE)
def test_every_kind_of_request_and_answer_keeps_to_the_contract(world: World, keap: kb.KeapClient) -> None:
    world.crm.state.customers.add({"Name": "Engines", "City": "London", "Country": "GB", "Phone": "+442079460018"})
    world.crm.state.contacts.add(
        {"FirstName": "Ada", "Email": "ada@example.org", "CustomerId": "C1", "Country": "US", "Region": "AZ"}
    )
    world.keap.state.products.add({"name": "Widget", "sku": "W", "price": 1250, "short_description": "w"})
    world.crm.state.products.add({"Name": "Gadget", "Sku": "G", "Price": "3.5", "Currency": "USD", "Active": False})
    assert world.sync().ok
    for object, table in (("contacts", "contacts"), ("companies", "customers"), ("products", "products")):
        id = next(iter(getattr(world.crm.state, table)))
        name = "FirstName" if object == "contacts" else "Description"
        getattr(world.crm.state, table).edit(id, **{name: "edited"})
        world.sync()
        getattr(world.crm.state, table).edit(id, **{name: None})
        world.sync(full=True)
    for resource in (keap.contacts, keap.companies, keap.products):
        [first, *_] = resource.list(page_size=1)
        resource.get(first.id)
        resource.get_many([first.id, "77"])
        with pytest.raises(kb.NotFoundError):
            resource.get("77")
        resource.delete(first.id)
    methods = {(r.method, r.path.split("/")[4], r.status) for r in world.keap.requests}
    for object in ("contacts", "companies", "products"):
        expected = {("GET", object, 200), ("GET", object, 404), ("PATCH", object, 200), ("DELETE", object, 204)}
        assert expected | {("POST", object, 201)} <= methods
    masks = [value for r in world.keap.requests for name, value in parse_qsl(r.raw_query) if name == "update_mask"]
    assert masks
    assert not any("," in mask for mask in masks)
    for exchange in world.keap.requests:
        keap_contract.validate_exchange(exchange)
