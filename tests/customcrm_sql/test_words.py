"""Yes and no as a column of texts spells them."""

from __future__ import annotations

import pytest

from keapbridge.customcrm.sql.words import PAIRS, said, spelt


@pytest.mark.parametrize("how", [str, str.upper, str.capitalize])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_other_word_of_a_pair_is_spelt_alike_and_back(pair: tuple[str, str], how: type[str]) -> None:
    yes, no = map(how, pair)
    assert (said(yes), said(f" {no} ")) == (True, False)
    assert [spelt(value, [cell]) for cell in (yes, no) for value in (True, False)] == [yes, no, yes, no]


def test_the_first_cell_that_says_either_counts() -> None:
    assert spelt(False, [None, "perhaps", 1, "Y", "true"]) == "N"
    assert [spelt(True, []), spelt(False, ["?"], 255), spelt(False, [], 1)] == ["true", "false", "N"]
    assert said("perhaps") is None
