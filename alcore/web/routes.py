"""Owns the HTTP routes of the labeling board, on the same server as the pages.

A request is trusted for what its signed ticket says (project, annotator), never for what its
body claims. A label is on disk before it is acknowledged.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alcore.errors import (
    AlcoreError,
    InvalidSettings,
    LeaseExpired,
    NotAllowed,
    NothingToUndo,
    UnknownItem,
    UnknownProject,
    UnreadableImage,
)
from alcore.records import Lease
from alcore.services import images, labeling, projects
from alcore.web import state
from alcore.web.tickets import LIFE, Ticket

STATUS: dict[type[AlcoreError], int] = {
    NotAllowed: 401,
    UnknownItem: 404,
    UnknownProject: 404,
    UnreadableImage: 404,
    LeaseExpired: 409,
    NothingToUndo: 409,
    InvalidSettings: 422,
}
MOST_IMAGES = 60
MOST_BODY = 64_000

log = logging.getLogger(__name__)
Body = dict[str, Any]


def _answering(
    work: Callable[[Request, Ticket, Body], Any],
) -> Callable[[Request], Awaitable[Response]]:
    """Make a route of work that runs in a thread and may raise alcore's errors."""

    @functools.wraps(work)
    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request) if request.method == "POST" else {}
            ticket = _ticket(request, body)
            return JSONResponse(await run_in_threadpool(work, request, ticket, body))
        except AlcoreError as error:
            return _refusal(error)

    return endpoint


def _refusal(error: AlcoreError) -> JSONResponse:
    code = STATUS.get(type(error), 503)
    if code == 503:
        log.warning("%s: %s", type(error).__name__, error)
    return JSONResponse({"error": type(error).__name__, "message": str(error)}, code)


async def _body(request: Request) -> Body:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise NotAllowed("requests from other sites are refused")
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > MOST_BODY:
            break
    try:
        body = json.loads(raw) if len(raw) <= MOST_BODY else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidSettings(f"the body must be a JSON object of at most {MOST_BODY} bytes")
    return body


def _ticket(request: Request, body: Body) -> Ticket:
    text = request.headers.get("x-alcore-ticket") or _text(body, "ticket", "")
    ticket = state.tickets().read(text)
    if ticket.project_id != request.path_params["project_id"]:
        raise NotAllowed("this ticket is for another project; reload the page")
    return ticket


def _text(body: Body, name: str, default: str | None = None, longest: int = 2_000) -> str:
    value = body.get(name, default)
    if not _is_text(value) or len(value) > longest or (default is None and not value):
        raise InvalidSettings(f"{name} must be a text of 1 to {longest} characters; got {value!r}")
    return value


def _is_text(value: Any) -> bool:
    """Tell whether a value is a text that can be stored: JSON may hold halves of characters."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def _number(body: Body, name: str, low: float, high: float) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # NaN
        raise InvalidSettings(f"{name} must be a number; got {value!r}")
    return min(max(value, low), high)


def _id(body: Body, name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
        raise InvalidSettings(f"{name} must be a whole number above 0; got {value!r}")
    return value


def _texts(body: Body, name: str) -> list[str]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(map(_is_text, value)):
        raise InvalidSettings(f"{name} must be a list of texts; got {value!r}")
    return value[:MOST_IMAGES]


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
        _text(body, "client", longest=100),
        int(_number(body, "count", 0, MOST_IMAGES)),
        _texts(body, "hold"),
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
        key=_text(body, "key", longest=100),
        client=_text(body, "client", longest=100),
        token=_text(body, "token", longest=100),
        item_id=_id(body, "item"),
        kind=_text(body, "kind"),
        class_id=None if body.get("class") is None else _id(body, "class"),
        seconds=None if body.get("seconds") is None else _number(body, "seconds", 0, 3600),
        client_time=None if body.get("at") is None else _number(body, "at", 0, 2**40),
        suggestion_shown=body.get("suggestion_shown") is True,
    )
    return {"ok": True, "event": event, "duplicate": duplicate}


def undo(request: Request, ticket: Ticket, body: Body) -> Body:
    lease, duplicate = labeling.undo(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        key=_text(body, "key", longest=100),
        client=_text(body, "client", longest=100),
        undoes=_text(body, "undoes", longest=100),
        token=_text(body, "token", longest=100),
    )
    return {"ok": True, "image": _image(lease, ticket.project_id), "duplicate": duplicate}


def revisit(request: Request, ticket: Ticket, body: Body) -> Body:
    lease, current = labeling.revisit(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        _text(body, "client", longest=100),
        _id(body, "item"),
    )
    return {"image": _image(lease, ticket.project_id), "current": current}


def release(request: Request, ticket: Ticket, body: Body) -> Body:
    labeling.release(state.store(), _text(body, "client", longest=100), _texts(body, "tokens"))
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
        return _refusal(error)
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
            Route(f"/board/{{project_id:id}}/{post.__name__}", _answering(post), methods=["POST"])
            for post in posts
        ),
        Route("/board/{project_id:id}/status", _answering(status)),
        Route("/board/{project_id:id}/history", _answering(history)),
        Route("/board/{project_id:id}/why/{item_id:id}", _answering(why)),
        Route("/board/{project_id:id}/pixels/{item_id:id}", pixels),
    ]
