"""Owns a PostgreSQL server of the tests' own, on loopback, in a folder that goes with it."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WHERE = "/usr/lib/postgresql"
"""Folder in which Debian keeps the programs of each version."""


def programs() -> Path | None:
    """Find the folder of initdb and pg_ctl, of the newest version that is installed."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).parent
    there = sorted(Path(WHERE).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return there[-1].parent if there else None


@dataclass
class Server:
    """A server that runs; `restart` starts it anew, on the same port."""

    folder: Path
    port: int
    durable: bool = False
    """It waits for the disk, which tests need not."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _template: str = ""

    def url(self, database: str, user: str = "alcore") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str) -> None:
        """Run statements in the database that every server has, each by itself."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def empty(self, encoding: str = "UTF8") -> str:
        """Make a database with nothing in it; return its URL."""
        name = f"empty_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
        return self.url(name)

    def fresh(self) -> str:
        """Make a database of the newest schema without a row; return its URL."""
        if not self._template:
            from alcore.config import Workspace
            from alcore.store import Store

            url = self.empty()
            with tempfile.TemporaryDirectory() as folder:
                Store.open(Workspace(Path(folder), url)).close()
            self._template = url.rpartition("/")[2]
        name = f"fresh_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return self.url(name)

    def ask_for_a_password(self, user: str) -> None:
        """Let a user in from now on only with a password; all others are trusted."""
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        self.run("SELECT pg_reload_conf()")

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def control(self, act: str, *more: str) -> None:
        """Have pg_ctl start, stop or restart the server; returns once that is done."""
        quick = "" if self.durable else "-c fsync=off -c full_page_writes=off"
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= " + quick
        )
        where = ["-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-o", options]
        _as_postgres("pg_ctl", act, *where, "-w", *more)


@contextmanager
def running(durable: bool = False) -> Iterator[Server]:
    """Start a server and stop it at the end; the test is skipped where there is none to start."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip(
        "psycopg", reason="the driver is not installed: pip install alcore[postgres]"
    )
    folder = Path(tempfile.mkdtemp(prefix="alcore-postgres-"))
    try:
        if os.name == "posix" and os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server = Server(folder, _free_port(), durable)
        try:
            _as_postgres(
                *("initdb", "-D", str(folder / "data"), "-U", "alcore", "--auth=trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            )
            server.control("start")
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"PostgreSQL is installed and cannot be started here: {error}")
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):  # a test may have stopped it
                server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_postgres(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, which refuse to work for root."""
    folder = programs()
    assert folder is not None
    command = [str(folder / program), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        timeout=120,
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
