"""Owns requests to addresses that people have typed: where they may go, and for how long.

A server that asks wherever it is told to can be made to ask what only it reaches. So the name is
looked up once, every address that it has must be one of the internet, and the connection goes to
the address that was looked at. Redirects are not followed, nor proxies used. Seconds.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from alcore.errors import AddressRefused

LIMIT = 10.0
"""A whole request may take this long."""
LONGEST_ADDRESS = 500
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses behind which a translator asks an IPv4 one (RFC 6052)."""


def check(address: str) -> None:
    """Raise AddressRefused for what cannot be the address of a server."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    plain = address.isascii() and address.isprintable() and " " not in address
    if not (host and plain and parts.scheme in ("http", "https") and "@" not in parts.netloc):
        raise AddressRefused(
            f"{address[:80]!r} is no address; it is such as https://hooks.example/alcore, in plain "
            "letters and without a name and password"
        )
    if len(address) > LONGEST_ADDRESS:
        raise AddressRefused(f"an address has at most {LONGEST_ADDRESS} characters")


def resolve(address: str, hosts: Collection[str] = ()) -> tuple[str, int]:
    """Look up where an address leads: return an IP address and a port.

    hosts: names, in small letters, that may lead anywhere. Raises AddressRefused for loopback,
    private and other addresses that are not the internet's, and for names that lead nowhere.
    """
    check(address)
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"there is no server called {host!r}") from error
    places = [str(entry[4][0]) for entry in addresses]
    if host not in hosts and not all(_is_public(place) for place in places):
        raise AddressRefused(
            f"{host!r} leads into a private network; whoever runs the app can allow it with "
            "ALCORE_WEBHOOK_HOSTS"
        )
    return places[0], port


def _is_public(place: str) -> bool:
    address = ipaddress.ip_address(place.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if address in _TRANSLATED:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.is_global and not address.is_multicast and (inner is None or inner.is_global)


def post(address: str, body: bytes, headers: Mapping[str, str], hosts: Collection[str] = ()) -> int:
    """Send a body; return the status of the reply, of which nothing else is read.

    Raises AddressRefused, and OSError or http.client.HTTPException where no reply comes in time.
    """
    place, port = resolve(address, hosts)
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=LIMIT)
    deadline = _Deadline(socket.create_connection((place, port), timeout=LIMIT))
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            deadline.line = context.wrap_socket(deadline.line, server_hostname=parts.hostname)
        connection.sock = deadline.line
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {**headers, "Host": parts.netloc})
        status = connection.getresponse().status
        deadline.check()
        return status
    finally:
        deadline.end()


class _Deadline:
    """Ends a connection when its time is over, whatever it waits for: a reply may drip for ever."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self._over = False
        self._timer = threading.Timer(LIMIT, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def check(self) -> None:
        """Raise TimeoutError where the time was over."""
        if self._over:
            raise TimeoutError("the reply did not come whole in time")

    def end(self) -> None:
        self._timer.cancel()
        self.line.close()

    def _cut(self) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self.line.shutdown(socket.SHUT_RDWR)
