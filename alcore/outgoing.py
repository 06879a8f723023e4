"""Owns requests to addresses that people have typed: where they may go, and for how long.

A server that asks wherever it is told to can be made to ask what only it reaches. So the name is
looked up once, every address that it has must be one of the internet, and the connection goes to
the address that was looked at. What is sent follows no redirects, and nothing uses proxies.
Seconds.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from typing import IO
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from alcore import __version__
from alcore.errors import AddressRefused, ReplyTooLong

LIMIT = 10.0
"""A whole request may take this long."""
LONGEST = 2_000
"""Characters that the address of an image may have."""
MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_BLOCK = 200_000
_AS_IT_IS = {"User-Agent": f"alcore/{__version__}", "Accept-Encoding": "identity"}
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses behind which a translator asks an IPv4 one (RFC 6052)."""


def check(address: str, longest: int = 500) -> None:
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
    if len(address) > longest:
        raise AddressRefused(f"an address has at most {longest:,} characters")


def resolve(address: str, hosts: Collection[str] = ()) -> tuple[str, int]:
    """Look up where an address leads: return an IP address and a port.

    hosts: names, in small letters, that may lead anywhere. Raises AddressRefused for loopback,
    private and other addresses that are not the internet's, and for names that lead nowhere.
    """
    check(address)
    return _place(address, hosts, "ALCORE_WEBHOOK_HOSTS")


def _place(address: str, hosts: Collection[str], setting: str) -> tuple[str, int]:
    """Look up where an address leads; setting: by what its host may be allowed."""
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
            f"{setting}"
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
    with _asked("POST", address, body, headers, resolve(address, hosts), LIMIT) as (
        reply,
        deadline,
    ):
        status = reply.status
        deadline.check()
        return status


def get(
    address: str, out: IO[bytes], most: int, seconds: float = LIMIT, hosts: Collection[str] = ()
) -> int:
    """Fetch what is at an address into a file; return the status, at 200 with all bytes written.

    most: bytes that may come; seconds: until all of them are there. Redirects are followed, and
    looked at as the address was; a server that may lead anywhere, by `hosts`, may do so only where
    the address names it itself. Raises AddressRefused, ReplyTooLong, and OSError or
    http.client.HTTPException where no whole reply comes in time.
    """
    until = time.monotonic() + seconds
    host = urlsplit(address).hostname
    for _ in range(MOST_REDIRECTS + 1):
        known = hosts if urlsplit(address).hostname == host else ()
        check(address, LONGEST)
        place = _place(address, known, "ALCORE_REMOTE")
        left = max(0.1, until - time.monotonic())
        with _asked("GET", address, None, _AS_IT_IS, place, left) as (reply, deadline):
            location = reply.getheader("Location") if reply.status in _REDIRECTS else None
            if location is None:
                if reply.status == http.HTTPStatus.OK:
                    _keep(reply, out, most)
                deadline.check()
                return reply.status
            address = plain(urljoin(address, location))
    raise AddressRefused(f"{urlsplit(address).hostname!r} leads from one address to the next")


def plain(address: str) -> str:
    """Write an address in the letters that may be sent, as browsers do.

    >>> plain("https://höhle.example/grüße 1.jpg?q=ü")
    'https://xn--hhle-5qa.example/gr%C3%BC%C3%9Fe%201.jpg?q=%C3%BC'
    """
    try:
        parts = urlsplit(address.strip())
        netloc = parts.netloc
        if not netloc.isascii():
            netloc = netloc.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return address
    if not netloc:
        return address
    path, query = (quote(text, safe="/%:;=@&?!$'()*+,~[]") for text in (parts.path, parts.query))
    return urlunsplit((parts.scheme, netloc, path, query, ""))


@contextlib.contextmanager
def _asked(
    method: str,
    address: str,
    body: bytes | None,
    headers: Mapping[str, str],
    place: tuple[str, int],
    seconds: float,
) -> Iterator[tuple[http.client.HTTPResponse, _Deadline]]:
    """Ask at a place that was looked at; give the reply, whose body is still to be read."""
    parts = urlsplit(address)
    pause = min(LIMIT, seconds)
    connection = http.client.HTTPConnection(parts.hostname or "", place[1], timeout=pause)
    deadline = _Deadline(socket.create_connection(place, timeout=pause), seconds)
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            deadline.line = context.wrap_socket(deadline.line, server_hostname=parts.hostname)
        connection.sock = deadline.line
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, {**headers, "Host": parts.netloc})
        yield connection.getresponse(), deadline
    finally:
        deadline.end()


def _keep(reply: http.client.HTTPResponse, out: IO[bytes], most: int) -> None:
    """Write the body of a reply into a file. Raises ReplyTooLong, IncompleteRead."""
    length = reply.length  # None where the server does not say
    size = 0
    while (length or 0) <= most and (block := reply.read(_BLOCK)):
        size += len(block)
        if size > most:
            break
        out.write(block)
    if max(size, length or 0) > most:
        raise ReplyTooLong(f"more than {most / 1e6:,.0f} MB would come, which is the most allowed")
    if length is not None and size < length:
        raise http.client.IncompleteRead(b"", length - size)


class _Deadline:
    """Ends a connection when its time is over, whatever it waits for: a reply may drip for ever."""

    def __init__(self, line: socket.socket, seconds: float) -> None:
        self.line = line
        self._over = False
        self._timer = threading.Timer(seconds, self._cut)
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
