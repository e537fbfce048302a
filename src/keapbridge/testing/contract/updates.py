"""What is promised of updates and deletions of one record."""

from __future__ import annotations

import pytest

from keapbridge.errors import ConflictError, NotFoundError
from keapbridge.testing.contract.bench import Bench, differences, needs

__all__ = ["Updates"]


class Updates:
    """What is named, of a record that is there, in the version that was seen."""

    def test_an_update_changes_what_it_names_and_nothing_beside(self, bench: Bench) -> None:
        [id, other] = bench.add(2)
        neighbour = bench.get(other)
        for name, value in bench.edits.items():
            before = bench.get(id)
            answer = bench.update(id, **{name: value})
            after = bench.get(id)
            touched = [n for n in differences(before, after) if n != name]
            assert not touched, f"an update of {name} changed {touched}: edits made there would be lost"
            assert getattr(after, name) == value, f"an update of {name} was not stored: it would be sent for ever"
            told = differences(answer, after)
            assert not told, f"update answered other {told} than it stored: the next run would see an edit of nobody's"
        assert not differences(neighbour, bench.get(other)), "an update changed another record"

    def test_none_clears(self, bench: Bench) -> None:
        [id] = bench.add(1)
        for name in bench.cleared:
            before = bench.get(id)
            bench.update(id, **{name: None})
            after = bench.get(id)
            assert getattr(after, name) in (None, ""), f"{name} was not cleared: what is emptied in Keap comes back"
            beside = [n for n in differences(before, after) if n != name]
            assert not beside, f"clearing {name} changed {beside}: values would be lost"

    def test_a_write_for_another_version_is_refused(self, bench: Bench) -> None:
        needs(bench.promises.conditional_updates, "conditional_updates")
        made = bench.create(bench.make(1))
        old = bench.records.identify(made).version
        assert old, "conditional_updates are promised, and records have no ETag: edits would be overwritten"
        bench.update(made.id, old, **{bench.text: "edited"})
        for what, call in (
            ("update", lambda: bench.update(made.id, old, **{bench.text: "again"})),
            ("delete", lambda: bench.delete(made.id, old)),
        ):
            try:
                call()
            except ConflictError:
                continue
            pytest.fail(f"{what} for an old ETag must be a ConflictError: an edit made meanwhile would be lost")
        held = bench.get(made.id)
        assert getattr(held, bench.text) == "edited", "a refused update was stored: an edit made meanwhile is lost"
        bench.update(made.id, bench.records.identify(held).version, **{bench.text: "third"})
        bench.delete(made.id, bench.records.identify(bench.get(made.id)).version)
        assert bench.listed() == [], "a deletion for the right ETag was not done"

    def test_what_is_not_there_is_not_found(self, bench: Bench) -> None:
        [id] = bench.add(1)
        bench.delete(id)
        message = "must be a NotFoundError: a record deleted meanwhile would stop the run, or come back to life"
        for what, call in (
            ("an update", lambda: bench.update(id, **{bench.text: "text"})),
            ("a deletion", lambda: bench.delete(id)),
        ):
            try:
                call()
            except NotFoundError:
                continue
            pytest.fail(f"{what} of a record that is gone {message}")
