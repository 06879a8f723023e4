"""Owns backups: a folder with all of a workspace that cannot be made anew, as of one moment.

The database is copied first, and then the files: they are published before the rows that name
them, so that a row of the copy finds its file there. The copy is a SQLite file, made by SQLite's
online backup, or from a PostgreSQL server row by row: so a backup is a workspace itself. Its
manifest has the size and hash (BLAKE2b) of each file. What has not changed since the last backup
in the same place is a hard link to it. Sizes in bytes, times in Unix seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from alcore import disk
from alcore.config import Workspace
from alcore.errors import AlcoreError, WorkspaceUnusable
from alcore.store import projects
from alcore.store.engine import Store
from alcore.store.sqlite import check_copy

MANIFEST = "manifest.json"
FORMAT = 1
TRIES = 3
"""A file that a row names may be replaced while it is copied; then all is looked at anew."""
UNFINISHED = 24 * 3600.0
"""A backup that is not whole after this time was killed."""
_BLOCK = 4_000_000
_UNFINISHED = (".tmp", ".part")


@dataclass(frozen=True)
class CopiedFile:
    """One file of a backup."""

    size: int
    blake2b: str
    mtime_ns: int
    """When the file in the workspace was changed last."""


@dataclass(frozen=True)
class Backup:
    """A whole backup: where it lies, of when it is, what it holds."""

    folder: Path
    created_at: float
    files: dict[str, CopiedFile]

    @property
    def size(self) -> int:
        """Bytes of all files, those that are links included."""
        return sum(file.size for file in self.files.values())


def make(store: Store, target: Path) -> Backup:
    """Copy a workspace into a new folder below the target, also while people label; verify it.

    Raises NoRoom, WorkspaceUnusable where the target cannot be written or the copy is damaged.
    """
    root = store.workspace.root.resolve()
    if target.resolve().is_relative_to(root):
        raise WorkspaceUnusable(f"{target} lies in the workspace; choose a folder elsewhere")
    created_at = time.time()
    name = time.strftime("alcore-%Y%m%d-%H%M%S", time.gmtime(created_at))
    part = target / f".{name}-{os.getpid()}.part"
    try:
        _forget_unfinished(target)
        part.mkdir(parents=True)
        part.chmod(0o700)
        size = sum(path.stat().st_size for path in _files(store.workspace))
        disk.check_room(target, size + store.size)
        last = next(iter(listed(target)), None)
        files = _copied(store, part, last)
        backup = Backup(part, created_at, files)
        _write_manifest(backup)
        problems = verify(backup)
        if problems:
            raise WorkspaceUnusable(f"the backup is damaged: {problems[0]}; is the disk sound?")
        folder = _free_name(target, name)
        part.rename(folder)
        disk.sync_names(target)
    except OSError as error:
        raise disk.unusable(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Backup(folder, created_at, files)


def listed(target: Path) -> list[Backup]:
    """List the whole backups in a folder, newest first."""
    found = [read(folder) for folder in target.glob("alcore-*")]
    return sorted((one for one in found if one), key=lambda one: one.created_at, reverse=True)


def read(folder: Path) -> Backup | None:
    """Read the manifest of a backup; None where there is none that this version knows."""
    try:
        about = json.loads((folder / MANIFEST).read_text("utf-8"))
        if about["format"] != FORMAT:
            return None
        files = {path: CopiedFile(**file) for path, file in about["files"].items()}
        return Backup(folder, about["created_at"], files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def verify(backup: Backup) -> list[str]:
    """Read a backup once more; say what is missing, changed or inconsistent in it."""
    problems = []
    for path, file in backup.files.items():
        place = backup.folder / path
        if not place.is_file():
            problems.append(f"{path} is missing")
        elif place.stat().st_size != file.size or _hash(place) != file.blake2b:
            problems.append(f"{path} is not as it was written")
    database = Workspace(backup.folder).database
    if not problems:
        problems += check_copy(database)
    return problems


def keep_newest(target: Path, n: int) -> list[Path]:
    """Delete all whole backups in a folder but the newest n; return which."""
    old = [backup.folder for backup in listed(target)[n:]]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return old


def _forget_unfinished(target: Path) -> None:
    """Delete what backups that were killed have left."""
    for left in target.glob(".alcore-*.part"):
        if time.time() - left.stat().st_mtime > UNFINISHED:
            shutil.rmtree(left, ignore_errors=True)


def _copied(store: Store, to: Path, last: Backup | None) -> dict[str, CopiedFile]:
    """Copy the database and the files that belong to it; return what was copied."""
    for attempt in range(TRIES):
        files = {}
        copy = Workspace(to).database
        copy.unlink(missing_ok=True)
        store.copy_database(copy)
        files[copy.name] = _described(copy, time.time_ns())
        with store.read() as connection:
            ids = [one.id for one in projects.all_projects(connection, archived=True)]
        for project_id in ids:  # other computers may have made files that are not here yet
            with store.files.insisting(project_id):
                pass
        try:
            for path in _files(store.workspace):
                name = path.relative_to(store.workspace.root).as_posix()
                files[name] = _copy(path, to / name, name, last)
            return files
        except FileNotFoundError as error:
            if attempt == TRIES - 1:
                raise AlcoreError(
                    f"{error.filename} comes and goes; try again when less is going on"
                ) from error
            for below in ("projects", "uploads"):
                shutil.rmtree(to / below, ignore_errors=True)
    raise AssertionError("unreachable")


def _files(workspace: Workspace) -> Iterator[Path]:
    """Yield what cannot be made anew: no renditions, downloads, or what is still being written."""
    for path in (workspace.root / "secret", workspace.estimators):
        if path.is_file():
            yield path
    for folder in (workspace.root / "projects", workspace.uploads):
        for path in sorted(folder.rglob("*")):
            hidden = path.name.startswith((".", "unpublished-"))
            if path.is_file() and not hidden and path.suffix not in _UNFINISHED:
                yield path


def _copy(path: Path, to: Path, name: str, last: Backup | None) -> CopiedFile:
    """Copy a file as long as it is now, or link the same one of the last backup."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source:
        info = os.fstat(source.fileno())
        before = last.files.get(name) if last else None
        if last and before and (before.size, before.mtime_ns) == (info.st_size, info.st_mtime_ns):
            with contextlib.suppress(OSError):  # another disk, or a file system without links
                os.link(last.folder / name, to)
                if _hash(to) == before.blake2b:
                    return before
                to.unlink()  # it has rotted
        left = info.st_size  # what is appended meanwhile belongs to no row of the copy
        digest = hashlib.blake2b(digest_size=32)
        with to.open("xb") as out:
            while left and (block := source.read(min(left, _BLOCK))):
                digest.update(block)
                out.write(block)
                left -= len(block)
            disk.sync(out)
    to.chmod(stat.S_IMODE(info.st_mode))
    return CopiedFile(info.st_size - left, digest.hexdigest(), info.st_mtime_ns)


def _described(path: Path, mtime_ns: int) -> CopiedFile:
    return CopiedFile(path.stat().st_size, _hash(path), mtime_ns)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _write_manifest(backup: Backup) -> None:
    about = {
        "format": FORMAT,
        "created_at": backup.created_at,
        "files": {path: asdict(file) for path, file in backup.files.items()},
    }
    with (backup.folder / MANIFEST).open("wb") as file:
        file.write(json.dumps(about, indent=1).encode())
        disk.sync(file)


def _free_name(target: Path, name: str) -> Path:
    folder, number = target / name, 2
    while folder.exists():
        folder, number = target / f"{name}-{number}", number + 1
    return folder
