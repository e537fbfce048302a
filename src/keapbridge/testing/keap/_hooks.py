"""Keap's REST hooks (v1): subscriptions, their verification, and deliveries with Keap's schedule of attempts.

Changes of records are gathered for a while and sent together, an event kind at a time. Nothing is noted while nobody is
subscribed.
"""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import attrs
import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keapbridge.testing._courier import Courier, Delivery, check_address, post
from keapbridge.testing.keap._state import KeapState

__all__ = ["EVENT_KEYS", "HookBehaviour", "KeapHooks"]

_KINDS = {"contacts": "contact", "companies": "company", "products": "product"}
EVENT_KEYS: tuple[str, ...] = (
    *(f"{kind}.{what}" for kind in sorted(_KINDS.values()) for what in ("add", "delete", "edit")),
    "contact.redact",
    "contactGroup.add",
    "invoice.add",
)
_MOST_IDS = 1000
# Seconds before each of the four attempts: before the first from the change on, then from the failure on.
_ATTEMPTS = ((30, 60), (30, 60), (300, 300), (1800, 1800))

VERIFIED, UNVERIFIED, INACTIVE = "Verified", "Unverified", "Inactive"


@attrs.frozen
class HookBehaviour:
    """How the emulated Keap delivers.

    Attributes:
        time_scale: Seconds that pass here for one of Keap's, which waits 30 to 60 seconds before it tells of a change.
        timeout: Seconds within which a receiver must answer; Keap's own, not scaled.
        most_ids: The most ids in a delivery; at most 1,000.
        duplicates: The share of deliveries that come twice, 0 to 1.
        reordered: The share of deliveries that are held back and overtaken by later ones, 0 to 1.
        seed: Of the chance that decides on these; the same one decides the same.
        verify_before_answering: Verify a receiver before the call that asks for it is answered, not soon after.
    """

    time_scale: float = attrs.field(default=0.001, validator=attrs.validators.ge(0))
    timeout: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    most_ids: int = attrs.field(
        default=_MOST_IDS, validator=attrs.validators.and_(attrs.validators.ge(1), attrs.validators.le(_MOST_IDS))
    )
    duplicates: float = 0.0
    reordered: float = 0.0
    seed: int = 0
    verify_before_answering: bool = False


@attrs.define
class _Subscription:
    key: str
    event_key: str
    hook_url: str = attrs.field(repr=False)
    status: str = UNVERIFIED
    # Of the verification that was sent last, for a delayed one.
    secret: str = attrs.field(default="", repr=False)

    def shown(self) -> dict[str, str]:
        return {"key": self.key, "eventKey": self.event_key, "hookUrl": self.hook_url, "status": self.status}


@attrs.frozen
class _Change:
    id: str
    moment: str


class KeapHooks:
    """The subscriptions of the emulated Keap, and what it delivered to them.

    Attributes:
        behaviour: How it delivers; assign another to change it.
    """

    def __init__(self, state: KeapState, behaviour: HookBehaviour) -> None:
        self.behaviour = behaviour
        self._state = state
        self._lock = threading.RLock()
        self._courier = Courier("keap-hooks")
        self._chance = random.Random(behaviour.seed)  # noqa: S311 - no secret, and it must be repeatable
        self._subscriptions: dict[str, _Subscription] = {}
        self._last_key = 0
        self._gathered: dict[str, list[_Change]] = {}
        self._deliveries: list[Delivery] = []

    # --- for tests

    @property
    def subscriptions(self) -> list[dict[str, str]]:
        """All subscriptions, as Keap lists them."""
        with self._lock:
            return [hook.shown() for hook in self._subscriptions.values()]

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt so far, verifications included, oldest first."""
        with self._lock:
            return list(self._deliveries)

    def deactivate(self, key: str) -> None:
        """Lets a subscription fall silent, as happens without a word.

        Raises:
            KeyError: When there is none.
        """
        with self._lock:
            self._subscriptions[key].status = INACTIVE

    def flush(self, timeout: float = 10.0) -> None:
        """Waits until everything is delivered or given up.

        Raises:
            TimeoutError: When that takes longer.
        """
        self._courier.flush(timeout)

    def close(self) -> None:
        """Delivers nothing any more; for the emulator."""
        self._state.changed = None
        self._courier.close()

    def __repr__(self) -> str:
        return f"<{len(self._subscriptions)} hooks>"

    # --- changes become deliveries

    def note(self, table: str, what: str, ids: Sequence[str], moment: str) -> None:
        """Tells of changed records; for the state."""
        event_key = f"{_KINDS[table]}.{what}"
        with self._lock:
            if not any(hook.event_key == event_key for hook in self._subscriptions.values()):
                return
            waiting = self._gathered.setdefault(event_key, [])
            waiting += [_Change(id, moment) for id in ids]
            if len(waiting) == len(ids):
                self._courier.later(self._pause(0), lambda: self._send_gathered(event_key))

    def _pause(self, attempt: int) -> float:
        return self._chance.uniform(*_ATTEMPTS[attempt]) * self.behaviour.time_scale

    def _send_gathered(self, event_key: str) -> None:
        with self._lock:
            changes = self._gathered.pop(event_key, [])
            hooks = [h for h in self._subscriptions.values() if h.event_key == event_key and h.status == VERIFIED]
            size = self.behaviour.most_ids
            for start in range(0, len(changes), size):
                body = _body(event_key, changes[start : start + size])
                ids = tuple(change.id for change in changes[start : start + size])
                for hook in hooks:
                    for _ in range(2 if self._chance.random() < self.behaviour.duplicates else 1):
                        held = self._chance.random() < self.behaviour.reordered
                        pause = self._pause(0) if held else 0.0
                        self._courier.later(pause, partial(self._attempt, hook.key, event_key, ids, body, 0))

    def _attempt(self, key: str, event_key: str, ids: tuple[str, ...], body: bytes, number: int) -> None:
        with self._lock:
            hook = self._subscriptions.get(key)
            if hook is None or hook.status != VERIFIED:
                return
            url = hook.hook_url
        answered = post(url, {"Content-Type": "application/json"}, body, self.behaviour.timeout)
        delivery = Delivery(event_key, ids, number + 1, answered.status, body)
        with self._lock:
            self._deliveries.append(delivery)
            if delivery.arrived:
                return
            if answered.status == 410 or number + 1 == len(_ATTEMPTS):
                hook.status = INACTIVE
                return
            following = number + 1
            self._courier.later(self._pause(following), partial(self._attempt, key, event_key, ids, body, following))

    def _verify(self, key: str) -> None:
        with self._lock:
            hook = self._subscriptions.get(key)
            if hook is None:
                return
            secret = hook.secret = secrets.token_hex(16)
            url, event_key = hook.hook_url, hook.event_key
        headers = {"X-Hook-Secret": secret, "Content-Type": "application/json"}
        answered = post(url, headers, b"", self.behaviour.timeout)
        verified = answered.status == 200 and answered.headers.get("x-hook-secret") == secret
        with self._lock:
            self._deliveries.append(Delivery("verification", (), 1, answered.status, b""))
            if verified and hook.hook_url == url and hook.event_key == event_key:
                hook.status = VERIFIED

    # --- the endpoints

    def routes(self) -> list[Route]:
        """What is served below `/crm/rest/v1`."""
        return [
            Route("/hooks", self._list, methods=["GET"]),
            Route("/hooks", self._create, methods=["POST"]),
            Route("/hooks/event_keys", self._list_event_keys, methods=["GET"]),
            Route("/hooks/{key}", self._get, methods=["GET"]),
            Route("/hooks/{key}", self._update, methods=["PUT"]),
            Route("/hooks/{key}", self._delete, methods=["DELETE"]),
            Route("/hooks/{key}/verify", self._verify_again, methods=["POST"]),
            Route("/hooks/{key}/delayedVerify", self._verify_delayed, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        return _json(self.subscriptions)

    async def _list_event_keys(self, request: Request) -> Response:
        return _json(EVENT_KEYS)

    async def _get(self, request: Request) -> Response:
        with self._lock:
            hook = self._subscriptions.get(request.path_params["key"])
            return _missing() if hook is None else _json(hook.shown())

    async def _create(self, request: Request) -> Response:
        wanted = await _wanted(request)
        if isinstance(wanted, Response):
            return wanted
        with self._lock:
            self._last_key += 1
            hook = _Subscription(str(self._last_key), *wanted)
            self._subscriptions[hook.key] = hook
            # From now on somebody wants to know.
            self._state.changed = self.note
        await self._ask(hook.key)
        return self._shown(hook, 201)

    async def _update(self, request: Request) -> Response:
        wanted = await _wanted(request)
        if isinstance(wanted, Response):
            return wanted
        with self._lock:
            hook = self._subscriptions.get(request.path_params["key"])
            if hook is None:
                return _missing()
            hook.event_key, hook.hook_url = wanted
            hook.status = UNVERIFIED
        await self._ask(hook.key)
        return self._shown(hook)

    async def _delete(self, request: Request) -> Response:
        with self._lock:
            if self._subscriptions.pop(request.path_params["key"], None) is None:
                return _missing()
            if not self._subscriptions:
                self._state.changed = None
        return Response(status_code=204)

    async def _verify_again(self, request: Request) -> Response:
        with self._lock:
            hook = self._subscriptions.get(request.path_params["key"])
            if hook is None:
                return _missing()
        await self._ask(hook.key)
        return self._shown(hook)

    async def _verify_delayed(self, request: Request) -> Response:
        with self._lock:
            hook = self._subscriptions.get(request.path_params["key"])
            if hook is None:
                return _missing()
            given = request.headers.get("x-hook-secret", "")
            if not hook.secret or not secrets.compare_digest(given.encode(), hook.secret.encode()):
                return _refused("X-Hook-Secret is not the one that was sent last")
            hook.status = VERIFIED
            return _json(hook.shown())

    def _shown(self, hook: _Subscription, status: int = 200) -> Response:
        with self._lock:
            return _json(hook.shown(), status)

    async def _ask(self, key: str) -> None:
        if self.behaviour.verify_before_answering:
            await run_in_threadpool(self._verify, key)
        else:
            self._courier.later(0, lambda: self._verify(key))


async def _wanted(request: Request) -> tuple[str, str] | Response:
    """The event and the address in a request, or the refusal."""
    try:
        body = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError):
        return _refused("the body is not valid JSON")
    event_key, url = (body.get(n) if isinstance(body, dict) else None for n in ("eventKey", "hookUrl"))
    if not isinstance(event_key, str) or not isinstance(url, str):
        return _refused("eventKey and hookUrl must be given")
    if event_key not in EVENT_KEYS:
        return _refused("eventKey is not one of the event keys")
    try:
        check_address(url)
    except ValueError as error:
        return _refused(f"hookUrl: {error}")
    return event_key, url


def _body(event_key: str, changes: Iterable[_Change]) -> bytes:
    kind = event_key.partition(".")[0]
    table = next(name for name, each in _KINDS.items() if each == kind)
    api = f"https://api.infusionsoft.com/crm/rest/v1/{table}"
    keys = [{"id": int(c.id), "apiUrl": f"{api}/{c.id}", "timestamp": c.moment} for c in changes]
    return msgspec.json.encode({"event_key": event_key, "object_type": kind, "object_keys": keys})


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _refused(message: str) -> Response:
    return _json({"message": message}, 400)


def _missing() -> Response:
    return _json({"message": "There is no such hook"}, 404)
