"""Owns the check of the object store: what is missing there, damaged, not recorded, or nobody's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from alcore.errors import FilesUnreachable, ObjectMissing, WorkspaceUnusable
from alcore.job_kinds import shared_files
from alcore.services.faults import Fault
from alcore.store import Store, jobs, stored_files
from alcore.store.stored_files import Part

OLD = 24 * 3600.0
"""Seconds for which an object that no row names is left alone: it may be on its way."""


def faults(store: Store, project_ids: Sequence[int]) -> Iterator[Fault]:
    """Look through the object store, where there is one. Reads all that is in it."""
    if store.files.objects is None:
        return
    try:
        yield from _lost(store, project_ids)
        yield from _unrecorded(store, project_ids)
        yield from _nobodys(store)
    except FilesUnreachable as error:
        yield Fault(str(error), "mend that; labels go on meanwhile, and trainings wait")


@dataclass(frozen=True)
class _Lost:
    name: str
    part: Part


def _lost(store: Store, project_ids: Sequence[int]) -> Iterator[Fault]:
    """Look for objects that rows name and that are not there, or not as they were written."""
    assert store.files.objects is not None
    there = store.files.objects.listed()
    lost = []
    for project_id in [None, *project_ids]:
        with store.read() as connection:
            files = stored_files.of_project(connection, project_id)
        for name, parts in files.items():
            for part in parts:
                listed = there.get(part.object)
                whole = listed is not None and listed.size == part.size
                if not (whole and store.files.is_sound(part)):
                    lost.append(_Lost(name, part))

    def put_back() -> None:
        left = [one for one in lost if not store.files.put_back(one.name, one.part)]
        if left:
            raise WorkspaceUnusable(
                f"this computer has no sound copy of {left[0].name}; run this on one that has, or "
                "restore a backup"
            )

    if lost:
        yield Fault(
            f"{len(lost):,} objects of {store.files.objects.address} are missing or damaged, such "
            f"as {lost[0].part.object} of {lost[0].name}",
            "write them again from the files of this computer",
            put_back,
        )


def _unrecorded(store: Store, project_ids: Sequence[int]) -> Iterator[Fault]:
    """Look for files of this computer that others need and do not get."""
    # Maps are laid out where somebody looks at them, too.
    patterns = [one for one in shared_files() if not one.startswith("maps/")]
    for project_id in project_ids:
        with store.read() as connection:
            busy = any(job.project_id == project_id for job in jobs.running(connection))
        if busy:
            continue
        try:
            with store.files.insisting(project_id):
                names = store.files.unrecorded(project_id, patterns)
        except ObjectMissing:
            continue  # that is said already
        if names:
            yield Fault(
                f"{len(names):,} files of project {project_id} are not in the object store as they "
                f"are here, such as {names[0]}",
                "put them there",
                partial(_record, store, project_id, patterns),
            )


def _record(store: Store, project_id: int, patterns: Sequence[str]) -> None:
    with store.publish(project_id, patterns):
        pass


def _nobodys(store: Store) -> Iterator[Fault]:
    """Look for objects that no row names."""
    objects = store.files.objects
    assert objects is not None
    there = objects.listed()
    with store.read() as connection:
        named = stored_files.objects(connection)
    before = time.time() - OLD
    left = [name for name, one in there.items() if name not in named and one.written_at < before]
    if left:
        size = sum(there[name].size for name in left)
        yield Fault(
            f"{len(left):,} objects, {size / 1e6:,.1f} MB, belong to no file, such as {left[0]}",
            "delete them",
            lambda: objects.remove(left),
        )
