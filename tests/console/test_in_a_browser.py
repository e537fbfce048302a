"""The console in a real Chromium: what a person decides there is done in both systems, with a script and without."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from browsers import serve

import keapbridge as kb
from keapbridge.testing import KeapEmulator, Recorded

if TYPE_CHECKING:
    from conftest import World

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_core = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
expect = playwright.expect

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("browser")]

MANUAL = kb.Policy(conflicts="manual")
WIDTHS = {"phone": 390, "desk": 1280}
PATIENCE = 60_000  # milliseconds until something is not going to happen any more
RUNNER = Path(__file__).parents[1] / "crash" / "one_run.py"
PAGES = ("", "plans", "conflicts", "pairs", "failures", "runs", "records", "dataflow", "check")
EVIL = '"><img src=x onerror="window.ran=1"><script>window.ran=1</script>{{7*7}}'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(world: World, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens the console of a session in a browser of somebody's: a page of playwright's."""
    with ExitStack() as stack:
        session = stack.enter_context(world.sessions(policy=MANUAL))
        served: dict[str, str] = {}

        def browse(name: str = "anna", *, can_decide: bool = True, **options: Any) -> Any:
            if name not in served:
                who = kb.console.User(name, can_decide=can_decide)
                served[name] = stack.enter_context(serve(kb.console.asgi_app(session, authorize=lambda _: who)))
            context = chromium.new_context(base_url=served[name], **options)
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto("/")
            return page

        expect.set_options(timeout=PATIENCE)
        yield browse


def _people(world: World) -> None:
    """Two to be made, one conflict, and two that may be the same."""
    ours, theirs = world.crm.state.contacts, world.keap.state.contacts
    ours.add({"FirstName": "Ada", "LastName": "Berg", "Email": "ada@example.org", "JobTitle": "Chair"})
    assert world.sync(policy=MANUAL).count("created") == 1
    world.let_time_pass()
    [a], [k] = ours, theirs
    ours.edit(a, JobTitle="Engineer")
    theirs.edit(k, job_title="Manager")
    for name in ("Bob", "Cyd", "Dan"):
        ours.add({"FirstName": name, "LastName": "Holm", "Email": f"{name.lower()}@example.org"})
    ours.add({"FirstName": "Eva", "LastName": "Lund", "Email": "shared@example.org"})
    theirs.add(
        {
            "given_name": "Zoe",
            "family_name": "Kim",
            "email_addresses": [{"email": "shared@example.org", "field": "EMAIL1"}],
        }
    )


def _keap_names(world: World) -> list[str]:
    return sorted(contact["given_name"] for contact in world.keap.state.contacts.values())


def _titles(world: World) -> set[Any]:
    ours, theirs = world.crm.state.contacts.values(), world.keap.state.contacts.values()
    return {c["JobTitle"] for c in ours if c["FirstName"] == "Ada"} | {
        c["job_title"] for c in theirs if c["given_name"] == "Ada"
    }


def _id(world: World, name: str) -> Any:
    [id] = [id for id, contact in world.keap.state.contacts.items() if contact["given_name"] == name]
    return id


def _go(page: Any, name: str) -> None:
    """Go to a page, and wait for it: what is clicked before is clicked on the page before."""
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with-a-script", "without"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_whole_story_is_done_in_both_systems(
    world: World, browse: Callable[..., Any], width: str, script: bool
) -> None:
    _people(world)
    page = browse(java_script_enabled=script, viewport={"width": WIDTHS[width], "height": 900})

    _go(page, "Plans")
    page.get_by_role("button", name="Make a plan").click()
    expect(page.get_by_role("heading", name="Record by record")).to_be_visible()
    assert _keap_names(world) == ["Ada", "Zoe"], "a plan writes nothing"
    ticks = page.locator("tr", has_text="Holm").locator('input[name="tick"]')
    expect(ticks).to_have_count(3)
    for n in range(2):
        ticks.nth(n).check()
    page.get_by_role("button", name="What is ticked: apply").click()
    expect(page.get_by_text("not approved").first).to_be_visible()
    assert len(_keap_names(world)) == 4, "two of three are made"

    _go(page, "Conflicts")
    expect(page.get_by_text("Engineer").first).to_be_visible()
    page.get_by_role("button", name="Keap", exact=False).first.click()
    expect(page.get_by_role("status")).to_contain_text("It is decided")
    assert _titles(world) == {"Manager"}

    _go(page, "A record")
    page.locator('select[name="object"]').select_option("contacts")
    page.locator('select[name="side"]').select_option("keap")
    page.locator('input[name="id"]').fill(str(_id(world, "Ada")))
    page.get_by_role("button", name="Show it").click()
    row = page.locator("main tbody tr", has=page.get_by_role("rowheader", name="JobTitle", exact=True))
    expect(row).to_contain_text("in step")
    expect(row.get_by_text("Manager")).to_have_count(3)  # in both systems now, and known from the last sync
    written = page.locator(".timeline li", has_text="decided by anna").first
    expect(written).to_contain_text("JobTitle")
    expect(written.locator("ins")).to_contain_text("Manager")

    _go(page, "Pairs in doubt")
    page.get_by_role("button", name="These are not the same").click()
    expect(page.get_by_role("status")).to_contain_text("remembered")
    expect(page.get_by_role("heading", name="Told apart")).to_be_visible()

    _go(page, "Plans")
    page.get_by_role("button", name="Make a plan").click()
    page.get_by_role("button", name="All of it: apply").click()
    expect(page.get_by_text("created in Keap").first).to_be_visible()
    assert _keap_names(world) == ["Ada", "Bob", "Cyd", "Dan", "Eva", "Zoe"]
    assert "Zoe" in {c["FirstName"] for c in world.crm.state.contacts.values()}

    _go(page, "Runs")
    page.locator("main tbody tr").first.get_by_role("link").first.click()
    page.locator('main a[href$="/undo"]').click()
    page.get_by_role("button", name="Take it back").click()
    expect(page).to_have_url(re.compile(r"/runs/\w+$"))
    expect(page.locator("main")).to_contain_text("decided by anna")
    expect(page.get_by_text("deleted in Keap").first).to_be_visible()
    assert len(_keap_names(world)) == 4
    with world.sessions(policy=MANUAL) as session:
        assert {run.by for run in session.runs(limit=5)} == {"anna"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_for_who_cannot_see_or_point(
    world: World, browse: Callable[..., Any], scheme: str, tmp_path: Any
) -> None:
    _people(world)
    world.sync(policy=MANUAL)
    page = browse(color_scheme=scheme, bypass_csp=True, viewport={"width": 1280, "height": 900})
    page.goto("/plans")
    page.get_by_role("button", name="Make a plan").click()
    expect(page.get_by_role("heading", name="Record by record")).to_be_visible()
    plan = page.url
    with world.sessions() as session:
        run = session.runs(limit=1)[0].run_id
    faults: list[str] = []
    for path in (
        *(f"/{each}" for each in PAGES),
        plan,
        f"/runs/{run}",
        f"/runs/{run}/undo",
        "/records/contacts/customcrm/A1",
    ):
        page.goto(path)
        page.screenshot(
            path=tmp_path / f"{re.sub(r'.*//[^/]*', '', path).strip('/').replace('/', '-') or 'overview'}.png",
            full_page=True,
        )
        page.evaluate(axe_core.AXE_FILE_PATH.read_text("utf-8"))
        found = page.evaluate("axe.run()")
        faults += [
            f"{path} {fault['id']}: {fault['nodes'][0]['html'][:200]}"
            for fault in found["violations"]
            if fault["impact"] in {"serious", "critical"}
        ]
    assert faults == []
    page.set_content("<img src=x>")
    page.evaluate(axe_core.AXE_FILE_PATH.read_text("utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    assert "image-alt" in {fault["id"] for fault in found}, "it would be seen"


@pytest.mark.parametrize("width", [*WIDTHS.values()])
def test_no_page_is_wider_than_its_screen(world: World, browse: Callable[..., Any], width: int) -> None:
    _people(world)
    world.sync(policy=MANUAL)
    page = browse(viewport={"width": width, "height": 900})
    for each in PAGES:
        page.goto(f"/{each}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, each


def test_the_name_of_a_field_is_whole_beside_a_very_long_text(world: World, browse: Callable[..., Any]) -> None:
    _people(world)
    page = browse(viewport={"width": WIDTHS["desk"], "height": 900})
    page.goto("/plans")
    page.get_by_role("button", name="Make a plan").click()
    expect(page.get_by_role("heading", name="Record by record")).to_be_visible()
    page.evaluate("""() => {
        document.querySelectorAll(".cell strong").forEach(name => name.textContent = "AssistantPhoneNumberExtension");
        document.querySelectorAll("[data-label=What]").forEach(cell => cell.append("عميل مهم جدا لديه ".repeat(400)));
    }""")
    lines = page.evaluate("[...document.querySelectorAll('.cell strong')].map(name => name.getClientRects().length)")
    assert set(lines) == {1}


def test_a_conflict_is_decided_with_the_keyboard_alone(world: World, browse: Callable[..., Any]) -> None:
    _people(world)
    world.sync(policy=MANUAL)
    page = browse()

    def go_to(selector: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", "where the focus is can be seen"
                return
        raise AssertionError(f"{selector} is not reached")

    go_to('a[href$="/conflicts"]')
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Conflicts")).to_be_visible()
    go_to('button[name="decision"][value="keap"]')
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("It is decided")
    assert _titles(world) == {"Manager"}


def test_the_whole_story_is_done_with_the_keyboard_alone(world: World, browse: Callable[..., Any]) -> None:
    _people(world)
    page = browse()

    def press(selector: str, key: str = "Enter") -> None:
        """Go on to the next that is like that, from where the focus is, and press a key there."""
        for _ in range(300):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "it is seen"
                page.keyboard.press(key)
                return
        raise AssertionError(f"{selector} is not reached")

    def at(heading: str | re.Pattern[str]) -> None:
        expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()
        expect(page.locator("#main")).to_be_focused()

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip", "whoever has no mouse may skip the links"
    press('nav a[href$="/plans"]')
    at("Plans")
    press("main button")
    at(re.compile("^Plan "))
    for _ in range(2):
        press('input[name="tick"]', "Space")
    press('button[value="ticked"]')
    at(re.compile("^Run "))
    assert len(_keap_names(world)) == 4, "two of three are made"
    for path, heading, button in (
        ("conflicts", "Conflicts", 'button[name="decision"][value="keap"]'),
        ("pairs", "Pairs in doubt", 'button[name="decision"][value="different"]'),
    ):
        press(f'nav a[href$="/{path}"]')
        at(heading)
        press(button)
        expect(page.get_by_role("status").first).to_contain_text("It is decided")
    assert _titles(world) == {"Manager"}
    press('nav a[href$="/runs"]')
    at("Runs")
    press("main tbody tr:nth-child(3) a")  # two decisions came after it
    at(re.compile("^Run "))
    press('main a[href$="/undo"]')
    at(re.compile("^Take run "))
    press("main button.main")
    at(re.compile("^Run "))
    expect(page.get_by_text("deleted in Keap").first).to_be_visible()
    assert len(_keap_names(world)) == 2


def test_times_are_told_in_the_zone_of_who_looks(world: World, browse: Callable[..., Any]) -> None:
    world.sync(policy=MANUAL)
    with world.sessions(policy=MANUAL) as session:
        began = session.runs()[0].started_at
    told = browse(timezone_id="Asia/Tokyo", locale="en-GB")
    local = began.astimezone(ZoneInfo("Asia/Tokyo"))
    moment = told.locator("main tbody time").first
    expect(moment).to_contain_text(f"{local:%H:%M:%S}")
    expect(moment).to_have_attribute("title", re.compile("UTC$"))
    expect(told.locator("footer")).to_contain_text("in the zone Asia/Tokyo")
    plain = browse(java_script_enabled=False, timezone_id="Asia/Tokyo")
    expect(plain.locator("main tbody time").first).to_have_text(f"{began:%Y-%m-%d %H:%M:%S} UTC")
    expect(plain.locator("footer")).to_contain_text("in UTC")


def test_what_records_hold_stays_text(world: World, browse: Callable[..., Any]) -> None:
    ours, theirs = world.crm.state.contacts, world.keap.state.contacts
    ours.add({"FirstName": EVIL, "LastName": EVIL, "Email": "evil@example.org", "JobTitle": "Chair"})
    world.sync(policy=MANUAL)
    world.let_time_pass()
    [a], [k] = ours, theirs
    ours.edit(a, JobTitle=EVIL)
    theirs.edit(k, job_title=EVIL[::-1])
    ours.add({"FirstName": EVIL, "LastName": "B", "Email": "two@example.org"})
    theirs.add({"given_name": "Zoe", "email_addresses": [{"email": "two@example.org", "field": "EMAIL1"}]})
    world.sync(policy=MANUAL)
    page = browse()
    shown = 0
    page.goto("/plans")
    page.get_by_role("button", name="Make a plan").click()
    expect(page.get_by_role("heading", name="Record by record")).to_be_visible()
    for path in (page.url, *(f"/{each}" for each in PAGES), f"/records/contacts/customcrm/{a}"):
        page.goto(path)
        assert page.evaluate("window.ran") is None, path
        assert page.locator('img[src="x"]').count() == 0, path
        shown += "onerror=" in page.locator("main").inner_text()
    assert shown >= 3, "it is shown as it is"
    # The same where it is no text: the test would see it.
    canary = browse("carl", bypass_csp=True)
    canary.evaluate("html => document.querySelector('main').innerHTML = html", EVIL)
    canary.wait_for_function("window.ran === 1")


def test_a_click_while_a_page_loads_counts_and_the_page_before_does_not_come_later(
    browse: Callable[..., Any],
) -> None:
    page = browse()
    held: list[Any] = []
    page.route(re.compile(r"/plans$"), lambda route: held.append(route))  # noqa: PLW0108 - playwright looks into it
    with page.expect_request(re.compile(r"/plans$")):
        page.get_by_role("link", name="Plans", exact=True).click()
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/plans")):
        _go(page, "Conflicts")
    assert len(held) == 1, "it was given up, not answered"
    page.unroute_all()
    _go(page, "Failures")
    expect(page).to_have_url(re.compile(r"/failures$"))
    expect(page.locator("#main")).to_be_focused()  # whoever uses the keyboard goes on at what has come


@pytest.mark.parametrize("script", [True, False], ids=["with-a-script", "without"])
def test_a_double_click_decides_once_and_shows_what_was_done(
    world: World, browse: Callable[..., Any], script: bool
) -> None:
    _people(world)
    world.sync(policy=MANUAL)
    page = browse(java_script_enabled=script)
    page.goto("/conflicts")
    page.locator('button[name="decision"][value="keap"]').dblclick()
    expect(page.locator("main")).to_contain_text(re.compile("It is decided, and written|You have decided this already"))
    if script:
        expect(page.get_by_role("status")).to_contain_text("It is decided")
    assert _titles(world) == {"Manager"}
    with world.sessions(policy=MANUAL) as session:
        assert len([run for run in session.runs() if run.purpose == "decision"]) == 1


def test_two_who_decide_at_once_do_not_overwrite_each_other(world: World, browse: Callable[..., Any]) -> None:
    _people(world)
    world.sync(policy=MANUAL)
    first, second = browse("anna"), browse("bob")
    for page in (first, second):
        page.goto("/conflicts")
    first.locator('button[name="decision"][value="keap"]').click()
    expect(first.get_by_role("status")).to_contain_text("It is decided")
    before = world.snapshot()
    second.locator('button[name="decision"][value="customcrm"]').click()
    expect(second.get_by_role("alert")).to_contain_text("decided by anna")
    expect(second.get_by_text("Manager").first).to_be_visible()
    assert world.snapshot() == before
    assert _titles(world) == {"Manager"}


def test_a_reader_sees_everything_and_decides_nothing(world: World, browse: Callable[..., Any]) -> None:
    _people(world)
    world.sync(policy=MANUAL)
    decider, reader = browse("anna"), browse("rita", can_decide=False)
    before = world.snapshot()
    for each in PAGES:
        reader.goto(f"/{each}")
        asks = each in {"", "plans", "check", "records"}  # what a reader may do there changes nothing
        assert reader.locator('main form[method="post"] button').count() == 0 or asks, each
    decider.goto("/conflicts")
    token = decider.locator('input[name="conflict"]').first.get_attribute("value")
    answer = reader.request.post("/conflicts", form={"token": "guessed", "conflict": token, "decision": "keap"})
    assert answer.status == 403
    for path in ("/plans/0123456789ab", "/runs/0123456789ab", "/runs/0123456789ab/undo"):
        assert reader.goto(path).status in {404, 409}, path
    assert world.snapshot() == before


def test_no_address_and_no_line_of_a_log_says_anything_of_people(
    world: World, browse: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _people(world)
    world.sync(policy=MANUAL)
    caplog.clear()
    page = browse()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for each in PAGES:
        page.goto(f"/{each}")
    page.goto("/plans")
    page.get_by_role("button", name="Make a plan").click()
    page.get_by_role("searchbox").fill("Engineer")
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("searchbox")).to_have_value("Engineer")
    page.goto("/conflicts")
    page.locator('button[name="decision"][value="keap"]').click()
    expect(page.get_by_role("status")).to_be_visible()
    assert any("GET /conflicts" in record.getMessage() for record in caplog.records), "the server's log is among it"
    for text in (*asked, *(record.getMessage() for record in caplog.records)):
        for planted in ("Engineer", "Manager", "Berg", "Holm", "shared@", "ada@", "Zoe"):
            assert planted not in text, text


@attrs.define
class Gate:
    """Holds the answers to some of the records that Keap is to make, until they are let go."""

    held: int = 0
    come: threading.Event = attrs.field(factory=threading.Event)
    go: threading.Event = attrs.field(factory=threading.Event)

    def see(self, request: Recorded, after: int) -> None:
        """Called in the emulator, after what was asked was done."""
        self.held += (request.method, request.path.endswith("/contacts")) == ("POST", True)
        if self.held == after:
            self.come.set()
            self.go.wait()


@contextmanager
def gate(keap: KeapEmulator, after: int) -> Iterator[Gate]:
    found, note = Gate(), keap.requests.add

    def noted(request: Recorded) -> None:
        note(request)
        found.see(request, after)

    keap.requests.add = noted  # type: ignore[method-assign]
    try:
        yield found
    finally:
        found.go.set()
        keap.requests.add = note  # type: ignore[method-assign]


@pytest.mark.parametrize("script", [True, False], ids=["with-a-script", "without"])
def test_how_far_a_sync_of_another_process_is_can_be_seen_while_it_writes(
    world: World, browse: Callable[..., Any], store: str, script: bool
) -> None:
    for n in range(6):
        world.crm.state.contacts.add({"FirstName": f"P{n}", "LastName": "Holm", "Email": f"p{n}@example.org"})
    page = browse(java_script_enabled=script)
    options = {
        "keap_url": world.keap.base_url,
        "keap_key": world.keap.api_key,
        "crm_url": world.crm.base_url,
        "crm_token": world.crm.token,
        "store": store,
        "term": None,
        "wait": 0.0,
    }
    command = [sys.executable, str(RUNNER), json.dumps(options)]
    with (
        gate(world.keap, after=4) as shut,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner,
    ):
        assert runner.stdout is not None
        assert runner.stdin is not None
        runner.stdin.write("changes\n")
        runner.stdin.close()
        assert shut.come.wait(60)
        page.reload()
        page.get_by_role("link", name="See how far it is").click()
        expect(page.get_by_role("status")).to_contain_text("Writing")
        bar = page.get_by_role("progressbar")
        done, total = (int(bar.get_attribute(name)) for name in ("value", "max"))
        assert 0 < done < total
        for other in ("plans", "conflicts", "runs"):
            page.goto(f"/{other}")
        page.goto("/plans")
        page.get_by_role("button", name="Make a plan").click()
        expect(page.get_by_role("alert")).to_be_visible()  # the session is busy
        page.goto("/progress")
        expect(page.get_by_role("status")).to_contain_text("Writing")
        shut.go.set()
        assert [line.strip() for line in runner.stdout] == ["ready", "done"]
        expect(page).to_have_url(re.compile(r"/runs/\w+$"))
        expect(page.locator("main")).to_contain_text("Done")
    assert len(world.keap.state.contacts) == 6


def test_a_console_that_is_served_again_goes_on_where_it_was(world: World, chromium: Any) -> None:
    _people(world)
    who = kb.console.User("anna", can_decide=True)
    with chromium.new_context() as context:
        page = context.new_page()
        with (
            world.sessions(policy=MANUAL) as session,
            serve(kb.console.asgi_app(session, authorize=lambda _: who)) as at,
        ):
            page.goto(f"{at}/plans")
            page.get_by_role("button", name="Make a plan").click()
            expect(page.get_by_role("heading", name="Record by record")).to_be_visible()
            plan = page.url.removeprefix(at)
        with (
            world.sessions(policy=MANUAL) as session,
            serve(kb.console.asgi_app(session, authorize=lambda _: who)) as at,
        ):
            page.goto(f"{at}{plan}")
            page.get_by_role("button", name="All of it: apply").click()
            expect(page.get_by_text("created in Keap").first).to_be_visible(timeout=PATIENCE)
    assert {"Bob", "Cyd", "Dan"} <= set(_keap_names(world))
