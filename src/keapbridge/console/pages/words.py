"""The words of reports and plans as people read them on the pages."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["heading_words", "reason_words"]

HEADINGS: Mapping[str, tuple[str, str]] = {
    "conflict": ("conflict", "conflicts"),
    "decide": ("decision of a person", "decisions of a person"),
    "held": ("field held", "fields held"),
    "held field": ("field held", "fields held"),
    "skip": ("left alone", "left alone"),
    "skipped": ("left alone", "left alone"),
}
"""Headings that are not plain words by themselves: for one, and for any other number."""


def heading_words(heading: str, number: int = 2) -> str:
    """What records, or fields, are counted as."""
    one, many = HEADINGS.get(heading, (heading, heading))
    return one if number == 1 else many


def reason_words(reason: str) -> str:
    """Why something did not go through; a policy's name for a rule says nothing to who has not written it."""
    return "edited in both systems, and left to a person" if reason == "manual" else reason
