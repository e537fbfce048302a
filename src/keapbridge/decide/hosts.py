"""Functions of the host's, asked about one record: whatever they raise is a mistake in them, and means nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keapbridge.errors import KeapbridgeError, UnfitError

__all__ = ["HostFunctionError", "asked", "mistake"]


class HostFunctionError(Exception):
    """What a function of the host's raised, as its cause, which may look like an error of ours."""


def asked(function: Callable[..., Any], *given: Any) -> Any:
    """What a function of the host's answers.

    Raises:
        UnfitError: its own, with which it says that it cannot tell.
        HostFunctionError: in place of what the engine would take for something else.
        BaseException: all else.
    """
    try:
        return function(*given)
    except BaseException as error:
        if (found := mistake(error)) is not error:
            raise found from error
        raise


def mistake(error: BaseException) -> BaseException:
    """What is to be raised in place of an error of the host's.

    A function that calls another session raises what would end the run, were it about this one. A flow that meets a
    `GeneratorExit` believes that it is abandoned, and one that meets a cancellation that nobody wants to hear of it;
    a function that is no coroutine meets neither.
    """
    import asyncio  # is there by now, but not when the library is imported

    means_another = isinstance(error, (KeapbridgeError, GeneratorExit, asyncio.CancelledError))
    return HostFunctionError(type(error).__name__) if means_another and not isinstance(error, UnfitError) else error
