"""How Customcrm writes the values of a field, learnt from some of its records. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Asked, Context, Kind
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Notation", "in_words", "learnt", "spelt"]

Example = tuple[Any, Canonical]
"""What a record holds, and what that means."""


@attrs.frozen(eq=False, repr=False)
class Notation:
    """How a field is written.

    Attributes:
        style: as its kind calls it; `None` where it has none.
        known: values as they are written, for kinds whose values have names.
    """

    style: str | None = None
    known: Mapping[Canonical, Any] = attrs.field(factory=dict)


def learnt(kind: Kind, examples: Sequence[Example]) -> Notation | None:
    """What examples tell of how a kind is written; `None` where that is nothing."""
    styles: Counter[str] = Counter()
    spellings: dict[Canonical, Counter[str]] = {}
    for raw, value in examples:
        text = _text_of(raw)
        if value is None or text is None:
            continue
        style = kind.style_of(text, value)
        if style is not None:
            styles[style] += 1
        if kind.is_named:
            spellings.setdefault(value, Counter())[text] += 1
    most = styles.most_common(1)
    if not most and not spellings:
        return None
    known = {value: counted.most_common(1)[0][0] for value, counted in spellings.items()}
    return Notation(most[0][0] if most else None, known)


def spelt(
    kind: Kind, value: Canonical, notation: Notation | None, present: Example | None, scope: Canonical, context: Context
) -> Any:
    """The raw value for Customcrm, as the mapping declares it, as the record wrote it, or as others do.

    Args:
        present: what the record holds by now, and means with it.
        scope: the value of the field that this one depends on.
    """
    plain = kind.write(value, Side.CUSTOMCRM, context)
    usual = kind.usual_style
    if value is None or (usual is None and not isinstance(plain, str)):
        return plain if present is None else kind.like(plain, present[0])
    style, known = kind.written_as, notation.known if notation is not None else {}
    if present is not None and present[1] is not None:
        text = _text_of(present[0])
        if text is None and not isinstance(plain, str):
            return plain  # it holds a number, which is written in one way
        style = kind.style_of(text, present[1]) if style is None and text is not None else style
    if kind.written_as is None and value in known and (notation is None or style in (None, notation.style)):
        written: Any = known[value]
    else:
        style = style or (notation.style if notation is not None else None) or usual
        written = None if style is None else kind.spell(value, style, scope, context)
    if written is not None and isinstance(plain, tuple):
        written = (written, *plain[1:])
    return plain if written is None or not _means(kind, written, value, scope, context) else written


_AT_HOME = Context(default_region="NO")  # where the samples of kinds are from


def in_words(kind: Kind, notation: Notation | None) -> str | None:
    """How Customcrm writes a kind, with an example that nobody's record has; `None` where that is not known."""
    style = kind.written_as or (notation.style if notation is not None else None) or kind.usual_style
    sample = kind.sample(Asked()) if style is not None else None
    if sample is None:
        return None
    value = kind.read(sample.customcrm, Side.CUSTOMCRM, None, _AT_HOME)
    return f"{style}, such as {_text_of(spelt(kind, value, Notation(style), None, None, _AT_HOME))}"


def _text_of(raw: Any) -> str | None:
    """The text in a raw value, the first one where it is in several properties; `None` where there is none."""
    first = raw[0] if isinstance(raw, tuple) and raw else raw
    return first if isinstance(first, str) else None


def _means(kind: Kind, raw: Any, value: Canonical, scope: Canonical, context: Context) -> bool:
    try:
        return kind.read(raw, Side.CUSTOMCRM, scope, context) == value
    except UnfitError:
        return False
