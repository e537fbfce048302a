"""The probe: experiments with a Keap alone, on records of its own, that tell its habits.

All that it makes carries one mark, which is written into a journal before the first of it is made; so whatever ends a
probe, the next one finds what was left and deletes it first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import attrs

from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Flow, Sleep, new_id
from keapbridge._io.calling import send
from keapbridge._io.calls import Call
from keapbridge._json.codec import dump_json, load_json
from keapbridge.errors import NotFoundError, ShapeError, StatusError, TryLaterError
from keapbridge.keap.client import KeapClient
from keapbridge.keap.experiments import EXPERIMENTS, Told
from keapbridge.keap.habits import Habits
from keapbridge.model.given import one_of

__all__ = ["JOURNAL", "Lab", "Probed", "probe_keap"]

READS: Final = 6
PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_LOOKS: Final = (*[0.0] * READS, *PAUSES)
JOURNAL: Final = "keapbridge-probe.json"
FILTERS: Final[Mapping[str, str]] = {"contacts": "family_name", "companies": "company_name"}
"""What is made, contacts first, and the filter that finds it by its mark."""


@attrs.frozen(kw_only=True)
class Probed(Habits):
    """Habits that a probe has found; printed, they are a table.

    Attributes:
        told: what each experiment has told, by habit.
        calls: how many calls it took.
    """

    told: Mapping[str, Told] = attrs.field(factory=dict, eq=False, repr=False)
    calls: int = attrs.field(default=0, eq=False)

    def __str__(self) -> str:
        rows = []
        for name, habit in self.fields().items():
            told = self.told.get(name, Told(None, "not tried"))
            state = "unknown" if told.value is None else _state(told.value, habit.metadata["assumed"])
            rows.append(f"{name:22}{told.value or '?'!s:14}{state:12}{told.evidence}")
        return "\n".join([f"{'habit':22}{'is':14}{'':12}evidence", *rows, f"{self.calls} calls"])


def _state(value: object, assumed: object) -> str:
    return "as assumed" if value == assumed else "otherwise"


@attrs.define
class Seen:
    """An answer: its status, its JSON, and what it says where it refuses."""

    status: int
    data: Any = None
    said: str = ""

    @property
    def refused(self) -> bool:
        return self.status >= 400


@attrs.define
class Lab:
    """Where experiments are made: calls, and the records of the probe.

    Attributes:
        mark: what all that is made is called.
        journal: the file that says so.
        earlier: what it was called by probes that were interrupted.
        reads, seconds: how long Keap takes to show what was written, in reads and in time; nothing where it does so at
            once.
    """

    keap: KeapClient
    mark: str
    journal: Path
    earlier: tuple[str, ...] = ()
    calls: int = 0
    reads: int = 0
    seconds: float = 0.0
    _written: bool = False

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Flow[Seen]:
        """One call, and its answer, a refusal too."""
        self.calls += 1
        self._written = self._written or method != "GET"
        call: Call[Any] = Call(
            method,
            f"/v2/{path}",
            lambda answer: load_json(answer) if answer.body else None,
            query=tuple(query.items()),
            body=None if body is None else dump_json(body),
            subject="a probe",
            repeatable=method == "GET",
        )
        try:
            return Seen(200, (yield from send(self.keap.contacts.flows.port, call)))
        except StatusError as error:
            if isinstance(error, TryLaterError) or error.status in {None, 401, 403}:
                raise
            return Seen(error.status or 0, None, error.said)

    def make(self, kind: str, **body: Any) -> Flow[str]:
        """A record of the probe; its id."""
        seen = yield from self.call("POST", kind, {FILTERS[kind]: self.mark, **body})
        if seen.refused:
            raise ShapeError(f"a probe could not be made ({seen.status}: {seen.said})")
        return str(seen.data["id"])

    def person(self) -> Flow[str]:
        """A contact of the probe, with an e-mail address of nobody."""
        email = f"probe-{(yield from new_id())[:12]}@example.com"
        return (yield from self.make("contacts", email_addresses=[{"email": email, "field": "EMAIL1"}]))

    def get(self, path: str, *fields: str) -> Flow[Any]:
        """A record as it is shown, with these fields, once what was written is."""
        yield from self.settle()
        seen = yield from self.call("GET", path, fields=",".join(fields))
        if seen.refused:
            raise ShapeError(f"{seen.status} {seen.said}")
        return seen.data

    def patch(self, path: str, body: Mapping[str, Any], *mask: str) -> Flow[Seen]:
        return self.call("PATCH", path, dict(body), update_mask=",".join(mask or body))

    def listed(self, kind: str, more: str = "", **query: str) -> Flow[Seen]:
        """The records of the probe, in a list that shows what was written."""
        yield from self.settle()
        return (yield from self.listed_at_once(kind, more, **query))

    def listed_at_once(self, kind: str, more: str = "", **query: str) -> Flow[Seen]:
        return self.call("GET", kind, filter=f"{FILTERS[kind]}=={self.mark}{more}", **query)

    def settle(self) -> Flow[None]:
        """Look away until what was written is shown."""
        if not self._written or not self.reads:
            return
        self._written = False
        for _ in range(self.reads):
            yield from self.call("GET", "contacts", page_size="1", fields="id")
        if self.seconds:
            yield Sleep(self.seconds, why="Keap to show what was written")

    def is_at_once(self, shows: Callable[[], Flow[bool]]) -> Flow[bool]:
        """Whether something that was written just now is shown; where not, how long that takes is remembered."""
        if (yield from shows()):
            return True
        self.reads = READS
        for _ in range(READS):
            if (yield from shows()):
                return False
        for pause in PAUSES:
            self.seconds = max(self.seconds, 2 * pause)
            yield Sleep(pause, why="Keap to show what was written")
            if (yield from shows()):
                break
        return False

    def pause(self) -> Flow[None]:
        """So long that times of whole seconds differ."""
        yield Sleep(1.1, why="times of whole seconds to differ")

    # --- what is left -------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Write down what is about to be made."""
        content = {"mark": self.mark, "earlier": self.earlier, "tenant": self.keap.limits.tenant_id}
        self.journal.write_text(json.dumps(content), encoding="utf-8")

    def clean(self) -> Flow[None]:
        """Delete all that carries the mark, or that of an earlier probe, and what was written down of it."""
        for mark in (self.mark, *self.earlier):
            yield from self.delete(mark)
        self.journal.unlink(missing_ok=True)

    def delete(self, mark: str) -> Flow[None]:
        """Delete all that carries a mark.

        Raises:
            ShapeError: where Keap does not let it be found or deleted; the journal stays for the next probe.
        """
        for kind in FILTERS:
            yield from self._delete_records(kind, mark)
        model = yield from self._found("companies/model", mark)
        for field in model.get("custom_fields") or []:
            if str(field.get("label", "")).startswith(mark):
                yield from self._delete_one(f"companies/model/customFields/{field['id']}", mark)

    def _delete_records(self, kind: str, mark: str) -> Flow[None]:
        """Until a list shows no more of them; one that is deleted may be shown for a while."""
        deleted: set[str] = set()
        pauses = iter(_LOOKS)
        while True:
            yield from self.settle()
            found = yield from self._found(kind, mark, filter=f"{FILTERS[kind]}=={mark}", page_size="100")
            left = {str(record["id"]) for record in found.get(kind) or []}
            if left <= deleted:
                pause = next(pauses, None) if left else None
                if pause is None:
                    return
                yield Sleep(pause, why="Keap to show no more what is deleted")
            for id in left - deleted:
                yield from self._delete_one(f"{kind}/{id}", mark)
            deleted |= left

    def _found(self, path: str, mark: str, **query: str) -> Flow[Any]:
        seen = yield from self.call("GET", path, **query)
        if seen.refused or not isinstance(seen.data, dict):
            raise self._is_left(mark, f"GET {path}", seen)
        return seen.data

    def _delete_one(self, path: str, mark: str) -> Flow[None]:
        seen = yield from self.call("DELETE", path)
        if seen.refused and seen.status not in {404, 410}:
            raise self._is_left(mark, f"DELETE {path}", seen)

    def _is_left(self, mark: str, what: str, seen: Seen) -> ShapeError:
        return ShapeError(
            f"what the probe has made may still be there, called {mark}: {what} was answered {seen.status} "
            f"{seen.said}; a probe with the journal {self.journal} tries again to delete it"
        )


def probe_keap(keap: KeapClient, *, journal: str | PathLike[str] = JOURNAL, even_if_not_empty: bool = False) -> Probed:
    """Find the habits of a Keap by some 120 calls; for a sandbox, and with nothing else at work there.

    It makes a few contacts, companies and two custom fields of companies, changes them and deletes them again. Records
    of others are not touched, and of their e-mail addresses nothing is asked or changed.

    Args:
        journal: a file for what is to be deleted, should this be interrupted; the next probe with it does so first.
        even_if_not_empty: also in an application that holds records.

    Returns:
        The habits, those that could not be told as `None`, with what each experiment saw.

    Raises:
        ValueError: in an application that is not empty, or with a journal of another one.
        ShapeError: where Keap does not let it delete what it has made; the journal stays for the next one.
    """
    one_of("keap", keap, KeapClient, "a client of Keap, kb.KeapClient(auth=…)")
    run = SyncDriver().run
    path = Path(journal)
    lab = Lab(keap, f"kbprobe{run(new_id())[:12]}", path)
    run(lab.call("GET", "contacts", page_size="1"))
    left = _left(path)
    if left is not None:
        tenant = left.get("tenant")
        if tenant not in {None, keap.limits.tenant_id}:
            raise ValueError(
                f"{path} tells of a probe in the application {tenant}: probe that again, or name another file"
            )
        # What it made last may not be shown yet: that is deleted once it is known whether this Keap is late.
        lab.earlier = (str(left["mark"]), *map(str, left.get("earlier", ())))
        for mark in lab.earlier:
            run(lab.delete(mark))
    if not even_if_not_empty:
        run(_check_empty(lab))
    lab.begin()
    told: dict[str, Told] = {}
    try:
        for experiment in EXPERIMENTS:
            told.update(run(_tried(lab, experiment, told)))
    finally:
        run(lab.clean())
    values = {name: each.value for name, each in told.items() if each.value is not None}
    return Probed(**values, told=told, calls=lab.calls)


def _left(path: Path) -> dict[str, Any] | None:
    """What an earlier probe has written down and not cleaned up."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not isinstance(found, dict) or not str(found.get("mark", "")).startswith("kbprobe"):
        raise ValueError(f"{path} is there already, and is no journal of a probe: name another file")
    return found


def _tried(lab: Lab, experiment: Any, told: Mapping[str, Told]) -> Flow[dict[str, Told]]:
    """What an experiment tells; nothing where this Keap lets it not be made."""
    try:
        found: dict[str, Told] = yield from experiment(lab, told)
    except (ShapeError, NotFoundError, KeyError, TypeError, IndexError, AttributeError) as error:
        names = experiment.names
        return {name: Told(None, f"could not be tried: {type(error).__name__} {error}"[:120]) for name in names}
    return found


def _check_empty(lab: Lab) -> Flow[None]:
    """Refuse a Keap that holds records. Those of an earlier probe may only be shown by now: they are deleted.

    Raises:
        ValueError: where it holds others, or does not tell.
    """
    for kind in ("contacts", "companies", "products"):
        looks = iter(_LOOKS)
        while names := (yield from _names(lab, kind)):
            if not names <= {*lab.earlier}:
                said = "may hold" if None in names else "holds"
                raise ValueError(
                    f"this Keap {said} {kind}: a probe is for a sandbox that is empty; "
                    "probe_keap(keap, even_if_not_empty=True) goes on all the same and leaves them alone"
                )
            for mark in lab.earlier:
                yield from lab.delete(mark)
            pause = next(looks, None)
            if pause is None:
                break  # each is deleted, and shown all the same
            yield Sleep(pause, why="Keap to show no more what is deleted")


def _names(lab: Lab, kind: str) -> Flow[set[str | None]]:
    """What the records that there are are called; `None` among them where that is not told."""
    name = FILTERS.get(kind, "name")
    seen = yield from lab.call("GET", kind, page_size="100", **({"fields": name} if kind in FILTERS else {}))
    if not isinstance(seen.data, dict):
        return {None}
    return {str(record.get(name)) for record in seen.data.get(kind) or []}
