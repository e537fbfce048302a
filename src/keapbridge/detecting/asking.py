"""Looking at an API: each question is one reading call, and there are no more than so many. Nothing is ever written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import attrs

from keapbridge._flow.effects import Flow
from keapbridge._io.calling import send
from keapbridge._io.calls import Answer, Call
from keapbridge._io.port import Port
from keapbridge._io.secret import Secret
from keapbridge._io.told_times import http_date
from keapbridge._json.codec import load_json
from keapbridge.errors import ApiError, NoAnswerError, ShapeError, StatusError, TransportError, TryLaterError
from keapbridge.model.maybe import UNSET

__all__ = ["Asker", "Exchange", "Query", "at"]

Query = tuple[tuple[str, str], ...]


@attrs.frozen
class Exchange:
    """One question and what came back.

    Attributes:
        path: below the base URL.
        query: what was asked with it.
        status: of the answer; `None` where none came, or there were no calls left.
        headers: of the answer, names in lower case.
        body: the JSON of the answer; `UNSET` where it is none. It is data of people, and shown nowhere.
        why: what was wrong, in words; empty for an answer with JSON.
    """

    path: str
    query: Query = ()
    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: Any = attrs.field(default=UNSET, repr=False)
    why: str = ""

    @property
    def is_json(self) -> bool:
        """Whether it is an answer that says something."""
        return self.body is not UNSET

    @property
    def served_at(self) -> datetime | None:
        """The server's clock when it answered."""
        return http_date(self.headers.get("date"))


@attrs.define
class Asker:
    """Asks, and counts.

    Attributes:
        base: the path of the base URL, which the addresses in answers have, too.
        left: how many calls are left.
        headers: what goes along in every call.
        failure: why the first call got no answer at all, while none has.
        heard: whether any call was answered.
    """

    port: Port
    base: str
    left: int
    headers: Query = ()
    made: int = 0
    failure: ApiError | None = None
    heard: bool = False

    def ask(self, path: str, *query: tuple[str, str], method: str = "GET") -> Flow[Exchange]:
        """One question.

        Raises:
            TransportError: where nobody answers, and nobody has before.
        """
        if self.left < 1:
            return Exchange(path, query, why="the calls were used up")
        self.left, self.made = self.left - 1, self.made + 1
        bare, own = at(path)

        def decode(answer: Answer) -> Exchange:
            body = (
                UNSET
                if method != "GET"
                else None
                if not answer.body.strip()
                else _json(answer, _secrets(self.port.credentials))
            )
            return Exchange(path, query, answer.status, answer.headers, body)

        call = Call(method, bare, decode, query=(*own, *query), headers=self.headers, subject="a look at the API")
        try:
            seen = yield from send(self.port, call)
        except StatusError as error:
            self.heard = True
            return Exchange(path, query, error.status, error.headers, why=_short(error))
        except ShapeError as error:
            self.heard = True
            return Exchange(path, query, error.status or 200, why=_short(error))
        except (TransportError, TryLaterError) as error:
            if not self.heard and isinstance(error, NoAnswerError):
                raise
            return Exchange(path, query, why=_short(error))
        except ApiError as error:
            return Exchange(path, query, why=_short(error))
        self.heard = True
        return seen

    def onward(self, seen: Exchange, address: str) -> str | None:
        """The address of a next page as a path below the base URL; `None` for what leads elsewhere."""
        try:
            target = urlsplit(urljoin(f"http://here{self.base}{at(seen.path)[0]}", address))
        except ValueError:
            return None
        if self.base and not target.path.startswith(f"{self.base}/"):
            return None
        path = target.path.removeprefix(self.base)
        return f"{path}?{target.query}" if target.query else path


def at(path: str) -> tuple[str, Query]:
    """A path, and the query behind it."""
    bare, _, query = path.partition("?")
    return bare, tuple(parse_qsl(query, keep_blank_values=True))


def _json(answer: Answer, secrets: Sequence[Secret]) -> Any:
    """The JSON of an answer, without what signed the call: some servers repeat it, even as the name of a property."""
    body = answer.body
    for secret in secrets:
        body = body.replace(secret.reveal().encode(), b"...") if secret.reveal() else body
    try:
        return load_json(attrs.evolve(answer, body=body))
    except ShapeError as error:
        error.paths = ("$",)  # an outage is asked again; here it is what the API says
        raise


def _secrets(credentials: Any) -> list[Secret]:
    if not attrs.has(type(credentials)):
        return []
    held = [getattr(credentials, f.name) for f in attrs.fields(type(credentials))]
    return [each for each in held if isinstance(each, Secret)]


def _short(error: Exception) -> str:
    said = str(error)
    return said.partition(" (GET ")[0].partition(": check the credentials")[0]
