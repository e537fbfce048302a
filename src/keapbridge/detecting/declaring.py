"""What was seen of an API, as the schema that a client takes and the mappings that go with it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal

import attrs

from keapbridge.customcrm.paths import is_inside
from keapbridge.customcrm.presets import hubspot_shape
from keapbridge.customcrm.records import wire_name
from keapbridge.customcrm.schema import (
    OBJECTS,
    CustomcrmObject,
    CustomcrmSchema,
    DeletedMark,
    Envelope,
    Property,
    Update,
    attribute_of,
)
from keapbridge.detecting.looked import Looked
from keapbridge.detecting.properties import Part
from keapbridge.detecting.records import id_text
from keapbridge.detecting.styles import PLAIN
from keapbridge.detecting.values import boolean_form, day_forms, stamps_of
from keapbridge.mapping import declare
from keapbridge.mapping.declared import Declared
from keapbridge.mapping.defaults import companies, contacts, products
from keapbridge.mapping.mapper import Mapper
from keapbridge.model.maybe import UNSET
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

__all__ = ["DEFAULTS", "Fields", "declared", "fields_of", "settled", "stamps"]

DEFAULTS: Mapping[str, Mapper] = {CUSTOMERS: companies, PRODUCTS: products, CONTACTS: contacts}
_PLAIN: Mapping[str, Any] = {
    "version": None,
    "created": None,
    "modified": None,
    "changed_since": None,
    "deleted": None,
    "conditional": False,
    "idempotency": None,
    "batch": None,
}
_KEYS = (
    *("id", "created", "modified", "times", "time_zone", "dates", "booleans", "empty", "ids", "decimals", "envelope"),
    *("paging", "changed_since", "deleted", "delete", "update", "gone", "batch", "conditional", "idempotency"),
)
"""What an object may have otherwise than the others."""
_CHANGES: tuple[Literal["PATCH", "PUT", "POST"], ...] = ("PATCH", "PUT", "POST")
_IDEMPOTENCY = ("idempotency-key", "x-idempotency-key", "x-request-key")


def declared(seen: Mapping[str, Looked]) -> CustomcrmSchema:
    """The schema of an API of which these kinds of records were found; at least one."""
    first = max(seen, key=lambda each: (seen[each].pages == "seen", len(seen[each].listed), each == CONTACTS))
    names = _names(seen.values())
    base = seen[first].hint or CustomcrmSchema(**_PLAIN)
    common: dict[str, Any] = {f.name: getattr(base, f.name) for f in attrs.fields(CustomcrmSchema)}
    own = base.of(first)
    common |= {name: getattr(own, name) for name in _KEYS}
    keys = {object: _measured(seen[object], own, names) for object in seen}
    common |= keys[first] | {"names": names}
    objects: dict[str, CustomcrmObject] = {}
    for object in OBJECTS:
        if object not in seen:
            objects[object] = CustomcrmObject(f"/{object}")
            continue
        theirs = keys[object]
        differs = {
            key: value
            for key, value in theirs.items()
            if value != common[key] and (seen[object].listed or key in {"envelope", "gone"})
        }
        objects[object] = _object(seen[object], names, differs, {**common, **differs})
    return CustomcrmSchema(**{**common, **objects})


def _names(seen: Iterable[Looked]) -> Any:
    """How properties are spelled, by most of those that are where the profile has them."""
    counts: Counter[str] = Counter()
    for looked in seen:
        for name, part in looked.found.properties.items():
            attribute = attribute_of(OBJECTS[looked.object], name)
            for style in ("snake_case", "camelCase", "PascalCase"):
                if attribute is not None and part.path == _spelled(style, attribute):
                    counts[style] += 1
    for style in ("snake_case", "camelCase", "PascalCase"):
        if counts[style] == max(counts.values(), default=0):
            return style
    raise AssertionError("one of them has the most")


def _spelled(style: str, attribute: str) -> str:
    pascal = wire_name(attribute)
    if style == "snake_case" or attribute == "etag":
        return pascal if style == "PascalCase" else attribute
    return pascal if style == "PascalCase" else pascal[0].lower() + pascal[1:]


# --- keys of the schema ---------------------------------------------------------------------------------------------


def _measured(seen: Looked, hint: CustomcrmSchema, names: str) -> dict[str, Any]:
    """What was seen of the keys of a schema; what could not be seen is as the style says."""
    found: dict[str, Any] = {"envelope": _envelope(seen, hint)}
    if seen.pages == "seen" and seen.paging is not None:
        found["paging"] = _paging(seen, hint)
    elif seen.pages == "one" and seen.style == PLAIN:
        found["paging"] = None
    if seen.id:
        found["id"] = _or_unset(seen.id, names, "id")
        values = [id_text(record.get(seen.id)) for record in seen.listed]
        numbers = bool(values) and all(isinstance(record.get(seen.id), int) for record in seen.listed)
        found["ids"] = "integer" if numbers else "text"
    found |= _times(seen, names)
    found |= _forms(seen, hint)
    if seen.changed_since is not None:
        found["changed_since"] = seen.changed_since
    elif seen.listed:
        found["changed_since"] = None
    found["batch"] = seen.batch if len(seen.listed) > 2 else hint.batch
    if seen.style == "hubspot_shape":
        found["batch"] = hint.batch
    if isinstance(seen.missing, int) and 400 <= seen.missing < 500 and seen.missing not in {401, 404, 410, 429}:
        found["gone"] = tuple(sorted({*hint.gone, seen.missing}))
    found |= _writes(seen, hint)
    return found


def _or_unset(path: str, names: str, attribute: str) -> Any:
    return UNSET if path == _spelled(names, attribute) else path


def _envelope(seen: Looked, hint: CustomcrmSchema) -> Envelope:
    if seen.hint is not None and seen.style != "hubspot_shape":
        own = seen.hint.of(seen.object).envelope
        return attrs.evolve(own, items=seen.items)
    base = hint.envelope if seen.style == "hubspot_shape" else Envelope(items=None)
    wrapped = seen.wrapped if seen.alone is not None else base.record
    sends = wrapped if wrapped is not None and not is_inside(wrapped) and "[" not in wrapped else base.sends
    return attrs.evolve(base, items=seen.items, record=wrapped, sends=sends)


def _paging(seen: Looked, hint: CustomcrmSchema) -> Any:
    paging: Any = seen.paging
    most = seen.most or (hint.paging.most if seen.hint is not None and hint.paging is not None else 100)
    return attrs.evolve(paging, most=max(2, most))


def _times(seen: Looked, names: str) -> dict[str, Any]:
    roles, found = seen.found.roles, dict[str, Any]()
    if not seen.listed:
        return found
    for role, attribute in (("created", "created_at"), ("modified", "updated_at")):
        part = roles.get(role)
        found[role] = None if part is None else _or_unset(part.path, names, attribute)
    if "modified" in roles and "created" in roles and not all(roles["modified"].values):
        found["modified"] = f"{roles['modified'].path}|{roles['created'].path}"
    told = stamps(seen)
    if told is not None:
        found["times"] = told.form
        if told.offset is not None:
            found["time_zone"] = zone(told.offset)
    mark = roles.get("deleted")
    if mark is not None:
        if any(isinstance(value, bool) for value in mark.values):
            found["deleted"] = DeletedMark(mark.path)
        elif all(value is None or value == "" for value in mark.values) or stamps_of(mark.values) is not None:
            found["deleted"] = DeletedMark(mark.path, time=True)
    return found


def stamps(seen: Looked) -> Any:
    """What the times of the last change are like, or else those of creation; `None` where there are none."""
    for role in ("modified", "created"):
        part = seen.found.roles.get(role)
        told = None if part is None else stamps_of(part.values, seen.served_at)
        if told is not None:
            return told
    return None


def zone(offset: timedelta) -> str:
    """A zone that is so far before UTC, to the full hour: its name counts the other way round."""
    hours = round(offset / timedelta(hours=1))
    return f"Etc/GMT-{hours}" if hours else "UTC"


def _forms(seen: Looked, hint: CustomcrmSchema) -> dict[str, Any]:
    found: dict[str, Any] = {}
    properties = seen.found.properties
    birth = properties.get("BirthDate")
    forms = () if birth is None else day_forms(birth.values)
    if forms:
        found["dates"] = forms[0]
    active = properties.get("Active")
    form = None if active is None else boolean_form(active.values)
    if form is not None:
        found["booleans"] = form
    price = properties.get("Price")
    if price is not None:
        numbers = any(isinstance(value, (int, float)) for value in price.values)
        found["decimals"] = "number" if numbers else "text"
    texts = [v for part in properties.values() if part is not birth for v in part.values if v is None or v == ""]
    if "" in texts and None not in texts and seen.hint is None:
        found["empty"] = "text"
    elif None in texts and seen.hint is None:
        found["empty"] = "null"
    return found


def _writes(seen: Looked, hint: CustomcrmSchema) -> dict[str, Any]:
    found: dict[str, Any] = {}
    methods = seen.methods or seen.resource.methods
    if methods and seen.style != "datasette":
        if hint.update.method not in methods:
            ways = [Update(method, whole=method == "PUT") for method in _CHANGES if method in methods]
            found["update"] = ways[0] if ways else hint.update
        found["delete"] = hint.delete if "DELETE" in methods else None
    headers = seen.resource.headers
    if headers and seen.hint is None:
        found["conditional"] = "if-match" in headers
        name = next((name for name in _IDEMPOTENCY if name in headers), None)
        found["idempotency"] = None if name is None else "-".join(w.capitalize() for w in name.split("-"))
    return found


# --- objects --------------------------------------------------------------------------------------------------------


def _object(seen: Looked, names: str, differs: Mapping[str, Any], keys: Mapping[str, Any]) -> CustomcrmObject:
    hint = None if seen.hint is None else getattr(seen.hint, seen.object)
    properties: dict[str, str | Property] = {}
    for name, part in settled(seen, names).items():
        attribute = attribute_of(OBJECTS[seen.object], name)
        if attribute is None or part.path != _spelled(names, attribute):
            properties[name] = part.path
    path, _, query = seen.resource.path.partition("?")
    record: str | None = seen.record or (hint.record if hint is not None else None)
    if record == f"{path.rstrip('/')}/{{id}}":
        record = None
    asked = dict(hint.query) if hint is not None else {}
    if seen.order is not None:
        asked[seen.order[0]] = seen.order[1]
    given: dict[str, Any] = {"query": asked, "requests": hint.requests if hint is not None else {}}
    if seen.style == "hubspot_shape":
        given = _hubspot(seen, path)
    full = f"{path}?{query}" if query else path
    return CustomcrmObject(full, record=record, properties=properties, differs=dict(differs), **given)


def _hubspot(seen: Looked, path: str) -> dict[str, Any]:
    """Its lists show what they are asked for, by name."""
    inside = [part.path.removeprefix("properties.") for part in seen.found.properties.values()]
    named = {name: name for name in inside} or {"name": "name"}
    declared = getattr(hubspot_shape(named, named, named), seen.object)
    requests = {
        name: request if request.path is None else attrs.evolve(request, path=f"{path}/batch/read")
        for name, request in declared.requests.items()
    }
    return {"query": declared.query, "requests": requests}


def settled(seen: Looked, names: str) -> dict[str, Part]:
    """Each property with its part; what is called as another one of the profile, that nothing was found for, is it."""
    cls = OBJECTS[seen.object]
    found = dict(seen.found.properties)
    spelled = {_spelled(names, f.name): wire_name(f.name) for f in attrs.fields(cls) if f.name != "extra"}
    for name, part in list(found.items()):
        other = spelled.get(part.path)
        if other is not None and other != name and other not in found:
            found[other] = found.pop(name)
    return found


# --- mappings -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Added:
    """A field that is mapped otherwise than by default, as the call of the function that declares it."""

    function: str
    name: str
    options: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def source(self) -> str:
        """The call in Python."""
        options = "".join(f", {name}={_quoted(text)}" for name, text in self.options.items())
        return f"kb.{self.function}({_quoted(self.name)}{options})"

    @property
    def declared(self) -> Declared:
        """What it makes."""
        made: Declared = getattr(declare, self.function)(self.name, **self.options)
        return made


@attrs.frozen
class Fields:
    """Which fields a kind of record takes part with.

    Attributes:
        kept: those of the default mapping; `None` for all of them.
        more: further ones.
    """

    kept: tuple[str, ...] | None = None
    more: tuple[Added, ...] = ()

    @property
    def source(self) -> str:
        """What is otherwise than in the default mapping, in Python."""
        only = "" if self.kept is None else f".only({', '.join(map(_quoted, self.kept))})"
        return only + (f".with_lenses({', '.join(each.source for each in self.more)})" if self.more else "")

    def mapper(self, object: str) -> Mapper:
        """The mapping with them."""
        default = DEFAULTS[object]
        kept = default if self.kept is None else default.only(*self.kept)
        return kept.with_lenses(*(each.declared for each in self.more))


def _quoted(name: str) -> str:
    return f'"{name}"'


def fields_of(seen: Looked, names: str, currency: str) -> Fields:
    """The fields that the records have a place for.

    Args:
        currency: of prices that do not tell theirs.
    """
    default, there = DEFAULTS[seen.object], settled(seen, names).keys()
    kept = [lens.name for lens in default.lenses if lens.customcrm.properties <= there]
    if "Country" not in there and "Region" in kept:
        kept.remove("Region")
    more: list[Added] = []
    if "FullName" in there and not {"FirstName", "LastName"} & there:
        more.append(Added("full_name", "FullName"))
    if seen.object == PRODUCTS and "ShortDescription" not in there:
        options = {"keap": "short_description", "direction": "to_keap", "fallback": "Name"}
        more.append(Added("text", "ShortDescription", options))
    if seen.object == PRODUCTS and "Price" in there and "Currency" not in there:
        more.append(Added("money", "Price", {"always": currency, "keap": "price"}))
    if not there:
        return Fields()
    return Fields(None if len(kept) == len(default.lenses) else tuple(kept), tuple(more))
