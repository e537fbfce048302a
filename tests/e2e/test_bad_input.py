"""Bad answers, lost answers, wrong types: a clear error or a line for the record, and a rerun completes.

Never a duplicate, never a lost edit: every test counts the records of both systems in the end.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tiers import named, variants

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapBehaviour

if TYPE_CHECKING:
    from conftest import World

pytestmark = pytest.mark.usefixtures("broken_answers")

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>ada@example.org</body></html>"
OUTAGE = Fault(status=503, body=HTML, content_type="text/html")
ALWAYS = 99  # longer than the clients are patient

NO_ANSWER: dict[str, tuple[Fault, type[kb.ApiError]]] = {
    "invalid-json": (Fault(status=200, body=b'{"contacts": [', content_type="application/json"), kb.ShapeError),
    "json-of-another-kind": (Fault(status=200, body=b'["ok"]', content_type="application/json"), kb.ShapeError),
    "null": (Fault(status=200, body=b"null", content_type="application/json"), kb.ShapeError),
    "empty": (Fault(status=200, body=b"", content_type="application/json"), kb.ShapeError),
    "an-html-page": (Fault(status=200, body=HTML, content_type="text/html"), kb.ShapeError),
    "an-html-outage": (OUTAGE, kb.ServerError),
    "redirect": (Fault(status=302, headers=(("location", "http://crm.example.com/login"),)), kb.StatusError),
    "400": (Fault(status=400, body=b'{"message":"bad filter"}', content_type="application/json"), kb.StatusError),
    "401": (Fault(status=401, body=b"{}", content_type="application/json"), kb.AuthError),
    "403": (Fault(status=403, body=b"{}", content_type="application/json"), kb.AuthError),
    "404": (Fault(status=404, body=b"{}", content_type="application/json"), kb.NotFoundError),
    "429": (Fault(status=429, body=b"{}", content_type="application/json"), kb.RateLimitedError),
    "500": (Fault(status=500, body=b"", content_type="text/plain"), kb.ServerError),
    "cut-before-the-answer": (Fault(status=0), kb.TransportError),
    "cut-in-the-middle": (Fault(status=200, cut=True, when="after"), kb.TransportError),
}
# All of them on one side, and on the other some.
_UNREADABLE = {f"customcrm-{name}": (kb.Side.CUSTOMCRM, *case) for name, case in NO_ANSWER.items()} | {
    f"keap-{name}": (kb.Side.KEAP, *NO_ANSWER[name])
    for name in ("invalid-json", "an-html-outage", "401", "404", "cut-in-the-middle")
}
either_side = pytest.mark.parametrize("side", variants(kb.Side, quick=[kb.Side.KEAP]), ids=lambda side: side.value)


def _server(world: World, side: kb.Side) -> Any:
    return world.keap if side is kb.Side.KEAP else world.crm


def _people(world: World, number: int = 4) -> None:
    """This many contacts on either side, to be made on the other."""
    for n in range(number):
        world.crm.state.contacts.add({"FirstName": f"Ada{n}", "LastName": "L", "Email": f"ada{n}@example.org"})
        email = {"email": f"kim{n}@example.org", "field": "EMAIL1"}
        world.keap.state.contacts.add({"given_name": f"Kim{n}", "family_name": "K", "email_addresses": [email]})


def _assert_same_people(world: World, number: int) -> None:
    """Both systems hold the same so many people, each once."""
    ours = sorted((c["FirstName"], c["Email"]) for c in world.crm.state.contacts.values())
    theirs = sorted((c["given_name"], c["email_addresses"][0]["email"]) for c in world.keap.state.contacts.values())
    assert len(set(ours)) == len(ours) == number
    assert ours == theirs


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "fault", "error"),
    named(
        _UNREADABLE,
        quick=("keap-404",),
    ),
)
def test_a_list_that_cannot_be_read_stops_its_synchronization_with_a_clear_reason_and_a_rerun_completes(
    world: World, side: kb.Side, fault: Fault, error: type[kb.ApiError]
) -> None:
    _people(world)
    world.crm.state.customers.add({"Name": "Engines"})
    _server(world, side).faults.add(fault, method="GET", path="/contacts", times=ALWAYS)
    try:
        [line] = world.sync().failures
    except (kb.AuthError, kb.UnavailableError) as stopped:  # these concern all of them
        reason = str(stopped)
    else:
        assert line.object == "contacts"
        reason = line.reason
        assert len(world.keap.state.companies) == 1
    with world.sessions() as session, pytest.raises((error, kb.UnavailableError)):
        session.contacts.plan()  # nothing else runs
    assert len(world.keap.state.contacts) == len(world.crm.state.contacts) == 4
    assert "example.org" not in reason
    _server(world, side).faults.clear()
    assert world.sync().ok
    _assert_same_people(world, 8)
    world.assert_quiet()


@pytest.mark.parametrize(
    "name",
    list(NO_ANSWER),
)
@pytest.mark.usefixtures("sockets")  # the address is told
def test_an_error_says_what_was_asked_of_whom(
    crm: kb.CustomcrmClient, crm_server: CustomcrmEmulator, name: str
) -> None:
    fault, error = NO_ANSWER[name]
    crm_server.faults.add(fault, method="GET", path="/contacts", times=ALWAYS)
    with pytest.raises(error) as caught:
        list(crm.contacts.list())
    assert "contact" in str(caught.value)
    assert (caught.value.method, caught.value.url) == ("GET", f"{crm_server.base_url}/contacts")


@pytest.mark.thorough
@either_side
@pytest.mark.parametrize(
    "name", variants(["invalid-json", "an-html-outage", "429", "cut-in-the-middle"], quick=["an-html-outage"])
)
def test_a_list_that_fails_once_is_read_again(world: World, side: kb.Side, name: str) -> None:
    _people(world)
    _server(world, side).faults.add(NO_ANSWER[name][0], method="GET", path="/contacts")
    assert world.sync().ok
    _assert_same_people(world, 8)


@pytest.mark.slow
def test_a_second_page_that_cannot_be_read_loses_nothing(world: World) -> None:
    world.crm.state.contacts.add_many({"FirstName": f"A{n}", "Email": f"a{n}@example.org"} for n in range(1001))
    world.keap.state.contacts.add_many(
        {"given_name": f"A{n}", "email_addresses": [{"email": f"a{n}@example.org", "field": "EMAIL1"}]}
        for n in range(1001)
    )
    world.keap.faults.add(
        Fault(status=200, cut=True, when="after"), method="GET", path="/contacts", skip=1, times=ALWAYS
    )
    with pytest.raises(kb.TransportError):
        world.sync()
    world.keap.faults.clear()
    report = world.sync()
    assert (report.count("linked"), report.count("created")) == (1001, 0)
    assert world.writes == []
    world.assert_quiet()


def test_wrong_credentials_are_an_error_that_says_so(world: World) -> None:
    _people(world)
    world.crm.token = "another"
    with pytest.raises(kb.AuthError, match="credentials"):
        world.sync()
    assert world.writes == []


def test_credentials_that_are_revoked_in_the_middle_stop_the_run_and_nothing_is_made_twice(world: World) -> None:
    _people(world)
    world.keap.faults.add(Fault(status=401), method="POST", skip=1, times=ALWAYS)
    with pytest.raises(kb.AuthError):
        world.sync()
    world.keap.faults.clear()
    assert world.sync().ok
    _assert_same_people(world, 8)
    world.assert_quiet()


def test_a_lost_create_that_keap_may_not_show_yet_is_not_sent_again(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.keap.faults.add(Fault(status=0), method="POST")
    hour = timedelta(hours=1)
    assert not world.sync(lag=hour).ok
    world.forget_requests()
    (line,) = world.sync(lag=hour, full=True).lines
    assert (line.outcome, line.customcrm_id) == ("skipped", "A1")
    assert "not certain before" in line.reason
    assert world.writes == []
    assert world.sync().count("created in Keap") == 1
    world.assert_quiet()


@pytest.mark.thorough
def test_a_lost_create_that_keap_shows_late_is_linked_and_not_made_twice(world: World) -> None:
    hour = timedelta(hours=1)
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.keap.faults.randomly(1.0, kinds=("stale",))
    world.keap.faults.add(Fault(status=0, when="after"), method="POST")
    assert not world.sync(lag=hour).ok
    assert world.sync(lag=hour).count("skipped") == 1
    world.keap.faults.clear()
    assert world.sync(lag=hour).count("linked") == 1
    assert world.counts()["contacts"] == (1, 1)
    world.assert_quiet()


def test_what_failed_is_listed_until_it_is_done(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    world.keap.faults.add(Fault(status=422, body=b"{}", content_type="application/json"), method="POST", times=ALWAYS)
    for tries in (1, 2):
        assert not world.sync().ok
        with world.sessions() as session:
            (failure,) = session.failures()
            assert session.contacts.failures() == [failure]
            assert session.companies.failures() == []
        assert (failure.object, failure.side, failure.id, failure.tries) == ("contacts", kb.Side.CUSTOMCRM, "A1", tries)
        assert "422" in failure.reason
        assert failure.next_try_at is not None
    world.keap.faults.clear()
    assert world.sync().count("skipped") == 1  # it waits
    with world.sessions() as session:
        session.contacts.retry(customcrm=["A1"])
        assert session.sync().count("created in Keap") == 1
        assert session.failures() == []


# --- creates --------------------------------------------------------------------------------------------------------

WRITE_FAULTS = {
    "refused-422": Fault(status=422, body=b"{}", content_type="application/json"),
    "refused-400": Fault(status=400, body=b'{"message":"no"}', content_type="application/json"),
    "forbidden": Fault(status=403),
    "500-before": Fault(status=500),
    "500-after": Fault(status=500, when="after"),
    "504-after": Fault(status=504, body=HTML, content_type="text/html", when="after"),
    "cut-before": Fault(status=0),
    "cut-after": Fault(status=0, when="after"),
    "cut-in-the-answer": Fault(status=200, cut=True, when="after"),
    "no-json-after": Fault(status=201, body=b"<html>", content_type="text/html", when="after"),
    "empty-after": Fault(status=201, body=b"", content_type="application/json", when="after"),
    "another-shape-after": Fault(status=201, body=b'{"id": {}}', content_type="application/json", when="after"),
    "no-id-after": Fault(status=201, body=b"{}", content_type="application/json", when="after"),
}
NAMELESS = {"another-shape-after", "no-id-after"}


def _faults(*names: str, quick: tuple[str, ...]) -> Any:
    return pytest.mark.parametrize("fault", named({name: WRITE_FAULTS[name] for name in names}, quick))


known_faults = _faults(*(name for name in WRITE_FAULTS if name not in NAMELESS), quick=("cut-in-the-answer",))
some_faults = _faults("refused-422", "500-after", "cut-in-the-answer", quick=("refused-422",))


@either_side
@known_faults
def test_a_create_that_fails_once_makes_one_record_in_the_end(world: World, side: kb.Side, fault: Fault) -> None:
    _people(world, 2)
    _server(world, side).faults.add(fault, method="POST", path="/contacts")
    first = world.sync()
    assert len(world.crm.state.contacts) <= 4
    assert len(world.keap.state.contacts) <= 4
    assert first.count("failed") <= 1
    assert first.count("created") + first.count("failed") == 4
    second = world.sync()
    assert second.ok, second.failures
    _assert_same_people(world, 4)
    world.assert_quiet()


@pytest.mark.thorough
@either_side
@some_faults
def test_a_create_that_keeps_failing_is_a_failed_line_and_the_rest_is_synced(
    world: World, side: kb.Side, fault: Fault
) -> None:
    _people(world, 2)
    server = _server(world, side)
    server.faults.add(fault, method="POST", path="/contacts", times=ALWAYS)
    report = world.sync()
    failed = report.failures
    assert len(failed) == 2
    assert all(line.reason for line in failed)
    assert all("example.org" not in str(line) for line in failed)
    assert report.count("created") == 2
    server.faults.clear()
    assert world.sync().ok
    _assert_same_people(world, 4)
    world.assert_quiet()


@either_side
def test_a_create_whose_answer_has_no_id_does_not_stop_the_others(world: World, side: kb.Side) -> None:
    _people(world, 2)
    server = _server(world, side)
    server.faults.add(WRITE_FAULTS["no-id-after"], method="POST", path="/contacts")
    report = world.sync()
    assert report.count("created") == 3
    assert len(report.failures) == 1
    assert world.sync().ok
    _assert_same_people(world, 4)
    world.assert_quiet()


@pytest.mark.habits(times="milliseconds")  # it edits within the second of a write
@either_side
@pytest.mark.parametrize("edited", variants(["source", "made"], quick=["made"]))
def test_an_edit_between_a_lost_answer_and_the_rerun_is_not_lost(world: World, side: kb.Side, edited: str) -> None:
    """The counterpart was made, its answer was lost, and then somebody edits one of the two."""
    if side is kb.Side.KEAP:
        world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"})
    else:
        email = {"email": "ada@example.org", "field": "EMAIL1"}
        world.keap.state.contacts.add({"given_name": "Ada", "family_name": "Lovelace", "email_addresses": [email]})
    server = _server(world, side)
    server.faults.add(Fault(status=0, when="after"), method="POST", times=ALWAYS)
    world.sync()
    server.faults.clear()
    assert world.counts()["contacts"] == (1, 1)
    in_keap = (side is kb.Side.KEAP) == (edited == "made")
    if in_keap:
        world.keap.state.contacts.edit("1", family_name="King", job_title="Countess")
    else:
        world.crm.state.contacts.edit("A1", LastName="King", JobTitle="Countess")
    world.sync()
    world.sync()
    assert world.counts()["contacts"] == (1, 1)
    assert (world.crm.state.contacts["A1"]["LastName"], world.crm.state.contacts["A1"]["JobTitle"]) == (
        "King",
        "Countess",
    )
    contact = world.keap.state.contacts["1"]
    assert (contact["family_name"], contact["job_title"]) == ("King", "Countess")
    world.assert_quiet()


@pytest.mark.parametrize("object", variants(["companies", "products"], quick=["companies"]))
@either_side
def test_lost_answers_about_companies_and_products_make_no_duplicates(world: World, side: kb.Side, object: str) -> None:
    world.crm.state.customers.add({"Name": "Engines; and more", "City": "London", "Country": "GB"})
    world.keap.state.companies.add({"company_name": "Looms"})
    world.keap.state.products.add({"name": "Widget", "sku": "W", "price": 100, "short_description": "w"})
    world.crm.state.products.add({"Name": "Gadget; blue", "Price": "3", "Currency": "USD"})
    server = _server(world, side)
    server.faults.add(Fault(status=0, when="after"), method="POST", path=f"/{object}", times=ALWAYS)
    server.faults.add(Fault(status=0, when="after"), method="POST", path="/customers", times=ALWAYS)
    world.sync()
    server.faults.clear()
    assert world.sync().ok
    assert world.counts() == {"companies": (2, 2), "products": (2, 2), "contacts": (0, 0)}
    world.assert_quiet()


@pytest.mark.parametrize(
    "keap_behaviour", [KeapBehaviour(), KeapBehaviour(reformat_phones=True)], ids=["as it is", "in national form"]
)
def test_a_lost_answer_about_a_record_that_nothing_can_be_looked_up_by_makes_no_duplicate(world: World) -> None:
    world.crm.state.contacts.add({"Phone": "+16025550101"})
    world.keap.faults.add(Fault(status=0, when="after"), method="POST")
    world.sync()
    assert len(world.keap.state.contacts) == 1
    world.sync()
    world.sync(full=True)
    assert world.counts()["contacts"] == (1, 1)


def test_a_contact_made_by_somebody_else_is_not_taken_for_the_lost_one_and_neither_is_doubled(world: World) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"})
    world.keap.faults.add(Fault(status=0), method="POST")
    world.sync()
    assert len(world.keap.state.contacts) == 0
    email = {"email": "ada@example.org", "field": "EMAIL1"}
    world.keap.state.contacts.add({"given_name": "Ada", "family_name": "Lovelace", "email_addresses": [email]})
    world.sync()
    assert world.counts()["contacts"] == (1, 1)
    world.assert_quiet()


# --- updates --------------------------------------------------------------------------------------------------------


def _linked(world: World, number: int = 3) -> None:
    for n in range(number):
        world.crm.state.contacts.add({"FirstName": f"Ada{n}", "LastName": "L", "Email": f"ada{n}@example.org"})
    assert world.sync().ok
    world.forget_requests()


@pytest.mark.thorough
@either_side
@_faults("refused-400", "500-after", "cut-after", "no-json-after", "no-id-after", quick=("no-id-after",))
def test_an_update_that_fails_once_is_done_by_the_rerun(world: World, side: kb.Side, fault: Fault) -> None:
    _linked(world)
    for n in range(1, 4):
        if side is kb.Side.KEAP:
            world.crm.state.contacts.edit(f"A{n}", JobTitle=f"Title {n}")
        else:
            world.keap.state.contacts.edit(str(n), job_title=f"Title {n}")
    _server(world, side).faults.add(fault, method="PATCH")
    report = world.sync()
    assert report.count("failed") <= 1
    assert world.sync().ok
    expected = ["Title 1", "Title 2", "Title 3"]
    assert sorted(c["job_title"] for c in world.keap.state.contacts.values()) == expected
    assert sorted(c["JobTitle"] for c in world.crm.state.contacts.values()) == expected
    assert world.counts()["contacts"] == (3, 3)
    world.assert_quiet()


@either_side
@some_faults
def test_an_update_that_keeps_failing_is_a_failed_line_and_the_rest_is_synced(
    world: World, side: kb.Side, fault: Fault
) -> None:
    _linked(world)
    theirs = {c["given_name"]: id for id, c in world.keap.state.contacts.items()}
    for n in range(3):
        if side is kb.Side.KEAP:
            world.crm.state.contacts.edit(f"A{n + 1}", JobTitle=f"Title {n}")
        else:
            world.keap.state.contacts.edit(theirs[f"Ada{n}"], job_title=f"Title {n}")
    path = f"/contacts/{theirs['Ada1']}" if side is kb.Side.KEAP else "/contacts/A2"
    server = _server(world, side)
    server.faults.add(fault, method="PATCH", path=path, times=ALWAYS)
    report = world.sync()
    [line] = report.failures
    assert (line.customcrm_id, line.keap_id) == ("A2", theirs["Ada1"])
    assert line.reason
    assert report.count("updated") == 2
    server.faults.clear()
    assert world.sync().ok
    expected = ["Title 0", "Title 1", "Title 2"]
    assert sorted(c["job_title"] for c in world.keap.state.contacts.values()) == expected
    assert sorted(c["JobTitle"] for c in world.crm.state.contacts.values()) == expected
    world.assert_quiet()


@pytest.mark.habits(times="milliseconds")  # it edits within the second of a write
@either_side
def test_a_lost_answer_to_an_update_and_an_edit_after_it_both_count(world: World, side: kb.Side) -> None:
    _linked(world, 1)
    [theirs] = world.keap.state.contacts
    if side is kb.Side.KEAP:
        world.crm.state.contacts.edit("A1", JobTitle="Countess")
    else:
        world.keap.state.contacts.edit(theirs, job_title="Countess")
    server = _server(world, side)
    server.faults.add(Fault(status=0, when="after"), method="PATCH", times=ALWAYS)
    world.sync()
    server.faults.clear()
    if side is kb.Side.KEAP:
        world.keap.state.contacts.edit(theirs, job_title="Analyst")
    else:
        world.crm.state.contacts.edit("A1", JobTitle="Analyst")
    world.sync()
    assert (world.crm.state.contacts["A1"]["JobTitle"], world.keap.state.contacts[theirs]["job_title"]) == (
        "Analyst",
        "Analyst",
    )
    world.assert_quiet()


@pytest.mark.thorough
@either_side
def test_a_record_that_is_deleted_before_it_is_written_does_not_stop_the_others(world: World, side: kb.Side) -> None:
    _linked(world)
    theirs = {c["given_name"]: id for id, c in world.keap.state.contacts.items()}
    with world.sessions() as session:
        for n in range(3):
            if side is kb.Side.KEAP:
                world.crm.state.contacts.edit(f"A{n + 1}", JobTitle="Countess")
            else:
                world.keap.state.contacts.edit(theirs[f"Ada{n}"], job_title="Countess")
        plan = session.plan()
        if side is kb.Side.KEAP:
            world.keap.state.contacts.delete(theirs["Ada1"])
        else:
            world.crm.state.contacts.delete("A2")
        report = session.apply(plan)
    assert report.count("updated") == 2
    [line] = report.failures
    assert (line.customcrm_id, line.keap_id) == ("A2", theirs["Ada1"])
    assert not {(w.method) for w in world.writes} & {"POST", "DELETE"}
    world.sync(full=True)
    assert sum(world.counts()["contacts"]) == 5


# --- records of a wrong type ----------------------------------------------------------------------------------------


@either_side
def test_a_value_of_a_wrong_type_holds_its_field_and_the_record_arrives(world: World, side: kb.Side) -> None:
    _people(world, 3)
    if side is kb.Side.KEAP:
        world.keap.state.contacts.corrupt("2", given_name={"first": "Kim"})
    else:
        world.crm.state.contacts.corrupt("A2", FirstName=["Ada"])
    report = world.sync()
    assert report.ok
    assert report.count("created") == 6
    [line] = [x for x in report.lines if x.outcome != "created"]
    assert (line.outcome, line.fields) == ("held", ("FirstName",))
    assert (line.keap_id or line.customcrm_id) == ("2" if side is kb.Side.KEAP else "A2")
    assert ("given_name" if side is kb.Side.KEAP else "FirstName") in line.reason
    assert world.counts()["contacts"] == (6, 6)
    if side is kb.Side.KEAP:
        world.keap.state.contacts.edit("2", given_name="Kim1")
    else:
        world.crm.state.contacts.edit("A2", FirstName="Ada1")
    assert world.sync().ok
    _assert_same_people(world, 6)
    world.assert_quiet()


@pytest.mark.parametrize(
    "raw",
    [
        {"email_addresses": [{"field": "EMAIL1", "email": 7}]},
        {"update_time": "yesterday"},
        *variants(
            (
                {"email_addresses": "ada@example.org"},
                {"email_addresses": [7]},
                {"birth_date": "soon"},
                {"addresses": {"line1": "x"}},
                {"company": "Engines"},
                {"custom_fields": 3},
            ),
            quick=(),
        ),
    ],
    ids=str,
)
def test_what_becomes_unreadable_in_a_linked_record_is_held_and_the_rest_of_it_flows(
    world: World, raw: dict[str, Any]
) -> None:
    _linked(world, 2)
    theirs = {c["given_name"]: id for id, c in world.keap.state.contacts.items()}
    world.keap.state.contacts.corrupt(theirs["Ada1"], **raw)
    for n in (1, 2):
        world.crm.state.contacts.edit(f"A{n}", JobTitle="Countess")
    report = world.sync(full=True)
    assert report.ok
    assert report.count("updated") == 2
    held = [line for line in report.lines if line.outcome == "held"]
    assert {line.keap_id for line in held} == (
        set() if raw.keys() & {"update_time", "custom_fields"} else {theirs["Ada1"]}
    )
    ada = world.keap.state.contacts[theirs["Ada1"]]
    assert ada["job_title"] == "Countess"
    assert {name: ada[name] for name in raw if name != "update_time"} == {
        name: value for name, value in raw.items() if name != "update_time"
    }
    assert world.crm.state.contacts["A2"]["Email"] == "ada1@example.org"
    email = [{"email": "ada1@example.org", "field": "EMAIL1"}]
    healthy = {"email_addresses": email, "birth_date": None, "addresses": None, "company": None, "custom_fields": None}
    world.keap.state.contacts.corrupt(theirs["Ada1"], update_time="2026-01-01T00:00:00.000Z")
    world.keap.state.contacts.edit(theirs["Ada1"], **healthy)
    assert world.sync(full=True).ok
    world.assert_quiet()


@either_side
@pytest.mark.parametrize(
    "stamp", variants([None, "yesterday", "", 7, "2024-13-01", [], "10000-01-01"], quick=["yesterday"])
)
def test_a_stamp_that_is_none_loses_no_record_and_no_edit(world: World, side: kb.Side, stamp: Any) -> None:
    _people(world, 1)
    if side is kb.Side.KEAP:
        world.keap.state.contacts.corrupt("1", update_time=stamp, create_time=stamp)
    else:
        world.crm.state.contacts.corrupt("A1", UpdatedAt=stamp, CreatedAt=stamp, ETag=stamp)
    report = world.sync()
    assert report.ok
    assert [line.outcome for line in report.lines] == ["created", "created"]
    if side is kb.Side.KEAP:
        world.keap.state.contacts.corrupt("1", job_title="Analyst")
    else:
        world.crm.state.contacts.corrupt("A1", JobTitle="Analyst")
    assert world.sync(full=True).count("updated") == 1
    theirs = {c["given_name"]: c.get("job_title") for c in world.keap.state.contacts.values()}
    assert theirs["Kim0" if side is kb.Side.KEAP else "Ada0"] == "Analyst"


def test_a_part_of_an_array_that_is_unreadable_stays_when_another_part_is_written(world: World) -> None:
    _linked(world, 1)
    [theirs] = world.keap.state.contacts
    odd = {"email": 7, "field": "EMAIL1"}
    world.keap.state.contacts.corrupt(theirs, email_addresses=[odd])
    world.crm.state.contacts.edit("A1", Email2="ada@example.net")
    world.keap.faults.add(Fault(status=400, when="before"), method="PATCH")  # as a Keap would that checks it
    world.sync(full=True)
    body = next(w.json for w in world.keap.requests.writes if w.method == "PATCH")
    assert body["email_addresses"] == [odd, {"email": "ada@example.net", "field": "EMAIL2"}]
    assert world.crm.state.contacts["A1"]["Email"] == "ada0@example.org"


def test_an_item_that_does_not_tell_its_slot_empties_none(world: World) -> None:
    _linked(world, 1)
    [theirs] = world.keap.state.contacts
    world.keap.state.contacts.corrupt(theirs, email_addresses=[{"email": "ada0@example.org", "field": "\x00"}])
    report = world.sync(full=True)
    assert {line.fields for line in report.lines} == {("Email",), ("Email2",)}
    assert world.crm.state.contacts["A1"]["Email"] == "ada0@example.org"


@either_side
def test_a_record_without_an_id_is_reported_and_the_rest_is_synced(world: World, side: kb.Side) -> None:
    _people(world, 2)
    if side is kb.Side.KEAP:
        world.keap.state.contacts.corrupt("2", id=...)
    else:
        world.crm.state.contacts.corrupt("A2", Id=None)
    report = world.sync()
    assert report.count("created") == 3
    assert report.count("skipped") + report.count("failed") == 1


def test_an_id_that_is_a_number_is_read_as_a_text(world: World) -> None:
    _people(world, 1)
    world.keap.state.contacts.corrupt("1", id=1)
    assert world.sync().ok
    _assert_same_people(world, 2)


def test_properties_that_nobody_knows_do_no_harm(world: World) -> None:
    _people(world, 1)
    world.keap.state.contacts.corrupt("1", soul={"depth": 7}, mood=None)
    world.crm.state.contacts.edit("A1", Soul=[1, {"a": None}])
    assert world.sync().ok
    _assert_same_people(world, 2)
    assert world.crm.state.contacts["A1"]["Soul"] == [1, {"a": None}]


@pytest.mark.parametrize(
    "properties",
    variants(
        [{"Email": "not an address"}, {"BirthDate": "0001-01-01"}, {"Country": "Atlantis"}],
        quick=[{"Email": "not an address"}],
    ),
)
def test_a_value_that_cannot_flow_is_held_with_the_reason_and_the_rest_of_the_record_flows(
    world: World, properties: dict[str, str]
) -> None:
    world.crm.state.contacts.add({"FirstName": "Ada", "Phone": "+16025550101", **properties})
    report = world.sync()
    assert report.ok
    [ada] = world.keap.state.contacts.values()
    assert ada["given_name"] == "Ada"
    name = next(iter(properties))
    if name != "BirthDate":
        held = {line.fields: line for line in report.lines if line.outcome == "held"}
        assert held[name,].customcrm_id == "A1"
        assert held[name,].reason
    world.assert_quiet()
    assert world.crm.state.contacts["A1"][name] == properties[name]


def test_no_error_and_no_line_holds_a_secret(world: World) -> None:
    _people(world, 1)
    key = f"KeapAK-{'0123456789abcdef' * 4}"
    world.keap.faults.add(
        Fault(status=400, body=f'{{"message": "key {key} of ada0@example.org, +16025550101"}}'.encode()), method="POST"
    )
    report = world.sync()
    [line] = report.failures
    assert key not in str(line)
    assert "6025550101" not in str(line)
    assert "example.org" not in str(line)
