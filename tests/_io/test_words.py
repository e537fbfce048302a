"""The server's own words reach the person who reads the report, from whatever body its framework makes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keapbridge._io.words import words_of

TAKEN = "Email has already been taken"
BODIES: dict[str, tuple[Any, str]] = {
    "RFC 9457": (
        {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "The region is unknown."},
        "The region is unknown",
    ),
    "RFC 9457, title": ({"title": "Out of stock", "status": 409}, "Out of stock"),
    "RFC 9457, errors": (
        {"title": "Not valid", "errors": [{"detail": "must be a date", "pointer": "#/birth_date"}]},
        "Not valid; birth_date: must be a date",
    ),
    "RFC 7807": (
        {"title": "Not valid", "invalid-params": [{"name": "age", "reason": "must be positive"}]},
        "Not valid; age: must be positive",
    ),
    "DRF": (
        {"detail": "Authentication credentials were not provided."},
        "Authentication credentials were not provided",
    ),
    "DRF, fields": (
        {"email": ["Enter a valid email address."], "address": {"zip": ["Too long."]}, "non_field_errors": ["No."]},
        "email: Enter a valid email address; address.zip: Too long; No",
    ),
    "DRF, many": ([{}, {"name": ["This field is required."]}], "name: This field is required"),
    "FastAPI": (
        {"detail": [{"type": "missing", "loc": ["body", "email"], "msg": "Field required", "input": {"name": "Ada"}}]},
        "email: Field required",
    ),
    "FastAPI, object": ({"detail": {"code": "full", "message": "No room left"}}, "No room left"),
    "OData": (
        {
            "error": {
                "code": "400",
                "message": "The entity is not valid.",
                "details": [{"code": "1", "target": "Email", "message": "is required"}],
            }
        },
        "The entity is not valid; Email: is required",
    ),
    "OData 3": (
        {"odata.error": {"code": "", "message": {"lang": "en-US", "value": "No such entity"}}},
        "No such entity",
    ),
    "JSON:API": (
        {
            "errors": [
                {
                    "status": "422",
                    "title": "Invalid",
                    "detail": "is too short",
                    "source": {"pointer": "/data/attributes/name"},
                },
                {"status": "422", "title": "Unknown filter", "source": {"parameter": "filter"}},
            ]
        },
        "name: is too short; filter: Unknown filter",
    ),
    "Salesforce": (
        [
            {
                "message": "Required fields are missing",
                "errorCode": "REQUIRED_FIELD_MISSING",
                "fields": ["LastName", "Phone"],
            }
        ],
        "LastName, Phone: Required fields are missing",
    ),
    "Rails, texts": ({"errors": [TAKEN]}, TAKEN),
    "Rails, fields": ({"errors": {"email": ["has already been taken"]}}, "email: has already been taken"),
    "Rails, error": ({"status": 500, "error": "Internal Server Error"}, "Internal Server Error"),
    "Laravel": (
        {"message": "The given data was invalid.", "errors": {"email": ["The email field is required."]}},
        "The given data was invalid; email: The email field is required",
    ),
    "a text for each field": ({"errors": {"email": "is taken", "name": "is empty"}}, "email: is taken; name: is empty"),
    "Spring": (
        {
            "timestamp": "2026-11-28T10:00:00",
            "status": 400,
            "error": "Bad Request",
            "message": "Validation failed",
            "path": "/api/contacts",
            "errors": [{"field": "email", "defaultMessage": "must not be blank", "rejectedValue": "Ada Berg"}],
        },
        "Validation failed; email: must not be blank",
    ),
    "Symfony": (
        {"title": "An error occurred", "violations": [{"propertyPath": "email", "title": "This value is too long."}]},
        "An error occurred; email: This value is too long",
    ),
    "ASP.NET": (
        {"title": "One or more errors occurred.", "errors": {"Email": ["is not valid"]}, "traceId": "00-7"},
        "One or more errors occurred; Email: is not valid",
    ),
    "ASP.NET, old": (
        {"Message": "The request is invalid.", "ModelState": {"contact.Email": ["is required"]}},
        "The request is invalid; contact.Email: is required",
    ),
    "NestJS": (
        {"statusCode": 400, "message": ["email must be an email", "name is empty"], "error": "Bad Request"},
        "Bad Request; email must be an email; name is empty",
    ),
    "Express": ({"error": {"message": "No such contact"}}, "No such contact"),
    "express-validator": (
        {"errors": [{"msg": "Invalid value", "param": "email", "location": "body", "value": "Ada Berg"}]},
        "email: Invalid value",
    ),
    "GraphQL": (
        {"errors": [{"message": "is null", "path": ["contact", "email"], "extensions": {"code": "BAD"}}], "data": None},
        "contact.email: is null",
    ),
    "Strapi": (
        {
            "data": None,
            "error": {
                "status": 400,
                "name": "ValidationError",
                "message": "2 errors occurred",
                "details": {"errors": [{"path": ["email"], "message": "email must be unique"}]},
            },
        },
        "2 errors occurred; email must be unique",
    ),
    "HubSpot": (
        {"status": "error", "message": "Invalid input", "correlationId": "1-2", "category": "VALIDATION_ERROR"},
        "Invalid input",
    ),
    "PostgREST": (
        {"code": "23505", "details": "Key (name)=(Ada) already exists.", "hint": None, "message": "duplicate key"},
        "duplicate key",
    ),
    "Google": ({"error": {"code": 400, "message": "Bad page token", "status": "INVALID_ARGUMENT"}}, "Bad page token"),
    "Apigee, Keap": (
        {"fault": {"faultstring": "Spike arrest violation", "detail": {"errorcode": "policies.ratelimit"}}},
        "Spike arrest violation",
    ),
    "OAuth": ({"error": "invalid_grant", "error_description": "The code is used up"}, "The code is used up"),
    "a list of texts": (["first", "second"], "first; second"),
    "a text": ("Not today", "Not today"),
    "twice the same": ({"message": "No.", "errors": [{"message": "No"}]}, "No"),
    "the record that was sent": (
        {"Id": "7", "FirstName": "Ada", "Email": "x"},
        "not explained (application/json body)",
    ),
    "nothing": ({}, "not explained (application/json body)"),
    "a number": (7, "not explained (application/json body)"),
    "an empty text": ({"message": " ", "detail": None}, "not explained (application/json body)"),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_words_of_a_json_body(name: str) -> None:
    body, words = BODIES[name]
    assert words_of(json.dumps(body).encode(), "application/json; charset=utf-8") == words


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"No such contact", "text/plain", "No such contact"),
        ("Kaput: Größe".encode(), "", "Kaput: Größe"),
        (b"\n first line \n  Traceback: secret things", "text/plain; charset=utf-8", "first line"),
        (b"<html><head><title>502 Bad\n Gateway</title></head><h1>x</h1></html>", "text/html", "502 Bad Gateway"),
        (b"<!DOCTYPE html><body><h1 class='a'>We&#39;ll be back</h1>", "text/html", "We'll be back"),
        (b"<html><p>nothing to say</p></html>", "text/html", "not explained (text/html body)"),
        (b"<?xml version='1.0'?><Error><Code>1</Code><Message>Denied</Message></Error>", "application/xml", "Denied"),
        (b"<s:Envelope><s:Body><s:Fault><faultstring>Bad id</faultstring></s:Fault>", "text/xml", "Bad id"),
        (b"", "", "not explained (no body)"),
        (b"", "text/plain", "not explained (no body)"),
        (b"\xff\xfe\x00", "text/plain", "not explained (text/plain body)"),
        (b"%PDF-1.7", "application/pdf", "not explained (application/pdf body)"),
        (b'{"message": "cut of', "application/json", "not explained (application/json body)"),
        (b'{"message": "a\\u0000b\\nc"}', "application/json", "a b c"),
        (b"[" * 10_000, "application/json", "not explained (application/json body)"),
        (b'{"error":' * 40 + b'"deep"' + b"}" * 40, "application/json", "not explained (application/json body)"),
    ],
)
def test_the_words_of_any_other_body(body: bytes, kind: str, words: str) -> None:
    assert words_of(body, kind) == words


def test_what_is_said_has_a_bound() -> None:
    many = json.dumps({"errors": [{"field": f"f{n}", "message": "x" * 10_000} for n in range(500)]}).encode()
    assert len(words_of(many, "application/json")) < 50_000
    assert words_of(b'{"message": "' + b"x" * 300_000 + b'"}', "application/json").startswith("not explained")
    assert len(words_of(b"x" * 300_000, "text/plain")) <= 2000
