"""Pacing: no window of time ever holds more calls than Keap allows, nobody is forgotten, and little time is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from callers import start_callers
from hypothesis import given
from hypothesis import strategies as st
from laws import examples

import keapbridge as kb
from keapbridge._flow.drivers import SyncDriver
from keapbridge._flow.effects import Now, Sleep
from keapbridge._io.told_times import DAY
from keapbridge.errors import QuotaExhaustedError, RateLimitedError
from keapbridge.keap.limits import KeapLimits, Window, read_limits
from keapbridge.keap.pace import Heeding, KeapPace, MemoryPaceBook, pace_for
from keapbridge.keap.turns import (
    API_KEY,
    OAUTH_CLIENT,
    ComeBack,
    Entry,
    Granted,
    Held,
    Spent,
    Turn,
    learn,
    take_turn,
)
from keapbridge.store.database import Database
from keapbridge.store.paces import SqlPaceBook
from keapbridge.testing import Fault, KeapEmulator, KeapQuota

LAWS = examples(60)
MORNING = datetime(2026, 1, 1, 6, tzinfo=UTC).timestamp()
PACING = kb.Pacing(per_second=3, per_minute=20, per_day=1000)


def _played(pacing: kb.Pacing, gaps: list[float], names: list[str]) -> tuple[Entry, list[tuple[float, float, str]]]:
    """Callers ask one after the other; answers when they asked, when they may call, and who they are."""
    entry, moment, granted = Entry(), MORNING, []
    for gap, who in zip(gaps, names, strict=True):
        moment += gap
        now = moment
        while True:
            entry, verdict = take_turn(entry, pacing, who, now)
            if isinstance(verdict, Granted):
                granted.append((moment, verdict.at, who))
                break
            assert isinstance(verdict, ComeBack)
            assert verdict.at > now
            now = verdict.at
    return entry, granted


GAPS = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.05, 0.4, 2.0, 61.0]), min_size=1, max_size=70)


@LAWS
@given(GAPS, st.data())
def test_no_second_and_no_minute_holds_too_many_calls(gaps: list[float], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from("ab"), min_size=len(gaps), max_size=len(gaps)))
    _, granted = _played(PACING, gaps, names)
    moments = sorted(at for _, at, _ in granted)
    for limit, seconds in ((3, 1.0), (20, 60.0)):
        for first, later in zip(moments, moments[limit:], strict=False):
            assert later - first >= seconds - 1e-6


@LAWS
@given(GAPS)
def test_a_caller_alone_waits_for_what_the_limits_ask_and_no_longer(gaps: list[float]) -> None:
    _, granted = _played(PACING, gaps, ["a"] * len(gaps))
    for number, (asked, at, _) in enumerate(granted):
        earlier = [moment for _, moment, _ in granted[:number]]
        recent = [moment for moment in earlier if moment > asked - 63.0]
        rules = [asked, *earlier[-1:]]
        if recent:
            rules.append(earlier[-1] + (3.0 if len(recent) >= 5 else 1.2 / 3))
        if len(recent) >= 20:
            rules.append(earlier[-20] + 60.0)
        assert at == pytest.approx(max(rules))


def test_a_caller_that_has_time_is_not_held_up() -> None:
    _, granted = _played(PACING, [4.0] * 50, ["a"] * 50)
    assert all(asked == at for asked, at, _ in granted)


def test_the_share_of_the_limits_is_kept() -> None:
    _, granted = _played(attrs.evolve(PACING, per_second=None, share=0.5), [0.0] * 11, ["a"] * 11)
    assert [at - MORNING for _, at, _ in granted] == [0.0] * 3 + [6.0 * n for n in range(1, 8)] + [60.0]


def test_no_session_keeps_the_others_waiting_for_more_than_their_share() -> None:
    pacing = kb.Pacing(per_second=10, per_minute=1000)
    entry = Entry()
    for _ in range(10):
        entry, verdict = take_turn(entry, pacing, "greedy", MORNING)
    for _ in range(8):
        entry, verdict = take_turn(entry, pacing, "greedy", MORNING)
    entry, first = take_turn(entry, pacing, "modest", MORNING)
    assert isinstance(first, Granted)
    entry, verdict = take_turn(entry, pacing, "greedy", MORNING)
    assert isinstance(verdict, ComeBack)
    entry, verdict = take_turn(entry, pacing, "modest", MORNING)
    assert isinstance(verdict, Granted)


# --- the day --------------------------------------------------------------------------------------------------------


def test_the_quota_of_the_day_is_never_exceeded_and_begins_anew_at_midnight() -> None:
    pacing = kb.Pacing(per_day=5)
    entry = Entry()
    for _ in range(5):
        entry, verdict = take_turn(entry, pacing, "a", MORNING)
        assert verdict == Granted(MORNING)
    entry, verdict = take_turn(entry, pacing, "a", MORNING)
    midnight = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert verdict == Spent(midnight)
    entry, verdict = take_turn(entry, pacing, "a", midnight)
    assert verdict == Granted(midnight)


# --- what the headers say -------------------------------------------------------------------------------------------


def _said(minute: Window = Window(), day: Window = Window(), tenant: Window = Window()) -> KeapLimits:  # noqa: B008
    return KeapLimits(minute, day, tenant)


def _learned(seen: KeapLimits, *, pacing: kb.Pacing = PACING, refused: bool = False, **options: Any) -> Entry:
    return learn(Entry(), pacing, seen, MORNING, refused=refused, **{"retry_after": None} | options)


def test_what_others_used_is_not_used_again() -> None:
    entry = _learned(_said(Window(20, used=15, available=5)), pacing=kb.Pacing(per_minute=20))
    waits = []
    for _ in range(6):
        entry, verdict = take_turn(entry, kb.Pacing(per_minute=20), "a", MORNING)
        assert isinstance(verdict, Granted)
        waits.append(verdict.at - MORNING)
    assert waits == [0.0] * 2 + [3.0, 6.0, 9.0] + [60.0]


def test_calls_of_others_count_for_the_day() -> None:
    entry = _learned(_said(day=Window(1000, used=999, available=1)))
    entry, verdict = take_turn(entry, PACING, "a", MORNING)
    assert isinstance(verdict, Granted)
    _, verdict = take_turn(entry, PACING, "a", MORNING)
    assert isinstance(verdict, Spent)


def test_a_smaller_limit_than_the_published_one_holds() -> None:
    entry = _learned(_said(Window(2, used=0, available=2)))
    for _ in range(2):
        entry, verdict = take_turn(entry, PACING, "a", MORNING)
    assert verdict == Granted(MORNING + 30)
    _, verdict = take_turn(entry, PACING, "a", MORNING)
    assert verdict == Granted(MORNING + 60)


def test_a_minute_that_is_spent_is_waited_for() -> None:
    _, verdict = take_turn(_learned(_said(Window(20, used=20, available=0))), PACING, "a", MORNING + 10)
    assert verdict == Granted(MORNING + 60)


def test_the_reserve_of_the_application_is_left_to_others() -> None:
    spare = attrs.evolve(PACING, reserve=0.1)
    tenant = Window(10_000, used=9_000, available=1_000)
    _, verdict = take_turn(_learned(_said(tenant=tenant), pacing=spare), spare, "a", MORNING)
    assert verdict == Granted(MORNING + 60)
    _, verdict = take_turn(_learned(_said(tenant=tenant)), PACING, "a", MORNING)
    assert verdict == Granted(MORNING)


@pytest.mark.parametrize(("retry_after", "wait"), [(None, 1.0), (7.0, 7.0)])
def test_a_refusal_holds_everybody_for_a_moment(retry_after: float | None, wait: float) -> None:
    entry = _learned(_said(), refused=True, retry_after=retry_after)
    _, verdict = take_turn(entry, PACING, "a", MORNING)
    assert verdict == Granted(MORNING + wait)


def test_a_refusal_because_the_day_is_spent_ends_the_day() -> None:
    entry = _learned(_said(day=Window(1000, used=1000, available=0)), refused=True)
    assert isinstance(take_turn(entry, PACING, "a", MORNING)[1], Spent)


def _tenant(**told: str) -> dict[str, str]:
    windows = {"time-unit": "minute|day", "interval": "1|1", "limit": "10000|250000", "used": "10|300"}
    return {f"x-keap-tenant-throttle-{name}": value for name, value in {**windows, **told}.items()}


@pytest.mark.parametrize(
    ("headers", "minute", "day"),
    [
        (_tenant(available="9990|249700"), Window(10_000, 10, 9_990), Window(250_000, 300, 249_700)),
        (_tenant(**{"time-unit": "day|minute"}), Window(250_000, 300), Window(10_000, 10)),  # each by its unit
        (_tenant(**{"time-unit": " Minute | DAY "}), Window(10_000, 10), Window(250_000, 300)),
        (_tenant(**{"time-unit": "minute", "limit": "10000", "used": "10"}), Window(10_000, 10), Window()),
        (_tenant(**{"time-unit": "day", "limit": "250000", "used": "300"}), Window(), Window(250_000, 300)),
        (_tenant(**{"time-unit": "", "limit": "10000", "used": "10"}), Window(10_000, 10), Window()),
        (_tenant(limit="10000"), Window(10_000, 10), Window(None, 300)),
        (_tenant(available="|7"), Window(10_000, 10), Window(250_000, 300, 7)),
    ],
)
def test_the_windows_of_the_application_are_told_side_by_side(
    headers: dict[str, str], minute: Window, day: Window
) -> None:
    seen = read_limits(headers)
    assert (seen.tenant, seen.tenant_day) == (minute, day)


@pytest.mark.parametrize(
    ("available", "reserve", "until"),
    [
        ("0|240000", 0.0, MORNING + 60),
        ("5000|240000", 0.5, MORNING + 60),
        ("500|0", 0.0, datetime(2026, 1, 2, tzinfo=UTC).timestamp()),
        ("9000|100000", 0.5, datetime(2026, 1, 2, tzinfo=UTC).timestamp()),
        ("9000|200000", 0.5, MORNING),
    ],
)
def test_a_window_of_the_application_that_is_spent_is_waited_for(available: str, reserve: float, until: float) -> None:
    pacing = attrs.evolve(PACING, reserve=reserve)
    entry = _learned(read_limits(_tenant(available=available)), pacing=pacing)
    assert take_turn(entry, pacing, "a", MORNING)[1] == Granted(until)


# --- clients --------------------------------------------------------------------------------------------------------


def test_a_wait_that_is_too_long_is_told_and_not_granted() -> None:
    entry = _learned(_said(), refused=True, retry_after=301.0)
    assert take_turn(entry, PACING, "a", MORNING, longest=300.0)[1] == Held(MORNING + 301)
    assert take_turn(entry, PACING, "a", MORNING + 1, longest=300.0)[1] == Granted(MORNING + 301)
    entry = _learned(_said(), refused=True, retry_after=400 * DAY)
    assert entry.held_until == MORNING + DAY


@pytest.mark.parametrize("ahead", [120.0, 3600.0, 365 * DAY])
def test_what_was_entered_under_a_clock_that_was_ahead_is_put_back_with_it(ahead: float) -> None:
    entry = Entry()
    for _ in range(5):
        entry, _ = take_turn(entry, PACING, "a", MORNING + ahead)
    entry = learn(entry, PACING, _said(), MORNING + ahead, refused=True, retry_after=40.0)
    entry, verdict = take_turn(entry, PACING, "a", MORNING, longest=300.0)
    assert verdict == Granted(MORNING + 40)
    assert len(entry.turns) == 6
    entry, verdict = take_turn(entry, PACING, "a", MORNING + 60)
    assert isinstance(verdict, Granted)
    assert verdict.at < MORNING + 120


def test_nothing_in_the_book_is_more_than_a_day_ahead() -> None:
    entry = Entry((Turn(MORNING - 5, "a"), Turn(1e300, "b")), held_until=1e300)
    entry, verdict = take_turn(entry, PACING, "a", MORNING, longest=300.0)
    assert (verdict, entry.turns) == (Held(MORNING + DAY), (Turn(MORNING - 5, "a"),))


def test_a_clock_that_is_put_back_between_asking_and_waiting_prolongs_nothing() -> None:
    book = MemoryPaceBook()
    book.change("key", lambda entry: (attrs.evolve(entry, held_until=MORNING + 30, seen_at=MORNING), None))
    flow = KeapPace(PACING, book, "key").turn()
    moments = iter([MORNING, MORNING - 365 * DAY])
    effect = next(flow)
    while isinstance(effect, Now):
        effect = flow.send(datetime.fromtimestamp(next(moments), UTC))
    assert effect == Sleep(30.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quota-expiry-time", "99999999999999999"),
        ("throttle-expiry-time", "-99999999999999"),
        ("throttle-expiry-time", "1e9"),
        ("quota-used", "9" * 30),
        ("quota-used", "30001"),
        ("quota-limit", "-1"),
        ("throttle-limit", "0"),
        ("throttle-limit", "-5"),
        ("throttle-used", "99999999999"),
        ("throttle-available", "-3"),
    ],
)
def test_numbers_that_cannot_be_are_as_good_as_not_said(name: str, value: str) -> None:
    said = {"x-keap-product-quota-limit": "30000", "x-keap-product-quota-available": "29000"}
    seen = read_limits({**said, f"x-keap-product-{name}": value})
    window, field = (seen.day if name.startswith("quota") else seen.minute), name.partition("-")[2]
    assert getattr(window, {"expiry-time": "resets_at"}.get(field, field)) is None
    entry, verdict = take_turn(_learned(seen), PACING, "a", MORNING)
    assert verdict == Granted(MORNING)
    assert entry.used == 1


@pytest.mark.parametrize(
    "setting", [{"share": 0.0}, {"share": 1.1}, {"reserve": 1.0}, {"reserve": -0.1}, {"time_scale": 0}]
)
def test_settings_that_cannot_work_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        kb.Pacing(**setting)


def test_keaps_own_addresses_are_paced_as_published() -> None:
    url = "https://api.infusionsoft.com/crm/rest"
    oauth = kb.KeapOAuth(client_id="c", client_secret="s", tokens=kb.FileTokenStore("t"))
    key, other = kb.KeapApiKey("one"), kb.KeapApiKey("two")
    paces = [pace_for(auth, url, None) for auth in (key, other, oauth)]
    assert [p.pacing for p in paces if isinstance(p, KeapPace)] == [API_KEY, API_KEY, OAUTH_CLIENT]
    assert len({p.key for p in paces if isinstance(p, KeapPace)}) == 3
    assert "one" not in repr(paces)
    assert isinstance(pace_for(key, "http://127.0.0.1:8801/crm/rest", None), Heeding)
    half = pace_for(key, "http://127.0.0.1:8801/crm/rest", kb.Pacing(share=0.5))
    assert isinstance(half, KeapPace)
    assert (half.pacing.per_minute, half.pacing.share) == (240, 0.5)


@pytest.fixture
def quota_server() -> Any:
    with KeapEmulator(quota=KeapQuota(per_day=3)) as server:
        yield server


def test_a_spent_day_is_an_error_that_says_when_it_is_over(quota_server: KeapEmulator) -> None:
    with kb.KeapClient(
        auth=kb.KeapApiKey(quota_server.api_key), base_url=quota_server.base_url, pacing=kb.Pacing(per_day=100)
    ) as keap:
        for _ in range(3):
            list(keap.contacts.list())
        for _ in range(2):
            with pytest.raises(QuotaExhaustedError, match="quota of the day") as caught:
                list(keap.contacts.list())
            assert caught.value.resets_at is not None
            assert caught.value.resets_at > datetime.now(UTC)
    assert len(quota_server.requests) == 3  # the headers said so before a call was refused


# --- at other addresses -----------------------------------------------------------------------------------------------


def behind(server: KeapEmulator) -> kb.KeapClient:
    """A client that finds it at an address which is not Keap's, as behind a gateway."""
    return kb.KeapClient(auth=kb.KeapApiKey(server.api_key), base_url=server.base_url, retry=kb.RetryPolicy(base=0.001))


def test_a_429_for_the_day_is_told_as_what_it_is_at_any_address(quota_server: KeapEmulator) -> None:
    quota_server.spend(day=3)
    with behind(quota_server) as keap:
        for _ in range(2):
            with pytest.raises(QuotaExhaustedError) as caught:
                list(keap.contacts.list())
            assert caught.value.retry_at is not None
    assert len(quota_server.requests) == 1, "it is not sent again"


def test_a_spent_day_is_heeded_at_any_address(quota_server: KeapEmulator) -> None:
    with behind(quota_server) as keap:
        for _ in range(3):
            list(keap.contacts.list())
        with pytest.raises(QuotaExhaustedError):
            list(keap.contacts.list())
    assert quota_server.throttled == 0, "the headers said so before a call was refused"


@attrs.define
class Clock:
    """Performs flows with a time of its own, which passes while they wait."""

    now: datetime

    def run(self, flow: Any) -> None:
        send: Any = None
        while True:
            try:
                effect = flow.send(send)
            except StopIteration:
                return
            if isinstance(effect, Sleep):
                self.now += timedelta(seconds=effect.ceiling)
            send = self.now if isinstance(effect, Now) else None
            if not isinstance(effect, (Now, Sleep)):
                send = SyncDriver().run(performed(effect))


def performed(effect: Any) -> Any:
    return (yield effect)


@pytest.mark.parametrize(
    ("quota", "used"),
    [
        (KeapQuota(per_minute=10), {"minute": 9}),
        (KeapQuota(per_minute=100, tenant_per_minute=10, tenant_per_day=1000), {"tenant_minute": 9}),
    ],
    ids=["of the key", "of the application"],
)
def test_a_spent_minute_is_waited_for_at_any_address(quota: KeapQuota, used: dict[str, int]) -> None:
    clock = Clock(datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC))
    with KeapEmulator(quota=quota, clock=lambda: clock.now) as server, behind(server) as keap:
        server.spend(**used)
        clock.run(keap.contacts.flows.list())
        assert clock.now.second == 20, "nothing waits while something is left"
        clock.run(keap.contacts.flows.list())
        assert clock.now.minute == 1
        assert server.throttled == 0


def test_a_spent_day_of_the_application_is_heeded_at_any_address() -> None:
    quota = KeapQuota(per_day=100, tenant_per_minute=100, tenant_per_day=10)
    with KeapEmulator(quota=quota) as server, behind(server) as keap:
        server.spend(tenant_day=9)
        list(keap.contacts.list())
        with pytest.raises(RateLimitedError):
            list(keap.contacts.list())
        assert server.throttled == 0


def test_what_another_key_of_the_account_has_used_of_its_minute_counts() -> None:
    clock = Clock(datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC))
    auth = kb.KeapApiKey("KeapAK-emulator")
    with (
        KeapEmulator(quota=KeapQuota.api_key(), clock=lambda: clock.now) as server,
        kb.KeapClient(auth=auth, base_url=server.base_url, pacing=kb.Pacing()) as keap,
    ):
        server.spend(minute=220)
        for _ in range(25):
            clock.run(keap.contacts.flows.list())
        assert server.throttled == 0
        assert clock.now.minute == 1


def test_a_wait_of_a_year_is_raised_by_this_call_and_the_next_and_nothing_is_slept(keap_server: KeapEmulator) -> None:
    keap_server.faults.add(Fault(status=429, headers=(("Retry-After", "31536000"),)))
    slept: list[float] = []
    auth = kb.KeapApiKey(keap_server.api_key)
    with kb.KeapClient(auth=auth, base_url=keap_server.base_url, pacing=kb.Pacing()) as keap:
        driver = SyncDriver(sleep=slept.append)
        for _ in range(2):
            with pytest.raises(RateLimitedError, match="wait_seconds") as caught:
                driver.run(keap.contacts.flows.list())
            assert caught.value.retry_at is not None
            assert DAY - 60 < (caught.value.retry_at - datetime.now(UTC)).total_seconds() <= DAY
    assert not slept
    assert len(keap_server.requests) == 1


def test_a_429_is_waited_for_by_all(keap_server: KeapEmulator) -> None:
    keap_server.faults.add(Fault(status=429, headers=(("Retry-After", "30"),)))
    book, slept = MemoryPaceBook(), []
    with kb.KeapClient(
        auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url, pacing=kb.Pacing()
    ) as keap:
        flows = keap.contacts.flows.sharing(book, "a")
        other = keap.companies.flows.sharing(book, "b")
        driver = SyncDriver(sleep=slept.append)
        driver.run(flows.list())
        driver.run(other.list())
    assert slept
    assert 10 <= max(slept) <= 60


def test_the_book_in_a_database_forgets_nothing(tmp_path: Path) -> None:
    books = [SqlPaceBook(Database(f"sqlite:///{tmp_path / 'bridge.db'}")) for _ in range(2)]
    for number in range(6):
        books[number % 2].change("key", lambda entry: take_turn(entry, PACING, "a", MORNING))
    entry = books[0].change("key", lambda entry: (entry, entry))
    assert [turn.at - MORNING for turn in entry.turns] == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6, 4.6])
    assert books[0].change("another", lambda entry: (entry, entry)) == Entry()


def test_a_session_shares_its_pace_through_its_store(keap_server: KeapEmulator, tmp_path: Path, crm: Any) -> None:
    with (
        kb.KeapClient(
            auth=kb.KeapApiKey(keap_server.api_key), base_url=keap_server.base_url, pacing=kb.Pacing()
        ) as keap,
        kb.SyncSession(customcrm=crm, keap=keap, store=f"sqlite:///{tmp_path / 'bridge.db'}", name="acme") as session,
    ):
        session.sync()
        assert isinstance(keap.contacts.flows.port.pace, KeapPace)
        key = keap.contacts.flows.port.pace.key
        entry = SqlPaceBook(session._engine.bridge.store.database).change(key, lambda entry: (entry, entry))  # type: ignore[attr-defined]
        assert {turn.who for turn in entry.turns} == {"acme"}
        assert len(entry.turns) == len(keap_server.requests)
        assert session.plan().estimate.minutes == 0


# --- processes ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_share_a_key_without_being_refused(tmp_path: Path) -> None:
    minutes, scale = 5, 5.0
    with KeapEmulator(quota=KeapQuota.api_key(time_scale=scale)) as server:
        server.state.contacts.add({"given_name": "Ada"})
        said = start_callers(
            4,
            {
                "base_url": server.base_url,
                "key": server.api_key,
                "database": f"sqlite:///{tmp_path / 'bridge.db'}",
                "pacing": {"time_scale": scale},
                "threads": 4,
                "calls": 100_000,
                "seconds": minutes * 60 / scale,
            },
        )
        outcomes = [name for s in said for name in s["outcomes"]]
        assert set(outcomes) <= {"answered", "over"}
        answered = sum(s["outcomes"].get("answered", 0) for s in said)
        seconds = max(s["seconds"] for s in said)
        refused = server.throttled
    allowance = 240 * seconds * scale / 60
    print(f"{answered} answered, {refused} refused, allowance {allowance:.0f} in {seconds:.1f} s")  # noqa: T201
    assert refused <= 0.01 * answered
    assert answered >= 0.5 * allowance, "they need not be quick to get 20 answers a second"
