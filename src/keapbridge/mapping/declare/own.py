"""A field by the host's own functions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Unpack

from keapbridge.mapping.custom import NamedField
from keapbridge.mapping.declared import Declared, LensOptions, field
from keapbridge.mapping.kinds.made import Made
from keapbridge.model.given import keywords, takes_one

__all__ = ["lens"]


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
