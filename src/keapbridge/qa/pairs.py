"""The two systems that are checked: opened from whatever a host names, and called alike whatever Customcrm is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeGuard

import attrs

from keapbridge._flow.drivers import SyncDriver
from keapbridge._toml.named import a_kind_of, named
from keapbridge.customcrm.adapted import AdapterResource, resources
from keapbridge.customcrm.adapter import CustomcrmAdapter, is_asynchronous
from keapbridge.customcrm.client import CustomcrmClient
from keapbridge.keap.client import KeapClient
from keapbridge.model.names import CUSTOMCRM_OBJECTS

__all__ = ["Pair", "clients", "open_pair", "pair_of"]

Pair = tuple[CustomcrmClient | CustomcrmAdapter, KeapClient]
_WANTED = "a tuple (Customcrm, KeapClient), a context manager of one, or a function that returns either"


def pair_of(name: str) -> Callable[[], AbstractContextManager[Pair]]:
    """What opens the two systems that `package.module:name` stands for.

    Raises:
        ValueError: when it cannot be such a thing.
    """
    found = named(name)
    if not (callable(found) or _is_manager(found) or isinstance(found, tuple)):
        raise ValueError(f"{name!r} is {a_kind_of(found)}, and not {_WANTED}")
    return lambda: open_pair(found, name)


@contextmanager
def open_pair(given: Any, name: str = "pair") -> Iterator[Pair]:
    """The two systems of a tuple, a context manager of one, or a function that returns either.

    Args:
        name: what it is called in errors.

    Raises:
        ValueError: when it is something else.
    """
    found: Any = given() if callable(given) and not _is_manager(given) else given
    if inspect.isawaitable(found) or hasattr(found, "__aenter__"):
        if inspect.iscoroutine(found):
            found.close()
        raise ValueError(f"{name} is asynchronous: the check works with plain clients")
    if _is_manager(found):
        with found as entered:
            yield _checked(entered, name)
    else:
        yield _checked(found, name)


def _is_manager(value: object) -> TypeGuard[AbstractContextManager[Any]]:
    return not isinstance(value, type) and hasattr(value, "__enter__") and hasattr(value, "__exit__")


def _checked(found: Any, name: str) -> Pair:
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise ValueError(f"{name} gives {a_kind_of(found)}, and not {_WANTED}")
    customcrm, keap = found
    if isinstance(customcrm, KeapClient):
        raise ValueError(f"{name} gives Keap first: it must be (Customcrm, KeapClient)")
    if not isinstance(keap, KeapClient):
        raise ValueError(f"{name}: the second one must be a KeapClient, not {a_kind_of(keap)}")
    if not isinstance(customcrm, (CustomcrmClient, CustomcrmAdapter)) or is_asynchronous_crm(customcrm):
        what = a_kind_of(customcrm)
        raise ValueError(f"{name}: the first one must be a CustomcrmClient, a SqlCustomcrm or an adapter, not {what}")
    return customcrm, keap


def is_asynchronous_crm(customcrm: CustomcrmClient | CustomcrmAdapter) -> bool:
    """Whether it needs an event loop."""
    return not isinstance(customcrm, CustomcrmClient) and is_asynchronous(customcrm)


@attrs.frozen
class _Records:
    """One kind of record of an adapter, called as those of a client are."""

    flows: AdapterResource[Any]
    driver: SyncDriver = attrs.field(factory=SyncDriver)

    def create(self, record: Any) -> Any:
        key = f"qa-{id(record):x}"
        return self.driver.run(self.flows.create(record, idempotency_key=key))

    def get(self, id: str) -> Any:
        return self.driver.run(self.flows.get(id))

    def update(self, id: str, **changes: Any) -> Any:
        return self.driver.run(self.flows.update(id, changes))

    def delete(self, id: str) -> None:
        self.driver.run(self.flows.delete(id))


def clients(customcrm: CustomcrmClient | CustomcrmAdapter) -> Mapping[str, Any]:
    """What makes, shows, changes and deletes Customcrm's records, by synchronization."""
    if isinstance(customcrm, CustomcrmClient):
        return {name: getattr(customcrm, theirs) for name, theirs in CUSTOMCRM_OBJECTS.items()}
    found = resources(customcrm)
    return {name: _Records(found[theirs]) for name, theirs in CUSTOMCRM_OBJECTS.items() if theirs in found}
