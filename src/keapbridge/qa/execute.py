"""Executing the checklist: for each line a record is made on one side, synced, looked at on the other, edited, synced.

What is written and what is expected is told by the property tables and the sample values alone. The lenses themselves
are used by the sync only, so that one which writes to another place, or another value, is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from keapbridge.customcrm.adapter import CustomcrmAdapter
from keapbridge.customcrm.client import CustomcrmClient
from keapbridge.dataflow.checklist import Check, checklist
from keapbridge.errors import ApiError, KeapbridgeError, UnfitError
from keapbridge.keap.client import KeapClient
from keapbridge.mapping.filter import OUTSIDE
from keapbridge.mapping.lens import Lens
from keapbridge.mapping.mapper import Mapper
from keapbridge.mapping.place import Place, custom_place, customcrm_place, keap_place
from keapbridge.model.maybe import UNSET
from keapbridge.model.report import Report
from keapbridge.model.side import Side
from keapbridge.qa.pairs import clients
from keapbridge.qa.samples import Known, Sample, only_currency, same, sample
from keapbridge.sync.session import SyncSession

__all__ = ["Result", "execute"]

NOT_BY_MACHINE = "there is no sample value for it (kb.lens(…, samples=…)), or it cannot be written: look by hand"


@attrs.frozen
class Result:
    """What came of a line of the checklist.

    Attributes:
        passed: `None` when it could not be checked by a machine.
        reason: why it did not pass.
    """

    check: Check
    passed: bool | None
    reason: str = ""

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: "–"}[self.passed]
        return f"{mark} {self.check}" + (f"\n      {self.reason}" if self.reason else "")


def execute(
    customcrm: CustomcrmClient | CustomcrmAdapter,
    keap: KeapClient,
    mappers: Mapping[str, Mapper],
    *,
    clean: bool = True,
) -> Iterator[Result]:
    """Execute the checklists of three mappers between two systems, as far as this Customcrm takes part in them.

    Only records that it makes itself are read and synced. It needs the custom fields of the mappings in Keap.

    Args:
        customcrm: a client, a `SqlCustomcrm` or an adapter.
        mappers: by synchronization (`"companies"`, `"products"`, `"contacts"`).
        clean: whether to delete what was made, on both sides.

    Yields:
        A result for each line, in the order of the document.
    """
    with TemporaryDirectory(prefix="keapbridge-qa-") as folder:
        options: dict[str, Any] = dict(mappers)
        store = f"sqlite:///{Path(folder) / 'bridge.db'}"
        with SyncSession(customcrm=customcrm, keap=keap, store=store, **options) as session:
            known = Known(_currency(keap, mappers))
            benches: list[_Bench] = []
            try:
                ours = clients(customcrm)
                for name, mapper in session.mappers.items():
                    here = {Side.CUSTOMCRM: ours[name], Side.KEAP: getattr(keap, name)}
                    benches.append(_Bench(mapper, here, getattr(session, name), known))
                    yield from benches[-1].results()
                    known = attrs.evolve(known, links={**known.links, name: benches[-1].linked()[:2]})
            finally:
                for bench in reversed(benches) if clean else ():  # a company after the people who refer to it
                    bench.clean()


def _currency(keap: KeapClient, mappers: Mapping[str, Mapper]) -> str:
    for product in keap.products.list():
        if product.price and product.price.currency_code:
            return str(product.price.currency_code)
    return only_currency(mappers.values()) or "USD"


@attrs.define
class _Case:
    """A line of the checklist while it is executed."""

    check: Check
    lens: Lens
    number: int
    values: tuple[Sample, ...]
    id: str = ""
    reason: str = ""
    gave_up: bool = False

    @property
    def source(self) -> Side:
        return self.check.to.other

    def fail(self, reason: str) -> None:
        self.reason, self.gave_up = reason, True


@attrs.define
class _Bench:
    """One synchronization under test."""

    mapper: Mapper
    clients: Mapping[Side, Any]
    sync: Any
    known: Known
    leftovers: set[tuple[Side, str]] = attrs.field(factory=set)

    def results(self) -> Iterator[Result]:
        cases = [self._case(number, check) for number, check in enumerate(checklist(self.mapper), 1)]
        able = [case for case in cases if case.values]
        for case in able:
            self._attempt(case, self._make)
        self._sync_and_look(able, 0)
        editable = [c for c in able if not c.gave_up and c.lens.place(c.source).constant is UNSET]
        for case in editable:
            self._attempt(case, self._edit)
        self._sync_and_look([case for case in editable if not case.gave_up], 1)
        for case in cases:
            if not case.values:
                yield Result(case.check, None, NOT_BY_MACHINE)
            else:
                yield Result(case.check, not case.gave_up, case.reason)

    def _case(self, number: int, check: Check) -> _Case:
        lens = self.mapper[check.field]
        constant = lens.place(check.to.other).constant
        if constant is not UNSET:
            return _Case(check, lens, number, (Sample(constant, constant),))
        filtered = {name for side in Side for name, _ in self.mapper.taking_part.examples(side)}
        if filtered & {lens.name, lens.customcrm.path, lens.keap.path}:
            return _Case(check, lens, number, ())
        found = tuple(value for turn in (0, 1) if (value := sample(lens, number, turn, self.known)) is not None)
        return _Case(check, lens, number, found)

    def _attempt(self, case: _Case, step: Any) -> None:
        try:
            step(case)
        except (KeapbridgeError, TypeError, ValueError) as error:
            case.fail(f"{case.source.title} did not take the value: {error}")

    # --- writing ------------------------------------------------------------------------------------------------

    def _make(self, case: _Case) -> None:
        side = case.source
        record = self.mapper.customcrm_type() if side is Side.CUSTOMCRM else self.mapper.keap_type()
        for name in self._needed(side, case):
            if name != case.lens.name and (value := sample(self.mapper[name], case.number, 0, self.known)) is not None:
                record = self._put(self.mapper[name], side, record, value.on(side))
        for name, wanted in self.mapper.taking_part.examples(side):
            record = self._named_place(side, name).put(record, wanted)
        if case.lens.place(side).constant is UNSET:
            record = self._put(case.lens, side, record, case.values[0].on(side))
        case.id = self.clients[side].create(record).id
        self.leftovers.add((side, case.id))

    def _needed(self, side: Side, case: _Case) -> list[str]:
        """Fields without which a record is not made, is refused, or could be taken for another one."""
        names = {name for key in self.mapper.keys for name in key.fields}
        names |= {lens.name for lens in self.mapper.lenses if lens.required and not lens.fallback}
        # A system asks for what the mapping fills in on the way to it, too.
        names |= {lens.name for lens in self.mapper.lenses if side in lens.required}
        names |= {name for needed in self.mapper.needs_any.values() for name in needed[:1]}
        names |= {case.lens.scope} if case.lens.scope else set()
        return [
            lens.name
            for lens in self.mapper.lenses
            if lens.name in names and lens.keap.constant is UNSET and lens.customcrm.constant is UNSET
        ]

    def _edit(self, case: _Case) -> None:
        client = self.clients[case.source]
        place = self._place(case.lens, case.source)
        changed = self._put(case.lens, case.source, client.get(case.id), case.values[-1].on(case.source))
        changes = {name: getattr(changed, name) for name in place.roots if name != "extra"}
        if "extra" in place.roots:
            changes["extra"] = {name: changed.extra[name] for name in place.attributes}
        client.update(case.id, **changes)

    # --- looking ------------------------------------------------------------------------------------------------

    def _sync_and_look(self, cases: Sequence[_Case], turn: int) -> None:
        ids = {side: [c.id for c in cases if c.source is side and not c.gave_up] for side in Side}
        if not any(ids.values()):
            return
        try:
            report = self.sync.sync_ids(keap=ids[Side.KEAP], customcrm=ids[Side.CUSTOMCRM])
        except KeapbridgeError as error:
            for case in cases:
                case.fail(f"the sync stopped: {error}")
            return
        partner: dict[tuple[Side, str], str] = {}
        for link in self.sync.links():
            partner |= {(Side.CUSTOMCRM, link.customcrm_id): link.keap_id, (Side.KEAP, link.keap_id): link.customcrm_id}
        why = _reasons(report)
        for case in cases:
            if not case.gave_up:
                self._look(case, turn, partner.get((case.source, case.id)), why.get((case.source, case.id), ""))

    def _look(self, case: _Case, turn: int, partner: str | None, why: str) -> None:
        to, when = case.check.to, ("after it was made", "after it was edited")[turn]
        if partner is None:
            case.fail(f"{when} the record has no counterpart in {to.title}" + (f": {why}" if why else ""))
            return
        try:
            found = self._get(case.lens, to, self.clients[to].get(partner))
        except (ApiError, UnfitError) as error:
            case.fail(f"{when} {to.title} could not be looked at: {error}")
            return
        expected = case.values[min(turn, len(case.values) - 1)].on(to)
        if not same(expected, found):
            shown = f"{case.lens.place(to).path} is {found!r} instead of {expected!r}"
            case.fail(f"{when} {shown}" + (f" ({why})" if why else ""))

    # --- places, by the names in the property table -------------------------------------------------------------

    def _place(self, lens: Lens, side: Side) -> Place:
        if side is Side.CUSTOMCRM:
            return customcrm_place(self.mapper.customcrm_type, lens.customcrm.path)
        if lens.keap.custom is not None:
            field = self._model_field(lens)
            return custom_place(self.mapper.keap_type, lens.keap.custom).of(field.id)
        return keap_place(self.mapper.keap_type, lens.keap.path, to_write=False)

    def _named_place(self, side: Side, name: str) -> Place:
        for lens in self.mapper.lenses:
            if name in {lens.name, lens.place(side).path} and lens.place(side).constant is UNSET:
                return self._place(lens, side)
        if side is Side.CUSTOMCRM:
            return customcrm_place(self.mapper.customcrm_type, name)
        return keap_place(self.mapper.keap_type, name, to_write=False)

    def _model_field(self, lens: Lens) -> Any:
        named = lens.keap.custom
        assert named is not None  # the caller has asked
        return self.clients[Side.KEAP].model().field(named.label, id=named.id)

    def _put(self, lens: Lens, side: Side, record: Any, raw: Any) -> Any:
        if side is Side.KEAP and lens.keap.custom is not None:
            raw = self._model_field(lens).write(raw)
        return self._place(lens, side).put(record, raw)

    def _get(self, lens: Lens, side: Side, record: Any) -> Any:
        raw = self._place(lens, side).get(record)
        raw = None if raw is UNSET else raw
        return self._model_field(lens).read(raw) if side is Side.KEAP and lens.keap.custom is not None else raw

    def linked(self) -> list[tuple[str, str]]:
        """The linked records, as Customcrm's id and Keap's."""
        return [(link.customcrm_id, link.keap_id) for link in self.sync.links()]

    def clean(self) -> None:
        """Delete what was made; what cannot be deleted is left."""
        self.leftovers |= {(side, id) for ids in self.linked() for side, id in zip(Side, ids, strict=True)}
        for side, id in sorted(self.leftovers, key=lambda item: (item[0].value, item[1])):
            try:
                self.clients[side].delete(id)
            except ApiError:
                continue


def _reasons(report: Report) -> dict[tuple[Side, str], str]:
    """What the report says of the records that did not all flow."""
    said: dict[tuple[Side, str], str] = {}
    for line in report.lines:
        if line.outcome in {"held", "skipped", "failed", "conflict"}:
            about = f"{', '.join(line.fields)}: {line.reason}" if any(line.fields) else line.reason
            if line.reason == OUTSIDE:
                about = f"{OUTSIDE}, or what the sync made is"
            for side, id in ((Side.CUSTOMCRM, line.customcrm_id), (Side.KEAP, line.keap_id)):
                if id is not None:
                    said.setdefault((side, id), about)
    return said
