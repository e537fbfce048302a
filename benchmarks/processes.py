"""The other processes: servers, which stay for a while, and clients, which measure one thing and end."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Emulators", "Pages", "contract_server", "emulators", "fresh_python", "measure", "page_servers"]

ROOT = Path(__file__).parents[1]
SEED = 1


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


def measure(task: str, **arguments: Any) -> dict[str, Any]:
    """Run a task of `benchmarks.client` in a process of its own, and return what it found."""
    command = _command("client", task, json.dumps(arguments))
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def fresh_python(code: str) -> str:
    """What a program prints in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout


@contextmanager
def running(module: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process that says as its first line what one has to know of it; it is ended at the end."""
    process = subprocess.Popen(
        _command(module, *arguments), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            raise RuntimeError(f"{' '.join(arguments)}: the process did not start")
        yield process, json.loads(said)
    finally:
        process.terminate()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@attrs.frozen
class Pages:
    """Both page servers, as the clients are told of them."""

    keap: str
    customcrm: str

    def calls(self) -> dict[str, dict[str, int]]:
        """The calls of each kind that both have answered since this was asked last."""
        found = {}
        for side, url in (("keap", self.keap), ("customcrm", self.customcrm)):
            origin = "/".join(url.split("/")[:3])
            with urllib.request.urlopen(f"{origin}/_calls") as answer:
                found[side] = json.load(answer)
        return found

    def urls(self) -> dict[str, str]:
        """The arguments of a task that name them."""
        return {"keap": self.keap, "customcrm": self.customcrm}


@contextmanager
def page_servers(records: int, *, changed: int = 0) -> Iterator[Pages]:
    """Page servers of both systems, over the same records."""
    size = ("--records", str(records), "--seed", str(SEED), "--changed", str(changed))
    with running("server", "keap", *size) as (_, keap), running("server", "customcrm", *size) as (_, customcrm):
        yield Pages(f"http://127.0.0.1:{keap['port']}/crm/rest", f"http://127.0.0.1:{customcrm['port']}/api")


@contextmanager
def contract_server(records: int, *, odd: bool = False) -> Iterator[str]:
    """The base URL of a page server of strange contacts; with `odd` one record of each page is read with patience."""
    with running("contract_server", "--records", str(records), *(["--odd"] if odd else [])) as (_, told):
        yield f"http://127.0.0.1:{told['port']}/crm/rest"


@attrs.frozen
class Emulators:
    """Both emulators, and where they are."""

    urls: dict[str, str]
    _process: subprocess.Popen[str]

    def tell(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Let them do something; see `benchmarks.emulators`."""
        commands, answers = self._process.stdin, self._process.stdout
        assert commands is not None
        assert answers is not None
        commands.write(json.dumps({"do": do, **arguments}) + "\n")
        commands.flush()
        found: dict[str, Any] = json.loads(answers.readline())
        return found


@contextmanager
def emulators(*, latency: float = 0.0) -> Iterator[Emulators]:
    """Empty emulators of both systems, whose answers come late by so many seconds."""
    with running("emulators", "--latency", str(latency), "--seed", str(SEED)) as (process, where):
        yield Emulators(where, process)
