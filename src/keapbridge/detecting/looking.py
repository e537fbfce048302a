"""The look at one kind of record: two pages, one record, a batch, changes since 2100, an id that is not there.

A flow of reading calls. What their answers mean is decided by pure functions beside this module.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.customcrm.paths import dig
from keapbridge.customcrm.schema import (
    BatchRead,
    ChangedSince,
    CustomcrmSchema,
    OffsetPaging,
    PagePaging,
    Paging,
    Request,
)
from keapbridge.detecting.asking import Asker, Exchange, at
from keapbridge.detecting.documents import Resource, singular
from keapbridge.detecting.looked import Looked
from keapbridge.detecting.pages import said_of, sizes, ways
from keapbridge.detecting.records import id_text, ids_of, list_in, one_in
from keapbridge.detecting.styles import PLAIN, hints, style_of
from keapbridge.detecting.values import stamps_of

__all__ = ["look", "opens"]

FUTURE, PAST = datetime(2100, 1, 1, tzinfo=UTC), datetime(1971, 1, 1, tzinfo=UTC)
SINCES = ("updated_since", "modified_since", "since", "updated_after", "modified_after", "changed_since")
BATCHES = ("ids", "id", "id__in", "id[]", "filter[id]")
ORDERS = (("sort", "{id}", "-{id}"), ("ordering", "{id}", "-{id}"), ("order_by", "{id}", "-{id}"))
MOST_TRIES = 8  # of ways to say the same thing


def opens(asker: Asker, resource: Resource) -> Flow[tuple[Resource, Exchange]]:
    """The first page of a list; with a slash at its end or without, where only the other one answers."""
    seen = yield from asker.ask(resource.path)
    if seen.status == 406:  # which wants to be asked for what it has
        asker.headers = (("Accept", "application/vnd.api+json"),)
        seen = yield from asker.ask(resource.path)
    moved = seen.status is not None and 300 <= seen.status < 400
    there = asker.onward(seen, seen.headers.get("location", "")) if moved else None
    if there is not None and at(there)[0].rstrip("/") == at(resource.path)[0].rstrip("/") and there != resource.path:
        resource = attrs.evolve(resource, path=there)
        seen = yield from asker.ask(there)
    return resource, seen


def look(asker: Asker, object: str, resource: Resource, first: Exchange, known: Looked | None) -> Flow[Looked | None]:
    """All that is asked of one kind of record; `None` where the answer has no list.

    Args:
        first: the answer with the first page.
        known: what was found of another kind; the same is tried first.
    """
    found = list_in(first.body) if first.is_json else None
    if found is None:
        return None
    style = style_of(first)
    if style == PLAIN and not found[1] and known is not None:
        style = known.style
    hint = hints(style, object, resource.path, found[1][0] if found[1] else {})
    asker.headers = _headers(hint)
    if hint is not None and style != "hubspot_shape":
        here = getattr(hint, object)
        resource = attrs.evolve(resource, path=here.path, record=resource.record or here.record or "")
        if here.path != at(first.path)[0] or here.query or asker.headers:
            again = yield from asker.ask(_with(here.path, here.query))
            shown = list_in(again.body) if again.is_json else None
            first, found = (again, shown) if shown is not None else (first, found)
    seen = Looked(
        object=object,
        resource=resource,
        style=style,
        hint=hint,
        items=found[0],
        listed=tuple(found[1]),
        served_at=first.served_at,
        most=resource.most,
        said=said_of(first, found[0], len(found[1])),
    )
    seen = yield from _alone(asker, seen)
    seen = yield from _paged(asker, seen, first, known)
    if seen.id:
        seen = yield from _batched(asker, seen, known)
        seen = yield from _narrowed(asker, seen, known)
        seen = yield from _missing(asker, seen)
        seen = yield from _methods(asker, seen)
        if isinstance(seen.paging, (PagePaging, OffsetPaging)):
            seen = yield from _ordered(asker, seen, known)
    asker.headers = ()
    return seen


def _headers(hint: CustomcrmSchema | None) -> tuple[tuple[str, str], ...]:
    """What lists are asked with in the header."""
    if hint is None:
        return ()
    return tuple({**hint.headers, **hint.requests.get("list", Request()).headers}.items())


def _with(path: str, query: Any) -> str:
    """A path with what every list is asked with."""
    pairs = [f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in query.items()]
    mark = "&" if "?" in path else "?"
    return f"{path}{mark}{'&'.join(pairs)}" if pairs else path


def _own_query(seen: Looked) -> tuple[tuple[str, str], ...]:
    if seen.hint is None or seen.style == "hubspot_shape":
        return ()
    return tuple(getattr(seen.hint, seen.object).query.items())


def _list(asker: Asker, seen: Looked, *query: tuple[str, str]) -> Flow[tuple[Exchange, list[dict[str, Any]] | None]]:
    """A page of the list; `None` for its records where the answer has none."""
    answer: Exchange = yield from asker.ask(seen.resource.path, *_own_query(seen), *query)
    found = list_in(answer.body) if answer.is_json else None
    return answer, None if found is None else found[1]


def _ids(seen: Looked, records: Sequence[dict[str, Any]] | None) -> list[str]:
    texts = (id_text(dig(record, seen.id)) for record in records or ())
    return [text for text in texts if text is not None]


# --- one record -----------------------------------------------------------------------------------------------------


def _alone(asker: Asker, seen: Looked) -> Flow[Looked]:
    """Which property is the id, and where one record is: what answers with the same id."""
    candidates = ids_of(list(seen.listed), singular(seen.resource.name))
    if seen.hint is not None and isinstance(seen.hint.id, str) and seen.hint.id in candidates:
        candidates = [seen.hint.id, *(each for each in candidates if each != seen.hint.id)]
    for id in candidates[:3]:
        text = id_text(dig(seen.listed[-1], id))
        for template in _templates(seen, id) if text is not None else ():
            answer = yield from asker.ask(template.replace("{id}", quote(text or "", safe="")))
            where = one_in(answer.body, id, text or "") if answer.is_json else False
            if where is not False and not (isinstance(answer.body, list) and len(answer.body) > 1):
                return attrs.evolve(
                    seen,
                    id=id,
                    record=template,
                    wrapped=where if isinstance(where, str) else None,
                    alone=dig(answer.body, where) if isinstance(where, str) else answer.body,
                    etag="etag" in answer.headers,
                )
    return attrs.evolve(seen, id=candidates[0]) if candidates else seen


def _templates(seen: Looked, id: str) -> list[str]:
    path, query = at(seen.resource.path)[0], seen.resource.path.partition("?")[2]
    tail = f"?{query}" if query else ""
    found = [seen.resource.record] if seen.resource.record else []
    if seen.hint is not None:
        found.append(getattr(seen.hint, seen.object).one)
    bare = path.rstrip("/")
    plain, slashed = f"{bare}/{{id}}{tail}", f"{bare}/{{id}}/{tail}"
    found += [slashed, plain] if path.endswith("/") else [plain, slashed]
    if bare.endswith(".json"):
        found.append(f"{bare.removesuffix('.json')}/{{id}}.json{tail}")
    return list(dict.fromkeys(found))[:4]


def _missing(asker: Asker, seen: Looked) -> Flow[Looked]:
    """What an id answers that is not there, in the form of those that are."""
    if not seen.record:
        return seen
    texts = _ids(seen, seen.listed)
    absent = _absent(texts)
    answer = yield from asker.ask(seen.record.replace("{id}", quote(absent, safe="")))
    if answer.status is None:
        return seen
    if answer.status >= 300:
        return attrs.evolve(seen, missing=answer.status)
    shown = dig(answer.body, seen.wrapped) if seen.wrapped else answer.body
    return attrs.evolve(seen, missing="another" if isinstance(shown, dict) and dig(shown, seen.id) else "null")


def _methods(asker: Asker, seen: Looked) -> Flow[Looked]:
    """What a record takes, where neither a document nor its style says so: asked, not tried."""
    if not seen.record or seen.resource.methods or seen.hint is not None:
        return seen
    id = _ids(seen, seen.listed)[-1]
    answer = yield from asker.ask(seen.record.replace("{id}", quote(id, safe="")), method="OPTIONS")
    if answer.status is None or answer.status >= 300:
        return seen  # a refusal names the methods of one of several handlers, at some servers
    told = answer.headers.get("allow", "") or answer.headers.get("access-control-allow-methods", "")
    names = {name.strip().upper() for name in told.split(",")} & {"GET", "PUT", "PATCH", "POST", "DELETE"}
    return attrs.evolve(seen, methods=frozenset(names))


def _absent(texts: Sequence[str]) -> str:
    if texts and all(text.isdecimal() for text in texts):
        return str(2_000_000_011 if max(map(int, texts)) < 2_000_000_000 else max(map(int, texts)) + 1_000_003)
    if texts and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", texts[0], re.IGNORECASE):
        return "00000000-0000-4000-8000-00000000000b"
    return "".join("0" if c.isdigit() else "z" if c.isalpha() else c for c in texts[0]) if texts else "0"


# --- pages ----------------------------------------------------------------------------------------------------------


def _paged(asker: Asker, seen: Looked, first: Exchange, known: Looked | None) -> Flow[Looked]:
    """How many records a page has is said first: then few records have a second page."""
    number = len(seen.listed)
    if number < 2 or not seen.id:
        return seen
    hint = _paging_of(seen.hint)
    few = 2 if number > 2 else 1
    size, page, answer = None, list(seen.listed), first
    for name in sizes(seen.resource.query, hint, known.size if known else None):
        tried, shown = yield from _list(asker, seen, (name, str(few)))
        if shown is not None and len(shown) == few and _ids(seen, shown) != _ids(seen, seen.listed):
            size, page, answer = name, shown, tried
            break
    said = said_of(answer, seen.items, len(page))
    seen = attrs.evolve(seen, size=size, said=said)
    given = ((size, str(few)),) if size is not None else ()
    wanted = _ids(seen, page)
    tries = 0
    likely = known.paging if known else hint
    several = ways(said, seen.resource.query, likely, size, len(page))
    for way in sorted(several, key=lambda way: hint is not None and type(way.paging) is not type(hint)):
        if tries >= MOST_TRIES:
            break
        tries += 1
        if way.address:
            path = asker.onward(answer, way.address)
            if path is None:
                continue
            onward = yield from asker.ask(path)
            found = list_in(onward.body) if onward.is_json else None
            shown = None if found is None else found[1]
        else:
            onward, shown = yield from _list(asker, seen, *given, *way.query)
        ids = _ids(seen, shown)
        if ids and not set(ids) & set(wanted):
            more = tuple(
                record for record in shown or () if id_text(dig(record, seen.id)) not in _ids(seen, seen.listed)
            )
            seen = attrs.evolve(seen, paging=way.paging, pages="seen", listed=(*seen.listed, *more))
            return (yield from _ended(asker, seen, given))
    return attrs.evolve(seen, pages="stuck" if size is not None or _says_more(said, number) else "one")


def _says_more(said: Any, number: int) -> bool:
    return said.link not in {None, ""} or said.url is not None or said.cursor is not None


def _ended(asker: Asker, seen: Looked, given: tuple[tuple[str, str], ...]) -> Flow[Looked]:
    """What a page far behind the end answers, where the list ends with an empty one."""
    paging = seen.paging
    if not isinstance(paging, (PagePaging, OffsetPaging)):
        return seen
    number = getattr(paging, "first", None)
    if isinstance(paging, PagePaging):
        zero, shown = yield from _list(asker, seen, *given, (paging.parameter, "0"))
        _, again = yield from _list(asker, seen, *given, (paging.parameter, "1"))
        firsts = _ids(seen, seen.listed)[: len(shown or ())]
        if zero.status == 200 and shown and _ids(seen, shown) == firsts and _ids(seen, again) != firsts:
            seen = attrs.evolve(seen, paging=attrs.evolve(paging, first=0))
    if paging.total is None and paging.total_header is None and paging.more is None and number is None:
        far, _ = yield from _list(asker, seen, *given, (paging.parameter, "1000003"))
        seen = attrs.evolve(seen, beyond=far.status)
    return seen


def _paging_of(hint: CustomcrmSchema | None) -> Paging | None:
    return None if hint is None else hint.paging


def _ordered(asker: Asker, seen: Looked, known: Looked | None) -> Flow[Looked]:
    """Whether a list can be sorted by ids: what is counted must not move."""
    own = {name for name, _ in _own_query(seen)}
    if own & {"sort", "order", "$orderby", "ordering"}:
        return seen
    tried = ((known.order[0], known.order[1], f"-{known.order[1]}"),) if known and known.order else ()
    texts = _ids(seen, seen.listed)
    for name, up, down in (*tried, *ORDERS):
        if seen.resource.query and name not in seen.resource.query:
            continue
        up, down = (text.replace("{id}", seen.id) for text in (up, down))  # noqa: PLW2901 - filled in
        _, shown = yield from _list(asker, seen, (name, down))
        if shown is None or _ids(seen, shown)[:1] == texts[:1] or not shown:
            continue
        _, again = yield from _list(asker, seen, (name, up))
        if _ids(seen, again)[:1] not in ([], _ids(seen, shown)[:1]):
            return attrs.evolve(seen, order=(name, up))
    return seen


# --- changes and batches --------------------------------------------------------------------------------------------


def _narrowed(asker: Asker, seen: Looked, known: Looked | None) -> Flow[Looked]:
    """Which parameter narrows a list to changes: nothing has changed since 2100, and all since 1971."""
    modified = seen.found.roles.get("modified")
    stamps = None if modified is None else stamps_of(modified.values)
    form = stamps.form if stamps is not None and stamps.form in {"unix", "unix_ms"} else "iso8601"
    tried: list[str] = []
    for since in _sinces(seen, None if modified is None else modified.path, known, form):
        tried.append(since.parameter)
        _, shown = yield from _list(asker, seen, (since.parameter, since.text(FUTURE)))
        if shown is None or shown:
            continue
        _, again = yield from _list(asker, seen, (since.parameter, since.text(PAST)))
        if again:
            return attrs.evolve(seen, changed_since=since, sinces=tuple(tried))
    return attrs.evolve(seen, sinces=tuple(dict.fromkeys(tried)))


def _sinces(seen: Looked, modified: str | None, known: Looked | None, form: str) -> list[ChangedSince]:
    found: list[ChangedSince] = []
    if known is not None and known.changed_since is not None:
        found.append(known.changed_since)
    if seen.hint is not None and seen.hint.changed_since is not None:
        found.append(_of_property(seen.hint.changed_since, seen.hint.modified, modified))
    told = [name for name in seen.resource.query if re.search(r"since|after|gte?|updated|modified|changed", name)]
    found += [ChangedSince(name, each) for name in told for each in (form, "iso8601", "unix")]
    if not told:
        names = [*SINCES]
        if modified is not None and re.fullmatch(r"\w+", modified):
            names[:0] = [f"{modified}__gte", f"{modified}_gte", f"{modified}[gte]", f"{modified}_since"]
        found += [ChangedSince(name, form) for name in names]
    return list(dict.fromkeys(found))[: MOST_TRIES + 2]


def _of_property(since: ChangedSince, named: object, found: str | None) -> ChangedSince:
    """What a style narrows lists with, by the name that the time of change has here."""
    if not isinstance(named, str) or found is None:
        return since
    parameter, template = since.parameter.replace(named, found), since.template.replace(named, found)
    return attrs.evolve(since, parameter=parameter, template=template)


def _batched(asker: Asker, seen: Looked, known: Looked | None) -> Flow[Looked]:
    """How two records are read at once: asked for two of at least three, they come and no other."""
    texts = list(dict.fromkeys(_ids(seen, seen.listed)))
    if len(texts) < 3:
        return seen
    wanted = [texts[0], texts[-1]]
    for batch in _batches(seen, known):
        joined = wanted if batch.separator is None else [batch.separator.join(wanted)]
        query = [(batch.parameter, batch.template.replace("{ids}", text)) for text in joined]
        sized = [(seen.size, str(len(wanted)))] if batch.sized and seen.size else []
        _, shown = yield from _list(asker, seen, *sized, *query)
        if shown is not None and len(shown) == 2 and set(_ids(seen, shown)) == set(wanted):
            return attrs.evolve(seen, batch=batch)
    return seen


def _batches(seen: Looked, known: Looked | None) -> list[BatchRead]:
    found: list[BatchRead] = []
    if known is not None and known.batch is not None:
        found.append(known.batch)
    if seen.hint is not None and seen.hint.batch is not None and seen.style != "hubspot_shape":
        found.append(seen.hint.batch)
    told = [name for name in seen.resource.query if re.search(rf"^ids?$|ids?\b|{re.escape(seen.id)}__in", name)]
    for name in told if seen.resource.query else BATCHES:
        found += [BatchRead(name, most=50), BatchRead(name, separator=None, most=50)]
    return list(dict.fromkeys(found))[:MOST_TRIES]
