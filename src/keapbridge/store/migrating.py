"""Making and upgrading a store on purpose: with a role that may, before those come that only read and write rows."""

from __future__ import annotations

from keapbridge.model.given import keywords
from keapbridge.store.opening import Target, open_engine
from keapbridge.store.upgrading import Migrated

__all__ = ["migrate", "without_store"]

PREFIX = "keapbridge_"


@keywords()
def migrate(store: Target) -> Migrated:
    """Make the tables of a store, or bring them up to date.

    A session does that by itself when it opens. Where the role of the sessions may only read and write rows, this is
    done once before them, with a role that owns the tables. Several at once are no harm: one does it, the others wait.

    Args:
        store: a SQLAlchemy URL or the host's own engine.

    Raises:
        LinkStoreError: when it cannot be opened, or this role may not do it either.
    """
    opened = open_engine(store)
    opened.give_back()
    return opened.migrated


def without_store(name: str | None, type_: str, parent_names: object = None) -> bool:
    """For the `include_name` of a host's own Alembic environment: leave out the tables that are keapbridge's.

    Without it `alembic revision --autogenerate` would drop them: they are not among the host's models.

    ```python
    context.configure(connection=connection, target_metadata=metadata, include_name=kb.without_store)
    ```
    """
    return type_ != "table" or name is None or not name.startswith(PREFIX)
