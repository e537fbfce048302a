"""A refusal says what the server said, within bounds, without secrets and without what may be known of people."""

from __future__ import annotations

import json

import pytest

from keapbridge._io.calls import Answer, Call
from keapbridge._io.refusals import refusal
from keapbridge._io.secret import Secret
from keapbridge.errors import AuthError, NotFoundError, StatusError

URL = "https://crm.example.com/api/contacts/7"
CALL: Call[None] = Call("GET", "/contacts/7", lambda _: None, subject="contact 7")


def told(
    status: int, body: bytes = b"", *, url: str = URL, secrets: tuple[str, ...] = (), **headers: str
) -> StatusError:
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return refusal(CALL, url, answer, map(Secret, secrets))


def test_it_names_the_record_and_says_what_the_server_said() -> None:
    error = told(422, b'{"errors": [{"field": "Region", "message": "is unknown"}]}', x_request_id="42")
    assert str(error) == f"422 for contact 7: Region: is unknown (GET {URL})"
    assert (error.status, error.request_id, error.code) == (422, "42", None)
    assert isinstance(told(410), NotFoundError)
    assert isinstance(told(403), AuthError)
    assert told(400, b'{"error": "invalid_grant", "error_description": "used up"}').code == "invalid_grant"
    assert told(400, b'{"error": {"code": "invalid_grant"}}').code is None


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/html"])
def test_it_is_of_no_great_length_and_shows_no_secret_and_no_address(kind: str) -> None:
    said = f"s3cr3t-of-the-host is wrong for ada@example.org, +47 22 22 22 22, {'A1b2' * 10} " + "and so on " * 100
    body = {
        "text/plain": said,
        "application/json": json.dumps({"error": {"message": said}}),
        "text/html": f"<title>{said[:480]}</title>",
    }[kind]
    message = str(told(500, body.encode(), secrets=("s3cr3t-of-the-host",), content_type=kind))
    assert len(message) < 400
    assert "is wrong for ‹e-mail› ‹number›, ‹key› and so on" in message
    assert "s3cr3t" not in message


@pytest.mark.parametrize(
    ("location", "words"),
    [
        (
            "https://crm.example.com/api/v2/contacts/7?token=abc",
            "it redirects to https://crm.example.com/api/v2/contacts/7: ",
        ),
        ("/api/contacts/7/", "it redirects to https://crm.example.com/api/contacts/7/: give the client the address"),
        ("//ada:pw@other.example:8443/x#y", "it redirects to https://other.example:8443/x: "),
        (
            "https://crm.example.com/login?next=/api",
            "https://crm.example.com/login, where people log in: check the cred",
        ),
        ("https://[::1]:99/x", "it redirects to https://[::1]:99/x: "),
        ("https://[oops", "it redirects to what is no address"),
        ("https://x:99999999/", "it redirects to what is no address"),
        ("https://crm.example.com/s3cr3t-of-the-host/x", "https://crm.example.com/‹"),
        (None, "it redirects, and does not say where to"),
    ],
)
def test_a_redirect_says_where_to(location: str | None, words: str) -> None:
    headers = {} if location is None else {"location": location}
    error = told(302, b"<title>Found</title>", secrets=("s3cr3t-of-the-host",), **headers)
    assert str(error).startswith("302 for contact 7: it redirects")
    assert words in str(error)
    assert [part for part in ("token", "pw@", "s3cr3t", "next=") if part in str(error)] == []
