"""Spellings of a text that nobody can tell apart, made one: for matching only, never to be written. Pure.

| makes no difference               | as in                                  |
|-----------------------------------|----------------------------------------|
| HTML entities, encoded how often  | `Smith &amp;amp; Sons`                 |
| curly quotes                      | `Dave’s Diner`                         |
| dashes                            | `Acme – North`                         |
| white space of every kind         | a no-break space, a tab, two spaces    |
| characters that cannot be seen    | a zero width space, a soft hyphen      |
| full and half width               | `Ａｃｍｅ`                             |
| case                              | `STRASSE` and `Straße`                 |
| the two forms of a domain         | `xn--bcher-kva.example`                |

Letters and digits that differ otherwise stay apart, such as accents, superscripts and letters of other alphabets.
"""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["blind", "decoded"]

_SINGLE = "\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u0060\u00b4"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63"
_SAME = str.maketrans(dict.fromkeys(_SINGLE, "'") | dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_DASHES, "-"))
# Of these the category does not tell that nothing is to be seen of them, or the other way round.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_SEEN = (range(0x0600, 0x0606), range(0x0890, 0x0892), range(0x13430, 0x13440))
_SEEN_TOO = frozenset("\u06dd\u070f\u08e2\U000110bd\U000110cd")
_WIDTHS = ("<wide>", "<narrow>")
_AMPERSANDS = re.compile("&(?:(?:amp|AMP|#0{0,9}38|#[xX]0{0,9}26);)+")
_ENTITY = re.compile(r"&(?:#\d{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,40});")
_PUNYCODE = re.compile(r"(?<![a-z0-9-])xn--[a-z0-9-]{1,59}(?![a-z0-9-])")
_PASSES = 8
# Without spaces, letters to be made small, and what begins an entity or is a quote: e-mail addresses, numbers, dates.
_BLIND_ALREADY = re.compile(r"[!-%'-@\[-_a-~]+")


def blind(text: str) -> str:
    """The text in the one spelling that stands for all of them."""
    if _BLIND_ALREADY.fullmatch(text) is not None and "xn--" not in text:
        return text
    if text.isascii() and text.isprintable() and "&" not in text and "`" not in text:  # as most are
        small = text.lower()
        if "xn--" not in small:
            return small if "  " not in small and small == small.strip() else " ".join(small.split())
    for _ in range(_PASSES):  # what is decoded may be encoded
        before, text = text, _once(text)
        if text == before:
            break
    return text


def decoded(text: str) -> str:
    """The text without HTML entities, characters that cannot be seen, and those of full or half width."""
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), _AMPERSANDS.sub("&", text))
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_SEEN_AS)


def _once(text: str) -> str:
    text = decoded(text)
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_SAME).casefold())
    return " ".join(_PUNYCODE.sub(_in_letters, text).split())


class _SeenAs(dict[int, str]):
    """What is seen of a character, by its number: found out once."""

    def __missing__(self, number: int) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        seen = self[number] = "" if _is_invisible(chr(number)) else _in_its_width(chr(number))
        return seen


_MOST_KNOWN = 10_000
_SEEN_AS = _SeenAs()


def _is_invisible(c: str) -> bool:
    if c.isspace():
        return False
    kind = unicodedata.category(c)
    if kind == "Cc":
        return True
    if kind == "Cf":
        return not (c in _SEEN_TOO or any(ord(c) in some for some in _SEEN))
    return c in _BLANK or any(ord(c) in some for some in _SELECTORS)


def _in_its_width(c: str) -> str:
    """A character of full or half width as the usual one."""
    if c < "\u3000" or not unicodedata.decomposition(c).startswith(_WIDTHS):
        return c
    return unicodedata.normalize("NFKC", c)


def _in_letters(found: re.Match[str]) -> str:
    """A label of a domain in letters, if it is what these letters are encoded as."""
    label = found[0]
    try:
        letters = label[4:].encode().decode("punycode")
    except UnicodeError:
        return label
    is_one = not letters.isascii() and letters.encode("punycode").decode() == label[4:]
    return letters if is_one and all(c.isalnum() or c in "-." or unicodedata.combining(c) for c in letters) else label
