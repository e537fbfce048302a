"""The endpoints of Keap's REST hooks as values, and a hook as they show it. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from attrs import field, frozen

from keapbridge._io.calls import Answer, Call
from keapbridge._io.secret import Secret
from keapbridge._json.codec import dump_json, load_json
from keapbridge.errors import ShapeError
from keapbridge.model.given import one_id, text

__all__ = [
    "INACTIVE",
    "UNVERIFIED",
    "VERIFIED",
    "Hook",
    "check_address",
    "delayed_verify",
    "delete",
    "get",
    "list_event_keys",
    "list_hooks",
    "subscribe",
    "update",
    "verify",
]

VERIFIED, UNVERIFIED, INACTIVE = "Verified", "Unverified", "Inactive"

_PATH = "/v1/hooks"
_ROUTE = f"{_PATH}/{{key}}"


def _origin(url: str) -> str:
    # The rest of the address is what keeps strangers from sending to it.
    parts = urlsplit(url)
    return repr(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…")


@frozen
class Hook:
    """One subscription: Keap sends the events of one kind to one address.

    Attributes:
        key: Keap's id of it.
        event_key: such as `contact.edit`; see `event_keys()`.
        hook_url: where deliveries go. Whoever knows it can send some too, so `repr` shows its host only.
        status: `"Unverified"` (the receiver has not answered the verification yet), `"Verified"`, or `"Inactive"`:
            Keap has given the receiver up and sends nothing any more, until `verify` succeeds.
    """

    key: str
    event_key: str
    hook_url: str = field(repr=_origin)
    status: str

    @property
    def is_verified(self) -> bool:
        """Whether Keap sends its events."""
        return self.status == VERIFIED


def list_hooks() -> Call[tuple[Hook, ...]]:
    """All subscriptions of this application."""
    return Call("GET", _PATH, _decode_hooks, subject="the hooks")


def list_event_keys() -> Call[tuple[str, ...]]:
    """The events that can be subscribed to."""
    return Call("GET", f"{_PATH}/event_keys", _decode_event_keys, subject="the event keys of hooks")


def get(key: str) -> Call[Hook]:
    """One subscription."""
    return Call("GET", _one(key), _decode_hook, subject=f"hook {key}", route=_ROUTE)


def subscribe(event_key: str, url: str) -> Call[Hook]:
    """A new subscription. A second one of the same event would make every delivery come twice: not repeated."""
    body = _wanted(event_key, url)
    return Call("POST", _PATH, _decode_hook, body=body, subject=f"a hook for {event_key}", repeatable=False)


def update(key: str, event_key: str, url: str) -> Call[Hook]:
    """Another event or address for a subscription."""
    return Call("PUT", _one(key), _decode_hook, body=_wanted(event_key, url), subject=f"hook {key}", route=_ROUTE)


def verify(key: str) -> Call[Hook]:
    """Ask for another verification."""
    return Call("POST", f"{_one(key)}/verify", _decode_hook, subject=f"hook {key}", route=f"{_ROUTE}/verify")


def delayed_verify(key: str, secret: str) -> Call[Hook]:
    """Verify with the secret that the receiver was sent before."""
    headers = (("X-Hook-Secret", Secret(text("secret", secret, example="…"))),)
    return Call(
        "POST",
        f"{_one(key)}/delayedVerify",
        _decode_hook,
        headers=headers,
        subject=f"hook {key}",
        route=f"{_ROUTE}/delayedVerify",
    )


def delete(key: str) -> Call[None]:
    """End a subscription."""
    return Call("DELETE", _one(key), lambda _: None, subject=f"hook {key}", route=_ROUTE)


def _one(key: str) -> str:
    return f"{_PATH}/{quote(one_id('key', key), safe='')}"


def _wanted(event_key: str, url: str) -> bytes:
    text("event_key", event_key, example="contact.edit")
    check_address("url", url)
    return dump_json({"eventKey": event_key, "hookUrl": url})


def check_address(what: str, url: Any) -> str:
    """Where hooks are delivered to; refused unless it is a URL."""
    example = "https://bridge.example.com/keap/…"
    given = text(what, url, example=example, most=2000)
    if urlsplit(given).scheme not in {"http", "https"} or not urlsplit(given).netloc:
        raise ValueError(f"{what}: the address of a hook must be an http(s) URL, such as {what}={example!r}")
    return given


class _WireHook(msgspec.Struct):
    key: int | str
    eventKey: str  # noqa: N815 - Keap's name
    hookUrl: str  # noqa: N815 - Keap's name
    status: str


def _decode_hook(answer: Answer) -> Hook:
    return _hook(_typed(answer, _WireHook))


def _decode_hooks(answer: Answer) -> tuple[Hook, ...]:
    return tuple(map(_hook, _typed(answer, list[_WireHook])))


def _decode_event_keys(answer: Answer) -> tuple[str, ...]:
    return tuple(_typed(answer, list[str]))


def _hook(wire: _WireHook) -> Hook:
    return Hook(str(wire.key), wire.eventKey, wire.hookUrl, wire.status)


def _typed(answer: Answer, shape: Any) -> Any:
    content = load_json(answer)
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError as error:
        # Its message names types and the place, never a value.
        what, _, place = str(error).partition(" - at `")
        path = place.rstrip("`") or "$"
        raise ShapeError(f"{path}: {what}", paths=(path,), status=answer.status) from None
