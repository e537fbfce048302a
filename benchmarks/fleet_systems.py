"""The systems of many tenants, served by one server: each an emulated Customcrm and Keap, below its name."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from keapbridge.testing import CustomcrmEmulator, KeapEmulator, KeapQuota
from keapbridge.testing._server import AsgiApp, LoopbackServer, Receive, Scope, Send

__all__ = ["FleetSystems", "served"]

Record = Mapping[str, Any]


@attrs.define
class _Made:
    """A contact that was made here: on which side, and what it was called last."""

    in_keap: bool
    id: str
    job: str = ""


class FleetSystems:
    """Systems by tenant. Whatever is made or edited has a number, so that each edit can be told from all others.

    A contact is edited on the side that it was made on: what was edited on both says nothing of what was lost.
    """

    def __init__(self, names: Sequence[str], origin: str = "") -> None:
        self.crm = {name: CustomcrmEmulator() for name in names}
        self.keap = {name: KeapEmulator(quota=KeapQuota(per_day=30_000)) for name in names}
        self.origin = origin
        self.made: dict[str, dict[str, _Made]] = {name: {} for name in names}
        self.edits = 0
        self._numbers = itertools.count(1)

    def make(self, name: str, *, in_keap: bool) -> str:
        """A new contact in one of the two systems; its address."""
        email = f"n{next(self._numbers)}@example.org"
        if in_keap:
            id = self._add_to_keap(name, email)
        else:
            id = self.crm[name].state.contacts.add({"FirstName": "Ada", "Email": email})
        self.made[name][email] = _Made(in_keap, id)
        self.edits += 1
        return email

    def have(self, name: str, number: int, *, in_keap: bool = True) -> list[str]:
        """Contacts that both systems have from the beginning, and that are edited in one of them; their addresses."""
        emails = [self.make(name, in_keap=in_keap) for _ in range(number)]
        if in_keap:
            self.crm[name].state.contacts.add_many({"FirstName": "Ada", "Email": email} for email in emails)
        else:
            for email in emails:
                self._add_to_keap(name, email)
        return emails

    def _add_to_keap(self, name: str, email: str) -> str:
        address = {"email": email, "field": "EMAIL1"}
        return self.keap[name].state.contacts.add({"given_name": "Ada", "email_addresses": [address]})

    def edit(self, name: str, email: str) -> None:
        """Another job for a contact."""
        one = self.made[name][email]
        one.job = f"Job {next(self._numbers)}"
        if one.in_keap:
            self.keap[name].state.contacts.edit(one.id, job_title=one.job)
        else:
            self.crm[name].state.contacts.edit(one.id, JobTitle=one.job)
        self.edits += 1

    def make_or_edit(self, name: str, rng: random.Random) -> None:
        """One edit of either kind, on either side."""
        known = list(self.made[name])
        if known and rng.random() < 0.5:
            self.edit(name, rng.choice(known))
        else:
            self.make(name, in_keap=rng.random() < 0.5)

    def missing(self, name: str) -> set[str]:
        """The addresses of those that both systems do not show as they were made or edited last."""
        ours, theirs = self._jobs(name)
        return {
            email for email, one in self.made[name].items() if not (ours.get(email) == theirs.get(email) == one.job)
        }

    def twice(self, name: str) -> set[str]:
        """What is there more than once, in either."""
        return {
            email
            for records in self._records(name)
            for email, number in Counter(email for email, _ in records).items()
            if number > 1
        }

    def _jobs(self, name: str) -> tuple[dict[str, str], dict[str, str]]:
        ours, theirs = self._records(name)
        return dict(ours), dict(theirs)

    def _records(self, name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Address and job of each contact, in both systems."""
        ours = self.crm[name].state.snapshot()["contacts"].values()
        theirs = self.keap[name].state.snapshot()["contacts"].values()
        return (
            [(one["Email"], one.get("JobTitle") or "") for one in ours if one.get("Email")],
            [
                (each["email"], one.get("job_title") or "")
                for one in theirs
                for each in one.get("email_addresses") or ()
            ],
        )


def _by_name(systems: FleetSystems) -> AsgiApp:
    """An application that finds a system by its path, however many there are: `/NAME/crm/…`, `/NAME/keap/…`."""
    apps: dict[tuple[str, str], AsgiApp] = {}
    for name in systems.made:
        apps[name, "crm"], apps[name, "keap"] = systems.crm[name].app, systems.keap[name].app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        _, name, side, _ = scope["path"].split("/", 3)
        root = f"{scope.get('root_path', '')}/{name}/{side}"
        await apps[name, side]({**scope, "root_path": root}, receive, send)

    return answer


@contextmanager
def served(names: Sequence[str]) -> Iterator[FleetSystems]:
    """Systems for these tenants, at an address."""
    systems = FleetSystems(names)
    with LoopbackServer(_by_name(systems)) as server:
        systems.origin = f"http://127.0.0.1:{server.port}"
        yield systems
