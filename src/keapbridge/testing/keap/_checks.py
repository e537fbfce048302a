"""Checks of single values of a request: texts, numbers, dates, amounts, objects and arrays of them.

A *check* takes one value of a request body and returns what is stored, `None` for "nothing to store"; it raises
`InvalidError` with the words of the 400 answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

import attrs

from keapbridge.testing.keap._behaviour import KeapBehaviour
from keapbridge.testing.keap._documents import Document, words


class InvalidError(Exception):
    """A request that Keap answers with 400; the text is the message of the answer."""


@attrs.frozen
class Writing:
    """What a check may know beside the value: the switches and the state it refers to."""

    behaviour: KeapBehaviour
    currency: str
    company_exists: Callable[[str], bool]
    custom_fields: Mapping[str, Document]


Check = Callable[[Any, str, Writing], Any]

# --- scalars --------------------------------------------------------------------------------------------------------

# What Python, JSON and SQLite all hold exactly.
LARGEST_INTEGER = 2**63 - 1
_DIGITS = re.compile(r"[0-9]{1,18}")
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(\.[^@\s,;<>.]+)+")


def text(limit: int | None = None, *, required: bool = False) -> Check:
    """A string of at most `limit` characters; the empty one means "no value"."""

    def check(value: Any, path: str, writing: Writing) -> str | None:
        if not isinstance(value, str):
            raise InvalidError(f"{path} must be a string")
        if limit is not None and len(value) > limit:
            if not writing.behaviour.truncate_silently:
                raise InvalidError(f"{path} must be at most {limit} characters")
            value = value[:limit]
        if required and not value.strip():
            raise InvalidError(f"{path} must not be blank")
        return value or None

    return check


def one_of(*allowed: str) -> Check:
    """One of these strings."""

    def check(value: Any, path: str, writing: Writing) -> str:
        if value not in allowed or not isinstance(value, str):
            raise InvalidError(f"{path} must be one of {', '.join(allowed)}")
        return value

    return check


def boolean(value: Any, path: str, writing: Writing) -> bool:
    if not isinstance(value, bool):
        raise InvalidError(f"{path} must be true or false")
    return value


def whole(largest: int) -> Check:
    """An integer from 0 to `largest`."""

    def check(value: Any, path: str, writing: Writing) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= largest:
            raise InvalidError(f"{path} must be an integer greater than or equal to 0")
        return value

    return check


def weight(value: Any, path: str, writing: Writing) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LARGEST_INTEGER:
        raise InvalidError(f"{path} must be a number greater than or equal to 0")
    return value


def identifier(value: Any, path: str, writing: Writing) -> str | None:
    """The id of another record, as a string of digits."""
    if not isinstance(value, str) or (value and not _DIGITS.fullmatch(value)):
        raise InvalidError(f"{path} must be a numeric id")
    return value or None


def day(value: Any, path: str, writing: Writing) -> str | None:
    """A date without time."""
    if value == "":
        return None
    try:
        # fromisoformat takes more spellings than the one that comes out again.
        if date.fromisoformat(value).isoformat() == value:
            return str(value)
    except (TypeError, ValueError):
        pass
    raise InvalidError(f"{path} must be a date in the form YYYY-MM-DD")


def email(limit: int) -> Check:
    """An email address, its syntax roughly checked."""
    fits = text(limit)

    def check(value: Any, path: str, writing: Writing) -> str | None:
        stored: str | None = fits(value, path, writing)
        if stored is not None and not _EMAIL.fullmatch(stored):
            raise InvalidError(f"{path} is not a valid email address")
        return stored.lower() if stored and writing.behaviour.case_fold_emails else stored

    return check


# --- money ----------------------------------------------------------------------------------------------------------

# ISO 4217, written down apart from the table of the client: an error in that one is found by this one.
_DECIMALS = {
    **dict.fromkeys(words("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"), 0),
    **dict.fromkeys(words("BHD IQD JOD KWD LYD OMR TND"), 3),
    **dict.fromkeys(words("CLF UYW"), 4),
}
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def money(amount: int, currency: str) -> Document:
    """What Keap answers for an amount in the smallest unit of `currency`."""
    decimals = _DECIMALS.get(currency, 2)
    units, rest = divmod(amount, 10**decimals)
    number = f"{units:,}" + (f".{rest:0{decimals}}" if decimals else "")
    return {
        "amount": amount,
        "currency_code": currency,
        "formatted_amount": _SYMBOLS.get(currency, f"{currency} ") + number,
    }


def price(value: Any, path: str, writing: Writing) -> Document:
    """An amount in the smallest unit of the emulator's currency."""
    return money(whole(LARGEST_INTEGER)(value, path, writing), writing.currency)


# --- objects and arrays ---------------------------------------------------------------------------------------------


def scalars(properties: Mapping[str, Check], *, required: Collection[str] = (), ignored: Collection[str] = ()) -> Check:
    """An object of scalars."""

    def check(value: Any, path: str, writing: Writing) -> Document | None:
        if not isinstance(value, dict):
            raise InvalidError(f"{path} must be an object")
        stored: Document = {}
        for name, given in value.items():
            if name in ignored or given is None:
                continue
            if name not in properties:
                raise InvalidError(f"{path}.{name} is not a known property")
            kept = properties[name](given, f"{path}.{name}", writing)
            if kept is not None:
                stored[name] = kept
        if missing := set(required) - stored.keys():
            raise InvalidError(f"{path}.{min(missing)} is required")
        return stored or None

    return check


def many(item: Check, *, key: str, what: str, limit: int = 1000) -> Check:
    """An array that is stored as a whole; no two items may have the same `key`."""

    def check(value: Any, path: str, writing: Writing) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidError(f"{path} must be an array")
        if len(value) > limit:
            raise InvalidError(f"{path} has too many items")
        given = [(each, item(each, f"{path}[{n}]", writing)) for n, each in enumerate(value)]
        keys = [each.get(key) for each, _ in given]
        if len(set(keys)) != len(keys):
            raise InvalidError(f"{path} has more than one item for the same {what}")
        return [kept for _, kept in given if kept is not None]

    return check
