"""A document: the JSON object that Keap would answer with, and how one looks into it.

It stands before anything that is looked up at the moment of the answer (consent of an address, name of a company) and
before `fields`.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]


def words(text: str) -> list[str]:
    """A table of names, written without quotes and commas."""
    return text.split()


def dicts(value: Any) -> list[Document]:
    """The objects of an array; none of anything else, as a stored document may have been corrupted on purpose."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def in_slot(items: Any, slot: str, name: str) -> str:
    """The property `name` of the item in this slot, or an empty string."""
    return next((string(item.get(name)) for item in dicts(items) if item.get("field") == slot), "")


def in_part(document: Document, name: str, part: str) -> str:
    value = document.get(name)
    return string(value.get(part)) if isinstance(value, dict) else ""
