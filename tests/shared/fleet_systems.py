"""The systems of many tenants, served by one server: each an emulated Customcrm and Keap, below its name."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.routing import Mount

from keapbridge.testing import CustomcrmEmulator, KeapEmulator, KeapQuota
from keapbridge.testing._server import LoopbackServer

__all__ = ["FleetSystems", "served"]


class FleetSystems:
    """Systems by tenant; edits have numbers, so that each can be told from all others."""

    def __init__(self, names: Sequence[str], origin: str = "") -> None:
        self.crm = {name: CustomcrmEmulator() for name in names}
        self.keap = {name: KeapEmulator(quota=KeapQuota(per_day=30_000)) for name in names}
        self.origin = origin
        self.made: dict[str, set[str]] = {name: set() for name in names}
        self._numbers = itertools.count(1)

    def make(self, name: str, rng: random.Random) -> None:
        """A new contact in one of the two systems."""
        email = f"n{next(self._numbers)}@example.org"
        self.made[name].add(email)
        if rng.random() < 0.5:
            self.crm[name].state.contacts.add({"FirstName": "Ada", "Email": email})
        else:
            address = {"email": email, "field": "EMAIL1"}
            self.keap[name].state.contacts.add({"given_name": "Ada", "email_addresses": [address]})

    def missing(self, name: str) -> set[str]:
        """What was made and is not in both systems yet."""
        ours, theirs = self.emails(name)
        return {email for email in self.made[name] if not (ours[email] and theirs[email])}

    def twice(self, name: str) -> set[str]:
        """What is there more than once, in either."""
        return {email for counts in self.emails(name) for email, number in counts.items() if number > 1}

    def emails(self, name: str) -> tuple[Counter[str], Counter[str]]:
        """The addresses in both systems, each with how many records have it."""
        ours = self.crm[name].state.snapshot()["contacts"].values()
        theirs = self.keap[name].state.snapshot()["contacts"].values()
        return (
            Counter(record["Email"] for record in ours if record.get("Email")),
            Counter(each["email"] for record in theirs for each in record.get("email_addresses") or ()),
        )


@contextmanager
def served(names: Sequence[str]) -> Iterator[FleetSystems]:
    """Systems for these tenants, at an address."""
    systems = FleetSystems(names)
    routes = [
        Mount(f"/{name}", routes=[Mount("/crm", systems.crm[name].app), Mount("/keap", systems.keap[name].app)])
        for name in names
    ]
    with LoopbackServer(Starlette(routes=routes)) as server:
        systems.origin = f"http://127.0.0.1:{server.port}"
        yield systems
