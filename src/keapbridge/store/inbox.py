"""The inbox: what webhooks delivered and is still to be synced, in the link store's database.

A delivery is durable before it is acknowledged. A row is one record of one event; it is `open` until the record has
been synced, then `again` until it has been looked at once more, then `done`. Work is taken by record, not by row:
whatever was received about it before the work began is settled by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import attrs
from sqlalchemy import ColumnElement, Connection, case, delete, func, or_, select, update

from keapbridge._seal import PlainSeal
from keapbridge.model.side import Side
from keapbridge.store import schema as t
from keapbridge.store.database import Database
from keapbridge.store.retries import insistent
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.rows import Rows, chunks, to_moment, to_text

__all__ = [
    "AGAIN",
    "DONE",
    "OPEN",
    "Arrival",
    "Counts",
    "Delivery",
    "Due",
    "Message",
    "SqlInbox",
    "inbox_of",
    "put_all",
]

OPEN, AGAIN, DONE = "open", "again", "done"
LONGEST = timedelta(days=7)
SKEW = timedelta(minutes=5)
ROW = 200  # bytes of a delivery of one record, without what names it
REDACT = "contact.redact"  # Keap's word for: forget this person
TOKEN = "webhook_token"  # noqa: S105 - the name of a fact
CONSOLE_SECRET = "console_secret"  # noqa: S105 - the name of a fact


@attrs.frozen
class Arrival:
    """A record that an event is about.

    Attributes:
        mark: tells two events of one kind about one record apart.
    """

    object: str
    side: Side
    id: str
    event: str
    mark: str


@attrs.frozen
class Message:
    """A signed webhook: the sender's id of it, and when it was signed (epoch seconds)."""

    id: str
    signed_at: int


@attrs.frozen
class Delivery:
    """What one webhook brought for a bridge.

    Attributes:
        due_at: when it is to be synced.
        message: the signed webhook that it came with.
    """

    bridge: str
    arrivals: Sequence[Arrival]
    received_at: datetime
    due_at: datetime
    message: Message | None = None

    @property
    def size(self) -> int:
        """Of what is written for it, in bytes, about."""
        return sum(ROW + len(each.id) + len(each.mark) for each in self.arrivals)


@attrs.frozen
class Due:
    """A record to be synced now; `tries` failed so far. It settles what was received up to the row `upto`.

    Attributes:
        forget: whether the person is to be forgotten instead.
    """

    side: Side
    id: str
    tries: int
    upto: int
    forget: bool = False


@attrs.frozen
class Counts:
    """How many records wait, how many of them have failed so far, how many are to be looked at again.

    Attributes:
        oldest: when the oldest delivery that waits was received.
    """

    waiting: int
    failing: int
    again: int
    oldest: datetime | None


@attrs.frozen
class SqlInbox:
    """The inbox of one bridge. Every method is one transaction."""

    store: LinkStore

    def token(self, candidate: str) -> str:
        """The secret part of this bridge's address: the candidate, unless there is one already."""
        return self._once(TOKEN, candidate)

    def console_secret(self, candidate: str) -> str:
        """The secret of the console's form tokens: the candidate, unless there is one already."""
        return self._once(CONSOLE_SECRET, candidate)

    @insistent
    def _once(self, name: str, candidate: str) -> str:
        """A fact that is the same for all processes for ever: the candidate, unless there is one already."""
        row = self.store.rows.fact(name, candidate)
        query = select(t.facts.c.value).where(t.facts.c.bridge == self.store.bridge, t.facts.c.name == name)
        with self.store.database.transaction(durable=True) as c:
            c.execute(self.store.database.insert(t.facts).on_conflict_do_nothing(), [row])
            return self.store.rows.seal.open(c.execute(query).scalar_one())

    def put(
        self, arrivals: Sequence[Arrival], received_at: datetime, due_at: datetime, message: Message | None = None
    ) -> bool:
        """Keep what was delivered; see `put_all`."""
        [taken] = put_all(self.store.database, [Delivery(self.store.bridge, arrivals, received_at, due_at, message)])
        return taken

    @insistent
    def due(self, name: str, now: datetime, limit: int) -> list[Due]:
        """The records of a synchronization that are to be synced now, oldest first."""
        i = t.inbox.c
        # What was received later than now, or waits for longer than anything does, was noted by a clock that was wrong.
        is_due = or_(i.due_at <= to_text(now), i.received_at > to_text(now + SKEW), i.due_at > to_text(now + LONGEST))
        query = (
            select(
                i.side,
                i.id,
                func.max(i.tries).label("tries"),
                func.max(case((i.event == REDACT, 1), else_=0)).label("forget"),
            )
            .where(i.bridge == self.store.bridge, i.state != DONE, is_due, i.object == name)
            .group_by(i.side, i.id)
            .order_by(func.min(i.seq))
            .limit(limit)
        )
        with self.store.database.transaction(durable=True) as c:
            # Numbers are given in the order of arrival: what has a higher one was received after this moment.
            upto = int(c.execute(select(func.max(i.seq)).where(i.bridge == self.store.bridge)).scalar() or 0)
            return [Due(Side(row.side), row.id, row.tries, upto, bool(row.forget)) for row in c.execute(query)]

    @insistent
    def next_due(self) -> datetime | None:
        """When there is something to do next."""
        i = t.inbox.c
        query = select(func.min(i.due_at)).where(i.bridge == self.store.bridge, i.state.in_((OPEN, AGAIN)))
        with self.store.database.transaction(durable=True) as c:
            return to_moment(c.execute(query).scalar())

    @insistent
    def finish(self, name: str, records: Sequence[Due], again_at: datetime | None) -> None:
        """These records have been synced.

        Args:
            again_at: when records of Keap that were synced for the first time since a delivery are to be looked at
                again, unless something newer was delivered about them; `None`: not again.
        """
        i = t.inbox.c
        with self.store.database.transaction(durable=True) as c:
            for side, ids, upto in _groups(records):
                mine = (*self._of(name, side), i.id.in_(ids))
                again: list[int] = []
                if again_at is not None and side is Side.KEAP:
                    newest = func.max(case((i.seq <= upto, i.seq)))
                    query = select(newest).where(*mine, i.state == OPEN).group_by(i.id)
                    again = [seq for seq in c.execute(query.having(func.max(i.seq) <= upto)).scalars() if seq]
                c.execute(update(t.inbox).where(*mine, i.seq <= upto, i.state != DONE).values(state=DONE, tries=0))
                if again:
                    values = {"state": AGAIN, "due_at": to_text(again_at)}
                    c.execute(update(t.inbox).where(i.seq.in_(again)).values(**values))

    @insistent
    def postpone(self, name: str, records: Mapping[Due, datetime]) -> None:
        """These records could not be synced; each is tried again at its time."""
        i = t.inbox.c
        with self.store.database.transaction(durable=True) as c:
            for record, due_at in records.items():
                open_rows = (*self._of(name, record.side), i.id == record.id, i.seq <= record.upto, i.state != DONE)
                values = {"tries": record.tries + 1, "due_at": to_text(due_at)}
                c.execute(update(t.inbox).where(*open_rows).values(**values))

    @insistent
    def counts(self) -> Counts:
        """How much there is to do."""
        i = t.inbox.c
        rows = (
            select(
                func.max(case((i.state == OPEN, 1), else_=0)).label("waits"),
                func.max(i.tries).label("tries"),
                func.min(case((i.state == OPEN, i.received_at))).label("oldest"),
            )
            .where(i.bridge == self.store.bridge, i.state.in_((OPEN, AGAIN)))
            .group_by(i.object, i.side, i.id)
            .subquery()
        )
        query = select(
            func.coalesce(func.sum(rows.c.waits), 0),
            func.coalesce(func.sum(case((rows.c.tries > 0, 1), else_=0)), 0),
            func.coalesce(func.sum(1 - rows.c.waits), 0),
            func.min(rows.c.oldest),
        )
        with self.store.database.transaction(durable=True) as c:
            waiting, failing, again, oldest = c.execute(query).one()
        return Counts(int(waiting), int(failing), int(again), to_moment(oldest))

    @insistent
    def last_received(self, side: Side) -> datetime | None:
        """When a system's last webhook came; what was synced more than a day ago is not known any more."""
        i = t.inbox.c
        query = select(func.max(i.received_at)).where(i.bridge == self.store.bridge, i.side == side.value)
        with self.store.database.transaction() as c:
            return to_moment(c.execute(query).scalar())

    @insistent
    def note(self, name: str, text: str) -> None:
        """Keep what is known of webhooks, by name."""
        with self.store.database.transaction() as c:
            self.store.database.upsert(c, t.facts, [self.store.rows.fact(name, text)])

    @insistent
    def noted(self, name: str) -> str | None:
        """What was kept."""
        query = select(t.facts.c.value).where(t.facts.c.bridge == self.store.bridge, t.facts.c.name == name)
        with self.store.database.transaction() as c:
            return self.store.rows.open_text(c.execute(query).scalar())

    @insistent
    def prune(self, before: datetime) -> None:
        """Forget what was done and received before this moment."""
        i, m = t.inbox.c, t.messages.c
        old = to_text(before)
        with self.store.database.transaction(durable=True) as c:
            c.execute(delete(t.inbox).where(i.bridge == self.store.bridge, i.received_at < old, i.state == DONE))
            c.execute(delete(t.messages).where(m.bridge == self.store.bridge, m.received_at < old))

    def _of(self, name: str, side: Side) -> tuple[ColumnElement[bool], ...]:
        i = t.inbox.c
        return (i.bridge == self.store.bridge, i.object == name, i.side == side.value)


@insistent
def put_all(database: Database, deliveries: Sequence[Delivery]) -> list[bool]:
    """Keep what was delivered, for any bridges, in one transaction; what is known already is not kept twice.

    Returns:
        Whether each was taken: `False` when the very same message was taken before.
    """
    with database.transaction(durable=True) as c:
        # In one order: of two receivers that keep the same, one waits for the other, and not each for the other.
        signed = sorted((d.bridge, d.message.id, place) for place, d in enumerate(deliveries) if d.message is not None)
        replayed = {place for _, _, place in signed if not _is_new(database, c, deliveries[place])}
        taken = [place not in replayed for place in range(len(deliveries))]
        rows = [row for delivery, new in zip(deliveries, taken, strict=True) if new for row in _rows(delivery)]
        database.add_missing(
            c, t.inbox, sorted(rows, key=itemgetter("bridge", "object", "side", "id", "event", "mark"))
        )
    return taken


def _rows(delivery: Delivery) -> Iterator[dict[str, Any]]:
    for a in delivery.arrivals:
        yield {
            "bridge": delivery.bridge,
            "object": a.object,
            "side": a.side.value,
            "id": a.id,
            "event": a.event,
            "mark": a.mark,
            "received_at": to_text(delivery.received_at),
            "due_at": to_text(delivery.due_at),
            "state": OPEN,
            "tries": 0,
        }


def _is_new(database: Database, c: Connection, delivery: Delivery) -> bool:
    """Only its sender can sign a message anew: an older or equal signature is a replay."""
    m, message = t.messages.c, delivery.message
    assert message is not None
    its = {"bridge": delivery.bridge, "id": message.id}
    row = {**its, "signed_at": message.signed_at, "received_at": to_text(delivery.received_at)}
    # Not every driver counts what an insert has inserted.
    new = database.insert(t.messages).on_conflict_do_nothing().returning(m.id)
    if c.execute(new, row).first() is not None:
        return True
    newer = update(t.messages).where(m.bridge == its["bridge"], m.id == message.id, m.signed_at < message.signed_at)
    values = {"signed_at": row["signed_at"], "received_at": row["received_at"]}
    return c.execute(newer.values(values)).rowcount == 1


def inbox_of(database: Database, bridge: str) -> SqlInbox:
    """The inbox of a bridge whose session is not open here; its deliveries tell nothing that would be encrypted."""
    return SqlInbox(LinkStore(database, Rows(bridge, PlainSeal())))


def _groups(records: Iterable[Due]) -> Iterator[tuple[Side, Collection[str], int]]:
    """Records of one side and one moment, few enough for one statement."""
    groups: dict[tuple[Side, int], list[str]] = {}
    for record in records:
        groups.setdefault((record.side, record.upto), []).append(record.id)
    for (side, upto), ids in groups.items():
        for chunk in chunks(ids):
            yield side, chunk, upto
