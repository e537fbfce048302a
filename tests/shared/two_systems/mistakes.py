"""Mistakes of hosts and of what they are asked for: functions that fail, approvals of other plans, late searches."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import attrs
from fakes import FakeDatabase, Fault, Request
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import keapbridge as kb
from keapbridge._flow.effects import Send
from keapbridge.mapping.writing import new_record
from keapbridge.sync import guard
from keapbridge.tables.approvals import Approvals
from two_systems.accidents import ATTRIBUTES, FIELDS, VALUES, Accidents
from two_systems.doubles import Flowing
from two_systems.drivers import Forgetful, Interrupted, asks_the_store
from two_systems.pools import (
    ADAPTERS,
    AFTER_THE_TERM,
    CUSTOMCRM,
    DAY,
    KEAP,
    MAPPERS,
    NEWCOMER,
    OBJECTS,
    POOLS,
    number,
    objects,
    sides,
)
from two_systems.undoing import Undoing

ENDS = [kb.StalePlanError, kb.UncertainError, kb.ApiError, kb.SyncError]


LONGEST = 400  # effects, of which each takes long


class Mistakes(Accidents, Undoing):
    """Mistakes: nothing is written by them, and what others need goes on."""

    @rule(
        object=objects,
        side=sides,
        named=st.sampled_from(("facts.keep", "links.commit", "links.remove", "plans.actions", "journal.of_links")),
        refused=st.booleans(),
        times=st.sampled_from((1, 2, 99)),
        many=st.booleans(),
    )
    def refuse_while_undoing(
        self, object: str, side: kb.Side, named: str, refused: bool, times: int, many: bool
    ) -> None:
        """The store fails at one kind of its work while a run is taken back; that is done by a later one."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.anything_goes = True
        for each in self.objects if many else [self.kind(object)]:
            pair = self._a_pair(each, 0)
            if pair and pair[side] in self.table(each, side):
                self._type_in(each, side, pair[side], self._free_field(each), "Bergen")
            self._add(each, side, NEWCOMER)
        run = self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        driver = Forgetful(self.clock, at=0, times=times, refused=refused, named=named)
        for runner in (driver, None):
            if isinstance(run, kb.Report):
                self.watched(lambda r=runner: self.session(r).undo(run.run_id), may_fail=ENDS, deletes="undo")
            self.clock.pass_by(DAY)

    @rule(
        object=objects,
        named=st.sampled_from(("plans.actions", "links.pairs_of", "staging.observations", "failures.note")),
        refused=st.booleans(),
        times=st.sampled_from((1, 99)),
    )
    def refuse_while_applying(self, object: str, named: str, refused: bool, times: int) -> None:
        """The store fails at one kind of its work while a plan is applied."""
        self.clock.pass_by(AFTER_THE_TERM)
        for side in kb.Side:
            self._add(self.kind(object), side, NEWCOMER)
        plan = self.watched(lambda: self.session().plan(), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        driver = Forgetful(self.clock, at=0, times=times, refused=refused, named=named)
        self.watched(lambda: self.session(driver).apply(plan), may_fail=ENDS)
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])

    @rule(
        object=objects,
        kind=st.sampled_from((KeyError, kb.StalePlanError)),
        where=st.sampled_from(("rule", "filter", "system")),
        few=st.booleans(),
    )
    def fail_in_a_function(self, object: str, kind: type[Exception], where: str, few: bool) -> None:
        """A function or an adapter of the host's fails, for some records or all: what it is asked about stays."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        for n in range(4):
            self._add(object, CUSTOMCRM, 4 * n + NEWCOMER)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)
        field = self._free_field(object)
        pairs = sorted(link for link in self.links() if link[0] == object)
        for _, *ids in pairs:
            for k, (side, id) in enumerate(zip((CUSTOMCRM, KEAP), ids, strict=True)):
                if id in self.table(object, side):
                    self._type_in(object, side, id, field, f"{('Turku', 'Bergen')[k]} {len(self.own)}")
        asked: list[Any] = []

        def careless(what: Any) -> Any:
            asked.append(what)
            if few and len(asked) % 2:
                return KEAP if where == "rule" else True
            raise kind("careless")

        def unforeseen(request: Request) -> Fault | None:
            return careless(request) if request.method in {"PATCH", "POST"} and not few else None

        others = "keap" if where == "system" else "manual"
        policy = self._policy(conflicts=careless if where == "rule" else others)
        mappers = self.mappers
        if where == "filter":
            mappers = {**mappers, object: mappers[object].where(customcrm={field: careless})}
        if where == "system":
            self.crm.faults = self.keap.faults = unforeseen
            for n in range(4):
                self._add(object, CUSTOMCRM, 4 * n + NEWCOMER)
        sizes = guard.IN_A_ROW, guard.SAME_FIELD
        guard.IN_A_ROW, guard.SAME_FIELD = (100, 2) if few else (3, 50)
        before = {link: self._both(link, field) for link in pairs}
        try:
            self.watched(
                lambda: self.session(policy=policy, mappers=mappers).sync(), may_fail=[kb.SyncError, kb.ApiError]
            )
        finally:
            guard.IN_A_ROW, guard.SAME_FIELD = sizes
            self._all_is_well()
        if not few:
            assert {link: self._both(link, field) for link in pairs} == before, "nobody could say what is right"
        self.clock.pass_by(AFTER_THE_TERM)
        self.blurred |= {(object, side, id) for _, *ids in pairs for side, id in zip(kb.Side, ids, strict=True)}
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])

    def _both(self, link: tuple[str, str, str], field: str) -> list[Any]:
        names = [(link[0], side, id) for side, id in zip((CUSTOMCRM, KEAP), link[1:], strict=True)]
        return [self.read(*name)[field] if name[2] in self.table(name[0], name[1]) else None for name in names]

    @rule(object=objects, side=sides, how=st.sampled_from(("another plan", "edited", "no such action", "as it is")))
    def approve_from_a_file(self, object: str, side: kb.Side, how: str) -> None:
        """Approvals that were read from a file are for one plan, and change no values."""
        self.clock.pass_by(AFTER_THE_TERM)
        self._add(self.kind(object), side, NEWCOMER)
        plan = self.watched(lambda: self.session().plan(), may_fail=[kb.ApiError])
        rows = plan.to_dicts()
        numbers = [row["action"] for row in rows][:1]
        given = {number: {"synchronization": "another"} if how == "edited" else {} for number in numbers}
        given |= {1000: {}} if how == "no such action" else {}
        approvals = Approvals("another" if how == "another plan" else plan.id, given)
        before = len(self.crm.writes), len(self.keap.writes)
        done = self.watched(
            lambda: self.session().apply(plan, only=approvals), may_fail=[kb.StalePlanError, ValueError, kb.ApiError]
        )
        if how != "as it is" and numbers:
            assert isinstance(done, (kb.StalePlanError, ValueError)), f"{how}, and it was done"
            assert (len(self.crm.writes), len(self.keap.writes)) == before
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(object=objects, side=sides, slow=st.booleans(), by_ids=st.booleans())
    def search_late(self, object: str, side: kb.Side, slow: bool, by_ids: bool) -> None:
        """A run is so slow that others may have made what it is about to make: it looks once more, and again."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        made = [self._add_alike(object, side)[0] for _ in range(6)]
        alike: list[str] = []

        def appear(_: Any) -> None:
            if len(alike) < 2:
                source = made[len(alike)]
                values = {f: v for f, v in self.read(object, side, source).items() if v is not None}
                alike.append(
                    self._own(object, side.other, new_record(self.mappers[object], side.other, values, self.context))
                )
            driver.live(timedelta(seconds=30 if slow else 20))
            driver.next = len(driver.log) + 3 if len(driver.log) < LONGEST else None

        driver = Interrupted(self.clock, at=12, then=appear, before=asks_the_store)
        part = getattr(self.session(driver), object)
        work = (lambda: part.sync_ids(**{side.value: made})) if by_ids else part.sync
        self.watched(work, may_fail=[kb.SessionBusyError, kb.ApiError])
        self.excused |= {(object, side, id) for id in made[: len(alike)]}
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])

    @rule(object=objects, n=number, second=st.sampled_from((Fault.OUTAGE, Fault.REFUSED_KEY, Fault.QUOTA)))
    def be_refused_and_cut_off(self, object: str, n: int, second: Fault) -> None:
        """Keap refuses a whole record, and meets with trouble when its properties are written one by one."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not (pair := self._a_pair("contacts", n)) or "contacts" not in self.objects:
            return
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(AFTER_THE_TERM)
        if any(id not in self.table("contacts", side) for side, id in pair.items()):
            return
        for field, value in (("JobTitle", "Refused"), ("City", POOLS["contacts"]["City"][n % 2]), ("LastName", "Odd")):
            self._type_in("contacts", CUSTOMCRM, pair[CUSTOMCRM], field, value)
        asked: list[Request] = []

        def fault(request: Request) -> Fault | None:
            if request.method != "PATCH":
                return None
            asked.append(request)
            return second if len(asked) > 1 else None

        self.keap.faults = fault
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self._all_is_well()
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(n=number)
    def move_while_it_is_out_of_order(self, n: int) -> None:
        """A record moves while it is written, and then nothing can be read any more."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(OBJECTS[n % 3])
        if not (pair := self._a_pair(object, n)):
            return
        self._type_in(object, KEAP, pair[KEAP], self._free_field(object), f"Bergen {len(self.own)}")

        def disturb(_: Any) -> None:
            self._type_in(object, CUSTOMCRM, pair[CUSTOMCRM], self._free_field(object), "Oslo")
            self.crm.faults = lambda request: Fault.REFUSED_KEY if request.method == "GET" else None

        def is_written(effect: Any) -> bool:
            written = isinstance(effect, Send) and effect.call.method == "PATCH"
            return written and effect.call.path.rpartition("/")[2] == pair[CUSTOMCRM]

        driver = Interrupted(self.clock, at=0, then=disturb, before=is_written)
        self.watched(lambda: self.session(driver).sync(), may_fail=[kb.ApiError])
        self._all_is_well()
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(how=st.sampled_from(("fallback", "lacking", "currency", "Name", "FirstName")))
    def map_what_is_not_there(self, how: str) -> None:
        """A mapping names what is nowhere, or a system has no place for what is needed: it is said at once."""
        twin = self.copy()
        systems: list[Any] = [twin.crm, twin.keap]
        ours, keap = (
            SimpleNamespace(
                **{
                    "customers" if system is twin.crm and object == "companies" else object: SimpleNamespace(
                        flows=Flowing(system.records(object), lacking=frozenset({"Room"}))
                    )
                    for object in OBJECTS
                }
            )
            for system in systems
        )
        clients: dict[str, Any] = {"customcrm": ours, "keap": keap}
        homeless = {"products": ("Name",), "customers": ("Name",), "contacts": ("FirstName", "LastName", "Email")}
        if how in {"Name", "FirstName"}:
            clients["customcrm"] = FakeDatabase(twin.crm, ADAPTERS["of its word"], homeless)
        odd = kb.text("Room", keap="spouse_name", fallback="Nowhere" if how == "fallback" else None)
        mapper = MAPPERS["contacts"].with_lenses(odd) if how in {"fallback", "lacking"} else MAPPERS["contacts"]
        given: dict[str, Any] = {"currency": "EUR"} if how == "currency" else {}
        given |= {} if how in {"Name", "FirstName"} else {"contacts": mapper}
        before = len(twin.crm.writes), len(twin.keap.writes)
        try:
            with kb.SyncSession(**clients, store=twin.engine, **given) as session:
                session.contacts.plan()
        except kb.MappingError:
            assert how in {"fallback", "lacking"}
        except kb.OtherSystemError:  # it is elsewhere, and has no place for what people were known by
            assert how in {"Name", "FirstName"}
        else:
            assert how not in {"fallback", "lacking"}, f"{how} is nowhere, and nobody is told"
        finally:
            twin.stores.end(twin.engine)
        assert (len(twin.crm.writes), len(twin.keap.writes)) == before

    @precondition(lambda self: not self.keap.habits.unlisted)
    @rule(object=objects, fault=st.sampled_from((Fault.OUTAGE, Fault.REFUSED_KEY)), full=st.booleans())
    def fail_to_read_singly(self, object: str, fault: Fault, full: bool) -> None:
        """What lists leave out cannot be read by id for a while: nothing is emptied, and nothing is lost."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        old, new, _ = VALUES[object]
        pairs = self._settled_pairs(object, 3, old)
        if not pairs:
            return
        before = self.keap.habits
        self.keap.habits = attrs.evolve(before, unlisted=frozenset({ATTRIBUTES[KEAP, object]}))
        self.blurred |= {(object, side, id) for pair in pairs for side, id in pair.items()}
        for step in range(3):
            for pair in pairs:
                self._type_in(object, KEAP, pair[KEAP], self._another_field(object), ("Turku", "Oslo")[step % 2])
            if step:
                self._type_in(object, CUSTOMCRM, pairs[0][CUSTOMCRM], FIELDS[object], (old, new)[step % 2])
            self.keap.faults = lambda request, s=step: fault if s != 1 and request.path.count("/") == 2 else None
            self.watched(lambda: self.session().sync(full=full), may_fail=[kb.ApiError])
            self._all_is_well()
            self.clock.pass_by(DAY)
        for pair in pairs[1:]:
            held = [self._value(object, side, pair[side]) for side in kb.Side]
            assert held == [old, old], f"lists do not show {FIELDS[object]}, and it became {held}"
        self.keap.habits = before
        self.watched(lambda: self.session().sync(full=True), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)

    @precondition(lambda self: self.adapter == "of its word")
    @rule(
        object=objects,
        when=st.sampled_from(("sync", "undo")),
        what=st.sampled_from(("taken", "quota", "edited", "gone", "one by one")),
    )
    def come_between_a_swap(self, object: str, when: str, what: str) -> None:
        """Two records swap what only one may have, or get it back: somebody comes between; no value is had twice."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        field, table = FIELDS[object], self.table(object, CUSTOMCRM)
        pairs = self._settled_pairs(object, 3, VALUES[object][0])
        if not pairs:
            return
        mine = [f"U{len(self.own) + k}" for k in range(3)]
        for pair, value in zip(pairs, mine, strict=True):
            self._type_in(object, KEAP, pair[KEAP], field, value)
        self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self.clock.pass_by(DAY)
        table.unique.add(ATTRIBUTES[CUSTOMCRM, object])
        self.blurred |= {(object, side, id) for pair in pairs for side, id in pair.items()}
        ours = [pair[CUSTOMCRM] for pair in pairs]
        if [self._value(object, CUSTOMCRM, id) for id in ours] != mine:
            return
        for pair, value in zip(pairs, (mine[1], mine[0]), strict=False):
            self._type_in(object, KEAP, pair[KEAP], field, value)
        asked: list[Request] = []

        def fault(request: Request) -> Fault | None:
            if request.method == "PATCH":
                asked.append(request)
                return Fault.QUOTA if what == "quota" and len(asked) > 8 else None
            if len(asked) >= 8 and what in {"gone", "edited"}:  # each of both was refused, alone and after the other
                asked.clear()
                if what == "gone":
                    table.delete(ours[0])
                else:
                    self._type_in(object, CUSTOMCRM, ours[0], field, f"{mine[2]}b")
            return None

        if when == "sync":
            self.crm.faults = fault
        if when == "sync" and what == "taken":
            self._type_in(object, CUSTOMCRM, ours[2], field, mine[1])
        run = self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
        self._all_is_well()
        self.clock.pass_by(AFTER_THE_TERM)
        if when == "undo" and isinstance(run, kb.Report):
            self.anything_goes = True
            if what == "taken":
                self._type_in(object, CUSTOMCRM, ours[2], field, mine[0])
            self.adapter = None if what == "one by one" else self.adapter
            self.crm.faults = fault
            self.watched(lambda: self.session().undo(run.run_id), may_fail=ENDS, deletes="undo")
            self._all_is_well()
            self.adapter = "of its word"
        if what != "taken":
            held = [self._value(object, CUSTOMCRM, id) for id in ours if id in table]
            assert len(set(held)) == len(held), f"{field} is unique, and is {held}"
        self.clock.pass_by(AFTER_THE_TERM)
