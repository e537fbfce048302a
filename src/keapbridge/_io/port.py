"""What a call needs beside itself: where it goes, who sends it, and when it may. Protocols only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from keapbridge._flow.effects import Flow
from keapbridge._io.bounds import Bounds
from keapbridge._io.circuit import Circuit
from keapbridge._io.retries import RetryPolicy
from keapbridge._io.secret import Secret
from keapbridge.errors import ApiError, RateLimitedError
from keapbridge.model.given import wrong

__all__ = ["Credentials", "Ear", "InQuery", "Pace", "Port", "Renewable", "check_credentials", "check_header"]


def check_header(what: str, value: Secret) -> None:
    """Refuse a secret that no header can carry: what would complain later shows it.

    Raises:
        ValueError: without the secret.
    """
    if not (value.reveal().isascii() and value.reveal().isprintable()):
        raise ValueError(f"{what} holds a line end or another character that no header can carry")


Ear = Callable[[Mapping[str, str]], Flow[None]]
"""Told of the headers of every answer, before anything is made of it; what it raises ends the call."""


class Credentials(Protocol):
    """What proves who is calling. Its `repr` must not show it."""

    def headers(self) -> Mapping[str, str | Secret]:
        """The headers to add to every request."""
        ...


@runtime_checkable
class InQuery(Protocol):
    """Credentials that go into the query of every request."""

    def parameters(self) -> Mapping[str, str | Secret]:
        """The parameters to add; none where these go elsewhere after all."""
        ...


@runtime_checkable
class Renewable(Protocol):
    """Credentials that end and can be had anew, for which they make calls of their own."""

    def sign(self, port: Port) -> Flow[Mapping[str, Secret]]:
        """The headers for the next request; renewed first, where they are about to end."""
        ...

    def renew(self, port: Port, refused: Mapping[str, Secret]) -> Flow[bool]:
        """After these headers were refused: whether there are others by now, so that trying again makes sense."""
        ...


def check_credentials(given: Any) -> None:
    """Refuse what can sign nothing; a key as a text is of a kind that nobody knows.

    Raises:
        TypeError: without what was given.
    """
    if given is not None and not isinstance(given, Renewable) and not callable(getattr(given, "headers", None)):
        example = 'auth=kb.KeapApiKey("…") or auth=kb.BearerToken("…")'
        raise wrong("auth", f"credentials, such as {example}", given)


class Pace(Protocol):
    """Lets calls wait for their turn, so that none is refused for coming too early."""

    @property
    def listens(self) -> bool:
        """Whether it wants to know what answers say."""
        ...

    def turn(self) -> Flow[None]:
        """Wait until a call may be sent.

        Raises:
            QuotaExhaustedError, RateLimitedError: when none may be for a long time.
        """
        ...

    def answered(self, headers: Mapping[str, str], moment: datetime) -> None:
        """Note what an answer said about the limits."""
        ...

    def refused(self, error: RateLimitedError, moment: datetime) -> ApiError:
        """Note a 429; answers the error that it means."""
        ...


class Port(Protocol):
    """Where calls go: one system. Its `exchange` belongs to the drivers."""

    @property
    def base_url(self) -> str: ...
    @property
    def retry(self) -> RetryPolicy: ...
    @property
    def credentials(self) -> Credentials | Renewable | None: ...
    @property
    def pace(self) -> Pace | None: ...
    @property
    def ear(self) -> Ear | None: ...
    @property
    def circuit(self) -> Circuit: ...
    @property
    def bounds(self) -> Bounds: ...
    def elsewhere(self, base_url: str) -> Port:
        """The same connections to another address, without credentials, pace and ear."""
        ...

    def heard_by(self, ear: Ear) -> Port:
        """The same connections to the same system, with somebody who listens."""
        ...

    def paced(self, pace: Pace | None) -> Port:
        """The same connections to the same system, at another pace."""
        ...
