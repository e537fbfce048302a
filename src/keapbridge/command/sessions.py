"""The session that a verb works with: of `keapbridge.toml`, or what a function of the host's returns."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from keapbridge.command.verbosity import logged, verbose_argument, watched

if TYPE_CHECKING:
    from keapbridge.configuration.file import Schedule
    from keapbridge.sync.session import SyncSession

__all__ = ["Opened", "opened", "served", "session_arguments", "wait_arguments"]

FILE = "keapbridge.toml"


def session_arguments(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    which = parser.add_argument_group("which session").add_mutually_exclusive_group()
    which.add_argument(
        "--session",
        metavar="MODULE:NAME",
        help="a function that returns a session, or a context manager of one; also an asynchronous one",
    )
    which.add_argument("--config", metavar="PATH", help=f"the configuration file (./{FILE})")
    verbose_argument(parser)


def wait_arguments(parser: argparse.ArgumentParser) -> None:
    """How long it may take."""
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for another runner of this session"
    )


@attrs.frozen
class Opened:
    """A session that is open.

    Attributes:
        schedule: that of the file; `None` where there is no file.
        stopped: set as soon as somebody wants the process to end.
    """

    session: SyncSession
    schedule: Schedule | None
    stopped: threading.Event


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Opened]:
    """Open the session, and close it in the end. The first Ctrl-C, or SIGTERM, ends its run at the next call.

    Raises:
        ValueError: when there is none to be opened.
        ConfigurationError: when the file cannot be.
    """
    from keapbridge.sync.stopping import on_first_signal

    with ExitStack() as stack:
        stack.enter_context(logged(options))
        schedule: Schedule | None = None
        if options.session is not None:
            session = _of_the_host(options.session, stack)
        else:
            from keapbridge.configuration.opening import configuration, open_session

            path = Path(options.config or FILE)
            _on_the_path(path.parent)
            found = configuration(path)
            schedule = found.schedule
            session = stack.enter_context(open_session(watched(found, options), path))
        stopped = threading.Event()

        def end() -> None:
            stopped.set()
            print("keapbridge: ending at the next call; once more interrupts", file=sys.stderr)
            session.stop()

        with on_first_signal(end), _interrupted(stopped):
            yield Opened(session, schedule, stopped)


@contextmanager
def _interrupted(stopped: threading.Event) -> Iterator[None]:
    """Who has ended it by a signal is not told to try later."""
    from keapbridge.errors import StoppedError

    try:
        yield
    except StoppedError as error:
        if not stopped.is_set():
            raise
        raise KeyboardInterrupt from error


def _on_the_path(folder: Path) -> None:
    """What lies beside the file can be named in it."""
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))


# --- a session of the host's ------------------------------------------------------------------------------------------


def _of_the_host(name: str, stack: ExitStack) -> SyncSession:
    from keapbridge._toml.named import a_kind_of, named
    from keapbridge.sync.aio import AsyncSyncSession
    from keapbridge.sync.session import SyncSession

    found: Any = named(name)
    runner = _Runner()
    stack.callback(runner.close)
    is_open = isinstance(found, (SyncSession, AsyncSyncSession))
    if callable(found) and not is_open:
        found = found()
    if inspect.isawaitable(found):
        found = runner.run(found)
    if isinstance(found, AbstractContextManager):
        found = stack.enter_context(found)
    elif hasattr(found, "__aenter__"):
        manager = found
        found = runner.run(manager.__aenter__())
        stack.push(lambda *error: runner.run(manager.__aexit__(*error)))
    if isinstance(found, AsyncSyncSession):
        return cast("SyncSession", _Driven(found, runner))
    if not isinstance(found, SyncSession):
        what = "a session, or a function that returns one (or a context manager of one)"
        raise ValueError(f"{name!r} gives {a_kind_of(found)}, and not {what}")
    return found


def served(session: SyncSession, serve: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Serve something of a session, in the event loop that it belongs to, where it does to one."""
    if isinstance(session, _Driven):
        session.runner.run(serve(session.target))
    else:
        asyncio.run(serve(session))


class _Runner:
    """An event loop for all of a command, made when it is needed."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def run(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(wait())

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()


class _Driven:
    """An asynchronous session as a plain one: each call runs its event loop until it is done."""

    def __init__(self, target: Any, runner: _Runner) -> None:
        self.target = target
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.target, name)
        if name in {"contacts", "companies", "products"}:
            return _Driven(found, self.runner)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **options: self.runner.run(found(*args, **options))
