"""Owns a small reverse proxy, as people put one before the app: it rewrites Host and paths."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

MOST_HEAD = 2**20


@contextmanager
def proxy(upstream: int, path: str = "", strip: bool = False) -> Iterator[int]:
    """Forward what lies below a path to a port of this machine; give the proxy's own port.

    The upstream is told its own address as Host, as nginx does by default. strip: it is asked
    without the path. Whatever lies elsewhere is not found.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            there, asked = await asyncio.open_connection("127.0.0.1", upstream)
            rewritten = _rewritten(head, upstream, path.encode(), strip)
            if rewritten is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            else:
                asked.write(rewritten)
                await asyncio.gather(_pipe(reader, asked), _pipe(there, writer))
            asked.close()
            writer.close()

    start = asyncio.start_server(serve, "127.0.0.1", 0, limit=MOST_HEAD)
    server = asyncio.run_coroutine_threadsafe(start, loop).result(10)
    yield server.sockets[0].getsockname()[1]
    _call(loop, server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def _rewritten(head: bytes, upstream: int, path: bytes, strip: bool) -> bytes | None:
    first, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, version = first.split(b" ")
    if not target.startswith(path + b"/"):
        return None
    target = target[len(path) :] if strip else target
    kept = {b"connection", b"upgrade"} if b"upgrade: websocket" in head.lower() else set()
    dropped = {b"host", b"connection", b"upgrade"} - kept
    lines = [line for line in headers if line.split(b":")[0].lower() not in dropped]
    lines.append(b"host: 127.0.0.1:%d" % upstream)
    if not kept:
        lines.append(b"connection: close")
    return b"\r\n".join([b" ".join([method, target, version]), *lines]) + b"\r\n\r\n"


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _call(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """Do something in the proxy's thread, and wait until it is done."""
    done = threading.Event()
    loop.call_soon_threadsafe(lambda: (work(), done.set()))
    done.wait(10)
