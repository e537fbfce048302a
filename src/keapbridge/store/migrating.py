"""Making and upgrading a store on purpose: with a role that may, before those come that only read and write rows."""

from __future__ import annotations

import attrs

from keapbridge.model.given import flag, keywords
from keapbridge.store.opening import Target, open_engine
from keapbridge.store.queue_schema import bring_queue_up_to_date
from keapbridge.store.upgrading import Migrated

__all__ = ["migrate", "without_store"]

PREFIX = ("keapbridge_", "procrastinate_")


@keywords()
def migrate(store: Target, *, queue: bool = False, finish: bool = False) -> Migrated:
    """Make the tables of a store, or bring them up to date.

    A session does that by itself when it opens. Where the role of the sessions may only read and write rows, this is
    done once before them, with a role that owns the tables. Several at once are no harm: one does it, the others wait.

    Args:
        store: a SQLAlchemy URL or the host's own engine.
        queue: the tables of a fleet's queue, too: procrastinate's, as the installed version of it has them.
        finish: drop what only workers of an earlier procrastinate need; once none of them is left.

    Raises:
        ImportError: when the queue's tables are asked for, without the `fleet` extra.
        LinkStoreError: when it cannot be opened, or this role may not do it either.
    """
    with_queue = flag("queue", queue) or flag("finish", finish)
    opened = open_engine(store)
    try:
        if not with_queue:
            return opened.migrated
        return attrs.evolve(opened.migrated, queue=str(bring_queue_up_to_date(opened.engine, finish=finish)))
    finally:
        opened.give_back()


def without_store(name: str | None, type_: str, parent_names: object = None) -> bool:
    """For the `include_name` of a host's own Alembic environment: leave out the tables that are keapbridge's, and those
    of a fleet's queue.

    Without it `alembic revision --autogenerate` would drop them: they are not among the host's models.

    ```python
    context.configure(connection=connection, target_metadata=metadata, include_name=kb.without_store)
    ```
    """
    return type_ != "table" or name is None or not name.startswith(PREFIX)
