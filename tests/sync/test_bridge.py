"""The synchronizations of one pair of systems, by their names."""

from __future__ import annotations

import pytest
from toys import World


def test_a_synchronization_is_had_by_its_name(toys: World) -> None:
    bridge = toys.engine.bridge
    assert [bridge[name].name for name in bridge.synchronizations] == ["makers", "toys"]


def test_a_name_that_there_is_not_is_told_with_those_that_there_are(toys: World) -> None:
    with pytest.raises(LookupError, match="this Customcrm has no dolls; it has makers, toys"):
        toys.engine.bridge["dolls"]
    with pytest.raises(LookupError, match=r"this Customcrm has no toyz; .*toys.*meant"):
        toys.engine.bridge["toyz"]
