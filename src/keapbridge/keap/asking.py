"""What a Keap lets be asked for. Pure but for what is remembered of its refusals.

Its contract moves, and is silent about much: which names `fields` takes, how many ids a filter, how long a page may be.
A refusal that names what it is about is answered by asking for less; what was answered then is remembered, so that the
next call asks for that at once, and is told in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import attrs

from keapbridge.errors import ApiError, BoundError, NoAnswerError, StatusError
from keapbridge.keap.clearing import Way, as_told, next_way
from keapbridge.keap.habits import Cleared, Habits

__all__ = ["LONGER", "MAX_PAGE", "MIN_PAGE", "Asking", "is_named", "is_refusal", "names_in", "smaller", "took_too_long"]

MAX_PAGE: Final = 1000
MIN_PAGE: Final = 100  # below this it is not the length of a page that takes its time
SLOW: Final = 10.0  # seconds for a page: the next one is to be shorter
QUICK: Final = 1.0
LONGER: Final = "longer pages"
_WORDS: Final[Mapping[Way, str]] = {"empty": "an empty value", "null": "null", "mask": "update_mask alone"}
_REFUSALS: Final = frozenset({400, 413, 414, 422, 431})
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LISTING: Final = re.compile(
    r"\b(?:must be\b|one of\b|(?<!not )(?:accepted|allowed|available|known|supported|valid)\b(?: \w+)?(?: are)?\s*:)",
    re.IGNORECASE,
)
_REFUSING: Final = re.compile(r"unrecogni[sz]ed|unknown|invalid|\b(?:not|no such|cannot)\b", re.IGNORECASE)
_log = logging.getLogger("keapbridge.calls")


@attrs.define
class Asking:
    """What a Keap has let be asked for so far; one for all that use a client.

    Attributes:
        habits: how this Keap behaves, as far as that was said or its answers have shown it.
        longest: the longest page that is asked for.
        fields: the names that `fields` does not take, by the kind of call (`GET /v2/contacts/{id}`).
        parts: what lists do not take: `since`, `order_by`, `id_above`, longer pages, by resource.
        sizes: how long pages are, where they are not as long as can be.
        ids: how many ids a filter has taken, where it has refused more.
        failed: the ways that have not cleared a property, by resource and property.
    """

    habits: Habits = attrs.field(factory=Habits.unknown)
    longest: int = attrs.field(default=MAX_PAGE, kw_only=True)
    fields: dict[str, frozenset[str]] = attrs.field(factory=dict)
    parts: dict[str, frozenset[str]] = attrs.field(factory=dict)
    sizes: dict[str, int] = attrs.field(factory=dict)
    ids: dict[str, int] = attrs.field(factory=dict)
    failed: dict[tuple[str, str], frozenset[Way]] = attrs.field(factory=dict)

    def without(self, kind: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that a kind of call takes."""
        refused = self.fields.get(kind, frozenset())
        return tuple(name for name in names if name not in refused)

    def lacks(self, resource: str, part: str) -> bool:
        """Whether the lists of a resource do not take something."""
        return part in self.parts.get(resource, frozenset())

    def size(self, resource: str) -> int:
        """How long a page may be."""
        return min(self.longest, self.sizes.get(resource, MAX_PAGE), self.habits.longest_page or MAX_PAGE)

    def most_ids(self, resource: str) -> int:
        """How many ids a filter may have."""
        return min(self.ids.get(resource, MAX_PAGE), self.habits.ids_at_once or MAX_PAGE)

    def way(self, resource: str, name: str, tried: Collection[Way] = ()) -> Way | None:
        """How to clear a property; `None` where no way has done it.

        Args:
            tried: ways that seem not to have done it just now.
        """
        return next_way(self.habits, name, self.failed.get((resource, name), frozenset()).union(tried))

    def remember_clearing(self, resource: str, told: Mapping[tuple[str, Way], Cleared]) -> None:
        """What became of properties that were written empty."""
        for (name, way), effect in told.items():
            if effect != "clears":
                failed: frozenset[Way] = self.failed.get((resource, name), frozenset())
                self.failed[resource, name] = failed.union((way,))
                _log.warning("%s of %s is not cleared by %s (%s)", name, resource, _WORDS[way], effect)
        self.habits = as_told(self.habits, told)

    def remember_taken(self, resource: str) -> None:
        """A new record was answered as a write to one that was there."""
        if self.habits.same_email != "same":
            self.habits = attrs.evolve(self.habits, same_email="same")
            _log.warning("a new record of %s was taken for one that is there", resource)

    def remember_fields(self, kind: str, names: frozenset[str]) -> None:
        """A call without these names was answered, after one with them was refused."""
        new = names - self.fields.get(kind, frozenset())
        if new:
            self.fields[kind] = self.fields.get(kind, frozenset()) | new
            self.habits = self.habits.over(Habits(unknown_fields="refused"))
            _log.warning("%s does not take the fields %s: they are not asked for any more", kind, _listed(new))

    def remember_parts(self, resource: str, parts: frozenset[str]) -> None:
        """The same, for what narrows or orders a list."""
        new = parts - self.parts.get(resource, frozenset())
        if new:
            self.parts[resource] = self.parts.get(resource, frozenset()) | new
            _log.warning("the list of %s does not take %s: it is read without", resource, _listed(new))

    def remember_ids(self, resource: str, most: int) -> None:
        """So many ids were answered, after more were refused."""
        if most < self.ids.get(resource, MAX_PAGE):
            self.ids[resource] = most
            self.habits = attrs.evolve(self.habits, ids_at_once=most)
            _log.warning("a filter of %s takes %d ids and not many more", resource, most)

    def remember_size(self, resource: str, size: int, seconds: float, *, asked_less: bool, is_full: bool) -> None:
        """A page was answered.

        Args:
            asked_less: after a longer one was refused or took too long.
            is_full: there are more after it, so that a longer one would have shown more.
        """
        most = self.size(resource)
        if asked_less and size < most:
            self.sizes[resource] = size
            _log.warning("pages of %s are %d records long from now on", resource, size)
        elif seconds > SLOW and size == most > MIN_PAGE:
            self.sizes[resource] = smaller(size)
        elif seconds < QUICK and is_full and size == most < self.longest and not self.lacks(resource, LONGER):
            self.sizes[resource] = min(self.longest, 2 * size)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def smaller(size: int) -> int:
    """The next shorter page; down to where it is not the length that takes its time."""
    return max(MIN_PAGE, size // 2)


def is_refusal(error: ApiError) -> bool:
    """Whether a call was refused for what it asked for, so that another one may be answered."""
    return isinstance(error, StatusError) and error.status in _REFUSALS


def took_too_long(error: ApiError) -> bool:
    """Whether there was no answer in time, so that less may be answered."""
    if isinstance(error, BoundError):
        return error.bound == "call_seconds"
    return (isinstance(error, NoAnswerError) and error.sent) or error.status == 504


def is_named(said: str, name: str) -> bool:
    """Whether a refusal is about something with this name (`page_size`, also written `page size`)."""
    return re.search(name.replace("_", "[ _-]?") + r"(?![A-Za-z0-9_])", said, re.IGNORECASE) is not None


def names_in(said: str, asked: Collection[str]) -> frozenset[str]:
    """Those of the names that a refusal is about: which it names, or which it does not where it lists what there is."""
    listing = _LISTING.search(said)
    if listing is not None and (there := _named(said[listing.end() :], asked)):
        return frozenset(asked) - there
    named = _named(said, asked)
    if len(named) == len(asked):
        return frozenset()
    is_list = 2 * len(named) > len(asked) and _REFUSING.search(said) is None
    return frozenset(asked) - named if is_list else named


def _named(said: str, asked: Collection[str]) -> frozenset[str]:
    words = {_plain(word) for word in _WORD.findall(said)}
    return frozenset(name for name in asked if _plain(name) in words)


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()
