"""What a host can choose: the defaults that the docstring tells are the defaults, and every option is told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import attrs
import pytest

import keapbridge as kb
from keapbridge.sync.options import SessionOptions, Settings


def told() -> dict[str, str]:
    """What the docstring says of each option."""
    text = (SessionOptions.__doc__ or "").partition("Attributes:")[2]
    found = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", text, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", words) for name, words in found}


def test_every_option_is_told_and_no_other() -> None:
    assert list(told()) == list(SessionOptions.__annotations__)


@pytest.mark.parametrize(
    ("name", "words", "value"),
    [
        ("overlap", "five minutes", timedelta(minutes=5)),
        ("lag", "one minute", timedelta(minutes=1)),
        ("retention", "90 days", timedelta(days=90)),
    ],
)
def test_the_defaults_are_what_is_told(name: str, words: str, value: Any) -> None:
    assert words in told()[name]
    assert getattr(Settings(), name) == value


def test_what_needs_no_choice_is_quiet_and_careful() -> None:
    settings = Settings()
    assert settings.policy == kb.Policy()
    assert settings.default_region is None
    settings.watch.progress("toys", "writing", 1, None)


def test_no_option_is_required_and_each_setting_can_be_chosen() -> None:
    assert SessionOptions.__required_keys__ == frozenset()
    assert {field.name for field in attrs.fields(Settings)} - {"watch"} <= SessionOptions.__annotations__.keys()
