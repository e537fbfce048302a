"""Owners, lead sources and tags: by name in Customcrm, by id in Keap."""

from __future__ import annotations

import json

import pytest

from keapbridge.errors import UnfitError
from keapbridge.mapping.entries import Entries
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.named_in_keap import LeadSource, Owner, Tags, marks_of
from keapbridge.model.maybe import UNSET, Maybe
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

OURS, THEIRS = Side.CUSTOMCRM, Side.KEAP


def context(*found: tuple[str, str]) -> Context:
    entries = Entries()
    entries.learn(found)
    return Context(entries={"users": entries, "lead_sources": entries, "tags": entries})


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


# --- tags -----------------------------------------------------------------------------------------------------------

TAGS = (("1", "VIP"), ("2", "Fair"), ("3", "vip"))


def told(*names: str) -> Canonical:
    return json.dumps(sorted(names)) if names else None


def test_tags_are_the_same_however_they_are_spelt_and_listed() -> None:
    known = context(*TAGS)
    for raw in (["vip ", "Fair"], ("Fair", "VIP", "vip"), '["Fair", "VIP"]'):
        assert Tags().read(raw, OURS, None, known) == told("Fair", "VIP")
    assert Tags(",").read("Fair, vip", OURS, None, known) == told("Fair", "VIP")
    for ids in (["1", "2"], (2, 3), ["3", "1", "2"]):
        assert Tags().read(ids, THEIRS, None, known) == told("Fair", "VIP")
    assert Tags().read([], THEIRS, None, known) is Tags().read((), OURS, None, known) is None
    assert Tags(",").write(told("Fair", "VIP"), OURS, known) == "Fair, VIP"
    assert Tags().write(told("Fair", "VIP"), THEIRS, known) == ["2", "1"]


def test_tags_that_keap_does_not_have_or_show_are_held() -> None:
    known = context(*TAGS)
    with pytest.raises(UnfitError, match="a tag with the id 9"):
        Tags().read(["9"], THEIRS, None, known)
    for odd in ("", None, 0):
        with pytest.raises(UnfitError, match="a tag with the id"):
            Tags().read(["1", odd], THEIRS, None, known)
    for raw in ("1", {"1": 2}):
        with pytest.raises(UnfitError):
            Tags().read(raw, THEIRS, None, known)
    with pytest.raises(UnfitError, match="no tag"):
        Tags().fit(told("New", "VIP"), THEIRS, None, known)
    assert Tags(create=True).fit(told("New", "VIP"), THEIRS, None, known) == told("New", "VIP")
    with pytest.raises(UnfitError, match="yet to be made"):
        Tags(create=True).write(told("New"), THEIRS, known)


@pytest.mark.parametrize(
    ("now", "other", "base", "expected"),
    [
        (told("A"), told("B"), UNSET, told("A", "B")),
        (None, told("B"), UNSET, told("B")),
        (told("A", "B"), told("A"), told("A", "B"), told("A")),
        (told("A", "X"), told("A", "B"), told("A"), told("A", "B", "X")),
        (told("A", "X"), None, told("A"), told("X")),
        (told("X"), told("a"), told("A"), told("X")),
        (told("A"), told("A"), told("A"), told("A")),
    ],
)
def test_each_tag_comes_and_goes_by_itself(
    now: Canonical, other: Canonical, base: Maybe[Canonical], expected: Canonical
) -> None:
    assert Tags().combined(now, other, base) == expected
    assert Owner().combined(now, other, base) is UNSET


def test_of_tags_with_one_name_both_go_and_the_first_comes() -> None:
    known = context(*TAGS)
    assert marks_of(told("Fair", "VIP"), told("Fair"), ["1", "2", "3"], known) == ([], ["1", "3"])
    assert marks_of(None, told("VIP"), [], known) == (["1"], [])
    assert marks_of(told("Fair", "VIP"), told("VIP"), ["2", "3"], known) == ([], ["2"])
