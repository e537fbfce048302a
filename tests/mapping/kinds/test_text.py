"""Texts, e-mail addresses, addresses in the web and names: one meaning has one canonical form."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_laws import EMAILS, LAWS, NOWHERE, OURS, TEXTS, THEIRS, read

from keapbridge.errors import MappingError, UnfitError
from keapbridge.mapping.kinds.text import Email, FullName, Text, Url


@LAWS
@given(TEXTS.filter(bool), st.sampled_from(("", " ", "\n\t", "\u2003")), st.sampled_from(("NFC", "NFD")))
def test_a_text_is_the_same_with_space_around_it_and_decomposed(text: str, space: str, form: Any) -> None:
    raw = space + unicodedata.normalize(form, text).replace("\n", "\r\n") + space
    assert read(Text(), raw) == text == read(Text(), text)


def test_a_text_with_a_stray_carriage_return_is_canonical_once_read() -> None:
    once = read(Text(), "a\r\r\nb")
    assert read(Text(), once) == once


@pytest.mark.parametrize("bad", ["\ud800", "a\x00b", "a\x1bb", "\x9f.", "a\x7fb"])
def test_a_text_that_no_system_may_take_is_named_and_not_repaired(bad: str) -> None:
    with pytest.raises(UnfitError, match=r"control character|surrogate"):
        Text().read(f"x{bad}y", OURS, None, NOWHERE)


@pytest.mark.parametrize(
    "good", ["a\tb\nc", "אב\u200fג", "\u202babc\u202c", "👩\u200d👩\u200d👧", "\ufb01", "a\u2028b", "\ue000"]
)
def test_letters_of_all_the_world_are_let_through(good: str) -> None:
    assert Text().read(good, OURS, None, NOWHERE) == good


def test_a_text_that_is_too_long_is_cut_or_held() -> None:
    assert Text().fit("Ada Lovelace", THEIRS, 4, NOWHERE) == "Ada"
    with pytest.raises(UnfitError, match="longer than 4"):
        Text("error").fit("Ada Lovelace", THEIRS, 4, NOWHERE)
    with pytest.raises(MappingError):
        Text("cut")


@LAWS
@given(EMAILS, st.sampled_from((str.upper, str.title, str.lower)), st.sampled_from(("", " ", "\n")))
def test_an_address_is_the_same_in_capitals(email: str, case: Any, space: str) -> None:
    assert read(Email(), email) == email
    if email.isascii():
        assert read(Email(), space + case(email) + space) == email


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("EXAMPLE.org", "https://example.org"),
        (" http://Example.ORG/ ", "http://example.org"),
        ("https://Example.org/Path?Q#F", "https://example.org/Path?Q#F"),
        ("example.org:8080/x", "https://example.org:8080/x"),
        ("//example.org", "https://example.org"),
        ("https://User@Example.org", "https://User@example.org"),
        ("https://BÜCHER.example", "https://bücher.example"),
    ],
)
def test_one_page_has_one_address(raw: str, canonical: str) -> None:
    assert Url().read(raw, OURS, None, NOWHERE) == canonical
    assert Url().read(canonical, THEIRS, None, NOWHERE) == canonical


@pytest.mark.parametrize(
    "raw",
    [
        "n/a",
        "mailto:a@b.no",
        "javascript:alert(1)",
        "https://",
        "https://a b.no",
        "localhost",
        "https://a.no:x",
        "-a.no",
        5,
    ],
)
def test_what_is_no_address_of_a_page_is_held(raw: Any) -> None:
    with pytest.raises(UnfitError):
        Url().read(raw, OURS, None, NOWHERE)


@pytest.mark.parametrize(
    ("whole", "given", "family"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Ludwig  van Beethoven", "Ludwig", "van Beethoven"),
        ("Ada King Lovelace", "Ada King", "Lovelace"),
        ("Madonna", "Madonna", None),
        ("van Gogh", "van", "Gogh"),
    ],
)
def test_a_whole_name_is_split_before_its_family_name(whole: str, given: str, family: str | None) -> None:
    kind = FullName()
    value = kind.read(whole, OURS, None, NOWHERE)
    assert kind.write(value, THEIRS, NOWHERE) == (given, family)
    assert kind.read((given, family), THEIRS, None, NOWHERE) == value


def test_a_name_of_which_a_part_is_too_long_is_held() -> None:
    with pytest.raises(UnfitError, match="longer than 40"):
        FullName().fit(f"Ada {'L' * 41}", THEIRS, None, NOWHERE)


@pytest.mark.parametrize(
    ("value", "clean", "so"),
    [
        ("O&#039;Brien", "O'Brien", True),
        ("Smith &amp; Sons", "Smith & Sons", True),
        ("Smith &amp;amp; Sons", "Smith & Sons", True),
        ("O'Brien", "O&#039;Brien", False),
        ("AT&T", "AT&T", False),
        ("Smith &amp; Son", "Smith & Sons", False),
        ("O&#039;Brien", None, False),
    ],
)
def test_an_encoded_text_is_known_by_what_it_stands_for(value: Any, clean: Any, *, so: bool) -> None:
    assert Text().encodes(value, clean) is so
    assert FullName().encodes(value, clean) is so
