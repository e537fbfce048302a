"""An adapter is called where its host expects it: on which threads, how many at a time, in whose context."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from threads import leaving_no_thread

import keapbridge as kb
from keapbridge.testing import KeapEmulator

TENANT = contextvars.ContextVar("tenant", default="nobody")
RECORDS = 12


class Shop:
    """Contacts in a connection that is bound to the thread that made it."""

    objects = ("contacts",)

    def __init__(self, *, parallel: bool = False, bound: bool = True) -> None:
        self.capabilities = kb.AdapterCapabilities(parallel_calls=parallel)
        self.db = sqlite3.connect(":memory:", check_same_thread=bound)
        self.db.execute("create table c (Id integer primary key, FirstName, Email)")
        self.seen: set[tuple[str, str]] = set()
        self.lock = threading.RLock()

    def _rows(self, where: str, *values: Any) -> list[dict[str, Any]]:
        self.seen.add((TENANT.get(), threading.current_thread().name.rpartition("_")[0]))
        with self.lock:
            rows = self.db.execute(f"select * from c where {where}", values).fetchall()
        return [dict(zip(("Id", "FirstName", "Email"), row, strict=True)) for row in rows]

    def list_changes(self, _object: str, _since: Any, _cursor: Any) -> kb.AdapterPage:
        return kb.AdapterPage(records=self._rows("1"))

    def get_many(self, _object: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        return [row for id in ids for row in self._rows("Id = ?", id)]

    def create(self, object: str, record: Mapping[str, Any], _key: str) -> dict[str, Any]:
        values = (record.get("FirstName"), record.get("Email"))
        with self.lock:
            made = self.db.execute("insert into c (FirstName, Email) values (?, ?)", values)
        return self.get_many(object, [str(made.lastrowid)])[0]

    def update(self, *_: Any) -> Any:
        raise AssertionError

    delete = update


@pytest.fixture
def filled(keap_server: KeapEmulator) -> KeapEmulator:
    for n in range(RECORDS):
        address = {"email": f"a{n}@example.org", "field": "EMAIL1"}
        keap_server.state.contacts.add({"given_name": f"A{n}", "email_addresses": [address]})
    return keap_server


def _sync(keap_server: KeapEmulator, shop: Any) -> kb.Report:
    with (
        kb.KeapClient(auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
        kb.SyncSession(customcrm=shop, keap=keap, store="sqlite://") as session,
    ):
        return contextvars.copy_context().run(lambda: (TENANT.set("acme"), session.sync())[1])


def test_what_is_bound_to_a_thread_is_called_on_it(filled: KeapEmulator) -> None:
    shop = Shop()
    report = _sync(filled, shop)
    assert (report.count("created"), report.ok) == (RECORDS, True)
    assert shop.seen == {("acme", "")}


def test_one_that_may_be_called_side_by_side_is_called_by_workers_in_the_context_of_the_host(
    filled: KeapEmulator,
) -> None:
    shop = Shop(parallel=True, bound=False)
    assert _sync(filled, shop).count("created") == RECORDS
    assert {tenant for tenant, _ in shop.seen} == {"acme"}
    assert "keapbridge" in {thread for _, thread in shop.seen}


def test_one_that_is_bound_to_another_thread_is_told_what_helps(filled: KeapEmulator) -> None:
    with pytest.raises(kb.TransportError, match=r"bound to a thread.*check_same_thread"):
        _sync(filled, Shop(parallel=True))


def test_a_session_of_an_event_loop_calls_it_in_the_context_of_the_host(filled: KeapEmulator) -> None:
    shop = Shop(bound=False)

    async def scenario() -> kb.Report:
        TENANT.set("acme")
        keap = kb.AsyncKeapClient(auth=kb.KeapApiKey(filled.api_key), base_url=filled.base_url)
        async with keap, kb.AsyncSyncSession(customcrm=shop, keap=keap, store="sqlite://") as session:
            return await session.sync()

    assert asyncio.run(scenario()).count("created") == RECORDS
    assert {tenant for tenant, _ in shop.seen} == {"acme"}


def test_a_session_for_debuggers_does_everything_on_one_thread(filled: KeapEmulator) -> None:
    shop = Shop(parallel=True)
    with (
        kb.KeapClient(auth=kb.KeapApiKey(filled.api_key), base_url=filled.base_url) as keap,
        kb.SyncSession(customcrm=shop, keap=keap, store="sqlite://", debug=True) as session,
        leaving_no_thread(),
    ):
        assert session.sync().count("created") == RECORDS
    assert shop.seen == {("nobody", "")}


class Round(Shop):
    """Always answers the same, however it names what follows."""

    def list_changes(self, _object: str, _since: Any, cursor: Any) -> kb.AdapterPage:
        return kb.AdapterPage(records=self._rows("1"), cursor=f"{cursor} and on")


def test_a_list_that_goes_round_in_a_circle_is_ended(filled: KeapEmulator) -> None:
    shop = Round()
    for name in ("Ada", "Bob"):
        shop.create("contacts", {"FirstName": name}, name)
    with pytest.raises(kb.ShapeError, match="shows a page that it has shown before"):
        _sync(filled, shop)


@pytest.mark.parametrize("answer", [None, [], {}, kb.AdapterPage(records=None)], ids=repr)  # type: ignore[arg-type]
def test_a_list_that_is_none_is_told_in_words_and_only_that_synchronization_stops(
    filled: KeapEmulator, answer: Any
) -> None:
    class Broken(Shop):
        objects = ("contacts", "products")  # type: ignore[assignment]

        def list_changes(self, object: str, _since: Any, _cursor: Any) -> Any:
            return answer if object == "products" else kb.AdapterPage(records=self._rows("1"))

    with (
        kb.KeapClient(auth=kb.KeapApiKey(filled.api_key), base_url=filled.base_url) as keap,
        kb.SyncSession(customcrm=Broken(), keap=keap, store="sqlite://") as session,
    ):
        report = session.sync()
        assert report.count("created") == RECORDS
        [line] = report.failures
        assert "must " in line.reason
        assert "the list of products" in line.reason


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this can be told")


def test_one_that_cannot_say_what_went_wrong_is_told_by_the_name_of_its_error(filled: KeapEmulator) -> None:
    class Failing(Shop):
        def list_changes(self, *_: Any) -> kb.AdapterPage:
            raise MuteError

    with pytest.raises(kb.TransportError, match="the adapter failed with MuteError"):
        _sync(filled, Failing())


def test_the_clock_of_a_page_is_a_moment() -> None:
    assert kb.AdapterPage([], as_of=datetime(2026, 1, 2, tzinfo=UTC)).as_of is not None
    with pytest.raises(TypeError, match="as_of"):
        kb.AdapterPage([], as_of="yesterday")  # type: ignore[arg-type]
