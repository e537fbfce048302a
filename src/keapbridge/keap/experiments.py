"""The experiments of a probe: each tells one habit of a Keap, or a few. Flows over a `Lab`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import attrs

from keapbridge._flow.effects import Flow, new_id
from keapbridge.keap.lists import moment

__all__ = ["EXPERIMENTS", "Experiment", "Told"]


@attrs.frozen
class Told:
    """What an experiment has told.

    Attributes:
        value: the habit; `None` where it could not be told.
        evidence: what was asked and answered, without data of people.
    """

    value: Any
    evidence: str


@attrs.frozen
class Experiment:
    """A flow that tells some habits."""

    names: tuple[str, ...]
    how: Callable[[Any, Mapping[str, Told]], Flow[dict[str, Told]]]

    def __call__(self, lab: Any, told: Mapping[str, Told]) -> Flow[dict[str, Told]]:
        return self.how(lab, told)


Found: TypeAlias = Flow[dict[str, Told]]
EXPERIMENTS: Final[list[Experiment]] = []


def tells(*names: str) -> Callable[[Any], Any]:
    """A flow becomes the experiment that tells these habits."""

    def add(how: Any) -> Any:
        EXPERIMENTS.append(Experiment(names, how))
        return how

    return add


@tells("get_lag", "list_lag", "since_lag")
def _lags(lab: Any, _: Mapping[str, Told]) -> Found:
    """First of all, for all others look at what they have written."""
    id = yield from lab.person()

    def is_listed() -> Flow[bool]:
        seen = yield from lab.listed_at_once("contacts", fields="id", page_size="100")
        return any(str(record["id"]) == id for record in seen.data["contacts"])

    told = {"list_lag": (yield from _lag(lab, is_listed, "a list after a POST"))}
    yield from lab.settle()
    yield from lab.patch(f"contacts/{id}", {"job_title": "Probe"})

    def is_shown() -> Flow[bool]:
        seen = yield from lab.call("GET", f"contacts/{id}", fields="job_title")
        return isinstance(seen.data, dict) and seen.data.get("job_title") == "Probe"

    told["get_lag"] = yield from _lag(lab, is_shown, "a GET after a PATCH")
    yield from lab.settle()
    since = moment(datetime.fromisoformat((yield from lab.get(f"contacts/{id}", "update_time"))["update_time"]))
    id = yield from lab.person()

    def is_new() -> Flow[bool]:
        seen = yield from lab.listed_at_once("contacts", f";start_update_time=={since}", fields="id", page_size="100")
        return any(str(record["id"]) == id for record in seen.data["contacts"])

    told["since_lag"] = yield from _lag(lab, is_new, "a list of changes after a POST")
    return told


def _lag(lab: Any, shows: Callable[[], Flow[bool]], what: str) -> Flow[Told]:
    at_once = yield from lab.is_at_once(shows)
    return Told("none" if at_once else "some", f"{what} shows it at once: {at_once}")


@tells("longest_page")
def _pages(lab: Any, _: Mapping[str, Told]) -> Found:
    for size in (1000, 200, 100):
        seen = yield from lab.call("GET", "contacts", page_size=str(size), fields="id")
        if not seen.refused:
            return {"longest_page": Told(size, f"GET contacts?page_size={size}: 200")}
    return {"longest_page": Told(None, f"even 100 are refused ({seen.status})")}


@tells("ids_at_once")
def _ids(lab: Any, _: Mapping[str, Told]) -> Found:
    for most in (1000, 50, 20):
        ids = ",".join(str(n) for n in range(1, most + 1))
        seen = yield from lab.call("GET", "contacts", filter=f"ids=={ids}", fields="id", page_size="1")
        if not seen.refused:
            return {"ids_at_once": Told(most, f"GET contacts?filter=ids==… of {most}: 200")}
    return {"ids_at_once": Told(None, f"even 20 are refused ({seen.status})")}


@tells("emails", "phones", "names", "times", "empty_shown", "default_fields", "unknown_fields")
def _notation(lab: Any, _: Mapping[str, Told]) -> Found:
    name = f"Probe.{(yield from new_id())[:12]}@Example.com"
    number = "480-555-1234"
    id = yield from lab.make(
        "contacts",
        given_name=" Probe ",
        email_addresses=[{"email": name, "field": "EMAIL1"}],
        phone_numbers=[{"number": number, "field": "PHONE1"}],
    )
    fields = ("given_name", "email_addresses", "phone_numbers", "job_title", "create_time", "update_time")
    shown = yield from lab.get(f"contacts/{id}", *fields)
    email, phone = shown["email_addresses"][0]["email"], shown["phone_numbers"][0]["number"]
    told = {
        "emails": Told(_one_of(email, {name: "kept", name.lower(): "lower_case"}), "an address with capitals"),
        "phones": Told("kept" if phone == number else "national", f"{number} is shown as {phone}"),
        "names": Told(_one_of(shown["given_name"], {" Probe ": "kept", "Probe": "trimmed"}), "a name with spaces"),
        "empty_shown": Told(
            "left_out" if "job_title" not in shown else "null" if shown["job_title"] is None else "empty",
            "an empty job_title that was asked for",
        ),
    }
    stamps = [str(shown["create_time"]), str(shown["update_time"])]
    for n in range(2):
        yield from lab.patch(f"contacts/{id}", {"job_title": f"Probe {n}"})
        stamps.append(str((yield from lab.get(f"contacts/{id}", "update_time"))["update_time"]))
    told["times"] = Told(
        "milliseconds" if any("." in s and s.partition(".")[2][:3] != "000" for s in stamps) else "seconds", stamps[-1]
    )
    seen = yield from lab.call("GET", f"contacts/{id}")
    shows = "email_addresses" in seen.data
    told["default_fields"] = Told("most" if shows else "few", f"without fields it shows e-mail addresses: {shows}")
    seen = yield from lab.call("GET", f"contacts/{id}", fields="given_name,keapbridge_probe")
    told["unknown_fields"] = Told("refused" if seen.refused else "ignored", f"an unknown name in fields: {seen.status}")
    return told


def _one_of(value: Any, meanings: Mapping[Any, str]) -> str | None:
    return meanings.get(value)


@tells("too_long")
def _too_long(lab: Any, _: Mapping[str, Told]) -> Found:
    id = yield from lab.person()
    seen = yield from lab.patch(f"contacts/{id}", {"job_title": "x" * 300})
    if seen.refused:
        return {"too_long": Told("refused", f"PATCH job_title of 300 characters: {seen.status}")}
    length = len((yield from lab.get(f"contacts/{id}", "job_title")).get("job_title") or "")
    return {"too_long": Told("cut" if 0 < length < 300 else None, f"300 characters are shown as {length}")}


# --- clearing -------------------------------------------------------------------------------------------------------


def _cleared(lab: Any, path: str, name: str, full: Any, body: Mapping[str, Any]) -> Flow[Told]:
    """What becomes of a property that is filled and then written so."""
    yield from lab.patch(path, {name: full})
    if not (yield from lab.get(path, name)).get(name):
        return Told(None, f"{name} could not be filled")
    seen = yield from lab.patch(path, body, name)
    if seen.refused:
        return Told("refused", f"PATCH {name} so: {seen.status}")
    left = (yield from lab.get(path, name)).get(name)
    return Told(
        "ignored" if left else "clears", f"PATCH {name} so: {seen.status}, and it is {'there' if left else 'gone'}"
    )


@tells("null", "mask_alone", "empty_text", "empty_date", "empty_link")
def _clearing(lab: Any, _: Mapping[str, Told]) -> Found:
    company = yield from lab.make("companies")
    path = f"contacts/{yield from lab.person()}"
    told = {
        "empty_text": (yield from _cleared(lab, path, "job_title", "Probe", {"job_title": ""})),
        "null": (yield from _cleared(lab, path, "job_title", "Probe", {"job_title": None})),
        "mask_alone": (yield from _cleared(lab, path, "job_title", "Probe", {})),
        "empty_date": (yield from _cleared(lab, path, "birth_date", "1985-03-15", {"birth_date": ""})),
        "empty_link": (yield from _cleared(lab, path, "company", {"id": company}, {"company": {"id": ""}})),
    }
    if told["mask_alone"].value == "refused":
        told["mask_alone"] = Told("ignored", told["mask_alone"].evidence)
    return told


@tells("empty_object", "company_answers")
def _companies(lab: Any, _: Mapping[str, Told]) -> Found:
    path = f"companies/{yield from lab.make('companies')}"
    full = {"line1": "1 Main", "country_code": "USA", "field": "BILLING"}
    seen = yield from lab.patch(path, {"notes": "Probe"})
    shows = isinstance(seen.data, dict) and "notes" in seen.data
    return {
        "empty_object": (yield from _cleared(lab, path, "address", full, {"address": {}})),
        "company_answers": Told("everything" if shows else "little", f"PATCH notes answers notes: {shows}"),
    }


@tells("arrays")
def _arrays(lab: Any, _: Mapping[str, Told]) -> Found:
    path = f"contacts/{yield from lab.person()}"
    first = (yield from lab.get(path, "email_addresses"))["email_addresses"]
    kept = [{"email": each["email"], "field": each["field"]} for each in first]
    other = {"email": f"probe-{(yield from new_id())[:12]}@example.com", "field": "EMAIL2"}
    yield from lab.patch(path, {"email_addresses": [*kept, other]})
    yield from lab.patch(path, {"email_addresses": kept})
    left = len((yield from lab.get(path, "email_addresses"))["email_addresses"])
    said = f"one of two addresses is written, and {left} are there"
    return {"arrays": Told({1: "replace", 2: "merge"}.get(left), said)}


@tells("company_custom_fields")
def _custom_fields(lab: Any, _: Mapping[str, Told]) -> Found:
    ids = []
    for n in "ab":
        body = {"label": f"{lab.mark}{n}", "field_type": "TEXT"}
        ids.append(str((yield from lab.call("POST", "companies/model/customFields", body)).data["id"]))
    path = f"companies/{yield from lab.make('companies')}"
    yield from lab.patch(path, {"custom_fields": [{"id": id, "content": "1"} for id in ids]})
    yield from lab.patch(path, {"custom_fields": [{"id": ids[0], "content": "2"}]})
    shown = {str(i["id"]): i.get("content") for i in (yield from lab.get(path, "custom_fields"))["custom_fields"]}
    if shown.get(ids[0]) != "2":
        return {"company_custom_fields": Told(None, "they are not shown as written")}
    merges = bool(shown.get(ids[1]))
    said = f"one of two is written, the other is {'there' if merges else 'gone'}"
    return {"company_custom_fields": Told("merge" if merges else "replace", said)}


# --- addresses ------------------------------------------------------------------------------------------------------


def _address(lab: Any, path: str, **parts: str) -> Flow[Any]:
    address = {"line1": "1 Main", "country_code": "USA", "field": "BILLING", **parts}
    yield from lab.patch(path, {"addresses": [address]})
    return (yield from lab.get(path, "addresses"))["addresses"][0]


@tells("zip_wins", "zip_shown", "region_wins")
def _places(lab: Any, _: Mapping[str, Told]) -> Found:
    path = f"contacts/{yield from lab.person()}"
    alone = yield from _address(lab, path, postal_code="85001")
    both = yield from _address(lab, path, postal_code="85002", zip_code="10001")
    region = yield from _address(lab, path, region_code="US-AZ", region="California")
    code, place = both.get("postal_code") or both.get("zip_code"), region.get("region_code")
    return {
        "zip_shown": Told("together" if alone.get("zip_code") else "alone", "postal_code is written alone"),
        "zip_wins": Told(_one_of(code, {"85002": "postal_code", "10001": "zip_code"}), f"85002 and 10001: {code}"),
        "region_wins": Told(_one_of(place, {"US-AZ": "code", "US-CA": "name"}), f"US-AZ and California: {place}"),
    }


# --- lists and times ------------------------------------------------------------------------------------------------


@tells("default_order", "page_tokens", "deleted")
def _lists(lab: Any, _: Mapping[str, Told]) -> Found:
    for _n in range(3):
        yield from lab.person()
    seen = yield from lab.listed("contacts", fields="id", page_size="100")
    ids = [int(record["id"]) for record in seen.data["contacts"]]
    order = "oldest_first" if ids == sorted(ids) else "newest_first" if ids == sorted(ids, reverse=True) else None
    query = {"fields": "id", "page_size": "1", "order_by": "id asc"}
    page = (yield from lab.listed("contacts", **query)).data
    first, second = sorted(ids)[:2]
    yield from lab.call("DELETE", f"contacts/{first}")
    onward = (yield from lab.listed("contacts", page_token=str(page["next_page_token"]), **query)).data["contacts"]
    keeps = [int(record["id"]) for record in onward] == [second]
    yield from lab.settle()
    gone = yield from lab.call("GET", f"contacts/{first}", fields="id")
    return {
        "default_order": Told(order, "a list without order_by"),
        "page_tokens": Told("key" if keeps else "offset", "the first of a list is deleted before its second page"),
        "deleted": Told(
            _one_of(gone.status, {404: "404", 410: "410", 200: "shown"}), f"GET of a deleted contact: {gone.status}"
        ),
    }


@tells("since", "no_change")
def _changes(lab: Any, told: Mapping[str, Told]) -> Found:
    id = yield from lab.person()
    path, whole = f"contacts/{id}", told["times"].value == "seconds"
    yield from lab.patch(path, {"job_title": "Probe"})
    at = str((yield from lab.get(path, "update_time"))["update_time"])
    if whole:
        yield from lab.pause()
    found = {"since": (yield from _since(lab, id, at, whole=whole))}
    yield from lab.patch(path, {"job_title": "Probe"})
    after = str((yield from lab.get(path, "update_time"))["update_time"])
    found["no_change"] = Told("stays" if after == at else "moves", "a PATCH of what is so already")
    return found


def _since(lab: Any, id: str, at: str, *, whole: bool) -> Flow[Told]:
    """Whether what was changed at a moment is shown by a list of changes since that moment."""
    moment_of = datetime.fromisoformat(at)

    def shows(name: str, milliseconds: int) -> Flow[bool]:
        text = moment(moment_of + timedelta(milliseconds=milliseconds))
        seen = yield from lab.listed("contacts", f";{name}=={text}", fields="id", page_size="100")
        return any(str(record["id"]) == id for record in seen.data["contacts"])

    if not whole:
        inclusive = yield from shows("start_update_time", 0)
        return Told("inclusive" if inclusive else "exclusive", f"a filter of the very moment shows it: {inclusive}")
    # The moment itself is not shown: the last one that shows the change is found, and whether it was later than that.
    low, high = -1, 1000
    while high - low > 1:
        middle = (low + high) // 2
        if (yield from shows("start_update_time", middle)):
            low = middle
        else:
            high = middle
    inclusive = yield from shows("end_update_time", low)
    return Told("inclusive" if inclusive else "exclusive", f"the last moment that shows it is its own: {inclusive}")


@tells("same_email")
def _same_email(lab: Any, _: Mapping[str, Told]) -> Found:
    address = [{"email": f"probe-{(yield from new_id())[:12]}@example.com", "field": "EMAIL1"}]
    first = yield from lab.make("contacts", email_addresses=address)
    yield from lab.settle()
    second = yield from lab.make("contacts", email_addresses=address)
    same = first == second
    return {
        "same_email": Told("same" if same else "second", f"a POST of an address that is there: another id {not same}")
    }


@tells("consent")
def _consent(lab: Any, _: Mapping[str, Told]) -> Found:
    name = (yield from new_id())[:12]
    mine, other = f"probe-{name}@example.com", f"probe-{name}-2@example.com"
    path = f"contacts/{yield from lab.make('contacts', email_addresses=[{'email': mine, 'field': 'EMAIL1'}])}"

    def status() -> Flow[Any]:
        shown = (yield from lab.get(path, "email_addresses"))["email_addresses"]
        return next(each.get("email_opt_status") for each in shown if each["email"] == mine)

    before = yield from status()
    yield from lab.call("PATCH", f"emailAddresses/{mine}/status", {"opted_in": True, "reason": "a probe"})
    asked = yield from status()
    for address in (other, mine):
        yield from lab.patch(path, {"email_addresses": [{"email": address, "field": "EMAIL1"}]})
    after = yield from status()
    known = None if asked == before else _one_of(after, {asked: "remembered", before: "forgotten"})
    return {"consent": Told(known, f"{before}, then {asked}; removed and written again: {after}")}
