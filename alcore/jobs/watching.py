"""Owns a look at the folder that a project watches: whether something is new in it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from alcore.config import Access
from alcore.datasets.entries import Entry
from alcore.datasets.sources import open_source
from alcore.errors import AlcoreError, ImportRefused
from alcore.names import of_page, page_of
from alcore.records import WatchedFolder
from alcore.store import Connection, additions, items, jobs, watched_folders
from alcore.workers.attempts import Running

CLOCKS = 5.0
"""Seconds by which the clock of the disk may be off."""


def run_watch(running: Running) -> None:
    """Look at the folder that a project watches; ask for an import where something is new.

    What is there no more changes nothing: images that came in stay, and a folder that is gone is
    looked for again.
    """
    project_id, now = running.job.project_id, time.time()
    running.report("looking at the folder", 0.0)
    with running.store.read() as connection:
        folder = watched_folders.of_project(connection, project_id)
        names, hashes, _, _ = items.imported(connection, project_id)
    new, problem = 0, ""
    if folder is not None:
        present = set(hashes.values())
        try:
            new = _count_new(folder, present, names - present)
        except AlcoreError as error:
            problem = str(error)
        except OSError as error:
            problem = f"{folder.path} cannot be read: {error.strerror}"
    with running.publish() as connection:
        if folder is not None and watched_folders.of_project(connection, project_id) == folder:
            watched_folders.note(connection, project_id, now, problem, new)
            if new:
                _bring(connection, project_id, folder, now)


def _bring(connection: Connection, project_id: int, folder: WatchedFolder, now: float) -> None:
    additions.request(connection, project_id, folder.source, folder.prefix, now)
    jobs.request(connection, project_id, "import", now)


def _count_new(folder: WatchedFolder, present: set[str], left_out: set[str]) -> int:
    """Count the files that may be images and are not in.

    present, left_out: names. What was left out counts where it has changed since the last look:
    it may have been on its way into the folder then.
    """
    root = Path(folder.path)
    listed = Access.from_environment().folders
    if listed is not None and not any(root.resolve().is_relative_to(one) for one in listed):
        raise ImportRefused(
            f"{root} is not looked at: it lies outside of what ALCORE_FOLDERS lists"
        )
    known = present | {of_page(name, 1) for name in present}
    before = f"{folder.prefix}/" if folder.prefix else ""
    since = (folder.looked_at or 0.0) - CLOCKS

    def is_new(entry: Entry) -> bool:
        name = before + entry.name
        if name in known:
            return False
        return name not in left_out or os.stat(root / page_of(entry.handle)[0]).st_mtime > since

    return sum(map(is_new, open_source(folder.source).listing().entries))
