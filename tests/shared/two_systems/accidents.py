"""What no person types: properties that vanish, ids that are reissued, records that go back, machines that answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
from fakes import Fault, no_faults
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import keapbridge as kb
from keapbridge.mapping.writing import new_record
from two_systems.drivers import value_of
from two_systems.pools import AFTER_THE_TERM, CUSTOMCRM, DAY, KEAP, NEWCOMER, number, objects, sides
from two_systems.users import Users

# A field that nothing depends on and that has a place of its own in both systems, and values that both can hold.
FIELDS = {"contacts": "JobTitle", "companies": "Description", "products": "Description"}
ATTRIBUTES = {
    (CUSTOMCRM, "contacts"): "job_title",
    (CUSTOMCRM, "companies"): "description",
    (CUSTOMCRM, "products"): "description",
    (KEAP, "contacts"): "job_title",
    (KEAP, "companies"): "notes",
    (KEAP, "products"): "description",
}
VALUES = {"contacts": ("Cook", "Nurse", "Smith"), "companies": ("Red", "Green", "Blue")}
VALUES["products"] = VALUES["companies"]
WITNESSES = 3  # fewer records than that cannot tell that a property has vanished
RESTORED = 11  # records that go back at once: of so many a synchronization stops
COLUMN = 5  # values that are emptied at once
TURNS = 10  # of two machines that answer each other


class Accidents(Users):
    """Accidents, one at a time, in a world that was settled just before."""

    def _settled_pairs(self, object: str, many: int, value: str) -> list[dict[kb.Side, str]]:
        """Pairs that both hold a value, and that were in sync a day ago; none where they cannot be had."""
        field = FIELDS[object]
        if field not in {lens.name for lens in self.mappers[object].lenses} or self._is_unlisted(object, field):
            return []
        for _ in range(many):
            self._add(object, CUSTOMCRM, NEWCOMER)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)
        made = [name for name in self.own if name[:2] == (object, CUSTOMCRM)][-many:]
        partners = {ours: theirs for o, ours, theirs in self.links() if o == object}
        pairs = [{CUSTOMCRM: id, KEAP: partners[id]} for _, _, id in made if id in partners]
        if len(pairs) < many or not all(
            id in self.table(object, side) and self.takes_part(object, side, id)
            for pair in pairs
            for side, id in pair.items()
        ):
            return []
        for pair in pairs:
            self._type_in(object, CUSTOMCRM, pair[CUSTOMCRM], field, value)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)
        settled = all(self._value(object, side, pair[side]) == value for pair in pairs for side in kb.Side)
        return pairs if settled else []

    def _value(self, object: str, side: kb.Side, id: str) -> Any:
        return self.read(object, side, id)[FIELDS[object]]

    def _waits(self, object: str, pair: dict[kb.Side, str], policy: kb.Policy | None = None) -> bool:
        """Whether somebody is asked about a pair."""
        return any(
            (c.object, c.customcrm_id) == (object, pair[CUSTOMCRM]) and c.field in {FIELDS[object], "*"}
            for c in value_of(self.session(policy=policy).conflicts())
        )

    @rule(
        object=objects,
        side=sides,
        how=st.sampled_from(("changes", "full", "ids")),
        edited=st.booleans(),
        by_id=st.booleans(),
    )
    def lose_sight_of_a_property(self, object: str, side: kb.Side, how: str, edited: bool, by_id: bool = False) -> None:
        """A system stops to show a property, or only lists show it: nothing is emptied; what comes back is whole."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        old, new, _ = VALUES[object]
        pairs = self._settled_pairs(object, WITNESSES, old)
        if not pairs:
            return
        table = self.table(object, side)
        (table.listed_only if by_id else table.hidden).add(ATTRIBUTES[side, object])
        for pair in pairs:
            self._type_in(object, side, pair[side], self._another_field(object), "Turku")
        if edited:
            self._type_in(object, side.other, pairs[0][side.other], FIELDS[object], new)
        part = getattr(self.session(), object)
        ids = {side.value: [pair[side] for pair in pairs]}
        work = {"ids": lambda: part.sync_ids(**ids), "full": lambda: self.session().sync(full=True)}
        self.watched(work.get(how, lambda: self.session().sync()), may_fail=[kb.ApiError])
        if by_id:
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        expected = [new if edited and n == 0 else old for n in range(len(pairs))]
        shown = [self._value(object, side.other, pair[side.other]) for pair in pairs]
        assert shown == expected, f"{side.title} does not show {FIELDS[object]}: {shown}, and it was {expected}"
        hidden = [self._value(object, side, pair[side]) for pair in pairs]
        assert None not in hidden, f"{side.title} does not show {FIELDS[object]}, and it was emptied: {hidden}"
        self.clock.pass_by(DAY)
        table.hidden.clear()
        table.listed_only.clear()
        for pair in pairs:  # what comes back is compared as at first contact: either value may win, none is cleared
            for each in kb.Side:
                self.edited[(object, each, pair[each]), FIELDS[object]] += [old, *([new] if edited else [])]
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        for pair in pairs:
            for each in kb.Side:
                value = self._value(object, each, pair[each])
                assert value in {old, new}, f"{FIELDS[object]} came back in {side.title}, and is {value!r}"

    def _another_field(self, object: str) -> str:
        return "City" if object != "products" else "Name"

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, full=st.booleans())
    def reissue_an_id(self, n: int, full: bool) -> None:
        """Another person gets the id of one who was deleted: nobody becomes somebody else."""
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self._settled_pairs("contacts", 1, "Cook")
        if not pairs:
            return
        [pair] = pairs
        before = self.read("contacts", KEAP, pair[KEAP])
        new = len(self.own)
        values = {"FirstName": "Zoe", "LastName": f"Zimmer {new}", "Email": f"zoe{new}@example.org", "City": "Turku"}
        record = new_record(self.mappers["contacts"], CUSTOMCRM, values, self.context)
        name = ("contacts", CUSTOMCRM, pair[CUSTOMCRM])
        self.table("contacts", CUSTOMCRM).reissue(pair[CUSTOMCRM], record)
        self.own[name] = self._unmapped(*name)
        was = ("contacts", CUSTOMCRM, f"{pair[CUSTOMCRM]} before")  # whose counterpart was made for somebody else
        self.origins.update({key: was for key, origin in self.origins.items() if origin == name})
        self.blurred |= {name, ("contacts", KEAP, pair[KEAP])}
        self.clock.pass_by(timedelta(minutes=n))
        self.watched(lambda: self.session().sync(full=full), may_fail=[kb.ApiError])
        if pair[KEAP] in self.table("contacts", KEAP):
            now = self.read("contacts", KEAP, pair[KEAP])
            who = ("FirstName", "LastName", "Email")
            assert [now[f] for f in who] == [before[f] for f in who], f"{before} became {now}"
        assert self.read(*name)["Email"] == values["Email"], "the new person became the old one"

    def _has_no_stamps(self, side: kb.Side) -> bool:
        """Whether nobody can tell what was earlier."""
        return self.adapter == "of few words" and side is CUSTOMCRM

    @rule(object=objects, side=sides, full=st.booleans())
    def go_back(self, object: str, side: kb.Side, full: bool) -> None:
        """A record is restored: what was typed on the other side since is not undone."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if self._has_no_stamps(side):
            return
        old, new, _ = VALUES[object]
        pairs = self._settled_pairs(object, 1, old)
        if not pairs:
            return
        [pair] = pairs
        record = self.table(object, side)[pair[side]]
        self._type_in(object, side.other, pair[side.other], FIELDS[object], new)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)
        if self._value(object, side, pair[side]) != new:
            return
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)
        self.table(object, side).go_back(record)
        self.blurred |= {(object, each, pair[each]) for each in kb.Side}
        part = getattr(self.session(), object)
        look = (lambda: self.session().sync(full=True)) if full else lambda: part.sync_ids(**{side.value: [pair[side]]})
        for _ in range(2):  # a replica could lag: the second look is sure
            self.watched(look, may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(timedelta(minutes=10))
        value = self._value(object, side.other, pair[side.other])
        assert value == new, f"{side.title} went back, and so did {FIELDS[object]} of the other side: {value!r}"
        asked = self._waits(object, pair) or self._value(object, side, pair[side]) == new
        assert asked, f"{side.title} went back, and nobody is asked"

    @rule(object=objects, side=sides, accepted=st.booleans())
    def restore_a_side(self, object: str, side: kb.Side, accepted: bool) -> None:
        """Many records of a system are restored: their synchronization stops until a person says what is meant."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        old, new, other = VALUES[object]
        pairs = [] if self._has_no_stamps(side) else self._settled_pairs(object, RESTORED, old)
        if not pairs:
            return
        records = [self.table(object, side)[pair[side]] for pair in pairs]
        for pair in pairs:
            self._type_in(object, side.other, pair[side.other], FIELDS[object], new)
        for _ in range(2):
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(DAY)
        if any(self._value(object, side, pair[side]) != new for pair in pairs):
            return
        for record in records:
            self.table(object, side).go_back(record)
        self.blurred |= {(object, each, pair[each]) for pair in pairs for each in kb.Side}
        for _ in range(2):  # a replica could lag: the second look is sure
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(timedelta(minutes=10))
            kept = [self._value(object, side.other, pair[side.other]) for pair in pairs]
            assert kept == [new] * RESTORED, f"{side.title} was restored, and so was the other side: {kept}"
        if accepted:
            meant: Any = {"restored": side.value}
            self.watched(lambda: self.session().sync(full=True, accept=meant), may_fail=[kb.ApiError, kb.BrakeError])
        else:
            for pair in pairs:
                self._type_in(object, side, pair[side], FIELDS[object], other)

    @rule(object=objects, side=sides, accepted=st.booleans())
    def empty_a_column(self, object: str, side: kb.Side, accepted: bool) -> None:
        """A field of many is emptied at once: it is held, the rest goes on, and a person may say that it was meant."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        field, (old, _, other) = FIELDS[object], VALUES[object]
        pairs = self._settled_pairs(object, COLUMN, old)
        if not pairs:
            return
        holding = sum(self._value(object, side.other, id) is not None for id in self.table(object, side.other))
        for pair in pairs:
            self._type_in(object, side, pair[side], field, None)
        self._type_in(object, side, pairs[0][side], self._another_field(object), "Turku")
        careful = self._policy(sweep_from=COLUMN, max_emptied_share=0.2, max_levelled_share=0.2)
        name = f"{object}.{field}"
        report = self.watched(lambda: self.session(policy=careful).sync(), may_fail=[kb.ApiError])
        if 0.2 * holding < COLUMN:
            kept = [self._value(object, side.other, pair[side.other]) for pair in pairs]
            assert kept == [old] * COLUMN, f"{field} was emptied for {kept.count(None)}"
            told = [line.reason for line in report.lines if line.outcome == "held" and field in line.fields]
            assert any(name in reason for reason in told), f"{field} is held, and nobody is told what releases it"
        if accepted:
            self.watched(lambda: self.session(policy=careful).sync(accept=[name]), may_fail=[kb.ApiError])
            kept = [self._value(object, side.other, pair[side.other]) for pair in pairs]
            assert kept == [None] * COLUMN, f"{field} was to be emptied, and is {kept}"
        else:
            for pair in pairs:
                self._type_in(object, side, pair[side], field, other)

    @rule(object=objects, first=sides)
    def answer_each_other(self, object: str, first: kb.Side) -> None:
        """Two machines change each other's value: it comes to rest, and somebody is asked."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        tables = {side: self.table(object, side) for side in kb.Side}
        if any(ATTRIBUTES[side, object] in table.deaf | table.unique for side, table in tables.items()):
            return  # what is not taken does not come back
        ours, theirs, start = VALUES[object]
        pairs = self._settled_pairs(object, 1, start)
        if not pairs:
            return
        [pair] = pairs
        wishes = ((first, ours), (first.other, theirs))
        braked = attrs.evolve(self.policy, max_turns=6)
        before: list[int] = []
        for turn in range(TURNS):
            side, value = wishes[turn % 2]
            if self._value(object, side, pair[side]) != value:
                self._type_in(object, side, pair[side], FIELDS[object], value)
            before.append(self._writes_of(pair))
            self.watched(lambda: self.session(policy=braked).sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(timedelta(minutes=20))
        self.blurred |= {(object, each, pair[each]) for each in kb.Side}
        assert self._writes_of(pair) == before[-2], f"{FIELDS[object]} goes to and fro"
        assert self._waits(object, pair, braked), f"{FIELDS[object]} went to and fro, and nobody is asked"

    def _writes_of(self, pair: Mapping[kb.Side, str]) -> int:
        """How often either record of a pair was written; others may have something to be written as well."""
        systems = ((CUSTOMCRM, self.crm), (KEAP, self.keap))
        return sum(path.endswith(f"/{pair[side]}") for side, system in systems for _, path in system.writes)

    @rule(object=objects, side=sides, full=st.booleans())
    def not_take_a_value(self, object: str, side: kb.Side, full: bool) -> None:
        """A system says yes and keeps what it had: the person who typed the value keeps it."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        old, new, _ = VALUES[object]
        pairs = self._settled_pairs(object, 1, old)
        if not pairs:
            return
        [pair] = pairs
        table = self.table(object, side)
        table.deaf.add(ATTRIBUTES[side, object])
        self._type_in(object, side.other, pair[side.other], FIELDS[object], new)
        self.blurred |= {(object, each, pair[each]) for each in kb.Side}
        told = []
        for _ in range(3):
            report = self.watched(lambda: self.session().sync(full=full), may_fail=[kb.ApiError])
            told += [x for x in report.lines if x.customcrm_id == pair[CUSTOMCRM] and FIELDS[object] in x.fields]
            self.clock.pass_by(DAY)
            value = self._value(object, side.other, pair[side.other])
            assert value == new, f"{side.title} did not take {new!r}, and who typed it has {value!r}"
        assert {x.outcome for x in told} & {"failed", "held", "conflict"}, f"{side.title} took nothing: {told}"

    @rule(object=objects, side=sides)
    def lag_behind_the_sync(self, object: str, side: kb.Side) -> None:
        """Lists show what was half a minute ago: what was typed and written meanwhile is not undone."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if self._has_no_stamps(side):
            return
        old, new, _ = VALUES[object]
        pairs = self._settled_pairs(object, 2, old)
        for pair in pairs:
            self._type_in(object, side.other, pair[side.other], FIELDS[object], new)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        written = [pair for pair in pairs if self._value(object, side, pair[side]) == new]
        self.clock.pass_by(timedelta(seconds=5))
        self.system(side).faults = lambda request: Fault.STALE if request.reads else None
        self.blind = True
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.blind = False
        self.system(side).faults = no_faults
        for pair in written:
            value = self._value(object, side.other, pair[side.other])
            assert value == new, f"{side.title} lagged, and {FIELDS[object]} was put back to {value!r}"
