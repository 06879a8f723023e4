"""Owns how a program's request becomes work: its token, its right and scope, its pace, its thread.

Who asks is what the token says, and nothing else: cookies and tickets count for nothing here, so
that no page of another site can ask in somebody's name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, HTTPException, Request, Security
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.types import Message, Receive

from alcore.errors import AnswerLate, InvalidTicket, NotAllowed
from alcore.records import ApiToken, Scope
from alcore.services import api_tokens, rights
from alcore.services.rights import Right
from alcore.web import state
from alcore.web.api.pace import Pace
from alcore.web.api.problems import responses
from alcore.web.api.receiving import MIMES, receive_file
from alcore.web.requests import MOST_BODY, MOST_WAITING, unless_held

AT_ONCE = 8
"""Requests of programs that are worked on at once, so that no label from a board waits."""
_threads = CapacityLimiter(AT_ONCE)
_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="An API token, made on the Team page"
)
Work = TypeVar("Work", bound=Callable[..., Any])


class Operation(APIRoute):
    """A route that looks at who asks before it reads anything else of a request."""

    @property
    def right(self) -> Right:
        """Which right of a person it asks for."""
        return vars(self.endpoint)["right"]

    @property
    def scope(self) -> Scope | None:
        """Which scope of a token it asks for; None for what is open to everybody."""
        return vars(self.endpoint)["scope"]

    @property
    def most(self) -> int:
        """Bytes that a body may have."""
        return vars(self.endpoint)["most"]

    @property
    def takes_file(self) -> bool:
        """Whether its body is a file, of any size that an upload may have."""
        return vars(self.endpoint)["takes_file"]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        respond = super().get_route_handler()
        right, scope = self.right, self.scope

        async def admit_and_respond(request: Request) -> Response:
            if scope is not None:
                _check_crowd()
                admission = to_thread.run_sync(_admit, request, right, scope, limiter=_threads)
                request.state.token = await unless_held(admission)
            if self.takes_file:
                return await unless_held(_with_file(request, respond))
            if self.body_field is not None:
                _check_mime(request, "application/json")
            limited = Request(request.scope, _limited(request.receive, self.most))
            return await unless_held(respond(limited))

        return admit_and_respond


def _check_crowd() -> None:
    if _threads.statistics().tasks_waiting >= MOST_WAITING:
        raise AnswerLate("many programs are asking just now; try again in a moment")


def _check_mime(request: Request, *mimes: str) -> None:
    mime = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if mime not in mimes:
        raise HTTPException(415)


async def _with_file(
    request: Request, respond: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """Receive the file of a request, and let its operation have it."""
    _check_mime(request, *MIMES)
    request.state.file = await receive_file(request, request.state.token)
    return await respond(request)


def _limited(receive: Receive, most: int) -> Receive:
    """Receive a body up to its limit, whatever its head says of its length."""
    length = 0

    async def receive_within_limit() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > most:
            raise HTTPException(413)
        return message

    return receive_within_limit


def _admit(request: Request, right: Right, scope: Scope) -> ApiToken:
    """Return the token of a request that may do this. Raises InvalidTicket, NotAllowed."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    token = api_tokens.read(state.store(), text.strip() if kind.casefold() == "bearer" else "")
    pace().take(token.id)
    named = request.path_params.get("project_id", str(token.project_id))
    if named != str(token.project_id):
        raise NotAllowed(f"this API token is for project {token.project_id} and no other")
    rights.check(state.store(), right, token.annotator_id, token.project_id)
    api_tokens.check_scope(token, scope)
    api_tokens.note_use(state.store(), token)
    return token


@functools.cache
def pace() -> Pace:
    """Keep how often each token has asked."""
    return Pace(state.runtime().api_rate)


async def _caller(request: Request) -> ApiToken:
    token = getattr(request.state, "token", None)
    if not isinstance(token, ApiToken):
        raise InvalidTicket("this needs an API token; make one on the Team page")
    return token


Caller = Annotated[ApiToken, Depends(_caller)]
"""The token of whoever asks, in an operation that has a scope."""


def router(tag: str) -> APIRouter:
    """Make a group of operations."""
    return APIRouter(route_class=Operation, tags=[tag])


def _refusals(method: str, path: str, scope: Scope | None, takes_file: bool) -> list[int]:
    """List the statuses with which an operation may refuse."""
    codes = [422, 503] if scope is None else [401, 403, 422, 429, 503]
    if "{" in path:
        codes.append(404)
    if method == "POST":
        codes += [400, 409, 413, 415]
    return codes + [411] * takes_file


def operation(
    group: APIRouter,
    call: str,
    right: Right,
    scope: Scope | None,
    most: int = MOST_BODY,
    **more: Any,
) -> Callable[[Work], Work]:
    """Declare an operation: what is called, by which right of a person and scope of a token.

    call: method and path, such as "GET /projects". The work runs in a thread, and may raise
    alcore's errors. scope: None for what is open to everybody. most: bytes of a body. takes_file:
    the body is a file, which lies in `request.state.file`; what it does with it is its own affair.
    """
    method, path = call.split(" ")
    takes_file = bool(more.pop("takes_file", False))
    codes = _refusals(method, path, scope, takes_file)

    def declare(work: Work) -> Work:
        @functools.wraps(work)
        async def respond(**arguments: Any) -> Any:
            return await to_thread.run_sync(functools.partial(work, **arguments), limiter=_threads)

        summary, _, description = (work.__doc__ or "").partition("\n")
        respond.__doc__ = None  # FastAPI would take it where there is no more than a summary
        respond.right = right  # type: ignore[attr-defined]  # the test of rights reads it
        respond.scope = scope  # type: ignore[attr-defined]
        respond.most = most  # type: ignore[attr-defined]
        respond.takes_file = takes_file  # type: ignore[attr-defined]
        extra: dict[str, Any] = {"x-alcore-right": right, "x-alcore-scope": scope}
        if takes_file:
            file = {"schema": {"type": "string", "format": "binary"}}
            extra["requestBody"] = {"required": True, "content": {MIMES[0]: file}}
        group.add_api_route(
            path,
            respond,
            methods=[method],
            operation_id=work.__name__,
            summary=summary.rstrip("."),
            description=inspect.cleandoc(description),
            dependencies=[] if scope is None else [Security(_bearer)],
            responses=responses(*sorted(codes)) | more.pop("responses", {}),
            openapi_extra=extra,
            **more,
        )
        return work

    return declare
