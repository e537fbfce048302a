"""The tenants' rows: a job is claimed once and ended once, and what comes meanwhile is not lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import Engine

from keapbridge.decide.shares import Wish
from keapbridge.errors import LinkStoreError
from keapbridge.model.side import Side
from keapbridge.model.tenant import Lane, Standing, Tenant
from keapbridge.store.database import Database
from keapbridge.store.inbox import Arrival, SqlInbox
from keapbridge.store.sql import open_store
from keapbridge.store.tenants import Change, Claim, Decide, SqlTenants

HOUR = timedelta(hours=1)
ACME = Tenant("acme", {"key": "vault:acme"}, weight=2.0)


class Queue:
    """What is deferred, as the queue has it."""

    def __init__(self) -> None:
        self.jobs: dict[int, Claim] = {}
        self.numbers = count(1)

    def defer(self, _: object, claims: Sequence[Claim]) -> list[int]:
        made = {next(self.numbers): claim for claim in claims}
        self.jobs |= made
        return list(made)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def tenants(engine: Engine) -> SqlTenants:
    found = SqlTenants(Database(engine))
    assert found.add(ACME, "a" * 32, lambda now: {"sync_at": now, "full_at": now + HOUR})
    return found


def noted(due: datetime | None, **more: object) -> Decide:
    return lambda _, __: Change(due, more)


def resting(*, paused: bool) -> Callable[[Standing, datetime], tuple[Tenant, Mapping[str, datetime | None]]]:
    return lambda _, now: (Tenant("acme", paused=paused), {} if paused else {"sync_at": now})


def now_at(tenants: SqlTenants) -> datetime:
    return tenants.now()


def claimed(tenants: SqlTenants, queue: Queue, lane: Lane = Lane.SYNC) -> list[Claim]:
    return tenants.claim(lane, 10, queue.defer)


def standing(tenants: SqlTenants, name: str = "acme") -> Standing:
    found = tenants.find(name)
    assert found is not None
    return found


def test_a_tenant_is_kept_as_it_is_and_once(tenants: SqlTenants) -> None:
    assert not tenants.add(Tenant("acme", {"other": 1}), "b" * 32, lambda now: {"sync_at": now})
    assert standing(tenants).tenant == ACME
    assert tenants.of_tokens(["a" * 32, "b" * 32, "a" * 31 + "\0"]) == {"a" * 32: standing(tenants).tenant}
    assert tenants.of_tokens(["\0"]) == {}, "no database is asked for it"
    assert tenants.find("acme\0") is None
    assert [each.name for each in tenants.page()] == ["acme"]
    assert tenants.page(after="acme") == []
    assert tenants.count() == 1
    assert tenants.remove("acme")
    assert not tenants.remove("acme")
    assert tenants.find("acme") is None


def test_what_is_due_is_claimed_once_and_ended_by_its_own_job_alone(tenants: SqlTenants, queue: Queue) -> None:
    [claim] = claimed(tenants, queue)
    assert (claim.name, claim.full) == ("acme", False)
    assert claimed(tenants, queue) == []
    begun = tenants.begin("acme", Lane.SYNC, 1)
    assert begun is not None
    assert standing(tenants).began_at is not None
    assert tenants.end("acme", Lane.SYNC, 7, noted(now_at(tenants))) is None
    assert claimed(tenants, queue) == []
    assert tenants.end("acme", Lane.SYNC, 1, noted(now_at(tenants), outcome="complete")) is not None
    assert tenants.begin("acme", Lane.SYNC, 1) is None
    assert standing(tenants).outcome == "complete"
    assert len(claimed(tenants, queue)) == 1


def test_the_lanes_do_not_wait_for_each_other(tenants: SqlTenants, queue: Queue) -> None:
    claimed(tenants, queue)
    tenants.deliver({"acme": now_at(tenants)})
    assert [claim.lane for claim in claimed(tenants, queue, Lane.HOOKS)] == [Lane.HOOKS]
    assert standing(tenants).jobs == {Lane.SYNC: 1, Lane.HOOKS: 2, Lane.WATCH: None}


def test_those_that_wait_longest_come_first_and_no_more_than_asked_for(tenants: SqlTenants, queue: Queue) -> None:
    for number, hours in enumerate((1, 3, 2)):
        assert tenants.add(Tenant(f"t{number}"), f"{number}", lambda now, h=hours: {"sync_at": now - h * HOUR})  # type: ignore[misc]
    assert [each.name for each in tenants.claim(Lane.SYNC, 2, queue.defer)] == ["t1", "t2"]
    assert [each.name for each in tenants.claim(Lane.SYNC, 9, queue.defer)] == ["t0", "acme"]


def test_a_tenant_that_rests_is_not_claimed_and_its_job_ends_at_once(tenants: SqlTenants, queue: Queue) -> None:
    claimed(tenants, queue)
    assert tenants.change("acme", resting(paused=True)) is not None
    assert tenants.begin("acme", Lane.SYNC, 1) is None
    assert standing(tenants).jobs[Lane.SYNC] is None
    assert claimed(tenants, queue) == []
    assert tenants.wishes() == []
    tenants.change("acme", resting(paused=False))
    assert len(claimed(tenants, queue)) == 1
    assert tenants.wishes() == [Wish(timedelta(minutes=5), 1.0, 1)]
    assert tenants.change("nobody", resting(paused=True)) is None


def test_a_whole_batch_is_claimed_or_nothing(tenants: SqlTenants, queue: Queue) -> None:
    def fails(_: object, claims: Sequence[Claim]) -> list[int]:
        raise KeyError(claims[0].name)

    with pytest.raises(KeyError):
        tenants.claim(Lane.SYNC, 10, fails)
    assert len(claimed(tenants, queue)) == 1


def test_what_is_delivered_while_a_job_ends_is_due(tenants: SqlTenants, queue: Queue, engine: Engine) -> None:
    inbox = SqlInbox(open_store(engine, "acme"))
    moment = now_at(tenants)
    tenants.deliver({"acme": moment})
    claimed(tenants, queue, Lane.HOOKS)
    later = moment + HOUR
    inbox.put([Arrival("contacts", Side.KEAP, "12", "contact.edit", "m")], moment, later)
    tenants.deliver({"acme": later})  # it is due earlier already, as far as is known
    assert tenants.waiting(["acme", "others"]) == {"acme": 1}
    tenants.end("acme", Lane.HOOKS, 1, noted(None))
    assert standing(tenants).due[Lane.HOOKS] == later


def test_a_failing_lane_is_not_due_before_its_pause_is_over(tenants: SqlTenants, queue: Queue, engine: Engine) -> None:
    inbox = SqlInbox(open_store(engine, "acme"))
    moment = now_at(tenants)
    inbox.put([Arrival("contacts", Side.KEAP, "12", "contact.edit", "m")], moment, moment)
    tenants.deliver({"acme": moment})
    claimed(tenants, queue, Lane.HOOKS)
    tenants.end("acme", Lane.HOOKS, 1, noted(moment + HOUR))
    assert (standing(tenants).due[Lane.HOOKS] or moment) > moment + HOUR / 2


def test_nothing_is_due_where_nothing_was_delivered(tenants: SqlTenants, queue: Queue) -> None:
    tenants.deliver({"acme": now_at(tenants)})
    claimed(tenants, queue, Lane.HOOKS)
    tenants.end("acme", Lane.HOOKS, 1, noted(None))
    assert standing(tenants).due[Lane.HOOKS] is None


def test_what_was_kept_and_never_noted_is_noticed_once(tenants: SqlTenants, queue: Queue, engine: Engine) -> None:
    moment = now_at(tenants)
    for name in ("acme", "resting", "busy", "unknown"):
        SqlInbox(open_store(engine, name)).put([Arrival("contacts", Side.KEAP, "12", "edit", "m")], moment, moment)
    for number, name in enumerate(("resting", "busy", "quiet")):
        tenants.add(Tenant(name, paused=name == "resting"), f"{number}", lambda _: {})
    tenants.deliver({"busy": moment})
    assert [claim.name for claim in claimed(tenants, queue, Lane.HOOKS)] == ["busy"]
    assert sorted(tenants.notice_deliveries()) == ["acme", "resting"]
    assert tenants.notice_deliveries() == []
    assert [claim.name for claim in claimed(tenants, queue, Lane.HOOKS)] == ["acme"]


def test_a_pause_after_a_failure_is_not_cut_short_by_noticing(
    tenants: SqlTenants, queue: Queue, engine: Engine
) -> None:
    moment = now_at(tenants)
    SqlInbox(open_store(engine, "acme")).put([Arrival("contacts", Side.KEAP, "12", "edit", "m")], moment, moment)
    tenants.deliver({"acme": moment})
    claimed(tenants, queue, Lane.HOOKS)
    tenants.end("acme", Lane.HOOKS, 1, noted(moment + HOUR))
    assert tenants.notice_deliveries() == []
    assert standing(tenants).due[Lane.HOOKS] == moment + HOUR


def test_a_job_that_is_gone_makes_its_tenant_due_and_one_that_is_there_does_not(
    tenants: SqlTenants, queue: Queue, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE procrastinate_jobs (id BIGINT, status TEXT)")
    for number, status in enumerate(("todo", "doing", "failed"), 2):
        tenants.add(Tenant(f"t{number}"), f"{number}", lambda now: {"sync_at": now})
        claimed(tenants, queue)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO procrastinate_jobs VALUES ({number}, '{status}')")
    assert sorted(tenants.give_up_lost()) == [("acme", Lane.SYNC), ("t4", Lane.SYNC)]
    assert tenants.give_up_lost() == []
    assert standing(tenants).outcome == "lost"
    assert sorted(each.name for each in claimed(tenants, queue)) == ["acme", "t4"]


def test_old_deliveries_are_forgotten_and_those_that_wait_are_not(tenants: SqlTenants, engine: Engine) -> None:
    inbox = SqlInbox(open_store(engine, "acme"))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    arrivals = [Arrival("contacts", Side.KEAP, id, "contact.edit", "m") for id in ("12", "13")]
    inbox.put(arrivals, moment, moment)
    [first, _] = inbox.due("contacts", moment, 10)
    inbox.finish("contacts", [first], None)
    tenants.prune_deliveries(moment + HOUR)
    assert [each.id for each in inbox.due("contacts", moment, 10)] == ["13"]
    assert tenants.failing_records(["acme"]) == {}


# --- rows that somebody has edited, and clocks ------------------------------------------------------------------------


def edited(tenants: SqlTenants, assignment: str, name: str = "acme") -> None:
    with tenants.database.transaction() as c:
        c.exec_driver_sql(f"UPDATE keapbridge_tenants SET {assignment} WHERE bridge = '{name}'")


BROKEN = [
    "settings = 'vault:acme'",
    "settings = '[]'",
    "settings = ''",
    "every = 0",
    "every = -60",
    "every = 1e300",
    "weight = 0",
    "weight = -1",
    "full_every = 0",
    "full_at = 'tomorrow'",
    "ended_at = '2026-13-01'",
    "bridge = '   '",
]


@pytest.mark.parametrize("assignment", BROKEN)
def test_a_row_that_cannot_be_read_is_a_tenant_that_rests_and_holds_up_nobody(
    tenants: SqlTenants, queue: Queue, assignment: str
) -> None:
    tenants.add(Tenant("globex"), "b" * 32, lambda now: {"sync_at": now})
    edited(tenants, assignment)
    broken, fine = tenants.page()
    assert (broken.tenant.paused, broken.outcome, broken.unreadable) == (True, "failed", True)
    assert "keapbridge_tenants cannot be read" in broken.why
    assert fine.name == "globex"
    assert tenants.wishes().count(Wish(timedelta(minutes=5), 1.0, 1)) == 1, "nobody wishes what cannot be"
    assert len(claimed(tenants, queue)) == 2
    assert [tenants.begin(claim.name, Lane.SYNC, number) is None for number, claim in queue.jobs.items()] == [
        claim.name != "globex" for claim in queue.jobs.values()
    ]
    assert claimed(tenants, queue) == [], "it is not looked at again and again"
    assert set(tenants.of_tokens(["a" * 32])) == {"a" * 32}, "what is delivered for it is kept"


def test_what_cannot_be_read_is_not_written_over_and_goes_on_once_it_is_corrected(
    tenants: SqlTenants, queue: Queue
) -> None:
    edited(tenants, "settings = 'vault:acme'")
    with pytest.raises(LinkStoreError, match=r"'acme'.*cannot be read.*Correct it"):
        tenants.change("acme", resting(paused=False))
    edited(tenants, """settings = '{"key": "vault:acme"}'""")
    assert standing(tenants).tenant == ACME
    assert len(claimed(tenants, queue)) == 1


@pytest.mark.parametrize("moment", ["2026-11-29 08:00:00", "2026-11-29T08:00:00", "2026-11-29T09:00:00+01:00"])
def test_moments_in_another_spelling_are_read(tenants: SqlTenants, queue: Queue, moment: str) -> None:
    edited(tenants, ", ".join(f"{name} = '{moment}'" for name in ("sync_at", "full_at", "added_at", "complete_at")))
    at = datetime(2026, 11, 29, 8, tzinfo=UTC)
    found = standing(tenants)
    assert {found.due[Lane.SYNC], found.full_at, found.added_at, found.complete_at} == {at}
    [claim] = claimed(tenants, queue)
    assert (claim.due, claim.full) == (at, True)


def test_a_clock_that_was_set_back_makes_nobody_wait_for_it(tenants: SqlTenants, queue: Queue) -> None:
    ahead = now_at(tenants) + 5 * HOUR
    tenants.add(Tenant("globex"), "b" * 32, lambda now: {"sync_at": now + HOUR})
    claimed(tenants, queue)
    tenants.begin("acme", Lane.SYNC, 1)
    tenants.end("acme", Lane.SYNC, 1, noted(ahead + HOUR, ended_at=ahead.isoformat()))
    assert claimed(tenants, queue) == []
    assert tenants.notice_clock() == ["acme"]
    assert tenants.notice_clock() == []
    assert [claim.name for claim in claimed(tenants, queue)] == ["acme"]
