"""What is promised of lists of changes, and of the times that they go by."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from keapbridge.errors import ShapeError
from keapbridge.testing.contract.bench import LONG_AGO, Bench, first_shown, needs

__all__ = ["Changes"]

A_CLOCK = timedelta(minutes=20)


class Changes:
    """Everything since a moment, by a clock that moves."""

    def test_changes_since_a_moment_include_that_moment(self, bench: Bench) -> None:
        needs(bench.promises.changes_since, "changes_since")
        ids = bench.add(5)
        bench.update(ids[1], **{bench.text: "edited"})
        stamps = {id: bench.stamp(id) for id in ids}
        for moment in stamps.values():
            missed = {id for id in ids if stamps[id] >= moment} - set(bench.listed(moment))
            assert not missed, "changes of the very moment are left out: edits in that moment would never reach Keap"
        assert set(bench.listed(LONG_AGO)) == set(ids), "changes since long ago are not everything: edits get lost"

    def test_changes_in_pages_miss_nothing_when_records_change_meanwhile(self, bench: Bench) -> None:
        needs(bench.promises.changes_since, "changes_since")
        ids = bench.add(12)
        pages = bench.pages(LONG_AGO)
        shown = first_shown(pages)
        for id in shown[:1]:
            bench.update(id, **{bench.text: "edited"})
        shown += [record.id for page in pages for record in page.items]
        assert set(shown) >= set(ids), "an edit during the listing pushes others out of it: their edits are never seen"

    def test_changes_leave_out_what_did_not_change(self, bench: Bench) -> None:
        needs(bench.promises.changes_since, "changes_since")
        ids = bench.add(3)
        later = max(bench.stamp(id) for id in ids) + timedelta(days=1)
        message = "changes_since is promised and ignored: every run reads everything, and no deletion is ever found"
        assert bench.listed(later) == [], message

    def test_changes_tell_of_deletions(self, bench: Bench) -> None:
        needs(bench.promises.tells_deletions, "tells_deletions")
        ids = bench.add(3)
        since = bench.stamp(ids[0])
        bench.delete(ids[1])
        told = [id for page in bench.pages(since) for id in page.deleted]
        assert told == [ids[1]], "deletions are promised and not told: the partner in Keap stays until a complete run"
        assert [id for page in bench.pages() for id in page.deleted] == [], "a complete list needs no tombstones"

    def test_an_edit_moves_the_time_of_change(self, bench: Bench) -> None:
        needs(bench.promises.changes_since, "changes_since")
        [id] = bench.add(1)
        before = bench.stamp(id)
        for n in range(3):
            bench.update(id, **{bench.text: f"edited {n}"})
            after = bench.stamp(id)
            assert after >= before, "UpdatedAt went back: the edit is older than the last run and is never seen"
            assert id in bench.listed(after), "an edited record is not among the changes: the edit never reaches Keap"
            before = after

    def test_the_time_of_change_is_that_of_a_clock_and_moves(self, bench: Bench) -> None:
        needs(bench.promises.changes_since, "changes_since")
        [id] = bench.add(1)
        page = next(page for page in bench.pages() if page.items)
        first, clock = bench.stamp(id), page.served_at or datetime.now(UTC)
        apart = abs(first - clock)
        assert apart < A_CLOCK, (
            f"UpdatedAt of a new record is {apart} away from the system's clock (a local time?): changes of that long "
            "are never seen, or read again and again"
        )
        for n in range(3):
            if first.microsecond == 0 and n:
                time.sleep(1.05)  # it tells whole seconds
            bench.update(id, **{bench.text: f"edited {n}"})
            if bench.stamp(id) > first:
                return
        pytest.fail("UpdatedAt does not move when a record is edited: its edits are never seen, and never reach Keap")

    def test_times_carry_a_time_zone(self, bench: Bench) -> None:
        try:
            made = bench.create(bench.make(1))
            for record in (made, bench.get(made.id)):
                bench.records.identify(record)
        except ShapeError as error:
            pytest.fail(f"{error}: the newest edit could not be told, and changes would be missed by hours")
