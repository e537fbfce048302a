"""How operations are asked for that are otherwise than usual."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge._io.calls import Answer, Call
from keapbridge.customcrm import endpoints

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
ADA = crm.Contact(first_name="Ada")


def _endpoint(contacts: crm.CustomcrmObject | None = None, **declared: Any) -> Any:
    if contacts is not None:
        declared["contacts"] = contacts
    return endpoints.endpoint(crm.Contact, kb.CustomcrmSchema(**declared))


def _told(call: Call[Any]) -> tuple[str, str, dict[str, Any], Any]:
    return call.method, call.path, dict(call.query), json.loads(call.body) if call.body else None


def test_headers_and_the_content_type_go_along_with_all_calls_that_need_them() -> None:
    contacts = _endpoint(headers={"Prefer": "x"}, content_type="application/vnd.api+json")
    assert dict(endpoints.get(contacts, "7").headers) == {"Prefer": "x"}
    assert dict(endpoints.list_page(contacts).headers) == {"Prefer": "x"}
    made = dict(endpoints.create(contacts, ADA).headers)
    assert made == {"Prefer": "x", "Content-Type": "application/vnd.api+json"}


def test_a_record_by_a_query() -> None:
    contacts = _endpoint(crm.CustomcrmObject("/contacts?select=*", record="/contacts?id=eq.{id}"))
    assert _told(endpoints.get(contacts, "a b"))[1:3] == ("/contacts", {"id": "eq.a b"})
    assert _told(endpoints.list_page(contacts))[1:3] == ("/contacts", {"limit": "1000", "select": "*"})
    assert _told(endpoints.create(contacts, ADA))[1] == "/contacts"


def test_each_operation_at_a_place_and_in_a_form_of_its_own() -> None:
    contacts = _endpoint(
        crm.CustomcrmObject(
            "/query",
            record="/sobjects/Contact/{id}",
            requests={
                "get": crm.Request(query={"fields": "Id,FirstName"}),
                "create": crm.Request(path="/sobjects/Contact", body={"row": "{record}"}),
                "update": crm.Request(headers={"Content-Type": "application/merge-patch+json"}),
                "delete": crm.Request("POST", "/sobjects/{id}/-/delete", body={"pks": ["{id}"]}),
            },
        ),
        requests={"delete": crm.Request("PUT")},
    )
    assert _told(endpoints.get(contacts, "7")) == ("GET", "/sobjects/Contact/7", {"fields": "Id,FirstName"}, None)
    assert _told(endpoints.create(contacts, ADA)) == ("POST", "/sobjects/Contact", {}, {"row": {"FirstName": "Ada"}})
    assert _told(endpoints.delete(contacts, "7")) == ("POST", "/sobjects/7/-/delete", {}, {"pks": ["7"]})
    update = endpoints.update(contacts, "7", ADA, {"first_name"})
    assert ("Content-Type", "application/merge-patch+json") in update.headers


def test_a_search_has_its_parameters_in_the_body() -> None:
    since = crm.ChangedSince("filterGroups", template='[{"filters": [{"property": "m", "value": "{since}"}]}]')
    contacts = _endpoint(
        requests={"list": crm.Request("POST", "/contacts/search", body={"properties": ["email"]})}, changed_since=since
    )
    call = endpoints.list_page(contacts, updated_since=MOMENT)
    method, path, query, body = _told(call)
    assert (method, path, query) == ("POST", "/contacts/search", {})
    told = [{"filters": [{"property": "m", "value": "2026-03-01T00:00:00.000Z"}]}]
    assert body == {"properties": ["email"], "limit": 1000, "filterGroups": told}
    page = call.decode(Answer(200, {}, b'{"Items": [{"Id": "1"}], "NextCursor": "c"}'))
    assert page.following is not None
    assert _told(page.following)[3]["cursor"] == "c"


def test_a_batch_by_a_body() -> None:
    contacts = _endpoint(requests={"batch": crm.Request("POST", "/contacts/read", body={"inputs": [{"id": "{id}"}]})})
    [(_, call)] = endpoints.get_many(contacts, ["2", "1"])
    assert _told(call) == ("POST", "/contacts/read", {}, {"inputs": [{"id": "1"}, {"id": "2"}]})


def test_a_batch_by_a_template() -> None:
    contacts = _endpoint(batch=crm.BatchRead("id", template="in.({ids})"))
    [(_, call)] = endpoints.get_many(contacts, ["2", "1"])
    assert _told(call)[2] == {"id": "in.(1,2)"}


def test_constant_members_stand_beside_the_record() -> None:
    envelope = crm.Envelope(record="data", sends="data", constant={"type": "contacts", "id": "{id}"})
    contacts = _endpoint(
        crm.CustomcrmObject("/contacts", properties={"FirstName": "attributes.first"}), envelope=envelope
    )
    made = _told(endpoints.create(contacts, ADA))[3]
    assert made == {"data": {"type": "contacts", "attributes": {"first": "Ada"}}}
    changed = _told(endpoints.update(contacts, "7", ADA, {"first_name"}))[3]
    assert changed == {"data": {"type": "contacts", "id": "7", "attributes": {"first": "Ada"}}}


@pytest.mark.parametrize("paging", [crm.PagePaging, crm.OffsetPaging])
@pytest.mark.parametrize(
    ("headers", "more", "ends"),
    [
        ({"content-range": "0-1/2"}, None, True),
        ({"content-range": "0-1/5"}, None, False),
        ({"content-range": "0-1/*"}, None, False),
        ({"content-range": "0-1/*"}, False, True),
        ({"content-range": "0-1/*"}, True, False),
    ],
    ids=str,
)
def test_a_total_in_a_header_and_a_flag(paging: Any, headers: dict[str, str], more: Any, *, ends: bool) -> None:
    contacts = _endpoint(paging=paging(total_header="Content-Range", more="has_more"))
    body = {"Items": [{"Id": "1"}, {"Id": "2"}], **({} if more is None else {"has_more": more})}
    page = endpoints.list_page(contacts).decode(Answer(200, headers, json.dumps(body).encode()))
    assert (page.following is None) is ends


def test_there_and_back_in_toml() -> None:
    schema = kb.CustomcrmSchema(
        contacts=crm.CustomcrmObject(
            "/contacts",
            properties={
                "CustomerId": crm.Property("org.value", write="org", form="integer"),
                "Email": "emails[0].value",
            },
            requests={
                "get": crm.Request(query={"fields": "x"}),
                "delete": crm.Request("POST", "/{id}/d", body={"a": ["{id}"]}),
            },
        ),
        requests={"list": crm.Request("POST", "/s", body={"p": ["x"]})},
        modified="a|b",
        times="rfc1123",
        time_zone="Europe/Oslo",
        dates="unix_ms",
        booleans="Y/N",
        empty="text",
        gone=(403, 404),
        headers={"Prefer": "x"},
        content_type="application/vnd.api+json",
        envelope=crm.Envelope(constant={"type": "c"}, success="ok"),
        batch=crm.BatchRead("id", template="in.({ids})"),
        paging=crm.OffsetPaging(total_header="X-Total-Count", more="more"),
    )
    assert kb.CustomcrmSchema.from_toml(schema.to_toml()) == schema
