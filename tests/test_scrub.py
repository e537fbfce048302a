"""What may be told to anybody: no words of another system, nothing that looks like it is of somebody."""

from __future__ import annotations

import pytest

from keapbridge._scrub import shown_id, shown_reason


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            "400 for a new contact: Planted Person (again: odd) is no name (POST http://127.0.0.1:1/v2/contacts)",
            "400 for a new contact (POST)",
        ),
        (
            "422 for contact p.person@example.org: bad (PATCH http://x/contacts/p%40example.org); the next run …",
            "422 for contact (PATCH); the next run …",
        ),
        ("404 for contact 12 (GET http://x/contacts/12)", "404 for contact (GET)"),
        ("no answer: refused (GET http://x/contacts/12)", "no answer: refused"),
        ("a value like 'Planted Person' does not fit", "a value like ‹…› does not fit"),
        ("p.person@example.org or +47 22 33 44 55", "‹e-mail› or ‹number›"),
        (
            "born 1980-02-03; the quota begins anew at 2026-11-29 00:00 UTC, and 'Ada' waits",
            "born ‹number›; the quota begins anew at 2026-11-29 00:00 UTC, and ‹…› waits",
        ),
        (
            "'Ada' of many: apply it with accept=['first-creates'], not accept=['Ada Berg']",
            "‹…› of many: apply it with accept=['first-creates'], not accept=[‹…›]",
        ),
        ("edited on both sides, and the policy doesn't decide", "edited on both sides, and the policy doesn't decide"),
    ],
)
def test_a_reason_keeps_what_is_ours(reason: str, shown: str) -> None:
    assert shown_reason(reason) == shown


def test_an_id_is_shown_unless_it_is_words_or_an_address() -> None:
    assert [shown_id(id) for id in (None, "A7", "p@example.org", "Planted Person")] == [None, "A7", "‹id›", "‹id›"]
