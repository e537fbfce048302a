"""Verbs about the link store as a whole."""

from __future__ import annotations

import argparse

from keapbridge.command.codes import OK
from keapbridge.command.printing import json_argument, print_json
from keapbridge.command.verbs import Verb, by_name

__all__ = ["VERBS"]


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "store", metavar="STORE", help="its file, such as bridge.db, or its SQLAlchemy URL, sqlite:///bridge.db"
    )
    parser.add_argument("path", metavar="PATH", help="the new file; what is there is not overwritten")
    json_argument(parser)


def _backup(options: argparse.Namespace) -> int:
    from keapbridge.errors import LinkStoreError
    from keapbridge.store.backup import back_up_file

    try:
        back_up_file(options.store, options.path)
    except LinkStoreError as error:
        raise LinkStoreError(f"nothing was backed up: {error}") from error
    if options.json:
        print_json({"backup": options.path})
    return OK


def _migrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "store", metavar="STORE", help="its SQLAlchemy URL, such as postgresql+psycopg://owner@host/name"
    )
    parser.add_argument("--queue", action="store_true", help="the tables of a fleet's queue, too")
    json_argument(parser)
    parser.add_argument(
        "--finish", action="store_true", help="drop what only workers of an earlier procrastinate need, in the queue"
    )


def _migrate(options: argparse.Namespace) -> int:
    from keapbridge.store.migrating import migrate

    done = migrate(options.store, queue=options.queue, finish=options.finish)
    if options.json:
        print_json(done)
    else:
        print(done)
    return OK


VERBS = by_name(
    Verb(
        "backup",
        _backup_arguments,
        _backup,
        "Copies a link store on SQLite as it is at one moment, also while sessions are at work on it.",
        (("backup bridge.db backup-2026-11-27.db", "a copy that sessions do not disturb"),),
    ),
    Verb(
        "migrate",
        _migrate_arguments,
        _migrate,
        "Does what a session does by itself when it opens a store: with a role that owns the tables, so that the role "
        "of the sessions need only read and write rows.",
        (("migrate postgresql+psycopg://owner@host/name", "before the workers of a new version"),),
    ),
)
