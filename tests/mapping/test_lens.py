"""The laws of lenses: what is put is read back, nothing else is touched, spelling makes no difference."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from lens_laws import (
    CONSENT,
    LAWS,
    MAPPERS,
    NOWHERE,
    OTHERS,
    TABLE,
    THEIRS,
    Scene,
    World,
    built,
    content,
    fitting,
    outside,
    read,
    scenes,
    slots,
)

import keapbridge as kb
from keapbridge.customcrm import records as customcrm
from keapbridge.errors import MappingError, UnfitError
from keapbridge.keap import records as keap
from keapbridge.keap.fields import CustomField, Model
from keapbridge.mapping import contacts
from keapbridge.mapping.custom import custom_field, resolve
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.lens import Lens
from keapbridge.model.maybe import UNSET
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side


@LAWS
@given(scenes())
def test_what_is_put_is_read_back(scene: Scene) -> None:
    found = scene.get(scene.put(scene.record, scene.value))
    assert (type(found), found) == (type(scene.value), scene.value)


ODD_ADDRESS = keap.Contact(email_addresses=(keap.EmailAddress("no address", "EMAIL1", is_opt_in=False),))
IN_NORWAY = World("NOR", "NO-03", "NOK")


@LAWS
@given(scenes())
@example(Scene(contacts, THEIRS, contacts["Email"], IN_NORWAY, ODD_ADDRESS, "ada@example.org"))
def test_what_is_put_touches_nothing_else(scene: Scene) -> None:
    after = scene.put(scene.record, scene.value)
    assert type(after) is type(scene.record)
    assert outside(scene, after) == outside(scene, scene.record)
    for name, order in slots(scene.record).items():
        mine = scene.lens.place(scene.side).container[1:]
        assert [slot for slot in slots(after)[name] if slot not in mine] == [slot for slot in order if slot not in mine]


@LAWS
@given(scenes())
def test_putting_what_was_got_changes_nothing(scene: Scene) -> None:
    once = scene.put(scene.record, scene.value)
    again = scene.put(once, scene.get(once))
    assert content(again) == content(once)
    assert slots(again) == slots(once)


@LAWS
@given(scenes())
def test_putting_back_what_another_wrote_means_the_same(scene: Scene) -> None:
    """Whatever spelling the record had."""
    try:
        found = scene.get(scene.record)
    except UnfitError:
        return
    if found is not UNSET:
        again = scene.put(scene.record, found)
        assert scene.get(again) == found
        assert outside(attrs.evolve(scene, value=found), again) == outside(
            attrs.evolve(scene, value=found), scene.record
        )


@LAWS
@given(scenes(), st.data())
def test_the_last_put_counts(scene: Scene, data: st.DataObject) -> None:
    other = fitting(scene.lens, scene.side, data.draw(scene.world.values(scene.lens)), scene.world)
    assume(scene.value is not None and other is not None)
    twice, once = (
        content(scene.put(scene.put(scene.record, other), scene.value)),
        content(scene.put(scene.record, scene.value)),
    )
    # What was said about an address goes with it, and does not come back with it.
    lost = {path for path in once.keys() - twice.keys() if path.rpartition(".")[2] in CONSENT}
    assert twice == {path: value for path, value in once.items() if path not in lost}


def test_what_was_said_about_an_address_does_not_come_back_with_it() -> None:
    lens = kb.mapping.companies["Email"]
    record = keap.Company(id="7", email_address=keap.EmailAddress("ada@example.org", is_opt_in=False))
    for address in ("eve@example.org", "ada@example.org"):
        record = lens.put(kb.Side.KEAP, record, address, Context())
    assert record.email_address == keap.EmailAddress("ada@example.org")


@LAWS
@given(scenes(), st.data())
def test_fitting_twice_is_fitting_once(scene: Scene, data: st.DataObject) -> None:
    value = data.draw(scene.world.values(scene.lens))
    once = fitting(scene.lens, scene.side, value, scene.world)
    assert scene.lens.fit(scene.side, once, scene.world.context) == once
    assert (once is None) == (value is None)
    limit = scene.lens.limits.get(scene.side)
    if isinstance(once, str) and limit is not None:
        assert len(once) <= limit
        assert str(value).startswith(once)


# --- in a custom field ------------------------------------------------------------------------------------------------

OWN = custom_field("Own")


@attrs.frozen
class CustomScene:
    lens: Lens
    context: Context
    record: Any
    value: Canonical
    other: Canonical


@st.composite
def custom_scenes(draw: st.DrawFn) -> CustomScene:
    """A record with custom fields, mapped and unmapped, and a value for the mapped one."""
    kind, raws, type = draw(st.sampled_from(OTHERS))
    options = tuple(TABLE.values()) if type == "DROPDOWN" else ()
    model = Model((CustomField("1", "Other"), CustomField("2", "own", type, options)))
    context = Context(custom_fields={OWN: resolve(OWN, model)})
    direction: Any = draw(st.sampled_from(("both", "to_keap")))
    lens = attrs.evolve(kb.text("Own", keap=OWN, direction=direction).build(customcrm.Contact, keap.Contact), kind=kind)
    items = draw(
        st.lists(
            st.builds(keap.CustomFieldValue, st.sampled_from("134"), st.sampled_from((1, "x", ["y"], None))),
            unique_by=lambda item: item.id,
        )
    )
    record = draw(st.sampled_from((keap.Contact, keap.Company)))(id="7", custom_fields=items)
    value, other = (read(kind, draw(st.one_of(raws, raws, st.none()))) for _ in range(2))
    return CustomScene(lens, context, record, value, other)


@LAWS
@given(custom_scenes(), st.sampled_from(Side))
def test_a_value_of_every_kind_fits_and_is_read_back(scene: CustomScene, side: Side) -> None:
    lens, context = scene.lens, scene.context
    assert lens.fit(side, scene.value, context) == scene.value
    record = scene.record if side is THEIRS else customcrm.Contact(extra={"Other": 1})
    once = lens.put(side, record, scene.value, context)
    found = lens.get(side, once, None, context)
    assert (found, type(found)) == (scene.value, type(scene.value))
    assert lens.put(side, once, found, context) == once
    if side is THEIRS:
        assert [item for item in once.custom_fields if item.id != "2"] == list(scene.record.custom_fields)
        assert attrs.evolve(once, custom_fields=scene.record.custom_fields) == scene.record
    else:
        assert once.extra["Other"] == 1


@LAWS
@given(custom_scenes())
def test_the_last_put_into_a_custom_field_counts(scene: CustomScene) -> None:
    lens, context = scene.lens, scene.context
    assume(scene.value is not None)
    twice = lens.put(THEIRS, lens.put(THEIRS, scene.record, scene.other, context), scene.value, context)
    assert twice == lens.put(THEIRS, scene.record, scene.value, context)


@pytest.mark.parametrize("content", [0, 0.0, False, "0", "x", ["x"]])
def test_a_custom_field_that_holds_nothing_at_all_is_emptied_too(content: Any) -> None:
    named = kb.custom_field("Own")
    lens = built(kb.text("Own", keap=named))
    context = Context(custom_fields={named: CustomField("1", "Own")})
    record = keap.Contact(custom_fields=[keap.CustomFieldValue("1", content)])
    assert [item.content for item in lens.put(THEIRS, record, None, context).custom_fields] in ([""], [])


# --- spelling, options, lenses as values ------------------------------------------------------------------------------


def test_keaps_own_split_of_a_name_stays_while_the_name_is_the_same() -> None:
    lens = built(kb.full_name("Name"), contacts.without("FirstName", "LastName"))
    record = keap.Contact(given_name="Ludwig van", family_name="Beethoven")
    assert lens.put(THEIRS, record, "Ludwig van Beethoven", NOWHERE) is record


def test_an_opt_in_reason_is_for_an_address_that_flows_to_keap() -> None:
    for wrong in (
        {"direction": "to_customcrm", "opt_in_reason": "Signed up"},
        {"keap": custom_field("Own"), "opt_in_reason": "Signed up"},
        {"opt_in_reason": " "},
    ):
        with pytest.raises(MappingError, match=r"opt.in.reason"):
            contacts.with_lenses(kb.email("E", **{"keap": "email_addresses.EMAIL3", **wrong}))  # type: ignore[arg-type]
    with pytest.raises(MappingError, match=r"opt.in.reason"):
        contacts.with_lenses(kb.field("N", contacts["FirstName"].kind, keap="prefix", opt_in_reason="Signed up"))


def test_only_what_means_nothing_without_its_scope_follows_it() -> None:
    assert contacts["Region"].follows == "Country" == contacts["Phone"].scope
    assert contacts["Phone"].follows is None


def test_lenses_that_are_equal_are_one_in_a_set() -> None:
    own = kb.choice("Size", TABLE, keap=custom_field("Size"), direction="to_keap")
    for mapper in (*MAPPERS, contacts.with_lenses(own)):
        assert len({*mapper.lenses, *(attrs.evolve(lens) for lens in mapper.lenses)}) == len(mapper.lenses)
