"""What goes wrong below the sync: machines sleep, stores refuse, ids come again, fields are emptied along."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import attrs
from fakes import Fault, Request
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from stopping import KilledError

import keapbridge as kb
from keapbridge._flow.effects import Blocking, Effect, Send
from keapbridge.mapping.writing import new_record
from two_systems.accidents import ATTRIBUTES, FIELDS, VALUES, Accidents
from two_systems.drivers import Forgetful, Interrupted, updates_something, value_of
from two_systems.pools import AFTER_THE_TERM, CUSTOMCRM, DAY, KEAP, number, objects, sides
from two_systems.undoing import Undoing

BEAT = timedelta(seconds=10)
ENDS = [KilledError, kb.StalePlanError, kb.UncertainError, kb.ApiError]
UNFORESEEN = "an error that nobody has foreseen"


class Breakdowns(Accidents, Undoing):
    """Breakdowns, one at a time, of the machine, the store or a system."""

    @rule(
        object=objects,
        side=sides,
        when=st.sampled_from(("intents.intend", "staging.observations", "POST")),
        taken=st.booleans(),
        awake=st.booleans(),
        renewal=st.sampled_from((None, "late", "overtaken")),
    )
    def sleep_at_work(
        self, object: str, side: kb.Side, when: str, taken: bool, awake: bool, renewal: str | None
    ) -> None:
        """A machine sleeps in the middle of a run, and another runner may have taken over: nothing is made twice.

        Args:
            awake: whether its heart has beaten before it goes on.
            renewal: what happens while it asks for its lease again.
        """
        self.clock.pass_by(AFTER_THE_TERM)
        self._add_alike(self.kind(object), side.other)
        slept: list[Any] = []

        def sleep(what: Any) -> None:
            slept.append(what)
            if len(slept) > 1 and renewal == "overtaken":
                driver.live(BEAT)
                return
            self.clock.pass_by(AFTER_THE_TERM)
            if taken and len(slept) == 1:
                self.watched(self.session().sync, may_fail=[kb.ApiError])
            if awake:
                driver.live(BEAT)
            driver.next = 0 if renewal and len(slept) == 1 else None

        def fault(request: Request) -> Fault | None:
            if slept or request.method != when:
                return None
            sleep(request)
            return Fault.OUTAGE

        def is_the_moment(effect: Effect) -> bool:
            return isinstance(effect, Blocking) and effect.label == ("lease.renew" if slept else when)

        driver = Interrupted(self.clock, at=1, then=sleep, before=is_the_moment)
        if when == "POST":
            self.system(side).faults = fault
        mine = self.watched(lambda: self.session(driver).sync(), may_fail=[kb.SessionBusyError, kb.ApiError])
        self._all_is_well()
        assert (
            not taken or not slept or not isinstance(mine, kb.Report) or not mine.complete or when != "intents.intend"
        )

    @rule(
        object=objects,
        side=sides,
        named=st.sampled_from(("links.commit", "intents.intend", "links.settle", "staging.observations")),
        refused=st.booleans(),
        times=st.integers(1, 8),
        edited=st.booleans(),
    )
    def refuse_to_remember(
        self, object: str, side: kb.Side, named: str, refused: bool, times: int, edited: bool
    ) -> None:
        """The store fails at one kind of its work: what was not remembered is found out."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        if edited and (pair := self._a_pair(object, 0)):
            self._type_in(object, side.other, pair[side.other], self._free_field(object), "Turku")
        self._add_alike(object, side.other)
        driver = Forgetful(self.clock, at=0, times=times, refused=refused, named=named)
        self.watched(lambda: self.session(driver).sync(), may_fail=[kb.SyncError, kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])

    @rule(
        object=objects,
        side=sides,
        what=st.sampled_from(("edit", "delete", "add")),
        trouble=st.sampled_from((Fault.OUTAGE, UNFORESEEN, "links.pairs_of", "links.commit", "links.keep_apart")),
        refused=st.booleans(),
    )
    def fail_to_find_out(self, object: str, side: kb.Side, what: str, trouble: Any, refused: bool) -> None:
        """What an undoing has done that was cut off cannot be found out at first: nothing else is done until then."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        field = self._free_field(object)
        if not (pair := self._a_pair(object, 0)):
            return
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        self.anything_goes = True
        self.policy = self._policy(deletions="delete")
        if any(id not in self.table(object, its) for its, id in pair.items()):
            return
        if what == "edit":
            self._type_in(object, side, pair[side], field, "Turku")
        elif what == "delete":
            self.table(object, side).delete(pair[side])
        else:
            self._add_alike(object, side)
        run = self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
        self.clock.pass_by(AFTER_THE_TERM)
        if not isinstance(run, kb.Report):
            return
        self.watched(lambda: self.session(self._cut_off("dies", 0)).undo(run.run_id), may_fail=ENDS, deletes="undo")
        self.clock.pass_by(AFTER_THE_TERM)

        def fault(request: Request) -> Fault | None:
            if isinstance(trouble, Fault):
                return trouble
            if trouble == UNFORESEEN:
                raise ZeroDivisionError
            return None

        self.crm.faults = self.keap.faults = fault
        named = trouble if isinstance(trouble, str) else UNFORESEEN
        driver = Forgetful(self.clock, at=0, times=2, refused=refused, named=named)
        before = len(self.crm.writes), len(self.keap.writes)
        self.watched(
            lambda: self.session(driver).undo(run.run_id),
            may_fail=[*ENDS, kb.SyncError, ZeroDivisionError],
            deletes="undo",
        )
        if trouble in {Fault.OUTAGE, UNFORESEEN}:
            assert (len(self.crm.writes), len(self.keap.writes)) == before, "something was done, and nobody could know"
        self._all_is_well()
        self.clock.pass_by(DAY)
        self.watched(lambda: self.session().undo(run.run_id), may_fail=ENDS, deletes="undo")

    @rule(object=objects, undone=st.booleans())
    def get_the_id_of_the_gone(self, object: str, undone: bool) -> None:
        """Keap gives the id of a linked record that somebody has deleted to the next one that is made."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        pairs = self._settled_pairs(object, 2, VALUES[object][0])
        if not pairs:
            return
        gone, other = pairs
        self.policy = self._policy(deletions="delete")
        self.blurred |= {(object, side, id) for pair in pairs for side, id in pair.items()}
        table, run = self.table(object, KEAP), None
        if undone:
            self.anything_goes = True
            self.table(object, CUSTOMCRM).delete(other[CUSTOMCRM])
            run = self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(DAY)
        before = self.read(object, CUSTOMCRM, gone[CUSTOMCRM])
        table.delete(gone[KEAP])
        table.reuse(gone[KEAP])
        if isinstance(run, kb.Report):
            self.watched(lambda: self.session().undo(run.run_id), may_fail=ENDS, deletes="undo")
        else:
            [source] = self._add_alike(object, CUSTOMCRM)
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            assert (object, source, gone[KEAP]) in self.links(), "it was made, and is linked to nothing"
        assert (object, gone[CUSTOMCRM], gone[KEAP]) not in self.links(), "two who have nothing in common are linked"
        assert self.read(object, CUSTOMCRM, gone[CUSTOMCRM]) == before, "somebody became who got the id"
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(
        object=objects,
        side=sides,
        tied=st.booleans(),
        terse=st.booleans(),
        undone=st.booleans(),
        gone=st.booleans(),
    )
    def empty_another_with_it(
        self, object: str, side: kb.Side, tied: bool, terse: bool, undone: bool, gone: bool
    ) -> None:
        """A system empties one field when another is written, or its answer leaves it out: nobody has typed that."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        field, old = self._another_field(object), VALUES[object][0]
        pairs = self._settled_pairs(object, 2, old)
        if not pairs:
            return
        table, attribute = self.table(object, side), ATTRIBUTES[side, object]
        if undone:
            for pair in pairs:
                self._type_in(object, side.other, pair[side.other], field, "Turku")
            run = self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        self.blurred |= {(object, each, id) for pair in pairs for each, id in pair.items()}
        table.terse = {attribute} if terse else set()
        for name in attrs.fields_dict(table.cls) if tied else ():
            table.tied[name] = tuple({attribute} - {name})

        def disappear(_: Send) -> None:
            written = [line.rpartition("/")[2] for line in driver.log if line.startswith("PATCH")]
            if written[-1] in table:
                table.delete(written[-1])

        def is_written(effect: Effect) -> bool:
            return isinstance(effect, Send) and effect.call.method == "GET" and any("PATCH" in x for x in driver.log)

        driver = Interrupted(self.clock, at=0 if gone else 1 << 30, then=disappear, before=is_written)
        if undone:
            self.anything_goes = True
            if isinstance(run, kb.Report):
                self.watched(lambda: self.session(driver).undo(run.run_id), may_fail=ENDS, deletes="undo")
        else:
            for pair in pairs:
                self._type_in(object, side.other, pair[side.other], field, "Turku")
            self.watched(lambda: self.session(driver).sync(), may_fail=[kb.ApiError])
        table.terse, table.tied = set(), {}
        for _ in range(2):
            self.clock.pass_by(DAY)
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        there = [pair[side.other] for pair in pairs if pair[side.other] in self.table(object, side.other)]
        kept = [self._value(object, side.other, id) for id in there]
        # In Keap somebody else may have emptied one field since it was read: only of all at once nobody has.
        assert side is KEAP or kept == [old] * len(kept), f"{FIELDS[object]} of both was emptied along: {kept}"

    @rule(n=number)
    def take_the_same_back_twice(self, n: int) -> None:
        """Two people take the same run back, each with a plan of their own."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not self.runs:
            return
        self.anything_goes = True
        run = self.runs[-1 - n % len(self.runs)]
        plans = [self.watched(lambda: self.session().plan_undo(run), may_fail=ENDS) for _ in range(2)]
        for plan in plans:
            if isinstance(plan, kb.Plan):
                self.watched(lambda p=plan: self.session().apply(p), may_fail=ENDS, deletes="undo")
                self.clock.pass_by(AFTER_THE_TERM)

    @rule(object=objects, side=sides, n=number)
    def leave_before_the_plan_is_applied(self, object: str, side: kb.Side, n: int) -> None:
        """A record is deleted, or does not take part any more, before a plan is applied that has waited for long."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        pair = self._a_pair(object, n)
        [source] = self._add_alike(object, side)
        if pair and pair[side] in self.table(object, side):
            self._type_in(object, side, pair[side], self._another_field(object), "Turku")
        plan = self.watched(lambda: self.session().plan(), may_fail=[kb.ApiError])
        self.table(object, side).delete(source)
        filtered = {"contacts": ("JobTitle", "Clerk"), "companies": ("Description", "Blue")}.get(object)
        for each, id in pair.items():
            if filtered and id in self.table(object, each):
                self._type_in(object, each, id, *filtered)
        self.clock.pass_by(timedelta(minutes=10))
        made = len(self.table(object, side.other).creates)
        report = self.watched(lambda: self.session().apply(plan), may_fail=[kb.ApiError, kb.BrakeError])
        assert not isinstance(report, kb.Report) or len(self.table(object, side.other).creates) == made

    @rule(object=objects, n=number, gone=st.booleans())
    def meddle_with_an_undoing(self, object: str, n: int, gone: bool) -> None:
        """Somebody edits a record while it is put back, and deletes it before it is looked at again."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        old, new, _ = VALUES[object]
        pairs = self._settled_pairs(object, 2, old)
        if not pairs:
            return
        self.anything_goes = True
        for pair in pairs:
            self._type_in(object, KEAP, pair[KEAP], FIELDS[object], new)
        run = self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        self.blurred |= {(object, side, id) for pair in pairs for side, id in pair.items()}
        meddled: list[str] = []

        def meddle(effect: Send) -> None:
            id = effect.call.path.rpartition("/")[2]
            table = self.table(object, CUSTOMCRM)
            if not meddled and id in table:
                meddled.append(id)
                self._type_in(object, CUSTOMCRM, id, self._another_field(object), "Oslo")
                driver.next = 0 if gone else None
            elif meddled and meddled[0] in table:
                table.delete(meddled[0])

        def is_the_moment(effect: Effect) -> bool:
            return (isinstance(effect, Send) and effect.call.method == "GET") if meddled else updates_something(effect)

        driver = Interrupted(self.clock, at=0, then=meddle, before=is_the_moment)
        if isinstance(run, kb.Report):
            self.watched(lambda: self.session(driver).undo(run.run_id), may_fail=ENDS, deletes="undo")
        self.clock.pass_by(AFTER_THE_TERM)

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=st.integers(2, 4), most=st.integers(1, 3))
    def doubt_a_crowd(self, n: int, most: int) -> None:
        """Many people of one name on both sides: the list of who may be the same goes on where a part of it ends."""
        self.clock.pass_by(AFTER_THE_TERM)
        for _ in range(n):
            name = f"Crowd {len(self.own)}"
            for side in (CUSTOMCRM, KEAP, KEAP):
                values = {"FirstName": "Ada", "LastName": name, "Email": f"{name.replace(' ', '')}@example.org"}
                self._own("contacts", side, new_record(self.mappers["contacts"], side, values, self.context))
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session()
        page = value_of(session.pairs_in_doubt(limit=most))
        found = [*page]
        while page.next is not None:
            page = value_of(session.pairs_in_doubt(limit=most, after=page.next))
            found += page
        assert found == [*value_of(session.pairs_in_doubt())], "in parts it is not the whole"
        if found:
            nowhere: Any = SimpleNamespace(value="nowhere")
            wrong = attrs.evolve(found[0], side=nowhere).token
            assert isinstance(self.watched(lambda: self.session().same(wrong), may_fail=[ValueError]), ValueError)
            self.table("contacts", found[0].side).delete(found[0].id)
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
            self.clock.pass_by(AFTER_THE_TERM)
            error = self.watched(lambda: self.session().same(found[0]), may_fail=[kb.StalePlanError, kb.UnfitError])
            assert isinstance(error, (kb.StalePlanError, kb.UnfitError)), "somebody who is gone is the same as another"
