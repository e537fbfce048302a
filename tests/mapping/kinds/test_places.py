"""Countries and regions: known by their names and codes."""

from __future__ import annotations

import pycountry
import pytest
from lens_laws import COUNTRIES, DIVIDED, NOWHERE, OURS, THEIRS, read

from keapbridge.errors import UnfitError
from keapbridge.mapping.geography import alpha2, countries, plain
from keapbridge.mapping.kinds.places import Country, Region


def test_every_country_is_known_by_its_names_and_codes() -> None:
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
            name = getattr(country, attribute, None)
            if name:
                for text in (name, name.upper(), f" {name.lower()}."):
                    assert read(Country(), text) == country.alpha_3
                    assert read(Country(), (None, text), THEIRS) == country.alpha_3
    assert set(countries().values()) == {*COUNTRIES, "XKX"}


def test_every_region_is_known_by_its_codes_within_its_country() -> None:
    for code in DIVIDED:
        for region in pycountry.subdivisions.get(country_code=alpha2(code)):
            short = region.code.partition("-")[2]
            for text in (region.code, region.code.lower(), short, (None, region.code), (region.code, "anything")):
                assert read(Region(), text, OURS, code) == region.code
            # Some countries have two regions of one name: then it is one of the two.
            named = read(Region(), region.name, OURS, code)
            assert plain(pycountry.subdivisions.get(code=named).name) == plain(region.name)


def test_a_country_is_written_by_the_code_that_each_system_knows() -> None:
    assert Country().write("NOR", THEIRS, NOWHERE) == ("NOR", None)
    assert Country().write("NOR", OURS, NOWHERE) == "NO"


def test_a_region_means_nothing_without_its_country() -> None:
    with pytest.raises(UnfitError, match="without a country"):
        read(Region(), "NO-03")
    with pytest.raises(UnfitError, match="of its country"):
        read(Region(), "NO-03", OURS, "SWE")
