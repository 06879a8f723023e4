"""Owns the rows of projects and their classes."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    String,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from alcore.class_changes import ClassState, State
from alcore.config import ProjectSettings
from alcore.errors import DuplicateProject, InvalidClasses, StaleSettings, UnknownProject
from alcore.records import Class, FormerClass, KnownClasses, Project
from alcore.store.tables import class_event, project, project_class

_NO_NAME = "\x7f"
"""Begins what stands in place of a gone class's name: no name may hold it."""
# What every label reads is put together once: that takes longer than to run it.
_CHANGE = (
    select(func.coalesce(func.max(class_event.c.id), 0))
    .where(class_event.c.project_id == project.c.id)
    .correlate(project)
    .scalar_subquery()
)
_READ = select(
    project.c.id,
    project.c.name,
    project.c.version,
    project.c.state,
    project.c.known_classes,
    project.c.channels,
    project.c.created_at,
    project.c.archived_at,
    project.c.split_at,
    cast(project.c.settings, String).label("settings"),
    _CHANGE.label("class_change"),
)
_GET = _READ.where(project.c.id == bindparam("project"), project.c.deleted_at.is_(None))
_CLASSES = (
    select(project_class)
    .where(project_class.c.project_id == bindparam("project"))
    .order_by(project_class.c.position)
)
_RANKING = select(project.c.ranking, project.c.ranked_by, project.c.head_labels).where(
    project.c.id == bindparam("project")
)


def add(
    connection: Connection,
    name: str,
    settings: ProjectSettings,
    source: Mapping[str, Any],
    known_classes: KnownClasses,
    now: float,
) -> int:
    """Insert a project that waits for its import; return its id. Raises DuplicateProject."""
    values = {
        "name": name,
        "settings": settings.to_json(),
        "state": "importing",
        "source": dict(source),
        "known_classes": known_classes,
        "created_at": now,
    }
    try:
        query = insert(project).values(values).returning(project.c.id)
        return connection.execute(query).scalar_one()
    except IntegrityError as error:
        raise DuplicateProject(
            f"there is a project called {name!r} already; choose another name"
        ) from error


def get(connection: Connection, project_id: int) -> Project:
    """Read one project. Raises UnknownProject."""
    row = connection.execute(_GET, {"project": project_id}).one_or_none()
    if row is None:
        raise UnknownProject(f"there is no project {project_id}")
    return _record(row, _class_rows(connection, project_id))


def all_projects(connection: Connection, archived: bool = False) -> list[Project]:
    """List projects by age; archived ones only when asked."""
    query = _READ.where(project.c.deleted_at.is_(None)).order_by(project.c.id)
    if not archived:
        query = query.where(project.c.archived_at.is_(None))
    return [_record(row, _class_rows(connection, row.id)) for row in connection.execute(query)]


def source(connection: Connection, project_id: int) -> tuple[dict[str, Any], KnownClasses]:
    """Read where a project's images come from and what their classes are."""
    row = connection.execute(
        select(project.c.source, project.c.known_classes).where(project.c.id == project_id)
    ).one()
    return row.source, row.known_classes


def set_source(connection: Connection, project_id: int, source: Mapping[str, Any]) -> None:
    """Say where a project's images come from now."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(source=dict(source))
    )


def rename(connection: Connection, project_id: int, name: str) -> None:
    """Give a project another name. Raises DuplicateProject."""
    try:
        connection.execute(update(project).where(project.c.id == project_id).values(name=name))
    except IntegrityError as error:
        raise DuplicateProject(
            f"there is a project called {name!r} already; choose another name"
        ) from error


def save_settings(
    connection: Connection, project_id: int, settings: ProjectSettings, version: int
) -> None:
    """Store settings edited from `version`. Raises StaleSettings if that is not current."""
    row = connection.execute(
        update(project)
        .where(project.c.id == project_id, project.c.version == version)
        .values(settings=settings.to_json(), version=version + 1)
        .returning(project.c.id)
    ).first()
    if row is None:
        raise StaleSettings(
            "somebody else saved these settings since you opened them; "
            "your changes were not saved: reload, look, and make them again"
        )


def set_known_classes(connection: Connection, project_id: int, known_classes: KnownClasses) -> None:
    """Say what the known classes of a source turned out to be."""
    connection.execute(
        update(project).where(project.c.id == project_id).values(known_classes=known_classes)
    )


def set_state(
    connection: Connection, project_id: int, state: str, channels: int | None = None
) -> None:
    values: dict[str, Any] = {"state": state}
    if channels is not None:
        values["channels"] = channels
    connection.execute(update(project).where(project.c.id == project_id).values(values))


def archive(connection: Connection, project_id: int, at: float | None) -> None:
    """Put a project away at a time, or take it back with None."""
    connection.execute(update(project).where(project.c.id == project_id).values(archived_at=at))


def ranking(connection: Connection, project_id: int) -> tuple[int, int | None]:
    """Read the ranking that is served now, and the id of the round that made it."""
    row = connection.execute(_RANKING, {"project": project_id}).one()
    return row.ranking, row.ranked_by


def set_ranking(
    connection: Connection,
    project_id: int,
    number: int,
    ranked_by: int | None,
    head_labels: int | None = None,
) -> None:
    connection.execute(
        update(project)
        .where(project.c.id == project_id)
        .values(ranking=number, ranked_by=ranked_by, head_labels=head_labels)
    )


def head_labels(connection: Connection, project_id: int) -> int | None:
    """Read how many labels the instant head knew that ranked; None for the model alone."""
    return connection.execute(_RANKING, {"project": project_id}).one().head_labels


def classes(connection: Connection, project_id: int) -> tuple[Class, ...]:
    """Read the classes that are offered, in order."""
    return _offered(_class_rows(connection, project_id))


def add_classes(
    connection: Connection, project_id: int, names: Sequence[str], now: float
) -> tuple[Class, ...]:
    """Append classes after those that are there; return all. Raises InvalidClasses."""
    last = connection.execute(
        select(func.max(project_class.c.position)).where(
            project_class.c.project_id == project_id, project_class.c.gone_at.is_(None)
        )
    ).scalar()
    first = 0 if last is None else last + 1
    rows = [
        {"project_id": project_id, "name": name, "position": first + i, "created_at": now}
        for i, name in enumerate(names)
    ]
    try:
        if rows:
            connection.execute(insert(project_class), rows)
    except IntegrityError as error:
        raise InvalidClasses(
            f"one of the classes {', '.join(map(repr, names))} is in the project already"
        ) from error
    return classes(connection, project_id)


def class_state(connection: Connection, project_id: int) -> State:
    """Read all classes that a project ever had: those that are offered in order, then the gone."""
    rows = _class_rows(connection, project_id)
    states = [
        ClassState(
            row.id,
            row.name if row.gone_at is None else row.gone_name,
            row.description,
            row.gone_at is not None,
            row.merged_into,
        )
        for row in rows
    ]
    gone = sorted((one for one in states if one.gone), key=lambda one: one.id)
    return (*(one for one in states if not one.gone), *gone)


def set_class_state(connection: Connection, project_id: int, state: State, now: float) -> None:
    """Write all classes of a project anew. Raises InvalidClasses where two have one name."""
    place = {one.id: i for i, one in enumerate(one for one in state if not one.gone)}
    of_class = update(project_class).where(
        project_class.c.project_id == project_id, project_class.c.id == bindparam("class")
    )
    # First out of each other's way: two classes may change places or names.
    connection.execute(
        of_class.values(name=bindparam("free"), position=-project_class.c.id),
        [{"class": one.id, "free": f"{_NO_NAME}{one.id}"} for one in state],
    )
    connection.execute(
        of_class.values(
            name=bindparam("new"),
            position=bindparam("place"),
            description=bindparam("about"),
            gone_at=case(
                (bindparam("gone"), func.coalesce(project_class.c.gone_at, now)), else_=None
            ),
            gone_name=bindparam("old"),
            merged_into=bindparam("into"),
        ),
        [
            {
                "class": one.id,
                "new": f"{_NO_NAME}{one.id}" if one.gone else one.name,
                "place": -one.id if one.gone else place[one.id],
                "about": one.description,
                "gone": one.gone,
                "old": one.name if one.gone else None,
                "into": one.merged_into,
            }
            for one in state
        ],
    )


def _class_rows(connection: Connection, project_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    return connection.execute(_CLASSES, {"project": project_id}).all()


def _offered(rows: Sequence[Row[*tuple[Any, ...]]]) -> tuple[Class, ...]:
    return tuple(
        Class(row.id, row.name, row.position, row.description)
        for row in rows
        if row.gone_at is None
    )


@functools.lru_cache(maxsize=64)
def _settings(text: str) -> ProjectSettings:
    return ProjectSettings.from_json(json.loads(text))


def _record(row: Row[*tuple[Any, ...]], class_rows: Sequence[Row[*tuple[Any, ...]]]) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        settings=_settings(row.settings),
        version=row.version,
        state=row.state,
        classes=_offered(class_rows),
        has_key=row.known_classes == "answer key",
        channels=row.channels,
        created_at=row.created_at,
        archived_at=row.archived_at,
        split_at=row.split_at,
        former=tuple(
            FormerClass(c.id, c.gone_name, c.merged_into, c.description)
            for c in sorted(class_rows, key=lambda c: c.id)
            if c.gone_at is not None
        ),
        class_change=row.class_change,
    )
