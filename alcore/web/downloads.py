"""Owns files that a page offers for download: made while they are sent, never whole in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from alcore.errors import AlcoreError, AnswerLate
from alcore.services import exporting, model_export, predicting, rights
from alcore.services.exporting import Wish
from alcore.services.rights import Right
from alcore.web import state
from alcore.web.requests import declared, refusal

AT_ONCE = 8
"""Files on their way: each reads the database as of one moment, from its first byte to its last."""
_under_way = 0


@dataclass(frozen=True)
class Download:
    """A file on its way to a browser."""

    name: str
    mime: str
    blocks: Iterator[bytes]


def address(project_id: int, annotator_id: int, what: str, options: Mapping[str, str]) -> str:
    """Name the address of a download, signed for one annotator; relative, like all that pages get.

    what: the last part of its path, such as "labels".
    """
    path = f"board/{project_id}/files/{what}"
    signature = state.tickets().show(annotator_id, path)
    return f"{path}?{urlencode({**options, 't': signature})}"


def download_route(what: str, make: Callable[[Request, int, int], Download]) -> Route:
    """Make a route that sends a file to the owner for whom its address was signed.

    make: is told the request, the project and the annotator, and may raise alcore's errors; what
    goes wrong later breaks the transfer off, so that no browser takes half a file for a whole one.
    """
    right: Right = "own"

    def allowed(request: Request) -> Download:
        project_id = request.path_params["project_id"]
        path = f"board/{project_id}/files/{what}"
        annotator_id = state.tickets().shown_to(path, request.query_params.get("t", ""))
        rights.check(state.store(), right, annotator_id, project_id)
        return make(request, project_id, annotator_id)

    @functools.wraps(make)
    async def respond(request: Request) -> Response:
        try:
            return sending(await run_in_threadpool(allowed, request))
        except AlcoreError as error:
            return refusal(error, request)

    return declared(f"/board/{{project_id:id}}/files/{what}", respond, right)


class Sending(StreamingResponse):
    """A file on its way, which is counted."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        global _under_way
        _under_way += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            _under_way -= 1


def sending(file: Download) -> StreamingResponse:
    """Answer with a file that is made meanwhile. Raises AnswerLate while many are on their way."""
    if _under_way >= AT_ONCE:
        raise AnswerLate("many files are being downloaded just now; try again in a moment")
    return Sending(
        file.blocks,
        media_type=file.mime,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def labels(request: Request, project_id: int, annotator_id: int) -> Download:
    """Send the labels in a format, with what is wanted beside them."""
    asked = request.query_params
    number = asked.get("snapshot", "")
    wish = Wish(
        asked.get("format", "csv"),
        tuple(part for part in asked.get("parts", "").split(",") if part),
        on_disk=asked.get("paths") == "disk",
        snapshot=int(number) if number.isdecimal() and len(number) < 16 else None,
    )
    export = exporting.prepare(state.store(), project_id, wish, annotator_id)
    return Download(export.name, export.format.mime, export.blocks())


def predictions(request: Request, project_id: int, annotator_id: int) -> Download:
    """Send what the newest model says of the project's images."""
    asked = request.query_params
    file = predicting.pool(
        state.store(),
        project_id,
        asked.get("format", "csv"),
        "all" if asked.get("which") == "all" else "unlabeled",
        asked.get("embeddings") == "1",
        annotator_id,
    )
    return Download(file.name, file.format.mime, file.blocks())


def model(request: Request, project_id: int, annotator_id: int) -> Download:
    """Send the newest model as a zip, once it was packed."""
    name, blocks = model_export.blocks(state.store(), project_id, annotator_id)
    return Download(name, "application/zip", blocks)


def routes() -> list[Route]:
    """List the routes of downloads."""
    files = {"labels": labels, "predictions": predictions, "model": model}
    return [download_route(what, make) for what, make in files.items()]
