"""The session: what cannot work is refused when it is opened, and what a Customcrm does not have is named."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.sync.engine import Engine
from keapbridge.sync.session import ObjectSync, SyncSession


class OnlyContacts:
    """A Customcrm with contacts and nothing else; nobody asks it for any here."""

    objects = ("contacts",)
    capabilities = kb.AdapterCapabilities()

    def list_changes(self, *_: Any) -> Any:
        raise AssertionError

    get_many = create = update = delete = list_changes


@pytest.fixture
def session(unasked: kb.KeapClient) -> Iterator[SyncSession]:
    with SyncSession(customcrm=OnlyContacts(), keap=unasked, store="sqlite://", name="shop") as made:
        yield made


def test_an_option_that_there_is_not_is_named(unasked: kb.KeapClient) -> None:
    wrong: dict[str, Any] = {"polcy": kb.Policy(), "overlaps": 5}
    with pytest.raises(TypeError, match="a session has no option overlaps; is 'overlap' meant"):
        SyncSession(customcrm=OnlyContacts(), keap=unasked, store="sqlite://", **wrong)


def test_what_this_customcrm_does_not_have_is_named_with_what_it_has(session: SyncSession) -> None:
    asked: list[Any] = [
        session.companies.sync,
        session.companies.plan,
        session.products.conflicts,
        session.products.failures,
        lambda: session.explain("companies", keap="1"),
        lambda: session.history("companies", keap="1"),
    ]
    for ask in asked:
        with pytest.raises(LookupError, match=r"this Customcrm has no (companies|products); it has contacts"):
            ask()


def test_a_record_is_named_by_one_id(session: SyncSession) -> None:
    for ids in ({}, {"keap": "1", "customcrm": "2"}):
        with pytest.raises(TypeError, match=r"keap=… or by customcrm=…"):
            session.history("contacts", **ids)


def test_a_client_of_the_other_kind_of_session_is_refused() -> None:
    keap: Any = kb.AsyncKeapClient(auth=kb.KeapApiKey("key"), base_url="http://127.0.0.1:9")
    with pytest.raises(TypeError, match="this session needs KeapClient, not AsyncKeapClient"):
        SyncSession(customcrm=OnlyContacts(), keap=keap, store="sqlite://")


def test_a_new_session_knows_nothing_and_asks_nobody(session: SyncSession) -> None:
    assert (session.conflicts(), session.failures(), list(session.contacts.links())) == ([], [], [])
    assert session.history("contacts", keap="1") == []
    with pytest.raises(kb.StalePlanError):
        session.apply("no such plan")


def test_a_session_says_its_name(session: SyncSession) -> None:
    assert repr(session) == "<SyncSession 'shop'>"


def test_it_can_do_whatever_the_engine_can() -> None:
    def public(cls: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")}

    assert public(Engine) <= public(SyncSession) | public(ObjectSync)
