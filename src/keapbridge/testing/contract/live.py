"""What can be told of a system by reading alone, for one that holds records and cannot be emptied."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keapbridge.errors import NotFoundError, ShapeError
from keapbridge.testing.contract.bench import Bench, absent, differences, needs

__all__ = ["Live"]

MOST_PAGES = 20
A_CLOCK = timedelta(minutes=20)
FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


class Live:
    """Nothing is made, changed or deleted: a few pages are listed, and some of their records read again."""

    def live_lists_show_every_record_once_and_end(self, bench: Bench) -> None:
        shown = [record.id for record in _some(bench)]
        twice = sorted({id for id in shown if shown.count(id) > 1})[:3]
        assert not twice, f"a list shows {len(twice)} records twice: nothing can be counted on, or it never ends"

    def live_reads_show_what_lists_show(self, bench: Bench) -> None:
        for record in _picked(_some(bench)):
            apart = differences(bench.get(record.id), bench.whole(record))
            assert not apart, f"a list shows other {apart} than a read: a run would take that for an edit of nobody's"

    def live_many_are_read_under_their_own_ids(self, bench: Bench) -> None:
        picked = {record.id: record for record in _picked(_some(bench))}
        found = {record.id: record for record in bench.get_many(list(picked))}
        assert found.keys() == picked.keys(), (
            f"get_many answers {len(found)} of {len(picked)}: the others would be taken for deleted"
        )
        others = [id for id, record in found.items() if differences(record, bench.whole(picked[id]))]
        assert not others, "get_many gives records the ids of others: edits of one would be written over another"

    def live_an_id_that_is_not_there_is_not_found(self, bench: Bench) -> None:
        [unknown] = absent([record.id for record in _some(bench)], 1)
        try:
            bench.get(unknown)
        except NotFoundError:
            return
        pytest.fail("an id that nobody has must be a NotFoundError: a deletion would stop the run, or is never noticed")

    def live_changes_since_a_moment_are_all_of_them_and_no_others(self, bench: Bench) -> None:
        needs(bench.promises.changes_since, "changes_since")
        assert not next(bench.pages(FUTURE)).items, (
            "changes_since is promised and ignored: every run reads everything, and no deletion is ever found"
        )
        stamped = [(bench.records.identify(record).updated_at, record.id) for record in _some(bench)]
        told = [(moment, id) for moment, id in stamped if moment is not None]
        if not told:
            pytest.skip("no record has a time of change")
        moment, id = max(told)
        since = {record.id for page in itertools.islice(bench.pages(moment), MOST_PAGES) for record in page.items}
        assert id in since, "changes of the very moment are left out: edits in that moment would never reach Keap"

    def live_the_time_of_change_is_that_of_a_clock(self, bench: Bench) -> None:
        page = next(bench.pages())
        clock = page.served_at or datetime.now(UTC)
        stamps = [bench.records.identify(record).updated_at for record in page.items]
        ahead = max((moment - clock for moment in stamps if moment is not None), default=timedelta())
        assert ahead < A_CLOCK, (
            f"UpdatedAt is up to {ahead} later than the system's clock (a local time?): the newest edit is mistaken, "
            "and changes are never seen, or read again and again"
        )

    def live_every_record_can_be_read(self, bench: Bench) -> None:
        for page in itertools.islice(bench.raw_pages(), MOST_PAGES):
            reasons = sorted({str(item.error).partition(" (GET ")[0] for item in page.malformed})
            assert not reasons, f"{len(page.malformed)} records cannot be read, and would not flow: {reasons[0]}"


def _some(bench: Bench) -> list[Any]:
    """The records of the first pages."""
    try:
        found = [record for page in itertools.islice(bench.raw_pages(), MOST_PAGES) for record in page.items]
    except ShapeError as error:
        pytest.fail(f"a list cannot be read to its end: what it leaves out would be made once more ({error})")
    if not found:
        pytest.skip("there are no records")
    return found


def _picked(records: Sequence[Any]) -> list[Any]:
    return list({record.id: record for record in (records[0], records[len(records) // 2], records[-1])}.values())
