"""A pair while it is written: what becomes of it is a new value, and no edit that came in between is lost."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples
from toys import TOYS, Box, Gadget, Toy

import keapbridge as kb
from keapbridge.decide.merge import Merge, merge
from keapbridge.mapping.kinds import Context
from keapbridge.model.actions import Skip
from keapbridge.model.change import Change, FieldConflict, Held
from keapbridge.model.kept_in_store import JournalEntry
from keapbridge.model.records import Life, Link, Observation, Pair, Snapshot, is_untaken
from keapbridge.model.report import Line
from keapbridge.sync.options import Settings
from keapbridge.sync.synchronization import Seen, Synchronization, digest
from keapbridge.sync.writing.pair_state import (
    ALONG,
    EDITED_ON_BOTH,
    PairState,
    after_write,
    assume,
    confirmed,
    decide_again,
    held_line,
    remember,
    reread,
    stored_of,
    to_commit,
)

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
CONTEXT = Context(None, None, {}, {})
IDS = {CUSTOMCRM: "1", KEAP: "901"}
SYSTEMS = {CUSTOMCRM: Box(CUSTOMCRM, Toy, 1), KEAP: Box(KEAP, Gadget, 901)}
RECORDS = {CUSTOMCRM: Toy("1", "Top", "red"), KEAP: Gadget("901", "Top", "red")}
IN_STEP = {"Name": "Top", "Colour": "red"}

Values = Mapping[str, Any]


def toys(**policy: Any) -> Synchronization:
    """Toys, without a store: nothing here may need one."""
    return Synchronization(TOYS, SYSTEMS, cast("Any", None), Settings(kb.Policy(**policy)))


def seen(side: kb.Side, values: Values, at: datetime = NOON, **more: Any) -> Observation:
    return Observation(side, IDS[side], Snapshot(values), at, **more)


def pair(ours: Values, theirs: Values, base: Values = IN_STEP, their_base: Values | None = None) -> Pair:
    link = Link("1", "901", base, base if their_base is None else their_base)
    return Pair(link, seen(CUSTOMCRM, ours), seen(KEAP, theirs))


def state_of(of: Pair, sync: Synchronization | None = None) -> PairState:
    """The state in which a run begins to write: decided, and both records at hand."""
    sync = sync or toys()
    return PairState("toys", of, CONTEXT, merge(of, sync.rules(CONTEXT), sync.settings.policy), records=RECORDS)


def written(state: PairState, side: kb.Side, shown: Values, answer: Any = None, **more: Any) -> PairState:
    """The state after all that is to be done on a side, answered with `shown`."""
    changes = [change for change in state.outcome.changes if change.side is side]
    return after_write(TOYS, state, side, changes, answer or RECORDS[side], seen(side, shown, **more), NOON)


def read_back(side: kb.Side, values: Values, **more: Any) -> Seen:
    observation = seen(side, values, **more)
    return Seen(RECORDS[side], observation, observation)


# --- a write that its answer shows ----------------------------------------------------------------------------------


def test_both_bases_are_known_after_a_write() -> None:
    state = state_of(pair({"Name": "Kite ", "Colour": "red"}, IN_STEP))
    after = written(state, KEAP, {"Name": "Kite", "Colour": "red"}, version="v2")
    assert after.pair.link.keap_base["Name"] == "Kite"
    assert after.pair.link.customcrm_base["Name"] == "Kite "
    assert after.pair.seen[KEAP] == seen(KEAP, {"Name": "Kite", "Colour": "red"}, version="v2")
    assert after.outcome.changes == ()
    assert not after.is_unconfirmed
    assert after.lines == (Line("toys", "updated", KEAP, "1", "901", ("Name",), ""),)


def test_an_edit_of_another_field_that_the_answer_shows_is_not_taken_for_what_was_written() -> None:
    sync = toys()
    state = state_of(pair({"Name": "Kite", "Colour": "red"}, IN_STEP))
    answer = {"Name": "Kite", "Colour": "blue"}  # somebody painted it between our reading and our write
    after = written(state, KEAP, answer)
    assert after.pair.link.keap_base["Colour"] == "red"
    found = decide_again(sync, reread(after, KEAP, read_back(KEAP, answer, at=LATER)))
    assert found.outcome.changes == (Change("Colour", CUSTOMCRM, "red", "blue"),)


def test_what_is_to_be_done_on_the_other_side_is_left() -> None:
    state = state_of(pair({"Name": "Kite", "Colour": "red"}, {"Name": "Top", "Colour": "blue"}))
    assert state.targets == {CUSTOMCRM, KEAP}
    after = written(state, CUSTOMCRM, {"Name": "Kite", "Colour": "blue"})
    assert after.targets == {KEAP}
    assert after.pair.link.keap_base == {"Name": "Top", "Colour": "blue"}


def test_the_record_at_hand_is_as_the_answer_shows_it_and_else_as_it_was() -> None:
    known = Gadget("901", "Top", "red", extra={"weight": 3, "size": 1})
    state = attrs.evolve(state_of(pair({"Name": "Kite", "Colour": "red"}, IN_STEP)), records={**RECORDS, KEAP: known})
    after = written(state, KEAP, {"Name": "Kite"}, Gadget("901", "Kite", extra={"size": 2}))
    assert after.records[KEAP] == Gadget("901", "Kite", "red", extra={"weight": 3, "size": 2})
    assert after.records[CUSTOMCRM] is RECORDS[CUSTOMCRM]


def test_it_is_told_what_decided_and_what_a_system_made_of_it() -> None:
    of = pair({"Name": "Kite", "Colour": "red"}, {"Name": "Ball", "Colour": "red"})
    state = state_of(of, toys(conflicts="customcrm"))
    [line] = written(state, KEAP, {"Name": "Thing", "Colour": "red"}).lines
    assert line.reason == "Name decided by customcrm; Keap kept another Name"


def test_what_is_read_by_the_light_of_a_written_field_is_read_anew() -> None:
    mapper = kb.mapping.contacts.only("Country", "Phone")
    number = {"Phone": "020 7946 0018"}
    link = Link("1", "901", {"Country": None, **number}, {"Country": None, **number})
    of = Pair(link, seen(CUSTOMCRM, {"Country": "GB", **number}), seen(KEAP, {"Country": None, **number}))
    change = Change("Country", KEAP, None, "GB")
    record = kb.keap.Contact(id="901")
    state = PairState("contacts", of, CONTEXT, Merge((change,)), records={KEAP: record})
    shown = seen(KEAP, {"Country": "GB", "Phone": "+442079460018"})
    after = after_write(mapper, state, KEAP, [change], record, shown, NOON)
    assert after.pair.current[KEAP].values["Phone"] == "+442079460018"
    assert after.pair.link.keap_base["Phone"] == "+442079460018", "nobody has edited it"
    edited = attrs.evolve(state, pair=of.seeing(seen(KEAP, {"Country": None, "Phone": "020 7946 0999"})))
    after = after_write(mapper, edited, KEAP, [change], record, shown, NOON)
    assert after.pair.link.keap_base["Phone"] == "020 7946 0018", "it was edited, and its base is what it was"


# --- a write that its answer does not show --------------------------------------------------------------------------


def unconfirmed() -> PairState:
    """A name was sent to Keap, and the answer shows nothing of it."""
    return written(state_of(pair({"Name": "Kite", "Colour": "red"}, IN_STEP)), KEAP, {})


def test_what_the_answer_does_not_show_waits_to_be_read_back() -> None:
    state = unconfirmed()
    assert state.is_unconfirmed
    assert state.unconfirmed == {KEAP: {"Name": "Kite"}}
    assert state.pair.link.keap_base["Name"] == "Kite"
    assert state.pair.current[KEAP].values["Name"] == "Top", "nothing is known of it but what was read"
    assert state.records[KEAP] is RECORDS[KEAP]


@pytest.mark.parametrize("held", ["Kite", "kite", "Kit"])
def test_what_a_system_made_of_it_is_the_base(held: str) -> None:
    state = confirmed(TOYS, unconfirmed(), KEAP, read_back(KEAP, {"Name": held, "Colour": "red"}))
    assert not state.is_unconfirmed
    assert state.pair.link.keap_base["Name"] == held
    assert state.pair.link.customcrm_base["Name"] == "Kite"
    assert decide_again(toys(), state).outcome.changes == ()


def test_what_is_no_form_of_it_is_somebodys_edit_and_flows_back() -> None:
    state = confirmed(TOYS, unconfirmed(), KEAP, read_back(KEAP, {"Name": "Ball", "Colour": "red"}))
    assert state.pair.link.keap_base["Name"] == "Kite"
    assert decide_again(toys(), state).outcome.changes == (Change("Name", CUSTOMCRM, "Kite", "Ball"),)


def test_what_one_side_still_has_to_show_is_not_confirmed_by_the_other() -> None:
    state = attrs.evolve(unconfirmed(), unconfirmed={KEAP: {"Name": "Kite"}, CUSTOMCRM: {"Colour": "red"}})
    after = confirmed(TOYS, state, KEAP, read_back(KEAP, {"Name": "Kite"}))
    assert after.unconfirmed == {CUSTOMCRM: {"Colour": "red"}}
    assert after.is_unconfirmed


def test_what_was_sent_is_assumed_to_be_the_base_of_its_side_only() -> None:
    state = attrs.evolve(
        state_of(pair({"Name": "Kite!", "Colour": "red"}, IN_STEP)), unconfirmed={KEAP: {"Name": "Kite"}}
    )
    link = assume(state, KEAP).pair.link
    assert (link.keap_base["Name"], link.customcrm_base["Name"]) == ("Kite", "Kite!")


# --- read again, decided again --------------------------------------------------------------------------------------


def test_a_record_that_could_not_be_read_again_is_gone() -> None:
    state = state_of(pair(IN_STEP, IN_STEP))
    after = reread(state, KEAP, None)
    assert after.gone is KEAP
    assert after.pair is state.pair


@pytest.mark.parametrize(("colour", "at"), [("red", NOON), ("blue", LATER)])
def test_the_time_of_an_edit_is_that_of_what_the_record_holds(colour: str, at: datetime) -> None:
    state = state_of(pair(IN_STEP, IN_STEP))
    after = reread(state, KEAP, read_back(KEAP, {"Name": "Top", "Colour": colour}, at=LATER))
    assert after.pair.updated_at(KEAP) == at


def test_a_conflict_is_told_when_it_was_not_known() -> None:
    sync = toys(conflicts="manual")
    state = state_of(pair({"Name": "Kite", "Colour": "red"}, IN_STEP), sync)
    moved = reread(state, KEAP, read_back(KEAP, {"Name": "Ball", "Colour": "red"}))
    once = decide_again(sync, moved)
    assert [(line.outcome, line.fields, line.reason) for line in once.lines] == [
        ("conflict", ("Name",), EDITED_ON_BOTH)
    ]
    assert once.outcome.changes == ()
    assert decide_again(sync, once).lines == once.lines


# --- what is remembered ---------------------------------------------------------------------------------------------


def test_a_pair_that_is_done_is_remembered_with_what_both_sides_hold() -> None:
    ours, theirs = {"Name": "Kite", "Colour": "red"}, {"Name": "Kite", "Colour": "red"}
    commit, after = to_commit(toys(), state_of(pair(ours, theirs)), None)
    assert (commit.link.customcrm_base, commit.link.keap_base) == (ours, theirs)
    assert commit.digests == {CUSTOMCRM: digest(Snapshot(ours)), KEAP: digest(Snapshot(theirs))}
    assert commit.staged == ()
    assert after.pair.link.keap_base == IN_STEP, "the pair itself is as it was"


@pytest.mark.parametrize(
    "state",
    [
        state_of(pair({"Name": "Kite", "Colour": "red"}, {"Name": "Ball", "Colour": "red"}), toys(conflicts="manual")),
        attrs.evolve(state_of(pair(IN_STEP, IN_STEP)), unconfirmed={KEAP: {"Name": "Top"}}),
    ],
    ids=["conflict", "unconfirmed"],
)
def test_a_pair_of_which_something_is_open_stays_in_view(state: PairState) -> None:
    commit, _ = to_commit(toys(), state, None)
    assert commit.digests == {CUSTOMCRM: None, KEAP: None}
    assert commit.staged == (state.pair.customcrm, state.pair.keap)


def test_a_side_that_was_not_seen_stays_in_view_as_its_base_says() -> None:
    of = attrs.evolve(pair({"Name": "Kite", "Colour": "red"}, IN_STEP), keap=None)
    commit, _ = to_commit(toys(), state_of(of), None)
    assert commit.staged[1] == Observation(KEAP, "901", Snapshot(IN_STEP))


def test_a_new_link_is_in_the_journal_before_what_was_written() -> None:
    entry = JournalEntry("toys", KEAP, "901", "update", {}, {}, LATER, "1")
    state = attrs.evolve(state_of(pair(IN_STEP, IN_STEP)), is_new=True, replaces="900")
    commit, after = to_commit(toys(), state, NOON, (entry,), "intent")
    assert [(e.kind, e.record_id, e.partner_id) for e in commit.journal] == [
        ("link", "1", "901"),
        ("update", "901", "1"),
    ]
    assert (commit.replaces, commit.intent_id) == ("900", "intent")
    assert not after.is_new


def test_what_is_to_be_told_is_told_once() -> None:
    held = Held("Price", KEAP, "no currency")
    state = attrs.evolve(state_of(pair(IN_STEP, IN_STEP)), outcome=Merge(held=(held,)))
    state = state.saying(state.line("linked", None, (), "same Name"))
    commit, after = to_commit(toys(), state, None)
    assert [line.outcome for line in commit.lines] == ["linked", "held"]
    assert to_commit(toys(), after, None)[0].lines == ()


def test_the_line_of_a_held_field_names_it_and_its_side() -> None:
    line = held_line(Skip("toys", KEAP, "901", "no currency", field="Price"))
    assert line == Line("toys", "held", KEAP, None, "901", ("Price",), "no currency")


def test_only_what_was_sent_counts_as_stored() -> None:
    shown = seen(KEAP, {"Name": "Kit", "Colour": "blue"}, version="v2")
    assert stored_of(shown, {"Name": "Kite", "Price": "1 EUR"}) == {"Name": "Kit"}


# --- laws -----------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from((None, "a", "A", "ab", "b", "zz"))
RECORD = st.fixed_dictionaries({"Name": TEXTS, "Colour": TEXTS})
PARTIAL = st.fixed_dictionaries({}, optional={"Name": TEXTS, "Colour": TEXTS})
PAIRS = st.builds(pair, RECORD, RECORD, PARTIAL, PARTIAL)
SIDES = st.sampled_from(list(kb.Side))


@examples(150)
@given(PAIRS, SIDES, PARTIAL)
def test_a_write_touches_the_fields_that_were_written_and_no_others(of: Pair, side: kb.Side, shown: Values) -> None:
    state = state_of(of, toys(conflicts="customcrm"))
    before = copy.deepcopy(state)
    sent = {change.field: change.after for change in state.outcome.changes if change.side is side}
    after = written(state, side, shown)
    assert state == before, "a state is never changed in place"
    for field in IN_STEP:
        now = after.pair.current[side].values[field]
        if field in sent:
            told = {} if is_untaken(sent[field], shown.get(field), before.pair.current[side].values[field]) else shown
            assert after.pair.link.base(side)[field] == told.get(field, sent[field])
            assert after.pair.link.base(side.other)[field] == of.current[side.other].values[field]
            assert now == shown.get(field, of.current[side].values[field])
        else:
            assert now == of.current[side].values[field]
            for each in kb.Side:
                assert after.pair.link.base(each).get(field, "unknown") == of.link.base(each).get(field, "unknown")
    assert after.pair.current[side.other] == of.current[side.other]


@examples(150)
@given(PAIRS, SIDES, PARTIAL, RECORD)
def test_after_a_write_is_read_back_nothing_is_undone_and_no_edit_is_lost(
    of: Pair, side: kb.Side, shown: Values, held: Values
) -> None:
    sync = toys(conflicts="manual")
    state = written(state_of(of, sync), side, shown)
    before = copy.deepcopy(state)
    open_still = state.unconfirmed[side]
    after = decide_again(sync, confirmed(TOYS, state, side, read_back(side, held)))
    assert state == before
    assert not after.unconfirmed.get(side)
    for field, sent in open_still.items():
        base = after.pair.link.base(side)[field]
        assert base in {sent, held[field]}
        source = of.current[side.other].values[field]
        changes = [change for change in after.outcome.changes if change.field == field]
        if base == held[field]:
            assert changes == [], "what the system stored is no edit"
        elif field in after.pair.link.awaited.get(side, {}):
            assert changes == [], "what was there before is nobody's edit"
            assert field in {item.field for item in after.outcome.held}
        elif held[field] != source and field not in {item.field for item in after.outcome.held}:
            assert [(c.side, c.after) for c in changes] == [(side.other, held[field])]


@examples(150)
@given(PAIRS, SIDES, TEXTS, st.sampled_from((*IN_STEP.values(), None, "odd")), TEXTS, st.booleans())
def test_what_was_written_along_is_compared_with_what_the_other_side_holds(
    of: Pair, side: kb.Side, sent: str | None, held: str | None, later: str | None, is_read_back: bool
) -> None:
    """Whatever the bases said: two values that nobody has compared never pass for a known difference."""
    sync = toys(conflicts="manual")
    theirs = {"Name": of.current[side.other].values["Name"], "Colour": held}
    other = seen(side.other, theirs)
    if held == "odd":
        other = attrs.evolve(other, snapshot=Snapshot({"Name": theirs["Name"]}, {"Colour": "not understood"}))
    state = state_of(of.seeing(other), sync)
    before = of.current[side].values["Colour"]
    changes = [Change("Colour", side, before, sent, ALONG)]
    shown = {} if is_read_back else {"Colour": sent}
    after = after_write(TOYS, state, side, changes, RECORDS[side], seen(side, shown), NOON)
    if is_read_back:
        after = confirmed(TOYS, after, side, read_back(side, {**of.current[side].values, "Colour": sent}))
    commit, _ = to_commit(sync, after, None)
    is_as_meant = held in {None, sent}  # what the other side lacks may be filled in
    assert ("Colour" in commit.link.base(side.other)) is is_as_meant
    assert is_as_meant or commit.staged, "it is compared by the next run at the latest"
    if held != "odd":
        later = held
    again = Pair(commit.link, None, None).seeing(seen(side, {**of.current[side].values, "Colour": sent}))
    again = again.seeing(seen(side.other, {**theirs, "Colour": later}))
    if not is_as_meant and before != sent:
        outcome = sync.merged(again, sync.rules(CONTEXT), LATER)
        decided = (*outcome.changes, *outcome.conflicts, *outcome.held, *outcome.settled)
        assert "Colour" in {each.field for each in decided}, f"{sent!r} and {later!r} would differ for ever"


@examples(100)
@given(PAIRS, SIDES, PARTIAL)
def test_to_remember_is_to_base_both_sides_on_what_is_there(of: Pair, side: kb.Side, stored: Values) -> None:
    state = state_of(of)
    life = Life("2026-01-01T00:00:00+00:00", NOON)
    shown = Observation(side, "A7", Snapshot(stored), version="v2", life=life)
    after = remember(state, side, stored, shown)
    assert {field: after.pair.link.base(side).get(field) for field in stored} == stored
    assert {field: after.pair.current[side].values[field] for field in stored} == stored
    assert remember(after, side, stored, shown) == after
    assert after.pair.link.life(side) == life
    assert after.pair.updated_at(side) == NOON, "the time of the edit stays"


@examples(100)
@given(PAIRS)
def test_a_pair_is_either_done_or_stays_in_view(of: Pair) -> None:
    sync = toys(conflicts="manual")
    state = state_of(of, sync)
    commit, after = to_commit(sync, state, None)
    assert bool(commit.staged) is not state.outcome.is_settled
    assert (None in commit.digests.values()) is bool(commit.staged)
    assert after.outcome == state.outcome
    kept = attrs.evolve(of, link=commit.link)
    assert merge(kept, sync.rules(CONTEXT), sync.settings.policy).changes == state.outcome.changes


def test_a_conflict_of_the_plan_is_not_told_again() -> None:
    sync = toys(conflicts="manual")
    state = state_of(pair({"Name": "Kite", "Colour": "red"}, {"Name": "Ball", "Colour": "red"}), sync)
    assert [type(conflict) for conflict in state.outcome.conflicts] == [FieldConflict]
    assert decide_again(sync, state).lines == (), "the plan has told it"
