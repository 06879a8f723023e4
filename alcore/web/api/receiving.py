"""Owns files that programs send: written while they come, within what a page may send too."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path
from typing import IO

from anyio import to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from alcore import disk
from alcore.records import ApiToken
from alcore.web import state
from alcore.web.api.problems import Refusal
from alcore.web.spool import PREFIX
from alcore.web.uploads import BUSY

MIMES = ("application/octet-stream", "application/zip")
PATIENCE = 20.0
"""Seconds that a file waits for others to be received."""
TURN = 0.1
BLOCK = 500_000
"""Bytes that are written at once."""


async def receive_file(request: Request, token: ApiToken) -> Path:
    """Write the body of a request into a file of its own, which whoever asks deletes or moves.

    Raises Refusal for what may not be sent, NoRoom, WorkspaceUnusable.
    """
    length = request.headers.get("content-length", "")
    size = int(length) if length.isdecimal() and len(length) < 16 else None
    uploads = state.uploads()
    session = f"token {token.id}, hour {time.time() // 3600:.0f}"
    uploads.allow(session)
    refusal, until = uploads.begin(session, size), time.monotonic() + PATIENCE
    while refusal is BUSY and time.monotonic() < until:
        await asyncio.sleep(TURN)
        refusal = uploads.begin(session, size)
    if refusal is not None:
        raise Refusal(*refusal)
    path = uploads.folder() / f"{PREFIX}{secrets.token_hex(16)}"
    whole = False
    try:
        file = await to_thread.run_sync(_begin, path, size or 0)
        with file:
            written = await _write(request, file)
            await to_thread.run_sync(disk.sync, file)
        if written != size:
            raise Refusal(400, "the file broke off; send it again")
        whole = True
        return path
    except OSError as error:
        raise disk.unusable(path, error) from error
    finally:
        uploads.end()
        if not whole:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _begin(path: Path, size: int) -> IO[bytes]:
    disk.check_room(path.parent, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


async def _write(request: Request, file: IO[bytes]) -> int:
    """Write a body as it comes; return how long it was, also where it broke off."""
    written, parts = 0, bytearray()
    with contextlib.suppress(ClientDisconnect):
        async for part in request.stream():
            parts += part
            if len(parts) >= BLOCK:
                written += await to_thread.run_sync(file.write, bytes(parts))
                parts.clear()
    return written + await to_thread.run_sync(file.write, bytes(parts))
