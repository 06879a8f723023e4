"""Owns what the labeling board may ask: claim images, answer, undo, go back.

Everything an answer changes commits together: the label, the end of the lease, the request for
a training. Times are Unix seconds, durations seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from alcore.errors import LeaseExpired, NotAllowed, NothingToUndo
from alcore.jobs.due import request_if_due
from alcore.records import LabelEvent, Lease, Origin, Suggestion
from alcore.services import gold_questions, lease_rules
from alcore.services.queue_refill import refill, why_nothing
from alcore.store import (
    Connection,
    Store,
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
    now = time.time()
    with store.write(lasting=False) as connection:
        project = projects.get(connection, project_id)
        lease_rules.at_work(connection, project_id, annotator_id, now)
        ranking, ranked_by = projects.ranking(connection, project_id)
        expires_at = now + lease_rules.lease_length(connection, project_id, n + len(hold))
        held = leasing.renew(connection, client, hold, now, expires_at)
        leases: list[Lease] = []
        if n > 0 and project.state == "ready" and project.archived_at is None:
            known = gold_questions.claim(
                connection, project, annotator_id, client, n, ranked_by, now, expires_at
            )
            more = n - len(known)
            leases = leasing.claim(
                connection, project_id, annotator_id, client, more, now, expires_at
            )
            if len(leases) < more and refill(connection, project):
                more -= len(leases)
                leases += leasing.claim(
                    connection, project_id, annotator_id, client, more, now, expires_at
                )
            for place, lease in sorted(known.items()):
                leases.insert(place, lease)
        waiting = None
        if len(leases) + len(held) == 0:
            waiting = why_nothing(connection, project, now)
    return Claim(tuple(leases), tuple(held), ranking, waiting)


def answer(
    store: Store,
    project_id: int,
    annotator_id: int,
    *,
    key: str,
    client: str,
    token: str,
    item_id: int,
    kind: str,
    class_id: int | None,
    seconds: float | None,
    client_time: float | None,
    suggestion_shown: bool,
    suggestion: Suggestion | None = None,
    note: str = "",
) -> tuple[int, bool]:
    """Commit one answer; return its event id and whether it had arrived before.

    An answer whose lease ran out is still taken while nobody else holds or has answered the
    image. suggestion: what the annotator saw; note: what an unsure one has to say. Raises
    LeaseExpired otherwise, UnknownItem for an item or class of another project.
    """
    now = time.time()
    if kind not in ("label", "skip", "unsure"):
        raise NotAllowed(f"an answer is a label, skip or unsure; got {kind!r}")
    with store.write() as connection:
        project = projects.get(connection, project_id)
        lease_rules.at_work(connection, project_id, annotator_id, now)
        known = labels.by_key(connection, key)
        if known is not None:
            lease_rules.check_own(known, annotator_id)
            return known.id, True
        items.get(connection, project_id, item_id)
        if kind == "label":
            lease_rules.check_class(project, class_id)
        if suggestion is not None:
            lease_rules.check_class(project, suggestion.class_id)
        lease = lease_rules.lease_for_answer(
            connection, project_id, item_id, annotator_id, token, now
        )
        event = labels.append(
            connection,
            project_id=project_id,
            item_id=item_id,
            annotator_id=annotator_id,
            kind=kind,
            class_id=class_id if kind == "label" else None,
            key=key,
            origin=lease.origin if lease else _origin_in_queue(connection, project_id, item_id),
            now=now,
            token=token,
            client_time=client_time,
            seconds=seconds,
            round_id=lease.round_id if lease else None,
            suggestion_shown=suggestion_shown,
            head_labels=lease.head_labels if lease else None,
            suggestion=suggestion if suggestion_shown else None,
            note=note.strip()[:LONGEST_NOTE] or None,
        )
        assert event is not None  # the key was looked up in this transaction
        leasing.drop(connection, item_id, annotator_id, now)
        if kind == "label":
            request_if_due(connection, project, now)
    return event, False


def undo(
    store: Store,
    project_id: int,
    annotator_id: int,
    *,
    key: str,
    client: str,
    undoes: str,
    token: str,
) -> tuple[Lease, bool]:
    """Take an answer back and lease its image again under the token that the board made up.

    Raises NothingToUndo where the answer is unknown, somebody else's or undone already, and
    LeaseExpired where somebody else holds the image by now.
    """
    now = time.time()
    with store.write() as connection:
        lease_rules.at_work(connection, project_id, annotator_id, now)
        target = labels.by_key(connection, undoes)
        if target is None or target.annotator_id != annotator_id or target.kind == "undo":
            raise NothingToUndo("there is no answer of yours to take back")
        items.get(connection, project_id, target.item_id)
        known = labels.by_key(connection, key)
        if known is not None and (known.kind, known.item_id) != ("undo", target.item_id):
            raise NothingToUndo("this undo's key belongs to something else")
        repeated = known is not None
        if not repeated and target.undone:
            raise NothingToUndo("this answer was taken back before")
        origin, round_id, head_labels = labels.provenance(connection, target.id)
        if not repeated:
            labels.append(
                connection,
                project_id=project_id,
                item_id=target.item_id,
                annotator_id=annotator_id,
                kind="undo",
                class_id=None,
                key=key,
                origin=origin,
                now=now,
                undoes=target.id,
            )
        lease = leasing.claim_item(
            connection,
            project_id,
            target.item_id,
            annotator_id,
            client,
            origin,
            now,
            now + lease_rules.lease_length(connection, project_id, 1),
            token,
            round_id,
            head_labels,
        )
    if lease is None:
        raise LeaseExpired("your answer was taken back, but somebody else has this image now")
    return lease, repeated


def revisit(
    store: Store, project_id: int, annotator_id: int, client: str, item_id: int
) -> tuple[Lease, int | None]:
    """Lease an image to change its answer; return the lease and the class that it has now.

    Of an image that others answer too, and of gold, that is what this person said.
    """
    now = time.time()
    with store.write() as connection:
        lease_rules.at_work(connection, project_id, annotator_id, now)
        items.get(connection, project_id, item_id)
        current = lease_rules.shown_to(connection, project_id, item_id, annotator_id)
        lease = leasing.claim_item(
            connection,
            project_id,
            item_id,
            annotator_id,
            client,
            "relabel",
            now,
            now + lease_rules.lease_length(connection, project_id, 1),
        )
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
    entry = queue.entry(connection, project_id, item_id)
    return entry["origin"] if entry else "random"
