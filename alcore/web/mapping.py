"""Owns the routes of the map: columns of what is known, layouts, selections, their pictures.

Columns travel as bytes: the length of a header as four bytes, the header as JSON, then each array,
all of them beginning at multiples of eight.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator

import numpy as np
from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alcore.errors import InvalidSettings
from alcore.services import map as maps
from alcore.services import map_table
from alcore.services.map import Columns
from alcore.web import downloads, state
from alcore.web.downloads import Download
from alcore.web.pictures import src
from alcore.web.requests import Body, board_route, text_in
from alcore.web.tickets import Ticket

_TYPES = {"uint8": "u1", "uint16": "u2", "int16": "i2", "uint32": "u4"}
MOST_BITS = 1_000_000
"""Bytes of a request that names a selection: a bit each for six million images."""


def status(request: Request, ticket: Ticket, body: Body) -> Body:
    """Say what there is to show, and what is being made."""
    now = maps.status(state.store(), ticket.project_id, ticket.annotator_id)
    job = now.job
    return {
        "basis": now.basis,
        "images": now.images,
        "events": now.events,
        "models": now.models,
        "stored": now.stored,
        "installed": now.installed,
        "command": maps.COMMAND,
        "seconds": now.seconds,
        "owns": now.owns,
        "job": job
        and {
            "state": job.state,
            "phase": job.phase,
            "progress": job.progress,
            "error": job.error if now.owns else None,
        },
        "ticket": state.tickets().renewed(ticket),
    }


def columns(request: Request, ticket: Ticket, body: Body) -> Response:
    """Send what is known of every image."""
    return _bytes(maps.columns(state.store(), ticket.project_id, ticket.annotator_id))


def known(request: Request, ticket: Ticket, body: Body) -> Response:
    """Send what is known of every image in one column of metadata."""
    who = (ticket.project_id, ticket.annotator_id)
    return _bytes(maps.known(state.store(), *who, request.path_params["column_id"]))


def layout(request: Request, ticket: Ticket, body: Body) -> Response:
    """Send where every image lies."""
    query = request.query_params
    basis, method = query.get("basis", "")[:20], query.get("method", "pca")[:20]
    who = (ticket.project_id, ticket.annotator_id)
    return _bytes(maps.layout(state.store(), *who, basis, method))


def select(request: Request, ticket: Ticket, body: Body) -> Body:
    """Keep a selection, so that other pages can show it."""
    try:
        bits = base64.b64decode(text_in(body, "bits", longest=MOST_BITS), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSettings("bits must be base64") from error
    new, size = maps.select(state.store(), ticket.project_id, ticket.annotator_id, bits)
    file = ""
    if maps.status(state.store(), ticket.project_id, ticket.annotator_id).owns:
        options = {"selection": str(new)}
        file = downloads.address(ticket.project_id, ticket.annotator_id, "selection", options)
    return {"selection": new, "size": size, "file": file}


def pictures(request: Request, ticket: Ticket, body: Body) -> Body:
    """Name the pictures of some images."""
    items = body.get("items")
    if not isinstance(items, list) or not all(type(i) is int and 0 < i < 2**53 for i in items):
        raise InvalidSettings("items must be a list of whole numbers above 0")
    who = (ticket.project_id, ticket.annotator_id)
    return {
        "pictures": [
            {
                "item": item_id,
                "name": name,
                "small": src(ticket.project_id, item_id, content, ticket.annotator_id, small=True),
            }
            for item_id, name, content in maps.pictures(state.store(), *who, items)
        ]
    }


def compute(request: Request, ticket: Ticket, body: Body) -> Body:
    """Ask for a map by UMAP, or with `stop` end its making."""
    act = maps.stop if body.get("stop") is True else maps.compute
    act(state.store(), ticket.project_id, ticket.annotator_id)
    return {"ok": True}


def batch(request: Request, ticket: Ticket, body: Body) -> Body:
    """Say what a strategy would ask next."""
    name = text_in(body, "strategy", longest=100)
    return maps.next_batch(state.next_batches(), state.store(), ticket.project_id, name)


def table(request: Request, project_id: int, annotator_id: int) -> Download:
    """Send the images of a selection as a table."""
    text = request.query_params.get("selection", "")
    selection = int(text) if text.isdecimal() and len(text) <= 15 else 0
    name, blocks = map_table.table(state.store(), project_id, selection, annotator_id)
    return Download(name, "text/csv", blocks)


def _bytes(columns: Columns) -> Response:
    return Response(
        b"".join(_parts(columns)),
        media_type="application/octet-stream",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def _parts(columns: Columns) -> Iterator[bytes]:
    arrays = {name: np.ascontiguousarray(a) for name, a in columns.arrays.items()}
    listed = [[name, _TYPES[str(a.dtype)], a.size] for name, a in arrays.items()]
    header = json.dumps({**columns.about, "arrays": listed}).encode()
    yield len(header).to_bytes(4, "little") + b"\0" * 4
    for block in (header, *(a.tobytes() for a in arrays.values())):
        yield block
        yield b"\0" * (-len(block) % 8)


def routes() -> list[Route]:
    """List the routes of the map."""
    few, one = CapacityLimiter(2), CapacityLimiter(2)
    base = "/board/{project_id:id}/map"
    return [
        board_route(f"{base}/status", status, "take part"),
        board_route(f"{base}/columns", columns, "take part", threads=few),
        board_route(f"{base}/known/{{column_id:id}}", known, "take part", threads=few),
        board_route(f"{base}/layout", layout, "take part", threads=few),
        board_route(f"{base}/selection", select, "take part", "POST", most=MOST_BITS),
        board_route(f"{base}/pictures", pictures, "take part", "POST"),
        board_route(f"{base}/compute", compute, "own", "POST"),
        board_route(f"{base}/batch", batch, "take part", "POST", threads=one),
        downloads.download_route("selection", table),
    ]
