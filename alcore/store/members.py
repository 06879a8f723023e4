"""Owns who belongs to a project in which role, and who signed in as whom. Times in Unix s."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.errors import UnknownProject
from alcore.records import Annotator, Member, MemberRole, Standing
from alcore.store.tables import annotator, member, project, session, student

# What every label does is put together once: that takes longer than to run it.
_ROLE = select(member.c.role).where(
    member.c.project_id == bindparam("project"), member.c.annotator_id == bindparam("annotator")
)
_STUDENT = select(student.c.session_id).where(student.c.annotator_id == bindparam("annotator"))
_other = member.alias()
_STANDINGS = (
    select(
        project.c.id,
        annotator.c.active,
        annotator.c.administrator,
        member.c.role,
        member.c.seen_at,
        project.c.settings["team"]["invited_only"].as_boolean().label("invited_only"),
        select(_other.c.annotator_id)
        .where(_other.c.project_id == project.c.id, _other.c.role == "owner")
        .exists()
        .label("has_owner"),
        student.c.annotator_id.is_not(None).label("student"),
        student.c.project_id.label("class_room"),
        session.c.starts_at,
        session.c.ends_at,
    )
    .select_from(project)
    .outerjoin(annotator, annotator.c.id == bindparam("annotator"))
    .outerjoin(
        member,
        (member.c.project_id == project.c.id) & (member.c.annotator_id == annotator.c.id),
    )
    .outerjoin(student, student.c.annotator_id == annotator.c.id)
    .outerjoin(session, session.c.id == student.c.session_id)
    .where(project.c.deleted_at.is_(None))
)
_STANDING = _STANDINGS.where(project.c.id == bindparam("project"))
_JOIN = insert_or(member)
_SEEN = _JOIN.on_conflict_do_update(
    index_elements=["project_id", "annotator_id"], set_={"seen_at": _JOIN.excluded.seen_at}
)


def seen(connection: Connection, project_id: int, annotator_id: int, now: float) -> None:
    """Note that somebody is at work in a project; a newcomer joins as an annotator."""
    connection.execute(
        _SEEN,
        {
            "project_id": project_id,
            "annotator_id": annotator_id,
            "role": "annotator",
            "joined_at": now,
            "seen_at": now,
        },
    )


def role(connection: Connection, project_id: int, annotator_id: int) -> MemberRole | None:
    """Read somebody's role in a project, None for who never was there."""
    return connection.execute(_ROLE, {"project": project_id, "annotator": annotator_id}).scalar()


def is_student(connection: Connection, annotator_id: int) -> bool:
    """Tell whether somebody came by a session."""
    return connection.execute(_STUDENT, {"annotator": annotator_id}).first() is not None


def any_owner(connection: Connection) -> bool:
    """Tell whether any project has an owner."""
    which = select(member.c.project_id).where(member.c.role == "owner").limit(1)
    return connection.execute(which).first() is not None


def owners(connection: Connection, project_id: int) -> int:
    """Count the owners of a project."""
    return connection.execute(
        select(func.count()).where(member.c.project_id == project_id, member.c.role == "owner")
    ).scalar_one()


def standing(connection: Connection, project_id: int, annotator_id: int) -> Standing:
    """Read what decides somebody's rights in a project. Raises UnknownProject."""
    who = {"project": project_id, "annotator": annotator_id}
    row = connection.execute(_STANDING, who).one_or_none()
    if row is None:
        raise UnknownProject(f"there is no project {project_id}")
    return _standing(row)


def standings(connection: Connection, annotator_id: int) -> dict[int, Standing]:
    """Read what decides somebody's rights in all projects, by the projects' ids."""
    rows = connection.execute(_STANDINGS, {"annotator": annotator_id})
    return {row.id: _standing(row) for row in rows}


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        active=bool(row.active),
        role=row.role,
        administrator=bool(row.administrator),
        invited_only=bool(row.invited_only),
        has_owner=row.has_owner,
        student=bool(row.student),
        labels_from=row.starts_at if row.class_room == row.id else None,
        labels_until=row.ends_at if row.class_room == row.id else None,
        seen_at=row.seen_at,
    )


def set_administrator(connection: Connection, annotator_id: int, is_one: bool) -> None:
    """Say whether somebody owns every project."""
    connection.execute(
        update(annotator)
        .where(annotator.c.id == annotator_id, annotator.c.administrator != is_one)
        .values(administrator=is_one)
    )


def is_administrator(connection: Connection, annotator_id: int) -> bool:
    """Tell whether somebody owns every project."""
    which = select(annotator.c.administrator).where(annotator.c.id == annotator_id)
    return bool(connection.execute(which).scalar())


def set_role(
    connection: Connection, project_id: int, annotator_id: int, new: MemberRole, now: float
) -> None:
    """Give somebody a role; who was not there joins without having been seen."""
    connection.execute(
        insert_or(member)
        .values(
            project_id=project_id,
            annotator_id=annotator_id,
            role=new,
            joined_at=now,
            seen_at=0.0,
        )
        .on_conflict_do_update(index_elements=["project_id", "annotator_id"], set_={"role": new})
    )


def of_project(connection: Connection, project_id: int) -> list[Member]:
    """List the people of a project by when they joined."""
    rows = connection.execute(
        select(member, annotator.c.name, annotator.c.active)
        .join(annotator, annotator.c.id == member.c.annotator_id)
        .where(member.c.project_id == project_id)
        .order_by(member.c.joined_at, member.c.annotator_id)
    )
    return [
        Member(
            Annotator(row.annotator_id, row.name, row.active), row.role, row.joined_at, row.seen_at
        )
        for row in rows
    ]


def signed_in(connection: Connection, subject: str, name: str, now: float) -> Annotator:
    """Read who signed in as `subject`, adding them under a name that nobody else has."""
    row = connection.execute(select(annotator).where(annotator.c.subject == subject)).one_or_none()
    if row is None:
        others = set(
            connection.execute(
                select(annotator.c.name).where(annotator.c.name.startswith(name, autoescape=True))
            ).scalars()
        )
        names = (name, *(f"{name} {i}" for i in range(2, 10_000)))
        free = next(n for n in names if n not in others)
        connection.execute(insert_or(annotator).values(name=free, subject=subject, created_at=now))
        row = connection.execute(select(annotator).where(annotator.c.subject == subject)).one()
    return Annotator(row.id, row.name, row.active)


def is_signed_in(connection: Connection, name: str) -> bool:
    """Tell whether a name belongs to somebody who signs in."""
    return (
        connection.execute(
            select(annotator.c.id).where(annotator.c.name == name, annotator.c.subject.is_not(None))
        ).first()
        is not None
    )
