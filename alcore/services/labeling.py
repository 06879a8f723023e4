"""Owns what the labeling board may ask: claim images, answer, undo, go back.

Everything an answer changes commits together: the label, the end of the lease, the request for
a training. Times are Unix seconds, durations seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alcore.errors import ClassDeleted, InvalidSettings, LeaseExpired
from alcore.loop import near_answers
from alcore.loop.due import request_if_due
from alcore.records import LabelEvent, Lease, NewEvent, NewUndo, Origin, Project, Provenance
from alcore.services import check_questions, gold_questions, lease_rules
from alcore.services.queue_refill import refill, why_nothing
from alcore.services.rights import check_not_archived, refuse_archived
from alcore.store import (
    Connection,
    Store,
    completions,
    gold,
    items,
    labels,
    leasing,
    projects,
    queue,
)

LONGEST_NOTE = 500


@dataclass(frozen=True)
class Claim:
    """Images leased to one browser tab, and why there are no more where there are too few."""

    leases: tuple[Lease, ...]
    held: tuple[str, ...]
    ranking: int
    waiting: str | None = None
    retry_in: float = 2.0


def claim(
    store: Store, project_id: int, annotator_id: int, client: str, n: int, hold: Sequence[str] = ()
) -> Claim:
    """Renew the leases in `hold` and lease up to n more images, in the order of the queue."""
    first, missing = _lease(store, project_id, annotator_id, client, n, hold)
    if missing == 0 or not refill(store, project_id):
        return first
    tokens = [lease.token for lease in first.leases]
    then, _ = _lease(store, project_id, annotator_id, client, missing, [*first.held, *tokens])
    return replace(then, leases=first.leases + then.leases, held=first.held)


def _lease(
    store: Store, project_id: int, annotator_id: int, client: str, n: int, hold: Sequence[str]
) -> tuple[Claim, int]:
    """Do what a claim does, with the queue as it is; tell how many images it lacks."""
    now = time.time()
    with store.write(lasting=False) as connection:
        project = projects.get(connection, project_id)
        lease_rules.at_work(connection, project_id, annotator_id, now)
        ranking, ranked_by = projects.ranking(connection, project_id)
        holder = lease_rules.holder(
            connection, project_id, annotator_id, client, n + len(hold), now
        )
        held = leasing.renew(connection, holder, hold)
        n = min(n, lease_rules.room(connection, project_id, annotator_id, now))
        leases: list[Lease] = []
        missing = 0
        if n > 0 and project.state == "ready" and project.archived_at is None:
            known = gold_questions.claim(connection, project, holder, n, ranked_by)
            leases = check_questions.claim(connection, holder, n - len(known), ranked_by)
            leases += leasing.claim(connection, holder, n - len(known) - len(leases))
            missing = n - len(known) - len(leases)
            for place, lease in sorted(known.items()):
                leases.insert(place, lease)
        waiting = None
        if len(leases) + len(held) == 0:
            waiting = why_nothing(connection, project, now)
    return Claim(tuple(leases), tuple(held), ranking, waiting), missing


def answer(store: Store, event: NewEvent, handed: bool = False) -> tuple[int, bool]:
    """Commit one answer; return its event id and whether it had arrived before.

    event: what somebody said; where the question came from is read from their lease. An answer
    whose lease ran out is still taken while nobody else holds or has answered the image; handed:
    it is proved that there was one. One of a class that was merged meanwhile counts as that into
    which it was merged. Raises LeaseExpired otherwise, ClassDeleted for a class that was deleted
    meanwhile, whose image is free again then, UnknownItem for an item or class of another project.
    """
    if event.kind not in ("label", "skip", "unsure"):
        raise InvalidSettings(f"an answer is a label, skip or unsure; got {event.kind!r}")
    project_id, item_id, annotator_id = event.project_id, event.item_id, event.annotator_id
    now = event.created_at
    with store.write() as connection:
        project = projects.get(connection, project_id)
        lease_rules.at_work(connection, project_id, annotator_id, now)
        known = labels.by_key(connection, event.key)
        if known is not None:
            lease_rules.check_own(known, annotator_id)
            return known.id, True
        refuse_archived(project)
        items.get(connection, project_id, item_id)
        deleted = None
        if event.kind == "label":
            try:
                lease_rules.check_class(project, event.class_id)
            except ClassDeleted as error:
                deleted = error
                leasing.drop(connection, item_id, annotator_id, now)
        if deleted is None:
            number = _append(connection, project, event, handed)
    if deleted is not None:
        raise deleted  # after the image was given back
    return number, False


def _append(connection: Connection, project: Project, event: NewEvent, handed: bool) -> int:
    """Commit an answer that is new, and what follows from it; return its event id."""
    project_id, item_id, annotator_id = event.project_id, event.item_id, event.annotator_id
    now = event.created_at
    suggested = lease_rules.still_there(project, event.suggested_class)
    shown = event.suggestion_shown and suggested is not None
    lease = lease_rules.lease_for_answer(
        connection, project_id, item_id, annotator_id, event.token or "", now, handed
    )
    event = replace(
        event,
        class_id=event.class_id if event.kind == "label" else None,
        origin=lease.origin if lease else _origin_in_queue(connection, project_id, item_id),
        round_id=lease.round_id if lease else None,
        head_labels=lease.head_labels if lease else None,
        suggested_class=suggested if shown else None,
        suggested_by=event.suggested_by if shown else None,
        note=(event.note or "").strip()[:LONGEST_NOTE] or None,
    )
    number = labels.append(connection, event)
    assert number is not None  # the key was looked up in this transaction
    near_answers.follow(connection, project, event)
    leasing.drop(connection, item_id, annotator_id, now)
    if event.kind != "skip":  # an unsure takes the label back that was there
        request_if_due(connection, project, now)
    return number


def undo(store: Store, wish: NewUndo, client: str, token: str) -> tuple[Lease, bool]:
    """Take an answer back and lease its image again under the token that the board made up.

    Returns also whether that had happened before. Raises NothingToUndo where the answer is
    unknown, somebody else's or undone already, and LeaseExpired where somebody else holds the
    image by now.
    """
    with store.write() as connection:
        lease_rules.at_work(connection, wish.project_id, wish.annotator_id, wish.created_at)
        project = projects.get(connection, wish.project_id)
        refuse_archived(project)
        answered, repeated = labels.take_back(connection, wish)
        if not repeated:
            near_answers.take_back(connection, wish)
            request_if_due(connection, project, wish.created_at)
        lease = leasing.claim_item(
            connection,
            lease_rules.holder(
                connection, wish.project_id, wish.annotator_id, client, 1, wish.created_at
            ),
            answered.item_id,
            Provenance(answered.origin, answered.round_id, answered.head_labels),
            token,
        )
    if lease is None:
        raise LeaseExpired("your answer was taken back, but somebody else has this image now")
    return lease, repeated


def revisit(
    store: Store, project_id: int, annotator_id: int, client: str, item_id: int
) -> tuple[Lease, int | None]:
    """Lease an image to change its answer; return the lease and the class that it has now.

    Of an image that others answer too, and of gold, that is what this person said. Raises
    NotAllowed for an image that they were never given.
    """
    now = time.time()
    with store.write() as connection:
        lease_rules.at_work(connection, project_id, annotator_id, now)
        check_not_archived(connection, project_id)
        items.get(connection, project_id, item_id)
        lease_rules.check_revisit(connection, project_id, annotator_id, item_id)
        current = lease_rules.shown_to(connection, project_id, item_id, annotator_id)
        holder = lease_rules.holder(connection, project_id, annotator_id, client, 1, now)
        lease = leasing.claim_item(connection, holder, item_id, Provenance("relabel"))
    if lease is None:
        raise LeaseExpired("somebody else is looking at this image; try again in a minute")
    return lease, current


def release(store: Store, client: str, tokens: Sequence[str]) -> None:
    """Give images back, so that others get them at once."""
    with store.write(lasting=False) as connection:
        leasing.release(connection, client, tokens)


def history(
    store: Store, project_id: int, annotator_id: int, n: int
) -> list[tuple[LabelEvent, str]]:
    """Read my last answers, newest first, with the content hashes of their images."""
    with store.read() as connection:
        return labels.history(connection, project_id, annotator_id, min(n, 100))


def _origin_in_queue(connection: Connection, project_id: int, item_id: int) -> Origin:
    """Say where a question came from whose lease is gone."""
    if gold.is_gold(connection, item_id):
        return "gold"
    if completions.is_check(connection, item_id):
        return "check"
    entry = queue.entry(connection, project_id, item_id)
    return entry["origin"] if entry else "random"
