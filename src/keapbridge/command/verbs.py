"""Which verbs there are: by family, each with what it does. Light, so that the help is there at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import attrs

__all__ = ["FAMILIES", "Verb"]


@attrs.frozen
class Verb:
    """One verb.

    Attributes:
        arguments: adds what it takes to its parser.
        run: does it; the exit code.
        description: what its own help says beyond the line in `FAMILIES`.
    """

    name: str
    arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]
    description: str = ""


FAMILIES: Mapping[str, Mapping[str, str]] = {
    "documents": {
        "demo": "show the three synchronizations between two emulators",
        "dataflow": "print the dataflow document",
        "qa": "execute the checklist of the dataflow document",
    },
    "storing": {
        "backup": "copy a link store on SQLite to a new file",
    },
}
"""Module of this package → the verbs in it, each with a line for the help."""
