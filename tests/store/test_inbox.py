"""The inbox: what is delivered is work until it has been synced. How it is received and done: `webhooks/`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS

from keapbridge.model.side import Side
from keapbridge.store.inbox import Arrival, Counts, Due, Message, SqlInbox
from keapbridge.store.sql import LinkStore

SOON, LATER = NOON + timedelta(seconds=10), NOON + timedelta(hours=1)


@pytest.fixture
def inbox(toys: LinkStore) -> SqlInbox:
    return SqlInbox(toys)


def _put(inbox: SqlInbox, id: str, mark: str = "1", side: Side = KEAP, message: Message | None = None) -> bool:
    return inbox.put([Arrival(TOYS, side, id, "updated", mark)], NOON, SOON, message)


def _due(inbox: SqlInbox, limit: int = 10) -> list[tuple[Side, str, int]]:
    return [(due.side, due.id, due.tries) for due in inbox.due(TOYS, SOON, limit)]


def _only(inbox: SqlInbox) -> Due:
    (due,) = inbox.due(TOYS, SOON, 10)
    return due


def test_a_record_is_due_at_its_time_and_once_however_often_it_was_delivered(inbox: SqlInbox) -> None:
    for mark in ("1", "1", "2"):
        assert _put(inbox, "B", mark)
    _put(inbox, "A")
    _put(inbox, "B", side=CUSTOMCRM)
    assert inbox.next_due() == SOON
    assert inbox.due(TOYS, SOON - timedelta(microseconds=1), 10) == []
    assert _due(inbox) == [(KEAP, "B", 0), (KEAP, "A", 0), (CUSTOMCRM, "B", 0)]
    assert _due(inbox, 1) == [(KEAP, "B", 0)]
    assert inbox.due("trains", SOON, 10) == []
    assert inbox.counts() == Counts(3, 0, 0, NOON)


def test_it_is_known_when_the_last_event_of_a_side_came(inbox: SqlInbox) -> None:
    assert inbox.last_received(KEAP) is None
    _put(inbox, "A")
    assert inbox.last_received(KEAP) == NOON
    assert inbox.last_received(CUSTOMCRM) is None
    inbox.finish(TOYS, [_only(inbox)], None)
    assert inbox.last_received(KEAP) == NOON
    inbox.prune(LATER)
    assert inbox.last_received(KEAP) is None


def test_what_is_known_of_webhooks_is_kept_by_name(inbox: SqlInbox) -> None:
    assert inbox.noted("hooks") is None
    for text in ("three", "four"):
        inbox.note("hooks", text)
        assert inbox.noted("hooks") == text


def test_the_same_message_is_taken_once_unless_its_sender_signs_it_anew(inbox: SqlInbox) -> None:
    assert _put(inbox, "A", message=Message("m", 10))
    for signed_at in (10, 9):
        assert not _put(inbox, "B", message=Message("m", signed_at))
    assert _due(inbox) == [(KEAP, "A", 0)], "nothing of it was kept"
    assert _put(inbox, "B", message=Message("m", 11))
    assert _put(inbox, "C", message=Message("n", 10))


def test_what_is_settled_is_done(inbox: SqlInbox) -> None:
    _put(inbox, "A")
    inbox.finish(TOYS, [_only(inbox)], None)
    assert inbox.next_due() is None
    assert inbox.counts() == Counts(0, 0, 0, None)
    assert _put(inbox, "A")  # delivered twice: known
    assert _due(inbox) == []


def test_what_comes_during_a_sync_is_not_settled_by_it(inbox: SqlInbox) -> None:
    _put(inbox, "A")
    due = _only(inbox)
    _put(inbox, "A", "2")
    inbox.finish(TOYS, [due], None)
    assert _due(inbox) == [(KEAP, "A", 0)]


def test_where_something_newer_was_delivered_no_second_look_is_needed(inbox: SqlInbox) -> None:
    _put(inbox, "A")
    due = _only(inbox)
    much_later = LATER + timedelta(hours=1)
    inbox.put([Arrival(TOYS, KEAP, "A", "updated", "2")], NOON, much_later)
    inbox.finish(TOYS, [due], LATER)
    assert inbox.next_due() == much_later


def test_only_keap_is_looked_at_again_and_only_once(inbox: SqlInbox) -> None:
    _put(inbox, "A")
    _put(inbox, "a", side=CUSTOMCRM)
    inbox.finish(TOYS, inbox.due(TOYS, SOON, 10), LATER)
    assert inbox.counts() == Counts(0, 0, 1, None)
    assert inbox.next_due() == LATER
    again = inbox.due(TOYS, LATER, 10)
    assert [due.id for due in again] == ["A"]
    inbox.finish(TOYS, again, LATER)
    assert inbox.next_due() is None


def test_what_could_not_be_synced_is_tried_again_at_its_time(inbox: SqlInbox) -> None:
    _put(inbox, "A")
    inbox.postpone(TOYS, {_only(inbox): LATER})
    assert _due(inbox) == []
    (due,) = inbox.due(TOYS, LATER, 10)
    assert due.tries == 1
    assert inbox.counts() == Counts(1, 1, 0, NOON)
    inbox.finish(TOYS, [due], None)
    assert inbox.counts() == Counts(0, 0, 0, None)


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=365)])
def test_what_was_received_or_put_off_while_a_clock_was_ahead_is_due(inbox: SqlInbox, ahead: timedelta) -> None:
    inbox.put([Arrival(TOYS, KEAP, "A", "updated", "1")], NOON + ahead, SOON + ahead, None)
    assert _due(inbox) == [(KEAP, "A", 0)]
    inbox.finish(TOYS, [_only(inbox)], None)
    _put(inbox, "B")
    inbox.postpone(TOYS, {_only(inbox): NOON + timedelta(days=300)})
    assert _due(inbox) == [(KEAP, "B", 1)]


def test_only_what_is_old_and_done_is_forgotten(inbox: SqlInbox) -> None:
    _put(inbox, "A", message=Message("m", 10))
    inbox.finish(TOYS, [_only(inbox)], None)
    _put(inbox, "B")
    inbox.prune(NOON)
    assert not _put(inbox, "A", message=Message("m", 10)), "it is not old yet"
    inbox.prune(LATER)
    assert _due(inbox) == [(KEAP, "B", 0)]
    assert _put(inbox, "A", message=Message("m", 10))
    assert _due(inbox) == [(KEAP, "B", 0), (KEAP, "A", 0)]


def test_the_token_is_the_first_that_was_made(inbox: SqlInbox, others: LinkStore) -> None:
    assert [inbox.token("one"), inbox.token("two"), SqlInbox(others).token("three")] == ["one", "one", "three"]


def test_a_bridge_has_an_inbox_of_its_own(inbox: SqlInbox, others: LinkStore) -> None:
    _put(inbox, "A", message=Message("m", 10))
    other, due = SqlInbox(others), _only(inbox)
    assert other.next_due() is None
    other.finish(TOYS, [due], None)
    other.prune(LATER)
    assert _due(inbox) == [(KEAP, "A", 0)]
    assert _put(other, "A", message=Message("m", 10))
    assert other.counts() == inbox.counts() == Counts(1, 0, 0, NOON)
