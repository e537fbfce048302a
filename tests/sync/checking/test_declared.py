"""Names that there are not, and fields that were lost, are found before any call, each with what is meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

import keapbridge as kb
from keapbridge.mapping import MatchKey
from keapbridge.sync.assembly import open_bridge

CONTACT = ["FirstName", "LastName", "Email", "Phone"]
PRODUCT = ["Name", "Sku", "Price", "Currency"]


class Crm:
    """A Customcrm with these properties; nobody asks it for records here."""

    capabilities = kb.AdapterCapabilities()

    def __init__(
        self,
        held: Mapping[str, Collection[str]] | None = None,
        declared: Collection[str] = (),
        needs: Collection[str] = (),
    ) -> None:
        self._held = {"contacts": CONTACT} if held is None else held
        self._declared, self._needs = declared, needs
        self.objects = tuple(self._held)

    def properties(self, object: str) -> Collection[str]:
        return self._held[object]

    def declared(self, _: str) -> Collection[str]:
        return self._declared

    def required(self, _: str) -> Collection[str]:
        return self._needs

    def list_changes(self, *_: Any) -> Any:
        raise AssertionError

    get_many = create = update = delete = list_changes


def found(crm: Any, keap: kb.KeapClient, **options: Any) -> kb.Findings:
    """What is found of a set-up that is not refused."""
    bridge = open_bridge(crm, keap, "sqlite://", options, asynchronous=False)  # type: ignore[arg-type]
    bridge.store.close()
    return bridge.findings


def refused(crm: Any, keap: kb.KeapClient, **options: Any) -> kb.Findings:
    """What is found of a set-up that is refused."""
    with pytest.raises(kb.MappingError) as caught:
        found(crm, keap, **options)
    assert caught.value.findings is not None
    assert caught.value.findings.errors
    for each in caught.value.findings.errors:
        assert each.what in str(caught.value)
        assert each.advice in str(caught.value)
    return caught.value.findings


def test_what_is_right_has_no_findings(unasked: kb.KeapClient) -> None:
    crm = Crm({"contacts": CONTACT, "products": PRODUCT, "customers": ["Name", "Email"]})
    policy = kb.Policy(
        conflicts={"LastName": "manual", "Price": "keap", "*": "newest"},
        archive={"keap": {"contacts": {"contact_type": "Former"}}},
        deletions={"keap": "archive"},
    )
    assert found(crm, unasked, policy=policy) == []


# --- policy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("last_name", "LastName"),
        ("lastname", "LastName"),
        ("LastNmae", "LastName"),
        ("family_name", "LastName"),
        ("contact.LastName", "LastName"),
        ("email_addresses.EMAIL1", "Email"),
        ("short description", "ShortDescription"),
        ("xyzzy", None),
    ],
)
def test_a_rule_for_a_field_that_there_is_not_is_refused(unasked: kb.KeapClient, field: str, meant: str | None) -> None:
    [only] = refused(Crm(), unasked, policy=kb.Policy(conflicts={field: "manual", "Phone": "keap"}))
    assert only.place == "Policy(conflicts=)"
    assert only.what == f"there is no field {field!r}" + (f"; is {meant!r} meant?" if meant else "")


def test_a_rule_may_be_for_a_field_that_this_customcrm_has_no_place_for_and_for_the_hosts_own(
    unasked: kb.KeapClient,
) -> None:
    mapper = kb.mapping.contacts.with_lenses(kb.text("Nick", keap="preferred_name"))
    policy = kb.Policy(conflicts={"BirthDate": "keap", "Nick": "customcrm", "Sku": "keap"})
    assert found(Crm({"contacts": [*CONTACT, "Nick"]}), unasked, contacts=mapper, policy=policy) == []


@pytest.mark.parametrize(
    ("archive", "what"),
    [
        ({"keap": {"contact": {"contact_type": "F"}}}, "no synchronization 'contact'; is 'contacts' meant?"),
        ({"keap": {"contacts": {"contact_typ": "F"}}}, "no attribute 'contact_typ'; is 'contact_type' meant?"),
        ({"customcrm": {"contacts": {"JobTitle": "F"}}}, "no attribute 'JobTitle'; is 'job_title' meant?"),
    ],
)
def test_what_marks_an_archived_record_must_be_there(unasked: kb.KeapClient, archive: Any, what: str) -> None:
    [only] = refused(Crm(), unasked, policy=kb.Policy(archive=archive))
    assert what in only.what


# --- properties -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [["Emial"], []], ids=["declared", "told"])
def test_a_slip_is_no_property_of_ones_own(unasked: kb.KeapClient, declared: list[str]) -> None:
    [only, *_] = refused(Crm({"contacts": ["FirstName", "LastName", "Emial", "Phone"]}, declared), unasked)
    assert (only.severity, only.place) == ("error", "contacts.Emial")
    assert only.what.endswith("is 'Email' meant?")


def test_a_declared_property_that_nobody_uses_is_refused_and_one_that_an_adapter_has_is_not(
    unasked: kb.KeapClient,
) -> None:
    crm = {"contacts": [*CONTACT, "ShoeSize", "Phone3"]}
    assert found(Crm(crm), unasked) == []
    assert [each.place for each in refused(Crm(crm, ["ShoeSize", "Phone3"]), unasked)] == [
        "contacts.Phone3",
        "contacts.ShoeSize",
    ]
    own = kb.mapping.contacts.with_lenses(kb.text("ShoeSize", keap="spouse_name")).where(customcrm={"Phone3": "x"})
    assert found(Crm(crm, ["ShoeSize", "Phone3"]), unasked, contacts=own) == []
    function = kb.mapping.contacts.where(customcrm=lambda record: bool(record.extra["ShoeSize"]))
    unused = found(Crm(crm, ["ShoeSize"]), unasked, contacts=function)
    assert [each.severity for each in unused] == ["warning"], "who knows what a function looks at"


def test_a_declared_api_is_asked_for_slips_too(unasked: kb.KeapClient) -> None:
    def opened(**properties: str) -> Any:
        contacts = kb.customcrm.CustomcrmObject("/people", properties=properties)
        schema = kb.CustomcrmSchema(names="snake_case", contacts=contacts)
        return kb.CustomcrmClient("http://127.0.0.1:9", auth=kb.BearerToken("t"), schema=schema)

    with opened(first_name="name.given", Emial="mail") as crm:
        assert [each.place for each in refused(crm, unasked)] == ["contacts.Emial"]
    with opened(first_name="name.given", Email="mail", Emails="mails", ShoeSize="shoes") as crm:
        assert found(crm, unasked).ok, "Email has a place, so that nothing else is meant for it"


def test_what_a_filter_wants_must_be_there(unasked: kb.KeapClient) -> None:
    where = kb.mapping.contacts.where
    for condition, meant in (
        ({"Statsu": "x"}, "Status"),
        ({"frist_name": "x"}, "FirstName"),
        ({"Country": "NO"}, None),
    ):
        crm = Crm({"contacts": [*CONTACT, "Status"]})
        [only] = refused(crm, unasked, contacts=where(customcrm=condition))
        assert only.place == "contacts.where(customcrm=)"
        assert only.what.endswith("no property for" + (f"; is {meant!r} meant?" if meant else ""))
    assert found(Crm({"contacts": [*CONTACT, "Status"]}), unasked, contacts=where(customcrm={"Status": "x"})).ok


def test_all_is_found_at_once(unasked: kb.KeapClient) -> None:
    mapper = kb.mapping.contacts.with_lenses(kb.text("Nick", keap="preferred_name"))
    crm = Crm({"contacts": ["FirstName", "LastName", "Emial", "Phone", "Nik"]})
    findings = refused(crm, unasked, contacts=mapper, policy=kb.Policy(conflicts={"Frist": "keap"}))
    assert [each.place for each in findings.errors] == [
        "Policy(conflicts=)",
        "contacts",
        "contacts.Emial",
        "contacts.Nik",
    ]
    assert "is 'Nik' meant?" in findings.errors[1].what


def test_what_a_field_refers_to_must_be_there(unasked: kb.KeapClient) -> None:
    lost = kb.mapping.field("Nick", kb.mapping.kinds.text.Text(), keap="preferred_name", fallback="FristName")
    firm = kb.reference("Boss", "compnies", keap="company.id")
    mapper = kb.mapping.contacts.without("CustomerId").with_lenses(lost, firm)
    fallback, refers = refused(Crm({"contacts": [*CONTACT, "Nick", "Boss"]}), unasked, contacts=mapper)
    assert (fallback.place, refers.place) == ("contacts.Nick", "contacts.Boss")
    assert fallback.what.endswith("no such field; is 'FirstName' meant?")
    assert refers.what.endswith("no such synchronization; is 'companies' meant?")


def test_a_policy_that_deletes_needs_a_way_to(unasked: kb.KeapClient) -> None:
    for delete in ("hard", None):
        schema = kb.CustomcrmSchema(delete=delete)  # type: ignore[arg-type]
        with kb.CustomcrmClient("http://127.0.0.1:9", auth=kb.BearerToken("t"), schema=schema) as crm:
            assert found(crm, unasked, policy=kb.Policy(deletions={"keap": "delete"})) == []
            warned = found(crm, unasked, policy=kb.Policy(deletions="delete")).warnings
            assert [each.place for each in warned] == ["Policy(deletions=)"] * (0 if delete else 3)


# --- match keys and what is required ----------------------------------------------------------------------------


def test_a_lost_match_key_is_a_warning_and_one_that_was_replaced_is_none(unasked: kb.KeapClient) -> None:
    contacts = kb.mapping.contacts
    [lost] = found(Crm(), unasked, contacts=contacts.without("Email"))
    assert lost.severity == "warning"
    assert lost.what == (
        "records are not matched by Email (the mapping has no Email), only by FirstName+LastName+Phone"
    )
    [narrowed] = found(Crm({"contacts": ["FirstName", "LastName", "Phone"]}), unasked)
    assert "Customcrm has no place for Email" in narrowed.what
    [none] = found(Crm({"contacts": ["LastName", "Phone"]}), unasked)
    assert none.what.startswith("nothing tells which records of both systems are the same")
    own = contacts.matched_by(MatchKey(("Phone",))).without("Email")
    assert found(Crm(), unasked, contacts=own) == []
    [weaker] = found(Crm({"contacts": ["FirstName", "LastName", "Email"]}), unasked)
    assert weaker.severity == "info", "the strongest is there"


def test_what_new_records_cannot_be_made_without(unasked: kb.KeapClient) -> None:
    products = {"products": PRODUCT}
    [slip] = refused(Crm(products), unasked, products=kb.mapping.products.without("Price"))
    assert slip.what == "Keap makes no record without Price, which the mapping does not have"
    own = kb.mapping.products.without("Price").with_lenses(kb.money("Price", currency="Currency", keap="price"))
    assert found(Crm(products), unasked, products=own) == []
    assert found(Crm(products), unasked, products=own.without("Price"), policy=kb.Policy(max_creates=0)) == []
    [narrowed] = found(Crm({"products": ["Name", "Sku"]}), unasked)
    assert (narrowed.severity, "Customcrm has no place for it" in narrowed.what) == ("warning", True)
    [needed] = found(Crm(needs=["people.tenant"]), unasked)
    assert needed.what == "no record is made in Customcrm: Customcrm needs people.tenant, and nothing is mapped to it"
    names_only = kb.mapping.contacts.only("FirstName", "LastName").matched_by(MatchKey(("FirstName", "LastName")))
    [unreachable] = refused(Crm(), unasked, contacts=names_only)
    assert "without one of Email, Email2, Phone" in unreachable.what
