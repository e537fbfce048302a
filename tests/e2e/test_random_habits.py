"""The laws hold whatever Keap's contract leaves open: two systems are kept in step over a Keap of random habits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from random_habits import LAGS, habits_of_seed

import keapbridge as kb
from keapbridge.keap.clearing import habit_of
from keapbridge.keap.habits import Habits
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

CC = kb.customcrm
FIRST = int(os.environ.get("KEAPBRIDGE_TEST_SEED", "1"))
TIERS = [
    *(pytest.param(FIRST + n, marks=pytest.mark.thorough) for n in range(4)),
    *(pytest.param(FIRST + n, marks=pytest.mark.slow) for n in range(4, 60)),
]


@attrs.define
class Pair:
    """Two systems and what is to be true of them."""

    habits: Habits
    keap_server: KeapEmulator
    crm: kb.CustomcrmClient
    session: kb.SyncSession

    @property
    def contacts(self) -> dict[str, Mapping[str, Any]]:
        """Keap's, by the first name."""
        return {document.get("given_name", ""): document for document in self.keap_server.state.contacts.values()}

    @property
    def people(self) -> dict[str, Any]:
        """Customcrm's, by the first name."""
        return {person.first_name or "": person for person in self.crm.contacts.list()}

    def clears(self, name: str) -> bool:
        return any(getattr(self.habits, habit_of(name, way)) == "clears" for way in ("empty", "null", "mask"))

    def settle(self, *, refused: bool = False) -> None:
        """Some runs, after which there is nothing to do but what waits.

        Args:
            refused: whether Keap may refuse something in every way that there is.
        """
        for _ in range(2 if not self.is_late else 6):
            report = self.session.sync()
            bad = [line for line in report.lines if line.outcome in {"failed", "conflict"}]
            assert refused or not bad, report
        if refused:
            return
        written = self.writes
        self.session.sync()
        assert self.writes == written, "what is in step is written again"

    @property
    def is_late(self) -> bool:
        """Whether reads lag behind writes."""
        return "some" in {getattr(self.habits, name) for name in LAGS}

    @property
    def writes(self) -> int:
        return sum(request.method in {"POST", "PATCH", "DELETE"} for request in self.keap_server.requests)


@contextmanager
def paired(habits: Habits, store: Path) -> Iterator[Pair]:
    with (
        KeapEmulator(habits=habits) as keap_server,
        CustomcrmEmulator() as crm_server,
        kb.KeapClient(
            auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url, retry=kb.RetryPolicy(base=0.01)
        ) as keap,
        kb.CustomcrmClient(crm_server.base_url, auth=kb.BearerToken(crm_server.token)) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{store / 'bridge.db'}", currency="USD") as session,
    ):
        yield Pair(habits, keap_server, crm, session)


@pytest.mark.parametrize("seed", TIERS)
def test_a_pair_of_systems_is_kept_in_step(seed: int, tmp_path: Path) -> None:
    habits = habits_of_seed(seed)
    print(f"KEAPBRIDGE_TEST_SEED={seed}\n{habits.to_toml()}")  # noqa: T201 - shown when the test fails
    with paired(habits, tmp_path) as pair:
        state, crm = pair.keap_server.state, pair.crm
        acme = crm.customers.create(CC.Customer(name="Acme", description="old", zip_code="92808-1234", country="US"))
        ada = crm.contacts.create(
            CC.Contact(
                first_name="Ada", email="Ada@Example.org", job_title="Boss", middle_name="K", customer_id=acme.id
            )
        )
        bike = crm.products.create(CC.Product(name="Bike", sku="B-1", price=Decimal("9.50"), currency="USD"))
        bob = state.contacts.add({"given_name": "Bob", "email_addresses": [{"email": "b@x.org", "field": "EMAIL1"}]})
        pair.settle()
        assert (len(state.contacts), len(state.companies), len(state.products)) == (2, 1, 1)
        assert pair.people.keys() == {"Ada", "Bob"}
        assert [customer.zip_code for customer in crm.customers.list()] == ["92808-1234"]

        # An edit on each side reaches the other.
        crm.contacts.update(ada.id, job_title="Chief")
        crm.customers.update(acme.id, description="new", zip_code="85001")
        crm.products.update(bike.id, price=Decimal("12.25"))
        state.contacts.edit(bob, job_title="Clerk")
        pair.settle()
        assert (pair.contacts["Ada"]["job_title"], pair.people["Bob"].job_title) == ("Chief", "Clerk")
        [company], [product] = state.companies.values(), state.products.values()
        assert (company["notes"], product["price"]["amount"]) == ("new", 1225)
        assert company["address"].get("zip_code", "85001") == company["address"]["postal_code"] == "85001"

        # What is emptied stays empty where it was emptied, and becomes so on the other side where Keap takes it.
        crm.contacts.update(ada.id, job_title=None, middle_name=None, customer_id=None)
        crm.customers.update(acme.id, description=None)
        pair.settle(refused=not (pair.clears("job_title") and pair.clears("company")))
        person = crm.contacts.get(ada.id)
        assert (person.job_title, person.middle_name, person.customer_id) == (None, None, None)
        assert crm.customers.get(acme.id).description is None
        if pair.clears("job_title"):
            assert pair.contacts["Ada"].keys().isdisjoint({"job_title", "middle_name"})
        if pair.clears("company"):
            assert "company" not in pair.contacts["Ada"]

        # What is deleted in Keap is kept here, and made by nobody again.
        state.contacts.delete(bob)
        pair.session.sync(full=True)
        pair.session.sync(full=True)
        assert pair.people.keys() == {"Ada", "Bob"}
        assert pair.contacts.keys() == {"Ada"}
