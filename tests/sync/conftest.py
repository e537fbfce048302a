"""What the tests of the engine share beside the emulators: a world that is small and in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from toys import World


@pytest.fixture
def toys() -> Iterator[World]:
    """Makers and toys in two boxes each, and the engine between them."""
    made = World()
    yield made
    made.store.close()
