"""Owns what programs may ask of a project itself: what it is, where it stands, its images."""

from __future__ import annotations

import json
import uuid

from alcore import disk, records
from alcore.errors import InvalidSettings
from alcore.services import (
    classes,
    dashboard,
    listings,
    metadata,
    projects,
    rights,
    whole_projects,
)
from alcore.services.metadata import MetadataFile
from alcore.web import pictures, state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import (
    After,
    Archive,
    Class,
    Copied,
    Image,
    Limit,
    MetadataBrought,
    MetadataColumn,
    MetadataPart,
    MetadataTable,
    NewClasses,
    NewCopy,
    Part,
    Project,
    ProjectId,
    Status,
    Token,
    at,
)

group = router("Projects")
MOST_TABLE = 10_000_000
"""Bytes of a table of metadata."""


@operation(group, "GET /token", "take part", "read")
def token(caller: Caller) -> Token:
    """Say whom the API token stands for, in which project."""
    return Token(
        project_id=caller.project_id,
        person=caller.person,
        name=caller.name,
        scope=caller.scope,
        created_at=at(caller.created_at),
    )


@operation(group, "GET /projects", "take part", "read")
def list_projects(caller: Caller) -> Part[Project]:
    """List the projects that the API token opens.

    A token is for one project.
    """
    return Part(rows=[_project(caller)], next=None)


@operation(group, "GET /projects/{project_id}", "take part", "read")
def get_project(project_id: ProjectId, caller: Caller) -> Project:
    """Read a project and its classes."""
    return _project(caller)


@operation(group, "POST /projects/{project_id}/classes", "own", "own")
def add_classes(project_id: ProjectId, new: NewClasses, caller: Caller) -> Project:
    """Add classes."""
    classes.add(state.store(), project_id, new.names, caller.annotator_id)
    return _project(caller)


@operation(group, "POST /projects/{project_id}/copies", "own", "own", status_code=201)
def copy_project(project_id: ProjectId, new: NewCopy, caller: Caller) -> Copied:
    """Copy the project: images, classes, settings, maybe its labels.

    Its person must be one who may make projects.
    """
    store, who = state.store(), caller.annotator_id
    return Copied(project_id=whole_projects.copy(store, project_id, new.name, new.labels, who))


@operation(group, "POST /projects/{project_id}/archive", "own", "own")
def archive_project(project_id: ProjectId, wish: Archive, caller: Caller) -> Project:
    """Put the project away, or take it back. What is put away is read only, and nothing runs."""
    if wish.archived != (projects.get(state.store(), project_id).archived_at is not None):
        projects.archive(state.store(), project_id, wish.archived, caller.annotator_id)
    return _project(caller)


@operation(group, "GET /projects/{project_id}/status", "take part", "read")
def get_status(project_id: ProjectId, caller: Caller) -> Status:
    """Say how many labels there are, what the model does, and whether to stop."""
    standing = dashboard.standing(state.store(), project_id)
    training = dashboard.activity(state.store(), project_id).training
    model = standing.model
    return Status(
        labels=standing.labels,
        unlabeled=standing.unlabeled,
        kept_aside=standing.kept_aside,
        model=model.number if model else None,
        model_labels=model.labels if model else None,
        accuracy=model.evaluation.accuracy if model else None,
        until_next=standing.due.missing,
        stop=standing.advice.stop,
        advice=standing.advice.reason,
        training=training.state if training else None,
    )


@operation(group, "GET /projects/{project_id}/images", "own", "read")
def list_images(
    project_id: ProjectId, caller: Caller, after: After = 0, limit: Limit = 100
) -> Part[Image]:
    """List the images by id.

    For owners: others are shown the images that they are given.
    """
    found = listings.images(state.store(), project_id, caller.annotator_id, after, limit)
    known = metadata.of(state.store(), project_id, [one.id for one in found], caller.annotator_id)
    rows = [_image(one, caller, known.get(one.id, {})) for one in found]
    return Part(rows=rows, next=rows[-1].id if len(rows) == limit else None)


@operation(group, "GET /projects/{project_id}/metadata", "own", "read")
def list_metadata(project_id: ProjectId, caller: Caller) -> Part[MetadataColumn]:
    """List what is known of the images besides their classes."""
    known = metadata.known(state.store(), project_id, caller.annotator_id)
    rows = [
        MetadataColumn(
            name=one.column.name,
            kind=one.column.kind,
            origin=one.column.origin,
            images=one.extent.images,
            values=one.extent.distinct,
        )
        for one in known.columns
    ]
    return Part(rows=rows, next=None)


@operation(
    group, "POST /projects/{project_id}/metadata", "own", "own", most=MOST_TABLE, status_code=200
)
def add_metadata(project_id: ProjectId, table: MetadataTable, caller: Caller) -> MetadataBrought:
    """Bring what is known of images, all of it or nothing; the body may have 10 MB.

    Values that are there and that it does not name stay; sent again, it changes nothing.
    """
    if bool(table.rows) == bool(table.csv):
        raise InvalidSettings("metadata comes as rows or as csv; send one of them")
    store, work = state.store(), metadata.preview if table.preview else metadata.bring
    folder = store.workspace.uploads
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.table"
    text = table.csv or "\n".join(json.dumps(row, ensure_ascii=False) for row in table.rows)
    try:
        path.write_bytes(text.encode("utf-8", "replace"))
        file = MetadataFile(path, table.image_column, name=f"API, {caller.name}")
        plan = work(store, project_id, file, caller.annotator_id)
    except OSError as error:
        raise disk.unusable(path, error) from error
    finally:
        path.unlink(missing_ok=True)
    columns = [
        MetadataPart(
            name=one.name,
            kind=one.kind,
            new=one.new,
            changed=one.changed,
            unchanged=one.unchanged,
        )
        for one in plan.columns
    ]
    notes = metadata.words(plan)
    return MetadataBrought(lines=plan.lines, images=plan.images, columns=columns, notes=notes)


def _project(caller: records.ApiToken) -> Project:
    project = projects.get(state.store(), caller.project_id)
    return Project(
        id=project.id,
        name=project.name,
        state=project.state,
        classes=[Class(id=c.id, name=c.name, position=c.position) for c in project.classes],
        images=sum(projects.item_counts(state.store(), project.id).values()),
        strategy=project.settings.strategy,
        batch_size=project.settings.batch_size,
        budget=project.settings.budget,
        guidelines=project.settings.guidelines,
        owner=rights.owns(state.store(), project.id, caller.annotator_id),
        created_at=at(project.created_at),
        archived=project.archived_at is not None,
    )


def _image(item: records.Item, caller: records.ApiToken, known: dict[str, str | float]) -> Image:
    return Image(
        id=item.id,
        name=item.name,
        width=item.width,
        height=item.height,
        split=item.split,
        picture=pictures.src(caller.project_id, item.id, item.content_hash, caller.annotator_id),
        metadata=known,
    )
