"""Faults that a seed draws: each kind does what its name says, and the same seed does it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import keap_contract
import pytest

from keapbridge.keap.habits import Habits
from keapbridge.testing import (
    FAULT_KINDS,
    CustomcrmEmulator,
    Fault,
    KeapBehaviour,
    KeapEmulator,
)
from keapbridge.testing._faults import FaultKind

Outcome = tuple[int, bytes] | str


@pytest.fixture
def keap() -> Iterator[KeapEmulator]:
    with KeapEmulator(habits=Habits(default_fields="most")) as keap:
        yield keap
        for exchange in list(keap.requests)[:20] if keap_contract.AVAILABLE else ():
            keap_contract.validate_exchange(exchange, answer=bool(exchange.status) and _whole(exchange.response_body))


def _whole(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


@pytest.fixture
def client(keap: KeapEmulator) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{keap.base_url}/v2", headers={"X-Keap-API-Key": keap.api_key}, timeout=60, verify=False
    ) as client:
        yield client


def ask(client: httpx.Client, method: str = "GET", path: str = "/contacts", **options: Any) -> Outcome:
    try:
        answer = client.request(method, path, **options)
    except httpx.TransportError as error:
        return type(error).__name__
    return answer.status_code, answer.content


def create(client: httpx.Client, name: str) -> Outcome:
    return ask(
        client,
        "POST",
        json={"given_name": name, "email_addresses": [{"email": f"{name}@example.org", "field": "EMAIL1"}]},
    )


def test_nothing_is_left_to_chance_unless_asked(keap: KeapEmulator, client: httpx.Client) -> None:
    assert {ask(client) for _ in range(20)} == {(200, b'{"contacts":[]}')}
    keap.faults.randomly(1.0)
    keap.faults.add(Fault(status=500))
    keap.faults.clear()
    assert {ask(client) for _ in range(20)} == {(200, b'{"contacts":[]}')}
    assert keap.faults.played == {}


@pytest.mark.parametrize("kind", ["429", "500", "502", "503", "504"])
def test_a_status_is_answered_in_keaps_words(keap: KeapEmulator, client: httpx.Client, kind: FaultKind) -> None:
    keap.faults.randomly(1.0, kinds=[kind])
    answers = [client.get("/contacts") for _ in range(4)]
    assert {a.status_code for a in answers} == {int(kind)}
    assert all(a.json() for a in answers)
    assert keap.faults.played == {kind: 4}
    assert [r.status for r in keap.requests] == [int(kind)] * 4


def test_a_throttle_takes_the_shape_that_the_behaviour_says() -> None:
    with KeapEmulator(behaviour=KeapBehaviour(throttled_body="gateway", retry_after=True)) as keap:
        keap.faults.randomly(1.0, kinds=["429"])
        answer = httpx.get(f"{keap.base_url}/v2/contacts", verify=False)
        assert (answer.headers["retry-after"], list(answer.json())) == ("1", ["fault"])


def test_errors_of_the_server_may_hide_an_effect_and_throttles_never_do(
    keap: KeapEmulator, client: httpx.Client
) -> None:
    keap.faults.randomly(1.0, kinds=["429", "503", "html"])
    for n in range(20):
        create(client, f"a{n}")
    assert len(keap.state.contacts) == 0
    keap.faults.randomly(1.0, kinds=["500", "502", "504"])
    for n in range(20):
        create(client, f"b{n}")
    assert 0 < len(keap.state.contacts) < 20


def test_bursts_come_several_in_a_row_and_end(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.faults.randomly(0.05, seed=3, kinds=["503"], burst=4)
    statuses = "".join("x" if client.get("/contacts").status_code == 503 else "." for _ in range(200))
    runs = [len(run) for run in statuses.split(".") if run]
    assert max(runs) > 1
    assert statuses.count("x") > len(runs)
    assert statuses.count(".") > 120
    keap.faults.randomly(0.05, seed=3, kinds=["503"], burst=1)
    assert sum(client.get("/contacts").status_code == 503 for _ in range(100)) < 15


def test_the_page_of_an_outage_comes_with_200_too(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.faults.randomly(1.0, kinds=["html"])
    answers = [client.get("/contacts") for _ in range(12)]
    assert {a.status_code for a in answers} == {200, 503}
    assert all(a.headers["content-type"].startswith("text/html") and "<html>" in a.text for a in answers)


def test_answers_are_cut_openly_or_in_secret(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.faults.randomly(1.0, kinds=["truncated"])
    outcomes = [ask(client) for _ in range(12)]
    in_secret = [o for o in outcomes if not isinstance(o, str)]
    assert set(in_secret) == {(200, b'{"conta')}
    assert 0 < len(in_secret) < 12, "some break the connection instead"
    for outcome, recorded in zip(outcomes, keap.requests, strict=True):
        assert (
            (recorded.status, recorded.response_body) == outcome
            if not isinstance(outcome, str)
            else not recorded.status
        )
    # What has no body cannot be cut.
    ids = keap.state.contacts.add_many([{"given_name": "x"}] * 8)
    assert {ask(client, "DELETE", f"/contacts/{i}") for i in ids} == {(204, b"")}
    assert keap.faults.played == {"truncated": 12}


@pytest.mark.parametrize(("kind", "kept"), [("cut_before", 0), ("cut_after", 3)])
def test_a_connection_breaks_before_or_after_the_effect(
    keap: KeapEmulator, client: httpx.Client, kind: FaultKind, kept: int
) -> None:
    keap.faults.randomly(1.0, kinds=[kind])
    assert all(isinstance(create(client, f"n{n}"), str) for n in range(3))
    assert len(keap.state.contacts) == kept
    assert [r.status for r in keap.requests] == [0, 0, 0]


def test_latency_is_bounded_and_harmless(
    keap: KeapEmulator, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    play = keap.faults.play

    def watched(scope: Any) -> Any:
        played = play(scope)
        delays.append(played.delay)
        return played

    monkeypatch.setattr(keap.faults, "play", watched)
    keap.faults.randomly(1.0, kinds=["latency"], latency=0.004)
    outcomes = [client.get("/contacts") for _ in range(5)]
    assert [o.status_code for o in outcomes] == [200] * 5
    assert len(delays) == 5
    assert all(0 < delay <= 0.004 for delay in delays)
    assert keap.faults.played == {"latency": 5}


def test_tokens_expire_and_keys_do_not(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.faults.randomly(1.0, kinds=["expired_token"])
    assert client.get("/contacts").status_code == 200
    grant = keap.oauth.grant()
    bearer = {"Authorization": f"Bearer {grant.access_token}", "X-Keap-API-Key": ""}
    refused = client.get("/contacts", headers=bearer)
    assert (refused.status_code, refused.json()["fault"]["faultstring"]) == (401, "Access Token expired")
    assert keap.faults.played == {"expired_token": 1}
    keap.faults.clear()
    assert client.get("/contacts", headers=bearer).status_code == 401, "it stays expired"


# --- stale reads ----------------------------------------------------------------------------------------------------


def shown(client: httpx.Client, **parameters: Any) -> list[str]:
    answer = client.get("/contacts", params=parameters)
    assert answer.status_code == 200, answer.text
    return [contact["given_name"] for contact in answer.json()["contacts"]]


def test_a_read_may_lag_behind_the_last_writes_for_a_while(keap: KeapEmulator, client: httpx.Client) -> None:
    contacts = keap.state.contacts
    ada = contacts.add({"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]})
    keap.faults.randomly(1.0, kinds=["stale"])
    assert shown(client) == ["Ada"], "what was written before is known"
    contacts.edit(ada, given_name="Augusta", email_addresses=[{"email": "new@example.org", "field": "EMAIL1"}])
    assert shown(client) == ["Ada"]
    assert shown(client, filter="email==ada@example.org") == ["Ada"]
    assert shown(client, filter="email==new@example.org") == []
    assert client.get(f"/contacts/{ada}").json()["given_name"] == "Ada"
    assert keap.state.contacts[ada]["given_name"] == "Augusta", "a test sees what is there"
    assert shown(client) == ["Ada"]
    assert shown(client) == ["Augusta"], "five reads later everybody sees it"
    assert keap.faults.played == {"stale": 5}


def test_what_was_just_made_is_missing_and_what_was_deleted_is_there(keap: KeapEmulator, client: httpx.Client) -> None:
    company = keap.state.companies.add({"company_name": "Engines"})
    ada = keap.state.contacts.add(
        {
            "given_name": "Ada",
            "company": {"id": company},
            "email_addresses": [{"email": "a'b\"@x.org", "field": "EMAIL1"}],
        }
    )
    keap.faults.randomly(1.0, kinds=["stale"])
    created = create(client, "bob")
    assert isinstance(created, tuple)
    assert created[0] == 201
    bob = json.loads(created[1])["id"]
    assert client.get(f"/contacts/{bob}").status_code == 404
    keap.faults.randomly(1.0, kinds=["stale"])
    assert client.delete(f"/contacts/{ada}").status_code == 204
    assert shown(client, filter="email==a'b\"@x.org") == ["Ada"]
    assert client.get(f"/contacts/{ada}").json()["company"]["company_name"] == "Engines"
    keap.faults.clear()
    assert client.get(f"/contacts/{ada}").status_code == 404
    assert client.get(f"/contacts/{bob}").status_code == 200
    assert shown(client, filter="email==bob@example.org") == ["bob"]


def test_companies_and_products_lag_too(keap: KeapEmulator, client: httpx.Client) -> None:
    product = keap.state.products.add({"name": "Widget", "price": 1})
    company = keap.state.companies.add({"company_name": "Engines"})
    keap.faults.randomly(1.0, kinds=["stale"])
    keap.state.products.edit(product, name="Gadget")
    assert client.get(f"/products/{product}").json()["name"] == "Widget"
    keap.state.companies.delete(company)
    assert client.get(f"/companies/{company}").status_code == 200
    # The model is no record: it never lags.
    assert client.get("/companies/model").status_code == 200
    assert keap.faults.played == {"stale": 2}


def test_a_long_record_lags_like_any_other(keap: KeapEmulator, client: httpx.Client) -> None:
    contact = keap.state.contacts.add({"given_name": "Ada\0'", "billing_information": "x" * 1_500_000})
    keap.faults.randomly(1.0, kinds=["stale"])
    keap.state.contacts.edit(
        contact, given_name="Augusta", email_addresses=[{"email": "a\0b@x.org", "field": "EMAIL1"}]
    )
    keap.state.contacts.delete(contact)
    seen = {client.get(f"/contacts/{contact}").json()["given_name"] for _ in range(5)}
    assert seen <= {"Ada\0'", "Augusta"}
    assert seen
    assert client.get(f"/contacts/{contact}").status_code == 404


def test_a_stale_read_leaves_no_trace(keap: KeapEmulator, client: httpx.Client) -> None:
    ids = keap.state.contacts.add_many({"given_name": f"n{n}"} for n in range(5))
    keap.faults.randomly(1.0, kinds=["stale"])
    keap.state.contacts.add_many({"given_name": f"m{n}"} for n in range(1500))
    keap.state.contacts.merge(ids[0], ids[1])
    before = keap.state.snapshot()
    seen = {len(shown(client, page_size=1000, order_by="id desc")) for _ in range(4)}
    assert seen == {1000}
    client.get(f"/contacts/{ids[1]}")
    assert keap.state.snapshot() == before
    keap.faults.clear()
    assert keap.state.snapshot() == before


# --- all of them ----------------------------------------------------------------------------------------------------


def one_after_another(seed: int) -> tuple[list[Any], dict[FaultKind, int]]:
    with KeapEmulator() as keap:
        keap.oauth.grant()
        keap.faults.randomly(0.5, seed=seed, latency=0.001)
        with httpx.Client(
            base_url=f"{keap.base_url}/v2", headers={"X-Keap-API-Key": keap.api_key}, verify=False
        ) as client:
            outcomes = []
            for n in range(80):
                made = create(client, f"n{n}")
                listed = ask(client, params={"fields": "given_name"})
                outcomes += [made if isinstance(made, str) else made[0], listed]
        return outcomes, keap.faults.played


def test_a_seed_can_be_had_again() -> None:
    first, played = one_after_another(11)
    assert (first, played) == one_after_another(11)
    assert first != one_after_another(12)[0]
    assert sum(played.values()) > 20
    assert set(played) >= set(FAULT_KINDS) - {"expired_token"}


def test_chance_can_be_kept_to_some_paths(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.faults.randomly(1.0, kinds=["503"], path="/companies")
    assert [client.get(path).status_code for path in ("/contacts", "/companies")] == [200, 503]


def test_planned_faults_go_first(keap: KeapEmulator, client: httpx.Client) -> None:
    keap.faults.randomly(1.0, kinds=["503"])
    keap.faults.add(Fault(status=418))
    assert [client.get("/contacts").status_code for _ in range(2)] == [418, 503]
    assert keap.faults.played == {"503": 1}


@pytest.mark.parametrize(
    "wrong", [{"rate": 1.1}, {"rate": -0.1}, {"burst": 0}, {"latency": -1}, {"kinds": ["503", "flood"]}]
)
def test_nonsense_is_refused(keap: KeapEmulator, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"flood|rate"):
        keap.faults.randomly(**wrong)


def test_customcrm_has_the_same_faults_but_those_of_keap() -> None:
    with (
        CustomcrmEmulator() as crm,
        httpx.Client(headers={"Authorization": f"Bearer {crm.token}"}, verify=False) as client,
    ):
        for kind in ("429", "500", "502", "503", "504"):
            crm.faults.randomly(1.0, kinds=[kind])
            answer = client.get(f"{crm.base_url}/contacts")
            assert (answer.status_code, answer.headers["content-type"]) == (int(kind), "application/problem+json")
            assert answer.json()["status"] == int(kind)
        crm.faults.randomly(0.5, seed=3, latency=0.001)
        for _ in range(200):
            ask(client, path=f"{crm.base_url}/contacts")
        assert set(crm.faults.played) == set(FAULT_KINDS) - {"expired_token", "stale"}
        with pytest.raises(ValueError, match="stale"):
            crm.faults.randomly(kinds=["stale"])
