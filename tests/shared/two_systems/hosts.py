"""What a host asks of a session between runs, and what no host should do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import rule

import keapbridge as kb
from two_systems.checks import Checks
from two_systems.doubles import AsyncAdapter, AsyncCustomcrmClient, Flowing, Small
from two_systems.drivers import value_of
from two_systems.pools import ADAPTERS, AFTER_THE_TERM, IMPOSSIBLE_ARCHIVE, MAPPERS, OBJECTS, number, objects, sides


class Hosts(Checks):
    """Questions, which write nothing, and mistakes, which are errors at once."""

    @rule(object=objects, side=sides, n=number, asynchronous=st.booleans())
    def look_back(self, object: str, side: kb.Side, n: int, asynchronous: bool) -> None:
        object = self.kind(object)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session(asynchronous=asynchronous)
        assert "default" in repr(session)
        which = {side.value: self.pick(object, side, n) or "nobody"}
        before = len(self.crm.writes), len(self.keap.writes)
        if which[side.value] not in self.table(object, side).spoiled:
            explanation = self.watched(lambda: session.explain(object, **which), may_fail=[kb.ShapeError])
            if not isinstance(explanation, kb.ShapeError):
                assert object in f"{explanation}{explanation._repr_html_()}"
        value_of(session.failures())
        value_of(getattr(session, object).failures())
        for entry in value_of(session.history(object, **which)):
            assert entry.kind in {"create", "update", "put back", "delete", "archive", "link"}
        value_of(session.audit())
        assert [*getattr(session, object).links()] == [*session._engine.bridge.store.links.all(object)]
        assert [c for c in value_of(getattr(session, object).conflicts()) if c.object != object] == []
        assert (len(self.crm.writes), len(self.keap.writes)) == before
        if asynchronous:
            value_of(value_of(session.__aenter__()).__aexit__(None, None, None))
        else:
            session.__enter__().__exit__(None, None, None)

    @rule(object=objects, side=sides, n=number, most=st.sampled_from((1, 2, 50)), asynchronous=st.booleans())
    def read_in_parts(self, object: str, side: kb.Side, n: int, most: int, asynchronous: bool) -> None:
        """What waits and what was done is told in parts that make up the whole, and nothing is written for it."""
        self.clock.pass_by(AFTER_THE_TERM)
        object = self.kind(object)
        session = self.session(asynchronous=asynchronous)
        before = len(self.crm.writes), len(self.keap.writes)
        for asked in (session, getattr(session, object)):
            for ask in (asked.conflicts, asked.pairs_in_doubt, asked.told_apart, asked.failures):
                assert self._in_parts(ask, limit=most) == [*value_of(ask())]
        which = {side.value: self.pick(object, side, n) or "nobody"}
        part = getattr(session, object)
        mine = [c for c in value_of(part.conflicts()) if getattr(c, f"{side.value}_id") in which.values()]
        assert [*value_of(part.conflicts(**which))] == mine
        assert [w.object for w in value_of(session.waiting(most=most))] == list(session._engine.bridge.synchronizations)
        for plan in self._in_parts(session.plans, limit=most)[:2]:
            whole = [*value_of(session.saved_plan(plan.id)).actions]
            assert [row.action for row in self._in_parts(session.actions, plan.id, limit=7 * most)] == whole
            mine = [a for a in whole if a.object == object]
            assert [row.action for row in self._in_parts(session.actions, plan.id, object=object, limit=50)] == mine
            assert value_of(session.brakes(value_of(session.saved_plan(plan.id)))) is not None
        for run in self._in_parts(session.runs, limit=most)[:2]:
            whole = [*value_of(session.report(run.run_id)).lines]
            assert self._in_parts(session.lines, run.run_id, limit=7 * most) == whole
            failed = [line for line in whole if line.outcome == "failed"]
            assert self._in_parts(session.lines, run.run_id, outcome="failed", limit=50) == failed
        assert value_of(session.under_way()) is None
        moment = value_of(session.last_full_scan())
        assert moment is None or moment <= self.clock.moment
        assert (len(self.crm.writes), len(self.keap.writes)) == before

    def _in_parts(self, ask: Callable[..., Any], *what: Any, **how: Any) -> list[Any]:
        """All of a list, part by part."""
        page = value_of(ask(*what, **how))
        found = [*page]
        while page.next is not None:
            page = value_of(ask(*what, **how, after=page.next))
            assert len(page) <= how["limit"] or len({(x.object, x.customcrm_id, x.keap_id) for x in page}) == 1
            found += page
        return found

    @rule(object=objects, side=sides, n=number, asynchronous=st.booleans())
    def retry(self, object: str, side: kb.Side, n: int, asynchronous: bool) -> None:
        """Records take part again: those that failed, and those that lost their partner."""
        object = self.kind(object)
        id = self.pick(object, side, n)
        if id is not None:
            by = "Kim" if n % 2 else None
            value_of(getattr(self.session(asynchronous=asynchronous), object).retry(**{side.value: [id]}, by=by))

    def _over(self, adapter: Any) -> Any:
        keap = SimpleNamespace(**{o: SimpleNamespace(flows=Flowing(self.keap.records(o))) for o in OBJECTS})
        return kb.SyncSession(customcrm=adapter, keap=keap, store=self.engine, contacts=MAPPERS["contacts"])  # type: ignore[arg-type]

    @rule()
    def misuse(self) -> None:
        """What no host should do is an error at once."""
        small = Small(self.crm, ADAPTERS["of its word"])
        self.clock.pass_by(AFTER_THE_TERM)
        plan = self.session().plan()
        self._misuse_an_undo()
        wrong: list[tuple[type[Exception], Callable[[], Any]]] = [
            (ValueError, lambda: self.session(mappers={**self.mappers, "contacts": self.mappers["companies"]})),
            (TypeError, lambda: kb.SyncSession(customcrm=AsyncCustomcrmClient(), keap=None, store=self.engine)),  # type: ignore[arg-type]
            (LookupError, self._over(small).products.sync),
            (TypeError, lambda: self._over(AsyncAdapter())),
            (kb.MappingError, lambda: self._over(attrs.evolve(small, lacks={"contacts": ("Title",)}))),
            (kb.MappingError, lambda: kb.Policy(conflicts="mine")),  # type: ignore[arg-type]
            (kb.MappingError, lambda: kb.Policy(deletions={"nowhere": "delete"})),
            (kb.MappingError, lambda: kb.Policy(deletions="archive")),
            (kb.MappingError, lambda: self.session(policy=kb.Policy(deletions="archive", archive=IMPOSSIBLE_ARCHIVE))),
            (TypeError, lambda: value_of(self.session().explain("contacts"))),
            (kb.LinkStoreError, lambda: self.session().rekey()),
            (TypeError, lambda: self.session().brakes("no plan")),
            (ValueError, lambda: self.session().waiting(most=0)),
            (ValueError, lambda: self.session().actions(plan.id, kind="no such kind")),
            (ValueError, lambda: self.session().actions(plan.id, after="no token")),
            (TypeError, lambda: self.session().resolve_many([], lambda _: None, value=5)),
            (TypeError, lambda: self.session().resolve_many([])),
            (ValueError, lambda: self.session().resolve_many([], "nobody")),
            (ValueError, lambda: self.session().runs(after="no token")),
            (ValueError, lambda: self.session().same("no token")),
            (ValueError, lambda: self.session().resolve_many(["no token"], "keap")),
            (kb.StalePlanError, lambda: self.session().saved_plan("no-such-plan")),
            (kb.StalePlanError, lambda: self.session().report("no-such-run")),
        ]
        for kind, work in wrong:
            try:
                work()
            except kind:
                continue
            raise AssertionError(f"this should have been a {kind.__name__}")

    def _misuse_an_undo(self) -> None:
        """What takes a run back has no brakes, and is done whole."""
        if not self.runs:
            return
        session = self.session()
        back = self.watched(lambda: session.plan_undo(self.runs[-1]), may_fail=[kb.StalePlanError])
        if isinstance(back, kb.Plan):
            assert not session.brakes(back)
            error = self.watched(lambda: session.apply(back, only=[0]), may_fail=[ValueError])
            assert isinstance(error, ValueError)
