"""What `scripts/reach` counts: branches, told apart by frame."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import branches
import coverage

FLOWS = """\
def ask():
    try:
        return (yield "a question")
    except ValueError:
        return None


def decide():
    answer = yield from ask()
    if answer is None:
        return "in doubt"
    for _ in range(2):
        yield answer
    return "sure"
"""
PLAY = """\
import sys

from package.flows import decide

flow = decide()
next(flow)
for step in sys.argv[1:]:
    try:
        flow.throw(ValueError()) if step == "fail" else flow.send(step)
    except StopIteration:
        pass
sys.exit(3)
"""
FAILED = {(10, 11), (11, -8)}
ANSWERED = {(10, 12), (12, 13), (13, 12), (12, 14), (14, -8)}


def _taken(folder: Path, *steps: str) -> set[tuple[int, int]]:
    """The branches that a flow takes from its first decision on."""
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    (folder / "package" / "unused.py").write_text("1\n")
    flows = folder / "package" / "flows.py"
    flows.write_text(FLOWS)
    (folder / "play.py").write_text(PLAY)
    path = os.pathsep.join((str(folder), str(Path(branches.__file__).parent)))
    command = [sys.executable, "-m", "branches", "package", "data", "play", *steps]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, check=False)
    assert done.returncode == 3, "the program's own end"
    data = coverage.CoverageData(basename=str(folder / "data"))
    data.read()
    assert {Path(name).name for name in data.measured_files()} == {"__init__.py", "flows.py", "unused.py"}
    assert not data.arcs(str(folder / "package" / "unused.py"))
    return {arc for arc in data.arcs(str(flows)) or () if arc[0] >= 10}


def test_what_follows_an_error_that_an_inner_flow_has_handled_is_counted(tmp_path: Path) -> None:
    assert _taken(tmp_path, "fail") == FAILED


def test_what_follows_an_answer_is_counted(tmp_path: Path) -> None:
    assert _taken(tmp_path, "yes", "", "") == ANSWERED


def test_a_flow_that_waits_has_not_come_to_an_end(tmp_path: Path) -> None:
    assert _taken(tmp_path, "yes") == {(10, 12), (12, 13)}
