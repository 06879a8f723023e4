"""Owns the route of the Playground: what the page asks, and how many questions run at once."""

from __future__ import annotations

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.routing import Route

from alcore.services import playground
from alcore.web import state
from alcore.web.requests import Body, board_route
from alcore.web.tickets import Ticket

AT_ONCE = 2
"""One that is computed, and one that is ready to be."""


def answer(request: Request, ticket: Ticket, body: Body) -> Body:
    """Compute rounds of the Playground; the same question has the same answer."""
    return playground.answer(state.playground(), body)


def routes() -> list[Route]:
    """List the routes of the Playground."""
    threads = CapacityLimiter(AT_ONCE)
    return [board_route("/playground/rounds", answer, "come in", "POST", threads)]
