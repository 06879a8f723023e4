"""Owns how pictures reach a browser: their signed addresses, and what answers them."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alcore.errors import AlcoreError, InvalidTicket, UnreadableImage
from alcore.records import Lease
from alcore.services import guidelines, images, rights
from alcore.services.rights import Right
from alcore.web import state
from alcore.web.requests import Body, board_route, declared, refusal, texts_in
from alcore.web.tickets import Ticket

_ADDRESS = re.compile(
    r"(?P<path>board/(?P<project>\d{1,15})/(pixels|examples)/\d{1,15})"
    r"\?(v=\w+&)?t=(?P<signature>[\w.-]+)(&\w+=1)*",
    re.ASCII,
)
UNREADABLE = "this image cannot be read now; the project's owners can check the originals"
SMALL = 256
"""Longest side of a thumbnail, in pixels."""


def src(
    project_id: int, item_id: int, content_hash: str, annotator_id: int, small: bool = False
) -> str:
    """Name the address of an image's pixels, or of a thumbnail, signed for one annotator.

    Like all addresses that pages get it is relative: right below whatever path the app is served.
    """
    path = f"board/{project_id}/pixels/{item_id}"
    size = "&small=1" if small else ""
    signature = state.tickets().show(annotator_id, path)
    return f"{path}?v={content_hash[:12]}&t={signature}{size}"


def example_src(project_id: int, example_id: int, annotator_id: int) -> str:
    """Name the address of an uploaded example, signed for one annotator."""
    path = f"board/{project_id}/examples/{example_id}"
    return f"{path}?t={state.tickets().show(annotator_id, path)}"


def leased(lease: Lease, ticket: Ticket) -> Body:
    """Say of a leased image what the board needs to know."""
    return {
        "token": lease.token,
        "proof": state.tickets().hand(ticket.project_id, ticket.annotator_id, lease.item_id),
        "item": lease.item_id,
        "src": src(ticket.project_id, lease.item_id, lease.content_hash, ticket.annotator_id),
        "width": lease.width,
        "height": lease.height,
        "round": lease.round_number,
        "instant": lease.head_labels,
        "comments": lease.comments,
        "expires_in": max(0.0, lease.expires_at - time.time()),
    }


def picture_route(path: str, read: Callable[[Request], Response]) -> Route:
    """Make a route that shows a picture to whom its address was signed for.

    They must still take part in the project: an address outlives a removal by nothing.
    """
    right: Right = "take part"

    def allowed(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        signature = request.query_params.get("t", "")
        annotator_id = state.tickets().shown_to(_own_path(request), signature)
        rights.check(state.store(), right, annotator_id, project_id)
        try:
            return read(request)
        except UnreadableImage:  # its reason may name a file of the server
            if rights.owns(state.store(), project_id, annotator_id):
                raise
            raise UnreadableImage(UNREADABLE) from None

    @functools.wraps(read)
    async def respond(request: Request) -> Response:
        try:
            return await run_in_threadpool(allowed, request)
        except AlcoreError as error:
            return refusal(error, request)

    return declared(path, respond, right)


def _own_path(request: Request) -> str:
    """Return the path that was signed, whatever path the app is served below."""
    kind, number = request.url.path.rsplit("/", 2)[-2:]
    return f"board/{request.path_params['project_id']}/{kind}/{int(number)}"


def pixels(request: Request) -> Response:
    """Serve an image's re-encoded pixels, never its original bytes."""
    project_id, item_id = request.path_params["project_id"], request.path_params["item_id"]
    largest: int | None = SMALL if "small" in request.query_params else images.LARGEST
    if "whole" in request.query_params:
        largest = None
    lasting = images.is_lasting(state.store(), project_id)
    return picture(*images.shown(state.store(), project_id, item_id, largest), lasting)


def example(request: Request) -> Response:
    """Serve an uploaded example, as it was encoded anew."""
    project_id, example_id = request.path_params["project_id"], request.path_params["example_id"]
    return picture(*guidelines.picture(state.store(), project_id, example_id))


def sign_again(request: Request, ticket: Ticket, body: Body) -> Body:
    """Sign addresses anew that were signed for the same person: a board may be open for days."""
    anew = {}
    for address in texts_in(body, "addresses"):
        parts = _ADDRESS.fullmatch(address)
        if parts is None or int(parts["project"]) != ticket.project_id:
            raise InvalidTicket("this is no address of a picture of this project; reload the page")
        signature = parts["signature"]
        path = parts["path"]
        if state.tickets().shown_to(path, signature, however_old=True) != ticket.annotator_id:
            raise InvalidTicket("this link is somebody else's; reload the page")
        anew[address] = address.replace(
            f"t={signature}", f"t={state.tickets().show(ticket.annotator_id, path)}"
        )
    return {"addresses": anew}


def picture(data: bytes, mime: str, lasting: bool = True) -> Response:
    """Answer with a picture; a lasting one never changes at its address."""
    return Response(
        data,
        media_type=mime,
        headers={
            "Cache-Control": f"private, {'max-age=31536000, immutable' if lasting else 'no-cache'}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'",
        },
    )


def routes() -> list[Route]:
    """List the routes of pictures."""
    return [
        picture_route("/board/{project_id:id}/pixels/{item_id:id}", pixels),
        picture_route("/board/{project_id:id}/examples/{example_id:id}", example),
        board_route("/board/{project_id:id}/pictures", sign_again, "take part", "POST"),
    ]
