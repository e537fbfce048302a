"""Signed webhooks after the Standard Webhooks specification: only a holder of the secret can have sent them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from keapbridge.model.given import wrong
from keapbridge.store.inbox import Message
from keapbridge.webhooks.deliveries import RefusedError

if TYPE_CHECKING:
    from standardwebhooks.webhooks import Webhook

__all__ = ["Secrets", "signed_message", "verifiers"]

Secrets = str | bytes | Sequence[str | bytes]
"""One secret, or several: all of them are accepted while a sender changes from one to another."""

_ID = re.compile(r"[\x21-\x7e]{1,255}")


def verifiers(given: Secrets) -> tuple[Webhook, ...]:
    """What checks signatures.

    Raises:
        ImportError: without the `webhooks` extra.
        ValueError: when a secret is empty or not in base64.
    """
    try:
        from standardwebhooks.webhooks import Webhook
    except ImportError as error:
        raise ImportError(
            "signed webhooks need standardwebhooks: pip install 'keapbridge[webhooks]'", name=error.name
        ) from error
    if not isinstance(given, (str, bytes)) and (not isinstance(given, Iterable) or isinstance(given, Mapping)):
        raise wrong("customcrm_secret", "a secret or several, such as customcrm_secret='whsec_…'", given)
    secrets = [given] if isinstance(given, (str, bytes)) else list(given)
    if not all(secrets) or not secrets:
        raise ValueError("customcrm_secret is empty: leave it out, or give at least one secret")
    made: list[Webhook] = []
    for secret in secrets:
        try:
            made.append(Webhook(secret))
        except Exception:  # noqa: BLE001 - of several kinds, and none may show the secret
            raise ValueError("customcrm_secret must be whsec_ and base64 of some bytes, or the bytes") from None
    return tuple(made)


def signed_message(webhooks: Sequence[Webhook], headers: Mapping[str, str], body: bytes) -> Message:
    """The message that these headers sign together with the body.

    Raises:
        RefusedError: 401 when no secret fits, or the signature is not of the last 5 minutes.
    """
    from standardwebhooks.webhooks import WebhookVerificationError

    id = headers.get("webhook-id", "")
    if not _ID.fullmatch(id):
        raise RefusedError(401, "webhook-id is missing or no plain text")
    reason = "the signature is not ours"
    for webhook in webhooks:
        try:
            webhook.verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError as error:
            reason = "the signature is too old or too new" if "timestamp too" in str(error) else reason
        except (ValueError, TypeError):
            continue  # a header in a form that the library does not expect
        else:
            return Message(id, int(float(headers["webhook-timestamp"])))
    raise RefusedError(401, reason)
