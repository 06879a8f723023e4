"""Owns how pictures reach a browser: their signed addresses, and what answers them."""

from __future__ import annotations

import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from alcore.errors import AlcoreError
from alcore.records import Lease
from alcore.services import images
from alcore.web import state
from alcore.web.requests import Body, refusal

SMALL = 256
"""Longest side of a thumbnail, in pixels."""


def src(project_id: int, item_id: int, content_hash: str, small: bool = False) -> str:
    """Name the address of an image's pixels, or of a thumbnail, signed for its project.

    Like all addresses that pages get it is relative: right below whatever path the app is served.
    """
    signature = state.tickets().pixels(project_id)
    size = "&small=1" if small else ""
    return f"board/{project_id}/pixels/{item_id}?v={content_hash[:12]}&t={signature}{size}"


def leased(lease: Lease, project_id: int) -> Body:
    """Say of a leased image what the board needs to know."""
    return {
        "token": lease.token,
        "item": lease.item_id,
        "src": src(project_id, lease.item_id, lease.content_hash),
        "width": lease.width,
        "height": lease.height,
        "round": lease.round_number,
        "instant": lease.head_labels,
        "comments": lease.comments,
        "expires_in": max(0.0, lease.expires_at - time.time()),
    }


async def pixels(request: Request) -> Response:
    """Serve an image's re-encoded pixels, never its original bytes."""
    project_id, item_id = request.path_params["project_id"], request.path_params["item_id"]
    try:
        state.tickets().check_pixels(project_id, request.query_params.get("t", ""))
        item = (state.store(), project_id, item_id)
        largest = SMALL if "small" in request.query_params else images.LARGEST
        largest = None if "whole" in request.query_params else largest
        return picture(
            *await run_in_threadpool(images.shown, *item, largest),
            lasting=await run_in_threadpool(images.is_lasting, state.store(), project_id),
        )
    except AlcoreError as error:
        return refusal(error, request)


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
