"""What every kind has: methods and traits, the context they depend on, and samples of its values. Pure.

A canonical value is a `str`, `bool`, `int` or `None` (known to be empty); two values mean the same exactly when their
canonical forms are equal. `read` takes the raw value of a `Place`; what it cannot understand is an `UnfitError` with
the reason, never a guess and never an empty value.

No other room asks which kind a field has. What is so of some kinds only is a trait here, with the answer that holds for
most of them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from attrs import evolve, field, frozen

from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap.fields import CustomField, FieldType
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.entries import Entries
from keapbridge.model.maybe import UNSET, Maybe
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side

__all__ = [
    "LARGEST",
    "LONGEST_NAME",
    "Asked",
    "Context",
    "Kind",
    "Sample",
    "a_kind",
    "carriable",
    "line",
    "within",
]

LARGEST = 2**63 - 1
LONGEST_NAME = 250
_SURROGATE = re.compile("[\ud800-\udfff]")
_OWN_ROOM = __name__.rpartition(".")[0]


@frozen
class Context:
    """What reading and writing may depend on beside the record.

    Attributes:
        keap_currency: the currency of the Keap application, once it is known.
        default_region: ISO 3166-1 alpha-2 country of phone numbers without a prefix, in records without a country.
        to_customcrm: Keap id → Customcrm id of linked records, by object (`"companies"`).
        to_keap: the reverse. In both, an id whose partner is yet to be created maps to `""`.
        custom_fields: which field of Keap is meant by each custom field of the mapping.
        entries: Keap's users and lead sources by name, as far as they are known (`"users"`).
        may_opt_in: new e-mail addresses that Keap may be told an opt-in reason for.
    """

    keap_currency: str | None = None
    default_region: str | None = None
    to_customcrm: Mapping[str, Mapping[str, str]] = field(factory=dict)
    to_keap: Mapping[str, Mapping[str, str]] = field(factory=dict)
    custom_fields: Mapping[NamedField, CustomField] = field(factory=dict)
    entries: Mapping[str, Entries] = field(factory=dict)
    may_opt_in: frozenset[str] = frozenset()

    def mirrored(self) -> Context:
        """The same references, readable in both directions: what was written with it can be read back with it."""
        return evolve(
            self,
            to_customcrm=_merged(self.to_customcrm, self.to_keap),
            to_keap=_merged(self.to_keap, self.to_customcrm),
        )


def _merged(
    known: Mapping[str, Mapping[str, str]], reverse: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    return {
        name: {**{b: a for a, b in reverse.get(name, {}).items() if b}, **known.get(name, {})}
        for name in known.keys() | reverse.keys()
    }


@frozen
class Sample:
    """One value, as the properties of either system hold it; several properties are a tuple.

    Attributes:
        customcrm: what Customcrm holds.
        keap: what Keap holds. A part of a tuple that is `None` is not looked at.
        field_type: the type of a custom field of Keap that holds it, where the value for Keap does not tell.
    """

    customcrm: Any
    keap: Any
    field_type: FieldType | None = None

    def on(self, side: Side) -> Any:
        """As a side holds it."""
        return self.customcrm if side is Side.CUSTOMCRM else self.keap


@frozen
class Asked:
    """What a sample is asked for.

    Attributes:
        name: the field.
        number: another one for every value that must not be the same.
        turn: 0 for the first value of a record, 1 for what it is edited to.
        limit: the most characters that both sides hold.
        in_custom_field: whether Keap keeps it in a custom field, which holds one thing.
        currency: that of the Keap application.
        links: linked records by synchronization, as Customcrm's id and Keap's.
    """

    name: str = "Own"
    number: int = 0
    turn: int = 0
    limit: int | None = None
    in_custom_field: bool = False
    currency: str = "USD"
    links: Mapping[str, Sequence[tuple[str, str]]] = field(factory=dict)


@frozen
class Kind(ABC):
    """One kind of value: how it is read, written and made to fit, and what is so of it wherever it is mapped.

    A kind is a frozen attrs class: a value, as all of a mapping is. It says how it reads, and overrides whatever else
    is not so of it. Its methods are pure. A value that fits a side, is written there and read again is the same value.

    Attributes:
        fits_custom_field: whether a custom field of Keap can hold it.
        needs_scope: whether it means nothing without the field it depends on, as a region without its country. It flows
            only where that field does, and is not mapped without it.
        means_alone: whether its value means the same whatever the field says that it is read by, as a phone number with
            its country code does.
        keeps_spelling: whether a record that holds the value already is left as it is, in whatever spelling.
        takes_opt_in_reason: whether it is an address for which Keap can be told why its owner may be written to.
        few_values: whether it has but few values, each of which many records hold, so that it is no sign of a fault
            when one of them is given to many.
        is_named: whether its values have names, each of which a system may write in a way of its own.
        is_text: whether its canonical form is the text that Customcrm holds, so that a length in characters cuts it.
        is_marked: whether Keap's records are marked with it by calls of their own, and not written to.
        plain: texts that are read as what they are, whosever they are: most need not be read. A class that reads in a
            way of its own does not have that of the class that it is derived from.
    """

    fits_custom_field: ClassVar[bool] = True
    needs_scope: ClassVar[bool] = False
    means_alone: ClassVar[bool] = False
    keeps_spelling: ClassVar[bool] = False
    takes_opt_in_reason: ClassVar[bool] = False
    few_values: ClassVar[bool] = False
    is_named: ClassVar[bool] = False
    is_text: ClassVar[bool] = False
    is_marked: ClassVar[bool] = False
    plain: ClassVar[re.Pattern[str] | None] = None

    def __init_subclass__(cls, **further: Any) -> None:
        super().__init_subclass__(**further)
        if "read" in vars(cls) and "plain" not in vars(cls):
            cls.plain = None

    @property
    def written_as(self) -> str | None:
        """How Customcrm writes it, where the mapping declares that: the `notation` of kinds that have one."""
        declared: str | None = getattr(self, "notation", None)
        return declared

    @property
    def is_own(self) -> bool:
        """Whether only properties of the host's own can hold it: those of records have a type, which it is not of."""
        return False

    @property
    def usual_style(self) -> str | None:
        """In which way Customcrm writes it where neither the mapping nor what it holds says that."""
        return None

    def style_of(self, raw: str, value: Canonical) -> str | None:
        """In which way a text writes a value; `None` where there is but one, or it is none that is known."""
        return None

    def spell(self, value: Canonical, style: str, scope: Canonical, context: Context) -> Any:
        """A value for Customcrm, written in a way; `None` where it cannot be."""
        return None

    def like(self, plain: Any, present: Any) -> Any:
        """A raw value for Customcrm, of the type of what is there by now."""
        return plain

    @property
    def is_told(self) -> bool:
        """Whether its class and its attributes tell all of how it reads.

        So it is with the classes of this library, whose version counts; a host may change its own between two runs.
        """
        return type(self).__module__.startswith(f"{_OWN_ROOM}.")

    @property
    def refers_to(self) -> str | None:
        """The synchronization whose records it names (`"companies"`), where it is a reference to one."""
        return None

    @property
    def entries(self) -> str | None:
        """The list of Keap whose entries it names (`"users"`), where it names such."""
        return None

    @property
    def makes(self) -> bool:
        """Whether an entry that the list does not have is made."""
        return False

    @property
    def currency(self) -> str | None:
        """The currency of all its amounts, where they have but one."""
        return None

    @abstractmethod
    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        """The canonical value of what a side holds; `None` when it is known to be empty.

        Args:
            raw: what a record of that side holds; several properties are a tuple. A mapper does not ask about `None`:
                nothing is empty in every kind.
            side: whose record it is.
            scope: the value of the field that this one depends on (a region's country).
            context: what else it may depend on.

        Raises:
            UnfitError: with the reason, when it is not understood.
        """

    def write(self, value: Canonical, side: Side, context: Context) -> Any:
        """The raw value for a side; `value` is one that `fit` has let through. Most kinds write what they read."""
        return value

    def for_custom_field(self, value: Canonical, context: Context) -> Any:
        """The raw value for a custom field of Keap, which holds one thing."""
        return self.write(value, Side.KEAP, context)

    def fit(self, value: Canonical, side: Side, limit: int | None, context: Context) -> Canonical:
        """The value as that side can hold it. Most kinds take any that is not longer than `limit`.

        Raises:
            UnfitError: when it cannot.
        """
        return within(value, limit)

    def combined(self, now: Canonical, other: Canonical, base: Maybe[Canonical]) -> Maybe[Canonical]:
        """What a side is to hold, for a value of several parts that come and go each by itself; `UNSET` for any other.

        Args:
            now: what it holds.
            other: what the other side holds.
            base: what that was known to hold; `UNSET` where that is not known.
        """
        return UNSET

    def names_in(self, value: Canonical) -> Collection[str]:
        """The names of entries of a list of Keap that a value is made of."""
        return (str(value),) if self.entries is not None and value is not None else ()

    def without(self, value: Canonical, names: Collection[str]) -> Maybe[Canonical]:
        """What is left of a value once entries of a list of Keap are gone; `UNSET` if that is nothing."""
        return UNSET if value in names else value

    def incomparable(self, a: Canonical, b: Canonical) -> str | None:
        """Why two values cannot take each other's place, so that no policy chooses between them; mostly they can."""
        return None

    def is_same_text(
        self, now: tuple[Canonical, Canonical], before: tuple[Canonical, Canonical], context: Context
    ) -> bool:
        """Whether two values are one text, read by two values of the field that it depends on; each comes with that.

        Or by two states of the list of Keap that it names an entry of.
        """
        return False

    def encodes(self, value: Canonical, clean: Canonical) -> bool:
        """Whether a value is but another one in an encoded form (`O&#039;Brien`), which is not to take its place."""
        return False

    def follow(self, value: Canonical, context: Context) -> Canonical:
        """The value of a reference, which is another one once its record is linked."""
        return value

    def sample(self, asked: Asked) -> Sample | None:
        """A value as both systems hold it, to check the dataflow by; `None` when none can be told.

        It is written down, and not made with the other methods: they are what is checked.
        """
        return None


def a_kind(given: object) -> Kind:
    """What was given, if it is a kind.

    Raises:
        MappingError: when it is anything else, such as the class of one.
    """
    if not isinstance(given, Kind):
        raise MappingError(
            f"kind takes an object of a class derived from kb.mapping.Kind, such as MyKind(), not {given!r}"
        )
    return given


def carriable(value: Any) -> Canonical:
    """The value, if it is canonical and every system and store can carry it.

    Raises:
        UnfitError: for half of a surrogate pair, which has no place in UTF-8, and for what is no canonical value.
    """
    if isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            raise UnfitError("half of a surrogate pair, which is no character")
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise UnfitError("a number of more than 64 bits")
        return value
    raise UnfitError("neither a text, nor a whole number, nor true or false")


def line(raw: Any, longest: int = LONGEST_NAME) -> str:
    """What can be a name, a number or a code: one value of no great length, as a text.

    Raises:
        UnfitError: when it is a structure, or longer than any such value.
    """
    if isinstance(raw, (dict, list, tuple, set, frozenset, bytes)):
        raise UnfitError("not a text")
    text = str(raw)
    if len(text) > longest:
        raise UnfitError(f"longer than {longest} characters")
    return text


def within(value: Canonical, limit: int | None) -> Canonical:
    """The value, if it is not too long.

    Raises:
        UnfitError: when it is a text of more characters than the limit.
    """
    if limit is not None and isinstance(value, str) and len(value) > limit:
        raise UnfitError(f"longer than {limit} characters")
    return value
