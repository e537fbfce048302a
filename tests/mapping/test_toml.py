"""Mappings as TOML: hosts write them as they would in Python, and slips name their key."""

from __future__ import annotations

from pathlib import Path

import pytest
from toml_host import is_wanted

import keapbridge as kb
from keapbridge.mapping import Mapper, contacts


def test_a_host_writes_it_as_in_python(tmp_path: Path) -> None:
    path = tmp_path / "contacts.toml"
    path.write_text(
        """
        name = "contacts"
        without = ["BirthDate"]
        where.customcrm = {Status = ["active", "new"]}
        where.keap = "toml_host:is_wanted"

        [addresses.SHIPPING]
        prefix = "Shipping"
        names = {StreetAddress2 = false}

        [fields.ShoeSize]
        kind = "integer"
        keap = {custom_field = "Shoe size", type = "WHOLE_NUMBER", create = true}
        direction = "to_keap"
        required = ["keap"]

        [fields.Size]
        kind = "choice"
        keap = {custom_field_id = "12"}
        values = {S = "Small", L = "Large"}
        """,
        "utf-8",
    )
    assert Mapper.from_toml(path) == (
        contacts.without("BirthDate")
        .where(customcrm={"Status": ["active", "new"]}, keap=is_wanted)
        .with_lenses(
            *kb.address("SHIPPING", prefix="Shipping", names={"StreetAddress2": None}),
            kb.integer(
                "ShoeSize",
                keap=kb.custom_field("Shoe size", type="WHOLE_NUMBER", create=True),
                direction="to_keap",
                required="keap",
            ),
            kb.choice("Size", {"S": "Small", "L": "Large"}, keap=kb.custom_field(id="12")),
        )
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "contact"', "name: must be 'companies' or 'products' or 'contacts', not 'contact'"),
        ('nmae = "contacts"', "nmae: there is no such key; is 'name' meant?"),
        ("without = ['Emial']", "without[0]: contacts has no field 'Emial'; is 'Email' meant?"),
        ("without = 'Email'", "without: must be a list of texts, not 'Email'"),
        ("fields.Own = 7", "fields.Own: must be a table, not 7"),
        ("fields.Own = {keap = 'spouse_name'}", "fields.Own.kind: is missing; it is one of boolean, choice,"),
        ("fields.Own = {kind = 'txt'}", "fields.Own.kind: there is no kind 'txt'; is 'text' meant?"),
        ("fields.Own = {kind = 'text'}", "fields.Own.keap: is missing"),
        ("fields.Own = {kind = 'text', keap = 'x'}", "fields.Own: Keap's Contact has no property 'x'"),
        ("fields.Own = {kind = 'text', keap = 5}", "fields.Own.keap: must be a property of Keap, or a custom field"),
        ("fields.Own = {kind = 'country', keap = {custom_field = 'x'}}", "fields.Own.keap: must be a text"),
        ("fields.Own = {kind = 'text', kaep = 'x'}", "fields.Own.kaep: there is no such key; is 'keap' meant?"),
        ("fields.Own.kind = 'choice'\nfields.Own.keap = 'spouse_name'", "fields.Own.values: is missing"),
        ("fields.Own = {kind = 'text', keap = {custom_feld = 'x'}}", "keap.custom_feld: there is no such key; is"),
        (
            "fields.Own = {kind = 'text', keap = {custom_field = ' '}}",
            "fields.Own.keap: custom_field: label takes a text",
        ),
        (
            "fields.Own = {kind = 'text', keap = 'spouse_name', max_length = '9'}",
            "fields.Own.max_length: must be a whole number or false, not '9'",
        ),
        (
            "fields.Own = {kind = 'text', keap = 'spouse_name', direction = 'keap'}",
            "fields.Own.direction: must be 'both' or 'to_keap' or 'to_customcrm', not 'keap'",
        ),
        ("fields.Own = {kind = 'text', keap = 'spouse_name', required = 'kaep'}", "fields.Own.required: 'kaep' is no"),
        ("fields.Own = {kind = 'nowhere:x', keap = 'spouse_name'}", "fields.Own.kind: 'nowhere:x': there is no module"),
        ("fields.Own = {kind = 'lens', keap = 'spouse_name', get = 'os:path', put = 'x'}", "'os:path' is no function"),
        ("keys = [{felds = ['Email']}]", "keys[0].felds: there is no such key; is 'fields' meant?"),
        ("keys = [{fields = ['Emial']}]", "the match key Emial needs Emial"),
        ("where.keep = {}", "where: 'keep' is no side; is 'keap' meant?"),
        ("where.keap = {tag_ids = {of = 5}}", "where.keap.tag_ids: must be a value, {empty = true}"),
        ("addresses.HOME = {}", "HOME"),
        ("addresses.SHIPPING = {prefx = 'x'}", "addresses.SHIPPING.prefx: there is no such key; is 'prefix' meant?"),
        ("x = = 3", "no TOML"),
    ],
)
def test_a_slip_names_its_key(text: str, said: str) -> None:
    named = text if text.startswith(("name", "nmae", "x =")) else f'name = "contacts"\n{text}'
    with pytest.raises(kb.MappingError) as error:
        Mapper.from_toml(f"{named}\n")
    assert said in str(error.value)
