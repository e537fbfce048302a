"""The dataflow document: its structure in every format, from the mappings in force, whatever things are named."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

import keapbridge as kb
from keapbridge.dataflow.checklist import checklist
from keapbridge.mapping import companies, contacts, dataflow_document, products
from keapbridge.mapping.kinds import Context
from keapbridge.mapping.mapper import Mapper

MAPPERS = (companies, products, contacts)
FORMATS = ("rst", "md", "html")
NASTY = (
    "a*b",
    "`x`",
    "|y|",
    "z_",
    "_z",
    "[1]_",
    "a\\b",
    "\\",
    "\\\\",
    "日本語",
    "e\u0301",
    "-",
    "1.",
    "A) b",
    "a\nb",
    "<b>",
    "::",
    "...",
)


def warnings_of(rst: str) -> list[str]:
    """What docutils has to say about a document."""
    core, utils = pytest.importorskip("docutils.core"), pytest.importorskip("docutils.utils")
    said: list[str] = []

    class Listener:
        def write(self, text: str) -> None:
            said.append(text)

    assert utils
    settings = {"warning_stream": Listener(), "report_level": 1, "_disable_config": True}
    core.publish_string(rst, writer="html5", settings_overrides=settings)
    return said


def named(name: str) -> Mapper:
    own = kb.text(name, keap=kb.custom_field(name))
    made = kb.lens(str.upper, str.lower, customcrm="Other", keap="preferred_name", losses=f"{name} {{}}")
    return contacts.without("Fax").with_lenses(own, made).where(customcrm={name: name})


def test_restructuredtext_has_no_warnings() -> None:
    assert warnings_of(dataflow_document(MAPPERS)) == []


def test_a_warning_would_be_seen() -> None:
    assert warnings_of("Title\n===\n\n|nothing|") != []


@pytest.mark.parametrize("name", NASTY)
def test_restructuredtext_has_no_warnings_whatever_properties_are_called(name: str) -> None:
    assert warnings_of(dataflow_document([named(name)])) == []


@examples(30)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(str.strip))
def test_restructuredtext_has_no_warnings_for_any_name(name: str) -> None:
    assert warnings_of(dataflow_document([named(name)])) == []


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", NASTY)
def test_html_is_balanced_and_keeps_the_names(name: str) -> None:
    page = _Balance()
    page.feed(dataflow_document([named(name)], "html"))
    assert page.open == []
    assert " ".join(name.split()) in page.texts


@pytest.mark.parametrize("format", FORMATS)
def test_the_document_has_an_introduction_and_a_section_with_table_and_checklist_for_each(format: str) -> None:
    text = dataflow_document(MAPPERS, format)
    places = [text.index(f"{m.customcrm_object} and {m.keap_object}") for m in MAPPERS]
    assert places == sorted(places)
    assert text.index("both directions") < places[0]
    for mapper in MAPPERS:
        assert mapper.property_table(format) in text
        for check in checklist(mapper):
            assert check.sentence.replace("'", "&#x27;" if format == "html" else "'") in text
    assert text.count("☐" if format != "md" else "- [ ]") == sum(len(checklist(m)) for m in MAPPERS)


def test_a_filter_and_what_is_lost_are_told() -> None:
    mapper = contacts.where(customcrm={"Status": ["active", "new"]}, keap=lambda record: bool(record.tag_ids))
    mapper = mapper.without("FirstName", "LastName").with_lenses(kb.full_name("Name"))
    text = dataflow_document([mapper], "md")
    assert "Status is one of 'active', 'new'" in text
    assert re.search(r"only those take part of which this is so: .*lambda", text)
    assert "where the family name begins is guessed" in text


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="'pdf'"):
        dataflow_document(MAPPERS, "pdf")


@pytest.mark.parametrize("format", FORMATS)
def test_the_notation_of_customcrm_is_told_with_an_example_that_is_nobodys(format: str) -> None:
    def customer(**more: str) -> kb.customcrm.Contact:
        return kb.customcrm.Contact(country="Norwegen", region="Oslo", email="ADA@EXAMPLE.ORG", **more)

    learning = contacts.learning([customer(phone="22-22-22-22")], Context())
    mapper = learning.with_lenses(kb.decimal("Size", keap=kb.custom_field("Size"), decimal=","))
    text = html.unescape(re.sub(r"\\(.)|<[^>]*>", r"\1", dataflow_document([mapper], format)))
    for line in (
        "Country: name de, such as Norwegen",
        "Region: name, such as Oslo",
        "Email: upper, such as QA-0A@EXAMPLE.ORG",
        "Phone: national -, such as 22-00-00-00",
        "Size: 1234,56, such as 0,5",
    ):
        assert line in text
    assert "ADA@" not in text
    assert "How Customcrm writes" not in dataflow_document([contacts], format)
