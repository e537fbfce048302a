"""Verbs to begin with: `init`, `check`, `inspect`, `detect` and `probe`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keapbridge.command.codes import CANNOT, OK, WANTS_A_PERSON
from keapbridge.command.printing import json_argument, print_json, show
from keapbridge.command.sessions import FILE, opened, session_arguments
from keapbridge.command.verbs import Verb, by_name

if TYPE_CHECKING:
    from keapbridge.inspecting import Proposal

__all__ = ["VERBS"]


def _init_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", default=FILE, metavar="PATH", help="the new file (./%(default)s)")
    parser.add_argument(
        "--database", metavar="URL", help="look at this database, as `inspect` does, and write the tables of its CRM"
    )
    _database_arguments(parser)
    json_argument(parser)


def _init(options: argparse.Namespace) -> int:
    from keapbridge.configuration.template import TEMPLATE, of_database

    path = Path(options.path)
    if path.exists():
        raise ValueError(f"{path} is there already, and is not overwritten")
    text, found = TEMPLATE, None
    if options.database is not None:
        found = _inspected(options.database, options)
        if not found.tables:
            raise ValueError("no table looks like contacts, companies or products: declare them by hand")
        text = of_database(found.as_toml(), default_region=options.region, currency=options.currency)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    if options.json:
        print_json({"wrote": str(path), **({"findings": list(found.findings)} if found is not None else {})})
        return OK
    config = "" if path == Path(FILE) else f" --config {path}"
    told = "say in it which systems they are" if found is None else "see whether its tables are what you mean"
    if found is not None:
        show(found.findings)
    print(f"wrote {path}: {told}, then\n  keapbridge check{config}\n  keapbridge plan{config}")
    return OK


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    session_arguments(parser)
    json_argument(parser)


def _check(options: argparse.Namespace) -> int:
    with opened(options) as here:
        found = here.session.check()
    if options.json:
        print_json(list(found))
    else:
        show(found)
    return CANNOT if found.errors else OK


def _inspect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="of the database, as SQLAlchemy has it; $CRM_DATABASE by default"
    )
    _database_arguments(parser)
    parser.add_argument(
        "--toml", action="store_true", help="print what goes into a configuration file, and nothing else"
    )
    json_argument(parser)


def _database_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--schema", metavar="NAME", help="the database schema to look into, where it is not the default one"
    )
    parser.add_argument("--region", metavar="CC", help="country of phone numbers without a prefix, such as US")
    parser.add_argument("--currency", metavar="CODE", help="of prices that do not tell theirs, such as EUR")


def _inspected(url: str, options: argparse.Namespace) -> Proposal:
    from keapbridge.inspecting import inspect_database

    return inspect_database(url, schema=options.schema, default_region=options.region, currency=options.currency)


def _inspect(options: argparse.Namespace) -> int:
    url = options.url or os.environ.get("CRM_DATABASE")
    if not url:
        raise ValueError("say which database: keapbridge inspect sqlite:///crm.db, or put its URL into $CRM_DATABASE")
    found = _inspected(url, options)
    if options.json:
        print_json(
            {
                "tables": found.tables,
                "findings": list(found.findings),
                "profiles": found.profiles,
                "others": found.others,
                "python": found.as_python(),
                "toml": found.as_toml(),
            }
        )
    else:
        print(found.as_toml() if options.toml else found)
    return OK if found.tables else WANTS_A_PERSON


def _detect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the base URL of the API")
    parser.add_argument("--token", metavar="NAME", help="the environment variable with a bearer token (CRM_TOKEN)")
    parser.add_argument("--key", metavar="NAME", help="the environment variable with an API key")
    parser.add_argument("--header", metavar="HEADER", help="the header that takes the key")
    parser.add_argument("--query", metavar="PARAMETER", help="the parameter that takes the key")
    parser.add_argument("--user", metavar="NAME", help="the name for basic authentication")
    parser.add_argument(
        "--password", metavar="NAME", default="CRM_PASSWORD", help="the environment variable with its password"
    )
    for name in ("contacts", "customers", "products"):
        parser.add_argument(f"--{name}", metavar="PATH", help=f"the list of {name}, where it is not found by its name")
    parser.add_argument("--currency", metavar="CODE", help="of prices that do not tell theirs, such as EUR")
    parser.add_argument("--calls", type=int, default=150, metavar="N", help="calls that are made at most (%(default)s)")
    parser.add_argument(
        "--toml", action="store_true", help="print what goes into a configuration file, and nothing else"
    )
    json_argument(parser)


def _credentials(options: argparse.Namespace) -> Any:
    """Who looks, by the variables that are named."""
    from keapbridge.customcrm import ApiKey, BasicAuth, BearerToken

    def secret(name: str) -> str:
        value = os.environ.get(name)
        if not value:
            raise ValueError(f"put the secret into ${name}")
        return value

    if options.key is not None:
        return ApiKey(secret(options.key), header=options.header, query=options.query)
    if options.user is not None:
        return BasicAuth(options.user, secret(options.password))
    if options.token is not None or os.environ.get("CRM_TOKEN"):
        return BearerToken(secret(options.token or "CRM_TOKEN"))
    return None


def _detect(options: argparse.Namespace) -> int:
    from keapbridge.detecting import detect_api

    given = {name: getattr(options, name) for name in ("contacts", "customers", "products", "currency", "calls")}
    found = detect_api(options.url, auth=_credentials(options), **given)
    if options.json:
        schema = None if found.schema is None else found.schema.to_toml()
        print_json(
            {
                "schema": schema,
                "seen": found.seen,
                "findings": list(found.findings),
                "calls": found.calls,
                "python": found.as_python(),
                "toml": found.as_toml(),
            }
        )
    else:
        print(found.as_toml() if options.toml else found)
    return OK if found.findings.ok else WANTS_A_PERSON


def _probe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", default="habits.toml", metavar="PATH", help="the file to write (%(default)s)"
    )
    parser.add_argument(
        "--key", default="KEAP_API_KEY", metavar="NAME", help="the environment variable with the API key (%(default)s)"
    )
    parser.add_argument("--url", metavar="URL", help="of the REST API, where it is not Keap's own")
    parser.add_argument(
        "--journal", metavar="PATH", help="the file for what is to be deleted, should this be interrupted"
    )
    parser.add_argument(
        "--even-if-not-empty", action="store_true", help="also in an application with records; they stay as they are"
    )
    json_argument(parser)


def _probe(options: argparse.Namespace) -> int:
    from keapbridge.keap import KeapApiKey, KeapClient
    from keapbridge.keap.client import BASE_URL
    from keapbridge.keap.probe import JOURNAL, probe_keap

    key = os.environ.get(options.key)
    if not key:
        raise ValueError(f"put the API key of a sandbox into ${options.key}; --key NAME reads another variable")
    with KeapClient(auth=KeapApiKey(key), base_url=options.url or BASE_URL) as keap:
        journal = options.journal or JOURNAL
        found = probe_keap(keap, journal=journal, even_if_not_empty=options.even_if_not_empty)
    found.save(options.path)
    if options.json:
        print_json({"wrote": options.path, "habits": found})
    else:
        print(f"{found}\nwrote {options.path}")
    return OK if all(getattr(found, name) is not None for name in found.fields()) else WANTS_A_PERSON


VERBS = by_name(
    Verb(
        "init",
        _init_arguments,
        _init,
        examples=(
            ("init", "what is said most often, as comments"),
            ("init --database sqlite:///crm.db --region DE", "with the tables that look like it"),
        ),
    ),
    Verb(
        "check",
        _check_arguments,
        _check,
        "Holds the configuration against itself and against both systems. Writes to neither; ends with 1 when "
        "there is an error.",
    ),
    Verb(
        "inspect",
        _inspect_arguments,
        _inspect,
        "Reads the schema of a database and a few rows of the tables that may be meant, proposes a declaration, "
        "and tells what to know before a first run. Writes nothing; ends with 3 when no table looks like contacts, "
        "companies or products.",
    ),
    Verb(
        "detect",
        _detect_arguments,
        _detect,
        "Reads a REST API: two pages of each list, one record, changes, an id that is not there. Proposes a "
        "declaration, and tells what to know before a first run. Writes nothing; ends with 3 when something has to "
        "be declared by hand.",
    ),
    Verb(
        "probe",
        _probe_arguments,
        _probe,
        "Makes some records of its own, changes, reads and deletes them, and writes down how this Keap behaves "
        "where its contract is silent. For a sandbox that is empty. Ends with 3 when something could not be told.",
    ),
)
