"""Owns what may be asked of originals that stay where they are: which are missing, where they are.

Labels, models and pixels do not need them; people do, to see an image, and a change of resolution.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alcore.config import user_path
from alcore.datasets.folders import check_under
from alcore.datasets.ingest import read_original
from alcore.errors import ImportRefused, UnreadableImage
from alcore.records import Item, SkippedFile
from alcore.services import audit
from alcore.services.folders import Folders
from alcore.services.rights import check_owner
from alcore.store import Store, items, jobs, projects

ANYWHERE = Folders()
_SAMPLE = 20
"""Images that are compared, byte for byte, with what was imported."""


def folder_of(store: Store, project_id: int) -> str | None:
    """Return the folder in which a project's originals stay; None where they were copied."""
    with store.read() as connection:
        spec, _ = projects.source(connection, project_id)
    return str(spec["path"]) if _stays(spec) else None


def missing(store: Store, project_id: int) -> list[SkippedFile]:
    """List the images whose originals are not there now, with reasons."""
    with store.read() as connection:
        spec, _ = projects.source(connection, project_id)
        rows = items.get_all(connection, project_id) if _stays(spec) else []
    reasons = ((row, check_under(user_path(spec["path"]), row.path or "")) for row in rows)
    return [SkippedFile(row.name, reason) for row, reason in reasons if reason is not None]


def move(
    store: Store,
    project_id: int,
    path: str,
    by: int | None = None,
    folders: Folders = ANYWHERE,
) -> None:
    """Name the place where a project's folder is now, and read the images there anew.

    by: the annotator who asks, None for the command line; folders: what they may name. Raises
    NotAllowed, and ImportRefused where other images, or none, are in that place.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
        folders.check(path)
        spec, _ = projects.source(connection, project_id)
        rows = items.get_all(connection, project_id)
    if not _stays(spec):
        raise ImportRefused("the images were copied when they came in: nothing has to be named")
    place = {**spec, "path": path}
    _check_place(store.folder(project_id), rows, place)
    with store.write() as connection:
        check_owner(connection, project_id, by)
        projects.set_source(connection, project_id, place)
        jobs.request(connection, project_id, "import", time.time(), args={"again": True})
        audit.note(connection, project_id, by, "originals", place=path)


def _stays(spec: Mapping[str, Any]) -> bool:
    return spec.get("kind") == "folder" and not spec.get("copy", True)


def _check_place(folder: Path, rows: list[Item], spec: Mapping[str, Any]) -> None:
    step = max(1, len(rows) // _SAMPLE)
    some = rows[::step]
    problems = []
    for row in some:
        try:
            read_original(folder, row, spec)
        except UnreadableImage as error:
            problems.append(f"{row.name}: {error}")
    if problems and len(problems) == len(some):
        raise ImportRefused(
            f"{spec['path']} does not hold this project's images: of {len(some)} that were "
            f"looked for, none is there as it was imported, such as {problems[0]}"
        )
