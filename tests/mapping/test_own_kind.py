"""A kind that a host makes: a frozen class, and everything else follows, without a line in the library."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import LAWS, NOWHERE, OURS, THEIRS, assert_laws, built

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.dataflow.checklist import checklist
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField
from keapbridge.mapping import Asked, Canonical, Context, Kind, Mapper, Sample, contacts, dataflow_document
from keapbridge.mapping.writing import put_values
from keapbridge.qa import Result, execute, mappers_of, sandbox


@attrs.frozen
class Iban(Kind):
    """The number of a bank account. Customcrm keeps it as it is, Keap in groups of four, for people."""

    def read(self, raw: Any, side: kb.Side, scope: Canonical, context: Context) -> Canonical:
        text = re.sub(r"\s", "", str(raw)).upper() if raw is not None else ""
        if not text:
            return None
        if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}", text):
            raise kb.UnfitError("not an IBAN")
        return text

    def write(self, value: Canonical, side: kb.Side, context: Context) -> Any:
        return re.sub(r"(.{4})(?=.)", r"\1 ", str(value)) if value is not None and side is kb.Side.KEAP else value

    def sample(self, asked: Asked) -> Sample | None:
        tail = f"{2 * asked.number + asked.turn:04}"
        return Sample(f"NO93860111{tail}", f"NO93 8601 11{tail[:2]} {tail[2:]}")


@attrs.frozen
class Branch(Kind):
    """A branch of a bank, which means nothing without the bank."""

    needs_scope = True

    def read(self, raw: Any, side: kb.Side, scope: Canonical, context: Context) -> Canonical:
        if raw is None:
            return None
        if scope is None:
            raise kb.UnfitError("a branch without a bank")
        return f"{scope}/{str(raw).rpartition('/')[2]}"


@attrs.frozen
class Unsampled(Iban):
    """A kind of which no samples can be told."""

    def sample(self, asked: Asked) -> Sample | None:
        return None


OWN = kb.custom_field("Account")
FIELD = kb.field("Account", Iban(), keap=OWN, keap_type="IBAN", max_length=42)
PLAIN = kb.field("Account", Iban(), keap="spouse_name", keap_type="string (IBAN)")
MAPPER = contacts.only("Email", "FirstName", "LastName").with_lenses(PLAIN)
IN_A_FIELD = Context(custom_fields={OWN: CustomField("1", "Account")})
ACCOUNTS = st.from_regex(r"[A-Za-z]{2}[0-9]{2}( ?[A-Za-z0-9]){8,30}", fullmatch=True)
ADA = "NO9386011117947"


@LAWS
@given(st.one_of(ACCOUNTS, st.just(""), st.text(max_size=5)), st.sampled_from(kb.Side))
def test_it_obeys_the_laws_of_lenses(raw: str, side: kb.Side) -> None:
    ours = customcrm.Contact(suffix="S", extra={"Own": 1})
    theirs = keap.Contact(suffix="S", spouse_name=None, custom_fields=[keap.CustomFieldValue("2", "x")])
    assert_laws(built(PLAIN), side, ours if side is OURS else theirs, raw, NOWHERE)


@LAWS
@given(ACCOUNTS)
def test_it_obeys_them_in_a_custom_field(raw: str) -> None:
    assert_laws(built(FIELD), THEIRS, keap.Contact(suffix="S", custom_fields=[]), raw, IN_A_FIELD)


def test_it_is_read_written_and_held_by_a_mapper() -> None:
    values, unreadable = MAPPER.read(THEIRS, keap.Contact(spouse_name="no93 8601 1117 947"), NOWHERE)
    assert (values, unreadable) == ({"Account": ADA}, {})
    record, changes = put_values(MAPPER, THEIRS, keap.Contact(), values, NOWHERE)
    assert record.spouse_name == changes["spouse_name"] == "NO93 8601 1117 947"
    assert MAPPER.read(OURS, customcrm.Contact(extra={"Account": "none"}), NOWHERE)[1] == {"Account": "not an IBAN"}
    assert MAPPER.matched_by(kb.mapping.MatchKey(("Account",))).matching.values_of(values)["Account"] == ADA


def test_a_filter_compares_it_by_what_it_means() -> None:
    mapper = MAPPER.where(keap={"Account": "no93 8601 1117 947"})
    record = keap.Contact(spouse_name=ADA)
    assert mapper.takes_part(THEIRS, record, mapper.read(THEIRS, record, NOWHERE)[0])
    with pytest.raises(kb.MappingError, match="is no value that"):
        MAPPER.where(keap={"Account": "none"})


def test_its_records_are_read_each_time_for_its_code_may_change() -> None:
    assert MAPPER.without("Account").reading(OURS) is not None
    assert MAPPER.reading(OURS) is None


def test_it_is_in_the_dataflow_document() -> None:
    text = dataflow_document([MAPPER, contacts.with_lenses(FIELD)], "md")
    assert "| Account | spouse_name | string (IBAN) |" in text
    assert "| Account | custom_fields.Account | custom field (IBAN) |" in text
    assert sum("with Account" in check.sentence for check in checklist(MAPPER)) == 1


def test_a_kind_that_needs_its_scope_goes_where_that_goes() -> None:
    bank = kb.text("Bank", keap="preferred_name")
    branch = kb.field("Branch", Branch(), keap="spouse_name", scope="Bank")
    mapper = contacts.with_lenses(bank, branch)
    assert mapper.read(OURS, customcrm.Contact(extra={"Bank": "DNB", "Branch": "7"}), NOWHERE)[0]["Branch"] == "DNB/7"
    with pytest.raises(kb.MappingError, match="Branch flows to Customcrm and Bank does not"):
        contacts.with_lenses(kb.text("Bank", keap="preferred_name", direction="to_keap"), branch)


def results(mapper: Mapper) -> list[Result]:
    mappers = mappers_of([mapper])
    with sandbox(mappers) as (crm, keap_client):
        return list(execute(crm, keap_client, {"contacts": mappers["contacts"]}, clean=False))


def test_its_lines_of_the_checklist_are_executed_by_its_samples() -> None:
    by_hand = kb.field("Second", Unsampled(), keap="preferred_name")
    with_own = kb.field(
        "Third", Unsampled(), keap="suffix", samples=[(ADA, "NO93 8601 1117 947"), ("NO0000000000", "NO00 0000 0000")]
    )
    mapper = MAPPER.only("FirstName", "Email").with_lenses(FIELD, by_hand, with_own)
    found = {(result.check.field, result.check.to): result for result in results(mapper)}
    assert [str(result) for result in found.values() if result.passed is False] == []
    assert all(found["Account", side].passed and found["Third", side].passed for side in kb.Side)
    assert {field for (field, _), result in found.items() if result.passed is None} == {"Second"}
