"""What is promised of every property, and of the reference to a company."""

from __future__ import annotations

import pytest

from keapbridge.errors import ShapeError
from keapbridge.testing.contract.bench import OTHER_FORM, Bench, differences, takes
from keapbridge.testing.contract.samples import KEPT

__all__ = ["Properties"]


class Properties:
    """Each alone and all together, in reads and in lists."""

    def test_every_property_is_stored_and_shown_alike_by_reads_and_lists(self, bench: Bench) -> None:
        values = {name: first for name, (first, _) in bench.samples.items()}
        sent = bench.make(1, **values)
        made = bench.create(sent)
        held = bench.get(made.id)
        lost = [name for name in differences(sent, held) if name in values]
        assert not lost, f"{lost} were not stored as they were sent: every run would take that for an edit, and lose it"
        apart = differences(held, bench.shown[made.id])
        assert not apart, f"a list shows other {apart} than a read: a run would take that for an edit of nobody's"
        several = [record for record in bench.get_many([made.id]) if record.id == made.id]
        apart = [name for record in several for name in differences(held, record)]
        assert not apart, f"get_many shows other {apart} than a read: writes would be planned on wrong values"

    def test_every_property_can_be_changed_and_emptied_alone(self, bench: Bench) -> None:
        values = bench.samples
        try:
            id = bench.create(bench.make(1, **{name: first for name, (first, _) in values.items()})).id
        except ShapeError as error:
            pytest.fail(OTHER_FORM.format(error))
        for name, (_, second) in values.items():
            before = bench.get(id)
            if not takes(bench, id, name, second):
                continue
            after = bench.get(id)
            assert getattr(after, name) == second, f"an update of {name} is stuck: what is edited in Keap never arrives"
            beside = [each for each in differences(before, after) if each != name]
            assert not beside, f"an update of {name} changed {beside}: edits made there would be lost"
        apart = differences(bench.get(id), bench.shown[id])
        assert not apart, f"after updates a list shows other {apart} than a read: edits would be taken back"
        for name in values.keys() - KEPT:
            if not takes(bench, id, name, None):
                continue
            left = getattr(bench.get(id), name)
            assert left in (None, ""), f"{name} was not cleared: what is emptied in Keap comes back"
            listed = getattr(bench.shown[id], name)
            assert listed in (None, ""), f"a list still shows {name} after it was cleared: it would come back"

    def test_a_reference_is_stored_moved_and_taken_away(self, bench: Bench) -> None:
        companies = bench.companies
        if companies is None:
            pytest.skip("the records refer to no companies")
        first, second = companies.add(2)
        id = bench.create(bench.make(1, customer_id=first)).id
        for company in (first, second, None):
            if company != first:
                bench.update(id, customer_id=company)
            [by_id] = bench.get_many([id])
            for how, seen in (("a read", bench.get(id)), ("a list", bench.shown[id]), ("get_many", by_id)):
                held = seen.customer_id or None
                assert held == company, (
                    f"{how} shows CustomerId {held!r} where {company!r} was written: a person would belong to another "
                    "company, or to none"
                )
