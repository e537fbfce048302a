"""Phone and fax numbers: every notation of one number is the same value."""

from __future__ import annotations

from random import Random
from typing import Any

import phonenumbers
import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, NOWHERE, NUMBERS, OURS, REGIONS_TO_CALL, THEIRS, read

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.kinds.phones import Fax, Phone, _is_e164
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


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
def test_what_is_taken_for_a_number_as_it_is_would_be_read_as_itself(code: int) -> None:
    digits = Random(code)
    texts = {f"+{code}{digits.randrange(10**length):0{length}}" for length in range(3, 14) for _ in range(30)}
    taken = {text for text in texts if _is_e164(text)}
    for text in taken:
        for region in (None, "US", *phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][:1]):
            number = phonenumbers.parse(text, None if region == "001" else region)
            reason = phonenumbers.is_possible_number_with_reason(number)
            assert reason == phonenumbers.ValidationResult.IS_POSSIBLE, text
            assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == text
            assert not number.italian_leading_zero
            assert number.extension is None


def test_most_numbers_in_e164_are_taken_as_they_are() -> None:
    texts = [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in NUMBERS]
    assert sum(map(_is_e164, texts)) >= 0.9 * len(texts)


def test_an_extension_has_its_own_property_in_keap_and_stands_behind_the_number_elsewhere() -> None:
    assert Phone().write("+4722222222;ext=7", THEIRS, NOWHERE) == ("+4722222222", "7")
    assert Phone().write("+4722222222;ext=7", OURS, NOWHERE) == "+4722222222 x7"
    assert Phone().for_custom_field("+4722222222;ext=7", NOWHERE) == "+4722222222 x7"
    with pytest.raises(UnfitError, match="extension"):
        Fax().fit("+4722222222;ext=7", THEIRS, None, NOWHERE)


def test_a_number_without_a_country_is_held() -> None:
    with pytest.raises(UnfitError, match="needs a \\+ prefix"):
        read(Phone(), "22 22 22 22")
