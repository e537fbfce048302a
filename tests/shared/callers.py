"""Starting processes that share a key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CALLER = Path(__file__).with_name("one_caller.py")


def start_callers(number: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Start so many processes of `one_caller.py`, let them go at once, and answer what they say."""
    callers = [
        subprocess.Popen(
            [sys.executable, str(CALLER), json.dumps(options | {"name": n})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(number)
    ]
    try:
        for caller in callers:
            assert caller.stdin is not None
            caller.stdin.write("go\n")
            caller.stdin.flush()
        said = [caller.communicate(timeout=600)[0] for caller in callers]
        assert [caller.returncode for caller in callers] == [0] * number
        return [json.loads(text) for text in said]
    finally:
        for caller in callers:
            caller.kill()
            caller.communicate()
