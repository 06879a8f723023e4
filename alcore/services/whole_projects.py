"""Owns what becomes of whole projects: copied, or deleted for real. Sizes in bytes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alcore import disk
from alcore.errors import InvalidSettings, WorkspaceBusy
from alcore.job_kinds import KINDS, named
from alcore.loop.queueing import choose_overlap
from alcore.records import Job
from alcore.services import audit, rights, setup
from alcore.services.projects import clean_name
from alcore.services.rights import check_owner
from alcore.store import (
    Connection,
    Store,
    copies,
    items,
    jobs,
    members,
    projects,
    removal,
    rounds,
    stored_files,
)
from alcore.workers.attempts import put_back_silent
from alcore.workers.claims import BEAT, Watch

PATIENCE = 60.0
"""Seconds that a running job is given to end."""
_COPIED = ("originals.pack", "pixels-*", "features/*", "fingerprints.u8")
"""What a copy takes over of a project's folder: what is made of its images alone."""
_MAKES = ("import",)


@dataclass(frozen=True)
class Weight:
    """What deleting a project frees."""

    images: int
    labels: int
    models: int
    size: int
    """Bytes of its folder, of its renditions and of an upload that no other project needs."""


def weigh(store: Store, project_id: int) -> Weight:
    """Say what deleting a project would free. Raises UnknownProject."""
    with store.read() as connection:
        projects.get(connection, project_id)
        models = len(rounds.all_rounds(connection, project_id))
    line = setup.line(store, project_id)
    return Weight(line.images, line.labels, models, sum(map(_size, _places(store, project_id))))


def delete(store: Store, project_id: int, typed: str, by: int | None = None) -> Weight:
    """Delete a project for real: images, labels, models and all else; return what that freed.

    typed: its name, as who asks has written it. Running jobs are ended first. What a crash leaves
    undone `finish_deletions` does. Raises NotAllowed, InvalidSettings for another name,
    WorkspaceBusy where a job does not end.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
        project = projects.get(connection, project_id)
    if typed.strip() != project.name:
        raise InvalidSettings(
            f"to delete the project, type its name, {project.name!r}; nothing was deleted"
        )
    weight = weigh(store, project_id)
    places = _places(store, project_id)
    _end_jobs(store, project_id)
    with store.write() as connection:
        check_owner(connection, project_id, by)
        audit.note(
            connection,
            project_id,
            by,
            "delete project",
            name=project.name,
            images=weight.images,
            labels=weight.labels,
            size=disk_words(weight.size),
        )
        removal.mark(connection, project_id, time.time())
    _remove(store, project_id, places)
    return weight


def finish_deletions(store: Store) -> None:
    """Delete what is left of projects whose deletion was interrupted."""
    with store.read() as connection:
        unfinished = removal.unfinished(connection)
    for project_id in unfinished:
        _remove(store, project_id, [store.workspace.project(project_id)])


def copy(
    store: Store, project_id: int, name: str, with_labels: bool = False, by: int | None = None
) -> int:
    """Copy a project's images, classes, examples and settings, maybe its labels; return the id.

    Models are not copied; features of its images are. Raises NotAllowed, InvalidSettings,
    DuplicateProject, and WorkspaceBusy while images are coming in.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
        source = projects.get(connection, project_id)
        before = _images_state(connection, project_id)
    clean = clean_name(name)
    if source.state != "ready" or before[1]:
        raise WorkspaceBusy("images are coming into this project; copy it when that is done")
    if by is not None:
        rights.check(store, "make projects", by)
    folder, part = store.folder(project_id), _part(store, project_id)
    try:
        _copy_files(folder, part)
        store.files.stage(None, (), [p for p in part.rglob("*") if p.is_file()])
        now = time.time()
        with store.write() as connection:
            spec, known_classes = projects.source(connection, project_id)
            settings = projects.get(connection, project_id).settings
            copy_id = projects.add(connection, clean, settings, spec, known_classes, now)
            copies.images(connection, project_id, copy_id)
            copies.metadata(connection, project_id, copy_id)
            copies.examples(connection, project_id, copy_id)
            if with_labels:
                copies.labels(connection, project_id, copy_id)
            if _images_state(connection, project_id) != before:
                raise WorkspaceBusy("images came into this project meanwhile; copy it again")
            there = projects.get(connection, copy_id)
            choose_overlap(connection, there)
            if by is not None:
                members.set_role(connection, copy_id, by, "owner", now)
            audit.note(connection, copy_id, by, "copy project", name=source.name)
            part.rename(store.workspace.project(copy_id))
            gone = store.files.record(connection, copy_id, _COPIED)
        store.files.settle(copy_id, gone)
    except OSError as error:
        raise disk.unusable(part, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return copy_id


def disk_words(size: int) -> str:
    """Write a size as people read it.

    >>> disk_words(3_400_000), disk_words(2_100_000_000)
    ('3.4 MB', '2.1 GB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


# -- the steps ---------------------------------------------------------------------------------


def _images_state(connection: Connection, project_id: int) -> tuple[int, bool]:
    newest = [jobs.newest(connection, project_id, kind) for kind in _MAKES]
    coming = any(job and job.state in ("waiting", "running") for job in newest)
    return sum(items.count(connection, project_id).values()), coming


def _copy_files(folder: Path, part: Path) -> None:
    part.mkdir(parents=True)
    for pattern in _COPIED:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and not path.name.endswith(".part"):
                to = part / path.relative_to(folder)
                disk.check_room(part, path.stat().st_size)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
                with to.open("rb+") as file:
                    disk.sync(file)


def _part(store: Store, project_id: int) -> Path:
    return store.workspace.root / "projects" / f"copy-of-{project_id}-{time.time_ns()}"


def _end_jobs(store: Store, project_id: int) -> None:
    """Stop all that runs or waits for a project. Raises WorkspaceBusy where a job goes on."""
    watch, until = Watch(store), time.monotonic() + PATIENCE
    with store.write() as connection:
        for kind in KINDS:
            jobs.cancel(connection, project_id, kind.name, time.time(), "the project is deleted")
    while True:
        if watch.is_due:
            put_back_silent(store, watch)
        with store.read() as connection:
            mine = [job for job in jobs.running(connection) if job.project_id == project_id]
        if not mine:
            return
        if time.monotonic() > until:
            raise WorkspaceBusy(f"{_noun(mine[0])} of this project does not end; try again later")
        time.sleep(BEAT)


def _noun(job: Job) -> str:
    return f"the {named(job.kind).noun}"


def _remove(store: Store, project_id: int, places: list[Path]) -> None:
    """Delete the rows of a marked project, then its files."""
    with store.read() as connection:
        files = stored_files.of_project(connection, project_id)
    while True:
        with store.sweep() as connection:
            if not removal.sweep(connection, project_id):
                break
    store.files.discard([part.object for parts in files.values() for part in parts])
    store.files.forget(project_id)
    for place in places:
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            with suppress(OSError):
                place.unlink(missing_ok=True)


def _places(store: Store, project_id: int) -> list[Path]:
    """List the files and folders that belong to a project alone."""
    workspace = store.workspace
    places = [workspace.project(project_id), workspace.renditions / str(project_id)]
    with store.read() as connection:
        sources = {
            p.id: str(projects.source(connection, p.id)[0].get("path"))
            for p in projects.all_projects(connection, archived=True)
        }
    upload = Path(sources.pop(project_id, ""))
    if upload.parent == workspace.uploads and str(upload) not in sources.values():
        places.append(upload)
    return places


def _size(place: Path) -> int:
    with suppress(OSError):
        if place.is_file():
            return place.stat().st_size
    return sum(_sizes(place))


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file():
                yield path.stat().st_size
