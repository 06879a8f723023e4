"""Owns the connection to the database: which SQLite, which pragmas, which transactions.

Writers begin with BEGIN IMMEDIATE, so that a read-then-write never fails with "database is
locked"; readers use a plain BEGIN. Writers of one process take turns by a lock of this process:
SQLite's own waiting sleeps for up to 0.1 s between two looks. WAL needs a SQLite without the
WAL-reset bug (3.7.0 to 3.51.2, but for the patched 3.44.6 and 3.50.7); without one, a rollback
journal is used.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from alcore import disk
from alcore.config import Workspace
from alcore.errors import WorkspaceBusy, WorkspaceUnusable
from alcore.store.checkpoints import Checkpoints

log = structlog.get_logger()

PATIENCE = 30.0
"""Seconds to wait for another process's transaction."""
LONGEST_LOG = 8_000
"""Pages of the write-ahead log, 32 MB, at which a commit copies them itself, as in an import."""
_DISK_TROUBLE = ("full", "readonly", "disk I/O")
_PATCHED = {(3, 44): 6, (3, 50): 7}


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Tell whether this SQLite can lose pages when two connections checkpoint at once.

    >>> has_wal_reset_bug((3, 40, 1)), has_wal_reset_bug((3, 50, 7)), has_wal_reset_bug((3, 53, 0))
    (True, False, False)
    """
    major_minor, patch = version[:2], version[2]
    if major_minor in _PATCHED:
        return patch < _PATCHED[major_minor]
    return version < (3, 51, 3)


def _sqlite() -> tuple[ModuleType, bool]:
    """Choose the SQLite module and tell whether it is safe with WAL."""
    if not has_wal_reset_bug(sqlite3.sqlite_version_info):
        return sqlite3, True
    if importlib.util.find_spec("pysqlite3"):
        module = importlib.import_module("pysqlite3.dbapi2")
        return module, not has_wal_reset_bug(module.sqlite_version_info)
    return sqlite3, False


class Store:
    """One database: `read()` and `write()` give a connection inside a transaction."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._reader = _engine(workspace, "BEGIN")
        self._writer = _engine(workspace, "BEGIN IMMEDIATE")
        self._passing = _engine(workspace, "BEGIN IMMEDIATE", lasting=False)
        self._single = _engine(workspace, None, lasting=False)
        self._turn = threading.Lock()
        self._asked: float | None = None
        self._checkpoints = Checkpoints(self._checkpoint) if _sqlite()[1] else None

    @classmethod
    def open(cls, workspace: Workspace) -> Self:
        """Open the workspace's database, making or upgrading it first.

        Raises WorkspaceUnusable where the folder cannot be made or written, WorkspaceBusy while
        another program holds the database.
        """
        root = workspace.root
        try:
            root.mkdir(parents=True, exist_ok=True)
            probe = root / f".write-test-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise WorkspaceUnusable(
                f"the workspace {root} cannot be written ({error.strerror}); "
                "make it writable or set ALCORE_WORKSPACE to a folder that is"
            ) from error
        _keep_private(workspace.database)
        store = cls(workspace)
        store.check_files()
        try:
            from alcore.store import migrate

            with store._in_words():
                if not migrate.is_newest(store._reader):
                    migrate.upgrade(store._writer)
        except WorkspaceUnusable:
            store.close()
            raise
        except DatabaseError as error:
            store.close()
            raise WorkspaceUnusable(
                f"{workspace.database} is not a database that alcore can use ({error.orig}); "
                "restore a backup or choose another workspace"
            ) from error
        return store

    def check_files(self) -> None:
        """Raise WorkspaceUnusable where this account may not read or write the database's files."""
        database = self.workspace.database
        for end in ("", "-wal", "-shm", "-journal"):
            path = database.with_name(database.name + end)
            if path.exists() and not os.access(path, os.R_OK | os.W_OK):
                raise WorkspaceUnusable(
                    f"{path} cannot be read and written by this account; nothing can be saved: "
                    "give it the right, or start alcore under the account that owns the file"
                )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database throughout.

        Raises WorkspaceBusy while another program holds the database.
        """
        with self._in_words(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self, lasting: bool = True, patient: bool = False) -> Iterator[Connection]:
        """Give a connection whose changes commit together at the end, or not at all.

        What is not lasting, such as a lease or a heartbeat, may be gone after a power cut, though
        never after a crash of the process, and does not wait for the disk. Raises WorkspaceBusy
        where another program holds the database for long; who is patient waits for its turn in
        any case. Raises WorkspaceUnusable where the disk is full or does not take writes any more.
        """
        engine = self._writer if lasting else self._passing
        waited = self._turn.acquire(timeout=PATIENCE)
        try:
            self._asked = time.monotonic()
            with self._in_words(), ExitStack() as transaction:
                connection = self._begin(engine, transaction, patient)
                self._asked = None
                yield connection
        finally:
            self._asked = None
            if waited:
                self._turn.release()
        self._note_write()

    def signature(self) -> tuple[int, int]:
        """Return what changes whenever anybody writes, at the cost of a look at one file.

        Where the clock of the disk is coarse, a write right after another may not be seen.
        """
        path = self.workspace.database
        if _sqlite()[1]:  # a checkpoint changes the database, which is news to nobody
            path = path.with_name(path.name + "-wal")
        try:
            entry = path.stat()
        except OSError:
            return 0, 0
        return entry.st_mtime_ns, entry.st_size

    def is_held(self, seconds: float) -> bool:
        """Tell whether another process has kept a writer of this one waiting for so long."""
        asked = self._asked
        return asked is not None and time.monotonic() - asked > seconds

    def _begin(self, engine: Engine, transaction: ExitStack, patient: bool) -> Connection:
        while True:
            try:
                with self._in_words():
                    return transaction.enter_context(engine.begin())
            except WorkspaceBusy:
                if not patient:
                    raise
                log.warning("another program holds the database", seconds=PATIENCE)

    @contextmanager
    def sweep(self) -> Iterator[Connection]:
        """Give a connection as `write` does that checks no references, to delete a project's rows.

        One for each deletion: it is closed at the end.
        """
        engine = _engine(self.workspace, "BEGIN IMMEDIATE", references=False)
        try:
            with self._in_words(), engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    @contextmanager
    def single(self) -> Iterator[Connection]:
        """Give a connection each statement of which commits by itself and is not lasting.

        Whoever has little of the processor, such as a training, so never makes others wait
        between two statements. Raises as `write` does.
        """
        with self._in_words(), self._single.connect() as connection:
            yield connection
        self._note_write()

    def _note_write(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.note_write()

    def _checkpoint(self) -> None:
        """Copy what nobody reads any more from the write-ahead log into the database file."""
        try:
            with self._single.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").all()
        except DatabaseError as error:  # a full disk: whoever writes next is told
            log.warning("write-ahead log was not copied", error=str(error.orig))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say what keeps SQLite from its work, where that lies outside."""
        try:
            yield
        except (OperationalError, _sqlite()[0].OperationalError) as error:
            reason = str(error.orig if isinstance(error, OperationalError) else error)
            if "locked" in reason:
                raise WorkspaceBusy(
                    f"{self.workspace.database} is in use by another program ({reason}); nothing "
                    "was saved: close it there, or wait until it is done, and try again"
                ) from error
            if any(word in reason for word in _DISK_TROUBLE):
                raise WorkspaceUnusable(
                    f"{self.workspace.database} cannot be written ({reason}); nothing was saved: "
                    "make room, or give the right to write there, and try again"
                ) from error
            raise

    def copy_database(self, to: Path) -> None:
        """Copy the database as of one moment into a new file, while others read and write it.

        Raises WorkspaceUnusable where that cannot be written.
        """
        module, _ = _sqlite()
        os.close(os.open(to, os.O_CREAT | os.O_EXCL, 0o600))
        with self._in_words(), self._reader.connect() as connection:
            copy = module.connect(str(to))
            try:
                # In one step: with a write-ahead log that keeps nobody waiting, and is not begun
                # anew whenever somebody writes.
                connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
                copy.execute("PRAGMA journal_mode = DELETE").fetchone()
            finally:
                copy.close()
        with to.open("rb+") as file:
            disk.sync(file)

    def close(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._reader.dispose()
        self._writer.dispose()
        self._passing.dispose()
        self._single.dispose()


def check_copy(database: Path) -> list[str]:
    """Say what is damaged or inconsistent in a database that nobody uses.

    Never the live one: closing it here would drop the locks of other connections.
    """
    module, _ = _sqlite()
    connection = module.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return problems_of(connection.execute)
    except module.DatabaseError as error:
        return [f"{database.name}: {error}"]
    finally:
        connection.close()


def problems_of(execute: Callable[[str], Any]) -> list[str]:
    """Ask SQLite whether a database is whole; return what is not, in its words."""
    rows = [str(row[0]) for row in execute("PRAGMA integrity_check")]
    orphans = [
        f"row {row[1]} of {row[0]} names one of {row[2]} that is not there"
        for row in execute("PRAGMA foreign_key_check")
    ]
    return [*(row for row in rows if row != "ok"), *orphans]


def _keep_private(database: Path) -> None:
    """Let nobody but this account read a database; the files beside it take over its mode.

    One that is there is never opened here: closing it would drop the locks of other connections.
    """
    with suppress(OSError):  # an exFAT disk, or somebody else's file
        os.close(os.open(database, os.O_CREAT | os.O_EXCL, 0o600))
    with suppress(OSError):
        database.chmod(0o600)


def _set_journal(cursor: Any, mode: str, locked: type[Exception]) -> None:
    """Set the journal mode; SQLite does not wait for a process that is just changing it too."""
    until = time.monotonic() + PATIENCE
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != mode:
        try:
            cursor.execute(f"PRAGMA journal_mode = {mode}").fetchone()
            return
        except locked:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _engine(
    workspace: Workspace, begin: str | None, lasting: bool = True, references: bool = True
) -> Engine:
    module, wal = _sqlite()
    # Without a write-ahead log less than FULL may damage the file in a power cut.
    synchronous = "FULL" if lasting or not wal else "NORMAL"
    engine = create_engine(
        URL.create("sqlite", database=str(workspace.database)),
        module=module,
        connect_args={"timeout": PATIENCE},
        pool_size=8,
        max_overflow=16,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {1000 * PATIENCE:.0f}")
        _set_journal(cursor, "wal" if wal else "truncate", module.OperationalError)
        cursor.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if references else 'OFF'}")
        cursor.execute("PRAGMA recursive_triggers = ON")  # REPLACE deletes, and triggers refuse
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        if begin is not None:
            connection.exec_driver_sql(begin)

    return engine
