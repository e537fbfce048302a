"""Any Keap that its contract allows: habits drawn at random, by Hypothesis or from a seed that is printed."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from keapbridge.keap.habits import Habits

__all__ = ["LAGS", "drawn_habits", "habits_of_seed"]

LAGS = ("get_lag", "list_lag", "since_lag")


def drawn_habits(**fixed: Any) -> st.SearchStrategy[Habits]:
    """Habits that are all known.

    Args:
        fixed: what is not drawn.
    """
    free = {n: st.sampled_from(f.metadata["of"]) for n, f in Habits.fields().items() if n not in fixed}
    return st.fixed_dictionaries(free).map(lambda drawn: Habits(**drawn, **fixed))


def habits_of_seed(seed: int, **fixed: Any) -> Habits:
    """Habits that are all known, the same for the same seed."""
    chance = random.Random(seed)
    drawn = {name: chance.choice(field.metadata["of"]) for name, field in Habits.fields().items()}
    return Habits(**(drawn | fixed))
