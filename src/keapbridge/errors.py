"""Every error that keapbridge raises.

```
KeapbridgeError
├── ApiError                     a call to one of the two systems failed
│   ├── TransportError           no usable answer: connection, time-out, cut in the middle
│   │   ├── NoAnswerError         refused, cut off or timed out: the system does not answer
│   │   └── BoundError            more than the client takes: bytes, seconds, pages
│   ├── UnavailableError         not even asked: the system failed call after call
│   ├── StatusError              an answer that says no
│   │   ├── AuthError            401, 403
│   │   ├── NotFoundError        404, 410
│   │   ├── ConflictError        409, 412: the record moved
│   │   ├── RateLimitedError     429
│   │   │   └── QuotaExhaustedError   the daily quota is spent
│   │   └── ServerError          5xx
│   └── ShapeError               an answer that is not what the contract promises
├── ConfigurationError           a configuration file that cannot be opened as a session
├── MappingError                 a mapping, a policy or a table that cannot work
│   └── UnfitError               a value that a field cannot understand, or a side cannot take
├── SyncError
│   ├── BrakeError               the plan would change more than the policy allows
│   ├── OtherSystemError         the store belongs to another Keap application or Customcrm
│   ├── StalePlanError           the plan cannot be applied any more
│   ├── SessionBusyError         another process runs this session
│   ├── StoppedError             it was told to stop, or its time was up
│   ├── UncertainError           what became of an earlier write cannot be told yet
│   └── LinkStoreError           the store cannot be opened or used
└── TryLaterError                nothing is wrong but the moment: NoAnswerError, ServerError, SessionBusyError,
                                 StoppedError, UncertainError, UnavailableError, RateLimitedError and
                                 QuotaExhaustedError
```

No message, `repr` or attribute holds credentials; messages name records by id and fields by name, never by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keapbridge.model.finding import Findings
    from keapbridge.model.plan import Plan
    from keapbridge.model.report import Report
    from keapbridge.model.side import Side

__all__ = [
    "ApiError",
    "AuthError",
    "BoundError",
    "BrakeError",
    "ConfigurationError",
    "ConflictError",
    "KeapbridgeError",
    "LinkStoreError",
    "MappingError",
    "NoAnswerError",
    "NotFoundError",
    "OtherSystemError",
    "QuotaExhaustedError",
    "RateLimitedError",
    "ServerError",
    "SessionBusyError",
    "ShapeError",
    "StalePlanError",
    "StatusError",
    "StoppedError",
    "SyncError",
    "TransportError",
    "TryLaterError",
    "UnavailableError",
    "UncertainError",
    "UnfitError",
]


class KeapbridgeError(Exception):
    """The root of all errors of this library. They can be pickled, with all that they say."""

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {
            name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in vars(self).items()
        }
        return _made_again, (type(self), self.args), kept


def _made_again(kind: type[KeapbridgeError], args: tuple[Any, ...]) -> KeapbridgeError:
    """An error as it was, without what its constructor makes of its arguments."""
    return kind.__new__(kind, *args)


class TryLaterError(KeapbridgeError):
    """Nothing is wrong but the moment.

    Attributes:
        retry_at: as of when another try makes sense (UTC), by the clock of who told it; `None` where nobody did.
    """

    retry_at: datetime | None = None


class ApiError(KeapbridgeError):
    """A call failed.

    Attributes:
        status: the HTTP status, `None` without an answer.
        method: the HTTP method.
        url: the URL without its query, which may hold personal data.
        request_id: the server's name for the exchange, where it gave one.
        headers: of the answer, in lower case.
        report: what a run had done when this error stopped it; `None` where no run was under way.
    """

    headers: Mapping[str, str] = MappingProxyType({})
    report: Report | None = None

    def __init__(
        self, message: str, *, method: str = "", url: str = "", status: int | None = None, request_id: str | None = None
    ) -> None:
        where = f" ({method} {url})" if url else ""
        super().__init__(f"{message}{where}")
        self.method = method
        self.url = url
        self.status = status
        self.request_id = request_id


class TransportError(ApiError):
    """There was no usable answer.

    Attributes:
        sent: whether the request may have reached the server and taken effect.
    """

    def __init__(self, message: str, *, method: str = "", url: str = "", sent: bool = True) -> None:
        super().__init__(message, method=method, url=url)
        self.sent = sent


class NoAnswerError(TransportError, TryLaterError):
    """The system does not answer: a connection that was refused, cut off or timed out; a database that is locked."""


class BoundError(TransportError):
    """An answer, a call or a list reached a bound of the client, which read no further.

    Attributes:
        bound: its name, that of an attribute of `Bounds`.
    """

    def __init__(self, message: str, *, bound: str, method: str = "", url: str = "") -> None:
        super().__init__(message, method=method, url=url)
        self.bound = bound


class UnavailableError(ApiError, TryLaterError):
    """The system failed call after call, so this one was not sent; another one is, as of `retry_at`."""

    def __init__(self, message: str, *, method: str = "", url: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(message, method=method, url=url)
        self.retry_at = retry_at


class StatusError(ApiError):
    """The server answered with an error status; the message carries its own explanation, shortened.

    Attributes:
        code: the server's own name for the error (`invalid_grant`), where it gave one.
        said: the server's own words, shortened and without personal data; empty where it gave none.
    """

    code: str | None = None
    said: str = ""


class AuthError(StatusError):
    """401 or 403: the credentials were refused.

    Attributes:
        authorize_url: where a person can authorize again, when nothing else helps.
    """

    authorize_url: str | None = None


class NotFoundError(StatusError):
    """404 or 410: there is no such record (any more)."""


class ConflictError(StatusError):
    """409 or 412: the record is not in the state the request was made for."""


class RateLimitedError(StatusError, TryLaterError):
    """429: too many requests.

    Attributes:
        retry_after: seconds to wait, where the server said so; a day at most.
        retry_at: when it may be tried again (UTC), where that is later than this client waits; a run ends then.
    """

    retry_at: datetime | None = None

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        url: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, method=method, url=url, status=status, request_id=request_id)
        self.retry_after = retry_after


class QuotaExhaustedError(RateLimitedError):
    """The quota of the day is spent.

    Attributes:
        resets_at: when the next one begins (UTC); it is `retry_at`, too.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        url: str = "",
        status: int | None = None,
        request_id: str | None = None,
        resets_at: datetime | None = None,
    ) -> None:
        super().__init__(message, method=method, url=url, status=status, request_id=request_id)
        self.resets_at = self.retry_at = resets_at


class ServerError(StatusError, TryLaterError):
    """5xx: the server failed."""


class ShapeError(ApiError):
    """An answer has another shape than the contract says.

    Attributes:
        paths: where, as JSON paths (`$.contacts[3].given_name`).
    """

    def __init__(
        self, message: str, *, paths: Sequence[str] = (), method: str = "", url: str = "", status: int | None = None
    ) -> None:
        super().__init__(message, method=method, url=url, status=status)
        self.paths = tuple(paths)


class ConfigurationError(KeapbridgeError):
    """A configuration file that cannot be opened as a session; the message names the file and the key."""


class MappingError(KeapbridgeError):
    """What a host has set up cannot work; found when it is made, or else when it is checked.

    Attributes:
        findings: all that was found by a check, each with what to do; `None` outside a check.
    """

    findings: Findings | None = None

    @classmethod
    def of(cls, findings: Findings) -> MappingError:
        """The error that says what was found."""
        [first, *others] = findings.errors
        error = cls(str(type(findings)(findings.errors)) if others else first.sentence)
        error.findings = findings
        return error


class UnfitError(MappingError):
    """A value that a kind cannot read, or that a side cannot take. The message is the reason, without the value."""


class SyncError(KeapbridgeError):
    """A guard stopped a run. Failures of single records are in the report instead."""


class BrakeError(SyncError):
    """The plan would change more than the policy allows; nothing was written.

    Attributes:
        plan: the plan that was stopped, to be read and, if it is right, applied with a wider policy.
    """

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan


class OtherSystemError(SyncError):
    """The store belongs to another Keap application, or to another Customcrm; nothing was planned or written.

    Attributes:
        side: which of the two it is.
        known: what the store belongs to: the name of the application, or the address.
        met: what was found instead; `None` where it does not tell.
    """

    def __init__(self, message: str, *, side: Side, known: str | None = None, met: str | None = None) -> None:
        super().__init__(message)
        self.side = side
        self.known = known
        self.met = met


class StalePlanError(SyncError):
    """The plan is unknown, was applied already, or belongs to another session; or what was to be decided has changed.

    Attributes:
        run_id: the run that did what somebody else has decided meanwhile; `None` where that is not the reason.
        by: who decided it, where that is known. The message does not tell it, for it may be logged.
        meanwhile: what that run has written, as `JournalEntry` values.
    """

    def __init__(
        self, message: str, *, run_id: str | None = None, by: str | None = None, meanwhile: Sequence[Any] = ()
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.by = by
        self.meanwhile = tuple(meanwhile)


class SessionBusyError(SyncError, TryLaterError):
    """Another runner holds this session.

    Attributes:
        holder: who: an id of its run, its process and its machine; `None` where it is not known.
        until: how long it does, unless it prolongs that (UTC, by the clock of the store's database).
    """

    def __init__(self, message: str, *, holder: str | None = None, until: datetime | None = None) -> None:
        super().__init__(message)
        self.holder = holder
        self.until = self.retry_at = until


class StoppedError(SyncError, TryLaterError):
    """A run was told to stop, its time was up, or a client that it needs was closed. Nothing that was done is lost."""

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class UncertainError(SyncError, TryLaterError):
    """A write was sent whose answer nobody has seen, and it cannot be told yet what became of it."""

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class LinkStoreError(SyncError):
    """The link store cannot be opened or used.

    Attributes:
        refused: whether it refused what it was to keep, and would keep something else.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
