"""The draft of a plan: its actions as they are found, written down at once, and what they count as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs

from keapbridge._flow.effects import Flow
from keapbridge.decide.sweeps import Tally
from keapbridge.model.accepted import Accepted
from keapbridge.model.actions import Action, Skip, headings
from keapbridge.model.kept_in_store import Cursor
from keapbridge.model.plan import Plan
from keapbridge.model.side import Side
from keapbridge.store.sql import LinkStore
from keapbridge.store.sql.plans import Begun
from keapbridge.sync.synchronization import Synchronization

__all__ = ["PlanDraft", "PlanPart"]


@attrs.define
class PlanDraft:
    """A plan while it is being written. It is first written with its first actions, or at its end.

    Attributes:
        accepted: what a person accepts for this run.
    """

    store: LinkStore
    plan_id: str
    _begun: Begun | None
    accepted: Accepted = attrs.field(factory=Accepted)
    parts: list[PlanPart] = attrs.field(factory=list)
    _next_seq: int = attrs.field(default=0, init=False)

    def part(self, sync: Synchronization) -> PlanPart:
        """The part of one synchronization, which comes after those that were begun before."""
        part = PlanPart(attrs.evolve(sync, restored=self.accepted.restored or sync.restored), self)
        self.parts.append(part)
        return part

    def add(self, actions: Sequence[Action]) -> Flow[None]:
        """Write down what is to be done, after all that was written before."""
        if actions:
            yield from self.store.plans.add_actions(self.plan_id, self._next_seq, actions, begun=self._begun)
            self._begun = None
            self._next_seq += len(actions)

    def finish(self) -> Flow[Plan]:
        """The plan, of which nothing is missing any more."""
        return (
            yield from self.store.plans.finish(
                self.plan_id,
                {part.sync.name: part.counts for part in self.parts if part.counts},
                {part.sync.name: part.unchanged for part in self.parts},
                {part.sync.name: part.cursors for part in self.parts},
                {part.sync.name: part.totals for part in self.parts},
                begun=self._begun,
            )
        )


@attrs.define
class PlanPart:
    """What a plan says of one synchronization.

    Attributes:
        counts: heading → number.
        unchanged: linked pairs that were looked at and need nothing.
        totals: see `Plan.totals`.
        cursors: side → from where its next scan must look again.
        actions: how many there are.
        settled: linked pairs that were looked at, and whose news needs no write.
        wants_currency: whether records wait for the currency of the Keap application to be known.
        one_sided: side → linked pairs that were looked at, and had nothing new there.
        complete: whether both systems were read completely.
        whole: the sides whose lists have shown all that they can.
        left_out: side → linked records that are there all the same.
        went_back: side → records that have gone back to an earlier state, and wait for a word.
        back_by: side → by how many seconds at most.
        reissued: linked pairs whose one id belongs to another record now.
        hopeless: side → how many of its records can never be given a counterpart.
        some_hopeless: side → the first few of them.
        uncertain: records that may be halves of a pair that an earlier run has made, and what is still to be told.
        tally: what its changes of linked pairs would lose.
    """

    sync: Synchronization
    _plan: PlanDraft = attrs.field(repr=False)
    counts: Counter[str] = attrs.field(factory=Counter)
    unchanged: int = 0
    totals: dict[str, int] = attrs.field(factory=dict)
    cursors: dict[str, Cursor] = attrs.field(factory=dict)
    actions: int = 0
    settled: int = 0
    one_sided: Counter[Side] = attrs.field(factory=Counter)
    complete: bool = False
    whole: frozenset[Side] = frozenset()
    left_out: dict[Side, list[str]] = attrs.field(factory=lambda: {side: [] for side in Side})
    went_back: Counter[Side] = attrs.field(factory=Counter)
    back_by: Counter[Side] = attrs.field(factory=Counter)
    reissued: int = 0
    wants_currency: bool = False
    hopeless: Counter[Side] = attrs.field(factory=Counter)
    some_hopeless: dict[Side, list[str]] = attrs.field(factory=lambda: {side: [] for side in Side})
    uncertain: dict[tuple[Side, str], Skip] = attrs.field(factory=dict)
    tally: Tally = attrs.field(
        init=False,
        default=attrs.Factory(
            lambda self: Tally(self.sync.mapper.few_valued, self.sync.settings.policy.sweep_from), takes_self=True
        ),
    )

    @property
    def plan_id(self) -> str:
        """The id of the plan that this is a part of."""
        return self._plan.plan_id

    @property
    def accepted(self) -> Accepted:
        """What a person accepts for this run."""
        return self._plan.accepted

    def skip(self, side: Side, id: str, error: Exception) -> Skip:
        """A record for which planning failed.

        Raises:
            Exception: the error itself, when it makes no sense to go on with the others.
        """
        name = self.sync.name
        return Skip(name, side, id, self.sync.guard.failed(error, f"{name} {side.title} {id}"))

    def add(self, actions: Sequence[Action]) -> Flow[None]:
        """Write down what is to be done."""
        yield from self._plan.add(actions)
        self.actions += len(actions)
        self.counts.update(heading for action in actions for heading in headings(action))
        for action in actions:
            if isinstance(action, Skip):
                self.uncertain.pop((action.side, action.id), None)
