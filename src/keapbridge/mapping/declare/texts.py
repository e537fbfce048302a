"""Texts, and what people are reached by: names, addresses of e-mail and of the web, phone numbers. Pure."""

from __future__ import annotations

from functools import partial
from typing import Literal, Unpack

from keapbridge.errors import MappingError
from keapbridge.keap.fields import LONGEST_TEXT
from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.declared import Declared, LensOptions, checked, field
from keapbridge.mapping.kinds.consent import OptOut
from keapbridge.mapping.kinds.phones import Fax, Phone
from keapbridge.mapping.kinds.text import Email, FullName, Text, Url
from keapbridge.mapping.lens import Direction
from keapbridge.model.given import keywords
from keapbridge.model.given import text as given_text

__all__ = ["OnTooLong", "email", "fax", "full_name", "opt_out", "phone", "text", "url"]

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
