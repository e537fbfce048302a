"""A bridge belongs to the first two systems that it sees, until somebody has it begin anew."""

from __future__ import annotations

from datetime import timedelta

from keapbridge._flow.drivers import SyncDriver
from keapbridge.model.kept_in_store import Belongs
from keapbridge.store import schema
from keapbridge.store.sql import belongings, open_store

run = SyncDriver().run


def test_every_table_is_thought_of() -> None:
    known = {table.name for table in belongings.OF_TWO_SYSTEMS}
    kept = {"leases", "tokens", "paces", "tenants"}
    apart = {"plans", "runs", "actions", "journal", "lines", "facts"}
    assert set(schema.metadata.tables) == known | {f"keapbridge_{name}" for name in kept | apart}


def test_the_first_one_is_adopted_and_read_along_with_the_lease(store: str) -> None:
    one, other = open_store(store, "one"), open_store(store, "other")
    assert run(one.belongings.look()) == Belongs()
    assert run(one.belongings.adopt(keap="ab1")) == Belongs("ab1")
    assert run(one.belongings.adopt(keap="cd2", customcrm="x")) == Belongs("ab1", "x")
    assert run(other.belongings.look()) == Belongs()
    again = open_store(store, "one")
    assert again.belongings.known is None
    assert run(again.lease.acquire("me", timedelta(seconds=5))) is None
    assert again.belongings.known == Belongs("ab1", "x")
    run(again.lease.release("me"))
    for opened in (one, other, again):
        opened.close()


def test_others_begin_with_nothing_and_another_bridge_keeps_its_own(store: str) -> None:
    one, other = open_store(store, "one"), open_store(store, "other")
    for each in (one, other):
        run(each.facts.set("keap_currency", "USD"))
        run(each.belongings.adopt(keap="ab1", customcrm="x"))
    assert run(one.belongings.is_blank())
    assert run(one.belongings.begin_anew(Belongs("cd2", "y"))) == 0
    assert [run(each.facts.get("keap_currency")) for each in (one, other)] == [None, "USD"]
    assert [run(each.belongings.look()) for each in (one, other)] == [Belongs("cd2", "y"), Belongs("ab1", "x")]
    one.close()
    other.close()
