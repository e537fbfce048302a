"""The quick pass over lists reads what the patient one reads, or nothing at all."""

from __future__ import annotations

import copy
import functools
import gc
import json
import pickle
import typing
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples
from tiers import variants

import keapbridge as kb
from keapbridge._io.calls import Answer, Unread
from keapbridge._json.codec import Codec, NotQuickError, load_json, open_list, parsed
from keapbridge._json.quick import texts_of
from keapbridge._json.twins import record_type
from keapbridge.customcrm import endpoints
from keapbridge.customcrm.endpoints import CONTACTS as CRM_CONTACTS
from keapbridge.customcrm.endpoints import PRODUCTS as CRM_PRODUCTS
from keapbridge.errors import ShapeError
from keapbridge.keap.endpoints import COMPANIES, CONTACTS, PRODUCTS
from keapbridge.model.checked import is_storable, usable_moment

CODECS: dict[str, Codec[Any]] = {
    "Keap's contacts": CONTACTS.codec,
    "Keap's companies": COMPANIES.codec,
    "Keap's products": PRODUCTS.codec,
    "Customcrm's contacts": CRM_CONTACTS.codec,
    "Customcrm's products": CRM_PRODUCTS.codec,
}
texts = st.text(st.characters(codec="utf-8"), max_size=8)
odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.just([]),
    st.just({}),
    st.just([None]),
)


def stamp_of(codec: Codec[Any]) -> str:
    """The attribute that tells when a record was changed."""
    return "update_time" if "update_time" in codec.fields else "updated_at"


def likely(hint: str) -> st.SearchStrategy[Any]:
    """Values that a property of this type mostly has."""
    if "datetime" in hint:
        return st.sampled_from(["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z"])
    if "date" in hint:
        return st.just("1980-05-17")
    if "bool" in hint:
        return st.booleans()
    if "Decimal" in hint:
        return st.sampled_from(["12.50", 3])
    if "float" in hint:
        return st.sampled_from([1.5, 2])
    if "int" in hint:
        return st.integers(-5, 5)
    return texts


def record_of(cls: type, wire_names: Any, inner: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Records as answers show them: some properties, some empty, now and then one that is odd or unknown."""
    properties: dict[str, st.SearchStrategy[Any]] = {}
    hints = typing.get_type_hints(cls)
    for field in attrs.fields(cls):
        if field.name == "extra" or field.metadata.get("write_only"):
            continue
        part, many = record_type(hints[field.name])
        usual = likely(str(hints[field.name])) if part is None else record_of(part, {}, inner=True)
        if many:
            usual = st.lists(usual, max_size=3)
        properties[wire_names.get(field.name, field.name)] = st.one_of(usual, usual, usual, st.none())
    usual_record = st.fixed_dictionaries({}, optional=properties)
    if inner:
        further = st.dictionaries(st.sampled_from(["Unknown", "extra", "_0", "is'\"new"]), odd_values, max_size=2)
        return st.one_of(usual_record, usual_record, st.tuples(usual_record, further).map(lambda b: {**b[1], **b[0]}))
    wire_id = wire_names["id"]
    whole = usual_record.flatmap(lambda r: st.just(r) if r.get(wire_id) else st.just({**r, wire_id: "7"}))
    strange = st.tuples(
        usual_record, st.dictionaries(st.sampled_from([*properties, "Unknown", "extra", "é"]), odd_values, max_size=2)
    ).map(lambda both: {**both[0], **both[1]})
    return st.one_of(whole, whole, whole, strange)


def as_json(items: list[dict[str, Any]]) -> bytes:
    return json.dumps(items).encode()


@functools.cache
def lists_of(codec: Codec[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(record_of(codec.cls, codec.wire_names), max_size=4)


@pytest.fixture(params=variants(CODECS, quick=("Keap's contacts", "Customcrm's products")), scope="module")
def codec(request: pytest.FixtureRequest) -> Codec[Any]:
    return CODECS[request.param]


@examples(20)
@given(data=st.data())
def test_a_list_is_read_the_same_quickly_and_patiently(codec: Codec[Any], data: st.DataObject) -> None:
    items = data.draw(lists_of(codec))
    records, malformed = codec.read_many(texts_of(as_json(items)))
    expected, wrong = codec.load_many(items)
    assert records == expected
    assert [(m.id, str(m.error)) for m in malformed] == [(m.id, str(m.error)) for m in wrong]
    assert all(type(record) is codec.cls for record in records)


@examples(20)
@given(data=st.data())
def test_records_that_were_left_unread_are_read_the_same_later(codec: Codec[Any], data: st.DataObject) -> None:
    items = data.draw(lists_of(codec))
    which = data.draw(st.lists(st.sampled_from(range(len(items))), unique=True).map(sorted)) if items else []
    try:
        unread = codec.split(texts_of(as_json(items)), path="$.items", stamp=stamp_of(codec))
    except NotQuickError:
        return  # an id that is no id
    found = [item.get(codec.wire_names["id"]) for item in items]
    assert unread.ids == tuple(str(id) if id not in {None, ""} and is_storable(str(id)) else None for id in found)
    records, malformed = unread.only(which).read()
    expected, wrong = codec.load_many(items, path="$.items")
    for n, stamp in zip(which, unread.only(which).stamps, strict=True):
        for record in unread.only([n]).read()[0]:
            assert stamp == usable_moment(getattr(record, stamp_of(codec)))
    ids = [unread.ids[n] for n in which]
    if len(set(unread.ids)) == len(items):
        assert list(records) == [record for record in expected if record.id in ids]
        assert [str(m.error) for m in malformed] == [str(m.error) for m in wrong if m.id in ids]


ids = pytest.mark.parametrize(
    ("raw", "id"),
    [("0", "0"), (0, "0"), (7, "7"), ("False", "False"), ("", None), (None, None), (False, None)],
    ids=repr,
)


@ids
def test_an_id_is_the_same_however_it_is_read(codec: Codec[Any], raw: Any, id: str | None) -> None:
    """Zero is an id like any other; an empty one and `false` are none."""
    item = {codec.wire_names["id"]: raw}
    text = texts_of(as_json([item]))
    for records, malformed in (codec.load_many([item]), codec.read_many(text)):
        assert [record.id for record in records] == ([] if id is None else [id])
        assert [m.id for m in malformed] == ([None] if id is None else [])
    try:
        unread = codec.split(text, path="$.items", stamp=stamp_of(codec))
    except NotQuickError:
        assert raw is False, "it is no id, so that the list is read at once"
    else:
        assert unread.ids == (id,)
        assert [record.id for record in unread.read()[0]] == ([] if id is None else [id])


@ids
def test_a_record_that_cannot_be_read_is_known_by_its_id(codec: Codec[Any], raw: Any, id: str | None) -> None:
    a_time = next(wire for name, wire in codec.wire_names.items() if name.startswith("create"))
    _, (malformed,) = codec.load_many([{codec.wire_names["id"]: raw, a_time: {}}])
    assert malformed.id == id


def test_most_lists_are_read_quickly() -> None:
    record = {"id": "1", "given_name": "Ada", "email_addresses": [{"email": "ada@example.org", "field": "EMAIL1"}]}
    (read,) = CONTACTS.codec.read_quickly(json.dumps([record]).encode())
    assert read.email_addresses == (kb.keap.EmailAddress("ada@example.org", "EMAIL1"),)
    assert read.family_name is kb.UNSET, "it is not there"


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "1", "unknown": 1},
        {"id": "1", "email_addresses": [{"email": "ada@example.org", "new_property": None}]},
        {"id": 1},
        {"given_name": "without an id"},
        {"id": "1", "given_name": 1},
    ],
)
def test_nothing_is_read_quickly_where_something_could_get_lost(odd: dict[str, Any]) -> None:
    with pytest.raises(NotQuickError):
        Codec(kb.keap.Contact).read_quickly(json.dumps([{"id": "2"}, odd]).encode())


def test_properties_that_no_class_has_are_learnt_and_kept() -> None:
    """The next list that has them is read quickly; so is one without them."""
    codec = Codec(kb.keap.Contact)
    item = {"id": "1", "colour": "blue", "email_addresses": [{"email": "ada@example.org", "checked": None}]}
    assert codec.read_many(texts_of(as_json([{"id": "2"}, item]))) == codec.load_many([{"id": "2"}, item])
    _, read = codec.read_quickly(as_json([{"id": "2"}, item]))
    assert read.extra == {"colour": "blue"}
    assert read.email_addresses[0].extra == {"checked": None}
    (bare,) = codec.read_quickly(as_json([{"id": "2"}]))
    assert bare == kb.keap.Contact(id="2")
    assert codec.dump(read) == item


def test_names_that_go_on_being_new_are_not_learnt_for_ever() -> None:
    codec = Codec(kb.keap.Contact)
    items = [{"id": str(n), f"p{n}": n} for n in range(1, 400)]
    records, malformed = codec.read_many(texts_of(as_json(items)))
    assert not malformed
    assert [dict(record.extra) for record in records] == [{f"p{n}": n} for n in range(1, 400)]
    codec.read_quickly(as_json([{"id": "1", "p1": 1}]))
    with pytest.raises(NotQuickError):
        codec.read_quickly(as_json([{"id": "1", "p399": 1}]))


def test_an_odd_record_is_read_with_patience_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec(kb.keap.Contact)
    items: list[dict[str, Any]] = [{"id": str(n), "given_name": "Ada"} for n in range(1, 1001)]
    items[76] |= {"birth_date": "1980-05-17T00:00:00Z"}
    items[500] |= {"given_name": 7}
    patient: list[Any] = []
    load_many = codec.load_many
    expected, _ = load_many(items)

    def noted(items: Any, **arguments: Any) -> Any:
        patient.extend(items)
        return load_many(items, **arguments)

    monkeypatch.setattr(codec, "load_many", noted)
    for _ in range(2):
        records, [malformed] = codec.read_many(texts_of(as_json(items)), path="$.contacts")
        assert records == expected
        assert str(malformed.error) == "unexpected data at $.contacts[500].given_name (expected str)"
    assert [item["id"] for item in patient] == ["501"] * 2, "the other one's property was learnt"


ODD: dict[str, Any] = {
    "birth_date": "1980-05-17T00:00:00Z",
    "anniversary_date": "",
    "owner_id": 17,
    "create_time": "2024-02-28T10:00:00",
    "company": {"id": 4},
    "addresses": [{"postal_code": "10115", "field": "BILLING"}, {"field": "SHIPPING", "geo": []}],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_are_learnt_and_read_like_all_others(name: str) -> None:
    codec = Codec(kb.keap.Contact)
    items = [{"id": "1", name: ODD[name]}, {"id": "2", name: None}, {"id": "3"}, {"id": "4", "given_name": "Ada"}]
    expected = codec.load_many(copy.deepcopy(items))  # which it may change
    assert codec.read_many(texts_of(as_json(items))) == expected
    assert (codec.read_quickly(as_json(items)), ()) == expected
    assert opened(codec, items).read() == expected


@pytest.mark.parametrize("name", ["birth_date", "create_time", "owner_id"])
def test_values_whose_property_was_odd_once_mean_what_they_meant(name: str) -> None:
    codec = Codec(kb.keap.Contact)
    codec.read_many(texts_of(as_json([{"id": "1", name: ODD[name]}])))
    values = (
        "1980-05-17", "19800517", "2024-W05-1", "1980-05-17T00:00:00Z", "2025-03-01 08:00:00Z",
        "2025-03-01T08:00:00,5Z", "2025-03-01T08:00:00.1234567Z", "2025-03-01T08:00:00.12Z",
        "2025-03-01T08:00:00+02:00", "2025-03-01T24:00:00Z", "0001-01-01T00:00:00Z", "2025-03-01T08:00Z",
        "20250301T080000Z", "Z", "", " ", "é", 7, 1.5, True, None, [], ["Z"], {},
    )  # fmt: skip
    for value in values:
        items = [{"id": "1", name: value}]
        expected, wrong = codec.load_many(copy.deepcopy(items), path="$.contacts")
        for records, malformed in (
            opened(codec, items).read(),
            codec.read_many(texts_of(as_json(items)), path="$.contacts"),
        ):
            assert records == expected, value
            assert [str(m.error) for m in malformed] == [str(m.error) for m in wrong]


def test_a_value_that_nobody_understands_is_wrong_after_odd_ones_were_learnt() -> None:
    codec = Codec(kb.keap.Contact)
    codec.read_many(texts_of(as_json([{"id": "1", "birth_date": "1980-05-17T00:00:00Z"}])))
    items = [{"id": str(n), "birth_date": "1980-05-17"} for n in range(1, 40)]
    items[20] |= {"birth_date": "in May"}
    records, [malformed] = opened(codec, items).read()
    assert [record.id for record in records] == [item["id"] for item in items if item["id"] != "21"]
    assert malformed.id == "21"
    assert "$.contacts[20].birth_date" in str(malformed.error)


def test_a_time_without_a_zone_is_utc_whatever_else_is_odd() -> None:
    for more in ({}, {"birth_date": "1980-05-17T00:00:00Z"}):
        record = CONTACTS.codec.load({"id": "1", "create_time": "2024-02-28T10:00:00", **more})
        assert record.create_time == datetime(2024, 2, 28, 10, tzinfo=UTC)


def opened(codec: Codec[Any], items: list[dict[str, Any]]) -> Unread[Any]:
    """A list that is made as it is asked for."""
    unread, rest = codec.opened(
        Answer(200, {}, json.dumps({"contacts": items, "more": {"l": []}}).encode()), "contacts"
    )
    assert rest == {"more": {"l": []}}
    return unread


@examples(20)
@given(data=st.data())
def test_a_list_that_is_made_as_it_is_asked_for_is_read_the_same(codec: Codec[Any], data: st.DataObject) -> None:
    items = json.loads(as_json(data.draw(lists_of(codec)) * 6))  # more than are made at once
    try:
        unread = opened(codec, items)
    except NotQuickError:
        return
    expected, wrong = codec.load_many(copy.deepcopy(items), path="$.contacts")
    assert unread.ids == tuple(item[codec.wire_names["id"]] for item in items)
    parts = [part.read() for part in unread.parts()]
    assert tuple(record for records, _ in parts for record in records) == expected
    assert [str(m.error) for _, malformed in parts for m in malformed] == [str(m.error) for m in wrong]


@pytest.mark.parametrize("body", [b'{"contacts":[{"id":"1"}],"x":[{}]}', b'{"contacts":{}}', b"{}", b"[]", b"", b"{"])
def test_what_holds_another_list_or_none_is_not_made_as_it_is_asked_for(body: bytes) -> None:
    with pytest.raises(NotQuickError):
        CONTACTS.codec.opened(Answer(200, {}, body), "contacts")


def test_a_list_of_odd_records_is_read_as_one() -> None:
    """Records of which most are odd are not tried one by one."""
    codec = Codec(kb.keap.Contact)
    items = [{"id": str(n), "birth_date": "1980-05-17T00:00:00Z", f"p{n // 20}": n} for n in range(1, 201)]
    assert codec.read_many(texts_of(as_json(items))) == codec.load_many(items)


@pytest.mark.parametrize("unread", [True, False])
def test_a_mark_of_deletion_that_was_learnt_still_means_deleted(unread: bool) -> None:
    schema = kb.CustomcrmSchema(deleted=kb.customcrm.DeletedMark("Gone"))
    call = endpoints.list_page(endpoints.endpoint(kb.customcrm.Contact, schema), unread=unread)
    for last in (False, True):
        items = [{"Id": "1", "Gone": False}, {"Id": "2", "Gone": True}, {"Id": "3", "Gone": last}]
        page = call.decode(Answer(200, {}, json.dumps({"Items": items}).encode()))
        read = page.unread.read()[0] if page.unread else page.items
        assert [record.id for record in read] == (["1"] if last else ["1", "3"])


@pytest.mark.parametrize(
    "body",
    [b'[{"id": "1"}, {"id"', b'[{"id": "\xff"}]', b"[" * 100_000, b"", b"<html>"],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("unread", [True, False])
def test_a_list_that_is_no_json_is_an_error_of_its_kind(body: bytes, unread: bool) -> None:
    schema = kb.CustomcrmSchema(envelope=kb.customcrm.Envelope(items=None), paging=None)
    bare = endpoints.list_page(endpoints.endpoint(kb.customcrm.Contact, schema), unread=unread)
    wrapped = endpoints.list_page(CRM_CONTACTS, unread=unread)
    for call, text in ((bare, body), (wrapped, b'{"Items": ' + body + b"}")):
        with pytest.raises(kb.ShapeError):
            call.decode(Answer(200, {}, text)).read()


def test_records_that_are_read_quickly_are_like_all_others() -> None:
    (read,) = CONTACTS.codec.read_quickly(b'[{"id": "1", "given_name": "Ada"}]')
    assert copy.deepcopy(read) == read == pickle.loads(pickle.dumps(read))
    assert attrs.evolve(read, given_name="Ada L.").given_name == "Ada L."
    assert json.dumps(attrs.asdict(read)["extra"]) == "{}"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read.given_name = "Grace"
    with pytest.raises(TypeError, match="cannot be changed"):
        read.extra["colour"] = "blue"
    with pytest.raises(TypeError, match="cannot be changed"):
        read.extra |= {"colour": "blue"}


@pytest.mark.parametrize("is_on", [True, False])
def test_the_garbage_collector_is_left_as_it_was(is_on: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        CONTACTS.codec.read_quickly(b'[{"id": "1"}]')
        with pytest.raises(NotQuickError):
            CONTACTS.codec.read_quickly(b'[{"id": 1}]')
        assert gc.isenabled() is is_on
    finally:
        (gc.enable if before else gc.disable)()


LIST, ABOVE = [{"id": "1"}], {"n": 10**20, "r": 1.5, "s": "x", "b": True, "z": None, "l": [1, [2]], "o": {"l": [3]}}


@pytest.mark.parametrize("last", [LIST, [], None, 7, "x", {"id": "1"}, [None, 1, "x", [LIST]]], ids=repr)
@pytest.mark.parametrize("names", [["items"], ["data", "items"], ["data", 0, "items"], ["data", -1], None], ids=repr)
def test_a_list_is_found_where_it_is_and_nothing_else_is_lost(names: list[Any] | None, last: Any) -> None:
    body = last
    for name in reversed(names or []):
        body = ABOVE | {name: body} if isinstance(name, str) else [body]
    found, rest = open_list(Answer(200, {}, json.dumps(body).encode()), names)
    items = [parsed(text) for text in found] if type(found) is tuple else found
    if names is not None and -1 in names:
        assert items == [last][-1]
    assert items == last
    if names is not None and type(found) is tuple:
        assert rest == body | {"data": ABOVE} if len(names) > 1 else ABOVE


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"{}", ["items"]),
        (b'{"data":{}}', ["data", "items"]),
        (b'{"data":null}', ["data", "items"]),
        (b'{"items":[]}', ["data", "items"]),
        (b"[]", ["items"]),
        (b"7", ["items"]),
        (b'{"data":[]}', ["data", 0]),
        (b'{"data":{}}', ["data", 0]),
    ],
)
def test_a_list_that_is_not_there_is_not_an_empty_one(body: bytes, names: list[Any]) -> None:
    assert open_list(Answer(200, {}, body), names)[0] is kb.UNSET


@pytest.mark.parametrize(
    ("body", "value"),
    [(b'{"a":"\\ud800"}', "\ud800"), (b'{"a":"x\xed\xa0\x80"}', "x\ud800"), (b'{"a":"\\u0000"}', "\x00")],
)
def test_an_answer_with_half_a_character_in_it_is_read(body: bytes, value: str) -> None:
    assert load_json(Answer(200, {"content-type": "application/json"}, body)) == {"a": value}


@pytest.mark.parametrize("body", [b'{"a":NaN}', b'{"a":"\xe9"}', b'{"a":', b"[" * 100_000, b"\xff\xfe", b""])
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ShapeError, match="not JSON"):
        load_json(Answer(200, {"content-type": "application/json"}, body))
