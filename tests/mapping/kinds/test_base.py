"""What every kind has: traits with the answer that holds for most, a context, and what can be carried at all."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from lens_laws import NOWHERE, OURS, THEIRS

from keapbridge.errors import UnfitError
from keapbridge.mapping.kinds import Context, Kind, carriable
from keapbridge.mapping.kinds.base import line, within
from keapbridge.mapping.kinds.text import Text
from keapbridge.model.records import Canonical
from keapbridge.model.side import Side


@attrs.frozen
class Plain(Kind):
    """A kind that says no more than how it reads."""

    def read(self, raw: Any, side: Side, scope: Canonical, context: Context) -> Canonical:
        return carriable(raw)


def test_a_kind_that_only_reads_has_the_answers_of_most_kinds() -> None:
    kind = Plain()
    assert [kind.write("x", side, NOWHERE) for side in Side] == ["x", "x"]
    assert kind.for_custom_field("x", NOWHERE) == "x"
    assert kind.fit("x", THEIRS, 1, NOWHERE) == "x"
    with pytest.raises(UnfitError, match="longer than 1"):
        kind.fit("xy", THEIRS, 1, NOWHERE)
    assert (kind.refers_to, kind.currency, kind.incomparable("a", "b")) == (None, None, None)
    assert kind.follow("keap:1", NOWHERE) == "keap:1"
    assert kind.fits_custom_field
    assert not any((kind.needs_scope, kind.keeps_spelling, kind.takes_opt_in_reason))


def test_only_kinds_of_this_library_are_told_by_their_class_and_attributes() -> None:
    @attrs.frozen
    class Shouted(Text):
        pass

    assert Text().is_told
    assert not Plain().is_told
    assert not Shouted().is_told


def test_a_kind_must_say_how_it_reads() -> None:
    class Silent(Kind):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Silent()  # type: ignore[abstract]


@pytest.mark.parametrize("value", [None, True, 0, 2**63 - 1, "", "אב\u200fג"])
def test_what_is_canonical_can_be_carried(value: Canonical) -> None:
    assert carriable(value) is value


@pytest.mark.parametrize("value", [2**63, 1.5, b"x", [], "\ud800"])
def test_what_no_store_holds_is_refused(value: Any) -> None:
    with pytest.raises(UnfitError):
        carriable(value)


def test_a_name_is_no_structure_and_no_book() -> None:
    assert line(12) == "12"
    for wrong in ({}, b"x", "x" * 251):
        with pytest.raises(UnfitError):
            line(wrong)
    assert within(None, 0) is None
    assert within(12345, 1) == 12345


def test_a_mirrored_context_reads_what_was_written_with_it() -> None:
    context = Context(to_keap={"companies": {"C1": "11", "C2": ""}}).mirrored()
    assert context.to_customcrm == {"companies": {"11": "C1"}}
    assert context.to_keap == {"companies": {"C1": "11", "C2": ""}}
    assert Text().read("x", OURS, None, context) == "x"
