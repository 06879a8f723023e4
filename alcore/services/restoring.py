"""Owns the way back from a backup: verified, put in place whole, what was there kept aside.

The database of a backup is a SQLite file. Where ALCORE_DATABASE names a PostgreSQL server, its
rows are copied into the empty database there, in one transaction.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alcore import disk
from alcore.config import Workspace
from alcore.errors import WorkspaceBusy, WorkspaceUnusable
from alcore.job_kinds import shared_files
from alcore.store import Store, backups, portable, projects, stored_files
from alcore.store.backups import Backup
from alcore.workers import presence

NEVER_MIXED = (
    *("alcore.db-wal", "alcore.db-shm", "alcore.db-journal", "projects", "uploads"),
    *("renditions", "explanations", "stored", "secret", "estimators.txt", "owners-word"),
    "alcore.db",
)
"""What a workspace is made of; the database comes last, so that nothing serves half of it."""


def restore(
    folder: Path, workspace: Workspace, replace: bool = False
) -> tuple[Backup, Path | None]:
    """Put a backup into a workspace; return it, and the folder of what was there, if anything was.

    replace: also where there is a database file already. Raises WorkspaceUnusable for what is no
    whole backup and for a PostgreSQL database with rows, WorkspaceBusy while an app or trainer
    works in the workspace, NoRoom.
    """
    backup = backups.read(folder)
    if backup is None:
        raise WorkspaceUnusable(
            f"{folder} is no backup: it has no {backups.MANIFEST} that this version can read"
        )
    problems = backups.verify(backup)
    if problems:
        raise WorkspaceUnusable(f"the backup {folder} is damaged: {'; '.join(problems[:5])}")
    busy = presence.others(workspace)
    if busy:
        raise WorkspaceBusy(f"stop {busy[0]} first: it works in {workspace.root}")
    _check_empty(workspace)
    there = list(_there(workspace))
    if workspace.database.exists() and not replace:
        raise WorkspaceUnusable(
            f"{workspace.root} has projects already; add --replace, which puts them aside, or "
            "name another folder with ALCORE_WORKSPACE"
        )
    try:
        return backup, _put(backup, workspace, there)
    except OSError as error:
        raise disk.unusable(workspace.root, error) from error


def _check_empty(workspace: Workspace) -> None:
    """Raise WorkspaceUnusable where a PostgreSQL server has rows that a backup would mix with."""
    if not workspace.url:
        return
    store = Store.open(workspace)
    try:
        with store.read() as connection:
            if not portable.is_empty(connection):
                raise WorkspaceUnusable(
                    f"{store.name} has rows already, with which those of a backup are never mixed: "
                    "make an empty database, for instance with createdb, and name it in "
                    "ALCORE_DATABASE; the other one stays as it is"
                )
    finally:
        store.close()


def _there(workspace: Workspace) -> Iterator[Path]:
    for name in NEVER_MIXED:
        if (workspace.root / name).exists():
            yield workspace.root / name


def _put(backup: Backup, workspace: Workspace, there: list[Path]) -> Path | None:
    root = workspace.root
    root.mkdir(parents=True, exist_ok=True)
    disk.check_room(root, backup.size)
    incoming = root / f".restoring-{os.getpid()}"
    try:
        for name in backup.files:
            (incoming / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(backup.folder / name, incoming / name)
            with (incoming / name).open("rb+") as file:
                disk.sync(file)
        problems = backups.verify(Backup(incoming, backup.created_at, backup.files))
        if problems:
            raise WorkspaceUnusable(f"what was written is damaged: {problems[0]}")
        _prepare(Workspace(incoming, "", ""))
        with _rows_in_place(Workspace(incoming, "", ""), workspace):
            aside = root / time.strftime("replaced-%Y%m%d-%H%M%S") if there else None
            for path in there:
                assert aside is not None
                aside.mkdir(exist_ok=True)
                path.rename(aside / path.name)
            for path in _there(Workspace(incoming)):
                path.rename(root / path.name)
            disk.sync_names(root)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return aside


def _prepare(incoming: Workspace) -> None:
    """Bring an older schema up to date; what an object store had then is not said any more."""
    store = Store.open(incoming)
    try:
        with store.write() as connection:
            stored_files.forget_all(connection)
    finally:
        store.close()


@contextmanager
def _rows_in_place(incoming: Workspace, workspace: Workspace) -> Iterator[None]:
    """Copy the rows to a PostgreSQL server, where they count once the block has ended well."""
    if not workspace.url:
        yield
        return
    store = Store.open(workspace)
    try:
        if store.files.objects is not None:
            store.files.objects.listed()  # whether it answers is known before anything is moved
        with store.write() as connection:
            portable.fill(connection, incoming.database)
            incoming.database.unlink()
            yield
            for project in projects.all_projects(connection, archived=True):
                store.files.record(connection, project.id, shared_files())
    finally:
        store.close()
