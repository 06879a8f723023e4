"""Owns what may be asked of the folder that a project watches: which, how often, how it went."""

from __future__ import annotations

import time

from alcore.config import user_path
from alcore.errors import ImportRefused, InvalidSettings
from alcore.phrases import elapsed
from alcore.records import WatchedFolder
from alcore.services import audit, rights
from alcore.services.folders import ANYWHERE, Folders
from alcore.services.more_images import check_ready, place_of
from alcore.services.rights import check_owner
from alcore.store import Store, jobs, watched_folders

USUAL = 10
LONGEST = 7 * 24 * 60
"""Minutes."""


def watch(
    store: Store,
    project_id: int,
    path: str,
    minutes: float = USUAL,
    by: int | None = None,
    folders: Folders = ANYWHERE,
) -> None:
    """Let a project look at a folder every so many minutes, and bring in what is new.

    It replaces the folder that was watched before. Raises NotAllowed, ImportRefused,
    InvalidSettings.
    """
    if not 1 <= minutes <= LONGEST:
        raise InvalidSettings(
            f"a folder is looked at every 1 to {LONGEST:,} minutes; got {minutes:g}"
        )
    folders.check(path)
    place = user_path(path).resolve()
    if not place.is_dir():
        raise ImportRefused(f"{place} is no folder that is there; name one of this computer")
    if place.is_relative_to(store.workspace.root) or store.workspace.root.is_relative_to(place):
        raise ImportRefused(f"{place} has alcore's own files in it; watch a folder of images")
    with store.write() as connection:
        check_ready(connection, project_id, by)
        spec = {"kind": "folder", "path": str(place)}
        source, prefix = place_of(connection, project_id, spec)
        watched_folders.put(connection, project_id, source, prefix, minutes)
        audit.note(connection, project_id, by, "watch", place=str(place), minutes=f"{minutes:g}")


def stop(store: Store, project_id: int, by: int | None = None) -> None:
    """Let a project watch nothing; what came in stays. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        known = watched_folders.of_project(connection, project_id)
        if known is not None:
            watched_folders.remove(connection, project_id)
            audit.note(connection, project_id, by, "stop watch", place=known.path)


def look(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for a look now. Raises NotAllowed, ProjectArchived."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        rights.check_not_archived(connection, project_id)
        known = watched_folders.of_project(connection, project_id)
        if known is not None:
            watched_folders.ask(connection, project_id, time.time())
            jobs.request(connection, project_id, "watch", time.time())
            audit.note(connection, project_id, by, "look into watch", place=known.path)


def watched(store: Store, project_id: int, by: int | None = None) -> WatchedFolder | None:
    """Read what a project watches, None for nothing. Raises NotAllowed."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return watched_folders.of_project(connection, project_id)


def say(folder: WatchedFolder, now: float) -> str:
    """Say how the last look went, and what the folder brought; now: in Unix seconds."""
    if folder.looked_at is None:
        return "it is looked at within a minute, while the app runs"
    ago = f"looked at {elapsed(max(0.0, now - folder.looked_at))} ago"
    if folder.problem:
        return f"{ago}: {folder.problem}. Nothing changes until it is there again"
    new = "nothing new" if not folder.new else _count(folder.new, "new file")
    if folder.brought_at is None:
        return f"{ago}: {new}"
    when = elapsed(max(0.0, now - folder.brought_at))
    return f"{ago}: {new}; {_count(folder.images, 'image')} came in {when} ago"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
