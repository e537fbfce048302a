"""What users do in both systems, and what the machine has to know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import rule

import keapbridge as kb
from keapbridge.mapping.writing import new_record, put_values
from two_systems.checks import Checks
from two_systems.pools import (
    AFTER_THE_TERM,
    CONFLICT_RULES,
    CUSTOMCRM,
    DAY,
    DELETION_RULES,
    KEAP,
    NEWCOMER,
    ODDITIES,
    POOLS,
    events,
    priced,
)


class Users(Checks):
    """Users add, edit, merge, join, delete."""

    @rule(events=events, long=st.booleans())
    def users_work(self, events: Any, long: bool) -> None:
        self._all_happen(events)
        self.clock.pass_by(DAY if long else timedelta(seconds=10))

    @rule(conflicts=st.sampled_from(CONFLICT_RULES), deletions=st.sampled_from(DELETION_RULES))
    def change_the_policy(self, conflicts: Any, deletions: Any) -> None:
        self.policy = self._policy(conflicts=conflicts, deletions=deletions)

    def _happens(self, what: str, object: str, side: kb.Side, n: int, m: int) -> None:
        """One thing that users do; `n` and `m` choose the records, the field and the value."""
        object = self.kind(object)
        id = self.pick(object, side, n)
        fields = sorted(POOLS[object].keys() & {lens.name for lens in self.mappers[object].lenses})
        field = fields[m % len(fields)]
        pool = POOLS[object][field]
        match what:
            case "add":
                self._add(object, side, n + m)
            case "add both":
                self._add(object, side, n + m)
                self._add(object, side.other, n + m if n % 2 else m)
            case "edit" if id is not None:
                self._type_in(object, side, id, field, pool[(n + m) % len(pool)])
            case "edit both":
                self._edit_both(object, n, field, (pool[m % len(pool)], pool[n % len(pool)]))
            case "odd" if id is not None:
                options = ODDITIES[side][object]
                self._edit(object, side, id, options[m % len(options)])
                self.blurred.add((object, side, id))  # what it meant for other fields is not followed up
            case "delete" if id is not None:
                self.table(object, side).delete(id)
            case "merge":
                self._merge(n, m)
            case "join":
                self._join_a_company(side, n, m)
            case "opt out":
                self.keap.opt_out(str(POOLS["contacts"]["Email"][m % 2]))
            case "new field":
                self._make_a_field_anew(object)
            case "refused" if "contacts" in self.objects:
                self._type_in_what_is_refused(n)
            case "spoil" if id is not None:
                self.table(object, side).spoiled.add(id)
                self.table(object, side).nameless += m % 2

    def _all_happen(self, events: Iterable[tuple[Any, ...]]) -> None:
        for event in events:
            self._happens(*event)

    def _own(self, object: str, side: kb.Side, record: Any) -> str:
        """A record of a user, with something in it that is not mapped."""
        n = len(self.own)
        self.happened += 1
        match record:
            case kb.keap.Contact():
                third = kb.keap.EmailAddress(f"third{n}@example.org", "EMAIL3")
                mine = {"spouse_name": f"Spouse {n}", "email_addresses": (*(record.email_addresses or ()), third)}
            case kb.keap.Company():
                own = next((field.id for field in self.keap.companies.fields if field.label == "Own"), "7")
                others = record.custom_fields or ()
                mine = {"custom_fields": (*others, kb.keap.CustomFieldValue(own, f"Field {n}"))}
            case kb.keap.Product():
                mine = {"weight": float(n)}
            case _:
                mine = {"extra": {**(record.extra or {}), "Own": f"Own {n}"}}
        id = self.table(object, side).add(attrs.evolve(record, **mine))
        self.own[object, side, id] = self._unmapped(object, side, id)
        return id

    def _edit(self, object: str, side: kb.Side, id: str, changes: Mapping[str, Any]) -> None:
        """What a user does to a record, and what the machine has to know of it."""
        self.happened += 1
        before = self.read(object, side, id)
        self._touch(object, side, id)
        self.table(object, side).edit(id, **changes)
        for field, value in self.read(object, side, id).items():
            if value != before.get(field):
                self.edited[(object, side, id), field].append(value)

    def _touch(self, object: str, side: kb.Side, id: str) -> None:
        """A record that was made and is not linked yet is not recognised any more when somebody edits it."""
        key = next((key for key, made in self.table(object, side).made.items() if made == id), None)
        linked = {(o, s, i) for o, *ids in self.links() for s, i in zip((CUSTOMCRM, KEAP), ids, strict=True)}
        if side in self.unguarded and key in self.origins and (object, side, id) not in linked:
            self.excused.add(self.origins[key])

    def _type_in(self, object: str, side: kb.Side, id: str, field: str, value: Any) -> None:
        names = {lens.name for lens in self.mappers[object].lenses}
        if field not in names or (side is KEAP and not self._has_room(object, field)):
            return
        _, changes = put_values(self.mappers[object], side, self.table(object, side)[id], {field: value}, self.context)
        self._edit(object, side, id, changes)

    def _has_room(self, object: str, field: str) -> bool:
        """Whether Keap has the custom field, where it is one."""
        custom = self.mappers[object][field].keap.custom
        return custom is None or bool(self.context.custom_fields[custom].id)

    def _add(self, object: str, side: kb.Side, n: int) -> None:
        """A record with values that others have, too; or one that nobody could mistake for another."""
        values = {field: pool[(n + i * (n % 3)) % len(pool)] for i, (field, pool) in enumerate(POOLS[object].items())}
        names = {lens.name for lens in self.mappers[object].lenses}
        known = {
            field: value
            for field, value in values.items()
            if value is not None and field in names and (side is CUSTOMCRM or self._has_room(object, field))
        }
        if n % 4 == NEWCOMER:
            new = len(self.own)
            known |= {"Email": f"new{new}@example.org"} if object == "contacts" else {"Name": f"New {new}"}
            known.pop("Sku", None)
            if object == "contacts":
                known["LastName"] = f"New {new}"
                known.pop("Phone", None)
            if object == "contacts" and new % 2:  # nothing matches it: made twice, it would stay twice
                known["City"] = "Oslo"
                del known["Email"]
        self._own(object, side, new_record(self.mappers[object], side, known, self.context))

    def _add_alike(self, object: str, *where: kb.Side) -> list[str]:
        """The same new record on these sides."""
        name = f"Alike {len(self.own)}"
        known: dict[str, Any] = {"Name": name} if object != "contacts" else {"FirstName": "Ada", "LastName": "Old"}
        if object == "contacts":
            known["Email"] = f"alike{len(self.own)}@example.org"
        return [
            self._own(object, side, new_record(self.mappers[object], side, {**known, **priced(object)}, self.context))
            for side in where
        ]

    def _a_pair(self, object: str, n: int) -> dict[kb.Side, str]:
        """A linked pair of which both records are there and take part; made for it, where there is none."""
        for _ in range(2):
            for link in sorted(self.links())[n:] + sorted(self.links())[:n]:
                pair = dict(zip((CUSTOMCRM, KEAP), link[1:], strict=True))
                if link[0] == object and all(
                    id in self.table(object, side)
                    and id not in self.table(object, side).spoiled
                    and self.takes_part(object, side, id)
                    for side, id in pair.items()
                ):
                    return pair
            self._add(object, CUSTOMCRM, NEWCOMER)
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        return {}

    def _free_field(self, object: str) -> str:
        """A field that nothing depends on."""
        return "City" if object == "contacts" else "Description"

    def _edit_both(self, object: str, n: int, field: str, values: tuple[Any, Any]) -> None:
        """The same field of both records of a pair."""
        pairs = sorted(link for link in self.links() if link[0] == object)
        if pairs:
            _, *ids = pairs[n % len(pairs)]
            for side, id, value in zip((CUSTOMCRM, KEAP), ids, values, strict=True):
                if id in self.table(object, side):
                    self._type_in(object, side, id, field, value)

    def _type_in_what_is_refused(self, n: int) -> None:
        """Keap refuses one property of several."""
        id = self.pick("contacts", CUSTOMCRM, n)
        if id is not None:
            self._type_in("contacts", CUSTOMCRM, id, "JobTitle", "Refused")
            if n % 2:
                self._type_in("contacts", CUSTOMCRM, id, "LastName", POOLS["contacts"]["LastName"][n % 3])

    def _make_a_field_anew(self, object: str) -> None:
        """What the custom field held is gone with it, and with it what the sync can know."""
        for field in self.table(object, KEAP).fields:
            if field.label != "Own":
                self.blurred |= {
                    (o, s, id) for o, s in ((object, KEAP), (object, CUSTOMCRM)) for id in self.table(o, s)
                }
                self.table(object, KEAP).make_field_anew(field.label)

    def _merge(self, n: int, m: int) -> None:
        winner, loser = self.pick("contacts", KEAP, n), self.pick("contacts", KEAP, m)
        if winner is not None and loser is not None and winner != loser:
            for id in (winner, loser):
                self._touch("contacts", KEAP, id)
                self.blurred.add(("contacts", KEAP, id))
            before = self.own.get(("contacts", KEAP, winner))
            self.keap.merge(winner, loser)
            if before is not None:
                self.own["contacts", KEAP, winner] = self._unmapped("contacts", KEAP, winner)

    def _join_a_company(self, side: kb.Side, n: int, m: int) -> None:
        contact, company = self.pick("contacts", side, n), self.pick("companies", side, m)
        if contact is not None and company is not None:
            ours = {"customer_id": company}
            theirs = {"company": kb.keap.BasicCompany(id=company)}
            self._edit("contacts", side, contact, ours if side is CUSTOMCRM else theirs)

    def _delete_one_of_a_pair(self, object: str, n: int, side: kb.Side) -> None:
        pairs = sorted(link for link in self.links() if link[0] == object)
        if pairs:
            id = pairs[n % len(pairs)][1 if side is CUSTOMCRM else 2]
            if id in self.table(object, side):
                self.table(object, side).delete(id)
