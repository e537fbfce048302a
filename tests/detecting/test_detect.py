"""An API is looked at by reading alone, and what is printed runs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crm_variants import SCHEMAS, auth_of, variant
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from tiers import variants

import keapbridge as kb
from keapbridge.command import main
from keapbridge.command.codes import WANTS_A_PERSON
from keapbridge.configuration import configuration
from keapbridge.testing import CustomcrmEmulator, KeapEmulator, RequestLog
from keapbridge.testing._faults import Faults
from keapbridge.testing._server import LoopbackServer, Recorder

Answer = Callable[[Request], Response]
PEOPLE = [{"id": n, "first_name": f"F{n}", "last_name": "Lee", "email": f"c{n}@example.org"} for n in range(1, 8)]


def ran(proposal: kb.ApiProposal, monkeypatch: pytest.MonkeyPatch, **secrets: str) -> Any:
    """What the program that was printed calls `crm`."""
    for name, text in secrets.items():
        monkeypatch.setenv(name, text)
    names: dict[str, Any] = {}
    exec(proposal.as_python(), names)
    return names["crm"]


def as_toml(proposal: kb.ApiProposal) -> kb.CustomcrmSchema:
    """The schema in the configuration that was printed."""
    table = tomllib.loads(proposal.as_toml())["customcrm"]
    return kb.CustomcrmSchema.from_table(table.get("schema", {}))


@contextmanager
def served(answer: Answer) -> Iterator[tuple[str, RequestLog]]:
    """An API that answers everything by one function."""

    async def all_of(request: Request) -> Response:
        return answer(request)

    log = RequestLog()
    app = Starlette(
        routes=[Route("/{path:path}", all_of, methods=["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])]
    )
    with LoopbackServer(Recorder(app, log, Faults())) as server:
        yield f"http://127.0.0.1:{server.port}/api", log


def test_the_default_profile_is_recognised_and_only_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with CustomcrmEmulator() as server:
        for n in range(5):
            server.state.contacts.add({"FirstName": f"F{n}", "LastName": "Lee", "Email": f"c{n}@example.org"})
        server.state.products.add({"Name": "Widget 1", "Sku": "W1", "Price": "12.50", "Currency": "USD"})
        proposal = kb.detect_api(server.base_url, auth=kb.BearerToken(server.token))
        assert proposal.schema == kb.CustomcrmSchema() == as_toml(proposal)
        assert {request.method for request in server.requests} == {"GET"}
        assert proposal.calls == len(list(server.requests)) < 50
        assert proposal.seen["contacts.Email"] == "Email: in all of 5 listed, read alone too"
        assert server.token not in str(proposal) + proposal.as_toml() + repr(proposal) + proposal._repr_html_()
        assert proposal.mappings == {}
        with ran(proposal, monkeypatch, CRM_TOKEN=server.token) as crm:
            assert {contact.email for contact in crm.contacts.list()} == {f"c{n}@example.org" for n in range(5)}


def test_even_keap_can_be_looked_at() -> None:
    with KeapEmulator() as server:
        for n in range(4):
            mails = [{"email": f"k{n}@example.org", "field": "EMAIL1"}]
            server.state.contacts.add({"given_name": f"K{n}", "email_addresses": mails})
        proposal = kb.detect_api(f"{server.base_url}/v2", auth=kb.BearerToken(server.api_key))
        assert proposal.schema is not None
        assert proposal.schema.paging == kb.customcrm.CursorPaging(
            following="next_page_token", parameter="page_token", size="page_size", most=100
        )
        assert proposal.schema.contacts.properties == {"FirstName": "given_name"}  # all that it shows unasked
        assert {request.method for request in server.requests} <= {"GET", "OPTIONS"}


@pytest.mark.parametrize("style", variants(SCHEMAS, quick=("cursor",)))
def test_apis_of_other_styles_are_proposed_and_run_as_printed(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = SCHEMAS[style]
    with variant(style) as server:
        number = int if truth.ids == "integer" else str
        acme = number(server.add("customers", {"Name": "Acme", "City": "Oslo", "Country": "NO"}))
        for n in range(7):
            mail = f"c{n}@example.org"
            server.add("contacts", {"FirstName": f"F{n}", "LastName": "Lee", "Email": mail, "CustomerId": acme})
        paths = {name: getattr(truth, name).path for name in ("contacts", "customers", "products")}
        if style == "page":
            paths["contacts"] += "?sort=id"  # which that API wants to be asked
        server.requests.clear()
        proposal = kb.detect_api(server.base_url, auth=auth_of(style, server), **paths)
        assert {r.method for r in server.requests if r.path != "/token"} <= {"GET", "OPTIONS"}
        found = proposal.schema
        assert found is not None
        assert as_toml(proposal) == found
        assert (type(found.paging), found.envelope.items) == (type(truth.paging), truth.envelope.items)
        secrets = {"CRM_TOKEN": "t0k", "CRM_PASSWORD": "pass:wörd", "CRM_CLIENT_SECRET": "s ecret"}
        key = "k 2" if style == "link" else "k-1"
        with ran(proposal, monkeypatch, **secrets, CRM_KEY=key) as crm:
            people = list(crm.contacts.list(page_size=2))
            assert {person.email for person in people} == {f"c{n}@example.org" for n in range(7)}
            assert {person.customer_id for person in people} == {str(acme)}
            assert crm.contacts.get(people[0].id).first_name == people[0].first_name
        for secret in (*secrets.values(), key):
            assert secret not in str(proposal) + proposal.as_toml()


# --- a plain API with habits -----------------------------------------------------------------------------------------


def plain(request: Request, people: list[dict[str, Any]], **headers: str) -> Response:
    """Contacts in pages that are counted, changes, batches: `/contacts` and `/contacts/{id}`."""
    parts = request.url.path.removeprefix("/api").strip("/").split("/")
    if parts[0] != "contacts":
        return JSONResponse({"detail": "no"}, 404)
    if len(parts) == 2:
        one = next((each for each in people if str(each["id"]) == parts[1]), None)
        return JSONResponse({"detail": "no"}, 404) if one is None else JSONResponse(one, headers=headers)
    query = request.query_params
    rows = [each for each in people if each.get("updated_at", "9") >= query.get("updated_since", "")]
    if "ids" in query:
        rows = [each for each in rows if str(each["id"]) in query["ids"].split(",")]
    rows = sorted(rows, key=lambda each: each["id"], reverse=query.get("sort") == "-id")
    limit, page = int(query.get("limit", 50)), int(query.get("page", 1))
    shown = rows[(page - 1) * limit :][:limit]
    return JSONResponse({"items": shown, "total": len(rows)}, headers=headers)


def found(people: list[dict[str, Any]], **headers: str) -> kb.ApiProposal:
    with served(lambda request: plain(request, people, **headers)) as (url, _):
        return kb.detect_api(url)


def sentences(proposal: kb.ApiProposal) -> str:
    return "\n".join(finding.sentence for finding in proposal.findings)


def test_what_narrows_sorts_and_reads_many_is_found_where_it_is_honoured() -> None:
    people = [each | {"updated_at": f"2026-03-0{each['id']}T10:00:00Z"} for each in PEOPLE]
    schema = found(people).schema
    assert schema is not None
    assert schema.changed_since == kb.customcrm.ChangedSince("updated_since")
    assert schema.batch == kb.customcrm.BatchRead("ids", most=50)
    assert schema.contacts.query == {"sort": "id"}
    assert schema.paging == kb.customcrm.PagePaging(size="limit", total="total")
    assert schema.ids == "integer"


def test_a_time_of_change_that_no_record_holds_yet_is_recognised() -> None:
    people = [each | {"date_created": "2026-03-01T10:00:00Z", "date_updated": None} for each in PEOPLE]
    schema = found(people).schema
    assert schema is not None
    assert (schema.created, schema.modified) == ("date_created", "date_updated|date_created")


def test_a_log_in_is_printed_without_its_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        if request.url.path == "/api/login":
            return JSONResponse({"data": {"token": "t0ken", "again": "r"}})
        is_in = request.headers.get("authorization") == "JWT t0ken"
        return plain(request, PEOPLE) if is_in else JSONResponse({}, 401)

    with served(answer) as (url, _):
        refresh = kb.customcrm.Refresh(f"{url}/refresh", token="data.again")
        more: Any = {"token": "data.token", "value": "JWT {token}", "lifetime": None, "refresh": refresh}
        auth = kb.PasswordLogin(f"{url}/login", "ada", "s3cret-pass", **more)
        proposal = kb.detect_api(url, auth=auth, contacts="/contacts", customers="/contacts", products="/contacts")
        assert "s3cret" not in proposal.as_python() + proposal.as_toml()
        with ran(proposal, monkeypatch, CRM_PASSWORD="s3cret-pass") as crm:
            assert len(list(crm.contacts.list())) == len(PEOPLE)
            assert crm.contacts.flows.port.credentials == auth
        file = tmp_path / "keapbridge.toml"
        file.write_text(proposal.as_toml() + '[keap]\nkey = {env = "CRM_PASSWORD"}\n')
        read = configuration(file).customcrm.auth
        assert read is not None
        assert read.login == auth


def test_a_parameter_that_is_ignored_is_not_taken_for_one() -> None:
    with served(lambda r: plain(r, PEOPLE) if r.url.path.count("/") > 2 else JSONResponse({"items": PEOPLE})) as (
        url,
        _,
    ):
        proposal = kb.detect_api(url)
    assert proposal.schema is not None
    assert (proposal.schema.changed_since, proposal.schema.batch, proposal.schema.paging) == (None, None, None)
    assert "nothing that was tried makes a page shorter" in sentences(proposal)


def test_where_each_property_was_seen_is_told() -> None:
    people = [dict(each) for each in PEOPLE]
    for each in people[:3]:
        del each["last_name"]
    proposal = found(people)
    assert proposal.seen["contacts.LastName"] == "last_name: in 4 of 7 listed, read alone too"
    assert proposal.seen["contacts.Email"] == "email: in all of 7 listed, read alone too"

    def lists_show_less(request: Request) -> Response:
        if request.url.path.count("/") > 2:
            id = int(request.url.path.rpartition("/")[2])
            return JSONResponse(PEOPLE[id - 1] | {"phone": "+16025550143"} if id < 8 else {}, 200 if id < 8 else 404)
        return plain(request, PEOPLE)

    with served(lists_show_less) as (url, _):
        proposal = kb.detect_api(url)
    assert proposal.seen["contacts.Phone"] == "phone: in none of 7 listed, only when read alone"
    assert "contacts.Phone: phone is in none of 7 listed" in sentences(proposal)


@pytest.mark.parametrize(
    ("stamp", "zone", "said"),
    [
        pytest.param("2026-03-05T10:00:00Z", kb.UNSET, None, marks=pytest.mark.thorough),
        ("2026-03-05T12:00:00", "Etc/GMT-2", "2.0 h later than the clock of the answer"),
        ("2026-03-05T05:00:00", kb.UNSET, "taken for UTC; the newest is 5.0 h before the clock of the answer"),
        pytest.param("2026-01-05T05:00:00", kb.UNSET, "are taken for UTC;", marks=pytest.mark.thorough),
        pytest.param("2026-03-05T13:00:00Z", kb.UNSET, "the newest time is 3.0 h later", marks=pytest.mark.thorough),
    ],
)
def test_stamps_are_held_against_the_clock_of_the_answer(stamp: str, zone: Any, said: str | None) -> None:
    people = [
        each | {"updated_at": stamp if each["id"] == 1 else "2026-01-02T10:00:00" + stamp[19:]} for each in PEOPLE
    ]
    proposal = found(people, date="Thu, 05 Mar 2026 10:00:00 GMT")
    assert proposal.schema is not None
    assert proposal.schema.time_zone == zone
    about = "\n".join(f.sentence for f in proposal.findings if f.place.endswith("UpdatedAt"))
    assert (said or "") in about
    assert bool(about) is bool(said)


@pytest.mark.parametrize(
    ("status", "gone", "said"),
    [
        (403, (403, 404, 410), "declared as gone"),
        pytest.param(500, (404, 410), "told from faults", marks=pytest.mark.thorough),
    ],
)
def test_what_an_id_that_is_not_there_answers(status: int, gone: tuple[int, ...], said: str) -> None:
    def answer(request: Request) -> Response:
        seen = plain(request, PEOPLE)
        is_one = request.url.path.count("/") > 2 and "contacts" in request.url.path
        return JSONResponse({"detail": "no"}, status) if seen.status_code == 404 and is_one else seen

    with served(answer) as (url, _):
        proposal = kb.detect_api(url)
    assert proposal.schema is not None
    assert proposal.schema.gone == gone
    assert said in sentences(proposal)


def test_an_id_that_is_not_there_and_shows_another_record_is_an_error() -> None:
    def answer(request: Request) -> Response:
        is_one = request.url.path.count("/") > 2 and "contacts" in request.url.path
        seen = plain(request, PEOPLE)
        return JSONResponse(PEOPLE[0]) if is_one and seen.status_code == 404 else seen

    with served(answer) as (url, _):
        assert "answers with another record" in sentences(kb.detect_api(url))


def test_a_document_of_openapi_says_where_lists_are() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Our CRM"},
        "paths": {
            "/v1/people": {"get": {"parameters": [{"name": "limit", "in": "query"}, {"name": "page", "in": "query"}]}},
            "/v1/people/{pk}": {"get": {}, "put": {}, "parameters": [{"name": "If-Match", "in": "header"}]},
            "/v1/invoices": {"get": {}},
        },
    }

    def answer(request: Request) -> Response:
        if request.url.path == "/api/openapi.json":
            return JSONResponse(document)
        inner = request.scope | {"path": request.url.path.replace("/v1/people", "/contacts")}
        return plain(Request(inner), PEOPLE)

    with served(answer) as (url, log):
        proposal = kb.detect_api(url)
        assert not [r for r in log if r.path.endswith("/contacts")]
    schema = proposal.schema
    assert schema is not None
    assert (schema.contacts.path, schema.update, schema.conditional) == (
        "/v1/people",
        kb.customcrm.Update("PUT", whole=True),
        True,
    )
    assert schema.delete is None
    assert "'Our CRM' tells of 2 lists" in sentences(proposal)


# --- servers that mean no good ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: HTMLResponse("<html><h1>Sign in</h1></html>"), "a page for people"),
        (lambda _: RedirectResponse("https://elsewhere.example/login"), "where people log in"),
        (lambda _: JSONResponse({"detail": "who are you?"}, 401), "give the credentials"),
        (lambda _: JSONResponse({"items": "none"}), "the answer has no list of records"),
        pytest.param(lambda _: Response(b"[" * 100_000), "not JSON", marks=pytest.mark.thorough),
        pytest.param(lambda _: JSONResponse([]), "the list is empty", marks=pytest.mark.thorough),
    ],
    ids=["html", "redirect", "401", "no list", "deep", "empty"],
)
def test_what_is_no_api_is_said_in_words(answer: Answer, said: str) -> None:
    with served(answer) as (url, log):
        proposal = kb.detect_api(url, auth=kb.BearerToken("s3cret-token"))
        assert len(list(log)) < 40
    assert said in sentences(proposal)
    assert "s3cret-token" not in str(proposal) + repr(proposal.findings)


def test_pages_that_never_end_are_left_after_the_second() -> None:
    def answer(request: Request) -> Response:
        start = int(request.query_params.get("cursor", "0"))
        rows = [PEOPLE[0] | {"id": start + n} for n in range(1, 4)]
        return JSONResponse({"items": rows, "next": f"/api/contacts?cursor={start + 3}", "cursor": "x" * 1000})

    with served(answer) as (url, log):
        proposal = kb.detect_api(url, calls=60)
        assert len(list(log)) <= 60
    assert proposal.schema is not None


def test_an_echo_of_the_key_is_not_printed_and_calls_have_an_end() -> None:
    def answer(request: Request) -> Response:
        seen = request.headers.get("x-api-key", "")
        rows = [each | {"note": seen, seen: 1} for each in PEOPLE]
        return JSONResponse({"items": rows, "next": f"https://x.example/{seen}", "error": seen})

    with served(answer) as (url, log):
        proposal = kb.detect_api(url, auth=kb.ApiKey("s3cret-key", header="X-API-Key"), calls=12)
        assert len(list(log)) == 12
    assert "ended after 12 calls" in sentences(proposal)
    printed = str(proposal) + proposal.as_toml() + proposal.as_python() + repr(proposal) + proposal._repr_html_()
    assert "s3cret-key" not in printed


def test_nobody_who_answers_and_what_is_no_address() -> None:
    with pytest.raises(kb.TransportError):
        kb.detect_api("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="without a query"):
        kb.detect_api("http://127.0.0.1:1/api?key=abc")
    with pytest.raises(ValueError, match="must not contain credentials"):
        kb.detect_api("http://me:secret@127.0.0.1:1")


def test_the_verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret-key")
    with served(lambda request: plain(request, PEOPLE)) as (url, log):
        arguments = ["detect", url, "--contacts", "/contacts", "--key", "MY_KEY", "--header", "X-Key"]
        assert main(arguments) == 0
        out = capsys.readouterr().out
        assert "  Email            email" in out
        assert "kb.CustomcrmSchema(" in out
        assert main([*arguments, "--toml"]) == 0
        assert tomllib.loads(capsys.readouterr().out)["customcrm"]["url"] == url
        assert main(["detect", url, "--contacts", "/none"]) == WANTS_A_PERSON
        assert {r.method for r in log} <= {"GET", "OPTIONS"}
    monkeypatch.delenv("MY_KEY")
    assert main(arguments) == 2
    assert "$MY_KEY" in capsys.readouterr().err
