"""A store belongs to one Keap application: whatever is asked of it with another one, nothing is planned or written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
from tiers import variants

import keapbridge as kb
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

SERVED = ("GET", "HEAD")


@attrs.define
class Office:
    """A CRM, a Keap that was tried and the real one, and one store."""

    crm: CustomcrmEmulator
    sandbox: KeapEmulator
    real: KeapEmulator
    store: str
    stack: ExitStack

    def session(self, keap: KeapEmulator, **options: Any) -> kb.SyncSession:
        enter = self.stack.enter_context
        return enter(
            kb.SyncSession(
                customcrm=enter(kb.CustomcrmClient(self.crm.base_url, auth=kb.BearerToken(self.crm.token))),
                keap=enter(kb.KeapClient(auth=kb.KeapApiKey(keap.api_key), base_url=keap.base_url)),
                store=self.store,
                **options,
            )
        )

    def writes(self) -> list[str]:
        asked = (*self.crm.requests, *self.sandbox.requests, *self.real.requests)
        return [f"{each.method} {each.path}" for each in asked if each.method not in SERVED]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as stack:
        enter = stack.enter_context
        yield Office(
            enter(CustomcrmEmulator()),
            enter(KeapEmulator()),
            enter(KeapEmulator()),
            f"sqlite:///{tmp_path / 'bridge.db'}",
            stack,
        )


def test_nothing_is_planned_or_written_with_another_keap(office: Office) -> None:
    ada = office.crm.state.contacts.add({"FirstName": "Ada", "LastName": "Berg", "Email": "ada@example.org"})
    bob = office.crm.state.contacts.add({"FirstName": "Bob", "Email": "bob@example.org"})
    first = office.session(office.sandbox, policy=kb.Policy(conflicts="manual", max_deletes=None))
    report = first.sync()
    k = next(id for id, each in office.sandbox.state.contacts.items() if each["given_name"] == "Ada")
    office.crm.state.contacts.edit(ada, LastName="Dahl")
    office.sandbox.state.contacts.edit(k, family_name="Dale")
    office.crm.state.contacts.add({"FirstName": "Cyd", "Email": "cyd@example.org"})
    office.crm.state.contacts.edit(bob, JobTitle="Cook")
    first.sync(full=True)
    [conflict] = first.conflicts()
    dan = office.crm.state.contacts.add({"FirstName": "Dan", "Email": "dan@example.org"})
    plan, saved = first.plan(), first.plan()
    office.real.state.contacts.add({"given_name": "Zoe", "family_name": "Quist"})
    before = [s.state.snapshot() for s in (office.crm, office.sandbox, office.real)]
    office.crm.requests.clear(), office.sandbox.requests.clear(), office.real.requests.clear()
    # Each in a session of its own, which has heard nothing before.
    for do in (
        lambda s: s.plan(),
        lambda s: s.sync(full=True),
        lambda s: s.audit(),
        lambda s: s.products.sync(),
        lambda s: s.contacts.sync_ids(keap=[k]),
        lambda s: s.contacts.sync_ids(customcrm=[dan]),
        lambda s: s.apply(plan),
        lambda s: s.apply(saved.id),
        lambda s: s.resolve(conflict, kb.Side.KEAP),
        lambda s: s.undo(report.run_id),
        lambda s: s.explain("contacts", keap=k),
    ):
        with pytest.raises(kb.OtherSystemError) as caught:
            do(office.session(office.real, policy=kb.Policy(conflicts="manual")))
        error = caught.value
        assert (error.side, error.known, error.met) == (kb.Side.KEAP, office.sandbox.tenant, office.real.tenant)
        for word in (office.sandbox.tenant, office.real.tenant, "session.rebind()", "name=", "store="):
            assert word in str(error)
    [found] = office.session(office.real).check().errors
    assert (found.severity, found.place) == ("error", "Keap")
    assert f"belongs to the Keap application {office.sandbox.tenant}" in found.what
    assert "session.rebind()" in found.advice
    assert office.writes() == []
    assert [s.state.snapshot() for s in (office.crm, office.sandbox, office.real)] == before
    # The one that it belongs to goes on, as if nothing had been.
    first.sync()
    assert len(office.sandbox.state.contacts) == 4


def test_it_costs_no_call(office: Office) -> None:
    office.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    office.session(office.sandbox).sync()
    office.sandbox.requests.clear()
    office.session(office.sandbox).sync()
    quiet = [(each.method, each.path) for each in office.sandbox.requests]
    assert len(quiet) == len(set(quiet))
    assert all("page_size=1&" not in each.query for each in office.sandbox.requests)


def test_one_question_is_asked_where_a_create_would_be_the_first(office: Office) -> None:
    office.session(office.sandbox).sync()
    ada = office.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    session = office.session(office.sandbox)
    office.sandbox.requests.clear()
    assert session.contacts.sync_ids(customcrm=[ada]).ok
    methods = [each.method for each in office.sandbox.requests]
    assert methods.index("GET") < methods.index("POST")


@pytest.mark.parametrize("silent", variants(["first", "second", "both"], quick=["second"]))
def test_a_missing_header_refuses_nothing(office: Office, monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    office.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    told: Callable[[Any], str | None] = lambda headers: headers.get("x-keap-tenant-id")  # noqa: E731
    for n, keap in (("first", office.sandbox), ("second", office.sandbox)):
        is_silent = silent in {n, "both"}
        monkeypatch.setattr("keapbridge.sync.belonging.tenant_of", (lambda _: None) if is_silent else told)
        assert office.session(keap).sync().ok
    assert len(office.sandbox.state.contacts) == 1


def test_an_error_tells_as_well_whose_it_is(office: Office) -> None:
    office.session(office.sandbox).sync()
    office.real.faults.add(Fault(status=404), times=1)
    with pytest.raises(kb.OtherSystemError):
        office.session(office.real).sync()


def test_names_keep_several_apart_in_one_store(office: Office) -> None:
    office.crm.state.contacts.add({"FirstName": "Ada", "Email": "ada@example.org"})
    assert office.session(office.sandbox).sync().ok
    assert office.session(office.real, name="real").sync().ok
    assert len(office.real.state.contacts) == 1
