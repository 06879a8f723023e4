"""Owns how programs label: claim images, answer or skip them, take back, give back."""

from __future__ import annotations

import time
import uuid
from typing import Any

from alcore.records import ApiToken, NewEvent, NewUndo
from alcore.services import labeling
from alcore.web import pictures, state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import (
    Answer,
    Claim,
    Done,
    Leased,
    ProjectId,
    Release,
    Stored,
    Undo,
    Undone,
    Wish,
)
from alcore.web.tickets import Ticket

group = router("Queue")


@operation(group, "POST /projects/{project_id}/queue/claim", "take part", "label")
def claim_images(project_id: ProjectId, wish: Wish, caller: Caller) -> Claim:
    """Lease the next images, in the order in which they are asked about.

    Nobody else is given them until you have answered, or the leases end.
    """
    grant = labeling.claim(
        state.store(),
        project_id,
        caller.annotator_id,
        _client(caller, wish.client),
        wish.count,
        wish.hold,
    )
    ticket = _ticket(caller)
    return Claim(
        images=[_leased(pictures.leased(lease, ticket)) for lease in grant.leases],
        held=list(grant.held),
        ranking=grant.ranking,
        waiting=grant.waiting,
        retry_in=grant.retry_in if grant.waiting else None,
    )


@operation(group, "POST /projects/{project_id}/queue/answers", "take part", "label")
def answer_image(project_id: ProjectId, answer: Answer, caller: Caller) -> Stored:
    """Label an image that you were given, skip it, or say that you are unsure.

    It is on disk when this is answered. Send it again with the same key if no reply comes: it
    counts once.
    """
    event, duplicate = labeling.answer(
        state.store(),
        NewEvent(
            project_id=project_id,
            item_id=answer.image,
            annotator_id=caller.annotator_id,
            kind=answer.kind,
            class_id=answer.class_id,
            key=answer.key,
            created_at=time.time(),
            token=answer.token,
            seconds=answer.seconds,
            note=answer.note,
        ),
        handed=state.tickets().was_handed(_ticket(caller), answer.image, answer.proof),
    )
    state.instant().notify(project_id)
    return Stored(event=event, duplicate=duplicate)


@operation(group, "POST /projects/{project_id}/queue/undo", "take part", "label")
def undo_answer(project_id: ProjectId, undo: Undo, caller: Caller) -> Undone:
    """Take one of your answers back, and lease its image once more."""
    lease, duplicate = labeling.undo(
        state.store(),
        NewUndo(project_id, caller.annotator_id, undo.key, undo.undoes, time.time()),
        _client(caller, undo.client),
        uuid.uuid5(uuid.NAMESPACE_OID, f"{caller.annotator_id} {undo.key}").hex,
    )
    state.instant().notify(project_id)
    image = _leased(pictures.leased(lease, _ticket(caller)))
    return Undone(image=image, duplicate=duplicate)


@operation(group, "POST /projects/{project_id}/queue/release", "take part", "label")
def release_images(project_id: ProjectId, release: Release, caller: Caller) -> Done:
    """Give images back that you will not answer, so that others get them at once."""
    labeling.release(state.store(), _client(caller, release.client), release.tokens)
    return Done()


def _client(caller: ApiToken, client: str) -> str:
    """Name who holds leases, so that no token gives back what another one holds."""
    return f"api-{caller.id}-{client}"


def _ticket(caller: ApiToken) -> Ticket:
    return Ticket(caller.project_id, caller.annotator_id, 0.0)


def _leased(image: dict[str, Any]) -> Leased:
    return Leased(
        token=image["token"],
        proof=image["proof"],
        image=image["item"],
        picture=image["src"],
        width=image["width"],
        height=image["height"],
        expires_in=image["expires_in"],
    )
