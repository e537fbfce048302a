"""Which records there are, and which have changed: queries for their ids, a page at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import sqlalchemy as sa

from keapbridge.customcrm.sql.keys import Key, Raw
from keapbridge.customcrm.sql.parts import Part, Tables, condition
from keapbridge.customcrm.sql.reflected import has_zone, holds_days, is_number

__all__ = ["Listing"]

LONG_CHANGE = timedelta(hours=3)  # how long after a moment clocks are put back, for which it matters
DAY = timedelta(days=1)
NOT_DELETED = ("", "0", "n", "no", "f", "false", "0000-00-00", "0000-00-00 00:00:00")


@attrs.frozen
class Listing:
    """The queries for the ids of records.

    Attributes:
        zone: of times without one.
    """

    tables: Tables
    key: Key
    dialect: str
    zone: ZoneInfo

    def all(self, after: Raw | None, size: int) -> sa.Select[Any]:
        """The ids of records, in order."""
        query = sa.select(*self.key.columns).where(*self.alive()).order_by(*self.key.columns).limit(size)
        return query if after is None else query.where(self.key.after(after))

    def changes(self, since: datetime, after: tuple[Raw, str] | None, size: int) -> Any:
        """The ids of what changed, and when, in order; rows of another table count for their record."""
        assert self.tables.modified is not None  # only what has a time of change lists them
        modified = self.tables.modified[1]
        # Rows without a time, or with one that is none, are always listed: nobody knows when they were changed.
        always = sa.literal(self._moment(since), None if self.dialect == "sqlite" else _as_time(modified))
        sources: list[Any] = []
        for part in self.tables.parts:
            if part.modified is None:
                continue
            of_record = part is self.tables.modified[0]
            rows, column = self._joined(part, part.modified, outer=of_record)
            place = sa.func.coalesce(self._place(column), always).label("place")
            named: list[Any] = [c.label(f"id{n}") for n, c in enumerate(self.key.columns)]
            sources.append(sa.select(*named, place).select_from(rows))
        assert sources
        together = sa.union_all(*sources).subquery() if len(sources) > 1 else sources[0].subquery()
        ids: list[Any] = [together.c[f"id{n}"] for n in range(len(self.key.columns))]
        newest = sa.func.max(together.c.place)
        # As a text: there are moments that no driver can show ("infinity").
        shown = sa.cast(newest, sa.Text) if self.dialect == "postgresql" else newest
        query = sa.select(*ids, shown.label("newest")).group_by(*ids).having(newest >= self._moment(since))
        if after is not None:
            last = self._place_value(after[1], modified)
            query = query.having(sa.or_(newest > last, sa.and_(newest == last, self.key.after(after[0], ids))))
        return query.order_by(newest, *ids).limit(size)

    def _joined(self, part: Part, column: sa.Column[Any], *, outer: bool) -> tuple[Any, Any]:
        """The table of the records with the chain to a part, and a column of that part."""
        rows: Any = self.tables.main.table
        aliases: dict[Part, Any] = {self.tables.main: rows}
        for each in part.chain():
            assert each.above is not None  # it is in a chain
            remote, local = each.link
            alias = each.table.alias()
            aliases[each] = alias
            conditions = [alias.c[remote.name] == aliases[each.above].c[local.name]]
            conditions += [condition(alias.c[name], value) for name, value in each.given.where.items()]
            rows = rows.join(alias, sa.and_(*conditions), isouter=outer)
        return rows, aliases[part].c[column.name]

    def alive(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The conditions for the records that are there."""
        found = list(self.tables.main.where)
        if self.tables.deleted is not None:
            part, column = self.tables.deleted
            if part is self.tables.main:
                found.append(_is_alive(column))
            else:
                found.append(self._exists(part, _is_alive, column))
        return tuple(found)

    def _exists(self, part: Part, meets: Any, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
        """That there is a row of a part which meets a condition."""
        first, *others = part.chain()
        remote, local = first.link
        aliases: dict[Part, Any] = {first: first.table.alias()}
        rows: Any = aliases[first]
        wanted = [condition(rows.c[name], value) for name, value in first.given.where.items()]
        for each in others:
            assert each.above is not None  # it is in a chain
            far, near = each.link
            alias = each.table.alias()
            aliases[each] = alias
            rows = rows.join(alias, alias.c[far.name] == aliases[each.above].c[near.name])
            wanted += [condition(alias.c[name], value) for name, value in each.given.where.items()]
        here = aliases[first].c[remote.name] == local
        query = sa.select(sa.literal(1)).select_from(rows).where(here, *wanted, meets(aliases[part].c[column.name]))
        return sa.exists(query.correlate(self.tables.main.table))

    # --- moments ----------------------------------------------------------------------------------------------------

    def _place(self, column: Any) -> Any:
        """A time as it is compared; of a day its end."""
        if self.dialect == "sqlite":
            # Texts in whatever form the host writes them: made comparable, in UTC where they have a zone.
            text = sa.func.strftime("%Y-%m-%d %H:%M:%f", column)
            end = sa.func.strftime("%Y-%m-%d %H:%M:%f", column, "+1 day")
            return sa.case((sa.func.length(column) <= len("2026-01-31"), end), else_=text)
        if holds_days(column):
            return sa.cast(column, sa.DateTime()) + DAY
        return column

    def _moment(self, since: datetime) -> Any:
        column = self.tables.modified[1] if self.tables.modified is not None else None
        moment = since.astimezone(UTC)
        if column is not None and not has_zone(column):
            local = local_from(moment, self.zone).replace(tzinfo=UTC)
            # SQLite's texts may tell a zone, each of its own.
            moment = min(local, moment) if self.dialect == "sqlite" else local
        if self.dialect == "sqlite":
            earlier = moment - timedelta(milliseconds=1)  # its function rounds to milliseconds
            return earlier.strftime("%Y-%m-%d %H:%M:%S.") + f"{earlier.microsecond // 1000:03}"
        return moment if has_zone(column) else moment.replace(tzinfo=None)

    def _place_value(self, text: str, column: sa.Column[Any]) -> Any:
        if self.dialect == "postgresql":
            return sa.cast(sa.literal(text), _as_time(column))
        return text if self.dialect == "sqlite" else datetime.fromisoformat(text)


def local_from(moment: datetime, zone: ZoneInfo) -> datetime:
    """From which time on clocks of a zone show what is later than a moment: no later than when they are put back."""
    here = moment.astimezone(zone)
    later = (moment + LONG_CHANGE).astimezone(zone)
    back = (here.utcoffset() or timedelta()) - (later.utcoffset() or timedelta())
    return here.replace(tzinfo=None) - max(back, timedelta())


def _as_time(column: sa.Column[Any]) -> Any:
    return sa.DateTime() if holds_days(column) else column.type


def _is_alive(column: Any) -> sa.ColumnElement[bool]:
    if isinstance(column.type, sa.Boolean):
        return sa.or_(column.is_(None), column == sa.false())
    if is_number(column):
        return sa.or_(column.is_(None), column == 0)
    none: sa.ColumnElement[bool] = column.is_(None)
    return sa.or_(none, sa.func.lower(column).in_(NOT_DELETED)) if isinstance(column.type, sa.String) else none
