"""The webhooks of the emulated Customcrm: signed after Standard Webhooks, sent for every change, tried again."""

from __future__ import annotations

import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import attrs
import msgspec

from keapbridge.testing._courier import Courier, Delivery, check_address, post

__all__ = ["CustomcrmWebhooks", "new_secret"]

_PAUSES = (0.005, 0.1, 0.5, 2.0)  # seconds before each attempt
_TIMEOUT = 15.0


def new_secret() -> str:
    """A secret to sign with, as the Standard Webhooks specification wants it: `whsec_` and base64 of 24 bytes."""
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


@attrs.frozen
class _Subscriber:
    url: str = attrs.field(repr=False)
    secret: str = attrs.field(repr=False)


class CustomcrmWebhooks:
    """Tells subscribers of every record that is created, updated or deleted; needs the `webhooks` extra."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._courier = Courier("customcrm-webhooks")
        self._subscribers: list[_Subscriber] = []
        self._deliveries: list[Delivery] = []

    def subscribe(self, url: str, secret: str) -> None:
        """Send what changes from now on to this address on loopback, signed with this secret (`whsec_…`).

        Raises:
            ImportError: Without the `webhooks` extra.
            ValueError: For the address of another machine, or a secret that cannot be used.
        """
        check_address(url)
        signed(secret, b"", "msg_try")
        with self._lock:
            self._subscribers.append(_Subscriber(url, secret))

    def unsubscribe(self, url: str) -> None:
        """Send nothing more to this address."""
        with self._lock:
            self._subscribers = [each for each in self._subscribers if each.url != url]

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt so far, oldest first."""
        with self._lock:
            return list(self._deliveries)

    def flush(self, timeout: float = 10.0) -> None:
        """Waits until everything is delivered or given up.

        Raises:
            TimeoutError: When that takes longer.
        """
        self._courier.flush(timeout)

    def close(self) -> None:
        """Sends nothing any more; for the emulator."""
        self._courier.close()

    @property
    def wanted(self) -> bool:
        """Whether anybody is subscribed."""
        return bool(self._subscribers)

    def note(self, changes: Sequence[tuple[str, str, str]]) -> None:
        """Tells of changes (object, what was done, id); for the ledger."""
        events: dict[str, list[str]] = {}
        for name, what, id in changes:
            events.setdefault(f"{name.removesuffix('s')}.{what}", []).append(id)
        with self._lock:
            for subscriber in self._subscribers:
                for event, ids in events.items():
                    for start in range(0, len(ids), 1000):
                        self._begin(subscriber, event, tuple(ids[start : start + 1000]))

    def _begin(self, subscriber: _Subscriber, event: str, ids: tuple[str, ...]) -> None:
        body, name = message(event, ids), f"msg_{secrets.token_hex(12)}"
        self._courier.later(_PAUSES[0], partial(self._attempt, subscriber, event, ids, name, body, 0))

    def _attempt(
        self, subscriber: _Subscriber, event: str, ids: tuple[str, ...], name: str, body: bytes, number: int
    ) -> None:
        # Signed anew for each attempt: a receiver refuses what was signed long ago.
        answered = post(subscriber.url, signed(subscriber.secret, body, name), body, _TIMEOUT)
        delivery = Delivery(event, ids, number + 1, answered.status, body)
        with self._lock:
            self._deliveries.append(delivery)
        if not delivery.arrived and answered.status != 410 and number + 1 < len(_PAUSES):
            following = number + 1
            again = partial(self._attempt, subscriber, event, ids, name, body, following)
            self._courier.later(_PAUSES[following], again)

    def __repr__(self) -> str:
        return f"<webhooks to {len(self._subscribers)} subscribers>"


def message(event: str, ids: Sequence[str]) -> bytes:
    """What is sent about these records."""
    data: dict[str, Any] = {"id": ids[0]} if len(ids) == 1 else {"ids": list(ids)}
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"type": event, "timestamp": moment, "data": data})


def signed(secret: str, body: bytes, name: str, at: float | None = None) -> Mapping[str, str]:
    """The headers of a webhook, signed at a time (epoch seconds), or now."""
    try:
        from standardwebhooks.webhooks import Webhook
    except ImportError as error:
        raise ImportError(
            "signed webhooks need standardwebhooks: pip install 'keapbridge[webhooks]'", name=error.name
        ) from error
    moment = datetime.fromtimestamp(int(time.time() if at is None else at), UTC)
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, moment, body.decode()),
    }
