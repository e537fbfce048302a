"""Who looks at the pages: named by the host, for every request anew."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

import attrs

from keapbridge.console.threads import on_a_thread
from keapbridge.model.accepted import person
from keapbridge.model.given import checks, flag, several_texts

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Authorize", "User", "user_of"]


def _name(what: str, value: Any) -> None:
    if person(value) is None:
        raise TypeError(f"{what}: the name of who looks at the pages, such as User('anna', can_decide=True)")


def _names(value: Collection[str] | None) -> frozenset[str] | None:
    return None if value is None else frozenset(several_texts("tenants", value, example="acme"))


@attrs.frozen
class User:
    """Who looks at the pages.

    Attributes:
        name: as it stands in the history of what they decide.
        can_decide: whether they may change anything; who may not sees all pages, and decides nothing.
        tenants: of a fleet, by name, those that there are for them; `None` for all. The console of one session does not
            look at it.

    Raises:
        TypeError: for what is no name, no flag, or no several names.
    """

    name: str = attrs.field(validator=checks(_name))
    can_decide: bool = attrs.field(default=False, validator=checks(flag))
    tenants: Collection[str] | None = attrs.field(default=None, converter=_names)


Authorize = Callable[["Request"], "User | Awaitable[User | None] | None"]
"""The host's function: a request → who it is of; `None` for nobody who may see anything."""


async def user_of(authorize: Authorize, request: Request) -> User | None:
    """Ask the host's function; a plain one on a thread, for it may wait.

    Raises:
        TypeError: when it gives anything else.
    """
    found: Any = authorize(request) if inspect.iscoroutinefunction(authorize) else await on_a_thread(authorize, request)
    if inspect.isawaitable(found):
        found = await found
    if found is not None and not isinstance(found, User):
        raise TypeError(f"authorize gives a kb.console.User or None, not {type(found).__name__}")
    return found
