"""Phone and fax numbers: every notation of one number is the same value."""

from __future__ import annotations

from typing import Any

import phonenumbers
import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, NOWHERE, NUMBERS, OURS, REGIONS_TO_CALL, THEIRS, read

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.phones import Fax, Phone
from keapbridge.model.side import Side


@LAWS
@given(
    st.sampled_from(tuple(zip(REGIONS_TO_CALL, NUMBERS, strict=True))),
    st.sampled_from(("", "7", "0423")),
    st.sampled_from(Side),
)
def test_a_number_is_the_same_in_every_notation(example: tuple[str, Any], extension: str, side: Side) -> None:
    code, number = example
    formats = phonenumbers.PhoneNumberFormat
    scope = pycountry.countries.get(alpha_2=code).alpha_3
    expected = phonenumbers.format_number(number, formats.E164) + (f";ext={extension}" if extension else "")
    for notation in (formats.E164, formats.INTERNATIONAL, formats.NATIONAL, formats.RFC3966):
        text = phonenumbers.format_number(number, notation)
        raws: list[Any] = [(text, extension or None), f"{text} x{extension}" if extension else f" {text} "]
        for raw in raws:
            assert read(Phone(), raw, side, scope) == expected
            assert read(Phone(), raw, side, None, Context(default_region=code)) == expected
            if notation != formats.NATIONAL:
                assert read(Phone(), raw, side, "FRA") == expected
            if not extension:
                assert read(Fax(), raw, side, scope) == expected


def test_an_extension_has_its_own_property_in_keap_and_stands_behind_the_number_elsewhere() -> None:
    assert Phone().write("+4722222222;ext=7", THEIRS, NOWHERE) == ("+4722222222", "7")
    assert Phone().write("+4722222222;ext=7", OURS, NOWHERE) == "+4722222222 x7"
    assert Phone().for_custom_field("+4722222222;ext=7", NOWHERE) == "+4722222222 x7"
    with pytest.raises(UnfitError, match="extension"):
        Fax().fit("+4722222222;ext=7", THEIRS, None, NOWHERE)


def test_a_number_without_a_country_is_held() -> None:
    with pytest.raises(UnfitError, match="needs a \\+ prefix"):
        read(Phone(), "22 22 22 22")
