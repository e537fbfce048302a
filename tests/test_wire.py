"""The wire: what goes over it and what comes back, replayed from cassettes.

The cassettes in `cassettes/recorded_from_the_emulators` were recorded from the two emulators over loopback, under the
names `keap.example.org` and `crm.example.org`; they are neither Keap's nor anybody's answers. They hold no credentials
and no personal data. To record them anew, as after a change of what the clients ask for:

    python -m pytest tests/test_wire.py -n 0 --record-mode=rewrite -k threads

and then replay them with `python -m pytest tests/test_wire.py`, on threads and on an event loop.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import attrs
import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

CASSETTES = Path(__file__).parent / "cassettes" / "recorded_from_the_emulators"
KEAP_HOST, CRM_HOST = "keap.example.org", "crm.example.org"
REPLAYED = "KeapAK-replayed"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# Answers that an emulator gives only when told to; set up again for a recording.
HTML = b"<html><body>down for maintenance</body></html>"


@attrs.frozen
class Wire:
    """Clients of either kind under one name; a test says what it wants and gets it, whoever waits."""

    keap: Any
    crm: Any
    wait: Callable[[Any], Any]

    def all(self, records: Iterable[Any] | AsyncIterator[Any]) -> list[Any]:
        async def collect() -> list[Any]:
            return [record async for record in records]  # type: ignore[union-attr]

        return list(records) if isinstance(records, Iterator) else self.wait(collect())


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    def renamed(request: Any) -> Any:
        parts = urlsplit(request.uri)
        if parts.hostname == "127.0.0.1":
            host = KEAP_HOST if parts.path.startswith("/crm/rest") else CRM_HOST
            request.uri = urlunsplit(parts._replace(netloc=host))
        return request

    return {
        "before_record_request": renamed,
        "filter_headers": ["authorization", "x-keap-api-key", "user-agent", "host", "connection", "accept-encoding"],
        "match_on": ["method", "scheme", "host", "path", "query", "body"],
        "decode_compressed_response": True,
    }


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    return str(CASSETTES)


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    """One cassette for both ways of driving."""
    return str(request.node.originalname).removeprefix("test_")


@pytest.fixture
def emulators(record_mode: str) -> Iterator[tuple[KeapEmulator, CustomcrmEmulator] | None]:
    """Both emulators while recording, nothing else."""
    if record_mode == "none":
        yield None
        return
    with KeapEmulator() as keap, CustomcrmEmulator() as crm:
        yield keap, crm


@pytest.fixture(params=["threads", "loop"])
def wire(
    request: pytest.FixtureRequest, emulators: tuple[KeapEmulator, CustomcrmEmulator] | None, vcr: Any
) -> Iterator[Wire]:
    keap_url, key = f"http://{KEAP_HOST}/crm/rest", REPLAYED
    crm_url, token = f"http://{CRM_HOST}/api", REPLAYED
    if emulators is not None:
        keap_server, crm_server = emulators
        _prepare(keap_server, crm_server)
        keap_url, key = keap_server.base_url, keap_server.api_key
        crm_url, token = crm_server.base_url, crm_server.token
    retry = kb.RetryPolicy(attempts=2, base=0.001)
    keap: dict[str, Any] = {"auth": kb.KeapApiKey(key), "base_url": keap_url, "retry": retry}
    crm: dict[str, Any] = {"base_url": crm_url, "auth": kb.BearerToken(token), "retry": retry}
    if request.param == "threads":
        with kb.KeapClient(**keap) as keap_client, kb.CustomcrmClient(**crm) as crm_client:
            yield Wire(keap_client, crm_client, lambda value: value)
        return
    with asyncio.Runner() as runner:
        keap_twin, crm_twin = kb.AsyncKeapClient(**keap), kb.AsyncCustomcrmClient(**crm)
        yield Wire(keap_twin, crm_twin, runner.run)
        runner.run(keap_twin.aclose())
        runner.run(crm_twin.aclose())


def _prepare(keap: KeapEmulator, crm: CustomcrmEmulator) -> None:
    """What was in both systems, and what went wrong, when the cassettes were recorded."""
    keap.state.contacts.add_many(
        {
            "given_name": f"Ada {n}",
            "family_name": "Söhne & O'Brien",
            "email_addresses": [{"email": f"ada{n}@example.org", "field": "EMAIL1"}],
        }
        for n in range(5)
    )
    keap.state.products.add({"name": "Widget", "sku": "W-1", "price": 1250, "short_description": "w"})
    crm.state.contacts.add_many({"FirstName": f"Ada {n}", "LastName": "王", "ShoeSize": n} for n in range(5))
    crm.state.contacts.delete("A2")
    down = Fault(status=503, body=HTML, content_type="text/html")
    throttled = Fault(status=429, headers=(("retry-after", "0"),), body=b'{"code":"429","message":"Quota Exceeded"}')
    keap.faults.add(down, method="GET", path="/companies/503", times=2)
    keap.faults.add(throttled, method="GET", path="/companies/429")
    keap.faults.add(Fault(status=200, body=HTML, content_type="text/html"), path="/companies/200", times=2)


replayed = pytest.mark.vcr


@replayed
def test_keap_contacts_are_listed_page_by_page(wire: Wire) -> None:
    contacts = wire.all(wire.keap.contacts.list(page_size=2))
    assert [contact.given_name for contact in contacts] == [f"Ada {n}" for n in range(5)]
    assert contacts[0].family_name == "Söhne & O'Brien"
    assert wire.keap.limits.minute.limit == 240


@replayed
def test_keap_filters_are_encoded(wire: Wire) -> None:
    found = wire.all(
        wire.keap.contacts.list(
            filters=[("family_name", "Söhne & O'Brien"), ("contact_id>=", "4")],
            updated_since=LONG_AGO,
            order_by="id desc",
        )
    )
    assert [contact.id for contact in found] == ["5", "4"]


@replayed
def test_a_keap_contact_is_created_changed_and_deleted(wire: Wire) -> None:
    contacts = wire.keap.contacts
    email = kb.keap.EmailAddress("kim@example.org", "EMAIL1")
    new = wire.wait(contacts.create(kb.keap.Contact(given_name="Kim", email_addresses=(email,))))
    changed = wire.wait(contacts.update(new.id, given_name="Kim ☂", family_name=None))
    assert (changed.given_name, changed.family_name) == ("Kim ☂", kb.UNSET)
    both = wire.wait(contacts.put_items(new.id, kb.keap.EmailAddress("kim2@example.org", "EMAIL2")))
    assert [e.email for e in both.email_addresses] == ["kim@example.org", "kim2@example.org"]
    wire.wait(contacts.delete(new.id))
    with pytest.raises(kb.NotFoundError, match=f"contact {new.id}"):
        wire.wait(contacts.get(new.id))


@replayed
def test_a_keap_product_is_read_and_its_price_changed(wire: Wire) -> None:
    [product] = wire.all(wire.keap.products.list(updated_since=LONG_AGO))
    assert product.price == kb.keap.Money(1250, "USD", "$12.50")
    assert wire.wait(wire.keap.products.update(product.id, price=kb.keap.Money(999))).price.amount == 999


@replayed
def test_outages_throttles_and_refusals_are_errors_of_their_kind(wire: Wire) -> None:
    companies = wire.keap.companies
    with pytest.raises(kb.ServerError) as caught:
        wire.wait(companies.get("503"))
    assert caught.value.status == 503
    with pytest.raises(kb.NotFoundError):  # the second attempt is answered
        wire.wait(companies.get("429"))
    with pytest.raises(kb.ShapeError, match="text/html"):
        wire.wait(companies.get("200"))
    with pytest.raises(kb.StatusError, match="company_name") as refused:
        wire.wait(companies.create(kb.keap.Company(notes="nameless")))
    assert refused.value.status == 400


@replayed
def test_customcrm_changes_are_listed_with_a_cursor(wire: Wire) -> None:
    contacts = wire.all(wire.crm.contacts.list(page_size=2, updated_since=LONG_AGO))
    assert [contact.id for contact in contacts] == ["A1", "A3", "A4", "A5"]
    assert contacts[1].extra == {"ShoeSize": 2}
    assert contacts[0].last_name == "王"


@replayed
def test_a_customcrm_product_is_created_once_and_changed_conditionally(wire: Wire) -> None:
    products = wire.crm.products
    record = kb.customcrm.Product(name="Widget", sku="W-1", price=Decimal("12.50"), currency="USD")
    first = wire.wait(products.create(record, idempotency_key="key-1"))
    assert wire.wait(products.create(record, idempotency_key="key-1")) == first
    changed = wire.wait(products.update(first.id, if_match=first.etag, price=Decimal("9.99")))
    assert str(changed.price) == "9.99"
    with pytest.raises(kb.ConflictError) as caught:
        wire.wait(products.delete(first.id, if_match=first.etag))
    assert caught.value.status == 412
    assert [p.id for p in wire.wait(products.get_many([first.id, "P9"]))] == [first.id]


# --- what lies in the cassettes -------------------------------------------------------------------------------------


def test_there_is_a_cassette_for_every_replayed_test_and_no_other() -> None:
    marked = {
        name.removeprefix("test_")
        for name, test in globals().items()
        if any(mark.name == "vcr" for mark in getattr(test, "pytestmark", ()))
    }
    assert {path.stem for path in CASSETTES.glob("*.yaml")} == marked


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.yaml")), ids=lambda path: path.stem)
def test_cassettes_hold_neither_credentials_nor_personal_data(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"KeapAK|Bearer|customcrm-token|authorization|x-keap-api-key", text, re.IGNORECASE)
    assert set(re.findall(r"[\w.+-]+@([\w.-]+)", text)) <= {"example.org"}
    assert set(re.findall(r"uri: https?://([^/\s]+)", text)) <= {KEAP_HOST, CRM_HOST}
    assert "127.0.0.1" not in text
