"""One file that says it all: what it opens, and what it says of each slip."""

from __future__ import annotations

import asyncio
import re
import sys
import types
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import keapbridge as kb
from keapbridge._flow.drivers import AsyncDriver
from keapbridge.configuration import configuration
from keapbridge.configuration.file import Customcrm, Keap, Schedule
from keapbridge.configuration.opening import _keap
from keapbridge.configuration.template import TEMPLATE
from keapbridge.customcrm.client import CustomcrmClient
from keapbridge.errors import ConfigurationError
from keapbridge.mapping import contacts
from keapbridge.sync.options import SessionOptions
from keapbridge.testing import CustomcrmEmulator, KeapEmulator

KEAP = '[keap]\nkey = {env = "KEY"}\n'
REST = '[customcrm]\nurl = "https://crm.example.com/api"\n'

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file, with what it may name."""
    monkeypatch.setenv("KEY", "a-key-of-keap")
    monkeypatch.setenv("TOKEN", "a-token")
    (tmp_path / "key.txt").write_text("a-key-in-a-file\n")

    def write(text: str) -> Path:
        path = tmp_path / "keapbridge.toml"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module: Any = types.ModuleType("host_of_files")
    module.mapper = contacts.without("Fax")
    module.rule = lambda _: None
    module.listener = lambda _: None
    module.wrong = 5
    monkeypatch.setitem(sys.modules, "host_of_files", module)
    return module


def test_a_session_of_a_database_syncs_and_closes_what_was_opened_for_it(write: Write, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with engine.begin() as c:
        c.exec_driver_sql("CREATE TABLE people (id INTEGER PRIMARY KEY, given TEXT, email TEXT, changed TEXT)")
        c.exec_driver_sql("INSERT INTO people VALUES (1, 'Ada', 'ada@example.org', '2026-01-02T03:04:05Z')")
    engine.dispose()
    with KeapEmulator() as server:
        (tmp_path / "key.txt").write_text(server.api_key)
        path = write(f"""
            store = "sqlite:///bridge.db"
            name = "shop"
            overlap = "1 minute"

            [keap]
            key = {{file = "key.txt"}}
            base_url = "{server.base_url}"

            [customcrm]
            database = "sqlite:///crm.db"
            contacts = {{name = "people", id = "id", modified = "changed", columns = {{FirstName = "given"}}}}

            [policy]
            conflicts = "keap"
            """)
        with kb.load(path) as session:
            report = session.sync()
            crm = session._closes
        assert (report.count("created"), report.ok) == (1, True)
        [made] = server.state.snapshot()["contacts"].values()
    assert made["given_name"] == "Ada"
    assert (tmp_path / "bridge.db").is_file()  # beside the file, wherever the process was started
    assert not crm._exit_callbacks  # type: ignore[attr-defined]


def test_everything_is_read(write: Write, host: Any) -> None:
    (write("").parent / "own.toml").write_text('name = "companies"\nwithout = ["Fax"]\n')
    found = configuration(
        write("""
        store = {env = "TOKEN"}
        name = "acme"
        default_region = "NO"
        retention = false
        lag = "90 seconds"
        on_event = "host_of_files:listener"
        encryption_keys = [{env = "KEY"}, {file = "key.txt"}]

        [keap]
        client_id = "id"
        client_secret = {env = "KEY"}
        tokens = "tokens.json"
        timeout = 10
        retry = {attempts = 2, rest = "1 minute"}
        bounds = {pages = 5}
        pacing = {share = 0.5}

        [customcrm]
        url = "https://crm.example.com"
        auth = {key = {env = "TOKEN"}, header = "X-Key"}
        schema = {names = "camelCase", contacts = {path = "/people"}}

        [mapping]
        contacts = "host_of_files:mapper"
        companies = "own.toml"
        products = {without = ["Description"]}

        [policy]
        conflicts = {Phone = "keap", "*" = "host_of_files:rule"}
        deletions = {keap = "archive"}
        archive = {keap = {contacts = {contact_type = "Former"}}}
        max_creates = 7
        max_delete_share = false

        [schedule]
        every = "10 minutes"
        full_every = false
        """)
    )
    assert found.store == "a-token"
    assert dict(found.options) == {
        "name": "acme",
        "default_region": "NO",
        "retention": None,
        "lag": timedelta(seconds=90),
        "on_event": (host.listener,),
        "encryption_keys": ("a-key-of-keap", "a-key-in-a-file"),
    }
    assert (found.keap.client_id, found.keap.client_secret, found.keap.timeout) == (
        "id",
        kb.Secret("a-key-of-keap"),
        10,
    )
    assert found.keap.retry == kb.RetryPolicy(attempts=2, rest=timedelta(minutes=1))
    assert (found.keap.bounds, found.keap.pacing) == (kb.Bounds(pages=5), kb.Pacing(share=0.5))
    assert found.customcrm.schema == kb.CustomcrmSchema(
        names="camelCase", contacts=kb.customcrm.CustomcrmObject("/people")
    )
    assert found.mapping == {
        "contacts": host.mapper,
        "companies": kb.mapping.companies.without("Fax"),
        "products": kb.mapping.products.without("Description"),
    }
    assert found.policy == kb.Policy(
        conflicts={"Phone": "keap", "*": host.rule},
        deletions={"keap": "archive"},
        archive={"keap": {"contacts": {"contact_type": "Former"}}},
        max_creates=7,
        max_delete_share=None,
    )
    assert (found.schedule.every, found.schedule.full_every) == (timedelta(minutes=10), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = = 3", "keapbridge.toml: Invalid"),
        ("", "keap: the table is missing"),
        (KEAP, "customcrm: the table is missing"),
        (f'stroe = "x"\n{KEAP}{REST}', "stroe: there is no such key; is 'store' meant?"),
        (f"{KEAP}base_ulr = 'x'\n{REST}", "keap.base_ulr: there is no such key; is 'base_url' meant?"),
        ("[keap]\nkey = 5\n" + REST, 'keap.key: must be {env = "NAME"} or {file = "path"}'),
        (
            '[keap]\nkey = {env = "NOWHERE"}\n' + REST,
            "keap.key: the environment variable NOWHERE is not set: set it (`export NOWHERE=…`), or ",
        ),
        ('[keap]\nkey = {file = "none.txt"}\n' + REST, "none.txt cannot be read: FileNotFoundError"),
        ("[keap]\n" + REST, "keap.key: say who calls"),
        ('[keap]\nclient_id = "x"\n' + REST, "keap.client_secret: is missing"),
        (KEAP + "[customcrm]\n", "customcrm.url: there must be one of url, database and adapter, there is none"),
        (KEAP + REST + 'database = "sqlite://"\n', "not url and database"),
        (KEAP + REST + 'contacts = {name = "p"}\n', "customcrm.contacts: does not go with url"),
        (KEAP + REST + 'auth = {header = "X"}\n', "customcrm.auth.token: there must be one of token, key, username"),
        (KEAP + REST + 'auth = {token = {env = "TOKEN"}, header = "X"}\n', "auth.header: does not go with token"),
        (KEAP + REST + 'auth = {username = "u"}\n', "auth.password: is missing"),
        (KEAP + REST + 'schema = {nmaes = "camelCase"}\n', "customcrm.schema.nmaes: there is no such key; is 'names'"),
        (KEAP + REST + 'schema = "none.toml"\n', "customcrm.schema: "),
        (KEAP + 'habits = "none.toml"\n' + REST, "keap.habits: "),
        (KEAP + 'habits = {nul = "ignored"}\n' + REST, "keap.habits.nul: there is no such key; is 'null' meant?"),
        (KEAP + 'habits = {null = "ignore"}\n' + REST, "keap.habits"),
        (KEAP + "page_size = 0\n" + REST, "page_size takes a whole number from 1 to 1000"),
        (KEAP + '[customcrm]\ndatabase = "sqlite://"\n', "customcrm.contacts: a database needs a table at least"),
        (KEAP + '[customcrm]\ndatabase = "sqlite://"\ncontacts = {id = "x"}', "customcrm.contacts.name: is missing"),
        (KEAP + REST + "[mapping.contcts]\n", "mapping.contcts: there is no such key; is 'contacts' meant?"),
        (KEAP + REST + '[mapping.contacts]\nwithout = ["Emial"]\n', "mapping.contacts.without[0]: "),
        (KEAP + REST + '[mapping]\ncontacts = "host_of_files:wrong"\n', "'host_of_files:wrong' is an int"),
        (KEAP + REST + '[mapping]\ncompanies = "host_of_files:mapper"\n', "is a mapping of contacts"),
        (KEAP + REST + '[policy]\nconflict = "keap"\n', "policy.conflict: there is no such key; is 'conflicts' meant?"),
        (KEAP + REST + '[policy]\nconflicts = "keep"\n', "policy"),
        (KEAP + REST + '[policy]\nmax_deletes = "5"\n', "policy.max_deletes: must be a whole number or false, not '5'"),
        (KEAP + REST + '[schedule]\nevery = "5 mintues"\n', "schedule.every: must be a duration"),
        (KEAP + REST + "[schedule]\nevery = 5\n", 'schedule.every: must be a duration, as in "5 minutes"'),
        (KEAP + REST + '[schedule]\nevery = "0 minutes"\n', "schedule.every: must be longer than nothing"),
        ('retention = "for ever"\n' + KEAP + REST, "retention: must be a duration"),
        ("name = 5\n" + KEAP + REST, "name: must be a text, not 5"),
        ('on_event = "host_of_files:wrong"\n' + KEAP + REST, "'host_of_files:wrong' is no function"),
    ],
)  # fmt: skip
def test_a_slip_names_file_table_and_key(write: Write, host: Any, text: str, said: str) -> None:
    path = write(text)
    with pytest.raises(ConfigurationError, match=re.escape(said)) as error:
        kb.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "a-key-of-keap" not in str(error.value)


def test_the_file_that_a_probe_has_written_is_read_from_where_it_stands(write: Write, tmp_path: Path) -> None:
    known = kb.Habits(null="ignored", longest_page=200)
    (tmp_path / "found").mkdir()
    known.save(tmp_path / "found/habits.toml")
    for given in ('"found/habits.toml"', '{null = "ignored", longest_page = 200}'):
        found = configuration(write(KEAP + f"habits = {given}\npage_size = 150\n" + REST)).keap
        assert (found.habits, found.page_size) == (known, 150)
        with _keap(kb.KeapClient, found, tmp_path) as keap:
            assert (keap.habits, keap._asking.longest) == (known, 150)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no file .*none\.toml; `keapbridge init` writes one"):
        kb.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "text",
    [
        f'[keap]\nkey = "KeapAK-in-the-file"\n{REST}',
        f'store = "postgresql+psycopg://u:in-the-file@localhost/x"\n{KEAP}{REST}',
    ],
)
def test_a_secret_in_the_file_itself_is_warned_of(write: Write, text: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        configuration(write(text))
    assert len(told) == 1
    assert "in the file itself; name where" in str(told[0].message)
    assert "in-the-file" not in str(told[0].message)


def test_an_adapter_is_named(write: Write, host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Adapter:
        objects = ("contacts",)
        capabilities = kb.AdapterCapabilities()

        def list_changes(self, *_: Any) -> Any:
            return kb.AdapterPage([])

        get_many = create = update = delete = list_changes

        def close(self) -> None:
            closed.append(True)

    host.make, host.ready, host.fails = Adapter, Adapter(), lambda: 1 / 0
    for name, expected in (("make", [True]), ("ready", [])):
        closed.clear()
        with kb.load(write(f'{KEAP}[customcrm]\nadapter = "host_of_files:{name}"\n')) as session:
            assert list(session.mappers) == ["contacts"]
        assert closed == expected  # what a function has made for the session is closed with it
    for name, said in (("fails", "fails with ZeroDivisionError"), ("wrong", "is no adapter"), ("none", "no 'none' in")):
        with pytest.raises(ConfigurationError, match=said):
            kb.load(write(f'{KEAP}[customcrm]\nadapter = "host_of_files:{name}"\n'))


@pytest.mark.parametrize("customcrm", ["database", "rest", "made", "made_to_be_awaited"])
def test_a_session_of_an_event_loop_is_opened_and_closes_what_was_opened_for_it(
    write: Write, host: Any, tmp_path: Path, customcrm: str
) -> None:
    closed: list[str] = []

    class Adapter:
        objects = ("contacts",)
        capabilities = kb.AdapterCapabilities()

        def list_changes(self, *_: Any) -> Any:
            return kb.AdapterPage([])

        get_many = create = update = delete = list_changes

    class Closed(Adapter):
        def close(self) -> None:
            closed.append("close")

    class Awaited(Adapter):
        async def aclose(self) -> None:
            closed.append("aclose")

    host.made, host.made_to_be_awaited = Closed, Awaited
    sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}").connect().exec_driver_sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)"
    )
    with KeapEmulator() as server, CustomcrmEmulator() as crm_server:
        (tmp_path / "key.txt").write_text(server.api_key)
        tables = {
            "database": 'database = "sqlite:///crm.db"\ncontacts = {name = "people", id = "id"}',
            "rest": f'url = "{crm_server.base_url}"\nauth = {{token = {{env = "TOKEN"}}}}',
        }
        adapter = f'adapter = "host_of_files:{customcrm}"'
        path = write(
            f'[keap]\nkey = {{file = "key.txt"}}\nbase_url = "{server.base_url}"\n'
            f"[customcrm]\n{tables.get(customcrm, adapter)}\n"
        )

        async def run() -> None:
            async with kb.load_async(path) as session:
                if customcrm != "rest":  # its token is another one's
                    assert (await session.contacts.sync()).ok
                systems = session._engine.bridge["contacts"].systems
            with pytest.raises(kb.StoppedError, match="closed"):
                await AsyncDriver().run(systems[kb.Side.KEAP].get("1"))
            if customcrm == "rest":
                with pytest.raises(kb.StoppedError, match="closed"):
                    await AsyncDriver().run(systems[kb.Side.CUSTOMCRM].get("1"))

        asyncio.run(run())
        assert closed == {"made": ["close"], "made_to_be_awaited": ["aclose"]}.get(customcrm, [])
    with pytest.raises(ConfigurationError, match=r"wrong\.toml"):
        kb.load_async(tmp_path / "wrong.toml")


def test_what_is_written_anew_can_be_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEAP_API_KEY", "x")
    monkeypatch.setenv("CRM_TOKEN", "x")
    with kb.load(write(TEMPLATE)) as session:
        assert list(session.mappers) == ["companies", "products", "contacts"]


def test_the_guide_names_every_key() -> None:
    page = Path(__file__).parents[2] / "docs" / "guides" / "configuration.md"
    told = re.findall(r"`(\w+)`", page.read_text("utf-8").partition("## What is in it")[2].partition("\n- ")[0])
    tables = [field.name for table in (Keap, Customcrm, Schedule) for field in attrs.fields(table)]
    assert {*tables, *SessionOptions.__annotations__} - {"policy"} <= {*told}


def test_every_comment_of_what_is_written_anew_can_be_meant(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commented key is one that there is: taken in, it is read or refused for its value alone."""
    for name in ("KEAP_API_KEY", "CRM_TOKEN", "KEAP_CLIENT_SECRET", "CRM_DATABASE"):
        monkeypatch.setenv(name, "x")
    options = re.sub(r"^# (?=\[|[\w.]+ = )", "", TEMPLATE, flags=re.MULTILINE)
    with pytest.raises(
        ConfigurationError
    ) as error:  # the three kinds of Customcrm, and two of Keap's, beside each other
        configuration(write(options))
    assert "there is no such key" not in str(error.value)
    for line in ('client_id = "…"', "client_secret = ", "tokens = ", "database = ", "contacts = {name", "customers = ",
                 "products = ", "adapter = ", 'schema = "crm.toml"', "conflicts = "):  # fmt: skip
        options = re.sub(rf"^{re.escape(line)}.*\n", "", options, flags=re.MULTILINE)
    found = configuration(write(options))
    assert "ShoeSize" in [lens.name for lens in found.mapping["contacts"].lenses]
    assert isinstance(CustomcrmClient(str(found.customcrm.url)), CustomcrmClient)
