"""One property of the CRM's records, where it is more than a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, Union

import attrs
from attrs import field, frozen

from keapbridge.customcrm.schema import checks
from keapbridge.customcrm.schema.checks import PATH, is_path, one_of
from keapbridge.customcrm.schema.times import FORMATS
from keapbridge.model.given import keywords, kind

__all__ = ["Properties", "Property", "path_of", "properties"]

FORMS = ("text", "integer", "number", "boolean")


def _form(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None or value in FORMS or value in FORMATS:
        return
    if not isinstance(value, str) or ("%" not in value and value.count("/") != 1):
        known = ", ".join(map(repr, (*FORMS, *FORMATS)))
        raise ValueError(f"{attribute.name}: must be {known}, a pattern with %, or two words as 'Y/N', not {value!r}")


@keywords()
@frozen
class Property:
    """A property that is written elsewhere than it is read, or in a form of its own.

    Attributes:
        path: where it is read.
        write: where it is written; `None` for the same place.
        form: how it is written: `"text"`, `"integer"`, `"number"`, `"boolean"`, two words for yes and no (`"Y/N"`), or
            as dates are written (see `dates` of the schema). `None`: as the schema says.
        empty: how empty is written: as `"null"`, as an empty `"text"`, or as `"false"`; `None`: as the schema says.
    """

    path: str = field(validator=checks.path)
    write: str | None = field(default=None, validator=checks.path, kw_only=True)
    form: str | None = field(default=None, validator=_form, kw_only=True)
    empty: Literal["null", "text", "false"] | None = field(
        default=None, validator=one_of("null", "text", "false", None), kw_only=True
    )


Properties: TypeAlias = Mapping[str, Union[str, Property, None]]


def path_of(declared: str | Property | None) -> str | None:
    """Where a property is read; `None` where there is none."""
    return declared.path if isinstance(declared, Property) else declared


def properties(_: Any, attribute: attrs.Attribute[Any], value: Properties) -> None:
    if not isinstance(value, Mapping):
        wanted = "names with their paths, {'Email': 'mail'}"
        raise ValueError(f"{attribute.name}: must be {wanted}, not {kind(value)}")  # noqa: TRY004 - as all of a schema
    for name, declared in value.items():
        if declared is None and isinstance(name, str) and name:
            continue
        if not isinstance(name, str) or not name or not isinstance(declared, (str, Property)) or not declared:
            what = "a text that is not empty, or a Property(…)"
            raise ValueError(f"{attribute.name}.{name}: must be {what}, not {declared!r}")
        if not is_path(path_of(declared) or ""):
            raise ValueError(f"{attribute.name}.{name}: must be {PATH}, not {declared!r}")
