"""How a policy is shown, and what its mistakes are told as. Pure."""

from __future__ import annotations

import re
from typing import Any

import pytest

from keapbridge.decide.policy import Contest, Policy, Value, decide
from keapbridge.errors import MappingError
from keapbridge.model.side import Side

CONTEST = Contest(field="Title", customcrm="a", keap="b")


def cells(policy: Policy) -> dict[str, tuple[str, str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", policy._repr_html_())
    found = (re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows)
    return {name: (value, chosen) for name, value, chosen in found}


def longest(_: Contest) -> Side:
    return Side.KEAP


class Judge:
    """A rule that is no function."""

    def __call__(self, _: Contest) -> Any:
        return 7


def test_all_choices_are_shown_and_which_were_made() -> None:
    archive = {"keap": {"contacts": {"contact_type": "Former"}}}
    shown = cells(Policy(conflicts=longest, deletions={"keap": "archive"}, archive=archive, max_deletes=None))
    assert shown["conflicts"] == ("longest", "chosen")
    assert shown["deletions"] == ("keap: archive", "chosen")
    assert shown["archive"] == ("keap: contacts: contact_type: Former", "chosen")
    assert shown["max_deletes"] == ("no limit", "chosen")
    usual = cells(Policy())
    assert usual["conflicts"][0] == "newest"
    assert usual["archive"][0] == "–"
    assert usual["max_updates_share"][0] == "no limit"
    assert {chosen for _, chosen in usual.values()} == {"–"}
    assert shown.keys() == usual.keys() >= {"sweep_from", "max_turns"}
    assert "<h4>Policy</h4>" in Policy()._repr_html_()
    by_field = cells(Policy(conflicts={"City": "keap", "*": "manual"}))
    assert by_field["conflicts"][0] == "City: keap, *: manual"


@pytest.mark.parametrize(
    ("archive", "refused"),
    [
        ({"keap": "Archived"}, True),
        ({"keap": {"contacts": "Archived"}}, True),
        ({"keap": {"contacts": {"contact_type": "Archived"}, "companies": "Archived"}}, True),
        ({"keap": {}, "customcrm": {"contacts": {}}}, False),
        ({}, False),
    ],
)
def test_what_archives_is_told_by_side_and_synchronization(archive: Any, refused: bool) -> None:
    if refused:
        with pytest.raises(MappingError, match=r"^Policy\(archive=…\) takes .*, such as \{'keap': \{'contacts': \{"):
            Policy(archive=archive)
    else:
        Policy(archive=archive)


@pytest.mark.parametrize("name", ["archive", "deletions"])
def test_a_side_that_is_none_is_told_with_the_one_that_is_meant(name: str) -> None:
    wrong: Any = {"archive": {"kepa": {}}, "deletions": {"kepa": "unlink"}}
    with pytest.raises(
        MappingError, match=rf"^Policy\({name}=…\) goes by side: customcrm and keap; is 'keap' meant\?$"
    ):
        Policy(**{name: wrong[name]})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"conflicts": "newst"},
            "Policy(conflicts=…): 'newst' is not one of newest, customcrm, keap, manual; is 'newest'",
        ),
        ({"conflicts": {"*": "never"}}, "Policy(conflicts=…): 'never' is not one of newest, customcrm, keap, manual"),
        ({"deletions": longest}, "is not one of unlink, delete, archive, ignore"),
    ],
)
def test_a_rule_that_is_none_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(MappingError, match=re.escape(told)):
        Policy(**options)


def test_a_rule_is_called_with_one_argument() -> None:
    rule: Any = lambda: None  # noqa: E731
    with pytest.raises(TypeError, match=r"^Policy\(conflicts=…\): .* is called with one argument, a kb\.Contest$"):
        Policy(conflicts=rule)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            lambda _: "neither",
            r"the rule <lambda> \(test_policy_shown\.py:\d+\) for Title answered a text that is no side; ",
        ),
        (
            lambda _: Value(1.5),
            r"the rule <lambda> \(.*\) for Title answered kb\.Value of float, and values of a contest",
        ),
        (
            Judge(),
            r"the rule Judge for Title answered int; it is to answer 'keap' or 'customcrm' for a side, kb\.Value",
        ),
    ],
)
def test_an_answer_that_is_no_decision_is_told_with_the_rule_and_the_field(rule: Any, told: str) -> None:
    with pytest.raises(MappingError, match=f"^{told}"):
        decide(Policy(conflicts=rule), CONTEST)


@pytest.mark.parametrize(
    ("answer", "winner"), [("keap", Side.KEAP), ("customcrm", Side.CUSTOMCRM), (Side.KEAP, Side.KEAP)]
)
def test_a_rule_may_name_the_side_that_wins(answer: Any, winner: Side) -> None:
    assert decide(Policy(conflicts=lambda _: answer), CONTEST).winner is winner
