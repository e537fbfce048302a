"""The suite without pytest's runner: over the Customcrm of a session, promise by promise. What a command prints."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import attrs
import pytest

from keapbridge.errors import KeapbridgeError
from keapbridge.model.names import CUSTOMCRM_OBJECTS
from keapbridge.model.side import Side
from keapbridge.sync.bridge import Bridge
from keapbridge.testing.contract.bench import Bench
from keapbridge.testing.contract.live import Live
from keapbridge.testing.contract.making import ODD_TEXTS
from keapbridge.testing.contract.suite import CustomcrmAdapterContract

__all__ = ["Outcome", "benches_of", "judged", "kept_by"]


@attrs.frozen
class Outcome:
    """What became of one promise for one kind of record.

    Attributes:
        object: `contacts`, `customers` or `products`.
        promise: in words.
        kept: `"yes"`, `"no"`, or `"not asked"` where it was not promised.
        said: what it would break; why it was not asked.
    """

    object: str
    promise: str
    kept: Literal["yes", "no", "not asked"]
    said: str = ""

    def __str__(self) -> str:
        words = {"yes": "kept  ", "no": "BROKEN", "not asked": "-     "}
        return f"{words[self.kept]}  {self.object}: {self.promise}" + (f": {self.said}" if self.said else "")


def judged(bench: Bench, test: Callable[..., Any], *given: Any) -> Outcome:
    """What one test says of one kind of record."""
    name = test.__name__.removeprefix("test_").removeprefix("live_").replace("_", " ")
    promise = f"{name} ({given[0]})" if given else name
    try:
        test(bench, *given)
    except pytest.skip.Exception as error:
        return Outcome(bench.object, promise, "not asked", str(error))
    except (AssertionError, pytest.fail.Exception) as error:
        return Outcome(bench.object, promise, "no", str(error).partition("\nassert ")[0])
    except KeapbridgeError as error:
        return Outcome(
            bench.object, promise, "no", f"the system answers otherwise than it has to, and ends a run: {error}"
        )
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises is what it does
        said = f"{type(error).__name__}: {error}: what nobody foresaw ends a run, and its outcome is unknown"
        return Outcome(bench.object, promise, "no", said)
    return Outcome(bench.object, promise, "yes")


def kept_by(bench: Callable[[], Bench], *, live: bool = False) -> Iterator[Outcome]:
    """What becomes of each promise for one kind of record.

    Args:
        bench: one over a system without records, for each promise.
        live: only what reading tells, of a system with records.
    """
    suite, begins = (Live(), "live_") if live else (CustomcrmAdapterContract(), "test_")
    for name, test in inspect.getmembers(suite, inspect.ismethod):
        if name.startswith(begins):
            for given in ((what,) for what in ODD_TEXTS) if name.startswith("test_texts") else ((),):
                yield judged(bench(), test, *given)


def benches_of(bridge: Bridge) -> Mapping[str, Bench]:
    """The kinds of records of a session's Customcrm, as far as they are mapped."""
    found: dict[str, Bench] = {}
    for sync in bridge.synchronizations.values():
        object = CUSTOMCRM_OBJECTS[sync.name]
        found[object] = Bench.of_system(sync.systems[Side.CUSTOMCRM], object).narrowed([sync.mapper])
    for bench in found.values():
        bench.others = found
    return found
