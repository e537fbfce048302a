"""What is promised of reads by ids."""

from __future__ import annotations

from keapbridge.testing.contract.bench import Bench, absent, differences

__all__ = ["ByIds"]

MANY = 25
UNKNOWN = 500  # ids in one question that nobody has


class ByIds:
    """Just those that exist, and each under its own id."""

    def test_many_are_read_at_once_and_those_that_are_gone_are_missing(self, bench: Bench) -> None:
        ids = bench.add(5)
        bench.delete(ids[2])
        found = sorted(record.id for record in bench.get_many([*ids, ids[0]]))
        wanted = sorted(set(ids) - {ids[2]})
        assert found == wanted, "get_many does not answer just what exists: writes would be planned on old readings"
        assert bench.get_many([]) == (), "get_many of nothing must be nothing"

    def test_many_records_are_all_listed_and_all_read_by_their_ids(self, bench: Bench) -> None:
        ids = set(bench.add(MANY))
        cut = len(ids - set(bench.listed()))
        assert not cut, f"a list ends {cut} records too early: they would be made once more, as duplicates"
        found = {record.id: record for record in bench.get_many(sorted(ids))}
        assert found.keys() == ids, (
            f"get_many answers {len(found)} of {len(ids)}: the others would be taken for deleted"
        )
        shown = bench.shown
        others = [id for id in ids if differences(found[id], shown[id])]
        assert not others, "get_many gives records the ids of others: edits of one would be written over another"

    def test_any_number_of_ids_can_be_asked_for(self, bench: Bench) -> None:
        first, *_, last = bench.add(3)
        unknown = absent([first, last], UNKNOWN)
        found = sorted(record.id for record in bench.get_many([last, *unknown, first]))
        assert found == sorted((first, last)), "unknown ids disturb get_many: a deletion would stop a whole run"
