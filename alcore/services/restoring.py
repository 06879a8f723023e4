"""Owns the way back from a backup: verified, put in place whole, what was there kept aside."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from alcore import disk
from alcore.config import Workspace
from alcore.errors import WorkspaceBusy, WorkspaceUnusable
from alcore.store import Store, backups
from alcore.store.backups import Backup
from alcore.workers import presence

NEVER_MIXED = (
    *("alcore.db-wal", "alcore.db-shm", "alcore.db-journal", "projects", "uploads"),
    *("renditions", "explanations", "secret", "estimators.txt", "owners-word", "alcore.db"),
)
"""What a workspace is made of; the database comes last, so that nothing serves half of it."""


def restore(
    folder: Path, workspace: Workspace, replace: bool = False
) -> tuple[Backup, Path | None]:
    """Put a backup into a workspace; return it, and the folder of what was there, if anything was.

    replace: also where there is a database already. Raises WorkspaceUnusable for what is no whole
    backup, WorkspaceBusy while an app or trainer works in the workspace, NoRoom.
    """
    if workspace.url:
        raise WorkspaceUnusable(
            "ALCORE_DATABASE names a PostgreSQL server, whose database is restored by pg_restore: "
            "the page on running alcore says how"
        )
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
        Store.open(Workspace(incoming, "")).close()  # an older schema is brought up to date
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
