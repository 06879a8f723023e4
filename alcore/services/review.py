"""Owns what the review page may ask: pages of items, their log, mending labels, a new check.

A mended label is a new event; what was there stays in the log. An owner has the last word on what
others have answered; else it is what its author says now. Where a project has no owner, everybody
is one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from alcore.errors import InvalidSettings, LeaseExpired, NotAllowed
from alcore.loop import near_answers
from alcore.loop.due import request_if_due
from alcore.metadata import Value
from alcore.records import Job, NewEvent, NewUndo, Origin
from alcore.services import metadata, rights
from alcore.services.lease_rules import check_class
from alcore.services.rights import check_active, check_not_archived, is_owner
from alcore.store import (
    Connection,
    Store,
    items,
    jobs,
    label_checks,
    labels,
    projects,
    review,
    votes,
)
from alcore.store.review import Entry
from alcore.store.review import Filter as Filter
from alcore.store.review import Reviewed as Reviewed

MOST = 200
"""Items per page."""


@dataclass(frozen=True)
class Page:
    rows: tuple[Reviewed, ...]
    total: int


@dataclass(frozen=True)
class Overview:
    """How much there is to review, and what it can be filtered by."""

    label_errors: int
    unsure: int
    disagreements: int
    comments: int
    predictions: int
    """Somebody's, that contradict a label or that nobody has checked."""
    people: tuple[tuple[int, str], ...]
    origins: tuple[str, ...]
    checked_at: float | None
    """When models were asked about the labels last."""
    checked_labels: int
    decides: bool
    """I have the last word on labels, and choose examples."""
    names: bool
    """I may read file names, and look for them."""
    job: Job | None
    """The newest check of the labels, finished or not."""


def page(
    store: Store, project_id: int, annotator_id: int, wanted: Filter, offset: int, n: int
) -> Page:
    """Read up to n items from `offset` on. Raises InvalidSettings for an unknown view.

    Who may not read file names gets none, and cannot look for them.
    """
    if wanted.view not in review.VIEWS:
        raise InvalidSettings(
            f"no view called {wanted.view!r}; choose from {', '.join(review.VIEWS)}"
        )
    with store.read() as connection:
        sees_names = rights.sees_names(connection, project_id, annotator_id)
        wanted = allowed(connection, project_id, annotator_id, wanted)
        rows = review.page(connection, project_id, annotator_id, wanted, offset, min(n, MOST))
        total = review.count(connection, project_id, annotator_id, wanted)
        return Page(tuple(named(row, sees_names) for row in rows), total)


def allowed(connection: Connection, project_id: int, annotator_id: int, wanted: Filter) -> Filter:
    """Return a filter without what somebody may not look for."""
    wanted = replace(wanted, open_too=is_owner(connection, project_id, annotator_id))
    if not rights.sees_names(connection, project_id, annotator_id):
        wanted = replace(wanted, name="", condition=None, sort=None)
    return wanted


def since(
    store: Store, project_id: int, annotator_id: int, after: int, n: int
) -> tuple[Reviewed, ...]:
    """Read up to n answered items whose label is newer than the event `after`, oldest first.

    Who may be asked for an answer of their own is not told what others said, as on the page.
    """
    with store.read() as connection:
        decides = is_owner(connection, project_id, annotator_id)
        sees_names = rights.sees_names(connection, project_id, annotator_id)
        rows = review.since(connection, project_id, annotator_id, after, n, decides)
        return tuple(named(row, sees_names) for row in rows)


def overview(store: Store, project_id: int, annotator_id: int) -> Overview:
    """Count what waits in each view."""
    with store.read() as connection:
        decides = is_owner(connection, project_id, annotator_id)

        def count(view: str) -> int:
            wanted = Filter(view, open_too=decides)
            return review.count(connection, project_id, annotator_id, wanted)

        last = label_checks.last_check(connection, project_id)
        return Overview(
            label_errors=count("doubts"),
            unsure=count("unsure"),
            disagreements=count("disagreements"),
            comments=count("comments"),
            predictions=count("predictions"),
            people=tuple(review.people(connection, project_id)),
            origins=tuple(review.origins(connection, project_id)),
            checked_at=last[0] if last else None,
            checked_labels=last[1] if last else 0,
            decides=decides,
            names=rights.sees_names(connection, project_id, annotator_id),
            job=rights.shown_job(
                connection,
                project_id,
                annotator_id,
                jobs.newest(connection, project_id, "label_check"),
            ),
        )


def known(store: Store, project_id: int, annotator_id: int, item_id: int) -> dict[str, Value]:
    """Read what somebody may know of an image, by column. Raises UnknownItem."""
    with store.read() as connection:
        items.get(connection, project_id, item_id)
        return metadata.of_images(connection, project_id, annotator_id, [item_id]).get(item_id, {})


def log(store: Store, project_id: int, annotator_id: int, item_id: int) -> list[Entry]:
    """Read all that was ever answered of an item, oldest first.

    Raises UnknownItem, and NotAllowed for what somebody but an owner shall answer unbiased first.
    """
    with store.read() as connection:
        items.get(connection, project_id, item_id)
        _check_seen(connection, project_id, annotator_id, item_id)
        return review.log(connection, item_id)


def mend(store: Store, event: NewEvent, seen: int | None) -> Reviewed:
    """Label an item anew, once per key, or confirm its label; return what is said of it now.

    seen: the event that was on screen as the item's label, None for none. Raises LeaseExpired
    where another one counts by now, UnknownItem, NotAllowed.
    """
    project_id, item_id, annotator_id = event.project_id, event.item_id, event.annotator_id
    with store.write() as connection:
        check_active(connection, project_id, annotator_id)
        check_not_archived(connection, project_id)
        project = projects.get(connection, project_id)
        items.get(connection, project_id, item_id)
        check_class(project, event.class_id)
        _check_seen(connection, project_id, annotator_id, item_id)
        if labels.by_key(connection, event.key) is None:
            before = _row(connection, item_id)
            if before.event_id != seen:
                raise LeaseExpired("somebody changed this label meanwhile; look at it again")
            others = {who for who, _, _ in votes.of_item(connection, item_id)} - {annotator_id}
            decides = is_owner(connection, project_id, annotator_id)
            origin: Origin = "adjudicated" if others and decides else "relabel"
            event = replace(event, origin=origin)
            labels.append(connection, event)
            near_answers.follow(connection, project, event)
            request_if_due(connection, project, event.created_at)
        return named(
            _row(connection, item_id), rights.sees_names(connection, project_id, annotator_id)
        )


def undo(store: Store, wish: NewUndo) -> Reviewed:
    """Take a mended label back, so that the one before it counts again.

    Raises NothingToUndo where it is unknown, somebody else's or taken back already.
    """
    with store.write() as connection:
        check_active(connection, wish.project_id, wish.annotator_id)
        check_not_archived(connection, wish.project_id)
        answered, repeated = labels.take_back(connection, wish)
        if not repeated:
            near_answers.take_back(connection, wish)
            request_if_due(connection, projects.get(connection, wish.project_id), wish.created_at)
        return named(
            _row(connection, answered.item_id),
            rights.sees_names(connection, wish.project_id, wish.annotator_id),
        )


def check_again(store: Store, project_id: int, annotator_id: int) -> None:
    """Have models asked about all labels as soon as nothing more urgent runs."""
    with store.write() as connection:
        check_active(connection, project_id, annotator_id)
        check_not_archived(connection, project_id)
        jobs.request(connection, project_id, "label_check", time.time())


def _check_seen(connection: Connection, project_id: int, annotator_id: int, item_id: int) -> None:
    if not is_owner(connection, project_id, annotator_id) and review.is_open(
        connection, project_id, annotator_id, item_id
    ):
        raise NotAllowed("you may still be asked about this image; answer it first")


def named(row: Reviewed, sees_names: bool) -> Reviewed:
    """Return a row as somebody may see it who may, or may not, read file names."""
    return row if sees_names else replace(row, name=f"image {row.item_id}")


def _row(connection: Connection, item_id: int) -> Reviewed:
    (row,) = review.rows(connection, [item_id])
    return row
