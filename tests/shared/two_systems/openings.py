"""Rare states of the world that games begin with: what a drawn game meets seldom, as it needs several things at once.

Each plays rules of the machine with chosen arguments; the laws are checked after each of them, and the game goes on.
"""

from __future__ import annotations

import itertools
from typing import Any

from fakes import Fault

import keapbridge as kb
from two_systems.breakdowns import UNFORESEEN
from two_systems.playing import Openings
from two_systems.pools import CUSTOMCRM, DELETION_RULES, KEAP, OBJECTS, WITHOUT_KEYS

OPENINGS = Openings()
SIDES = (CUSTOMCRM, KEAP)
PEOPLE = [("add both", "contacts", CUSTOMCRM, k, k + 1) for k in (1, 3, 5)]
FIRST = [*PEOPLE, ("add both", "companies", KEAP, 1, 1), ("add both", "products", CUSTOMCRM, 1, 1)]
LINKED: dict[str, Any] = {
    "taking_part": OBJECTS,
    "currency": 1,
    "first": FIRST,
    "synced": 1,
    "conflicts": "newest",
    "deletions": "unlink",
    "adapter": None,
    "larger": False,
    "filtered": 0,
    "crowd": 0,
    "limits": False,
    "listed": True,
}
DECISIONS = (CUSTOMCRM, KEAP, "value")
EDITS = [
    ("edit", "contacts", CUSTOMCRM, 0, 1),
    ("edit both", "contacts", KEAP, 1, 3),
    ("edit", "companies", KEAP, 0, 2),
]
NEW = [("add", object, side, 3, 4) for object in OBJECTS for side in SIDES]


@OPENINGS.opening(**LINKED)
def somebody_decides(game: Any) -> None:
    moves = itertools.cycle(("no", "edited", "no", "synced", "no", "unlinked"))
    for k, (object, decision, whole) in enumerate(itertools.product(OBJECTS, DECISIONS, (False, True))):
        moved = next(moves)
        game.resolve(
            object=object, n=k, m=k, decision=decision, asynchronous=k == 1, whole=whole, moved=moved, dies=None, at=0
        )


@OPENINGS.opening(**LINKED)
def somebody_decides_and_dies(game: Any) -> None:
    for k, at in enumerate(range(2, 30, 3)):
        dies = ("somewhere", "dies", "somewhere", "dies before")[k % 4]
        game.resolve(
            object=OBJECTS[k % 3],
            n=k,
            m=k,
            decision=DECISIONS[k % 2],
            asynchronous=False,
            whole=k % 3 == 2,
            moved="no",
            dies=dies,
            at=at,
        )


@OPENINGS.opening(**LINKED)
def two_people_decide(game: Any) -> None:
    for k, at in enumerate((None, None, *range(2, 40, 3))):
        game.decide_twice(object=OBJECTS[(k + 2) % 3], n=k, by_token=k % 2 == 0, at=at)


@OPENINGS.opening(**{**LINKED, "taking_part": ("contacts",)})
def counterparts_appear(game: Any) -> None:
    for side, fault, alike in itertools.product(SIDES, (Fault.OUTAGE, Fault.LOST_ANSWER), (True, False)):
        game.appear_while_it_is_uncertain(object="contacts", side=side, fault=fault, alike=alike)
    game.undo_in_trouble(n=1, fault=Fault.REFUSED_KEY, side=KEAP)
    game.trouble(events=NEW, how="changes", n=1, side=KEAP, at=0, fault=Fault.REFUSED_KEY, times=8)


@OPENINGS.opening(**LINKED, small=True)
def somebody_decides_everything(game: Any) -> None:
    for k, decision in enumerate((*DECISIONS, "each its own") * 2):
        game.resolve_many(
            n=k,
            m=k,
            decision=decision,
            by_token=k % 2 == 0,
            asynchronous=False,
            moved=("no", "edited", "unlinked")[k % 3],
            whole=k % 4 > 1,
            at=None if k < 6 else 5 * k,
        )


@OPENINGS.opening(**LINKED)
def somebody_says_who_is_who(game: Any) -> None:
    for k, (says, taken_back, gone) in enumerate(itertools.product(("same", "different"), (True, False), (0, 1))):
        game.say_who_is_the_same(
            n=2 * k + 1,
            says=says,
            by_token=k % 2 == 0,
            asynchronous=k == 3,
            gone=gone,
            taken_back=taken_back,
            whole=False,
            at=None if k % 3 else 3 * k or None,
        )


@OPENINGS.opening(**LINKED)
def records_are_in_doubt(game: Any) -> None:
    for k, decision in enumerate(("same", "different", KEAP, CUSTOMCRM, "value", "nothing")):
        game.decide_who_it_is(n=k, side=SIDES[k % 2], went_back=k % 3 == 2, decision=decision, moved=k == 1)
        game.decide_who_it_is(n=k, side=SIDES[k % 2], went_back=k % 3 != 2, decision=decision, moved=k == 4)


def _swaps(game: Any) -> None:
    for k, (object, side) in enumerate(itertools.product(OBJECTS, SIDES)):
        for many, row, back in ((2, False, True), (3, False, False), (2, True, True)):
            game.swap_what_is_had_once(
                object=object, side=side, many=many, row=row, back=back, meanwhile=k % 3 == 2, at=None
            )


@OPENINGS.opening(**LINKED)
def values_are_had_once(game: Any) -> None:
    _swaps(game)


@OPENINGS.opening(**{**LINKED, "adapter": "of its word"})
def values_are_had_once_where_writes_are_joined(game: Any) -> None:
    _swaps(game)
    for at in range(8, 60, 8):
        game.swap_what_is_had_once(
            object="contacts", side=CUSTOMCRM, many=2, row=False, back=True, meanwhile=False, at=at
        )


@OPENINGS.opening(**LINKED)
def runs_are_taken_back_and_cut_off(game: Any) -> None:
    hows = ("dies", "dies before", Fault.LOST_ANSWER, Fault.OUTAGE)
    meanwhiles = itertools.cycle(("nothing", "edit", "delete", "nothing", "unlink"))
    for k, (what, how) in enumerate(itertools.product(("edit", "add", "delete", "link"), hows)):
        game.be_cut_off_while_undoing(
            what=what,
            object=OBJECTS[k % 3],
            side=SIDES[k % 2],
            n=k,
            at=0,
            how=how,
            meanwhile=next(meanwhiles) if k % 2 else "nothing",
            afterwards=("nothing", "edit", "nothing", "delete")[k // 2 % 4],
            forgets=k % 8 == 7,
            again=k % 3 == 0,
        )


@OPENINGS.opening(**LINKED)
def runs_are_taken_back_when_all_has_moved_on(game: Any) -> None:
    moves = ("edited", "other field", "gone", "partner gone", "both gone", "odd", "refused", "nothing")
    faults = (None, None, Fault.OUTAGE, Fault.LOST_ANSWER, Fault.QUOTA, Fault.REFUSED_KEY, None, Fault.RATE_LIMIT)
    for k, fault in enumerate(faults):
        its = [moves[(k * 3 + j) % len(moves)] for j in range(4)] if fault is None else ["nothing"] * 3 + ["edited"]
        game.undo_what_has_moved_on(
            object=OBJECTS[(k + 2) % 3], side=SIDES[k % 2], moves=its, fault=fault, at=None, after=False, n=k
        )


@OPENINGS.opening(**LINKED)
def runs_are_taken_back_one_after_the_other(game: Any) -> None:
    for k in range(8):
        game.undo(n=k, asynchronous=k == 3, later=k % 3 == 0, back=k % 4)
    for k, deletions in enumerate(DELETION_RULES):
        game.crash_while_undoing(n=k, at=6 * k + 3, after=k % 2 == 0, soon=k % 3 == 0, deletions=deletions)
    for side, fault in itertools.product(SIDES, (Fault.REFUSED_KEY, Fault.OUTAGE, Fault.LOST_ANSWER)):
        game.sync(events=EDITS + NEW, how="full", n=0, asynchronous=False, progress=0)
        game.undo_in_trouble(n=1, fault=fault, side=side)


def _lost_creates(game: Any) -> None:
    for k, (object, side, twins) in enumerate(itertools.product(OBJECTS, SIDES, (False, True))):
        game.lose_the_answer_to_a_create(
            object=object,
            side=side,
            fault=Fault.LOST_ANSWER if k % 4 else Fault.OUTAGE,
            twins=twins,
            often=k % 3 == 0,
            gone=k % 4,
        )


@OPENINGS.opening(**LINKED)
def answers_are_lost(game: Any) -> None:
    _lost_creates(game)


@OPENINGS.opening(**{**LINKED, "adapter": WITHOUT_KEYS})
def answers_are_lost_where_nothing_has_a_key(game: Any) -> None:
    _lost_creates(game)


@OPENINGS.opening(**{**LINKED, "taking_part": ("companies", "contacts")})
def contacts_are_taken_for_others(game: Any) -> None:
    for k, how in enumerate(("full", "changes", "ids") * 4):
        game.be_taken_for_another(
            n=k,
            fault=Fault.LOST_ANSWER if k % 2 else None,
            at=None if k < 6 else 12 * (k - 5),
            after=k % 4 == 0,
            edited=(None, CUSTOMCRM, KEAP)[k % 3],
            how=how,
        )


def _all_troubles(game: Any) -> None:
    faults = (Fault.QUOTA, Fault.OUTAGE, Fault.REFUSED_KEY, Fault.RATE_LIMIT, Fault.LOST_ANSWER, Fault.UNSENT)
    for k, (fault, at) in enumerate(itertools.product(faults, (0, 4, 9, 16))):
        events = (NEW if k % 2 else []) + EDITS
        how = ("changes", "full", "changes", "ids")[k % 4]
        game.trouble(events=events, how=how, n=k, side=SIDES[k // 2 % 2], at=at + k % 3, fault=fault, times=8)
    for k, (fault, side) in enumerate(itertools.product((Fault.QUOTA, Fault.OUTAGE, Fault.RATE_LIMIT), SIDES)):
        for method in ("POST", "PATCH", "DELETE"):
            game.trouble_with_writes(events=EDITS, n=k, fault=fault, side=side, methods=(method,))


@OPENINGS.opening(**LINKED)
def calls_meet_with_trouble(game: Any) -> None:
    _all_troubles(game)


@OPENINGS.opening(**{**LINKED, "larger": True})
def calls_meet_with_trouble_where_consent_is_asked(game: Any) -> None:
    for k, fault in enumerate((Fault.OUTAGE, Fault.QUOTA, Fault.REFUSED_KEY) * 2):
        game.trouble_with_searches(n=k, fault=fault)
    for k, how in enumerate(("apply", "ids") * 3):
        game.make_a_field_anew(object=OBJECTS[2 * (k % 2)], n=k, new=k > 2, how=how)
    for k in range(6):
        game.write_to_somebody_who_opted_out(n=k, address="cy@example.org", company=k % 2 == 1)
        game.write_to_somebody_who_opted_out(n=k, address="d*d@example.org", company=k % 2 == 0)


@OPENINGS.opening(**LINKED)
def others_are_quicker(game: Any) -> None:
    for k, (object, often, side) in enumerate(itertools.product(OBJECTS, (False, True), SIDES)):
        for n in range(2):
            game.edit_what_is_being_written(object=object, side=side, n=n, m=k, often=often)


@OPENINGS.opening(**LINKED, small=True)
def others_are_at_work(game: Any) -> None:
    for k in range(0, 60, 6):
        game.compete(events=EDITS + NEW[k % 6 :][:1], at=k, stalls=k % 4 == 0, n=k, how=("full", "changes")[k % 2])
        game.edit_meanwhile(events=EDITS, meanwhile=[*EDITS, ("delete", "contacts", KEAP, k, 0)], how="full", n=k, at=k)
    for k, side in enumerate(SIDES * 3):
        game.take_long(events=3 * NEW, how=("changes", "ids")[k % 2], n=k, each=30 * (1 + k % 4))
        game.stale(events=EDITS + NEW, how="full", n=k, side=side)


@OPENINGS.opening(**LINKED)
def the_store_is_lost(game: Any) -> None:
    for k in range(0, 90, 6):
        game.lose_the_store(events=EDITS, how="changes", n=k, at=k, times=1 + k % 3, refused=k % 4 == 0)
    for k in range(0, 90, 7):
        game.crash(events=EDITS, how=("changes", "full", "ids")[k % 3], n=k, at=k, after=k % 2 == 0, soon=k % 4 == 0)


@OPENINGS.opening(**LINKED)
def properties_are_not_shown(game: Any) -> None:
    for k, (object, side) in enumerate(itertools.product(OBJECTS, SIDES)):
        game.lose_sight_of_a_property(
            object=object, side=side, how=("full", "changes", "ids")[k % 3], edited=k % 2 == 1
        )
        game.go_back(object=object, side=side, full=k % 2 == 0)
        game.not_take_a_value(object=object, side=side, full=k % 2 == 0)
        game.empty_a_column(object=object, side=side, accepted=k % 2 == 0)


@OPENINGS.opening(**LINKED)
def lists_show_less(game: Any) -> None:
    for k, (object, how) in enumerate(itertools.product(OBJECTS, ("changes", "full", "ids"))):
        typed = (None, CUSTOMCRM, KEAP)[k % 3]
        game.list_it_no_more(object=object, how=how, many=1 + k % 4, cleared=k % 2 == 0, hides=k % 4 > 1, typed=typed)


@OPENINGS.opening(**{**LINKED, "taking_part": ("companies", "contacts")})
def companies_are_dissolved(game: Any) -> None:
    for k, (deletions, side) in enumerate(itertools.product(("unlink", "ignore", "delete"), SIDES)):
        game.dissolve_a_company(
            n=k, side=side, deletions=deletions, empties=k % 3 != 2, how=("full", "changes", "ids")[k % 3]
        )


@OPENINGS.opening(**LINKED, small=True)
def hosts_ask_and_slip(game: Any) -> None:
    conflicts = [("edit both", object, CUSTOMCRM, n, m) for object in OBJECTS for n in range(3) for m in range(4)]
    game.change_the_policy(conflicts="manual", deletions="delete")
    game.sync(
        events=[*conflicts, *[("add", "contacts", KEAP, 5, 5)] * 3], how="full", n=0, asynchronous=False, progress=2
    )
    for k, (object, most) in enumerate(itertools.product(OBJECTS, (1, 2, 50))):
        game.read_in_parts(object=object, side=SIDES[k % 2], n=k, most=most, asynchronous=k == 4)
        game.look_back(object=object, side=SIDES[k % 2], n=k, asynchronous=k == 3)
        game.retry(object=object, side=SIDES[k % 2], n=k, asynchronous=k == 5)
    game.misuse()
    game.undo(n=4, asynchronous=False, later=True, back=0)
    game.misuse()


@OPENINGS.opening(**LINKED)
def keys_are_not_shown(game: Any) -> None:
    """What records are matched by is hidden, and others come."""
    hidden = {"contacts": "email_addresses", "companies": "company_name", "products": "sku"}
    for k in range(3):
        for object in OBJECTS:
            game._add_alike(object, *SIDES)
            game._happens("add", object, CUSTOMCRM, 0, k)
    game.users_work(events=[], long=True)
    game.sync(events=[], how="full", n=0, asynchronous=False, progress=0)
    for object, attribute in hidden.items():
        game.table(object, KEAP).hidden.add(attribute)
        for side in SIDES:
            game._add_alike(object, side)
        game.sync(events=EDITS, how=("full", "changes")[object == "products"], n=0, asynchronous=False, progress=0)
        game.sync(events=EDITS, how="ids", n=0, asynchronous=False, progress=0)
        game.table(object, KEAP).hidden.clear()
        game.users_work(events=[], long=True)
        game.sync(events=[], how="full", n=0, asynchronous=False, progress=0)


@OPENINGS.opening(**{**LINKED, "conflicts": "manual"})
def companies_are_taken_over(game: Any) -> None:
    """What is written of a company is read back, or another sees it first."""
    for k, what in enumerate(("edit", "odd", "delete", Fault.OUTAGE) * 2):
        game.meddle_before_it_is_read_back(n=k, what=what, new=k > 3)
    for k, rule in enumerate(("newest", "manual", "newest")):
        game.edit_both_in_the_same_moment(object=OBJECTS[k], n=k, m=k, conflicts=rule)
        game.move_house(n=k, edits=k + 1, conflicts=("newest", "manual", "keap")[k], back=k == 2)
        game.make_sense_again(object=OBJECTS[k], side=SIDES[k % 2], n=k, m=k)
        game.be_refused_a_part(n=k, often=k)
        game.answer_each_other(object=OBJECTS[k], first=SIDES[k % 2])
        game.lag_behind_the_sync(object=OBJECTS[k], side=SIDES[k % 2])
        game.merge_people_who_share_an_address(n=k, m=k + 1, third=k == 1, odd=k == 2)
    game.narrow_the_mapping(field="City", side=KEAP, n=1, edits=True)
    for k in range(3):
        game.brake(events=NEW + EDITS, deletes=k % 2, creates=k // 2)


@OPENINGS.opening(**LINKED)
def plans_are_late(game: Any) -> None:
    for k, (object, side) in enumerate(itertools.product(OBJECTS, SIDES)):
        rule = DELETION_RULES[k]
        game.delete_and_sync(object=object, side=side, n=5 * (k % 2), deletions=rule, meanwhile=EDITS)
        game.come_back(object=object, side=side, n=k, deletions=rule)
        game.need_what_is_not_there(object=object, side=side, planned=k % 2 == 0)
        game.make_both_equal_before_the_plan_is_applied(object=object, n=k)
        game.approve_who_needs_somebody_else(side=side, known=k % 2 == 0, old=k % 3 == 0, asynchronous=False)
        game.approve_a_part(events=NEW, later=EDITS, side=side, every=k % 4 + 1, n=k, asynchronous=False)


@OPENINGS.opening(**LINKED)
def machines_sleep(game: Any) -> None:
    renewals = itertools.cycle((None, "late", "overtaken"))
    for k, (when, taken, side) in enumerate(
        itertools.product(("intents.intend", "staging.observations", "POST"), (True, False), SIDES)
    ):
        renewal = None if taken else next(renewals)
        game.sleep_at_work(
            object=OBJECTS[k % 3], side=side, when=when, taken=taken, awake=taken and k % 4 == 0, renewal=renewal
        )


@OPENINGS.opening(**LINKED)
def the_store_refuses(game: Any) -> None:
    named = ("links.commit", "intents.intend", "links.settle", "staging.observations")
    for k, (name, refused, side) in enumerate(itertools.product(named, (True, False), SIDES)):
        game.refuse_to_remember(
            object=OBJECTS[k // 2 % 3], side=side, named=name, refused=refused, times=1 + 3 * (k % 2), edited=k % 3 == 0
        )


@OPENINGS.opening(**LINKED)
def nobody_finds_out_what_was_undone(game: Any) -> None:
    troubles = (Fault.OUTAGE, UNFORESEEN, "links.pairs_of", "links.commit", "links.keep_apart")
    for k, (what, trouble) in enumerate(itertools.product(("edit", "delete", "add"), troubles)):
        game.fail_to_find_out(object=OBJECTS[k % 3], side=SIDES[k % 2], what=what, trouble=trouble, refused=k % 4 < 2)


@OPENINGS.opening(**LINKED)
def ids_come_again(game: Any) -> None:
    for k, object in enumerate(OBJECTS * 2):
        game.get_the_id_of_the_gone(object=object, undone=k > 2)


@OPENINGS.opening(**LINKED)
def fields_are_emptied_along(game: Any) -> None:
    for k, (tied, terse, side) in enumerate(itertools.product((True, False), (True, False), SIDES)):
        for undone in (False, True):
            game.empty_another_with_it(
                object=OBJECTS[k % 3], side=side, tied=tied, terse=terse, undone=undone, gone=tied and terse and undone
            )


@OPENINGS.opening(**LINKED)
def contacts_are_taken_for_somebody(game: Any) -> None:
    for k, (who, lost) in enumerate(itertools.product(("twin", "free", "undone"), (False, True))):
        game.be_taken_for_somebody(n=k, who=who, lost=lost)


@OPENINGS.opening(**{**LINKED, "filtered": 1})
def plans_wait_for_long(game: Any) -> None:
    for k, (object, side) in enumerate(itertools.product(OBJECTS, SIDES)):
        game.leave_before_the_plan_is_applied(object=object, side=side, n=k)
        game.meddle_with_an_undoing(object=object, n=k, gone=k % 2 == 0)
        game.take_the_same_back_twice(n=k)


@OPENINGS.opening(**LINKED, small=True)
def a_crowd_is_in_doubt(game: Any) -> None:
    for most in (1, 2, 3):
        game.doubt_a_crowd(n=5 - most, most=most)
        game.say_who_is_the_same(
            n=most, says="different", by_token=True, asynchronous=False, gone=2, taken_back=False, whole=False, at=None
        )
        game.take_the_same_back_twice(n=0)
    game.be_cut_off_while_undoing(
        what="edit",
        object="contacts",
        side=KEAP,
        n=0,
        at=0,
        how="dies",
        meanwhile="nothing",
        afterwards="delete",
        forgets=False,
        again=False,
    )
    for what, how, meanwhile, forgets in (
        ("add", "dies", "edit", False),
        ("delete", Fault.OUTAGE, "nothing", True),
        ("delete", Fault.LOST_ANSWER, "nothing", True),
    ):
        game.be_cut_off_while_undoing(
            what=what,
            object="contacts",
            side=CUSTOMCRM,
            n=0,
            at=0,
            how=how,
            meanwhile=meanwhile,
            afterwards="nothing",
            forgets=forgets,
            again=False,
        )


def _refused(game: Any) -> None:
    named = ("facts.keep", "links.commit", "links.remove", "plans.actions", "journal.of_links")
    for k, (name, refused) in enumerate(itertools.product(named, (True, False))):
        game.refuse_while_undoing(
            object=OBJECTS[k % 3], side=SIDES[k % 2], named=name, refused=refused, times=(1, 99)[k % 2], many=k % 3 == 0
        )
    others = ("plans.actions", "links.pairs_of", "staging.observations", "failures.note")
    for k, (name, refused) in enumerate(itertools.product(others, (True, False))):
        game.refuse_while_applying(object=OBJECTS[k % 3], named=name, refused=refused, times=(99, 1)[k % 2])


@OPENINGS.opening(**LINKED)
def the_store_refuses_at_other_work(game: Any) -> None:
    _refused(game)
    game.refuse_while_undoing(object="contacts", side=KEAP, named="facts.keep", refused=True, times=1, many=True)
    game.refuse_while_undoing(object="contacts", side=KEAP, named="facts.keep", refused=True, times=99, many=True)


@OPENINGS.opening(**{**LINKED, "taking_part": ("products",)})
def the_store_refuses_all_there_is(game: Any) -> None:
    _refused(game)


@OPENINGS.opening(**{**LINKED, "limits": True})
def functions_of_hosts_fail(game: Any) -> None:
    for k, (where, few, kind) in enumerate(
        itertools.product(("rule", "filter", "system"), (True, False), (KeyError, kb.StalePlanError))
    ):
        game.fail_in_a_function(object=OBJECTS[k % 3], kind=kind, where=where, few=few)
    for how in ("fallback", "lacking", "currency", "Name", "FirstName"):
        game.map_what_is_not_there(how=how)
    for k, how in enumerate(("another plan", "edited", "no such action", "as it is")):
        game.approve_from_a_file(object=OBJECTS[k % 3], side=SIDES[k % 2], how=how)
    for k, second in enumerate((Fault.OUTAGE, Fault.REFUSED_KEY, Fault.QUOTA)):
        game.be_refused_and_cut_off(object="contacts", n=k, second=second)
        game.move_while_it_is_out_of_order(n=k)
    game.undo(n=1, asynchronous=False, later=False, back=99)


@OPENINGS.opening(**{**LINKED, "adapter": "of its word"})
def somebody_comes_between_a_swap(game: Any) -> None:
    for k, what in enumerate(("taken", "quota", "edited", "gone", "one by one")):
        for when in ("sync", "undo"):
            game.come_between_a_swap(object=OBJECTS[k % 3], when=when, what=what)


@OPENINGS.opening(**LINKED)
def what_was_written_over_stays_so_for_a_while(game: Any) -> None:
    for k, (then, lost) in enumerate(itertools.product(("nothing", "typed back", "gone", "unlinked"), (True, False))):
        game.fail_to_put_back(n=k, lost=lost, then=then, undone=k < 2)
    for fault in (Fault.LOST_ANSWER, Fault.OUTAGE):
        for object in OBJECTS:
            game.be_linked_by_an_older_plan(object=object, fault=fault)


@OPENINGS.opening(**LINKED)
def properties_are_not_shown_by_id(game: Any) -> None:
    for k, (object, side, edited) in enumerate(itertools.product(OBJECTS, SIDES, (True, False))):
        how = ("full", "changes", "ids")[k % 3]
        game.lose_sight_of_a_property(object=object, side=side, how=how, edited=edited, by_id=True)


@OPENINGS.opening(**{**LINKED, "taking_part": ("products",)})
def a_side_is_restored(game: Any) -> None:
    for k, side in enumerate(SIDES * 2):
        game.restore_a_side(object="products", side=side, accepted=k > 1)


@OPENINGS.opening(**{**LINKED, "synced": 0})
def hosts_ask_before_anything_was_done(game: Any) -> None:
    for k, object in enumerate(OBJECTS):
        game.read_in_parts(object=object, side=SIDES[k % 2], n=k, most=2, asynchronous=False)
    game.apply_later(events=[], n=0, asynchronous=False, known=False)
    game.trouble_with_writes(events=NEW, n=1, fault=Fault.OUTAGE, side=CUSTOMCRM, methods=("POST",))
    for n in range(12):
        for object in OBJECTS:
            game.retry(object=object, side=KEAP, n=n, asynchronous=False)
    game.sync(events=[], how="changes", n=0, asynchronous=False, progress=2)


@OPENINGS.opening(**LINKED, small=True)
def others_make_it_meanwhile(game: Any) -> None:
    for k, (object, side) in enumerate(itertools.product(OBJECTS, SIDES)):
        game.search_late(object=object, side=side, slow=k % 2 == 0, by_ids=k > 3)
    game.change_the_policy(conflicts="newest", deletions="delete")
    for k, object in enumerate(OBJECTS):
        gone = [("delete", object, side, n, 0) for n, side in enumerate(SIDES)]
        game.approve_a_part(events=gone, later=[], side=SIDES[k % 2], every=(4, 3, 2)[k], n=k, asynchronous=False)


@OPENINGS.opening(**LINKED)
def what_lists_leave_out_cannot_be_read(game: Any) -> None:
    for object, fault in itertools.product(OBJECTS, (Fault.OUTAGE, Fault.REFUSED_KEY)):
        game.fail_to_read_singly(object=object, fault=fault, full=fault is Fault.OUTAGE)
