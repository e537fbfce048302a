"""Reasons that may be told to anybody: without what another system said, as that may quote a record. Pure."""

from __future__ import annotations

import re

__all__ = ["shown_id", "shown_reason"]

METHODS = "GET|POST|PUT|PATCH|DELETE"
# As `ApiError` writes itself: the status and the record, the system's own words, the method and the address.
ANSWERED = re.compile(
    rf"(?P<status>\d{{3}}) for (?P<what>a new \w+|the [\w ]+|\w+)[^:(]*(?:: .*?)? \((?P<method>{METHODS}) \S+?\)",
    re.DOTALL,
)
ADDRESS = re.compile(rf" \((?:{METHODS}) \S+?\)")
MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
NUMBER = re.compile(r"\+?\d[\d\s().-]{6,}\d")
KEY = re.compile(r"\b[A-Za-z0-9_-]{24,}\b")
QUOTED = re.compile(r"(?<!\w)(['\"]).*?\1(?!\w)", re.DOTALL)
# What looks like something of somebody and is none: a moment of ours, and what a person may accept.
OURS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)? UTC|accept=\[(['\"])[\w.-]+\1\]")
LONGEST = 300


def shown_reason(reason: str) -> str:
    """A reason, without a system's own words and without whatever looks like it is of somebody."""
    text = ANSWERED.sub(r"\g<status> for \g<what> (\g<method>)", reason)
    text = ADDRESS.sub("", text) if text == reason else text
    shown, end = "", 0
    for ours in OURS.finditer(text):
        shown, end = shown + _without(text[end : ours.start()]) + ours[0], ours.end()
    return " ".join((shown + _without(text[end:])).split())[:LONGEST]


def _without(text: str) -> str:
    for what, instead in ((MAIL, "‹e-mail›"), (QUOTED, "‹…›"), (NUMBER, "‹number›"), (KEY, "‹key›")):
        text = what.sub(instead, text)
    return text


def shown_id(id: str | None) -> str | None:
    """An id, unless it is an address or whole words."""
    if id is None or (len(id) <= 64 and "@" not in id and " " not in id and id.isprintable()):
        return id
    return "‹id›"
