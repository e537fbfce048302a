"""The row about the import of the package: how long it takes, and what it leaves for later."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator

from benchmarks.processes import fresh_python
from benchmarks.sizes import Sizes
from benchmarks.table import Line, at_most
from benchmarks.workspace import Workspace

__all__ = ["imports"]

HEAVY = ("asyncio", "cryptography", "email_validator", "httpx", "phonenumbers", "pycountry", "sqlalchemy")
_CODE = """
import json, sys, time
began = time.perf_counter()
import keapbridge
print(json.dumps([time.perf_counter() - began, sorted(sys.modules)]))
"""


def imports(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """`import keapbridge` in fresh processes."""
    taken: list[float] = []
    loaded: set[str] = set()
    for _ in range(sizes.imports):
        seconds, modules = json.loads(fresh_python(_CODE))
        taken.append(seconds)
        loaded.update(modules)
    time = statistics.median(taken)
    found = [name for name in HEAVY if name in loaded]
    yield Line("import", "`import keapbridge`", "–", f"{time:.3f} s", "–", time, at_most(0.2, " s"), is_ratio=False)
    yield Line(
        "import", f"heavy parts that it imports, of {', '.join(HEAVY)}", "–", ", ".join(found) or "none", "–",
        len(found), at_most(0, ""), is_ratio=False,
    )  # fmt: skip
