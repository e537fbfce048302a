"""What people do, and runs while they go on: in time, late, in trouble, stopped, cut off."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from stopping import CountingDriver, KilledError
from two_systems.drivers import Interrupted
from two_systems.pools import AFTER_THE_TERM, CONFLICT_RULES, DELETION_RULES, policy_without_brakes

import keapbridge as kb
from keapbridge.sync.stopping import on_first_signal
from wired.checks import EXPECTED, Checks
from wired.world import CONTACTS, CUSTOMCRM, HOST, KEAP, KINDS, POISON, POOLS, PRODUCTS

SIGNALS = (signal.SIGTERM, signal.SIGINT)

number = st.integers(0, 11)
kinds = st.sampled_from((CONTACTS, CONTACTS, PRODUCTS))
sides = st.sampled_from((CUSTOMCRM, KEAP))
moments = st.integers(0, 90)  # the number of an effect
ways = st.sampled_from(("changes", "changes", "full", "ids", *KINDS))
troubles = st.sampled_from((429, 500, 503, 401, 403, 404, 422, "later", "lost", "unsent"))
events = st.lists(
    st.tuples(
        st.sampled_from(("add", "add both", "edit", "edit", "edit both", "delete", "merge", "named", "poison")),
        kinds,
        sides,
        number,
        number,
    ),
    max_size=4,
)


class People(Checks):
    """People add, edit, merge, delete; runs bring it to the other side."""

    def _all_happen(self, events: Any) -> None:
        for what, kind, side, n, m in events:
            self._happens(what, kind, side, n, m)

    def _drawn(self, kind: str, n: int) -> dict[str, Any]:
        pools = POOLS[kind].items()
        return {field: pool[(n + i * (n % 3)) % len(pool)] for i, (field, pool) in enumerate(pools)}

    def _happens(self, what: str, kind: str, side: kb.Side, n: int, m: int) -> None:
        id = self.pick(kind, side, n)
        fields = sorted(POOLS[kind])
        field = fields[m % len(fields)]
        pool = POOLS[kind][field]
        match what:
            case "add":
                self.add(kind, side, **self._drawn(kind, n + m))
            case "add both":
                self.add(kind, side, **self._drawn(kind, n + m))
                self.add(kind, side.other, **self._drawn(kind, n + m if n % 2 else m))
            case "edit" if id is not None:
                self.type((kind, side, id), **{field: pool[(n + m) % len(pool)]})
            case "edit both":
                for pair in self.pairs(kind)[n:][:1]:
                    for k, (each, its) in enumerate(pair.items()):
                        self.type((kind, each, its), **{field: pool[(m + k) % len(pool)]})
            case "delete" if id is not None:
                self.drop((kind, side, id))
            case "merge":
                one, other = self.pick(CONTACTS, KEAP, n), self.pick(CONTACTS, KEAP, m)
                if one is not None and other is not None and one != other:
                    self._merge(one, other)
            case "named" if self.mapping == "named" and id is not None and kind == CONTACTS:
                self._name_an_entry(side, id, n, m)
            case "poison" if id is not None and kind == CONTACTS:
                self.blurred.add((kind, side, id))
                self.type((kind, side, id), JobTitle=POISON if n % 2 else "Nobody")

    def _merge(self, winner: str, loser: str) -> None:
        names = [(CONTACTS, KEAP, id) for id in (winner, loser)]
        self.blurred |= set(names) | {
            (CONTACTS, CUSTOMCRM, p[CUSTOMCRM]) for p in self.pairs(CONTACTS) if p[KEAP] in {winner, loser}
        }
        self.happened += 1
        self.keap.merge(winner, loser)
        if names[0] in self.own:
            self.own[names[0]] = self.unmapped(names[0])

    def _name_an_entry(self, side: kb.Side, id: str, n: int, m: int) -> None:
        """A lead source, a user or a size, by its name in the CRM, by its id in Keap; or an entry gets another name."""
        self.happened += 1
        state = self.keap.emulator.state
        sources, users = list(state.lead_sources), list(state.users)
        if side is CUSTOMCRM:
            own = {"LeadSource": ("Fair", "Radio", "Web")[n % 3], "Keeper": ("Kim Kay", "Nobody")[m % 2], "Shoes": "40"}
            self.crm.edit(CONTACTS, id, dict([sorted(own.items())[(n + m) % 3]]))
        elif n % 3 == 0 and sources:
            self.keap.edit(CONTACTS, id, {"leadsource_id": sources[m % len(sources)]})
        elif n % 3 == 1:
            self.keap.edit(CONTACTS, id, {"owner_id": users[m % len(users)]})
        elif sources:
            state.lead_sources.edit(sources[m % len(sources)], name=f"Renamed {m % 2}")

    # --- runs -----------------------------------------------------------------------------------------------------

    def _sync(self, session: kb.SyncSession, how: str, n: int, **options: Any) -> kb.Report:
        match how:
            case "full":
                return session.sync(full=True, **options)
            case "changes":
                return session.sync(**options)
            case "ids":
                ids = {side.value: [i] if (i := self.pick(CONTACTS, side, n)) else [] for side in kb.Side}
                return session.contacts.sync_ids(**ids, **options)
            case _:
                part: kb.Report = getattr(session, how).sync(**options)
                return part

    @rule(events=events, hours=st.integers(0, 30))
    def people_work(self, events: Any, hours: int) -> None:
        self._all_happen(events)
        self.pass_by(hours=hours)

    @rule(conflicts=st.sampled_from((*CONFLICT_RULES, HOST.decide)), deletions=st.sampled_from(DELETION_RULES))
    def change_the_policy(self, conflicts: Any, deletions: Any) -> None:
        deletions = "unlink" if deletions == "archive" else deletions
        self.policy = policy_without_brakes(archive={}, conflicts=conflicts, deletions=deletions)

    @rule(events=events, days=st.sampled_from((0.05, 2, 40, 400)), how=ways, n=number, mended=st.booleans())
    def run_ahead(self, events: Any, days: float, how: str, n: int, mended: bool) -> None:
        """The CRM's clock is ahead, and is mended some time: its stamps are in the future, and then go back."""
        self.ahead = timedelta(days=days)
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self._sync(self.session(), how, n), may_fail=EXPECTED)
        if mended:
            self.ahead = timedelta(0)
        self.clock.pass_by(AFTER_THE_TERM)
        self._all_happen(events)
        self.watched(lambda: self.session().sync(full=n % 2 == 0), may_fail=EXPECTED)

    @rule(events=events, how=ways, n=number, debug=st.booleans())
    def sync(self, events: Any, how: str, n: int, debug: bool) -> None:
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        told: list[Any] = []
        options: dict[str, Any] = {"debug": debug}
        if n % 3 == 0:
            options["progress"] = lambda *step: told.append(step)
        if n % 4 == 0:
            options["on_event"] = told.append
        self.watched(lambda: self._sync(self.session(**options), how, n))
        assert told or not {"progress", "on_event"} & options.keys()

    @rule(events=events, how=ways, n=number, at=moments, by_deadline=st.booleans())
    def stop(self, events: Any, how: str, n: int, at: int, by_deadline: bool) -> None:
        """A run ends early, and says so; the next one goes on."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        def end(_: Any) -> None:
            if by_deadline:
                self.clock.pass_by(timedelta(minutes=2))
            else:
                session.stop()

        driver = Interrupted(self.clock, at=at, then=end, before=lambda _: True)
        session = self.session(driver)
        limit = {"deadline": timedelta(minutes=1)} if by_deadline else {}
        self.watched(lambda: self._sync(session, how, n, **limit), may_fail=EXPECTED)
        if n % 2:
            self.watched(lambda: self.session().sync())

    @rule(events=events, meanwhile=events, how=ways, n=number, at=moments)
    def work_meanwhile(self, events: Any, meanwhile: Any, how: str, n: int, at: int) -> None:
        """People go on working while a run is under way, and lists move under its feet."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)

        def disturb(_: Any) -> None:
            self.blurred |= {(kind, side, id) for (kind, side), ids in self.ids().items() for id in ids}
            self._all_happen(meanwhile)

        driver = Interrupted(self.clock, at=at, then=disturb)
        self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=EXPECTED, deletes="meanwhile")
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(how=ways, n=number, at=moments, twice=st.booleans(), in_a_thread=st.booleans())
    def be_signalled(self, how: str, n: int, at: int, twice: bool, in_a_thread: bool) -> None:
        """The process is told to end: the first time when its call is over, the second time at once."""
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session()
        before = [signal.getsignal(number) for number in SIGNALS]

        def end(_: Any) -> None:
            for number in SIGNALS[: 1 + twice]:
                signal.raise_signal(number)

        def work() -> Any:
            with on_first_signal(session.stop):
                return self._sync(session, how, n)

        if in_a_thread:  # which gets no signals
            with ThreadPoolExecutor(1) as pool:
                self.watched(lambda: pool.submit(work).result(), may_fail=EXPECTED)
        else:
            driver = Interrupted(self.clock, at=at, then=end, before=lambda _: True)
            session = self.session(driver)
            ended = self.watched(work, may_fail=(KeyboardInterrupt, *EXPECTED))
            was_early = driver.next is not None  # the run was over before
            assert was_early or isinstance(ended, KeyboardInterrupt if twice else (kb.Report, Exception))
        assert [signal.getsignal(number) for number in SIGNALS] == before
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)

    @rule(events=events, how=ways, n=number, at=moments, after=st.booleans(), soon=st.booleans())
    def crash(self, events: Any, how: str, n: int, at: int, after: bool, soon: bool) -> None:
        """The process dies; what comes next finds out what it had done."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        driver = CountingDriver(self.clock, stop_at=at, stop_after=after)
        self.watched(lambda: self._sync(self.session(driver), how, n), may_fail=(KilledError, *EXPECTED))
        self.clock.pass_by(AFTER_THE_TERM)
        if soon:
            self.watched(lambda: self.session().sync(), may_fail=EXPECTED)

    @rule(
        events=events,
        how=ways,
        n=number,
        side=sides,
        at=st.integers(0, 20),
        fault=troubles,
        times=st.integers(1, 8),
        writes=st.booleans(),
    )
    def trouble(
        self, events: Any, how: str, n: int, side: kb.Side, at: int, fault: Any, times: int, writes: bool
    ) -> None:
        """Some requests of a run meet with trouble."""
        self._all_happen(events)
        self.clock.pass_by(AFTER_THE_TERM)
        if side not in self.ways:
            side = KEAP
        asked = 0

        def cut(request: Any) -> Any:
            nonlocal asked
            if writes and request.method == "GET":
                return None
            asked += 1
            return fault if at * (not writes) < asked <= at + times else None

        self.ways[side].fault = cut
        told: list[Any] = []
        options = {"progress": lambda *step: told.append(step)} if at % 2 else {}
        self.watched(lambda: self._sync(self.session(**options), how, n), may_fail=EXPECTED)
        self.ways[side].fault = None
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)

    @rule(events=events, how=ways, n=number, records=st.booleans())
    def let_the_host_stumble(self, events: Any, how: str, n: int, records: bool) -> None:
        """A function of the host's raises for some records: the others go on."""
        self._all_happen(events)
        for k, side in enumerate(kb.Side):
            for m in range(3 if n % 2 else 8):
                if (id := self.pick(CONTACTS, side, n + m + k)) is not None:
                    self.blurred.add((CONTACTS, side, id))
                    self.type((CONTACTS, side, id), JobTitle=POISON)
        self.clock.pass_by(AFTER_THE_TERM)
        HOST.fails = True
        conflicts = {"JobTitle": HOST.decide, "*": "manual"} if records else HOST.decide
        fragile = policy_without_brakes(archive={}, conflicts=conflicts, deletions=self.policy.deletions)
        for _ in range(2):
            session = self.session(policy=fragile)
            self.watched(lambda s=session: self._sync(s, how, n), may_fail=EXPECTED)
            session.conflicts()
            self.clock.pass_by(AFTER_THE_TERM)
        HOST.fails = False
