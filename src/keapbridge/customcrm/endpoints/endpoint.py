"""One of the three objects of a declared API, with all that its calls are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import attrs

from keapbridge._json.codec import Codec, id_text
from keapbridge.customcrm import records
from keapbridge.customcrm.paths import dig, is_inside
from keapbridge.customcrm.schema import OBJECTS, CustomcrmObject, CustomcrmSchema, Request, attribute_of
from keapbridge.customcrm.schema.requests import OPERATIONS
from keapbridge.customcrm.wire import Wire

__all__ = ["CONTACTS", "CUSTOMERS", "PRODUCTS", "Endpoint", "Json", "Query", "endpoint", "id_of", "is_deleted"]

R = TypeVar("R")
Query = tuple[tuple[str, str], ...]
Json = dict[str, Any]

_READ_ONLY = frozenset({"id", "created_at", "updated_at", "etag"})


def _requests(endpoint: Endpoint[Any]) -> Mapping[str, Request]:
    own, common = endpoint.declared.requests, endpoint.schema.requests
    return {name: own.get(name, Request()).over(common.get(name, Request())) for name in OPERATIONS}


@attrs.frozen
class Endpoint(Generic[R]):
    """One of the three objects: its schema, its name in messages, its records.

    Attributes:
        schema: what is declared, as it is for this object.
        base_path: the path of the base URL, which the addresses of next pages have, too.
        declared: what is declared for this object alone.
        requests: by operation: how it is asked for, as far as that is declared.
    """

    object: str
    singular: str
    codec: Codec[R]
    schema: CustomcrmSchema
    wire: Wire
    base_path: str = ""
    declared: CustomcrmObject = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda self: getattr(self.schema, self.object), takes_self=True),
    )
    requests: Mapping[str, Request] = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_requests, takes_self=True)
    )

    @property
    def declared_names(self) -> frozenset[str]:
        """The properties that are declared for it by name, as they are called in mappings."""
        there = [name for name, each in self.declared.properties.items() if each is not None]
        attributes = {name: attribute_of(self.codec.cls, name) for name in there}
        return frozenset(name if found is None else records.wire_name(found) for name, found in attributes.items())

    @property
    def lacking(self) -> frozenset[str]:
        """The properties of the profile that the CRM is declared not to have."""
        return frozenset(records.wire_name(name) for name in self.writable - self.wire.paths.keys())

    def path_of(self, name: str) -> str:
        """Where records have a property, by its name in mappings."""
        attribute = attribute_of(self.codec.cls, name)
        return self.wire.named.get(name, name) if attribute is None else self.wire.paths.get(attribute, name)

    @property
    def path(self) -> str:
        """The path of the list."""
        return self.declared.path.partition("?")[0]

    @property
    def can_split(self) -> bool:
        """Whether ids and marks of deletion are found without reading a record."""
        mark = self.schema.deleted
        if self.wire.has_alternatives:
            return False
        return not is_inside(self.wire.paths["id"]) and (mark is None or not is_inside(mark.property))

    @property
    def is_plain(self) -> bool:
        """Whether records can be read as they come: nothing is renamed, and a mark of deletion is none of them."""
        mark = self.schema.deleted
        known = self.codec.wire_names.values()
        return self.wire.is_flat and (mark is None or (not is_inside(mark.property) and mark.property not in known))

    @property
    def writable(self) -> frozenset[str]:
        """The attributes that can be written; any further property goes through `extra`."""
        return frozenset(self.codec.fields) - _READ_ONLY


def endpoint(cls: type[R], schema: CustomcrmSchema, base_url: str = "") -> Endpoint[R]:
    """One of the three objects of a declared API."""
    object = next(name for name, each in OBJECTS.items() if each is cls)
    here = schema.of(object)
    wire = Wire.of(here, object)
    names = tuple([(f.name, wire.name_of(f.name)) for f in attrs.fields(OBJECTS[object])])
    return Endpoint(
        object, object.removesuffix("s"), _codec(object, names), here, wire, urlsplit(base_url).path.rstrip("/")
    )


@lru_cache(maxsize=64)
def _codec(object: str, names: tuple[tuple[str, str], ...]) -> Codec[Any]:
    """What reads records whose attributes have these names: worked out once for all clients, for it takes longest."""
    return Codec(OBJECTS[object], dict(names).__getitem__)


CONTACTS = endpoint(records.Contact, CustomcrmSchema())
CUSTOMERS = endpoint(records.Customer, CustomcrmSchema())
PRODUCTS = endpoint(records.Product, CustomcrmSchema())


def id_of(endpoint: Endpoint[Any], item: Any) -> str | None:
    return id_text(dig(item, endpoint.wire.paths["id"]))


def is_deleted(endpoint: Endpoint[Any], item: Any) -> bool:
    mark = endpoint.schema.deleted
    return mark is not None and isinstance(item, dict) and mark.holds(dig(item, mark.property))
