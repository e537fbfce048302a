"""A circuit breaker: when a system fails call after call it is left alone for a while. Pure, but for its memory."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from keapbridge.errors import ApiError, ServerError, ShapeError, TransportError, UnavailableError

__all__ = ["Circuit", "is_outage"]


@attrs.define
class Circuit:
    """What is known of a system's health; one for all calls of a client.

    It opens after so many failures in a row, from whichever calls, without one success between them: a single bad
    record never does that, an outage does soon. After the pause one call may try; its outcome decides.

    Attributes:
        patience: failures in a row.
        pause: how long nothing is sent then.
    """

    patience: int
    pause: timedelta
    failures: int = 0
    closed_again_at: datetime | None = None
    last: str = ""

    def check(self, now: datetime) -> None:
        """Let a call pass.

        Raises:
            UnavailableError: while the system is left alone.
        """
        if self.closed_again_at is None:
            return
        # Much further away than the pause is long: the clock was put back, and nothing would be sent for all that time.
        if now < self.closed_again_at <= now + 2 * self.pause:
            raise UnavailableError(
                f"not sent, as the last {self.failures} calls failed ({self.last}); "
                f"tried again after {self.closed_again_at:%Y-%m-%d %H:%M:%S} UTC",
                retry_at=self.closed_again_at,
            )
        # Half open: this call tries, the others wait for what becomes of it.
        self.closed_again_at = now + self.pause

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to check."""
        return self.closed_again_at is None

    def succeeded(self) -> None:
        """A call was answered, be it with a no."""
        self.failures = 0
        self.closed_again_at = None

    def failed(self, error: ApiError, now: datetime) -> None:
        """A call was not answered."""
        self.failures += 1
        self.last = f"{type(error).__name__}{f' {error.status}' if error.status else ''}"
        if self.failures >= self.patience:
            self.closed_again_at = now + self.pause


def is_outage(error: ApiError) -> bool:
    """Whether an error tells of the system, not of the record: no answer, a 5xx, a page that is no JSON."""
    return isinstance(error, (TransportError, ServerError)) or (isinstance(error, ShapeError) and not error.paths)
