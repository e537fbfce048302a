"""What is promised of lists of everything."""

from __future__ import annotations

from keapbridge.testing.contract.bench import LONG_AGO, Bench, first_shown

__all__ = ["Lists"]


class Lists:
    """Every record once, and nothing that was deleted."""

    def test_a_list_shows_every_record_once(self, bench: Bench) -> None:
        assert bench.listed() == [], "make_adapter must give a system without records"
        ids = bench.add(7)
        bench.delete(ids.pop(3))
        shown = bench.listed()
        assert set(shown) >= set(ids), "a list leaves records out: they would be taken for deleted"
        assert sorted(shown) == sorted(ids), "a list shows records twice, or deleted ones: they would come back"

    def test_a_list_misses_nothing_when_records_change_meanwhile(self, bench: Bench) -> None:
        ids = bench.add(12)
        pages = bench.pages()
        shown = first_shown(pages)
        if len(shown) == len(ids):
            return  # one page, read at one moment
        gone = shown[0]
        edited = next(id for id in reversed(ids) if id != gone)
        bench.delete(gone)
        bench.update(edited, **{bench.text: "edited"})
        bench.add(2)
        shown += [record.id for page in pages for record in page.items]
        missed = set(ids) - set(shown)
        assert not missed, "a list misses records when others are deleted or edited meanwhile: deletions of nobody's"
        twice = [id for id in ids if id not in {gone, edited} and shown.count(id) > 1]
        assert not twice, "a record that nobody edits is in two pages: nothing can be counted on"

    def test_what_was_deleted_is_in_no_list(self, bench: Bench) -> None:
        ids = bench.add(4)
        for id in ids[:2]:
            bench.delete(id)
        message = "a deleted record is still shown: its partner in Keap is never deleted, or it is made again"
        assert sorted(bench.listed()) == sorted(ids[2:]), message
        assert sorted(bench.listed(LONG_AGO)) == sorted(ids[2:]), message
