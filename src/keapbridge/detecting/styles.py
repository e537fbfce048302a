"""By what an API style is known, and the preset that says of it what reading alone cannot tell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keapbridge.customcrm import presets
from keapbridge.customcrm.schema import CustomcrmObject, CustomcrmSchema
from keapbridge.detecting.asking import Exchange, at
from keapbridge.detecting.records import list_in

__all__ = ["PLAIN", "TITLES", "hints", "style_of"]

PLAIN = "plain"
TITLES: Mapping[str, str] = {
    "default": "the default REST profile",
    "drf": "Django REST Framework",
    "jsonapi": "JSON:API",
    "odata": "OData 4",
    "directus": "Directus",
    "postgrest": "PostgREST",
    "strapi": "Strapi 5",
    "hubspot_shape": "HubSpot's CRM objects",
    "datasette": "Datasette",
    PLAIN: "a style of its own",
}


def style_of(seen: Exchange) -> str:
    """The style of an answer with a list."""
    body, headers = seen.body, seen.headers
    found = list_in(body)
    first = found[1][0] if found is not None and found[1] else {}
    if "vnd.api+json" in headers.get("content-type", "") or {"type", "id", "attributes"} <= first.keys():
        return "jsonapi"
    if isinstance(body, list):
        ranged = "/" in headers.get("content-range", "") and "-" in headers.get("content-range", "")
        return "postgrest" if ranged and headers.get("content-range", "")[:1].isdigit() else PLAIN
    if not isinstance(body, dict):
        return PLAIN
    names = body.keys()
    if {"Items", "NextCursor"} <= names:
        return "default"
    if "@odata.context" in names and isinstance(body.get("value"), list):
        return "odata"
    if {"count", "next", "previous", "results"} <= names or ({"next", "previous", "results"} == names):
        return "drf"
    if {"ok", "rows", "next"} <= names:
        return "datasette"
    if isinstance(body.get("data"), list):
        if "documentId" in first:
            return "strapi"
        if names <= {"data", "meta"} and "/items/" in f"{at(seen.path)[0]}/" and "meta" not in first:
            return "directus"
    if isinstance(body.get("results"), list) and {"id", "properties", "createdAt", "archived"} <= first.keys():
        return "hubspot_shape"
    return PLAIN


def hints(style: str, object: str, path: str, first: Mapping[str, Any]) -> CustomcrmSchema | None:
    """What a style says of one kind of record; `None` where it says nothing.

    Args:
        path: of its list.
        first: a record of it.
    """
    declared = CustomcrmObject(at(path)[0])
    given: dict[str, Any] = {object: declared}
    match style:
        case "default":
            return CustomcrmSchema(**given)
        case "drf":
            return presets.drf(**given)
        case "jsonapi":
            kind = first.get("type")
            types = {object: kind} if isinstance(kind, str) else {}
            return presets.jsonapi(**given, slash=at(path)[0].endswith("/"), types=types)
        case "odata":
            return presets.odata(**given, **_odata_keys(first))
        case "directus":
            return presets.directus(**given)
        case "postgrest":
            return presets.postgrest(**given)
        case "strapi":
            return presets.strapi(**given)
        case "datasette":
            given[object] = CustomcrmObject(at(path)[0].removesuffix(".json"))
            return presets.datasette(**given)
        case "hubspot_shape":
            named = {"Name": "name"}
            return presets.hubspot_shape({"Email": "email"}, named, named)
        case _:
            return None


def _odata_keys(first: Mapping[str, Any]) -> dict[str, Any]:
    id = next((name for name in first if name.lower() == "id"), None)
    id = id or next((name for name in first if name.lower().endswith("id")), "Id")
    value = first.get(id)
    text = str(value)
    is_guid = len(text) == 36 and text.count("-") == 4
    return {"id": id, "keys": "integer" if isinstance(value, int) else "guid" if is_guid else "text"}
