"""Runs that are taken back when the world has moved on, values that are had once, properties that lists leave out."""

from __future__ import annotations

from typing import Any

import attrs
from fakes import Fault
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from stopping import CountingDriver, KilledError

import keapbridge as kb
from two_systems.accidents import ATTRIBUTES, FIELDS, VALUES, WITNESSES, Accidents
from two_systems.drivers import value_of
from two_systems.pools import AFTER_THE_TERM, CUSTOMCRM, DAY, KEAP, NEWCOMER, OBJECTS, number, objects, sides
from two_systems.undoing import Undoing

MANY = 4
MOVES = ("edited", "other field", "gone", "partner gone", "both gone", "odd", "refused", "nothing")
ENDS = [KilledError, kb.StalePlanError, kb.UncertainError, kb.ApiError]


class SecondThoughts(Accidents, Undoing):
    """What somebody wants back, and what two want at the same time."""

    @rule(
        object=objects,
        side=sides,
        moves=st.lists(st.sampled_from(MOVES), min_size=MANY, max_size=MANY),
        fault=st.sampled_from((None, None, *Fault)),
        at=st.sampled_from((None, None, None, *range(0, 60, 3))),
        after=st.booleans(),
        n=number,
    )
    def undo_what_has_moved_on(
        self, object: str, side: kb.Side, moves: list[str], fault: Fault | None, at: int | None, after: bool, n: int
    ) -> None:
        """A run has edited, made and deleted records; some of them are not what they were when it is taken back."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        old, new, other = VALUES[object]
        pairs = self._settled_pairs(object, MANY + 1, old)
        if not pairs:
            return
        self.anything_goes = True
        self.policy = self._policy(deletions="delete")
        for pair in pairs[:MANY]:
            self._type_in(object, side.other, pair[side.other], FIELDS[object], new)
            self._type_in(object, side.other, pair[side.other], self._another_field(object), "Turku")
        self.table(object, side.other).delete(pairs[MANY][side.other])
        self._add(object, side.other, NEWCOMER)
        run = self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
        self.clock.pass_by(AFTER_THE_TERM)
        if not isinstance(run, kb.Report):
            return
        for pair, move in zip(pairs, moves, strict=False):
            self._move_on(object, side, pair, move, other)
        refused = self.table(object, side).refused
        kept = dict(refused)
        if "refused" in moves:
            refused[ATTRIBUTES[side, object]] = {old}
        self.system(side).faults = lambda request: fault if fault and request.method in {"PATCH", "POST"} else None
        driver = CountingDriver(self.clock, stop_at=at, stop_after=after)
        self.watched(lambda: self.session(driver).undo(run.run_id), may_fail=ENDS, deletes="undo")
        self._all_is_well()
        refused.clear()
        refused.update(kept)
        for wait in (AFTER_THE_TERM, DAY):
            self.clock.pass_by(wait)
            if n % 2:
                self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
                self.clock.pass_by(AFTER_THE_TERM)
            self.watched(lambda: self.session().undo(run.run_id), may_fail=ENDS, deletes="undo")

    def _move_on(self, object: str, side: kb.Side, pair: dict[kb.Side, str], move: str, other: str) -> None:
        """One record is not what it was."""
        table, id = self.table(object, side), pair[side]
        self.blurred |= {(object, each, its) for each, its in pair.items()}
        if id not in table:
            return
        match move:
            case "edited":
                self._type_in(object, side, id, FIELDS[object], other)
            case "other field":
                self._type_in(object, side, id, self._another_field(object), "Oslo")
            case "odd":
                table.spoiled.add(id)
            case "gone" | "both gone":
                table.delete(id)
        partner = self.table(object, side.other)
        if move in {"partner gone", "both gone"} and pair[side.other] in partner:
            partner.delete(pair[side.other])

    @rule(
        object=objects,
        side=sides,
        many=st.integers(2, 3),
        row=st.booleans(),
        back=st.booleans(),
        meanwhile=st.booleans(),
        at=st.sampled_from((None, None, *range(0, 60, 4))),
    )
    def swap_what_is_had_once(
        self, object: str, side: kb.Side, many: int, row: bool, back: bool, meanwhile: bool, at: int | None
    ) -> None:
        """Records swap values that only one may have, in a ring or in a row, and perhaps swap them back."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        pairs = self._settled_pairs(object, many, VALUES[object][0])
        if not pairs:
            return
        mine = [f"U{len(self.own) + k}" for k in range(many + 1)]
        field, here, there = FIELDS[object], side, side.other
        for pair, value in zip(pairs, mine, strict=False):
            self._type_in(object, there, pair[there], field, value)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)
        if any(self._value(object, here, pair[here]) != value for pair, value in zip(pairs, mine, strict=False)):
            return
        self.table(object, here).unique.add(ATTRIBUTES[here, object])
        for k, pair in enumerate(pairs):
            self._type_in(object, there, pair[there], field, mine[k + 1 if row else (k + 1) % many])
        run = self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        held = [self._value(object, here, pair[here]) for pair in pairs]
        assert len(set(held)) == many, f"{field} is unique, and is {held}"
        if back and isinstance(run, kb.Report):
            self.anything_goes = True
            self.blurred |= {(object, each, id) for pair in pairs for each, id in pair.items()}
            if meanwhile:
                self._type_in(object, here, pairs[0][here], self._another_field(object), "Turku")
            driver = CountingDriver(self.clock, stop_at=at)
            self.watched(lambda: self.session(driver).undo(run.run_id), may_fail=ENDS, deletes="undo")
            self.clock.pass_by(AFTER_THE_TERM)
            self.watched(lambda: self.session().undo(run.run_id), may_fail=ENDS, deletes="undo")
            held = [self._value(object, here, pair[here]) for pair in pairs if pair[here] in self.table(object, here)]
            assert len(set(held)) == len(held), f"{field} is unique, and is {held}"
        self.clock.pass_by(AFTER_THE_TERM)

    @precondition(lambda self: not self.keap.habits.unlisted)
    @rule(
        object=objects,
        how=st.sampled_from(("changes", "full", "ids")),
        many=st.integers(1, MANY),
        cleared=st.booleans(),
        hides=st.booleans(),
        typed=st.sampled_from((None, CUSTOMCRM, KEAP)),
    )
    def list_it_no_more(
        self, object: str, how: str, many: int, cleared: bool, hides: bool, typed: kb.Side | None
    ) -> None:
        """Lists of Keap leave a property out for a while, which reads of single records show, or do not."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        old, new, _ = VALUES[object]
        pairs = self._settled_pairs(object, many, old)
        if not pairs:
            return
        attribute, before = ATTRIBUTES[KEAP, object], self.keap.habits
        self.keap.habits = attrs.evolve(before, unlisted=frozenset({attribute}))
        self.blurred |= {(object, each, id) for pair in pairs for each, id in pair.items()}
        for step in range(3):
            for pair in pairs:
                self._type_in(object, KEAP, pair[KEAP], self._another_field(object), ("Turku", "Oslo")[step % 2])
            if step == 1 and typed is not None:
                self._type_in(object, typed, pairs[0][typed], FIELDS[object], None if cleared else new)
            if step == 2 and hides:
                self.keap.tables[object].hidden.add(attribute)
            self.watched(lambda: self._look(object, how, pairs), may_fail=[kb.ApiError])
            self.clock.pass_by(DAY)
        kept = [self._value(object, CUSTOMCRM, pair[CUSTOMCRM]) for pair in pairs[1:]]
        linked = {theirs for kind, _, theirs in self.links() if kind == object} & {*self.table(object, KEAP)}
        holding = sum(self._value(object, KEAP, id) is not None for id in linked)
        is_sure = not hides or holding >= WITNESSES  # of fewer, what a single read shows is so
        assert kept == [old] * (many - 1) or not is_sure, f"lists do not show {FIELDS[object]}, and it became {kept}"
        self.keap.tables[object].hidden.discard(attribute)
        self.keap.habits = before
        for _ in range(2):
            self.watched(lambda: self._look(object, how, pairs), may_fail=[kb.ApiError])
            self.clock.pass_by(DAY)

    @precondition(lambda self: "contacts" in self.objects)
    @rule(
        n=number,
        side=sides,
        went_back=st.booleans(),
        decision=st.sampled_from(("same", "different", CUSTOMCRM, KEAP, "value", "nothing")),
        moved=st.booleans(),
    )
    def decide_who_it_is(self, n: int, side: kb.Side, went_back: bool, decision: Any, moved: bool) -> None:
        """A record went back, or may be of somebody else by now, and somebody says what is right."""
        if went_back:
            self.go_back(object=OBJECTS[n % 3], side=side, full=n % 2 == 0)
        else:
            self.reissue_an_id(n=n, full=n % 2 == 0)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session()
        given = {"value": "Cook"} if decision == "value" else {"decision": decision}
        for conflict in [c for c in value_of(session.conflicts()) if c.about] if decision != "nothing" else []:
            ids = {CUSTOMCRM: conflict.customcrm_id, KEAP: conflict.keap_id}
            self.blurred |= {(conflict.object, each, id) for each, id in ids.items()}
            self.anything_goes = self.anything_goes or decision == "different"
            if moved and ids[KEAP] in self.table(conflict.object, KEAP):
                self.table(conflict.object, KEAP).delete(ids[KEAP])
            self.watched(
                lambda c=conflict: session.resolve(c, by="Kim", **given),
                may_fail=[kb.StalePlanError, kb.UnfitError],
                deletes="resolve",
            )
            self.clock.pass_by(AFTER_THE_TERM)
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(AFTER_THE_TERM)

    @precondition(lambda self: {"companies", "contacts"} <= set(self.objects))
    @rule(
        n=number,
        side=sides,
        deletions=st.sampled_from(("unlink", "ignore", "delete")),
        empties=st.booleans(),
        how=st.sampled_from(("changes", "full", "ids")),
    )
    def dissolve_a_company(self, n: int, side: kb.Side, deletions: str, empties: bool, how: str) -> None:
        """A company is deleted, and the system may empty what refers to it: nobody has typed that."""
        self.clock.pass_by(AFTER_THE_TERM)
        self._add_alike("companies", CUSTOMCRM)
        self._add_alike("contacts", CUSTOMCRM)
        contact, company = self.pick("contacts", CUSTOMCRM, -1), self.pick("companies", CUSTOMCRM, -1)
        self._join_a_company(CUSTOMCRM, -1, -1)
        for _ in range(2):
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(DAY)
        links = {(object, ours): theirs for object, ours, theirs in self.links()}
        if contact is None or not {("contacts", contact), ("companies", company)} <= links.keys():
            return
        person = {CUSTOMCRM: contact, KEAP: links["contacts", contact]}
        firm = {CUSTOMCRM: str(company), KEAP: links["companies", str(company)]}
        if any(self._firm_of(each, person[each]) != firm[each] for each in kb.Side):
            return
        self.policy = self._policy(deletions=deletions)
        self.table("companies", side).delete(firm[side])
        if empties:
            gone = {"customer_id": None} if side is CUSTOMCRM else {"company": None}
            self.table("contacts", side).edit(person[side], **gone)
        self.blurred |= {("contacts", each, id) for each, id in person.items()}
        for _ in range(2):
            self.watched(lambda: self._look("contacts", how, [person]), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(AFTER_THE_TERM)
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(DAY)
        if deletions != "delete" and person[side.other] in self.table("contacts", side.other):
            held = self._firm_of(side.other, person[side.other])
            assert held == firm[side.other], f"{person} was in {firm}, which {side.title} deleted, and is in {held}"

    def _firm_of(self, side: kb.Side, id: str) -> str | None:
        record = self.table("contacts", side)[id]
        if side is CUSTOMCRM:
            return record.customer_id or None  # type: ignore[no-any-return]
        return record.company.id if record.company else None

    def _look(self, object: str, how: str, pairs: list[dict[kb.Side, str]]) -> Any:
        if how == "ids":
            return getattr(self.session(), object).sync_ids(keap=[pair[KEAP] for pair in pairs])
        return self.session().sync(full=how == "full")
