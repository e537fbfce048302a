"""What was written over a record is no edit: it is looked at as it was, and that is put back."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.decide.merge import Merge
from keapbridge.decide.written_over import PUT_BACK, as_it_was, begun, done, looks_written_over, putting_back
from keapbridge.model.change import RECORD, Change
from keapbridge.model.records import Link, Observation, Pair, Snapshot, WrittenOver

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
BASE = {"Name": "Ada", "Job": "Clerk", "City": "Oslo"}
SENT = {"Name": "Bob", "Job": "Clerk", "Phone": "1"}


def pair(held: dict[str, Any], unreadable: dict[str, str] | None = None, **note: Any) -> Pair:
    """A pair whose record in Keap holds that, after something was sent over it."""
    seen = Observation(KEAP, "1", Snapshot({**BASE, **held}, unreadable or {}))
    over = WrittenOver("intent", "A2", KEAP, "written over", **{"written": SENT, **note})
    return Pair(Link("a", "1", BASE, BASE), None, seen, written_over=(over,))


def test_what_holds_all_that_was_sent_and_was_known_to_hold_other_looks_written_over() -> None:
    assert looks_written_over(pair(SENT), KEAP, SENT)
    assert not looks_written_over(pair({**SENT, "Name": "Eve"}), KEAP, SENT)
    assert not looks_written_over(pair({}), KEAP, {"Job": "Clerk"}), "it held that before"
    assert not looks_written_over(pair(SENT), CUSTOMCRM, SENT), "that one was not seen"


def test_it_is_looked_at_as_it_was_but_for_what_somebody_has_edited_since() -> None:
    was = as_it_was(pair({**SENT, "Phone": "2", "City": "Bergen"})).current[KEAP]
    assert was.values == {"Name": "Ada", "Job": "Clerk", "Phone": "2", "City": "Bergen"}
    assert as_it_was(pair(SENT, before={"Name": "Eve"})).current[KEAP].values["Name"] == "Eve"
    assert as_it_was(pair(SENT)).current[KEAP].values["Phone"] is None, "nobody has seen what it was"


def test_what_cannot_be_understood_since_is_as_it_was_too() -> None:
    shown = pair({"Name": "Bob"}, {"Phone": "odd"})
    was = as_it_was(shown).current[KEAP]
    assert (was.unreadable, was.values["Phone"]) == ({}, None)


def test_what_only_looks_written_over_is_not_known() -> None:
    shown = pair(SENT, certain=False)
    assert as_it_was(shown).current[KEAP].values == {"Job": "Clerk", "City": "Oslo"}
    [held] = putting_back(shown, Merge()).held
    assert (held.field, held.side, held.reason) == (RECORD, KEAP, "written over")
    assert putting_back(shown, Merge()).changes == ()


def test_what_it_held_is_put_back_and_an_edit_of_the_partner_goes_first() -> None:
    edit = Change("Name", KEAP, "Ada", "Augusta", "edit")
    changes = {c.field: c for c in putting_back(pair(SENT), Merge((edit,))).changes}
    assert changes["Name"] == attrs.evolve(edit, before="Bob")
    assert changes["Phone"] == Change("Phone", KEAP, "1", None, PUT_BACK)
    assert changes.keys() == {"Name", "Phone"}


@pytest.mark.parametrize(
    ("fields", "left"), [(["Name"], ()), (["Name", "Phone"], ("intent",)), (["City"], ())], ids=str
)
def test_it_is_done_once_all_of_it_was_written(fields: list[str], left: tuple[str, ...]) -> None:
    assert done(begun(pair(SENT), KEAP, fields)) == left
    assert done(pair(BASE)) == (), "that a read does not show it may be a read that lags"
    plain = attrs.evolve(pair(SENT), written_over=())
    assert begun(plain, KEAP, fields) is plain
