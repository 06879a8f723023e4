"""Owns how a request becomes work: its ticket, its body, the checks of its fields, its answer.

A request is trusted for what its signed ticket says (project, annotator), never for what its
body claims.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeGuard, TypeVar
from urllib.parse import urlsplit

import structlog
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alcore.errors import (
    AddressRefused,
    AlcoreError,
    AnswerLate,
    ClassDeleted,
    CompletionUnready,
    DuplicateProject,
    ExplanationImpossible,
    ImportRefused,
    InvalidClasses,
    InvalidSettings,
    InvalidTicket,
    LeaseExpired,
    NotAllowed,
    NothingToUndo,
    ProjectArchived,
    TooManyRequests,
    TrainingImpossible,
    UnknownFormat,
    UnknownItem,
    UnknownJob,
    UnknownJobKind,
    UnknownProject,
    UnknownSession,
    UnknownWebhook,
    UnreadableImage,
    UnreadableLabels,
    WorkspaceBusy,
    WrongAddress,
)
from alcore.records import NewUndo
from alcore.services import rights
from alcore.services.rights import Right
from alcore.web import state
from alcore.web.tickets import OUTSIDE, Ticket

STATUS: dict[type[AlcoreError], int] = {
    InvalidTicket: 401,
    # The board keeps its answers, as with a ticket that ran out, until the project is back.
    ProjectArchived: 401,
    NotAllowed: 403,
    UnknownItem: 404,
    UnknownJob: 404,
    UnknownProject: 404,
    UnknownSession: 404,
    UnreadableImage: 404,
    LeaseExpired: 409,
    ClassDeleted: 409,
    CompletionUnready: 409,
    DuplicateProject: 409,
    ExplanationImpossible: 409,
    NothingToUndo: 409,
    TrainingImpossible: 409,
    WrongAddress: 421,
    UnknownWebhook: 404,
    AddressRefused: 422,
    ImportRefused: 422,
    InvalidClasses: 422,
    InvalidSettings: 422,
    UnknownFormat: 422,
    UnknownJobKind: 422,
    UnreadableLabels: 422,
    TooManyRequests: 429,
}
MOST_IMAGES = 60
MOST_BODY = 64_000
MOST_WAITING = 60
"""Requests that may wait for threads of their own."""
PATIENCE = 3.0
"""Seconds that another program may hold the database until whoever asks is told."""
_LOOK = 0.5

log = structlog.get_logger()
Body = dict[str, Any]
Value = TypeVar("Value")


def declared(
    path: str, respond: Callable[[Request], Awaitable[Response]], right: Right, method: str = "GET"
) -> Route:
    """Make a route that names the right which it asks for; whoever has none must be refused."""
    respond.right = right  # type: ignore[attr-defined]  # the test of rights reads it
    return Route(path, respond, methods=[method])


def board_route(
    path: str,
    work: Callable[[Request, Ticket, Body], Any],
    right: Right,
    method: str = "GET",
    threads: CapacityLimiter | None = None,
    most: int = MOST_BODY,
) -> Route:
    """Make a route of work that may raise alcore's errors, below /board/{project_id} or outside.

    The work runs in a thread, for the person that the request's ticket names, once their right
    was checked, in the project if the path names one.

    threads: how many there are for it; by default it shares those of all requests. Work that
    takes long has few of its own, so that no label waits for it. most: bytes of a request. What
    the work returns travels as JSON, unless it is a response already.
    """

    @functools.wraps(work)
    def allowed(request: Request, ticket: Ticket, body: Body) -> Any:
        _check(right, ticket)
        return work(request, ticket, body)

    return declared(path, _responder(allowed, threads, most), right, method)


def label_route(path: str, work: Callable[[Request, Ticket, Body], Any]) -> Route:
    """Make a route of work that checks the right to label itself, where it changes anything.

    So no label waits for a second look. What the work refuses is told only to who has the right.
    """

    @functools.wraps(work)
    def allowed(request: Request, ticket: Ticket, body: Body) -> Any:
        try:
            return work(request, ticket, body)
        except AlcoreError:
            _check("label", ticket)
            raise

    return declared(path, _responder(allowed), "label", "POST")


def _check(right: Right, ticket: Ticket) -> None:
    rights.check(state.store(), right, ticket.annotator_id, ticket.project_id)


def _responder(
    work: Callable[[Request, Ticket, Body], Any],
    threads: CapacityLimiter | None = None,
    most: int = MOST_BODY,
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Let work answer requests, in a thread, for whom their tickets name."""

    @functools.wraps(work)
    async def respond(request: Request) -> Response:
        try:
            body = await _body(request, most) if request.method == "POST" else {}
            ticket = _ticket(request, body)
            if threads is not None and threads.statistics().tasks_waiting >= MOST_WAITING:
                raise AnswerLate("many are asking for this just now; try again in a moment")
            doing = to_thread.run_sync(work, request, ticket, body, limiter=threads)
            result = await unless_held(doing)
            return result if isinstance(result, Response) else JSONResponse(result)
        except AlcoreError as error:
            return refusal(error, request)

    return respond


def open_route(path: str, work: Callable[[Request, Body], Any]) -> Route:
    """Make a route of work for strangers, who bring no ticket: the work itself looks who asks."""

    @functools.wraps(work)
    async def respond(request: Request) -> Response:
        try:
            body = await _body(request, MOST_BODY)
            return JSONResponse(await unless_held(to_thread.run_sync(work, request, body)))
        except AlcoreError as error:
            return refusal(error, request)

    return declared(path, respond, "open", "POST")


async def unless_held(doing: Coroutine[Any, Any, Value]) -> Value:
    """Wait for what is asked; raise WorkspaceBusy once another program has kept it for long.

    It goes on meanwhile. Whoever asks again is not served twice: what is stored has a key.
    """
    task = asyncio.ensure_future(doing)
    while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
        if state.store().is_held(PATIENCE):
            task.add_done_callback(lambda late: late.exception())  # or Python warns of it
            raise WorkspaceBusy("the database is in use by another program; try again")
    return task.result()


def refusal(error: AlcoreError, request: Request) -> JSONResponse:
    """Say what went wrong, with the status that its kind has."""
    code, message = said_of(error, request)
    return JSONResponse({"error": type(error).__name__, "message": message}, code)


def said_of(error: AlcoreError, request: Request) -> tuple[int, str]:
    """Log that a request was refused; return the status and what is said of it."""
    code = STATUS.get(type(error), 503)
    endpoint = request.scope.get("endpoint")  # none where no route took the request
    log.log(
        logging.WARNING if code == 503 else logging.INFO,
        "request refused",
        route=getattr(endpoint, "__name__", ""),
        **request.path_params,
        status=code,
        error=type(error).__name__,
    )
    root = str(state.runtime().workspace.root)
    return code, str(error).replace(root, "the workspace")  # where it lies is nobody's business


def _check_site(request: Request) -> None:
    """Raise WrongAddress for a request from a page that is not this server's.

    Browsers tell it themselves, whatever a proxy makes of Host, but only over HTTPS and on the
    same machine; elsewhere the address of the page must be one that the server knows.
    """
    headers = request.headers
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site")
    if site == "same-origin" or (origin is None and site in (None, "none")):
        return
    if origin is None:
        raise WrongAddress("the request came from a page of another site, which may not ask")
    place = urlsplit(origin).netloc
    known = {headers.get("host"), headers.get("x-forwarded-host")}
    if place in known or not {origin, "*"}.isdisjoint(state.origins()):
        return
    raise WrongAddress(
        f"the page was opened at {origin}, but the server is asked as {headers.get('host')}: let "
        "the proxy pass the Host header on, or add the page's address to "
        "server.corsAllowedOrigins"
    )


async def _body(request: Request, most: int) -> Body:
    _check_site(request)
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            break
    try:
        body = json.loads(raw) if len(raw) <= most else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise InvalidSettings(f"the body must be a JSON object of at most {most} bytes")
    return body


def _ticket(request: Request, body: Body) -> Ticket:
    text = request.headers.get("x-alcore-ticket") or text_in(body, "ticket", "")
    ticket = state.tickets().read(text)
    if ticket.project_id != request.path_params.get("project_id", OUTSIDE):
        raise InvalidTicket("this page's ticket is for another project; reload the page")
    return ticket


def text_in(body: Body, name: str, default: str | None = None, longest: int = 2_000) -> str:
    """Read a text; without a default it must be there. Raises InvalidSettings."""
    value = body.get(name, default)
    if not _is_text(value) or len(value) > longest or (default is None and not value):
        raise InvalidSettings(f"{name} must be a text of 1 to {longest} characters; got {value!r}")
    return value


def _is_text(value: Any) -> TypeGuard[str]:
    """Tell whether a value is a text that can be stored: JSON may hold halves of characters."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def number_in(body: Body, name: str, low: float, high: float) -> float:
    """Read a number, moved into its range. Raises InvalidSettings."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # NaN
        raise InvalidSettings(f"{name} must be a number; got {value!r}")
    return min(max(value, low), high)


def id_in(body: Body, name: str) -> int:
    """Read an id. Raises InvalidSettings."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
        raise InvalidSettings(f"{name} must be a whole number above 0; got {value!r}")
    return value


def maybe(read: Callable[..., Value], body: Body, name: str, *limits: float) -> Value | None:
    """Read a field that may be absent or null."""
    return None if body.get(name) is None else read(body, name, *limits)


def wish(ticket: Ticket, key: str, undoes: str) -> NewUndo:
    """Write what takes an answer of whoever asks back."""
    return NewUndo(ticket.project_id, ticket.annotator_id, key, undoes, time.time())


def texts_in(body: Body, name: str) -> list[str]:
    """Read the first texts of a list, empty by default. Raises InvalidSettings."""
    value = body.get(name, [])
    if not isinstance(value, list) or not all(map(_is_text, value)):
        raise InvalidSettings(f"{name} must be a list of texts; got {value!r}")
    return value[:MOST_IMAGES]
