"""Values that the host's own functions make: held when they lose more than is declared, named when they fail."""

from __future__ import annotations

import pytest
from lens_laws import NOWHERE, THEIRS

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds.made import Made


def cut(text: str) -> str:
    return text[:3]


def test_a_function_that_loses_more_than_it_says_holds_its_value() -> None:
    with pytest.raises(UnfitError, match="no loss is declared"):
        Made(str, cut).fit("abcd", THEIRS, None, NOWHERE)
    assert Made(str, cut, loses=True).fit("abcd", THEIRS, None, NOWHERE) == "abc"
    with pytest.raises(UnfitError, match="each time"):
        Made(str, lambda text: text + "x", loses=True).fit("a", THEIRS, None, NOWHERE)


def test_a_function_that_fails_is_named_and_the_value_is_not() -> None:
    with pytest.raises(UnfitError) as raised:
        Made(int, str).read("secret", THEIRS, None, NOWHERE)
    assert "ValueError" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_function_has_the_same_name_in_every_process() -> None:
    assert "0x" not in repr(Made(cut, cut))
