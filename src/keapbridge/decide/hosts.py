"""Functions of the host's, asked about one record: whatever they raise is a mistake in them, and means nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keapbridge.errors import KeapbridgeError, UnfitError

__all__ = ["HostFunctionError", "asked"]


class HostFunctionError(Exception):
    """What a function of the host's raised, as its cause, which may look like an error of ours.

    A function that calls another session, say, raises what would end the run if it were about this one. A
    `GeneratorExit` would make the flow believe that it is abandoned.
    """


def asked(function: Callable[..., Any], *given: Any) -> Any:
    """What a function of the host's answers.

    Raises:
        UnfitError: its own, with which it says that it cannot tell.
        HostFunctionError: in place of what the engine would take for something else.
        Exception: all else.
    """
    try:
        return function(*given)
    except UnfitError:
        raise
    except (KeapbridgeError, GeneratorExit) as error:
        raise HostFunctionError(type(error).__name__) from error
