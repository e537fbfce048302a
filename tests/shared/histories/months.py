"""Ordinary months: what people and their programs do, drawn from a seed, and a model that keeps what they typed.

Each kind of event happens in each month. Nothing is edited in both systems before the other one could know of it, so
that there is one truth; what a run cannot see yet (an edit that was made offline, a replica that lags) is left alone
until it can.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs

from histories.systems import CONTACTS, PRODUCTS
from histories.world import World
from keapbridge.testing import KeapBehaviour

__all__ = ["MONTHS", "Month", "Thing", "Traits", "people"]

SIDES = ("customcrm", "keap")
KEYS = {CONTACTS: "Email", PRODUCTS: "Sku"}
DAYS = 8
PEOPLE, GOODS = 44, 24
FIRST = [
    "Ada",
    "Berit",
    "Cato",
    "Dag",
    "Eva",
    "Finn",
    "Guro",
    "Hans",
    "Ida",
    "Jon",
    "Kari",
    "Leif",
    "Mona",
    "Nils",
    "Olga",
    "Per",
    "Rut",
    "Siri",
    "Tor",
    "Una",
]
LAST = [
    "Berg",
    "Dahl",
    "Eide",
    "Foss",
    "Gran",
    "Holm",
    "Isdal",
    "Krog",
    "Lund",
    "Moe",
    "Nes",
    "Odden",
    "Rud",
    "Sand",
    "Tveit",
]
TITLES = ["Cook", "Driver", "Nurse", "Teacher", "Smith", "Baker", "Clerk", "Singer", "Pilot", "Farmer"]
TOWNS = ["Oslo", "Bergen", "Moss", "Hamar", "Molde", "Skien", "Bodo", "Narvik"]


@attrs.define(eq=False)
class Thing:
    """A person or an article: what it holds, where it is, and from which run on both sides know of its last edit."""

    kind: str
    fields: dict[str, Any]
    ids: dict[str, str | None]
    there: set[str] = attrs.field(factory=lambda: set(SIDES))
    side: str | None = None
    known_in: int = 0
    unseen: bool = False  # until a full run
    story: list[str] = attrs.field(factory=list)

    @property
    def key(self) -> str:
        return str(self.fields[KEYS[self.kind]])


@attrs.frozen
class Traits:
    """What the systems of a month are like."""

    kind: str
    crm: dict[str, Any] = attrs.field(factory=dict)
    crm_minutes: int = 0
    keap_minutes: int = 0
    whole_seconds: bool = False

    def __str__(self) -> str:
        words = [self.kind]
        if not self.crm.get("modified", True):
            words.append("no time of a change")
        if not self.crm.get("created", True):
            words.append("no births")
        if self.whole_seconds:
            words.append("whole seconds")
        if self.crm_minutes or self.keap_minutes:
            words.append(f"clocks {self.crm_minutes:+} and {self.keap_minutes:+} min")
        return ", ".join(words)


MONTHS = (
    Traits("emulator"),
    Traits("emulator", crm_minutes=3, keap_minutes=-1),
    Traits("emulator", crm_minutes=-3, whole_seconds=True),
    Traits("emulator", keap_minutes=2),
    Traits("emulator", keap_minutes=-3, whole_seconds=True),
    Traits("emulator", crm_minutes=1, keap_minutes=1),
    Traits("database"),
    Traits("database", {"seconds": True}, whole_seconds=True),
    Traits("database", {"seconds": True, "created": False}, crm_minutes=2),
    Traits("database", {"modified": False}),
    Traits("database", {"modified": False, "created": False}, keap_minutes=3),
    Traits("database", {"created": False}, crm_minutes=-3, keap_minutes=1),
    Traits("database", {"seconds": True}, crm_minutes=3, keap_minutes=-1, whole_seconds=True),
    Traits("database", {"modified": False, "created": False}, whole_seconds=True),
    Traits("declared"),
    Traits("declared", {"modified": False}),
    Traits("declared", crm_minutes=-3, whole_seconds=True),
    Traits("declared", {"modified": False}, keap_minutes=2),
    Traits("declared", crm_minutes=2, keap_minutes=-2),
    Traits("declared", {"modified": False}, whole_seconds=True),
)


def people(chance: random.Random, first: int, many: int) -> list[dict[str, Any]]:
    """People whom nobody could mistake for one another."""
    return [
        {
            "FirstName": chance.choice(FIRST),
            "LastName": chance.choice(LAST),
            "Email": f"p{n}@example.org",
            "Phone": f"+4722{100000 + n}",
            "StreetAddress1": f"Road {n}",
            "City": chance.choice(TOWNS),
            "Country": "NO",
            "JobTitle": chance.choice(TITLES) if n % 3 else None,
            "Website": f"https://p{n}.example.org" if n % 8 == 0 else None,
            "Status": "Lead" if n % 2 else "Customer",
            "Owner": str(7 + n % 2),
        }
        for n in range(first, first + many)
    ]


class Month:
    """One month of a world; `play` is all of it.

    Args:
        world: made for these traits, and empty.
    """

    def __init__(self, world: World, seed: str) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.things: list[Thing] = []
        self._prices: dict[str, int] = {}
        self._numbers = iter(range(1000, 9999))

    @staticmethod
    def world_of(traits: Traits, make: Callable[..., World]) -> World:
        return make(
            traits.kind,
            crm_options=traits.crm,
            crm_ahead=timedelta(minutes=traits.crm_minutes),
            keap_ahead=timedelta(minutes=traits.keap_minutes),
            behaviour=KeapBehaviour(lose_milliseconds=True) if traits.whole_seconds else None,
        )

    def play(self) -> None:
        """Both systems as they have been for years, ten days with all that happens, and a look at everything."""
        self._begin()
        events = self._events()
        self.chance.shuffle(events)
        for day in range(DAYS):
            for event in events[day::DAYS]:
                event()
            if day == DAYS // 2:
                self._season_ends()
            if day >= DAYS // 2:
                self._merge()
            self.world.wait(minutes=self.chance.randint(5, 300))
            self._run(full=day % 5 == 4)
            self.world.wait(hours=20)
        self._run(full=True)
        self.world.wait(hours=1)
        self._run(full=True)

    def wrong(self) -> list[str]:
        """Where a system does not hold what was typed."""
        found: list[str] = []
        for kind, key in KEYS.items():
            for side in SIDES:
                rows = list(self.world.system(side).rows(kind).values())
                things = [thing for thing in self.things if thing.kind == kind and side in thing.there]
                wanted = [thing.fields for thing in things]
                known = {name for values in wanted for name in values}
                told = [{n: v for n, v in row.items() if n in known} for row in rows]
                full = [{n: v for n, v in values.items() if v is not None} for values in wanted]
                found += [
                    f"{side} {kind} lacks {thing.fields} {thing.story}"
                    for thing, values in zip(things, full, strict=True)
                    if values not in told
                ]
                found += [f"{side} {kind} has {row}" for row in told if row not in full]
                found += [f"{side} {kind} holds {len(rows)}, not {len(wanted)}"] * (len(rows) != len(wanted))
                keys = [row.get(key) for row in told]
                found += [f"{side} {kind} has {text} twice" for text in set(keys) if keys.count(text) > 1]
        return found

    # --- what happens ---------------------------------------------------------------------------------------------

    def _events(self) -> list[Callable[[], None]]:
        return [
            self._import_new_people,
            self._import_what_was_missing,
            self._season_begins,
            self._marriages,
            self._marriages,
            self._people_move,
            self._a_firm_moves,
            self._a_small_column_is_cleared,
            self._a_status_for_many,
            self._another_owner,
            self._promotions,
            self._a_new_domain,
            self._offline,
            self._offline,
            self._a_replica_lags_behind_people,
            self._a_replica_lags_behind_the_sync,
            self._the_repeated_hour,
            self._a_double,
            self._somebody_leaves,
            self._newcomers,
            self._newcomers,
            self._a_webhook,
            self._phones,
        ]

    def _begin(self) -> None:
        values = people(self.chance, 0, PEOPLE)
        for n, person in enumerate(values):
            if n % 4 == 1:  # colleagues: one firm, one address
                person |= {"StreetAddress1": "Mill 1", "City": "Moss"}
        self.things += [self._made(CONTACTS, person, SIDES) for person in values]
        goods = [
            {
                "Name": f"Article {n}",
                "Sku": f"S{n}",
                "Price": 1000 + 150 * n,
                "Currency": "USD",
                "Active": True,
                "ShortDescription": f"Number {n}",
            }
            for n in range(GOODS)
        ]
        self.things += [self._made(PRODUCTS, article, SIDES) for article in goods]
        self.world.wait(hours=3)
        self._run()
        self.world.wait(hours=20)

    def _import_new_people(self) -> None:
        side = self._side()
        for values in people(self.chance, next(self._numbers) * 10, 10):
            self.things.append(self._made(CONTACTS, values, (side,)))

    def _import_what_was_missing(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 30):
            if person.fields["JobTitle"] is None:
                self._type(person, side, JobTitle="Member")

    def _season_begins(self) -> None:
        side = self._side()
        for article in self._some(PRODUCTS, side, GOODS):
            self._prices[article.key] = article.fields["Price"]
            self._type(article, side, Price=article.fields["Price"] * 8 // 10)

    def _season_ends(self) -> None:
        side = self._side()
        for article in self._some(PRODUCTS, side, GOODS):
            if article.key in self._prices:
                self._type(article, side, Price=self._prices.pop(article.key))

    def _marriages(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 2):
            name = self.chance.choice([name for name in LAST if name != person.fields["LastName"]])
            self._type(person, side, LastName=name, Email=f"m{next(self._numbers)}@example.org")

    def _people_move(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 5):
            self._type(person, side, StreetAddress1=f"Lane {next(self._numbers)}", City=self.chance.choice(TOWNS))

    def _a_firm_moves(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, PEOPLE):
            if person.fields["StreetAddress1"] == "Mill 1":
                self._type(person, side, StreetAddress1="Quay 5", City="Bodo")

    def _a_small_column_is_cleared(self) -> None:
        side = self._side()
        people = [p for p in self._some(CONTACTS, side, PEOPLE) if p.fields["Website"] is not None]
        # Keap leaves out what is empty: where three or more had a site and nobody shows one, it may have vanished.
        for person in people[1 if side == "keap" else 0 :]:
            self._type(person, side, Website=None)

    def _a_status_for_many(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 30):
            self._type(person, side, Status="Former")

    def _another_owner(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, PEOPLE):
            if person.fields["Owner"] == "7":
                self._type(person, side, Owner="9")

    def _promotions(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, PEOPLE * 6 // 10):
            self._type(person, side, JobTitle=f"Senior {person.fields['JobTitle'] or 'Helper'} {next(self._numbers)}")

    def _a_new_domain(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 21):
            self._type(person, side, Email=person.key.replace("example.org", "example.net"))

    def _phones(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 4):
            self._type(person, side, Phone=f"+4722{200000 + next(self._numbers)}")

    def _offline(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 2):
            stamp = self.world.clock() - timedelta(days=self.chance.randint(1, 4))
            self._type(person, side, stamp=stamp, City=f"Offline {next(self._numbers)}")
            person.unseen = True

    def _a_replica_lags_behind_people(self) -> None:
        side = self._lagging()
        wire = self.world.wire(side)
        before = self.world.system(side).backup()
        self._people_move_on(side)
        wire.replica = before
        self._run()
        wire.replica = None
        self.world.wait(seconds=150)

    def _a_replica_lags_behind_the_sync(self) -> None:
        """What was written a moment ago is not shown yet, in a run that looks at everything."""
        side = self._lagging()
        self._run()
        self.world.wait(seconds=600)
        self._run()
        self.world.wait(seconds=600)
        self._people_move_on(next(other for other in SIDES if other != side))
        before = self.world.system(side).backup()
        self._run()
        self.world.wait(seconds=15)
        self.world.wire(side).replica = before
        self._run(full=True)
        self.world.wire(side).replica = None
        self.world.wait(seconds=150)

    def _people_move_on(self, side: str) -> None:
        for person in self._some(CONTACTS, side, 8):
            self._type(person, side, StreetAddress1=f"Way {next(self._numbers)}")

    def _the_repeated_hour(self) -> None:
        """A CRM that stamps in local time has an hour twice."""
        if self.world.kind == "emulator":
            return  # it never goes back
        for person in self._some(CONTACTS, "customcrm", 3):
            self._type(person, "customcrm", City=f"Summer {next(self._numbers)}")
        self._run()
        self.world.wait(minutes=20)
        self._run()
        self.world.crm_ahead -= timedelta(hours=1)
        for person in self._some(CONTACTS, "customcrm", 14):
            self._type(person, "customcrm", City=f"Winter {next(self._numbers)}")
            person.unseen = True
        self.world.wait(minutes=10)
        self._run(full=True)

    def _a_double(self) -> None:
        values = {"FirstName": "Doble", "LastName": "Entry", "Email": f"d{next(self._numbers)}@example.org"}
        self.things.append(self._made(CONTACTS, values, ("keap",)))

    def _merge(self) -> None:
        """Two contacts of Keap become one; the counterpart of the other one is kept, and alone."""
        doubles = [t for t in self.things if t.fields.get("FirstName") == "Doble" and t.there == set(SIDES)]
        for double in doubles:
            if not all(double.ids.values()):
                continue
            for winner in self._some(CONTACTS, None, 1):
                self.world.keap.merge(str(winner.ids["keap"]), str(double.ids["keap"]))
                self._touched(winner, "keap", "merged")
                winner.fields |= self.world.keap.rows(CONTACTS)[str(winner.ids["keap"])]
                double.there = {"customcrm"}

    def _somebody_leaves(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, None, 1):
            self.world.system(side).delete(CONTACTS, str(person.ids[side]))
            person.there = {other for other in SIDES if other != side}

    def _newcomers(self) -> None:
        for side in SIDES:
            for values in people(self.chance, next(self._numbers) * 10, 2):
                self.things.append(self._made(CONTACTS, values, (side,)))

    def _a_webhook(self) -> None:
        side = self._side()
        for person in self._some(CONTACTS, side, 2):
            self._type(person, side, JobTitle=f"Chief {next(self._numbers)}")
            self.world.look_at(CONTACTS, **{side: (str(person.ids[side]),)})
            self.world.wait(seconds=20)

    # --- how it happens -------------------------------------------------------------------------------------------

    def _side(self) -> str:
        return self.chance.choice(SIDES)

    def _lagging(self) -> str:
        return self.chance.choice([side for side in SIDES if self.world.wire(side) is not None])

    def _some(self, kind: str, side: str | None, many: int) -> list[Thing]:
        """Things that can be edited on a side now, or (without one) of which both sides know all."""
        able = [
            thing
            for thing in self.things
            if thing.kind == kind
            and thing.there == set(SIDES)
            and all(thing.ids.values())
            and not thing.unseen
            and (thing.side is None or thing.side == side or thing.known_in <= self.world.runs)
            and thing.fields.get("FirstName") != "Doble"
        ]
        return self.chance.sample(able, min(many, len(able)))

    def _made(self, kind: str, values: dict[str, Any], sides: tuple[str, ...]) -> Thing:
        ids: dict[str, str | None] = dict.fromkeys(SIDES)
        given = {name: value for name, value in values.items() if value is not None}
        for side in sides:
            ids[side] = self.world.system(side).add(kind, given)
        return Thing(kind, dict(values), ids)

    def _type(self, thing: Thing, side: str, *, stamp: Any = None, **values: Any) -> None:
        self.world.system(side).edit(thing.kind, str(thing.ids[side]), values, stamp=stamp)
        thing.fields |= values
        self._touched(thing, side, values)

    def _touched(self, thing: Thing, side: str, what: object) -> None:
        thing.side, thing.known_in = side, self.world.runs + 2
        thing.story.append(f"{self.world.clock():%d %H:%M:%S} before run {self.world.runs + 1} in {side}: {what}")

    def _run(self, *, full: bool = False) -> None:
        self.world.run(full=full)
        seen_all = full and not any(w is not None and w.replica is not None for w in map(self.world.wire, SIDES))
        rows = {(kind, side): self.world.system(side).rows(kind) for kind in KEYS for side in SIDES}
        found = {
            (*where, row[KEYS[where[0]]]): id
            for where, table in rows.items()
            for id, row in table.items()
            if KEYS[where[0]] in row
        }
        for thing in self.things:
            thing.unseen = thing.unseen and not seen_all
            for side in thing.there:
                thing.ids[side] = thing.ids[side] or found.get((thing.kind, side, thing.key))
