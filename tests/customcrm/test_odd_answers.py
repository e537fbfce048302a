"""Answers that do not mean what their status says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from said import Api, Said

import keapbridge as kb
from keapbridge import customcrm as crm
from keapbridge.customcrm import endpoints

RECORDS = {f"{n}": {"Id": f"{n}", "FirstName": f"n{n}"} for n in range(7)}


def _ask(what: Any, say: Any, **declared: Any) -> tuple[Any, list[str]]:
    """What an operation of the contacts answers, and what was asked for."""
    schema = kb.CustomcrmSchema(**{"envelope": crm.Envelope(items="data", record="data"), **declared})
    api = Api(say)
    try:
        found = api.run(what(kb.CustomcrmClient("http://crm.test", schema=schema).contacts.flows))
    except kb.ApiError as error:
        found = error
    return found, [f"{call.method} {call.path}" for call in api.asked]


@pytest.mark.parametrize("said", [(403, {}), (200, {"data": None}), (200, None), (404, {}), (410, {})], ids=str)
def test_what_is_gone(said: Said) -> None:
    found, _ = _ask(lambda c: c.get("9"), lambda *_: said, gone=(403, 404, 410))
    assert isinstance(found, kb.NotFoundError)


def test_a_status_that_is_not_declared_does_not_say_that_a_record_is_gone() -> None:
    assert isinstance(_ask(lambda c: c.get("9"), lambda *_: (403, {}))[0], kb.AuthError)
    found, _ = _ask(lambda c: c.list(), lambda *_: (403, {}), gone=(403, 404))
    assert isinstance(found, kb.AuthError)


def test_an_answer_without_the_place_of_the_record_says_nothing() -> None:
    assert isinstance(_ask(lambda c: c.get("9"), lambda *_: (200, {"Id": "9"}))[0], kb.ShapeError)


@pytest.mark.parametrize("status", [401, 429, 500, "404", True])
def test_what_can_never_mean_gone_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match="gone: must be statuses"):
        kb.CustomcrmSchema(gone=(404, status))


@pytest.mark.parametrize(
    ("body", "success"),
    [
        ({"success": False, "error": "the e-mail is taken"}, None),
        ({"errors": [{"message": "the e-mail is taken"}], "data": None}, None),
        ({"ok": 0, "message": "the e-mail is taken", "data": {"Id": "1"}}, "ok"),
    ],
    ids=["success", "errors", "declared"],
)
@pytest.mark.parametrize("what", ["list", "get", "create", "update", "delete"])
def test_a_no_with_the_status_of_a_yes(body: dict[str, Any], success: str | None, what: str) -> None:
    calls = {
        "list": lambda c: c.list(),
        "get": lambda c: c.get("1"),
        "create": lambda c: c.create(crm.Contact(first_name="Ada")),
        "update": lambda c: c.update("1", {"first_name": "Ada"}),
        "delete": lambda c: c.delete("1"),
    }
    envelope = crm.Envelope(items="data", record="data", success=success)
    found, asked = _ask(calls[what], lambda *_: (200, body), envelope=envelope)
    assert isinstance(found, kb.StatusError)
    assert "the e-mail is taken" in str(found)
    assert found.status == 422
    assert len(asked) == 1


@pytest.mark.parametrize("said", [(204, None), (200, None), (200, {"data": None})], ids=str)
def test_an_update_that_shows_nothing_is_read_again(said: Said) -> None:
    found, asked = _ask(
        lambda c: c.update("1", {"first_name": "Ada"}),
        lambda method, *_: said if method == "PATCH" else (200, {"data": RECORDS["1"]}),
    )
    assert found.first_name == "n1"
    assert asked == ["PATCH /contacts/1", "GET /contacts/1"]


@pytest.mark.parametrize(
    ("headers", "id"),
    [
        ({"location": "http://crm.test/contacts/1"}, "1"),
        ({"odata-entityid": "http://crm.test/contacts(1)"}, "1"),
        ({"location": "/contacts('1')"}, "1"),
        ({"location": "/contacts(ID=1)"}, "1"),
    ],
    ids=str,
)
def test_a_create_tells_the_id_in_a_header(headers: dict[str, str], id: str) -> None:
    found, asked = _ask(
        lambda c: c.create(crm.Contact(first_name="Ada")),
        lambda method, *_: (204, None, headers) if method == "POST" else (200, {"data": RECORDS["1"]}),
    )
    assert found.id == id
    assert asked == ["POST /contacts", "GET /contacts/1"]


def test_a_batch_that_is_ignored_is_read_one_by_one() -> None:
    def say(method: str, path: str, *_: Any) -> Said:
        if path == "/contacts":
            return 200, {"data": list(RECORDS.values())[:3], "NextCursor": "more"}
        id = path.rpartition("/")[2]
        return (200, {"data": RECORDS[id]}) if id in RECORDS else (404, {})

    found, asked = _ask(lambda c: c.get_many(["1", "6", "77"]), say, version=None, conditional=False)
    assert {record.id for record in found} == {"1", "6"}
    assert sorted(asked) == ["GET /contacts", "GET /contacts/6", "GET /contacts/77"]


# --- what is said of one operation ----------------------------------------------------------------------------------


def test_each_operation_may_say_in_its_own_way_whether_it_was_done() -> None:
    envelope = crm.Envelope(items="data", record="data", success="ok")
    schema: dict[str, Any] = {
        "envelope": envelope,
        "requests": {
            "create": crm.Request(success="data[0].code=SUCCESS", id="data[0].details.id"),
            "update": crm.Request(success="!fault"),
        },
    }
    no: dict[str, Any] = {"data": [{"code": "DUPLICATE_DATA", "message": "the e-mail is taken"}]}
    found, _ = _ask(lambda c: c.create(crm.Contact(first_name="Ada")), lambda *_: (200, no), **schema)
    assert isinstance(found, kb.StatusError)
    assert "the e-mail is taken" in str(found)
    found, _ = _ask(
        lambda c: c.update("1", {"first_name": "Ada"}),
        lambda *_: (200, {"fault": {"message": "the e-mail is taken"}}),
        **schema,
    )
    assert isinstance(found, kb.StatusError)

    def say(method: str, *_: Any) -> Said:
        made = {"code": "success", "details": {"id": 17}}
        return (200, {"data": [made]}) if method == "POST" else (200, {"ok": True, "data": RECORDS["1"]})

    found, asked = _ask(lambda c: c.create(crm.Contact(first_name="Ada")), say, **schema)
    assert asked == ["POST /contacts", "GET /contacts/17"]


@pytest.mark.parametrize(
    ("said", "is_empty"),
    [
        ((204, None), True),
        ((200, {"success": True, "data": None}), True),
        ((200, {"data": None}), False),
        ((200, {"success": True}), False),
        ((200, None), False),
    ],
    ids=str,
)
def test_a_list_that_holds_nothing_has_to_say_so(said: Said, is_empty: bool) -> None:
    found, _ = _ask(lambda c: c.list(), lambda *_: said)
    assert (
        (not isinstance(found, kb.ShapeError) and found.items == ()) if is_empty else isinstance(found, kb.ShapeError)
    )


@pytest.mark.parametrize(
    ("said", "record"), [((204, None), "data"), ((200, {"data": []}), "data[0]"), ((200, []), "[0]")], ids=str
)
def test_a_record_that_is_not_there_may_be_an_empty_answer(said: Said, record: str) -> None:
    found, _ = _ask(lambda c: c.get("9"), lambda *_: said, envelope=crm.Envelope(items="data", record=record))
    assert isinstance(found, kb.NotFoundError)


def test_changes_may_be_asked_for_in_a_header() -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    changes = crm.ChangedSince("If-Modified-Since", "rfc1123", header=True)
    sent: list[Any] = []

    def flow(contacts: Any) -> Any:
        call = endpoints.list_page(contacts.endpoint, updated_since=since)
        sent.append(dict(call.headers))
        return contacts.list(updated_since=since)

    found, _ = _ask(flow, lambda *_: (304, None), changed_since=changes)
    assert found.items == ()
    assert sent == [{"If-Modified-Since": "Sun, 01 Mar 2026 00:00:00 GMT"}]
    found, _ = _ask(lambda c: c.list(), lambda *_: (304, None), changed_since=changes)
    assert isinstance(found, kb.StatusError)


def test_what_narrows_a_list_stands_in_place_of_what_it_is_always_asked_with() -> None:
    everything = "SELECT Id FROM Contact ORDER BY Id"
    changed = "SELECT Id FROM Contact WHERE Stamp >= {since} ORDER BY Id"
    contacts = endpoints.endpoint(
        crm.Contact,
        kb.CustomcrmSchema(
            contacts=crm.CustomcrmObject("/query", query={"q": everything}),
            changed_since=crm.ChangedSince("q", template=changed),
            paging=None,
        ),
    )
    assert endpoints.list_page(contacts).query == (("q", everything),)
    narrowed = endpoints.list_page(contacts, updated_since=datetime(2026, 3, 1, tzinfo=UTC)).query
    assert narrowed == (("q", changed.replace("{since}", "2026-03-01T00:00:00.000Z")),)


def test_ids_are_numbers_in_templates_where_they_are_numbers() -> None:
    body = {"ids": "{ids}", "id": ["{id}"], "where": "id = {id}"}
    request = crm.Request("POST", "/read", body=body)
    for ids, wanted in (("integer", 7), ("text", "7")):
        schema = kb.CustomcrmSchema(ids=ids, requests={"get": attrs.evolve(request, path="/read/{id}")})
        sent = endpoints.get(endpoints.endpoint(crm.Contact, schema), "7").body
        assert json.loads(sent or b"") == {"ids": [wanted], "id": [wanted], "where": "id = 7"}
