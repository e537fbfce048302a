"""Names and codes of countries and regions, however they are written."""

from __future__ import annotations

import pytest

from keapbridge.mapping.geography import alpha2, countries, plain, regions


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
