"""Owns the routes of the page on which people teach by pictures."""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.routing import Route

from alcore.errors import InvalidSettings
from alcore.services import board_status, projects, rights, teaching
from alcore.services.teaching import NewPicture, Overview, Teacher
from alcore.web import state
from alcore.web.pictures import src
from alcore.web.requests import Body, board_route, id_in, maybe, text_in
from alcore.web.tickets import Ticket

AT_ONCE = 4
"""Requests that write pictures, and those that wait for the one process that is taught."""
MOST_PICTURES = 3_000_000
MOST_FRAME = 200_000
"""Bytes of a request, in base64."""


def pictures(request: Request, ticket: Ticket, body: Body) -> Body:
    """Keep pictures with their classes, on the disk before this answers."""
    new = [_picture(one) for one in _list_in(body, "pictures")]
    teaching.take(state.store(), _teacher(ticket), new)
    state.instant().notify(ticket.project_id)
    return {"kept": [one.key for one in new]}


def undo(request: Request, ticket: Ticket, body: Body) -> Body:
    """Take the class of a picture back."""
    keys = (text_in(body, "undoes", longest=100), text_in(body, "key", longest=100))
    teaching.take_back(state.store(), _teacher(ticket), *keys)
    state.instant().notify(ticket.project_id)
    return {"ok": True}


def overview(request: Request, ticket: Ticket, body: Body) -> Body:
    """List classes and their pictures, and renew the ticket."""
    seen = teaching.overview(state.store(), ticket.project_id)
    return {
        "state": seen.project.state,
        "why": _why_failed(ticket, seen),
        "classes": board_status.classes_shown(seen.project),
        "counts": seen.counts,
        "unread": seen.unread,
        "pictures": [
            {
                "key": one.key,
                "class": one.class_id,
                "mine": one.annotator_id == ticket.annotator_id,
                "kept": one.split == "holdout",
                "small": src(
                    ticket.project_id, one.item_id, one.content_hash, ticket.annotator_id, True
                ),
            }
            for one in seen.pictures
        ],
        "waiting": [
            {
                "key": one.key,
                "class": one.class_id,
                "mine": one.annotator_id == ticket.annotator_id,
            }
            for one in seen.waiting
        ],
        "ticket": state.tickets().renewed(ticket),
    }


def look(request: Request, ticket: Ticket, body: Body) -> Body:
    """Let the model learn on for a moment; say what a frame shows, which is kept nowhere."""
    if "frame" not in body:
        raise InvalidSettings("a look has a frame, or null to learn on only")
    learns_only = body["frame"] is None
    frame = None if learns_only else teaching.decoded(text_in(body, "frame", longest=MOST_FRAME))
    return teaching.look(state.teaching(), ticket.project_id, frame)


def _teacher(ticket: Ticket) -> Teacher:
    return Teacher(ticket.project_id, ticket.annotator_id)


def _list_in(body: Body, name: str) -> list[Body]:
    value = body.get(name)
    if (
        not isinstance(value, list)
        or not 0 < len(value) <= teaching.AT_ONCE
        or not all(isinstance(one, dict) for one in value)
    ):
        raise InvalidSettings(f"{name} must be a list of 1 to {teaching.AT_ONCE} pictures")
    return value


def _picture(one: Body) -> NewPicture:
    key = text_in(one, "key", longest=100)
    if not key.replace("-", "").isalnum():
        raise InvalidSettings(f"a picture's key has letters, digits and hyphens; got {key!r}")
    return NewPicture(
        key=key,
        name=text_in(one, "name", longest=300),
        data=teaching.decoded(text_in(one, "data", longest=MOST_PICTURES)),
        class_id=maybe(id_in, one, "class"),
    )


def _why_failed(ticket: Ticket, seen: Overview) -> str:
    """Say why pictures could not come in, to those who may know."""
    if seen.project.state != "failed":
        return ""
    if not rights.owns(state.store(), ticket.project_id, ticket.annotator_id):
        return rights.WHY_IS_FOR_OWNERS
    job = projects.import_job(state.store(), ticket.project_id)
    return (job.error if job else None) or "the import was stopped"


def routes() -> list[Route]:
    """List the routes; what takes long has threads of its own."""
    writing, asking = CapacityLimiter(AT_ONCE), CapacityLimiter(AT_ONCE)
    place = "/board/{project_id:id}/teach"
    more: dict[str, Any] = {"threads": writing, "most": MOST_PICTURES}
    return [
        board_route(f"{place}/pictures", pictures, "own", "POST", **more),
        board_route(f"{place}/undo", undo, "own", "POST"),
        board_route(f"{place}/overview", overview, "take part"),
        board_route(
            f"{place}/look", look, "take part", "POST", threads=asking, most=MOST_FRAME + 1_000
        ),
    ]
