"""Owns the HTTP routes of the labeling board, on the same server as the pages.

A label is on disk before it is acknowledged.
"""

from __future__ import annotations

import time

from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alcore.errors import AlcoreError
from alcore.records import Lease
from alcore.services import images, labeling, projects
from alcore.web import state
from alcore.web.asking import (
    MOST_IMAGES,
    Body,
    answering,
    id_in,
    number_in,
    refusal,
    text_in,
    texts_in,
)
from alcore.web.tickets import LIFE, Ticket


def _image(lease: Lease, project_id: int) -> Body:
    return {
        "token": lease.token,
        "item": lease.item_id,
        "src": src(project_id, lease.item_id, lease.content_hash),
        "width": lease.width,
        "height": lease.height,
        "round": lease.round_number,
        "expires_in": max(0.0, lease.expires_at - time.time()),
    }


def src(project_id: int, item_id: int, content_hash: str) -> str:
    """Name the address of an image's pixels, signed for its project."""
    signature = state.tickets().pixels(project_id)
    return f"/board/{project_id}/pixels/{item_id}?v={content_hash[:12]}&t={signature}"


def claim(request: Request, ticket: Ticket, body: Body) -> Body:
    found = labeling.claim(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        text_in(body, "client", longest=100),
        int(number_in(body, "count", 0, MOST_IMAGES)),
        texts_in(body, "hold"),
    )
    return {
        "images": [_image(lease, ticket.project_id) for lease in found.leases],
        "held": list(found.held),
        "ranking": found.ranking,
        "waiting": found.waiting and {"reason": found.waiting, "retry_in": found.retry_in},
    }


def answer(request: Request, ticket: Ticket, body: Body) -> Body:
    event, duplicate = labeling.answer(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        key=text_in(body, "key", longest=100),
        client=text_in(body, "client", longest=100),
        token=text_in(body, "token", longest=100),
        item_id=id_in(body, "item"),
        kind=text_in(body, "kind"),
        class_id=None if body.get("class") is None else id_in(body, "class"),
        seconds=None if body.get("seconds") is None else number_in(body, "seconds", 0, 3600),
        client_time=None if body.get("at") is None else number_in(body, "at", 0, 2**40),
        suggestion_shown=body.get("suggestion_shown") is True,
    )
    return {"ok": True, "event": event, "duplicate": duplicate}


def undo(request: Request, ticket: Ticket, body: Body) -> Body:
    lease, duplicate = labeling.undo(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        key=text_in(body, "key", longest=100),
        client=text_in(body, "client", longest=100),
        undoes=text_in(body, "undoes", longest=100),
        token=text_in(body, "token", longest=100),
    )
    return {"ok": True, "image": _image(lease, ticket.project_id), "duplicate": duplicate}


def revisit(request: Request, ticket: Ticket, body: Body) -> Body:
    lease, current = labeling.revisit(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        text_in(body, "client", longest=100),
        id_in(body, "item"),
    )
    return {"image": _image(lease, ticket.project_id), "current": current}


def release(request: Request, ticket: Ticket, body: Body) -> Body:
    labeling.release(state.store(), text_in(body, "client", longest=100), texts_in(body, "tokens"))
    return {"ok": True}


def status(request: Request, ticket: Ticket, body: Body) -> Body:
    fresh = None
    if ticket.age > LIFE / 2:
        fresh = state.tickets().issue(ticket.project_id, ticket.annotator_id)
    return {
        **labeling.status(state.store(), ticket.project_id, ticket.annotator_id),
        "ticket": fresh,
    }


def history(request: Request, ticket: Ticket, body: Body) -> Body:
    n = request.query_params.get("n", "")
    n = int(n) if n.isdecimal() and len(n) <= 3 else 12
    found = labeling.history(state.store(), ticket.project_id, ticket.annotator_id, n)
    return {
        "events": [
            {
                "key": event.key,
                "event": event.id,
                "item": event.item_id,
                "src": src(ticket.project_id, event.item_id, content_hash),
                "kind": event.kind,
                "class": event.class_id,
                "at": event.created_at,
            }
            for event, content_hash in found
        ]
    }


def why(request: Request, ticket: Ticket, body: Body) -> Body:
    return labeling.why(state.store(), ticket.project_id, request.path_params["item_id"])


async def pixels(request: Request) -> Response:
    """Serve an image's re-encoded pixels, never its original bytes."""
    project_id, item_id = request.path_params["project_id"], request.path_params["item_id"]
    try:
        state.tickets().check_pixels(project_id, request.query_params.get("t", ""))
        data, mime = await run_in_threadpool(images.shown, state.store(), project_id, item_id)
    except AlcoreError as error:
        return refusal(error)
    return Response(
        data,
        media_type=mime,
        headers={
            "Cache-Control": "private, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'",
        },
    )


async def health(request: Request) -> Response:
    """Say that the server answers and that its database can be read."""
    await run_in_threadpool(projects.list_projects, state.store())
    return JSONResponse({"ok": True})


class _IdConvertor(IntegerConvertor):
    """An id in an address: no more digits than a column holds."""

    regex = "[0-9]{1,15}"


def routes() -> list[Route]:
    """List all routes of the board."""
    posts = (claim, answer, undo, revisit, release)
    register_url_convertor("id", _IdConvertor())
    return [
        Route("/alcore/health", health),
        *(
            Route(f"/board/{{project_id:id}}/{post.__name__}", answering(post), methods=["POST"])
            for post in posts
        ),
        Route("/board/{project_id:id}/status", answering(status)),
        Route("/board/{project_id:id}/history", answering(history)),
        Route("/board/{project_id:id}/why/{item_id:id}", answering(why)),
        Route("/board/{project_id:id}/pixels/{item_id:id}", pixels),
    ]
