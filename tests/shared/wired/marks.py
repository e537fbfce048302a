"""Tags, which come and go one by one: what either side says counts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from two_systems.pools import AFTER_THE_TERM

import keapbridge as kb
from wired.checks import EXPECTED
from wired.hosts import Hosts
from wired.people import number, troubles
from wired.places import own_of
from wired.world import CONTACTS, CUSTOMCRM, KEAP

TAGS = "Tags"


class Marks(Hosts):
    """People tag others, in both systems."""

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

    def _goes(self, what: str, pairs: list[dict[kb.Side, str]]) -> None:
        """Somebody who is to be tagged is deleted, or a tag."""
        if what == "contact" and pairs:
            self.drop((CONTACTS, KEAP, pairs[0][KEAP]))
        elif what == "tag" and (tags := list(self.keap.emulator.state.tags)):
            self.keap.emulator.state.tags.delete(tags[0])
