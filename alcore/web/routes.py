"""Owns the HTTP routes of the labeling board, on the same server as the pages.

A label is on disk before it is acknowledged.
"""

from __future__ import annotations

import time

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from alcore.records import NewEvent
from alcore.services import board_status, classes, keys, labeling
from alcore.web import (
    classroom,
    downloads,
    explaining,
    grids,
    knowing,
    looking,
    mapping,
    monitoring,
    pictures,
    playing,
    remarks,
    reviewing,
    state,
    teaching,
)
from alcore.web.api import mounting
from alcore.web.requests import (
    MOST_IMAGES,
    Body,
    board_route,
    id_in,
    label_route,
    maybe,
    number_in,
    text_in,
    texts_in,
    wish,
)
from alcore.web.tickets import Ticket


def claim(request: Request, ticket: Ticket, body: Body) -> Body:
    """Lease the next images to a tab."""
    grant = labeling.claim(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        text_in(body, "client", longest=100),
        int(number_in(body, "count", 0, MOST_IMAGES)),
        texts_in(body, "hold"),
    )
    return {
        "images": [pictures.leased(lease, ticket) for lease in grant.leases],
        "held": list(grant.held),
        "ranking": grant.ranking,
        "waiting": grant.waiting and {"reason": grant.waiting, "retry_in": grant.retry_in},
    }


def answer(request: Request, ticket: Ticket, body: Body) -> Body:
    """Store an answer, once, and say what became of it."""
    kind = text_in(body, "kind")
    item_id = id_in(body, "item")
    proof = text_in(body, "proof", "", longest=100)
    event, duplicate = labeling.answer(
        state.store(),
        NewEvent(
            project_id=ticket.project_id,
            item_id=item_id,
            annotator_id=ticket.annotator_id,
            kind=kind,  # type: ignore[arg-type]  # the service looks
            class_id=maybe(id_in, body, "class"),
            key=text_in(body, "key", longest=100),
            created_at=time.time(),
            token=text_in(body, "token", longest=100),
            client_time=maybe(number_in, body, "at", 0, 2**40),
            seconds=maybe(number_in, body, "seconds", 0, 3600),
            suggestion_shown=body.get("suggestion_shown") is True,
            suggested_class=maybe(id_in, body, "suggested"),
            suggested_by=maybe(id_in, body, "suggested_by"),
            explanation_shown=body.get("explanation_shown") is True,
            note=text_in(body, "note", ""),
        ),
        handed=state.tickets().was_handed(ticket, item_id, proof),
    )
    committed = time.time()
    state.instant().notify(ticket.project_id)
    return {"ok": True, "event": event, "duplicate": duplicate, "committed": committed}


def undo(request: Request, ticket: Ticket, body: Body) -> Body:
    """Take an answer back."""
    lease, duplicate = labeling.undo(
        state.store(),
        wish(ticket, text_in(body, "key", longest=100), text_in(body, "undoes", longest=100)),
        text_in(body, "client", longest=100),
        text_in(body, "token", longest=100),
    )
    state.instant().notify(ticket.project_id)
    return {"ok": True, "image": pictures.leased(lease, ticket), "duplicate": duplicate}


def revisit(request: Request, ticket: Ticket, body: Body) -> Body:
    """Lease an image once more that somebody has answered, with what counts of it now."""
    lease, current = labeling.revisit(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        text_in(body, "client", longest=100),
        id_in(body, "item"),
    )
    return {"image": pictures.leased(lease, ticket), "current": current}


def release(request: Request, ticket: Ticket, body: Body) -> Body:
    """Give leases back that a tab will not use."""
    labeling.release(state.store(), text_in(body, "client", longest=100), texts_in(body, "tokens"))
    return {"ok": True}


def status(request: Request, ticket: Ticket, body: Body) -> Body:
    """Tell what stands beside the board, and renew the ticket."""
    state.instant().notify(ticket.project_id)  # a new model may have ranked
    return {
        **board_status.status(state.store(), ticket.project_id, ticket.annotator_id),
        "ticket": state.tickets().renewed(ticket),
    }


def history(request: Request, ticket: Ticket, body: Body) -> Body:
    """List somebody's own last answers."""
    text = request.query_params.get("n", "")
    n = int(text) if text.isdecimal() and len(text) <= 3 else 12
    events = labeling.history(state.store(), ticket.project_id, ticket.annotator_id, n)
    return {
        "events": [
            {
                "key": event.key,
                "event": event.id,
                "item": event.item_id,
                "src": pictures.src(
                    ticket.project_id, event.item_id, content_hash, ticket.annotator_id
                ),
                "kind": event.kind,
                "class": event.class_id,
                "at": event.created_at,
            }
            for event, content_hash in events
        ]
    }


def why(request: Request, ticket: Ticket, body: Body) -> Body:
    """Say why an image was asked about, and what the model thinks of it."""
    item_id = request.path_params["item_id"]
    who = (state.store(), ticket.project_id, ticket.annotator_id)
    return board_status.why(*who, item_id, state.prediction_cache())


def add_class(request: Request, ticket: Ticket, body: Body) -> Body:
    """Add a class by its name; who may, the service says."""
    project = classes.add(
        state.store(), ticket.project_id, [text_in(body, "name", longest=200)], ticket.annotator_id
    )
    return {"classes": board_status.classes_shown(project), "keys": keys.layout(project)}


class _IdConvertor(IntegerConvertor):
    """An id in an address: no more digits than a column holds."""

    regex = "[0-9]{1,15}"


def of_app(base: str = "") -> list[BaseRoute]:
    """List all that the server answers besides Streamlit: the routes below, and the REST API."""
    return [*routes(base), *mounting.mounts(base)]


def routes(base: str = "") -> list[Route]:
    """List all routes, at the root and below the path that the server serves the app at.

    Their paths are a promise: browsers keep answers that they have not sent yet, and the names
    of where these go.
    """
    register_url_convertor("id", _IdConvertor())
    own = [
        *monitoring.routes(),
        label_route("/board/{project_id:id}/claim", claim),
        label_route("/board/{project_id:id}/answer", answer),
        label_route("/board/{project_id:id}/undo", undo),
        label_route("/board/{project_id:id}/revisit", revisit),
        board_route("/board/{project_id:id}/release", release, "label", "POST"),
        board_route("/board/{project_id:id}/class", add_class, "own", "POST"),
        board_route("/board/{project_id:id}/status", status, "label"),
        board_route("/board/{project_id:id}/history", history, "label"),
        board_route("/board/{project_id:id}/why/{item_id:id}", why, "label"),
        *pictures.routes(),
        *remarks.routes(),
        *reviewing.routes(),
        *knowing.routes(),
        *grids.routes(),
        *downloads.routes(),
        *playing.routes(),
        *classroom.routes(),
        *mapping.routes(),
        *explaining.routes(),
        *looking.routes(),
        *teaching.routes(),
    ]
    path = base.strip("/")
    if not path:
        return own
    return [*own, *(Route(f"/{path}{r.path}", r.endpoint, methods=r.methods) for r in own)]
