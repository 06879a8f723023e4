"""Owns the routes of what people tell each other: comments on items, examples of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alcore.errors import AlcoreError
from alcore.records import Comment
from alcore.services import comments, guidelines
from alcore.web import state
from alcore.web.pictures import picture, src
from alcore.web.requests import Body, endpoint, id_in, refusal, text_in
from alcore.web.tickets import Ticket


def comment(request: Request, ticket: Ticket, body: Body) -> Body:
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
    item_id = request.path_params["item_id"]
    return {"comments": drawn(comments.of_item(state.store(), ticket.project_id, item_id))}


def drawn(remarks: Sequence[Comment]) -> list[dict[str, Any]]:
    """Say of comments what is drawn of them."""
    return [{"who": c.annotator, "text": c.text, "at": c.created_at} for c in remarks]


def examples(project_id: int) -> dict[int, list[dict[str, Any]]]:
    """Name the example images of each class: {class id: [{id, item, name, src}]}, by age."""
    by_class: dict[int, list[dict[str, Any]]] = {}
    for example in guidelines.of_project(state.store(), project_id):
        if example.item_id is None:
            signature = state.tickets().pixels(project_id)
            address = f"board/{project_id}/examples/{example.id}?t={signature}"
        else:
            address = src(project_id, example.item_id, example.content_hash or "")
        by_class.setdefault(example.class_id, []).append(
            {"id": example.id, "item": example.item_id, "name": example.name, "src": address}
        )
    return by_class


async def uploaded(request: Request) -> Response:
    """Serve an uploaded example, as it was encoded anew."""
    project_id, example_id = request.path_params["project_id"], request.path_params["example_id"]
    try:
        state.tickets().check_pixels(project_id, request.query_params.get("t", ""))
        return picture(
            *await run_in_threadpool(guidelines.picture, state.store(), project_id, example_id)
        )
    except AlcoreError as error:
        return refusal(error, request)


def routes() -> list[Route]:
    """List the routes of comments and examples."""
    return [
        Route("/board/{project_id:id}/comment", endpoint(comment), methods=["POST"]),
        Route("/board/{project_id:id}/comments/{item_id:id}", endpoint(of_item)),
        Route("/board/{project_id:id}/examples/{example_id:id}", uploaded),
    ]
