"""Sample values of every kind, written down for either system without asking the kind itself: it is what is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from keapbridge.keap.fields import FieldType
from keapbridge.mapping.kinds import (
    Boolean,
    Choice,
    Choices,
    Country,
    Date,
    DateTime,
    Email,
    Fax,
    FullName,
    Integer,
    Made,
    Money,
    Number,
    Phone,
    Reference,
    Region,
    Text,
    Url,
)
from keapbridge.mapping.lens import Lens
from keapbridge.model.side import Side

__all__ = ["Known", "Sample", "comparable", "field_type", "sample"]

# ISO 4217, for the currencies that Keap's applications are in: all others have hundredths.
_WHOLE = frozenset({"JPY", "KRW", "CLP", "ISK", "VND"})
_LONGEST = 60


@attrs.frozen
class Sample:
    """One value, as the properties of either system hold it; several properties are a tuple."""

    customcrm: Any
    keap: Any

    def on(self, side: Side) -> Any:
        """As a side holds it."""
        return self.customcrm if side is Side.CUSTOMCRM else self.keap


@attrs.frozen
class Known:
    """What samples depend on.

    Attributes:
        currency: that of the Keap application.
        links: linked records of other synchronizations, as Customcrm's id and Keap's.
    """

    currency: str
    links: Mapping[str, Sequence[tuple[str, str]]] = attrs.field(factory=dict)


def sample(lens: Lens, number: int, turn: int, known: Known) -> Sample | None:
    """A value of a field; `None` for kinds of which none can be told.

    Args:
        number: another one for every value that must not be the same.
        turn: 0 for the first value of a record, 1 for what it is edited to.
    """
    if lens.samples:
        return Sample(*lens.samples[turn % len(lens.samples)])
    make = next((_SAMPLES[cls] for cls in type(lens.kind).__mro__ if cls in _SAMPLES), None)
    return None if make is None else make(lens, number, turn, known)


def _text(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    value = f"{number}{'ab'[turn]} {lens.name}"[: min(_LONGEST, *lens.limits.values(), _LONGEST)].strip()
    return Sample(value, value)


def _url(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    return Sample(*[f"https://qa{number}.example.org/{'ab'[turn]}"] * 2)


def _email(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    return Sample(*[f"qa-{number}{'ab'[turn]}@example.org"] * 2)


def _phone(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    value = f"+4722{(2 * number + turn) % 10**6:06}"
    one = lens.keap.custom is not None or isinstance(lens.kind, Fax)
    return Sample(value, value if one else (value, None))


def _country(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    return (Sample("NO", ("NOR", None)), Sample("US", ("USA", None)))[turn]


def _region(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    code = ("NO-03", "NO-46")[turn]
    return Sample(code, (code, None))


def _date(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    return Sample(*[date(1990, 1, 1) + timedelta(days=2 * number + turn)] * 2)


def _moment(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(minutes=2 * number + turn)
    return Sample(moment.isoformat().replace("+00:00", "Z"), moment)


def _boolean(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    return Sample(*[turn == 0] * 2)


def _integer(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    return Sample(*[2 * number + turn] * 2)


def _number(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    value = Decimal(2 * number + turn) + Decimal("0.5")
    return Sample(float(value), value)


def _choice(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    assert isinstance(lens.kind, Choice)
    return Sample(*lens.kind.values[turn % len(lens.kind.values)])


def _choices(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    kind = lens.kind
    assert isinstance(kind, Choices)
    free = ((f"{number}a", f"{number}a"), (f"{number}b", f"{number}b"))
    pairs = (kind.values or free)[: turn + 1]
    ours, theirs = [str(a) for a, _ in pairs], tuple(str(b) for _, b in pairs)
    return Sample(ours if kind.separator is None else f"{kind.separator} ".join(ours), theirs)


def _money(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    assert isinstance(lens.kind, Money)
    units = 1000 + 2 * number + turn
    major = Decimal(units) if known.currency in _WHOLE else Decimal(units) / 100
    return Sample(major if lens.kind.always else (major, known.currency), (units, known.currency))


def _name(lens: Lens, number: int, turn: int, known: Known) -> Sample:
    assert isinstance(lens.kind, FullName)
    given, family = f"Ada{number}", ("Lovelace", "King")[turn]
    whole = f"{given} {family}" if lens.kind.order == "given family" else f"{family}, {given}"
    return Sample(whole, (given, family))


def _reference(lens: Lens, number: int, turn: int, known: Known) -> Sample | None:
    assert isinstance(lens.kind, Reference)
    linked = known.links.get(lens.kind.object, ())
    return Sample(*linked[turn]) if len(linked) > 1 else None


_SAMPLES: Mapping[type, Callable[[Lens, int, int, Known], Sample | None]] = {
    Text: _text,
    Url: _url,
    Email: _email,
    Phone: _phone,
    Fax: _phone,
    Country: _country,
    Region: _region,
    Date: _date,
    DateTime: _moment,
    Boolean: _boolean,
    Integer: _integer,
    Number: _number,
    Choice: _choice,
    Choices: _choices,
    Money: _money,
    FullName: _name,
    Reference: _reference,
}


def comparable(lens: Lens, raw: Any) -> Any:
    """A raw value without what is no difference: how a number or a moment is written, what a system adds to it."""
    if isinstance(raw, tuple) and isinstance(lens.kind, (Country, Region, Phone)):
        raw = raw[0]  # the code without the name of the country, the number without an extension
    elif isinstance(raw, tuple) and isinstance(lens.kind, Money):
        return _number_in(raw[0])
    if isinstance(lens.kind, Made):
        return raw
    if isinstance(lens.kind, (Money, Number, Integer)):
        return _number_in(raw)
    if isinstance(lens.kind, DateTime) and isinstance(raw, str):
        return datetime.fromisoformat(raw)
    if isinstance(lens.kind, Date) and raw is not None:
        return str(raw)[:10]
    return tuple(raw) if isinstance(raw, list) else raw


def _number_in(raw: Any) -> Any:
    return raw if raw is None or isinstance(raw, bool) else Decimal(str(raw))


_TYPES: Mapping[type, FieldType] = {
    Integer: "WHOLE_NUMBER",
    Number: "DECIMAL_NUMBER",
    Date: "DATE",
    DateTime: "DATE_TIME",
    Boolean: "YES_NO",
    Choices: "LIST_BOX",
    Email: "EMAIL",
    Phone: "PHONE_NUMBER",
    Fax: "PHONE_NUMBER",
}


def field_type(lens: Lens) -> FieldType:
    """A type of Keap's custom fields that holds the values of a field."""
    if isinstance(lens.kind, Choice):
        values = [theirs for _, theirs in lens.kind.values]
        if all(isinstance(value, bool) for value in values):
            return "YES_NO"
        return "WHOLE_NUMBER" if all(isinstance(value, int) for value in values) else "TEXT"
    return _TYPES.get(type(lens.kind), "TEXT")
