"""What the receiver takes, what it refuses, and what it logs of that."""

from __future__ import annotations

import asyncio
import builtins
import itertools
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, select
from webhook_requests import JSON, STAMP, Answered, delivery, message, request

import keapbridge as kb
from keapbridge.errors import LinkStoreError
from keapbridge.keap.hooks import EVENTS
from keapbridge.store.opening import memory_engine
from keapbridge.store.schema import inbox
from keapbridge.testing._webhooks import new_secret
from keapbridge.webhooks import WebhookApp

Sessions = Callable[..., kb.SyncSession]
Sign = Callable[..., Mapping[str, str]]

PERSON = "ada.lovelace@example.org"
PHONE = "+47 22 33 44 55"


def post(app: WebhookApp, path: str, body: bytes | list[bytes] = b"", headers: Mapping[str, str] = JSON) -> Answered:
    async def once() -> Answered:
        try:
            return await request(app, path, body, headers)
        finally:
            await app.aclose()

    return asyncio.run(once())


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One store for all tests here: each has a bridge of its own in it."""
    made = memory_engine()
    yield made
    made.dispose()


NAMES = itertools.count()


@pytest.fixture
def session(engine: Engine) -> Iterator[kb.SyncSession]:
    """A session whose systems are not there: nothing here gets as far as asking them."""
    nowhere = "http://127.0.0.1:9"
    with (
        kb.KeapClient(auth=kb.KeapApiKey("KeapAK-none"), base_url=nowhere) as keap,
        kb.CustomcrmClient(nowhere, auth=kb.BearerToken("none")) as crm,
        kb.SyncSession(customcrm=crm, keap=keap, store=engine, name=f"test {next(NAMES)}") as made,
    ):
        yield made


def kept(app: WebhookApp) -> int:
    """How many rows the inbox of this receiver has."""
    store = app._inbox.store
    with store.database.transaction() as c:
        return len(c.execute(select(inbox.c.seq).where(inbox.c.bridge == store.bridge)).all())


@pytest.fixture
def idle(session: kb.SyncSession, secret: str) -> WebhookApp:
    """A receiver that keeps what is delivered, and syncs it some other day."""
    return kb.webhooks.asgi_app(session, customcrm_secret=secret, delay=86_400)


# --- the verification -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, JSON, {"content-type": "text/plain"}])
@pytest.mark.parametrize("body", [b"", b"{}", b"not JSON"])
def test_a_verification_is_answered_with_its_secret(idle: WebhookApp, headers: dict[str, str], body: bytes) -> None:
    answered = post(idle, idle.keap_path, body, {**headers, "X-Hook-Secret": "abc123"})
    assert (answered.status, answered.headers["x-hook-secret"]) == (200, "abc123")
    assert idle.pending == 0


@pytest.mark.parametrize("value", ["", "with space", "x" * 257, "ümlaut", "tab\there"])
def test_a_secret_that_is_no_plain_text_is_not_sent_back(idle: WebhookApp, value: str) -> None:
    answered = post(idle, idle.keap_path, b"", {"X-Hook-Secret": value})
    assert answered.status == 400
    assert "x-hook-secret" not in answered.headers


def test_a_delivery_that_comes_with_a_secret_is_taken_too(idle: WebhookApp) -> None:
    answered = post(idle, idle.keap_path, delivery("contact.edit", 12), {**JSON, "X-Hook-Secret": "abc123"})
    assert (answered.status, answered.headers["x-hook-secret"], idle.pending) == (200, "abc123", 1)


# --- deliveries of Keap's -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_key", EVENTS)
def test_every_event_of_the_three_objects_is_taken(idle: WebhookApp, event_key: str) -> None:
    assert post(idle, idle.keap_path, delivery(event_key, 12, "13")).status == 200
    assert idle.pending == 2


def test_properties_that_are_not_known_are_passed_over(idle: WebhookApp) -> None:
    body = json.loads(delivery("contact.edit", 12, api_url="", since="2027"))
    body["object_keys"][0]["more"] = True
    assert post(idle, idle.keap_path, json.dumps(body).encode()).status == 200


def test_a_thousand_ids_are_taken_and_not_one_more(idle: WebhookApp) -> None:
    assert post(idle, idle.keap_path, delivery("contact.edit", *range(1, 1001))).status == 200
    assert idle.pending == 1000
    assert post(idle, idle.keap_path, delivery("contact.edit", *range(2001, 3002))).status == 422
    assert idle.pending == 1000


def test_a_delivery_that_comes_twice_is_kept_once(idle: WebhookApp) -> None:
    for _ in range(2):
        assert post(idle, idle.keap_path, delivery("contact.edit", 12, 13)).status == 200
    assert kept(idle) == 2


@pytest.mark.parametrize(
    "stamp", ["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05.000+0100", "2026-01-02T03:04:05"]
)
def test_times_are_taken_in_the_forms_that_keap_writes(idle: WebhookApp, stamp: str) -> None:
    assert post(idle, idle.keap_path, delivery("contact.edit", 12, stamp=stamp)).status == 200


MALFORMED = {
    "no JSON": (b"\xff{", 400),
    "nothing": (b"", 400),
    "too deep": (b"[" * 100_000, 400),
    "no object": (b"[]", 422),
    "no event": (json.dumps({"object_keys": [{"id": 1, "timestamp": STAMP}]}).encode(), 422),
    "no ids": (delivery("contact.edit"), 422),
    "unknown event": (delivery("contact.sneeze", 12), 422),
    "event of another kind": (delivery("contact.edit", 12, object_type="company"), 422),
    "event is no text": (delivery("contact.edit", 12, event_key=3), 422),
    "ids are no list": (delivery("contact.edit", object_keys={"id": 12}), 422),
    "id is a name": (delivery("contact.edit", PERSON), 422),
    "id is negative": (delivery("contact.edit", -12), 422),
    "id is zero": (delivery("contact.edit", 0), 422),
    "id is huge": (delivery("contact.edit", 2**70), 422),
    "id has a line end": (delivery("contact.edit", "12\n"), 422),
    "id is a list": (delivery("contact.edit", object_keys=[{"id": [12], "timestamp": STAMP}]), 422),
    "no time": (delivery("contact.edit", object_keys=[{"id": 12}]), 422),
    "time is a name": (delivery("contact.edit", 12, stamp="Ada"), 422),
    "time out of range": (delivery("contact.edit", 12, stamp="0001-01-01T00:00:00+23:00"), 422),
    "address is a number": (delivery("contact.edit", object_keys=[{"id": 12, "apiUrl": 3, "timestamp": STAMP}]), 422),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_malformed_is_refused_and_nothing_of_it_kept(idle: WebhookApp, what: str) -> None:
    body, status = MALFORMED[what]
    assert post(idle, idle.keap_path, body).status == status
    assert idle.pending == 0


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_that_does_not_say_json_is_refused(idle: WebhookApp, kind: str) -> None:
    assert post(idle, idle.keap_path, delivery("contact.edit", 12), {"content-type": kind}).status == 415


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/hal+json"])
def test_json_may_be_spelt_as_usual(idle: WebhookApp, kind: str) -> None:
    assert post(idle, idle.keap_path, delivery("contact.edit", 12), {"content-type": kind}).status == 200


# --- size, method, address ------------------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_not_read(session: kb.SyncSession) -> None:
    app = kb.webhooks.asgi_app(session, max_body=1000)
    read: list[str] = []

    async def scenario() -> int:
        sent: list[Any] = []

        async def receive() -> Any:
            read.append("a part")
            return {"type": "http.request", "body": b"x" * 2000, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json"), (b"content-length", b"2000")]
        await app({"type": "http", "method": "POST", "path": app.keap_path, "headers": headers}, receive, send)
        await app.aclose()
        return int(sent[0]["status"])

    assert asyncio.run(scenario()) == 413
    assert read == []


def test_a_body_that_turns_out_too_large_is_read_no_further(session: kb.SyncSession) -> None:
    app = kb.webhooks.asgi_app(session, max_body=1000)
    assert post(app, app.keap_path, [b"x" * 600] * 100).status == 413
    body = delivery("contact.edit", 12)
    assert post(app, app.keap_path, body + b" " * (1000 - len(body))).status == 200


def test_a_body_may_come_in_parts(idle: WebhookApp) -> None:
    body = delivery("contact.edit", 12)
    assert post(idle, idle.keap_path, [body[:5], b"", body[5:]]).status == 200


def test_a_sender_that_goes_away_leaves_nothing(idle: WebhookApp) -> None:
    async def scenario() -> list[Any]:
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await idle({"type": "http", "method": "POST", "path": idle.keap_path, "headers": []}, receive, send)
        await idle.aclose()
        return sent

    assert asyncio.run(scenario()) == []
    assert idle.pending == 0


@pytest.mark.parametrize("length", ["many", "-1", "1e3", "²"])
def test_a_length_that_is_no_number_is_refused(idle: WebhookApp, length: str) -> None:
    headers = {**JSON, "content-length": length}
    assert post(idle, idle.keap_path, delivery("contact.edit", 12), headers).status == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_post_is_taken(idle: WebhookApp, method: str) -> None:
    answered = asyncio.run(request(idle, idle.keap_path, method=method))
    assert (answered.status, answered.headers["allow"]) == (405, "POST")


def test_who_does_not_know_the_token_finds_nothing(idle: WebhookApp) -> None:
    wrong = ["/", "", "/keap", "/keap/", "/keap/guess", idle.keap_path + "/", idle.keap_path[:-1], idle.keap_path + "x"]
    assert {post(idle, path, delivery("contact.edit", 12)).status for path in [*wrong, "/keap/\udc80"]} == {404}
    assert idle.pending == 0


def test_without_a_secret_there_is_no_address_for_a_customcrm(session: kb.SyncSession, sign: Sign) -> None:
    app = kb.webhooks.asgi_app(session)
    body = message("contact.updated", "A7")
    assert app.customcrm_path is None
    assert post(app, "/customcrm", body, sign(body)).status == 404


def test_the_address_is_below_the_place_of_mounting(idle: WebhookApp) -> None:
    async def scenario() -> list[int]:
        body = delivery("contact.edit", 12)
        answered = [
            await request(idle, f"/hooks{idle.keap_path}", body, root_path="/hooks"),
            await request(idle, f"/hooks{idle.keap_path}", body, root_path="/hooks/"),
            await request(idle, idle.keap_path, body, root_path="/hooks"),
            await request(idle, f"/other{idle.keap_path}", body, root_path="/hooks"),
        ]
        await idle.aclose()
        return [each.status for each in answered]

    assert asyncio.run(scenario()) == [200, 200, 200, 404]


# --- signed webhooks of a Customcrm ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event", [f"{kind}.{w}" for kind in ("contact", "customer", "product") for w in ("created", "updated", "deleted")]
)
def test_a_signed_message_is_taken(idle: WebhookApp, sign: Sign, event: str) -> None:
    one, several = message(event, "A7"), message(event, "A8", "A9")
    assert post(idle, "/customcrm", one, sign(one, "msg_1")).status == 200
    assert post(idle, "/customcrm", several, sign(several, "msg_2")).status == 200
    assert idle.pending == 3


def test_a_forged_message_is_refused(idle: WebhookApp, sign: Sign) -> None:
    body, other = message("contact.updated", "A7"), message("contact.updated", "A8")
    good = dict(sign(body))
    forged: list[tuple[bytes, Mapping[str, str]]] = [
        (body, JSON),
        (other, good),
        (body, sign(body, secret=new_secret())),
        (body, {**good, "webhook-id": "msg_2"}),
        (body, {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}),
        (body, {**good, "webhook-timestamp": "soon"}),
        (body, {**good, "webhook-timestamp": "nan"}),
        (body, {**good, "webhook-signature": good["webhook-signature"].replace("v1,", "v2,")}),
        (body, {**good, "webhook-signature": "v1,"}),
        (body, {**good, "webhook-signature": "nonsense"}),
        (body, {**good, "webhook-signature": "v1,ümlaut"}),
        (body, {**good, "webhook-id": ""}),
        (body, {**good, "webhook-id": "x" * 300}),
        (b"\xff\xfe", good),
        *((body, {k: v for k, v in good.items() if k != name}) for name in good if name.startswith("webhook-")),
    ]
    assert [post(idle, "/customcrm", b, h).status for b, h in forged] == [401] * len(forged)
    assert idle.pending == 0


@pytest.mark.parametrize("seconds", [-301, -86_400, 600, 86_400])
def test_a_message_of_another_time_is_refused(idle: WebhookApp, sign: Sign, seconds: int) -> None:
    body = message("contact.updated", "A7")
    assert post(idle, "/customcrm", body, sign(body, at=time.time() + seconds)).status == 401
    assert idle.pending == 0


def test_a_replayed_message_is_refused(idle: WebhookApp, sign: Sign) -> None:
    body = message("contact.updated", "A7")
    headers = sign(body)
    assert [post(idle, "/customcrm", body, headers).status for _ in range(3)] == [200, 409, 409]
    # Nor is an older signature of it taken.
    assert post(idle, "/customcrm", body, sign(body, at=time.time() - 60)).status == 409


def test_a_message_that_its_sender_signs_anew_is_taken_and_kept_once(idle: WebhookApp, sign: Sign) -> None:
    body = message("contact.updated", "A7")
    assert post(idle, "/customcrm", body, sign(body, at=time.time() - 60)).status == 200
    assert post(idle, "/customcrm", body, sign(body)).status == 200
    assert kept(idle) == 1


def test_two_messages_with_the_same_time_are_both_kept(idle: WebhookApp, sign: Sign) -> None:
    body = message("contact.updated", "A7")
    for id in ("msg_1", "msg_2"):
        assert post(idle, "/customcrm", body, sign(body, id)).status == 200
    assert kept(idle) == 2


def test_while_a_secret_is_changed_both_are_accepted(session: kb.SyncSession, sign: Sign, secret: str) -> None:
    new = new_secret()
    app = kb.webhooks.asgi_app(session, customcrm_secret=[new, secret], delay=86_400)
    body = message("contact.updated", "A7")
    assert post(app, "/customcrm", body, sign(body, "msg_1")).status == 200
    assert post(app, "/customcrm", body, sign(body, "msg_2", secret=new)).status == 200
    assert post(app, "/customcrm", body, sign(body, "msg_3", secret=new_secret())).status == 401


UNFIT = {
    "no JSON": (b"{", 400),
    "no object": (b'"A7"', 422),
    "unknown type": (message("contact.sneezed", "A7"), 422),
    "Keap's word": (message("company.updated", "A7"), 422),
    "no id": (message("contact.updated", "A7", data={}), 422),
    "both": (message("contact.updated", "A7", data={"id": "A7", "ids": ["A8"]}), 422),
    "no ids": (message("contact.updated", "A7", data={"ids": []}), 422),
    "too many ids": (message("contact.updated", *map(str, range(1001))), 422),
    "empty id": (message("contact.updated", ""), 422),
    "id is a number": (message("contact.updated", "A7", data={"id": 7}), 422),
    "id has a line end": (message("contact.updated", "A7\n"), 422),
    "long id": (message("contact.updated", "A" * 256), 422),
    "no time": (message("contact.updated", "A7", timestamp=None), 422),
    "time is a name": (message("contact.updated", "A7", timestamp="Ada"), 422),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_is_signed_must_fit_too(idle: WebhookApp, sign: Sign, what: str) -> None:
    body, status = UNFIT[what]
    assert post(idle, "/customcrm", body, sign(body)).status == status
    assert idle.pending == 0


def test_a_signed_message_must_say_that_it_is_json(idle: WebhookApp, sign: Sign) -> None:
    body = message("contact.updated", "A7")
    assert post(idle, "/customcrm", body, {**sign(body), "content-type": "text/plain"}).status == 415


# --- what is logged -------------------------------------------------------------------------------------------------


def test_refusals_are_logged_without_anything_that_was_sent(
    idle: WebhookApp, sign: Sign, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    planted = [PERSON, PHONE, "Lovelace", "10.11.12.13", idle.keap_path.rpartition("/")[2], secret]
    person = {"id": PERSON, "timestamp": PHONE, "Lovelace": "Lovelace"}
    loud = {"x-forwarded-for": "10.11.12.13", "user-agent": PERSON, "referer": PHONE}
    bodies = [
        delivery(f"contact.{PERSON}", 12),
        delivery("contact.edit", PERSON),
        delivery("contact.edit", 12, stamp=PHONE),
        delivery("contact.edit", object_keys=[person]),
        delivery("contact.edit", 12, object_type="Lovelace"),
        json.dumps({PERSON: PHONE}).encode(),
        PERSON.encode(),
    ]
    statuses = [post(idle, idle.keap_path, body, {**JSON, **loud}).status for body in bodies]
    statuses.append(post(idle, f"/keap/{PERSON}", bodies[0], {**JSON, **loud}).status)
    statuses.append(post(idle, idle.keap_path, b"", {**loud, "x-hook-secret": f"{PERSON} "}).status)
    statuses.append(post(idle, idle.keap_path, b"", {**loud, "content-type": PERSON}).status)
    for body in bodies:
        both = ({**JSON, **loud}, {**sign(body), **loud})
        statuses += [post(idle, "/customcrm", body, headers).status for headers in both]
    assert all(400 <= status < 500 for status in statuses)
    refusals = [r for r in caplog.records if r.name == "keapbridge.webhooks"]
    assert len(refusals) == len(statuses)
    assert {r.levelno for r in refusals} == {logging.WARNING}
    for text in planted:
        assert text not in caplog.text
    assert all(
        re.fullmatch(r"webhook refused: \d{3}, [\w ,.'\[\]/-]+ \(\d+ bytes read\)", r.getMessage()) for r in refusals
    )


def test_what_the_store_cannot_keep_is_not_acknowledged(
    idle: WebhookApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise LinkStoreError("the disk is full")

    monkeypatch.setattr(type(idle._inbox.store.database), "add_missing", fail)
    answered = post(idle, idle.keap_path, delivery("contact.edit", 12))
    assert (answered.status, answered.headers["retry-after"]) == (503, "60")
    assert "not taken" in caplog.text


def test_no_representation_shows_a_secret(app: WebhookApp, secret: str) -> None:
    assert repr(app) == f"<WebhookApp for {app._inbox.store.bridge!r}>"
    assert secret not in repr(vars(app))


# --- how it is made -------------------------------------------------------------------------------------------------


def test_the_address_is_made_once_and_kept(sessions: Sessions) -> None:
    first, second = (kb.webhooks.asgi_app(sessions()).keap_path for _ in range(2))
    assert first == second
    assert re.fullmatch(r"/keap/[0-9a-f]{32}", first)
    assert kb.webhooks.asgi_app(sessions(name="another")).keap_path != first


def test_the_token_can_be_given(session: kb.SyncSession) -> None:
    assert kb.webhooks.asgi_app(session, token="t" * 43).keap_path == "/keap/" + "t" * 43


@pytest.mark.parametrize(
    "options",
    [
        {"token": "short"},
        {"token": "with/slash/and/more/of/it"},
        {"customcrm_secret": ""},
        {"customcrm_secret": []},
        {"customcrm_secret": "…"},
        {"max_body": 0},
        {"delay": -1},
        {"reread_after": -1},
        {"retry": 0},
        {"retry_cap": 0.1},
    ],
)
def test_what_cannot_work_is_refused_at_once(session: kb.SyncSession, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(options)) as refused:
        kb.webhooks.asgi_app(session, **options)
    assert "short" not in str(refused.value)


def test_a_session_is_needed() -> None:
    with pytest.raises(TypeError, match="SyncSession"):
        kb.webhooks.asgi_app(object())  # type: ignore[arg-type]


def test_without_the_extra_the_error_names_it(session: kb.SyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("standardwebhooks"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    kb.webhooks.asgi_app(session)
    with pytest.raises(ImportError, match=r"keapbridge\[webhooks\]"):
        kb.webhooks.asgi_app(session, customcrm_secret=new_secret())


def test_who_receives_no_webhooks_does_not_load_the_receiver() -> None:
    script = (
        "import sys, keapbridge as kb; assert 'keapbridge.webhooks' not in sys.modules; "
        "kb.webhooks.asgi_app; sys.exit(bool({'starlette', 'standardwebhooks', 'uvicorn'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
