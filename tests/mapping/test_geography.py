"""Names and codes of countries and regions, however they are written."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pycountry
import pytest

from keapbridge.errors import UnfitError
from keapbridge.mapping.geography import (
    alpha2,
    alpha3,
    countries,
    country_name,
    country_of,
    plain,
    region_of,
    regions,
)
from keapbridge.mapping.kinds.base import Context
from keapbridge.mapping.kinds.phones import Phone
from keapbridge.mapping.kinds.places import Country
from keapbridge.model.side import Side


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("NO", "NOR"), ("nor", "NOR"), ("Norway", "NOR"), ("NORGE", "NOR"), ("Kingdom of Norway", "NOR")),
        *(("Great Britain", "GBR"), ("U.K.", "GBR"), ("Österreich", "AUT"), ("osterreich", "AUT"), ("日本", "JPN")),
    ],
)
def test_a_country_is_known_by_what_people_call_it(written: str, code: str) -> None:
    assert countries()[plain(written)] == code


def test_a_region_is_known_within_its_country() -> None:
    assert regions("NO")[plain("Oslo")] == regions("NO")[plain("NO-03")] == "NO-03"
    assert plain("Oslo") not in regions("SE")
    assert alpha2("NOR") == "NO"
    assert alpha2("XXX") is None
    assert regions("XX") == {}


def test_accents_punctuation_and_case_make_no_difference() -> None:
    assert plain(" Côte d'Ivoire ") == plain("COTE DIVOIRE") == "cote divoire"
    assert plain("Bosnia-and_Herzegovina") == "bosnia and herzegovina"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Norwegen", "NOR"),
        ("Alemania", "DEU"),
        ("Sudkorea", "KOR"),
        ("Japán", "JPN"),
        ("The Netherlands", "NLD"),
        ("Ivory Coast", "CIV"),
        ("Atlantis", None),
        ("abc", None),
    ],
)
def test_a_country_is_understood_in_the_languages_of_the_catalogues(name: str, code: str | None) -> None:
    assert country_of(name) == code


@pytest.mark.parametrize(
    ("country", "name", "code"),
    [
        ("SE", "Stockholm", "SE-AB"),
        ("JP", "東京都", "JP-13"),
        ("JP", "Kanagawa-ken", "JP-14"),
        ("KR", "서울특별시", "KR-11"),
        ("CN", "广东省", "CN-GD"),
        ("RU", "Москва", "RU-MOW"),
        ("GR", "Αττική", "GR-I"),
        ("CL", "Región de Valparaíso", "CL-VS"),
        ("CH", "Genf", "CH-GE"),
        ("US", "Calif.", "US-CA"),
        ("US", "Washington DC", "US-DC"),
        ("CA", "P.E.I.", "CA-PE"),
        ("MX", "CDMX", "MX-CMX"),
        ("GB", "Greater London", "GB-LND"),
        ("GB", "County Durham", "GB-DUR"),
        ("GB", "Hants.", "GB-HAM"),
        ("GB", "Yorkshire", None),
        ("ES", "Comunidad de Madrid", "ES-MD"),
        ("PH", "Metro Manila", "PH-00"),
        ("MA", "Casablanca-Settat", "MA-06"),
        ("TH", "จังหวัดเชียงใหม่", "TH-50"),
        ("US", "Washington State", "US-WA"),
        # Of a county nobody knows the state by its name.
        ("US", "Washington County", None),
        ("US", "Kansas City", None),
        ("US", "West", None),
        ("XX", "Oslo", None),
    ],
)
def test_a_region_is_understood_by_everyday_and_local_names_and_never_guessed(
    country: str, name: str, code: str | None
) -> None:
    assert region_of(country, name) == code


def test_every_code_of_the_data_is_one_of_the_standards_but_for_those_that_it_adds() -> None:
    held = tomllib.loads(files("keapbridge.mapping").joinpath("places.toml").read_text("utf-8"))
    added = {each["alpha_3"] for each in held["country"]}
    known = {country.alpha_3 for country in pycountry.countries}
    assert added.isdisjoint(known)
    assert set(held["countries"]) <= known | added
    assert [code for code in held["regions"] if pycountry.subdivisions.get(code=code) is None] == []
    named = [(code[:2], plain(name)) for code, names in held["regions"].items() for name in names.split("/")]
    assert len(named) == len(set(named))


def test_kosovo_has_codes_and_phones_and_keap_no_place_for_it() -> None:
    assert [country_of(name) for name in ("Kosovo", "Kosova", "XK", "xkx", "Republic of Kosovo")] == ["XKX"] * 5
    assert (alpha2("XKX"), alpha3("XK"), country_name("XKX"), country_name("XKX", "de")) == ("XK", "XKX") + (
        "Kosovo",
    ) * 2
    assert Phone().read("044 123 456", Side.CUSTOMCRM, "XKX", Context()) == "+38344123456"
    with pytest.raises(UnfitError, match="Kosovo has no code in ISO 3166-1"):
        Country().fit("XKX", Side.KEAP, None, Context())
    assert Country().fit("XKX", Side.CUSTOMCRM, None, Context()) == "XKX"
