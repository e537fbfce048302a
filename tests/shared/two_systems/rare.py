"""Runs after something that is rare in real life: the machine would seldom come upon it by itself."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import keapbridge as kb
from keapbridge.mapping.writing import new_record
from two_systems.drivers import value_of
from two_systems.pools import (
    AFTER_THE_TERM,
    CONFLICT_RULES,
    CUSTOMCRM,
    DAY,
    DELETION_RULES,
    KEAP,
    POOLS,
    events,
    host_rule,
    number,
    objects,
    policy_without_brakes,
    priced,
    sides,
)
from two_systems.users import Users


class Rare(Users):
    """Edits, deletions and merges that were chosen to meet."""

    @rule(object=objects, side=sides, n=number, deletions=st.sampled_from(DELETION_RULES), meanwhile=events)
    def delete_and_sync(self, object: str, side: kb.Side, n: int, deletions: Any, meanwhile: Any) -> None:
        """One record of a pair is deleted, and before the plan is applied the world may move on."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.policy = self._policy(deletions=deletions)
        object = self.kind(object)
        self._delete_one_of_a_pair(object, n, side)
        plan = self.watched(lambda: self.session().plan(full=True), may_fail=[kb.ApiError])
        self._all_happen(meanwhile)
        if isinstance(plan, kb.Plan):
            self.clock.pass_by(AFTER_THE_TERM)
            if n == 5:
                self._delete_one_of_a_pair(object, n, side.other)
            self.watched(lambda: self.session().apply(plan), may_fail=[kb.ApiError])

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, m=number, third=st.booleans(), odd=st.booleans())
    def merge_people_who_share_an_address(self, n: int, m: int, third: bool, odd: bool) -> None:
        """Duplicates in Keap become one, whether or not they are linked."""
        self.clock.pass_by(AFTER_THE_TERM)
        if third:
            self._add("contacts", KEAP, n + m)
        winner, loser = self.pick("contacts", KEAP, n), self.pick("contacts", KEAP, m)
        for id in (winner, loser):
            if id is not None:
                self._type_in("contacts", KEAP, id, "Email", "a@example.org")
        if not odd:
            self.watched(lambda: self.session().sync())
            self.clock.pass_by(AFTER_THE_TERM)
        self._merge(n, m)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])

    @rule(object=objects, side=sides, n=number, m=number)
    def make_sense_again(self, object: str, side: kb.Side, n: int, m: int) -> None:
        """What could not be understood is typed anew, after it was held for a while."""
        self.clock.pass_by(AFTER_THE_TERM)
        self._happens("odd", object, side, n, m)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        id = self.pick(object, side if m % 2 else side.other, n)
        if id is not None:
            field = "Price" if object == "products" else "Country"
            self._type_in(object, side if m % 2 else side.other, id, field, POOLS[object][field][0])
        self.watched(lambda: self.session().sync())

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, edits=st.integers(0, 4), conflicts=st.sampled_from(CONFLICT_RULES), back=st.booleans())
    def move_house(self, n: int, edits: int, conflicts: Any, back: bool) -> None:
        """Country and region are edited on both sides, and belong together; or the region stays behind for a while."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not (pair := self._a_pair("contacts", n)):
            return
        for field, value in (("Country", "USA"), ("Region", "US-AZ")):
            for side, id in pair.items():
                self._type_in("contacts", side, id, field, value)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        self.policy = self._policy(conflicts=conflicts)
        one, other = (CUSTOMCRM, KEAP) if n % 2 else (KEAP, CUSTOMCRM)
        moves: tuple[tuple[kb.Side, str, str], ...] = (
            (one, "Country", "CAN"),
            (one, "Region", "CA-ON"),
            (other, "Country", "MEX"),
            (other, "Region", "MX-JAL"),
            (other, "Region", "US-CA"),
        )
        for k, (side, field, value) in enumerate(moves):
            left_out = k > 0 if back else k == edits or (k == 4 and edits != 2)
            if not left_out and pair[side] in self.table("contacts", side):
                self._type_in("contacts", side, pair[side], field, value)
        self.watched(lambda: self.session().sync())
        if back and pair[other] in self.table("contacts", other):
            self.clock.pass_by(AFTER_THE_TERM)
            self._type_in("contacts", other, pair[other], "Country", "USA")
            self.watched(lambda: self.session().sync())

    @rule(object=objects, n=number, m=number, conflicts=st.sampled_from(("newest", "manual", host_rule)))
    def edit_both_in_the_same_moment(self, object: str, n: int, m: int, conflicts: Any) -> None:
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if not (pair := self._a_pair(object, n)):
            return
        self.policy = self._policy(conflicts=conflicts)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        field = ("Title", "City", "FirstName")[m % 3] if object == "contacts" else ("Description", "Name")[m % 2]
        moment = self.clock.moment
        for k, (side, id) in enumerate(pair.items()):
            self.clock.moment = moment
            if id in self.table(object, side):
                self._type_in(object, side, id, field, POOLS[object][field][k])
        self.watched(lambda: self.session().sync())

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, often=st.integers(0, 3))
    def be_refused_a_part(self, n: int, often: int) -> None:
        """Keap refuses one property; the others are written, and the record is not tried for ever."""
        self.clock.pass_by(AFTER_THE_TERM)
        pair = self._a_pair("contacts", n)
        self.watched(lambda: self.session().sync(full=True))
        self.clock.pass_by(DAY)
        if not pair or any(id not in self.table("contacts", side) for side, id in pair.items()):
            return
        self._let_everything_take_part()
        wanted = {"JobTitle": "Refused", "City": "Oslo" if n % 2 else "Tempe", "LastName": ("Old", "New")[n % 2]}
        held = self.read("contacts", CUSTOMCRM, pair[CUSTOMCRM])
        for field, value in wanted.items():
            self._type_in("contacts", CUSTOMCRM, pair[CUSTOMCRM], field, value)
        edited = {field for field in ("City", "LastName") if held[field] != wanted[field]}  # or an undo left it
        waits = {c.field for c in value_of(self.session().conflicts()) if c.customcrm_id == pair[CUSTOMCRM]}
        self.watched(lambda: self.session().sync())
        if self.takes_part("contacts", CUSTOMCRM, pair[CUSTOMCRM]) and pair[KEAP] in self.table("contacts", KEAP):
            theirs = self.read("contacts", KEAP, pair[KEAP])
            for field in () if "*" in waits else edited - waits:  # of a record in doubt nothing flows
                assert theirs[field] == wanted[field], f"{field} was not written, because JobTitle was refused"
        for _ in range(9 if often == 1 else 0):
            self.clock.pass_by(DAY)
            self.watched(lambda: self.session().sync())

    @precondition(lambda self: self.larger)
    @rule(object=objects, n=number, new=st.booleans(), how=st.sampled_from(("apply", "ids")))
    def make_a_field_anew(self, object: str, n: int, new: bool, how: str) -> None:
        """A custom field is another one when the plan is applied, or when some records are looked at."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        field = {"contacts": "Shoes", "companies": "Tier"}.get(object)
        if field is None or not (pair := self._a_pair(object, n)):
            return
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if new:
            record = new_record(
                self.mappers[object],
                CUSTOMCRM,
                {"Name": f"New {len(self.own)}", "FirstName": "Ada", "LastName": "Old", field: "40"},
                self.context,
            )
            self._own(object, CUSTOMCRM, record)
        if pair[CUSTOMCRM] in self.table(object, CUSTOMCRM):
            for each in (field, self._free_field(object)):
                self._type_in(object, CUSTOMCRM, pair[CUSTOMCRM], each, POOLS[object][each][n % 2])
        if how == "apply":
            plan = self.session().plan()
            self._make_a_field_anew(object)
            self.watched(lambda: self.session().apply(plan), may_fail=[kb.BrakeError])
            self.clock.pass_by(AFTER_THE_TERM)
        else:
            self._make_a_field_anew(object)
        theirs = [pair[KEAP]] if pair[KEAP] in self.table(object, KEAP) else []
        part = getattr(self.session(), object)
        if theirs:
            self._type_in(object, KEAP, pair[KEAP], self._free_field(object), "Turku")
        self.watched(lambda: part.sync_ids(keap=theirs, customcrm=[pair[CUSTOMCRM]]))

    @precondition(lambda self: self.larger and "contacts" in self.objects)
    @rule(n=number, address=st.sampled_from(("cy@example.org", "d*d@example.org")), company=st.booleans())
    def write_to_somebody_who_opted_out(self, n: int, address: str, company: bool) -> None:
        """A record gets an address whose owner wants to hear nothing: no reason is said to Keap."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = "companies" if company and "companies" in self.objects else "contacts"
        pair = self._a_pair(object, n)
        here = kb.keap.Contact(given_name="Cy", email_addresses=(kb.keap.EmailAddress(address, "EMAIL1"),))
        if n % 3:
            self._own("contacts", KEAP, here)
        self.keap.opt_out(address)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2 and pair and pair[CUSTOMCRM] in self.table(object, CUSTOMCRM):
            self._type_in(object, CUSTOMCRM, pair[CUSTOMCRM], "Email", address)
        else:
            known = {"Name": f"New {len(self.own)}", "FirstName": "Zoe", "LastName": f"New {len(self.own)}"}
            draft = new_record(self.mappers[object], CUSTOMCRM, {**known, "Email": address}, self.context)
            self._own(object, CUSTOMCRM, draft)
        self.watched(lambda: self.session().sync())
        if n % 3:
            assert self.keap.status(address) == "MANUAL", "opted in against their will"

    def _two_full_systems(self, side: kb.Side) -> None:
        """Systems that look as if they were not the same ones, and a crowd that shares a key."""
        [object] = self.objects
        self.crowded = True
        self.policy = policy_without_brakes(deletions=self.policy.deletions)
        for n in range(60):
            here, there = ({"Name": f"P{n}", "Sku": f"P{n}"}, {"Name": f"Q{n}", "Sku": f"Q{n}"})
            if object == "contacts":
                here, there = ({"Email": f"p{n}@example.org"}, {"Email": "crowd@example.org", "LastName": f"L{n}"})
            for where, values in ((side, here), (side.other, there)):
                self._own(
                    object, where, new_record(self.mappers[object], where, {**values, **priced(object)}, self.context)
                )
        tight = policy_without_brakes(max_first_create_share=0.8, max_delete_share=0.05, deletions="unlink")
        result = self.watched(lambda: self.session(policy=tight).sync(), may_fail=[kb.BrakeError])
        assert isinstance(result, kb.BrakeError)
        self.watched(lambda: self.session().sync())
        linked = sorted(ids[side is KEAP] for _, *ids in self.links())
        field = (
            "City" if object == "contacts" else "Name" if self._is_unlisted(object, "Description") else "Description"
        )
        for id in linked[:10]:
            self._type_in(object, side, id, field, "Turku")
        tight = attrs.evolve(tight, max_updates_share=0.05)
        assert isinstance(
            self.watched(lambda: self.session(policy=tight).sync(), may_fail=[kb.BrakeError]), kb.BrakeError
        )
        for id in linked[:25]:
            self.table(object, side).delete(id)
        assert isinstance(
            self.watched(lambda: self.session(policy=tight).sync(full=True), may_fail=[kb.BrakeError]), kb.BrakeError
        )
