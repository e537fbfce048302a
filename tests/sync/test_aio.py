"""The session for an event loop: the same methods with the same signatures, and the same refusals."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.sync import aio, session

RENAMED = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__"}
FETCHING = {"links", "stop", "_repr_html_"}  # as it is iterated over, told, or shown
TWINS = [(session.SyncSession, aio.AsyncSyncSession), (session.ObjectSync, aio.AsyncObjectSync)]


class OnlyContacts:
    """A Customcrm with contacts and nothing else; nobody asks it for any here."""

    objects = ("contacts",)
    capabilities = kb.AdapterCapabilities()

    async def list_changes(self, *_: Any) -> Any:
        raise AssertionError

    get_many = create = update = delete = list_changes


def methods(cls: type) -> dict[str, Any]:
    return {name: m for name, m in vars(cls).items() if inspect.isfunction(m) and name not in {"__init__", "__repr__"}}


def opened(**options: Any) -> aio.AsyncSyncSession:
    keap = kb.AsyncKeapClient(auth=kb.KeapApiKey("key"), base_url="http://127.0.0.1:9")
    return aio.AsyncSyncSession(customcrm=OnlyContacts(), keap=keap, store="sqlite://", **options)


@pytest.mark.parametrize(("plain", "twin"), TWINS, ids=["session", "object"])
def test_the_twins_have_the_same_methods_with_the_same_signatures(plain: type, twin: type) -> None:
    ours, theirs = methods(plain), methods(twin)
    assert {RENAMED.get(name, name) for name in ours} == theirs.keys()
    for name, method in ours.items():
        other = theirs[RENAMED.get(name, name)]
        assert inspect.signature(method) == inspect.signature(other), name
        assert inspect.iscoroutinefunction(other) is (name not in FETCHING), name


def test_an_option_that_there_is_not_is_named() -> None:
    with pytest.raises(TypeError, match="a session has no option polcy"):
        opened(polcy=kb.Policy())


def test_a_client_of_the_other_kind_of_session_is_refused() -> None:
    keap: Any = kb.KeapClient(auth=kb.KeapApiKey("key"), base_url="http://127.0.0.1:9")
    with pytest.raises(TypeError, match="this session needs AsyncKeapClient, not KeapClient"):
        aio.AsyncSyncSession(customcrm=OnlyContacts(), keap=keap, store="sqlite://")


def test_what_this_customcrm_does_not_have_is_named_with_what_it_has() -> None:
    async def ask() -> None:
        async with opened(name="shop") as made:
            assert repr(made) == "<AsyncSyncSession 'shop'>"
            assert await made.failures() == []
            with pytest.raises(LookupError, match="this Customcrm has no companies; it has contacts"):
                await made.companies.sync()

    asyncio.run(ask())
