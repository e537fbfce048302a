"""Secrets as values: what holds one shows nothing of it, wherever it ends up. Pure."""

from __future__ import annotations

import base64
import functools
import hmac
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import zip_longest
from typing import Any, NoReturn, Self, TypeVar
from urllib.parse import urlencode

from keapbridge.model.given import kind

__all__ = ["Secret", "basic", "bearer", "clear", "cleared", "form", "hide", "hiding", "kept", "secret_of"]

T = TypeVar("T")

_LEAST = 4  # a shorter text is part of too many words to be cut out of them

# What answers are given back in, and what some servers echo.
_NEVER_KEPT = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "set-cookie2",
        "x-api-key",
        "x-hook-secret",
        "x-keap-api-key",
    }
)


class Secret:
    """A text that shows nowhere: not in a `repr`, a log line, the locals of a traceback, a dump of an object.

    ```python
    key = kb.Secret(os.environ["KEAP_API_KEY"])
    kb.KeapApiKey(key)                 # credentials take a Secret as well as a str, and hold a Secret
    ```

    It cannot be pickled. Two secrets are equal when their texts are.
    """

    __slots__ = ("_text", "_texts")

    _text: str
    _texts: tuple[str, ...]

    def __init__(self, text: str | Secret, *parts: Secret) -> None:
        """Hide a text.

        Args:
            parts: secrets that the text holds in one form or another.
        """
        held = (text, *parts) if isinstance(text, Secret) else parts
        plain = clear(text)
        if not isinstance(plain, str):
            raise TypeError(f"a secret must be a text, not {type(plain).__name__}")
        texts = (plain, *(each for part in held for each in part.texts()))
        object.__setattr__(self, "_text", plain)
        object.__setattr__(self, "_texts", tuple(dict.fromkeys(texts)))

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """The text, hidden if it is not yet."""
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """The text, for being sent or stored. Keep it in no variable that an error could show."""
        return self._text

    def texts(self) -> tuple[str, ...]:
        """The text and its parts."""
        return self._texts

    def is_in(self, text: str) -> bool:
        """Whether a text shows it, or a part of it."""
        return any(part in text for part in self._texts if len(part) >= _LEAST)

    def cut_from(self, text: str) -> str:
        """A text without it and its parts."""
        for part in self._texts:
            if len(part) >= _LEAST:
                text = text.replace(part, "‹key›")
        return text

    def __repr__(self) -> str:
        return "‹secret›"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret cannot be changed")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written down: pass on where it can be had, in place of it")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not written down: pass on where it can be had, in place of it")


def secret_of(what: str, given: object, example: str) -> Secret:
    """A secret that is given as a text or a `Secret`.

    Args:
        what: the argument, for the error.
        example: how it is given.
    """
    if not isinstance(given, (str, Secret)):
        unset = "; is the variable of the environment set?" if given is None else ""
        raise TypeError(f"{what} takes a text or a Secret, such as {example}, not {kind(given)}{unset}")
    return Secret(given)


def hiding(*names: str) -> Callable[[type[T]], type[T]]:
    """Have a class be made of secrets: arguments of these names are hidden before anything looks at them.

    A key with a line end at its end is refused, and whoever reports that with the locals of all frames would show it.
    """

    def decorate(cls: type[T]) -> type[T]:
        made = cls.__init__
        order = list(inspect.signature(made).parameters)[1:]

        @functools.wraps(made)
        def init(self: T, *args: Any, **named: Any) -> None:
            args = tuple(_hidden(names, *pair) for pair in zip_longest(order[: len(args)], args))
            named = {name: _hidden(names, name, value) for name, value in named.items()}
            made(self, *args, **named)

        setattr(cls, "__init__", init)  # noqa: B010 - what types check is the class as it is written
        return cls

    return decorate


def _hidden(names: Collection[str], name: str | None, value: Any) -> Any:
    return Secret(value) if name in names and isinstance(value, str) else value


def bearer(token: Secret) -> Secret:
    """`Bearer …`."""
    return Secret(f"Bearer {token.reveal()}", token)


def basic(name: str, secret: Secret) -> Secret:
    """`Basic …`, of a name and a secret."""
    encoded = base64.b64encode(f"{name}:{secret.reveal()}".encode()).decode("ascii")
    return Secret(f"Basic {encoded}", Secret(encoded), secret)


def form(fields: Mapping[str, str | Secret]) -> bytes:
    """The body of a form."""
    return urlencode({name: clear(value) for name, value in fields.items()}).encode("ascii")


def clear(value: str | Secret) -> str:
    """A text as it is sent."""
    return value.reveal() if isinstance(value, Secret) else value


def cleared(pairs: Iterable[tuple[str, str | Secret]]) -> list[tuple[str, str]]:
    """Names with their texts as they are sent."""
    return [(name, clear(value)) for name, value in pairs]


def hide(text: str, secrets: Iterable[Secret]) -> str:
    """A text without these secrets."""
    for secret in secrets:
        text = secret.cut_from(text)
    return text


def kept(headers: Mapping[str, str], secrets: Iterable[Secret]) -> dict[str, str]:
    """The headers of an answer (names in lower case) that may be kept: none that holds or echoes credentials."""
    sent = tuple(secrets)
    return {
        name: value
        for name, value in headers.items()
        if name not in _NEVER_KEPT and not any(secret.is_in(value) for secret in sent)
    }
