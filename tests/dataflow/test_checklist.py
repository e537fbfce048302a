"""The checklist: a line for each property and each way that it flows."""

from __future__ import annotations

import keapbridge as kb
from keapbridge.dataflow.checklist import checklist
from keapbridge.mapping import contacts


def test_each_property_has_a_line_for_each_way_it_flows() -> None:
    mapper = contacts.only("Email", "FirstName", "LastName").with_lenses(
        kb.text("Own", keap="preferred_name", direction="to_keap"),
        kb.text("Other", keap="spouse_name", direction="to_customcrm"),
        kb.constant("Status", "active"),
    )
    lines = [(check.field, check.to) for check in checklist(mapper)]
    both = [(name, side) for name in ("FirstName", "LastName", "Email") for side in (kb.Side.KEAP, kb.Side.CUSTOMCRM)]
    ours = kb.Side.CUSTOMCRM
    assert lines == [*both, ("Own", kb.Side.KEAP), ("Other", ours), ("Status", ours)]


def test_a_line_says_what_is_done_where_and_where_it_shows() -> None:
    lines = [str(check) for check in checklist(contacts.only("Email").with_lenses(kb.constant("Status", "active")))]
    assert lines == [
        (
            "contacts: Customcrm to Keap: make a record of Customcrm's Contact with Email, then edit it; both times "
            "Keap shows it in email_addresses.EMAIL1."
        ),
        (
            "contacts: Keap to Customcrm: make a record of Keap's Contacts with email_addresses.EMAIL1, then edit it; "
            "both times Customcrm shows it in Email."
        ),
        'contacts: Keap to Customcrm: the counterpart of a record of Keap\'s Contacts has "active" in Status.',
    ]
