"""What is to be known of an API before a first run, as findings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from keapbridge.customcrm.schema import CustomcrmSchema, OffsetPaging, PagePaging
from keapbridge.detecting.declaring import settled, stamps
from keapbridge.detecting.looked import Looked
from keapbridge.detecting.properties import Part
from keapbridge.detecting.styles import PLAIN, TITLES
from keapbridge.detecting.values import A_CLOCK, ZONES, Stamps, boolean_form, day_forms
from keapbridge.model.finding import Finding, Severity
from keapbridge.model.names import CONTACTS, PRODUCTS

__all__ = ["findings_of", "joined", "refused"]

_VERSION = re.compile(r"(^|[._@])(version|revision|rev|_rev|etag|row_?version|lock_?version)$", re.IGNORECASE)
_NAMES = 12  # of properties that a finding lists
_KINDS: Mapping[str, str] = {"contacts": "contacts", "customers": "companies", "products": "products"}


def findings_of(seen: Looked, schema: CustomcrmSchema, currency: str) -> Iterator[Finding]:
    """What is to be known of one kind of record."""
    place, here = seen.object, schema.of(seen.object)
    if seen.style != PLAIN:
        what = f"answers look like those of {TITLES[seen.style]}"
        yield Finding("info", place, what, "what reading alone cannot tell is declared as its documentation says")
    if not seen.listed:
        advice = "put some into the list and look again, or declare its properties by hand"
        yield Finding("warning", place, "the list is empty, so nothing is known of its records", advice)
        return
    yield from _ids(seen)
    yield from _pages(seen)
    yield from _properties(seen, here.names)
    yield from _stamps(seen)
    yield from _forms(seen, currency)
    yield from _changes(seen)
    yield from _missing(seen)
    yield from _writes(seen)


def joined(findings: Sequence[Finding]) -> list[Finding]:
    """Those that say the same of several kinds of record, as one."""
    found: dict[tuple[Severity, str, str, str], list[str]] = {}
    for each in findings:
        object, dot, field = each.place.partition(".")
        found.setdefault((each.severity, each.what, each.advice, dot + field), []).append(object)
    return [
        Finding(severity, ", ".join(f"{object}{rest}" for object in objects), what, advice)
        for (severity, what, advice, rest), objects in found.items()
    ]


def refused(what: str, path: str, status: int | None, why: str) -> Finding:
    """A list that answers otherwise than with records."""
    if status in {401, 403}:
        advice = "give the credentials of the API as auth=…"
    elif status is not None and 300 <= status < 400:
        advice = "give the address that answers itself: credentials are not sent after redirects"
    elif "text/html" in why:
        advice = "that is a page for people: give the address of the API"
    else:
        advice = f"name the path of the list, {what}='/…'"
    return Finding("error", what, f"{path}: {why or 'the answer has no list of records'}", advice)


def _ids(seen: Looked) -> Iterator[Finding]:
    if not seen.id:
        what = "no property of the records is an id: none is another one in each of them"
        yield Finding("error", seen.object, what, "declare it: id= of the schema")
    elif not seen.record:
        what = f"no single record could be read by its {seen.id!r}"
        yield Finding("error", seen.object, what, "declare the path of one record: record='/…/{id}'")


def _pages(seen: Looked) -> Iterator[Finding]:
    shown = len(seen.listed)
    match seen.pages:
        case "few":
            what = f"{shown} record{'s' * (shown != 1)} in the list: too few to see how its pages end"
            advice = "look again with three or more; what is declared of paging is a guess until then"
            yield Finding("info" if seen.hint is not None else "warning", f"{seen.object}.paging", what, advice)
        case "stuck":
            what = "a first page is not all there is, and no way to the second one was found"
            yield Finding("error", f"{seen.object}.paging", what, "declare how pages follow each other: paging=")
        case "one":
            what = f"nothing that was tried makes a page shorter than its {shown} records"
            advice = "right where an answer always has everything (paging=None); else declare paging="
            yield Finding("warning", f"{seen.object}.paging", what, advice)
        case "seen":
            counted = isinstance(seen.paging, (PagePaging, OffsetPaging))
            own = seen.hint is not None and bool(getattr(seen.hint, seen.object).query)
            if counted and seen.order is None and not own:
                what = "pages are counted, and nothing that was tried sorts the list"
                advice = "declare an order that edits do not change, query={'sort': 'id'}, where the API has one"
                yield Finding("warning", f"{seen.object}.paging", what, advice)
    if seen.beyond is not None and seen.beyond >= 400:
        what = f"a page behind the end answers {seen.beyond}, and no answer says how many records there are"
        yield Finding("error", f"{seen.object}.paging", what, "declare where the total is: paging=…(total=)")


def _properties(seen: Looked, names: str) -> Iterator[Finding]:
    for name, part in settled(seen, names).items():
        place = f"{seen.object}.{name}"
        if part.seen == "none":
            what = f"{part.path} is {part}"
            advice = "what lists do not show is not seen to change there; map it only if single reads will do"
            yield Finding("warning", place, what, advice)
        elif part.seen == "some":
            advice = "a record that leaves it out says nothing of it: it is not taken for empty"
            yield Finding("info", place, f"{part.path} is {part}", advice)
        elif part.alone is False:
            what = f"{part.path} is {part}"
            yield Finding("warning", place, what, "what a single read leaves out is not taken for empty")
    if not seen.found.properties:
        what = f"no property was recognised among {_listed([part.path for part in seen.parts.values()])}"
        yield Finding("error", seen.object, what, "declare them: properties={'Email': '…'}")
        return
    others = [path for path in seen.found.others if not path.startswith(("links", "_links", "@"))]
    version = next((path for path in others if _VERSION.search(path)), None)
    if version is not None and seen.hint is None:
        advice = f"if writes take If-Match with it, declare version={version!r} and conditional=True"
        yield Finding("info", seen.object, f"{version} may be the version of a record", advice)
    if others:
        what = f"not mapped: {_listed(others)}"
        yield Finding("info", seen.object, what, "what is not mapped stays as it is; map what is to flow")
    there = settled(seen, names).keys()
    if seen.object == CONTACTS and not {"Email", "FirstName", "LastName", "FullName"} & there:
        what = "neither an e-mail address nor a name was recognised: nobody can be matched"
        yield Finding("error", seen.object, what, "declare them: properties={'Email': '…'}")


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMES} more" if len(paths) > _NAMES else ""
    return ", ".join(path[:60] for path in paths[:_NAMES]) + more


def _stamps(seen: Looked) -> Iterator[Finding]:
    place = f"{seen.object}.UpdatedAt"
    roles = seen.found.roles
    told: Stamps | None = stamps(seen)
    if "modified" not in roles:
        what = "no property tells when a record was changed"
        advice = "name a rule for conflicts that needs no times: Policy(conflicts='customcrm'), 'keap', or a function"
        yield Finding("warning", place, what, advice)
    else:
        yield from _moving(roles["modified"], place)
    if told is None or not told.naive:
        if told is not None and told.ahead is not None and told.ahead > A_CLOCK:
            what = f"the newest time is {_hours(told.ahead)} later than the clock of the answer"
            yield Finding("warning", place, what, "the clocks of its machines differ: the newest edit is mistaken then")
        return
    if told.offset is not None:
        what = f"times tell no zone, and the newest is {_hours(told.ahead)} later than the clock of the answer (UTC)"
        advice = "declared is the least zone for which that can be; say which it is, time_zone='Europe/…'"
        yield Finding("warning", place, what, advice)
        return
    what = "times tell no zone, and are taken for UTC"
    if told.ahead is not None and A_CLOCK < -told.ahead < ZONES:
        what += f"; the newest is {_hours(-told.ahead)} before the clock of the answer"
    advice = (
        "edit a record and look again: if its time is hours before the clock, it is of another zone; declare which, "
        "time_zone='UTC' too: until then 'newest' decides no conflict"
    )
    yield Finding("warning", place, what, advice)


def _moving(part: Part, place: str) -> Iterator[Finding]:
    values = {str(value) for value in part.values if value is not None}
    if part.of > 2 and len(values) == 1:
        what = f"{part.path} is the same in all {part.of} records"
        yield Finding("info", place, what, "right after an import; if it never moves, leave it out: modified=None")


def _hours(span: timedelta | None) -> str:
    return f"{(span or timedelta()) / timedelta(hours=1):.1f} h"


def _forms(seen: Looked, currency: str) -> Iterator[Finding]:
    birth = seen.found.properties.get("BirthDate")
    forms = () if birth is None else day_forms(birth.values)
    if birth is not None and len(forms) > 1:
        what = f"{birth.path} can be read as {' and '.join(map(repr, forms))}"
        yield Finding("error", f"{seen.object}.BirthDate", what, "say which it is: dates= of the schema")
    elif birth is not None and not forms and birth.filled:
        what = f"{birth.path} holds days in no form that is known"
        yield Finding("warning", f"{seen.object}.BirthDate", what, "declare it: dates='%d.%m.%Y'")
    active = seen.found.properties.get("Active")
    if active is not None and active.filled and boolean_form(active.values) is None:
        what = f"{active.path} says yes and no in words that are not known"
        yield Finding("warning", f"{seen.object}.Active", what, "declare them: booleans='ja/nein'")
    if seen.object == PRODUCTS and "Price" in seen.found.properties and "Currency" not in seen.found.properties:
        what = f"no property tells the currency of prices; {currency} is taken"
        yield Finding("warning", f"{seen.object}.Price", what, "say which it is: currency='EUR'")


def _changes(seen: Looked) -> Iterator[Finding]:
    if not seen.id:
        return
    if seen.changed_since is None:
        tried = f" ({_listed(seen.sinces)} tried)" if seen.sinces else ""
        what = f"nothing narrows the list to changes{tried}: every run reads everything"
        yield Finding("info", seen.object, what, "declare what does: changed_since=kb.customcrm.ChangedSince('…')")
    if seen.batch is None and len(seen.listed) > 2 and seen.style != "hubspot_shape":
        what = "nothing reads several records at once: they are read again one by one"
        yield Finding("info", seen.object, what, "declare what does: batch=kb.customcrm.BatchRead('…')")


def _missing(seen: Looked) -> Iterator[Finding]:
    place = f"{seen.object}.gone"
    match seen.missing:
        case "another":
            what = "an id that is not there answers with another record"
            yield Finding("error", place, what, "declare the path of one record: record='/…/{id}'")
        case "null":
            yield Finding("info", place, "an id that is not there answers with nothing in the record's place")
        case int(status) if status in {401, 429} or status >= 500:
            what = f"an id that is not there answers {status}: deletions cannot be told from faults"
            yield Finding("warning", place, what, "deletions are noticed only where lists tell of them")
        case int(status) if status not in {404, 410}:
            what = f"an id that is not there answers {status}, which is declared as gone"
            yield Finding("info", place, what)


def _writes(seen: Looked) -> Iterator[Finding]:
    methods = seen.methods or seen.resource.methods
    if methods and not methods & {"PATCH", "PUT", "POST"}:
        what = f"single records take {', '.join(sorted(methods))} only, so nothing can be written"
        advice = "let the mappings flow one way: kb.mapping.contacts.one_way('to_keap')"
        yield Finding("warning", seen.object, what, advice)
    elif seen.style == PLAIN:
        known = "" if methods else ", and no answer tells its methods"
        what = f"writing was not tried{known}: how records are wrapped, changed and emptied is a guess"
        advice = "try it on a test system: keapbridge kit --session module:function"
        yield Finding("warning", seen.object, what, advice)
