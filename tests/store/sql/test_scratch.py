"""Keys of what is linked to nothing, beside the store."""

from __future__ import annotations

import pytest
from kept import CUSTOMCRM, KEAP, TOYS, key, run, scratch, seen, stage

from keapbridge.errors import LinkStoreError
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.scratch import Scratch


def test_it_has_the_keys_of_all_that_is_linked_to_nothing_and_not_kept_apart(toys: LinkStore) -> None:
    for id in "abcde":
        stage(toys, seen(CUSTOMCRM, id), "new", key("ada@example.org"), key(id, 1))
    run(toys.links.keep_apart(TOYS, seen(CUSTOMCRM, "c"), "a person said so"))
    with scratch(toys) as unlinked:
        assert unlinked.same_key(CUSTOMCRM, [key("ada@example.org")]) == ["a", "b", "d", "e"]
        assert unlinked.same_key(CUSTOMCRM, [key("b", 1), key("c", 1)]) == ["b"]
        assert unlinked.same_key(KEAP, [key("ada@example.org")]) == []


def test_nothing_of_it_is_in_the_store(toys: LinkStore) -> None:
    stage(toys, seen(KEAP, "A"), "new", key("ada@example.org"))
    with scratch(toys) as unlinked, toys.database.reading() as c:
        assert c.exec_driver_sql("SELECT count(*) FROM keapbridge_match_keys").scalar() == 0
        assert unlinked._file.execute("PRAGMA database_list").fetchall() == [(0, "main", "")], "its file has no name"


def test_a_file_that_cannot_be_written_is_told(toys: LinkStore) -> None:
    closed: Scratch = run(toys.match_keys.scratch())
    with closed:
        pass
    with pytest.raises(LinkStoreError, match="cannot be compared in a temporary file"):
        closed.add(KEAP, {"A": (key("ada@example.org"),)})
