"""What is promised of creates."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import pytest

from keapbridge.errors import StatusError
from keapbridge.testing.contract.bench import LONG_AGO, Bench, differences, needs

__all__ = ["ODD_TEXTS", "Making"]

LONG = 100_000
ODD_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "accents": "Zoë Ångström",
        "right-to-left writing": "مرحبا بالعالم",
        "two directions": "שלום, world",
        "emoji": "👩‍👩‍👧‍👦 family",
        "combining marks": "a\u0301 combined",
        "quotes and signs": "O'Neil & <Söhne>; =* % _ \\ --",
    }
)


class Making:
    """What is sent arrives, once, or is refused."""

    cuts_texts: ClassVar[bool] = False

    def test_a_new_record_holds_what_was_sent(self, bench: Bench) -> None:
        sent = bench.make(1)
        made = bench.create(sent)
        lost = differences(sent, bench.get(made.id))
        assert not lost, f"{lost} came back different: every run would take that for an edit and carry it to Keap"
        told = differences(made, bench.get(made.id))
        assert not told, f"create answered other {told} than it stored: the next run would see an edit of nobody's"

    def test_every_create_makes_a_record_of_its_own(self, bench: Bench) -> None:
        ids = [bench.create(bench.make(1)).id for _ in range(3)]
        assert len(set(ids)) == 3, "two creates with different keys gave one record: two people would become one"
        assert sorted(bench.listed()) == sorted(ids), "what was made is not what is listed: links would lead nowhere"

    def test_a_create_that_is_repeated_makes_one_record(self, bench: Bench) -> None:
        needs(bench.promises.idempotent_creates, "idempotent_creates")
        key = bench.key()
        first, again = (bench.create(bench.make(1), key) for _ in range(2))
        message = "a create that is sent again after its answer was lost makes a second record: a duplicate"
        assert first.id == again.id, message
        assert bench.listed() == [first.id], message

    def test_a_lost_create_is_found_again(self, bench: Bench) -> None:
        if bench.promises.idempotent_creates:
            pytest.skip("a create can be repeated")
        before = bench.add(2)
        since = bench.stamp(before[0]) if bench.promises.changes_since else LONG_AGO
        made = bench.create(bench.make(7))
        found = {record.id for record in bench.run(bench.records.find_like(bench.make(7), since))}
        assert made.id in found, "a create whose answer was lost is not found again: it would be made twice"

    @pytest.mark.parametrize("what", ODD_TEXTS)
    def test_texts_of_all_the_world_come_back_as_they_were_sent(self, bench: Bench, what: str) -> None:
        text = ODD_TEXTS[what]
        made = bench.create(bench.make(1, **{bench.text: text}))
        for held in (made, bench.get(made.id)):
            assert getattr(held, bench.text) == text, f"{what}: a text was changed, and Keap would get the change"

    def test_a_long_text_is_kept_or_refused(self, bench: Bench) -> None:
        text = "word " * (LONG // 5) + "end"
        try:
            made = bench.create(bench.make(1, **{bench.text: text}))
        except StatusError as error:
            if error.status not in {400, 422}:
                pytest.fail("a refusal must be a StatusError with status 422: other fields of the record would wait")
            assert bench.listed() == [], "what was refused was stored all the same: the next try makes a duplicate"
            return
        held = getattr(bench.get(made.id), bench.text)
        if self.cuts_texts:
            assert held, "a text was not cut but dropped: it would look like an edit"
            assert text.startswith(held), "a text was not cut but changed: it would look like an edit"
        else:
            assert held == text, "a long text was cut in silence: Keap's whole text would be replaced by its beginning"
