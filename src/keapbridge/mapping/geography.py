"""Names and codes of countries and regions, from pycountry. Pure; its tables are built at the first use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

__all__ = ["alpha2", "alpha3", "countries", "plain", "regions"]

# What people call their own country, and short names that ISO 3166 does not know.
_OWN_NAMES = {
    "GBR": "uk/england/scotland/wales/great britain/northern ireland",
    "CIV": "ivory coast",
    "BIH": "bosnia",
    "MKD": "macedonia/fyrom",
    "CZE": "czech republic/česko/česká republika",
    "SWZ": "swaziland",
    "CPV": "cape verde",
    "MMR": "burma",
    "TLS": "east timor",
    "VAT": "vatican/vatican city",
    "COD": "dr congo/drc/democratic republic of congo/congo kinshasa",
    "COG": "republic of the congo/republic of congo/congo brazzaville",
    "USA": "america/united states of america",
    "NOR": "norge/noreg",
    "SWE": "sverige",
    "DNK": "danmark",
    "FIN": "suomi",
    "ISL": "ísland",
    "DEU": "deutschland",
    "AUT": "österreich",
    "CHE": "schweiz/suisse/svizzera",
    "NLD": "nederland/holland",
    "BEL": "belgië/belgique",
    "ESP": "españa",
    "ITA": "italia",
    "POL": "polska",
    "SVK": "slovensko",
    "HUN": "magyarország",
    "ROU": "românia",
    "HRV": "hrvatska",
    "SVN": "slovenija",
    "SRB": "srbija/србија",
    "BGR": "българия",
    "GRC": "ελλάδα/hellas",
    "TUR": "turkey",
    "RUS": "russia/россия",
    "UKR": "україна",
    "BLR": "беларусь",
    "EST": "eesti",
    "LVA": "latvija",
    "LTU": "lietuva",
    "IRL": "éire/republic of ireland/southern ireland",
    "BRA": "brasil",
    "MEX": "méxico",
    "MAR": "المغرب",
    "EGY": "مصر",
    "SAU": "السعودية",
    "ARE": "uae/الإمارات",
    "ISR": "ישראל",
    "IND": "भारत",
    "CHN": "中国/中國",
    "TWN": "台灣/台湾",
    "JPN": "日本",
    "KOR": "한국/대한민국/korea",
    "THA": "ประเทศไทย",
    "VNM": "việt nam",
}


# Short forms of regions that people write, and ISO 3166-2 does not know.
_REGION_NAMES = {
    "US-AL": "ala",
    "US-AZ": "ariz",
    "US-AR": "ark",
    "US-CA": "calif/cal",
    "US-CO": "colo",
    "US-CT": "conn",
    "US-DE": "del",
    "US-FL": "fla",
    "US-IL": "ill",
    "US-IN": "ind",
    "US-KS": "kans/kan",
    "US-MA": "mass",
    "US-MI": "mich",
    "US-MN": "minn",
    "US-MS": "miss",
    "US-MT": "mont",
    "US-NE": "nebr/neb",
    "US-NV": "nev",
    "US-NM": "n mex",
    "US-ND": "n dak",
    "US-OK": "okla",
    "US-OR": "ore/oreg",
    "US-PA": "penn/penna",
    "US-SD": "s dak",
    "US-TN": "tenn",
    "US-TX": "tex",
    "US-WA": "wash",
    "US-WI": "wis/wisc",
    "US-WV": "w va",
    "US-WY": "wyo",
    "US-DC": "washington dc/washington d c/d c",
    "CA-PE": "pei/p e i",
    "CA-BC": "b c",
    "CA-NL": "newfoundland/labrador",
    "CA-QC": "québec",
    "MX-CMX": "cdmx/ciudad de méxico/mexico city/df/distrito federal",
}


def plain(text: str) -> str:
    stripped = unicodedata.normalize("NFKD", re.sub(r"[.'’]", "", text.strip().casefold()))
    return re.sub(r"[\W_]+", " ", "".join(c for c in stripped if not unicodedata.combining(c))).strip()


@lru_cache(maxsize=1)
def countries() -> Mapping[str, str]:
    import pycountry

    names = {plain(name): code for code, own in _OWN_NAMES.items() for name in own.split("/")}
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
            name = getattr(country, attribute, None)
            if name:
                names.setdefault(plain(name), country.alpha_3)
    for name, code in list(names.items()):
        names.setdefault(f"the {name}", code)
    return names


@lru_cache(maxsize=512)
def alpha2(alpha3: str) -> str | None:
    import pycountry

    country = pycountry.countries.get(alpha_3=alpha3)
    return country.alpha_2 if country else None


@lru_cache(maxsize=512)
def alpha3(alpha2: str) -> str | None:
    import pycountry

    country = pycountry.countries.get(alpha_2=alpha2.upper())
    return country.alpha_3 if country else None


@lru_cache(maxsize=512)
def regions(alpha2: str) -> Mapping[str, str]:
    import pycountry

    names: dict[str, str] = {}
    for code, own in _REGION_NAMES.items():
        if code.startswith(f"{alpha2}-"):
            names.update((plain(name), code) for name in own.split("/"))
    for region in pycountry.subdivisions.get(country_code=alpha2) or ():  # type: ignore[no-untyped-call]
        code = region.code
        for name in (code, code.partition("-")[2], region.name):
            names.setdefault(plain(name), code)
    return names
