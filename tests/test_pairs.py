"""Twins: what the sync classes offer, the async ones offer with the same signature, and the other way round."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.customcrm.resources import AsyncCustomcrmResource, SyncCustomcrmResource
from keapbridge.keap.hooks import AsyncKeapHooks, SyncKeapHooks
from keapbridge.keap.resources import (
    AsyncKeapResource,
    AsyncKeapResourceWithFields,
    SyncKeapResource,
    SyncKeapResourceWithFields,
)
from keapbridge.sync.aio import AsyncObjectSync
from keapbridge.sync.session import ObjectSync

PAIRS = [
    (kb.KeapClient, kb.AsyncKeapClient),
    (kb.CustomcrmClient, kb.AsyncCustomcrmClient),
    (kb.SyncSession, kb.AsyncSyncSession),
    (SyncKeapResource, AsyncKeapResource),
    (SyncKeapResourceWithFields, AsyncKeapResourceWithFields),
    (SyncKeapHooks, AsyncKeapHooks),
    (SyncCustomcrmResource, AsyncCustomcrmResource),
    (ObjectSync, AsyncObjectSync),
]
pairs = pytest.mark.parametrize(("ours", "twin"), PAIRS, ids=lambda cls: cls.__name__)

RENAMED = {"close": "aclose"}
# Only an event loop can call an ASGI application.
ONLY_ASYNC = {"app"}
# They fetch as they are iterated over, or only set a flag.
NOT_AWAITED = {"ObjectSync.links", "SyncSession.stop", "SyncKeapResource.list", "SyncCustomcrmResource.list"}


def _methods(cls: type) -> dict[str, Any]:
    return {n: m for n, m in inspect.getmembers(cls, inspect.isfunction) if not n.startswith("_")}


def _parameters(function: Any) -> list[tuple[str, Any, Any, str]]:
    found = inspect.signature(function).parameters.values()
    return [
        (p.name, p.kind, p.default, _twin(str(p.annotation)))
        for p in found
        if p.name not in {"self", "driver", *ONLY_ASYNC}
    ]


def _twin(annotation: str) -> str:
    return annotation.replace("Async", "").replace("Sync", "")


@pairs
def test_twins_have_the_same_methods(ours: type, twin: type) -> None:
    assert {RENAMED.get(name, name) for name in _methods(ours)} == set(_methods(twin))


@pairs
def test_twins_take_the_same_arguments(ours: type, twin: type) -> None:
    for name, method in [("__init__", ours.__init__), *_methods(ours).items()]:
        other = getattr(twin, RENAMED.get(name, name))
        assert _parameters(method) == _parameters(other), name


@pairs
def test_twins_return_the_same(ours: type, twin: type) -> None:
    for name, method in _methods(ours).items():
        other = getattr(twin, RENAMED.get(name, name))
        returned, of_twin = inspect.signature(method).return_annotation, inspect.signature(other).return_annotation
        assert str(of_twin).removeprefix("Async") == str(returned), name
        assert inspect.iscoroutinefunction(other) is (method.__qualname__ not in NOT_AWAITED), name
        assert not inspect.iscoroutinefunction(method), name


@pairs
def test_twins_have_the_same_properties(ours: type, twin: type) -> None:
    def properties(cls: type) -> set[str]:
        return {n for n, _ in inspect.getmembers(cls, lambda m: isinstance(m, property))}

    assert properties(ours) == properties(twin)


@pytest.mark.parametrize("cls", [cls for pair in PAIRS for cls in pair], ids=lambda cls: cls.__name__)
def test_everything_public_is_explained(cls: type) -> None:
    assert inspect.getdoc(cls)
    for name, method in _methods(cls).items():
        assert inspect.getdoc(method), f"{cls.__name__}.{name}"


def test_lists_are_lazy_on_both_sides() -> None:
    for cls, kind in ((SyncKeapResource, Iterator), (AsyncKeapResource, AsyncIterator)):
        assert inspect.signature(cls.list).return_annotation == f"{kind.__name__}[R]"


def test_every_public_name_is_there() -> None:
    assert len(set(kb.__all__)) == len(kb.__all__)
    for name in kb.__all__:
        assert getattr(kb, name) is not None
