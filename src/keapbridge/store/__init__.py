"""What is kept: links with their bases, what was observed and is not settled, plans, intents, the journal.

Importing this is cheap; SQLAlchemy comes with the names.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keapbridge.store.sql import LinkStore, open_store

__all__ = ["LinkStore", "open_store"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("keapbridge.store.sql"), name)
