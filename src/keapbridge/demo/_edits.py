"""What users do in the two systems between two syncs, and what must come of it.

Every edit is made to a pair that agrees in every mapped field, so that what must be written is known to the field.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from keapbridge.demo._claims import Asked, Claim, Documents, Links, alike, reading
from keapbridge.mapping import Mapper
from keapbridge.model.records import Link
from keapbridge.model.report import Line
from keapbridge.model.side import Side

if TYPE_CHECKING:
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator, Recorded

__all__ = ["Edit", "Planned", "decided", "edited_records", "make", "plan_edits", "reached", "written_exactly"]

Wire = dict[str, Any]
EMAIL = "new.address@example.org"
CENTS = 4990
TEN_MILLISECONDS = 0.01


@attrs.frozen
class Edit:
    """One edit, on one side or on both.

    Attributes:
        told: what the users do.
        fits: whether a pair will do; it is given both records, as their systems hold them.
        customcrm, keap: from that record, the properties to set.
        last: who saves last, where it matters.
        writes: what the sync must then write, by side: the names of properties, as they are on the wire.
        result: what must be held then, by side: where (`email_addresses.EMAIL1.email`) → what.
        decided: the field that both sides have changed.
    """

    told: str
    object: str
    fits: Callable[[Wire, Wire], bool] = lambda _ours, _theirs: True
    customcrm: Callable[[Wire], Wire] | None = None
    keap: Callable[[Wire], Wire] | None = None
    last: Side = Side.KEAP
    writes: Mapping[Side, frozenset[str]] = attrs.field(factory=dict)
    result: Mapping[Side, Mapping[str, Any]] = attrs.field(factory=dict)
    decided: str | None = None


@attrs.frozen
class Planned:
    """An edit and the pair it is made to."""

    edit: Edit
    link: Link


def _set(**properties: Any) -> Callable[[Wire], Wire]:
    return lambda _record: properties


def _has(document: Wire, array: str, slot: str) -> bool:
    return any(item["field"] == slot for item in document[array])


def _without(array: str, slot: str) -> Callable[[Wire], Wire]:
    return lambda document: {array: [item for item in document[array] if item["field"] != slot]}


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


C, K = Side.CUSTOMCRM, Side.KEAP

EDITS = (
    Edit(
        "a job title in Customcrm and a birth date in Keap, of the same person: both stay",
        "contacts",
        customcrm=_set(JobTitle="Chief Executive"),
        keap=_set(birth_date="1984-02-29"),
        writes={K: _names("job_title"), C: _names("BirthDate")},
        result={K: {"job_title": "Chief Executive", "birth_date": "1984-02-29"},
                C: {"JobTitle": "Chief Executive", "BirthDate": "1984-02-29"}},
    ),
    Edit(
        "a last name in both, in Customcrm last: Customcrm's stays",
        "contacts",
        customcrm=_set(LastName="Nordmann"),
        keap=_set(family_name="Normann"),
        last=C,
        writes={K: _names("family_name")},
        result={K: {"family_name": "Nordmann"}, C: {"LastName": "Nordmann"}},
        decided="LastName",
    ),
    Edit(
        "a last name in both, in Keap last: Keap's stays",
        "contacts",
        customcrm=_set(LastName="Schmidt"),
        keap=_set(family_name="Schmitt"),
        writes={C: _names("LastName")},
        result={K: {"family_name": "Schmitt"}, C: {"LastName": "Schmitt"}},
        decided="LastName",
    ),
    Edit(
        "a second e-mail address cleared in Keap",
        "contacts",
        fits=lambda _, theirs: _has(theirs, "email_addresses", "EMAIL2"),
        keap=_without("email_addresses", "EMAIL2"),
        writes={C: _names("Email2")},
        result={C: {"Email2": None}},
    ),
    Edit(
        "a mobile number cleared in Customcrm, where Keap has further numbers",
        "contacts",
        fits=lambda _, theirs: all(_has(theirs, "phone_numbers", s) for s in ("PHONE2", "PHONE3")),
        customcrm=_set(MobilePhone=None),
        writes={K: _names("phone_numbers")},
        result={K: {"phone_numbers.PHONE2.number": None}, C: {"MobilePhone": None}},
    ),
    Edit(
        "an e-mail address changed in Customcrm, where Keap has a third one",
        "contacts",
        fits=lambda ours, theirs: ours["Email"] is not None and _has(theirs, "email_addresses", "EMAIL3"),
        customcrm=_set(Email=EMAIL),
        writes={K: _names("email_addresses")},
        result={K: {"email_addresses.EMAIL1.email": EMAIL}, C: {"Email": EMAIL}},
    ),
    Edit(
        "a person leaves their company in Customcrm",
        "contacts",
        fits=lambda ours, _: ours["CustomerId"] is not None,
        customcrm=_set(CustomerId=None),
        writes={K: _names("company")},
        result={K: {"company.id": None}, C: {"CustomerId": None}},
    ),
    Edit(
        "a preferred name in Keap and a loyalty tier in Customcrm: neither is mapped",
        "contacts",
        customcrm=_set(LoyaltyTier="platinum"),
        keap=_set(preferred_name="Buddy"),
    ),
    Edit(
        "a product's price in Customcrm",
        "products",
        customcrm=_set(Price="49.90", Currency="USD"),
        writes={K: _names("price")},
        result={K: {"price.amount": CENTS}},
    ),
    Edit(
        "a product's price in Keap",
        "products",
        keap=_set(price=CENTS + 1),
        writes={C: _names("Price", "Currency")},
        result={C: {"Price": "49.91", "Currency": "USD"}},
    ),
    Edit(
        "a company renamed in Keap",
        "companies",
        keap=_set(company_name="Nordlys & Sønner ASA"),
        writes={C: _names("Name")},
        result={C: {"Name": "Nordlys & Sønner ASA"}},
    ),
    Edit(
        "a company moved in Customcrm",
        "companies",
        customcrm=_set(StreetAddress1="Kongens gate 1", City="Trondheim"),
        writes={K: _names("address")},
        result={K: {"address.line1": "Kongens gate 1", "address.locality": "Trondheim"}},
    ),
)  # fmt: skip


def plan_edits(
    documents: Documents, links: Links, mappers: Mapping[str, Mapper], currency: str, edits: Sequence[Edit] = EDITS
) -> list[Planned]:
    """A pair for each edit, none twice; an edit for which there is no pair is left out."""
    context = reading(links, currency)
    planned: list[Planned] = []
    taken: set[tuple[str, str]] = set()
    for edit in edits:
        mapper = mappers[edit.object]
        for link in links[edit.object]:
            ours, theirs = (dict(documents[edit.object, side][link.id(side)]) for side in Side)
            if (edit.object, link.customcrm_id) in taken or not edit.fits(ours, theirs):
                continue
            if all(how == "equal" for how, _, _ in alike(mapper, link, documents, context).values()):
                planned.append(Planned(edit, link))
                taken.add((edit.object, link.customcrm_id))
                break
    return planned


def make(planned: Iterable[Planned], customcrm: CustomcrmEmulator, keap: KeapEmulator) -> None:
    """Edit the records as their users do."""
    for item in planned:
        edit = item.edit
        ours = customcrm.state.customers if edit.object == "companies" else getattr(customcrm.state, edit.object)
        tables = {Side.CUSTOMCRM: ours, Side.KEAP: getattr(keap.state, edit.object)}
        changes = {Side.CUSTOMCRM: edit.customcrm, Side.KEAP: edit.keap}
        for side in (edit.last.other, edit.last):
            change, id = changes[side], item.link.id(side)
            if change is not None:
                # Both systems count in milliseconds: in the same one, nobody is later.
                time.sleep(TEN_MILLISECONDS)
                tables[side].edit(id, **change(tables[side][id]))


def edited_records(planned: Iterable[Planned]) -> Iterator[tuple[str, Side, str]]:
    """The records that a sync may write because of these edits."""
    for item in planned:
        for side in item.edit.writes:
            yield item.edit.object, side, item.link.id(side)


# --- what must come of it ---------------------------------------------------------------------------------------


def reached(planned: Sequence[Planned], documents: Documents) -> Claim:
    """Every edit is on both sides, or the one that was decided on."""
    against: list[str] = []
    values = 0
    for item in planned:
        for side, expected in item.edit.result.items():
            id = item.link.id(side)
            for path, value in expected.items():
                values += 1
                held = _at(documents[item.edit.object, side][id], path)
                if held != value:
                    against.append(f"{item.edit.object}: {side.title} {id} holds {held!r} in {path}, not {value!r}")
    return Claim(f"{len(planned)} edits have arrived, {values} values as they must be", tuple(against))


def _at(document: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `email_addresses.EMAIL1.email`; `None` where there is nothing."""
    found: Any = document
    for name in path.split("."):
        if isinstance(found, list):
            found = next((item for item in found if item["field"] == name), None)
        else:
            found = (found or {}).get(name)
    return found


def written_exactly(planned: Iterable[Planned], asked: Asked) -> Claim:
    """Each edited record was written once, with the properties that were edited, and no other record was written."""
    expected = Counter(
        (side, item.edit.object, item.link.id(side), tuple(sorted(names)))
        for item in planned
        for side, names in item.edit.writes.items()
    )
    written = Counter(
        (side, *_record(request.path), tuple(sorted(_properties(side, request))))
        for side, requests in asked.items()
        for request in requests
        if request.method != "GET" and request.status < 400  # one that was refused has written nothing
    )
    against = [f"{_told(write)} was not written" for write in (expected - written).elements()]
    against += [f"{_told(write)} was written" for write in (written - expected).elements()]
    return Claim(
        f"{expected.total()} writes brought them there, each of just the properties that were edited", tuple(against)
    )


def _record(path: str) -> tuple[str, str]:
    object, _, id = path.rpartition("/")
    name = object.rpartition("/")[2]
    return "companies" if name == "customers" else name, id


def _properties(side: Side, request: Recorded) -> list[str]:
    return request.query.get("update_mask", "").split(",") if side is Side.KEAP else list(request.json or ())


def _told(write: tuple[Side, str, str, tuple[str, ...]]) -> str:
    side, object, id, names = write
    return f"{object}: {side.title} {id} ({', '.join(names)})"


def decided(planned: Iterable[Planned], lines: Sequence[Line]) -> Claim:
    """Each field that both sides had changed is in the report, with the rule that decided it."""
    wanted = [(item.link, item.edit.decided) for item in planned if item.edit.decided]
    against = [
        f"{link.customcrm_id} ↔ {link.keap_id}: the report does not say what decided {field}"
        for link, field in wanted
        if not any(
            line.customcrm_id == link.customcrm_id and f"{field} decided by newest" in line.reason for line in lines
        )
    ]
    return Claim(
        f"{len(wanted)} fields that both sides had changed are reported with what decided: the newest", tuple(against)
    )
