"""The row about imports: how long that of the package takes, what it leaves for later, and what a sync needs of it."""

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
SESSION = "from keapbridge import CustomcrmClient, KeapClient, SyncSession"
_CODE = """
import json, sys, time
began = time.perf_counter()
{}
print(json.dumps([time.perf_counter() - began, sorted(sys.modules)]))
"""


def imports(sizes: Sizes, work: Workspace) -> Iterator[Line]:
    """`import keapbridge` in fresh processes, and that of a session with its clients."""
    time, loaded = _imported("import keapbridge", sizes.imports)
    found = [name for name in HEAVY if name in loaded]
    yield Line("import", "`import keapbridge`", "–", f"{time:.3f} s", "–", time, at_most(0.2, " s"), is_ratio=False)
    yield Line(
        "import", f"heavy parts that it imports, of {', '.join(HEAVY)}", "–", ", ".join(found) or "none", "–",
        len(found), at_most(0, ""), is_ratio=False,
    )  # fmt: skip
    whole, _ = _imported(SESSION, sizes.imports)
    yield Line("import", f"`{SESSION}`", "–", f"{whole:.3f} s", "–", whole, None, is_ratio=False)


def _imported(statement: str, times: int) -> tuple[float, set[str]]:
    """The median of the seconds that it takes, and the modules that are there afterwards."""
    told = [json.loads(fresh_python(_CODE.format(statement))) for _ in range(times)]
    return statistics.median(seconds for seconds, _ in told), {name for _, modules in told for name in modules}
