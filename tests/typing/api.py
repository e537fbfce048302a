"""The public API as a typed host uses it. Checked by mypy and pyright, never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, assert_type

import attrs
from sqlalchemy import create_engine

import keapbridge as kb
from keapbridge.keap.fields import FieldValue
from keapbridge.mapping import Asked, Canonical, Context, Kind, Lens, Mapper, MatchKey, NearKey, Sample
from keapbridge.mapping.declared import Declared
from keapbridge.model.actions import Adopt, Conflict, Create, Delete, Skip, Unlink, Update
from keapbridge.model.change import Change
from keapbridge.model.kept_in_store import Failure, JournalEntry
from keapbridge.model.maybe import UnsetType
from keapbridge.model.records import Link
from keapbridge.model.report import Line
from keapbridge.tables import Page, Rows
from keapbridge.testing import CustomcrmEmulator, Fault, KeapBehaviour, KeapEmulator, Recorded

# --- clients ----------------------------------------------------------------------------------------------------


def keap_client(moment: datetime) -> None:
    keap = kb.KeapClient(auth=kb.KeapApiKey("KeapAK-…"), base_url="http://127.0.0.1:8801/crm/rest", timeout=10)
    assert_type(keap.contacts.list(updated_since=moment), Iterator[kb.keap.SavedContact])
    assert_type(keap.companies.get("12"), kb.keap.SavedCompany)
    assert_type(keap.products.get_many(["12", "13"]), tuple[kb.keap.SavedProduct, ...])
    assert_type(keap.contacts.create(kb.keap.Contact(given_name="Ada")), kb.keap.SavedContact)
    assert_type(keap.contacts.update("12", given_name="Ada L.", job_title=None, website=kb.UNSET), kb.keap.SavedContact)
    assert_type(keap.contacts.put_items("12", kb.keap.EmailAddress("ada@example.org", "EMAIL1")), kb.keap.SavedContact)
    assert_type(keap.limits.day.available, int | None)
    assert_type(keap.limits.day.resets_at, datetime | None)
    list(keap.companies.list(filters=[("company_id>", "100")], order_by="id asc", page_size=500))
    keap.contacts.delete("12")
    keap.close()


def what_a_system_has_answered_has_an_id(keap: kb.KeapClient, crm: kb.CustomcrmClient, mine: kb.keap.Contact) -> None:
    contact = keap.contacts.get("12")
    assert_type(contact.id, str)
    assert_type(contact.given_name, str | UnsetType | None)
    assert_type(mine.id, str | UnsetType | None)
    assert_type([each.email for each in contact.email_addresses or ()], list[str | UnsetType | None])
    ada = crm.contacts.create(kb.customcrm.Contact(first_name="Ada"))
    crm.contacts.update(ada.id, if_match=ada.etag, job_title=None, extra={"ShoeSize": 41})
    mine = contact
    keap.contacts.create(contact)


def what_there_is_not(keap: kb.KeapClient, crm: kb.CustomcrmClient, session: kb.SyncSession) -> None:
    """Each of these lines is an error of the type checker, as it is at run time."""
    keap.contacts.update("1", given_nam="Ada")  # type: ignore[call-arg]
    keap.contacts.update("1", id="2")  # type: ignore[misc]
    keap.companies.update("1", given_name="Ada")  # type: ignore[call-arg]
    keap.products.update("1", price=12.5)  # type: ignore[arg-type]
    crm.contacts.update("1", given_name="Ada")  # type: ignore[call-arg]
    crm.customers.update("1", nam="Engines")  # type: ignore[call-arg]
    kb.keap.Contact(given_nam="Ada")  # type: ignore[call-arg]
    keap.contacts.create(kb.customcrm.Contact(first_name="Ada"))  # type: ignore[arg-type]
    _ = keap.contacts.get("1").given_nam  # type: ignore[attr-defined]
    session.explain("kontacts", keap="1")  # type: ignore[arg-type]
    session.history("contact", keap="1")  # type: ignore[arg-type]
    _ = session.kontacts  # type: ignore[attr-defined]
    kb.Policy(conflicts="latest")  # type: ignore[arg-type]


async def what_there_is_not_in_a_loop(keap: kb.AsyncKeapClient, session: kb.AsyncSyncSession) -> None:
    await keap.contacts.update("1", given_nam="Ada")  # type: ignore[call-arg]
    await session.explain("kontacts", keap="1")  # type: ignore[arg-type]


def keap_hooks(keap: kb.KeapClient) -> None:
    assert_type(keap.hooks.subscribe("contact.edit", "https://bridge.example.com/keap/…"), kb.keap.Hook)
    assert_type(keap.hooks.list(), tuple[kb.keap.Hook, ...])
    assert_type(keap.hooks.event_keys(), tuple[str, ...])
    assert_type(keap.hooks.ensure("https://bridge.example.com/keap/…", wait=5), kb.keap.HookReport)
    keap.hooks.delete("12")


async def webhooks(session: kb.SyncSession | kb.AsyncSyncSession) -> None:
    app = kb.webhooks.asgi_app(session, customcrm_secret=["whsec_…", b"0123456789"], reread_after=None)
    assert_type(app, kb.webhooks.WebhookApp)
    assert_type(app.keap_path, str)
    assert_type(app.customcrm_path, str | None)
    assert_type(app.status().oldest, datetime | None)
    assert_type(app.pending, int)
    async with app.lifespan():
        await app.drain(rereads=True, wait=5)
    await app.aclose()


def records_in_detail(contact: kb.keap.Contact, product: kb.customcrm.Product) -> None:
    # UNSET and None are false, so that `or` leaves the value.
    assert_type(contact.given_name or "", str)
    assert_type(product.price or Decimal(0), Decimal)
    if contact.birth_date:
        assert_type(contact.birth_date, date)
    for item in contact.email_addresses or ():
        assert_type(item, kb.keap.EmailAddress)
    if contact.email_addresses:
        found = kb.keap.find_item(contact.email_addresses, "EMAIL1")
        assert_type(found, kb.keap.EmailAddress | None)
        assert_type(kb.keap.remove_item(contact.email_addresses, "EMAIL2"), tuple[kb.keap.EmailAddress, ...])
    if contact.company:
        assert_type(contact.company, kb.keap.BasicCompany)


def new_records() -> None:
    kb.keap.Contact(
        given_name="Ada",
        family_name=None,
        birth_date=date(1815, 12, 10),
        email_addresses=(kb.keap.EmailAddress("ada@example.org", "EMAIL1"),),
        addresses=(kb.keap.Address(line1="Storgata 1", country_code="NOR", field="BILLING"),),
    )
    kb.keap.Product(name="Widget", short_description="A widget", price=kb.keap.Money(1250))
    kb.customcrm.Contact(first_name="Ada", email="ada@example.org", extra={"ShoeSize": 38})
    kb.customcrm.Customer(name="Acme", street_address1="Storgata 1")
    kb.customcrm.Product(name="Widget", sku="W1", price=Decimal("12.50"), currency="USD", active=True)


def custom_fields(keap: kb.KeapClient) -> None:
    model = keap.contacts.model(refresh=True)
    assert_type(model, kb.keap.Model)
    field = model["Shoe size"]
    assert_type(field, kb.keap.CustomField)
    assert_type(field.read("38"), FieldValue)
    assert_type(model.find(id="12"), kb.keap.CustomField | None)
    keap.contacts.put_items("12", field.item(38))
    made = keap.companies.create_custom_field(label="Size", type="DROPDOWN", options=["S", "L"])
    assert_type(made.options, tuple[kb.keap.FieldOption, ...])


async def async_custom_fields(keap: kb.AsyncKeapClient) -> None:
    assert_type(await keap.companies.model(), kb.keap.Model)
    assert_type(await keap.contacts.create_custom_field(label="Age", type="WHOLE_NUMBER"), kb.keap.CustomField)


class Adapter:
    """What a host writes; it need not inherit from anything."""

    capabilities = kb.AdapterCapabilities(changes_since=True)

    def list_changes(self, object: str, since: datetime | None, cursor: str | None) -> kb.AdapterPage:
        return kb.AdapterPage(records=[{"Id": object}], deleted=["A1"], cursor=cursor, as_of=since)

    async def get_many(self, object: str, ids: Sequence[str]) -> list[dict[str, object]]:
        return [{"Id": id} for id in ids]

    async def create(self, object: str, record: Mapping[str, object], key: str) -> Mapping[str, object]:
        return {**record, "Id": key}

    def update(self, object: str, id: str, changes: Mapping[str, object], version: str | None) -> dict[str, object]:
        return {**changes, "Id": id}

    async def delete(self, object: str, id: str, version: str | None) -> None: ...


def customcrm_adapters(keap: kb.KeapClient) -> None:
    adapter: kb.CustomcrmAdapter = Adapter()
    kb.SyncSession(customcrm=adapter, keap=keap, store="sqlite:///bridge.db")
    address = kb.SqlJoin("addresses", remote="person_id", columns={"City": "town"}, where={"kind": "billing"})
    people = kb.SqlTable("people", id="id", modified="updated_at", columns={"Fax": None}, joins=[address])
    with kb.SqlCustomcrm("postgresql+psycopg://localhost/crm", contacts=people) as crm:
        assert_type(crm.properties("contacts"), frozenset[str])
        assert_type(crm.capabilities.changes_since, bool)
        kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db")


def customcrm_client() -> None:
    with kb.CustomcrmClient("https://crm.example.com/api", auth=kb.BearerToken("…")) as crm:
        assert_type(crm.customers.list(), Iterator[kb.customcrm.SavedCustomer])
        contact = crm.contacts.get("A1")
        assert_type(contact, kb.customcrm.SavedContact)
        crm.contacts.update("A1", first_name="Ada", if_match=contact.etag or None)
        crm.contacts.create(kb.customcrm.Contact(first_name="Ada"), idempotency_key="import-17")
        assert_type(crm.products.get_many({"P1"}), tuple[kb.customcrm.SavedProduct, ...])


def declared_api() -> None:
    schema = kb.CustomcrmSchema(
        names="camelCase",
        modified="meta.changedAt",
        created=None,
        paging=kb.customcrm.PagePaging(total="meta.total"),
        changed_since=kb.customcrm.ChangedSince("since", "unix"),
        update=kb.customcrm.Update("PUT", whole=True),
        batch=None,
        contacts=kb.customcrm.CustomcrmObject("/people", properties={"FirstName": "name.given"}),
    )
    assert_type(kb.CustomcrmSchema.from_toml(schema.to_toml()), kb.CustomcrmSchema)
    assert_type(schema.capabilities("contacts"), kb.customcrm.Capabilities)
    credentials = kb.ClientCredentials("https://crm.example.com/token", "id", "…", scope="crm", secret_in="body")
    with kb.CustomcrmClient("https://crm.example.com/api", auth=credentials, schema=schema) as crm:
        assert_type(crm.capabilities.prices, tuple[str, ...])
        assert_type(crm.contacts.capabilities.deletes, Literal["hard", "soft"] | None)
        assert_type(crm.contacts.get("A1"), kb.customcrm.SavedContact)
    kb.CustomcrmClient("https://crm.example.com/api", auth=kb.ApiKey("…", query="key")).close()
    kb.CustomcrmClient("https://crm.example.com/api", auth=kb.BasicAuth("ada", "…")).close()
    refresh = kb.customcrm.Refresh("https://crm.example.com/refresh", token="data.refresh_token")
    login = kb.PasswordLogin("https://crm.example.com/login", "ada", "…", token="data.access_token", refresh=refresh)
    kb.CustomcrmClient("https://crm.example.com/api", auth=login).close()


async def async_clients() -> None:
    async with kb.AsyncKeapClient(auth=kb.KeapApiKey("…"), retry=kb.RetryPolicy(attempts=2)) as keap:
        assert_type(keap.companies.list(), AsyncIterator[kb.keap.SavedCompany])
        async for company in keap.companies.list():
            assert_type(company, kb.keap.SavedCompany)
        assert_type(await keap.contacts.get("12"), kb.keap.SavedContact)
    async with kb.AsyncCustomcrmClient("https://crm.example.com/api") as crm:
        assert_type(await crm.contacts.get("A1"), kb.customcrm.SavedContact)


# --- sessions ---------------------------------------------------------------------------------------------------


def session(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    with kb.SyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db", default_region="NO") as session:
        plan = session.plan()
        assert_type(plan, kb.Plan)
        assert_type(plan.id, str)
        assert_type(plan.is_empty, bool)
        report = session.apply(plan)
        assert_type(report, kb.Report)
        assert_type(session.apply(plan.id), kb.Report)
        assert_type(session.sync(full=True), kb.Report)
        assert_type(session.companies.sync(), kb.Report)
        assert_type(session.products.plan(full=True), kb.Plan)
        assert_type(session.contacts.sync_ids(keap=["12"], customcrm=["A7"], wait=60), kb.Report)
        assert_type(session.contacts.links(), Iterator[Link])
    engine = create_engine("sqlite:///host.db")
    kb.SyncSession(customcrm=crm, keap=keap, store=engine, name="acme", overlap=timedelta(minutes=1), progress=True)
    kb.SyncSession(customcrm=crm, keap=keap, store=engine, retention=None)


def looking_back(session: kb.SyncSession, report: kb.Report) -> None:
    for conflict in session.conflicts():
        assert_type(conflict, kb.OpenConflict)
        assert_type(session.resolve(conflict, kb.Side.KEAP), kb.Report)
        session.resolve(conflict, "customcrm", by="anna")
        session.resolve(conflict, "same")
        session.resolve(conflict, value="a value of its own", wait=30)
        session.resolve(conflict, "a value of its own")  # type: ignore[arg-type]
        assert_type(session.resolve_many([conflict, conflict.token], "keap", by="anna"), kb.Report)
        session.resolve_many(session.conflicts(), lambda each: "keap" if each.field == "Phone" else None)
        session.resolve_many(session.conflicts(), lambda each: each.field)  # type: ignore[arg-type, return-value]
    assert_type(session.contacts.conflicts(), Page[kb.OpenConflict])
    assert_type(session.conflicts(limit=50, after=session.conflicts(limit=50).next)[0].token, str)
    for pair in session.pairs_in_doubt():
        assert_type(pair, kb.PairInDoubt)
        assert_type(session.same(pair, by="anna"), kb.Report)
        assert_type(session.different(pair.token), kb.Report)
    assert_type(session.told_apart()[0].by, str | None)
    assert_type(session.waiting()[0].conflicts, int)
    for row in session.actions("1", object="contacts", kind="update", matching="ada"):
        session.apply("1", only=[row.number])
    assert_type(session.lines(report, outcome="failed"), Page[Line])
    session.pairs_in_doubt(after=2)  # type: ignore[arg-type]
    assert_type(session.audit(wait=30).is_empty, bool)
    explanation = session.explain("contacts", keap="12")
    assert_type(explanation.link, Link | None)
    assert_type(explanation.failures, tuple[Failure, ...])
    assert_type(session.history("companies", customcrm="C1"), Rows[JournalEntry])
    assert_type(session.plan_undo(report.run_id), kb.Plan)
    assert_type(session.undo(report.run_id), kb.Report)
    assert_type(session.contacts.retry(keap=["12"]), int)


def what_was_told_is_asked_about(session: kb.SyncSession, report: kb.Report, plan: kb.Plan) -> None:
    """What a line, an action, a failure or an event is about is a name that a session takes."""
    for line in report.lines:
        session.explain(line.object, keap=line.keap_id)
        assert_type(line.object, Literal["companies", "products", "contacts"])
    for action in plan.actions:
        if isinstance(action, (Update, Conflict)):
            session.history(action.object, keap=action.keap_id)
    for failure in session.failures():
        session.explain(failure.object, **{failure.side.value: failure.id})
    for conflict in session.conflicts():
        session.forget(conflict.object, customcrm=conflict.customcrm_id)

    def listener(event: kb.events.Event) -> None:
        if isinstance(event, kb.events.Record):
            session.explain(event.object, keap=event.keap_id)

    kb.SyncSession(
        customcrm=kb.CustomcrmClient(""),
        keap=kb.KeapClient(auth=kb.KeapApiKey("")),
        store="sqlite://",
        on_event=listener,
    )


def progress(synchronization: str, doing: str, done: int, total: int | None) -> None: ...


def watch(crm: kb.CustomcrmClient, keap: kb.KeapClient) -> None:
    """Listeners get events."""

    def listener(event: kb.events.Event) -> None:
        if isinstance(event, kb.events.RunEnded):
            assert_type(event.counts, Mapping[str, Mapping[str, int]])
        if isinstance(event, kb.events.Call):
            assert_type(event.status, int | None)

    kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", on_event=listener)
    kb.SyncSession(
        customcrm=crm, keap=keap, store="sqlite://", on_event=[listener, kb.events.log(), kb.events.opentelemetry()]
    )


async def async_session(crm: kb.AsyncCustomcrmClient, keap: kb.AsyncKeapClient) -> None:
    async with kb.AsyncSyncSession(customcrm=crm, keap=keap, store="sqlite:///bridge.db", progress=progress) as session:
        assert_type(await session.plan(), kb.Plan)
        assert_type(await session.sync(), kb.Report)
        assert_type(await session.contacts.sync(), kb.Report)


def plan_in_detail(plan: kb.Plan) -> list[str]:
    lines: list[str] = []
    for action in plan.actions:
        match action:
            case Create():
                assert_type(action.side, kb.Side)
                lines.append(action.source_id)
            case Update() | Adopt():
                assert_type(action.changes, tuple[Change, ...])
                lines += [change.field for change in action.changes if change.side is kb.Side.KEAP]
            case Conflict():
                lines.append(action.conflict.field)
            case Skip():
                assert_type(action.candidates, tuple[tuple[kb.Side, str], ...])
                lines.append(action.reason)
            case Delete():
                assert_type(action.archive, bool)
            case Unlink():
                lines.append(action.reason)
    return lines


def report_in_detail(report: kb.Report) -> None:
    assert_type(report.lines, Iterator[Line])
    assert_type(report.failures, Rows[Line])
    assert_type(report.count("created", "contacts"), int)
    assert_type(report.ok, bool)
    for line in report.lines:
        assert_type(line.side, kb.Side | None)
        assert_type(line.customcrm_id, str | None)


# --- mapping and policy -------------------------------------------------------------------------------------------


def mapping() -> None:
    mapper = kb.mapping.contacts.with_lenses(
        kb.text("Nickname", keap="preferred_name", max_length=100, direction="to_keap"),
        kb.phone("HomePhone", keap="phone_numbers.PHONE3", scope="Country"),
    ).without("BirthDate")
    custom = kb.mapping.contacts.with_lenses(
        kb.text("ShoeSize", keap=kb.custom_field("Shoe size"), direction="to_keap"),
        kb.integer("Age", keap=kb.custom_field("Age", create=True, type="WHOLE_NUMBER")),
        kb.decimal("Discount", keap=kb.custom_field(id="12")),
        kb.choice("Size", {"S": "Small", "L": "Large"}, keap=kb.custom_field("Size", type="DROPDOWN")),
        kb.choices("Colours", keap=kb.custom_field("Colours"), separator=","),
        kb.date_time("LastVisit", keap=kb.custom_field("Last visit")),
        kb.email("Email", keap="email_addresses.EMAIL1", opt_in_reason="Signed up on our site"),
        kb.opt_out("EmailOptOut", keap="email_addresses.EMAIL1"),
    )
    assert_type(custom, Mapper)
    assert_type(Mapper.from_toml(mapper.to_toml()), Mapper)
    assert_type(kb.SqlTable.from_toml(kb.SqlTable("people").to_toml()), kb.SqlTable)
    assert_type(kb.load("keapbridge.toml"), kb.SyncSession)
    assert_type(kb.load().runs(), Page[kb.RunSummary])
    assert_type(kb.load().plans(limit=5), Page[kb.PlanSummary])
    assert_type(kb.load().saved_plan("1"), kb.Plan)
    assert_type(kb.load().report("1"), kb.Report)
    assert_type(mapper, Mapper)
    assert_type(mapper["Nickname"], Lens)
    assert_type(mapper.keys, tuple[MatchKey, ...])
    assert_type(mapper.near, tuple[NearKey, ...])
    assert_type(mapper.property_table("md"), str)
    assert_type(kb.mapping.dataflow_document([kb.mapping.companies, kb.mapping.products, mapper]), str)


@attrs.frozen
class Iban(Kind):
    """A kind of the host's own."""

    digits: int = 15
    fits_custom_field = False

    def read(self, raw: Any, side: kb.Side, scope: Canonical, context: Context) -> Canonical:
        return None if raw is None else str(raw).upper()

    def write(self, value: Canonical, side: kb.Side, context: Context) -> str | None:
        return None if value is None else str(value)

    def sample(self, asked: Asked) -> Sample | None:
        return Sample("NO93", "NO93") if asked.turn == 0 else None


def own_kinds() -> None:
    field = kb.field("Account", Iban(22), keap="spouse_name", keap_type="IBAN", required=True, samples=[("a", "A")])
    # The names of `keapbridge` that come from `declare` are known to type checkers, too.
    assert_type(field, Declared)
    assert_type(kb.text("Nickname", keap="preferred_name"), Declared)
    assert_type(kb.mapping.text("Nickname", keap="preferred_name"), Declared)
    kb.mapping.contacts.with_lenses(field)


def policies() -> None:
    kb.Policy(conflicts="newest", max_creates=None)
    kb.Policy(conflicts={"Phone": "keap", "JobTitle": longer, "*": "manual"}, max_creates=100)
    kb.Policy(deletions={"keap": "archive"}, archive={"keap": {"contacts": {"contact_type": "Former"}}})
    kb.Policy(max_deletes=None, max_delete_share=None, max_updates_share=0.5, max_first_create_share=None)


def longer(contest: kb.Contest) -> Literal["keap"] | kb.Side | kb.Value | None:
    if contest.customcrm is None or contest.keap is None:
        return None
    if contest.customcrm_updated_at is None:
        return kb.Value(f"{contest.customcrm} / {contest.keap}")
    return kb.Side.KEAP if len(str(contest.keap)) > len(str(contest.customcrm)) else kb.Side.CUSTOMCRM


# --- errors -------------------------------------------------------------------------------------------------------


def errors(session: kb.SyncSession) -> None:
    try:
        session.sync()
    except kb.RateLimitedError as error:
        assert_type(error.retry_after, float | None)
    except kb.ShapeError as error:
        assert_type(error.paths, tuple[str, ...])
    except kb.TransportError as error:
        assert_type(error.sent, bool)
    except kb.ApiError as error:
        assert_type(error.status, int | None)
        assert_type(error.url, str)
        assert_type(error.request_id, str | None)
    except kb.KeapbridgeError:
        raise


# --- findings ----------------------------------------------------------------------------------------------------


def findings() -> None:
    found = kb.Findings(
        [kb.Finding("error", "contacts.Emial", "no such property", "write Email"), kb.Finding("info", "", "x")]
    )
    assert_type(found[0].severity, Literal["error", "warning", "info"])
    assert_type(found.errors, tuple[kb.Finding, ...])
    assert_type([each.advice for each in found], list[str])
    assert_type(found.ok, bool)
    kb.Finding("fatal", "", "no such severity")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# --- tests of host code ---------------------------------------------------------------------------------------------


def emulators() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    with (
        KeapEmulator(currency="EUR", behaviour=KeapBehaviour(reformat_phones=True)) as keap_server,
        CustomcrmEmulator(clock=lambda: now) as crm_server,
    ):
        assert_type(keap_server.base_url, str)
        assert_type(keap_server.state.contacts.add({"given_name": "Ada"}), str)
        crm_server.state.customers.edit("C1", Name="Acme Ltd")
        keap_server.faults.add(Fault(status=503), method="POST", times=2)
        assert_type(keap_server.requests.writes, list[Recorded])
