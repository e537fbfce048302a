"""One spelling for all that nobody can tell apart: what is the same, and what never is."""

from __future__ import annotations

import html
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

from keapbridge.decide.spelling import blind, decoded

ALIKE = [
    ("Smith & Sons", "Smith &amp; Sons", "Smith &amp;amp; Sons", "SMITH &#38; SONS", "Smith &#x26; Sons"),
    ("Dave's Diner", "Dave&#039;s Diner", "Dave\u2019s Diner", "Dave&rsquo;s Diner", "Dave\u02bcs Diner"),
    ('"Best" Ltd', "\u201cBest\u201d Ltd", "\u201eBest\u201d Ltd", "&quot;Best&quot; Ltd"),
    ("Acme - North", "Acme \u2013 North", "Acme &mdash; North", "acme \u2011 north", "Acme \u2212 North"),
    ("Acme Ltd", "Acme\u00a0Ltd", "Acme  Ltd", "Acme\u2009Ltd", "Acme\tLtd", "\u3000Acme\u3000Ltd ", "Acme&nbsp;Ltd"),
    ("Acme", "Acme\u200b", "\ufeffAcme", "Ac\u00adme", "A\u2060cme", "Acme\ufe0f", "Acme\u3164"),
    ("AB-12", "\uff21\uff22-\uff11\uff12", "ab\uff0d12", "ab\u201012"),
    ("\u30ab\u30ca", "\uff76\uff85"),
    ("Stra\u00dfe", "STRASSE"),
    ("Ren\u00e9", "Rene\u0301", "REN\u00c9", "Ren&eacute;"),
    ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example", "ADA@B\u00dcCHER.EXAMPLE", "ada@XN--BCHER-KVA.example"),
]
APART = [
    ("Acme", "Acne"),
    ("A B", "AB"),
    ("a-b", "ab"),
    ("Ren\u00e9", "Rene"),
    ("AT&T", "ATT"),
    ("R&notes", "R\u00aces"),
    ("m\u00b2", "m2"),
    ("\u0430cme", "acme"),
    ("xn--abc", "abc"),
    ("1", "\u2460"),
]
LETTERS = st.text(st.characters(categories=("L", "N"), exclude_characters="\u02b9\u02bb\u02bc"), max_size=12)


@pytest.mark.parametrize("texts", ALIKE, ids=lambda texts: ascii(texts[0]))
def test_what_nobody_can_tell_apart_is_one(texts: tuple[str, ...]) -> None:
    assert len({blind(text) for text in texts}) == 1


@pytest.mark.parametrize("pair", APART, ids=ascii)
def test_what_differs_stays_apart(pair: tuple[str, str]) -> None:
    assert blind(pair[0]) != blind(pair[1])


@examples(150)
@given(st.text(st.one_of(st.characters(), st.sampled_from("&#;xn-amp\u200b\uff06 ")), max_size=24))
def test_one_spelling_is_its_own(text: str) -> None:
    assert blind(blind(text)) == blind(text)


@examples(150)
@given(st.text(max_size=20))
def test_what_cannot_be_seen_and_entities_add_nothing(text: str) -> None:
    plain = text.replace("&", "").replace("xn--", "")
    assert blind(f"\u200b{plain}\ufeff") == blind(plain)
    assert blind(html.escape(html.escape(plain))) == blind(plain)


@examples(150)
@given(LETTERS, LETTERS)
def test_letters_and_digits_that_differ_are_never_one(one: str, other: str) -> None:
    def folded(text: str) -> str:
        wide = (unicodedata.decomposition(c).startswith(("<wide>", "<narrow>")) for c in text)
        usual = (unicodedata.normalize("NFKC", c) if is_wide else c for c, is_wide in zip(text, wide, strict=True))
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", "".join(usual)).casefold())

    if folded(one) != folded(other) and "xn--" not in one + other:
        blank = "\u3164\uffa0\u115f\u1160\u17b4\u17b5"
        assert blind(one) != blind(other) or any(c in blank for c in one + other)


@pytest.mark.parametrize("deep", [1, 100, 5_000])
def test_what_is_encoded_over_and_over_takes_no_time(deep: int) -> None:
    assert blind("Smith &" + "amp;" * deep + " Sons") == "smith & sons"
    assert len(decoded("&#38;" * deep)) == deep
