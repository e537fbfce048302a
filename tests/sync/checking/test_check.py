"""A session's check: what only the systems can tell, asked once, and what a person sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa
from crm_variants import SCHEMAS, auth_of, variant

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

MISSPELT = kb.CustomcrmSchema(contacts=kb.customcrm.CustomcrmObject("/contacts", properties={"Email": "Emial"}))
OWN = kb.mapping.contacts.with_lenses(kb.text("ShoeSize", keap="spouse_name"))
ADA = {"FirstName": "Ada", "LastName": "Berg", "Email": "ada@example.org"}
HAS_ADA = {"given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}


@pytest.fixture
def declared(crm_server: CustomcrmEmulator) -> Iterator[Callable[[kb.CustomcrmSchema], kb.CustomcrmClient]]:
    """Makes clients of the same Customcrm by other declarations of it."""
    made: list[kb.CustomcrmClient] = []

    def client(schema: kb.CustomcrmSchema) -> kb.CustomcrmClient:
        auth = kb.BearerToken(crm_server.token)
        made.append(kb.CustomcrmClient(crm_server.base_url, auth=auth, schema=schema))
        return made[-1]

    yield client
    for each in made:
        each.close()


def test_a_check_tells_of_times_that_tell_no_zone_and_of_none_that_do(keap: kb.KeapClient) -> None:
    told: dict[str, list[str]] = {}
    zones: list[Any] = [kb.UNSET, "UTC", "America/New_York"]
    for style, zone in [*(("offset", zone) for zone in zones), ("page", kb.UNSET)]:
        schema = attrs.evolve(SCHEMAS[style], time_zone=zone)
        with (
            variant(style, schema) as server,
            kb.CustomcrmClient(server.base_url, auth=auth_of(style, server), schema=schema) as crm,
            kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://") as session,
        ):
            server.add("contacts", {"FirstName": "Ada", "Email": "ada@example.org"})
            told[f"{style} {zone}"] = [each.what for each in session.check() if "tells no zone" in each.what]
            assert not server.writes
    assert told == {
        "offset UNSET": ["UpdatedAt of 1 of 1 records tells no zone, and is taken for UTC"],
        "offset UTC": [],
        "offset America/New_York": [],
        "page UNSET": [],
    }


@pytest.mark.parametrize("zone", [kb.UNSET, "UTC"], ids=str)
def test_times_whose_zone_nobody_knows_decide_no_conflict(
    keap: kb.KeapClient, keap_server: KeapEmulator, tmp_path: Path, zone: Any
) -> None:
    schema = attrs.evolve(SCHEMAS["offset"], time_zone=zone)
    is_known = zone == "UTC"
    with (
        variant("offset", schema) as server,
        kb.CustomcrmClient(server.base_url, auth=auth_of("offset", server), schema=schema) as crm,
    ):
        id = server.add("contacts", {"FirstName": "Ada", "Email": "ada@example.org", "JobTitle": "Clerk"})
        for number in range(2):  # a second process has it from the store
            with kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{tmp_path / 'store.db'}") as session:
                assert session.contacts.sync().ok
                [theirs] = keap_server.state.contacts
                # Keap's is the newer one, by stamps of any resolution.
                server._now = lambda: datetime.now(UTC) - timedelta(seconds=10)
                server.edit("contacts", id, JobTitle=f"Earl {number}")
                keap_server.state.contacts.edit(theirs, job_title=f"Countess {number}")
                report = session.contacts.sync()
                assert [each.what for each in report.warnings if "no zone" in each.what] == (
                    [] if is_known else ["UpdatedAt of 1 of 1 records tells no zone, and is taken for UTC"]
                )
                held = server.rows("contacts")[id]["JobTitle"], keap_server.state.contacts[theirs]["job_title"]
                assert (len(session.conflicts()), len(set(held))) == ((0, 1) if is_known else (1, 2))
                for conflict in session.conflicts():
                    assert "could not tell" in str(conflict.reason)
                    session.resolve(conflict, "keap")


def test_times_that_are_still_to_come_decide_no_conflict(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    schema = attrs.evolve(SCHEMAS["offset"], time_zone="UTC")
    with (
        variant("offset", schema) as server,
        kb.CustomcrmClient(server.base_url, auth=auth_of("offset", server), schema=schema) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://") as session,
    ):
        server._now = lambda: datetime.now(UTC) + timedelta(hours=9)
        id = server.add("contacts", {"FirstName": "Ada", "Email": "ada@example.org", "JobTitle": "Clerk"})
        assert session.contacts.sync().ok
        [theirs] = keap_server.state.contacts
        server.edit("contacts", id, JobTitle="Earl")
        keap_server.state.contacts.edit(theirs, job_title="Countess")
        report = session.contacts.sync()
        assert any("9.0 h later than the clock" in each.what for each in report.warnings)
        assert (server.rows("contacts")[id]["JobTitle"], keap_server.state.contacts[theirs]["job_title"]) == (
            "Earl",
            "Countess",
        )
        assert len(session.conflicts()) == 1


def test_a_name_that_may_be_another_holds_its_field_until_a_record_shows_it(
    sessions: Any, keap_server: KeapEmulator, crm_server: CustomcrmEmulator, declared: Any
) -> None:
    id = crm_server.state.contacts.add({**ADA, "JobTitle": "Clerk"})
    keap_server.state.contacts.add({**HAS_ADA, "job_title": "Countess"})
    keap_server.state.contacts.add({"given_name": "Bo", "job_title": "Baron"})
    titel = kb.customcrm.CustomcrmObject("/contacts", properties={"JobTitle": "JobTitel"})
    with sessions(customcrm=declared(kb.CustomcrmSchema(contacts=titel))) as session:
        for _ in range(2):
            report = session.contacts.sync()
            [held] = [line for line in report.lines if line.outcome == "held"]
            assert "they show 'JobTitle', which is not mapped" in held.reason
        rows = {row["FirstName"]: row for row in crm_server.state.contacts.values()}
        assert not any("JobTitel" in row for row in rows.values())
        assert (rows["Ada"]["JobTitle"], rows.keys()) == ("Clerk", {"Ada", "Bo"})
        assert {c["job_title"] for c in keap_server.state.contacts.values()} == {"Countess", "Baron"}
        crm_server.state.contacts.edit(id, JobTitel="Clerk of works")
        report = session.contacts.sync(full=True)
        assert not [line for line in report.lines if line.outcome == "held"], str(report)


def test_a_property_that_records_show_otherwise_is_refused_before_anything_is_planned(
    sessions: Any, keap_server: KeapEmulator, crm_server: CustomcrmEmulator, declared: Any
) -> None:
    crm_server.state.contacts.add(ADA)
    keap_server.state.contacts.add(HAS_ADA)
    wrong = declared(MISSPELT)
    for name in ("sync", "plan"):
        with sessions(customcrm=wrong) as session, pytest.raises(kb.MappingError, match="is 'Email' meant") as caught:
            getattr(session, name)()
        assert [each.place for each in caught.value.findings.errors] == ["contacts.Email"]
    assert not crm_server.requests.writes
    assert not keap_server.requests
    with sessions(customcrm=wrong) as session:
        [found] = [each for each in session.check() if each.severity == "error"]
    assert found.what == "the one record does not show Emial; is 'Email' meant?"
    named = kb.customcrm.CustomcrmObject("/contacts", properties={"Email": "Email"})
    right = declared(kb.CustomcrmSchema(contacts=named))
    with sessions(customcrm=right) as session:
        assert session.check().ok
        assert session.sync().count("linked") == 1


def test_what_was_asked_once_is_remembered_until_the_declaration_changes(
    sessions: Any, crm_server: CustomcrmEmulator, keap_server: KeapEmulator
) -> None:
    crm_server.state.contacts.add(ADA)

    def lists(mapper: Any) -> int:
        crm_server.requests.clear()
        with sessions(contacts=mapper) as session:
            report = session.contacts.sync()
            session.contacts.sync()
        assert [each.what for each in report.warnings] == ["the one record does not show ShoeSize"]
        return sum(each.method == "GET" and each.path.endswith("/contacts") for each in crm_server.requests)

    assert lists(OWN) == 3, "once to look, and once for each run"
    assert lists(OWN) == 2, "another process knows"
    assert lists(OWN.without("Fax")) == 3, "another mapping is another question"


def test_records_that_show_nothing_to_go_by_are_asked_again(sessions: Any, crm_server: CustomcrmEmulator) -> None:
    with sessions(contacts=OWN) as session:
        assert session.contacts.plan().warnings == ()
    crm_server.state.contacts.add(ADA)
    with sessions(contacts=OWN) as session:
        plan = session.contacts.plan()
    assert [each.place for each in plan.warnings] == ["contacts.ShoeSize"]
    assert "warning: contacts.ShoeSize: the one record does not show ShoeSize" in str(plan)
    assert "warning: contacts.ShoeSize" in plan._repr_html_()


def test_a_set_up_without_names_of_its_own_costs_no_call(
    sessions: Any, crm_server: CustomcrmEmulator, keap_server: KeapEmulator
) -> None:
    with sessions() as session:
        session.contacts.sync()
    assert len(crm_server.requests) == len(keap_server.requests) == 1


def test_all_custom_fields_that_keap_does_not_have_are_told_at_once_and_those_it_has_cost_nothing_more(
    sessions: Any, keap_server: KeapEmulator, keap: kb.KeapClient, crm_server: CustomcrmEmulator
) -> None:
    keap.contacts.create_custom_field(label="Shoe size")
    shoe, nick, role = (kb.text(n, keap=kb.custom_field(f)) for n, f in (("S", "Shoe siez"), ("N", "Nick"), ("R", "R")))
    crm_server.state.contacts.add(ADA)
    with sessions(contacts=kb.mapping.contacts.with_lenses(shoe, nick, role)) as session:
        with pytest.raises(kb.MappingError, match="3 errors") as caught:
            session.sync()
        assert [each.place for each in caught.value.findings.errors] == ["contacts.S", "contacts.N", "contacts.R"]
        assert caught.value.findings[0].what.endswith("is 'Shoe size' meant?")
        assert len(session.check().errors) == 3
    assert not keap_server.state.contacts
    right = kb.mapping.contacts.with_lenses(kb.text("Nick", keap=kb.custom_field("shoe SIZE")))
    keap_server.requests.clear()
    with sessions(contacts=right) as session:
        assert session.sync().count("created") == 1
    assert sum("model" in each.path for each in keap_server.requests) == 1


def test_a_check_reads_a_page_of_each_kind_and_writes_nothing(
    sessions: Any, keap_server: KeapEmulator, crm_server: CustomcrmEmulator
) -> None:
    crm_server.state.contacts.add(ADA)
    with sessions() as session:
        assert session.check() == []
    assert [each.method for each in (*keap_server.requests, *crm_server.requests)] == ["GET"] * 6


def test_a_system_that_refuses_is_a_finding_and_one_that_does_not_answer_is_an_error_of_the_moment(
    sessions: Any, keap_server: KeapEmulator, crm_server: CustomcrmEmulator, store: str
) -> None:
    with (
        kb.KeapClient(auth=kb.KeapApiKey("another"), base_url=keap_server.base_url) as stranger,
        sessions(keap=stranger) as session,
    ):
        found = session.check()
    assert [each.place for each in found.errors] == ["companies of Keap", "products of Keap", "contacts of Keap"]
    once = kb.RetryPolicy(attempts=1)
    crm_server.faults.add(Fault(status=503), times=100)
    with kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token), retry=once) as down:
        for session in (sessions(customcrm=down), sessions(customcrm=down, contacts=OWN)):
            for name in ("check", "sync"):
                with pytest.raises(kb.TryLaterError):
                    getattr(session, name)()
    with kb.CustomcrmClient("http://127.0.0.1:9", auth=kb.BearerToken("t"), retry=once) as refused:
        for name in ("check", "sync"):
            with pytest.raises(kb.TryLaterError) as caught:
                getattr(sessions(customcrm=refused), name)()
            assert isinstance(caught.value, kb.NoAnswerError)


def test_a_database_that_is_locked_is_asked_later_and_a_slip_in_its_columns_is_not(
    sessions: Any, tmp_path: Path, keap_server: KeapEmulator
) -> None:
    file = tmp_path / "crm.db"
    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": 0})
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT, mail TEXT)")

    def table(**columns: str) -> kb.SqlCustomcrm:
        return kb.SqlCustomcrm(engine, contacts=kb.SqlTable("people", id="id", columns=columns))

    with pytest.raises(kb.MappingError, match=r"contacts\.Emial.*is 'Email' meant\?"):
        sessions(customcrm=table(Emial="mail"))
    with pytest.raises(kb.MappingError, match=r"no column mial; is 'mail' meant\?"):
        table(Email="mial")
    with pytest.raises(kb.MappingError, match=r"no table or view poeple; is 'people' meant\?"):
        kb.SqlCustomcrm(engine, contacts=kb.SqlTable("poeple"))
    crm = table(Email="mail")
    with sessions(customcrm=crm) as session:
        assert not session.check().warnings
        with engine.connect() as other:
            other.exec_driver_sql("BEGIN EXCLUSIVE")
            with pytest.raises(kb.TryLaterError):
                session.check()
            with pytest.raises(kb.TryLaterError):
                session.sync()
            with pytest.raises(kb.TryLaterError):
                table(Email="mail")
            other.exec_driver_sql("ROLLBACK")
        assert session.sync().ok
    with pytest.raises(kb.TransportError) as gone:
        kb.SqlCustomcrm(f"sqlite:///{tmp_path}/none/crm.db", contacts=kb.SqlTable("people"))
    assert not isinstance(gone.value, kb.TryLaterError), "no time will help"
    engine.dispose()


def test_warnings_of_a_mapping_stand_in_plans_and_reports(sessions: Any, crm_server: CustomcrmEmulator) -> None:
    crm_server.state.contacts.add(ADA)
    with sessions(contacts=kb.mapping.contacts.without("Email")) as session:
        plan = session.plan()
        report = session.apply(plan.id)
        checked = session.check()
    for shown in (plan, report):
        assert [each.severity for each in shown.warnings] == ["warning"]
        assert "not matched by Email" in str(shown)
        assert "not matched by Email" in shown._repr_html_()
    assert list(plan.warnings) == list(checked)


def test_a_session_of_an_event_loop_checks_too(
    keap_server: KeapEmulator, crm_server: CustomcrmEmulator, store: str
) -> None:
    crm_server.state.contacts.add(ADA)
    asyncio.run(_checked(keap_server, crm_server, store))


async def _checked(keap_server: KeapEmulator, crm_server: CustomcrmEmulator, store: str) -> None:
    async with (
        kb.AsyncKeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.AsyncCustomcrmClient(
            crm_server.base_url, auth=kb.BearerToken(crm_server.token), schema=MISSPELT
        ) as customcrm,
        kb.AsyncSyncSession(customcrm=customcrm, keap=keap, store=store) as session,
    ):
        assert [each.place for each in (await session.check()).errors] == ["contacts.Email"]
        with pytest.raises(kb.MappingError, match="is 'Email' meant"):
            await session.sync()


def test_a_filter_by_a_name_that_no_record_shows_is_refused_with_the_one_that_is_meant(
    sessions: Any, crm_server: CustomcrmEmulator, keap_server: KeapEmulator
) -> None:
    filtered = kb.mapping.contacts.where(customcrm={"Statsu": "active"})
    with sessions(contacts=filtered) as session:
        [nobody_yet] = session.check()
        assert list(session.plan().warnings) == [nobody_yet]
    assert (nobody_yet.severity, nobody_yet.place) == ("warning", "contacts.where(customcrm=)")
    assert nobody_yet.what.startswith("the filter wants 'Statsu', which contacts do not have by themselves")
    crm_server.state.contacts.add(ADA | {"Status": "active"})
    with sessions(contacts=filtered) as session:
        [found] = session.check().errors
        assert (found.place, found.what.endswith("is 'Status' meant?")) == ("contacts.where(customcrm=)", True)
        with pytest.raises(kb.MappingError, match="is 'Status' meant"):
            session.sync()
    assert not keap_server.state.contacts


def test_a_filter_by_a_slip_of_what_is_known_is_refused_without_a_call(
    sessions: Any, crm_server: CustomcrmEmulator, declared: Any, tmp_path: Path
) -> None:
    def refused(wanted: str, meant: str, **options: Any) -> None:
        with pytest.raises(kb.MappingError, match=f"the filter wants {wanted!r}.*is {meant!r} meant"):
            sessions(contacts=kb.mapping.contacts.where(customcrm={wanted: "x"}), **options)

    refused("Emial", "Email")
    for right, wrong in (("Status", "Statsu"), ("Emails", "Emials")):
        named = kb.customcrm.CustomcrmObject("/contacts", properties={right: "of_ours"})
        crm = declared(kb.CustomcrmSchema(contacts=named))
        refused(wrong, right, customcrm=crm)
        sessions(contacts=kb.mapping.contacts.where(customcrm={right: "x"}), customcrm=crm)
    sessions(contacts=kb.mapping.contacts.where(customcrm={"Tier": "x"}))  # like nothing that is known
    assert not crm_server.requests
    with sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, status TEXT)")
    table = kb.SqlTable("people", id="id", columns={"Status": "status"})
    with kb.SqlCustomcrm(f"sqlite:///{tmp_path / 'crm.db'}", contacts=table) as database:
        refused("Statsu", "Status", customcrm=database)


def test_a_first_run_asks_keap_once_before_it_reads_and_for_no_custom_fields_that_it_does_not_need(
    sessions: Any, keap_server: KeapEmulator, keap: kb.KeapClient, crm_server: CustomcrmEmulator
) -> None:
    keap.contacts.create_custom_field(label="Shoe size")
    keap.companies.create_custom_field(label="Rating")
    crm_server.state.contacts.add(ADA)
    crm_server.state.customers.add({"Name": "Looms"})

    def mapped(company_field: str = "Rating") -> dict[str, Any]:
        shoe, rating = kb.custom_field("Shoe size"), kb.custom_field(company_field)
        return {
            "contacts": kb.mapping.contacts.with_lenses(kb.text("Shoe", keap=shoe)),
            "companies": kb.mapping.companies.with_lenses(kb.text("Rating", keap=rating)),
        }

    def asked(do: Callable[[Any], Any], **mappers: Any) -> list[str]:
        keap_server.requests.clear()
        with sessions(**mappers or mapped()) as session:
            do(session)
        return [each.path.rpartition("/v2/")[2] for each in keap_server.requests if each.method == "GET"]

    def slips(session: Any) -> None:
        with pytest.raises(kb.MappingError, match=r"companies\.Rating.*is 'Rating' meant") as caught:
            session.sync()
        assert [each.place for each in caught.value.findings.errors] == ["companies.Rating"]

    assert asked(slips, **mapped("Ratign")) == ["contacts/model", "companies/model"]
    assert not keap_server.requests.writes
    first = asked(lambda session: session.sync())
    assert first[:2] == ["companies/model", "companies"], "contacts' are remembered, though that run was refused"
    assert first.count("contacts/model") == 0
    asked(lambda session: session.sync())  # what was made there is news
    assert not any("model" in each for each in asked(lambda session: session.sync())), "another process knows"
    assert asked(lambda session: session.products.sync()) == ["products"]


def test_a_run_of_one_kind_asks_for_the_custom_fields_of_that_kind(
    sessions: Any, keap_server: KeapEmulator, keap: kb.KeapClient
) -> None:
    keap.contacts.create_custom_field(label="Shoe size")
    shoe = kb.mapping.contacts.with_lenses(kb.text("Shoe", keap=kb.custom_field("Shoe size")))
    keap_server.requests.clear()
    with sessions(contacts=shoe) as session:
        session.products.sync()
        assert [each.path.rpartition("/v2/")[2] for each in keap_server.requests] == ["products"]
