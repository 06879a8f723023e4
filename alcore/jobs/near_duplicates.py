"""Owns the job that looks through all images of a project for near-duplicates; none moves."""

from __future__ import annotations

from alcore.loop.near_duplicates import compare_all
from alcore.store import items, near_duplicates, projects
from alcore.workers.attempts import Running


def run_near_duplicates(running: Running) -> None:
    """Compare all images anew, by features too where there are some, and let the groups count."""
    store, project_id = running.store, running.job.project_id
    running.report("comparing the images", 0.0)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        ids = items.ids(connection, project_id)
    alike = compare_all(store.folder(project_id), project.settings, len(ids))
    with running.publish() as connection:
        near_duplicates.put(connection, project_id, ids, alike)
