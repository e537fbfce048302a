"""What people say of others: their tags, which come and go one by one, and who is the same."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from two_systems.pools import AFTER_THE_TERM

import keapbridge as kb
from wired.checks import EXPECTED
from wired.hosts import STALE, Hosts
from wired.people import number, troubles
from wired.places import own_of
from wired.world import CONTACTS, CUSTOMCRM, KEAP

TAGS = "Tags"


class Marks(Hosts):
    """People tag others, in both systems, and tell them apart."""

    def _tags(self, side: kb.Side, id: str) -> set[str]:
        """The names of the tags that somebody has."""
        if side is CUSTOMCRM:
            texts = str(own_of(self.crm, CONTACTS, id, TAGS) or "").split(",")
            return {text.strip() for text in texts if text.strip()}
        tags, held = self.keap.emulator.state.tags, self.keap._table(CONTACTS)[id].get("tag_ids") or ()
        return {tags[tag]["name"] for tag in held if tag in tags}

    def _tag(self, side: kb.Side, id: str, names: set[str]) -> None:
        self.happened += 1
        if side is CUSTOMCRM:
            self.crm.edit(CONTACTS, id, {TAGS: ",".join(sorted(names)) or None})
            return
        state = self.keap.emulator.state
        known = {entry["name"]: tag for tag, entry in state.tags.items()}
        tags = [known.get(name) or state.tags.add({"name": name}) for name in sorted(names)]
        state.contacts.edit(id, tag_ids=tags)

    @precondition(lambda self: self.mapping == "named" and not self.lists_lag())  # they lag for days here
    @rule(n=number, fault=st.none() | troubles, gone=st.sampled_from(("", "", "contact", "tag")), full=st.booleans())
    def tag_on_both_sides(self, n: int, fault: Any, gone: str, full: bool) -> None:
        """Each side adds a tag and takes one away while calls fail: no tag is lost, and none comes back."""
        self.clock.pass_by(AFTER_THE_TERM)
        self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self.pairs(CONTACTS)[n % 3 :][:3]
        first = self.numbers
        self.numbers += 1
        wanted: list[set[str]] = []
        for pair in pairs:
            both = self._tags(CUSTOMCRM, pair[CUSTOMCRM]) | self._tags(KEAP, pair[KEAP])
            dropped = set(sorted(both)[:1]) if n % 2 else set()
            for side, id in pair.items():
                self._tag(side, id, self._tags(side, id) - dropped | {f"{side.title} {first}"})
            wanted.append({f"{side.title} {first}" for side in kb.Side})
        self.ways[KEAP].fault = lambda request: fault if "/contacts:" in request.url.path else None
        session = self.session()
        plan = self.watched(lambda: session.plan(full=full), may_fail=EXPECTED)
        self._goes(gone, pairs)
        if isinstance(plan, kb.Plan):
            self.watched(lambda: session.apply(plan), may_fail=(kb.StalePlanError, *EXPECTED))
        self.ways[KEAP].fault = None
        self.pass_by(days=1)
        report = self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
        for pair, names in zip(pairs, wanted, strict=True):
            if any(id not in self.rows(CONTACTS, side) for side, id in pair.items()) or gone == "tag":
                continue
            held = {side: self._tags(side, id) for side, id in pair.items()}
            for side in kb.Side:
                assert f"{side.title} {first}" in held[side], f"{side.title} tagged {pair}, and lost it: {held}"
            told = {id for line in getattr(report, "lines", ()) for id in (line.customcrm_id, line.keap_id)}
            is_told = not isinstance(report, kb.Report) or told & {*pair.values(), "*"}
            assert is_told or held[CUSTOMCRM] == held[KEAP] >= names, f"{pair} is tagged {held}, and nothing is said"
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(
        n=number,
        how=st.sampled_from(("two", "near", "same")),
        says=st.sampled_from(("same", "different")),
        gone=st.booleans(),
        taken_back=st.booleans(),
    )
    def say_who_is_the_same(self, n: int, how: str, says: str, gone: bool, taken_back: bool) -> None:
        """One here may be either of two there, or of one linked already: somebody says so, or that it is not so."""
        self.clock.pass_by(AFTER_THE_TERM)
        here, there = self._alike(CONTACTS, how)
        self.twice = True
        for side, values in ((CUSTOMCRM, here), (KEAP, there), (KEAP, there)):
            self.add(CONTACTS, side, **values)
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session()
        waiting = session.pairs_in_doubt()
        assert waiting[:1] == session.pairs_in_doubt(limit=1)
        if not waiting:
            return
        pair = waiting[n % len(waiting)]
        self._all_is_blurred()
        if gone:
            self.drop((pair.object, pair.other_side, pair.other_id))
        before = self.writes()
        decide = session.same if says == "same" else session.different
        report = self.watched(lambda: decide(pair.token if n % 2 else pair, by="Kim"), may_fail=STALE)
        self.clock.pass_by(AFTER_THE_TERM)
        if not isinstance(report, kb.Report) or report.failures:
            assert says == "same", "it needs nothing of either system to tell two apart"
            return
        assert says == "same" or self.writes() == before, "something was written, though nobody is the same"
        assert pair not in session.pairs_in_doubt()
        assert isinstance(self.watched(lambda: decide(pair), may_fail=STALE), kb.StalePlanError)
        if taken_back:
            self.anything_goes = True
            self.watched(lambda: session.undo(report), may_fail=(*STALE, kb.UncertainError), deletes="undo")
            assert says == "same" or pair in session.pairs_in_doubt(), "nobody says any more that they are two"
        elif says == "different":
            self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
            ids = {pair.side: pair.id, pair.other_side: pair.other_id}
            assert (pair.object, ids.get(CUSTOMCRM), ids.get(KEAP)) not in self.links(), f"{pair} were told apart"
        self.clock.pass_by(AFTER_THE_TERM)

    def _goes(self, what: str, pairs: list[dict[kb.Side, str]]) -> None:
        """Somebody who is to be tagged is deleted, or a tag."""
        if what == "contact" and pairs:
            self.drop((CONTACTS, KEAP, pairs[0][KEAP]))
        elif what == "tag" and (tags := list(self.keap.emulator.state.tags)):
            self.keap.emulator.state.tags.delete(tags[0])
