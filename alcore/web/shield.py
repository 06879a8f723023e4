"""Owns what is looked at in every request to the server, Streamlit's own routes included.

The name under which the server is asked, who uploads, how long a body takes to come; and what
every answer says about framing. Times in seconds.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alcore.web.uploads import Uploads

PATIENCE = 20.0
"""A body of which no part comes for this long is given up, and a small one that is not whole."""
ANY_HOST = re.compile(r"/(alcore|_stcore)/health$")
"""Whoever watches the server asks by its address."""
_UPLOAD = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/[^/]+$")


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
        if upload is None:
            await self._answer(scope, _Body(receive, whole=True), send)
            return
        length = headers.get("content-length", "")
        size = int(length) if length.isdecimal() and len(length) < 16 else None
        refusal = self._uploads.begin(upload["session"], size)
        if refusal is not None:
            await _refuse(*refusal, scope, receive, send)
            return
        try:
            await self._answer(scope, _Body(receive, whole=False), send)
        finally:
            self._uploads.end()

    async def _answer(self, scope: Scope, body: _Body, send: Send) -> None:
        policy = " ".join(("frame-ancestors", "'self'", *self._embedded_by()))

        async def framed(message: Message) -> None:
            if body.late:  # what the app says of a body that broke off
                return
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.append("Content-Security-Policy", policy)
                headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        try:
            await self._app(scope, body.receive, framed)
        except Exception:
            if not body.late:
                raise
        if body.late:
            await _refuse(408, "the request did not come whole in time", scope, body.receive, send)

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

    whole: all of it has to be there in time, else each of its parts.
    """

    def __init__(self, receive: Receive, whole: bool) -> None:
        self._receive = receive
        self._whole = whole
        self._began = time.monotonic()
        self._complete = False
        self.late = False

    async def receive(self) -> Message:
        if self._complete:  # what comes now is the end of the connection
            return await self._receive()
        left = PATIENCE - (time.monotonic() - self._began) if self._whole else PATIENCE
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.001))
        except TimeoutError:
            self.late = True
            return {"type": "http.disconnect"}
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message


async def _refuse(code: int, message: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"error": "Refused", "message": message}, code)(scope, receive, send)
