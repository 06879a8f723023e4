"""Owns invitations: links by which people join a project until they expire or are revoked.

Times are Unix seconds.
"""

from __future__ import annotations

import time

from alcore import names
from alcore.errors import InvalidSettings, InvalidTicket, NotAllowed
from alcore.records import Invitation, Project
from alcore.services import audit
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, invitations, members, projects

DAYS = (1, 7, 30, 120)
"""How long an invitation may work."""
USUAL_DAYS = 30
LONGEST_NOTE = 60
DAY = 86_400.0


def create(
    store: Store, project_id: int, by: int | None, note: str = "", days: int = USUAL_DAYS
) -> Invitation:
    """Invite to a project; note: for whom. Raises NotAllowed for who is no owner, InvalidSettings.

    by: who invites, None for the command line.
    """
    note = names.clean(note)
    if note and not names.is_name(note, LONGEST_NOTE):
        raise InvalidSettings(f"say in 1 to {LONGEST_NOTE} characters for whom; got {note!r}")
    if days not in DAYS:
        raise InvalidSettings(f"{days} days; choose from {', '.join(map(str, DAYS))}")
    now = time.time()
    with store.write() as connection:
        projects.get(connection, project_id)
        check_owner(connection, project_id, by)
        new = invitations.add(connection, project_id, by, note, now, now + days * DAY)
        audit.note(connection, project_id, by, "invite", purpose=note, days=days)
        return _get(connection, new)


def revoke(store: Store, project_id: int, by: int | None, invitation_id: int) -> None:
    """Let nobody else join by an invitation; who has joined stays. Raises NotAllowed."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        invitation = _get(connection, invitation_id)
        if invitation.project_id != project_id or invitation.revoked_at is not None:
            return
        invitations.revoke(connection, invitation_id, time.time())
        audit.note(connection, project_id, by, "revoke", purpose=invitation.note)


def of_project(store: Store, project_id: int, by: int | None) -> list[Invitation]:
    """List a project's invitations, newest first. Raises NotAllowed for who is no owner."""
    with store.read() as connection:
        check_owner(connection, project_id, by)
        return invitations.of_project(connection, project_id)


def works(invitation: Invitation, now: float) -> bool:
    """Tell whether people can still join by an invitation."""
    return invitation.revoked_at is None and now < invitation.expires_at


def project_of(store: Store, invitation_id: int) -> Project:
    """Read the project that an invitation leads to. Raises InvalidTicket where it works no more."""
    with store.read() as connection:
        return projects.get(connection, _working(connection, invitation_id).project_id)


def take_up(store: Store, invitation_id: int, annotator_id: int) -> None:
    """Join by an invitation.

    Raises InvalidTicket where it works no more, NotAllowed for who was shut out.
    """
    now = time.time()
    with store.write() as connection:
        project_id = _working(connection, invitation_id).project_id
        role = members.role(connection, project_id, annotator_id)
        if role == "removed":
            raise NotAllowed("you may not label here any more; ask the project's owner")
        members.seen(connection, project_id, annotator_id, now)
        if role is None:
            invitations.count_in(connection, invitation_id)


def _working(connection: Connection, invitation_id: int) -> Invitation:
    invitation = _get(connection, invitation_id)
    if invitation.revoked_at is not None:
        raise InvalidTicket("this invitation was revoked; ask for a new one")
    if time.time() >= invitation.expires_at:
        raise InvalidTicket("this invitation is too old; ask for a new one")
    return invitation


def _get(connection: Connection, invitation_id: int) -> Invitation:
    invitation = invitations.get(connection, invitation_id)
    if invitation is None:
        raise InvalidTicket("this invitation is damaged; ask for a new one")
    return invitation
