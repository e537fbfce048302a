"""Creates that a system writes over a record that it has, and creates of which nobody knows what became of them."""

from __future__ import annotations

from datetime import timedelta

import attrs
from fakes import Fault, Request
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from stopping import KilledError

import keapbridge as kb
from keapbridge.mapping.writing import new_record
from two_systems.accidents import Accidents
from two_systems.pools import AFTER_THE_TERM, CUSTOMCRM, DAY, KEAP, number, objects
from two_systems.undoing import Undoing

ENDS = [KilledError, kb.StalePlanError, kb.UncertainError, kb.ApiError]


class WrittenOver(Accidents, Undoing):
    """Whoever was there before keeps what is theirs."""

    @precondition(lambda self: "contacts" in self.objects)
    @rule(n=number, who=st.sampled_from(("twin", "free", "undone")), lost=st.booleans())
    def be_taken_for_somebody(self, n: int, who: str, lost: bool) -> None:
        """Keap writes a new contact over one that is the same, that is linked to nothing, or while a run is undone."""
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self._settled_pairs("contacts", 2, "Cook")
        if not pairs:
            return
        pair, other = pairs
        self.blurred |= {("contacts", side, id) for each in pairs for side, id in each.items()}
        address = f"desk{len(self.own)}@example.org"
        self._type_in("contacts", CUSTOMCRM, pair[CUSTOMCRM], "Email", address)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        before, run = self.read("contacts", KEAP, pair[KEAP]), None
        if before["Email"] != address:
            return
        if who == "free":
            self.policy = self._policy(deletions="unlink")
            self.table("contacts", CUSTOMCRM).delete(pair[CUSTOMCRM])
        elif who == "undone":
            self.anything_goes = True
            self.policy = self._policy(deletions="delete")
            self._type_in("contacts", CUSTOMCRM, other[CUSTOMCRM], "Email", address)
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
            self.table("contacts", CUSTOMCRM).delete(other[CUSTOMCRM])
        run = self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError, kb.BrakeError])
        self.clock.pass_by(AFTER_THE_TERM)
        self.keap.habits = attrs.evolve(self.keap.habits, takes_for_another=True)
        self.keap.faults = lambda request: Fault.LOST_ANSWER if lost and request.method == "POST" else None
        if who == "undone":
            if isinstance(run, kb.Report):
                self.watched(lambda: self.session().undo(run.run_id), may_fail=ENDS, deletes="undo")
        else:
            given = before if who == "twin" else {"FirstName": "Bob", "LastName": f"Desk {n}", "Email": address}
            values = {field: value for field, value in given.items() if value is not None and field != "CustomerId"}
            self._own("contacts", CUSTOMCRM, new_record(self.mappers["contacts"], CUSTOMCRM, values, self.context))
            others = ["near-misses"]  # somebody says that who is so near to another is another
            self.watched(lambda: self.session().sync(accept=others), may_fail=[kb.ApiError])
        self._all_is_well()
        for wait in (AFTER_THE_TERM, DAY, DAY):
            self.clock.pass_by(wait)
            self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.keap.habits = attrs.evolve(self.keap.habits, takes_for_another=False)
        if who != "free" and pair[KEAP] in self.table("contacts", KEAP):
            held = self.read("contacts", KEAP, pair[KEAP])
            assert held == before, f"{pair[KEAP]} is {held}, and was {before}"

    @precondition(lambda self: "contacts" in self.objects)
    @rule(
        n=number,
        lost=st.booleans(),
        then=st.sampled_from(("nothing", "typed back", "gone", "unlinked")),
        undone=st.booleans(),
    )
    def fail_to_put_back(self, n: int, lost: bool, then: str, undone: bool) -> None:
        """Keap writes a new contact over a linked one, which is not put back at once: none is forgotten until then."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not (pairs := self._settled_pairs("contacts", 1, "Cook")):
            return
        [pair] = pairs
        self.blurred |= {("contacts", side, id) for side, id in pair.items()}
        address = f"shop{len(self.own)}@example.org"
        self._type_in("contacts", CUSTOMCRM, pair[CUSTOMCRM], "Email", address)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        before = self.read("contacts", KEAP, pair[KEAP])
        if before["Email"] != address:
            return
        self.policy = self._policy(deletions="unlink")
        self.keap.habits = attrs.evolve(self.keap.habits, takes_for_another=True)
        values = {"FirstName": "Bob", "LastName": f"Shop {len(self.own)}", "Email": address, "City": "Turku"}
        bob = self._own("contacts", CUSTOMCRM, new_record(self.mappers["contacts"], CUSTOMCRM, values, self.context))

        def fault(request: Request) -> Fault | None:
            if request.method == "POST":
                return Fault.LOST_ANSWER if lost else None
            return Fault.OUTAGE if request.method == "PATCH" else None

        self.keap.faults = fault
        runs = []
        for _ in range(1 + lost):
            self._forget_in_vain(bob)
            runs.append(self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError]))
            self.clock.pass_by(timedelta(seconds=5))
        self._forget_in_vain(bob)
        table = self.table("contacts", KEAP)
        if then == "typed back":
            for field, value in before.items():
                self._type_in("contacts", KEAP, pair[KEAP], field, value)
        elif then != "nothing" and pair[KEAP] in table:
            table.delete(pair[KEAP])
        if then == "unlinked":
            self.table("contacts", CUSTOMCRM).delete(pair[CUSTOMCRM])
        self._all_is_well()
        for wait in (timedelta(seconds=5), AFTER_THE_TERM, DAY, DAY):
            runs.append(self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError]))
            self._forget_in_vain(bob)
            self.clock.pass_by(wait)
        self.keap.habits = attrs.evolve(self.keap.habits, takes_for_another=False)
        if then in {"nothing", "typed back"}:
            held = self.read("contacts", KEAP, pair[KEAP])
            assert held == before, f"{pair[KEAP]} is {held}, and was {before}"
        for run in runs if undone else ():
            if isinstance(run, kb.Report):
                self.anything_goes = True
                self.watched(lambda r=run: self.session().undo(r.run_id), may_fail=ENDS, deletes="undo")
                self.clock.pass_by(AFTER_THE_TERM)

    def _forget_in_vain(self, id: str) -> None:
        """Somebody is not forgotten while it is not known what is theirs: tried in a world of its own."""
        twin = self.copy()
        try:
            twin.watched(
                lambda: twin.session().forget("contacts", customcrm=id),
                may_fail=[kb.UncertainError, kb.SessionBusyError, kb.ApiError],
            )
        finally:
            twin.stores.end(twin.engine)

    @rule(object=objects, fault=st.sampled_from((Fault.LOST_ANSWER, Fault.OUTAGE)))
    def be_linked_by_an_older_plan(self, object: str, fault: Fault) -> None:
        """A create is lost of which an older plan knows a counterpart: that one is linked, and no more is made."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        [source] = self._add_alike(object, CUSTOMCRM)
        first = self.watched(lambda: self.session().plan(), may_fail=[kb.ApiError])
        values = {f: v for f, v in self.read(object, CUSTOMCRM, source).items() if v is not None}
        here = self._own(object, KEAP, new_record(self.mappers[object], KEAP, values, self.context))
        second = self.watched(lambda: self.session().plan(), may_fail=[kb.ApiError])

        def trouble(request: Request) -> Fault | None:
            return Fault.STALE if request.reads else fault if request.method == "POST" else None

        self.keap.faults = trouble
        self.watched(lambda: self.session().apply(first), may_fail=[kb.ApiError, kb.BrakeError])
        self._all_is_well()
        self.excused.add((object, CUSTOMCRM, source))
        self.watched(lambda: self.session().apply(second), may_fail=[kb.ApiError, kb.BrakeError])
        assert (object, source, here) in self.links(), "the older plan has linked them"
        made = len(self.table(object, KEAP).creates)
        for _ in range(2):
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(AFTER_THE_TERM)
        twice = [id for _, id in self.table(object, KEAP).creates[made:] if (object, source, id) in self.links()]
        assert not twice, "it got a second counterpart"
