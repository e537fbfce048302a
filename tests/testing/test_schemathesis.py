"""Whatever Keap's contract allows or forbids to be asked, the emulator answers as the contract says, and never fails.

Requests are generated from the contract, right ones and wrong ones, by a fixed seed. What the emulator refuses of a
right one is left out until it accepts the rest: so most of them reach what stores and answers records.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import keap_contract
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from keapbridge.testing import Fault, KeapEmulator
from keapbridge.testing.keap._resources import RESOURCES

if TYPE_CHECKING:
    import requests

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not keap_contract.AVAILABLE, reason=keap_contract.UNAVAILABLE),
    pytest.mark.xdist_group("schemathesis"),  # its import and the contract take a second: once is enough
]

OBJECTS = ("contacts", "companies", "products", "emailAddresses")
FIELDS = {resource.name: sorted(resource.fields) for resource in RESOURCES}
ADDRESS = "ada@example.org"
REFUSALS = 12  # how often a request is sent again without what it was refused for
# What a body gets where the contract, or Keap's own words, demand a property that was not generated or was refused.
NEEDED: dict[str, Any] = {
    "company_name": "Engines",
    "email_addresses": [{"email": ADDRESS, "field": "EMAIL1"}],
    "field_type": "DROPDOWN",
    "group_id": "1",
    "label": "Size",
    "name": "Widget",
    "opted_in": True,
    "price": 1250,
    "quantity": 3,
    "reason": "asked",
    "short_description": "w",
    "type": "INCREASE",
}
PLACES = [("USA", "US-AZ"), ("DEU", "DE-BE"), ("JPN", None)]


@pytest.fixture(scope="module")
def schemathesis() -> ModuleType:
    """Imported late: it takes a while, and not every run has the contract."""
    import schemathesis

    return schemathesis


@pytest.fixture(scope="module")
def operations(schemathesis: ModuleType) -> list[Any]:
    configuration = {"generation": {"deterministic": True, "database": "none"}}
    schema = schemathesis.openapi.from_dict(
        keap_contract.specification(), config=schemathesis.Config.from_dict(configuration)
    )
    return [operation.ok() for operation in schema.get_all_operations()]


@pytest.fixture
def keap() -> Iterator[KeapEmulator]:
    with KeapEmulator() as keap:
        yield keap


@pytest.fixture
def session(keap: KeapEmulator) -> Iterator[requests.Session]:
    import requests

    with requests.Session() as session:
        session.headers["X-Keap-API-Key"] = keap.api_key
        yield session


def furnish(keap: KeapEmulator) -> None:
    """Makes up for what the requests before deleted."""
    state = keap.state
    while len(state.companies) < 2:
        state.companies.add({"company_name": "Engines", "email_address": {"email": ADDRESS, "field": "EMAIL1"}})
    while len(state.contacts) < 3:
        state.contacts.add(
            {"given_name": "Ada", "email_addresses": [{"email": ADDRESS, "field": "EMAIL1", "opt_in_reason": "asked"}]}
        )
    while len(state.products) < 2:
        state.products.add({"name": "Widget", "price": 1250, "short_description": "w"})
    for table in (state.contacts, state.companies):
        while len(table.custom_fields) < 2:
            table.add_custom_field("Colour", "DROPDOWN", options=("red", "blue"))


def existing(keap: KeapEmulator, name: str) -> list[str]:
    """What may stand for the parameter `name` of a path."""
    state = keap.state
    found = {
        "contact_id": state.contacts,
        "company_id": state.companies,
        "product_id": state.products,
        "custom_field_id": {**state.contacts.custom_fields, **state.companies.custom_fields},
        "email": [ADDRESS],
    }
    return list(found[name])


def aim(draw: Callable[[Any], Any], keap: KeapEmulator, case: Any, name: str) -> None:
    """Lets a generated request speak of records and properties that exist."""

    def one_of(found: Iterable[str]) -> str:
        # Drawn from what is always the same: what there is depends on the requests before.
        choices = list(found)
        return choices[draw(st.integers(0, 1000)) % len(choices)]

    case.path_parameters = {parameter: one_of(existing(keap, parameter)) for parameter in case.path_parameters or {}}
    if FIELDS.get(name) and "fields" in (case.query or {}):
        case.query["fields"] = ",".join(draw(st.lists(st.sampled_from(FIELDS[name]), max_size=5)))
    if not isinstance(case.body, dict):
        return
    body = json.loads(json.dumps(case.body))
    for item in _objects(body):
        if "country_code" in item:
            country, region = draw(st.sampled_from(PLACES))
            item.pop("country", None)
            item.pop("region", None)
            item["country_code"], item["region_code"] = country, region
        if "email" in item:
            item["email"] = draw(st.sampled_from([ADDRESS, "bob@example.org"]))
    if "company" in body:
        body["company"] = {"id": one_of(existing(keap, "company_id"))}
    if "custom_fields" in body and name in ("contacts", "companies"):
        field = one_of(getattr(keap.state, name).custom_fields)
        body["custom_fields"] = [{"id": field, "content": draw(st.sampled_from(["red", "blue"]) | st.text())}]
    if "duplicate_contact_id" in body:
        body["contact_id"], body["duplicate_contact_id"] = existing(keap, "contact_id")[:2]
    case.body = body


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for part in value if isinstance(value, list) else []:
        yield from _objects(part)


def give_in(case: Any, message: str) -> bool:
    """Takes out of a request what it was refused for, or puts in what it lacks; whether there was anything to do."""
    unknown = message.removesuffix(" is not a known property")
    named = re.match(r"\w+", message.replace("a contact needs at least one of", "email_addresses"))
    name = unknown if unknown in (case.body if isinstance(case.body, dict) else ()) else named[0] if named else ""
    if isinstance(case.body, dict) and name in NEEDED and case.body.get(name) != NEEDED[name]:
        case.body[name] = NEEDED[name]
        return True
    parts = [part for part in (case.query, case.body) if isinstance(part, dict)]
    had = [part.pop(name, None) is not None for part in parts]
    return any(had)


def check(
    schemathesis: ModuleType,
    operations: list[Any],
    keap: KeapEmulator,
    session: requests.Session,
    name: str,
    mode: str,
    examples: int,
) -> Counter[tuple[str, int]]:
    """Sends what is generated for one object; what was answered how often."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    wanted = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]
    base_url = keap.base_url.removesuffix("/rest")
    answered: Counter[tuple[str, int]] = Counter()
    right = mode == "positive"

    def send(case: Any) -> Any:
        response = case.call(base_url=base_url, session=session)
        case.validate_response(response, checks=wanted)
        answered[case.operation.label, response.status_code] += 1
        return response

    for operation in operations:
        if operation.path.split("/")[3].partition(":")[0] != name:
            continue
        if not right and not operation.body and not operation.query:
            continue  # an id is any text: nothing can be wrong

        @settings(
            max_examples=examples,
            phases=(Phase.generate,),  # what fails is printed as it is, with a command to repeat it
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)),
            data=st.data(),
            aimed=st.sampled_from([right, True, right, False]),
        )
        def exercise(case: Any, data: st.DataObject, aimed: bool) -> None:
            furnish(keap)
            if aimed:
                aim(data.draw, keap, case, name)
            response = send(case)
            for _ in range(REFUSALS):
                if not right or response.status_code != 400 or not give_in(case, response.json()["message"]):
                    break
                response = send(case)

        exercise()
    return answered


@pytest.mark.parametrize("name", OBJECTS)
def test_right_requests_are_answered_as_the_contract_says(
    schemathesis: ModuleType, operations: list[Any], keap: KeapEmulator, session: requests.Session, name: str
) -> None:
    answered = check(schemathesis, operations, keap, session, name, "positive", 12)
    labels = {label for label, _ in answered}
    assert labels
    assert {label for label, status in answered if status < 300} == labels, "every operation is really reached"


@pytest.mark.parametrize("name", OBJECTS)
def test_wrong_requests_are_answered_as_the_contract_says(
    schemathesis: ModuleType, operations: list[Any], keap: KeapEmulator, session: requests.Session, name: str
) -> None:
    answered = check(schemathesis, operations, keap, session, name, "negative", 8)
    assert any(status == 400 for _, status in answered)


def test_an_answer_that_breaks_the_contract_is_found(
    schemathesis: ModuleType, operations: list[Any], keap: KeapEmulator, session: requests.Session
) -> None:
    keap.faults.add(Fault(200, b'{"email": 5}', "application/json"), path="/status", times=1000)
    with pytest.raises(BaseExceptionGroup) as caught:
        check(schemathesis, operations, keap, session, "emailAddresses", "positive", 1)
    assert caught.group_contains(AssertionError, match="5 is not of type")
    keap.faults.clear()
    keap.faults.add(Fault(418), times=1000)
    with pytest.raises(BaseExceptionGroup) as caught:
        check(schemathesis, operations, keap, session, "emailAddresses", "positive", 1)
    assert caught.group_contains(AssertionError, match="418")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("name", OBJECTS)
def test_many_requests_are_answered_as_the_contract_says(
    schemathesis: ModuleType, operations: list[Any], keap: KeapEmulator, session: requests.Session, name: str, mode: str
) -> None:
    assert check(schemathesis, operations, keap, session, name, mode, 100)
