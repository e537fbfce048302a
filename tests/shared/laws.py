"""How often a law is tried: always with the same examples by default, and with many more and fresh ones on demand.

`--hypothesis-profile=more` takes more of the same, as the second tier does. `--hypothesis-profile=fresh` draws them
anew, `--hypothesis-seed=N` once more.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

__all__ = ["FRESH", "examples"]

MORE, FRESH = "more", "fresh"
TIMES_MORE = 40
MOST = {"same": 12, MORE: 25}  # of the same examples, by profile; fresh ones are many more

# No law depends on what was drawn before, nor on how quick the machine is.
settings.register_profile(
    "same", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(MORE, settings.get_profile("same"))
settings.register_profile(FRESH, settings.get_profile("same"), derandomize=False, print_blob=True)
settings.load_profile("same")


def examples(number: int, *unchecked: HealthCheck, **more: Any) -> settings:
    """So many examples, `MOST` of its profile at most, or many times that number when they are fresh.

    Args:
        unchecked: what is no sign of a bad law here.
        more: further settings.
    """
    profile = settings.get_current_profile_name()
    tried = number * TIMES_MORE if profile == FRESH else min(number, MOST[profile])
    return settings(max_examples=tried, suppress_health_check=[HealthCheck.too_slow, *unchecked], **more)
