"""What names of tables and columns say, by the words of `words.toml`. Pure."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files

import attrs

__all__ = ["column_scores", "letters", "table_scores", "value_words", "words_of", "words_of_value"]

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
# Put before the names of all tables, or of all columns, by a habit of those who made them.
_HABITS = frozenset(
    {"tbl", "tb", "t", "tab", "table", "wp", "llx", "ps", "the", "app", "dbo", "crm", "c", "col", "vtiger"}
)

_LANGUAGE = r"[a-z]{2,3}([_-][A-Z][A-Za-z]+)?"  # the key of a translation in a column with JSON

WHOLE, BARE, MAIN, END, INSIDE, LATER = 1.0, 0.95, 0.9, 0.75, 0.5, 0.35
"""How much a name says: it is the word; it is, without what is before all of them; it is, behind a word for the first
of several; the word is its end, between words or within one; it is, behind a word for another one than the first."""
SHORTEST_GLUED = 4  # letters of a word that others are written together with
SHORTEST_INSIDE = 5  # letters of a word that is looked for within another


@attrs.frozen
class _Word:
    """A word of a vocabulary.

    Attributes:
        whole_only: whether it is no end of another one.
        is_other: whether it only seems to end with one: `voicemail` is no mail.
    """

    text: str
    whole_only: bool
    is_other: bool = False


@lru_cache(maxsize=8192)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in plain lower letters: `CustomerID` → `customer id`."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ł", "l").replace("ø", "o"))
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    return tuple(part.lower() for part in _PARTS.findall(bare))


def words_of_value(text: str) -> tuple[str, ...]:
    """The words of a text, in plain lower letters: `Beispiel GmbH` → `beispiel gmbh`."""
    return words_of(text.lower())


def letters(name: str) -> str:
    """A name without all that does not matter."""
    return "".join(words_of(name))


@cache
def _data() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads(files("keapbridge.inspecting").joinpath("words.toml").read_text("utf-8"))


def _split(by_language: Mapping[str, str]) -> Iterable[str]:
    return (word.strip() for words in by_language.values() for word in words.split(","))


@cache
def _vocabulary(section: str) -> Mapping[str, tuple[_Word, ...]]:
    return {
        name: tuple({_Word(letters(word), word[:1] == "=", word[:1] == "!") for word in _split(by_language)})
        for name, by_language in _data()[section].items()
    }


@cache
def value_words(name: str) -> frozenset[str]:
    """Words of values, such as those that people are addressed by (`"courtesy"`)."""
    return frozenset(word for each in _split(_data()["values"][name]) for word in words_of_value(each))


@cache
def _before(name: str) -> frozenset[str]:
    return frozenset(letters(word) for word in _split(_data()["before"][name]))


def _scored(words: tuple[str, ...], vocabulary: Iterable[_Word], whole: float) -> float:
    """How much of what a vocabulary has is in some words; `whole` for all of them."""
    joined = "".join(words)
    ends = {"".join(words[i:]) for i in range(1, len(words))}
    best = 0.0
    is_other = any(joined.endswith(word.text) for word in vocabulary if word.is_other)
    for word in vocabulary:
        if word.is_other:
            continue
        if joined == word.text:
            return whole
        if not word.whole_only:
            if word.text in ends:
                best = max(best, END)
            elif len(word.text) >= SHORTEST_INSIDE and joined.endswith(word.text) and not is_other:
                best = max(best, INSIDE)
    return best


def _bare(words: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
    """The words behind those that the names of all columns begin with, and behind a habit."""
    own = len(before) if before and words[: len(before)] == before else 0
    own += 1 if len(words) > own + 1 and words[own] in _HABITS else 0
    rest = words[own:]
    return rest[:-1] if len(rest) > 1 and rest[-1] == "1" else rest


@lru_cache(maxsize=4096)
def column_scores(name: str, table: str = "", shared: tuple[str, ...] = ()) -> Mapping[str, float]:
    """What a column is likely for, by its name: properties and roles (`modified`), each with a number up to 1.

    Args:
        table: what its table is called; its columns may repeat that.
        shared: the words that the names of all columns of the table begin with.
    """
    column, _, key = name.partition("->")
    words = words_of(column if re.fullmatch(_LANGUAGE, key) else key or column)
    if not words:
        return {}
    ones = set(_singular(words_of(table)))
    bare = _unglued(_bare(words, shared))
    if len(bare) > 1 and bare[0] in ones:
        bare = bare[1:]
    found: dict[str, float] = {}
    for property, vocabulary in _vocabulary("columns").items():
        score = max(_scored(words, vocabulary, WHOLE), _scored(bare, vocabulary, BARE) if bare else 0.0)
        rest = bare
        while len(rest) > 1 and score < MAIN:
            later = rest[0] in _before("later") or "".join(rest[:2]) in _before("later")
            if not later and rest[0] not in _before("first"):
                break
            rest = rest[1:]
            behind = _scored(rest, vocabulary, MAIN)
            score = min(behind, LATER) if later else max(score, behind)
            if later:
                break
        if score:
            found[property] = score
    return found


def _unglued(words: tuple[str, ...]) -> tuple[str, ...]:
    """`mailingcity` as `mailing city`: a word that says which of several, written together with another one."""
    for before in sorted(_before("first") | _before("later"), key=len, reverse=True):
        rest = words[0].removeprefix(before) if words else ""
        if len(before) >= SHORTEST_GLUED and rest and rest != words[0]:
            return (before, rest, *words[1:])
    return words


def _singular(words: tuple[str, ...]) -> Iterable[str]:
    for word in words:
        yield word
        if word.endswith("s"):
            yield word[:-1]
        if word.endswith("ies"):
            yield f"{word[:-3]}y"


@lru_cache(maxsize=4096)
def table_scores(name: str) -> Mapping[str, float]:
    """What a table is likely to hold, by its name: `contacts`, `customers`, `products` or `none`."""
    words = words_of(name)
    bare = tuple(word for word in words if word not in _HABITS) or words
    found: dict[str, float] = {}
    for object, vocabulary in _vocabulary("tables").items():
        score = max(_scored(words, vocabulary, WHOLE), _scored(bare, vocabulary, BARE))
        begins = [w for w in vocabulary if not w.whole_only and bare and bare[0] == w.text]
        score = max(score, INSIDE if begins else 0.0)
        if object == "none" and any(w.text == part for w in vocabulary for part in bare):
            score = max(score, END)
        if score:
            found[object] = score
    return found
