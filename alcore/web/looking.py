"""Owns the routes of the page that looks into networks: layers, units, filters, maps, changes."""

from __future__ import annotations

from typing import Any

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.routing import Route

from alcore.errors import InvalidSettings
from alcore.services import network
from alcore.services.network import Looking, View
from alcore.web import state
from alcore.web.pictures import src
from alcore.web.requests import Body, board_route
from alcore.web.tickets import Ticket

AT_ONCE = 4
"""Questions that wait for the one process that answers them."""


def offered(request: Request, ticket: Ticket, body: Body) -> Body:
    """List the networks that can be looked into."""
    return network.offered(_looking(ticket)) | {"ticket": state.tickets().renewed(ticket)}


def layers(request: Request, ticket: Ticket, body: Body) -> Body:
    """List the layers of a network."""
    return network.layers(_looking(ticket), _view(request))


def units(request: Request, ticket: Ticket, body: Body) -> Body:
    """Show units of a layer, and the images that excite each most."""
    query = request.query_params
    chosen = _numbers(query["units"]) if query.get("units") else None
    count = _numbers(query.get("count") or str(network.FEW))[0]
    layer = query.get("layer", "")
    told = network.layer_units(_looking(ticket), _view(request), layer, chosen, count)
    for unit in told["units"]:
        unit["images"] = [_drawn(ticket, image) for image in unit["images"]]
    return told


def pictures(request: Request, ticket: Ticket, body: Body) -> Body:
    """Show images that were made to excite units."""
    query = request.query_params
    chosen = _numbers(query.get("units", ""))
    return network.pictures(_looking(ticket), _view(request), query.get("layer", ""), chosen)


def filters(request: Request, ticket: Ticket, body: Body) -> Body:
    """Show the filters of the first convolution."""
    return network.filters(_looking(ticket), _view(request))


def maps(request: Request, ticket: Ticket, body: Body) -> Body:
    """Show what the layers make of an image."""
    text = request.query_params.get("item", "")
    item = _numbers(text)[0] if text else None
    return _drawn(ticket, network.maps(_looking(ticket), _view(request), item))


def compare(request: Request, ticket: Ticket, body: Body) -> Body:
    """Say what stays and what changes between two networks."""
    query, view = request.query_params, _view(request)
    other = network.view_of(query.get("with", ""), view.part, query.get("with_state", "trained"))
    return network.compare(_looking(ticket), view, other)


def _looking(ticket: Ticket) -> Looking:
    return Looking(state.store(), state.looking(), ticket.project_id, ticket.annotator_id)


def _view(request: Request) -> View:
    query = request.query_params
    return network.view_of(
        query.get("model", ""), query.get("part", "network"), query.get("state", "trained")
    )


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and len(part) <= 15 for part in parts):
        raise InvalidSettings(f"numbers are written as 1,2,3; got {text[:60]!r}")
    return [int(part) for part in parts]


def _drawn(ticket: Ticket, image: dict[str, Any]) -> dict[str, Any]:
    """Give an image its address in place of what its content is named by."""
    content_hash = image.pop("hash")
    picture = (ticket.project_id, image["item"], content_hash, ticket.annotator_id)
    return image | {"small": src(*picture, small=True)}


def routes() -> list[Route]:
    """List the routes; what takes long has threads of its own."""
    threads = CapacityLimiter(AT_ONCE)
    place = "/board/{project_id:id}/network"
    slow = {"layers": layers, "units": units, "pictures": pictures, "filters": filters}
    slow |= {"maps": maps, "compare": compare}
    return [
        board_route(f"{place}/offered", offered, "take part"),
        *(
            board_route(f"{place}/{name}", work, "take part", threads=threads)
            for name, work in slow.items()
        ),
    ]
