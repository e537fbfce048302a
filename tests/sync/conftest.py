"""What the tests of the engine share beside the emulators: a world that is small and in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from toys import World

import keapbridge as kb


@pytest.fixture
def toy_worlds() -> Iterator[Callable[..., World]]:
    """Makes worlds of toys, with what a session would have chosen."""
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(World(**settings))
        return made[-1]

    yield make
    for world in made:
        world.store.close()


@pytest.fixture
def toys(toy_worlds: Callable[..., World]) -> World:
    """Makers and toys in two boxes each, and the engine between them."""
    return toy_worlds()


@pytest.fixture
def unasked() -> Iterator[kb.KeapClient]:
    """A client of a Keap that is not asked for anything."""
    with kb.KeapClient(auth=kb.KeapApiKey("key"), base_url="http://127.0.0.1:9") as client:
        yield client
