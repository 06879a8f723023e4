"""Owns that replies leave at once.

asyncio switches Nagle's algorithm off for sockets that say they are TCP's; Streamlit makes its own
without saying so. A reply is written as head and body: its body then waits until the other side
has acknowledged the head, which takes it 40 ms (RFC 1122 allows 500).
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from starlette.types import Receive


def hurry(receive: Receive) -> None:
    """Let the connection of a request send what is written at once, where the server shows it."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if not isinstance(transport, asyncio.Transport):
        return  # another server, or a test without one
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # it is closed already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
