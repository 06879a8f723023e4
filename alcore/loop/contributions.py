"""Owns how a picture gets its label that somebody brought together with its class."""

from __future__ import annotations

from pathlib import Path

from alcore.loop.due import request_if_due
from alcore.records import NewEvent, Project
from alcore.store import Connection, contributions, items, labels

FOLDER = "photographs"
"""Of a project: where photographs wait for their import."""


def settle(connection: Connection, project: Project, folder: Path, now: float) -> None:
    """Label what has come in as those said who brought it, in the caller's transaction.

    folder: the project's. What came in is known by its content, so that a picture that was there
    before is labeled too. What neither came in nor waits any more was left out, and is forgotten,
    as is a class that was deleted meanwhile.
    """
    waiting = contributions.waiting(connection, project.id)
    for one in waiting:
        item_id = items.with_content(connection, project.id, one.content_hash)
        if item_id is None and (folder / FOLDER / one.file).exists():
            continue
        if item_id is not None and one.class_id:
            labels.append(
                connection,
                NewEvent(
                    project_id=project.id,
                    item_id=item_id,
                    annotator_id=one.annotator_id,
                    kind="label",
                    key=one.key,
                    created_at=one.created_at,
                    class_id=one.class_id,
                    origin="contribution",
                ),
            )
        contributions.remove(connection, project.id, one.key)
    if waiting:
        request_if_due(connection, project, now)
