"""Owns the proof that connections of the server send each part of an answer at once."""

from __future__ import annotations

import socket

from alcore.web import sockets


def test_connections_send_at_once_those_of_other_ports_as_before() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        assert sockets.send_at_once(server.getsockname()[1]) == 1
        delays = []
        for one in (server, other):
            with socket.create_connection(one.getsockname()):
                connection, _ = one.accept()
                with connection:
                    option = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                    delays.append(option == 0)
    assert delays == [False, True]
