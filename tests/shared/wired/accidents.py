"""What no person types: properties that vanish, restores, ids of others, values that are not taken, machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from histories.systems import DeclaredCrm, SqlCrm
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from two_systems.pools import AFTER_THE_TERM, policy_without_brakes

import keapbridge as kb
from wired.checks import EXPECTED, alike
from wired.marks import Marks
from wired.people import number, sides
from wired.world import CONTACTS, CUSTOMCRM, KEAP

FIELD = "JobTitle"
SOME = 4
PROPERTIES = {CUSTOMCRM: ("JobTitle", "jobTitle", "job_title"), KEAP: ("job_title",)}


def without(names: tuple[str, ...], *, listed_only: bool = False) -> Callable[[Any], Any]:
    """What an answer shows when some properties are not shown (in lists)."""

    def cut(answer: Any) -> Any:
        match answer:
            case list():
                return [cut(item) for item in answer]
            case dict():
                return {name: cut(value) for name, value in answer.items() if name not in names}
            case _:
                return answer

    def shown(answer: Any) -> Any:
        is_list = isinstance(answer, list) or any(
            isinstance(v, list) and n in LISTS for n, v in dict(answer or {}).items()
        )
        return cut(answer) if is_list or not listed_only else answer

    return shown


LISTS = {"contacts", "products", "items", "data", "records", "rows", "Items"}


class Accidents(Marks):
    """Accidents in a world that was settled just before."""

    def _pairs_with(self, value: str, many: int = SOME) -> list[dict[kb.Side, str]]:
        """People in both systems who hold a value, and were in step a day ago."""
        first = self.numbers
        for k in range(many):
            self.add(
                CONTACTS,
                CUSTOMCRM,
                FirstName="Per",
                LastName=f"P{first + k}",
                Email=f"p{first + k}@example.org",
                JobTitle=value,
                Website="https://a.example.org",
            )
        self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
        self.pass_by(days=1)
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
        self.pass_by(days=1)
        names = {f"P{first + k}" for k in range(many)}
        pairs = [
            p for p in self.pairs(CONTACTS) if self.row((CONTACTS, CUSTOMCRM, p[CUSTOMCRM])).get("LastName") in names
        ]
        return pairs if len(pairs) == many and all(self._holds(p, side, value) for p in pairs for side in p) else []

    def _holds(self, pair: dict[kb.Side, str], side: kb.Side, value: Any) -> bool:
        return alike(FIELD, self.row((CONTACTS, side, pair[side])).get(FIELD), value)

    def _blur(self, *pairs: dict[kb.Side, str]) -> None:
        self.blurred |= {(CONTACTS, side, id) for pair in pairs for side, id in pair.items()}

    def _look(self, how: str, side: kb.Side, pairs: list[dict[kb.Side, str]]) -> Any:
        session = self.session()
        if how == "ids":
            return session.contacts.sync_ids(**{side.value: [pair[side] for pair in pairs]})
        return session.sync(full=how == "full")

    @rule(
        side=sides,
        how=st.sampled_from(("changes", "full", "ids")),
        many=st.integers(1, SOME),
        edited=st.booleans(),
        listed_only=st.booleans(),
        back=st.sampled_from(("full", "changes", "emptied")),
    )
    def lose_sight_of_a_property(
        self, side: kb.Side, how: str, many: int, edited: bool, listed_only: bool, back: str
    ) -> None:
        """A system stops to show a property: nothing is emptied by that, and what comes back is whole."""
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self._pairs_with("Cook", many)
        if not pairs:
            return
        if isinstance(self.crm, SqlCrm) and side is CUSTOMCRM:
            self._lose_a_column(pairs, back)
            return
        self.ways[side].shown = without(PROPERTIES[side], listed_only=listed_only)
        for pair in pairs:
            self.type((CONTACTS, side, pair[side]), FirstName="Ola")
        if edited:
            self.type((CONTACTS, side.other, pairs[0][side.other]), JobTitle="Nurse")
        for _ in range(2):
            self.watched(lambda: self._look(how, side, pairs), may_fail=EXPECTED)
            self.clock.pass_by(AFTER_THE_TERM)
        lost = [pair for pair in pairs[edited:] if not self._holds(pair, side.other, "Cook")]
        assert many < 3 or not lost, f"{side.title} does not show {FIELD}, and {len(lost)} lost it"
        self._blur(*pairs)
        if back == "emptied":
            for pair in pairs:
                self.type((CONTACTS, side, pair[side]), JobTitle=None)
        self.ways[side].shown = None
        self.pass_by(days=1)
        self.watched(lambda: self.session().sync(full=back == "full"), may_fail=EXPECTED)

    def _lose_a_column(self, pairs: list[dict[kb.Side, str]], back: str) -> None:
        """A column is dropped, and made again, with what it held or without."""
        held = dict(self.crm.run(f"SELECT id, Website FROM {CONTACTS}"))
        self._blur(*pairs, *self.pairs(CONTACTS))
        self.crm.run(f"DROP TRIGGER IF EXISTS {CONTACTS}_touch")
        self.crm.run(f"ALTER TABLE {CONTACTS} DROP COLUMN Website")
        if back != "full":
            self.watched(lambda: self.session().sync(), may_fail=(kb.KeapbridgeError, TypeError))
            self.clock.pass_by(AFTER_THE_TERM)
        self.crm.run(f"ALTER TABLE {CONTACTS} ADD COLUMN Website TEXT")
        self.crm.stamp(CONTACTS)
        if back == "changes":
            for id, site in held.items():
                self.crm.run(f"UPDATE {CONTACTS} SET Website = ? WHERE id = ?", site, id)
        self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(
        side=sides,
        many=st.sampled_from((1, SOME, 11)),
        full=st.booleans(),
        says=st.sampled_from(("accept customcrm", "accept keap", "resolve", "nothing")),
    )
    def go_back(self, side: kb.Side, many: int, full: bool, says: str) -> None:
        """A side is restored: what was typed on the other side since is not undone, and somebody is asked."""
        self.clock.pass_by(AFTER_THE_TERM)
        if not self._has_a_past(side):
            return
        pairs = self._pairs_with("Cook", many)
        if not pairs:
            return
        backup = self.system(side).backup()
        for pair in pairs:
            self.type((CONTACTS, side.other, pair[side.other]), JobTitle="Nurse")
        for _ in range(2):
            self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
            self.pass_by(days=1)
        if not all(self._holds(pair, side, "Nurse") for pair in pairs):
            return
        self.system(side).restore(backup)
        self._all_is_blurred()
        for _ in range(2):
            self.watched(lambda: self.session().sync(full=full), may_fail=EXPECTED)
            self.pass_by(minutes=10)
        self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
        lost = [pair for pair in pairs if not self._holds(pair, side.other, "Nurse")]
        assert not lost, f"{side.title} went back, and {len(lost)} of {many} did on the other side"
        self.pass_by(minutes=10)
        if says.startswith("accept"):
            right = says.removeprefix("accept ")
            self.watched(lambda: self.session().sync(full=True, accept={"restored": right}), may_fail=EXPECTED)
        elif says == "resolve":
            session = self.session()
            for conflict in list(session.conflicts())[:3]:
                for decision in ("same", "keap"):
                    self.watched(
                        lambda c=conflict, d=decision: session.resolve(c, d),
                        may_fail=(kb.UnfitError, kb.StalePlanError, *EXPECTED),
                        deletes="resolve",
                    )
        self._resolve_all("customcrm")

    def _has_a_past(self, side: kb.Side) -> bool:
        """Whether a system tells what was earlier, and can be put back: not where lists lag, whose writes wait."""
        if side is CUSTOMCRM:
            return self.kind not in {"towns", "blind"}
        return not self.lists_lag()

    def _resolve_all(self, decision: str) -> None:
        """What is left is decided, so that the rest of a game can go on."""
        session = self.session()
        for conflict in list(session.conflicts()):
            if conflict.about == "restored":
                self.watched(lambda c=conflict: session.resolve(c, decision), may_fail=(kb.StalePlanError, *EXPECTED))

    @rule(n=number, decision=st.sampled_from(("same", "different", "keap", "nothing")), births=st.booleans())
    def reissue_an_id(self, n: int, decision: str, births: bool) -> None:
        """Another person gets the id of one who was deleted: nobody becomes somebody else."""
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self._pairs_with("Cook", 1)
        if not pairs:
            return
        [pair] = pairs
        name = (CONTACTS, CUSTOMCRM, pair[CUSTOMCRM])
        before = self.row((CONTACTS, KEAP, pair[KEAP]))
        new = {
            "FirstName": "Zoe",
            "LastName": f"Zimmer {self.numbers}",
            "Email": f"zoe{self.numbers}@example.org",
            "Phone": "+4722999999",
        }
        mark = {"StreetAddress1": f"Reissued {self.numbers}"}
        self.numbers += 1
        self.own.pop(name, None)
        self.twice = True
        if isinstance(self.crm, SqlCrm):
            self.crm.delete(CONTACTS, pair[CUSTOMCRM])
            self.crm.add(CONTACTS, {**new, **mark, "id": int(pair[CUSTOMCRM])})
        elif isinstance(self.crm, DeclaredCrm):
            row = self.crm.server._rows[CONTACTS][pair[CUSTOMCRM]]
            if births:
                self.crm.server._rows[CONTACTS][pair[CUSTOMCRM]] = attrs.evolve(row, created=self.clock())
            self.crm.edit(CONTACTS, pair[CUSTOMCRM], {**new, **mark})
        else:
            self.crm.edit(CONTACTS, pair[CUSTOMCRM], {**new, **mark})
        self._blur(pair)
        self.watched(lambda: self.session().sync(full=n % 2 == 0), may_fail=EXPECTED)
        is_edited = self.kind == "emulator" or (self.kind == "declared" and not births)  # it was born when it was
        if pair[KEAP] in self.rows(CONTACTS, KEAP) and not is_edited:
            now = self.row((CONTACTS, KEAP, pair[KEAP]))
            assert alike("Email", now.get("Email"), before.get("Email")), f"{before} became {now}"
        self.clock.pass_by(AFTER_THE_TERM)
        session = self.session()
        for conflict in [c for c in session.conflicts() if c.about not in {"", "restored"}]:
            self.watched(
                lambda c=conflict: session.resolve(c, decision),
                may_fail=(kb.UnfitError, kb.StalePlanError, ValueError, *EXPECTED),
            )

    @rule(side=sides, accepted=st.booleans(), level=st.booleans())
    def empty_a_column(self, side: kb.Side, accepted: bool, level: bool) -> None:
        """A field of many is emptied at once: it is held, and a person may say that it was meant."""
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self._pairs_with("Cook")
        if not pairs:
            return
        holding = sum(row.get(FIELD) is not None for row in self.rows(CONTACTS, side.other).values())
        for k, pair in enumerate(pairs):
            self.type((CONTACTS, side, pair[side]), JobTitle=None, **({"FirstName": "Ola"} if k == 0 else {}))
        careful = policy_without_brakes(
            sweep_from=SOME, max_emptied_share=0.2, max_levelled_share=0.2, archive={}, deletions=self.policy.deletions
        )
        self.watched(lambda: self.session(policy=careful).sync(), may_fail=EXPECTED)
        self.clock.pass_by(AFTER_THE_TERM)
        if 0.2 * holding < SOME and not (side is KEAP and self.lists_lag()):  # who shows few at a time, empties few
            lost = [pair for pair in pairs if not self._holds(pair, side.other, "Cook")]
            assert not lost, f"{FIELD} was emptied for {len(lost)}"
        if accepted:
            self.watched(lambda: self.session(policy=careful).sync(accept=[f"{CONTACTS}.{FIELD}"]), may_fail=EXPECTED)
        else:
            for pair in pairs:
                self.type((CONTACTS, side, pair[side]), JobTitle="Nurse")
        self.clock.pass_by(AFTER_THE_TERM)

    @precondition(lambda self: self._has_a_past(KEAP))  # the emulator's lists lag by reads, however long that is
    @rule(first=sides)
    def answer_each_other(self, first: kb.Side) -> None:
        """Two machines change each other's value: it comes to rest, and somebody is asked."""
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self._pairs_with("Cook", 1)
        if not pairs:
            return
        [pair] = pairs
        braked = attrs.evolve(self.policy, max_turns=6)
        wishes = ((first, "Nurse"), (first.other, "Smith"))
        for turn in range(10):
            side, value = wishes[turn % 2]
            other = (CONTACTS, side.other, pair[side.other])
            if not self._holds(pair, side, value):
                self.type((CONTACTS, side, pair[side]), JobTitle=value)
            before = self.row(other)
            self.watched(lambda: self.session(policy=braked).sync(), may_fail=EXPECTED)
            self.pass_by(minutes=20)
        self._blur(pair)
        assert self.row(other) == before, f"{FIELD} goes to and fro"

    @precondition(lambda self: CUSTOMCRM in self.ways)  # not in front of a database
    @rule(side=sides, full=st.booleans(), later=st.booleans())
    def not_take_a_value(self, side: kb.Side, full: bool, later: bool) -> None:
        """A system says yes and keeps what it had: the person who typed the value keeps it."""
        self.clock.pass_by(AFTER_THE_TERM)
        pairs = self._pairs_with("Cook", 1)
        if not pairs:
            return
        [pair] = pairs
        self.ways[side].taken = without(PROPERTIES[side])
        self.type((CONTACTS, side.other, pair[side.other]), JobTitle="Nurse")
        self._blur(pair)
        for _ in range(3):
            self.watched(lambda: self.session().sync(full=full), may_fail=EXPECTED)
            self.pass_by(days=1)
            assert self._holds(pair, side.other, "Nurse"), f"{side.title} did not take it, and who typed it lost it"
        if later:
            self.ways[side].taken = None
        self.clock.pass_by(AFTER_THE_TERM)

    @rule(side=sides)
    def lag_behind_the_sync(self, side: kb.Side) -> None:
        """A replica shows what was: what was typed and written meanwhile is not undone."""
        self.clock.pass_by(AFTER_THE_TERM)
        if side not in self.ways or not self._has_a_past(side):
            return
        pairs = self._pairs_with("Cook", 2)
        replica = self.system(side).backup()
        for pair in pairs:
            self.type((CONTACTS, side.other, pair[side.other]), JobTitle="Nurse")
        self.watched(lambda: self.session().sync(), may_fail=EXPECTED)
        written = [pair for pair in pairs if self._holds(pair, side, "Nurse")]
        self.pass_by(seconds=15)
        self.ways[side].replica = replica
        self.watched(lambda: self.session().sync(full=True), may_fail=EXPECTED)
        self.ways[side].replica = None
        self._all_is_blurred()
        for pair in written:
            assert self._holds(pair, side.other, "Nurse"), f"{side.title} lagged, and {FIELD} was put back"
        self.pass_by(minutes=5)
