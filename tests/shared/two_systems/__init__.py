"""A machine that plays with two small systems, their users and the engine between them, and checks the engine's laws.

Hypothesis draws what happens: users add, edit, clear, delete and merge; runs are complete or not, crash, are cut off,
throttled, shown old lists; plans are applied late, conflicts are resolved, runs are undone, policies change. The pools
of values are small, so that records match, collide and are ambiguous all the time. Now and then everything heals, and
then the laws must hold: nothing is left to do, nothing was made twice, no edit was lost, what is not mapped is
untouched, and nothing was deleted without proof and policy. Keap behaves now in one way and now in another where its
contract is silent: how it shows what is empty, how exact its stamps are, how it spells what was written.

Where the machine cannot know the one right outcome (an ambiguous match, a field that was edited on both sides), it
claims less: one of the values, or a line in the report.

pools, drivers, doubles  what is drawn, what cuts in, what stands for the real parts
world                    the two systems and the sessions between them
checks                   the laws, after each piece of work and after everything has healed
users                    what users do
running, rare, cuts, planning, resolving, undoing, second_thoughts, hosts, accidents, breakdowns, mistakes,
written_over             the rules, by theme
openings                 rare states that games begin with, in turn where many are played (playing)
game                     all of it as one machine; `python -m two_systems` plays it
"""

from two_systems.game import TwoSystems
from two_systems.pools import (
    ACTIONS,
    ARCHIVE,
    CONTEXT,
    CUSTOMCRM,
    DAY,
    KEAP,
    LARGER_MAPPERS,
    STEPS,
    policy_without_brakes,
)

__all__ = [
    "ACTIONS",
    "ARCHIVE",
    "CONTEXT",
    "CUSTOMCRM",
    "DAY",
    "KEAP",
    "LARGER_MAPPERS",
    "STEPS",
    "TwoSystems",
    "policy_without_brakes",
]
