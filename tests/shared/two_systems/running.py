"""Runs of all ways, while users and other runners go on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
from fakes import INDEX_LAG, Fault, no_faults
from hypothesis import strategies as st
from hypothesis.stateful import rule

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Send
from keapbridge.store.sql import open_store
from two_systems.drivers import Interrupted, updates_something
from two_systems.pools import (
    AFTER_THE_TERM,
    CUSTOMCRM,
    KEAP,
    NEWCOMER,
    OBJECTS,
    POOLS,
    events,
    moments,
    number,
    objects,
    sides,
    ways,
)
from two_systems.users import Users

LONGEST_WAIT = 100  # in calls that each wait


class Running(Users):
    """Runs that come to their end, however late and whoever is in the way."""

    def _sync(self, session: Any, how: str, n: int) -> Any:
        match how:
            case "full":
                return session.sync(full=True)
            case "changes":
                return session.sync()
            case "ids":
                object = self.objects[-1]
                ids = {side.value: [i] if (i := self.pick(object, side, n)) else [] for side in kb.Side}
                return getattr(session, object).sync_ids(**ids)
            case _:
                return getattr(session, self.kind(how)).sync()

    @rule(events=events, how=ways, n=number, asynchronous=st.booleans(), progress=st.integers(0, 3))
    def sync(self, events: Any, how: str, n: int, asynchronous: bool, progress: int) -> None:
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(asynchronous=asynchronous, progress=progress == 2)
        self.watched(lambda: self._sync(session, how, n))

    @rule(events=events, how=ways, n=number, each=st.integers(30, 120))
    def take_long(self, events: Any, how: str, n: int, each: int) -> None:
        """A run is slow, and keeps its lease all the same."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        waited: list[Any] = []

        def wait(effect: Any) -> None:
            self.clock.pass_by(timedelta(seconds=each))
            waited.append(effect)
            # Some time it ends: a create that comes too late each time it is sent is begun anew for ever.
            driver.next = len(driver.log) + 3 if len(waited) < LONGEST_WAIT else None

        driver = Interrupted(self.clock, at=1, then=wait, before=lambda effect: isinstance(effect, Send))
        self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[kb.SessionBusyError])

    @rule(events=events, deletes=st.integers(0, 1), creates=st.integers(0, 1))
    def brake(self, events: Any, deletes: int, creates: int) -> None:
        """A run that would do more than it may does nothing."""
        for n in range(3 * creates):
            self._delete_one_of_a_pair(self.objects[-1], n, KEAP)
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        tight = attrs.evolve(self.policy, max_deletes=deletes, max_creates=creates, max_updates_share=0.0)
        before = len(self.crm.writes), len(self.keap.writes)
        with_brakes = self.session(policy=tight)
        result = self.watched(lambda: with_brakes.sync(full=True), may_fail=[kb.BrakeError], policy=tight)
        if isinstance(result, kb.BrakeError):
            assert (len(self.crm.writes), len(self.keap.writes)) == before
            assert not result.plan.is_empty

    @rule(field=st.sampled_from(("City", "JobTitle")), side=sides, n=number, edits=st.booleans())
    def narrow_the_mapping(self, field: str, side: kb.Side, n: int, edits: bool) -> None:
        """Somebody leaves a field out for a while: everything is looked at again, before and after."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync())
        self.clock.pass_by(AFTER_THE_TERM)
        narrow = {**self.mappers, "contacts": self.mappers["contacts"].without(field)}
        self.watched(lambda: self.session(mappers=narrow).sync())
        # What is empty on one side is filled when the field comes back, though it was cleared there.
        for object, ours, theirs in self.links():
            names = ((object, CUSTOMCRM, ours), (object, KEAP, theirs))
            if object == "contacts" and all(id in self.table(object, its) for _, its, id in names):
                values = {self.read(*name).get(field) for name in names}
                self.blurred |= set(names) if None in values and len(values) > 1 else set()
        if edits and (id := self.pick("contacts", side, n)):
            self._type_in("contacts", side, id, field, next(v for v in POOLS["contacts"][field] if v))
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync())

    @rule(events=events, how=ways, n=number, side=sides)
    def stale(self, events: Any, how: str, n: int, side: kb.Side) -> None:
        """All lists and searches of a system show what was half a minute ago."""
        self.clock.pass_by(AFTER_THE_TERM)
        if n % 2:  # what was made just now is linked, and a complete list does not show it
            for object in self.objects:
                self._add(object, CUSTOMCRM if n % 3 else KEAP, NEWCOMER)
            self.watched(lambda: self.session().sync(), may_fail=[kb.ApiError])
            how = "full"
        self._all_happen(events)
        self._unseen_is_uncertain()
        self.system(side).faults = lambda request: Fault.STALE if request.reads else None
        self.blind = True
        self.watched(lambda: self._sync(self.session(), how, n), may_fail=[kb.ApiError])
        self.blind = False
        self.system(side).faults = no_faults

    def _unseen_is_uncertain(self) -> None:
        """Keap has no versions: what it does not show yet can be overwritten, and a lost create be made again."""
        for object in OBJECTS:
            for intent in SyncDriver().run(open_store(self.engine, "default").intents.open(object)):
                self.excused.add((object, intent.side.other, intent.source_id))
            recent = self.clock.moment - INDEX_LAG
            for side in self.unguarded:
                stamp = "update_time" if side is KEAP else "updated_at"
                table = self.table(object, side)
                self.blurred |= {(object, side, id) for id in table if getattr(table[id], stamp) >= recent}

    @rule(events=events, meanwhile=events, how=ways, n=number, at=moments)
    def edit_meanwhile(self, events: Any, meanwhile: Any, how: str, n: int, at: int) -> None:
        """Users go on working while a run is under way."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        def disturb(_: Any) -> None:
            for object in self.objects:  # between reading and writing there is no protection in Keap: a known limit
                for side in self.unguarded:
                    self.blurred |= {(object, side, id) for id in self.table(object, side)}
            self.blind = True
            self._all_happen(meanwhile)

        driver = Interrupted(self.clock, at=at, then=disturb)
        self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[kb.ShapeError])
        self.blind = False

    @rule(object=objects, side=sides, n=number, m=number, often=st.booleans())
    def edit_what_is_being_written(self, object: str, side: kb.Side, n: int, m: int, often: bool) -> None:
        """Somebody is quicker by a moment: between the second reading and the write."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        pairs = sorted(link for link in self.links() if link[0] == object)
        field = "Description" if object != "contacts" else "City"
        for _, *ids in pairs:
            id = ids[side is CUSTOMCRM]
            if id in self.table(object, side.other):
                self._type_in(object, side.other, id, field, POOLS[object][field][n % 2])

        def disturb(effect: Send) -> None:
            _, name, id = effect.call.path.split("/")
            table = self.system(side).tables.get(name)
            kind = "companies" if name == "customers" else name
            if table is None or id not in table or kind != object:
                return
            if side in self.unguarded:
                self.blurred.add((object, side, id))
            self.blind = True
            other = field if n % 3 else sorted(set(POOLS[object]) - {field})[m % (len(POOLS[object]) - 1)]
            self._type_in(object, side, id, other, POOLS[object][other][m % 2])
            if often:
                driver.next = 0

        driver = Interrupted(self.clock, at=0, then=disturb, before=updates_something)
        self.watched(lambda: self.session(driver).sync(), may_fail=[kb.ShapeError])
        self.blind = False

    @rule(events=events, at=moments, stalls=st.booleans(), n=number, how=ways)
    def compete(self, events: Any, at: int, stalls: bool, n: int, how: str) -> None:
        """Another runner comes while one is at work, or is taken for dead."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        def another(_: Any) -> None:
            if stalls:
                self.clock.pass_by(AFTER_THE_TERM)
            seen.append(self.watched(self.session().sync, may_fail=[kb.SessionBusyError]))

        seen: list[Any] = []
        driver = Interrupted(self.clock, at=1 + at, then=another)
        mine = self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=[kb.SessionBusyError])
        if seen:
            assert isinstance(seen[0], kb.Report if stalls else kb.SessionBusyError)
        if not stalls:
            assert isinstance(mine, kb.Report)
