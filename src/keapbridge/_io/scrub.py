"""Text that may be shown: in a message, a log, a `repr`. Pure."""

from __future__ import annotations

import re

__all__ = ["scrub"]


def scrub(text: str) -> str:
    """Text without what looks like an e-mail address, a phone number or a key."""
    text = re.sub(r"[^\s@<>\"']+@[^\s@<>\"']+", "‹e-mail›", text)
    text = re.sub(r"\+?\d[\d\s().-]{6,}\d", "‹number›", text)
    return re.sub(r"\b[A-Za-z0-9_-]{24,}\b", "‹key›", text)
