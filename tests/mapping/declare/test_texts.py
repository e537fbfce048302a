"""Names, addresses and numbers that people are reached by are read back as they were written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, OURS, assert_laws, built

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.errors import MappingError
from keapbridge.keap import records as keap
from keapbridge.mapping import contacts
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Lens
from keapbridge.model.side import Side

NOWHERE = Context(keap_currency="USD")
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters=","), max_size=9)
NAMES = st.one_of(
    WORDS, st.lists(WORDS, max_size=5).map(" ".join), st.sampled_from(("van Beethoven", "אבגד", "👩\u200d👧"))
)
PATHS = st.text("abc/?#=%é", max_size=12)
URL, SMALL = built(kb.url("Site", keap="spouse_name", max_length=100)), contacts.without("FirstName", "LastName")
NAME = built(kb.full_name("Name", max_length=200), SMALL)
TURNED = built(kb.full_name("Name", order="family, given", max_length=200), SMALL)
ADDRESSES = st.builds(
    "{}://{}.example.org{}".format,
    st.sampled_from(("http", "HTTPS")),
    st.sampled_from(("a", "Ü", "x-y")),
    PATHS.map("/{}".format),
)
cases = st.one_of(
    st.tuples(st.just(URL), ADDRESSES),
    st.tuples(st.just(NAME), NAMES),
    st.tuples(st.just(TURNED), st.builds("{}, {}".format, NAMES, NAMES)),
)


def blank(side: Side) -> Any:
    """A contact of which something else is known, too."""
    if side is OURS:
        return customcrm.Contact(suffix="S", extra={"Own": 1})
    return keap.Contact(suffix="S", preferred_name="P", given_name=None, family_name=None, spouse_name=None)


@LAWS
@given(cases, st.sampled_from(Side))
def test_what_fits_is_read_back_and_nothing_else_is_touched(case: tuple[Lens, Any], side: Side) -> None:
    lens, raw = case
    assert_laws(lens, side, blank(side), raw, NOWHERE)


def test_options_are_checked_when_they_are_given() -> None:
    for wrong in ({"on_empty": "drop"}, {"direction": "up"}, {"policy": "oldest"}):
        with pytest.raises(MappingError):
            contacts.with_lenses(kb.email("E", keap="email_addresses.EMAIL3", **wrong))  # type: ignore[arg-type]
    with pytest.raises(MappingError):
        kb.text("X", keap="prefix", on_too_long="cut")  # type: ignore[arg-type]
