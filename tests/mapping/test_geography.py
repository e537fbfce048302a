"""Names and codes of countries and regions, however they are written."""

from __future__ import annotations

import pytest

from keapbridge.mapping.geography import alpha2, countries, country_of, plain, region_of, regions


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
