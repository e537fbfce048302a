"""The engine's laws, held by a machine that plays with two systems in memory; and how much of the engine it reaches."""

from __future__ import annotations

import os

import pytest

pytest.register_assert_rewrite("two_systems")

from hypothesis import HealthCheck, seed, settings  # noqa: E402 - after the registration above
from two_systems import TwoSystems  # noqa: E402

seeded = seed(int(os.environ.get("KEAPBRIDGE_TEST_SEED", "1")))
TestTwoSystems = seeded(TwoSystems).TestCase
TestTwoSystems.settings = settings(
    max_examples=int(os.environ.get("EX", "15")),
    stateful_step_count=int(os.environ.get("STEPS", "25")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
