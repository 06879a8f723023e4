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

from alcore.records import Suggestion
from alcore.services import board_status, labeling, projects
from alcore.web import grids, remarks, reviewing, state
from alcore.web.pictures import leased, pixels, src
from alcore.web.requests import (
    MOST_IMAGES,
    Body,
    endpoint,
    id_in,
    number_in,
    text_in,
    texts_in,
)
from alcore.web.tickets import LIFE, Ticket


def claim(request: Request, ticket: Ticket, body: Body) -> Body:
    grant = labeling.claim(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        text_in(body, "client", longest=100),
        int(number_in(body, "count", 0, MOST_IMAGES)),
        texts_in(body, "hold"),
    )
    return {
        "images": [leased(lease, ticket.project_id) for lease in grant.leases],
        "held": list(grant.held),
        "ranking": grant.ranking,
        "waiting": grant.waiting and {"reason": grant.waiting, "retry_in": grant.retry_in},
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
        suggestion=_suggestion(body),
        note=text_in(body, "note", ""),
    )
    committed = time.time()
    state.instant().notify(ticket.project_id)
    return {"ok": True, "event": event, "duplicate": duplicate, "committed": committed}


def _suggestion(body: Body) -> Suggestion | None:
    """Read which class was suggested, and by which model's number, where one was."""
    if body.get("suggested") is None:
        return None
    model = None if body.get("suggested_by") is None else id_in(body, "suggested_by")
    return Suggestion(id_in(body, "suggested"), model)


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
    state.instant().notify(ticket.project_id)
    return {"ok": True, "image": leased(lease, ticket.project_id), "duplicate": duplicate}


def revisit(request: Request, ticket: Ticket, body: Body) -> Body:
    lease, current = labeling.revisit(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        text_in(body, "client", longest=100),
        id_in(body, "item"),
    )
    return {"image": leased(lease, ticket.project_id), "current": current}


def release(request: Request, ticket: Ticket, body: Body) -> Body:
    labeling.release(state.store(), text_in(body, "client", longest=100), texts_in(body, "tokens"))
    return {"ok": True}


def status(request: Request, ticket: Ticket, body: Body) -> Body:
    state.instant().notify(ticket.project_id)  # a new model may have ranked
    fresh = None
    if ticket.age > LIFE / 2:
        fresh = state.tickets().issue(ticket.project_id, ticket.annotator_id)
    return {
        **board_status.status(state.store(), ticket.project_id, ticket.annotator_id),
        "ticket": fresh,
    }


def history(request: Request, ticket: Ticket, body: Body) -> Body:
    n = request.query_params.get("n", "")
    n = int(n) if n.isdecimal() and len(n) <= 3 else 12
    events = labeling.history(state.store(), ticket.project_id, ticket.annotator_id, n)
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
            for event, content_hash in events
        ]
    }


def why(request: Request, ticket: Ticket, body: Body) -> Body:
    item_id = request.path_params["item_id"]
    return board_status.why(state.store(), ticket.project_id, item_id, state.prediction_cache())


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
            Route(f"/board/{{project_id:id}}/{post.__name__}", endpoint(post), methods=["POST"])
            for post in posts
        ),
        Route("/board/{project_id:id}/status", endpoint(status)),
        Route("/board/{project_id:id}/history", endpoint(history)),
        Route("/board/{project_id:id}/why/{item_id:id}", endpoint(why)),
        Route("/board/{project_id:id}/pixels/{item_id:id}", pixels),
        *remarks.routes(),
        *reviewing.routes(),
        *grids.routes(),
    ]
