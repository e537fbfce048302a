"""What somebody has written into any field of any record, in either system, is text on every page."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.console.pages import SESSION
from keapbridge.testing import CustomcrmEmulator, Fault, KeapEmulator

Browse = Callable[..., Any]
Sessions = Callable[..., kb.SyncSession]
PLANTED = "<script>window.ran=1</script>'\"><img src=x onerror=alert(1)>{{7*7}}"
OBJECTS = ("companies", "products", "contacts")
NOT_BY_PEOPLE = {"Id", "CreatedAt", "UpdatedAt", "ETag"}
HELD = {"Country", "Region", "Email", "Email2", "Phone", "MobilePhone", "Fax"}  # what is no such thing goes nowhere
NO_TEXTS = {"Price", "Active", "BirthDate", "CustomerId"}  # neither system takes a text there


@pytest.fixture
def session(sessions: Sessions) -> kb.SyncSession:
    return sessions(policy=kb.Policy(conflicts="manual"), currency="USD")


class Elements(HTMLParser):
    """The elements of a page with their attributes, and what is text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in {"href", "src", "action", "formaction", "hx-get"}:
                self.values.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def _planted(value: Any, name: str) -> Any:
    """What Keap holds, with something in each of its texts that a person writes."""
    if isinstance(value, dict):
        kept = {
            "field",
            "id",
            "type",
            "create_time",
            "update_time",
            "email_opt_status",
            "country_code",
            "region_code",
            "currency_code",
        }
        return {k: v if k in kept else _planted(v, name) for k, v in value.items()}
    if isinstance(value, list):
        return [_planted(each, name) for each in value]
    return f"{PLANTED} {name}" if isinstance(value, str) else value


def _ours(crm: CustomcrmEmulator) -> dict[str, Any]:
    return {"companies": crm.state.customers, "products": crm.state.products, "contacts": crm.state.contacts}


def _theirs(keap: KeapEmulator) -> dict[str, Any]:
    return {name: getattr(keap.state, name) for name in OBJECTS}


def _add_plain(crm: CustomcrmEmulator) -> None:
    """A record of each synchronization, with a value in every field."""
    place = {"StreetAddress1": "1 Road", "StreetAddress2": "Flat 2", "City": "Oslo", "ZipCode": "0150", "Country": "NO"}
    reach = {"Email": "ada@example.org", "Phone": "+47 22 22 22 22", "Fax": "+47 22 22 22 23", "Website": "a.example"}
    name = {"FirstName": "Ada", "MiddleName": "B", "LastName": "Berg", "Title": "Dr", "Suffix": "MD"}
    more = {"Email2": "two@example.org", "MobilePhone": "+47 92 22 22 22", "JobTitle": "Chair"}
    tables = _ours(crm)
    tables["companies"].add({"Name": "Acme", "Description": "All", **place, **reach})
    tables["products"].add(
        {
            "Name": "Pot",
            "Sku": "P1",
            "Description": "Iron",
            "ShortDescription": "Pot",
            "Price": "1.50",
            "Currency": "USD",
            "Active": True,
        }
    )
    tables["contacts"].add({**name, **more, **place, **reach, "BirthDate": "1990-05-01"})


@pytest.fixture
def seen(
    session: kb.SyncSession, crm_server: CustomcrmEmulator, keap_server: KeapEmulator, browse: Browse
) -> dict[str, Elements]:
    """Every page, after something was planted in every field of both systems, and in what one of them answers."""
    ours, theirs = _ours(crm_server), _theirs(keap_server)
    _add_plain(crm_server)
    session.sync()
    for object in OBJECTS:
        [our_id], [their_id] = ours[object], theirs[object]
        theirs[object].edit(their_id, **_planted(theirs[object][their_id], f"of {object} in keap"))
        values = ours[object][our_id]
        written = {name for name, value in values.items() if value is not None} - NOT_BY_PEOPLE - NO_TEXTS
        ours[object].edit(our_id, **{name: f"{PLANTED} {object}.{name} in customcrm" for name in written})
        ours[object].add({name: f"{PLANTED} {object}.{name} anew" for name in values.keys() - NOT_BY_PEOPLE - NO_TEXTS})
    session.plan(full=True)
    keap_server.faults.add(Fault(status=400, body=PLANTED.encode()), method="POST", times=3)
    session.sync(full=True)
    anna = browse(PLANTED)
    paths = [path for path, page in SESSION.items() if page.get is not None and "{" not in path]
    for plan in session.plans():
        paths += [f"/plans/{plan.id}", *(f"/plans/{plan.id}?object={object}" for object in OBJECTS)]
    for run in session.runs():
        paths += [f"/runs/{run.run_id}", f"/runs/{run.run_id}/undo"]
    for conflict in session.conflicts():
        paths.append(f"/conflicts/{conflict.object}/{conflict.customcrm_id}")
    for object in OBJECTS:
        paths += [f"/conflicts?object={object}"]
        paths += [f"/records/{object}/customcrm/{id}" for id in ours[object]]
        paths += [f"/records/{object}/keap/{id}" for id in theirs[object]]
    pages = {}
    for path in paths:
        anna.look(path)
        pages[path] = Elements(anna.page.text)
    return pages


@pytest.mark.thorough
@pytest.mark.usefixtures("broken_answers")
def test_it_is_text_on_every_page(session: kb.SyncSession, seen: dict[str, Elements]) -> None:
    for path, page in seen.items():
        assert not page.tags & {"img", "iframe", "svg", "object", "embed", "style", "base"}, path
        assert not [name for name in page.attributes if name.startswith("on") or name in {"style", "srcdoc"}], path
        assert not [value for value in page.values if "window.ran" in value or not value.startswith(("/", "#"))], path
    everything = "\n".join(page.text for page in seen.values())
    for object in OBJECTS:
        for lens in getattr(kb.mapping, object).lenses:
            if lens.name not in NO_TEXTS | HELD:
                assert f"{PLANTED} {object}.{lens.name}" in everything, f"{object}.{lens.name} of Customcrm"
        assert f"{PLANTED} of {object} in keap" in everything
