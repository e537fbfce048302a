"""Both emulators in a process of their own (`python -m benchmarks.emulators`), for what writes.

It says where they are as its first line, and then obeys commands, each a line of JSON, with a line of JSON. Like the
page servers it ends with its standard input. With `--latency` each answer leaves that long after its request came.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import records
from benchmarks.server import KINDS
from keapbridge.testing import CustomcrmEmulator, KeapEmulator, Recorded

__all__ = ["main"]

Found = dict[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
_KEAP_LEAVES_OUT = {"id", "create_time", "update_time", "custom_fields", "tag_ids", "leadsource_id", "owner_id"}
_CUSTOMCRM_LEAVES_OUT = {"Id", "CreatedAt", "UpdatedAt", "ETag"}


def _late(app: App, latency: float) -> App:
    """An application whose answers begin a time after their requests, however long they take to make."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + latency

        async def wait_and_send(message: Any) -> None:
            await asyncio.sleep(max(0.0, due - loop.time()))
            await send(message)

        await app(scope, receive, wait_and_send)

    return answer


class _Clock:
    """The time in both systems; what is made while it is behind is old afterwards."""

    def __init__(self) -> None:
        self.behind = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


class _World:
    """What can be told to the emulators."""

    def __init__(self, keap: KeapEmulator, customcrm: CustomcrmEmulator, seed: int, clock: _Clock) -> None:
        self._keap, self._customcrm, self._seed, self._clock = keap, customcrm, seed, clock
        self.commands: dict[str, Callable[..., Found]] = {
            "add": self.add, "edit": self.edit, "calls": self.calls, "clock": self.clock,
        }  # fmt: skip

    def clock(self, behind: float) -> Found:
        """Set the clock of both systems so many seconds behind."""
        self._clock.behind = timedelta(seconds=behind)
        return {}

    def add(self, first: int, count: int, side: str, without: str | None = None) -> Found:
        """Add contacts of the data set: to a side or to `both`; `without` a property in the Customcrm."""
        indices = range(first, first + count)
        added = []
        if side in {"keap", "both"}:
            items = json.loads(b"[" + records.keap_contacts(indices, self._seed) + b"]")
            added += self._keap.state.contacts.add_many(_less(item, _KEAP_LEAVES_OUT) for item in items)
        if side in {"customcrm", "both"}:
            items = json.loads(b"[" + records.customcrm_contacts(indices, self._seed) + b"]")
            leave_out = _CUSTOMCRM_LEAVES_OUT | {without}
            added += self._customcrm.state.contacts.add_many(_less(item, leave_out) for item in items)
        return {"added": len(added)}

    def edit(self, side: str, first: int, count: int, job: str) -> Found:
        """Give another job to some contacts of a side: `count` of them, from the `first` that it has on."""
        table = self._keap.state.contacts if side == "keap" else self._customcrm.state.contacts
        name = "job_title" if side == "keap" else "JobTitle"
        ids = list(table)[first : first + count]
        for id in ids:
            table.edit(id, **{name: job})
        return {"edited": len(ids)}

    def calls(self) -> Found:
        """How many calls of each kind both sides have answered since this was asked last."""
        found = {}
        for side, emulator in (("keap", self._keap), ("customcrm", self._customcrm)):
            counted = Counter(map(_kind, emulator.requests))
            emulator.requests.clear()
            found[side] = {kind: counted[kind] for kind in (*KINDS, "write")}
        return found


def _less(item: Found, names: Collection[str | None]) -> Found:
    return {name: value for name, value in item.items() if name not in names and value is not None}


def _kind(request: Recorded) -> str:
    if request.method != "GET":
        return "write"
    if not request.path.endswith("/contacts"):
        return "other"
    terms = request.query.get("filter", "")
    if "ids" in request.query or terms.startswith("ids=="):
        return "batch"
    return "changes" if "updated_since" in request.query or "start_update_time" in terms else "page"


def main() -> None:
    """Serve and obey until there are no more commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    clock = _Clock()
    keap, customcrm = KeapEmulator(clock=clock), CustomcrmEmulator(clock=clock)
    if given.latency:
        keap.app, customcrm.app = _late(keap.app, given.latency), _late(customcrm.app, given.latency)
    with keap, customcrm:
        world = _World(keap, customcrm, given.seed, clock)
        keys = {"key": keap.api_key, "token": customcrm.token}
        print(json.dumps({"keap": keap.base_url, "customcrm": customcrm.base_url, **keys}), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            print(json.dumps(world.commands[command.pop("do")](**command)), flush=True)


if __name__ == "__main__":
    main()
