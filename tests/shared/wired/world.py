"""One pair of systems, the sessions over them, and what is known of what people typed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from histories.systems import CONTACTS, PRODUCTS, STATUS
from hypothesis.stateful import RuleBasedStateMachine
from in_process import straight_into
from stopping import Clock, CountingDriver, shares
from two_systems.doubles import new_store
from two_systems.pools import policy_without_brakes

import keapbridge as kb
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.records import Canonical
from keapbridge.store.sql import open_store
from wired.places import CRMS, NAMED, OWN, RARE, Line, LivelyKeap, OwnSqlCrm, ids_of, own_of

__all__ = ["CONTACTS", "CUSTOMCRM", "HOST", "KEAP", "KINDS", "OTHERS", "POISON", "POOLS", "PRODUCTS", "Name", "World"]

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
KINDS = (CONTACTS, PRODUCTS)
POISON = "Poison"  # a value that nobody has thought of
Name = tuple[str, kb.Side, str]  # of a record: kind, side, id

POOLS: dict[str, dict[str, tuple[Any, ...]]] = {
    CONTACTS: {
        "Email": ("a@example.org", "b@example.org", "C@example.org", None),
        "FirstName": ("Ada", "Åse"),
        "LastName": ("Old", "New", None),
        "Phone": ("+4722334455", "+4722334466", None),
        "JobTitle": ("Clerk", "Director", None),
        "City": ("Oslo", "Tempe", "Nowhere", None),
        "Country": ("NO", "SE"),
        "Website": ("https://a.example.org", None),
        "Status": ("Lead", "Customer"),
    },
    PRODUCTS: {
        "Name": ("Widget", "Gadget"),
        "Sku": ("W1", "G1", None),
        "Price": (100, 200),
        "ShortDescription": ("Short", "Shorter"),
    },
}
OTHERS = {CONTACTS: "JobTitle", PRODUCTS: "ShortDescription"}  # fields that nothing depends on
MARKS = {CONTACTS: "StreetAddress1", PRODUCTS: "ShortDescription"}  # where a record says which one it was


@attrs.define
class Host:
    """What a host has written itself, and not thought through.

    Attributes:
        fails: whether it raises for what it has not thought of.
        error: of what kind.
    """

    fails: bool = False
    error: type[Exception] = LookupError

    def stumble(self, value: Any) -> None:
        if self.fails and value == POISON:
            raise self.error(f"{value} is unheard of")

    def wants(self, title: Any) -> bool:
        """A condition."""
        self.stumble(title)
        return bool(title != "Nobody")

    def decide(self, contest: kb.Contest) -> Any:
        """A rule for conflicts."""
        self.stumble(contest.customcrm)
        self.stumble(contest.keap)
        return "keap"


HOST = Host()


@attrs.frozen
class Delicate(kb.mapping.Kind):
    """A kind of a host's own."""

    def read(self, raw: Any, side: kb.Side, scope: Canonical, context: Context) -> Canonical:
        HOST.stumble(raw)
        return raw or None  # type: ignore[no-any-return]


PLAIN: dict[str, Mapper] = {
    CONTACTS: kb.mapping.contacts.only(
        "FirstName", "LastName", "Email", "Phone", "StreetAddress1", "City", "Country", "JobTitle", "Website"
    ).with_lenses(kb.choice("Status", STATUS, keap="contact_type")),
    PRODUCTS: kb.mapping.products.only("Name", "Sku", "Price", "Active", "ShortDescription"),
}
MAPPERS: dict[str, dict[str, Mapper]] = {
    "plain": PLAIN,
    "named": PLAIN
    | {
        CONTACTS: PLAIN[CONTACTS].with_lenses(
            kb.lead_source("LeadSource", create=True),
            kb.owner("Keeper"),
            kb.tags("Tags", separator=",", create=True),
            kb.text("Shoes", keap=kb.custom_field("Shoe size", type="TEXT", create=True)),
            kb.email("Email", keap="email_addresses.EMAIL1", opt_in_reason="Asked at the fair"),
        )
    },
    "delicate": PLAIN | {CONTACTS: PLAIN[CONTACTS].with_lenses(kb.field("JobTitle", Delicate(), keap="job_title"))},
    "filtered": PLAIN | {CONTACTS: PLAIN[CONTACTS].where(customcrm={"JobTitle": HOST.wants})},
    "chosen": PLAIN | {CONTACTS: PLAIN[CONTACTS].where(customcrm={"Status": ("Lead", "Customer", None)})},
}


class World(RuleBasedStateMachine):
    """Two systems, and what the game knows of them.

    Attributes:
        typed: (record, field) → what people gave it since all was settled.
        settled: linked pairs and what both held then.
        blurred: records of which nothing exact is known any more.
        own: what people wrote that nobody maps.
        runs, plans: what can be undone, and applied.
        kept: pairs of which a report has said that a system keeps another value of a field than it was given, or none.
        forgotten: records of people whom nobody may remember; they take no part.
        ahead: how much the CRM's clock is ahead of all others.
        twice: whether records may have been made twice: links were dropped, or a person said "different".
        anything_goes: whether differences stay, for a run was taken back.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(START)
        self.loop = asyncio.Runner()
        self.engine = new_store()
        self.typed: dict[tuple[Name, str], list[Any]] = defaultdict(list)
        self.settled: dict[tuple[str, str, str], dict[str, tuple[Any, Any]]] = {}
        self.blurred: set[Name] = set()
        self.own: dict[Name, str] = {}
        self.runs: list[str] = []
        self.plans: list[str] = []
        self.forgotten: set[Name] = set()
        self.kept: set[tuple[str, str | None, str]] = set()
        self.twice = self.anything_goes = False
        self.ahead = timedelta(0)
        self.happened = 0
        self.numbers = 0
        self.identity: str | None = None
        self.page_size = 1000
        self.keys: list[bytes] = []
        self.clients: list[Any] = []
        self.crm: Any = None

    def build(self, kind: str, habits: kb.Habits, known: bool, mapping: str, **policy: Any) -> None:
        """Make the two systems."""
        self.kind, self.mapping = kind, mapping
        self.crm = (CRMS | RARE)[kind](lambda: self.clock() + self.ahead)
        if isinstance(self.crm, OwnSqlCrm):
            self.crm.declare(*(NAMED if mapping == "named" else ()))
        self.keap = LivelyKeap(self.clock, habits)
        self.plays, self.habits = habits, habits if known else None
        self.ways: dict[kb.Side, Line] = {KEAP: Line(self.keap, self.keap.emulator.app, self.loop)}
        if self.crm.app is not None:
            self.ways[CUSTOMCRM] = Line(self.crm, self.crm.app, self.loop)
        self.mappers = MAPPERS[mapping]
        self.policy = policy_without_brakes(**{"archive": {}, **policy})
        for name in ("Kim Kay", "Lou Lee"):
            given, _, family = name.partition(" ")
            self.keap.emulator.state.users.add({"given_name": given, "family_name": family, "status": "ACTIVE"})

    # --- systems --------------------------------------------------------------------------------------------------

    def system(self, side: kb.Side) -> Any:
        return self.crm if side is CUSTOMCRM else self.keap

    def rows(self, kind: str, side: kb.Side) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = self.system(side).rows(kind)
        return rows

    def ids(self) -> dict[tuple[str, kb.Side], set[str]]:
        """Those of the records that are there."""
        found = {(kind, KEAP): set(self.keap._table(kind)) for kind in KINDS}
        return found | {(kind, CUSTOMCRM): ids_of(self.crm, kind) for kind in KINDS}

    def row(self, name: Name) -> dict[str, Any]:
        return self.rows(name[0], name[1]).get(name[2], {})

    def pick(self, kind: str, side: kb.Side, n: int) -> str | None:
        ids = sorted(self.ids()[kind, side], key=lambda its: (len(its), its))
        return ids[n % len(ids)] if ids else None

    def unmapped(self, name: Name) -> Any:
        kind, side, id = name
        if side is CUSTOMCRM:
            return own_of(self.crm, kind, id)
        document = self.keap._table(kind)[id]
        return document.get("spouse_name" if kind == CONTACTS else "weight")

    def links(self) -> dict[tuple[str, str, str], Any]:
        store = open_store(self.engine, "default", self.keys)
        return {(kind, x.customcrm_id, x.keap_id): x for kind in KINDS for x in store.links.all(kind)}

    def pairs(self, kind: str) -> list[dict[kb.Side, str]]:
        """Linked pairs whose records are both there."""
        here = {side: self.ids()[kind, side] for side in kb.Side}
        return [
            {CUSTOMCRM: ours, KEAP: theirs}
            for object, ours, theirs in sorted(self.links())
            if object == kind and ours in here[CUSTOMCRM] and theirs in here[KEAP]
        ]

    def writes(self) -> tuple[Any, ...]:
        """What both systems hold, and what was asked of them: different after each write."""
        state = tuple(repr(sorted(self.rows(kind, side).items())) for kind in KINDS for side in kb.Side)
        return (*state, *(len(way.writes) for way in self.ways.values()))

    # --- what people do -------------------------------------------------------------------------------------------

    def add(self, kind: str, side: kb.Side, **values: Any) -> str | None:
        """A new record, with something of its own; `None` where the CRM refuses it."""
        self.happened += 1
        self.numbers += 1
        mark = f"Mark {self.numbers}"
        given = {name: value for name, value in values.items() if value is not None} | {MARKS[kind]: mark}
        if kind == PRODUCTS:
            given |= {"Price": values.get("Price", 100), "Name": values.get("Name", mark), "Active": True}
            given |= {"Currency": "USD"} if side is CUSTOMCRM else {}
        with suppress(sqlite3.IntegrityError):
            id = str(self.system(side).add(kind, given))
            self.type((kind, side, id), own=f"Mine {self.numbers}")
            return id
        return None

    def type(self, name: Name, *, own: str | None = None, **values: Any) -> None:
        """Somebody saves a record."""
        kind, side, id = name
        if id not in self.ids()[kind, side]:
            return
        self.happened += 1
        if own is not None:
            if side is CUSTOMCRM:
                self.crm.edit(kind, id, {OWN: own})
            elif kind == CONTACTS:
                self.keap._table(kind).edit(id, spouse_name=own)
            self.own[name] = self.unmapped(name)
        if not values:
            return
        before = self.row(name)
        with suppress(sqlite3.IntegrityError):
            self.system(side).edit(kind, id, values)
        after = self.row(name)
        for field in values:
            if after.get(field) != before.get(field):
                self.typed[name, field].append(after.get(field))

    def drop(self, name: Name) -> None:
        kind, side, id = name
        if id in self.ids()[kind, side]:
            self.happened += 1
            self.own.pop(name, None)  # another record may get the id
            self.system(side).delete(kind, id)

    # --- sessions -------------------------------------------------------------------------------------------------

    def session(self, driver: CountingDriver | None = None, *, ours: Any = None, **options: Any) -> kb.SyncSession:
        """A session of a process of its own, in which the clock of the test goes; perhaps over another client."""
        self.shut()
        ours = ours or self.crm.client()
        key = kb.KeapApiKey(self.keap.emulator.api_key)
        theirs = kb.KeapClient(
            auth=key, base_url=self.keap.emulator.base_url, habits=self.habits, page_size=self.page_size
        )
        straight_into(theirs, self.ways[KEAP])
        if CUSTOMCRM in self.ways:
            straight_into(ours, self.ways[CUSTOMCRM])
        chosen = {"policy": self.policy, "identity": self.identity, "default_region": "NO", **self.mappers}
        chosen |= {"encryption_keys": self.keys, **options}
        session = kb.SyncSession(customcrm=ours, keap=theirs, store=self.engine, **chosen)
        self.clients = [session, ours, theirs]
        shares(session._engine.bridge.store, self.clock)
        driver = driver or CountingDriver(self.clock)
        driver._tell = session._engine.bridge.settings.watch.tell
        session._driver = driver
        for part in KINDS:
            getattr(session, part)._driver = driver
        return session

    def shut(self) -> None:
        for each in self.clients:
            each.close()
        self.clients = []

    def pass_by(self, **time: float) -> None:
        self.clock.pass_by(timedelta(**time))

    def end(self) -> None:
        HOST.fails, HOST.error = False, LookupError
        self.shut()
        if self.crm is not None:
            self.crm.close()
            self.keap.close()
        self.engine.dispose()
        self.loop.close()
