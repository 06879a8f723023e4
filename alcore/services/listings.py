"""Owns lists that programs read part by part, by id: a project's images and its jobs."""

from __future__ import annotations

from alcore.errors import UnknownJob
from alcore.records import Item, Job
from alcore.services.rights import check_owner, shown_job
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
        page = jobs.page(connection, project_id, after, n, kind)
        shown = [shown_job(connection, project_id, by, job) for job in page]
        return [job for job in shown if job is not None]


def job(store: Store, project_id: int, by: int | None, job_id: int) -> Job:
    """Read one job. Raises UnknownJob."""
    page = all_jobs(store, project_id, by, job_id - 1, 1)
    if not page or page[0].id != job_id:
        raise UnknownJob(f"project {project_id} has no job {job_id}")
    return page[0]
