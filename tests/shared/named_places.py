"""Places that pages name in code spans: paths below `keapbridge`, and files of the repository."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path
from typing import Any

import keapbridge

__all__ = ["ROOMS", "ROOT", "found", "named", "paths"]

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "keapbridge"
FOLDERS = ("tests/", "src/", "docs/", "benchmarks/", "scripts/", ".ci/", ".github/")
NO_ROOMS = {"__init__", "_version", "__pycache__"}

ROOMS = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - NO_ROOMS


def named(text: str) -> list[str]:
    """The places below `keapbridge` that a text names, each once, in its order."""
    spans = re.findall(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)", text)
    return [span for span in dict.fromkeys(spans) if "." in span and span.partition(".")[0] in ROOMS]


def found(place: str) -> Any:
    """The module, class or function of this name.

    Raises:
        ImportError, AttributeError: when there is none.
    """
    return pkgutil.resolve_name(f"{keapbridge.__name__}.{place}")


def paths(text: str) -> list[Path]:
    """The files and folders that a text names in code spans: from the root of the repository on, or from a room on."""
    spans = dict.fromkeys(re.findall(r"(?<!`)`([\w.-]+/[\w./-]*)`(?!`)", text))
    rooms = [SOURCE / span for span in spans if span.partition("/")[0] in ROOMS]
    return rooms + [ROOT / span for span in spans if span.startswith(FOLDERS)]
