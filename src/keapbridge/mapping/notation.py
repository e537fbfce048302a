"""How Customcrm writes the values of a field, learnt from some of its records. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context, Kind
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = ["Notation", "learnt", "spelt"]

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
        if value is None or not isinstance(raw, str):
            continue
        style = kind.style_of(raw, value)
        if style is not None:
            styles[style] += 1
        if kind.is_named:
            spellings.setdefault(value, Counter())[raw] += 1
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
    if value is None or not isinstance(plain, str):
        return plain
    style, known = kind.written_as, notation.known if notation is not None else {}
    if style is None and present is not None and isinstance(present[0], str) and present[1] is not None:
        style = kind.style_of(present[0], present[1])
    if kind.written_as is None and value in known and (notation is None or style in (None, notation.style)):
        written: Any = known[value]
    else:
        if style is None and notation is not None:
            style = notation.style
        written = None if style is None else kind.spell(value, style, scope, context)
    return plain if written is None or not _means(kind, written, value, scope, context) else written


def _means(kind: Kind, raw: Any, value: Canonical, scope: Canonical, context: Context) -> bool:
    try:
        return kind.read(raw, Side.CUSTOMCRM, scope, context) == value
    except UnfitError:
        return False
