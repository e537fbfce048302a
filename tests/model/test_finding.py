"""Findings are printed as people read them: bounded, escaped, errors first."""

from __future__ import annotations

import attrs
import pytest

from keapbridge.model.finding import LONGEST, SHOWN, Finding, Findings

ERROR = Finding("error", "contacts.Emial", "no property of this name", "write columns={'Email': …}")
WARNING = Finding("warning", "contacts", "nothing to match records by")
INFO = Finding("info", "Keap", "application 'ab123'")


def test_one_is_one_line_with_its_advice() -> None:
    assert str(ERROR) == "error: contacts.Emial: no property of this name → write columns={'Email': …}"
    assert str(WARNING) == "warning: contacts: nothing to match records by"
    assert str(Finding("info", "", "all is well")) == "info: all is well"
    assert eval(repr(ERROR), {"Finding": Finding}) == ERROR
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ERROR.what = "else"  # type: ignore[misc]


def test_there_are_three_severities() -> None:
    with pytest.raises(ValueError, match="severity"):
        Finding("fatal", "contacts", "x")  # type: ignore[arg-type]


def test_a_list_has_errors_first_and_each_once() -> None:
    found = Findings([INFO, ERROR, WARNING, ERROR])
    assert list(found) == [ERROR, WARNING, INFO]
    assert found == [ERROR, WARNING, INFO] == list(found)
    assert found == (ERROR, WARNING, INFO) != found[1:]
    assert (found.ok, found.errors, found.warnings) == (False, (ERROR,), (WARNING,))
    assert Findings([WARNING]).ok
    assert len({found, Findings([ERROR, WARNING, INFO])}) == 1
    assert str(found).splitlines() == [
        "1 error, 1 warning, 1 note",
        "  error    contacts.Emial: no property of this name",
        "           → write columns={'Email': …}",
        "  warning  contacts: nothing to match records by",
        "  info     Keap: application 'ab123'",
    ]
    assert repr(found) == "<Findings: 1 error, 1 warning, 1 note>"


def test_nothing_found_is_said_so() -> None:
    nothing = Findings()
    assert nothing.ok
    assert not nothing
    assert nothing == []
    assert str(nothing) == "nothing found: all is as it has to be"
    assert "<h4>nothing found: all is as it has to be</h4>" in nothing._repr_html_()


def test_what_others_have_made_is_short_on_one_line_and_escaped() -> None:
    evil = Finding("error", "<b>table</b>\nx", "<script>" + "x" * 10_000, "a & b")
    assert "\n" not in str(evil)
    assert len(evil.what) == LONGEST
    for html in (evil._repr_html_(), Findings([evil])._repr_html_()):
        assert "<script>" not in html
        assert "<b>table" not in html
        assert "&lt;script&gt;" in html
        assert "a &amp; b" in html


def test_a_long_list_is_cut_and_says_so() -> None:
    many = Findings(Finding("warning", f"contacts.F{n}", "x") for n in range(SHOWN + 7))
    assert str(many).splitlines()[-1] == "  … and 7 more"
    assert str(many).count("\n") == SHOWN + 1
    assert many._repr_html_().count("<tr>") == SHOWN
    assert "… and 7 more" in many._repr_html_()
    assert str(many).startswith(f"{SHOWN + 7} warnings\n")
