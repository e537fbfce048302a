"""The rows of one kind of record, written, once it is seen that nobody has moved them meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from keapbridge.customcrm.sql.cascades import refuse_cascades
from keapbridge.customcrm.sql.foreseen import ForeseenRows, can_be_shared
from keapbridge.customcrm.sql.gathering import Found
from keapbridge.customcrm.sql.keys import Raw
from keapbridge.customcrm.sql.parts import Part
from keapbridge.customcrm.sql.reflected import is_number
from keapbridge.customcrm.sql.written import PASSED_OVER, Values, goes_along
from keapbridge.errors import ConflictError, NotFoundError, StatusError
from keapbridge.model.checked import asked_id
from keapbridge.model.maybe import Unreadable

__all__ = ["Rows"]


class Rows(ForeseenRows):
    """The records of one object, which are written, too."""

    # --- making -----------------------------------------------------------------------------------------------------

    def create(self, connection: sa.Connection, record: Mapping[str, Any], key: str) -> dict[str, Any]:
        self._refuse_strangers(record)
        self._lock(connection)
        values = self._values(connection, record)
        main = values[self._main]
        id = self._own_id(main)
        if id is None and not self._makes_ids:
            id = self._new_id(key, connection)
        known = self._made_before(connection, id, key)
        if known is not None:
            return known
        self._refer(connection, values, record, None)
        if id is not None:
            main.update(zip(self.given.ids, id, strict=True))
        if self.tables.key is not None:
            main[self.tables.key.name] = key
        created = self.tables.created
        if created is not None and self.given.touch and created.name not in self._main.seen.defaults:
            main[created.name] = self._now(created)
        row = self._insert(connection, self._main, values, key)
        return self._written(connection, self._key.of(row))

    def _own_id(self, own: Mapping[str, Any]) -> Raw | None:
        """The id that properties of a new record are in; `None` where they are not, or are not all there."""
        id = tuple(own.get(column.name) for column in self._key.columns)
        if self._of_id and None not in id and "" not in id:
            return id
        if self._of_id and self.given.new_id is None and not self._makes_ids:
            names = " and ".join(sorted(self._of_id))
            raise StatusError(
                f"{self.object}: no row of {self.given.name} without {names}, which is its id", status=422
            )
        return None

    def _written(self, connection: sa.Connection, id: Raw) -> dict[str, Any]:
        """A record after it was written; the transaction fails where it is none any more."""
        found = self._records(connection, [id])
        if not found:
            reason = "where= or deleted= would leave this record out, as it would be then"
            raise StatusError(f"{self.object}: {self.given.name}: {reason}", status=422)
        return found[0]

    def _executed_on_one(self, connection: sa.Connection, part: Part, statement: Any) -> None:
        done = connection.execute(statement)
        if done.rowcount == 0 and not part.seen.is_view:
            raise StatusError(f"{self.object}: nothing was written to {part.table.name}: {PASSED_OVER}", status=422)

    def _insert(self, connection: sa.Connection, part: Part, values: Values, key: str) -> dict[str, Any]:
        """Make the row of a part, those that it needs before, and those that hang on it; what it holds by then."""
        own = values[part]
        for child in self.tables.below(part):
            remote, local = child.link
            if child.goes_before and (self._has_content(child, values) or local.name in self._lacks(part, own)):
                if local.name in own:
                    values[child][remote.name] = own[local.name]
                own[local.name] = self._insert(connection, child, values, key)[remote.name]
        row = self._insert_row(connection, part, own, key)
        for child in self.tables.below(part):
            remote, local = child.link
            if not child.is_lookup and not child.goes_before and (child.always or self._has_content(child, values)):
                values[child][remote.name] = row[local.name]
                self._insert(connection, child, values, key)
        return row

    def _lacks(self, part: Part, own: Mapping[str, Any]) -> set[str]:
        """What a row cannot be made without, of what a row before it gives."""
        given = {child.link[1].name for child in self.tables.below(part) if child.goes_before and child.always}
        needed = (
            part.seen.required - part.seen.defaults - own.keys() - part.given.on_create.keys() - part.on_write.keys()
        )
        ids = set(self.given.ids) if part is self._main else set[str]()
        return {*needed, *given, *ids}

    def _has_content(self, part: Part, values: Values) -> bool:
        """Whether anything is to be said in the row of a part, or in one that hangs on it."""
        mine = any(value not in (None, "") for value in values[part].values())
        return mine or any(self._has_content(child, values) for child in self.tables.below(part) if not child.is_lookup)

    def _made_before(self, connection: sa.Connection, id: Raw | None, key: str) -> dict[str, Any] | None:
        if not self.creates_once:
            return None
        mark = self.tables.key
        if mark is None and id is None:
            return None
        condition: sa.ColumnElement[bool] = self._key.among([id or ()]) if mark is None else (mark == key)
        found = connection.execute(sa.select(*self._key.columns).where(condition)).first()
        if found is None:
            return None
        records = self._records(connection, [tuple(found)])
        if not records:
            raise NotFoundError(f"{self.object} {self._key.text(found)} was made and deleted since", status=410)
        return records[0]

    # --- changing ---------------------------------------------------------------------------------------------------

    def update(
        self, connection: sa.Connection, id: str, changes: Mapping[str, Any], version: str | None
    ) -> dict[str, Any]:
        found = self._existing(connection, id, version)
        self._refuse_strangers(changes)
        values = self._values(connection, changes, found)
        self._refer(connection, values, changes, found)
        if self.tables.modified is not None:
            part = self.tables.modified[0]
            values[part] |= self._touched(part)
        self._change(connection, self._main, values, found, f"{self.object} {id}")
        return self._written(connection, found.id)

    def _change(self, connection: sa.Connection, part: Part, values: Values, found: Found, key: str) -> None:
        """Write to the row of a part and to those that hang on it; one without content is not made."""
        own, row = values[part], found.row(part)
        if isinstance(row, Unreadable):
            if self._has_content(part, values):
                raise StatusError(f"{self.object}: {part.table.name}: {row.reason}", status=422)
            return
        assert row is not None  # whoever calls has seen it
        later: list[Part] = []
        for child in self.tables.below(part):
            if child.is_lookup:
                continue
            remote, local = child.link
            if found.row(child) is not None:
                self._change(connection, child, values, found, key)
            elif self._has_content(child, values):
                if child.goes_before:
                    own[local.name] = self._insert(connection, child, values, key)[remote.name]
                else:
                    later.append(child)
        if own:
            self._refuse_shared(connection, part, found, own)
            own |= _changed_along(part, row, own)
            statement = (
                sa.update(part.table).where(*self._this_row(part, row, found)).values({**own, **self._touched(part)})
            )
            self._executed_on_one(connection, part, statement)
        for child in later:
            remote, local = child.link
            values[child][remote.name] = own.get(local.name, row[local.name])
            self._insert(connection, child, values, key)

    def _this_row(self, part: Part, row: Mapping[str, Any], found: Found) -> tuple[Any, ...]:
        if part is self._main:
            return (self._key.among([found.id]),)
        remote, _ = part.link
        return (remote == row[remote.name], *part.where)

    def _refuse_shared(self, connection: sa.Connection, part: Part, found: Found, own: Mapping[str, Any]) -> None:
        """Refuse to change a row that several records have: it would change for all of them."""
        if not can_be_shared(part) or own.keys() <= self._touched(part).keys():
            return
        reason = self._shared(connection, [found]).of(found, part)
        if reason is not None:
            raise StatusError(f"{self.object}: {reason}", status=422)

    def update_together(
        self, connection: sa.Connection, writes: Sequence[tuple[str, Mapping[str, Any], str | None]]
    ) -> list[dict[str, Any]]:
        """Several updates, of which one may write what another one gives up."""
        there: dict[str, Found] = {}
        for id, _, version in sorted(writes, key=lambda write: write[0]):  # in one order, so that nobody is locked out
            there[id] = self._existing(connection, id, version)
        for id, changes, _ in writes:
            self._give_up(connection, there[id], changes)
        return [self.update(connection, id, changes, None) for id, changes, _ in writes]

    def _give_up(self, connection: sa.Connection, found: Found, changes: Mapping[str, Any]) -> None:
        """Let go of the values that are about to be replaced: nobody sees what takes their place until then."""
        for part in self.tables.parts:
            row = found.row(part)
            if part.is_lookup or row is None or isinstance(row, Unreadable):
                continue
            named = ((n, column) for n, column in part.columns.items() if n in changes and not part.path(n))
            free = {column.name: self._nothing(part, column, found) for _, column in named}
            if free:
                connection.execute(sa.update(part.table).where(*self._this_row(part, row, found)).values(free))

    def _nothing(self, part: Part, column: sa.Column[Any], found: Found) -> Any:
        if column.name not in part.seen.required:
            return None
        if not isinstance(column.type, sa.String):
            return column
        longest = getattr(column.type, "length", None) or 40
        mark = f"{column.name} {self._key.text(found.id)}"
        return hashlib.blake2b(mark.encode(), digest_size=20).hexdigest()[:longest]

    # --- deleting ---------------------------------------------------------------------------------------------------

    def delete(self, connection: sa.Connection, id: str, version: str | None) -> None:
        found = self._existing(connection, id, version)
        if self.tables.deleted is not None:
            part, column = self.tables.deleted
            row = found.row(part)
            if row is None or isinstance(row, Unreadable):
                raise StatusError(f"{self.object} {id}: no one row of {part.table.name} to mark as deleted", status=422)
            values = {column.name: self._gone(column), **self._touched(part)}
            marked = sa.update(part.table).where(*self._this_row(part, row, found)).values(values)
            self._executed_on_one(connection, part, marked)
            return
        refuse_cascades(connection, self.tables, found, self.given.cascades, f"{self.object} {id}")
        self._remove(connection, self._main, found)

    def _remove(self, connection: sa.Connection, part: Part, found: Found) -> None:
        """Remove the row of a part, those that hang on it first, and those that it hangs on afterwards."""
        row = found.row(part)
        if row is None:
            return
        joins = [child for child in self.tables.below(part) if not child.is_lookup]
        for child in joins:
            if not child.goes_before:
                self._remove(connection, child, found)
        if isinstance(row, Unreadable):
            rows = found.rows[part]
            row = next(iter(rows), None) if not isinstance(rows, Unreadable) else None
            if row is None:
                return
        self._executed_on_one(connection, part, sa.delete(part.table).where(*self._this_row(part, row, found)))
        for child in joins:
            if child.goes_before and not self._is_needed(connection, child, row):
                self._remove(connection, child, found)

    def _is_needed(self, connection: sa.Connection, part: Part, row: Mapping[str, Any]) -> bool:
        """Whether others than one row, which is gone, have the row of a part."""
        assert part.above is not None  # it hangs on something
        _, local = part.link
        query = sa.select(sa.func.count()).select_from(part.above.table).where(local == row[local.name])
        return connection.execute(query).scalar_one() > 0

    def _gone(self, column: sa.Column[Any]) -> Any:
        if isinstance(column.type, sa.Boolean):
            return True
        if is_number(column):
            return 1
        length = getattr(column.type, "length", None)
        return "Y" if length is not None and length < len("2026-01-31 00:00:00") else self._now(column)

    def _existing(self, connection: sa.Connection, id: str, version: str | None) -> Found:
        """A record that is there in this version; nobody else can write it until the transaction ends."""
        self._lock(connection)
        raw = self._key.raw(asked_id(id))
        there = [] if raw is None else self._found(connection, [raw], lock=True)
        if not there:
            raise NotFoundError(f"{self.object} {id} is not there", status=404)
        if version is not None and self._record(there[0])["ETag"] != version:
            raise ConflictError(f"{self.object} {id} was changed meanwhile", status=412)
        return there[0]

    def _lock(self, connection: sa.Connection) -> None:
        if self._dialect == "sqlite" and not self._main.seen.is_view:
            # It has no locks for rows; a write that writes nothing makes this transaction the only writer.
            column = self._key.columns[0]
            connection.execute(sa.update(self._main.table).where(sa.false()).values({column.name: column}))


def _changed_along(part: Part, row: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What changes in a row because of what is written to it; nothing where only its time of change is."""
    if not own.keys() & {column.name for column in part.columns.values()}:
        return {}
    before, after = goes_along(part, row), goes_along(part, {**row, **own})
    are_fixed = {name for name, value in part.on_write.items() if not callable(value)}
    return {name: value for name, value in after.items() if name in are_fixed or value != before[name]}
