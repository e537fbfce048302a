"""Names and codes of countries and regions, from pycountry. Pure; its tables are built at the first use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs

__all__ = [
    "alpha2",
    "alpha3",
    "countries",
    "country_name",
    "country_of",
    "is_standard",
    "language_of",
    "plain",
    "region_name",
    "region_of",
    "regions",
    "sign",
]


@lru_cache(maxsize=1)
def _places() -> Mapping[str, Any]:
    """What the standards do not have: `places.toml`, which tells its sources."""
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files("keapbridge.mapping").joinpath("places.toml").read_text("utf-8"))


@attrs.frozen
class _Country:
    """One that ISO 3166-1 has no code for."""

    alpha_3: str
    alpha_2: str
    name: str


def _all_countries() -> Iterator[Any]:
    import pycountry

    yield from pycountry.countries
    yield from (_Country(**each) for each in _places()["country"])


@lru_cache(maxsize=512)
def _country(code: str) -> Any:
    """By alpha-2 or alpha-3; `None` for no such country."""
    return next((each for each in _all_countries() if code in (each.alpha_2, each.alpha_3)), None)


def plain(text: str) -> str:
    stripped = unicodedata.normalize("NFKD", re.sub(r"[.'’]", "", text.strip().casefold()))
    return re.sub(r"[\W_]+", " ", "".join(c for c in stripped if not unicodedata.combining(c))).strip()


@lru_cache(maxsize=1)
def countries() -> Mapping[str, str]:
    names = {plain(name): code for code, own in _places()["countries"].items() for name in own.split("/")}
    for country in _all_countries():
        for attribute in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
            name = getattr(country, attribute, None)
            if name:
                names.setdefault(plain(name), country.alpha_3)
    for name, code in list(names.items()):
        names.setdefault(f"the {name}", code)
    return names


@lru_cache(maxsize=512)
def alpha2(alpha3: str) -> str | None:
    country = _country(alpha3)
    return country.alpha_2 if country and country.alpha_3 == alpha3 else None


@lru_cache(maxsize=512)
def alpha3(alpha2: str) -> str | None:
    country = _country(alpha2.upper())
    return country.alpha_3 if country and country.alpha_2 == alpha2.upper() else None


@lru_cache(maxsize=1)
def _signs() -> Mapping[str, str]:
    return {code: name.upper() for name, code in countries().items() if len(name) == 1}


def sign(alpha3: str) -> str | None:
    """The single letter by which a country's vehicles are known abroad; `None` where it has none."""
    return _signs().get(alpha3)


@lru_cache(maxsize=512)
def regions(alpha2: str) -> Mapping[str, str]:
    import pycountry

    names: dict[str, str] = {}
    for code, own in _places()["regions"].items():
        if code.startswith(f"{alpha2}-"):
            names.update((plain(name), code) for name in own.split("/"))
    for region in pycountry.subdivisions.get(country_code=alpha2) or ():  # type: ignore[no-untyped-call]
        code = region.code
        for name in (code, code.partition("-")[2], region.name):
            names.setdefault(plain(name), code)
    return names


def is_standard(alpha3: str) -> bool:
    """Whether ISO 3166-1 has this code; others are assigned by those who use them."""
    return not isinstance(_country(alpha3), _Country)


def country_name(alpha3: str, language: str = "") -> str | None:
    """The everyday name of a country, in English or in a language of the catalogues."""
    country = _country(alpha3)
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
    return {plain(name) for name in _names(_country(alpha3))}


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
    for country in _all_countries():
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


@lru_cache(maxsize=4096)
def country_of(name: str) -> str | None:
    """The country that is called so: in English, by its own people, or in another language."""
    wanted = plain(name)
    found = countries().get(wanted)
    if found is not None or not wanted or (wanted.isascii() and len(wanted) < SHORTEST):
        return found
    others = foreign_countries()
    return others.get(name.strip().casefold()) or others.get(wanted)


@lru_cache(maxsize=1)
def _endings() -> tuple[str, re.Pattern[str]]:
    """What is written together with the name of a region, before it and behind it."""
    held = _places()["endings"]
    return held["before"], re.compile(rf"(?<=..)({held['behind'].replace('/', '|')})$")


def _everyday(name: str, kinds: frozenset[str]) -> str:
    """A name of a region without the words for what kind of region it is."""
    before, behind = _endings()
    bare = behind.sub("", name.strip().removeprefix(before))
    return " ".join(word for word in plain(bare).split() if word not in kinds)


@lru_cache(maxsize=64)
def _kinds(alpha2: str) -> frozenset[str]:
    import pycountry

    known = pycountry.subdivisions.get(country_code=alpha2) or ()  # type: ignore[no-untyped-call]
    words = {word for region in known for word in plain(region.type).split()}
    return frozenset(words | set(plain(_places()["kinds"].get(alpha2, "")).split()))


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


@lru_cache(maxsize=4096)
def region_of(alpha2: str, name: str) -> str | None:
    """The region of a country that is called so: by code or name, or by a name that people use."""
    exact = regions(alpha2).get(plain(name))
    if exact is not None or not name.strip():
        return exact
    others = everyday_regions(alpha2)
    bare = _everyday(name, _kinds(alpha2))
    return others.get(plain(name)) or others.get(bare) or regions(alpha2).get(bare)
