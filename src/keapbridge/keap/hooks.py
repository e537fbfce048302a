"""Keap's REST hooks: which events are subscribed to, and where Keap sends them. Of its REST v1; v2 has none.

The operations are flows; the two classes drive them. What receives the deliveries is
`keapbridge.webhooks`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import frozen

from keapbridge._flow.drivers import AsyncDriver, SyncDriver
from keapbridge._flow.effects import Flow, Sleep
from keapbridge._io.calling import send
from keapbridge._io.port import Port
from keapbridge.errors import ConflictError, NotFoundError
from keapbridge.keap import hook_endpoints
from keapbridge.keap.hook_endpoints import INACTIVE, UNVERIFIED, VERIFIED, Hook, check_address
from keapbridge.model.given import seconds, several_texts, telling_methods

__all__ = ["EVENTS", "AsyncKeapHooks", "Hook", "HookReport", "KeapHooks", "SyncKeapHooks"]

EVENTS: tuple[str, ...] = (
    *(f"{kind}.{what}" for kind in ("contact", "company", "product") for what in ("add", "edit", "delete")),
    "contact.redact",
)
"""The events that tell of contacts, companies and products."""

_PATIENCE = 10.0
_FIRST_LOOK = 0.5


@frozen
class HookReport:
    """What `ensure` found and did, as event keys; `hooks` are the subscriptions as they are now.

    Attributes:
        hooks: one for each event that is subscribed to.
        subscribed: events that had no subscription, or one that could not be revived.
        revived: events whose subscription was unverified or inactive, and is verified now.
        removed: events of which surplus subscriptions were removed.
        unverified: events that Keap does not send (yet), because the receiver has not answered its verification.
        unavailable: events that this Keap does not know.
    """

    hooks: tuple[Hook, ...]
    subscribed: tuple[str, ...] = ()
    revived: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every wanted event that Keap knows is verified."""
        return not self.unverified

    def __str__(self) -> str:
        names = ("subscribed", "revived", "removed", "unverified", "unavailable")
        verified = sum(hook.is_verified for hook in self.hooks)
        told = [f"{name}: {', '.join(events)}" for name in names if (events := getattr(self, name))]
        return "; ".join([f"{verified} of {len(self.hooks)} hooks are verified", *told])


# --- flows ----------------------------------------------------------------------------------------------------------


@frozen
class KeapHooks:
    """The operations on hooks, as flows."""

    port: Port

    def subscribe(self, event_key: str, url: str) -> Flow[Hook]:
        return send(self.port, hook_endpoints.subscribe(event_key, url))

    def list(self) -> Flow[tuple[Hook, ...]]:
        return send(self.port, hook_endpoints.list_hooks())

    def event_keys(self) -> Flow[tuple[str, ...]]:
        return send(self.port, hook_endpoints.list_event_keys())

    def get(self, key: str) -> Flow[Hook]:
        return send(self.port, hook_endpoints.get(key))

    def update(self, key: str, event_key: str | None, url: str | None) -> Flow[Hook]:
        present = yield from self.get(key)
        return (
            yield from send(
                self.port, hook_endpoints.update(key, event_key or present.event_key, url or present.hook_url)
            )
        )

    def verify(self, key: str) -> Flow[Hook]:
        return send(self.port, hook_endpoints.verify(key))

    def delayed_verify(self, key: str, secret: str) -> Flow[Hook]:
        return send(self.port, hook_endpoints.delayed_verify(key, secret))

    def delete(self, key: str) -> Flow[None]:
        return send(self.port, hook_endpoints.delete(key))

    def ensure(self, url: str, events: Collection[str], replaces: Collection[str], wait: float) -> Flow[HookReport]:
        check_address("url", url)
        events = several_texts("events", events, example="contact.edit")
        replaces = several_texts("replaces", replaces, example="https://old.example.com/keap/…")
        seconds("wait", wait)
        known = yield from self.event_keys()
        wanted = [event for event in dict.fromkeys(events) if event in known]
        present = yield from self.list()
        chosen, surplus = _choose(present, url, wanted)
        subscribed: list[str] = []
        for event in wanted:
            if event not in chosen:
                chosen[event] = yield from self.subscribe(event, url)
                subscribed.append(event)
            elif not chosen[event].is_verified:
                hook = yield from self._ask_again(chosen[event])
                if hook is None:
                    hook = yield from self.subscribe(event, url)
                    subscribed.append(event)
                chosen[event] = hook
        yield from self._await(chosen, wait)
        for event in (event for event, hook in chosen.items() if hook.status == INACTIVE):
            # Asking did not help: a new subscription begins anew.
            yield from self._drop(chosen[event].key)
            chosen[event] = yield from self.subscribe(event, url)
            subscribed.append(event)
        yield from self._await(chosen, wait)
        # Those of an old address go last: until the new ones are verified, they are what is left.
        surplus += [h for h in present if h.hook_url in replaces and h.event_key in chosen and h.hook_url != url]
        surplus = [h for h in surplus if h.hook_url == url or chosen[h.event_key].is_verified]
        for hook in surplus:
            yield from self._drop(hook.key)
        before = {hook.key: hook for hook in present}
        return HookReport(
            hooks=tuple(chosen.values()),
            subscribed=tuple(dict.fromkeys(subscribed)),
            revived=tuple(e for e, h in chosen.items() if h.is_verified and _was_silent(before.get(h.key))),
            removed=tuple(hook.event_key for hook in surplus),
            unverified=tuple(e for e, h in chosen.items() if not h.is_verified),
            unavailable=tuple(event for event in dict.fromkeys(events) if event not in known),
        )

    def _ask_again(self, hook: Hook) -> Flow[Hook | None]:
        """The hook after another request for verification; `None` when there is no such hook any more."""
        try:
            return (yield from self.verify(hook.key))
        except NotFoundError:
            return None
        except ConflictError:
            return hook  # being verified just now

    def _await(self, chosen: dict[str, Hook], wait: float) -> Flow[None]:
        """Look again for a while at those that are not verified: Keap may verify after it has answered."""
        waited, pause = 0.0, min(_FIRST_LOOK, wait / 10)
        while waited < wait and any(not hook.is_verified for hook in chosen.values()):
            yield Sleep(pause, why="Keap verifies hooks")
            waited, pause = waited + pause, min(2 * pause, wait - waited)
            statuses = {hook.key: hook for hook in (yield from self.list())}
            for event, hook in chosen.items():
                chosen[event] = statuses.get(hook.key, hook)

    def _drop(self, key: str) -> Flow[None]:
        try:
            yield from self.delete(key)
        except NotFoundError:
            return


def _choose(present: Sequence[Hook], url: str, wanted: Sequence[str]) -> tuple[dict[str, Hook], list[Hook]]:
    """For each event the subscription to keep, and those of the same address that are too many."""
    chosen: dict[str, Hook] = {}
    surplus: list[Hook] = []
    rank = {VERIFIED: 0, UNVERIFIED: 1}
    for hook in sorted(present, key=lambda hook: (rank.get(hook.status, 2), len(hook.key), hook.key)):
        if hook.hook_url == url and hook.event_key in wanted:
            if hook.event_key in chosen:
                surplus.append(hook)
            else:
                chosen[hook.event_key] = hook
    return chosen, surplus


def _was_silent(before: Hook | None) -> bool:
    return before is not None and not before.is_verified


# --- clients --------------------------------------------------------------------------------------------------------


@telling_methods
class SyncKeapHooks:
    """Keap's REST hooks: subscriptions to events, each verified by its receiver."""

    def __init__(self, driver: SyncDriver, flows: KeapHooks) -> None:
        self._driver = driver
        self.flows = flows

    def subscribe(self, event_key: str, url: str) -> Hook:
        """Subscribe to an event. Keap verifies the receiver at once, or soon after it has answered.

        Args:
            event_key: one of `event_keys()`.
            url: where Keap shall send the events, of a `keapbridge.webhooks.asgi_app`.

        Raises:
            ValueError: when the address is no http(s) URL.
        """
        return self._driver.run(self.flows.subscribe(event_key, url))

    def list(self) -> tuple[Hook, ...]:
        """All subscriptions of the Keap application, those of other software included."""
        return self._driver.run(self.flows.list())

    def event_keys(self) -> tuple[str, ...]:
        """The events that this Keap application can send."""
        return self._driver.run(self.flows.event_keys())

    def get(self, key: str) -> Hook:
        """One subscription.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.get(key))

    def update(self, key: str, *, event_key: str | None = None, url: str | None = None) -> Hook:
        """Give a subscription another event or address; it is verified anew.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.update(key, event_key, url))

    def verify(self, key: str) -> Hook:
        """Ask Keap to verify the receiver again: also revives a subscription that is `Inactive`.

        Keap may verify after it has answered: `get` tells.

        Raises:
            NotFoundError: when there is none.
        """
        return self._driver.run(self.flows.verify(key))

    def delayed_verify(self, key: str, secret: str) -> Hook:
        """Verify a subscription with the secret (`X-Hook-Secret`) that Keap sent to the receiver."""
        return self._driver.run(self.flows.delayed_verify(key, secret))

    def delete(self, key: str) -> None:
        """End a subscription.

        Raises:
            NotFoundError: when there is none.
        """
        self._driver.run(self.flows.delete(key))

    def ensure(
        self,
        url: str,
        events: Collection[str] = EVENTS,
        *,
        replaces: Collection[str] = (),
        wait: float = _PATIENCE,
    ) -> HookReport:
        """Bring the subscriptions of an address to what they should be. Call it from a scheduler: hooks fall silent.

        It subscribes to what is missing, asks for verification where it is lacking, makes a new subscription where that
        does not help, and removes surplus ones. What is right is left alone, and so are the subscriptions of other
        addresses and to other events. Run again, it changes nothing.

        Args:
            url: the receiver's address, such as `"https://bridge.example.com/webhooks" + app.keap_path`.
            events: what to subscribe to; what this Keap does not know is reported and left out.
            replaces: former addresses of the receiver. Their subscriptions are removed when the new ones are verified.
            wait: seconds to wait for verifications.
        """
        return self._driver.run(self.flows.ensure(url, events, replaces, wait))


@telling_methods
class AsyncKeapHooks:
    """`SyncKeapHooks` for an event loop."""

    def __init__(self, driver: AsyncDriver, flows: KeapHooks) -> None:
        self._driver = driver
        self.flows = flows

    async def subscribe(self, event_key: str, url: str) -> Hook:
        """See `SyncKeapHooks.subscribe`."""
        return await self._driver.run(self.flows.subscribe(event_key, url))

    async def list(self) -> tuple[Hook, ...]:
        """See `SyncKeapHooks.list`."""
        return await self._driver.run(self.flows.list())

    async def event_keys(self) -> tuple[str, ...]:
        """See `SyncKeapHooks.event_keys`."""
        return await self._driver.run(self.flows.event_keys())

    async def get(self, key: str) -> Hook:
        """See `SyncKeapHooks.get`."""
        return await self._driver.run(self.flows.get(key))

    async def update(self, key: str, *, event_key: str | None = None, url: str | None = None) -> Hook:
        """See `SyncKeapHooks.update`."""
        return await self._driver.run(self.flows.update(key, event_key, url))

    async def verify(self, key: str) -> Hook:
        """See `SyncKeapHooks.verify`."""
        return await self._driver.run(self.flows.verify(key))

    async def delayed_verify(self, key: str, secret: str) -> Hook:
        """See `SyncKeapHooks.delayed_verify`."""
        return await self._driver.run(self.flows.delayed_verify(key, secret))

    async def delete(self, key: str) -> None:
        """See `SyncKeapHooks.delete`."""
        await self._driver.run(self.flows.delete(key))

    async def ensure(
        self,
        url: str,
        events: Collection[str] = EVENTS,
        *,
        replaces: Collection[str] = (),
        wait: float = _PATIENCE,
    ) -> HookReport:
        """See `SyncKeapHooks.ensure`."""
        return await self._driver.run(self.flows.ensure(url, events, replaces, wait))
