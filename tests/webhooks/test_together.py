"""What waits for the store is written together, and one that cannot be written fails alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from keapbridge.errors import LinkStoreError
from keapbridge.webhooks import threads
from keapbridge.webhooks import together as its_module
from keapbridge.webhooks.together import LARGEST, MOST, MOST_WAITING, Together

PATIENCE = 30.0


@attrs.define
class Store:
    """It takes what it is given once the gate is open, refuses what is negative, and is out of reach for 13."""

    gate: threading.Event = attrs.field(factory=threading.Event)
    begun: threading.Event = attrs.field(factory=threading.Event)
    batches: list[list[int]] = attrs.field(factory=list)

    def write(self, numbers: Sequence[int]) -> list[int]:
        self.begun.set()
        assert self.gate.wait(PATIENCE)
        self.batches.append(list(numbers))
        if 13 in numbers:
            raise LinkStoreError("no connection")
        if min(numbers) < 0:
            raise LinkStoreError("no negative numbers", refused=True)
        return [2 * number for number in numbers]


def test_all_that_comes_while_one_is_written_is_written_next_at_once() -> None:
    store = Store()
    together = Together(store.write)
    first = together.submit(0)
    assert store.begun.wait(PATIENCE)
    others = [together.submit(number) for number in range(1, 10)]
    store.gate.set()
    assert [future.result(PATIENCE) for future in (first, *others)] == list(range(0, 20, 2))
    assert store.batches == [[0], list(range(1, 10))]


def test_no_more_are_written_at_once_than_fit_in_one_transaction() -> None:
    store = Store()
    together = Together(store.write)
    together.submit(0)
    assert store.begun.wait(PATIENCE)
    others = [together.submit(number + 20) for number in range(MOST + 1)]
    store.gate.set()
    assert others[-1].result(PATIENCE) == 2 * (MOST + 20)
    assert list(map(len, store.batches)) == [1, MOST, 1]


def test_what_is_large_is_written_by_itself_and_in_the_order_in_which_it_came() -> None:
    store = Store()
    together = Together(store.write)
    together.submit(0)
    assert store.begun.wait(PATIENCE)
    sizes = [LARGEST, 1, LARGEST - 1, 1, 10 * LARGEST, 1]
    others = [together.submit(number, size) for number, size in enumerate(sizes, 20)]
    store.gate.set()
    assert [future.result(PATIENCE) for future in others] == [2 * number for number in range(20, 26)]
    assert store.batches == [[0], [20], [21, 22], [23], [24], [25]]


def test_what_would_pile_up_before_a_store_that_hangs_is_told_to_come_back() -> None:
    store = Store()
    together = Together(store.write)
    together.submit(0)
    assert store.begun.wait(PATIENCE)
    taken = [together.submit(number, MOST_WAITING // 4) for number in range(20, 24)]
    with pytest.raises(LinkStoreError, match="more waits"):
        together.submit(24, 1).result(PATIENCE)
    store.gate.set()
    assert [future.result(PATIENCE) for future in taken] == [40, 42, 44, 46]
    assert together.submit(25, 2 * MOST_WAITING).result(PATIENCE) == 50, "what is larger than all is taken alone"


def test_one_that_is_refused_fails_alone() -> None:
    store = Store()
    together = Together(store.write)
    together.submit(0)
    assert store.begun.wait(PATIENCE)
    futures = [together.submit(number) for number in (1, -1, 2)]
    store.gate.set()
    assert [future.result(PATIENCE) for future in (futures[0], futures[2])] == [2, 4]
    with pytest.raises(LinkStoreError, match="negative"):
        futures[1].result(PATIENCE)


def test_a_store_that_is_out_of_reach_fails_all_that_wait_and_is_asked_once() -> None:
    store = Store()
    together = Together(store.write)
    together.submit(0)
    assert store.begun.wait(PATIENCE)
    futures = [together.submit(number) for number in (1, 13)]
    store.gate.set()
    for future in futures:
        with pytest.raises(LinkStoreError, match="no connection"):
            future.result(PATIENCE)
    assert together.submit(3).result(PATIENCE) == 6
    assert store.batches == [[0], [1, 13], [3]]


def test_what_nobody_waits_for_any_more_is_written() -> None:
    store = Store()
    together = Together(store.write)
    first = together.submit(1)
    assert not first.cancel()
    store.gate.set()
    assert first.result(PATIENCE) == 2


def test_receivers_that_always_have_something_to_write_leave_the_threads_to_others() -> None:
    done = threading.Event()

    def never_empty() -> Together[int, int]:
        def write(numbers: Sequence[int]) -> Sequence[int]:
            if not done.is_set():
                together.submit(0)
            return numbers

        together = Together(write)
        return together

    for _ in range(threads.MOST):
        never_empty().submit(0)
    other: Together[int, int] = Together(lambda numbers: numbers)
    try:
        assert other.submit(1).result(PATIENCE) == 1
    finally:
        done.set()


def test_what_comes_while_the_process_ends_is_refused_and_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended, going_on = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    ended.shutdown()
    together = Together(Store(gate=_open()).write)
    monkeypatch.setattr(its_module, "for_inboxes", lambda: ended)
    for number in range(2):
        with pytest.raises(RuntimeError, match="shutdown"):
            together.submit(number).result(PATIENCE)
    monkeypatch.setattr(its_module, "for_inboxes", lambda: going_on)
    assert together.submit(3).result(PATIENCE) == 6
    going_on.shutdown()


def _open() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate
