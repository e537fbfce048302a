"""How much each row measures: for figures that count, for a quick look, and for a test of the benchmarks themselves."""

from __future__ import annotations

import attrs

__all__ = ["FULL", "QUICK", "TINY", "Sizes"]


@attrs.frozen
class Sizes:
    """The sizes of all rows.

    Attributes:
        pages: of 1,000 contacts that are listed by this library and untyped.
        sdk_pages: that are listed by Keap's SDK, which takes its time.
        rounds: how often short things are measured, one after the other in turns.
        many: the most records a side has.
        some: what `many` is compared with.
        linked: pairs that are reconciled.
        few: links that an incremental sync is compared with.
        overhead: contacts of the many first syncs that are compared with themselves.
        syncs: incremental syncs in each round.
        runs: how often what waits for answers is measured.
        writes: records that are written against latency.
        matched: contacts in the row that counts calls.
        imports: how often the import is timed.
        turns: rounds of what differs by a few percent only.
    """

    pages: int = 50
    sdk_pages: int = 5
    rounds: int = 3
    many: int = 1_000_000
    some: int = 100_000
    linked: int = 100_000
    few: int = 10_000
    overhead: int = 4_000
    syncs: int = 9
    runs: int = 3
    writes: int = 800
    matched: int = 2_300
    imports: int = 11
    turns: int = 15

    def up_to(self, records: int) -> Sizes:
        """The same with another number of records, and the others in proportion."""
        tenth = max(1, records // 10)
        return attrs.evolve(self, many=records, some=tenth, linked=tenth, few=max(1, records // 100))


FULL = Sizes()
QUICK = Sizes(
    pages=24,
    sdk_pages=1,
    rounds=2,
    many=4_000,
    some=2_000,
    linked=6_000,
    few=500,
    overhead=150,
    syncs=5,
    runs=1,
    writes=160,
    matched=1_200,
    imports=3,
    turns=9,
)
TINY = Sizes(
    pages=1,
    sdk_pages=1,
    rounds=1,
    many=400,
    some=200,
    linked=200,
    few=100,
    overhead=100,
    syncs=2,
    runs=1,
    writes=16,
    matched=60,
    imports=1,
    turns=1,
)
