"""What a server says about an error, in its own words, from whichever of the common bodies. Pure.

RFC 9457, Django REST framework, FastAPI, OData, JSON:API, Salesforce, Rails, Laravel, Spring, GraphQL and others differ
in where they put a text, and in how they name the field that it is about; so texts are looked for under the usual
names, and field by field where there are none of those. A record that a server repeats is not read out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

__all__ = ["words_of"]

LONGEST: Final = 256 * 1024  # bytes of a body that is read for it
DEEPEST: Final = 6
MOST: Final = 20  # texts
LONGEST_TEXT: Final = 2000  # characters of one of them

_TEXTS: Final = (
    *(
        "detail",
        "message",
        "msg",
        "faultstring",
        "error_description",
        "errormessage",
        "error_message",
        "defaultmessage",
    ),
    *("reason", "exceptionmessage", "description", "title", "error"),
)
"""Where a text is, the first that is there counts; in lower case."""
_PARTS: Final = (
    *("fault", "error", "odata.error", "errors", "details", "detail", "message", "invalid-params", "invalid_params"),
    *("modelstate", "violations", "fielderrors", "validationerrors", "source_errors"),
)
"""Where more of them are."""
_PLACES: Final = (
    *("field", "propertypath", "propertyname", "property", "attribute", "target", "param", "parameter", "pointer"),
    *("loc", "fields", "source", "path", "name"),
)
"""What a text is about."""
_ENVELOPES: Final = frozenset(
    {"body", "query", "path", "header", "data", "attributes", "relationships", "#", "", "__all__"}
)
_TITLE: Final = re.compile(r"<(title|h1)\b[^>]{0,200}>\s*([^<]{1,500})<", re.IGNORECASE)
_XML: Final = re.compile(
    r"<(?:\w{1,20}:)?(message|faultstring|detail|description|reason|text)\b[^>]{0,200}>\s*([^<]{1,500})<", re.IGNORECASE
)


def words_of(body: bytes, content_type: str = "") -> str:
    """What a body says, in one line; it may hold anything that people and servers write.

    Args:
        content_type: of the answer, with its parameters or without.

    Returns:
        `"not explained (…)"` where there are no words that can be told from data.
    """
    kind = content_type.partition(";")[0].strip()
    text = _decoded(body)
    found = text and (_of_json(body) or _of_markup(text) or _of_plain(text, kind))
    return found or f"not explained ({f'{kind} ' if kind and body else 'no ' if not body else ''}body)"


def _decoded(body: bytes) -> str:
    try:
        return body[:LONGEST].decode("utf-8-sig", "strict" if len(body) <= LONGEST else "ignore").strip()
    except UnicodeDecodeError:
        return ""


def _of_json(body: bytes) -> str:
    if len(body) > LONGEST:
        return ""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    told: dict[str, None] = {}
    for place, text in _said(decoded, "", 0, fields=False):
        line = _line(text).rstrip(".")
        told.setdefault(f"{place}: {line}" if place and not line.casefold().startswith(place.casefold()) else line)
        if len(told) == MOST:
            break
    return "; ".join(told)


def _said(body: Any, place: str, depth: int, *, fields: bool) -> Iterator[tuple[str, str]]:
    """The texts of a body, each with what it is about.

    Args:
        fields: whether it is known to be about errors, so that its other names are those of fields.
    """
    if isinstance(body, str) and body.strip():
        yield place, body
    elif depth < DEEPEST and isinstance(body, list):
        for item in body[:MOST]:
            yield from _said(item, place, depth + 1, fields=fields)
    elif depth < DEEPEST and isinstance(body, dict):
        known = {name.casefold(): value for name, value in body.items()}
        place = _place(known) or place
        if isinstance(known.get("_server_messages"), str):
            yield from _said(_unwrapped(known["_server_messages"], 2), place, depth + 1, fields=False)
            return
        main = next((known[name] for name in _TEXTS if isinstance(known.get(name), str) and known[name].strip()), None)
        if main is not None:
            yield place, main
        parts = [name for name in _PARTS if isinstance(known.get(name), (list, dict)) and known[name]]
        for name in parts:
            value = known[name]
            if name in {"message", "detail"} and isinstance(value, dict) and isinstance(value.get("value"), str):
                yield place, value["value"]  # OData: in a language
            else:
                # Keap's `details` beside a message, and those of Google's kind, name the resource, not fields.
                about_fields = name not in {"message", "detail"} and not (main and isinstance(value, list))
                yield from _said(value, place, depth + 1, fields=about_fields)
        if main is None and not parts:
            for name, value in body.items():
                if isinstance(value, (list, dict)) or fields:
                    inner = "" if name.casefold() in _ENVELOPES or name.startswith("non_field") else name
                    yield from _said(value, ".".join(filter(None, (place, inner))), depth + 1, fields=fields)


def _unwrapped(text: str, times: int) -> Any:
    """What a text says that is JSON again, and so are the texts in it: Frappe's messages."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    inside = found if isinstance(found, list) else [found]
    return [_unwrapped(each, times - 1) if times > 1 and isinstance(each, str) else each for each in inside]


def _place(known: Mapping[str, Any]) -> str:
    """What an error is about, as far as it says so."""
    for name in _PLACES:
        value = known.get(name)
        if name == "source" and isinstance(value, dict):
            value = value.get("pointer") or value.get("parameter")
        if name == "path" and not isinstance(value, list):
            continue  # the path of the request
        if name == "name" and "reason" not in known and "defaultmessage" not in known:
            continue  # of the error
        steps = value if isinstance(value, list) else re.split(r"[/]", value) if isinstance(value, str) else ()
        found = [str(step) for step in steps if isinstance(step, (str, int)) and str(step) not in _ENVELOPES]
        if found:
            return (", " if name == "fields" else ".").join(found)[:100]
    return ""


def _of_markup(text: str) -> str:
    """The title of a page, or the message of an XML document."""
    if not text.startswith("<"):
        return ""
    found = _XML.search(text) if text.startswith("<?xml") else None
    found = found or _TITLE.search(text) or _XML.search(text)
    return "" if found is None else _line(html.unescape(found[2]))


def _of_plain(text: str, kind: str) -> str:
    """The first line of a text that is nothing else."""
    is_text = kind in {"", "text/plain"} or (kind.startswith("text/") and not text.startswith("<"))
    return _line(next(iter(text.splitlines()), "")) if is_text and text[:1] not in "{[<" else ""


def _line(text: str) -> str:
    """A text in one line that can be shown."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text[:LONGEST_TEXT].split()))
