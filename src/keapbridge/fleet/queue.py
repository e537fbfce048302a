"""The queue: what is put into it, and what of it is given up for lost. All that is known of procrastinate is here and
in `worker`.

A job is never tried again by the queue itself: its retry collides with other jobs of the same lock, and one that waits
for later holds up all others of its lock. A job always ends, and when its tenant is due again stands in the registry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from keapbridge.decide.due import to_begin_by
from keapbridge.model.tenant import Lane
from keapbridge.store.queue_schema import Address
from keapbridge.store.tenants import Claim

if TYPE_CHECKING:
    import procrastinate
    from procrastinate import job_context

__all__ = [
    "HEARTBEAT",
    "HOUSE",
    "QUEUES",
    "SILENT",
    "TENANTS",
    "Deferring",
    "Job",
    "give_up_stalled",
    "make_app",
    "priority_of",
    "prune",
]

TENANTS = "keapbridge"  # the queue of what is done for tenants
HOUSE = "keapbridge_house"  # and that of what keeps the fleet going, which waits for no tenant
QUEUES = (TENANTS, HOUSE)
HEARTBEAT = 10.0  # seconds between two signs of life of a worker
SILENT = 30.0  # seconds without one, after which it is taken for dead
# When it is done what keeps the fleet going: the sixth part counts seconds.
PERIODS: Mapping[str, str] = {"dispatch": "* * * * * */5", "rescue": "* * * * * */10", "prune": "7 * * * *"}
KEPT_HOURS = 24  # of jobs that have ended, where a worker keeps them
MOST_CONNECTIONS = 4  # of a process, to the queue, besides one or two that listen

TASKS: Mapping[tuple[Lane, bool], str] = {
    (Lane.SYNC, False): "keapbridge.sync",
    (Lane.SYNC, True): "keapbridge.full_sync",
    (Lane.HOOKS, False): "keapbridge.sync_ids",
    (Lane.WATCH, False): "keapbridge.watch_hooks",
}
URGENT = 100
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # priorities count seconds from then on, and have 32 bits

Job = Callable[[str, Lane, int, bool], Awaitable[None]]
"""Does what a job says: a tenant's name, a lane, the job's number, whether everything is read."""


class Deferring:
    """Puts jobs into the queue, in a transaction of the registry's."""

    def __init__(self) -> None:
        from procrastinate import SyncPsycopgConnector
        from procrastinate.manager import JobManager

        self._manager = JobManager(SyncPsycopgConnector())  # it has no connections of its own

    def __call__(self, connection: Any, claims: Sequence[Claim]) -> list[int]:
        from procrastinate.jobs import Job

        jobs = [
            Job(
                queue=TENANTS,
                priority=priority_of(claim),
                lock=f"keapbridge:{claim.name}",  # one job of a tenant at a time
                queueing_lock=None,
                task_name=TASKS[claim.lane, claim.full and claim.lane is Lane.SYNC],
                task_kwargs={"tenant": claim.name},
            )
            for claim in claims
        ]
        made = self._manager.batch_defer_jobs(jobs, connection=connection)
        return [job.id or 0 for job in made]


def priority_of(claim: Claim) -> int:
    """What has to begin first has the highest; of several in one second the queue takes the one that came first."""
    seconds = (to_begin_by(claim.lane, claim.due) - EPOCH).total_seconds()
    return -int(min(max(seconds, -(2**31) + 1), 2**31 - 1))


def make_app(
    address: Address,
    job: Job,
    house: Mapping[str, Callable[[], Awaitable[object]]],
) -> procrastinate.App:
    """The application of procrastinate whose worker works for the fleet.

    Args:
        house: what keeps the fleet going, by its name in `PERIODS`; nothing, for who does that by itself.
    """
    import procrastinate

    options: dict[str, Any] = {"application_name": "keapbridge fleet"}
    if address.schema is not None:
        options["options"] = f"-c search_path={address.schema}"
    connector = procrastinate.PsycopgConnector(
        conninfo=address.conninfo, kwargs=options, min_size=1, max_size=MOST_CONNECTIONS
    )
    app = procrastinate.App(
        connector=connector,
        worker_defaults={
            "delete_jobs": "always",
            "update_heartbeat_interval": HEARTBEAT,
            "stalled_worker_timeout": SILENT,
        },
    )

    def add(lane: Lane, full: bool) -> None:
        async def task(context: job_context.JobContext, tenant: str) -> None:
            await job(tenant, lane, context.job.id or 0, full)

        app.task(name=TASKS[lane, full], queue=TENANTS, pass_context=True)(task)

    for lane, full in TASKS:
        add(lane, full)
    for name, work in house.items():
        _add_house(app, name, PERIODS[name], work)
    return app


def _add_house(app: procrastinate.App, name: str, cron: str, work: Callable[[], Awaitable[object]]) -> None:
    async def task(timestamp: int) -> None:
        await work()

    full_name = f"keapbridge.{name}"
    # No more than one waits, and none waits for one whose worker has died.
    made = app.task(name=full_name, queue=HOUSE, queueing_lock=full_name, priority=URGENT)(task)
    app.periodic(cron=cron, periodic_id=full_name)(made)


async def give_up_stalled(app: procrastinate.App, silent: timedelta) -> int:
    """End the jobs of workers that have died, as failed; how many."""
    from procrastinate import exceptions
    from procrastinate.jobs import Status

    ended = 0
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent.total_seconds()):
        if job.queue not in QUEUES:
            continue
        try:
            await app.job_manager.finish_job(job=job, status=Status.FAILED, delete_job=True)
            ended += 1
        except exceptions.ConnectorException:
            continue  # it has ended meanwhile
    return ended


async def prune(app: procrastinate.App) -> None:
    """Forget jobs that have ended, where a worker keeps them."""
    for queue in QUEUES:
        await app.job_manager.delete_old_jobs(
            nb_hours=KEPT_HOURS, queue=queue, include_failed=True, include_cancelled=True, include_aborted=True
        )
