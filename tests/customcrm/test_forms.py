"""The forms that values have at APIs: each is read, and written as it was."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from said import Api, Said

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge._io.calls import Answer
from keapbridge.customcrm import endpoints
from keapbridge.model.checked import usable_moment

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def _wire(shown: dict[str, Any], object: str = "contacts", **declared: Any) -> tuple[Any, Any]:
    """A record as it is read, and a function that tells the body of an update."""
    schema = kb.CustomcrmSchema(**declared)
    cls: Any = {"contacts": crm.Contact, "products": crm.Product}[object]
    endpoint = endpoints.endpoint(cls, schema)
    read = endpoints.get(endpoint, "7").decode(Answer(200, {}, json.dumps({"Id": "7", **shown}).encode()))

    def sent(**values: Any) -> Any:
        record, mask = endpoints.changes_to_record(endpoint, values)
        return json.loads(endpoints.update(endpoint, "7", record, mask).body or b"")

    return read, sent


@pytest.mark.parametrize(
    ("times", "raw"),
    [
        ("iso8601", "2026-03-01T12:30:00Z"),
        ("unix", 1772368200),
        ("unix_ms", "1772368200000"),
        ("rfc1123", "Sun, 01 Mar 2026 12:30:00 GMT"),
        ("dotnet", "/Date(1772368200000)/"),
        ("%d.%m.%Y %H:%M", "01.03.2026 12:30"),
    ],
)
def test_times(times: str, raw: Any) -> None:
    assert _wire({"UpdatedAt": raw}, times=times)[0].updated_at == MOMENT


@pytest.mark.parametrize("raw", ["2026-03-01T13:30:00", "2026-03-01T12:30:00Z"])
def test_times_without_a_zone_are_of_the_zone_of_the_crm(raw: str) -> None:
    assert _wire({"UpdatedAt": raw}, time_zone="Europe/Oslo")[0].updated_at == MOMENT


@pytest.mark.parametrize("zone", ["UTC", "Europe/Oslo"])
def test_times_with_and_without_a_zone_never_meet(zone: str) -> None:
    hour = "12" if zone == "UTC" else "13"
    stamps = [f"2026-03-01T{hour}:30:00", "2026-03-01T12:30:00Z", f"2026-03-01 {hour}:30", None]
    records = [{"Id": f"{n}", "CreatedAt": at, "UpdatedAt": at} for n, at in enumerate(stamps)]

    def say(method: str, path: str, *_: Any) -> Said:
        if method == "GET" and path == "/contacts":
            return 200, {"Items": records, "NextCursor": None}
        return 200, records[0]

    api = Api(say)
    contacts = kb.CustomcrmClient("http://crm.test", schema=kb.CustomcrmSchema(time_zone=zone)).contacts.flows
    for since in (None, MOMENT):
        shown = api.run(contacts.list(updated_since=since)).items
        assert [record.updated_at for record in shown] == [MOMENT, MOMENT, MOMENT, None]
        page = api.run(contacts.scan(updated_since=since))
        assert [usable_moment(stamp) for stamp in page.unread.stamps] == [MOMENT, MOMENT, MOMENT, None]
    alike = api.run(contacts.find_like(crm.Contact(first_name="Ada"), since=MOMENT))
    assert [record.id for record in alike] == ["0", "1", "2", "3"]
    made = api.run(contacts.create(crm.Contact(first_name="Ada")))
    changed = api.run(contacts.update("0", {"first_name": "Ada"}))
    assert made.updated_at == changed.updated_at == api.run(contacts.get("0")).created_at == MOMENT


def test_a_pattern_asks_for_changes_in_the_zone_of_the_crm() -> None:
    changes = crm.ChangedSince("since", "%Y-%m-%d %H:%M")
    schema = kb.CustomcrmSchema(changed_since=changes, time_zone="America/New_York")
    call = endpoints.list_page(endpoints.endpoint(crm.Contact, schema), updated_since=MOMENT)
    assert dict(call.query)["since"] == "2026-03-01 07:30"


@pytest.mark.parametrize(
    ("made", "changed"),
    [("2026-01-01T00:00:00Z", "2026-03-01T12:30:00Z"), ("2026-03-01T12:30:00Z", None), (None, "2026-03-01T12:30:00Z")],
)
def test_the_later_of_two_times(made: Any, changed: Any) -> None:
    read, _ = _wire({"made": made, "changed": changed}, modified="changed|made", created=None)
    assert read.updated_at == MOMENT


@pytest.mark.parametrize(
    ("dates", "raw"),
    [
        ("iso8601", "1990-02-03"),
        ("datetime", "1990-02-03T00:00:00Z"),
        ("unix_ms", 634003200000),
        ("%d/%m/%Y", "03/02/1990"),
        ("dotnet", "/Date(634003200000)/"),
    ],
)
def test_dates(dates: str, raw: Any) -> None:
    read, sent = _wire({"BirthDate": raw}, dates=dates)
    assert read.birth_date == date(1990, 2, 3)
    assert sent(birth_date=date(1990, 2, 3)) == {"BirthDate": raw}


@pytest.mark.parametrize(("booleans", "raw"), [("boolean", True), ("integer", 1), ("Y/N", "Y"), ("ja/nein", "ja")])
def test_yes_and_no(booleans: str, raw: Any) -> None:
    read, sent = _wire({"Active": raw}, "products", booleans=booleans)
    assert read.active is True
    assert sent(active=True) == {"Active": raw}


@pytest.mark.parametrize(
    ("empty", "told"),
    [
        ("null", {"City": None, "BirthDate": None}),
        ("text", {"City": "", "BirthDate": None}),
        ("everything", {"City": "", "BirthDate": ""}),
        ("false", {"City": False, "BirthDate": False}),
    ],
)
def test_empty(empty: Any, told: dict[str, Any]) -> None:
    read, sent = _wire(told if empty in {"everything", "false"} else {}, empty=empty)
    assert not read.city
    assert sent(city=None, birth_date=None) == told


@pytest.mark.parametrize(
    ("shown", "declared", "written"),
    [
        ({"org": [5, "Acme"]}, crm.Property("org[0]", write="org", form="integer"), {"org": 5}),
        ({"org": {"value": 5}}, crm.Property("org.value", write="org_id", form="text"), {"org_id": "5"}),
        ({"org": "5"}, crm.Property("org"), {"org": "5"}),
    ],
    ids=["pair", "value", "text"],
)
def test_a_reference_that_is_written_otherwise_than_read(shown: Any, declared: crm.Property, written: Any) -> None:
    contacts = crm.CustomcrmObject("/contacts", properties={"CustomerId": declared})
    read, sent = _wire(shown, contacts=contacts)
    assert read.customer_id == "5"
    assert sent(customer_id="5") == written


def test_numbers_that_are_texts_and_texts_that_are_numbers() -> None:
    products = crm.CustomcrmObject(
        "/products", properties={"Sku": crm.Property("Sku", form="integer"), "Price": crm.Property("p", form="number")}
    )
    read, sent = _wire({"Sku": 815, "p": "12.50"}, "products", products=products)
    assert (read.sku, read.price) == ("815", Decimal("12.50"))
    assert sent(sku="815", price=Decimal("12.50")) == {"Sku": 815, "p": 12.5}


def test_an_element_of_a_list_is_read_and_the_list_is_sent_whole() -> None:
    contacts = crm.CustomcrmObject("/contacts", properties={"Email": "emails[type=work].value"})
    held = {"Id": "7", "emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "w"}]}
    sent: list[Any] = []

    def say(method: str, _: str, __: Any, body: Any) -> Said:
        sent.extend([body] if method == "PATCH" else [])
        return 200, {**held, **(body or {})}

    schema = kb.CustomcrmSchema(contacts=contacts, version=None, conditional=False)
    api = Api(say)
    with kb.CustomcrmClient("http://crm.test", schema=schema) as client:
        assert api.run(client.contacts.flows.get("7")).email == "w"
        assert api.run(client.contacts.flows.update("7", {"email": "new"})).email == "new"
    assert sent == [{"emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "new"}]}]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"times": "iso"}, "times: must be 'iso8601'"),
        ({"time_zone": "Oslo"}, "time_zone: must be a time zone"),
        ({"booleans": "yes"}, "booleans: must be"),
        ({"empty": ""}, "empty: must be one of"),
        ({"requests": {"serch": crm.Request("POST")}}, "requests.serch: there is no such key"),
        ({"requests": {"get": crm.Request(path="/contacts")}}, r"requests.get.path: must have \{id\} in it"),
        ({"headers": {"Prefer": 1}}, "headers.Prefer: must be a text"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_its_key(declared: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        kb.CustomcrmSchema(**declared)


@pytest.mark.parametrize(
    "raw",
    ["2026-03-01T12:30:00Z", "2026-03-01T14:30:00.000+02:00", "2026-03-01 12:30", "2026-03-01", "0001-01-01T00:00:00Z",
     "", "soon", False, 7, None, [], "9999-12-31T23:59:59-12:00"],
    ids=repr,
)  # fmt: skip
def test_a_time_that_is_left_unread_is_the_one_that_is_read(raw: Any) -> None:
    """A usual one is not taken apart twice for it."""
    endpoint = endpoints.endpoint(crm.Contact, kb.CustomcrmSchema())
    form = endpoint.wire.forms["UpdatedAt"]
    assert form.is_plain_time
    body = json.dumps({"Items": [{"Id": "1", "UpdatedAt": raw}]}).encode()
    [stamp] = endpoints.list_page(endpoint, unread=True).decode(Answer(200, {}, body)).unread.stamps
    read = form.read(raw)
    try:
        expected = usable_moment(datetime.fromisoformat(read)) if isinstance(read, str) else None
    except ValueError:
        expected = None
    assert stamp == expected
