"""Slips of the pen: each is told before anything is done, by the name of the argument and with a right value.

One row is one slip. None changes a record in either system, none is an error from the inside of the library.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

World = SimpleNamespace
Slip = Callable[[World], Any]
Row = tuple[Slip, tuple[str, ...]]
TOLD = (TypeError, ValueError, LookupError, kb.KeapbridgeError)
NOTHING: list[Any] = []
NO_NUMBER: tuple[Any, ...] = ("5", None, [], 1.5, True)
NO_IDS: tuple[Any, ...] = ("12", None, 12, {"12": 1}, [None], [""], [".."], [1.5], [True], b"12")
NO_ID: tuple[Any, ...] = (None, "", ".", "..", 0, True, 1.5, ["12"], b"12", "a\n")
NO_SPAN: tuple[Any, ...] = (90, "90", timedelta(days=-1), True, date(2026, 1, 1))
NO_SECONDS: tuple[Any, ...] = ("60", -1, None, float("nan"), float("inf"), True, [1])
NO_FLAG: tuple[Any, ...] = ("yes", 1, None)
NO_MOMENT: tuple[Any, ...] = ("2024-01-01", date(2024, 1, 1), datetime(2024, 1, 1), 0)  # noqa: DTZ001 - the slip
NO_SHARE: tuple[Any, ...] = (5, "0.05", -0.1, True, float("nan"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two systems with a linked pair and a conflict, and a session of each kind between them."""
    with ExitStack() as stack:
        enter = stack.enter_context
        keap_server, crm_server = enter(KeapEmulator()), enter(CustomcrmEmulator())
        folder = tmp_path_factory.mktemp("slips")
        keap = enter(kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url))
        crm = enter(kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)))
        url = f"sqlite:///{folder / 'crm.db'}"
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, first_name TEXT)")
        engine.dispose()
        session = enter(
            kb.SyncSession(customcrm=crm, keap=keap, store="sqlite://", policy=kb.Policy(conflicts="manual"))
        )
        ada = crm_server.state.contacts.add({"FirstName": "Ada", "LastName": "Berg", "Email": "ada@example.org"})
        session.sync()
        [theirs] = keap_server.state.contacts
        crm_server.state.contacts.edit(ada, LastName="Dahl")
        keap_server.state.contacts.edit(theirs, family_name="Dale")
        report = session.sync()
        [conflict] = session.conflicts()
        closed = kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{folder / 'bridge.db'}")
        closed.close()
        closed.close()  # twice is fine
        closed_keap = kb.KeapClient(auth=kb.KeapApiKey("key"), base_url=keap_server.base_url)
        closed_crm = kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken("token"))
        closed_sql = kb.SqlCustomcrm(url, contacts=kb.SqlTable("people", id="id"))
        for each in (closed_keap, closed_crm, closed_sql):
            each.close()
            each.close()
        yield World(
            keap=keap,
            crm=crm,
            session=session,
            report=report,
            conflict=conflict,
            url=url,
            closed=closed,
            closed_keap=closed_keap,
            closed_crm=closed_crm,
            closed_sql=closed_sql,
            keap_server=keap_server,
            crm_server=crm_server,
            folder=folder,
            ada=ada,
            async_keap=kb.AsyncKeapClient(auth=kb.KeapApiKey("key"), base_url=keap_server.base_url),
            async_crm=kb.AsyncCustomcrmClient(crm_server.base_url),
        )


def opened(world: World, **options: Any) -> Any:
    given = {"customcrm": world.crm, "keap": world.keap, "store": "sqlite://"} | options
    return kb.SyncSession(**given)


def each(values: tuple[Any, ...], *words: str) -> Callable[[Callable[[World, Any], Any]], list[Row]]:
    """A row for each wrong value; the words that the error must have."""

    def rows(call: Callable[[World, Any], Any]) -> list[Row]:
        return [(lambda world, value=value: call(world, value), words) for value in values]

    return rows


def options(**wrong: tuple[tuple[Any, ...], str]) -> list[Row]:
    return [
        (lambda world, name=name, value=value: opened(world, **{name: value}), (name, right))
        for name, (values, right) in wrong.items()
        for value in values
    ]


def of_class(made: Any, *given: Any, **wrong: tuple[tuple[Any, ...], str]) -> list[Row]:
    return [
        (lambda _, name=name, value=value: made(*given, **{name: value}), (name, right))
        for name, (values, right) in wrong.items()
        for value in values
    ]


def of_sessions() -> list[Row]:
    rows: list[Row] = []
    rows += each(NO_IDS, "keap=['12']")(lambda w, v: w.session.contacts.sync_ids(keap=v))
    rows += each(NO_IDS, "customcrm=['12']")(lambda w, v: w.session.contacts.sync_ids(customcrm=v))
    rows += each(NO_IDS, "keap=['12']")(lambda w, v: w.session.contacts.retry(keap=v))
    for call in (
        lambda w, v: w.session.explain("contacts", keap=v),
        lambda w, v: w.session.history("contacts", customcrm=v),
        lambda w, v: w.session.forget("contacts", keap=v),
    ):
        rows += each(NO_ID, "='12'")(call)
    names = ("Contacts", "contact", "kontacts", "", None, 5, kb.Side.KEAP)
    rows += each(names, "this Customcrm has no", "companies, products, contacts")(
        lambda w, v: w.session.explain(v, keap="1")
    )
    rows += each(names, "it has")(lambda w, v: w.session.history(v, keap="1"))
    rows += each(names, "it has")(lambda w, v: w.session.forget(v, keap="1"))
    rows += each(({}, {"keap": "1", "customcrm": "A1"}), "keap='12'", "customcrm='A7'")(
        lambda w, v: w.session.explain("contacts", **v)
    )
    for call in (
        lambda w, v: w.session.sync(wait=v),
        lambda w, v: w.session.plan(wait=v),
        lambda w, v: w.session.rebind(wait=v),
        lambda w, v: w.session.forget("contacts", keap="1", wait=v),
    ):
        rows += each(NO_SECONDS, "wait=60")(call)
    rows += each(NO_SPAN, "deadline")(lambda w, v: w.session.sync(deadline=v))
    rows += each(NO_SPAN, "deadline")(lambda w, v: w.session.contacts.plan(deadline=v))
    rows += each(NO_FLAG, "full=True")(lambda w, v: w.session.sync(full=v))
    rows += each(NO_FLAG, "full=True")(lambda w, v: w.session.plan(full=v))
    rows += each(NO_FLAG, "keep_links=True")(lambda w, v: w.session.rebind(keep_links=v))
    rows += each(("contacts", 5, ["nothing"], {"restored": "both"}), "accept")(lambda w, v: w.session.sync(accept=v))
    rows += [(lambda w: w.session.apply(w.report), ("plan takes", "apply(session.plan())"))]
    rows += each((None, 5, []), "plan takes", "apply(session.plan())")(lambda w, v: w.session.apply(v))
    rows += each(("", None, 5, []), "run_id takes")(lambda w, v: w.session.undo(v))
    rows += each(("", None, 5, []), "run_id takes")(lambda w, v: w.session.plan_undo(v))
    rows += each(("", None, 5, []), "run_id takes")(lambda w, v: w.session.report(v))
    rows += each(("", None, 5, []), "plan_id takes")(lambda w, v: w.session.saved_plan(v))
    rows += each((0, "5", None), "limit=50")(lambda w, v: w.session.runs(limit=v))
    rows += each((None, "1", 5, kb.Side.KEAP), "conflict takes", "session.conflicts()")(
        lambda w, v: w.session.resolve(v, "keap")
    )
    rows += each(("kep", "customer", None, 5), "resolve")(lambda w, v: w.session.resolve(w.conflict, v))
    rows += each((None, 5), "path takes", "backup('backup.db')")(lambda w, v: w.session.backup(v))
    return rows


def of_options() -> list[Row]:
    rows = options(
        name=((None, 5, "", " ", "n" * 101), "default"),
        identity=((5, "", ["acme"]), "acme"),
        policy=(("keap", {}, kb.Policy), "kb.Policy"),
        contacts=(([kb.text("A", keap="prefix")], None, "contacts"), "kb.mapping.contacts"),
        companies=((None, {}), "kb.mapping.companies"),
        products=((None, 5), "kb.mapping.products"),
        overlap=(NO_SPAN, "timedelta"),
        lag=(NO_SPAN, "timedelta"),
        retention=(NO_SPAN, "timedelta(days=90)"),
        encryption_keys=(("key", b"key", 5), "encryption_keys=[key]"),
        default_region=(("Norway", "NOR", "XX", "", 47), "NO"),
        currency=(("usd", "dollars", 5, ""), "USD"),
        progress=(("yes", 5), "progress=True"),
        on_event=(("log", 5, None), "kb.events.log()"),
        debug=(NO_FLAG, "debug=True"),
        polcy=(({},), "is 'policy' meant?"),
        keap=((None, "key", kb.KeapApiKey("key")), "kb.KeapClient"),
        customcrm=((None, "https://crm.example.com"), "kb.CustomcrmClient"),
        store=(("bridge.db", Path("bridge.db"), None, 5, ""), "sqlite"),
    )
    rows += [
        (lambda w: opened(w, keap=w.crm, customcrm=w.keap), ("customcrm takes", "swapped")),
        (lambda w: opened(w, keap=w.async_keap), ("KeapClient",)),
        (lambda w: opened(w, customcrm=w.async_crm), ("CustomcrmClient",)),
        (lambda w: opened(w, contacts=kb.mapping.companies), ("contacts=companies",)),
    ]
    return rows


def of_clients() -> list[Row]:
    rows: list[Row] = []
    for client in ("keap", "crm"):
        for name in ("contacts", "products"):
            resource = lambda w, client=client, name=name: getattr(getattr(w, client), name)  # noqa: E731
            rows += each(NO_IDS, "ids=['12']")(lambda w, v, r=resource: r(w).get_many(v))
            rows += each(NO_ID, "id='12'")(lambda w, v, r=resource: r(w).get(v))
            rows += each(NO_ID, "id='12'")(lambda w, v, r=resource: r(w).delete(v))
            rows += each(NO_ID, "id='12'")(lambda w, v, r=resource: r(w).update(v))
            rows += each(NO_MOMENT, "updated_since", "tzinfo=UTC")(
                lambda w, v, r=resource: list(r(w).list(updated_since=v))
            )
            rows += each((0, -1, *NO_NUMBER), "page_size=500")(lambda w, v, r=resource: list(r(w).list(page_size=v)))
            rows += each(({"name": "x"}, None, "x", kb.keap.Company(), kb.customcrm.Customer()), "record")(
                lambda w, v, r=resource: r(w).create(v)
            )
            rows += each(({"given_nam": "x"}, {"update_time": "x"}), "no writable field")(
                lambda w, v, r=resource: r(w).update("1", **v)
            )
    rows += each(("x", 5, ["x"], [("a",)], {"a": 5}), "filters={'family_name': 'Smi*'}")(
        lambda w, v: list(w.keap.contacts.list(filters=v))
    )
    rows += each((5, "", []), "order_by='id asc'")(lambda w, v: list(w.keap.contacts.list(order_by=v)))
    rows += each((["x@example.org"], "x@example.org", {"email": "x"}, 5), "email_addresses")(
        lambda w, v: w.keap.contacts.update("1", email_addresses=v)
    )
    rows += [(lambda w: w.keap.contacts.put_items("1"), ("items takes", "EmailAddress"))]
    return rows


def of_what_is_made() -> list[Row]:
    rows: list[Row] = []
    rows += each(("key", None, 5, {}), "auth", "kb.KeapApiKey")(lambda _, v: kb.KeapClient(auth=v, base_url="http://x"))
    rows += each(("token", 5, {}), "auth", "kb.BearerToken")(lambda _, v: kb.CustomcrmClient("http://x", auth=v))
    rows += each(("crm.example.com", "", None, 5, "http://"), "base_url")(lambda _, v: kb.CustomcrmClient(v))
    rows += each(("30", None, -1, 0), "timeout")(lambda _, v: kb.CustomcrmClient("http://x", timeout=v))
    rows += each((3, "no", {}), "retry=kb.RetryPolicy")(lambda _, v: kb.CustomcrmClient("http://x", retry=v))
    rows += each((3, {}), "bounds=kb.Bounds")(lambda _, v: kb.CustomcrmClient("http://x", bounds=v))
    rows += each((3, {}), "schema=kb.CustomcrmSchema")(lambda _, v: kb.CustomcrmClient("http://x", schema=v))
    rows += each((3, {}), "pacing=kb.Pacing")(lambda _, v: kb.KeapClient(auth=kb.KeapApiKey("k"), pacing=v))
    for made, name in ((kb.KeapApiKey, "key"), (kb.BearerToken, "token")):
        rows += each((None, 5, b"key"), f"{name} takes a text")(lambda _, v, made=made: made(v))
    rows += each((None, 5), "key takes a text")(lambda _, v: kb.ApiKey(v, header="X"))
    rows += each(("tokens.json", None, 5), "tokens takes", "tokens=kb.FileTokenStore(")(
        lambda _, v: kb.KeapOAuth("id", "secret", v)
    )
    rows += each((5, None, ""), "client_id takes a text")(
        lambda w, v: kb.KeapOAuth(v, "secret", kb.FileTokenStore(w.folder / "tokens.json"))
    )
    rows += each((5, "", None), "label takes", "label='Shoe size'")(
        lambda w, v: w.keap.contacts.create_custom_field(label=v)
    )
    rows += each(("Small", 5, [5]), "options takes several", "options=['Small']")(
        lambda w, v: w.keap.contacts.create_custom_field(label="Size", type="DROPDOWN", options=v)
    )
    rows += each(("crm.db", "sqlite:///none/crm.db"), "cannot open the database: ", ": ")(
        lambda _, v: kb.SqlCustomcrm(v, contacts=kb.SqlTable("people"))
    )
    rows += each((None, 5), "password takes a text")(lambda _, v: kb.BasicAuth("me", v))
    rows += each(("people", {}, 5), "contacts=kb.SqlTable")(lambda w, v: kb.SqlCustomcrm(w.url, contacts=v))
    rows += each((None, 5), "target", "sqlite")(
        lambda _, v: kb.SqlCustomcrm(v, contacts=kb.SqlTable("people", id="id"))
    )
    rows += each(("500", 0), "page_size=500")(
        lambda w, v: kb.SqlCustomcrm(w.url, contacts=kb.SqlTable("people", id="id"), page_size=v)
    )
    return rows


def of_values() -> list[Row]:
    rows: list[Row] = []
    counts, shares = ("50", -1, 1.5, True), NO_SHARE
    rows += of_class(
        kb.Policy,
        max_deletes=(counts, "max_deletes=50"),
        max_creates=(counts, "max_creates=50"),
        max_turns=(counts, "max_turns=50"),
        sweep_from=((*counts, None), "sweep_from=50"),
        max_delete_share=(shares, "0.05 for 5 %"),
        max_updates_share=(shares, "0.05 for 5 %"),
        max_first_create_share=(shares, "0.05 for 5 %"),
        max_emptied_share=(shares, "0.05 for 5 %"),
        max_levelled_share=(shares, "0.05 for 5 %"),
        conflicts=(("kep", 5, {"*": "both"}), "newest"),
        deletions=(("remove", 5, {"contacts": "delete"}), "deletions"),
    )
    rows += of_class(
        kb.RetryPolicy,
        attempts=((0, "4", None, 1.5), "attempts=1"),
        base=(("1", -1, None), "base=60"),
        cap=(("1", -1, None), "cap=60"),
        patience=((0, "12"), "patience=1"),
        rest=((30, "30"), "rest=timedelta"),
    )
    rows += of_class(
        kb.Pacing,
        per_second=(("10", 0, -1), "per_second=10"),
        share=(("1", 0, 1.5, -1), "share"),
        reserve=(("0", -1, 2), "reserve"),
    )
    rows += of_class(kb.Bounds, pages=(("5", 0, None), "pages"), call_seconds=(("5", 0, None), "call_seconds"))
    return rows


def of_what_is_closed() -> list[Row]:
    closed: list[Callable[[Any], Any]] = [
        lambda s: s.sync(),
        lambda s: s.plan(),
        lambda s: s.apply("a1b2c3d4e5f6"),
        lambda s: s.conflicts(),
        lambda s: s.failures(),
        lambda s: s.contacts.retry(keap=["1"]),
        lambda s: s.explain("contacts", keap="1"),
        lambda s: s.history("contacts", keap="1"),
        lambda s: s.undo("a1b2c3d4e5f6"),
        lambda s: s.plan_undo("a1b2c3d4e5f6"),
        lambda s: s.audit(),
        lambda s: s.check(),
        lambda s: s.plans(),
        lambda s: s.runs(),
        lambda s: s.saved_plan("a1b2c3d4e5f6"),
        lambda s: s.report("a1b2c3d4e5f6"),
        lambda s: s.rebind(),
        lambda s: s.forget("contacts", keap="1"),
        lambda s: s.backup("copy.db"),
        lambda s: s.rekey(),
        lambda s: list(s.contacts.links()),
        lambda s: s.contacts.sync_ids(keap=["1"]),
    ]
    rows: list[Row] = [(lambda w, do=do: do(w.closed), ("closed", "SyncSession")) for do in closed]
    for name in ("closed_keap", "closed_crm"):
        rows += [
            (lambda w, n=name: list(getattr(w, n).contacts.list()), ("closed",)),
            (lambda w, n=name: getattr(w, n).contacts.get("1"), ("closed",)),
            (lambda w, n=name: getattr(w, n).contacts.delete("1"), ("closed",)),
        ]
    rows += [(lambda w: w.closed_sql.get_many("contacts", ["1"]), ("closed", "kb.SqlCustomcrm"))]
    return rows


def of_names() -> list[Row]:
    """Keywords, choices and functions that there are not, of what is declared."""
    field: list[Callable[..., Any]] = [
        *(kb.text, kb.url, kb.email, kb.phone, kb.fax, kb.country, kb.date, kb.date_time, kb.boolean, kb.integer),
        kb.decimal,
    ]
    rows: list[Row] = []
    for made in field:
        for option, value, right in (
            ("direction", "keap", "to_keap"),
            ("policy", "newer", "newest"),
            ("on_empty", "nothing", "clear"),
            ("required", "kep", "keap"),
            ("polcy", "keap", "is 'policy' meant?"),
        ):
            rows.append((lambda _, f=made, o=option, v=value: f("A", keap="notes", **{o: v}), (option, right)))
        rows.append((lambda _, f=made: f("A", kep="notes"), ("kep", "is 'keap' meant?")))
    keywords: list[tuple[Callable[..., Any], str, str]] = [
        (kb.Policy, "conflict", "conflicts"),
        (kb.RetryPolicy, "attempt", "attempts"),
        (kb.Bounds, "page", "pages"),
        (kb.Pacing, "shares", "share"),
        (kb.KeapClient, "base_ulr", "base_url"),
        (kb.AsyncKeapClient, "base_ulr", "base_url"),
        (kb.CustomcrmClient, "shema", "schema"),
        (kb.AsyncCustomcrmClient, "shema", "schema"),
        (kb.KeapApiKey, "kye", "key"),
        (kb.BearerToken, "tokne", "token"),
        (kb.SqlTable, "column", "columns"),
        (kb.SqlJoin, "colums", "columns"),
        (kb.SqlCustomcrm, "contact", "contacts"),
        (kb.CustomcrmSchema, "contact", "contacts"),
        (kb.customcrm.CustomcrmObject, "propertys", "properties"),
        (kb.customcrm.Contact, "given_name", "first_name"),
        (kb.customcrm.Product, "nmae", "name"),
        (kb.keap.Contact, "first_name", "given_name"),
        (kb.keap.EmailAddress, "emial", "email"),
        (kb.custom_field, "lable", "label"),
        (kb.load, "pth", "path"),
        (kb.rekey, "stor", "store"),
    ]
    rows += [
        (lambda _, f=made, n=name: f(**{n: "x"}), (f"no option {name}", f"is {right!r} meant?"))
        for made, name, right in keywords
    ]
    return rows


def of_keywords() -> list[Row]:
    """Misspelt keywords of methods: no method does something with what it does not know."""
    calls: list[tuple[Callable[[World], Any], str, str]] = [
        (lambda w: w.session.sync, "ful", "full"),
        (lambda w: w.session.plan, "dedline", "deadline"),
        (lambda w: w.session.apply, "acept", "accept"),
        (lambda w: w.session.contacts.sync, "wiat", "wait"),
        (lambda w: w.session.contacts.sync_ids, "kepa", "keap"),
        (lambda w: w.session.contacts.retry, "customcm", "customcrm"),
        (lambda w: w.session.explain, "kepa", "keap"),
        (lambda w: w.session.history, "nam", "name"),
        (lambda w: w.session.forget, "custmcrm", "customcrm"),
        (lambda w: w.session.rebind, "keeplinks", "keep_links"),
        (lambda w: w.session.undo, "run", "run_id"),
        (lambda w: w.session.resolve, "vaule", "value"),
        (lambda w: w.session.runs, "limt", "limit"),
        (lambda w: w.session.backup, "pth", "path"),
        (lambda w: w.keap.contacts.list, "update_since", "updated_since"),
        (lambda w: w.keap.contacts.create_custom_field, "lable", "label"),
        (lambda w: w.keap.contacts.get_many, "id", "ids"),
        (lambda w: w.crm.contacts.list, "pagesize", "page_size"),
        (lambda w: w.crm.contacts.delete, "ifmatch", "if_match"),
        (lambda w: w.keap.hooks.ensure, "replace", "replaces"),
        (lambda _: kb.webhooks.asgi_app, "customcrm_secrt", "customcrm_secret"),
        (lambda _: kb.load_async, "pth", "path"),
    ]
    rows: list[Row] = [
        (lambda w, c=call, n=name: c(w)(**{n: "x"}), (f"no option {name}", f"is {right!r} meant?"))
        for call, name, right in calls
    ]
    by_place: list[tuple[Callable[[World], Any], str]] = [
        (lambda _: kb.text("A", "prefix"), "keap=…"),  # type: ignore[misc, call-arg]
        (lambda w: w.session.sync(True), "full=…"),
        (lambda w: w.session.contacts.sync_ids(["1"]), "keap=…"),
        (lambda w: w.session.explain("contacts", "1"), "keap=…"),
        (lambda w: w.session.resolve(w.conflict, "keap", "anna"), "by=…"),
        (lambda _: kb.mapping.contacts.where({"Email": "x"}), "customcrm=…"),  # type: ignore[misc]
        (lambda w: w.keap.contacts.list("2026"), "updated_since=…"),
    ]
    rows += [(call, ("takes no more by place", right)) for call, right in by_place]
    return rows


def of_hooks_and_receivers() -> list[Row]:
    rows: list[Row] = []
    addresses = ("bridge.example.com/keap", "", None, 5, "https://", "ftp://x")
    rows += each(addresses, "url", "https://bridge.example.com/keap/")(
        lambda w, v: w.keap.hooks.subscribe("contact.edit", v)
    )
    rows += each(addresses, "url", "https://bridge.example.com/keap/")(lambda w, v: w.keap.hooks.ensure(v))
    rows += each(("", None, 5, ["contact.edit"]), "event_key", "contact.edit")(
        lambda w, v: w.keap.hooks.subscribe(v, "https://bridge.example.com")
    )
    texts = ("https://old.example.com", 5, None, [5], {"a": 1})
    for name in ("events", "replaces"):
        rows += each(texts, name, f"{name}=[")(
            lambda w, v, n=name: w.keap.hooks.ensure("https://bridge.example.com", **{n: v})
        )
    rows += each(NO_SECONDS, "wait=60")(lambda w, v: w.keap.hooks.ensure("https://bridge.example.com", wait=v))
    for call in (lambda h, v: h.get(v), lambda h, v: h.verify(v), lambda h, v: h.delete(v)):
        rows += each(NO_ID, "key='12'")(lambda w, v, c=call: c(w.keap.hooks, v))
    rows += each((None, 5), "secret takes a text")(lambda w, v: w.keap.hooks.delayed_verify("1", v))
    receiver = kb.webhooks.asgi_app
    rows += each((None, "session", 5), "session takes", "asgi_app(session)")(lambda _, v: receiver(v))
    for name, values, right in (
        ("token", ("short", 5, "with/slash/and/more/of/it"), "token_urlsafe"),
        ("max_body", (0, "1", None, 1.5), "max_body=1048576"),
        ("delay", NO_SECONDS, "delay=60"),
        ("reread_after", ("60", -1, [1]), "reread_after=60"),
        ("retry", (0, "60", -1, None), "retry"),
        ("retry_cap", (0, 1, "60"), "retry_cap"),
        ("customcrm_secret", (5, {"a": 1}), "customcrm_secret='whsec_…'"),
        ("customcrm_secret", ("", [], [""]), "customcrm_secret is empty"),
    ):
        rows += each(values, name, right)(lambda w, v, n=name: receiver(w.session, **{n: v}))
    return rows


def of_mappings() -> list[Row]:
    contacts, key = kb.mapping.contacts, kb.mapping.MatchKey
    example = "kb.custom_field('Shoe size')"
    rows: list[Row] = []
    rows += each((None, 5, "", " ", ["A"]), "name of Customcrm's property", "'ShoeSize'")(
        lambda _, v: kb.text(v, keap="notes")
    )
    rows += each((None, 5, "", ["notes"]), "A: keap takes", "keap='spouse_name'", example)(
        lambda _, v: kb.text("A", keap=v)
    )
    rows += each(("40", 0, -1, 1.5, True), "A: max_length", "max_length=40")(
        lambda _, v: kb.text("A", keap="notes", max_length=v)
    )
    rows += each((5, ""), "A: scope", "scope='Country'")(lambda _, v: kb.phone("A", keap="notes", scope=v))
    rows += each((5, "", " "), "A: opt_in_reason", "Signed up")(
        lambda _, v: kb.email("A", keap="email_addresses.EMAIL3", opt_in_reason=v)
    )
    rows += each((5, "x", ["x"], {"a": "b"}), "A: samples", "samples=[")(
        lambda _, v: kb.lens(str, str, customcrm="A", keap="notes", samples=v)
    )
    rows += each((5, "str"), "lens(get=…) takes a function")(lambda _, v: kb.lens(v, str, customcrm="A", keap="notes"))
    rows += each((["S"], "SL", 5, [("S",)]), "values takes", "values={'S': 'Small'")(
        lambda _, v: kb.choice("A", v, keap="contact_type")
    )
    rows += each((5, "dollars", "usd"), "A: always", "always='EUR'")(
        lambda _, v: kb.money("A", keap="product_price", always=v)
    )
    rows += each((5, ""), "A: currency", "currency='Currency'")(
        lambda _, v: kb.money("A", keap="product_price", currency=v)
    )
    rows += each(("BILING", "", 5, None), "an address: keap takes", "BILLING")(lambda _, v: kb.address(v))
    rows += each((["ZipCode"], "ZipCode", 5), "an address: names takes", "names={'ZipCode'")(
        lambda _, v: kb.address("BILLING", names=v)
    )
    rows += each((None, 5, ""), "custom_field", "kb.custom_field('Shoe size')")(lambda _, v: kb.custom_field(v))
    rows += each(("Small", 5), "options takes several", "options=['Small', 'Large']")(
        lambda _, v: kb.custom_field("A", type="DROPDOWN", create=True, options=v)
    )
    rows += each(("A", None, 5), "contacts.with_lenses takes fields", "kb.text(")(lambda _, v: contacts.with_lenses(v))
    rows += [
        (lambda _: contacts.with_lenses(kb.address("SHIPPING")), ("with_lenses(*several)",)),
        (lambda _: contacts.with_lenses(kb.text("A", keap="given_name")), ("by FirstName and by A", "leave one")),
        (lambda _: contacts.with_lenses(kb.text("A", keap="spouse_nam")), ("A: ", "is 'spouse_name' meant?")),
    ]
    rows += each((["Email"], None, 5), "a field is named by a text", "'FirstName'")(lambda _, v: contacts.without(v))
    rows += each(("Email", ["Email"], None), "matched_by takes match keys", "MatchKey(('Email',))")(
        lambda _, v: contacts.matched_by(v)
    )
    rows += each(("Email", 5, None, {"Email"}), "names of fields in a tuple", "MatchKey(('Email',))")(
        lambda _, v: key(v)
    )
    rows += [(lambda _: contacts.matched_by(key(())), ("matches nothing", "MatchKey(('Email',))"))]
    for side in ("customcrm", "keap"):
        rows += each(({}, 5, "Email", ["Email"]), f"where({side}=…)", f"such as {side}={{")(
            lambda _, v, s=side: contacts.where(**{s: v})
        )
        rows += each(({5: "x"}, {"": "x"}), f"where({side}=…)", "the name of a property is a text")(
            lambda _, v, s=side: contacts.where(**{s: v})
        )
    rows += each(("x", {"keap": "x"}, {"keap": {"contacts": "x"}}, 5), "Policy(archive=…)", "'contact_type'")(
        lambda _, v: kb.Policy(archive=v)
    )
    rows += each((kb.mapping.contacts, ["contacts"], "contacts"), "mappers takes", "[kb.mapping.contacts]")(
        lambda _, v: kb.mapping.dataflow_document(v)
    )
    return rows


def of_tables_and_schemas() -> list[Row]:
    names = ("", 5, None, ["people"])
    rows: list[Row] = []
    rows += each(names, "name takes", "name='people'")(lambda _, v: kb.SqlTable(v))
    rows += each(("", 5, [], [5]), "id", "such as id=")(lambda _, v: kb.SqlTable("people", id=v))
    for column in ("modified", "created", "deleted", "key", "schema"):
        rows += each(("", 5, ["x"]), f"{column} takes", f"{column}='")(
            lambda _, v, c=column: kb.SqlTable("people", **{c: v})
        )
    rows += each(("mail", ["mail"], {"Email": 5}, {5: "mail"}, {"Email": ""}), "columns takes", "columns={'FirstName'")(
        lambda _, v: kb.SqlTable("people", columns=v)
    )
    rows += each(("USD", [("Currency", "USD")], {5: 1}), "constants takes", "constants={'")(
        lambda _, v: kb.SqlTable("people", constants=v)
    )
    rows += each(("addresses", 5, ["addresses"], {"a": 1}), "joins takes", "joins=[kb.SqlJoin(")(
        lambda _, v: kb.SqlTable("people", joins=v)
    )
    rows += each((5, "uuid"), "new_id takes a function")(lambda _, v: kb.SqlTable("people", new_id=v))
    rows += each(NO_FLAG, "touch=True")(lambda _, v: kb.SqlTable("people", touch=v))
    rows += each(names, "table takes", "table='people'")(lambda _, v: kb.SqlJoin(v, remote="person_id"))
    for name, values, right in (
        ("remote", ("", 5, ["x"]), "remote='"),
        ("local", ("", 5), "local='"),
        ("through", ("", 5), "through='people'"),
        ("columns", ("city", None, {"City": 5}), "columns={"),
        ("where", ("billing", None), "where={'kind'"),
        ("on_create", ("billing", None), "on_create={"),
        ("always", NO_FLAG, "always=True"),
    ):
        rows += each(values, name, right)(lambda _, v, n=name: kb.SqlJoin("addresses", **{n: v}))
    lookup = {"local": "country_id", "columns": {"Country": "name"}}
    for name, values, right in (
        ("local", ("", 5, None), "local='"),
        ("columns", ("name", None), "columns={"),
        ("missing", ("make", None), "hold"),
    ):
        rows += each(values, name, right)(lambda _, v, n=name: kb.SqlLookup("countries", **lookup | {n: v}))
    rows += each(("x", 5, ["x"]), "lookups takes", "kb.SqlLookup(")(lambda _, v: kb.SqlTable("people", lookups=v))
    rows += each(("notes", 5, [5]), "cascades takes", "cascades=['notes']")(
        lambda _, v: kb.SqlTable("people", cascades=v)
    )
    rows += each(("Oslo", 5, ""), "time_zone", "Europe/Oslo")(lambda _, v: kb.SqlTable("people", time_zone=v))
    part = kb.customcrm
    made = part.CustomcrmObject
    rows += each(("contacts", "", None, 5, "https://x/contacts"), "path", "/contacts")(lambda _, v: made(v))
    for name in ("properties", "find", "query"):
        rows += each(("Email", ["Email"], {"Email": 5}, {"Email": ""}), name)(
            lambda _, v, n=name: made("/contacts", **{n: v})
        )
    rows += each((0, -1, "100", None, 1.5), "most", "from 1 on")(lambda _, v: part.CursorPaging(most=v))
    rows += each(("", 5), "parameter")(lambda _, v: part.CursorPaging(parameter=v))
    rows += each((404, "404", [200], None), "gone", "403 and 404")(lambda _, v: kb.CustomcrmSchema(gone=v))
    for name, right in (
        *dict.fromkeys(("contacts", "customers", "products"), "CustomcrmObject(…)").items(),
        ("paging", "CursorPaging(…)"),
        ("changed_since", "ChangedSince(…)"),
        ("deleted", "DeletedMark(…)"),
        ("update", "Update(…)"),
        ("batch", "BatchRead(…)"),
        ("envelope", "Envelope(…)"),
    ):
        rows += each(("/contacts", 5, {"path": "/contacts"}), f"{name}: must be", right)(
            lambda _, v, n=name: kb.CustomcrmSchema(**{n: v})
        )
    return rows


def of_files() -> list[Row]:
    rows: list[Row] = []
    for load in (kb.load, kb.load_async):
        rows += each((None, 5, ["a.toml"]), "path takes", "kb.load('keapbridge.toml')")(lambda _, v, f=load: f(v))
        rows += each(("none.toml", "sqlite:///bridge.db"), "there is no file", "keapbridge init")(
            lambda w, v, f=load: f(w.folder / v)
        )
        rows += [(lambda w, f=load: f(w.folder), ("is a folder", "keapbridge.toml"))]
    rows += each(("key", b"key", None, 5), "keys takes several", "keys=[key]")(lambda _, v: kb.rekey("sqlite://", v))
    rows += [(lambda _: kb.rekey("sqlite://", []), ("keys", "Fernet.generate_key()"))]
    rows += [(lambda _: kb.rekey("sqlite://", ["key"]), ("encryption_keys", "Fernet.generate_key()"))]
    rows += each(("bridge.db", None, 5, ""), "store", "sqlite:///bridge.db")(lambda _, v: kb.rekey(v, ["key"]))
    rows += each((None, 5, ""), "name takes", "name='default'")(lambda _, v: kb.rekey("sqlite://", ["k"], name=v))
    return rows


def of_asynchronous_sessions() -> list[Row]:
    def asked(call: Callable[[kb.AsyncSyncSession, Any], Any]) -> Callable[[World, Any], Any]:
        async def ask(world: World, value: Any) -> Any:
            async with kb.AsyncSyncSession(
                customcrm=world.async_crm, keap=world.async_keap, store="sqlite://"
            ) as session:
                return await call(session, value)

        return lambda world, value: asyncio.run(ask(world, value))

    rows: list[Row] = []
    rows += each(("12", [None]), "keap=['12']")(asked(lambda s, v: s.contacts.sync_ids(keap=v)))
    rows += each(("60", -1), "wait=60")(asked(lambda s, v: s.sync(wait=v)))
    rows += each((90,), "deadline")(asked(lambda s, v: s.plan(deadline=v)))
    rows += each(("kontacts", 5), "it has")(asked(lambda s, v: s.explain(v, keap="1")))
    rows += each((None, 5), "plan takes", "apply(session.plan())")(asked(lambda s, v: s.apply(v)))
    rows += each((None, 5), "run_id takes")(asked(lambda s, v: s.undo(v)))
    rows += each((None, 5), "run_id takes")(asked(lambda s, v: s.plan_undo(v)))
    rows += each((None, 5), "run_id takes")(asked(lambda s, v: s.report(v)))
    rows += each((None, 5), "plan_id takes")(asked(lambda s, v: s.saved_plan(v)))
    rows += each((0, "5"), "limit=50")(asked(lambda s, v: s.runs(limit=v)))
    rows += each(("yes", 1), "full=True")(asked(lambda s, v: s.contacts.sync(full=v)))
    rows += each(("yes", 1), "keep_links=True")(asked(lambda s, v: s.rebind(keep_links=v)))
    rows += each((None, ".."), "keap=['12']")(asked(lambda s, v: s.contacts.retry(keap=[v])))
    rows += each(("kontacts", None), "it has")(asked(lambda s, v: s.forget(v, keap="1")))
    rows += each(("..", 1.5), "customcrm='12'")(asked(lambda s, v: s.history("contacts", customcrm=v)))
    rows += each((None, "1"), "conflict takes")(asked(lambda s, v: s.resolve(v, "keap")))
    rows += each((None, 5), "path takes")(asked(lambda s, v: s.backup(v)))
    rows += each((5, ""), "accept")(asked(lambda s, v: s.sync(accept=v)))
    rows += each(("x",), "no option ful", "is 'full' meant?")(asked(lambda s, v: s.sync(ful=v)))
    rows += each(("x",), "no option kepa", "is 'keap' meant?")(asked(lambda s, v: s.explain("contacts", kepa=v)))

    def of_client(call: Callable[[Any, Any], Any]) -> Callable[[World, Any], Any]:
        async def ask(world: World, value: Any) -> Any:
            return await call(world.async_keap, value)

        return lambda world, value: asyncio.run(ask(world, value))

    rows += each(NO_ID, "id='12'")(of_client(lambda k, v: k.contacts.get(v)))
    rows += each(NO_IDS, "ids=['12']")(of_client(lambda k, v: k.contacts.get_many(v)))
    rows += each(("x", None), "record")(of_client(lambda k, v: k.contacts.create(v)))
    rows += each(("x",), "no writable field", "given_name")(of_client(lambda k, v: k.contacts.update("1", given_nam=v)))
    rows += each(("", None), "url", "https://")(of_client(lambda k, v: k.hooks.ensure(v)))
    return rows


TABLE = [
    *of_asynchronous_sessions(),
    *of_names(),
    *of_keywords(),
    *of_hooks_and_receivers(),
    *of_mappings(),
    *of_tables_and_schemas(),
    *of_files(),
    *of_sessions(),
    *of_options(),
    *of_clients(),
    *of_what_is_made(),
    *of_values(),
    *of_what_is_closed(),
]


def state(world: World) -> Mapping[str, Any]:
    systems = (("keap", world.keap_server), ("crm", world.crm_server))
    written = [each.method for _, server in systems for each in server.requests if each.method != "GET"]
    return {name: server.state.snapshot() for name, server in systems} | {"written": written}


def test_there_are_many() -> None:
    assert len(TABLE) >= 1000


def test_a_slip_is_told_and_changes_nothing(world: World) -> None:
    before = state(world)
    wrong: list[str] = []
    for number, (slip, words) in enumerate(TABLE):
        try:
            result = slip(world)
        except TOLD as error:
            frames = traceback.extract_tb(error.__traceback__)
            deepest = Path(frames[-1].filename).name
            lacking = [word for word in words if word not in str(error)]
            if lacking:
                wrong.append(f"{number} {words}: {type(error).__name__} in {deepest}: {error}")
            if isinstance(error, (AttributeError, KeyError)):
                wrong.append(f"{number} {words}: {type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - that is what must not be
            wrong.append(f"{number} {words}: {type(error).__name__}: {error}")
        else:
            wrong.append(f"{number} {words}: no error, but {str(result)[:80]!r}")
    assert not wrong, "\n".join(wrong)
    assert state(world) == before


@pytest.mark.parametrize(
    "meant",
    [
        pytest.param(lambda w: w.session.explain("contacts", keap=1), id="an id that is a number"),
        pytest.param(lambda w: w.keap.contacts.get(1), id="the same of a client"),
        pytest.param(lambda w: w.keap.contacts.get_many([1]), id="several of them"),
        pytest.param(lambda w: list(w.keap.contacts.list(filters={"family_name": "Dale"})), id="filters by name"),
        pytest.param(lambda w: w.session.plan_undo(w.report), id="a report, for its run"),
        pytest.param(lambda w: w.session.plan(wait=timedelta(seconds=1)), id="a span for seconds"),
        pytest.param(lambda w: opened(w, default_region="no").close(), id="a country in small letters"),
        pytest.param(lambda _: kb.Policy(max_deletes=None, max_delete_share=0), id="no limit"),
    ],
)
def test_what_is_meant_is_taken(world: World, meant: Slip) -> None:
    meant(world)
