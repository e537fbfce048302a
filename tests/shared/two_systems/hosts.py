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
            assert entry.kind in {"create", "update", "delete", "archive", "link"}
        value_of(session.audit())
        assert [*getattr(session, object).links()] == [*session._engine.bridge.store.links.all(object)]
        assert [c for c in value_of(getattr(session, object).conflicts()) if c.object != object] == []
        assert (len(self.crm.writes), len(self.keap.writes)) == before
        if asynchronous:
            value_of(value_of(session.__aenter__()).__aexit__(None, None, None))
        else:
            session.__enter__().__exit__(None, None, None)

    @rule(object=objects, side=sides, n=number, asynchronous=st.booleans())
    def retry(self, object: str, side: kb.Side, n: int, asynchronous: bool) -> None:
        """Records take part again: those that failed, and those that lost their partner."""
        object = self.kind(object)
        id = self.pick(object, side, n)
        if id is not None:
            value_of(getattr(self.session(asynchronous=asynchronous), object).retry(**{side.value: [id]}))

    def _over(self, adapter: Any) -> Any:
        keap = SimpleNamespace(**{o: SimpleNamespace(flows=Flowing(self.keap.records(o))) for o in OBJECTS})
        return kb.SyncSession(customcrm=adapter, keap=keap, store=self.engine, contacts=MAPPERS["contacts"])  # type: ignore[arg-type]

    @rule()
    def misuse(self) -> None:
        """What no host should do is an error at once."""
        small = Small(self.crm, ADAPTERS["of its word"])
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
        ]
        for kind, work in wrong:
            try:
                work()
            except kind:
                continue
            raise AssertionError(f"this should have been a {kind.__name__}")
