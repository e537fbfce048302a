"""What people see and decide on the pages, judged by what both systems hold then."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.console.pages import SESSION
from keapbridge.store.inbox import Arrival, SqlInbox
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

Browse = Callable[..., Any]
Sessions = Callable[..., kb.SyncSession]
MANUAL = kb.Policy(conflicts="manual")
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def session(sessions: Sessions) -> kb.SyncSession:
    return sessions(policy=MANUAL)


def ada(crm: kb.CustomcrmClient, **more: Any) -> str:
    made = crm.contacts.create(kb.customcrm.Contact(**{"first_name": "Ada", "email": "ada@example.org", **more}))
    return str(made.id)


def titles(crm_server: CustomcrmEmulator, keap_server: KeapEmulator) -> tuple[Any, Any]:
    [ours], [theirs] = crm_server.state.contacts.values(), keap_server.state.contacts.values()
    return ours.get("JobTitle"), theirs.get("job_title")


@pytest.fixture
def conflict(session: kb.SyncSession, crm: kb.CustomcrmClient, keap: kb.KeapClient, keap_server: KeapEmulator) -> str:
    """Ada, whose job title was edited in both systems; her id in Customcrm."""
    id = ada(crm, job_title="Countess")
    session.sync()
    [theirs] = keap_server.state.contacts
    crm.contacts.update(id, job_title="Writer")
    keap.contacts.update(str(theirs), job_title="Engineer")
    session.sync()
    [found] = session.conflicts()
    assert found.field == "JobTitle"
    return id


def test_the_first_plan_is_made_looked_at_and_two_of_its_rows_applied(
    session: kb.SyncSession, crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    for name in ("Ada", "Bert", "Cleo"):
        crm.contacts.create(kb.customcrm.Contact(first_name=name, email=f"{name.lower()}@example.org"))
    anna = browse()
    assert "There was no run yet" in anna.look("/")
    said = anna.send("/plans")
    for name in ("Ada", "Bert", "Cleo", "make a record in Keap", "not applied"):
        assert name in said
    path = anna.page.url.path
    ticks = re.findall(r'name="tick" value="(\d+)"', anna.page.text)
    assert len(ticks) == 3
    said = anna.send(f"{path}/apply", which="ticked", tick=ticks[:2])
    assert "decided by anna" in said
    assert len(keap_server.state.contacts) == 2
    assert session.runs()[0].counts["contacts"]["created in Keap"] == 2


def test_ticks_are_kept_while_somebody_looks_for_other_rows(
    crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    for name in ("Ada", "Bert", "Cleo"):
        crm.contacts.create(kb.customcrm.Contact(first_name=name, email=f"{name.lower()}@example.org"))
    anna = browse()
    anna.look("/plans")
    anna.send("/plans")
    path = anna.page.url.path
    said = anna.send(path, find="ada@", go="show")
    assert "ada@example.org" in said
    assert "bert@" not in said
    assert anna.page.url.query == b""
    [tick] = re.findall(r'name="tick" value="(\d+)"', anna.page.text)
    anna.send(path, find="bert@", go="show", tick=tick)
    assert re.findall(r'name="kept" value="(\d+)"', anna.page.text) == [tick]
    anna.send(f"{path}/apply", which="ticked", kept=tick)
    assert [c["given_name"] for c in keap_server.state.contacts.values()] == ["Ada"]


def test_what_a_search_shows_is_applied_and_nothing_else(
    crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    for name in ("Ada", "Bert"):
        crm.contacts.create(kb.customcrm.Contact(first_name=name, email=f"{name.lower()}@example.org"))
    anna = browse()
    anna.look("/plans")
    anna.send("/plans")
    anna.send(f"{anna.page.url.path}/apply", which="found", find="bert@")
    assert [c["given_name"] for c in keap_server.state.contacts.values()] == ["Bert"]


def test_nothing_ticked_is_nothing_applied(crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse) -> None:
    ada(crm)
    anna = browse()
    anna.look("/plans")
    anna.send("/plans")
    path = anna.page.url.path
    assert "Nothing is ticked" in anna.send(f"{path}/apply", which="ticked", status=422)
    assert not keap_server.state.contacts


def test_a_brake_stands_above_the_plan_and_is_accepted_by_a_person(
    sessions: Sessions, crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    for number in range(3):
        ada(crm, email=f"ada{number}@example.org")
    session = sessions(policy=kb.Policy(max_creates=2))
    anna = browse(session=session)
    anna.look("/plans")
    said = anna.send("/plans")
    path = anna.page.url.path
    assert "3 records would be created; max_creates is 2" in said
    assert "A brake holds this" in said
    anna.send(f"{path}/apply", which="all", status=422)
    assert not keap_server.state.contacts
    anna.look(path)
    anna.send(f"{path}/apply", which="all", accept="creates")
    assert len(keap_server.state.contacts) == 3
    assert session.report(session.runs()[0].run_id).by == "anna"


@pytest.mark.parametrize(
    ("decision", "both"),
    [
        ({"decision": "keap"}, "Engineer"),
        ({"decision": "customcrm"}, "Writer"),
        ({"decision": "value", "value": "Mathematician"}, "Mathematician"),
        ({"decision": "empty"}, None),
    ],
)
def test_a_conflict_is_decided(
    session: kb.SyncSession,
    crm_server: CustomcrmEmulator,
    keap_server: KeapEmulator,
    conflict: str,
    browse: Browse,
    decision: dict[str, str],
    both: str | None,
) -> None:
    anna = browse()
    said = anna.look("/conflicts")
    assert "Writer" in said
    assert "Engineer" in said
    [token] = re.findall(r'name="conflict" value="([^"]+)"', anna.page.text)
    said = anna.send("/conflicts", conflict=token, **decision)
    assert "It is decided" in said
    assert {title or None for title in titles(crm_server, keap_server)} == {both}
    assert {each.by for each in session.explain("contacts", customcrm=conflict).history[:1]} == {"anna"}


def test_a_conflict_shows_what_was_known_before_and_what_was_written(conflict: str, browse: Browse) -> None:
    anna = browse()
    anna.look("/conflicts")
    said = anna.look(f"/conflicts/contacts/{conflict}")
    for value in ("Writer", "Engineer", "Countess"):
        assert value in said


def test_of_two_who_decide_at_once_the_second_sees_what_the_first_did(
    crm_server: CustomcrmEmulator, keap_server: KeapEmulator, conflict: str, browse: Browse
) -> None:
    anna, bert = browse("anna"), browse("bert")
    for each in (anna, bert):
        each.look("/conflicts")
    [token] = re.findall(r'name="conflict" value="([^"]+)"', bert.page.text)
    its = {"conflict": token}
    anna.send("/conflicts", decision="keap", **its)
    said = bert.send("/conflicts", decision="customcrm", **its, status=409)
    assert "decided by anna" in said
    assert titles(crm_server, keap_server) == ("Engineer", "Engineer")


def test_a_decision_about_other_values_than_those_seen_is_not_taken(
    session: kb.SyncSession,
    crm: kb.CustomcrmClient,
    crm_server: CustomcrmEmulator,
    keap_server: KeapEmulator,
    conflict: str,
    browse: Browse,
) -> None:
    anna = browse()
    anna.look("/conflicts")
    [token] = re.findall(r'name="conflict" value="([^"]+)"', anna.page.text)
    crm.contacts.update(conflict, job_title="Poet")
    session.sync()
    anna.send("/conflicts", conflict=token, decision="customcrm", status=409)
    assert titles(crm_server, keap_server) == ("Poet", "Engineer")


def test_many_are_decided_by_one_rule(
    session: kb.SyncSession,
    crm_server: CustomcrmEmulator,
    keap_server: KeapEmulator,
    conflict: str,
    browse: Browse,
) -> None:
    anna = browse()
    anna.look("/conflicts")
    anna.send("/conflicts/many", side="keap", field="JobTitle", status=422)
    assert titles(crm_server, keap_server) == ("Writer", "Engineer")
    anna.look("/conflicts")
    said = anna.send("/conflicts/many", side="keap", field="JobTitle", sure="1")
    assert "1 of 1 conflict is decided and written" in said
    assert "decided by anna" in said
    assert titles(crm_server, keap_server) == ("Engineer", "Engineer")
    assert not session.conflicts()


def test_a_run_is_taken_back_after_a_look_at_what_that_does(
    session: kb.SyncSession, crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    ada(crm)
    run = session.sync().run_id
    anna = browse()
    assert "Take it back" in anna.look(f"/runs/{run}")
    assert "delete in Keap" in anna.look(f"/runs/{run}/undo")
    assert len(keap_server.state.contacts) == 1
    assert "decided by anna" in anna.send(f"/runs/{run}/undo")
    assert not keap_server.state.contacts


def test_a_record_tells_its_pair_its_fields_and_its_history(
    conflict: str, keap_server: KeapEmulator, browse: Browse
) -> None:
    anna = browse(url_for=lambda *of: f"https://{of[0].value}.example/{of[1]}/{of[2]}")
    [theirs] = keap_server.state.contacts
    anna.look("/records")
    said = anna.send("/records", object="contacts", side="keap", id=str(theirs))
    assert anna.page.url.path == f"/records/contacts/keap/{theirs}"
    for words in ("Writer", "Engineer", "Countess", "waits for a decision", "create in Keap"):
        assert words in said
    assert f'href="https://customcrm.example/contacts/{conflict}"' in anna.page.text


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "", None, "//evil.example"])
def test_a_link_that_is_none_of_the_web_is_not_made(conflict: str, browse: Browse, link: str | None) -> None:
    anna = browse(url_for=lambda *_: link)
    assert anna.look(f"/records/contacts/customcrm/{conflict}")
    assert "target=" not in anna.page.text


def test_a_failure_is_shown_and_tried_again(
    session: kb.SyncSession, crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    ada(crm)
    keap_server.faults.add(Fault(status=400), method="POST", path="contacts")
    session.sync()
    anna = browse()
    assert "1 record has failed" in anna.look("/")
    said = anna.look("/failures")
    assert "Customcrm" in said
    [failure] = session.failures()
    anna.send("/failures", object="contacts", side=failure.side.value, id=failure.id)
    keap_server.faults.clear()
    session.sync()
    assert len(keap_server.state.contacts) == 1


def test_what_a_run_has_held_is_not_called_in_step(
    session: kb.SyncSession, crm: kb.CustomcrmClient, browse: Browse
) -> None:
    ada(crm, job_title="Chair")
    session.sync()
    anna = browse()
    assert "Both systems are in step" in anna.look("/")
    crm.contacts.create(kb.customcrm.Contact(first_name="Bo", email="bo@example.org", country="nowhere at all"))
    assert session.sync().count("held")
    session.sync()
    assert "Both systems are in step" not in anna.look("/")
    assert "1 field is held" in anna.look("/")
    [id] = [c.id for c in crm.contacts.list() if c.email == "bo@example.org"]
    crm.contacts.update(str(id), country="DE")
    session.sync()
    assert "Both systems are in step" in anna.look("/"), "it is mended"


def test_the_overview_tells_when_everything_was_read_and_is_read_next(
    session: kb.SyncSession, crm: kb.CustomcrmClient, browse: Browse
) -> None:
    assert "Not everything has been read yet" in browse().look("/")
    ada(crm)
    session.sync()
    moment = session.last_full_scan()
    assert moment is not None
    said = browse().look("/")
    assert f"read last as of {moment:%Y-%m-%d %H:%M:%S} UTC" in said
    assert "whoever syncs decides it" in said
    said = browse(full_every=timedelta(days=1)).look("/")
    assert f"Next it is read as of {moment + timedelta(days=1):%Y-%m-%d %H:%M:%S} UTC" in said
    assert "Both systems are in step" in said
    session.sync()
    assert session.last_full_scan() == moment, "it read what has changed"
    session.sync(full=True)
    again = session.last_full_scan()
    assert again is not None
    assert again > moment


def test_keap_is_asked_for_its_subscriptions_only_when_somebody_says_so(
    session: kb.SyncSession, keap: kb.KeapClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    keap.hooks.subscribe("contact.edit", "http://127.0.0.1:9/keap/the-secret-part")
    session.sync()
    anna = browse("rita", can_decide=False)
    before = len(list(keap_server.requests))
    assert "stands here once it was asked" in anna.look("/")
    assert len(list(keap_server.requests)) == before
    said = anna.send("/hooks")
    assert len(list(keap_server.requests)) == before + 1
    for words in ("1 subscription, 0 of them verified", "contact.edit", "to 127.0.0.1", "1 event is not told by Keap"):
        assert words in said
    assert "Nobody has subscribed to contact.add" in said
    assert "the-secret-part" not in anna.page.text
    assert "contact.edit" in browse("bob").look("/"), "it is known to all"
    assert len(list(keap_server.requests)) == before + 1


def test_the_last_event_of_keap_is_told(session: kb.SyncSession, browse: Browse) -> None:
    anna = browse()
    assert "No event of Keap is known" in anna.look("/")
    moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
    inbox = SqlInbox(session._engine.bridge.store)
    inbox.put([Arrival("contacts", kb.Side.KEAP, "1", "contact.edit", "m")], moment, moment)
    said = anna.look("/")
    assert "Keap's last event came 2026-05-01 12:00:00 UTC" in said
    assert "1 record waits to be synced" in said


def test_what_another_process_was_asked_for_is_known_here(
    sessions: Sessions, crm: kb.CustomcrmClient, browse: Browse
) -> None:
    """Two workers over one store: the one is asked, and the other one tells what came of it."""
    for number in range(3):
        ada(crm, email=f"ada{number}@example.org")
    policy = kb.Policy(max_creates=2)
    one, other = browse(session=sessions(policy=policy)), browse("bob", session=sessions(policy=policy))
    one.look("/plans")
    one.send("/plans")
    plan = one.page.url.path.rpartition("/")[2]
    one.send(f"/plans/{plan}/apply", which="all", status=422)
    said = other.look("/")
    assert "The plan is being applied, for anna . not done" in said.replace("anna.", "anna .")
    assert "max_creates is 2" in said
    said = other.look(f"/progress?about={plan}")
    assert "has ended before its time" in said
    assert "max_creates is 2" in said
    one.look(f"/plans/{plan}")
    one.send(f"/plans/{plan}/apply", which="all", accept="creates")
    assert "decided by anna" in other.look(f"/progress?about={plan}"), "it leads to what was done"
    assert other.page.url.path.startswith("/runs/")


def test_what_ended_a_run_stands_in_its_report_for_every_process(
    sessions: Sessions, session: kb.SyncSession, crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    ada(crm)
    anna = browse()
    anna.look("/plans")
    anna.send("/plans")
    keap_server.faults.add(Fault(status=401), method="POST", path="contacts")
    anna.send(f"{anna.page.url.path}/apply", which="all", status=502)
    run = sessions().runs()[0]
    assert not run.complete
    assert "401" in run.why
    assert "401" in session.report(run.run_id).why
    said = browse("bob", session=sessions()).look(f"/runs/{run.run_id}")
    assert "What ended it:" in said
    assert "401" in said


def test_a_second_click_is_told_that_it_is_done_already(conflict: str, session: kb.SyncSession, browse: Browse) -> None:
    anna = browse()
    anna.look("/conflicts")
    [token] = re.findall(r'name="conflict" value="([^"]+)"', anna.page.text)
    anna.send("/conflicts", conflict=token, decision="keap")
    anna.look("/plans")
    said = anna.send("/conflicts", conflict=token, decision="keap", status=409)
    assert "You have decided this already" in said
    assert "it was done then" in said
    assert len([run for run in session.runs() if run.counts["contacts"].get("decided")]) == 1


def test_a_plan_that_is_applied_twice_leads_to_the_run_that_did_it(
    session: kb.SyncSession, crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    ada(crm)
    anna, bob = browse(), browse("bob")
    anna.look("/plans")
    anna.send("/plans")
    path = anna.page.url.path
    bob.look(path)
    anna.send(f"{path}/apply", which="all")
    run = anna.page.url.path
    anna.look("/plans")
    anna.send(f"{path}/apply", which="all")
    assert anna.page.url.path == run
    said = bob.send(f"{path}/apply", which="all", status=409)
    assert "decided by anna" in said
    assert run in bob.page.text
    assert len(keap_server.state.contacts) == 1


def test_an_id_may_have_a_slash(session: kb.SyncSession, browse: Browse) -> None:
    anna = browse()
    anna.look("/records")
    anna.send("/records", object="contacts", side="customcrm", id="a/b", status=404)
    assert anna.page.url.raw_path == b"/records/contacts/customcrm/a~2Fb"
    assert "There is no record here" in anna.page.text


def test_the_check_asks_only_when_somebody_says_so(browse: Browse, keap_server: KeapEmulator) -> None:
    anna = browse()
    anna.look("/check")
    assert not list(keap_server.requests)
    anna.send("/check")
    assert list(keap_server.requests)


def test_the_dataflow_is_shown_and_can_be_taken_along(browse: Browse) -> None:
    anna = browse()
    said = anna.look("/dataflow")
    assert "FirstName" in said
    assert "given_name" in said
    assert "FirstName" in anna.client.get("/dataflow/md").text
    assert anna.client.get("/dataflow/exe").status_code == 404


def test_what_stands_in_records_stays_text(
    session: kb.SyncSession, crm: kb.CustomcrmClient, keap_server: KeapEmulator, browse: Browse
) -> None:
    id = ada(crm, first_name=SCRIPT[:40], last_name=SCRIPT[:40], job_title="\u202eRight to left")
    plan = session.plan()
    session.apply(plan)
    [theirs] = keap_server.state.contacts
    crm.contacts.update(id, job_title=SCRIPT)
    session.sync()
    anna = browse(SCRIPT[:60])
    paths = [path for path, page in SESSION.items() if page.get is not None and "{" not in path]
    paths += [f"/plans/{each.id}" for each in session.plans()] + [f"/runs/{each.run_id}" for each in session.runs()]
    for path in (*paths, f"/records/contacts/keap/{theirs}", f"/records/contacts/customcrm/{id}"):
        anna.look(path)
        assert "<script>alert" not in anna.page.text
        assert "<img" not in anna.page.text


def test_no_page_names_anybody_in_an_address(conflict: str, session: kb.SyncSession, browse: Browse) -> None:
    anna = browse()
    paths = [path for path, page in SESSION.items() if page.get is not None and "{" not in path]
    paths += [f"/plans/{each.id}" for each in session.plans()] + [f"/runs/{each.run_id}" for each in session.runs()]
    for path in paths:
        anna.look(path)
        for address in re.findall(r'(?:href|action|src|hx-get)="([^"]*)"', anna.page.text):
            # Not "ada" alone: ids are hexadecimal.
            for planted in ("ada@", "ada%40", "Ada", "Writer", "Engineer", "Countess", "example.org"):
                assert planted not in address


def test_everybody_else_goes_on_where_a_session_is_busy(
    session: kb.SyncSession, sessions: Sessions, browse: Browse
) -> None:
    anna = browse()
    anna.look("/plans")
    assert session.under_way() is None
    assert "Nobody is at work" in anna.look("/progress")


# --- pairs in doubt -------------------------------------------------------------------------------------------------


@pytest.fixture
def doubt(session: kb.SyncSession, crm_server: CustomcrmEmulator, keap_server: KeapEmulator) -> None:
    """One e-mail address, and two quite different names."""
    crm_server.state.contacts.add({"FirstName": "Ada", "LastName": "Berg", "Email": "shared@example.org"})
    address = {"email": "shared@example.org", "field": "EMAIL1"}
    keap_server.state.contacts.add({"given_name": "Zoe", "family_name": "Kim", "email_addresses": [address]})
    session.sync()


@pytest.mark.parametrize(("decision", "linked", "number"), [("same", 1, 1), ("different", 2, 2)])
def test_two_candidates_are_linked_or_told_apart(
    session: kb.SyncSession,
    keap_server: KeapEmulator,
    doubt: None,
    browse: Browse,
    decision: str,
    linked: int,
    number: int,
) -> None:
    anna = browse()
    assert "1 pair of records is in doubt" in anna.look("/")
    said = anna.look("/pairs")
    for words in ("Ada", "Zoe", "Berg", "Kim", "same Email"):
        assert words in said
    [token] = re.findall(r'name="pair" value="([^"]+)"', anna.page.text)
    said = anna.send("/pairs", pair=token, decision=decision)
    assert "It is decided" in said
    assert ("Told apart" in said and "by anna" in said) is (decision == "different")
    session.sync()
    assert len(list(session.contacts.links())) == linked
    assert len(keap_server.state.contacts) == number
    assert not session.pairs_in_doubt()


def test_of_two_who_tell_apart_at_once_the_second_sees_what_the_first_did(
    session: kb.SyncSession, doubt: None, browse: Browse
) -> None:
    anna, bert = browse("anna"), browse("bert")
    for each in (anna, bert):
        each.look("/pairs")
    [token] = re.findall(r'name="pair" value="([^"]+)"', bert.page.text)
    anna.send("/pairs", pair=token, decision="different")
    assert "Nothing was done now" in bert.send("/pairs", pair=token, decision="same", status=409)
    assert not list(session.contacts.links())
