"""Two systems that users keep editing while processes that sync them die or compete, and what must be true in the end.

Every field is edited in one system only, so that whoever edits last is right and nothing is a conflict.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, KeapBehaviour, KeapEmulator

SCRIPT = Path(__file__).with_name("one_run.py")


@attrs.frozen
class Runner:
    """A process of `one_run.py`."""

    process: subprocess.Popen[str]

    def listen(self) -> str:
        """The next line it says; empty when it is dead."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, what: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def kill(self) -> str:
        """SIGKILL: nothing in the process can take notice of it. Answers what it had said before."""
        assert self.process.stdout is not None
        self.process.kill()
        last_words = self.process.stdout.read().strip()
        self.close()
        return last_words

    def close(self) -> None:
        pipes: list[IO[str] | None] = [self.process.stdin, self.process.stdout]
        for pipe in pipes:
            if pipe is not None:
                pipe.close()
        self.process.wait(timeout=120)


@attrs.define
class Office:
    """Two systems and their users, who add and edit records of all kinds.

    Attributes:
        wanted: what the last edit of a field left: (table of Customcrm, name of the record, field) → value.
    """

    keap: KeapEmulator
    crm: CustomcrmEmulator
    store: str
    rng: random.Random
    wanted: dict[tuple[str, str, str], str] = attrs.field(factory=dict)
    added: int = 0

    def add(self, number: int) -> None:
        """New records on both sides, half of the contacts without an e-mail address."""
        for _ in range(number):
            self.added += 1
            name = f"R{self.added}"
            kind = self.rng.choice(("contact", "contact", "nomail", "nomail", "company", "product"))
            if self.rng.random() < 0.5:
                self._add_to_customcrm(kind, name)
            else:
                self._add_to_keap(kind, name)

    def _add_to_customcrm(self, kind: str, name: str) -> None:
        state = self.crm.state
        match kind:
            case "company":
                state.customers.add({"Name": name, "City": "Oslo"})
            case "product":
                state.products.add({"Name": name, "Price": "1.50", "Currency": "USD"})
            case _:
                companies = list(state.customers)
                reach = {"Email": f"{name.lower()}@example.org"} if kind == "contact" else {"Phone": _phone(name)}
                company = self.rng.choice(companies) if companies else None
                state.contacts.add({"FirstName": name, "LastName": "L" * 50, "CustomerId": company, **reach})

    def _add_to_keap(self, kind: str, name: str) -> None:
        state = self.keap.state
        match kind:
            case "company":
                state.companies.add({"company_name": name, "address": {"locality": "Oslo"}})
            case "product":
                state.products.add({"name": name, "price": 150, "short_description": name})
            case "contact":
                address = {"email": f"{name.lower()}@example.org", "field": "EMAIL1"}
                state.contacts.add({"given_name": name, "email_addresses": [address]})
            case _:
                number = {"number": _phone(name).removeprefix("+1 "), "field": "PHONE1"}
                state.contacts.add({"given_name": name, "family_name": "Quiet", "phone_numbers": [number]})

    def edit(self, number: int) -> None:
        """Edits of records that may be linked, new, or half made at this moment."""
        for n in range(number):
            value = f"{n} {self.rng.random()}"
            table, field, theirs = self.rng.choice(
                (
                    ("contacts", "JobTitle", None),
                    ("contacts", "MiddleName", "middle_name"),
                    ("customers", "City", None),
                    ("products", "Description", "description"),
                )
            )
            if theirs is None:
                records: Any = getattr(self.crm.state, table)
                changes, name_of = {field: value}, "FirstName" if table == "contacts" else "Name"
            else:
                records = getattr(self.keap.state, table)
                changes, name_of = {theirs: value}, "given_name" if table == "contacts" else "name"
            ids = list(records)
            if ids:
                id_ = self.rng.choice(ids)
                records.edit(id_, **changes)
                self.wanted[table, records[id_][name_of], field] = value

    def options(self, **options: Any) -> str:
        """What a runner is started with."""
        return json.dumps(
            {
                "keap_url": self.keap.base_url,
                "keap_key": self.keap.api_key,
                "crm_url": self.crm.base_url,
                "crm_token": self.crm.token,
                "store": self.store,
                "term": None,
                "wait": 0.0,
            }
            | options
        )

    def assert_in_step(self) -> None:
        """Nothing is left to do, every record has exactly one counterpart that holds the same, no edit was lost."""
        ours, theirs = self.crm.state.snapshot(), self.keap.state.snapshot()
        sides = {
            "customers": ("Name", "companies", "company_name"),
            "products": ("Name", "products", "name"),
            "contacts": ("FirstName", "contacts", "given_name"),
        }
        with (
            kb.CustomcrmClient(self.crm.base_url, auth=kb.BearerToken(self.crm.token)) as crm,
            kb.KeapClient(auth=kb.KeapApiKey(self.keap.api_key), base_url=self.keap.base_url) as keap,
            kb.SyncSession(customcrm=crm, keap=keap, store=self.store) as session,
        ):
            plan = session.plan(full=True)
            assert plan.is_empty, "\n".join(map(str, plan.actions))
            for table, (name, their_table, their_name) in sides.items():
                names = Counter(record[name] for record in ours[table].values())
                their_names = Counter(record[their_name] for record in theirs[their_table].values())
                assert names == their_names, f"{table}: {names - their_names} {their_names - names}"
                twice = [r for r in theirs[their_table].values() if names[r[their_name]] > 1]
                assert not twice, f"{table}: {twice}"
                partners = {r[their_name]: id_ for id_, r in theirs[their_table].items()}
                links = {(link.customcrm_id, link.keap_id) for link in getattr(session, their_table).links()}
                assert links == {(id_, partners[record[name]]) for id_, record in ours[table].items()}, table
        held = {(table, r[name]): r for table, (name, _, _) in sides.items() for r in ours[table].values()}
        assert {key: held[key[:2]][key[2]] for key in self.wanted} == self.wanted
        shown = {(table, r[n]): r for table, (_, theirs_, n) in sides.items() for r in theirs[theirs_].values()}
        assert {key: _in_keap(shown[key[:2]], key[2]) for key in self.wanted} == self.wanted


def _phone(name: str) -> str:
    """Of one person only: who shares it and comes later is not made."""
    return f"+1 602 2{int(name[1:]) // 10_000:02}-{int(name[1:]) % 10_000:04}"


def _in_keap(record: dict[str, Any], field: str) -> Any:
    if field == "City":
        return (record.get("address") or {}).get("locality")
    return record.get({"JobTitle": "job_title", "MiddleName": "middle_name", "Description": "description"}[field])


@pytest.fixture
def keap_behaviour() -> KeapBehaviour:
    """A Keap that stores another form of what it is given."""
    return KeapBehaviour(truncate_silently=True, reformat_phones=True)


@pytest.fixture
def office(keap_server: KeapEmulator, crm_server: CustomcrmEmulator, store: str, rng: random.Random) -> Office:
    return Office(keap_server, crm_server, store, rng)


@pytest.fixture
def start(office: Office) -> Iterator[Callable[..., Runner]]:
    """Starts processes that sync the office; they end with the test."""
    runners: list[Runner] = []

    def launch(**options: Any) -> Runner:
        command = [sys.executable, str(SCRIPT), office.options(**options)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        runners.append(Runner(process))
        return runners[-1]

    yield launch
    for runner in runners:
        if runner.process.poll() is None:
            runner.kill()
