"""Names and codes of countries and regions, from pycountry. Pure; its tables are built at the first use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = [
    "alpha2",
    "alpha3",
    "countries",
    "country_name",
    "country_of",
    "language_of",
    "plain",
    "region_name",
    "region_of",
    "regions",
]

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
    "RU-MOW": "moscow",
    "RU-MOS": "moscow oblast/moscow region/московская область",
    "RU-SPE": "saint petersburg/st petersburg/санкт петербург",
    "GR-M": "crete/κρήτη",
    "GR-I": "αττική",
    "TH-10": "กรุงเทพมหานคร/กรุงเทพ",
    "CL-RM": "región metropolitana/metropolitana/santiago",
    "ES-CT": "cataluña/catalunya/catalonia",
    "DE-NW": "nrw",
    "IT-52": "tuscany",
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


def country_name(alpha3: str, language: str = "") -> str | None:
    """The everyday name of a country, in English or in a language of the catalogues."""
    import pycountry

    country = pycountry.countries.get(alpha_3=alpha3)
    if country is None:
        return None
    if language:
        return names_in(language).get(alpha3)
    name: str = getattr(country, "common_name", None) or country.name
    return name


def region_name(code: str) -> str | None:
    """The name of a region, as ISO 3166-2 has it."""
    import pycountry

    region: Any = pycountry.subdivisions.get(code=code)  # type: ignore[no-untyped-call]
    return None if region is None else str(region.name)


SHORTEST = 4  # letters of a name: shorter ones are codes, and mistaken ones
LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "pl", "cs", "ja", "ru", "zh_CN", "tr", "ar")
"""Those whose names are tried first, of the languages that share some."""


def language_of(name: str, alpha3: str) -> str:
    """The language in which a country is called so; empty for English, and where no catalogue has it."""
    wanted = plain(name)
    if countries().get(wanted) == alpha3 and wanted in _english(alpha3):
        return ""
    others = (language for language in languages() if language not in LANGUAGES)
    tried = (*LANGUAGES, *others)
    return next((each for each in tried if plain(names_in(each).get(alpha3, "")) == wanted), "")


def _english(alpha3: str) -> set[str]:
    import pycountry

    country = pycountry.countries.get(alpha_3=alpha3)
    return {plain(name) for name in _names(country)}


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The languages of the catalogues that come with pycountry."""
    import pycountry

    found = Path(pycountry.LOCALES_DIR).glob("*/LC_MESSAGES/iso3166-1.mo")
    return tuple(sorted(each.parts[-3] for each in found))


@lru_cache(maxsize=256)
def names_in(language: str) -> Mapping[str, str]:
    """The names of countries in a language, by alpha-3."""
    import gettext

    import pycountry

    try:
        told = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])
    except OSError:
        return {}
    found: dict[str, str] = {}
    for country in pycountry.countries:
        english = getattr(country, "common_name", None) or country.name
        for name in (english, country.name):
            if (own := told.gettext(name)) != name:
                found[country.alpha_3] = own
                break
        else:
            found[country.alpha_3] = english
    return found


@lru_cache(maxsize=1)
def foreign_countries() -> Mapping[str, str]:
    """Countries by their names in all languages of the catalogues; a name that means several is none.

    In the languages that are tried first whatever their accents and punctuation, in the others whatever their case.
    """
    import gettext

    import pycountry

    english = [(name, c.alpha_3) for c in pycountry.countries for name in _names(c)]
    found: dict[str, str] = {}
    doubtful: set[str] = set()
    for language in languages():
        told = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])
        for name, code in english:
            own = told.gettext(name)
            if own == name:
                continue
            for spelling in {own.casefold(), plain(own)} if language in LANGUAGES else {own.casefold()}:
                if found.setdefault(spelling, code) != code:
                    doubtful.add(spelling)
    return {name: code for name, code in found.items() if name not in doubtful}


def _names(country: Any) -> list[str]:
    names = (getattr(country, name, None) for name in ("name", "common_name", "official_name"))
    return [name for name in names if name]


def country_of(name: str) -> str | None:
    """The country that is called so: in English, by its own people, or in another language."""
    wanted = plain(name)
    found = countries().get(wanted)
    if found is not None or not wanted or (wanted.isascii() and len(wanted) < SHORTEST):
        return found
    others = foreign_countries()
    return others.get(name.strip().casefold()) or others.get(wanted)


# What kind of region it is, as people say or leave out, beside the words of ISO 3166-2 itself.
_KINDS = {
    "SE": "lan",
    "JP": "ken fu to",
    "CN": "sheng shi zizhiqu",
    "KR": "do si",
    "RU": "oblast respublika kray krai okrug",
    "CL": "region de del",
    "ES": "comunidad comunitat provincia principado de",
    "CH": "kanton canton",
    "TH": "changwat",
}
_SUFFIXES = re.compile(r"(?<=..)(県|府|都|省|市|自治区|特别行政区|도|시|광역시|특별시|область|край|республика)$")


def _everyday(name: str, kinds: frozenset[str]) -> str:
    """A name of a region without the words for what kind of region it is."""
    bare = _SUFFIXES.sub("", name.strip().removeprefix("จังหวัด"))
    return " ".join(word for word in plain(bare).split() if word not in kinds)


@lru_cache(maxsize=64)
def _kinds(alpha2: str) -> frozenset[str]:
    import pycountry

    known = pycountry.subdivisions.get(country_code=alpha2) or ()  # type: ignore[no-untyped-call]
    words = {word for region in known for word in plain(region.type).split()}
    return frozenset(words | set(_KINDS.get(alpha2, "").split()))


@lru_cache(maxsize=64)
def everyday_regions(alpha2: str) -> Mapping[str, str]:
    """Regions of a country by everyday names, also in other languages; one that means several is none."""
    import gettext

    import pycountry

    known = pycountry.subdivisions.get(country_code=alpha2) or ()  # type: ignore[no-untyped-call]
    kinds = _kinds(alpha2)
    found: dict[str, set[str]] = {}
    for region in known:
        found.setdefault(_everyday(region.name, kinds), set()).add(region.code)
    for language in sorted(Path(pycountry.LOCALES_DIR).glob("*/LC_MESSAGES/iso3166-2.mo")) if known else ():
        told = gettext.translation("iso3166-2", pycountry.LOCALES_DIR, languages=[language.parts[-3]])
        for region in known:
            own = told.gettext(region.name)
            if own != region.name:
                for spelling in {plain(own), _everyday(own, kinds)}:
                    found.setdefault(spelling, set()).add(region.code)
    return {name: min(codes) for name, codes in found.items() if name and len(codes) == 1}


def region_of(alpha2: str, name: str) -> str | None:
    """The region of a country that is called so: by code or name, or by a name that people use."""
    exact = regions(alpha2).get(plain(name))
    if exact is not None or not name.strip():
        return exact
    others = everyday_regions(alpha2)
    return others.get(plain(name)) or others.get(_everyday(name, _kinds(alpha2)))
