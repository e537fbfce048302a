"""The laws of the wired game."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from hypothesis.stateful import precondition, rule
from two_systems.checks import UNTOLD

import keapbridge as kb
from keapbridge.decide.awaited import MOST_WRITES
from keapbridge.model.actions import Conflict, Create, Skip, Update
from wired.world import CONTACTS, CUSTOMCRM, HOST, KEAP, KINDS, MARKS, Name, World

WEAR = 4  # things that happen before it is worth while to look whether the laws hold
ROUNDS = 4  # full runs after which nothing may be left to do
TOLD = {"failed", "skipped"}
EXPECTED = (kb.ApiError, kb.BrakeError, kb.SyncError)


def alike(field: str, a: Any, b: Any) -> bool:
    """Whether two values are the same, as far as any Keap keeps what it is given."""
    if a is None or b is None:
        return a is b
    if field == "Phone":
        return re.sub(r"\D", "", str(a))[-8:] == re.sub(r"\D", "", str(b))[-8:]
    return " ".join(str(a).split()).casefold() == " ".join(str(b).split()).casefold()


class Checks(World):
    """Holds the engine to its laws."""

    def watched(
        self,
        work: Callable[[], Any],
        *,
        may_fail: Collection[type[BaseException]] = (),
        deletes: str = "policy",
    ) -> Any:
        """Let the engine work, and check what it did, whether it came to its end or not."""
        self.happened += 1
        before = self.ids()
        pairs = list(self.links())
        try:
            result = work()
        except tuple(may_fail) as error:
            result = error
        now = self.ids()
        gone = [(k, s, id) for (k, s), ids in before.items() for id in ids - now[k, s]]
        for kind, side, id in gone:
            self.own.pop((kind, side, id), None)
            if deletes == "policy":
                assert self.policy.deletion(side, kind) == "delete", f"{(kind, side, id)} was deleted against policy"
                partners = [
                    (ours, theirs)[side is CUSTOMCRM]
                    for o, ours, theirs in pairs
                    if o == kind and (ours, theirs)[side is KEAP] == id
                ]
                there = [p for p in partners if p in before[kind, side.other] and p in now[kind, side.other]]
                assert not there, f"{(kind, side, id)} was deleted, its partner {there} is there"
        self._nothing_is_made_twice()
        if isinstance(result, kb.Report):
            self.runs.append(result.run_id)
            lines = list(result.lines)
            told = sum(n for counts in result.counts.values() for what, n in counts.items() if what not in UNTOLD)
            assert told == len(lines), f"{result.counts} for {len(lines)} lines"
            assert result.ok is (not result.failures)
            kept = re.compile(r" kept another (\w+)")
            self.kept |= {(x.object, x.customcrm_id, field) for x in lines for field in kept.findall(x.reason)}
            emptied = re.compile(r" has emptied (\w+(?:, \w+)*) with it")
            self.kept |= {
                (x.object, x.customcrm_id, field)
                for x in lines
                for fields in emptied.findall(x.reason)
                for field in fields.split(", ")
            }
        return result

    def _nothing_is_made_twice(self) -> None:
        for side in kb.Side:
            marks = Counter(row.get(MARKS[CONTACTS]) for row in self.rows(CONTACTS, side).values())
            twice = {mark: n for mark, n in marks.items() if mark and n > 1}
            assert self.twice or not twice, f"{side.title} has twice: {twice}"
        here = self.ids()
        for name, mine in self.own.items():
            if name[2] in here[name[:2]]:
                assert self.unmapped(name) == mine, f"{name} lost what is not mapped"

    def all_is_well(self) -> None:
        """No request meets with trouble any more, nothing is hidden, and the host has mended what it wrote."""
        for way in self.ways.values():
            way.fault = way.shown = way.answered = way.taken = way.replica = None
        HOST.fails, self.ahead = False, timedelta(0)

    @precondition(lambda self: self.happened > WEAR)
    @rule()
    def heal(self) -> None:
        """All trouble ends, some complete runs follow, and all laws hold."""
        self.all_is_well()
        plan: Any = None
        report: Any = None
        for n in range(ROUNDS + MOST_WRITES):
            self.clock.pass_by(timedelta(days=1))
            session = self.session()
            for failure in session.failures():
                if failure.next_try_at is None:
                    getattr(session, failure.object).retry(**{failure.side.value: [failure.id]})
            report = self.watched(lambda s=session: s.sync(full=True))
            self.clock.pass_by(timedelta(days=1))
            plan = session.plan(full=True)
            is_over = n >= ROUNDS - 1 and not self._is_written_again(plan)
            if is_over or (plan.is_empty and not self.lists_lag()):
                break
        left = [action for action in plan.actions if not isinstance(action, (Conflict, Skip))]
        is_refused = any(self._is_refused(action, report) for action in left)  # each run tries, and takes it back
        left = [action for action in left if not self._is_refused(action, report)]
        if left and all(map(self._is_about_nobody, left)):
            return
        assert not left, "not quiet:\n" + "\n".join(map(str, plan.actions))
        session = self.session()
        before = self.writes()
        report = self.watched(lambda: session.apply(plan))
        self.watched(session.sync)
        assert is_refused or self.writes() == before, "something was written though all is settled"
        self._check(session, list(report.lines))

    def lists_lag(self) -> bool:
        """Whether lists of Keap show late what is there: after some reads, however long that takes."""
        return "some" in {self.plays.list_lag, self.plays.since_lag}

    def _is_about_nobody(self, action: Any) -> bool:
        """Whether it is for a record that is gone, and that Keap shows all the same: a known limit."""
        id = getattr(action, "keap_id", None)
        return self.plays.deleted == "shown" and id is not None and id not in self.ids()[action.object, KEAP]

    def _is_refused(self, action: Any, report: kb.Report) -> bool:
        """Whether it gives a record what another one has, where that is unique: each run tries, and tells that.

        So it ends when Keap has merged two whom the CRM keeps both, and when a person is new to a Keap that would
        write them over another one with the same address, or to a CRM that has each address once. And when a text is
        emptied that Keap does not let go.
        """
        if isinstance(action, Create) and action.object == CONTACTS:
            is_unique = self.plays.same_email == "same" if action.side is KEAP else self.kind == "towns"
            address = self.row((CONTACTS, action.side.other, action.source_id)).get("Email")
            there = [row.get("Email") for row in self.rows(CONTACTS, action.side).values()]
            lines = [line for line in report.lines if line.outcome in TOLD]
            told = {line.customcrm_id if action.side is KEAP else line.keap_id for line in lines}
            return is_unique and action.source_id in told and any(alike("Email", address, each) for each in there)
        if not isinstance(action, Update):
            return False
        failed = {(line.customcrm_id, field) for line in report.failures for field in line.fields}
        if self._empties_no_text() and all(
            change.side is KEAP and change.after is None and (action.customcrm_id, change.field) in failed
            for change in action.changes
        ):
            return True
        if self.kind != "towns":
            return False
        taken = {row.get("Email"): id for id, row in self.rows(CONTACTS, CUSTOMCRM).items()}
        return all(
            (action.object, change.side, change.field) == (CONTACTS, CUSTOMCRM, "Email")
            and taken.get(change.after, action.customcrm_id) != action.customcrm_id
            and (action.customcrm_id, "Email") in failed
            for change in action.changes
        )

    def _empties_no_text(self) -> bool:
        """Whether this Keap knows no way to empty a text."""
        return "clears" not in {self.plays.null, self.plays.mask_alone, self.plays.empty_text}

    def _is_written_again(self, plan: kb.Plan) -> bool:
        """Whether a plan does no more than write what was not taken: it gives up some time, and says so."""
        links = {(kind, ours): x for (kind, ours, _), x in self.links().items()}
        awaited = {
            (*name, side, field) for name, x in links.items() for side, its in x.awaited.items() for field in its
        }
        return all(
            isinstance(action, (Update, Conflict, Skip))
            and (
                not isinstance(action, Update)
                or all((action.object, action.customcrm_id, c.side, c.field) in awaited for c in action.changes)
            )
            for action in plan.actions
        )

    def _check(self, session: kb.SyncSession, lines: list[Any]) -> None:
        waiting = {(c.object, c.customcrm_id, c.field) for c in session.conflicts()}
        words = "\n".join(f"{line} {line.customcrm_id} {line.keap_id}" for line in lines)
        told = {
            (line.object, field, id)
            for line in lines
            for field in line.fields
            for id in (line.customcrm_id, line.keap_id)
        }
        linked = {
            name for kind, ours, theirs in self.links() for name in ((kind, CUSTOMCRM, ours), (kind, KEAP, theirs))
        }
        hopeless = {line.object for line in lines if ": no record of Keap is made there" in line.reason}
        for kind in KINDS:
            for side in kb.Side:
                for id in self.rows(kind, side) if side is CUSTOMCRM or kind not in hopeless else ():
                    seen = (kind, side, id) in linked | self.forgotten or re.search(rf"(?<!\w){id}(?!\w)", words)
                    assert seen or self._is_outside((kind, side, id)), f"{kind} {side} {id} is neither linked nor told"
        settled: dict[tuple[str, str, str], dict[str, tuple[Any, Any]]] = {}
        for link in self.links():
            kind, ours, theirs = link
            names: tuple[Name, Name] = ((kind, CUSTOMCRM, ours), (kind, KEAP, theirs))
            values = [self.row(name) for name in names]
            if not all(values) or any(map(self._is_outside, names)):
                continue
            fields = [lens.name for lens in self.mappers[kind].lenses if lens.name in self._compared(kind)]
            settled[link] = {field: (values[0].get(field), values[1].get(field)) for field in fields}
            for field, pair in settled[link].items():
                asked = {(kind, ours, field), (kind, ours, "*")} & waiting or (kind, ours, field) in self.kept
                held = {(kind, field, id) for id in (ours, theirs, "*")} & told
                if asked or held:
                    self.typed[names[0], field].append(pair[0])
                    self.blurred |= set(names)
                    continue
                # What a database fills in itself, when it makes somebody of whom that is not known, stays there.
                is_own = self.kind == "counting" and field == "JobTitle" and pair[1] is None
                assert self.anything_goes or is_own or alike(field, *pair), f"{link}: {field} differs: {pair}"
                known = field in self.settled.get(link, {}) and not self.blurred & set(names)
                if known and not self.anything_goes:
                    self._no_edit_was_lost(link, field, self.settled[link][field], pair)
        self.settled, self.happened = settled, 0
        self.blurred.clear()
        self.typed.clear()

    def something_waits(self) -> bool:
        """Whether linked people differ, so that something may be still to be written."""
        both = ([self.row((CONTACTS, side, id)) for side, id in pair.items()] for pair in self.pairs(CONTACTS))
        return any(not alike(field, a.get(field), b.get(field)) for a, b in both for field in self._compared(CONTACTS))

    def _compared(self, kind: str) -> tuple[str, ...]:
        """The fields that both systems show in the same words."""
        contacts = ("Email", "FirstName", "LastName", "Phone", "JobTitle", "City", "Country", "Website", "Status")
        return (*contacts, "StreetAddress1") if kind == CONTACTS else ("Name", "Sku", "Price", "ShortDescription")

    def _is_outside(self, name: Name) -> bool:
        """Whether a record takes no part."""
        if name[0] != CONTACTS or name[1] is KEAP:
            return False
        row = self.row(name)
        return {"filtered": row.get("JobTitle") == "Nobody", "chosen": row.get("Status") == "Former"}.get(
            self.mapping, False
        )

    def _no_edit_was_lost(
        self, link: tuple[str, str, str], field: str, before: tuple[Any, Any], now: tuple[Any, Any]
    ) -> None:
        kind, ours, theirs = link
        edits = [self.typed.get((name, field), []) for name in ((kind, CUSTOMCRM, ours), (kind, KEAP, theirs))]
        if not edits[0] and not edits[1]:
            assert alike(field, now[0], before[0]), f"{link}: nobody edited {field}: {before} → {now}"
        elif not (edits[0] and edits[1]):
            wanted = (edits[0] or edits[1])[-1]
            assert alike(field, now[0], wanted), f"{link}: {field} was edited to {wanted!r} and is {now}"
        else:
            known = [*before, *edits[0], *edits[1]]
            assert any(alike(field, now[0], value) for value in known), f"{link}: {field} is {now}, none of {known}"
