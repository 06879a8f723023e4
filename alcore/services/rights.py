"""Owns rights: who may do what, in one table from which every page and every route names its own.

As long as nobody is a project's owner, everybody may do everything in it. From then on owners
alone change settings, see how good answers are, adjudicate, free what others hold and give roles;
others label. Administrators own every project. Where others than this computer can reach the app,
a project without an owner is theirs alone. The command line, which needs the files anyway, may do
everything: it asks as None.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from alcore.errors import NotAllowed, ProjectArchived
from alcore.records import Job, Project, Standing
from alcore.store import Connection, Store, labels, members, projects

Right = Literal["open", "come in", "label", "take part", "own", "make projects", "run experiments"]
RIGHTS: Mapping[Right, str] = MappingProxyType(
    {
        "open": "everybody, also strangers",
        "come in": "who was let in at the door, whatever their projects; not students",
        "label": "who takes part, and in their group's project, while their session runs, students",
        "take part": "who is not removed from the project and, where it is for invited people, "
        "was invited",
        "own": "owners of the project and administrators; where it has no owner and only this "
        "computer reaches the app, all who take part",
        "make projects": "owners of any project and administrators; where only this computer "
        "reaches the app, everybody",
        "run experiments": "owners of any project and administrators; as long as no project has "
        "an owner and only this computer reaches the app, everybody",
    }
)
"""Who has each right. That to a project is asked for with its id."""
WHY_IS_FOR_OWNERS = "The project's owners see why."
IN_A_PROJECT: frozenset[Right] = frozenset({"label", "take part", "own"})
AFTER_THE_END = 20.0
"""Seconds in which a student's answers still arrive that were given before the end."""
SHUT_OUT = "you may not label here any more; ask the project's owner"
ONLY_LABELS = "who came by a session labels in it, and sees nothing else"
_guarded = False


def guard(beyond: bool) -> None:
    """Note whether others than this computer can reach the app."""
    global _guarded
    _guarded = beyond


def check(
    store: Store, right: Right, annotator_id: int | None, project_id: int | None = None
) -> None:
    """Raise NotAllowed where somebody lacks a right; UnknownProject for none of this id.

    project_id: where the right is one in a project.
    """
    if right == "open" or annotator_id is None:
        return
    with store.read() as connection:
        if right != "label" and members.is_student(connection, annotator_id):
            raise NotAllowed(ONLY_LABELS)
        if right == "come in":
            return
        if right in IN_A_PROJECT:
            assert project_id is not None, f"the right to {right} is one in a project"
            if right == "label":
                check_may_label(connection, project_id, annotator_id)
                return
            check_active(connection, project_id, annotator_id)
            if right == "own":
                check_owner(connection, project_id, annotator_id)
        elif right == "make projects":
            if _guarded and not is_trusted(connection, annotator_id):
                raise NotAllowed("only owners of a project make another one here; ask one of them")
        elif not is_trusted(connection, annotator_id) and (
            _guarded or members.any_owner(connection)
        ):
            raise NotAllowed("only owners of a project run experiments; ask one of them")


def is_trusted(connection: Connection, annotator_id: int) -> bool:
    """Tell whether somebody is an administrator, or an owner of any project."""
    return members.is_administrator(connection, annotator_id) or any(
        one.role == "owner" for one in members.standings(connection, annotator_id).values()
    )


def visible(store: Store, annotator_id: int, archived: bool = False) -> list[Project]:
    """List the projects that somebody may take part in, by age."""
    with store.read() as connection:
        standings = members.standings(connection, annotator_id)
        return [
            project
            for project in projects.all_projects(connection, archived)
            if _why_not(standings[project.id]) is None
        ]


def check_active(connection: Connection, project_id: int, annotator_id: int) -> None:
    """Raise NotAllowed for somebody who was shut out, or is not invited where that is needed."""
    why = _why_not(members.standing(connection, project_id, annotator_id))
    if why is not None:
        raise NotAllowed(why)


def check_may_label(connection: Connection, project_id: int, annotator_id: int) -> Standing:
    """Raise NotAllowed for who may not label now: who takes no part, unless a session lets them.

    Returns what decided it.
    """
    standing = members.standing(connection, project_id, annotator_id)
    why = _why_no_labels(standing, time.time()) if standing.student else _why_not(standing)
    if why is not None:
        raise NotAllowed(why)
    return standing


def _why_no_labels(standing: Standing, now: float) -> str | None:
    """Say why a student may not label in a project now; None for who may."""
    if not standing.active or standing.role == "removed":
        return SHUT_OUT
    if standing.labels_from is None or now < standing.labels_from:
        return "the session has not started, or is not this project's; wait for your teacher"
    if standing.labels_until is not None and now >= standing.labels_until + AFTER_THE_END:
        return "the session is over"
    return None


def _why_not(standing: Standing) -> str | None:
    """Say why somebody may not take part; None for who may."""
    if not standing.active or standing.role == "removed":
        return SHUT_OUT
    if standing.student:
        return ONLY_LABELS
    if standing.role is None and standing.invited_only and not standing.administrator:
        return "this project is for invited people; ask its owner for the link"
    return None


def is_owner(connection: Connection, project_id: int, annotator_id: int | None) -> bool:
    """Tell whether somebody may do what owners may; the command line asks as None."""
    if annotator_id is None:
        return True
    standing = members.standing(connection, project_id, annotator_id)
    owns_it = standing.role == "owner" or standing.administrator
    owns_it = owns_it or not (standing.has_owner or _guarded)
    return owns_it and _why_not(standing) is None


def check_owner(connection: Connection, project_id: int, annotator_id: int | None) -> None:
    """Raise NotAllowed for who may not do what owners may."""
    if not is_owner(connection, project_id, annotator_id):
        raise NotAllowed("only an owner of this project may do that; ask one of them")


def check_not_archived(connection: Connection, project_id: int) -> None:
    """Raise ProjectArchived where a project was put away: it can be read, not changed."""
    refuse_archived(projects.get(connection, project_id))


def refuse_archived(project: Project) -> None:
    """Raise ProjectArchived as `check_not_archived` does, for a project that was just read."""
    if project.archived_at is not None:
        raise ProjectArchived(
            "this project is archived, so nothing in it changes until it is taken back; its owner "
            "can do that on the Set-up page"
        )


def whose_figures(connection: Connection, project_id: int, by: int | None) -> str | None:
    """Return the name of the only person whose figures somebody sees: their own.

    None for owners and the command line, who see everybody's: how much, how fast, how good.
    """
    if by is None or is_owner(connection, project_id, by):
        return None
    person = labels.annotator_by_id(connection, by)
    return person.name if person else ""


def shown_job(
    connection: Connection, project_id: int, by: int | None, job: Job | None
) -> Job | None:
    """Return a job as somebody may see it: why it failed may name files, and is for owners."""
    if job is None or job.error is None or is_owner(connection, project_id, by):
        return job
    return replace(job, error=WHY_IS_FOR_OWNERS)


def sees_names(connection: Connection, project_id: int, by: int | None) -> bool:
    """Tell whether somebody may read file names, which tell the answers where classes are known."""
    return projects.source(connection, project_id)[1] == "none" or is_owner(
        connection, project_id, by
    )


def administers(store: Store, annotator_id: int | None) -> bool:
    """Tell whether somebody may be shown what the command line has done with the server's files."""
    if annotator_id is None or not _guarded:
        return True
    with store.read() as connection:
        return members.is_administrator(connection, annotator_id)


def owns(store: Store, project_id: int, annotator_id: int | None) -> bool:
    """Tell a page whether somebody may do what owners may."""
    with store.read() as connection:
        return is_owner(connection, project_id, annotator_id)
