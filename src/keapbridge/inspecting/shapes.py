"""What the values of a column look like, by the kinds that would read them, and what that says for a property. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

from keapbridge.errors import UnfitError
from keapbridge.inspecting.naming import value_words, words_of_value
from keapbridge.inspecting.schema import Column
from keapbridge.mapping.kinds.base import Context, Kind
from keapbridge.mapping.kinds.places import Country
from keapbridge.mapping.kinds.text import Email, Url
from keapbridge.mapping.kinds.times import Date
from keapbridge.model.side import Side

__all__ = ["Looks", "fits", "looks"]

_PHONE = re.compile(r"\s*(\(?\+|00)?[\d\s()./-]{6,24}(\s*(x|ext\.?|#)\s*\d{1,6})?\s*", re.IGNORECASE)
_POSTCODE = re.compile(r"(?=.*\d)[A-Za-z]{0,2}-?[A-Za-z\d]{2,5}([ -]?[A-Za-z\d]{1,5})?")
_NUMBER = re.compile(r"[-+]?\s*(\D{0,3})\s*\d[\d.,' ]*\s*(\D{0,3})")
_DAY = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}( |T|$)")
_YES_NO = frozenset(["y", "n", "yes", "no", "true", "false", "t", "f", "0", "1", "on", "off"])
_LONGEST = 200  # characters of a text that are looked at
FEW = 3  # values that say little


@attrs.frozen
class Looks:
    """What is so of the values of a column: how many there are, and the share of them that look like something.

    Attributes:
        filled: how many rows have a value.
        different: how many values there are.
        shares: shape → share, from 0 to 1.
    """

    filled: int = 0
    different: int = 0
    shares: Mapping[str, float] = attrs.field(factory=dict)

    def __getitem__(self, shape: str) -> float:
        return self.shares.get(shape, 0.0)


def _reads(kind: Kind) -> Callable[[str], bool]:
    def reads(text: str) -> bool:
        try:
            return kind.read(text, Side.CUSTOMCRM, None, Context()) is not None
        except UnfitError:
            return False

    return reads


def _words(name: str) -> Callable[[str], bool]:
    return lambda text: not value_words(name).isdisjoint(words_of_value(text))


def _is_courtesy(text: str) -> bool:
    return all(word in value_words("courtesy") for word in words_of_value(text)) if text.strip(".") else False


def _is_phone(text: str) -> bool:
    digits = sum(c.isdigit() for c in text)
    return bool(_PHONE.fullmatch(text)) and digits >= 6 and not _DAY.match(text)


def _is_url(text: str) -> bool:
    return (
        "@" not in text and ("://" in text or text.lower().startswith("www.") or _dotted(text)) and _reads(Url())(text)
    )


def _dotted(text: str) -> bool:
    host = text.partition("/")[0]
    return "." in host and not any(c.isspace() for c in text) and host.rpartition(".")[2].isalpha()


_SHAPES: Mapping[str, Callable[[str], bool]] = {
    "email": lambda text: "@" in text and _reads(Email())(text),
    "phone": _is_phone,
    "url": _is_url,
    "country": _reads(Country()),
    "postcode": lambda text: bool(_POSTCODE.fullmatch(text)),
    "number": lambda text: bool(_NUMBER.fullmatch(text)) and not _DAY.match(text),
    "day": lambda text: bool(_DAY.match(text)),
    "iso day": _reads(Date()),
    "courtesy": _is_courtesy,
    "job": _words("job"),
    "company": _words("company"),
    "yes or no": lambda text: text.lower() in _YES_NO,
    "several words": lambda text: " " in text,
    "digits": lambda text: sum(c.isdigit() for c in text) * 2 > len(text),
    "long": lambda text: len(text) > 80,
    "letters": lambda text: any(c.isalpha() for c in text),
}


def looks(values: Sequence[Any]) -> Looks:
    """What the values of a column look like."""
    texts = [text for value in values if (text := _text(value))]
    if not texts:
        return Looks()
    found = {shape: sum(map(is_so, texts)) / len(texts) for shape, is_so in _SHAPES.items()}
    return Looks(len(texts), len(set(texts)), found)


def _text(value: Any) -> str:
    if value is None or isinstance(value, (bytes, memoryview)):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, Decimal, bool, int, float, str)):
        return str(value).strip()[:_LONGEST]
    return ""


_NO, _HARDLY, _RATHER = 0.0, 0.2, 1.15


def _mostly(share: float, least: float = 0.6) -> float:
    return _RATHER if share >= least else _HARDLY if share < 0.3 else 0.8


def _not(share: float) -> float:
    return _HARDLY if share > 0.5 else 1.0


def _title(seen: Looks) -> float:
    return _RATHER if seen["courtesy"] >= 0.5 else 0.1 if seen["job"] > 0 or seen["several words"] > 0.2 else 0.7


def _job(seen: Looks) -> float:
    return 0.1 if seen["courtesy"] >= 0.5 else _RATHER if seen["job"] >= 0.2 else 0.8


def _whole_name(seen: Looks) -> float:
    return _NO if seen["digits"] > 0.5 else _RATHER if seen["several words"] >= 0.6 else 0.5


_EVIDENCE: Mapping[str, Callable[[Looks], float]] = {
    "Email": lambda seen: _mostly(seen["email"]),
    "Email2": lambda seen: _mostly(seen["email"]),
    "Phone": lambda seen: _mostly(seen["phone"], 0.5),
    "MobilePhone": lambda seen: _mostly(seen["phone"], 0.5),
    "Fax": lambda seen: _mostly(seen["phone"], 0.5),
    "Website": lambda seen: _mostly(seen["url"], 0.5),
    "Country": lambda seen: _mostly(seen["country"], 0.5),
    "ZipCode": lambda seen: _mostly(seen["postcode"], 0.5),
    "City": lambda seen: _not(seen["digits"]),
    "Region": lambda seen: _not(seen["digits"]),
    "StreetAddress1": lambda seen: _HARDLY if max(seen["email"], seen["url"]) > 0.5 else 1.0,
    "Title": _title,
    "JobTitle": _job,
    "FirstName": lambda seen: _not(max(seen["digits"], seen["email"])),
    "MiddleName": lambda seen: _not(max(seen["digits"], seen["email"])),
    "LastName": lambda seen: _not(max(seen["digits"], seen["email"])),
    "FullName": _whole_name,
    "Name": lambda seen: _HARDLY if max(seen["email"], seen["number"]) > 0.5 else 1.0,
    "CompanyName": lambda seen: _HARDLY if max(seen["email"], seen["number"]) > 0.5 else 1.0,
    "Price": lambda seen: _mostly(seen["number"]),
    "BirthDate": lambda seen: _mostly(max(seen["day"], seen["iso day"]), 0.4),
    "Active": lambda seen: _mostly(seen["yes or no"]),
    "inactive": lambda seen: _mostly(seen["yes or no"]),
}
_FAMILIES: Mapping[str, frozenset[str]] = {
    "BirthDate": frozenset({"date", "time", "text"}),
    "Price": frozenset({"integer", "number", "float", "text"}),
    "Active": frozenset({"boolean", "integer", "number", "text"}),
    "inactive": frozenset({"boolean", "integer", "number", "text"}),
    "is_company": frozenset({"boolean", "integer"}),
    "CustomerId": frozenset({"integer", "text", "uuid", "number"}),
    "Sku": frozenset({"text", "integer"}),
    "ZipCode": frozenset({"text", "integer"}),
    "Phone": frozenset({"text", "integer"}),
    "MobilePhone": frozenset({"text", "integer"}),
    "Fax": frozenset({"text", "integer"}),
    "modified": frozenset({"time", "date", "text", "integer"}),
    "created": frozenset({"time", "date", "text"}),
    "deleted": frozenset({"boolean", "integer", "time", "date", "text"}),
}
_TEXT = frozenset({"text"})


def fits(property: str, column: Column, seen: Looks) -> float:
    """How far a column can be a property, by its type and values: 0 for never, about 1 where they say nothing else."""
    if column.family not in _FAMILIES.get(property, _TEXT) or column.computed:
        return _NO
    if property == "Price" and column.family == "text":
        return _mostly(seen["number"]) if seen.filled else _HARDLY
    if property in {"modified", "created"} and column.family == "text":
        return _mostly(max(seen["iso day"], seen["day"])) if seen.filled else 0.8
    if property == "modified" and column.family == "integer":
        return 0.3
    if seen.filled == 0 or property not in _EVIDENCE:
        return 1.0
    found = _EVIDENCE[property](seen)
    return found if seen.filled >= FEW or found >= 1 else (found + 1) / 2
