"""Two systems, a session over them, and what its runs said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from in_process import straight_into
from stopping import Clock, CountingDriver, shares
from two_systems.doubles import new_store

import keapbridge as kb
from histories.systems import CONTACTS, CRMS, PRODUCTS, STATUS, Keap
from histories.wire import Wire
from keapbridge.sync.guard import EVERY_RECORD
from keapbridge.testing import KeapBehaviour

__all__ = ["MAPPERS", "START", "World", "worlds"]

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WAITS = re.compile("looked at again$|does not show yet")
MAPPERS = {
    CONTACTS: kb.mapping.contacts.only(
        "FirstName", "LastName", "Email", "Phone", "StreetAddress1", "City", "Country", "JobTitle", "Website"
    ).with_lenses(
        kb.choice("Status", STATUS, keap="contact_type"),
        kb.text("Owner", keap="owner_id"),
    ),
    PRODUCTS: kb.mapping.products.only("Name", "Sku", "Price", "Active", "ShortDescription"),
}


@attrs.define
class World:
    """Keap and one kind of CRM, and what was told about them.

    Attributes:
        told: the lines of all reports and the words of all errors.
        alarms: those of them that say: this was held, stopped, parked, or failed.
        waits: those of them that say no more than: a list may lag, this is looked at again.
    """

    kind: str
    loop: asyncio.Runner
    options: dict[str, Any] = attrs.field(factory=dict)
    crm_options: dict[str, Any] = attrs.field(factory=dict)
    behaviour: KeapBehaviour | None = None
    habits: kb.Habits | None = None
    crm_ahead: timedelta = timedelta(0)
    keap_ahead: timedelta = timedelta(0)
    mappers: dict[str, Any] = attrs.field(factory=lambda: dict(MAPPERS))
    clock: Clock = attrs.field(factory=lambda: Clock(START))
    told: list[str] = attrs.field(factory=list)
    alarms: list[str] = attrs.field(factory=list)
    waits: list[str] = attrs.field(factory=list)
    runs: int = 0
    crm: Any = attrs.field(init=False)
    keap: Keap = attrs.field(init=False)
    session: Any = attrs.field(init=False, default=None)
    crm_wire: Any = attrs.field(init=False, default=None)
    keap_wire: Any = attrs.field(init=False)
    _engine: Any = attrs.field(init=False, factory=new_store)
    _clients: list[Any] = attrs.field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self.crm = CRMS[self.kind](lambda: self.clock() + self.crm_ahead, **self.crm_options)
        self.keap = Keap(lambda: self.clock() + self.keap_ahead, self.behaviour, self.habits)
        self.keap_wire = Wire(self.keap, self.keap.emulator.app, self.loop)
        if self.crm.app is not None:
            self.crm_wire = Wire(self.crm, self.crm.app, self.loop)

    def open(self, **options: Any) -> None:
        """A new session over the same store, as after a restart."""
        self.shut()
        ours = self.crm.client()
        theirs = kb.KeapClient(auth=kb.KeapApiKey(self.keap.emulator.api_key), base_url=self.keap.emulator.base_url)
        straight_into(theirs, self.keap_wire)
        if self.crm_wire is not None:
            straight_into(ours, self.crm_wire)
        self._clients = [ours, theirs]
        chosen = {**self.mappers, **self.options, **options}
        self.session = kb.SyncSession(customcrm=ours, keap=theirs, store=self._engine, **chosen)
        driver = CountingDriver(self.clock)
        shares(self.session._engine.bridge.store, self.clock)
        self.session._driver = driver
        for part in (CONTACTS, PRODUCTS):
            getattr(self.session, part)._driver = driver

    def shut(self) -> None:
        for open_one in (self.session, *self._clients):
            if open_one is not None:
                open_one.close()
        self.session, self._clients = None, []

    def run(self, *, full: bool = False, **options: Any) -> kb.Report | kb.KeapbridgeError:
        """Contacts and products, and what the run said."""
        return self._hear(lambda: self.session.sync(full=full, **options))

    def look_at(self, kind: str, *, customcrm: tuple[str, ...] = (), keap: tuple[str, ...] = ()) -> None:
        """What a webhook does."""
        self._hear(lambda: getattr(self.session, kind).sync_ids(customcrm=customcrm, keap=keap))

    def _hear(self, work: Callable[[], kb.Report]) -> Any:
        if self.session is None:
            self.open()
        self.runs += 1
        self.told.append(f"-- run {self.runs} at {self.clock.moment:%d %H:%M:%S}")
        try:
            report = work()
        except kb.KeapbridgeError as error:
            self.told.append(f"{type(error).__name__}: {error}")
            self.alarms.append(self.told[-1])
            return error
        for line in report.lines:
            self.told.append(f"{line} ({', '.join(line.fields)})")
            everything = EVERY_RECORD in {line.customcrm_id, line.keap_id}
            if line.outcome in {"held", "conflict", "failed"} or everything:
                waits = line.outcome == "held" and bool(WAITS.search(line.reason)) and not everything
                (self.waits if waits else self.alarms).append(f"run {self.runs}: {line}")
        return report

    def says(self, *words: str) -> bool:
        """Whether a single line, or error, has all these words."""
        return any(all(re.search(word, text, re.IGNORECASE) for word in words) for text in self.told)

    def wait(self, **time: float) -> None:
        self.clock.pass_by(timedelta(**time))

    def by(self, kind: str, side: str, **values: Any) -> str:
        """The id of the one record with these values."""
        rows = self.system(side).rows(kind)
        [id] = [id for id, row in rows.items() if values.items() <= row.items()]
        return id

    def system(self, side: str) -> Any:
        return self.crm if side == "customcrm" else self.keap

    def wire(self, side: str) -> Any:
        return self.crm_wire if side == "customcrm" else self.keap_wire

    def rows(self, kind: str = CONTACTS) -> dict[str, dict[str, dict[str, Any]]]:
        return {side: self.system(side).rows(kind) for side in ("customcrm", "keap")}

    def column(self, side: str, name: str, kind: str = CONTACTS) -> dict[str, Any]:
        """Id → what a field holds."""
        return {id: row.get(name) for id, row in self.system(side).rows(kind).items()}

    def close(self) -> None:
        self.shut()
        self.crm.close()
        self.keap.close()
        self._engine.dispose()


@contextmanager
def worlds() -> Iterator[Callable[..., World]]:
    """Makes worlds, and ends them."""
    made: list[World] = []
    with asyncio.Runner() as loop:

        def make(kind: str, **options: Any) -> World:
            made.append(World(kind, loop, **options))
            return made[-1]

        try:
            yield make
        finally:
            for world in made:
                world.close()
