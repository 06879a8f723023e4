"""Owns what pages and commands ask about near-duplicates: which there are, looking, and moving."""

from __future__ import annotations

import time
from dataclasses import dataclass

from alcore.errors import NotAllowed
from alcore.records import Job
from alcore.services import audit, groups, rights
from alcore.services.groups import Grouping
from alcore.store import Connection, Store, items, jobs, near_duplicates, projects
from alcore.store.near_duplicates import Member as Member
from alcore.workers.foreground import run_here

KIND = "near-duplicates"


@dataclass(frozen=True)
class Status:
    """What is known of a project's near-duplicates."""

    images: int
    compared: int
    """How many of the images have been looked through."""
    alike: int
    """Images that are like others."""
    grouping: Grouping | None
    """How their groups lie; None where there are none."""
    job: Job | None


def status(store: Store, project_id: int) -> Status:
    """Read what is known of a project's near-duplicates. Raises UnknownProject."""
    grouping = groups.of_near_duplicates(store, project_id)
    with store.read() as connection:
        projects.get(connection, project_id)
        return Status(
            images=sum(items.count(connection, project_id).values()),
            compared=near_duplicates.compared(connection, project_id),
            alike=len(near_duplicates.groups(connection, project_id)[0]),
            grouping=grouping,
            job=jobs.newest(connection, project_id, KIND),
        )


def job(store: Store, project_id: int) -> Job | None:
    """Read how the newest search goes or went."""
    with store.read() as connection:
        return jobs.newest(connection, project_id, KIND)


def page(
    store: Store, project_id: int, offset: int, n: int, split_only: bool = False
) -> tuple[list[list[Member]], int]:
    """Read up to n groups, the largest first, and count all; split_only: those that lie in both."""
    with store.read() as connection:
        return near_duplicates.page(connection, project_id, split_only, offset, n)


def look(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for a look through all images; none moves by it. Raises NotAllowed."""
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        _request(connection, project_id)
        audit.note(connection, project_id, by, "look for near-duplicates")


def look_now(store: Store, project_id: int, threads: int) -> None:
    """Look through all images in this process. Raises what the job raises."""
    busy = "near-duplicates are looked for already, by the app; wait for it"
    run_here(store, project_id, KIND, threads, lambda c: _request(c, project_id), busy)


def stop(store: Store, project_id: int, by: int | None = None) -> None:
    """End the search; the groups before stay. Raises NotAllowed."""
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        jobs.cancel(connection, project_id, KIND, time.time())
        audit.note(connection, project_id, by, "stop near-duplicates")


def _request(connection: Connection, project_id: int) -> None:
    rights.check_not_archived(connection, project_id)
    if projects.get(connection, project_id).state != "ready":
        raise NotAllowed("images can be compared once they are in")
    jobs.request(connection, project_id, KIND, time.time())


def words(now: Status) -> list[str]:
    """Say how things stand, in sentences."""
    if now.compared == 0:
        return ["The images have not been compared yet."]
    notes = []
    if now.compared < now.images:
        notes.append(f"{now.images - now.compared:,} images have not been compared yet.")
    if now.grouping is None:
        return [*notes, f"No two of {now.compared:,} images are near-duplicates."]
    notes.append(f"{now.alike:,} images are near-duplicates, in {now.grouping.groups:,} groups.")
    return notes + groups.words(now.grouping)
