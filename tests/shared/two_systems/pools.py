"""What the machine draws from: mappings, policies, values, moments and the things that users do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from fakes import Fault, Habits
from hypothesis import strategies as st
from random_habits import drawn_habits

import keapbridge as kb
from keapbridge.decide import match
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper
from keapbridge.store.sql import alike
from keapbridge.sync import watching
from keapbridge.sync.afterwards import open_conflicts, pairs_in_doubt, undo
from keapbridge.sync.afterwards import resolve as resolve_module
from keapbridge.sync.lease import TERM
from keapbridge.sync.planning import deletions, first_contact, linked, near_misses
from keapbridge.sync.writing import run

CUSTOMCRM, KEAP = kb.Side.CUSTOMCRM, kb.Side.KEAP
OBJECTS = ("companies", "products", "contacts")
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AFTER_THE_TERM = TERM + timedelta(seconds=1)
STEPS = 15  # of a game
NEWCOMER = 3  # every fourth record is like no other
WEAR = 5  # things that happen before it is worth while to look whether the laws hold
ROUNDS = 3  # full runs after which nothing may be left to do
CONTEXT = Context("USD", None, {}, {})
ODD = "odd"  # stands for a value that cannot be understood

Name = tuple[str, kb.Side, str]  # of a record: synchronization, side, id

ACTIONS: set[str] = set()
"""The classes of all actions that were planned, in this process."""

MAPPERS: dict[str, Mapper] = {
    "companies": kb.mapping.companies.only("Name", "ZipCode", "Country", "City", "Email", "Phone", "Description"),
    "products": kb.mapping.products,
    "contacts": kb.mapping.contacts.only(
        "FirstName", "LastName", "Email", "Country", "Region", "City", "Phone", "JobTitle", "CustomerId"
    ).with_lenses(kb.text("Title", keap="prefix", direction="to_keap")),
}
REASON = "Signed up on our site"
# Custom fields that are made where Keap does not have them, and addresses that come with a reason.
LARGER_MAPPERS: dict[str, Mapper] = {
    "companies": MAPPERS["companies"].with_lenses(
        kb.email("Email", keap="email_address", max_length=75, opt_in_reason=REASON),
        kb.text("Tier", keap=kb.custom_field("Tier", type="TEXT", create=True)),
        attrs.evolve(MAPPERS["companies"]["Phone"], on_empty="keep"),
    ),
    "products": MAPPERS["products"],
    "contacts": MAPPERS["contacts"].with_lenses(
        kb.email("Email", keap="email_addresses.EMAIL1", max_length=75, opt_in_reason=REASON),
        kb.text("Shoes", keap=kb.custom_field("Shoe size", type="TEXT", create=True)),
        kb.text("Hat", keap=kb.custom_field("Hat size", type="TEXT", create=True)),
        attrs.evolve(MAPPERS["contacts"]["Region"], direction="to_keap"),
    ),
}


def _is_no_clerk(title: Any) -> bool:
    return title != "Clerk"


# Some records only; a function of the host's is among the conditions.
FILTERS: dict[str, dict[str, Any]] = {
    "companies": {"keap": {"Description": ("Red", "Green", None)}},
    "products": {"customcrm": {"Active": True}},
    "contacts": {"customcrm": {"JobTitle": _is_no_clerk}},
}
_PROMISES = dict.fromkeys(("changes_since", "tells_deletions", "conditional_updates", "idempotent_creates"), True)
ADAPTERS: dict[str, kb.AdapterCapabilities] = {
    "of few words": kb.AdapterCapabilities(),
    "with changes": kb.AdapterCapabilities(changes_since=True, batch_read=True),
    "of its word": kb.AdapterCapabilities(**_PROMISES, batch_read=True, parallel_calls=True),
}
WITHOUT_KEYS = "a client without idempotency keys"
PLAIN = kb.customcrm.Capabilities(changed_since=False, tombstones=False, idempotent=False)
LACKS = {"contacts": ("Country",), "customers": ("City",)}  # an address of few words
POOLS: dict[str, dict[str, tuple[Any, ...]]] = {
    "companies": {
        "Name": ("Acme", "Birch"),
        "ZipCode": ("0150", "a code that Keap cannot hold"),
        "Country": ("USA", "NOR"),
        "City": ("Oslo", "Turku", None),
        "Phone": ("+16025550143", "+4722334455", None),
        "Description": ("Red", "Green", "Blue", None),
        "Email": ("a@example.org", "c@example.org", "d*d@example.org", None),
        "Tier": ("Gold", "Silver", None),
    },
    "products": {
        "Name": ("Widget", "Gadget"),
        "Sku": ("W1", "G1", None),
        "Price": ("USD 1.00", "USD 2.00", "EUR 3.00"),
        "Description": ("Red", "Green", "Blue", None),
        "Active": (True, False),
    },
    "contacts": {
        "Email": ("a@example.org", "b@example.org", None),
        "Shoes": ("40", "41", None),
        "Hat": ("S", None),
        "FirstName": ("Ada", "Åse"),
        "LastName": ("Old", "New", "L" * 50, None),
        "Country": ("USA", "NOR", None),
        "Region": ("US-AZ", "US-CA", None),
        "City": ("Oslo", "Tempe", None),
        "Phone": ("+16025550143", "+16025550177", None),
        "JobTitle": ("Clerk", "Director", "Refused", None),
        "Title": ("Dr.", "Prof.", None),
    },
}
# What a person can type, and nobody can understand without more.
ODDITIES: dict[kb.Side, dict[str, tuple[dict[str, Any], ...]]] = {
    CUSTOMCRM: {
        "contacts": ({"country": "Atlantis"}, {"phone": "602 555 0143"}, {"email": "no address"}),
        "companies": ({"country": "Atlantis"}, {"phone": "602 555 0143"}),
        "products": ({"currency": "dollars"},),
    },
    KEAP: {
        "contacts": (
            {"phone_numbers": (kb.keap.PhoneNumber("602 555 0143", "PHONE1"),)},
            {"addresses": (kb.keap.Address(country_code="XXX", field="BILLING"),)},
        ),
        "companies": ({"phone_number": kb.keap.PhoneNumber("602 555 0143")},),
        "products": ({"price": kb.keap.Money(-5, "USD")},),
    },
}
# Fields that need another record, flow one way, or are made up where they are missing: nothing exact is claimed.
LOOSE = {"CustomerId", "Title", "ShortDescription"}
ARCHIVE = {
    "keap": {"contacts": {"contact_type": "Former"}, "products": {"storefront_hidden": True}},
    "customcrm": {"contacts": {"extra": {"State": "gone"}}},
}
IMPOSSIBLE_ARCHIVE = {"keap": {"companies": {"nonsense": 1}}, "customcrm": {"customers": {}, "companies": {"no": 1}}}


_BRAKES = ("max_deletes", "max_delete_share", "max_first_create_share", "max_turns")
_FREE: dict[str, Any] = dict.fromkeys((*_BRAKES, "max_emptied_share", "max_levelled_share"))


def policy_without_brakes(**choices: Any) -> kb.Policy:
    """A policy without brakes: few records are a large share."""
    return kb.Policy(**{"archive": ARCHIVE, **_FREE, **choices})


def without_brakes(policy: kb.Policy) -> kb.Policy:
    """The same without brakes."""
    return attrs.evolve(policy, **_FREE)


def host_rule(contest: kb.Contest) -> Any:
    """A rule of a host's own: the longer text for both, Keap's of two that are as long, and nothing for prices."""
    if contest.field == "Price":
        return None
    a, b = str(contest.customcrm or ""), str(contest.keap or "")
    return KEAP if len(a) == len(b) else kb.Value(contest.customcrm if len(a) > len(b) else contest.keap)


CONFLICT_RULES: tuple[Any, ...] = (
    "newest",
    "customcrm",
    "keap",
    "manual",
    host_rule,
    {"Email": "keap", "*": "manual"},
)
DELETION_RULES: tuple[Any, ...] = (
    "unlink",
    "delete",
    "ignore",
    "archive",
    {"keap": "delete", "customcrm": "unlink"},
    {"customcrm": "delete"},
)

# A few records are many batches, and a dozen are a crowd.
SMALL: tuple[tuple[Any, str, int], ...] = (
    (linked, "BATCH", 3),
    (first_contact, "BATCH", 3),
    (first_contact, "RECORDS", 3),
    (alike, "STEP", 2),
    (run, "LINKS", 3),
    (run, "BATCH", 3),
    (run, "BATCHES", 2),
    (match, "CROWD", 12),
    (deletions, "BATCH", 2),
    (resolve_module, "BATCH", 2),
    (undo, "BATCH", 3),
    (near_misses, "BATCH", 2),
    (watching, "REASONS", 1),
    (open_conflicts, "LOOKED_AT", 2),
    (pairs_in_doubt, "BATCH", 2),
    (pairs_in_doubt, "LOOKED_AT", 4),
)
LARGE = tuple((module, name, getattr(module, name)) for module, name, _ in SMALL)


def set_sizes(sizes: tuple[tuple[Any, str, int], ...]) -> None:
    for module, name, size in sizes:
        setattr(module, name, size)


def priced(object: str) -> dict[str, Any]:
    return {"Price": "USD 1.00", "ShortDescription": "Short"} if object == "products" else {}


# What nobody knows of a Keap; half of them are as the contract has it.
habits = st.just(Habits()) | st.builds(
    Habits.of,
    drawn_habits(),
    unlisted=st.sampled_from((frozenset(), frozenset({"job_title", "notes", "description"}), frozenset({"prefix"}))),
    capitals=st.sampled_from((frozenset(), frozenset({"given_name", "company_name", "name"}))),
)
troubles = st.sampled_from([f for f in Fault if f is not Fault.STALE])

number = st.integers(0, 11)
objects = st.sampled_from(OBJECTS)
sides = st.sampled_from((CUSTOMCRM, KEAP))
moments = st.integers(0, 120)  # the number of an effect
ways = st.sampled_from(("full", "changes", "changes", "ids", *OBJECTS))

events = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "edit",
                "edit",
                "edit",
                "edit both",
                "edit both",
                "add",
                "add both",
                "delete",
                "merge",
                "join",
                "odd",
                "spoil",
                "refused",
                "opt out",
                "new field",
            )
        ),
        objects,
        sides,
        number,
        number,
    ),
    max_size=4,
)
