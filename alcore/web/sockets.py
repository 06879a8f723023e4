"""Owns how the server's answers leave it: at once, in as many packets as they are written in.

An answer is written in two parts, its head and its body. Without this option the system keeps the
body back until the browser has confirmed the head, which browsers put off by 40 ms.
"""

from __future__ import annotations

import gc
import socket


def send_at_once(port: int) -> int:
    """Set the option for the connections of this process's server; return of how many sockets.

    Streamlit makes the server's socket itself and hands it to nobody, so it is looked for by its
    port; connections take the option over from it.
    """
    count = 0
    for thing in gc.get_objects():
        if type(thing) is socket.socket and _listens(thing, port):
            thing.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            count += 1
    return count


def _listens(one: socket.socket, port: int) -> bool:
    try:
        of_tcp = one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM
        return of_tcp and one.getsockname()[1] == port
    except OSError:
        return False
