"""Owns lists that programs read part by part, by id: a project's images and its jobs."""

from __future__ import annotations

from dataclasses import replace

from alcore.errors import UnknownJob
from alcore.records import Item, Job
from alcore.services.board_status import FAILED
from alcore.services.rights import check_owner, is_owner
from alcore.store import Store, items, jobs


def images(store: Store, project_id: int, by: int | None, after: int, n: int) -> list[Item]:
    """Read up to n images whose ids are above `after`.

    For owners: others are shown the images that they are given. Raises NotAllowed.
    """
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return items.page(connection, project_id, after, n)


def all_jobs(
    store: Store, project_id: int, by: int | None, after: int, n: int, kind: str | None = None
) -> list[Job]:
    """Read up to n jobs whose ids are above `after`; why one failed is for owners."""
    with store.read() as connection:
        owns = is_owner(connection, project_id, by)
        return [_shown(job, owns) for job in jobs.page(connection, project_id, after, n, kind)]


def job(store: Store, project_id: int, by: int | None, job_id: int) -> Job:
    """Read one job. Raises UnknownJob."""
    page = all_jobs(store, project_id, by, job_id - 1, 1)
    if not page or page[0].id != job_id:
        raise UnknownJob(f"project {project_id} has no job {job_id}")
    return page[0]


def _shown(job: Job, owns: bool) -> Job:
    return job if owns or job.error is None else replace(job, error=FAILED)
