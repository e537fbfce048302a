"""The collector is kept out for a while, loses nothing by it, and what the host has told it stays so."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from keapbridge._flow import uncollected as module
from keapbridge._flow.uncollected import MANY, uncollected


class _Node:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_old", module._Old())
    assert gc.isenabled()
    gc.collect()
    yield
    gc.enable()
    gc.unfreeze()


def test_it_does_not_come_within_and_comes_again_after_it() -> None:
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_after_an_error_it_comes_again() -> None:
    with pytest.raises(LookupError), uncollected():
        raise LookupError
    assert gc.isenabled()


def test_where_the_host_has_turned_it_off_it_stays_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_many_objects_in_use_are_old_at_once() -> None:
    with uncollected():
        kept = [[n] for n in range(2 * MANY)]
    assert gc.get_count()[0] < MANY
    young = {id(each) for each in gc.get_objects(generation=0)}
    assert not any(id(each) in young for each in kept)
    assert gc.get_freeze_count() == 0


def test_what_the_host_has_put_aside_stays_there() -> None:
    gc.freeze()
    aside = gc.get_freeze_count()
    with uncollected():
        kept = [[n] for n in range(2 * MANY)]
    assert kept
    assert gc.get_freeze_count() == aside


def test_cycles_that_were_taken_for_old_are_dropped_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10 * MANY)
    with uncollected():
        left = weakref.ref(_Node())
        kept = [[n] for n in range(2 * MANY)]
    assert kept
    assert left() is not None
    for _ in range(10):
        kept.clear()
        with uncollected():
            kept = [[n] for n in range(2 * MANY)]
    assert left() is None
