"""Text without persons: what may be told to anybody, in a message, a log, a `repr` or an event. Pure.

What another system said may quote a record.
"""

from __future__ import annotations

import re

__all__ = ["scrub", "shown_id", "shown_reason"]

MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
NUMBER = re.compile(r"\+?\d[\d\s().-]{6,}\d")
KEY = re.compile(r"\b[A-Za-z0-9_-]{24,}\b")
METHODS = "GET|POST|PUT|PATCH|DELETE"
# As `ApiError` writes itself: the status and the record, the system's own words, the method and the address.
ANSWERED = re.compile(
    rf"(?P<status>\d{{3}}) for (?P<what>a new \w+|the [\w ]+|\w+)[^:(]*(?:: .*?)? \((?P<method>{METHODS}) \S+?\)",
    re.DOTALL,
)
ADDRESS = re.compile(rf" \((?:{METHODS}) \S+?\)")
QUOTED = re.compile(r"(?<!\w)(['\"]).*?\1(?!\w)", re.DOTALL)
# What looks like something of somebody and is none: a moment of ours, and what a person may accept.
OURS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)? UTC|accept=\[(['\"])[\w.-]+\1\]")
LONGEST = 300


def scrub(text: str) -> str:
    """Text without what looks like an e-mail address, a phone number or a key."""
    for what, instead in ((MAIL, "‹e-mail›"), (NUMBER, "‹number›"), (KEY, "‹key›")):
        text = what.sub(instead, text)
    return text


def shown_reason(reason: str) -> str:
    """A reason, without a system's own words and without whatever looks like it is of somebody."""
    text = ANSWERED.sub(r"\g<status> for \g<what> (\g<method>)", reason)
    text = ADDRESS.sub("", text) if text == reason else text
    shown, end = "", 0
    for ours in OURS.finditer(text):
        shown, end = shown + scrub(QUOTED.sub("‹…›", text[end : ours.start()])) + ours[0], ours.end()
    return " ".join((shown + scrub(QUOTED.sub("‹…›", text[end:]))).split())[:LONGEST]


def shown_id(id: str | None) -> str | None:
    """An id, unless it is an address or whole words."""
    if id is None or (len(id) <= 64 and "@" not in id and " " not in id and id.isprintable()):
        return id
    return "‹id›"
