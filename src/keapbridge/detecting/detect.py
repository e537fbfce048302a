"""`detect_api`: find the lists of an API, look at each, and propose how it is declared."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow
from keapbridge._io.bounds import Bounds
from keapbridge._io.http import HttpSettings, SyncHttpPort
from keapbridge._io.port import Credentials, Renewable, check_credentials
from keapbridge._io.retries import RetryPolicy
from keapbridge.detecting.asking import Asker, Exchange
from keapbridge.detecting.documents import GUESSES, PLACES, Document, Resource, chosen, document, resources_of
from keapbridge.detecting.findings import refused
from keapbridge.detecting.looked import Looked
from keapbridge.detecting.looking import look, opens
from keapbridge.detecting.proposal import ApiProposal, proposed
from keapbridge.detecting.records import ids_of, list_in
from keapbridge.model.finding import Finding
from keapbridge.model.given import keywords, one_of, optional, text, whole
from keapbridge.model.names import CONTACTS, CUSTOMERS, PRODUCTS

if TYPE_CHECKING:
    import ssl

__all__ = ["detect_api"]

_PATIENCE = RetryPolicy(attempts=2, base=0.2, cap=10.0)
_BOUNDS = Bounds(answer_bytes=8 * 1024 * 1024, pages=10, call_seconds=60.0, wait_seconds=10.0)
_ORDER = (CONTACTS, CUSTOMERS, PRODUCTS)


@keywords()
def detect_api(
    url: str,
    *,
    auth: Credentials | Renewable | None = None,
    contacts: str | None = None,
    customers: str | None = None,
    products: str | None = None,
    currency: str | None = None,
    calls: int = 150,
    timeout: float = 30.0,
    verify: str | ssl.SSLContext | None = None,
    proxy: str | None = None,
) -> ApiProposal:
    """Look at a REST API, and propose how it is declared as the Customcrm.

    It reads: a document of OpenAPI where there is one, then of each kind of record two pages, one record, a batch,
    changes since 2100, and an id that is not there. It never writes, and makes no more calls than it may.

    ```python
    proposal = kb.detect_api("https://crm.example.com/api", auth=kb.BearerToken("…"))
    print(proposal)
    print(proposal.as_python())
    ```

    Args:
        url: the base URL of the API.
        auth: as `CustomcrmClient` takes it.
        contacts: the path of their list below it (`"/people"`), where it is not found by its name.
        customers: the path of the list of companies.
        products: the path of the list of products.
        currency: ISO 4217 code of prices that do not tell theirs.
        calls: how many calls are made at most.
        timeout: seconds without progress before a request is given up.
        verify: as `CustomcrmClient` takes it.
        proxy: as `CustomcrmClient` takes it.

    Raises:
        TransportError: when nobody answers.
        ValueError: for what is no URL, and one with credentials or a query in it.
    """
    check_credentials(auth)
    whole("calls", calls, least=1, example=150)
    one_of("url", url, str, "the base URL of the API, such as 'https://crm.example.com/api'")
    for name, path in (("contacts", contacts), ("customers", customers), ("products", products)):
        optional(partial(text, example="/people"))(name, path)
    optional(partial(text, example="EUR"))("currency", currency)
    if urlsplit(url).query:
        raise ValueError("url: give the address without a query; a key goes in as auth=kb.ApiKey('…', query='key')")
    given = {CONTACTS: contacts, CUSTOMERS: customers, PRODUCTS: products}
    port = SyncHttpPort(HttpSettings(url, auth, timeout, _PATIENCE, bounds=_BOUNDS, verify=verify, proxy=proxy))
    try:
        asker = Asker(port, urlsplit(port.base_url).path.rstrip("/"), calls)
        return SyncDriver().run(_detect(asker, given, currency, auth))
    finally:
        port.close()


def _detect(asker: Asker, given: Mapping[str, str | None], currency: str | None, auth: object) -> Flow[ApiProposal]:
    """The whole look."""
    findings: list[Finding] = []
    told: tuple[Resource, ...] = ()
    if not all(given.values()):
        told = yield from _told(asker, findings)
    looked: dict[str, Looked] = {}
    taken: set[str] = set()
    for object in _ORDER:
        known = next(iter(looked.values()), None)
        path = given[object]
        several = [_named(told, path)] if path is not None else [r for r in chosen(told, object) if r.path not in taken]
        found = yield from _found(asker, object, several[:3], known, findings, guesses=not told and path is None)
        if found is not None:
            looked[object] = found
            taken.add(found.resource.path)
    if asker.left < 1:
        what = f"the look ended after {asker.made} calls"
        findings.append(Finding("warning", "", what, "allow more: calls="))
    return proposed(looked, url=asker.port.base_url, auth=auth, calls=asker.made, currency=currency, more=findings)


def _named(told: tuple[Resource, ...], path: str) -> Resource:
    """A list at a path that was given, with what a document says of it."""
    path = path if path.startswith("/") else f"/{path}"
    return next((each for each in told if each.path == path), Resource(path=path))


def _told(asker: Asker, findings: list[Finding]) -> Flow[tuple[Resource, ...]]:
    """What the API tells of its own lists: in a document, or at its address itself."""
    root = yield from asker.ask("")
    if root.status in {401, 403}:
        findings.append(refused("contacts", "the address itself", root.status, root.why))
    of_root = resources_of(root.body, asker.base) if root.is_json else ()
    of_root = of_root if any(chosen(of_root, object) for object in _ORDER) else ()
    found = document(root.body, asker.base)
    for place in PLACES if found is None and not of_root else ():
        seen = yield from asker.ask(place)
        found = document(seen.body, asker.base) if seen.is_json else None
        if found is not None:
            break
    if found is not None:
        findings.append(_document(found))
        if found.resources:
            return found.resources
    if of_root:
        return of_root
    if not root.is_json and root.why:
        findings.append(Finding("info", "", f"the address itself: {root.why}"))
    return ()


def _document(found: Document) -> Finding:
    title = f" of {found.title!r}" if found.title else ""
    return Finding("info", "", f"a document of OpenAPI{title} tells of {len(found.resources)} lists")


def _found(
    asker: Asker,
    object: str,
    several: list[Resource],
    known: Looked | None,
    findings: list[Finding],
    *,
    guesses: bool,
) -> Flow[Looked | None]:
    """The first of some lists that shows records."""
    tried = [Resource(path=path) for path in _guesses(object, known)] if guesses else several
    failed: tuple[Resource, Exchange] | None = None
    for resource in tried:
        asker.headers = ()
        resource, seen = yield from opens(asker, resource)  # noqa: PLW2901 - it may be at another address
        found = list_in(seen.body) if seen.is_json else None
        if found is not None and (not found[1] or ids_of(found[1])):
            return (yield from look(asker, object, resource, seen, known))
        if failed is None and seen.status not in {404, 410, None}:
            failed = resource, seen
    if failed is not None:
        where, seen = failed
        findings.append(refused(object, where.path, seen.status, seen.why))
    elif several:
        findings.append(refused(object, several[0].path, 404, "404: there is no such list"))
    else:
        what = f"no list of {object} was found"
        advice = f"name its path, {object}='/…', or leave that synchronization out"
        findings.append(Finding("warning", object, what, advice))
    return None


def _guesses(object: str, known: Looked | None) -> list[str]:
    """What a list may be called, in the form of one that was found."""
    names = [f"/{name}" for name in GUESSES[object]]
    if known is None:
        return names
    path = known.resource.path.partition("?")[0]
    head, _, last = path.rstrip("/").rpartition("/")
    end = ("/" if path.endswith("/") else "") if not last.endswith(".json") else ".json"
    return [f"{head}/{name}{end}" for name in GUESSES[object]]
