"""Owns the check of a workspace: what is inconsistent, missing or orphaned, and how to mend it.

Nothing is changed until a fault is mended, and what people gave is never deleted: files that no
project knows are moved aside. Times in Unix seconds.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from alcore import disk
from alcore.datasets.pixels import PixelCache
from alcore.errors import NoRoom, TrainingImpossible, WorkspaceUnusable
from alcore.loop import incoming_labels
from alcore.loop.project_consensus import apply_consensus
from alcore.loop.round_files import round_arrays
from alcore.records import Item, Project
from alcore.services import audit, object_check, originals, training
from alcore.services.faults import Fault
from alcore.store import (
    Store,
    items,
    jobs,
    label_imports,
    pretrained,
    projects,
    rounds,
    soundness,
)
from alcore.workers import presence

OLD = 24 * 3600.0
"""What is still being written is left alone for so many seconds."""
ASIDE = "orphans"
_LEFT = re.compile(r"\.sent-.*|\.part-.*|\.write-test-\d+|unpublished-.*|.*\.(tmp|part)")
"""Names of files that are renamed once they are whole."""


def check(store: Store) -> Iterator[Fault]:
    """Look through a workspace and yield what is amiss, the database first."""
    yield from _database(store)
    yield from _secret(store)
    with store.read() as connection:
        everything = projects.all_projects(connection, archived=True)
    for project in everything:
        if project.state == "ready":
            yield from _files(store, project)
            yield from _models(store, project)
    yield from _orphans(store, {project.id for project in everything})
    yield from object_check.faults(store, [project.id for project in everything])
    yield from _surroundings(store)


def _database(store: Store) -> Iterator[Fault]:
    with store.read() as connection:
        problems = soundness.problems(connection)
        stale = [] if problems else soundness.stale(connection)
    for problem in problems:
        yield Fault(
            f"the database is damaged: {problem}",
            "stop the app and restore the newest backup: alcore restore FOLDER --replace",
        )

    def mend() -> None:
        with store.write() as connection:
            soundness.keep_anew(connection, soundness.stale(connection))
            for project in projects.all_projects(connection, archived=True):
                if project.settings.team.consensus != "majority":
                    apply_consensus(connection, project)

    if stale:
        yield Fault(
            f"of {len(stale):,} images other answers are kept than the log of labels says",
            "keep what the log says",
            mend,
        )
    yield from _counts(store)


def _counts(store: Store) -> Iterator[Fault]:
    with store.read() as connection:
        wrong = soundness.miscounted(connection)
        half = label_imports.waiting(connection)

    def mend() -> None:
        with store.write() as connection:
            soundness.count_anew(connection, soundness.miscounted(connection))

    if wrong:
        yield Fault(
            f"other numbers are kept than there are: {', '.join(wrong)}",
            "count anew",
            mend,
        )
    if half:
        yield Fault(
            f"{len(half)} imports of labels were interrupted on their way in",
            "let the rest come in",
            lambda: incoming_labels.finish(store),
        )


def _secret(store: Store) -> Iterator[Fault]:
    for path in (store.workspace.root / "secret", store.workspace.database):
        if os.name != "posix" or not path.exists():
            continue
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Fault(
                f"{path} can be read by other accounts of this computer",
                "let only its owner read it",
                lambda path=path: path.chmod(0o600),  # type: ignore[misc]
            )


def _files(store: Store, project: Project) -> Iterator[Fault]:
    """Look for the originals and pixels of a project."""
    name = f"{project.name!r} (project {project.id})"
    cache = PixelCache.of(store.folder(project.id), project.settings)
    with store.read() as connection:
        rows = items.get_all(connection, project.id)
        job = jobs.newest(connection, project.id, "import")
    lost = _lost(cache, rows)
    if lost:
        yield Fault(
            f"{name}: the originals of {len(lost):,} images are missing from "
            f"{cache.originals_path}, such as {lost[0].name}",
            "restore the file from a backup; until then these images cannot be shown",
        )
    gone = originals.missing(store, project.id)
    if gone:
        yield Fault(
            f"{name}: {len(gone):,} originals are not where they were, such as "
            f"{gone[0].name}: {gone[0].reason}",
            "put them back, or name their new place on the Set-up page",
        )

    def fit() -> None:
        with store.write() as connection:
            args = {"again": True}
            jobs.request(connection, project.id, "import", time.time(), args=args)
            audit.note(connection, project.id, None, "import")

    fitting = job is not None and job.state in ("waiting", "running")
    if len(cache) < len(rows) and not fitting:
        yield Fault(
            f"{name}: of {len(rows):,} images {len(cache):,} have pixels at "
            f"{cache.resolution} pixels a side",
            "make them anew from the originals, in the background",
            fit,
        )


def _lost(cache: PixelCache, rows: list[Item]) -> list[Item]:
    """List the items whose copied originals lie beyond the end of the file."""
    path = cache.originals_path
    size = path.stat().st_size if path.exists() else 0
    return [row for row in rows if row.length and (row.offset or 0) + row.length > size]


def _models(store: Store, project: Project) -> Iterator[Fault]:
    """Look for the files of the newest model, and of pretrained weights."""
    folder = store.folder(project.id)
    name = f"{project.name!r} (project {project.id})"
    with store.read() as connection:
        latest = rounds.latest(connection, project.id)
        weights = pretrained.latest(connection, project.id)

    def train() -> None:
        training.train(store, project.id)

    if latest is not None:
        wanted = [round_arrays(folder, latest.number)]
        wanted += [folder / latest.checkpoint] if latest.checkpoint else []
        for path in wanted:
            if not path.is_file():
                yield Fault(
                    f"{name}: {path} of model {latest.number}, the newest, is missing",
                    "train another model, in the background",
                    train,
                )
                break
    if weights is not None and not (folder / weights.checkpoint).is_file():
        yield Fault(
            f"{name}: the pretrained weights {folder / weights.checkpoint} are missing",
            "restore them from a backup, or pretrain again on the Set-up page",
        )


def _orphans(store: Store, project_ids: set[int]) -> Iterator[Fault]:
    """Look for files that no row knows, and for what attempts that died have left."""
    root = store.workspace.root
    for folder in sorted((root / "projects").glob("*")):
        if folder.is_dir() and not (folder.name.isdecimal() and int(folder.name) in project_ids):
            yield Fault(
                f"{folder} belongs to no project of the database",
                f"move it to {root / ASIDE}, where you can look through it",
                lambda folder=folder: _move_aside(root, folder),  # type: ignore[misc]
            )
    before = time.time() - OLD
    left = [path for path in _unfinished(root) if path.stat().st_mtime < before]

    def delete() -> None:
        for path in left:
            path.unlink(missing_ok=True)

    if left:
        size = sum(path.stat().st_size for path in left)
        yield Fault(
            f"{len(left):,} files, {size / 1e6:,.1f} MB, were never finished, such as {left[0]}",
            "delete them",
            delete,
        )


def _unfinished(root: Path) -> Iterator[Path]:
    for folder in (root, root / "uploads"):
        yield from (p for p in folder.glob("*") if p.is_file() and _LEFT.fullmatch(p.name))
    for path in (root / "projects").rglob("*"):
        if path.is_file() and _LEFT.fullmatch(path.name):
            yield path


def _move_aside(root: Path, folder: Path) -> None:
    to = root / ASIDE / f"{folder.name}-{int(time.time())}"
    to.parent.mkdir(exist_ok=True)
    try:
        folder.rename(to)
    except OSError as error:
        raise WorkspaceUnusable(f"{folder} cannot be moved: {error.strerror}") from error


def _surroundings(store: Store) -> Iterator[Fault]:
    """Look at the disk, and who else works here."""
    try:
        disk.check_room(store.workspace.root)
    except NoRoom as full:
        yield Fault(str(full), "delete what you do not need; renditions/ may go at any time")
    apps = [one for one in presence.apart(presence.others(store.workspace)) if one.what == "app"]
    if len(apps) > 1:
        yield Fault(
            f"{len(apps)} apps work in this workspace: {'; '.join(map(str, apps))}",
            "stop all but one, unless they are meant",
        )


def mended(fault: Fault) -> str:
    """Mend a fault; return what became of it."""
    if fault.mend is None:
        return "only you can do that"
    try:
        fault.mend()
    except (TrainingImpossible, WorkspaceUnusable) as error:
        return f"that did not work: {error}"
    return "done"
