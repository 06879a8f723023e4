"""Owns what is looked at in every request to the server, Streamlit's own routes included.

The name under which the server is asked, who uploads and where that goes, how long a body takes to
come and an answer to be taken; and what every answer says about framing. Times in seconds.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alcore import disk
from alcore.errors import InvalidSettings, NoRoom
from alcore.web.promptness import hurry
from alcore.web.spool import Spool
from alcore.web.uploads import BUSY, SLOWEST, Uploads

PATIENCE = 20.0
"""A body of which no part comes for this long is given up, and a small one that is not whole."""
CLOSED = re.compile(r"/_stcore/metrics$")
"""Streamlit tells every stranger how many people are here, and what they upload."""
TURN = 0.05
"""Between two looks whether an upload that waits may begin."""
BLOCK = 500_000
"""Bytes of an upload that are written at once."""
LATE = "the request did not come whole in time"
ANY_HOST = re.compile(r"/(alcore/(health|live|ready|metrics)|_stcore/health)$")
"""Whoever watches the server asks by its address."""
_UPLOAD = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/[^/]+$")

_FILE = re.compile(r"/api/v1/uploads$")
"""Where programs send files, which come as slowly as those of pages."""


class Shield:
    """A middleware around the whole app."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: Sequence[str],
        uploads: Uploads,
        embedded_by: Callable[[], Sequence[str]],
    ) -> None:
        self._app = app
        self._hosts = [host.strip().casefold().rstrip(".") for host in hosts]
        self._embedded_by = embedded_by
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        hurry(receive)
        if scope["type"] != "http":  # Streamlit looks at its WebSocket's host and origin itself
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        path = str(scope["path"])
        upload = _UPLOAD.search(path) if scope["method"] in ("PUT", "POST") else None
        if not ANY_HOST.search(path) and not self._knows(headers.get("host", "")):
            say = "the server is not known under this name; add it to server.allowedHosts"
            await _refuse(421, say, scope, receive, send)
            return
        if CLOSED.search(path):
            await _refuse(404, "there is nothing here", scope, receive, send)
            return
        if upload is None:
            length = headers.get("content-length", "")
            size = int(length) if length.isdecimal() and len(length) < 16 else 0
            file = _FILE.search(path) is not None
            await self._answer(scope, _Body(receive, not file, size if file else 0), send)
            return
        await self._upload(upload["session"], headers, scope, receive, send)

    async def _upload(
        self, session: str, headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Write a file to the disk while it comes, and hand on a slip of paper that names it."""
        length = headers.get("content-length", "")
        size = int(length) if length.isdecimal() and len(length) < 16 else None
        refusal = self._uploads.begin(session, size)
        until = time.monotonic() + PATIENCE
        while refusal is BUSY and time.monotonic() < until:
            await asyncio.sleep(TURN)
            refusal = self._uploads.begin(session, size)
        if refusal is not None:
            await _refuse(*refusal, scope, receive, send)
            return
        body = _Body(receive, whole=False, size=size or 0)
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await run_in_threadpool(disk.check_room, self._uploads.folder(), size or 0)
            spool = await run_in_threadpool(
                Spool, self._uploads.folder(), headers.get("content-type", "")
            )
            try:
                form = await _written(spool, body)
                if form is None:
                    if body.late:
                        await _refuse(408, LATE, scope, receive, send)
                    return
                await self._answer(_with_length(scope, len(form)), _Form(form, receive), noted)
            finally:
                if status != 204:
                    await run_in_threadpool(spool.discard)
        except NoRoom:
            say = "the server has no room for this file; ask whoever runs the app to make some"
            await _refuse(507, say, scope, receive, send)
        except InvalidSettings as error:
            await _refuse(400, str(error), scope, receive, send)
        except OSError as error:
            say = f"the upload cannot be stored ({error.strerror}); ask whoever runs the app"
            await _refuse(507, say, scope, receive, send)
        finally:
            self._uploads.end()

    async def _answer(self, scope: Scope, body: _Body | _Form, send: Send) -> None:
        policy = " ".join(("frame-ancestors", "'self'", *self._embedded_by()))
        taken = True

        async def framed(message: Message) -> None:
            nonlocal taken
            if body.late:  # what the app says of a body that broke off
                return
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("Content-Security-Policy", policy)
                headers.setdefault("Referrer-Policy", "same-origin")
            try:
                async with asyncio.timeout(PATIENCE):
                    await send(message)
            except TimeoutError:  # nobody reads; what makes the answer shall end
                taken = False
                raise ConnectionAbortedError("the answer was not taken in time") from None

        try:
            await self._app(scope, body.receive, framed)
        except Exception:
            if taken and not body.late:
                raise
        if body.late:
            await _refuse(408, LATE, scope, body.receive, send)

    def _knows(self, host: str) -> bool:
        """Tell whether the server answers under this name, with or without a port."""
        if not self._hosts or "*" in self._hosts:
            return True
        name = re.sub(r":\d+$", "", host.casefold()).strip("[]").rstrip(".")
        return any(
            name.endswith(known[1:]) if known.startswith("*.") else name == known.strip("[]")
            for known in self._hosts
        )


class _Body:
    """A request's body, which breaks off where it comes too slowly.

    whole: all of it has to be there in time, else each of its parts, and all of its size, in
    bytes, at a rate.
    """

    def __init__(self, receive: Receive, whole: bool, size: int = 0) -> None:
        self._receive = receive
        self._whole = whole
        self._until = time.monotonic() + PATIENCE + size / SLOWEST
        self._complete = False
        self.late = False

    async def receive(self) -> Message:
        if self._complete:  # what comes now is the end of the connection
            return await self._receive()
        left = self._until - time.monotonic()
        left = left if self._whole else min(left, PATIENCE)
        try:
            async with asyncio.timeout(max(left, 0.001)):
                message = await self._receive()
        except TimeoutError:
            self.late = True
            return {"type": "http.disconnect"}
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message


class _Form:
    """A short body that is there already."""

    late = False

    def __init__(self, form: bytes, receive: Receive) -> None:
        self._form: bytes | None = form
        self._receive = receive

    async def receive(self) -> Message:
        if self._form is None:  # what comes now is the end of the connection
            return await self._receive()
        form, self._form = self._form, None
        return {"type": "http.request", "body": form, "more_body": False}


async def _written(spool: Spool, body: _Body) -> bytes | None:
    """Write a body to the disk; return the form in its place, None where it did not come whole."""
    parts = bytearray()
    more = True
    while more:
        message = await body.receive()
        if message["type"] != "http.request":
            return None
        parts += message.get("body", b"")
        more = message.get("more_body", False)
        if len(parts) >= BLOCK or not more:
            await run_in_threadpool(spool.write, bytes(parts))
            parts.clear()
    return await run_in_threadpool(spool.finish)


def _with_length(scope: Scope, length: int) -> Scope:
    headers = [(k, v) for k, v in scope["headers"] if k.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


async def _refuse(code: int, message: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"error": "Refused", "message": message}, code)(scope, receive, send)
