"""What is left for a person after the show: something on every page of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keapbridge.model.side import Side

if TYPE_CHECKING:
    from keapbridge.sync.session import SyncSession
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator

__all__ = ["leave"]


def leave(session: SyncSession, customcrm: CustomcrmEmulator, keap: KeapEmulator) -> None:
    """Leave a conflict, a pair in doubt, a failure, and a plan that nobody has applied.

    Args:
        session: one that decides no conflict by itself.
    """
    from keapbridge.testing import Fault

    ours, theirs = customcrm.state.contacts, keap.state.contacts
    links = ((link.id(Side.CUSTOMCRM), link.id(Side.KEAP)) for link in session.contacts.links())
    one, other = next((a, k) for a, k in links if a in ours and k in theirs)
    ours.edit(one, JobTitle="Head of Sales")
    theirs.edit(other, job_title="Sales Director")
    ours.add({"FirstName": "Ada", "LastName": "Berg", "Email": "office@berg.example", "City": "Oslo"})
    address = {"email": "office@berg.example", "field": "EMAIL1"}
    theirs.add({"given_name": "Zoe", "family_name": "Kim", "email_addresses": [address], "job_title": "Assistant"})
    ours.add({"FirstName": "Bo", "LastName": "Lund", "Email": "bo@lund.example"})
    refused = Fault(status=400, body=b'{"message": "this contact is on the list of those who are not taken"}')
    keap.faults.add(refused, method="POST", path="/contacts")
    session.sync()
    for name in ("Cyd", "Dan", "Eva"):
        ours.add({"FirstName": name, "LastName": "Holm", "Email": f"{name.lower()}@holm.example"})
    session.plan()
