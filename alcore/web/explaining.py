"""Owns the routes of the panel "Why?": maps, neighbours, labels that carry an answer, its past."""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.routing import Route

from alcore.services import why
from alcore.services.why import Asking, Shown
from alcore.web import state
from alcore.web.pictures import src
from alcore.web.requests import Body, board_route
from alcore.web.tickets import Ticket

AT_ONCE = 4
"""Questions that wait for the one process that answers them."""


def heat_map(request: Request, ticket: Ticket, body: Body) -> Body:
    """Show where the newest model looks, and what of the image speaks for a class."""
    query = request.query_params
    method, about = query.get("method", ""), query.get("about", "answer")
    return why.heat_map(_asking(request, ticket), state.explaining(), method, about)


def neighbours(request: Request, ticket: Ticket, body: Body) -> Body:
    """Show the labeled images that lie nearest."""
    nearest = why.neighbours(_asking(request, ticket), state.prediction_cache())
    return {
        "model": nearest.model,
        "rows": [_drawn(ticket, one) for one in nearest.rows],
        "why_none": nearest.why_none,
    }


def carriers(request: Request, ticket: Ticket, body: Body) -> Body:
    """Show the labels without which the answer would change most."""
    found = why.carriers(_asking(request, ticket), state.explaining())
    return {
        "answer": found.answer,
        "p": found.probability,
        "rows": [_drawn(ticket, one) for one in found.rows],
        "tried": found.tried,
        "of": found.of,
        "held": found.held,
        "hidden": found.hidden,
    }


def history(request: Request, ticket: Ticket, body: Body) -> Body:
    """Tell what each model said of the image."""
    return why.history(_asking(request, ticket), state.explaining())


def _asking(request: Request, ticket: Ticket) -> Asking:
    item_id = request.path_params["item_id"]
    return Asking(state.store(), ticket.project_id, ticket.annotator_id, item_id)


def _drawn(ticket: Ticket, one: Shown) -> dict[str, Any]:
    row = one.row
    picture = (ticket.project_id, row.item_id, row.content_hash, ticket.annotator_id)
    return {
        "item": row.item_id,
        "name": row.name,
        "small": src(*picture, small=True),
        "class": row.class_id,
        "who": row.annotator,
        "value": one.value,
        "answer": one.answer,
    }


def routes() -> list[Route]:
    """List the routes of the panel; what takes long has threads of its own."""
    threads = CapacityLimiter(AT_ONCE)
    place = "/board/{project_id:id}/why/{item_id:id}"
    return [
        board_route(f"{place}/map", heat_map, "take part", threads=threads),
        board_route(f"{place}/neighbours", neighbours, "take part"),
        board_route(f"{place}/labels", carriers, "take part", threads=threads),
        board_route(f"{place}/history", history, "take part", threads=threads),
    ]
