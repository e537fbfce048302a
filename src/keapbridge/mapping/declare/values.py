"""Dates, numbers, money, choices, references, and what is the same in every record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal, Unpack

from keapbridge.errors import MappingError
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.declared import Declared, LensOptions, checked, field
from keapbridge.mapping.kinds import Kind
from keapbridge.mapping.kinds.choices import Boolean, Choice, Choices
from keapbridge.mapping.kinds.money import Money
from keapbridge.mapping.kinds.named_in_keap import CompanyName, LeadSource, Owner, Tags
from keapbridge.mapping.kinds.numbers import Integer, Number
from keapbridge.mapping.kinds.references import Reference
from keapbridge.mapping.kinds.text import Text
from keapbridge.mapping.kinds.times import Date, DateTime
from keapbridge.mapping.place import constant_place
from keapbridge.model.given import keywords, one_of, optional
from keapbridge.model.given import text as given_text
from keapbridge.model.records import Canonical

__all__ = [
    "boolean",
    "choice",
    "choices",
    "company_name",
    "constant",
    "date",
    "date_time",
    "decimal",
    "integer",
    "lead_source",
    "money",
    "owner",
    "reference",
    "tags",
]


@keywords()
def date(name: str, *, keap: str | NamedField, **options: Unpack[LensOptions]) -> Declared:
    """A date without time."""
    return field(name, Date(), keap=keap, keap_type="date", **options)


@keywords()
def date_time(name: str, *, keap: str | NamedField, **options: Unpack[LensOptions]) -> Declared:
    """A moment, to the millisecond."""
    return field(name, DateTime(), keap=keap, keap_type="date and time", **options)


@keywords()
def boolean(name: str, *, keap: str | NamedField, **options: Unpack[LensOptions]) -> Declared:
    """Yes or no."""
    return field(name, Boolean(), keap=keap, keap_type="boolean", **options)


Mark = Literal[".", ","]


@keywords()
def integer(
    name: str, *, keap: str | NamedField, decimal: Mark | None = None, **options: Unpack[LensOptions]
) -> Declared:
    """A whole number of at most 64 bits.

    Args:
        decimal: for texts that people write, as of `decimal`: `"1.234"` is a thousand and more with `","`.
    """
    return field(name, Integer(decimal=decimal), keap=keap, keap_type="integer", **options)


@keywords()
def decimal(
    name: str, *, keap: str | NamedField, decimal: Mark | None = None, **options: Unpack[LensOptions]
) -> Declared:
    """A number with decimals.

    Args:
        decimal: what stands before the decimals in texts of Customcrm that people write, with or without groups of
            three digits: `","` for `1.234,5` and `1 234,5`, `"."` for `1,234.5`. It is written in the same way.
    """
    return field(name, Number(decimal=decimal), keap=keap, keap_type="number", **options)


@keywords()
def choice(
    name: str,
    values: Mapping[Canonical, str | int | bool],
    *,
    keap: str | NamedField,
    **options: Unpack[LensOptions],
) -> Declared:
    """One of a few values that the two systems call by different names.

    Args:
        values: Customcrm's value → Keap's (`{"S": "Small", "L": "Large"}`). What is not in it is reported and left
            alone.

    Raises:
        MappingError: when two values of one system share one of the other.
    """
    return field(name, Choice(values), keap=keap, keap_type="one of a few values", **options)


@keywords()
def choices(
    name: str,
    values: Mapping[str, str] | None = None,
    *,
    keap: str | NamedField,
    separator: str | None = None,
    ordered: bool = False,
    **options: Unpack[LensOptions],
) -> Declared:
    """Several texts, such as the options of a list box.

    Args:
        values: Customcrm's text → Keap's; left out where both use the same.
        separator: what stands between the texts in Customcrm (`","`), where it keeps them in one; by default it keeps a
            list.
        ordered: whether another order is another value.

    Raises:
        MappingError: when two texts of one system share one of the other.
    """
    checked(name, "separator", optional(partial(one_of, types=str, example="separator=','")), separator)
    kind = Choices(values or {}, separator, ordered)
    return field(name, kind, keap=keap, keap_type="list of strings", **options)


@keywords()
def money(
    name: str,
    *,
    currency: str | None = None,
    always: str | None = None,
    decimal: Mark | None = None,
    keap: str,
    **options: Unpack[LensOptions],
) -> Declared:
    """An amount in major units (`12.50`) in the property `name`; in Keap it is in the smallest unit of its currency.

    Args:
        currency: the property with its currency (ISO 4217).
        always: its currency (`"EUR"`), where Customcrm keeps the amount alone. A price in any other currency is held.
        decimal: what stands before the decimals of amounts that are texts which people write: `","` for `1.234,50`.
            The property is one of the host's own then: that of the record is a number.

    Raises:
        MappingError: when neither the property nor the currency is given, or both.
    """
    checked(name, "currency", optional(partial(given_text, example="Currency")), currency)
    if (currency is None) == (always is None):
        raise MappingError(
            f"{name}: name the property of its currency, currency='Currency', or the currency, always='EUR'"
        )
    if always is not None and not (
        isinstance(always, str) and len(always) == 3 and always.isascii() and always.isupper()
    ):
        raise MappingError(f"{name}: always={always!r} is no currency code of ISO 4217, as always='EUR' is")
    property = name if currency is None else f"{name}+{currency}"
    kind = "integer (smallest unit of the currency)"
    return field(property, Money(always, decimal=decimal), keap=keap, keap_type=kind, **options)


@keywords()
def reference(name: str, object: str, *, keap: str, **options: Unpack[LensOptions]) -> Declared:
    """A reference to a record of another synchronization."""
    checked(name, "object", partial(given_text, example="companies"), object)
    return field(name, Reference(object), keap=keap, keap_type=f"string (id of one of the {object})", **options)


@keywords()
def owner(name: str, *, keap: str = "owner_id", **options: Unpack[LensOptions]) -> Declared:
    """The user of Keap who owns a record, by e-mail address; one whom Keap does not have is held.

    Which user has which address is asked of Keap with one call when a run begins.
    """
    return field(name, Owner(), keap=keap, keap_type="string (id of a user)", **options)


@keywords()
def lead_source(
    name: str, *, keap: str = "leadsource_id", create: bool = False, **options: Unpack[LensOptions]
) -> Declared:
    """Where a contact comes from, by the name of the lead source. Spellings that nobody can tell apart are one.

    Args:
        create: make a lead source that Keap does not have, when a plan is applied; otherwise it is held.
    """
    checked(name, "create", partial(one_of, types=bool, example="create=True"), create)
    return field(name, LeadSource(create), keap=keap, keap_type="string (id of a lead source)", **options)


@keywords()
def company_name(
    name: str, *, keap: str = "company.id", create: bool = False, **options: Unpack[LensOptions]
) -> Declared:
    """The company of a contact, by its name, where Customcrm keeps that in the contact itself.

    Take it in the place of `CustomerId`: `contacts.without("CustomerId").with_lenses(kb.company_name("Company"))`.
    Spellings that nobody can tell apart are one company; of several in Keap with one name the oldest counts. Keap's
    companies are asked for when a run begins, with one call for a thousand of them.

    Args:
        create: make a company that Keap does not have, when a plan is applied; otherwise it is held. An undoing leaves
            it.
    """
    checked(name, "create", partial(one_of, types=bool, example="create=True"), create)
    return field(name, CompanyName(create), keap=keap, keap_type="string (id of a company)", **options)


@keywords()
def tags(
    name: str,
    *,
    keap: str = "tag_ids",
    separator: str | None = None,
    create: bool = False,
    **options: Unpack[LensOptions],
) -> Declared:
    """The tags of a contact, by name. Each comes and goes by itself, whichever side adds or removes it.

    Tags are applied and removed with a call for each tag and a hundred contacts. With `direction="to_keap"`, tags that
    Customcrm does not name are left as they are. Spellings that nobody can tell apart are one.

    Args:
        separator: what stands between the names in Customcrm (`","`), where it keeps them in one text; by default it
            keeps a list.
        create: make a tag that Keap does not have, when a plan is applied; otherwise the field is held.
    """
    checked(name, "separator", optional(partial(one_of, types=str, example="separator=','")), separator)
    checked(name, "create", partial(one_of, types=bool, example="create=True"), create)
    return field(name, Tags(separator, create), keap=keap, keap_type="list of strings (ids of tags)", **options)


@keywords()
def constant(name: str, value: str | int | bool, *, keap: str | NamedField | None = None) -> Declared:
    """The same value in every record: `kb.constant("Status", "active")`, `kb.constant("Origin", "CRM", keap="…")`.

    It is written when a record is made or linked. When somebody changes it later, it is left so.

    Args:
        name: Customcrm's property that has the value; with `keap=` no more than what the field is called.
        value: a text, a whole number, or yes or no.
        keap: Keap's property (or custom field) that has the value; nothing is written to Customcrm then.
    """
    checked("a constant", "name", partial(given_text, example="Status"), name)
    if not isinstance(value, (str, int)):
        raise MappingError(f"{name}: a constant is a text, a whole number, or true or false, not {value!r}")
    kind: Kind
    kind, shown = (
        (Boolean(), "boolean")
        if isinstance(value, bool)
        else (Integer(), "integer")
        if isinstance(value, int)
        else (Text("error"), "string")
    )
    if keap is None:
        return Declared(
            name, kind, constant_place(value), {"keap_type": f"none ({shown})", "direction": "to_customcrm"}
        )
    declared = field(name, kind, keap=keap, keap_type=shown, direction="to_keap")
    return Declared(name, kind, declared.keap, declared.options, constant_place(value))
