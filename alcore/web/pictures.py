"""Owns how pictures reach a browser: their signed addresses, and what answers them."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from alcore.errors import AlcoreError, InvalidTicket, UnreadableImage
from alcore.records import Lease
from alcore.services import guidelines, images, rights
from alcore.services.images import Rendition
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
WHOLE = 1_000_000
"""Bytes up to which a picture is sent at once, and of each part of a larger one."""
Work = Response | Callable[[], Response]
_makers = CapacityLimiter(images.AT_ONCE)


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


def picture_route(path: str, read: Callable[[Request], Work]) -> Route:
    """Make a route that shows a picture to whom its address was signed for.

    They must still be let label in the project: an address outlives a removal by nothing. Where
    making the picture takes long, `read` returns what does it: few are made at once, and those
    that wait keep no thread from the labels.
    """
    right: Right = "label"

    def allowed(request: Request) -> Work:
        project_id = request.path_params["project_id"]
        rights.check(state.store(), right, _viewer(request), project_id)
        return read(request)

    @functools.wraps(read)
    async def respond(request: Request) -> Response:
        try:
            work = await run_in_threadpool(allowed, request)
            if isinstance(work, Response):
                return work
            return await to_thread.run_sync(work, limiter=_makers)
        except UnreadableImage as error:
            return refusal(await run_in_threadpool(_reason, error, request), request)
        except AlcoreError as error:
            return refusal(error, request)

    return declared(path, respond, right)


def _viewer(request: Request) -> int:
    """Return the annotator for whom an address was signed. Raises InvalidTicket."""
    return state.tickets().shown_to(_own_path(request), request.query_params.get("t", ""))


def _reason(error: UnreadableImage, request: Request) -> UnreadableImage:
    """Keep a reason, which may name a file of the server, from all but owners."""
    if rights.owns(state.store(), request.path_params["project_id"], _viewer(request)):
        return error
    return UnreadableImage(UNREADABLE)


def _own_path(request: Request) -> str:
    """Return the path that was signed, whatever path the app is served below."""
    kind, number = request.url.path.rsplit("/", 2)[-2:]
    return f"board/{request.path_params['project_id']}/{kind}/{int(number)}"


def pixels(request: Request) -> Work:
    """Serve an image's re-encoded pixels, never its original bytes."""
    project_id, item_id = request.path_params["project_id"], request.path_params["item_id"]
    largest: int | None = SMALL if "small" in request.query_params else images.LARGEST
    if "whole" in request.query_params:
        largest = None
    lasting = images.is_lasting(state.store(), project_id)
    shown = images.shown(state.store(), project_id, item_id, largest)
    if isinstance(shown, Rendition):
        return picture(shown, lasting)
    return lambda: picture(shown(), lasting)


def example(request: Request) -> Response:
    """Serve an uploaded example, as it was encoded anew."""
    project_id, example_id = request.path_params["project_id"], request.path_params["example_id"]
    return picture(guidelines.picture(state.store(), project_id, example_id))


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


def picture(rendition: Rendition, lasting: bool = True) -> Response:
    """Answer with a picture; a lasting one never changes at its address."""
    headers = {
        "Cache-Control": f"private, {'max-age=31536000, immutable' if lasting else 'no-cache'}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
    }
    if rendition.size <= WHOLE:
        return Response(rendition.read(), headers=headers, media_type=rendition.mime)
    headers["Content-Length"] = str(rendition.size)
    return StreamingResponse(_parts(rendition.file), headers=headers, media_type=rendition.mime)


def _parts(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while part := file.read(WHOLE):
            yield part


def routes() -> list[Route]:
    """List the routes of pictures."""
    return [
        picture_route("/board/{project_id:id}/pixels/{item_id:id}", pixels),
        picture_route("/board/{project_id:id}/examples/{example_id:id}", example),
        board_route("/board/{project_id:id}/pictures", sign_again, "label", "POST"),
    ]
