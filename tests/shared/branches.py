"""Which branches a program takes, frame by frame, in the form that `coverage` reports of.

An error that is thrown into a flow goes straight to the innermost generator. When that one handles it and returns, the
generators above go on, and CPython 3.11 tells no tracer that they do: coverage's own takes their lines for those of
the caller, and misses every branch that follows a failed effect. Here each frame has its own last line.

    python -m branches keapbridge.sync DATA MODULE ARGUMENT…
"""

from __future__ import annotations

import importlib
import opcode
import runpy
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import coverage

Arcs = set[tuple[int, int]]

_RETURNS = opcode.opmap["RETURN_VALUE"]


class Tracer:
    """Collects from line to line where execution went, in the files of a package.

    Attributes:
        arcs: of each file: (from, to); an end of a code object is its first line, negative.
    """

    def __init__(self, package: str) -> None:
        [folder] = importlib.import_module(package).__path__
        self.arcs: dict[str, Arcs] = {str(file): set() for file in Path(folder).rglob("*.py")}
        self._of: dict[CodeType, Arcs | None] = {}

    def start(self) -> None:
        threading.settrace(self._entered)
        sys.settrace(self._entered)

    def stop(self) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def save(self, file: str) -> None:
        """Write what was collected as data of `coverage`; files of which nothing ran are among it."""
        data = coverage.CoverageData(basename=file)
        data.add_arcs(self.arcs)
        data.touch_files(self.arcs)
        data.write()

    def _entered(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_trace is not None:
            return frame.f_trace  # a generator that goes on
        code = frame.f_code
        if code not in self._of:
            self._of[code] = self.arcs.get(str(Path(code.co_filename).absolute()))
        arcs = self._of[code]
        return None if arcs is None else _follower(code, arcs)


def _follower(code: CodeType, arcs: Arcs) -> Any:
    """What notes where one frame goes."""
    end = last = -code.co_firstlineno

    def follow(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal last
        if event == "line":
            arcs.add((last, frame.f_lineno))
            last = frame.f_lineno
        elif event == "return" and code.co_code[frame.f_lasti] == _RETURNS:  # else it yields, or fails
            arcs.add((last, end))
        return follow

    return follow


def main(package: str, file: str, module: str, *arguments: str) -> None:
    """Run a module as `python -m` does, and save which branches of a package it took."""
    tracer = Tracer(package)
    sys.argv = [module, *arguments]
    tracer.start()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        tracer.stop()
        tracer.save(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
