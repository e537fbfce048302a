"""Owners and lead sources: by name in Customcrm, by id in Keap."""

from __future__ import annotations

import pytest

from keapbridge.errors import UnfitError
from keapbridge.mapping.entries import Entries
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.named import LeadSource, Owner
from keapbridge.model.side import Side

OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP


def context(*found: tuple[str, str]) -> Context:
    entries = Entries()
    entries.learn(found)
    return Context(entries={"users": entries, "lead_sources": entries})


def test_a_name_is_read_in_keaps_spelling_from_either_side() -> None:
    known = context(("71", "anna@x.org"))
    assert Owner().read(" Anna@X.org", OURS, None, known) == Owner().read("71", THEIRS, None, known) == "anna@x.org"
    assert [Owner().read(raw, THEIRS, None, known) for raw in (None, "", "0")] == [None, None, None]
    assert Owner().write("anna@x.org", THEIRS, known) == "71"
    assert Owner().read(71, THEIRS, None, known) == "anna@x.org"


def test_what_keap_does_not_show_is_not_understood() -> None:
    with pytest.raises(UnfitError, match="a user with the id 72"):
        Owner().read("72", THEIRS, None, context(("71", "anna@x.org")))
    with pytest.raises(UnfitError, match="no user"):
        Owner().fit("ben@x.org", THEIRS, None, Context())
    assert Owner().fit("ben@x.org", OURS, None, Context()) == "ben@x.org"


def test_one_that_is_made_waits_for_it() -> None:
    known = context()
    assert LeadSource(create=True).fit("Fair", THEIRS, None, known) == "Fair"
    with pytest.raises(UnfitError, match="yet to be made"):
        LeadSource(create=True).write("Fair", THEIRS, known)
    with pytest.raises(UnfitError, match="no lead source"):
        LeadSource().fit("Fair", THEIRS, None, known)
    known.entries["lead_sources"].may_make = False
    with pytest.raises(UnfitError, match="no lead source"):
        LeadSource(create=True).fit("Fair", THEIRS, None, known)
