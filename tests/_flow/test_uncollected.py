"""The collector is kept out for a while, loses nothing by it, and what the host has told it stays so."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from keapbridge._flow.uncollected import uncollected


class _Node:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
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


def test_what_the_host_has_put_aside_stays_there() -> None:
    gc.freeze()
    aside = gc.get_freeze_count()
    with uncollected():
        kept = [[n] for n in range(5_000)]
    assert kept
    assert gc.get_freeze_count() == aside


def test_what_the_host_drops_meanwhile_does_not_wait_for_a_collection_of_all() -> None:
    """An answer, a file, a connection may hang on it; and in a large process that seldom comes."""
    with uncollected():
        left = weakref.ref(_Node())
        kept = [[n] for n in range(5_000)]
    assert kept
    gc.collect(1)
    assert left() is None
