"""Owns what the set-up page asks for beyond `projects`: overviews, looks, uploads, reports.

Sizes in bytes, times in seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcore import disk, estimators, names, strategies
from alcore.config import RESOLUTIONS, Workspace, user_path
from alcore.datasets import addresses
from alcore.datasets.addresses import AddressList
from alcore.datasets.archives import DEFAULT_LIMIT_MB as ARCHIVE_LIMIT_MB
from alcore.datasets.archives import without_zip
from alcore.datasets.measuring import words
from alcore.datasets.shapes import SHAPES
from alcore.datasets.source_preview import SourcePreview, preview_source
from alcore.datasets.sources import TORCHVISION_NAMES, open_source
from alcore.errors import InvalidSettings, WorkspaceUnusable
from alcore.learner import costs
from alcore.records import Class, Job, KnownClasses, Project, SkippedFile
from alcore.services.folders import ANYWHERE, Folders, check_source
from alcore.store import Connection, Store, additions, items, jobs, labels, projects, stored_files
from alcore.strategies import Option

__all__ = [
    "ARCHIVE_LIMIT_MB",
    "MOST_SHAPES",
    "TORCHVISION_NAMES",
    "Option",
    "SourcePreview",
]

MOST_SHAPES = len(SHAPES)
USUAL_RESOLUTIONS = tuple(r for r in RESOLUTIONS if r >= 32)
_FORGOTTEN = 24 * 3600.0
"""An upload that no import needs is deleted after this time."""


@dataclass(frozen=True)
class ProjectLine:
    """One project with what it holds."""

    project: Project
    source: str
    """Where the images come from, in a few words."""
    place: str
    """The same with the path, if there is one."""
    images: int
    holdout: int
    labels: int
    job: Job | None
    """The import that runs or waits, else the last that ended."""


@dataclass(frozen=True)
class Report:
    """What an import brought in, or has so far."""

    images: int
    holdout: int
    left_out: tuple[SkippedFile, ...]


def look_at(spec: Mapping[str, Any], folders: Folders, workspace: Workspace) -> SourcePreview:
    """Preview a source that somebody names on a page.

    Raises NotAllowed for a place that pages may not name, and what its import would raise.
    """
    check_source(folders, spec, workspace)
    return preview_source(spec)


def check(spec: Mapping[str, Any], folders: Folders, workspace: Workspace) -> None:
    """Raise NotAllowed or InvalidSettings for a source that pages and programs may not name.

    Nothing is read yet.
    """
    check_source(folders, spec, workspace)
    open_source(spec)


def line(store: Store, project_id: int) -> ProjectLine:
    """Read one project with what it holds. Raises UnknownProject."""
    with store.read() as connection:
        return _line(connection, projects.get(connection, project_id))


def source_of(store: Store, project_id: int) -> tuple[dict[str, Any], KnownClasses]:
    """Read where a project's images come from, and what their known classes are."""
    with store.read() as connection:
        return projects.source(connection, project_id)


def report(store: Store, project_id: int) -> Report:
    """Read what the import brought in."""
    with store.read() as connection:
        counts = items.count(connection, project_id)
        left_out = tuple(items.skipped(connection, project_id))
    return Report(sum(counts.values()), counts["holdout"], left_out)


def bands(text: str) -> tuple[int, ...]:
    """Read the numbers of bands that somebody typed. Raises InvalidSettings.

    >>> bands(" 4, 3,2 "), bands("")
    ((4, 3, 2), ())
    """
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise InvalidSettings(f"the bands are {text!r}; give numbers such as 4, 3, 2") from None


def import_notes(store: Store, project_id: int, labels_wanted: bool = False) -> list[str]:
    """Say what an import has settled that somebody may want otherwise.

    labels_wanted: known classes were to be taken over as labels.
    """
    with store.read() as connection:
        scale = projects.get(connection, project_id).settings.pixel_range.scale
        _, known_classes = projects.source(connection, project_id)
        job = jobs.newest(connection, project_id, "import")
    notes = []
    missing = job.args.get("missing", 0) if job else 0
    if job and missing:
        originals = "1 original" if missing == 1 else f"{missing:,} originals"
        notes.append(
            f"{originals} could not be read, and what was known of them is used on: "
            f"{job.args['examples'][0]}"
        )
    if scale is not None:
        notes.append(f"{words(scale)}; the project's settings can change that")
    if labels_wanted and known_classes != "labels":
        notes.append(
            "no labels came in: the files name no classes. Put the images in one folder per "
            "class, or a table labels.csv with the columns file and class beside them"
        )
    return notes


def labels_per_class(store: Store, project_id: int) -> list[tuple[Class, int]]:
    """List the project's classes with their training labels."""
    with store.read() as connection:
        counts = labels.per_class(connection, project_id)
        return [(c, counts.get(c.id, 0)) for c in projects.classes(connection, project_id)]


def seconds_left(first: tuple[float, float], now: float, progress: float) -> float | None:
    """Return the time left of work that was seen at (time, progress) and is at `progress` now.

    None while there is too little to go by.

    >>> seconds_left((0.0, 0.5), 10.0, 0.75)
    10.0
    """
    at, was = first
    if progress - was < 0.02 or now - at < 1.0:
        return None
    return (now - at) * (1.0 - progress) / (progress - was)


# -- describing a new project ------------------------------------------------------------------


def strategy_families(current: str) -> dict[str, tuple[strategies.Strategy, ...]]:
    """Return the query strategies by what they look for, the recommended one first.

    The `current` one is there too where it is one that is known by its name alone.
    """
    families = strategies.families()
    if not any(strategy.name == current for group in families.values() for strategy in group):
        others = families.get(strategies.OTHERS, ())
        families[strategies.OTHERS] = (*others, strategies.get(current))
    return families


def estimators_offered(store: Store) -> dict[str, str]:
    """Return the estimators that may learn in place of the network, each with a sentence."""
    others = estimators.allowed(store.workspace.estimators)
    offered = {name: known.sentence for name, known in estimators.ESTIMATORS.items()}
    return offered | {name: "allowed by whoever runs this app" for name in others}


def choices(option: Option) -> list[str]:
    """Return what may be chosen for an option of a strategy."""
    return strategies.choices(option)


def resolutions(side: int | None, current: int) -> list[int]:
    """Return the resolutions to offer: the usual ones, and small ones where images are small."""
    small = [r for r in RESOLUTIONS if r < 32 and side is not None and side <= 2 * r]
    return sorted({*USUAL_RESOLUTIONS, *small, current})


def pretraining_seconds(images: int, network: str, resolution: int) -> float:
    """Return about how long a pretraining would take on two cores."""
    return costs.pretraining_seconds(images, network, resolution)


def split_classes(text: str) -> list[str]:
    """Split class names that were typed one per line, or on one line with commas.

    >>> split_classes("cat, dog"), split_classes("crack, wide\\ncrack, thin\\n")
    (['cat', 'dog'], ['crack, wide', 'crack, thin'])
    """
    lines = [part for part in text.splitlines() if part.strip()]
    parts = lines[0].split(",") if len(lines) == 1 else lines
    return [" ".join(part.split()) for part in parts if part.strip()]


def local_path(text: str) -> str:
    """Return the absolute path that somebody typed or pasted, perhaps in quotes; "" for none.

    A home of nobody stays as it is, for whoever looks there to refuse.
    """
    clean = text.strip()
    if len(clean) > 1 and clean[0] == clean[-1] and clean[0] in "\"'":
        clean = clean[1:-1].strip()
    if not clean:
        return ""
    with contextlib.suppress(InvalidSettings):
        return str(user_path(clean).absolute())
    return clean


def free_name(store: Store, spec: Mapping[str, Any]) -> str:
    """Suggest a name for a project of this source that no project has."""
    base = source_name(spec)
    with store.read() as connection:
        taken = {p.name for p in projects.all_projects(connection, archived=True)}
    name, n = base, 2
    while name in taken:
        name, n = f"{base} {n}", n + 1
    return name


def describe(spec: Mapping[str, Any], full: bool = False) -> str:
    """Say in words where images come from; in full with the path, if there is one."""
    kind = spec.get("kind")
    if kind == "digits":
        return "handwritten digits"
    if kind == "shapes":
        return "generated shapes"
    if kind == "folder":
        path = Path(str(spec["path"]))
        if not full:
            return f"folder {path.name}"
        return f"folder {path}, " + ("copied" if spec.get("copy", True) else "left in place")
    if kind == "photographs":
        return "photographs"
    if kind == "addresses":
        return "a list of addresses"
    if kind == "remote":
        return str(spec["path"])
    if kind == "archive":
        return f"zip archive {spec.get('name') or Path(str(spec['path'])).name}"
    return f"torchvision, {TORCHVISION_NAMES.get(str(spec.get('name')), spec.get('name'))}"


def keep_upload(store: Store, sent: Path, name: str) -> dict[str, Any]:
    """Keep an uploaded archive in the workspace under its content hash; return its description.

    sent: the file, on the same disk, which is moved. Raises WorkspaceUnusable where that fails.
    """
    return {"kind": "archive", "path": str(keep_file(store, sent, ".zip")), "name": name}


def keep_list(
    store: Store, data: bytes, name: str = "", folders: Folders = ANYWHERE
) -> tuple[dict[str, Any], AddressList]:
    """Keep a list of addresses of which a project is to be made; return its description too.

    data: addresses, one a line, or a table with a column of them. Raises NotAllowed,
    ImportRefused, NoRoom, WorkspaceUnusable.
    """
    wanted = addresses.read(data)
    for address in wanted.addresses:
        folders.check_address(address.text)
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    path = store.workspace.uploads / f"{digest}{addresses.LIST}"
    disk.check_room(store.workspace.root, len(data))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _forget_uploads(store, path.parent)
        if path.exists():  # the form is drawn again and again
            path.touch()
        else:
            with disk.whole_file(path) as file:
                file.write(data)
    except OSError as error:
        raise disk.unusable(path.parent, error) from error
    return {"kind": "addresses", "path": str(path), "name": name}, wanted


def keep_file(store: Store, sent: Path, suffix: str) -> Path:
    """Keep an uploaded file in the workspace under its content hash, for a day or longer.

    sent: the file, on the same disk, which is moved. Raises WorkspaceUnusable where that fails.
    """
    folder = store.workspace.uploads
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_uploads(store, folder)
        with sent.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        path = folder / f"{digest.hexdigest()}{suffix}"
        sent.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            sent.unlink(missing_ok=True)
        raise WorkspaceUnusable(
            f"the upload cannot be stored in {folder} ({error.strerror}); "
            "make room, or name the file by its path"
        ) from error
    return path


def _forget_uploads(store: Store, folder: Path) -> None:
    """Delete uploads that no unfinished import needs; finished ones have their own copies."""
    with store.read() as connection:
        everything = projects.all_projects(connection, archived=True)
        in_use = {
            projects.source(connection, p.id)[0].get("path")
            for p in everything
            if p.state != "ready"
        }
        for project in everything:
            waiting = additions.waiting(connection, project.id)
            in_use |= {addition.source.get("path") for addition in waiting}
    needed = {Path(str(path)).name for path in in_use}
    before = time.time() - _FORGOTTEN
    for path in folder.iterdir():
        if path.name not in needed and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
    if store.files.objects is not None:
        with store.write() as connection:
            gone = stored_files.forget_uploads(connection, needed)
        store.files.discard(gone)


def source_name(spec: Mapping[str, Any]) -> str:
    """Name a source as its folder, archive or data set is called; dots in it stay.

    >>> source_name({"kind": "archive", "path": "birds.2023.zip"})
    'birds.2023'
    """
    kind = spec.get("kind")
    if kind == "folder":
        name = user_path(str(spec["path"])).resolve().name
    elif kind == "remote":
        name = without_zip(str(spec["path"]).rstrip("/").rpartition("/")[2])
    elif kind == "addresses":
        name = Path(spec.get("name") or "addresses").stem
    elif kind == "archive":
        name = without_zip(Path(spec.get("name") or str(spec["path"])).name)
    else:
        name = str(spec.get("name") or kind)
    return names.shown(name)[:80].strip() or "images"


def _line(connection: Connection, project: Project) -> ProjectLine:
    spec, _ = projects.source(connection, project.id)
    counts = items.count(connection, project.id)
    job = jobs.newest(connection, project.id, "import")
    return ProjectLine(
        project=project,
        source=describe(spec),
        place=describe(spec, full=True),
        images=sum(counts.values()),
        holdout=counts["holdout"],
        labels=sum(labels.per_class(connection, project.id).values()),
        job=job,
    )


def shown_rows(files: Sequence[SkippedFile]) -> list[dict[str, str]]:
    """Return left-out files as rows for a table or a CSV file."""
    return [{"file": file.name, "reason": file.reason} for file in files]
