"""What is delivered, read strictly: bytes become the records they are about, or a refusal. Pure.

A refusal says what was wrong in words of this module's own, because it is logged: nothing of what was sent is in it.
Properties that are not known are passed over: a sender that learns to say more must not be refused for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec

from keapbridge.keap.hooks import EVENTS
from keapbridge.model.names import COMPANIES, CONTACTS, PRODUCTS
from keapbridge.model.side import Side
from keapbridge.store.inbox import Arrival

__all__ = ["MOST_IDS", "RefusedError", "customcrm_arrivals", "hook_secret", "json_expected", "keap_arrivals"]

MOST_IDS = 1000

T = TypeVar("T")

_OBJECTS = {"contact": CONTACTS, "company": COMPANIES, "customer": COMPANIES, "product": PRODUCTS}
_CUSTOMCRM_EVENTS = frozenset(
    f"{kind}.{what}" for kind in ("contact", "customer", "product") for what in ("created", "updated", "deleted")
)
_SECRET = re.compile(rb"[\x21-\x7e]{1,256}")
_MEDIA = re.compile(r"application/(?:[\w.+-]+\+)?json")


class RefusedError(Exception):
    """A request that is not taken.

    Attributes:
        status: the HTTP status to answer with, 4xx.
        reason: what was wrong, without anything of what was sent.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}, {reason}")
        self.status = status
        self.reason = reason


def hook_secret(value: bytes) -> bytes:
    """Keap's `X-Hook-Secret`, fit to be sent back in a header."""
    if not _SECRET.fullmatch(value):
        raise RefusedError(400, "X-Hook-Secret is no plain text of at most 256 characters")
    return value


def json_expected(content_type: str) -> None:
    """A body must say that it is JSON."""
    media = content_type.partition(";")[0].strip().lower()
    if not _MEDIA.fullmatch(media):
        raise RefusedError(415, "the content type is not application/json")


# --- Keap -----------------------------------------------------------------------------------------------------------

_KeapId = (
    Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] | Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,18}\Z")]
)


class _ObjectKey(msgspec.Struct):
    id: _KeapId
    timestamp: Annotated[str, msgspec.Meta(max_length=40)]
    apiUrl: str | None = None  # noqa: N815 - Keap's name


class _KeapDelivery(msgspec.Struct):
    event_key: str
    object_keys: Annotated[list[_ObjectKey], msgspec.Meta(min_length=1, max_length=MOST_IDS)]
    object_type: str | None = None


def keap_arrivals(body: bytes) -> tuple[Arrival, ...]:
    """The records of a delivery of Keap's.

    Raises:
        RefusedError: 400 when it is no JSON, 422 when it is no delivery.
    """
    delivery = _read(body, _KeapDelivery)
    if delivery.event_key not in EVENTS:
        raise RefusedError(422, "this receiver does not know the event_key")
    kind = delivery.event_key.partition(".")[0]
    if delivery.object_type is not None and delivery.object_type.lower() != kind:
        raise RefusedError(422, "object_type is not that of event_key")
    return tuple(
        Arrival(_OBJECTS[kind], Side.KEAP, str(key.id), delivery.event_key, _moment(key.timestamp, "timestamp"))
        for key in delivery.object_keys
    )


# --- Customcrm ------------------------------------------------------------------------------------------------------

_CustomcrmId = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{1,255}\Z")]


class _Data(msgspec.Struct):
    id: _CustomcrmId | msgspec.UnsetType = msgspec.UNSET
    ids: Annotated[list[_CustomcrmId], msgspec.Meta(min_length=1, max_length=MOST_IDS)] | msgspec.UnsetType = (
        msgspec.UNSET
    )


class _CustomcrmMessage(msgspec.Struct):
    type: str
    timestamp: Annotated[str, msgspec.Meta(max_length=40)]
    data: _Data


def customcrm_arrivals(body: bytes, message_id: str) -> tuple[Arrival, ...]:
    """The records of a Customcrm's webhook, which is known to be genuine.

    Raises:
        RefusedError: 400 when it is no JSON, 422 when it is no message.
    """
    message = _read(body, _CustomcrmMessage)
    if message.type not in _CUSTOMCRM_EVENTS:
        raise RefusedError(422, "type is none that this receiver knows")
    _moment(message.timestamp, "timestamp")
    one, many = message.data.id, message.data.ids
    if (one is msgspec.UNSET) is (many is msgspec.UNSET):
        raise RefusedError(422, "data must have either id or ids")
    ids = [one] if isinstance(one, str) else list(many or ())
    kind = message.type.partition(".")[0]
    # Two changes may be told with one time; never with one message id.
    return tuple(Arrival(_OBJECTS[kind], Side.CUSTOMCRM, id, message.type, message_id) for id in ids)


# --- parts ----------------------------------------------------------------------------------------------------------


def _read(body: bytes, shape: type[T]) -> T:
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(content, Mapping):
        raise RefusedError(422, "the body is no JSON object")
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError as error:
        # The rest of its message may say more than types.
        place = re.search(r"at `\$([.\w\[\]]{1,60})`$", str(error))
        where = place[1].removeprefix(".") if place else "a property"
        raise RefusedError(422, f"{where} is missing or not as it must be") from None


def _moment(text: str, name: str) -> str:
    """A time, in one spelling for all."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        raise RefusedError(422, f"{name} is no time in ISO 8601") from None
