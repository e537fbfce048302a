"""Keap's custom fields: the model, look-ups by label and id, and the values of every type."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest

import keapbridge as kb
from keapbridge.keap.fields import CustomField, FieldType, Model
from keapbridge.testing import KeapEmulator

SIZES = ("Small", "Large, tall")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
# type → value, and the content that is written for it
VALUES: dict[str, tuple[Any, Any]] = {
    "CURRENCY": (Decimal("12.50"), 12.5),
    "DATE": (date(2026, 1, 2), "2026-01-02"),
    "DATE_TIME": (MOMENT, "2026-01-02T03:04:05.678Z"),
    "DAY_OF_WEEK": (3, 3),
    "DECIMAL_NUMBER": (Decimal("0.1"), 0.1),
    "DRILLDOWN": ("Small", "Small"),
    "DROPDOWN": ("Large, tall", "Large, tall"),
    "EMAIL": ("ada@example.org", "ada@example.org"),
    "LIST_BOX": (("Large, tall", "Small"), ["Large, tall", "Small"]),
    "MONTH": (12, 12),
    "NAME": ("Ada", "Ada"),
    "PERCENT": (Decimal("99.9"), 99.9),
    "PHONE_NUMBER": ("+4722222222", "+4722222222"),
    "RADIO": ("Small", "Small"),
    "SOCIAL_SECURITY_NUMBER": ("000-11", "000-11"),
    "STATE": ("AZ", "AZ"),
    "TEXT": ("one", "one"),
    "TEXT_AREA": ("one\ntwo", "one\ntwo"),
    "USER": ("12", "12"),
    "USER_LIST_BOX": (("12", "7"), ["12", "7"]),
    "WEBSITE": ("https://a.example", "https://a.example"),
    "WHOLE_NUMBER": (38, 38),
    "YEAR": (2026, 2026),
    "YES_NO": (False, 0),
}
WITH_OPTIONS = {"DRILLDOWN", "DROPDOWN", "LIST_BOX", "RADIO"}
every_type = pytest.mark.parametrize("type", sorted(VALUES))


def made(type: str) -> CustomField:
    options = [kb.keap.FieldOption(label, str(n)) for n, label in enumerate(SIZES, start=1)]
    return CustomField("12", "Field", type, options if type in WITH_OPTIONS else ())


def test_every_type_of_the_contract_is_known() -> None:
    assert set(VALUES) == set(get_args(FieldType))


@every_type
def test_a_value_of_every_type_is_read_back(type: str) -> None:
    field, (value, content) = made(type), VALUES[type]
    assert (field.write(value), field.read(content)) == (content, value)
    assert field.read(field.write(None)) is None
    assert [field.read(empty) for empty in (None, "", [])] == [None] * 3


@every_type
def test_a_value_of_every_type_goes_through_keap_and_back(
    type: str, keap: kb.KeapClient, keap_server: KeapEmulator
) -> None:
    options = SIZES if type in WITH_OPTIONS else ()
    for resource in (keap.contacts, keap.companies):
        made = resource.create_custom_field(label="Field", type=type, options=options)  # type: ignore[arg-type]
        field = resource.model()["field"]
        assert field == made
        value, _ = VALUES[type]
        if resource is keap.contacts:
            email = kb.keap.EmailAddress("ada@example.org", "EMAIL1")
            id = keap.contacts.create(kb.keap.Contact(email_addresses=[email], custom_fields=[field.item(value)])).id
        else:
            id = keap.companies.create(kb.keap.Company(company_name="E", custom_fields=[field.item(value)])).id
        assert field.value(resource.get(str(id))) == value
        resource.update(str(id), custom_fields=[field.item(None)])
        assert field.value(resource.get(str(id))) is None


@pytest.mark.parametrize(
    ("type", "content", "value"),
    [
        ("WHOLE_NUMBER", "38", 38),
        ("WHOLE_NUMBER", 38.0, 38),
        ("CURRENCY", "1E+2", Decimal(100)),
        ("DATE", "2026-01-02T00:00:00.000Z", date(2026, 1, 2)),
        ("DATE_TIME", "2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("DATE_TIME", "2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("YES_NO", "true", True),
        ("YES_NO", True, True),
        ("YES_NO", "0", False),
        ("MONTH", "January", "January"),
        ("USER", 12, "12"),
        ("DROPDOWN", "1", "Small"),
        ("DROPDOWN", "of old", "of old"),  # an option that was removed
        ("LIST_BOX", ["2", "Small"], ("Large, tall", "Small")),
        ("LIST_BOX", "1,2", ("Small", "Large, tall")),
        ("LIST_BOX", "Large, tall", ("Large, tall",)),
        ("LIST_BOX", "a,b", ("a,b",)),
        ("HOLOGRAM", "text", "text"),
        ("HOLOGRAM", {"of": [1]}, '{"of": [1]}'),
    ],
)
def test_other_spellings_are_read(type: str, content: Any, value: Any) -> None:
    found = made(type).read(content)
    assert (found, found.__class__) == (value, value.__class__)


def test_what_is_not_of_the_type_is_refused_without_showing_it() -> None:
    cases: list[tuple[str, Any, str]] = [
        ("WHOLE_NUMBER", "1.5 secret", "not a number"),
        ("WHOLE_NUMBER", 1.5, "not a whole number"),
        ("CURRENCY", "NaN", "not a number"),
        ("CURRENCY", True, "not a number"),
        ("DATE", "secret", "not a date"),
        ("DATE_TIME", "secret", "not a date with a time"),
        ("YES_NO", "secret", "neither yes nor no"),
        ("TEXT", ("secret",), "not a text"),
        ("TEXT", "secret" * 11_000, "longer than 65,535 characters"),
        ("DROPDOWN", "secret", "not one of the options of 'Field': Small, Large, tall"),
        ("LIST_BOX", ("Small", "secret"), "not one of the options of 'Field': Small, Large, tall"),
    ]
    for type, value, reason in cases:
        with pytest.raises(kb.UnfitError) as caught:
            made(type).write(value)
        assert str(caught.value) == reason


def test_a_moment_is_written_in_utc() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=9)))
    assert made("DATE_TIME").write(there) == "2026-01-02T03:04:05.678Z"


def test_numbers_are_exact() -> None:
    precise = "0.1234567890123456789"
    assert made("DECIMAL_NUMBER").write(Decimal(precise)) == precise
    assert made("DECIMAL_NUMBER").read(precise) == Decimal(precise)


def test_a_field_is_found_by_its_label_in_any_case_or_by_its_id() -> None:
    model = Model((CustomField("1", "Shoe size"), CustomField("2", "Size"), CustomField("3", "SIZE ")))
    assert model["shoe  SIZE"] is model.field(id="1") is model.fields[0]
    assert model.find("Hat size") is None
    assert model.find(id="4") is None
    with pytest.raises(kb.MappingError, match=r"'Hat size'.*'Shoe size' \(1\), 'Size' \(2\)"):
        model["Hat size"]
    with pytest.raises(kb.MappingError, match=r"\(2, 3\)"):
        model["size"]
    with pytest.raises(TypeError):
        model.find("Size", id="2")
    assert Model().listing() == "none"


def test_a_record_whose_custom_fields_were_not_read_says_nothing() -> None:
    assert made("TEXT").value(kb.keap.Contact(id="1")) is kb.UNSET
    assert made("TEXT").value(kb.keap.Contact(id="1", custom_fields=[])) is None


def test_the_model_is_asked_for_once(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    first = keap.contacts.model()
    keap_server.state.contacts.add_custom_field("Behind our back")
    assert keap.contacts.model() is first
    assert [field.label for field in keap.contacts.model(refresh=True).fields] == ["Behind our back"]
    keap.contacts.create_custom_field(label="Ours", type="YES_NO")
    assert [field.label for field in keap.contacts.model().fields] == ["Behind our back", "Ours"]
    assert keap.companies.model().fields == ()
    assert "custom_fields" in keap.companies.model().optional_properties
    assert not hasattr(keap.products, "model")
    with pytest.raises(ValueError, match="label"):
        keap.contacts.create_custom_field(label=" ")


async def _ask(server: KeapEmulator) -> None:
    async with kb.AsyncKeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url) as keap:
        made = await keap.companies.create_custom_field(label="Size", type="RADIO", options=["S"], group_id="7")
        assert (await keap.companies.model())["Size"] == made
        assert ([option.label for option in made.options], made.group_id) == (["S"], "7")


def test_the_async_client_asks_the_same(keap_server: KeapEmulator) -> None:
    import asyncio

    asyncio.run(_ask(keap_server))


def test_a_custom_field_is_never_made_twice_after_a_lost_answer(keap: kb.KeapClient, keap_server: KeapEmulator) -> None:
    from keapbridge.testing import Fault

    keap_server.faults.add(Fault(status=503), method="POST", path="/model/customFields")
    with pytest.raises(kb.ServerError):
        keap.contacts.create_custom_field(label="Size")
    assert len(keap_server.requests.matching("POST")) == 1
