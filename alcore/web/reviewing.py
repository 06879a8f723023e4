"""Owns the routes of the review page: pages of items, one item's log, mending and undoing."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from alcore.records import NewEvent
from alcore.services import comments, foreign_predictions, guidelines, review
from alcore.services.review import Filter, Reviewed
from alcore.web import remarks, state
from alcore.web.knowing import condition
from alcore.web.pictures import src
from alcore.web.requests import Body, board_route, id_in, maybe, number_in, text_in, wish
from alcore.web.tickets import Ticket

PAGE = 48


def items(request: Request, ticket: Ticket, body: Body) -> Body:
    """Read a page of labels to review."""
    query = request.query_params
    wanted = Filter(
        view=query.get("view", "all"),
        class_id=_whole(query.get("class")),
        annotator_id=_whole(query.get("annotator")),
        origin=query.get("origin") or None,
        disagrees=query.get("disagrees") == "1",
        name=query.get("name", "")[:200],
        selection=_whole(query.get("selection")),
        condition=condition(query),
        sort=_whole(query.get("sort", "").removeprefix("-")),
        falling=query.get("sort", "").startswith("-"),
    )
    offset, n = _whole(query.get("offset")) or 0, _whole(query.get("n")) or PAGE
    where = (ticket.project_id, ticket.annotator_id, wanted, offset, n)
    if wanted.view == foreign_predictions.VIEW:
        page = foreign_predictions.page(state.prediction_cache(), *where)
    else:
        page = review.page(state.store(), *where)
    rows = [_drawn(ticket, row) for row in page.rows]
    return {"rows": rows, "total": page.total}


def overview(request: Request, ticket: Ticket, body: Body) -> Body:
    """Count what there is to review."""
    counts = review.overview(state.store(), ticket.project_id, ticket.annotator_id)
    job = counts.job
    return {
        "counts": {
            "doubts": counts.label_errors,
            "unsure": counts.unsure,
            "disagreements": counts.disagreements,
            "comments": counts.comments,
            "predictions": counts.predictions,
        },
        "people": [{"id": i, "name": name} for i, name in counts.people],
        "origins": counts.origins,
        "decides": counts.decides,
        "names": counts.names,
        "looked_at": counts.checked_at,
        "looked_labels": counts.checked_labels,
        "job": job and {"state": job.state, "progress": job.progress, "error": job.error},
        "ticket": state.tickets().renewed(ticket),
    }


def item(request: Request, ticket: Ticket, body: Body) -> Body:
    """Say what the page shows beside one item: its log and its comments."""
    store, item_id = state.store(), request.path_params["item_id"]
    entries = review.log(store, ticket.project_id, ticket.annotator_id, item_id)
    return {
        "log": [
            {
                "event": e.event_id,
                "who": e.annotator,
                "kind": e.kind,
                "class": e.class_id,
                "at": e.created_at,
                "origin": e.origin,
                "note": e.note,
                "suggested": e.suggested_class,
                "undone": e.undone,
            }
            for e in entries
        ],
        "known": review.known(store, ticket.project_id, ticket.annotator_id, item_id),
        "comments": remarks.drawn(comments.of_item(store, ticket.project_id, item_id)),
    }


def mend(request: Request, ticket: Ticket, body: Body) -> Body:
    """Correct or confirm a label."""
    event = NewEvent(
        project_id=ticket.project_id,
        item_id=id_in(body, "item"),
        annotator_id=ticket.annotator_id,
        kind="label",
        class_id=id_in(body, "class"),
        key=text_in(body, "key", longest=100),
        created_at=time.time(),
        seconds=maybe(number_in, body, "seconds", 0, 3600),
    )
    row = review.mend(state.store(), event, maybe(id_in, body, "seen"))
    return {"row": _drawn(ticket, row)}


def mend_undo(request: Request, ticket: Ticket, body: Body) -> Body:
    """Take a correction back."""
    key, undoes = text_in(body, "key", longest=100), text_in(body, "undoes", longest=100)
    row = review.undo(state.store(), wish(ticket, key, undoes))
    return {"row": _drawn(ticket, row)}


def check_again(request: Request, ticket: Ticket, body: Body) -> Body:
    """Ask for a new check of the labels."""
    review.check_again(state.store(), ticket.project_id, ticket.annotator_id)
    return {"ok": True}


def example(request: Request, ticket: Ticket, body: Body) -> Body:
    """Make an item an example of a class, or with `remove` take an example away."""
    who = (state.store(), ticket.project_id, ticket.annotator_id)
    if body.get("remove") is not None:
        guidelines.remove(*who, id_in(body, "remove"))
    else:
        guidelines.choose(*who, id_in(body, "item"), id_in(body, "class"))
    return {"examples": remarks.examples(ticket.project_id, ticket.annotator_id)}


def _drawn(ticket: Ticket, row: Reviewed) -> dict[str, Any]:
    picture = (ticket.project_id, row.item_id, row.content_hash, ticket.annotator_id)
    return {
        "item": row.item_id,
        "name": row.name,
        "src": src(*picture),
        "small": src(*picture, small=True),
        "width": row.width,
        "height": row.height,
        "event": row.event_id,
        "kind": row.kind,
        "class": row.class_id,
        "who": row.annotator,
        "at": row.created_at,
        "origin": row.origin,
        "note": row.note,
        "comments": row.comments,
        "predicted": row.predicted and {"class": row.predicted, "by": row.predicted_by},
        "model": None
        if row.model_class is None
        else {
            "class": row.model_class,
            "p": row.model_p,
            "label": row.label_p,
            "doubted": row.probably_wrong,
        },
    }


def _whole(text: str | None) -> int | None:
    """Read a whole number from an address; anything else is none."""
    return int(text) if text and text.isdecimal() and len(text) <= 15 else None


def routes() -> list[Route]:
    """List the routes of the review page."""
    return [
        board_route("/board/{project_id:id}/review/items", items, "take part"),
        board_route("/board/{project_id:id}/review/overview", overview, "take part"),
        board_route("/board/{project_id:id}/review/items/{item_id:id}", item, "take part"),
        board_route("/board/{project_id:id}/review/mend", mend, "take part", "POST"),
        board_route("/board/{project_id:id}/review/undo", mend_undo, "take part", "POST"),
        board_route("/board/{project_id:id}/review/look", check_again, "own", "POST"),
        board_route("/board/{project_id:id}/review/example", example, "own", "POST"),
    ]
