"""Declared APIs: five styles, each served by a small CRM of its own, through the client and through whole syncs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from crm_variants import SCHEMAS, CrmVariant, auth_of, variant
from tiers import variants

import keapbridge as kb
from keapbridge._io.calls import Answer
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.schema import attribute_of
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

crm = kb.customcrm
PATIENCE = kb.RetryPolicy(attempts=3, base=0.001)
styles = pytest.mark.parametrize("style", SCHEMAS)


@pytest.fixture
def style() -> str:
    """Parametrize it for another one."""
    return "cursor"


@pytest.fixture
def server(style: str) -> Iterator[CrmVariant]:
    with variant(style) as server:
        yield server


@pytest.fixture
def client(style: str, server: CrmVariant) -> Iterator[kb.CustomcrmClient]:
    with kb.CustomcrmClient(
        server.base_url, auth=auth_of(style, server), schema=server.schema, retry=PATIENCE
    ) as client:
        yield client


# --- through the client ---------------------------------------------------------------------------------------------


@styles
def test_records_are_created_read_listed_changed_and_deleted(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    made = [client.customers.create(crm.Customer(name=f"Engines {n}", city="London")) for n in range(5)]
    assert {c.name for c in client.customers.list()} == {f"Engines {n}" for n in range(5)}
    assert len({c.id for c in made}) == 5
    ada = client.contacts.create(
        crm.Contact(
            first_name="Ada",
            last_name="Lovelace",
            email="ada@example.org",
            city="London",
            zip_code="N1",
            customer_id=made[0].id,
            extra={"ShoeSize": 38},
        )
    )
    got = client.contacts.get(ada.id)
    assert got == ada
    assert (got.first_name, got.last_name, got.customer_id) == ("Ada", "Lovelace", made[0].id)
    assert (got.city, got.zip_code, got.extra["ShoeSize"]) == ("London", "N1", 38)
    assert not got.middle_name
    changed = client.contacts.update(ada.id, first_name="Augusta", email=None)
    assert (changed.first_name, changed.last_name, changed.email) == ("Augusta", "Lovelace", None)
    assert (changed.city, changed.zip_code, changed.extra["ShoeSize"]) == ("London", "N1", 38)
    assert server.rows("contacts")[ada.id]["LastName"] == "Lovelace"
    product = client.products.create(crm.Product(name="W", sku="W-1", price=Decimal("12.50"), currency="USD"))
    assert client.products.get(product.id).price == Decimal("12.50")
    wanted = [made[3].id, made[1].id, made[4].id]
    assert {c.id for c in client.customers.get_many([*wanted, "999"])} == set(wanted)
    if client.capabilities.deletes is None:
        with pytest.raises(kb.ApiError, match="declares no way"):
            client.contacts.delete(ada.id)
        return
    client.contacts.delete(ada.id)
    with pytest.raises(kb.NotFoundError):
        client.contacts.get(ada.id)
    assert list(client.contacts.list()) == []
    assert client.contacts.get_many([ada.id]) == ()
    assert server.rows("contacts") == {}


@styles
def test_the_same_on_an_event_loop(style: str, server: CrmVariant) -> None:
    async def main() -> None:
        auth = auth_of(style, server)
        async with kb.AsyncCustomcrmClient(server.base_url, auth=auth, schema=server.schema) as client:
            made = [await client.customers.create(crm.Customer(name=f"n{n}")) for n in range(5)]
            assert [c.name async for c in client.customers.list()] == [f"n{n}" for n in range(5)]
            await client.customers.update(made[2].id, city="Oslo")
            assert {c.city or None for c in await client.customers.get_many([c.id for c in made])} == {None, "Oslo"}
            assert client.capabilities == server.schema.capabilities("contacts") & client.products.capabilities

    asyncio.run(main())


@styles
def test_what_the_crm_knows_beside_it_survives_a_change(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    deep = {"shoe": 38, "hat": {"size": [1, None]}}
    id = server.add("contacts", {"FirstName": "Ada", "LastName": "L", "City": "London"}, measures=deep, Mood="calm")
    raw = server.raw("contacts", id)
    contact = client.contacts.get(id)
    client.contacts.update(id, first_name="Kim", job_title="Engineer")
    now = server.raw("contacts", id)
    assert (now["measures"], now["Mood"]) == (deep, "calm")
    assert contact.extra["Mood"] == "calm"
    assert {k for k in raw if raw[k] != now.get(k)} <= {"name", "FirstName", "first_name"}


@styles
def test_changes_since_a_moment_hold_them_or_everything(
    style: str, server: CrmVariant, client: kb.CustomcrmClient
) -> None:
    ids = [server.add("contacts", {"FirstName": f"n{n}"}) for n in range(5)]
    for row in server._rows["contacts"].values():
        row.updated -= timedelta(days=1)
    server.edit("contacts", ids[3], FirstName="new")
    found = [c.id for c in client.contacts.list(updated_since=datetime.now(UTC) - timedelta(hours=2))]
    assert found == ([ids[3]] if client.contacts.capabilities.changed_since else ids)


def _pages(resource: Any, since: datetime | None = None) -> Iterator[Any]:
    from keapbridge._flow.drivers import SyncDriver

    driver = SyncDriver()
    page = driver.run(resource.flows.list(updated_since=since))
    while page is not None:
        yield page
        page = driver.run(page.next()) if page.next else None


@styles
def test_a_deleted_record_is_a_tombstone_where_the_crm_shows_it(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    ids = [server.add("contacts", {"FirstName": f"n{n}"}) for n in range(3)]
    server.remove("contacts", ids[1])
    since = datetime.now(UTC) - timedelta(hours=2)
    pages = list(_pages(client.contacts, since))
    assert [c.id for page in pages for c in page.items] == [ids[0], ids[2]]
    deleted = [id for page in pages for id in page.deleted]
    assert deleted == ([ids[1]] if client.contacts.capabilities.tombstones else [])


@pytest.mark.parametrize("style", ["cursor", "page", "link"])
def test_a_change_made_for_another_version_is_refused(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    ada = client.contacts.create(crm.Contact(first_name="Ada"))
    server.edit("contacts", ada.id, FirstName="Kim")
    assert ada.etag
    with pytest.raises(kb.ConflictError):
        client.contacts.update(ada.id, if_match=ada.etag, last_name="L")
    with pytest.raises(kb.ConflictError):
        client.contacts.delete(ada.id, if_match=ada.etag)
    assert client.contacts.update(ada.id, if_match=client.contacts.get(ada.id).etag or None, city="x").city == "x"


@pytest.mark.parametrize("style", ["page", "link"])
def test_a_whole_record_is_written_onto_the_version_that_was_read(
    server: CrmVariant, client: kb.CustomcrmClient
) -> None:
    id = server.add("contacts", {"FirstName": "Ada", "LastName": "L"})
    moved = []

    def move() -> None:
        if not moved:
            moved.append(server.edit("contacts", id, LastName="King"))

    answer = server._answer
    server._answer = lambda *a, **k: (answer(*a, **k), move())[0]  # type: ignore[method-assign,func-returns-value]
    client.contacts.update(id, first_name="Augusta")
    assert {"FirstName": "Augusta", "LastName": "King"}.items() <= server.rows("contacts")[id].items()
    assert [w.status for w in server.writes] == [412, 200]


@styles
def test_a_lost_create_can_be_found(style: str, server: CrmVariant, client: kb.CustomcrmClient) -> None:
    server.add("contacts", {"FirstName": "Bob", "Email": "bob@example.org"})
    record = crm.Contact(first_name="Ada", email="ada@example.org")
    server.faults.add(Fault(status=0, when="after"), method="POST", path=client.contacts.flows.endpoint.path)
    if client.capabilities.idempotent:
        client.contacts.create(record, idempotency_key="one")
        assert len(server.rows("contacts")) == 2
        return
    with pytest.raises(kb.TransportError):
        client.contacts.create(record, idempotency_key="one")
    found = client.contacts._driver.run(client.contacts.flows.find_like(record, since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert "ada@example.org" in {c.email for c in found}
    assert len(found) == (1 if client.contacts.capabilities.finds else 2)


@styles
def test_the_parts_of_an_object_that_are_not_declared_can_be_written_back(
    server: CrmVariant, client: kb.CustomcrmClient
) -> None:
    schema = client.schema
    declared = attrs.evolve(schema.contacts, properties={"FirstName": "name.first", "Hat": "sizes.hat"})
    with kb.CustomcrmClient(
        server.base_url, auth=client.contacts.flows.port.credentials, schema=attrs.evolve(schema, contacts=declared)
    ) as other:
        server.schema = other.schema
        id = server.add("contacts", {"FirstName": "Ada"}, sizes={"hat": {"a": 1}, "shoe": 38}, tree={"a": 1, "b": 2})
        server._rows["contacts"][id].body["name"]["nick"] = "Countess"
        extra = dict(other.contacts.get(id).extra)
        assert (extra["name"], extra["sizes"], extra["Hat"]) == ({"nick": "Countess"}, {"shoe": 38}, {"a": 1})
        changes = {"name": {"nick": "Enchantress"}, "Hat": {"b": 2}, "tree": {"c": 3}}
        other.contacts.update(id, extra=changes)
    raw = server.raw("contacts", id)
    assert raw["name"] == {"first": "Ada", "nick": "Enchantress"}
    assert raw["sizes"]["shoe"] == 38
    if schema.update.nested == "replace" or schema.update.whole:
        assert (raw["sizes"]["hat"], raw["tree"]) == ({"b": 2}, {"c": 3})


@pytest.mark.parametrize("style", ["offset"])
def test_a_batch_read_goes_on_over_short_pages(server: CrmVariant) -> None:
    schema = attrs.evolve(server.schema, batch=crm.BatchRead("ids", separator="|"))
    ids = [server.add("contacts", {"FirstName": f"n{n}"}) for n in range(7)]
    with kb.CustomcrmClient(server.base_url, auth=auth_of("offset", server), schema=schema) as client:
        for length in range(1, 8):
            assert {c.id for c in client.contacts.get_many([*ids[:length], "x99"])} == set(ids[:length])


def test_a_create_whose_answer_tells_no_id_is_an_error() -> None:
    contacts = endpoints.endpoint(crm.Contact, crm.CustomcrmSchema())
    with pytest.raises(kb.ShapeError, match="tells no id"):
        endpoints.create(contacts, crm.Contact(first_name="Ada")).decode(Answer(204, {}, b""))


# --- what goes over the wire ----------------------------------------------------------------------------------------


def test_the_wire_of_a_declared_api(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    ada = client.contacts.create(
        crm.Contact(first_name="Ada", customer_id="x9", extra={"ShoeSize": 38}), idempotency_key="k"
    )
    client.contacts.update(ada.id, last_name=None, extra={"ShoeSize": 39})
    client.contacts.delete(ada.id, if_match=client.contacts.update(ada.id, city="x").etag or None)
    create, update, _, delete = server.writes
    assert create.json == {"data": {"name": {"given": "Ada"}, "employer": {"id": "x9"}, "measures": {"shoe": 38}}}
    assert (create.path, create.headers["x-request-key"]) == ("/some/api/people", "k")
    assert (update.method, update.json) == ("PATCH", {"data": {"name": {"family": None}, "measures": {"shoe": 39}}})
    assert (delete.method, delete.json, delete.headers["if-match"]) == ("PATCH", {"data": {"status": "archived"}}, "3")
    client.customers.create(crm.Customer(name="Engines"))
    [engines] = client.customers.list(updated_since=datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC))
    assert server.requests[-1].query == {"pageSize": "2", "filter": "updatedAt ge 2026-01-02T03:04:05.678Z"}
    client.customers.get(engines.id)
    assert server.requests[-1].path == f"/some/api/org/{engines.id}.json"


@pytest.mark.parametrize("style", ["page"])
def test_numbers_are_numbers_where_they_are_declared_so(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    customer = client.customers.create(crm.Customer(name="Engines"))
    client.contacts.create(crm.Contact(first_name="Ada", customer_id=customer.id))
    client.products.create(crm.Product(name="W", price=Decimal("12.50")))
    bodies = [w.body for w in server.writes]
    assert json.loads(bodies[1]) == {"first_name": "Ada", "customer_id": int(customer.id)}
    assert b'"price":12.50' in bodies[2]
    assert customer.id == "1"


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("iso8601", "2026-01-02T02:04:05.678Z"),
        ("unix", "1767319445"),
        ("unix_ms", "1767319445678"),
        ("%Y-%m-%d", "2026-01-02"),
    ],
)
def test_a_moment_is_written_as_declared(format: str, text: str) -> None:
    paris = datetime.fromisoformat("2026-01-02T03:04:05.678+01:00")
    schema = crm.CustomcrmSchema(changed_since=crm.ChangedSince("s", format))
    assert dict(endpoints.list_page(endpoints.endpoint(crm.Contact, schema), updated_since=paris).query)["s"] == text


def test_ids_and_versions_may_be_numbers_and_times_without_a_zone() -> None:
    contacts = endpoints.endpoint(crm.Contact, crm.CustomcrmSchema(version="Revision", created=None))
    raw = {"Id": 7, "Revision": 3, "CustomerId": 9, "UpdatedAt": "2026-01-02T03:04:05"}
    contact = endpoints.get(contacts, "7").decode(Answer(200, {}, json.dumps(raw).encode()))
    assert (contact.id, contact.etag, contact.customer_id, contact.created_at) == ("7", "3", "9", kb.UNSET)
    assert contact.updated_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_error_tells_the_path_of_the_wire() -> None:
    contacts = endpoints.endpoint(crm.Contact, SCHEMAS["cursor"])
    body = json.dumps({"data": {"id": "x1", "name": {"given": 7}}}).encode()
    with pytest.raises(kb.ShapeError) as caught:
        endpoints.get(contacts, "x1").decode(Answer(200, {}, body))
    assert caught.value.paths == ("$.data.name.given",)


# --- paging while records change --------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["cursor", "page", "offset", "link", "next_url"])
@pytest.mark.parametrize("when", [1, 2])
def test_no_record_is_missed_when_others_are_deleted_while_it_is_paged(
    style: str, when: int, server: CrmVariant, client: kb.CustomcrmClient
) -> None:
    ids = [server.add("contacts", {"FirstName": f"n{n}"}) for n in range(9)]

    def vanish() -> None:
        del server._rows["contacts"][ids[0]], server._rows["contacts"][ids[1]]

    server.between_pages = [*[lambda: None] * (when - 1), vanish]
    found = [c.id for c in client.contacts.list()]
    assert set(found) >= set(ids[2:])


@pytest.mark.parametrize("style", ["offset"])
def test_a_list_without_any_order_is_an_error(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    for n in range(9):
        server.add("contacts", {"FirstName": f"n{n}"})

    def shuffle() -> None:
        rows = server._rows["contacts"]
        first = next(iter(rows))
        rows[first] = rows.pop(first)

    server.between_pages = [shuffle] * 200
    with pytest.raises(kb.ShapeError, match="does not keep its order"):
        list(client.contacts.list())


@pytest.mark.parametrize(
    ("paging", "body", "headers", "why"),
    [
        (crm.NextUrlPaging(), {"Items": [], "next": "/elsewhere/contacts?x=1"}, {}, "not below the base URL"),
        (crm.LinkPaging(), {"Items": []}, {"link": "</elsewhere>; rel=next"}, "not below the base URL"),
        (crm.PagePaging(total="n"), {"Items": []}, {}, r"\$\.n"),
    ],
)
def test_a_next_page_that_cannot_be_is_an_error(paging: Any, body: Any, headers: Any, why: str) -> None:
    contacts = endpoints.endpoint(crm.Contact, crm.CustomcrmSchema(paging=paging), "https://crm.example.org/api")
    with pytest.raises(kb.ShapeError, match=why):
        endpoints.list_page(contacts).decode(Answer(200, headers, json.dumps(body).encode()))


@pytest.mark.parametrize(
    "target", ["?limit=5&at=7", "https://other.example.org/api/contacts?limit=5&at=7", "contacts?limit=5&at=7"]
)
def test_the_host_of_a_next_page_does_not_count(target: str) -> None:
    schema = crm.CustomcrmSchema(paging=crm.NextUrlPaging())
    contacts = endpoints.endpoint(crm.Contact, schema, "https://crm.example.org/api/")
    page = endpoints.list_page(contacts).decode(Answer(200, {}, json.dumps({"Items": [], "next": target}).encode()))
    assert page.following is not None
    assert (page.following.path, page.following.query) == ("/contacts", (("limit", "5"), ("at", "7")))


# --- credentials ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["next_url"])
def test_a_token_is_had_once_and_renewed_before_it_ends(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    server.add("contacts", {"FirstName": "Ada"})
    assert len(list(client.contacts.list())) == len(list(client.contacts.list())) == 1
    assert len(server.tokens) == 1
    auth = client.contacts.flows.port.credentials
    auth._tokens._held = attrs.evolve(auth._tokens._held, life=timedelta(0))
    assert len(list(client.contacts.list())) == 1
    assert len(server.tokens) == 2


@pytest.mark.parametrize("style", ["next_url"])
def test_a_token_that_is_refused_is_renewed(server: CrmVariant, client: kb.CustomcrmClient) -> None:
    server.add("contacts", {"FirstName": "Ada"})
    list(client.contacts.list())
    server.tokens.append("another")
    assert len(list(client.contacts.list())) == 1
    assert [r.status for r in server.requests if r.path != "/token"][-2:] == [401, 200]


@pytest.mark.parametrize("style", ["next_url"])
def test_a_client_that_is_not_known_is_told_so(server: CrmVariant) -> None:
    wrong = kb.ClientCredentials(server.token_url, "client:one", "wr0ng-s3cret")
    client = kb.CustomcrmClient(server.base_url, auth=wrong, schema=server.schema)
    with client, pytest.raises(kb.AuthError, match="invalid_client") as caught:
        list(client.contacts.list())
    assert "wr0ng" not in f"{caught.value} {caught.value!r} {wrong!r}"


def test_secrets_are_not_shown() -> None:
    shown = f"{kb.ApiKey('s3cret', query='key')!r} {kb.BasicAuth('ada', 's3cret')!r} {kb.BearerToken('s3cret')!r}"
    assert "s3cret" not in shown
    assert "ada" in shown


@pytest.mark.parametrize("options", [{}, {"header": "X", "query": "x"}], ids=str)
def test_a_key_goes_to_one_place(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        kb.ApiKey("k", **options)
    with pytest.raises(ValueError, match="empty"):
        kb.ApiKey(" ", header="X")
    with pytest.raises(ValueError, match="colon"):
        kb.BasicAuth("a:b", "c")


# --- abilities ------------------------------------------------------------------------------------------------------


def test_capabilities_tell_what_is_missing_and_what_it_costs() -> None:
    assert crm.CustomcrmSchema().capabilities("contacts").prices == ()
    nothing = SCHEMAS["next_url"].capabilities("contacts")
    expected = crm.Capabilities(
        changed_since=False, tombstones=False, conditional=False, idempotent=False, batch=False, deletes=None
    )
    assert nothing == expected
    assert len(nothing.prices) == 5
    assert SCHEMAS["link"].capabilities("contacts").changed_since
    assert not SCHEMAS["link"].capabilities("products").changed_since


@styles
def test_what_differs_holds_for_one_object_only(style: str) -> None:
    schema = SCHEMAS[style]
    other = attrs.evolve(schema, products=crm.CustomcrmObject("/p", differs={"paging": None, "delete": None}))
    assert (other.of("products").paging, other.of("products").delete) == (None, None)
    assert other.of("contacts").paging == schema.paging


# --- TOML -----------------------------------------------------------------------------------------------------------

TOML = """
names = "camelCase"
modified = "meta.changed"
created = false
idempotency = false

[paging]
style = "page"
total = "meta.total"
most = 50

[envelope]
items = "data"
record = "data"

[contacts]
path = "/people"
batch = false

[contacts.properties]
FirstName = "name.given"
ShoeSize = "shoe"

[products.envelope]
items = "products"
"""


@pytest.mark.parametrize("schema", [*SCHEMAS.values(), crm.CustomcrmSchema()], ids=[*SCHEMAS, "default"])
def test_a_schema_is_the_same_after_toml(schema: crm.CustomcrmSchema, tmp_path: Path) -> None:
    assert crm.CustomcrmSchema.from_toml(schema.to_toml()) == schema
    path = tmp_path / "crm.toml"
    path.write_text(schema.to_toml(), "utf-8")
    assert crm.CustomcrmSchema.from_toml(path) == crm.CustomcrmSchema.from_toml(str(path)) == schema


def test_toml_says_what_python_says() -> None:
    assert crm.CustomcrmSchema.from_toml(TOML) == crm.CustomcrmSchema(
        names="camelCase",
        modified="meta.changed",
        created=None,
        idempotency=None,
        paging=crm.PagePaging(total="meta.total", most=50),
        envelope=crm.Envelope(items="data", record="data"),
        contacts=crm.CustomcrmObject(
            "/people", properties={"FirstName": "name.given", "ShoeSize": "shoe"}, differs={"batch": None}
        ),
        products=crm.CustomcrmObject("/products", differs={"envelope": crm.Envelope(items="products", record="data")}),
    )


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('nmaes = "camelCase"', r"nmaes: there is no such key; is 'names' meant\?"),
        ('names = "kebab-case"', "names: must be"),
        ("conditional = 1", "conditional: must be true or false"),
        ('paging = "cursor"', "paging: must be a table or false"),
        ('paging.style = "pages"', "paging.style: must be one of 'cursor'"),
        ('paging = {style = "page", most = 0}', "paging.most: "),
        ('paging = {style = "page", following = "x"}', "paging.following: there is no such key"),
        ('changed_since.format = "iso"', "changed_since.format: "),
        ('changed_since.template = "x"', "changed_since.template: "),
        ('delete = "soft"\ndeleted = false', "delete: 'soft' needs"),
        ("id = false", "id: must be a text"),
        ("contacts = 7", "contacts: must be a table"),
        ('contacts.path = "people"', "contacts.path: "),
        ('contacts.record = "/people"', "contacts.record: "),
        ('contacts.properties.FirstName = "name..given"', "contacts.properties.FirstName: "),
        ('contacts.properties.FirstName = "LastName"', "contacts.properties: LastName is both"),
        ('contacts.properties.Id = "x"', "contacts.properties.Id: is declared by the key 'id'"),
        ('contacts.find.Shoe = "shoe"', "contacts.find.Shoe: is no property of contacts"),
        ('products.batch.parameter = ""', "products.batch.parameter: "),
        ('products.pagging = {style = "page"}', "products.pagging: there is no such key; is 'paging' meant"),
        ("update.whole = 3", "update.whole: "),
        ("x = = 3", "line 1"),
    ],
)
def test_a_wrong_schema_names_the_key(line: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}"):
        crm.CustomcrmSchema.from_toml(line)


def test_properties_go_by_either_name() -> None:
    assert attribute_of(crm.Contact, "FirstName") == attribute_of(crm.Contact, "first_name") == "first_name"
    assert attribute_of(crm.Contact, "ShoeSize") is None
    with pytest.raises(ValueError, match="declared twice"):
        crm.CustomcrmSchema(contacts=crm.CustomcrmObject("/c", properties={"FirstName": "a", "first_name": "b"}))


# --- whole syncs ------------------------------------------------------------------------------------------------------


@attrs.frozen
class Pair:
    """A declared CRM and Keap."""

    crm: CrmVariant
    keap: KeapEmulator
    client: kb.CustomcrmClient
    session: kb.SyncSession

    def assert_quiet(self) -> None:
        for full in (False, True):
            self.crm.requests.clear()
            self.keap.requests.clear()
            plan = self.session.plan(full=full)
            assert plan.is_empty, "\n".join(map(str, plan.actions))
            self.session.apply(plan)
            assert [*self.crm.writes, *self.keap.requests.writes] == []


@pytest.fixture
def pair(
    server: CrmVariant, client: kb.CustomcrmClient, keap: kb.KeapClient, keap_server: KeapEmulator, store: str
) -> Iterator[Pair]:
    policy = kb.Policy(deletions="delete", max_delete_share=None, max_deletes=None)
    with kb.SyncSession(customcrm=client, keap=keap, store=store, lag=timedelta(0), policy=policy) as session:
        yield Pair(server, keap_server, client, session)


@pytest.mark.parametrize("style", variants(SCHEMAS, quick=("link",)))
def test_two_systems_are_kept_in_sync(pair: Pair, keap_server: KeapEmulator) -> None:
    customer = pair.crm.add("customers", {"Name": "Engines", "City": "London", "Country": "GB"})
    reference: Any = int(customer) if pair.crm.schema.ids == "integer" else customer
    for n, name in enumerate(("Ada", "Bob", "Cy")):
        values = {"FirstName": name, "LastName": "L", "Email": f"{name.lower()}@example.org", "City": "London"}
        pair.crm.add("contacts", values | ({"CustomerId": reference} if n == 0 else {}))
    pair.crm.add("products", {"Name": "Widget", "Sku": "W-1", "Price": "12.50", "Currency": "USD"})
    keap_server.state.products.add({"name": "Gadget", "sku": "G-1", "price": 3, "short_description": "g"})
    kim = {"given_name": "Kim", "email_addresses": [{"email": "kim@example.org", "field": "EMAIL1"}]}
    keap_server.state.contacts.add(kim)
    report = pair.session.sync()
    assert report.ok, report
    assert [len(pair.crm.rows(name)) for name in ("customers", "contacts", "products")] == [1, 4, 2]
    assert (len(keap_server.state.contacts), len(keap_server.state.companies), len(keap_server.state.products)) == (
        4,
        1,
        2,
    )
    pair.session.sync()
    pair.assert_quiet()

    in_keap = {c["given_name"]: c["id"] for c in keap_server.state.contacts.values()}
    in_crm = {c["FirstName"]: id for id, c in pair.crm.rows("contacts").items()}
    pair.crm.edit("contacts", in_crm["Ada"], JobTitle="Engineer")
    keap_server.state.contacts.edit(in_keap["Ada"], family_name="King")
    keap_server.state.contacts.edit(in_keap["Bob"], job_title="Baker")
    pair.crm.edit("customers", customer, Name="Engines & Co")
    assert pair.session.sync().ok
    ada = keap_server.state.contacts[in_keap["Ada"]]
    assert (ada["family_name"], ada["job_title"]) == ("King", "Engineer")
    assert ada["company"]["id"] == next(iter(keap_server.state.companies))
    ours = pair.crm.rows("contacts")
    assert (ours[in_crm["Ada"]]["LastName"], ours[in_crm["Ada"]]["JobTitle"]) == ("King", "Engineer")
    assert (ours[in_crm["Bob"]]["JobTitle"], ours[in_crm["Bob"]]["City"]) == ("Baker", "London")
    assert [c["company_name"] for c in keap_server.state.companies.values()] == ["Engines & Co"]
    pair.session.sync()
    pair.assert_quiet()

    pair.crm.remove("contacts", in_crm["Cy"])
    keap_server.state.contacts.delete(in_keap["Bob"])
    report = pair.session.sync(full=True)
    assert "Cy" not in {c["given_name"] for c in keap_server.state.contacts.values()}
    left = {c["FirstName"] for c in pair.crm.rows("contacts").values()}
    if pair.client.capabilities.deletes is None:
        assert left == {"Ada", "Bob", "Kim"}
        assert [line.outcome for line in report.lines if "declares no way" in line.reason] == ["failed"]
    else:
        assert left == {"Ada", "Kim"}
        pair.session.sync()
        pair.assert_quiet()


@pytest.mark.parametrize("style", variants(["page", "next_url", "link"], quick=["link"]))
def test_a_deletion_is_noticed_by_a_list_that_has_everything(pair: Pair, keap_server: KeapEmulator) -> None:
    ids = [pair.crm.add("contacts", {"FirstName": n, "Email": f"{n}@example.org"}) for n in ("a", "b")]
    pair.session.sync()
    pair.crm.remove("contacts", ids[0])
    pair.session.sync()
    assert [c["given_name"] for c in keap_server.state.contacts.values()] == ["b"]
    pair.assert_quiet()


@pytest.mark.parametrize("style", variants(SCHEMAS, quick=("page",)))
def test_a_create_whose_answer_is_lost_makes_one_record(pair: Pair, keap_server: KeapEmulator) -> None:
    kim = {"given_name": "Kim", "email_addresses": [{"email": "kim@example.org", "field": "EMAIL1"}]}
    keap_server.state.contacts.add(kim)
    for _ in range(3):
        pair.crm.faults.add(Fault(status=0, when="after"), method="POST", path=pair.client.contacts.flows.endpoint.path)
    pair.session.sync()
    pair.crm.faults.clear()
    assert pair.session.sync().ok
    assert [c["FirstName"] for c in pair.crm.rows("contacts").values()] == ["Kim"]
    assert len(keap_server.state.contacts) == 1
    pair.session.sync()
    pair.assert_quiet()


@pytest.mark.parametrize("style", variants(["page", "offset", "next_url"], quick=["offset"]))
def test_runs_without_changes_do_not_write_and_do_not_read_again(pair: Pair) -> None:
    pair.crm.add("contacts", {"FirstName": "Ada", "Email": "ada@example.org"})
    pair.session.sync()
    pair.crm.requests.clear()
    report = pair.session.sync()
    assert report.ok
    assert {r.method for r in pair.crm.requests} == {"GET"}
    assert not any(r.path.rstrip("/").endswith(("/1", "/x1")) for r in pair.crm.requests)


def test_a_property_that_the_crm_has_not_is_left_out(keap_server: KeapEmulator, keap: kb.KeapClient) -> None:
    contacts = crm.CustomcrmObject("/contacts", properties={"JobTitle": "Title", "Title": None})
    schema = kb.CustomcrmSchema(contacts=contacts)
    assert kb.CustomcrmSchema.from_toml(schema.to_toml()) == schema
    assert "Title = false" in schema.to_toml()
    keap_server.state.contacts.add({"given_name": "Ada", "title": "Dr.", "job_title": "Clerk"})
    with CustomcrmEmulator() as server:
        auth = kb.BearerToken(server.token)
        with kb.CustomcrmClient(server.base_url, auth=auth, schema=schema) as client:
            with kb.SyncSession(customcrm=client, keap=keap, store="sqlite://") as session:
                assert session.contacts.sync().ok
            [row] = server.state.contacts.values()
            assert (row["Title"], row["JobTitle"]) == ("Clerk", None)
            named = kb.mapping.contacts.with_lenses(kb.text("Title", keap="spouse_name"))
            with pytest.raises(kb.MappingError, match="Title is declared to be none"):
                kb.SyncSession(customcrm=client, keap=keap, store="sqlite://", contacts=named)


def test_of_what_is_around_a_list_nothing_is_sent_where_parts_are_joined() -> None:
    held = {"id": "7", "fields": {"Company": ["a", "b"], "Name": "Ada", "Changed": "2026-03-01"}}
    for nested, wanted in (("merge", {"Company": ["c", "b"]}), ("replace", {**held["fields"], "Company": ["c", "b"]})):
        there = crm.CustomcrmObject("/c", properties={"CustomerId": "fields.Company[0]"})
        schema = kb.CustomcrmSchema(id="id", contacts=there, update=crm.Update(nested=nested))  # type: ignore[arg-type]
        contacts = endpoints.endpoint(crm.Contact, schema)
        record = crm.Contact(customer_id="c")
        assert endpoints.reads_before_writing(contacts, record, {"customer_id"})
        sent = endpoints.update(contacts, "7", record, {"customer_id"}, onto=held).body
        assert json.loads(sent or b"") == {"fields": wanted}
