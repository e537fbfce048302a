"""`python -m keapbridge qa`: executes the checklist of the dataflow document, by default between two emulators.

Each property is checked in each direction that it flows: a record is made with it, synced, looked at on the other side,
edited, synced and looked at again. Every line is marked as passed or failed.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from keapbridge.customcrm import BearerToken, CustomcrmClient
from keapbridge.keap import KeapApiKey, KeapClient
from keapbridge.mapping import Mapper, companies, contacts, products
from keapbridge.qa.execute import Result, execute
from keapbridge.qa.pairs import Pair, open_pair, pair_of
from keapbridge.qa.samples import field_type, only_currency

__all__ = ["Pair", "Result", "execute", "mappers_of", "pair_of", "results", "run", "sandbox"]

Out = Callable[[str], object]
_NEEDED = ("starlette", "uvicorn")


def results(
    mappers: Iterable[Mapper] = (), pair: Callable[[], AbstractContextManager[Pair] | Pair] | None = None
) -> Iterator[Result]:
    """What came of each line of the checklist; arguments as for `run`.

    Raises:
        ImportError: for the sandbox, without the `testing` extra.
        ValueError: when `pair` opens something else than two systems.
    """
    chosen = mappers_of(mappers)
    with sandbox(chosen) if pair is None else open_pair(pair) as (customcrm, keap):
        yield from execute(customcrm, keap, chosen, clean=pair is not None)


def run(
    out: Out = print,
    mappers: Iterable[Mapper] = (),
    pair: Callable[[], AbstractContextManager[Pair] | Pair] | None = None,
) -> int:
    """Execute the checklist and print every line with its mark.

    Args:
        out: where the lines go.
        mappers: the host's own mappings; the default ones stand in for those that are not given.
        pair: opens two systems, in which the records of the check are made and deleted again: a Customcrm of any kind
            and Keap. Use test systems. By default it is a sandbox: two emulators (the `testing` extra).

    Returns:
        0 when no line failed, 1 when one did, 2 when it cannot run.

    Raises:
        ValueError: when `pair` opens something else than these two.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None] if pair is None else []
    if missing:
        out(f"The sandbox needs {', '.join(missing)}: pip install 'keapbridge[testing]'")
        return 2
    counts: Counter[bool | None] = Counter()
    for result in results(mappers, pair):
        counts[result.passed] += 1
        out(str(result))
    out(f"{counts[True]} passed, {counts[False]} failed" + (f", {counts[None]} by hand" if counts[None] else ""))
    return 1 if counts[False] else 0


def mappers_of(given: Iterable[Mapper]) -> dict[str, Mapper]:
    """The three mappers by their names, those that are given in the place of the default ones."""
    return {mapper.name: mapper for mapper in (companies, products, contacts, *given)}


@contextmanager
def sandbox(mappers: Mapping[str, Mapper]) -> Iterator[tuple[CustomcrmClient, KeapClient]]:
    """Clients of two emulators, with the custom fields that the mappings name by their labels."""
    from keapbridge.testing import CustomcrmEmulator, KeapEmulator

    currency = only_currency(mappers.values()) or "USD"
    with (
        CustomcrmEmulator() as crm_server,
        KeapEmulator(currency=currency) as keap_server,
        CustomcrmClient(crm_server.base_url, auth=BearerToken(crm_server.token)) as crm,
        KeapClient(auth=KeapApiKey(keap_server.api_key), base_url=keap_server.base_url) as keap,
    ):
        for name, mapper in mappers.items():
            for lens in mapper.lenses:
                field = lens.keap.custom
                if field is not None and field.label is not None:
                    records: Any = getattr(keap, name)
                    records.create_custom_field(
                        label=field.label, type=field.type or field_type(lens), options=field.options
                    )
        yield crm, keap
