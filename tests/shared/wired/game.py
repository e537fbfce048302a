"""The wired game as a whole: how it begins and how it ends."""

from __future__ import annotations

import sys
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import initialize
from random_habits import drawn_habits
from two_systems.pools import AFTER_THE_TERM, CONFLICT_RULES, DELETION_RULES, LARGE, SMALL, set_sizes

from keapbridge.sync import guard
from keapbridge.sync.reading import anew, unlisted_fields
from keapbridge.sync.writing import run
from wired.openings import OPENINGS
from wired.people import number, sides
from wired.places import CRMS
from wired.slips import Slips
from wired.world import KINDS, MAPPERS

STEPS = 12  # of a game
FEW = (
    (guard, "SAME_FIELD", 2),
    (guard, "IN_A_ROW", 5),
    (guard, "TRACEBACKS", 1),
    (anew, "BATCH", 4),
    (run, "BATCH", 4),
    (unlisted_fields, "CATCH_UP", 3),
)
MANY = tuple((module, name, getattr(module, name)) for module, name, _ in FEW)


class TwoWiredSystems(Slips):
    """Two systems, real clients, and what happens to them."""

    @initialize(
        opening=OPENINGS.drawn(),
        kind=st.sampled_from(sorted(CRMS)),
        habits=drawn_habits(get_lag="none"),  # else a 404 is no proof that what was made a moment ago is gone
        known=st.booleans(),
        mapping=st.sampled_from(sorted(MAPPERS)),
        first=st.lists(
            st.tuples(st.sampled_from(("add", "add both")), st.sampled_from(KINDS), sides, number, number), min_size=3
        ),
        synced=st.booleans(),
        small=st.booleans(),
        conflicts=st.sampled_from(CONFLICT_RULES),
        deletions=st.sampled_from([rule for rule in DELETION_RULES if rule != "archive"]),
    )
    def begin(self, opening: str | None = None, **drawn: Any) -> None:
        """How most games begin, or with an opening."""
        OPENINGS.begin(opening, self._begin, self, drawn)

    def _begin(
        self,
        kind: str,
        habits: Any,
        known: bool,
        mapping: str,
        first: Any,
        synced: bool,
        small: bool,
        conflicts: Any,
        deletions: Any,
        prompt: bool = False,
    ) -> None:
        """Some records, mostly synced."""
        if prompt:  # lists of Keap show at once what is there
            habits = attrs.evolve(habits, list_lag="none", since_lag="none")
        set_sizes((*SMALL, *FEW) if small else (*LARGE, *MANY))
        self.page_size = 2 if small else 1000
        self.build(kind, habits, known, mapping, conflicts=conflicts, deletions=deletions)
        self._all_happen(first[:8])
        self.clock.pass_by(AFTER_THE_TERM)
        if synced:
            self.watched(lambda: self.session().sync())

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and self.crm is not None:
                self.heal()
        finally:
            set_sizes((*LARGE, *MANY))
            self.end()
