"""What an undoing is about to write is noted, and forgotten once it is known what became of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import begin_run, run
from toys import World

import keapbridge as kb
from keapbridge.store.sql import LinkStore
from keapbridge.sync.afterwards.undo_notes import UNDOING, Attempts, note, noted
from keapbridge.sync.writing.run import Run


@pytest.fixture
def store() -> LinkStore:
    return World().store


@pytest.fixture
def attempts(store: LinkStore) -> Attempts:
    begin_run(store)
    plan = run(store.plans.get("plan"))
    assert plan is not None
    return Attempts(Run(store, plan, "run"))


def _seqs(store: LinkStore) -> list[int]:
    return [attempt.seq for attempt in run(noted(store))]


def test_what_has_ended_is_left_out_of_the_next_note(store: LinkStore, attempts: Attempts) -> None:
    run(attempts.note([0, 1]))
    assert _seqs(store) == [0, 1]
    attempts.end(0)
    assert _seqs(store) == [0, 1], "nothing is written for a single one"
    run(attempts.note([2]))
    assert _seqs(store) == [1, 2]
    assert len({attempt.key for attempt in run(noted(store))}) == 2


def test_what_never_began_is_not_looked_for(store: LinkStore, attempts: Attempts) -> None:
    run(attempts.note([0, 1, 2]))
    attempts.begin(0)
    attempts.begin(1)
    attempts.end(1)
    run(attempts.close())
    assert _seqs(store) == [0]


def test_what_is_sent_late_is_noted_with_its_new_time(store: LinkStore, attempts: Attempts) -> None:
    run(attempts.note([0]))
    [before] = run(noted(store))
    run(attempts.renew(0, before.at + timedelta(hours=1)))
    [after] = run(noted(store))
    assert (after.key, after.at - before.at) == (before.key, timedelta(hours=1))


def test_a_broken_note_is_no_reason_to_go_on(store: LinkStore) -> None:
    run(note(store, []))
    assert _seqs(store) == []
    run(store.facts.set(UNDOING, "[1"))
    with pytest.raises(kb.LinkStoreError, match="restore a backup"):
        _seqs(store)
