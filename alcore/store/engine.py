"""Owns the one way to the database, whichever it is: who reads, who writes, who waits for whom.

What differs between databases stands in `sqlite` and `postgres`. Writers of one process take turns
by a lock of this process, before the database's own: SQLite's waiting sleeps for up to 0.1 s
between two looks.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, Self

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from alcore.config import Workspace
from alcore.errors import AlcoreError, WorkspaceBusy, WorkspaceUnusable
from alcore.store.shared_files import SharedFiles
from alcore.store.sqlite import SQLite

log = structlog.get_logger()

PATIENCE = 30.0
"""Seconds to wait for another process's transaction."""
_PAUSE = 1.0
"""Seconds between two tries of who is patient."""


class Database(Protocol):
    """What a store asks of a database; its errors become sentences, or are raised as they are."""

    reader: Engine
    """Sees one state of the database throughout."""
    writer: Engine
    """Begins once nobody else writes: what it has read stays so until it ends."""
    passing: Engine
    """The same for what need not survive a power cut."""
    single: Engine
    """Each statement commits by itself, and need not survive a power cut."""
    errors: tuple[type[Exception], ...]

    @property
    def name(self) -> str:
        """How messages name it; without a secret."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""

    def prepare(self) -> None:
        """See that it is there and may be used. Raises WorkspaceUnusable."""

    def check(self) -> None:
        """Raise WorkspaceUnusable where it can no longer be used, at little cost."""

    def signature(self) -> object:
        """Return what changes whenever anybody writes, at little cost."""

    def note_write(self) -> None:
        """Take note that something was committed."""

    def sweeper(self) -> Engine:
        """Make an engine as `writer` for the deletion of a project's rows."""

    def words(self, error: Exception) -> AlcoreError | None:
        """Say what keeps the database from its work, where that lies outside."""

    def copy(self, to: Path) -> None:
        """Copy all as of one moment into a new file, while others read and write."""

    def close(self) -> None: ...


class Store:
    """One database: `read()` and `write()` give a connection inside a transaction."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._database = _database_of(workspace)
        self._turn = threading.Lock()
        self._asked: float | None = None
        self.files = SharedFiles(workspace, self.read)

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
        store = cls(workspace)
        database = store._database
        try:
            from alcore.store import migrate

            database.prepare()
            with store._in_words():
                if not migrate.is_newest(database.reader):
                    migrate.upgrade(database.writer)
        except WorkspaceUnusable:
            store.close()
            raise
        except DatabaseError as error:
            store.close()
            raise WorkspaceUnusable(
                f"{database.name} is not a database that alcore can use ({error.orig}); "
                "restore a backup or choose another workspace"
            ) from error
        return store

    @property
    def name(self) -> str:
        """How messages name the database; without a secret."""
        return self._database.name

    @property
    def size(self) -> int:
        """Bytes that the database takes. Raises WorkspaceBusy."""
        with self._in_words():
            return self._database.size

    def check(self) -> None:
        """Raise WorkspaceUnusable where the database can no longer be used."""
        self._database.check()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database throughout.

        Raises WorkspaceBusy while another program holds the database.
        """
        with self._in_words(), self._database.reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self, lasting: bool = True, patient: bool = False) -> Iterator[Connection]:
        """Give a connection whose changes commit together at the end, or not at all.

        What is not lasting, such as a lease or a heartbeat, may be gone after a power cut, though
        never after a crash of the process, and does not wait for the disk. Raises WorkspaceBusy
        where another program holds the database for long; who is patient waits for its turn in
        any case. Raises WorkspaceUnusable where the disk is full or does not take writes any more.
        """
        engine = self._database.writer if lasting else self._database.passing
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
        self._database.note_write()

    def folder(self, project_id: int) -> Path:
        """Return the folder of a project, with the files that the rows of this moment name."""
        return self.files.folder(project_id)

    @contextmanager
    def publish(
        self,
        project_id: int,
        patterns: Sequence[str],
        patient: bool = False,
        also: Sequence[Path] = (),
    ) -> Iterator[Connection]:
        """Give a connection as `write` does; files that others need count with its rows.

        patterns: of files in the project's folder; also: other files of the workspace. Raises
        FilesUnreachable where an object store does not take them; then nothing is committed.
        """
        self.files.stage(project_id, patterns, also)
        with self.write(patient=patient) as connection:
            yield connection
            gone = self.files.record(connection, project_id, patterns, also)
        self.files.settle(project_id, gone)

    def share(self, path: Path) -> bool:
        """Let a small file of no project be the same on all computers: that of the first one.

        Tells whether its content was replaced. Raises FilesUnreachable.
        """
        if self.files.objects is None or self.files.is_shared(path):
            return False
        with self.write() as connection:
            return self.files.agree(connection, path)

    def signature(self) -> object:
        """Return what changes whenever anybody writes, at little cost."""
        return self._database.signature()

    def is_held(self, seconds: float) -> bool:
        """Tell whether another process has kept a writer of this one waiting for so long."""
        asked = self._asked
        return asked is not None and time.monotonic() - asked > seconds

    def _begin(self, engine: Engine, transaction: ExitStack, patient: bool) -> Connection:
        while True:
            start = time.monotonic()
            try:
                with self._in_words():
                    return transaction.enter_context(engine.begin())
            except WorkspaceBusy:
                if not patient:
                    raise
                log.warning("another program holds the database", seconds=PATIENCE)
                time.sleep(max(0.0, start + _PAUSE - time.monotonic()))

    @contextmanager
    def sweep(self) -> Iterator[Connection]:
        """Give a connection as `write` does that checks no references, to delete a project's rows.

        One for each deletion: it is closed at the end.
        """
        engine = self._database.sweeper()
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
        with self._in_words(), self._database.single.connect() as connection:
            yield connection
        self._database.note_write()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say what keeps the database from its work, where that lies outside."""
        try:
            yield
        except self._database.errors as error:
            said = self._database.words(error)
            if said is None:
                raise
            raise said from error

    def copy_database(self, to: Path) -> None:
        """Copy the database as of one moment into a new file, while others read and write it.

        Raises WorkspaceUnusable where that cannot be written.
        """
        with self._in_words():
            self._database.copy(to)

    def close(self) -> None:
        self._database.close()


def _database_of(workspace: Workspace) -> Database:
    if not workspace.url:
        return SQLite(workspace, PATIENCE)
    from alcore.store.postgres import PostgreSQL

    return PostgreSQL(workspace, PATIENCE)
