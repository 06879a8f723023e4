"""Owns the routes of the grid: tiles to label, a lot of labels, and its undo."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.routing import Route

from alcore.errors import InvalidSettings
from alcore.records import NewLot
from alcore.services import grid
from alcore.web import state
from alcore.web.knowing import condition
from alcore.web.pictures import leased
from alcore.web.requests import (
    Body,
    board_route,
    id_in,
    maybe,
    number_in,
    text_in,
    texts_in,
    wish,
)
from alcore.web.tickets import Ticket

MOST_ASIDE = 1_000


def tiles(request: Request, ticket: Ticket, body: Body) -> Body:
    """Lease open images of one predicted class."""
    order = text_in(body, "first", "sure")
    if order not in ("sure", "doubtful"):
        raise InvalidSettings(f"first is {order!r}; must be sure or doubtful")
    if body.get("selection") is not None:
        return _selected(body, ticket)
    choice = grid.Choice(
        class_id=maybe(id_in, body, "class"),
        first="sure" if order == "sure" else "doubtful",
        like=maybe(id_in, body, "like"),
        condition=condition(body),
    )
    claim = _claim(body, ticket)
    return _shown(grid.tiles(state.store(), state.prediction_cache(), claim, choice), ticket)


def _selected(body: Body, ticket: Ticket) -> Body:
    """Lease open images of a selection from the map."""
    claim, selection = _claim(body, ticket), id_in(body, "selection")
    return _shown(grid.selected(state.store(), state.prediction_cache(), claim, selection), ticket)


def _claim(body: Body, ticket: Ticket) -> grid.TileClaim:
    return grid.TileClaim(
        project_id=ticket.project_id,
        annotator_id=ticket.annotator_id,
        client=text_in(body, "client", longest=100),
        n=int(number_in(body, "count", 0, grid.MOST)),
        aside=_aside(body),
        release=texts_in(body, "release"),
        hold=texts_in(body, "hold"),
    )


def _shown(answer: grid.Tiles, ticket: Ticket) -> Body:
    return {
        "images": [leased(lease, ticket) for lease in answer.leases],
        "shares": list(answer.shares),
        "held": list(answer.held),
        "class": answer.class_id,
        "counts": [{"class": c, "open": n} for c, n in answer.counts.items()],
        "model": answer.model,
        "instant": answer.head_labels,
        "reason": answer.reason,
    }


def lot(request: Request, ticket: Ticket, body: Body) -> Body:
    """Label the images of the grid that were not excluded."""
    tiles = _tiles(body)
    outcome = grid.label_lot(
        state.store(),
        NewLot(
            project_id=ticket.project_id,
            annotator_id=ticket.annotator_id,
            client=text_in(body, "client", longest=100),
            key=_key(body, "key"),
            created_at=time.time(),
            class_id=id_in(body, "class"),
            tiles=tuple((tile["token"], tile["item"]) for tile in tiles),
            suggested_class=maybe(id_in, body, "suggested"),
            release=tuple(texts_in(body, "release")),
            seconds=maybe(number_in, body, "seconds", 0, 36_000),
            client_time=maybe(number_in, body, "at", 0, 2**40),
            handed=frozenset(
                tile["item"]
                for tile in tiles
                if state.tickets().was_handed(ticket, tile["item"], tile["proof"])
            ),
        ),
    )
    state.instant().notify(ticket.project_id)
    return {
        "ok": True,
        "items": list(outcome.items),
        "refused": list(outcome.refused),
        "duplicate": outcome.duplicate,
    }


def unlot(request: Request, ticket: Ticket, body: Body) -> Body:
    """Take back what one press labeled in the grid."""
    leases, duplicate = grid.undo_lot(
        state.store(),
        wish(ticket, _key(body, "key"), _key(body, "undoes")),
        text_in(body, "client", longest=100),
    )
    state.instant().notify(ticket.project_id)
    images = [leased(lease, ticket) for lease in leases]
    return {"ok": True, "images": images, "duplicate": duplicate}


def _key(body: Body, name: str) -> str:
    """Read a lot's key: the slash parts it from the items in the keys of its events."""
    key = text_in(body, name, longest=80)
    if "/" in key:
        raise InvalidSettings(f"{name} must not hold a slash; got {key!r}")
    return key


def _tiles(body: Body) -> list[Body]:
    """Read [{token, item, proof}], at most as many as a grid has. Raises InvalidSettings."""
    tiles = body.get("tiles")
    if not isinstance(tiles, list) or not 0 < len(tiles) <= grid.MOST:
        raise InvalidSettings(f"tiles must be a list of 1 to {grid.MOST} images")
    if not all(isinstance(tile, dict) for tile in tiles):
        raise InvalidSettings("each tile must have a token and an item")
    return [
        {
            "token": text_in(tile, "token", longest=130),
            "item": id_in(tile, "item"),
            "proof": text_in(tile, "proof", "", longest=100),
        }
        for tile in tiles
    ]


def _aside(body: Body) -> list[int]:
    """Read the items that were put aside. Raises InvalidSettings."""
    items = body.get("aside", [])
    if not isinstance(items, list) or not all(type(i) is int for i in items):
        raise InvalidSettings("aside must be a list of items")
    return items[:MOST_ASIDE]


def routes() -> list[Route]:
    """List the routes of the grid."""
    return [
        board_route("/board/{project_id:id}/tiles", tiles, "take part", "POST"),
        board_route("/board/{project_id:id}/lot", lot, "take part", "POST"),
        board_route("/board/{project_id:id}/unlot", unlot, "take part", "POST"),
    ]
