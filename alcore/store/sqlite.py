"""Owns the database where it is a file: which SQLite, which pragmas, which transactions.

Writers begin with BEGIN IMMEDIATE, so that a read-then-write never fails with "database is
locked"; readers use a plain BEGIN. WAL needs a SQLite without the WAL-reset bug (3.7.0 to 3.51.2,
but for the patched 3.44.6 and 3.50.7); without one, a rollback journal is used.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from alcore import disk
from alcore.config import Workspace
from alcore.errors import WorkspaceBusy, WorkspaceUnusable
from alcore.store.checkpoints import Checkpoints

log = structlog.get_logger()

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


def driver() -> tuple[ModuleType, bool]:
    """Choose the SQLite module and tell whether it is safe with WAL."""
    if not has_wal_reset_bug(sqlite3.sqlite_version_info):
        return sqlite3, True
    if importlib.util.find_spec("pysqlite3"):
        module = importlib.import_module("pysqlite3.dbapi2")
        return module, not has_wal_reset_bug(module.sqlite_version_info)
    return sqlite3, False


class SQLite:
    """The file of a workspace, as `engine.Database` asks for it."""

    def __init__(self, workspace: Workspace, patience: float) -> None:
        """patience: seconds to wait for another process's transaction."""
        self._file, self._patience = workspace.database, patience
        self.reader = self._engine("BEGIN")
        self.writer = self._engine("BEGIN IMMEDIATE")
        self.passing = self._engine("BEGIN IMMEDIATE", lasting=False)
        self.single = self._engine(None, lasting=False)
        self.errors: tuple[type[Exception], ...] = (OperationalError, driver()[0].OperationalError)
        self._checkpoints = Checkpoints(self._checkpoint) if driver()[1] else None

    @property
    def name(self) -> str:
        return str(self._file)

    @property
    def size(self) -> int:
        """Bytes of the file and of its log."""
        log = self._file.with_name(self._file.name + "-wal")
        return sum(path.stat().st_size for path in (self._file, log) if path.exists())

    def prepare(self) -> None:
        """Make the file, for this account only. Raises WorkspaceUnusable as `check` does."""
        _keep_private(self._file)
        self.check()

    def check(self) -> None:
        """Raise WorkspaceUnusable where this account may not read or write the files."""
        for end in ("", "-wal", "-shm", "-journal"):
            path = self._file.with_name(self._file.name + end)
            if path.exists() and not os.access(path, os.R_OK | os.W_OK):
                raise WorkspaceUnusable(
                    f"{path} cannot be read and written by this account; nothing can be saved: "
                    "give it the right, or start alcore under the account that owns the file"
                )

    def signature(self) -> object:
        """Look at one file; where the disk's clock is coarse, a write right after another hides."""
        path = self._file
        if driver()[1]:  # a checkpoint changes the database, which is news to nobody
            path = path.with_name(path.name + "-wal")
        try:
            entry = path.stat()
        except OSError:
            return 0, 0
        return entry.st_mtime_ns, entry.st_size

    def note_write(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.note_write()

    def sweeper(self) -> Engine:
        """Make an engine as `writer` that checks no references."""
        return self._engine("BEGIN IMMEDIATE", references=False)

    def words(self, error: Exception) -> WorkspaceUnusable | None:
        """Say what keeps SQLite from its work, where that lies outside."""
        reason = str(error.orig if isinstance(error, OperationalError) else error)
        if "locked" in reason:
            return WorkspaceBusy(
                f"{self._file} is in use by another program ({reason}); nothing "
                "was saved: close it there, or wait until it is done, and try again"
            )
        if any(word in reason for word in _DISK_TROUBLE):
            return WorkspaceUnusable(
                f"{self._file} cannot be written ({reason}); nothing was saved: "
                "make room, or give the right to write there, and try again"
            )
        return None

    def copy(self, to: Path) -> None:
        """Copy the database as of one moment into a new file, while others read and write it."""
        os.close(os.open(to, os.O_CREAT | os.O_EXCL, 0o600))
        with self.reader.connect() as connection:
            copy = driver()[0].connect(str(to))
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
        for engine in (self.reader, self.writer, self.passing, self.single):
            engine.dispose()

    def _checkpoint(self) -> None:
        """Copy what nobody reads any more from the write-ahead log into the database file."""
        try:
            with self.single.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").all()
        except DatabaseError as error:  # a full disk: whoever writes next is told
            log.warning("write-ahead log was not copied", error=str(error.orig))

    def _engine(self, begin: str | None, lasting: bool = True, references: bool = True) -> Engine:
        module, wal = driver()
        patience = self._patience
        # Without a write-ahead log less than FULL may damage the file in a power cut.
        synchronous = "FULL" if lasting or not wal else "NORMAL"
        engine = create_engine(
            URL.create("sqlite", database=str(self._file)),
            module=module,
            connect_args={"timeout": patience},
            pool_size=8,
            max_overflow=16,
        )

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _record: object) -> None:
            connection.isolation_level = None  # transactions begin where we say so
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {1000 * patience:.0f}")
            mode = "wal" if wal else "truncate"
            _set_journal(cursor, mode, module.OperationalError, patience)
            cursor.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_LOG}")
            cursor.execute(f"PRAGMA synchronous = {synchronous}")
            cursor.execute(f"PRAGMA foreign_keys = {'ON' if references else 'OFF'}")
            cursor.execute("PRAGMA recursive_triggers = ON")  # REPLACE deletes; triggers refuse
            cursor.close()

        @event.listens_for(engine, "begin")
        def begin_transaction(connection: Connection) -> None:
            if begin is not None:
                connection.exec_driver_sql(begin)

        return engine


def check_copy(database: Path) -> list[str]:
    """Say what is damaged or inconsistent in a database that nobody uses.

    Never the live one: closing it here would drop the locks of other connections.
    """
    module, _ = driver()
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


def _set_journal(cursor: Any, mode: str, locked: type[Exception], patience: float) -> None:
    """Set the journal mode; SQLite does not wait for a process that is just changing it too."""
    until = time.monotonic() + patience
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != mode:
        try:
            cursor.execute(f"PRAGMA journal_mode = {mode}").fetchone()
            return
        except locked:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
