"""The tenants of a fleet, in the database that also holds their links: who there is, when each is due, how it stands.

Each lane of a tenant has a moment and, while it is in the queue, the number of its job. A job is put into the queue in
the transaction that notes its number here, and at its end only the job whose number is noted writes when the lane is
due again: so none is lost, and none is there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    Text,
    bindparam,
    case,
    cast,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    table,
    text,
    update,
)

from keapbridge._scrub import shown_reason
from keapbridge.decide.due import How
from keapbridge.decide.shares import Wish
from keapbridge.errors import LinkStoreError
from keapbridge.model.tenant import LANES, Lane, Standing, Tenant
from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.engines import schema_of
from keapbridge.store.inbox import AGAIN, DONE, OPEN
from keapbridge.store.retries import insistent
from keapbridge.store.sql.lease import clock_of
from keapbridge.store.sql.rows import dump, load, to_moment, to_text

__all__ = ["Change", "Claim", "SqlTenants"]

ALIVE = ("todo", "doing")  # a job that waits or is under way, in the words of the queue
_c = t.tenants.c
NUL = "\0"  # which no text of a PostgreSQL has
SKEW = timedelta(minutes=5)
ONCE_MORE = timedelta(minutes=5)  # until a row is looked at again that cannot be read
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
UNREADABLE = (ValueError, TypeError, ArithmeticError, LinkStoreError)


@attrs.frozen
class Claim:
    """A tenant that is due, in a lane, since a moment; `full`: its sync reads everything."""

    name: str
    lane: Lane
    due: datetime
    full: bool


@attrs.frozen
class Change:
    """What is noted of a tenant when a job of it has ended; what is `None` in `more` is emptied.

    Attributes:
        due: when the lane is due again; for webhooks, if nothing is due earlier that was delivered meanwhile.
        more: columns of the row and their values.
    """

    due: datetime | None
    more: Mapping[str, Any] = attrs.field(factory=dict)


Defer = Callable[[Any, Sequence[Claim]], Sequence[int]]
"""Puts jobs for these into the queue, by a connection of the driver's that is in a transaction; their numbers, in the
same order.
"""

Decide = Callable[[Standing, datetime], Change]
"""What is noted of a tenant whose job has ended at a moment."""


@attrs.frozen
class SqlTenants:
    """The rows of all tenants. Every method is one transaction.

    A row that somebody has edited by hand, so that it cannot be read, is a tenant that rests and says why.
    """

    database: Database

    # --- who there is

    @insistent
    def add(self, tenant: Tenant, token: str, at: Callable[[datetime], Mapping[str, datetime | None]]) -> bool:
        """Note a new tenant.

        Args:
            at: when it is due, by column, made of the present moment.

        Returns:
            Whether it is new; one of this name is left as it is.
        """
        with self.database.transaction() as c:
            now = clock_of(self.database)(c)
            row = {
                **_columns(tenant),
                **{name: to_text(moment) for name, moment in at(now).items()},
                "bridge": tenant.name,
                "token": token,
                "added_at": to_text(now),
                "outcome": "",
                "why": "",
                "in_row": 0,
                "conflicts": 0,
            }
            new = self.database.insert(t.tenants).on_conflict_do_nothing(index_elements=["bridge"])
            return c.execute(new.returning(_c.bridge), row).first() is not None

    @insistent
    def change(
        self, name: str, how: Callable[[Standing, datetime], tuple[Tenant, Mapping[str, datetime | None]]]
    ) -> Tenant | None:
        """Change a tenant, and perhaps when it is due; `None` when there is none of this name."""
        with self.database.transaction() as c:
            found = self._locked(c, name)
            if found is None:
                return None
            if found.unreadable:
                raise LinkStoreError(f"tenant {name!r}: {found.why}. Correct it, or remove the tenant and add it again")
            tenant, at = how(found, clock_of(self.database)(c))
            moments = {column: to_text(moment) for column, moment in at.items()}
            c.execute(update(t.tenants).where(_c.bridge == name).values(**_columns(tenant), **moments))
            return tenant

    @insistent
    def remove(self, name: str) -> bool:
        """Forget a tenant; its links stay. Whether there was one."""
        with self.database.transaction() as c:
            return c.execute(delete(t.tenants).where(_c.bridge == name)).rowcount == 1

    @insistent
    def find(self, name: str) -> Standing | None:
        """A tenant and how it stands; `None` when there is none of this name."""
        if NUL in name:
            return None
        with self.database.reading() as c:
            row = c.execute(select(t.tenants).where(_c.bridge == name)).mappings().first()
        return None if row is None else _standing(row)

    @insistent
    def of_tokens(self, tokens: Collection[str]) -> dict[str, Tenant]:
        """Whose addresses have these secret parts; what is nobody's is left out."""
        query = select(t.tenants).where(self.database.among(_c.token, "tokens"))
        possible = [token for token in tokens if NUL not in token]
        if not possible:
            return {}
        with self.database.reading() as c:
            rows = c.execute(query, {"tokens": possible}).mappings()
            return {row["token"]: _standing(row).tenant for row in rows}

    @insistent
    def page(self, after: str = "", limit: int = 500) -> list[Standing]:
        """Tenants in the order of their names, from behind one on."""
        query = select(t.tenants).where(_c.bridge > after).order_by(_c.bridge).limit(limit)
        with self.database.reading() as c:
            return [_standing(row) for row in c.execute(query).mappings()]

    @insistent
    def count(self) -> int:
        """How many there are."""
        with self.database.reading() as c:
            return int(c.execute(select(func.count()).select_from(t.tenants)).scalar_one())

    @insistent
    def wishes(self) -> list[Wish]:
        """How often those that do not rest wish to be synced: one for all that are alike."""
        query = select(_c.every, _c.weight, func.count()).where(_c.paused.is_(False)).group_by(_c.every, _c.weight)
        with self.database.reading() as c:
            return [wish for row in c.execute(query) if (wish := _wish(*row)) is not None]

    @insistent
    def failing_records(self, names: Sequence[str]) -> Mapping[str, int]:
        """How many records of each have failed and are not done yet; those without any are left out."""
        f = t.failures.c
        query = select(f.bridge, func.count()).where(f.bridge.in_(names)).group_by(f.bridge)
        with self.database.reading() as c:
            return {name: int(number) for name, number in c.execute(query)}

    @insistent
    def waiting(self, names: Sequence[str]) -> Mapping[str, int]:
        """How many deliveries of webhooks wait for each; those without any are left out."""
        i = t.inbox.c
        query = select(i.bridge, func.count()).where(i.bridge.in_(names), i.state == OPEN).group_by(i.bridge)
        with self.database.reading() as c:
            return {name: int(number) for name, number in c.execute(query)}

    # --- jobs

    @insistent
    def now(self) -> datetime:
        """The time of the database."""
        with self.database.reading() as c:
            return clock_of(self.database)(c)

    @insistent
    def claim(self, lane: Lane, limit: int, defer: Defer) -> list[Claim]:
        """Put jobs for tenants that are due into the queue, those first that have been so for longest."""
        at, job = _of(lane)
        with self.database.transaction() as c:
            now = clock_of(self.database)(c)
            query = (
                select(_c.bridge, at.label("due"), _c.full_at)
                .where(at <= to_text(now), job.is_(None), _c.paused.is_(False))
                .order_by(at)
                .limit(limit)
                # Another dispatcher has the others, and does not wait for this one.
                .with_for_update(skip_locked=True)
            )
            claims = [_claim(lane, row, now) for row in c.execute(query)]
            if claims:
                numbers = defer(_driver(c), claims)
                # All at once: whoever delivers for one of these waits for it meanwhile.
                its = update(t.tenants).where(_c.bridge == bindparam("name")).values({job.name: bindparam("number")})
                c.execute(its, [{"name": a.name, "number": n} for a, n in zip(claims, numbers, strict=True)])
            return claims

    @insistent
    def begin(self, name: str, lane: Lane, job: int) -> Standing | None:
        """A job begins; `None` when it is not wanted any more: removed, at rest, or given up for lost."""
        at, number = _of(lane)
        with self.database.transaction() as c:
            found = self._locked(c, name)
            if found is not None and found.unreadable:
                again = to_text(clock_of(self.database)(c) + ONCE_MORE)
                c.execute(update(t.tenants).where(_c.bridge == name).values({at.name: again, number.name: None}))
                return None
            if found is None or found.jobs[lane] != job:
                return None
            if found.tenant.paused:
                c.execute(update(t.tenants).where(_c.bridge == name).values({number.name: None}))
                return None
            if lane is Lane.SYNC:
                began = {"began_at": to_text(clock_of(self.database)(c))}
                c.execute(update(t.tenants).where(_c.bridge == name).values(began))
            return found

    @insistent
    def end(self, name: str, lane: Lane, job: int, decide: Decide) -> Change | None:
        """A job has ended; `None` when it was given up for lost before, so that another may be under way."""
        at, number = _of(lane)
        with self.database.transaction() as c:
            found = self._locked(c, name)
            if found is None or found.jobs[lane] != job:
                return None
            change = decide(found, clock_of(self.database)(c))
            values = {at.name: to_text(change.due), number.name: None, **change.more}
            if lane is Lane.HOOKS:
                values[at.name] = self._next_delivery(c, name, change.due)
            c.execute(update(t.tenants).where(_c.bridge == name).values(values))
            return change

    def _next_delivery(self, c: Connection, name: str, not_before: datetime | None) -> str | None:
        """When what was delivered is due. Whoever delivers meanwhile waits for the row, and then notes it there."""
        i = t.inbox.c
        query = select(func.min(i.due_at)).where(i.bridge == name, i.state.in_((OPEN, AGAIN)))
        due: str | None = c.execute(query).scalar()
        if due is None or not_before is None:
            return due
        return max(due, to_text(not_before) or "")

    @insistent
    def deliver(self, dues: Mapping[str, datetime]) -> None:
        """Something was delivered for tenants, due at these moments. Nothing is written where it is due as early."""
        due: Any = bindparam("due")
        its = update(t.tenants).where(_c.bridge == bindparam("name"), or_(_c.hooks_at.is_(None), _c.hooks_at > due))
        # In one order: two receivers do not wait for each other.
        rows = [{"name": name, "due": to_text(moment)} for name, moment in sorted(dues.items())]
        with self.database.transaction() as c:
            c.execute(its.values(hooks_at=due), rows)

    @insistent
    def notice_deliveries(self) -> list[str]:
        """Let tenants be due for whom something was kept that nobody has noted: its receiver has died since."""
        i = t.inbox.c
        kept = select(i.bridge, func.min(i.due_at).label("due")).where(i.state == OPEN).group_by(i.bridge).subquery()
        unnoted = (_c.hooks_at.is_(None), _c.hooks_job.is_(None))
        query = select(_c.bridge.label("name"), kept.c.due).join(kept, kept.c.bridge == _c.bridge).where(*unnoted)
        its = update(t.tenants).where(_c.bridge == bindparam("name")).values(hooks_at=bindparam("due"))
        with self.database.transaction() as c:
            # One that is locked is noted by who holds it, or with the next look.
            found = c.execute(query.with_for_update(of=t.tenants, skip_locked=True)).mappings().all()
            if found:
                c.execute(its, [dict(row) for row in found])
        return [row["name"] for row in found]

    @insistent
    def give_up_lost(self) -> list[tuple[str, Lane]]:
        """Let tenants be due now whose job is not in the queue any more, and has not written how it ended."""
        jobs = table("procrastinate_jobs", column("id"), column("status"))
        lost: list[tuple[str, Lane]] = []
        with self.database.transaction() as c:
            moment = to_text(clock_of(self.database)(c))
            for lane in LANES:
                at, number = _of(lane)
                alive = select(literal(1)).where(jobs.c.id == number, cast(jobs.c.status, Text).in_(ALIVE))
                rows = c.execute(
                    select(_c.bridge).where(number.is_not(None), ~alive.exists()).with_for_update(skip_locked=True)
                ).scalars()
                for name in rows.all():
                    values: dict[str, Any] = {at.name: moment, number.name: None}
                    if lane is Lane.SYNC:
                        values["outcome"] = "lost"
                    c.execute(update(t.tenants).where(_c.bridge == name).values(values))
                    lost.append((name, lane))
        return lost

    @insistent
    def notice_clock(self) -> list[str]:
        """Let those be due now whose last sync has not ended yet, by a clock that was set back since."""
        with self.database.transaction() as c:
            now = clock_of(self.database)(c)
            moment = to_text(now)
            its = update(t.tenants).where(_c.ended_at > to_text(now + SKEW))
            values = {at: case((_c[at] > moment, moment), else_=_c[at]) for at in ("sync_at", "hooks_at", "watch_at")}
            return list(c.execute(its.values(ended_at=moment, **values).returning(_c.bridge)).scalars())

    @insistent
    def prune_deliveries(self, before: datetime) -> None:
        """Forget what was delivered for any tenant, done and received before this moment."""
        i, m = t.inbox.c, t.messages.c
        old, mine = to_text(before), select(_c.bridge)
        with self.database.transaction() as c:
            c.execute(delete(t.inbox).where(i.bridge.in_(mine), i.received_at < old, i.state == DONE))
            c.execute(delete(t.messages).where(m.bridge.in_(mine), m.received_at < old))

    def _locked(self, c: Connection, name: str) -> Standing | None:
        query: Select[Any] = select(t.tenants).where(_c.bridge == name).with_for_update()
        row = c.execute(query).mappings().first()
        return None if row is None else _standing(row)


def _driver(c: Connection) -> Any:
    """The driver's connection, for statements that name tables without their schema."""
    schema = schema_of(c.engine)
    if schema is not None:
        c.execute(text("SELECT set_config('search_path', quote_ident(:name), true)"), {"name": schema})
    return c.connection.driver_connection


def _of(lane: Lane) -> tuple[Any, Any]:
    """The columns of a lane: when it is due, and the number of its job."""
    return _c[f"{lane.value}_at"], _c[f"{lane.value}_job"]


def _claim(lane: Lane, row: Any, now: datetime) -> Claim:
    """What cannot be read is due now; the job's beginning finds out more."""
    try:
        full_at = _moment(row.full_at)
        return Claim(row.bridge, lane, _moment(row.due) or now, full_at is not None and full_at <= now)
    except LinkStoreError:
        return Claim(row.bridge, lane, now, False)


def _wish(every: float, weight: float, tenants: int) -> Wish | None:
    """What tenants wish; nothing, for what no tenant can have."""
    try:
        one = Tenant("one", every=timedelta(seconds=every), weight=weight)
    except UNREADABLE:
        return None
    return Wish(one.every, one.weight, tenants)


def _moment(text: str | None) -> datetime | None:
    """A moment; where somebody has written it without a zone, it is UTC."""
    found = to_moment(text)
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _columns(tenant: Tenant) -> dict[str, Any]:
    return {
        "settings": dump(dict(tenant.settings)),
        "every": tenant.every.total_seconds(),
        "full_every": None if tenant.full_every is None else tenant.full_every.total_seconds(),
        "weight": float(tenant.weight),
        "paused": tenant.paused,
    }


def _standing(row: RowMapping) -> Standing:
    try:
        return _read(row)
    except UNREADABLE as error:
        name = row["bridge"]
        nothing: Mapping[Lane, Any] = dict.fromkeys(LANES)
        return Standing(
            Tenant(name if name.strip() else repr(name), paused=True),
            row["token"],
            nothing,
            nothing,
            None,
            NEVER,
            outcome=How.FAILED.value,
            why=f"its row in {t.tenants.name} cannot be read ({shown_reason(str(error))})",
            in_row=1,
            unreadable=True,
        )


def _read(row: RowMapping) -> Standing:
    full_every = row["full_every"]
    return Standing(
        Tenant(
            row["bridge"],
            load(row["settings"]),
            every=timedelta(seconds=row["every"]),
            full_every=None if full_every is None else timedelta(seconds=full_every),
            weight=row["weight"],
            paused=bool(row["paused"]),
        ),
        row["token"],
        {lane: _moment(row[f"{lane.value}_at"]) for lane in LANES},
        {lane: row[f"{lane.value}_job"] for lane in LANES},
        _moment(row["full_at"]),
        _moment(row["added_at"]) or NEVER,
        _moment(row["began_at"]),
        _moment(row["ended_at"]),
        _moment(row["complete_at"]),
        row["outcome"],
        row["why"],
        row["in_row"],
        row["quota_left"],
        row["conflicts"],
    )
