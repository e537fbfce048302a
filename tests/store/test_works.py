"""What people have asked for: every process over the store knows what came of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from kept import NOON
from sqlalchemy import create_engine, text

from keapbridge._flow.drivers import SyncDriver
from keapbridge.store import schema as t
from keapbridge.store.sql import LinkStore, open_store
from keapbridge.store.sql.rows import to_text
from keapbridge.store.works import JOINED, KEPT, KeptWork, SqlWorks

SECOND = timedelta(seconds=1)


@pytest.fixture
def works(toys: LinkStore) -> SqlWorks:
    return SqlWorks(toys)


def test_one_that_begins_is_known_and_then_its_outcome(works: SqlWorks) -> None:
    assert works.get("p1") is None
    assert works.begin("p1", "A plan is applied", "anna", NOON) is None
    assert works.get("p1") == KeptWork("p1", "A plan is applied", "anna", NOON)
    works.end("p1", NOON + SECOND, page="runs/r1")
    assert works.get("p1") == KeptWork("p1", "A plan is applied", "anna", NOON, NOON + SECOND, "runs/r1")


def test_the_same_is_not_begun_twice_at_once(works: SqlWorks) -> None:
    works.begin("p1", "A plan is applied", "anna", NOON)
    known = works.begin("p1", "A plan is applied", "bob", NOON + SECOND)
    assert known is not None
    assert known.by == "anna"
    works.end("p1", NOON + SECOND, error="the brakes hold it")
    assert works.begin("p1", "A plan is applied", "bob", NOON + 2 * SECOND) is None, (
        "it is over, and may be tried again"
    )
    assert works.get("p1") == KeptWork("p1", "A plan is applied", "bob", NOON + 2 * SECOND)


def test_they_are_kept_no_longer_than_the_journal_where_nobody_asks_for_anything_any_more(works: SqlWorks) -> None:
    works.begin("p1", "A plan is applied", "anna", NOON)
    SyncDriver().run(works.store.runs.prune(NOON + timedelta(days=7), timedelta(days=7)))
    assert works.get("p1") is not None
    SyncDriver().run(works.store.runs.prune(NOON + timedelta(days=8), timedelta(days=7)))
    assert works.get("p1") is None


@pytest.mark.thorough
@pytest.mark.xdist_group("postgresql")
def test_of_two_processes_that_begin_the_same_at_once_one_does(postgresql_store: str) -> None:
    engine = create_engine(postgresql_store)
    works = SqlWorks(open_store(engine, "toys"))
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    row = {
        "bridge": "toys",
        "about": "p1",
        "what": "A plan is applied",
        "decided_by": "anna",
        "began_at": to_text(NOON),
    }
    with ThreadPoolExecutor(1) as pool, engine.connect() as first, engine.connect() as other:
        first.execute(t.works.insert(), row)
        known = pool.submit(works.begin, "p1", "A plan is applied", "bob", NOON + SECOND)
        while not other.execute(waits).scalar_one() and not known.done():
            other.rollback()  # else it would see for ever what it saw first
        first.commit()
        assert known.result() == KeptWork("p1", "A plan is applied", "anna", NOON)
    engine.dispose()


def test_one_whose_process_has_died_does_not_stand_in_the_way_for_long(works: SqlWorks) -> None:
    works.begin("p1", "A plan is applied", "anna", NOON)
    assert works.begin("p1", "A plan is applied", "bob", NOON + JOINED - SECOND) is not None
    assert works.begin("p1", "A plan is applied", "bob", NOON + JOINED) is None


def test_they_are_listed_newest_first_and_forgotten_after_a_day(works: SqlWorks) -> None:
    for n in range(3):
        works.begin(f"p{n}", "A plan is applied", "anna", NOON + n * SECOND)
    assert [work.about for work in works.newest(2)] == ["p2", "p1"]
    works.begin("p9", "A plan is applied", "anna", NOON + KEPT + SECOND)
    assert [work.about for work in works.newest(9)] == ["p9", "p2", "p1"]
