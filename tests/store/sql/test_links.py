"""Links: what partners they know of, and what a commit or a removal changes at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest
from kept import CUSTOMCRM, KEAP, NOON, TOYS, begin_run, entry, having, key, line, link, run, seen, stage

from keapbridge.errors import LinkStoreError
from keapbridge.model.actions import Adopt, Create
from keapbridge.model.kept_in_store import Commit, Failure, Intent, Removal, moved_fact
from keapbridge.model.records import Link, Pair
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore, core

FIRST = ("", "")


def test_partners_are_found_from_both_sides(toys: LinkStore) -> None:
    link = Link("ours", "theirs", {}, {})
    run(toys.links.settle([Commit(TOYS, link, {})]))
    assert run(toys.links.partners(TOYS, CUSTOMCRM, ["ours", "other"])) == {"ours": "theirs"}
    assert run(toys.links.partners(TOYS, KEAP, ["theirs", "other"])) == {"theirs": "ours"}
    assert run(toys.links.partners("contacts", KEAP, ["theirs"])) == {}


def test_partners_of_a_plan_count_only_for_those_who_ask(toys: LinkStore) -> None:
    run(toys.plans.begin("plan", NOON, [TOYS]))
    actions = [Create(TOYS, KEAP, "new", {}), Adopt(TOYS, "a", "b", "they have the same name")]
    run(toys.plans.add_actions("plan", 0, actions))
    asked = toys.links.partners(TOYS, CUSTOMCRM, ["new", "a"], plan_id="plan")
    assert run(asked) == {"new": "", "a": "b"}
    assert run(toys.links.partners(TOYS, KEAP, ["b"], plan_id="plan")) == {"b": "a"}
    assert run(toys.links.partners(TOYS, CUSTOMCRM, ["new", "a"])) == {}


def test_a_link_counts_more_than_a_plan(toys: LinkStore) -> None:
    run(toys.links.settle([Commit(TOYS, Link("a", "old", {}, {}), {})]))
    run(toys.plans.begin("plan", NOON, [TOYS]))
    run(toys.plans.add_actions("plan", 0, [Adopt(TOYS, "a", "new", "it was merged", replaces="old")]))
    assert run(toys.links.partners(TOYS, CUSTOMCRM, ["a"], plan_id="plan")) == {"a": "old"}
    assert run(toys.links.partners(TOYS, KEAP, ["new", "old"], plan_id="plan")) == {"new": "a", "old": "a"}


# --- writing ---------------------------------------------------------------------------------------------------------


def test_a_commit_keeps_all_of_a_write_and_drops_its_intent(toys: LinkStore) -> None:
    begin_run(toys)
    run(toys.intents.intend([Intent("intent", TOYS, KEAP, "a", {"name": "Ada"}, NOON)]))
    for side, id in ((CUSTOMCRM, "a"), (KEAP, "A")):
        stage(toys, seen(side, id), "new", key("ada@example.org"))
        run(toys.failures.note(Failure(TOYS, side, id, "refused", 1, None)))
    linked = Link("a", "A", {"name": "Ada"}, {"name": "ADA"})
    written, told = entry(KEAP, "A", "ADA", partner_id="a"), line("a", "created")
    keys = dict.fromkeys(Side, (key("ada@example.org"),))
    digests = dict.fromkeys(Side, "same")
    run(toys.links.commit("run", Commit(TOYS, linked, digests, (), keys, (written,), (told,), "intent")))
    assert run(toys.links.pairs_of(TOYS, ["a"])) == [Pair(linked, None, None)]
    assert run(toys.journal.of_run("run")) == [written]
    assert list(run(toys.runs.finish("run", NOON, {}, complete=False)).lines) == [told]
    assert run(toys.intents.open(TOYS)) == []
    assert run(toys.failures.page()) == []
    assert having(toys, KEAP, [key("ada@example.org")]) == [("A", True)]


def test_a_commit_that_fails_leaves_nothing(toys: LinkStore) -> None:
    begin_run(toys)
    intent = Intent("intent", TOYS, KEAP, "a", {"name": "Ada"}, NOON)
    run(toys.intents.intend([intent]))
    stage(toys, seen(CUSTOMCRM, "a"))
    good = Commit(TOYS, Link("a", "A"), {}, journal=(entry(KEAP, "A", "Ada"),), lines=(line("a"),), intent_id="intent")
    twice = Commit(TOYS, Link("b", "A"), {})  # a Keap record has one link
    with pytest.raises(LinkStoreError):
        run(toys.links.commit("run", good, twice))
    assert run(toys.links.count(TOYS)) == 0
    assert run(toys.journal.of_run("run")) == []
    assert list(run(toys.runs.finish("run", NOON, {}, complete=False)).lines) == []
    assert run(toys.intents.open(TOYS)) == [intent]
    assert list(run(toys.staging.observations(TOYS, CUSTOMCRM, ["a"]))) == ["a"]


def test_whose_commit_was_not_written_hears_of_it(toys: LinkStore) -> None:
    """Of those that wait one writes for all, and what it stumbles over need be no error of the store."""
    begin_run(toys)
    unwritable = Commit(TOYS, Link("a", "A", {"name": "\ud800"}), {})
    commits = [Commit(TOYS, Link("b", "B"), {}), unwritable, Commit(TOYS, Link("c", "C"), {})]
    with ThreadPoolExecutor(len(commits)) as pool, toys.database.lock:
        waiting = [pool.submit(run, toys.links.commit("run", commit)) for commit in commits]
        while len(toys.links._waiting) < len(commits):
            time.sleep(0.001)
    written = {each.customcrm_id for each in toys.links.all(TOYS)}
    silent = {
        commit.link.customcrm_id for commit, future in zip(commits, waiting, strict=True) if future.exception() is None
    }
    assert silent == written


def test_what_a_commit_does_not_know_of_a_side_stays(toys: LinkStore) -> None:
    link(toys, "a", "A", marks={KEAP: "text-same"})
    link(toys, "a", "A", digests={CUSTOMCRM: None})
    assert stage(toys, seen(KEAP, "A"), "same") == 1
    assert run(toys.staging.recognise(TOYS, KEAP, {"A": "text-"}, complete=False)) == {"A"}
    assert stage(toys, seen(CUSTOMCRM, "a"), "same") == 0


def test_a_link_moves_to_the_record_that_another_was_merged_into(toys: LinkStore) -> None:
    link(toys, "a", "old")
    run(toys.missing.note_deleted(TOYS, KEAP, ["old"]))
    before = run(toys.facts.get(moved_fact(TOYS)))
    link(toys, "a", "new", replaces="old")
    assert run(toys.links.partners(TOYS, KEAP, ["old", "new"])) == {"new": "a"}
    assert run(toys.missing.page(TOYS, FIRST, 10)) == []
    assert run(toys.facts.get(moved_fact(TOYS))) != before


def test_what_was_settled_without_a_run_is_told_by_the_next(toys: LinkStore) -> None:
    link(toys, "a", "A", lines=(line("a"),))
    run(toys.plans.begin("plan", NOON, [TOYS]))
    assert run(toys.runs.begin("plan", "run", NOON, telling=[TOYS])) == [line("a")]


def test_a_removed_link_leaves_its_survivor(toys: LinkStore) -> None:
    begin_run(toys)
    linked = link(toys, "a", "A")
    run(toys.missing.note_deleted(TOYS, KEAP, ["A"]))
    run(toys.failures.note(Failure(TOYS, CUSTOMCRM, "a", "refused", 1, None)))
    survivor = seen(CUSTOMCRM, "a")
    before = run(toys.facts.get(moved_fact(TOYS)))
    run(
        toys.links.remove(
            "run",
            NOON,
            Removal(TOYS, linked, survivor, "its partner is gone", True, (entry(KEAP, "A", ""),), (line("a"),)),
        )
    )
    assert run(toys.links.count(TOYS)) == 0
    assert run(toys.staging.observations(TOYS, CUSTOMCRM, ["a"])) == {"a": survivor}
    assert run(toys.links.tombstones(TOYS, CUSTOMCRM, ["a", "b"])) == {"a": "its partner is gone"}
    assert run(toys.missing.page(TOYS, FIRST, 10)) == []
    assert run(toys.failures.page()) == []
    assert run(toys.journal.of_run("run")) == [entry(KEAP, "A", "")]
    assert list(run(toys.runs.finish("run", NOON, {}, complete=False)).lines) == [line("a")]
    assert run(toys.facts.get(moved_fact(TOYS))) != before


def test_links_that_end_together_leave_their_records_apart(toys: LinkStore) -> None:
    begin_run(toys)
    pairs = [link(toys, ours, ours.upper()) for ours in "ab"]
    ends = [
        Removal(
            TOYS,
            each,
            reason="undone",
            lines=(line(each.customcrm_id),),
            parted=(seen(CUSTOMCRM, each.customcrm_id), seen(KEAP, each.keap_id)),
        )
        for each in pairs
    ]
    run(toys.links.remove("run", NOON, *ends))
    assert run(toys.links.count(TOYS)) == 0
    assert run(toys.links.tombstones(TOYS, CUSTOMCRM, ["a", "b"])) == {"a": "undone", "b": "undone"}
    assert run(toys.links.tombstones(TOYS, KEAP, ["A", "B"])) == {"A": "undone", "B": "undone"}
    assert list(run(toys.runs.finish("run", NOON, {}, complete=False)).lines) == [line("a"), line("b")]


def test_a_survivor_that_may_have_a_new_partner_is_given_no_reason(toys: LinkStore) -> None:
    begin_run(toys)
    run(toys.links.remove("run", NOON, Removal(TOYS, link(toys, "a", "A"), seen(CUSTOMCRM, "a"))))
    assert run(toys.links.tombstones(TOYS, CUSTOMCRM, ["a"])) == {}
    assert [o.id for o in run(toys.match_keys.unlinked(TOYS, CUSTOMCRM, "", 10, "plan"))] == ["a"]


def test_a_record_is_kept_apart_until_it_is_linked(toys: LinkStore) -> None:
    run(toys.links.keep_apart(TOYS, seen(CUSTOMCRM, "a"), "a person said so"))
    assert run(toys.links.tombstones(TOYS, CUSTOMCRM, ["a"])) == {"a": "a person said so"}
    link(toys, "a", "A")
    assert run(toys.links.tombstones(TOYS, CUSTOMCRM, ["a"])) == {}


# --- reading --------------------------------------------------------------------------------------------------------


def test_pairs_are_read_batch_by_batch(toys: LinkStore) -> None:
    for n in "abcd":
        link(toys, n, n.upper())
    for id in "abd":
        stage(toys, seen(CUSTOMCRM, id), "edited")
    stage(toys, seen(KEAP, "C"), "edited")
    stage(toys, seen(KEAP, "D"), "edited")
    found: list[list[tuple[Side, str]]] = []
    after: tuple[str, str] | None = FIRST
    while after is not None:
        pairs, after = run(toys.links.pairs(TOYS, after, 2))
        found.append([(side, pair.link.customcrm_id) for side, pair in pairs])
    assert found == [[(CUSTOMCRM, "a"), (CUSTOMCRM, "b")], [(CUSTOMCRM, "d"), (KEAP, "c")], []]


def test_a_pair_that_was_seen_on_both_sides_is_read_once(toys: LinkStore) -> None:
    for n in "ab":
        link(toys, n, n.upper())
        stage(toys, seen(KEAP, n.upper()), "edited")
    stage(toys, seen(CUSTOMCRM, "a"), "edited")
    ((_, both), (_, theirs)), _ = run(toys.links.pairs(TOYS, FIRST, 10))
    assert (both.customcrm, both.keap) == (seen(CUSTOMCRM, "a"), seen(KEAP, "A"))
    assert (theirs.customcrm, theirs.keap) == (None, seen(KEAP, "B"))


def test_a_pair_of_which_a_record_is_proven_missing_is_left_out(toys: LinkStore) -> None:
    for n in "ab":
        link(toys, n, n.upper())
        stage(toys, seen(CUSTOMCRM, n), "edited")
    run(toys.missing.note_deleted(TOYS, KEAP, ["A", "B"]))
    run(toys.missing.prove(TOYS, KEAP, ["A"]))
    pairs, _ = run(toys.links.pairs(TOYS, FIRST, 10))
    assert [pair.link.customcrm_id for _, pair in pairs] == ["b"]


def test_all_links_are_read_however_many_there_are(toys: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "CHUNK", 2)
    made = [link(toys, n, n.upper()) for n in "abcde"]
    assert list(toys.links.all(TOYS)) == made
    assert run(toys.links.count(TOYS)) == 5


def test_a_bridge_sees_no_links_of_another(toys: LinkStore, others: LinkStore) -> None:
    begin_run(others)
    linked = link(toys, "a", "A")
    stage(toys, seen(CUSTOMCRM, "a"), "edited")
    run(toys.links.keep_apart(TOYS, seen(KEAP, "B"), "a person said so"))
    run(others.links.remove("run", NOON, Removal(TOYS, linked)))
    assert run(others.links.count(TOYS)) == 0
    assert run(others.links.pairs(TOYS, FIRST, 10)) == ([], None)
    assert run(others.links.partners(TOYS, CUSTOMCRM, ["a"])) == {}
    assert run(others.links.tombstones(TOYS, KEAP, ["B"])) == {}
    assert list(others.links.all(TOYS)) == []
    assert run(toys.links.count(TOYS)) == 1
    link(others, "b", "A")  # the same Keap record, in another pair of systems
    assert run(toys.links.partners(TOYS, KEAP, ["A"])) == {"A": "a"}


def test_an_id_that_another_record_has_now_is_free(toys: LinkStore) -> None:
    linked = link(toys, "a", "A")
    left, taker = seen(KEAP, "A"), seen(CUSTOMCRM, "a", {"name": "another"})
    removal = Removal(TOYS, linked, left, "gone", taker=taker)
    run(toys.links.remove(None, NOON, attrs.evolve(removal, lines=(line("a", "unlinked"),))))
    assert list(toys.links.all(TOYS)) == []
    assert run(toys.links.tombstones(TOYS, CUSTOMCRM, ["a"])) == {}
    assert run(toys.links.tombstones(TOYS, KEAP, ["A"])) == {"A": "gone"}
    assert run(toys.match_keys.unlinked(TOYS, CUSTOMCRM, "", 10, "plan")) == [taker]
    run(toys.plans.begin("plan", NOON, [TOYS]))
    assert run(toys.runs.begin("plan", "run", NOON, telling=[TOYS])) == [line("a", "unlinked")]
