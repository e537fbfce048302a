"""References to records of other synchronizations, followed through their links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, LINKED, NOWHERE, OURS, THEIRS, World, read

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.references import Reference, is_pending
from keapbridge.model.side import Side


@LAWS
@given(st.sampled_from(Side), st.sampled_from(sorted(LINKED)))
def test_a_reference_is_followed_both_ways(side: Side, ours: str) -> None:
    context = World("NOR", "NO-03", "NOK").context
    kind = Reference("companies")
    assert read(kind, kind.write(ours, side, context), side, None, context) == ours
    assert read(kind, "99", THEIRS, None, context) == "keap:99"
    assert read(kind, "0", THEIRS, None, context) is None
    with pytest.raises(UnfitError):
        kind.fit("C9", THEIRS, None, context)


def test_a_reference_to_what_is_not_linked_yet_waits_and_is_settled_later() -> None:
    kind = Reference("companies")
    waiting = read(kind, "11", THEIRS)
    assert is_pending(waiting)
    assert kind.follow(waiting, NOWHERE) == waiting
    with pytest.raises(UnfitError, match="not linked"):
        kind.fit(waiting, OURS, None, NOWHERE)
    assert kind.follow(waiting, Context(to_customcrm={"companies": {"11": "C1"}})) == "C1"
    assert kind.refers_to == "companies"
