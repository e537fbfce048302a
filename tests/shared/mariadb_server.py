"""A real MariaDB on loopback, from the server's own program, in a folder that goes with it.

Its program is `mariadbd`, of the package `mariadb-server-core` in Debian and Ubuntu: where the package puts it, or
below the folder that `KEAPBRIDGE_MARIADB` names, into which the package was extracted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import reserved_port

PATIENCE = 60.0
EXTRACTED = "KEAPBRIDGE_MARIADB"
# Nobody signs in, and nothing is meant to last.
SETTINGS = (
    "--no-defaults",
    "--skip-grant-tables",
    "--skip-networking=0",
    "--bind-address=127.0.0.1",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=8M",
    "--aria-pagecache-buffer-size=8M",
    "--character-set-server=utf8mb4",
)


def _program() -> tuple[Path, Path]:
    """The server, and the folder that it is installed in."""
    root = Path(os.environ.get(EXTRACTED) or "/")
    found = root / "usr" / "sbin" / "mariadbd"
    if not found.is_file():
        pytest.skip(
            f"no MariaDB: apt-get install mariadb-server-core, or extract it and name its folder in {EXTRACTED}"
        )
    return found, root / "usr"


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The address of a server, as a SQLAlchemy URL without a database. Its time zone is UTC."""
    pytest.importorskip("pymysql")
    program, installed = _program()
    with (
        tempfile.TemporaryDirectory(prefix="keapbridge-mariadb-", ignore_cleanup_errors=True) as name,
        reserved_port() as port,
    ):
        data = Path(name, "data")
        data.mkdir(mode=0o700)
        user = None
        if os.geteuid() == 0:
            Path(name).chmod(0o711)
            shutil.chown(data, "nobody")
            user = "nobody"
        own = (
            f"--basedir={installed}",
            f"--lc-messages-dir={installed / 'share' / 'mysql'}",
            f"--datadir={data}",
            f"--socket={data / 'socket'}",
            f"--port={port}",
        )
        server = subprocess.Popen(
            [program, *SETTINGS, *own],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            cwd="/",
            env={**os.environ, "TZ": "UTC"},
        )
        try:
            _await(server, port)
            yield f"mysql+pymysql://root@127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE)


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    import pymysql

    deadline = time.monotonic() + PATIENCE
    while True:
        assert server.poll() is None, "MariaDB ended at once"
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
        except pymysql.err.OperationalError:
            assert time.monotonic() < deadline, "MariaDB does not answer"
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def mariadb_url(mariadb: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own."""
    from sqlalchemy import create_engine

    name = f"t{abs(hash(request.node.nodeid))}"
    admin = create_engine(mariadb, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield f"{mariadb}/{name}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    admin.dispose()
