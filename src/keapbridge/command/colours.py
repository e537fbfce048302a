"""Colours of what is printed: on a terminal only, and not where somebody does not want them (https://no-color.org)."""

from __future__ import annotations

import os
import re
import sys
from typing import Final, TextIO

__all__ = ["painted", "wants_colours"]

_RED, _GREEN, _YELLOW, _BOLD, _DIM = "31", "32", "33", "1", "2"
_OF_WORDS: Final = {
    **dict.fromkeys(("failed", "error", "delete", "deleted", "archive", "archived"), _RED),
    **dict.fromkeys(("conflict", "held", "warning", "unlink", "unlinked"), _YELLOW),
    **dict.fromkeys(("create", "created"), _GREEN),
    **dict.fromkeys(("unchanged", "info"), _DIM),
}
_TITLE: Final = re.compile(r"^ *(?:Plan|Run) \w+|^[a-z][a-z ,]*:$|^keapbridge:", re.MULTILINE)
_MARK: Final = re.compile(r"^ +(?:✓|✗ NOT SO:)", re.MULTILINE)
_COUNT: Final = re.compile(r"^(?P<before> {2,4}\w+ {2,})(?P<what>[a-z][\w ]*?)(?P<number> +[\d,]+)$", re.MULTILINE)
_SEVERITY: Final = re.compile(r"^(?P<before> {2})(?P<what>error|warning|info)(?P<number> +)", re.MULTILINE)


def wants_colours(stream: TextIO) -> bool:
    """Whether what is written to a stream may have colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb" and sys.platform != "win32"


def painted(text: str) -> str:
    """A text with its titles, counts and severities in colours. Without them it is the text as it was."""
    text = _TITLE.sub(lambda found: _in(_BOLD, found[0]), text)
    text = _MARK.sub(lambda found: _in(_GREEN if "✓" in found[0] else _RED, found[0]), text)
    for pattern in (_COUNT, _SEVERITY):
        text = pattern.sub(_counted, text)
    return text


def _counted(found: re.Match[str]) -> str:
    colour = _OF_WORDS.get(found["what"].partition(" ")[0])
    return found[0] if colour is None else found["before"] + _in(colour, found["what"] + found["number"])


def _in(colour: str, text: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
