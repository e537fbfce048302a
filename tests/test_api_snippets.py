"""The public surface as hosts were promised it: each snippet runs as it stands, against the two emulators."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine
from starlette.requests import Request
from starlette.testclient import TestClient
from tiers import variants

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator
from keapbridge.testing._server import LoopbackServer

if TYPE_CHECKING:
    from conftest import World

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


@pytest.fixture
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For `sqlite:///bridge.db`."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def url(crm_server: CustomcrmEmulator) -> str:
    return crm_server.base_url


@pytest.fixture
def base_url(keap_server: KeapEmulator) -> str:
    return keap_server.base_url


@pytest.fixture
def keap_auth(keap_server: KeapEmulator) -> kb.KeapApiKey:
    return kb.KeapApiKey(keap_server.api_key)


@pytest.fixture
def crm_auth(crm_server: CustomcrmEmulator) -> kb.BearerToken:
    return kb.BearerToken(crm_server.token)


# --- clients ------------------------------------------------------------------------------------------------------


def test_a_client_of_the_real_keap_needs_a_key_only() -> None:
    with kb.KeapClient(auth=kb.KeapApiKey("KeapAK-...")) as keap:
        assert "KeapAK-..." not in repr(keap) + repr(kb.KeapApiKey("KeapAK-..."))
        assert "https://api.infusionsoft.com/crm/rest" in repr(keap)


def test_keap_contacts(keap_auth: kb.KeapApiKey, base_url: str) -> None:
    moment = datetime.now(UTC) - timedelta(minutes=1)

    keap = kb.KeapClient(auth=keap_auth, base_url=base_url)
    new = keap.contacts.create(
        kb.keap.Contact(given_name="Ada", email_addresses=[kb.keap.EmailAddress("ada@example.org", "EMAIL1")])
    )
    for contact in keap.contacts.list(updated_since=moment):
        assert (contact.id, contact.given_name) == (new.id, "Ada")
        assert contact.email_addresses[0].email == "ada@example.org"

    assert isinstance(keap.contacts.get(new.id), kb.keap.Contact)
    assert [c.id for c in keap.contacts.get_many([new.id, "13"])] == [new.id]
    updated = keap.contacts.update(new.id, given_name="Ada L.", job_title=None)
    assert (updated.given_name, updated.job_title) == ("Ada L.", kb.UNSET)  # Keap leaves out what is empty
    keap.contacts.delete(new.id)
    with pytest.raises(kb.NotFoundError):
        keap.contacts.get(new.id)
    keap.close()


def test_a_list_is_lazy(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    keap_server.state.companies.add_many({"company_name": f"Company {n}"} for n in range(3))
    companies = keap.companies.list(page_size=1)
    assert not len(keap_server.requests)
    assert next(companies).company_name == "Company 0"
    assert len(keap_server.requests) == 1


def test_the_same_on_companies_and_products(keap: kb.KeapClient) -> None:
    company = keap.companies.create(kb.keap.Company(company_name="Acme", notes="Old customer"))
    keap.companies.update(company.id, notes=None, website="https://example.org")
    assert keap.companies.get(company.id).notes is kb.UNSET
    assert [c.website for c in keap.companies.list()] == ["https://example.org"]
    assert [c.id for c in keap.companies.get_many([company.id])] == [company.id]
    keap.companies.delete(company.id)

    product = keap.products.create(
        kb.keap.Product(name="Widget", short_description="A widget", price=kb.keap.Money(1250))
    )
    assert keap.products.update(product.id, price=kb.keap.Money(1300)).price.amount == 1300
    assert [p.price.currency_code for p in keap.products.list(updated_since=product.update_time)] == ["USD"]
    assert [p.id for p in keap.products.get_many([product.id])] == [product.id]
    keap.products.delete(product.id)
    assert list(keap.products.list()) == []


def test_keap_limits(keap: kb.KeapClient) -> None:
    assert keap.limits.day.limit is None
    list(keap.contacts.list())
    assert keap.limits.minute.limit == 240
    assert keap.limits.day.limit == 30_000
    assert keap.limits.tenant.available == keap.limits.tenant.limit - 1


def test_slots_that_are_not_named_stay(keap: kb.KeapClient) -> None:
    new = keap.contacts.create(
        kb.keap.Contact(
            email_addresses=[
                kb.keap.EmailAddress("ada@example.org", "EMAIL1"),
                kb.keap.EmailAddress("ada@example.com", "EMAIL2"),
            ]
        )
    )
    changed = keap.contacts.put_items(new.id, kb.keap.EmailAddress("ada@example.net", "EMAIL1"))
    assert [item.email for item in changed.email_addresses] == ["ada@example.net", "ada@example.com"]


def test_unset_is_left_alone(keap: kb.KeapClient) -> None:
    new = keap.companies.create(kb.keap.Company(company_name="Acme"))
    keap.companies.update(new.id, company_name=kb.UNSET, website="https://example.org")
    assert keap.companies.get(new.id).company_name == "Acme"


def test_none_clears_an_array(keap: kb.KeapClient) -> None:
    new = keap.contacts.create(
        kb.keap.Contact(
            email_addresses=[kb.keap.EmailAddress("ada@example.org", "EMAIL1")],
            phone_numbers=[kb.keap.PhoneNumber("+47 22 22 22 22", "PHONE1")],
        )
    )
    assert keap.contacts.update(new.id, phone_numbers=None).phone_numbers == ()


def test_a_new_address_in_a_slot_is_not_opted_in(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    ada = keap_server.state.contacts.add(
        {"email_addresses": [{"email": "ada@example.org", "field": "EMAIL1", "opt_in_reason": "Asked for it"}]}
    )
    changed = keap.contacts.put_items(ada, kb.keap.EmailAddress("ada@example.net", "EMAIL1"))
    assert not changed.email_addresses[0].is_opt_in


def test_an_address_that_was_opted_out_stays_so(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    ada = keap_server.state.contacts.add(
        {"email_addresses": [{"email": "ada@example.org", "field": "EMAIL1", "opt_in_reason": "Asked for it"}]}
    )
    keap_server.state.set_email_status("ada@example.org", "MANUAL")
    changed = keap.contacts.put_items(ada, kb.keap.EmailAddress("ada@example.net", "EMAIL2"))
    assert [item.is_opt_in for item in changed.email_addresses] == [False, False]


async def use_an_async_client(auth: kb.KeapApiKey, base_url: str) -> list[str]:
    async with kb.AsyncKeapClient(auth=auth, base_url=base_url) as keap:
        new = await keap.companies.create(kb.keap.Company(company_name="Acme"))
        await keap.companies.update(new.id, company_name="Acme Ltd")
        assert [c.id for c in await keap.companies.get_many([new.id])] == [new.id]
        names = [company.company_name async for company in keap.companies.list()]
        await keap.companies.delete(new.id)
        assert keap.limits.day.used
        return names


def test_the_async_client(keap_auth: kb.KeapApiKey, base_url: str) -> None:
    import asyncio

    assert asyncio.run(use_an_async_client(keap_auth, base_url)) == ["Acme Ltd"]


def test_the_customcrm_client(url: str, crm_auth: kb.BearerToken) -> None:
    with kb.CustomcrmClient(url, auth=crm_auth) as crm:
        acme = crm.customers.create(kb.customcrm.Customer(name="Acme", street_address1="Storgata 1"))
        ada = crm.contacts.create(
            kb.customcrm.Contact(first_name="Ada", email="ada@example.org", customer_id=acme.id, extra={"ShoeSize": 38})
        )
        crm.products.create(kb.customcrm.Product(name="Widget", sku="W1", price=Decimal("12.50"), currency="USD"))

        assert [p.price for p in crm.products.list()] == [Decimal("12.50")]
        assert crm.contacts.get(ada.id).extra == {"ShoeSize": 38}
        assert [c.name for c in crm.customers.get_many([acme.id, "C99"])] == ["Acme"]
        changed = crm.contacts.update(ada.id, first_name="Ada L.", email=None, if_match=ada.etag)
        assert (changed.first_name, changed.email) == ("Ada L.", None)
        with pytest.raises(kb.ConflictError):
            crm.contacts.update(ada.id, first_name="Ada", if_match=ada.etag)
        crm.contacts.delete(ada.id)
        with pytest.raises(kb.NotFoundError):
            crm.contacts.get(ada.id)


# --- the three synchronizations -----------------------------------------------------------------------------------


@pytest.fixture
def something_to_sync(crm_server: CustomcrmEmulator, keap_server: KeapEmulator) -> None:
    acme = crm_server.state.customers.add({"Name": "Acme", "Country": "NO"})
    crm_server.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "CustomerId": acme})
    keap_server.state.products.add({"name": "Widget", "short_description": "A widget", "price": 1250})


@pytest.mark.usefixtures("something_to_sync")
def test_a_session(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
        plan = session.plan()
        assert "create in Keap" in str(plan)
        assert len(list(plan.actions)) == 3
        report = session.apply(plan)
        assert report.count("created") == 3
        assert report.ok
        report = session.sync()
        assert report.count("created") == 0
        session.contacts.sync()
        session.companies.sync()
        session.products.sync()
        assert session.contacts.plan().is_empty
        assert session.sync(full=True).ok
        session.contacts.sync_ids(keap=["1"], customcrm=["A1"])
    [contact] = keap.contacts.list()
    assert contact.company.company_name == "Acme"
    [product] = crm.products.list()
    assert product.price == Decimal("12.50")


@pytest.mark.usefixtures("something_to_sync")
def test_a_plan_is_applied_later_from_another_process(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
        plan_id = session.plan().id
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
        assert session.apply(plan_id).count("created") == 3
        with pytest.raises(kb.StalePlanError):
            session.apply(plan_id)


@pytest.mark.usefixtures("something_to_sync")
def test_a_store_may_be_an_engine_and_hold_several_pairs(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    engine = create_engine("sqlite:///host.db")
    with kb.SyncSession(customcrm=crm, keap=keap, store=engine, name="acme") as session:
        session.sync()
        assert len(list(session.contacts.links())) == 1
    with kb.SyncSession(customcrm=crm, keap=keap, store=engine, name="globex") as session:
        assert list(session.contacts.links()) == []
    engine.dispose()


def test_a_plan_shows_itself_in_jupyter(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://") as session:
        plan = session.plan()
        assert "<table>" in plan._repr_html_()
        assert "<table>" in session.apply(plan)._repr_html_()


async def sync_in_an_event_loop(
    keap_auth: kb.KeapApiKey, base_url: str, crm_auth: kb.BearerToken, url: str
) -> kb.Report:
    async with (
        kb.AsyncKeapClient(auth=keap_auth, base_url=base_url) as keap,
        kb.AsyncCustomcrmClient(url, auth=crm_auth) as crm,
        kb.AsyncSyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session,
    ):
        report = await session.sync()
        assert (await session.plan()).is_empty
        assert (await session.contacts.sync()).ok
        return report


@pytest.mark.usefixtures("something_to_sync")
def test_an_async_session(keap_auth: kb.KeapApiKey, base_url: str, crm_auth: kb.BearerToken, url: str) -> None:
    import asyncio

    assert asyncio.run(sync_in_an_event_loop(keap_auth, base_url, crm_auth, url)).count("created") == 3


@pytest.mark.usefixtures("something_to_sync")
def test_a_session_works_inside_a_running_event_loop(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    import asyncio

    async def cell() -> kb.Report:
        with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
            return session.sync()

    assert asyncio.run(cell()).count("created") == 3


PAIRS = [
    (kb.KeapClient, kb.AsyncKeapClient),
    (kb.CustomcrmClient, kb.AsyncCustomcrmClient),
    (kb.SyncSession, kb.AsyncSyncSession),
]


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_the_pairs_agree(sync: type, asynchronous: type) -> None:
    theirs = {"close": "aclose"}
    for name, method in inspect.getmembers(sync, inspect.isfunction):
        if not name.startswith("_"):
            other = getattr(asynchronous, theirs.get(name, name))
            assert list(inspect.signature(method).parameters) == list(inspect.signature(other).parameters), name
    ours = set(inspect.signature(sync).parameters)
    assert set(inspect.signature(asynchronous).parameters) - {"app"} == ours


# --- mapping, as data -----------------------------------------------------------------------------------------------


def test_a_mapper_and_a_policy_of_the_host(
    crm: kb.CustomcrmClient, keap: kb.KeapClient, crm_server: CustomcrmEmulator
) -> None:
    keap.contacts.create_custom_field(label="Shoe size")
    mapper = kb.mapping.contacts.with_lenses(
        kb.text("ShoeSize", keap=kb.custom_field("Shoe size"), direction="to_keap"),
    ).without("BirthDate")
    crm_server.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org", "ShoeSize": "38"})
    session = kb.SyncSession(
        customcrm=crm,
        keap=keap,
        store="sqlite:///bridge.db",
        contacts=mapper,
        policy=kb.Policy(conflicts={"Phone": "keap", "*": "newest"}, max_creates=None),
    )
    session.sync()
    session.close()
    assert [keap.contacts.model()["Shoe size"].value(contact) for contact in keap.contacts.list()] == ["38"]

    table = mapper.property_table("rst")
    assert table.splitlines()[1].split("  ")[0] == "Customcrm property"
    assert "ShoeSize            custom_fields.Shoe size         custom field (string)" in table
    assert "BirthDate" not in table


def test_leaving_out_a_field_does_not_stop_the_matching() -> None:
    assert ("Email",) in [key.fields for key in kb.mapping.contacts.without("LastName").keys]


def test_archiving_is_for_records_that_have_the_attribute(
    crm: kb.CustomcrmClient, keap: kb.KeapClient, crm_server: CustomcrmEmulator
) -> None:
    policy = kb.Policy(deletions={"keap": "archive"}, archive={"keap": {"contacts": {"contact_type": "Former"}}})
    acme = crm_server.state.customers.add({"Name": "Acme"})
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db", policy=policy) as session:
        session.sync()
        crm_server.state.customers.delete(acme)
        assert session.sync().count("unlinked", "companies") == 1
    assert len(list(keap.companies.list())) == 1


@pytest.mark.parametrize("rule", variants(["newest", "customcrm", "keap", "manual"], quick=["newest"]))
def test_a_policy_for_conflicts(rule: str, crm: kb.CustomcrmClient, keap: kb.KeapClient, world: World) -> None:
    with kb.SyncSession(
        customcrm=crm, keap=keap, store="sqlite:///bridge.db", policy=kb.Policy(conflicts=rule)
    ) as session:
        ada = crm.contacts.create(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
        session.contacts.sync()
        [contact] = keap.contacts.list()
        world.let_time_pass()
        crm.contacts.update(ada.id, job_title="Engineer")
        world.let_time_pass()
        keap.contacts.update(contact.id, job_title="Manager")
        report = session.contacts.sync()
        held = (crm.contacts.get(ada.id).job_title, keap.contacts.get(contact.id).job_title)
        assert (
            held
            == {
                "newest": ("Manager", "Manager"),
                "customcrm": ("Engineer", "Engineer"),
                "keap": ("Manager", "Manager"),
                "manual": ("Engineer", "Manager"),
            }[rule]
        )
        assert report.count("conflict") == (rule == "manual")


def test_a_conflict_is_resolved_for_a_side(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    with kb.SyncSession(
        customcrm=crm, keap=keap, store="sqlite:///bridge.db", policy=kb.Policy(conflicts="manual", deletions="unlink")
    ) as session:
        ada = crm.contacts.create(kb.customcrm.Contact(first_name="Ada", email="ada@example.org"))
        session.sync()
        [contact] = keap.contacts.list()
        crm.contacts.update(ada.id, job_title="Engineer")
        keap.contacts.update(contact.id, job_title="Manager")
        session.sync()
        [conflict] = session.conflicts()
        assert (conflict.field, conflict.customcrm, conflict.keap) == ("JobTitle", "Engineer", "Manager")
        session.resolve(conflict, "customcrm", by="anna")
        assert session.conflicts() == []
    assert keap.contacts.get(contact.id).job_title == "Engineer"


def test_records_in_doubt_are_linked_or_told_apart(
    crm: kb.CustomcrmClient, keap: kb.KeapClient, crm_server: CustomcrmEmulator, keap_server: KeapEmulator
) -> None:
    for n in range(2):
        email = f"shared{n}@example.org"
        crm_server.state.contacts.add({"FirstName": "Ada", "LastName": "Berg", "Email": email})
        theirs = {"given_name": "Zoe", "family_name": "Kim", "email_addresses": [{"email": email, "field": "EMAIL1"}]}
        keap_server.state.contacts.add(theirs)
    with kb.SyncSession(
        customcrm=crm, keap=keap, store="sqlite:///bridge.db", policy=kb.Policy(conflicts="manual")
    ) as session:
        session.sync()
        one, other = session.pairs_in_doubt()
        session.same(one, by="anna")
        session.different(other, by="anna")
        assert session.pairs_in_doubt() == []
        assert [told.by for told in session.told_apart()] == ["anna"]
        assert len(list(session.contacts.links())) == 1
        session.resolve_many(session.conflicts(), "keap", by="anna")
        assert session.conflicts() == []


def test_the_console_is_an_asgi_application(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    def check(request: Request) -> kb.console.User | None:
        return kb.console.User("anna", can_decide=True) if "key" in request.headers else None

    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session_or_fleet:
        app = kb.console.asgi_app(session_or_fleet, authorize=check)  # a page to mount
        client = TestClient(app)
        assert client.get("/").status_code == 403
        for page in ("runs", "plans", "conflicts", "failures", "pairs", "records"):
            assert client.get(f"/{page}", headers={"key": "k"}).status_code == 200


def test_a_limit_for_creates_stops_before_the_first_write(
    crm: kb.CustomcrmClient, keap: kb.KeapClient, crm_server: CustomcrmEmulator, keap_server: KeapEmulator
) -> None:
    crm_server.state.customers.add_many({"Name": f"Customer {n}"} for n in range(2))
    with kb.SyncSession(
        customcrm=crm, keap=keap, store="sqlite:///bridge.db", policy=kb.Policy(max_creates=1)
    ) as session:
        with pytest.raises(kb.BrakeError) as stopped:
            session.sync()
        assert not keap_server.requests.writes
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
        assert session.apply(stopped.value.plan.id).count("created") == 2


def test_the_dataflow_document() -> None:
    companies, products, contacts = kb.mapping.companies, kb.mapping.products, kb.mapping.contacts
    document = kb.mapping.dataflow_document([companies, products, contacts])
    assert document.startswith("Customcrm to Keap Dataflow\n=====")
    assert all(mapper.property_table() in document for mapper in (companies, products, contacts))
    assert "<table>" in kb.mapping.dataflow_document([contacts], "html")
    assert "| FirstName | given_name | string |" in kb.mapping.dataflow_document([contacts], "md")


# --- webhooks -------------------------------------------------------------------------------------------------------


def test_webhooks(
    crm: kb.CustomcrmClient, keap: kb.KeapClient, crm_server: CustomcrmEmulator, keap_server: KeapEmulator
) -> None:
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
        app = kb.webhooks.asgi_app(session, customcrm_secret="whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", delay=0)
        with LoopbackServer(app) as server:
            url = f"http://127.0.0.1:{server.port}"
            assert keap.hooks.ensure(url + app.keap_path).ok
            hook = keap.hooks.subscribe("contact.add", url + app.keap_path)
            keap.hooks.verify(hook.key)
            keap.hooks.delete(hook.key)
            assert len(keap.hooks.list()) == 10
            keap_server.state.contacts.add({"given_name": "Ada"})
            keap_server.hooks.flush()
            asyncio.run(app.drain())
            asyncio.run(app.aclose())
        assert [contact.first_name for contact in crm.contacts.list()] == ["Ada"]


# --- tests of host code ---------------------------------------------------------------------------------------------


def test_the_emulators() -> None:
    with KeapEmulator() as keap_server, CustomcrmEmulator() as crm_server:
        keap = kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url)
        crm = kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token))
        ada = keap_server.state.contacts.add({"given_name": "Ada"})
        keap_server.faults.add(Fault(status=404), path="/contacts/")
        with pytest.raises(kb.NotFoundError):
            keap.contacts.get(ada)
        assert keap.contacts.get(ada).given_name == "Ada"
        assert [request.status for request in keap_server.requests] == [404, 200]
        assert list(crm.contacts.list()) == []
        keap.close()
        crm.close()


async def use_the_emulators_without_sockets() -> kb.Report:
    keap_server, crm_server = KeapEmulator(), CustomcrmEmulator()
    crm_server.state.customers.add({"Name": "Acme"})
    async with (
        kb.AsyncKeapClient(
            auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url, app=keap_server.app
        ) as keap,
        kb.AsyncCustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token), app=crm_server.app) as crm,
        kb.AsyncSyncSession(customcrm=crm, keap=keap, store="sqlite://") as session,
    ):
        report = await session.sync()
    keap_server.close()
    crm_server.close()
    return report


def test_the_emulators_are_asgi_applications_too() -> None:
    assert asyncio.run(use_the_emulators_without_sockets()).count("created") == 1


# --- errors -----------------------------------------------------------------------------------------------------------

HIERARCHY = {
    kb.ApiError: kb.KeapbridgeError,
    kb.TransportError: kb.ApiError,
    kb.StatusError: kb.ApiError,
    kb.AuthError: kb.StatusError,
    kb.NotFoundError: kb.StatusError,
    kb.ConflictError: kb.StatusError,
    kb.RateLimitedError: kb.StatusError,
    kb.QuotaExhaustedError: kb.StatusError,
    kb.ServerError: kb.StatusError,
    kb.ShapeError: kb.ApiError,
    kb.MappingError: kb.KeapbridgeError,
    kb.SyncError: kb.KeapbridgeError,
    kb.BrakeError: kb.SyncError,
    kb.StalePlanError: kb.SyncError,
    kb.SessionBusyError: kb.SyncError,
    kb.LinkStoreError: kb.SyncError,
}


@pytest.mark.parametrize("error", HIERARCHY, ids=lambda error: error.__name__)
def test_the_hierarchy_of_errors(error: type[Exception]) -> None:
    assert issubclass(error, HIERARCHY[error])


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(401), kb.AuthError),
        (Fault(403), kb.AuthError),
        (Fault(404), kb.NotFoundError),
        (Fault(409), kb.ConflictError),
        (Fault(422), kb.StatusError),
        (Fault(429, headers=(("Retry-After", "3600"),)), kb.RateLimitedError),
        (Fault(500), kb.ServerError),
        (Fault(200, b"<html>Sorry</html>", "text/html"), kb.ShapeError),
        (Fault(0), kb.NoAnswerError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.usefixtures("broken_answers")
def test_what_is_raised(fault: Fault, error: type[kb.ApiError], keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    keap_server.faults.add(fault, times=9)
    with pytest.raises(error) as raised:
        keap.contacts.get("12")
    assert type(raised.value) is error
    assert raised.value.status == (fault.status or None)
    assert keap_server.api_key not in str(raised.value)
    if isinstance(raised.value, kb.RateLimitedError):
        assert raised.value.retry_after == 3600


@pytest.mark.usefixtures("broken_answers")
@pytest.mark.usefixtures("sockets")  # the address is told
def test_every_api_error_names_its_call(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    ada = keap_server.state.contacts.add({"given_name": "Ada"})
    keap_server.state.contacts.corrupt(ada, given_name=5)
    with pytest.raises(kb.ShapeError) as raised:
        keap.contacts.get(ada)
    assert raised.value.paths == ("$.given_name",)
    assert (raised.value.method, raised.value.url) == ("GET", f"{keap_server.base_url}/v2/contacts/{ada}")


def test_a_call_that_found_nobody_was_not_sent() -> None:
    with kb.KeapClient(
        auth=kb.KeapApiKey("key"), base_url="http://127.0.0.1:9", retry=kb.RetryPolicy(attempts=1)
    ) as keap:
        with pytest.raises(kb.TransportError) as raised:
            keap.contacts.get("12")
        assert (raised.value.sent, raised.value.status) == (False, None)
        assert (raised.value.method, raised.value.url) == ("GET", "http://127.0.0.1:9/v2/contacts/12")


@pytest.mark.usefixtures("broken_answers")
def test_a_record_that_fails_is_in_the_report_and_raises_nothing(
    crm: kb.CustomcrmClient, keap: kb.KeapClient, crm_server: CustomcrmEmulator, keap_server: KeapEmulator
) -> None:
    for name in ("Ada", "Bob"):
        crm_server.state.contacts.add({"FirstName": name, "Email": f"{name}@example.org"})
    keap_server.faults.add(Fault(422), method="POST")
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
        report = session.sync()
    assert (report.count("created"), report.count("failed"), report.ok) == (1, 1, False)
    [line] = report.failures
    assert "422" in line.reason


def test_a_wrong_mapping_and_a_wrong_store_are_found_when_they_are_made(
    crm: kb.CustomcrmClient, keap: kb.KeapClient
) -> None:
    with pytest.raises(kb.MappingError):
        kb.mapping.contacts.with_lenses(kb.text("Nickname", keap="no_such_field"))
    with pytest.raises(kb.MappingError):
        kb.Policy(conflicts="oldest")
    with pytest.raises(kb.LinkStoreError):
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:////no/such/folder/bridge.db")


# --- show -----------------------------------------------------------------------------------------------------------


def test_plans_and_runs_are_shown_as_tables_and_approved_row_by_row(
    crm: kb.CustomcrmClient, keap: kb.KeapClient
) -> None:
    for name in ("ada", "bo"):
        crm.contacts.create(kb.customcrm.Contact(first_name=name, email=f"{name}@example.org"))
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db") as session:
        plan = session.plan()
        assert [row["action"] for row in plan.to_dicts()] == [0, 1]
        plan.to_csv("plan.csv")
        first, rest = Path("plan.csv").read_text("utf-8-sig").split("\n", 1)
        Path("plan.csv").write_text(f"{first}\nyes{rest}", "utf-8")
        report = session.apply(plan, only=kb.read_approvals("plan.csv"), accept=["first-creates"], by="anna")
        assert (report.count("created"), report.by) == (1, "anna")
        assert [each.id for each in session.plans()] == [plan.id]
        assert [each.run_id for each in session.runs()] == [report.run_id]
        assert session.saved_plan(plan.id).counts == plan.counts
        assert session.report(report.run_id).counts == report.counts
        for shown in (plan, report, session.conflicts(), session.failures(), session.runs()):
            assert isinstance(shown.to_dicts(), list)
        assert [each["given_name"] for each in kb.to_dicts(keap.contacts.list())] == ["ada"]
