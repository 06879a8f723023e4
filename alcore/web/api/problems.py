"""Owns what programs are told when something is wrong: problem details (RFC 9457), always."""

from __future__ import annotations

import math
import re
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from alcore.errors import (
    AlcoreError,
    InvalidTicket,
    NotAllowed,
    ProjectArchived,
    TooManyRequests,
)
from alcore.web.requests import MOST_BODY, STATUS, said_of

MIME = "application/problem+json"
KIND = "urn:alcore:problem:"
BUSY_FOR = 2
"""Seconds after which somebody is asked to try again what could not be done now."""
SAID = {
    400: "the body is not JSON that can be read",
    404: "there is nothing at this address; /api/v1/docs lists all that there is",
    405: "this address does not take this method; /api/v1/docs lists those that it takes",
    413: f"the body must be a JSON object of at most {MOST_BODY} bytes, or of as many as the "
    "operation's description allows",
    415: "send the body as JSON, with the header Content-Type: application/json",
}
SAID_OF_FIELDS = {
    "extra_forbidden": "there is no such field",
    "missing": "must be there",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "string_unicode": "must be text that can be stored",
}
"""In place of a library's words."""
MOST_FAULTS = 20
log = structlog.get_logger()


class Refusal(HTTPException):
    """One that says in its detail what was wrong, as a library's does not."""


class Fault(BaseModel):
    """One field of a request that cannot be used."""

    at: str = Field(description="Where it stands, such as body.class_id")
    message: str = Field(description="What is wrong with it")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="What kind of problem it is, the same for all of a kind")
    title: str = Field(description="The same in words")
    status: int
    detail: str = Field(description="What was wrong, and what would be right")
    faults: list[Fault] | None = Field(None, description="What is wrong with which field")


def responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of an operation for its document."""
    return {
        code: {
            "description": HTTPStatus(code).phrase,
            "content": {MIME: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for code in codes
    }


def answer_with_problems(app: FastAPI) -> None:
    """Let an application say everything that goes wrong as a problem."""
    app.add_exception_handler(AlcoreError, _refused)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)


def _problem(
    kind: str, code: int, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).casefold()
    body = {
        "type": KIND + words.replace(" ", "-"),
        "title": words,
        "status": code,
        "detail": detail,
        **more,
    }
    return JSONResponse(body, code, headers, media_type=MIME)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AlcoreError)
    code, message = said_of(error, request)
    headers = {}
    if isinstance(error, InvalidTicket):
        headers["WWW-Authenticate"] = 'Bearer realm="alcore"'
    elif isinstance(error, NotAllowed):
        headers["WWW-Authenticate"] = 'Bearer realm="alcore", error="insufficient_scope"'
    elif isinstance(error, ProjectArchived):
        code = 409  # browsers keep answers that get 401; a program's token is as good as before
    elif isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(math.ceil(error.retry_in))
    elif type(error) not in STATUS:
        headers["Retry-After"] = str(BUSY_FOR)
    return _problem(type(error).__name__, code, message, headers)


async def _unusable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        {
            "at": ".".join(map(str, one["loc"])),
            "message": SAID_OF_FIELDS.get(one["type"], str(one["msg"])),
        }
        for one in error.errors()[:MOST_FAULTS]
    ]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return _problem("BadRequest", 400, SAID[400], faults=faults)
    detail = "; ".join(f"{one['at']}: {one['message']}" for one in faults)
    return _problem("InvalidRequest", 422, detail, faults=faults)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    kind = phrase.title().replace(" ", "").replace("-", "")
    is_ours = isinstance(error, Refusal)
    said = error.detail if is_ours else SAID.get(error.status_code, phrase)
    return _problem(kind, error.status_code, said, dict(error.headers or {}))


async def _failed(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", error=type(error).__name__)
    return _problem("ServerError", 500, "this failed here; the server's log says more")
