"""Owns where the REST API stands on the server, and that it is loaded when it is first asked."""

from __future__ import annotations

import asyncio
import gc

from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/api/v1"
"""A promise, as all that stands below it."""


class Later:
    """The REST API, which is loaded in a thread when the first request comes."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._app is None:
            async with self._loading:
                if self._app is None:
                    self._app = await run_in_threadpool(_load)
        await self._app(scope, receive, send)


def _load() -> ASGIApp:
    from alcore.web.api.application import application

    made = application()
    # Streamlit collects garbage after every script run; what was imported never is garbage.
    gc.collect()
    gc.freeze()
    return made


def mounts(base: str = "") -> list[Mount]:
    """List where the API is found: at the root, and below the path that the app is served at."""
    app, path = Later(), base.strip("/")
    return [Mount(PATH, app), *([Mount(f"/{path}{PATH}", app)] if path else [])]
