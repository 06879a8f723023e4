"""Owns the database where it is a PostgreSQL server: connecting, turns, and its errors in words.

Writers of all processes take turns by one lock in the database, held until their transaction ends:
what one has read stays so until it has written, and ids grow in the order in which they are seen.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from alcore.config import Workspace
from alcore.errors import AlcoreError, InvalidSettings, WorkspaceBusy, WorkspaceUnusable

OLDEST = 13
"""Major version of the server, from which on it makes random identifiers by itself."""
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('alcore ' || current_schema(), 0))"
_SESSION = {
    "jit": "off",  # compiling a statement takes longer than to run it
    "idle_in_transaction_session_timeout": "'5min'",  # of a computer that was suspended
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",  # one that vanished lets go of its turn after 25 s
}
_BUSY = ("08", "57P", "53300", "25P03", "40001", "40P01", "57014")
"""States, or how they begin, in which it helps to try again."""
_NO_RIGHT = ("42501", "25006")
_FULL = ("53100", "53200")
_FROM_WHERE = re.compile(
    r"(connection failed: )?(connection to server at .*? failed: )?(FATAL: +)?"
)
_WHO = "correct user and password in ALCORE_DATABASE, where special characters are written as %XX"
_SHUT = {
    "failed to resolve host": "correct the name of the computer in ALCORE_DATABASE",
    "password": _WHO,
    'role "': _WHO,
    'database "': "make it with createdb, or correct its name in ALCORE_DATABASE",
    "option": "correct what stands behind the ? in ALCORE_DATABASE",
}
"""What to do where no connection can be made, by what is said of it: it has no states then."""
_NO_TEXT = ("22021", "22P05")

log = structlog.get_logger()
registry.register("postgresql.alcore", "alcore.store.postgres_dialect", "Dialect")


class PostgreSQL:
    """A server's database, as `engine.Database` asks for it."""

    def __init__(self, workspace: Workspace, patience: float) -> None:
        """patience: seconds to wait for another process's transaction.

        Raises WorkspaceUnusable where the driver is not installed.
        """
        try:
            import psycopg
        except ImportError as error:  # also where it lacks the library of the server's makers
            raise WorkspaceUnusable(
                "ALCORE_DATABASE names a PostgreSQL server, which needs psycopg: "
                f'pip install "alcore[postgres]" ({_in_a_line(error)})'
            ) from error
        self._url = make_url(workspace.url).set(drivername="postgresql+alcore")
        self._patience = patience
        self.reader = self._engine("REPEATABLE READ", {"default_transaction_read_only": "on"})
        self.writer = self._engine("READ COMMITTED", turns=True)
        self.passing = self._engine("READ COMMITTED", {"synchronous_commit": "off"}, turns=True)
        self.single = self._engine("AUTOCOMMIT", {"synchronous_commit": "off"})
        self.errors: tuple[type[Exception], ...] = (DBAPIError, psycopg.Error)

    @property
    def name(self) -> str:
        url = self._url
        return f"PostgreSQL's {url.database} on {url.host or 'this computer'}:{url.port or 5432}"

    @property
    def size(self) -> int:
        """Bytes of all tables and indexes of the database."""
        with self.single.connect() as connection:
            return int(_ask(connection, "SELECT pg_database_size(current_database())"))

    def prepare(self) -> None:
        """See that the server answers, is new enough and takes every letter.

        Raises WorkspaceUnusable.
        """
        try:
            with self.single.connect() as connection:
                encoding = _ask(connection, "SHOW server_encoding")
                version = int(_ask(connection, "SHOW server_version_num")) // 10_000
        except self.errors as error:
            reason = _FROM_WHERE.sub("", _in_a_line(_cause(error)))
            for sign, remedy in _SHUT.items():
                if sign in reason:
                    raise WorkspaceUnusable(
                        f"{self.name} cannot be used ({reason}): {remedy}"
                    ) from error
            raise WorkspaceBusy(
                f"{self.name} cannot be used ({reason}): see that it runs and takes connections "
                "there, and try again"
            ) from error
        if encoding != "UTF8":
            raise WorkspaceUnusable(
                f"{self.name} is encoded in {encoding}, which lacks letters; make one with "
                "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            )
        if version < OLDEST:
            raise WorkspaceUnusable(
                f"{self.name} is of version {version}; alcore needs {OLDEST} or newer"
            )

    def check(self) -> None:
        """Nothing is cheaper than to ask it, which every reader does."""

    def signature(self) -> object:
        """Return which transactions have ended; those that only read are not among them."""
        try:
            with self.single.connect() as connection:
                return _ask(connection, "SELECT CAST(pg_current_snapshot() AS TEXT)")
        except self.errors:
            return None

    def note_write(self) -> None:
        """The server keeps its log itself."""

    def sweeper(self) -> Engine:
        """Make an engine as `writer`; the server checks references by indexes of its own."""
        return self._engine("READ COMMITTED", turns=True)

    def words(self, error: Exception) -> AlcoreError | None:
        """Say what keeps the server from its work, where that lies outside.

        Where the server is stands in the log alone: everybody who labels reads these sentences.
        """
        cause = _cause(error)
        state, reason = getattr(cause, "sqlstate", None) or "", _in_a_line(cause)
        if state.startswith(_NO_TEXT) or "NUL (0x00)" in reason:
            return InvalidSettings(f"a text has a character that PostgreSQL cannot keep ({reason})")
        if state == "55P03":
            said = "is in use by another program; nothing was saved: wait until it is done"
        elif state.startswith(_NO_RIGHT):
            said = f"does not let its user do that ({reason}); make that user its owner"
        elif state.startswith(_FULL):
            said = "has no room; nothing was saved: make room"
        elif state.startswith(_BUSY) or _lost(error):
            said = "cannot be used at the moment; nothing was saved: see that its server runs"
        else:
            return None
        log.warning("PostgreSQL does not do its work", database=self.name, reason=reason)
        kind = WorkspaceUnusable if state.startswith((*_NO_RIGHT, *_FULL)) else WorkspaceBusy
        return kind(f"the database {said}, and try again")

    def copy(self, to: Path) -> None:
        """Write a SQLite file with every row: what one moves and restores with."""
        from alcore.store import portable

        with self.reader.connect() as connection:
            portable.write(connection, to)

    def close(self) -> None:
        for engine in (self.reader, self.writer, self.passing, self.single):
            engine.dispose()

    def _engine(
        self, isolation: str, settings: dict[str, str] | None = None, turns: bool = False
    ) -> Engine:
        engine = create_engine(
            self._url,
            isolation_level=isolation,
            pool_pre_ping=True,  # the server may have been started anew
            pool_size=4,
            max_overflow=12,
            connect_args={"connect_timeout": max(2, round(self._patience / 3))},
        )
        wanted = _SESSION | {"lock_timeout": f"{1000 * self._patience:.0f}"} | (settings or {})
        commands = "; ".join(f"SET {name} = {value}" for name, value in wanted.items())

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _record: object) -> None:
            before, connection.autocommit = connection.autocommit, True
            connection.execute(commands)
            connection.autocommit = before

        if turns:

            @event.listens_for(engine, "begin")
            def take_turn(connection: Connection) -> None:
                connection.exec_driver_sql(_TURN)

        return engine


def _ask(connection: Connection, question: str) -> str:
    return str(connection.exec_driver_sql(question).scalar_one())


def _cause(error: Exception) -> BaseException:
    """Return the driver's own error."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _in_a_line(error: BaseException) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip())


def _lost(error: Exception) -> bool:
    """Tell whether the connection was lost, or never made."""
    import psycopg

    cause = _cause(error)
    return (isinstance(error, DBAPIError) and error.connection_invalidated) or (
        isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None
    )
