"""What a write of rows would be refused for, known before: rows that several records share, references to none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from keapbridge.customcrm.sql.gathering import Found
from keapbridge.customcrm.sql.lookups import Wanted, find_row, refers_to
from keapbridge.customcrm.sql.parts import Part
from keapbridge.customcrm.sql.written import COMPUTED, OF_ID, WrittenValues
from keapbridge.errors import StatusError
from keapbridge.model.maybe import Unreadable

__all__ = ["ForeseenRows", "can_be_shared"]


def can_be_shared(part: Part) -> bool:
    """Whether several records can have one row of a part, or of one that it hangs on."""
    return any(each.goes_before for each in part.chain())


@attrs.frozen
class _Shared:
    """The rows that several others refer to, by what they are referred to by."""

    values: Mapping[Part, frozenset[Any]]

    def of(self, found: Found, part: Part) -> str | None:
        """Why the row of a part is not changed for one record alone; `None` where it may be."""
        for each in part.chain():
            row = found.row(each)
            if each in self.values and row is not None and not isinstance(row, Unreadable):
                assert each.above is not None  # what is shared hangs on something
                if row[each.link[0].name] in self.values[each]:
                    above, name = each.above.table.name, each.table.name
                    return f"several rows of {above} share one of {name}: give this one a row of its own there first"
        return None


class ForeseenRows(WrittenValues):
    """The records of one object, and what they cannot be given."""

    @property
    def foresees(self) -> frozenset[str]:
        """The properties that a write can be refused for because of what other rows hold."""
        found = {*self._computed, *self._of_id}
        for part in self.tables.parts[1:]:
            if part.is_lookup:
                if refers_to(part) == "hold" or can_be_shared(part):
                    found |= Wanted.properties(self.tables, part)
            elif can_be_shared(part):
                found |= part.columns.keys()
        return frozenset(found)

    @property
    def _computed(self) -> dict[str, str]:
        """The properties that the database computes, each with the reason why it is not written."""
        return {
            name: f"{self._place(part, column)} {COMPUTED}"
            for part in self.tables.parts
            for name, column in part.columns.items()
            if column.name in part.seen.computed and not part.is_lookup
        }

    def unwritable(
        self, connection: sa.Connection, writes: Sequence[tuple[str | None, Mapping[str, Any]]]
    ) -> list[dict[str, str]]:
        """What would be refused of some writes, by property, with the reason."""
        raw = {id: key for id, _ in writes if id is not None and (key := self._key.raw(id)) is not None}
        there = {found.id: found for found in self._found(connection, list(raw.values()))}
        shared = self._shared(connection, list(there.values()))
        known: dict[Any, str | None] = {}
        refused: list[dict[str, str]] = []
        for id, given in writes:
            found = there.get(raw[id]) if id in raw else None
            its = {name: reason for name, reason in self._computed.items() if name in given}
            if id is not None:
                main = self._main
                its |= {n: f"{self._place(main, main.columns[n])} {OF_ID}" for n in self._of_id if n in given}
            for part in self.tables.parts[1:]:
                names = Wanted.properties(self.tables, part) if part.is_lookup else part.columns.keys()
                written = [name for name in names if name in given]
                if not written:
                    continue
                keeper = part.above if part.is_lookup and part.above is not None else part
                reason = None if found is None or keeper.is_lookup else shared.of(found, keeper)
                if reason is None and part.is_lookup:
                    reason = self._not_referred_to(connection, part, given, found, known)
                if reason is not None:
                    its.update(dict.fromkeys(written, reason))
            refused.append(its)
        return refused

    def _not_referred_to(
        self,
        connection: sa.Connection,
        part: Part,
        given: Mapping[str, Any],
        found: Found | None,
        known: dict[Any, str | None],
    ) -> str | None:
        """Why a reference cannot be set; `None` where it can."""
        if part.above is None or part.above.is_lookup:
            return None  # it is looked for together with what refers to it
        wanted = Wanted.of(self.tables, part, given, found)
        if wanted.is_empty:
            return None
        same = (part, *sorted((name, str(value)) for name, value in wanted.values.items()))
        if same not in known:
            try:
                key = find_row(connection, self.tables, part, wanted, self._stored)
            except StatusError as error:
                known[same] = str(error)
            else:
                is_held = key is None and refers_to(part) == "hold"
                known[same] = f"{wanted.missing_in(part)}: add it there first" if is_held else None
        return known[same]

    def _shared(self, connection: sa.Connection, founds: Sequence[Found]) -> _Shared:
        """Which of the rows of some records others have, too: one question for each table that can be shared."""
        values: dict[Part, frozenset[Any]] = {}
        for part in self.tables.parts:
            if not part.goes_before or part.above is None:
                continue
            remote, local = part.link
            rows = (found.row(part) for found in founds)
            held = {row[remote.name] for row in rows if row is not None and not isinstance(row, Unreadable)}
            if held:
                query = sa.select(local).where(local.in_(held)).group_by(local).having(sa.func.count() > 1)
                values[part] = frozenset(connection.execute(query).scalars())
        return _Shared(values)
