"""The kinds of fields as a host declares them: each of these functions makes one pair of fields, as data. Pure.

All that is in `__all__` is public, in `keapbridge` and in `keapbridge.mapping`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Literal, Unpack

from keapbridge.errors import MappingError
from keapbridge.keap.fields import LONGEST_TEXT
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.declared import Declared, LensOptions, checked, field
from keapbridge.mapping.kinds import Kind
from keapbridge.mapping.kinds.choices import Boolean, Choice, Choices
from keapbridge.mapping.kinds.consent import OptOut
from keapbridge.mapping.kinds.made import Made
from keapbridge.mapping.kinds.money import Money
from keapbridge.mapping.kinds.named import LeadSource, Owner
from keapbridge.mapping.kinds.numbers import Integer, Number
from keapbridge.mapping.kinds.phones import Fax, Phone
from keapbridge.mapping.kinds.places import Country, Region
from keapbridge.mapping.kinds.references import Reference
from keapbridge.mapping.kinds.text import Email, FullName, Text, Url
from keapbridge.mapping.kinds.times import Date, DateTime
from keapbridge.mapping.lens import Direction
from keapbridge.mapping.place import constant_place
from keapbridge.model.given import keywords, one_of, optional, takes_one
from keapbridge.model.given import text as given_text
from keapbridge.model.meant import is_meant
from keapbridge.model.records import Canonical

__all__ = [
    "address",
    "boolean",
    "choice",
    "choices",
    "constant",
    "country",
    "date",
    "date_time",
    "decimal",
    "email",
    "fax",
    "field",
    "full_name",
    "integer",
    "lead_source",
    "lens",
    "money",
    "opt_out",
    "owner",
    "phone",
    "reference",
    "region",
    "text",
    "url",
]

OnTooLong = Literal["truncate", "error"]


@keywords()
def text(
    name: str,
    *,
    keap: str | NamedField,
    max_length: int | None = None,
    on_too_long: OnTooLong = "truncate",
    fallback: str | None = None,
    **options: Unpack[LensOptions],
) -> Declared:
    """A text.

    Args:
        name: the Customcrm property.
        keap: the Keap property (`given_name`, `addresses.BILLING.line1`), or a custom field (`kb.custom_field(…)`).
        max_length: the most characters that Keap holds.
        on_too_long: `"truncate"` what is written to Keap (the whole stays in Customcrm), or `"error"`: write nothing.
        fallback: the field whose value is written where a side requires this one and there is none.
        options: `direction`, `required`, `policy`, `on_empty`; see [`LensOptions`][keapbridge.mapping.LensOptions].
    """
    if max_length is None and isinstance(keap, NamedField):
        max_length = LONGEST_TEXT
    return field(name, Text(on_too_long), keap=keap, max_length=max_length, fallback=fallback, **options)


@keywords()
def url(
    name: str, *, keap: str | NamedField, max_length: int | None = None, **options: Unpack[LensOptions]
) -> Declared:
    """The address of a web page (`http` or `https`; without either it is taken for `https`).

    Case in the scheme and the host is no difference, nor is a lone slash behind the host. What is too long for Keap is
    held back: a cut address would be another one.
    """
    return field(name, Url(), keap=keap, keap_type="string (web address)", max_length=max_length, **options)


@keywords()
def email(
    name: str,
    *,
    keap: str | NamedField,
    max_length: int | None = None,
    opt_in_reason: str | None = None,
    **options: Unpack[LensOptions],
) -> Declared:
    """An e-mail address.

    Args:
        opt_in_reason: why its owner may be written to (`"Signed up on our site"`). It is said to Keap once, with an
            address that the sync makes or changes there, unless the address or the one it takes the place of is opted
            out; without it a sync says nothing about consent. Whether a new address is opted out costs a call.
    """
    kind = "string (e-mail)"
    return field(
        name, Email(), keap=keap, keap_type=kind, max_length=max_length, opt_in_reason=opt_in_reason, **options
    )


@keywords()
def opt_out(name: str, *, keap: str, direction: Direction = "to_customcrm") -> Declared:
    """Whether an e-mail address is opted out in Keap, as a boolean of Customcrm: one way, and never taken back.

    Args:
        keap: the address (`email_addresses.EMAIL1`).

    Raises:
        MappingError: for any other direction than `"to_customcrm"`.
    """
    if direction != "to_customcrm":
        raise MappingError(f"{name}: what Keap says of consent can only be read: direction='to_customcrm'")
    place = f"{keap}.email_opt_status"
    return field(name, OptOut(), keap=place, keap_type="string (status of an e-mail address)", direction=direction)


@keywords()
def phone(
    name: str,
    *,
    keap: str | NamedField,
    scope: str | None = None,
    notation: str | None = None,
    on_unreadable: Literal["hold", "pass"] = "hold",
    **options: Unpack[LensOptions],
) -> Declared:
    """A phone number.

    Args:
        scope: the country field that numbers without a prefix belong to.
        notation: how Customcrm writes it: `"E164"`, `"international"` or `"national"`. By default as the record had it
            before; in a database else as its column does.
        on_unreadable: what becomes of a text that cannot be dialled: `"hold"` it, or `"pass"` it to the other side.
    """
    kind, shown = Phone(notation, on_unreadable), "string (phone number)"
    return field(name, kind, keap=keap, keap_type=shown, scope=scope, max_length=40, **options)


@keywords()
def fax(name: str, *, keap: str | NamedField, scope: str | None = None, **options: Unpack[LensOptions]) -> Declared:
    """A fax number."""
    return field(name, Fax(), keap=keap, keap_type="string (phone number)", scope=scope, max_length=40, **options)


@keywords()
def country(name: str, *, keap: str, notation: str | None = None, **options: Unpack[LensOptions]) -> Declared:
    """A country.

    Args:
        notation: how Customcrm writes it: `"alpha-2"`, `"alpha-3"`, `"name"`, or its name in a language (`"name nb"`).
            By default as the record had it before; in a database else as its column does, and as alpha-2 without that.
    """
    return field(name, Country(notation), keap=keap, keap_type="string (ISO 3166-1 alpha-3)", **options)


@keywords()
def region(
    name: str, *, keap: str, scope: str, notation: str | None = None, **options: Unpack[LensOptions]
) -> Declared:
    """A state or province.

    Args:
        scope: the country field it belongs to.
        notation: how Customcrm writes it: `"code"` (`US-AZ`), `"short"` (`AZ`) or `"name"`; by default as a country.
    """
    return field(name, Region(notation), keap=keap, keap_type="string (ISO 3166-2)", scope=scope, **options)


@keywords()
def address(
    keap: str,
    *,
    prefix: str = "",
    names: Mapping[str, str | None] | None = None,
    **options: Unpack[LensOptions],
) -> tuple[Declared, ...]:
    """A postal address as a block of six fields: `*kb.address("SHIPPING", prefix="Shipping")`.

    Args:
        keap: `"BILLING"`, `"SHIPPING"` or `"OTHER"` of a contact, or `"address"` of a company.
        prefix: what stands before the names of Customcrm's properties: `Country`, `Region`, `StreetAddress1`,
            `StreetAddress2`, `City`, `ZipCode`.
        names: properties that are called otherwise (`{"ZipCode": "DeliveryPostcode"}`, the prefix is not put before
            them), or that there are not (`{"StreetAddress2": None}`). Without its country an address has no region.
        options: for each of the fields.

    Raises:
        MappingError: for a name that is none of the six, and for a region without its country.
    """
    for what, given, one in (("keap", keap, "BILLING"), ("prefix", prefix or None, "Shipping")):
        checked("an address", what, optional(partial(given_text, example=one)), given)
    checked("an address", "names", _renamed, names or {})
    if keap not in _ADDRESSES:
        raise MappingError(f"an address: keap takes one of {', '.join(_ADDRESSES)}{is_meant(keap, _ADDRESSES)}")
    container = keap if keap == "address" else f"addresses.{keap}"
    unknown = sorted((names or {}).keys() - set(_ADDRESS))
    if unknown:
        raise MappingError(
            f"an address has {', '.join(_ADDRESS)}, and no {', '.join(unknown)}{is_meant(unknown[0], list(_ADDRESS))}"
        )
    own = {name: (names or {}).get(name, f"{prefix}{name}") for name in _ADDRESS}
    if own["Region"] is not None and own["Country"] is None:
        raise MappingError("an address without its country has no region: names={'Country': None, 'Region': None}")
    block: list[Declared] = []
    for name, (leaf, limit, on_too_long) in _ADDRESS.items():
        property, place = own[name], f"{container}.{leaf}"
        if property is None:
            continue
        if name == "Country":
            block.append(country(property, keap=place, **options))
        elif name == "Region":
            block.append(region(property, keap=place, scope=own["Country"] or "", **options))
        else:
            block.append(text(property, keap=place, max_length=limit, on_too_long=on_too_long, **options))
    return tuple(block)


def _renamed(what: str, given: Any) -> None:
    one_of(what, given, Mapping, f"properties by the names of an address, such as {what}={{'ZipCode': 'Postcode'}}")


_ADDRESSES = ("BILLING", "SHIPPING", "OTHER", "address")
_ADDRESS: Mapping[str, tuple[str, int | None, OnTooLong]] = {
    "Country": ("country_code", None, "error"),
    "Region": ("region_code", None, "error"),
    "StreetAddress1": ("line1", 75, "truncate"),
    "StreetAddress2": ("line2", 75, "truncate"),
    "City": ("locality", 50, "truncate"),
    "ZipCode": ("postal_code", 15, "error"),
}


@keywords()
def full_name(
    name: str,
    *,
    given: str = "given_name",
    family: str = "family_name",
    order: Literal["given family", "family, given"] = "given family",
    max_length: int = 40,
    **options: Unpack[LensOptions],
) -> Declared:
    """A person's whole name in one property of Customcrm, and in two of Keap.

    Take it in the place of the fields of its parts: `contacts.without("FirstName", "LastName").with_lenses(…)`, and
    tell by which fields contacts are matched then (`matched_by`).

    What is lost: a whole name in the order "given family" does not say where the family name begins. When one is
    written to Keap it is taken to begin at the last word, or at the words in lower case before it (`Ludwig van
    Beethoven`); Keap's parts stay as they are while the whole name is the same. With the order "family, given" nothing
    is lost.

    Args:
        name: the Customcrm property.
        given: Keap's property of the given names.
        family: Keap's property of the family name.
        order: how Customcrm writes a name.
        max_length: the most characters that Keap holds of each part. A longer one is held back.
    """
    for what, part in (("given", given), ("family", family)):
        checked(name, what, partial(given_text, example=f"{what}_name"), part)
    losses = "where the family name begins is guessed" if order == "given family" else None
    kind, place = FullName(order, max_length), f"{given}+{family}"
    return field(name, kind, keap=place, keap_type="string, in two properties", losses=losses, **options)


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


@keywords()
def integer(name: str, *, keap: str | NamedField, **options: Unpack[LensOptions]) -> Declared:
    """A whole number of at most 64 bits."""
    return field(name, Integer(), keap=keap, keap_type="integer", **options)


@keywords()
def decimal(name: str, *, keap: str | NamedField, **options: Unpack[LensOptions]) -> Declared:
    """A number with decimals."""
    return field(name, Number(), keap=keap, keap_type="number", **options)


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
    keap: str,
    **options: Unpack[LensOptions],
) -> Declared:
    """An amount in major units (`12.50`) in the property `name`; in Keap it is in the smallest unit of its currency.

    Args:
        currency: the property with its currency (ISO 4217).
        always: its currency (`"EUR"`), where Customcrm keeps the amount alone. A price in any other currency is held.

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
    return field(property, Money(always), keap=keap, keap_type=kind, **options)


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


@keywords()
def lens(
    get: Callable[[Any], Any],
    put: Callable[[Any], Any],
    *,
    customcrm: str,
    keap: str | NamedField,
    losses: str | None = None,
    keap_type: str = "string",
    max_length: int | None = None,
    samples: Collection[tuple[Any, Any]] = (),
    **options: Unpack[LensOptions],
) -> Declared:
    """A field by the host's own functions.

    Both are pure: the same for the same value, without calls. They are not asked about empty values. Whatever they
    raise holds back this field of this record, with the name of the function as the reason.

    Before a value is written to Keap, it is put and got once: without declared losses it must come out as it was,
    else it is held back.

    Args:
        get: Keap's value (for `given_name+family_name` a tuple of both) → Customcrm's: a text, a whole number, or yes
            or no.
        put: Customcrm's value → Keap's.
        customcrm: the Customcrm property.
        keap: the Keap property, or a custom field.
        losses: what does not survive the way to Keap and back, for the dataflow document; the whole value then stays in
            Customcrm, as with a text that is cut.
        keap_type: Keap's data type, for the dataflow document.
        max_length: the most characters of Customcrm's value that are let through.
        samples: two or more values of Customcrm, each with Keap's for it, by which `python -m keapbridge qa` checks it.
    """
    for option, function in (("get", get), ("put", put)):
        takes_one(f"lens({option}=…)", function, "a value")
    kind = Made(get, put, losses is not None)
    return field(
        customcrm,
        kind,
        keap=keap,
        keap_type=keap_type,
        max_length=max_length,
        losses=losses,
        samples=samples,
        **options,
    )
