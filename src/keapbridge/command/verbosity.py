"""What is told while a verb is at work: a live display on a terminal, lines with their times for a log."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from keapbridge.configuration.file import Configuration

__all__ = ["logged", "verbose_argument", "watched"]


def verbose_argument(parser: argparse.ArgumentParser) -> None:
    """How much is told."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="tell on the standard error what is done, line by line with the time (UTC); -vv has every call",
    )


def watched(found: Configuration, options: argparse.Namespace) -> Configuration:
    """A configuration whose session shows its progress, where somebody watches and the file does not say otherwise."""
    if not options.verbose and not (sys.stderr.isatty() and find_spec("rich") is not None):
        return found
    return attrs.evolve(found, options={"progress": True, **found.options})


@contextmanager
def logged(options: argparse.Namespace) -> Iterator[None]:
    """Write what the library logs to the standard error."""
    if not options.verbose:
        yield
        return
    logger = logging.getLogger("keapbridge")
    handler = logging.StreamHandler()
    handler.setFormatter(_Line("%(asctime)s %(levelname)-7s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if options.verbose == 1 else logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Line(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - its name
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%d %H:%M:%SZ}"
