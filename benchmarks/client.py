"""What is measured: each task is a client in a process of its own (`python -m benchmarks.client list-typed '{…}'`).

A task gets its arguments as JSON and prints what it found as one line of JSON, with the peak of its memory. Imports,
and what is made once (clients, the tables of a store), are outside of what is timed.
"""

from __future__ import annotations

import importlib
import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import attrs

from benchmarks import records

__all__ = ["TASKS", "main"]

PAGE = 1000
KEY = "KeapAK-benchmark"
Found = dict[str, Any]


@attrs.define
class _Clock:
    """The time of this process alone, and the time that passed."""

    cpu: float = 0.0
    wall: float = 0.0

    def __enter__(self) -> Self:
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self.cpu, time.perf_counter() - self.wall


def _count(items: Iterable[object]) -> int:
    return sum(1 for _ in items)


def _clients(keap: str, customcrm: str) -> tuple[Any, Any]:
    """A client for each side, with everything imported and one record read."""
    import keapbridge as kb

    clients = kb.KeapClient(auth=kb.KeapApiKey(KEY), base_url=keap), kb.CustomcrmClient(customcrm)
    for client in clients:
        next(client.contacts.list(page_size=1))
    return clients


def _url(store: str) -> str:
    """The URL of a store; a file's, where it is a path."""
    return store if "://" in store else f"sqlite:///{store}"


def _session(keap: str, customcrm: str, store: str) -> Any:
    import keapbridge as kb

    ours, theirs = _clients(keap, customcrm)
    # Servers get another port each time: it is the same Customcrm all the same.
    return kb.SyncSession(customcrm=theirs, keap=ours, store=_url(store), identity="benchmark")


# --- lists ------------------------------------------------------------------------------------------------------


def list_typed(keap: str, pages: int, size: int = PAGE) -> Found:
    """Pages of contacts, by this library's client."""
    import keapbridge as kb

    with kb.KeapClient(auth=kb.KeapApiKey(KEY), base_url=keap) as client:
        _count(itertools.islice(client.contacts.list(page_size=size), 2 * size))  # what is learnt is learnt once
        with _Clock() as clock:
            found = _count(itertools.islice(client.contacts.list(page_size=size), pages * size))
    return {"records": found, "cpu": clock.cpu}


def list_untyped(keap: str, pages: int, size: int = PAGE) -> Found:
    """The same pages by httpx and the standard library's JSON, as dicts."""
    import httpx

    from keapbridge.keap.endpoints import CONTACTS

    fields = ",".join(CONTACTS.asked)

    def listed(client: httpx.Client) -> Iterator[dict[str, Any]]:
        query = {"page_size": str(size), "fields": fields}
        while True:
            page = json.loads(client.get(f"{keap}/v2/contacts", params=query).content)
            yield from page["contacts"]
            if page["next_page_token"] is None:
                return
            query["page_token"] = page["next_page_token"]

    with httpx.Client(headers={"X-Keap-API-Key": KEY}) as client:
        _count(itertools.islice(listed(client), 2 * size))
        with _Clock() as clock:
            found = _count(itertools.islice(listed(client), pages * size))
    return {"records": found, "cpu": clock.cpu}


def list_sdk(keap: str, pages: int, size: int = PAGE) -> Found:
    """The same pages by Keap's own SDK, as its typed records."""
    sdk = importlib.import_module("keap_core_v2_client")
    configuration = sdk.Configuration(host=keap.removesuffix("/rest"), access_token=KEY)
    asked = [name for name in sdk.Contact.model_fields if name != "additional_properties"]

    def listed(api: Any) -> Iterator[Any]:
        token = None
        while True:
            page = api.list_contacts(page_size=size, page_token=token, fields=asked)
            yield from page.contacts
            token = page.next_page_token
            if not token:
                return

    with sdk.ApiClient(configuration) as client:
        api = sdk.ContactApi(client)
        api.list_contacts(page_size=1, fields=asked)
        with _Clock() as clock:
            found = _count(itertools.islice(listed(api), pages * size))
    return {"records": found, "cpu": clock.cpu}


def list_both(keap: str, customcrm: str) -> Found:
    """All contacts of both sides as dicts, by httpx and the standard library's JSON, one side after the other."""
    import httpx

    asked = (
        (f"{keap}/v2/contacts", "contacts", {"page_size": str(PAGE)}, "page_token", "next_page_token"),
        (f"{customcrm}/contacts", "Items", {"limit": str(PAGE)}, "cursor", "NextCursor"),
    )

    def listed(client: httpx.Client) -> Iterator[Any]:
        for url, items, query, token, following in asked:
            while True:
                page = json.loads(client.get(url, params=query).content)
                yield from page[items]
                if page[following] is None:
                    break
                query[token] = page[following]

    with httpx.Client() as client:
        client.get(asked[0][0], params={"page_size": "1"})
        with _Clock() as clock:
            found = _count(listed(client))
    return {"records": found, "cpu": clock.cpu, "wall": clock.wall}


# --- stores -----------------------------------------------------------------------------------------------------


def fill(store: str, first: int, count: int, seed: int) -> Found:
    """Add linked pairs to a store, as if a sync had found both sides equal; the store makes the rows itself."""
    import keapbridge as kb
    from keapbridge._flow.drivers import SyncDriver
    from keapbridge.model.kept_in_store import Commit
    from keapbridge.model.records import Link, Snapshot
    from keapbridge.model.side import Side
    from keapbridge.store.sql import open_store
    from keapbridge.sync.synchronization import digest

    def commit(index: int) -> Commit:
        values = records.canonical_contact(index, seed)
        snapshot = Snapshot(values)
        link = Link(records.customcrm_id(index), records.keap_id(index), values, values)
        mark, keys = digest(snapshot), kb.mapping.contacts.matching.keys_of(values, {})
        return Commit("contacts", link, dict.fromkeys(Side, mark), keys=dict.fromkeys(Side, keys))

    opened, driver = open_store(f"sqlite:///{store}", "default"), SyncDriver()
    with _Clock() as clock:
        for start in range(first, first + count, PAGE):
            commits = [commit(index) for index in range(start, min(start + PAGE, first + count))]
            driver.run(opened.links.settle(commits))
    opened.close()
    return {"links": count, "cpu": clock.cpu, "wall": clock.wall}


# --- syncs ------------------------------------------------------------------------------------------------------


def first_sync(keap: str, customcrm: str, store: str) -> Found:
    """First contact of two systems that hold the same records: matched by the plan, linked when it is applied."""
    with _session(keap, customcrm, store) as session:
        written = _written()
        with _Clock() as matching:
            plan = session.contacts.plan()
        with _Clock() as linking:
            report = session.apply(plan)
    found = {"linked": plan.counts["contacts"].get("link", 0), "counts": dict(report.counts["contacts"])}
    found["written"] = _written() - written
    found |= {"plan_cpu": matching.cpu, "plan_wall": matching.wall}
    return found | {"apply_cpu": linking.cpu, "apply_wall": linking.wall}


def reconcile(keap: str, customcrm: str, store: str) -> Found:
    """Read both sides completely and find that nothing is to be done."""
    with _session(keap, customcrm, store) as session:
        with _Clock() as clock:
            plan = session.contacts.plan(full=True)
        actions = _count(plan.actions)
    return {"actions": actions, "unchanged": plan.unchanged["contacts"], "cpu": clock.cpu, "wall": clock.wall}


def overhead(keap: str, customcrm: str, store: str, rounds: int) -> Found:
    """First syncs as they are, and without events and guards, in turns; a first round of both does not count."""
    import keapbridge as kb

    ours, theirs = _clients(keap, customcrm)
    found: dict[str, list[float]] = {"whole": [], "bare": []}
    linked = set()
    for number in range(rounds + 1):
        for name in sorted(found, reverse=number % 2 == 0):
            url = f"sqlite:///{store}-{number}-{name}"
            with (
                kb.SyncSession(customcrm=theirs, keap=ours, store=url) as session,
                _stripped(session) if name == "bare" else nullcontext(),
                _Clock() as clock,
            ):
                report = session.contacts.sync()
            linked.add(report.counts["contacts"]["linked"])
            if number:
                found[name].append(clock.cpu)
    return {"linked": sorted(linked), **{name: statistics.median(cpu) for name, cpu in found.items()}}


@contextmanager
def _stripped(session: Any) -> Iterator[None]:
    """Take events and guards away: nobody is told anything, and what fails fails as a whole."""
    from keapbridge.events.delivery import Delivery
    from keapbridge.sync.guard import Guard

    def at_once(_: Any, items: Any, work: Any, __: Any) -> Any:
        return (yield from work(items)) if items else []

    bridge = session._engine.bridge  # noqa: SLF001 - there is no public way to be without them
    deaf = Delivery()
    object.__setattr__(bridge.settings.watch, "tell", deaf)
    session._driver._tell = deaf  # noqa: SLF001
    kept = Guard.by_halves, Guard.went_well
    patched: Any = Guard
    patched.by_halves, patched.went_well = at_once, lambda _: None
    try:
        yield
    finally:
        patched.by_halves, patched.went_well = kept


def incremental(keap: str, customcrm: str, store: str, times: int) -> Found:
    """Syncs that find nothing new; the first one, which reads the store's file into memory, does not count."""
    clocks = []
    with _session(keap, customcrm, store) as session:
        session.contacts.sync()
        for _ in range(times):
            with _Clock() as clock:
                report = session.contacts.sync()
            clocks.append(clock)
            assert not any(report.counts["contacts"].values()), report
        counted = session._engine.bridge.store.links.count("contacts")  # noqa: SLF001 - no public count, and a list takes long
        links = session._driver.run(counted)  # noqa: SLF001
    return {
        "links": links,
        "wall": statistics.median(clock.wall for clock in clocks),
        "cpu": statistics.median(clock.cpu for clock in clocks),
    }


def write(keap: str, customcrm: str, key: str, token: str, store: str, *, full: bool = False) -> Found:
    """A sync with the emulators: planned, then applied; no change is looked for that is older than the last sync."""
    import keapbridge as kb

    ours = kb.KeapClient(auth=kb.KeapApiKey(key), base_url=keap)
    theirs = kb.CustomcrmClient(customcrm, auth=kb.BearerToken(token))
    with kb.SyncSession(customcrm=theirs, keap=ours, store=_url(store), overlap=timedelta(0)) as session:
        with _Clock() as planning:
            plan = session.contacts.plan(full=full)
        with _Clock() as applying:
            report = session.apply(plan)
    counts = {heading: number for heading, number in report.counts["contacts"].items() if number}
    found = {"counts": counts, "run_id": report.run_id}
    return found | {"plan_wall": planning.wall, "apply_wall": applying.wall, "apply_cpu": applying.cpu}


def undo(keap: str, customcrm: str, key: str, token: str, store: str, run_id: str) -> Found:
    """Take a run back, with the emulators."""
    import keapbridge as kb

    ours = kb.KeapClient(auth=kb.KeapApiKey(key), base_url=keap)
    theirs = kb.CustomcrmClient(customcrm, auth=kb.BearerToken(token))
    with (
        kb.SyncSession(customcrm=theirs, keap=ours, store=_url(store), overlap=timedelta(0)) as session,
        _Clock() as clock,
    ):
        report = session.undo(run_id)
    counts = {heading: number for heading, number in report.counts["contacts"].items() if number}
    return {"counts": counts, "wall": clock.wall, "cpu": clock.cpu}


def tenant(worlds: list[dict[str, str]], stores: list[str], rounds: int) -> Found:
    """Quiet syncs of one tenant in kept sessions, one on each store, in turns; the statements are of the first one."""
    import keapbridge as kb

    with ExitStack() as opened:
        sessions = []
        for at, store in zip(worlds, stores, strict=True):
            keap = opened.enter_context(kb.KeapClient(auth=kb.KeapApiKey(at["key"]), base_url=at["keap"]))
            crm = opened.enter_context(kb.CustomcrmClient(at["customcrm"], auth=kb.BearerToken(at["token"])))
            session = kb.SyncSession(customcrm=crm, keap=keap, store=store, overlap=timedelta(0))
            sessions.append(opened.enter_context(session))
        for session in sessions * 3:
            session.sync()
        clocks: list[list[_Clock]] = [[] for _ in sessions]
        for _ in range(rounds):
            for its, session in zip(clocks, sessions, strict=True):
                with _Clock() as clock:
                    report = session.sync()
                its.append(clock)
                assert report.counts["contacts"] == {"unchanged": 1}, report  # the newest
        told = _statements(sessions[0])
    cpu = [statistics.median(clock.cpu for clock in its) for its in clocks]
    return {"cpu": cpu, "statements": told}


def _statements(session: Any) -> int:
    """How many statements a sync gives to psycopg; those that begin and end transactions come besides."""
    import psycopg

    told: list[object] = []
    kept = {name: getattr(psycopg.Cursor, name) for name in ("execute", "executemany")}

    def noted(name: str) -> Callable[..., Any]:
        def execute(*given: Any, **further: Any) -> Any:
            told.append(given[1])
            return kept[name](*given, **further)

        return execute

    for name in kept:
        setattr(psycopg.Cursor, name, noted(name))
    session.sync()
    for name, method in kept.items():
        setattr(psycopg.Cursor, name, method)
    return len(told)


TASKS: dict[str, Callable[..., Found]] = {
    "list-typed": list_typed,
    "list-untyped": list_untyped,
    "list-sdk": list_sdk,
    "list-both": list_both,
    "fill": fill,
    "first-sync": first_sync,
    "reconcile": reconcile,
    "incremental": incremental,
    "overhead": overhead,
    "write": write,
    "undo": undo,
    "tenant": tenant,
}


def _written() -> int:
    """The bytes that this process has written so far, nearly all of them to its store; 0 where nobody counts them."""
    counts = Path("/proc/self/io")
    lines = counts.read_text("utf-8").splitlines() if counts.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("wchar:")), 0)


def peak_rss() -> int:
    """The most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Run a task and print what it found."""
    found = TASKS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(found | {"rss": peak_rss()}))


if __name__ == "__main__":
    main()
