"""Owns what the labeling board may ask: claim images, answer, undo, go back, see the state.

Everything an answer changes commits together: the label, the end of the lease, the request for
a training. Instants are Unix seconds, durations seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alcore.errors import LeaseExpired, NotAllowed, NothingToUndo, UnknownItem
from alcore.jobs.due import next_due, request_if_due
from alcore.records import LabelEvent, Lease, Origin, Project, Suggestion
from alcore.services import gold_questions, keys
from alcore.services.outlook import Outlooks
from alcore.services.people import annotator as annotator
from alcore.services.people import check_active
from alcore.services.running_out import refill, why_nothing
from alcore.store import (
    Connection,
    Store,
    gold,
    items,
    jobs,
    labels,
    members,
    projects,
    queue,
    rounds,
    votes,
)

SHORTEST_LEASE = 60.0
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
        at_work(connection, project_id, annotator_id, now)
        ranking, ranked_by = projects.ranking(connection, project_id)
        expires_at = now + lease_length(connection, project_id, n + len(hold))
        held = queue.renew(connection, client, hold, now, expires_at)
        leases: list[Lease] = []
        if n > 0 and project.state == "ready" and project.archived_at is None:
            known = gold_questions.claim(
                connection, project, annotator_id, client, n, ranked_by, now, expires_at
            )
            more = n - len(known)
            leases = queue.claim(
                connection, project_id, annotator_id, client, more, now, expires_at
            )
            if len(leases) < more and refill(connection, project):
                more -= len(leases)
                leases += queue.claim(
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
        at_work(connection, project_id, annotator_id, now)
        known = labels.by_key(connection, key)
        if known is not None:
            check_own(known, annotator_id)
            return known.id, True
        items.get(connection, project_id, item_id)
        if kind == "label":
            check_class(project, class_id)
        if suggestion is not None:
            check_class(project, suggestion.class_id)
        lease = lease_for_answer(connection, project_id, item_id, annotator_id, token, now)
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
            instant=lease.instant if lease else None,
            suggestion=suggestion if suggestion_shown else None,
            note=note.strip()[:LONGEST_NOTE] or None,
        )
        assert event is not None  # the key was looked up in this transaction
        queue.drop(connection, item_id, annotator_id, now)
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
        at_work(connection, project_id, annotator_id, now)
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
        origin, round_id, instant = labels.provenance(connection, target.id)
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
        lease = queue.claim_item(
            connection,
            project_id,
            target.item_id,
            annotator_id,
            client,
            origin,
            now,
            now + lease_length(connection, project_id, 1),
            token,
            round_id,
            instant,
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
        at_work(connection, project_id, annotator_id, now)
        items.get(connection, project_id, item_id)
        current = shown_to(connection, project_id, item_id, annotator_id)
        lease = queue.claim_item(
            connection,
            project_id,
            item_id,
            annotator_id,
            client,
            "relabel",
            now,
            now + lease_length(connection, project_id, 1),
        )
    if lease is None:
        raise LeaseExpired("somebody else is looking at this image; try again in a minute")
    return lease, current


def release(store: Store, client: str, tokens: Sequence[str]) -> None:
    """Give images back, so that others get them at once."""
    with store.write(lasting=False) as connection:
        queue.release(connection, client, tokens)


def history(
    store: Store, project_id: int, annotator_id: int, n: int
) -> list[tuple[LabelEvent, str]]:
    """Read my last answers, newest first, with the content hashes of their images."""
    with store.read() as connection:
        return labels.history(connection, project_id, annotator_id, min(n, 100))


def why(
    store: Store, project_id: int, item_id: int, outlooks: Outlooks | None = None
) -> dict[str, Any]:
    """Say why an image is asked; a holdout question looks like a random one.

    In instant mode the queue may have gone on without the image on screen: then the outlooks
    tell what the head thinks of it.
    """
    with store.read() as connection:
        project = projects.get(connection, project_id)
        items.get(connection, project_id, item_id)
        found = queue.entry(connection, project_id, item_id)
        latest = rounds.latest(connection, project_id)
        instant = projects.instant(connection, project_id)
        if gold.is_gold(connection, item_id):
            found = {"origin": "random", "suggestion": gold.suggestion(connection, item_id)}
    if found is None or found["origin"] in ("holdout", "random"):
        found = {"origin": "random", "reason": "drawn at random", "score": None} | {
            "suggestion": found and found["suggestion"]
        }
    by_model = found["origin"] in ("query", "relabel")
    said, suggestion = found["suggestion"], None
    if said is None and outlooks is not None and project.settings.instant:
        said = outlooks.said(project_id, item_id)
    if said is not None:
        ranked = sorted(
            zip(said, project.classes, strict=False),
            key=lambda pair: -pair[0],
        )
        suggestion = [{"class": c.id, "p": p} for p, c in ranked[:5]]
    return {
        "strategy": latest.strategy if latest and by_model else found["origin"],
        "reason": found["reason"],
        "score": found["score"],
        "model": latest.number if latest and found["origin"] != "cold start" else None,
        "instant": instant,
        "origin": found["origin"],
        "suggestion": suggestion,
    }


def status(store: Store, project_id: int, annotator_id: int) -> dict[str, Any]:
    """Read all that the board shows beside the image."""
    now = time.time()
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    with store.read() as connection:
        project = projects.get(connection, project_id)
        ranking, _ = projects.ranking(connection, project_id)
        today = labels.counts_since(connection, project_id, midnight)
        per_class = labels.per_class(connection, project_id)
        following = next_due(connection, project)
        latest = rounds.latest(connection, project_id)
        instant = projects.instant(connection, project_id)
        counts = items.count(connection, project_id)
        total = sum(per_class.values())
        job = _job_shown(connection, project_id, now)
    evaluation = latest.evaluation if latest else None
    return {
        "mine_today": today.get(annotator_id, 0),
        "team_today": sum(today.values()),
        "labels": total,
        "unlabeled": counts["pool"] - total,
        "until_next": following.missing,
        "next_total": following.step,
        "blocked": following.blocked,
        "model": latest.number if latest else None,
        "model_labels": latest.labels if latest else None,
        "ranking": ranking,
        "instant": instant,
        "follows": project.settings.instant,
        "accuracy": evaluation.accuracy if evaluation else None,
        "interval": evaluation.interval if evaluation else None,
        "holdout_n": evaluation.n if evaluation else 0,
        "job": job,
        "classes": classes_shown(project),
        "keys": keys.layout(project),
    }


def classes_shown(project: Project) -> list[dict[str, Any]]:
    """List the classes as the board reads them."""
    return [{"id": c.id, "name": c.name, "position": c.position} for c in project.classes]


def _job_shown(connection: Connection, project_id: int, now: float) -> dict[str, Any] | None:
    """Read the job that a person wants to know of: what works, else a failed training."""
    found = [jobs.newest(connection, project_id, kind) for kind in ("import", "train", "baseline")]
    shown = next(
        (job for job in found if job and job.state == "running"),
        next(
            (job for job in found if job and job.state in ("waiting", "failed")),
            None,
        ),
    )
    if shown is None:
        return None
    end = shown.finished_at or now
    return {
        "kind": shown.kind,
        "state": shown.state,
        "phase": shown.phase,
        "progress": shown.progress,
        "elapsed": end - shown.started_at if shown.started_at else 0.0,
        "error": shown.error,
        "model": shown.args.get("model"),
    }


def at_work(connection: Connection, project_id: int, annotator_id: int, now: float) -> None:
    """Note that somebody is here. Raises NotAllowed for who was shut out."""
    check_active(connection, project_id, annotator_id)
    members.seen(connection, project_id, annotator_id, now)


def check_class(project: Project, class_id: int | None) -> None:
    """Raise UnknownItem for what is no class of the project."""
    if class_id not in {c.id for c in project.classes}:
        raise UnknownItem(f"project {project.name!r} has no class {class_id}")


def check_own(event: LabelEvent, annotator_id: int) -> None:
    if event.annotator_id != annotator_id:
        raise NotAllowed("this answer's key belongs to somebody else's answer")


def lease_length(connection: Connection, project_id: int, images: int) -> float:
    """Return three times what the images in hand will take, at least a minute."""
    recent = labels.recent_seconds(connection, project_id)
    typical = statistics.median(recent) if recent else 0.0
    return max(SHORTEST_LEASE, 3 * typical * max(images, 1))


def lease_for_answer(
    connection: Connection,
    project_id: int,
    item_id: int,
    annotator_id: int,
    token: str,
    now: float,
) -> Lease | None:
    found = queue.of_person(connection, item_id, annotator_id)
    if found is not None and found.token != token:
        found = None
    if found is not None and found.expires_at > now:
        return found
    held, lacking = queue.room(connection, item_id, annotator_id, now)
    if held and not lacking:
        raise LeaseExpired("somebody else has this image by now; your answer was not used")
    if found is not None or queue.asked_again(connection, project_id, item_id):
        return found
    answered = annotator_id in {who for who, _, _ in votes.of_item(connection, item_id)}
    if answered or not lacking:
        raise LeaseExpired("somebody else answered this image meanwhile; yours was not used")
    return None


def shown_to(
    connection: Connection, project_id: int, item_id: int, annotator_id: int
) -> int | None:
    """Read the class of an item that this person may see: not what others or gold say of it."""
    several = items.get(connection, project_id, item_id).answers > 1
    if several or gold.is_gold(connection, item_id):
        said = {who: class_id for who, class_id, _ in votes.of_item(connection, item_id)}
        return said.get(annotator_id)
    current = labels.current(connection, item_id)
    return current[0] if current else None


def _origin_in_queue(connection: Connection, project_id: int, item_id: int) -> Origin:
    """Say where a question came from whose lease is gone."""
    if gold.is_gold(connection, item_id):
        return "gold"
    found = queue.entry(connection, project_id, item_id)
    return found["origin"] if found else "random"
