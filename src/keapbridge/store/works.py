"""What people have asked for on the console's pages, and what came of it, as every process over the store knows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import Row, delete, or_, select, update

from keapbridge.store import schema as t
from keapbridge.store.retries import insistent
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.rows import moment_of, to_moment, to_text

__all__ = ["KeptWork", "SqlWorks"]

KEPT = timedelta(days=1)
JOINED = timedelta(minutes=1)  # that one which has not ended is believed to be under way, if nothing else tells it


@attrs.frozen
class KeptWork:
    """Something that somebody has asked for.

    Attributes:
        about: what names it: the id of a plan, say.
        what: what is done, for people.
        by: who asked for it.
        ended_at: `None` while it is under way, or was cut off.
        page: on which its outcome stands, below that of the session; empty as long as there is none.
        error: what ended it before its time.
    """

    about: str
    what: str
    by: str
    began_at: datetime
    ended_at: datetime | None = None
    page: str = ""
    error: str = ""

    def has_just_begun(self, now: datetime) -> bool:
        """Whether it is under way, as far as its time tells."""
        return self.ended_at is None and now - self.began_at < JOINED


@attrs.frozen
class SqlWorks:
    """The works of one bridge. Every method is one transaction."""

    store: LinkStore

    @insistent
    def begin(self, about: str, what: str, by: str, now: datetime) -> KeptWork | None:
        """Note one that begins, unless the same has just been begun: that one is answered then."""
        w, bridge = t.works.c, self.store.bridge
        row = {
            "bridge": bridge,
            "about": about,
            "what": what,
            "decided_by": self.store.rows.close_text(by),
            "began_at": to_text(now),
            "ended_at": None,
            "page": None,
            "error": None,
        }
        new = self.store.database.insert(t.works)
        over = or_(w.ended_at.is_not(None), w.began_at <= to_text(now - JOINED))
        # In one statement: of two processes that begin the same, the later one sees what the earlier one has written.
        taken = new.on_conflict_do_update(
            index_elements=[w.bridge, w.about], set_={name: new.excluded[name] for name in row}, where=over
        ).returning(w.about)
        with self.store.database.transaction() as c:
            c.execute(delete(t.works).where(w.bridge == bridge, w.began_at < to_text(now - KEPT)))
            if c.execute(taken, row).first() is not None:
                return None
            return self._work(c.execute(select(t.works).where(w.bridge == bridge, w.about == about)).one())

    @insistent
    def end(self, about: str, now: datetime, *, page: str = "", error: str = "") -> None:
        """Note its outcome."""
        w, close = t.works.c, self.store.rows.close_text
        mine = update(t.works).where(w.bridge == self.store.bridge, w.about == about)
        with self.store.database.transaction() as c:
            c.execute(mine.values(ended_at=to_text(now), page=page or None, error=close(error or None)))

    @insistent
    def get(self, about: str) -> KeptWork | None:
        """One of them."""
        w = t.works.c
        query = select(t.works).where(w.bridge == self.store.bridge, w.about == about)
        with self.store.database.transaction() as c:
            row = c.execute(query).first()
        return None if row is None else self._work(row)

    @insistent
    def newest(self, limit: int) -> list[KeptWork]:
        """The last ones, newest first."""
        w = t.works.c
        query = select(t.works).where(w.bridge == self.store.bridge).order_by(w.began_at.desc(), w.about).limit(limit)
        with self.store.database.transaction() as c:
            return [self._work(row) for row in c.execute(query)]

    def _work(self, row: Row[Any]) -> KeptWork:
        open_text = self.store.rows.open_text
        return KeptWork(
            row.about,
            row.what,
            open_text(row.decided_by) or "",
            moment_of(row.began_at),
            to_moment(row.ended_at),
            row.page or "",
            open_text(row.error) or "",
        )
