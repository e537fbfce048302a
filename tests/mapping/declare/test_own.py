"""A host's own functions are held to the laws of every field."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, OURS, assert_laws, built

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.keap import records as keap
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Lens
from keapbridge.model.side import Side

NOWHERE = Context(keap_currency="USD")


def cut(text: str) -> str:
    return text[:3]


SWAP = built(kb.lens(str.swapcase, str.swapcase, customcrm="Swap", keap="spouse_name"))
CUT = built(kb.lens(str, cut, customcrm="Cut", keap="spouse_name", losses="all but three letters"))
cases = st.one_of(
    st.tuples(st.just(SWAP), st.text("aBcDéÉ1 ", max_size=20)), st.tuples(st.just(CUT), st.text("abc ", max_size=20))
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
