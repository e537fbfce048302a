"""What runs wrote, record by record."""

from __future__ import annotations

from datetime import date

import attrs
from kept import CUSTOMCRM, KEAP, TOYS, begin_run, entry, run

from keapbridge.model.kept_in_store import Commit
from keapbridge.model.maybe import UNSET
from keapbridge.model.raw import RawChange
from keapbridge.model.records import Link
from keapbridge.store.sql import LinkStore


def _write(store: LinkStore, run_id: str, *names: str) -> None:
    entries = tuple(entry(KEAP, "A", name, partner_id="a") for name in names)
    run(store.links.commit(run_id, Commit(TOYS, Link("a", "A"), {}, journal=entries)))


def test_a_run_tells_what_it_wrote_in_order(toys: LinkStore) -> None:
    begin_run(toys, "one", "plan-1")
    begin_run(toys, "two", "plan-2")
    _write(toys, "one", "Ada", "Countess")
    _write(toys, "two", "Lady")
    written = run(toys.journal.of_run("one"))
    assert written == [entry(KEAP, "A", name, partner_id="a") for name in ("Ada", "Countess")]


def test_a_run_that_wrote_nothing_is_not_one_that_is_unknown(toys: LinkStore) -> None:
    begin_run(toys)
    assert run(toys.journal.of_run("run")) == []
    assert run(toys.journal.of_run("another")) is None


def test_a_record_has_a_history_over_all_runs(toys: LinkStore) -> None:
    for run_id, name in (("one", "Ada"), ("two", "Countess")):
        begin_run(toys, run_id, f"plan of {run_id}")
        _write(toys, run_id, name)
    assert [each.after for each in run(toys.journal.history(TOYS, KEAP, "A"))] == [
        {"name": "Ada"},
        {"name": "Countess"},
    ]
    assert run(toys.journal.history(TOYS, CUSTOMCRM, "A")) == []
    assert run(toys.journal.history(TOYS, KEAP, "B")) == []


def test_what_was_written_is_kept_in_the_notation_of_its_system(toys: LinkStore) -> None:
    begin_run(toys)
    raw = (RawChange(("born",), date(1990, 1, 2), UNSET), RawChange(("phones", "1", "number"), UNSET, "(555) 010"))
    entries = (entry(KEAP, "A", "Ada", raw=raw), entry(KEAP, "A", "Ada", raw=()), entry(KEAP, "A", "Ada"))
    run(toys.links.commit("run", Commit(TOYS, Link("a", "A"), {}, journal=entries)))
    assert run(toys.journal.of_run("run")) == list(entries)


def test_a_bridge_sees_no_journal_of_another(toys: LinkStore, others: LinkStore) -> None:
    begin_run(toys)
    _write(toys, "run", "Ada")
    assert run(others.journal.of_run("run")) is None
    assert run(others.journal.history(TOYS, KEAP, "A")) == []


def test_what_was_written_to_a_pair_is_of_both_sides_and_of_that_pair_only(toys: LinkStore) -> None:
    begin_run(toys)
    ours, theirs = entry(CUSTOMCRM, "a", "one", partner_id="A"), entry(KEAP, "A", "two", partner_id="a")
    former = entry(KEAP, "A", "three", partner_id="b")
    made = attrs.evolve(ours, kind="create")
    run(toys.links.commit("run", Commit(TOYS, Link("a", "A"), {}, journal=(made, ours, theirs, former))))
    found = run(toys.journal.of_links(TOYS, [Link("a", "A"), Link("c", "C")]))
    assert {id: set(map(str, entries)) for id, entries in found.items()} == {"a": {str(made), str(ours), str(theirs)}}
