"""Owns who people are and what they may do in a project.

As long as nobody is a project's owner, everybody may do everything. From then on owners alone
change settings, see how good answers are, adjudicate, free what others hold and give roles;
others label. The command line, which needs the files anyway, may do everything: it asks as None.
Times are Unix seconds.
"""

from __future__ import annotations

import time

from alcore import names
from alcore.errors import NotAllowed
from alcore.records import Annotator, Member, MemberRole
from alcore.store import Connection, Store, labels, leasing, members, projects

LONGEST_NAME = 60


def annotator(store: Store, name: str) -> Annotator:
    """Read the annotator who types this name, adding them if they are new.

    Raises NotAllowed for an empty or very long name, for one that was shut out, and for one of
    somebody who signs in.
    """
    name = _clean(name)
    with store.write() as connection:
        person = labels.annotator_named(connection, name, time.time())
        signs_in = members.is_signed_in(connection, name)
    if signs_in:
        raise NotAllowed(f"{name!r} signs in here; choose another name")
    if not person.active:
        raise NotAllowed(f"{name!r} may not label here; ask the project's owner")
    return person


def signed_in(store: Store, subject: str, name: str) -> Annotator:
    """Read the annotator of an account, adding them if they are new.

    subject: what the provider knows them by, unique for ever; name: what others see, made
    different from all names there are. Raises NotAllowed for one that was shut out.
    """
    allowed = "".join(c for c in names.clean(name) if names.is_allowed(c))
    with store.write() as connection:
        person = members.signed_in(
            connection, subject, _clean(allowed[:LONGEST_NAME] or "somebody"), time.time()
        )
    if not person.active:
        raise NotAllowed(f"{person.name!r} may not label here; ask the project's owner")
    return person


def _clean(name: str) -> str:
    name = names.clean(name)
    if not names.is_name(name, LONGEST_NAME):
        raise NotAllowed(f"a name has 1 to {LONGEST_NAME} visible characters; got {name!r}")
    return name


# -- what they may do --------------------------------------------------------------------------


def check_active(connection: Connection, project_id: int, annotator_id: int) -> None:
    """Raise NotAllowed for somebody who was shut out, or is not invited where that is needed."""
    person = labels.annotator_by_id(connection, annotator_id)
    role = members.role(connection, project_id, annotator_id)
    if person is None or not person.active or role == "removed":
        raise NotAllowed("you may not label here any more; ask the project's owner")
    if role is None and projects.get(connection, project_id).settings.team.invited_only:
        raise NotAllowed("this project is for invited people; ask its owner for the link")


def check_may_look(store: Store, project_id: int, annotator_id: int) -> None:
    """Raise NotAllowed for somebody who was shut out and only wants to look."""
    with store.read() as connection:
        check_active(connection, project_id, annotator_id)


def is_owner(connection: Connection, project_id: int, annotator_id: int | None) -> bool:
    """Tell whether somebody may do what owners may; the command line asks as None."""
    return annotator_id is None or members.decides(connection, project_id, annotator_id)


def check_owner(connection: Connection, project_id: int, annotator_id: int | None) -> None:
    """Raise NotAllowed for who may not do what owners may."""
    if not is_owner(connection, project_id, annotator_id):
        raise NotAllowed("only an owner of this project may do that; ask one of them")


def whose_figures(connection: Connection, project_id: int, by: int | None) -> str | None:
    """Return the name of the only person whose figures somebody sees: their own.

    None for owners and the command line, who see everybody's: how much, how fast, how good.
    """
    if is_owner(connection, project_id, by):
        return None
    found = labels.annotator_by_id(connection, by)
    return found.name if found else ""


def owns(store: Store, project_id: int, annotator_id: int | None) -> bool:
    """Tell a page whether somebody may do what owners may."""
    with store.read() as connection:
        return is_owner(connection, project_id, annotator_id)


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


def join(store: Store, project_id: int, annotator_id: int) -> None:
    """Take an invitation up. Raises NotAllowed for who was shut out."""
    now = time.time()
    with store.write() as connection:
        projects.get(connection, project_id)
        if members.role(connection, project_id, annotator_id) == "removed":
            raise NotAllowed("you may not label here any more; ask the project's owner")
        members.seen(connection, project_id, annotator_id, now)


def set_role(
    store: Store, project_id: int, by: int | None, annotator_id: int, role: MemberRole
) -> None:
    """Give somebody a role; who is removed loses what they hold, and their answers stay.

    Raises NotAllowed for who is no owner, and where no owner would be left.
    """
    with store.write() as connection:
        projects.get(connection, project_id)
        check_owner(connection, project_id, by)
        old = members.role(connection, project_id, annotator_id)
        if old == "owner" != role and members.owners(connection, project_id) == 1:
            raise NotAllowed("a project keeps at least one owner; make somebody else owner first")
        members.set_role(connection, project_id, annotator_id, role, time.time())
        if role == "removed":
            leasing.free(connection, project_id, annotator_id)
