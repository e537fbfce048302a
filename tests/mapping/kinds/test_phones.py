"""Phone and fax numbers: every notation of one number is the same value."""

from __future__ import annotations

from collections.abc import Iterator
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
from keapbridge.mapping.kinds.phones import Fax, Phone, _any_number, _plain_number
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
def test_a_number_that_is_read_by_its_beginning_and_length_is_what_it_is_taken_apart_to(code: int) -> None:
    chance = Random(code)
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
    for text in _written_with(chance, code, [phonenumbers.example_number(region) for region in regions]):
        for region in (None, "US", "IT", *regions[:3]):
            plain = _plain_number(text, region)
            assert plain is None or plain == _any_number.__wrapped__(text, region), (text, region)


def _written_with(chance: Random, code: int, examples: list[Any]) -> Iterator[str]:
    """Numbers of a country, and texts that are nearly such."""
    for length in range(3, 14):
        for _ in range(8):
            digits = f"{chance.randrange(10**length):0{length}}"
            yield from (digits, f"+{code}{digits}", f"0{digits}", f"00{code}{digits}", f"{code}{digits}")
    for number in filter(None, examples[:3]):
        for notation in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
            text = phonenumbers.format_number(number, notation)
            yield text
            for _ in range(12):
                at, sign = chance.randrange(len(text) + 1), chance.choice("0123456789+ ()-./;#x")
                yield text[:at] + sign + text[at:]
                yield text[:at] + sign + text[at + 1 :]


def test_most_numbers_are_read_by_their_beginning_and_length() -> None:
    formats = phonenumbers.PhoneNumberFormat
    texts = [
        (phonenumbers.format_number(number, notation), region)
        for region, number in zip(REGIONS_TO_CALL, NUMBERS, strict=True)
        for notation in (formats.E164, formats.INTERNATIONAL, formats.NATIONAL)
    ]
    assert sum(_plain_number(*each) is not None for each in texts) >= 0.9 * len(texts)


def test_an_extension_has_its_own_property_in_keap_and_stands_behind_the_number_elsewhere() -> None:
    assert Phone().write("+4722222222;ext=7", THEIRS, NOWHERE) == ("+4722222222", "7")
    assert Phone().write("+4722222222;ext=7", OURS, NOWHERE) == "+4722222222 x7"
    assert Phone().for_custom_field("+4722222222;ext=7", NOWHERE) == "+4722222222 x7"
    with pytest.raises(UnfitError, match="extension"):
        Fax().fit("+4722222222;ext=7", THEIRS, None, NOWHERE)


def test_a_number_without_a_country_is_held() -> None:
    with pytest.raises(UnfitError, match="needs a \\+ prefix"):
        read(Phone(), "22 22 22 22")
