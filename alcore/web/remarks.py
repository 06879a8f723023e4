"""Owns the routes of what people tell each other: comments on items; what is drawn of examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from alcore.records import Comment
from alcore.services import comments, guidelines
from alcore.web import state
from alcore.web.pictures import example_src, src
from alcore.web.requests import Body, board_route, id_in, text_in
from alcore.web.tickets import Ticket


def comment(request: Request, ticket: Ticket, body: Body) -> Body:
    """Add a comment to an image."""
    all_comments = comments.add(
        state.store(),
        ticket.project_id,
        ticket.annotator_id,
        key=text_in(body, "key", longest=100),
        item_id=id_in(body, "item"),
        text=text_in(body, "text"),
    )
    return {"comments": drawn(all_comments)}


def of_item(request: Request, ticket: Ticket, body: Body) -> Body:
    """List the comments on an image."""
    item_id = request.path_params["item_id"]
    return {"comments": drawn(comments.of_item(state.store(), ticket.project_id, item_id))}


def drawn(remarks: Sequence[Comment]) -> list[dict[str, Any]]:
    """Say of comments what is drawn of them."""
    return [{"who": c.annotator, "text": c.text, "at": c.created_at} for c in remarks]


def examples(project_id: int, annotator_id: int) -> dict[int, list[dict[str, Any]]]:
    """Name the example images of each class: {class id: [{id, item, name, src}]}, by age.

    Their addresses are signed for the annotator.
    """
    by_class: dict[int, list[dict[str, Any]]] = {}
    for example in guidelines.of_project(state.store(), project_id):
        if example.item_id is None:
            address = example_src(project_id, example.id, annotator_id)
        else:
            address = src(project_id, example.item_id, example.content_hash or "", annotator_id)
        by_class.setdefault(example.class_id, []).append(
            {"id": example.id, "item": example.item_id, "name": example.name, "src": address}
        )
    return by_class


def routes() -> list[Route]:
    """List the routes of comments."""
    return [
        board_route("/board/{project_id:id}/comment", comment, "take part", "POST"),
        board_route("/board/{project_id:id}/comments/{item_id:id}", of_item, "take part"),
    ]
