"""A story of records that are kept in sync both ways with a CRM of somebody else, told by both systems' own state.

The CRM is spoken to as its people do, never through keapbridge. Each check compares what a system holds with what it
has to hold; nothing is believed because keapbridge reports it.
"""

from __future__ import annotations

from typing import Any, Protocol

import attrs

import keapbridge as kb
from keapbridge.testing import KeapEmulator

PERSON = {
    "last_name": "Lee",
    "birth_date": "1990-02-03",
    "phone": "+16025550143",
    "city": "Phoenix",
    "country": "USA",
    "job_title": "Clerk",
}


class Crm(Protocol):
    """A CRM as its people use it; properties in snake case, whatever they are called there."""

    @property
    def cleared(self) -> Any:
        """What a person empties a text with."""
        ...

    def rows(self, object: str) -> dict[str, dict[str, Any]]:
        """All records by id, without what is empty."""
        ...

    def add(self, object: str, **values: Any) -> str: ...
    def edit(self, object: str, id: str, **values: Any) -> None: ...
    def remove(self, object: str, id: str) -> None: ...


@attrs.define
class Checks:
    """How many comparisons were made."""

    made: int = 0

    def __call__(self, found: Any, wanted: Any) -> None:
        assert found == wanted, (found, wanted)
        self.made += 1


def filled(crm: Crm) -> list[str]:
    """What is there before anything is synced: one customer, one product, seven contacts, whose ids are returned."""
    acme = crm.add("customers", name="Acme", city="Phoenix", country="USA")
    crm.add("products", name="Widget", sku="W1", price=12.5, currency="USD", short_description="w")
    ids = [crm.add("contacts", first_name=f"F{n}", email=f"c{n}@example.org", **PERSON) for n in range(7)]
    crm.edit("contacts", ids[0], customer_id=acme)
    return ids


def kept_in_sync(crm: Crm, ids: list[str], client: kb.CustomcrmClient, mappings: dict[str, Any]) -> int:  # noqa: PLR0915 - one story
    """Play the story; answers how many checks there were.

    Args:
        ids: of the contacts that `filled` has made.
        mappings: as a session takes them; a synchronization without one has its default.
    """
    check = Checks()
    with (
        KeapEmulator() as server,
        kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap,
        kb.SyncSession(customcrm=client, keap=keap, store="sqlite://", **mappings) as session,
    ):
        state, writes = server.state, server.requests

        def held(mail: str) -> tuple[str, Any]:
            return next((i, c) for i, c in state.contacts.items() if c["email_addresses"][0]["email"] == mail)

        def ours() -> dict[str, dict[str, Any]]:
            return {row["email"]: row for row in crm.rows("contacts").values()}

        def synced(*, full: bool = False) -> None:
            report = session.sync(full=full)
            assert report.ok, str(report)

        def is_quiet() -> None:
            """Another run, of changes or of everything, writes nothing anywhere."""
            for full in (False, True):
                before = len(writes.writes), crm.rows("contacts"), crm.rows("customers"), crm.rows("products")
                synced(full=full)
                check((len(writes.writes), *map(crm.rows, ("contacts", "customers", "products"))), before)

        state.contacts.add({"given_name": "Kay", "email_addresses": [{"email": "kay@example.org", "field": "EMAIL1"}]})
        state.companies.add({"company_name": "KeapCo"})
        state.products.add({"name": "Gadget", "price": 500, "active": True, "short_description": "g"})
        synced()
        check({row["name"] for row in crm.rows("customers").values()}, {"Acme", "KeapCo"})
        check({each["company_name"] for _, each in state.companies.items()}, {"Acme", "KeapCo"})
        check({row["name"] for row in crm.rows("products").values()}, {"Widget", "Gadget"})
        check({each["name"] for _, each in state.products.items()}, {"Widget", "Gadget"})
        check(ours().keys(), {*(f"c{n}@example.org" for n in range(7)), "kay@example.org"})
        check({c["email_addresses"][0]["email"] for _, c in state.contacts.items()}, ours().keys())
        first = held("c0@example.org")[1]
        check((first["given_name"], first["family_name"], first["job_title"]), ("F0", "Lee", "Clerk"))
        check(first["birth_date"][:10], "1990-02-03")
        check([address["locality"] for address in first["addresses"]], ["Phoenix"])
        acme = next(id for id, each in state.companies.items() if each["company_name"] == "Acme")
        check(str(first["company"]["id"]), acme)
        check(held("c1@example.org")[1].get("company"), None)
        check(ours()["kay@example.org"]["first_name"], "Kay")
        is_quiet()

        crm.edit("contacts", ids[1], job_title="Engineer")
        state.contacts.edit(held("c2@example.org")[0], job_title="Countess", family_name="Other")
        state.contacts.edit(held("c3@example.org")[0], job_title=None)
        crm.edit("contacts", ids[4], job_title=crm.cleared)
        state.contacts.edit(held("c6@example.org")[0], company={"id": acme})
        widget = next(id for id, item in state.products.items() if item["name"] == "Widget")
        state.products.edit(widget, price=725)
        late = crm.add("contacts", first_name="Late", email="late@example.org", **PERSON)
        synced()
        check(held("c1@example.org")[1]["job_title"], "Engineer")
        check((ours()["c2@example.org"]["job_title"], ours()["c2@example.org"]["last_name"]), ("Countess", "Other"))
        check("job_title" in ours()["c3@example.org"], False)
        check(held("c4@example.org")[1].get("job_title") or None, None)
        [ours_of_acme] = [id for id, row in crm.rows("customers").items() if row["name"] == "Acme"]
        check(str(ours()["c6@example.org"]["customer_id"]), ours_of_acme)
        check(sorted(float(row["price"]) for row in crm.rows("products").values()), [5.0, 7.25])
        check(held("late@example.org")[1]["job_title"], "Clerk")
        check({row["city"] for row in ours().values() if "city" in row}, {"Phoenix"})
        check({str(row["birth_date"])[:10] for row in ours().values() if "birth_date" in row}, {"1990-02-03"})
        is_quiet()

        crm.remove("contacts", ids[5])
        crm.edit("contacts", late, phone="+16025550199")
        number = len(writes.writes)
        synced()
        synced(full=True)
        check(ours().keys() & {"c5@example.org"}, set())
        check(held("c5@example.org")[1]["given_name"], "F5")  # the policy that is usual takes it out of the sync
        check(len(state.contacts), 9)
        check([each["number"] for each in held("late@example.org")[1]["phone_numbers"]], ["+16025550199"])
        check(len(writes.writes), number + 1)
        is_quiet()
    print(f"{type(crm).__name__}: {check.made} checks")  # noqa: T201 - shown with -s
    return check.made
