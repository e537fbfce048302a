"""What a text like `package.module:name` means: a value or a function of the host's."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from keapbridge.model.meant import nearest

__all__ = ["a_kind_of", "name_of", "named", "value_of"]

T = TypeVar("T")


def named(name: str) -> Any:
    """What a name like `package.module:attribute` means; the attribute may have dots, too.

    Raises:
        ValueError: saying what is not there: the module, or something of that name in it. An error inside of the module
            is its cause.
    """
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise ValueError(f"{name!r} is no name as in 'package.module:name'")
    found: Any = _module(name, module_name)
    for attribute in path.split("."):
        if not hasattr(found, attribute):
            near = nearest(attribute, [each for each in dir(found) if not each.startswith("__")])
            meant = f"; is '{module_name}:{near}' meant?" if near and "." not in path else ""
            raise ValueError(f"{name!r}: there is no {attribute!r} in it{meant}")
        found = getattr(found, attribute)
    return found


def _module(name: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            where = "in the current folder, or among what is installed"
            raise ValueError(f"{name!r}: there is no module {error.name!r} {where}") from None
        raise ValueError(f"{name!r}: the module needs {error.name!r}, which is not installed") from error
    except Exception as error:  # the host's own code: anything may come
        raise ValueError(f"{name!r}: the module fails with {type(error).__name__}: {error}") from error


def value_of(name: str, kind: type[T] | tuple[type[T], ...], what: str) -> T:
    """A value of a class by its name, or what a function of that name returns, called without arguments.

    Args:
        what: what is wanted, in words ("a mapper").

    Raises:
        ValueError: when it is neither, or the function fails.
    """
    found = named(name)
    if not isinstance(found, kind) and callable(found):
        try:
            found = found()
        except Exception as error:
            raise ValueError(f"{name!r} fails with {type(error).__name__}: {error}") from error
        if not isinstance(found, kind):
            raise ValueError(f"{name!r} returns {a_kind_of(found)}, and not {what}")
    if not isinstance(found, kind):
        raise ValueError(f"{name!r} is {a_kind_of(found)}, and neither {what} nor a function that returns one")
    return found


def a_kind_of(value: object) -> str:
    """What something is, with its article: `an int`."""
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}" if value is not None else "None"


def name_of(function: Callable[..., Any]) -> str:
    """The name by which `named` finds a function or a value of a module.

    Raises:
        ValueError: when it has none: what was made inside of a function, or a lambda.
    """
    name = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None) or getattr(
        getattr(function, "__objclass__", None), "__module__", None
    )
    found: Any = sys.modules.get(module) if isinstance(module, str) else None
    for part in str(name).split("."):
        found = getattr(found, part, None)
    if found is not function or found is None:
        shown = getattr(function, "__qualname__", type(function).__name__)
        raise ValueError(f"{shown} has no name of its own in a module, as in 'package.module:name'")
    return f"{module}:{name}"
