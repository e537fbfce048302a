"""Processes that die and requests that meet with trouble."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
from fakes import Fault, Request, no_faults
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from stopping import CountingDriver, KilledError

import keapbridge as kb
from keapbridge._flow.effects import Effect, Send
from keapbridge.mapping.writing import new_record
from keapbridge.sync.lease import TERM
from two_systems.drivers import Dying, Forgetful, Interrupted, value_of
from two_systems.pools import (
    AFTER_THE_TERM,
    CUSTOMCRM,
    DAY,
    KEAP,
    NEWCOMER,
    ODD,
    ODDITIES,
    POOLS,
    events,
    moments,
    number,
    objects,
    sides,
    troubles,
    ways,
)
from two_systems.running import Running


class Cuts(Running):
    """Runs that are cut off, and what the next ones find out."""

    def _cut_off(self, how: Any, at: int, *, named: str | None = None) -> CountingDriver:
        """A driver whose process dies at a write; or writes that nobody learns of."""
        systems = (self.crm, self.keap)
        if how == "dies" or named is not None:
            return Dying(self.clock, systems, at=0 if named else at, named=named, after=how != "dies before")
        asked = 0

        def fault(request: Request) -> Fault | None:
            nonlocal asked
            if request.method == "GET":
                return None
            asked += 1
            if how == "dies before" and asked > at:
                raise KilledError
            return how if isinstance(how, Fault) else None

        self.crm.faults = self.keap.faults = fault
        return CountingDriver(self.clock)

    def _all_is_well(self) -> None:
        self.crm.faults = self.keap.faults = no_faults

    @rule(events=events, how=ways, n=number, at=moments, after=st.booleans(), soon=st.booleans())
    def crash(self, events: Any, how: str, n: int, at: int, after: bool, soon: bool) -> None:
        """The process dies; its lease is in the way of the next one until it is over."""
        for object in self.objects:
            self._add(object, KEAP if n % 3 else CUSTOMCRM, NEWCOMER)
            self._add(object, CUSTOMCRM, NEWCOMER)
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        driver = CountingDriver(self.clock, stop_at=at, stop_after=after)
        result = self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[KilledError])
        if isinstance(result, KilledError) and driver.log[-1] != "lease.release" and at + after > 0:
            self.watched(self.session().sync, may_fail=[kb.SessionBusyError])
        if not soon:
            self.watched(lambda: self.session().sync(wait=TERM.total_seconds() + 5))

    @rule(events=events, how=ways, n=number, at=moments, times=st.integers(1, 3), refused=st.booleans())
    def lose_the_store(self, events: Any, how: str, n: int, at: int, times: int, refused: bool) -> None:
        """The database of the store does not work for a moment: what was not remembered is found out."""
        self._all_happen(events)
        for object in self.objects:
            self._add(object, KEAP if n % 2 else CUSTOMCRM, NEWCOMER)
        self.clock.pass_by(AFTER_THE_TERM)
        driver = Forgetful(self.clock, at=at, times=times, refused=refused)
        self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[kb.SyncError, kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])

    @rule(events=events, how=ways, n=number, side=sides, at=st.integers(0, 30), fault=troubles, times=st.integers(1, 8))
    def trouble(self, events: Any, how: str, n: int, side: kb.Side, at: int, fault: Fault, times: int) -> None:
        """One request of a run, or a few in a row, meet with trouble."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        asked = 0

        def plan(request: Request) -> Fault | None:
            nonlocal asked
            asked += 1
            return fault if at < asked <= at + times else None

        self.system(side).faults = plan
        self.watched(lambda: self._sync(self.session(), how, n), may_fail=[kb.ApiError])
        self.system(side).faults = no_faults

    @rule(
        events=events,
        n=number,
        fault=st.sampled_from((Fault.LOST_ANSWER, Fault.OUTAGE, Fault.RATE_LIMIT, Fault.QUOTA)),
        side=sides,
        methods=st.sampled_from((("POST", "PATCH", "DELETE"), ("POST",), ("PATCH",), ("DELETE",))),
    )
    def trouble_with_writes(self, events: Any, n: int, fault: Fault, side: kb.Side, methods: tuple[str, ...]) -> None:
        """No answer to any write comes back; the next runs find out."""
        self.policy = self._policy(deletions="delete")
        self._all_happen(events)
        for each, object in enumerate(self.objects):
            self._add(object, side.other, 4 * (n + each) + NEWCOMER)
            self._delete_one_of_a_pair(object, n, side.other)
            self._happens("edit", object, side.other, n + 1, n)
        self.clock.pass_by(AFTER_THE_TERM)
        self.system(side).faults = lambda request: fault if request.method in methods else None
        self.watched(lambda: self._sync(self.session(), "full" if n % 2 else "changes", n), may_fail=[kb.ApiError])
        self.system(side).faults = no_faults

    @precondition(lambda self: "contacts" in self.objects)
    @rule(
        n=number,
        fault=st.sampled_from((None, Fault.LOST_ANSWER)),
        at=st.sampled_from((None, None, None, *range(0, 160, 8))),
        after=st.booleans(),
        edited=st.sampled_from((None, None, CUSTOMCRM, KEAP)),
        how=st.sampled_from(("full", "changes", "ids")),
    )
    def be_taken_for_another(
        self, n: int, fault: Fault | None, at: int | None, after: bool, edited: kb.Side | None, how: str
    ) -> None:
        """Keap writes a new contact over the one that has its address: who was there keeps what is theirs."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not (pair := self._a_pair("contacts", n)):
            return
        address = f"office{len(self.own)}@example.org"
        self._type_in("contacts", CUSTOMCRM, pair[CUSTOMCRM], "Email", address)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if any(id not in self.table("contacts", side) for side, id in pair.items()):
            return
        before = {side: self.read("contacts", side, id) for side, id in pair.items()}
        self.blurred |= {("contacts", side, id) for side, id in pair.items()}
        if before[KEAP]["Email"] != address or ("contacts", pair[CUSTOMCRM], pair[KEAP]) not in self.links():
            return
        self.keap.habits = attrs.evolve(self.keap.habits, takes_for_another=True)
        new = {"FirstName": "Bob", "LastName": f"Bobson {len(self.own)}", "Email": address, "City": "Turku"}
        bob = self._own("contacts", CUSTOMCRM, new_record(self.mappers["contacts"], CUSTOMCRM, new, self.context))
        if edited is not None:
            self._type_in("contacts", edited, pair[edited], "JobTitle", "Cook")
        self.keap.faults = lambda request: fault if request.method == "POST" else None
        driver = None if at is None else CountingDriver(self.clock, stop_at=at, stop_after=after)
        self.watched(lambda: self.session(driver).sync(), may_fail=[KilledError, kb.ApiError])
        self._all_is_well()
        ids = {"keap": [pair[KEAP]], "customcrm": [pair[CUSTOMCRM], bob]}
        for wait in (AFTER_THE_TERM, DAY, DAY):
            self.clock.pass_by(wait)
            again = self.session()
            self.watched(lambda s=again: s.contacts.sync_ids(**ids) if how == "ids" else s.sync(full=how == "full"))
        self.keap.habits = attrs.evolve(self.keap.habits, takes_for_another=False)
        self.clock.pass_by(AFTER_THE_TERM)
        for side in kb.Side:
            if pair[side] in self.table("contacts", side):
                held = {**self.read("contacts", side, pair[side]), "JobTitle": before[side]["JobTitle"]}
                assert held == before[side], f"{side.title} {pair[side]} is {held}, and was {before[side]}"

    @precondition(lambda self: self.larger and "contacts" in self.objects)
    @rule(n=number, fault=st.sampled_from((Fault.OUTAGE, Fault.QUOTA, Fault.REFUSED_KEY)))
    def trouble_with_searches(self, n: int, fault: Fault) -> None:
        """Whether somebody has opted out cannot be found out."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        object = "companies" if n % 2 and "companies" in self.objects else "contacts"
        known = {"Name": f"New {len(self.own)}", "FirstName": "Zoe", "LastName": f"New {len(self.own)}"}
        address = f"new{len(self.own)}@example.org"
        draft = new_record(self.mappers[object], CUSTOMCRM, {**known, "Email": address}, self.context)
        id = self._own(object, CUSTOMCRM, draft)
        plan = self.session().plan()
        self.keap.faults = lambda request: fault if request.reads and request.path == "/contacts" else None
        result = self.watched(lambda: self.session().apply(plan), may_fail=[kb.ApiError, kb.BrakeError])
        self._all_is_well()
        if isinstance(result, kb.Report) and (object, id) in {(o, a) for o, a, _ in self.links()}:
            assert self.keap.status(address) == "NON_MARKETABLE", "a reason was given, though nobody could know"

    @rule(object=objects, side=sides, fault=st.sampled_from((Fault.OUTAGE, Fault.LOST_ANSWER)), alike=st.booleans())
    def appear_while_it_is_uncertain(self, object: str, side: kb.Side, fault: Fault, alike: bool) -> None:
        """Nobody knows whether a counterpart was made, and somebody makes one that has the same key."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        [source] = self._add_alike(object, side.other)
        self.system(side).faults = lambda request: fault if request.method == "POST" else None
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self._all_is_well()
        self.clock.pass_by(timedelta(seconds=1))
        if source not in self.table(object, side.other):
            return
        held = {f: v for f, v in self.read(object, side.other, source).items() if v not in {None, ODD}}
        other = {self._free_field(object): "Turku" if alike else "Oslo"}
        where = (side,) if alike else (side, side.other)
        self.excused.add((object, side.other, source))
        for each in where:
            self._own(object, each, new_record(self.mappers[object], each, {**held, **other}, self.context))
        for wait in (1, 1, 600):
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(timedelta(seconds=wait))
        self.clock.pass_by(AFTER_THE_TERM)

    def _forget(self, object: str, side: kb.Side, id: str) -> None:
        """Somebody is to be forgotten, and takes part again: not while nobody knows what was made of them."""
        told = self.watched(
            lambda: self.session().forget(object, **{side.value: id}), may_fail=[kb.UncertainError, kb.SessionBusyError]
        )
        if isinstance(told, Exception):
            return
        partners = {CUSTOMCRM: told.customcrm, KEAP: told.keap}
        self.blurred |= {(object, each, its) for each, ids in partners.items() for its in ids}
        self.excused.add((object, side, id))
        getattr(self.session(), object).retry(**{each.value: list(ids) for each, ids in partners.items()})

    @precondition(lambda self: "companies" in self.objects)
    @rule(n=number, what=st.sampled_from(("edit", "odd", "delete", Fault.OUTAGE)), new=st.booleans())
    def meddle_before_it_is_read_back(self, n: int, what: Any, new: bool) -> None:
        """The answer of Keap shows little of a company: what it holds is read back, and somebody was there before."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not (pair := self._a_pair("companies", n)):
            return
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        if new:
            self._add_alike("companies", CUSTOMCRM)
        elif pair[CUSTOMCRM] in self.table("companies", CUSTOMCRM):
            for field in ("Description", "City"):
                pool = POOLS["companies"][field]
                self._type_in("companies", CUSTOMCRM, pair[CUSTOMCRM], field, pool[n % 2])

        def is_read_back(effect: Effect) -> bool:
            written = [line for line in driver.log if line.startswith(("PATCH /companies", "POST /companies"))]
            return bool(written) and isinstance(effect, Send) and effect.call.method == "GET"

        def meddle(effect: Send) -> None:
            if isinstance(what, Fault):
                self.keap.faults = lambda request: what if request.method == "GET" else None
                return
            id = self.pick("companies", KEAP, -1) if new else pair[KEAP]
            if id is None or id not in self.table("companies", KEAP):
                return
            self.blurred.add(("companies", KEAP, id))  # Keap has no versions
            self._touch("companies", KEAP, id)
            if what == "edit":
                self._type_in("companies", KEAP, id, "Description", "Blue")
            elif what == "delete":
                self.table("companies", KEAP).delete(id)
            else:
                self._edit("companies", KEAP, id, ODDITIES[KEAP]["companies"][0])

        driver = Interrupted(self.clock, at=0, then=meddle, before=is_read_back)
        self.watched(lambda: self.session(driver).sync(), may_fail=[kb.ApiError])
        self._all_is_well()

    @rule(
        object=objects,
        side=sides,
        fault=st.sampled_from((Fault.LOST_ANSWER, Fault.LOST_ANSWER, Fault.OUTAGE)),
        twins=st.booleans(),
        often=st.booleans(),
        gone=st.integers(0, 3),
    )
    def lose_the_answer_to_a_create(
        self, object: str, side: kb.Side, fault: Fault, twins: bool, often: bool, gone: int
    ) -> None:
        """Nobody knows at first whether a counterpart was made; in the end there is one."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        [source] = self._add_alike(object, side.other)
        before = set(self.table(object, side))
        self.system(side).faults = lambda request: fault if request.method == "POST" else None
        for _ in range(1 + often):
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            self.clock.pass_by(timedelta(seconds=5))
        self._all_is_well()
        made = [id for id in self.table(object, side) if id not in before]
        if twins and made and source in self.table(object, side.other):
            values = {f: v for f, v in self.read(object, side.other, source).items() if v not in {None, ODD}}
            self._own(object, side, new_record(self.mappers[object], side, values, self.context))
        if gone == 2 and source in self.table(object, side.other):
            self._forget(object, side.other, source)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        if gone == 1 and source in self.table(object, side.other):
            self.table(object, side.other).delete(source)
        if gone == 3 and source in self.table(object, side.other):
            self._forget(object, side.other, source)
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        pairs = {(o, s, i) for o, *ids in self.links() for s, i in zip((CUSTOMCRM, KEAP), ids, strict=True)}
        if not twins and gone != 1 and self.takes_part(object, side.other, source):
            told = {(f.object, f.side, f.id) for f in value_of(self.session().failures())}
            assert {(object, side.other, source)} <= pairs | told | self.excused or self.adapter, (
                "it got no counterpart"
            )
