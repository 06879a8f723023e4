"""Owns the rules of who may hold and answer an image, one by one and in the grid.

Times are Unix seconds, durations seconds.
"""

from __future__ import annotations

import statistics

from alcore.errors import ClassDeleted, LeaseExpired, NotAllowed, UnknownItem
from alcore.records import Holder, LabelEvent, Lease, Project
from alcore.services.rights import check_may_label, is_owner
from alcore.store import (
    Connection,
    assignment,
    gold,
    items,
    labels,
    leasing,
    members,
    queue,
    votes,
)

SHORTEST_LEASE = 60.0
SEEN_AGAIN = 5.0
"""Between two notes that somebody is here; the Team page says it of the last 45 seconds."""
MOST_HELD = 120
"""Images that one person may hold in a project, in all their tabs: two full grids and more."""


def at_work(connection: Connection, project_id: int, annotator_id: int, now: float) -> None:
    """Note that somebody is here. Raises NotAllowed for who was shut out.

    Who labels quickly is noted once in a while, so that not every label writes it anew.
    """
    seen_at = check_may_label(connection, project_id, annotator_id).seen_at
    if seen_at is None or not 0 <= now - seen_at < SEEN_AGAIN:
        members.seen(connection, project_id, annotator_id, now)


def check_class(project: Project, class_id: int | None) -> int:
    """Return the class that counts today for one that a browser names, maybe from long ago.

    Raises ClassDeleted where none does, UnknownItem for what never was a class of the project.
    """
    if class_id in {c.id for c in project.classes}:
        assert class_id is not None
        return class_id
    for former in project.former:
        if former.id == class_id and former.merged_into is None:
            raise ClassDeleted(
                f"the class {former.name!r} was deleted meanwhile; your answer was not used, and "
                "the image will be asked again"
            )
        if former.id == class_id and former.merged_into is not None:
            return former.merged_into
    raise UnknownItem(f"project {project.name!r} has no class {class_id}")


def still_there(project: Project, class_id: int | None) -> int | None:
    """Return a class that a suggestion named; None where it was deleted. Raises UnknownItem."""
    try:
        return None if class_id is None else check_class(project, class_id)
    except ClassDeleted:
        return None


def check_own(event: LabelEvent, annotator_id: int) -> None:
    """Raise NotAllowed for an answer that somebody else gave."""
    if event.annotator_id != annotator_id:
        raise NotAllowed("this answer's key belongs to somebody else's answer")


def holder(
    connection: Connection,
    project_id: int,
    annotator_id: int,
    client: str,
    images: int,
    now: float,
) -> Holder:
    """Let a browser tab hold images for three times what they will take, at least a minute."""
    leasing.set_clock(connection, project_id, now)
    recent = labels.recent_seconds(connection, project_id)
    typical = statistics.median(recent) if recent else 0.0
    length = max(SHORTEST_LEASE, 3 * typical * max(images, 1))
    return Holder(project_id, annotator_id, client, now, now + length)


def room(connection: Connection, project_id: int, annotator_id: int, now: float) -> int:
    """Return how many more images somebody may hold, under however many names of tabs."""
    return max(0, MOST_HELD - leasing.held_by(connection, project_id, annotator_id, now))


def check_revisit(connection: Connection, project_id: int, annotator_id: int, item_id: int) -> None:
    """Raise NotAllowed for an image that somebody but an owner was never given."""
    if (
        leasing.of_person(connection, item_id, annotator_id) is None
        and not labels.has_answered(connection, item_id, annotator_id)
        and not is_owner(connection, project_id, annotator_id)
    ):
        raise NotAllowed("this image was not given to you; wait until you are asked about it")


def lease_for_answer(
    connection: Connection,
    project_id: int,
    item_id: int,
    annotator_id: int,
    token: str,
    now: float,
    handed: bool,
) -> Lease | None:
    """Return the lease that an answer comes with, None where it is gone but an answer is lacking.

    An older lease of the same person will do, so that no answer is lost to a newer one. handed: it
    is proved that they were given the image; else a lease or an answer of theirs must say so, for
    nobody chooses what they answer. Raises LeaseExpired where it was not given to them, others
    have the image by now, or nobody's answer is lacking.
    """
    lease = leasing.of_person(connection, item_id, annotator_id)
    handed = handed or lease is not None or labels.has_answered(connection, item_id, annotator_id)
    if not handed:
        raise LeaseExpired("this image was not given to you; your answer was not used")
    if lease is not None and lease.token != token:
        lease = None
    if lease is not None and lease.expires_at > now:
        return lease
    standing = assignment.standing(connection, item_id, annotator_id, now)
    if standing.held and not standing.lacking:
        raise LeaseExpired("somebody else has this image by now; your answer was not used")
    if lease is not None or queue.asked_again(connection, project_id, item_id):
        return lease
    if standing.answered or not standing.lacking:
        raise LeaseExpired("somebody else answered this image meanwhile; yours was not used")
    return None


def shown_to(
    connection: Connection, project_id: int, item_id: int, annotator_id: int
) -> int | None:
    """Read the class of an item that this person may see: not what others or gold say of it."""
    several = items.get(connection, project_id, item_id).answers > 1
    if several or gold.is_gold(connection, item_id):
        class_of = {who: class_id for who, class_id, _ in votes.of_item(connection, item_id)}
        return class_of.get(annotator_id)
    current = labels.current(connection, item_id)
    return current[0] if current else None
