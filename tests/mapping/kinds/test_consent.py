"""What Keap says of consent can be read only, and is not guessed."""

from __future__ import annotations

import pytest
from lens_laws import NOWHERE, OURS, THEIRS, read

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.consent import OptOut, may_be_asked, opted_out


def test_a_status_says_that_its_owner_opted_out_or_did_not_or_nothing_known() -> None:
    assert read(OptOut(), "LIST_UNSUBSCRIBE", THEIRS) is True
    assert read(OptOut(), "SINGLE_OPT_IN", THEIRS) is False
    assert read(OptOut(), None, THEIRS) is None
    assert opted_out("SOMETHING_NEW") is None
    for raw, side in (("SOMETHING_NEW", THEIRS), ("yes", OURS)):
        with pytest.raises(UnfitError):
            read(OptOut(), raw, side)


def test_keap_is_told_nothing_and_an_opt_out_is_never_taken_back() -> None:
    with pytest.raises(UnfitError, match="can only be read"):
        OptOut().write(False, THEIRS, NOWHERE)
    assert OptOut().fit(True, THEIRS, None, NOWHERE) is False
    assert OptOut().fit(True, OURS, None, NOWHERE) is True


def test_only_those_may_be_asked_who_have_said_nothing() -> None:
    assert [status for status in ("NON_MARKETABLE", "MANUAL", "CONFIRMED", None) if may_be_asked(status)] == [
        "NON_MARKETABLE"
    ]
