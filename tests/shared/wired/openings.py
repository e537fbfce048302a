"""Rare states of the world that wired games begin with; see `two_systems.openings`."""

from __future__ import annotations

import itertools
from typing import Any

from two_systems.playing import Openings

from keapbridge import Habits, MappingError, SyncError
from wired import scenes, shown
from wired.world import CONTACTS, CUSTOMCRM, KEAP, KINDS, PRODUCTS

OPENINGS = Openings()
SIDES = (CUSTOMCRM, KEAP)
FIRST = [("add both", CONTACTS, CUSTOMCRM, k, k + 1) for k in (1, 3)] + [("add both", PRODUCTS, KEAP, 1, 1)]
LINKED: dict[str, Any] = {
    "kind": "emulator",
    "mapping": "plain",
    "first": FIRST,
    "synced": True,
    "small": False,
    "conflicts": "newest",
    "deletions": "unlink",
}
PROMPT = {**LINKED, "prompt": True}  # lists show at once what is there
USUAL = {**PROMPT, "habits": Habits.assumed(), "known": True}  # a Keap as its contract has it
EDITS = [("edit", CONTACTS, CUSTOMCRM, 0, 1), ("edit both", CONTACTS, KEAP, 1, 3), ("edit", PRODUCTS, KEAP, 0, 2)]
NEW = [("add", kind, side, 3, 4) for kind in KINDS for side in SIDES]
NAMES = [("named", CONTACTS, side, n, m) for n, m in ((0, 0), (1, 1), (2, 2)) for side in SIDES]


def _entries(game: Any) -> None:
    for k in range(6):
        names = [("named", CONTACTS, side, k + n, m) for n, m in ((0, 1), (1, 0), (2, k)) for side in SIDES]
        game.sync(events=[*names, *NEW[k % 4 :][:1]], how=("changes", "full", "ids")[k % 3], n=k, debug=False)
    for k, (gone, fault) in enumerate(
        (("", None), ("", 500), ("contact", None), ("tag", None), ("", "lost"), ("", 401), ("", "later"), ("", 404))
    ):
        game.tag_on_both_sides(n=k, fault=fault, gone=gone, full=k % 2 == 0)
    for k, how in enumerate(("renamed", "anew", "plan", "deleted", "plan")):
        game.change_a_custom_field(n=k, how=how)
    game.approve_a_part(events=NAMES, later=[], full=False, every=2, minutes=2, edited=False)
    game.undo(n=0, back=0, later=True, meanwhile=[], at=None)


@OPENINGS.opening(**{**PROMPT, "mapping": "named"})
def entries_have_names(game: Any) -> None:
    _entries(game)


@OPENINGS.opening(**{**PROMPT, "mapping": "named", "kind": "database"})
def entries_have_names_in_a_database(game: Any) -> None:
    _entries(game)


def _stopped(game: Any) -> None:
    game._all_happen(8 * NEW)
    for k, at in enumerate(range(4, 70, 6)):
        how = ("full", "full", "changes", PRODUCTS, "ids")[k % 5]
        game.stop(events=EDITS if k % 2 else [], how=how, n=2 * k, at=at, by_deadline=k % 3 == 0)
    for k, at in enumerate((5, 60, 90, 120)):
        game._all_happen(EDITS + NEW)
        game.be_signalled(how=("full", "changes")[k % 2], n=1, at=at, twice=False, in_a_thread=False)
        game.be_signalled(how=("full", "changes")[k % 2], n=1, at=at, twice=True, in_a_thread=False)
    game.be_signalled(how="full", n=1, at=5, twice=False, in_a_thread=True)


@OPENINGS.opening(**{**LINKED, "small": True})
def runs_are_stopped(game: Any) -> None:
    _stopped(game)


@OPENINGS.opening(**{**LINKED, "small": True, "kind": "declared", "mapping": "named"})
def runs_are_stopped_where_much_is_named(game: Any) -> None:
    _stopped(game)


@OPENINGS.opening(**{**LINKED, "small": True})
def lists_move(game: Any) -> None:
    game._all_happen(4 * NEW)
    for k, at in enumerate(range(4, 70, 6)):
        kind, side = KINDS[k % 2], SIDES[k // 2 % 2]
        meanwhile = [
            ("delete", kind, side, k % 4, 0),
            ("add", kind, side.other, k, k),
            ("merge", kind, side, 0, 2),
            *EDITS,
        ]
        game.work_meanwhile(events=NEW[k % 4 :], meanwhile=meanwhile, how=("full", "changes")[k % 3 == 2], n=k, at=at)


@OPENINGS.opening(**{**LINKED, "kind": "declared"})
def somebody_decides(game: Any) -> None:
    decisions = ("customcrm", "keap", "value", "same", "bad", "different")
    for k, (kind, decision, whole) in enumerate(itertools.product(KINDS, decisions, (False, True))):
        moved = ("no", "edited", "no", "no", "deleted")[k % 5]
        game.resolve(
            kind=kind, n=k % 3, decision=decision, whole=whole, moved=moved, at=None if k % 4 else 3 * k or None
        )


@OPENINGS.opening(**{**LINKED, "kind": "database"})
def somebody_says_who_is_who(game: Any) -> None:
    for k, (how, says) in enumerate(itertools.product(("two", "near", "same"), ("same", "different"))):
        game.say_who_is_the_same(n=k, how=how, says=says, gone=k == 3, taken_back=k % 2 == 0)
        game.somebody_like_another(
            side=SIDES[k % 2], how=("near", "alike", "same")[k % 3], linked=k > 2, accept=k % 2 == 1
        )
    for k, how in enumerate(("same", "alike", "near", "two") * 2):
        kind = (CONTACTS, PRODUCTS)[k % 2]
        game.somebody_is_quicker(kind=kind, side=SIDES[k // 2 % 2], n=k, how=how, accept=k % 3 == 0)


def _moved(game: Any) -> None:
    for n in range(8):
        game.move_the_crm(n=n, keep=n % 2 == 0)
    for n in range(3):
        game.meet_another_keap(n=n)


@OPENINGS.opening(**LINKED)
def the_crm_moves(game: Any) -> None:
    _moved(game)


@OPENINGS.opening(**{**LINKED, "kind": "declared", "synced": False, "first": []})
def the_crm_moves_before_anything_is_linked(game: Any) -> None:
    _moved(game)


def _restored(game: Any) -> None:
    for k, says in enumerate(("accept customcrm", "resolve", "accept keap", "nothing")):
        game.go_back(side=SIDES[k % 2], many=(1, 4, 11, 1)[k], full=k % 2 == 0, says=says)
        game.go_back(side=SIDES[(k + 1) % 2], many=(11, 1, 1, 4)[k], full=k % 2 == 1, says=says)
    for k, decision in enumerate(("same", "different", "keap", "nothing")):
        game.reissue_an_id(n=k, decision=decision, births=k % 2 == 0)


@OPENINGS.opening(**{**PROMPT, "kind": "declared"})
def sides_go_back(game: Any) -> None:
    _restored(game)


@OPENINGS.opening(**{**PROMPT, "kind": "database"})
def databases_go_back(game: Any) -> None:
    _restored(game)


@OPENINGS.opening(**{**PROMPT, "kind": "blind"})
def ids_are_reissued_where_nothing_tells_a_birth(game: Any) -> None:
    _restored(game)
    game.lag_behind_the_sync(side=KEAP)


def _unseen(game: Any) -> None:
    for k, (side, back) in enumerate(itertools.product(SIDES, ("full", "changes", "emptied"))):
        how = ("changes", "full", "ids")[k % 3]
        game.lose_sight_of_a_property(
            side=side, how=how, many=(4, 3, 1)[k % 3], edited=k % 2 == 1, listed_only=k % 2 == 0, back=back
        )
        game.empty_a_column(side=side, accepted=k % 2 == 0, level=False)
        game.answer_each_other(first=side)


@OPENINGS.opening(**{**PROMPT, "kind": "declared"})
def properties_are_not_shown(game: Any) -> None:
    _unseen(game)


@OPENINGS.opening(**{**PROMPT, "kind": "database"})
def columns_are_dropped(game: Any) -> None:
    _unseen(game)


@OPENINGS.opening(**{**LINKED, "mapping": "delicate", "small": True})
def hosts_stumble(game: Any) -> None:
    game._all_happen(NEW * 3)
    for k in range(6):
        game.let_the_host_stumble(events=EDITS, how=("full", "changes", "ids")[k % 3], n=k, records=k % 2 == 0)


@OPENINGS.opening(**{**LINKED, "mapping": "filtered", "small": True, "kind": "database"})
def hosts_stumble_over_their_filters(game: Any) -> None:
    game._all_happen(NEW * 2)
    for k in range(4):
        game.let_the_host_stumble(events=EDITS, how=("full", "changes", "ids")[k % 3], n=k, records=k % 2 == 0)


@OPENINGS.opening(**{**PROMPT, "kind": "towns"})
def towns_are_unknown(game: Any) -> None:
    for k in range(5):
        for pair in game.pairs(CONTACTS)[:2]:
            game.type(
                (CONTACTS, KEAP, pair[KEAP]),
                City=("Nowhere", "Oslo", "Elsewhere")[k % 3],
                FirstName=("Ada", "Bob")[k % 2],
            )
        game.add(CONTACTS, KEAP, FirstName="Tom", Email=f"tom{k}@example.org", City=("Oslo", "Nowhere")[k % 2])
        game.sync(events=[], how=("changes", "full", "ids")[k % 3], n=k, debug=False)
    game.swap_addresses(n=0, taken_back=True, at=None)
    game.swap_addresses(n=1, taken_back=True, at=12)
    game.resolve(kind=CONTACTS, n=0, decision="value", whole=False, moved="no", at=None)


@OPENINGS.opening(**{**LINKED, "kind": "database"})
def addresses_are_swapped(game: Any) -> None:
    for n in range(4):
        game.swap_addresses(n=n, taken_back=True, at=None if n < 2 else 10 * n)


def _troubled(game: Any) -> None:
    for k, (fault, writes) in enumerate(
        itertools.product((429, "later", 500, 401, 403, 404, 422, "lost", "unsent"), (True, False))
    ):
        how = ("changes", "full", "ids", CONTACTS)[k % 4]
        game.trouble(
            events=NEW[k % 4 :][:2] + EDITS,
            how=how,
            n=k,
            side=SIDES[k // 2 % 2],
            at=k % 7,
            fault=fault,
            times=8,
            writes=writes,
        )


@OPENINGS.opening(**{**LINKED, "kind": "declared"})
def calls_meet_with_trouble(game: Any) -> None:
    _troubled(game)


@OPENINGS.opening(**{**LINKED, "kind": "blind", "mapping": "named"})
def calls_meet_with_trouble_where_nothing_has_a_key(game: Any) -> None:
    _troubled(game)


@OPENINGS.opening(**{**LINKED, "mapping": "named"})
def hosts_slip(game: Any) -> None:
    game.slip()
    for k, trouble in enumerate((False, True) * 2):
        game.look_back(kind=KINDS[k % 2], side=SIDES[k // 2], n=k, trouble=trouble)
    game.leave(at=0, under_way=False)
    for k, days in enumerate((0.05, 40, 400)):
        game.run_ahead(events=EDITS, days=days, how="changes", n=k, mended=True)
    for n in range(4):
        game.forget(kind=CONTACTS, side=SIDES[n % 2], n=n)


@OPENINGS.opening(**{**LINKED, "mapping": "named", "kind": "declared"})
def stores_are_encrypted(game: Any) -> None:
    for n in range(3):
        game.change_the_keys(n=n)
        game.sync(events=EDITS + NEW[n:], how=("changes", "full", "ids")[n], n=n, debug=False)
        game.undo(n=2 * n + 1, back=0, later=n == 1, meanwhile=[], at=None)
        game.lose_a_custom_field(n=n, full=n % 2 == 0)
    game.slip_in_the_schema()
    game.slip()
    for at in (3, 30, 60):
        game.leave(at=at, under_way=True)


@OPENINGS.opening(**{**LINKED, "kind": "database", "mapping": "chosen"})
def hosts_slip_over_a_database(game: Any) -> None:
    game.slip()
    game.look_back(kind=CONTACTS, side=CUSTOMCRM, n=1, trouble=False)
    for n in range(6):
        game.undo(n=n, back=n % 3, later=n % 2 == 0, meanwhile=EDITS, at=None if n < 4 else 9 * n)


@OPENINGS.opening(**USUAL)
def parts_are_taken_for_all(game: Any) -> None:
    for how in ("empty", "sent", "gone"):
        shown.empty_along(game, how)


@OPENINGS.opening(**{**USUAL, "small": True})
def others_are_quicker(game: Any) -> None:
    for k, side in enumerate(SIDES * 2):
        scenes.make_meanwhile(game, side, lost=k < 2, minutes=2)
    scenes.make_late(game, ids=True)
    scenes.make_late(game, ids=False)


@OPENINGS.opening(**{**USUAL, "synced": False})
def some_are_made_before_anything_is_known(game: Any) -> None:
    scenes.ask_before_anything(game)
    scenes.make_late(game, ids=True)


@OPENINGS.opening(**{**USUAL, "kind": "blind", "mapping": "named"})
def what_is_made_is_not_answered(game: Any) -> None:
    game.watched(lambda: game.session().check())
    for side in SIDES * 2:
        scenes.lose_what_was_made(game, side)


@OPENINGS.opening(**USUAL)
def people_move_to_other_countries(game: Any) -> None:
    scenes.move_to_another_country(game)


@OPENINGS.opening(**{**USUAL, "kind": "declared", "mapping": "named", "synced": False})
def nothing_is_answered_at_first(game: Any) -> None:
    scenes.begin_in_trouble(game)
    scenes.make_late(game, ids=False)


@OPENINGS.opening(**{**USUAL, "kind": "declared", "synced": False, "first": []})
def nobody_is_there(game: Any) -> None:
    scenes.ask_before_anything(game)
    game.slip()


@OPENINGS.opening(**USUAL)
def reads_by_id_leave_something_out(game: Any) -> None:
    for side in SIDES:
        shown.leave_out_by_id(game, side)


@OPENINGS.opening(**{**USUAL, "kind": "blind"})
def reads_by_id_leave_something_out_where_nothing_tells_of_edits(game: Any) -> None:
    for side in SIDES:
        shown.leave_out_by_id(game, side)


@OPENINGS.opening(**{**USUAL, "synced": False, "first": [], "small": True})
def lists_leave_something_out(game: Any) -> None:
    shown.leave_out_of_lists(game, CUSTOMCRM)
    shown.show_now_and_then(game, CUSTOMCRM)


@OPENINGS.opening(**{**USUAL, "small": True})
def lists_begin_to_leave_something_out(game: Any) -> None:
    for side in SIDES:
        shown.leave_out_of_lists_later(game, side)


@OPENINGS.opening(**{**USUAL, "synced": False, "first": [], "small": True})
def lists_of_keap_leave_something_out(game: Any) -> None:
    shown.leave_out_of_lists(game, KEAP)
    shown.show_now_and_then(game, KEAP)


@OPENINGS.opening(**{**USUAL, "synced": False, "first": []})
def what_is_written_is_never_shown(game: Any) -> None:
    shown.write_what_is_not_shown(game, CUSTOMCRM)


@OPENINGS.opening(**{**USUAL, "synced": False, "first": []})
def what_is_written_to_keap_is_never_shown(game: Any) -> None:
    shown.write_what_is_not_shown(game, KEAP)


@OPENINGS.opening(**{**USUAL, "kind": "database", "small": True})
def columns_are_dropped_under_open_sessions(game: Any) -> None:
    shown.drop_a_column_meanwhile(game)


@OPENINGS.opening(**{**USUAL, "mapping": "named"})
def tags_are_taken_back(game: Any) -> None:
    scenes.take_tags_back(game)
    scenes.list_no_tags(game)
    scenes.write_an_address_of_another(game)


@OPENINGS.opening(**USUAL)
def the_crm_is_another_one(game: Any) -> None:
    scenes.meet_another_crm(game)


@OPENINGS.opening(**{**USUAL, "kind": "database"})
def processes_die_after_creates(game: Any) -> None:
    scenes.die_after_a_create(game)


@OPENINGS.opening(**{**USUAL, "kind": "strict"})
def everybody_has_a_title(game: Any) -> None:
    scenes.need_something(game, made=8, title=None)


@OPENINGS.opening(**{**USUAL, "kind": "demanding", "mapping": "filtered"})
def everybody_has_a_branch(game: Any) -> None:
    scenes.need_something(game, made=0, title=None)


@OPENINGS.opening(**{**USUAL, "kind": "counting"})
def titles_are_computed(game: Any) -> None:
    scenes.need_something(game, made=8, title="Number")


@OPENINGS.opening(**{**USUAL, "mapping": "filtered"})
def people_are_deleted_who_take_no_part(game: Any) -> None:
    scenes.leave_the_filter(game)
    game.approve_a_part(events=EDITS + NEW, later=[], full=False, every=3, minutes=2, edited=True)


@OPENINGS.opening(**USUAL)
def decisions_come_too_late(game: Any) -> None:
    scenes.decide_too_late(game)


@OPENINGS.opening(**USUAL)
def people_wait_and_try_again(game: Any) -> None:
    scenes.try_again(game)


@OPENINGS.opening(**{**USUAL, "mapping": "named"})
def lists_change(game: Any) -> None:
    scenes.change_the_lists(game)


@OPENINGS.opening(**{**USUAL, "mapping": "named"})
def stamps_are_ahead(game: Any) -> None:
    scenes.stamp_ahead(game)


@OPENINGS.opening(**USUAL)
def contacts_go_back_alone(game: Any) -> None:
    scenes.restore_contacts(game)


@OPENINGS.opening(**{**USUAL, "small": True})
def lists_show_somebody_twice(game: Any) -> None:
    shown.show_twice(game)


@OPENINGS.opening(**{**USUAL, "small": True})
def mappings_change_meanwhile(game: Any) -> None:
    scenes.begin_with_another_mapping(game)


@OPENINGS.opening(**{**USUAL, "mapping": "named", "synced": False})
def nothing_is_approved(game: Any) -> None:
    scenes.name_no_field(game)
    game.approve_a_part(events=[], later=[], full=False, every=1, minutes=0, edited=False)


@OPENINGS.opening(**{**USUAL, "mapping": "delicate", "small": True})
def hosts_raise_what_means_another(game: Any) -> None:
    for error, every in ((LookupError, 3), (MappingError, 2), (SyncError, 4)):
        scenes.raise_what_means_another(game, error, every=every)


@OPENINGS.opening(**{**USUAL, "mapping": "filtered", "small": True})
def hosts_raise_for_everybody(game: Any) -> None:
    for error in (LookupError, SyncError):
        scenes.raise_what_means_another(game, error, every=1)


@OPENINGS.opening(**{**USUAL, "small": True})
def keap_fails_to_show_somebody(game: Any) -> None:
    scenes.refuse_a_record(game)
    scenes.appear_while_it_is_uncertain(game)
