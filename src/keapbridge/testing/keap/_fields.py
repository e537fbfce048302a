"""Custom fields: their types, and what the content of each may be."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from keapbridge.testing.keap._checks import LARGEST_INTEGER, InvalidError, Writing, text
from keapbridge.testing.keap._documents import Document, words

NUMERIC_FIELDS = frozenset(
    words("CURRENCY DAY_OF_WEEK DECIMAL_NUMBER MONTH PERCENT USER WHOLE_NUMBER YEAR"),
)
DATE_FIELDS = frozenset({"DATE", "DATE_TIME"})
LIST_FIELDS = frozenset({"LIST_BOX", "USER_LIST_BOX"})
FIELD_TYPES = (
    *sorted(NUMERIC_FIELDS | DATE_FIELDS | LIST_FIELDS),
    *words("DRILLDOWN DROPDOWN EMAIL NAME PHONE_NUMBER RADIO SOCIAL_SECURITY_NUMBER STATE TEXT TEXT_AREA WEBSITE"),
    "YES_NO",
)
YES_NO = {"1": 1, "true": 1, "yes": 1, "0": 0, "false": 0, "no": 0}
"""How yes and no are spelled, in lower case."""
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?")
_LONGEST_CONTENT = 65_535


def _content(value: Any, path: str, writing: Writing, field: Document) -> Any:
    kind = field.get("field_type", "TEXT")
    if kind in LIST_FIELDS:
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(i, str) and len(i) <= _LONGEST_CONTENT for i in items):
            raise InvalidError(f"{path} must be a list of options")
        _known_options(items, path, field)
        return value or None
    if kind in NUMERIC_FIELDS:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not _is_number(value):
            raise InvalidError(f"{path} must be a number")
        return None if value == "" else value
    if kind == "YES_NO":
        if not isinstance(value, str | bool | int) or str(value).lower() not in ("", *YES_NO):
            raise InvalidError(f"{path} must be true or false")
        return None if value == "" else value
    stored = text(_LONGEST_CONTENT)(value, path, writing)
    if kind in DATE_FIELDS and stored is not None and not _DATE_TIME.fullmatch(stored):
        raise InvalidError(f"{path} must be an ISO-8601 date")
    if kind in ("DROPDOWN", "RADIO") and stored is not None:
        _known_options([stored], path, field)
    return stored


def _is_number(value: str | float) -> bool:
    if value == "":
        return True
    try:
        return abs(float(value)) <= LARGEST_INTEGER
    except (ValueError, OverflowError):
        return False


def _known_options(values: list[str], path: str, field: Document) -> None:
    options = {o[k] for o in field.get("options", ()) for k in ("id", "label")}
    if options and not options.issuperset(values):
        raise InvalidError(f"{path} is not one of the options of the custom field")


def custom_value(value: Any, path: str, writing: Writing) -> Document | None:
    """One custom field of a record; a `null` or empty content stores nothing."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise InvalidError(f"{path}.id is required")
    if unknown := value.keys() - {"id", "content"}:
        raise InvalidError(f"{path}.{min(unknown)} is not a known property")
    field = writing.custom_fields.get(value["id"])
    if field is None:
        raise InvalidError(f"{path}.id is not a custom field of this object")
    if value.get("content") is None:
        return None
    content = _content(value["content"], f"{path}.content", writing, field)
    return None if content is None else {"id": value["id"], "content": content}


def made_field(about: Document, options: Sequence[str], taken: Collection[str]) -> Document:
    """A custom field with the name that Keap makes of its label, unlike those that are taken (in small letters)."""
    stem = re.sub(r"[^A-Za-z0-9]", "", about["label"]) or "Field"
    stem = stem if stem[0].isalpha() else f"Field{stem}"
    names = (stem, *(f"{stem}{n}" for n in range(len(taken))))
    name = next(name for name in names if name.lower() not in taken)
    field: Document = {**about, "field_name": name, "group_name": "Custom Fields"}
    if options:
        field["options"] = [{"id": str(n), "label": option} for n, option in enumerate(options, start=1)]
    return field
