"""A Keap that refuses a part of what it is asked for is asked for less, and that is remembered and told."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

import keapbridge as kb
from keapbridge.keap.asking import Asking, names_in
from keapbridge.testing import KeapEmulator
from keapbridge.testing.keap import KeapState

Query = dict[str, str]
Refusal = str | tuple[int, str]
Rule = Callable[[str, str, Query], Refusal | None]
"""Of a method, a path and a query: why it is refused (with 400, unless it says so); it may change the query."""

PERSON = {"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}


class Stubborn:
    """A layer over the emulator's application that refuses, and counts what it is asked for."""

    def __init__(self, app: Any, rule: Rule) -> None:
        self.app, self.rule = app, rule
        self.asked: list[tuple[str, str, Query]] = []
        self.instead: dict[str, str] = {}  # what is answered for a path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            method, path = scope["method"], scope["path"].removeprefix("/crm/rest/v2/")
            query = dict(parse_qsl(scope["query_string"].decode()))
            self.asked.append((method, path, dict(query)))
            said = self.rule(method, path, query)
            scope = {**scope, "query_string": urlencode(query).encode()}
            if path in self.instead:
                scope["path"] = scope["path"].replace(path, self.instead[path])
            if said is not None:
                status, said = (400, said) if isinstance(said, str) else said
                body = json.dumps({"code": status, "message": said, "status": "-", "details": []}).encode()
                head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
                await send({"type": "http.response.start", "status": status, "headers": head})
                await send({"type": "http.response.body", "body": body})
                return
        await self.app(scope, receive, send)


@contextmanager
def opened(rule: Rule) -> Iterator[tuple[KeapState, kb.KeapClient, Stubborn]]:
    server = KeapEmulator()
    server.app = layer = Stubborn(server.app, rule)
    with server, kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap:
        yield server.state, keap, layer


def says(said: str | None) -> Rule:
    return lambda *_: said


def refuses(*names: str, message: str = "fields: {} is not a known property") -> Rule:
    def rule(method: str, path: str, query: Query) -> str | None:
        found = [name for name in names if name in query.get("fields", "").split(",")]
        return message.format(", ".join(found)) if found else None

    return rule


@pytest.mark.parametrize(
    "message",
    [
        "fields: {} is not a known property",
        "The following fields are unrecognized: ['{}']",
        "Unknown: BILLINGINFORMATION",
    ],
)
def test_a_field_that_is_refused_is_left_out_and_never_asked_for_again(
    message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(refuses("billing_information", message=message)) as (state, keap, layer):
        id = state.contacts.add(PERSON | {"job_title": "Boss"})
        with caplog.at_level(logging.WARNING, "keapbridge.calls"):
            [contact] = keap.contacts.list()
        assert (contact.job_title, contact.billing_information) == ("Boss", kb.UNSET)
        assert "GET /v2/contacts does not take the fields billing_information" in caplog.text
        keap.contacts.get_many([id])
        assert [path for _, path, _ in layer.asked] == ["contacts", "contacts", "contacts"]
        keap.contacts.get(id)
        keap.contacts.get(id)  # each kind of call has names of its own
        assert [path for _, path, _ in layer.asked[3:]] == [f"contacts/{id}"] * 3


def test_a_refusal_that_lists_what_there_is_leaves_out_the_others() -> None:
    known = "address custom_fields email_address fax_number phone_number website notes"

    def rule(method: str, path: str, query: Query) -> str | None:
        is_one = method == "GET" and re.fullmatch(r"companies/\d+", path)
        wrong = set(query.get("fields", "").split(",")) - {*known.split(), "company_name", "create_time", "update_time"}
        return f"fields must be of {known}, company_name, create_time, update_time" if is_one and wrong else None

    with opened(rule) as (state, keap, _):
        id = state.companies.add({"company_name": "Acme", "notes": "n"})
        company = keap.companies.get(id)
        assert (company.id, company.company_name, company.notes) == (id, "Acme", "n")


def test_a_write_is_sent_again_for_the_fields_of_its_answer_only() -> None:
    with opened(refuses("score_value")) as (state, keap, layer):
        made = keap.contacts.create(
            kb.keap.Contact(**{**PERSON, "email_addresses": [kb.keap.EmailAddress("a@x.org", "EMAIL1")]})
        )
        assert len(state.contacts) == 1
        assert keap.contacts.update(made.id, job_title="Boss").job_title == "Boss"
        assert len(layer.asked) == 4

    def fails(method: str, path: str, query: Query) -> str | None:
        return "job_title must be at most 255 characters" if method == "PATCH" else None

    with opened(fails) as (state, keap, layer):
        id = state.contacts.add(PERSON)
        with pytest.raises(kb.errors.StatusError, match="job_title"):
            keap.contacts.update(id, job_title="Boss")
        assert len(layer.asked) == 1


def test_a_refusal_that_names_nothing_is_raised_at_once() -> None:
    with opened(says("something is wrong")) as (_, keap, layer):
        with pytest.raises(kb.errors.StatusError, match="something is wrong"):
            list(keap.contacts.list())
        assert len(layer.asked) == 1


def test_so_many_ids_as_a_filter_takes_are_asked_for() -> None:
    def rule(method: str, path: str, query: Query) -> str | None:
        found = re.search(r"ids==([\d,]+)", query.get("filter", ""))
        return "ids: at most 20 are allowed" if found and len(found[1].split(",")) > 20 else None

    with opened(rule) as (state, keap, layer):
        for name, document in (("contacts", PERSON), ("products", {"name": "b", "price": 1, "short_description": "b"})):
            ids = getattr(state, name).add_many(document for _ in range(90))
            found = getattr(keap, name).get_many([*ids, "77777"])
            assert sorted(record.id for record in found) == sorted(ids)
        layer.asked.clear()
        assert len(keap.contacts.get_many(list(state.contacts))) == 90
        assert len(layer.asked) == 8  # 12 of them each: what half of the halves took


def test_ids_that_no_filter_takes_are_read_one_by_one() -> None:
    def rule(method: str, path: str, query: Query) -> str | None:
        return "ids is not a field to filter by" if "ids==" in query.get("filter", "") else None

    with opened(rule) as (state, keap, _):
        ids = state.contacts.add_many(PERSON for _ in range(3))
        assert {contact.id for contact in keap.contacts.get_many([*ids, "77777"])} == set(ids)


def test_where_one_id_that_is_gone_fails_them_all_the_others_are_read() -> None:
    def rule(method: str, path: str, query: Query) -> Refusal | None:
        found = re.search(r"ids==([\d,]+)", query.get("filter", ""))
        return (404, "there is no such contact") if found and "77777" in found[1].split(",") else None

    with opened(rule) as (state, keap, _):
        ids = state.contacts.add_many(PERSON for _ in range(9))
        assert {contact.id for contact in keap.contacts.get_many([*ids, "77777"])} == set(ids)
        assert keap.habits.ids_at_once is None, "that says nothing of how many it takes"


def test_a_record_that_is_answered_in_the_place_of_another_is_not_that_one() -> None:
    with opened(says(None)) as (state, keap, layer):
        winner, loser = state.contacts.add_many([PERSON, PERSON])
        layer.instead[f"contacts/{loser}"] = f"contacts/{winner}"  # they were merged
        assert keap.contacts.get(winner).id == winner
        with pytest.raises(kb.NotFoundError, match=f"{winner} is answered in its place"):
            keap.contacts.get(loser)


def test_pages_are_as_long_as_keap_takes() -> None:
    def rule(method: str, path: str, query: Query) -> str | None:
        return "page size must be at most 200" if int(query.get("page_size", 0)) > 200 else None

    with opened(rule) as (state, keap, layer):
        ids = state.contacts.add_many(PERSON for _ in range(300))
        assert [contact.id for contact in keap.contacts.list()] == ids
        assert [contact.id for contact in keap.contacts.list()] == ids
        sizes = [int(query["page_size"]) for _, _, query in layer.asked]
        assert sizes[:4] == [1000, 500, 250, 125]
        assert set(sizes[4:]) == {125}


@pytest.mark.parametrize("kind", [kb.KeapClient, kb.AsyncKeapClient])
def test_no_page_is_longer_than_the_host_wants(kind: Any) -> None:
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, page_size=120) as keap,
    ):
        ids = server.state.contacts.add_many(PERSON for _ in range(300))
        assert [contact.id for contact in keap.contacts.list()] == ids
        assert {contact.id for contact in keap.contacts.get_many(ids)} == set(ids)
        assert max(int(request.query["page_size"]) for request in server.requests.matching("GET")) == 120
    for wrong in (0, 1001, "500"):
        with pytest.raises((TypeError, ValueError), match="page_size takes a whole number"):
            kind(auth=kb.KeapApiKey("KeapAK-1"), page_size=wrong)


@pytest.mark.parametrize("name", ["contacts", "companies", "products"])
def test_pages_that_are_cut_short_hide_nothing(name: str) -> None:
    def rule(method: str, path: str, query: Query) -> str | None:
        query.update({"page_size": "3"} if int(query.get("page_size", 0)) > 3 else {})
        return None

    with opened(rule) as (state, keap, _):
        document = PERSON | {"company_name": "Acme", "name": "b", "price": 1, "short_description": "b"}
        ids = getattr(state, name).add_many(document for _ in range(8))
        assert [record.id for record in getattr(keap, name).list()] == ids
        assert {record.id for record in getattr(keap, name).get_many(ids)} == set(ids)


@pytest.mark.parametrize("part", ["start_update_time", "order_by", "contact_id"])
def test_a_list_without_what_keap_does_not_take_is_read_all_the_same(part: str) -> None:
    def rule(method: str, path: str, query: Query) -> str | None:
        return f"{part} is not supported" if part in {*query, *re.split("[=<>;]+", query.get("filter", ""))} else None

    with opened(rule) as (state, keap, layer):
        ids = state.contacts.add_many(PERSON for _ in range(5))
        since = state.now().replace(year=2020)
        for _ in range(2):
            assert [c.id for c in keap.contacts.list(updated_since=since, page_size=2)] == ids
        assert len(layer.asked) == 3 + 1 + 3


def test_a_comparison_of_ids_that_is_ignored_is_noticed() -> None:
    def rule(method: str, path: str, query: Query) -> str | None:
        query.update(filter="") if "contact_id>" in query.get("filter", "") else None
        return None

    with opened(rule) as (state, keap, _):
        ids = state.contacts.add_many(PERSON for _ in range(5))
        assert [contact.id for contact in keap.contacts.list(page_size=2)] == ids


def test_a_record_that_is_deleted_meanwhile_hides_no_other() -> None:
    with opened(says(None)) as (state, keap, layer):
        ids = state.contacts.add_many(PERSON for _ in range(6))
        listed = keap.contacts.list(page_size=2)
        assert [next(listed).id, next(listed).id] == ids[:2]
        state.contacts.delete(ids[0])
        state.contacts.edit(ids[4], job_title="Boss")
        assert [contact.id for contact in listed] == ids[2:]
        assert all("page_token" not in query for _, _, query in layer.asked)


def test_a_page_that_takes_its_time_makes_the_next_ones_shorter() -> None:
    asking = Asking()
    asking.remember_size("contacts", 1000, 12.0, asked_less=False, is_full=True)
    assert asking.size("contacts") == 500
    for _ in range(5):
        asking.remember_size("contacts", asking.size("contacts"), 12.0, asked_less=False, is_full=True)
    assert asking.size("contacts") == 100
    asking.remember_size("contacts", 100, 0.2, asked_less=False, is_full=False)  # nothing says that more is as quick
    assert asking.size("contacts") == 100
    for _ in range(5):
        asking.remember_size("contacts", asking.size("contacts"), 0.2, asked_less=False, is_full=True)
    assert (asking.size("contacts"), asking.size("companies")) == (1000, 1000)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("notes is not known", {"notes"}),
        ("unknown: 'emailAddress', 'fax_number'", {"email_address", "fax_number"}),
        ("fields must be notes, email_address, website", {"fax_number"}),
        ("notes, email_address, website are not recognized", {"notes", "email_address", "website"}),
        ("The following fields are unrecognized: [notes, website, fax_number]", {"notes", "website", "fax_number"}),
        ("website is not one of: notes, email_address, fax_number", {"website"}),
        ("website is unknown. Available fields are: notes", {"email_address", "website", "fax_number"}),
        ("notes, email_address, website, fax_number", set()),
        ("foot_notes is not known", set()),
        ("", set()),
    ],
)
def test_what_a_refusal_names(said: str, named: set[str]) -> None:
    assert names_in(said, ("notes", "email_address", "website", "fax_number")) == named
