"""The verb `kit`: whether the Customcrm of a session keeps what the engine relies on."""

from __future__ import annotations

import argparse
from collections.abc import Generator, Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from keapbridge.command.codes import OK, STOPPED, WANTS_A_PERSON
from keapbridge.command.printing import json_argument, print_json
from keapbridge.command.sessions import opened, session_arguments
from keapbridge.command.verbs import Verb, by_name

if TYPE_CHECKING:
    from keapbridge.testing.contract.bench import Bench
    from keapbridge.testing.contract.kit import Outcome

__all__ = ["VERBS"]


def _kit_arguments(parser: argparse.ArgumentParser) -> None:
    session_arguments(parser)
    parser.add_argument("--live", action="store_true", help="only read: for a system that cannot be emptied")
    json_argument(parser)


def _kit(options: argparse.Namespace) -> int:
    try:
        from keapbridge.testing.contract.kit import benches_of
    except ImportError as error:
        raise ValueError(f"the kit needs pytest: pip install 'keapbridge[testing]' pytest ({error})") from error
    from keapbridge.sync.session import SyncSession

    outcomes: list[Outcome] = []
    with opened(options) as here:
        if not isinstance(here.session, SyncSession):
            raise ValueError("the kit takes a plain session: name a function that returns a SyncSession")
        benches = benches_of(here.session._engine.bridge)  # noqa: SLF001 - its Customcrm, which no session shows
        if not options.live:
            _refuse_records(benches)
        with closing(_outcomes(benches, live=options.live)) as found:
            for outcome in found:
                outcomes.append(outcome)
                if not options.json:
                    print(outcome)
                if here.stopped.is_set():
                    return STOPPED
    broken = sum(outcome.kept == "no" for outcome in outcomes)
    if options.json:
        print_json(outcomes)
    else:
        kept = sum(outcome.kept == "yes" for outcome in outcomes)
        print(f"{kept} promises kept, {broken} broken, {len(outcomes) - kept - broken} not asked")
    return WANTS_A_PERSON if broken else OK


def _refuse_records(benches: Mapping[str, Bench]) -> None:
    """What is made and deleted must be the kit's own."""
    for object, bench in benches.items():
        page = next(iter(bench.raw_pages()))
        if page.items or page.malformed:
            raise ValueError(
                f"there are {object}: the kit makes, changes and deletes records, and wants a test system without any; "
                "--live only reads"
            )


def _outcomes(benches: Mapping[str, Bench], *, live: bool) -> Generator[Outcome]:
    from keapbridge.testing.contract.kit import kept_by

    def empty(bench: Bench) -> Bench:
        if not live:
            _emptied(benches)
        return bench

    try:
        for bench in benches.values():
            yield from kept_by(partial(empty, bench), live=live)
    finally:  # also where somebody has it end before its time
        if not live:
            _emptied(benches)


def _emptied(benches: Mapping[str, Bench]) -> None:
    """Delete what the promise before has left: all of it, for there was nothing before the kit."""
    for object, bench in reversed(list(benches.items())):
        ids = bench.listed()
        if ids and not bench.can_delete:
            raise ValueError(f"{object} cannot be deleted, so the kit cannot go on in this system: --live only reads")
        for id in ids:
            bench.delete(id)


VERBS = by_name(
    Verb(
        "kit",
        _kit_arguments,
        _kit,
        "Makes, changes, reads and deletes records of its own in the Customcrm of a session, an empty test system, and "
        "tells which promises it does not keep, and what each would break. Keap is not asked. Ends with 3 when one is "
        "broken.",
    )
)
