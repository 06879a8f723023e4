"""Owns who people are, and which role they have in a project. Times are Unix seconds."""

from __future__ import annotations

import time

from alcore import names
from alcore.errors import NotAllowed
from alcore.records import Annotator, Member, MemberRole
from alcore.services import audit, rights
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, labels, leasing, members, projects, webhooks

LONGEST_NAME = 60


def annotator(store: Store, name: str) -> Annotator:
    """Read the annotator who types this name, adding them if they are new.

    Raises NotAllowed for an empty or very long name, for one that was shut out, and for one of
    somebody who signs in.
    """
    name = _clean(name)
    with store.read() as connection:  # a page asks at each of its runs
        person = labels.known_annotator(connection, name)
        signs_in = members.is_signed_in(connection, name)
    if person is None:
        with store.write() as connection:
            person = labels.annotator_named(connection, name, time.time())
    if signs_in:
        raise NotAllowed(f"{name!r} signs in here; choose another name")
    if not person.active:
        raise NotAllowed(f"{name!r} may not label here; ask the project's owner")
    return person


def signed_in(
    store: Store, subject: str, name: str, administrator: bool | None = None
) -> Annotator:
    """Read the annotator of an account, adding them if they are new.

    subject: what the provider knows them by, unique for ever; name: what others see, made
    different from all names there are; administrator: whether they are one, None to leave it.
    Raises NotAllowed for one that was shut out.
    """
    allowed = "".join(c for c in names.clean(name) if names.is_allowed(c))
    with store.write() as connection:
        person = members.signed_in(
            connection, subject, _clean(allowed[:LONGEST_NAME] or "somebody"), time.time()
        )
        if administrator is not None:
            members.set_administrator(connection, person.id, administrator)
    if not person.active:
        raise NotAllowed(f"{person.name!r} may not label here; ask the project's owner")
    return person


def is_trusted(store: Store, annotator_id: int) -> bool:
    """Tell whether somebody is an administrator, or an owner of any project."""
    with store.read() as connection:
        return rights.is_trusted(connection, annotator_id)


def make_administrator(store: Store, annotator_id: int) -> None:
    """Let somebody own every project, who has proved that they may."""
    with store.write() as connection:
        members.set_administrator(connection, annotator_id, True)


def _clean(name: str) -> str:
    name = names.clean(name)
    if not names.is_name(name, LONGEST_NAME):
        raise NotAllowed(f"a name has 1 to {LONGEST_NAME} visible characters; got {name!r}")
    return name


def of_project(store: Store, project_id: int) -> list[Member]:
    """List the people of a project by when they joined."""
    with store.read() as connection:
        return members.of_project(connection, project_id)


def named(store: Store, project_id: int, name: str) -> Annotator:
    """Find somebody of a project by name, or take a new name; for the command line."""
    for member in of_project(store, project_id):
        if member.annotator.name == name:
            return member.annotator
    return annotator(store, name)


def begin(store: Store, project_id: int, by: int, owner: bool) -> None:
    """Let somebody into the project that they have just made; owner: it is theirs alone."""
    now = time.time()
    with store.write() as connection:
        if owner:
            members.set_role(connection, project_id, by, "owner", now)
        elif projects.get(connection, project_id).settings.team.invited_only:
            members.seen(connection, project_id, by, now)
        audit.note(connection, project_id, by, "project")


def set_role(
    store: Store, project_id: int, by: int | None, annotator_id: int, role: MemberRole
) -> None:
    """Give somebody a role; who is removed loses what they hold, and their answers stay.

    The webhooks of who owns the project no more end. Raises NotAllowed for who is no owner, and
    where no owner would be left.
    """
    with store.write() as connection:
        projects.get(connection, project_id)
        check_owner(connection, project_id, by)
        old = members.role(connection, project_id, annotator_id)
        if old == "owner" != role and members.owners(connection, project_id) == 1:
            raise NotAllowed("a project keeps at least one owner; make somebody else owner first")
        members.set_role(connection, project_id, annotator_id, role, time.time())
        if role != "owner":
            _end_webhooks(connection, project_id, by, annotator_id)
        person = labels.annotator_by_id(connection, annotator_id)
        name = person.name if person else ""
        if role == "removed":
            audit.note(connection, project_id, by, "remove", person=name)
        else:
            audit.note(connection, project_id, by, "role", person=name, role=role)
        if role == "removed":
            leasing.free(connection, project_id, annotator_id)


def _end_webhooks(
    connection: Connection, project_id: int, by: int | None, annotator_id: int
) -> None:
    """Tell addresses nothing more that somebody has added who is no owner any more."""
    if members.is_administrator(connection, annotator_id):
        return
    for hook in webhooks.of_project(connection, project_id):
        if hook.annotator_id == annotator_id:
            webhooks.remove(connection, hook.id, time.time())
            audit.note(connection, project_id, by, "remove webhook", address=hook.address)
