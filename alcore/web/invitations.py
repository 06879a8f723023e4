"""Owns links that invite to a project: which address others reach, and its picture to scan."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import segno

from alcore.config import start_command
from alcore.web.doors import is_local

_ANY = {"", "0.0.0.0", "::"}


@dataclass(frozen=True)
class Link:
    """An address, and what keeps others from opening it; None where nothing is known to."""

    address: str
    warning: str | None = None
    remedy: str | None = None
    """The command with which the app is started so that others can come in."""


def own_address() -> str | None:
    """Find this computer's address in its network, without sending anything; None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation; UDP sends nothing yet
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if is_local(address) or address == "0.0.0.0" else address


def link(opened: str, page: str, listens_on: str, allowed: Sequence[str], own: str | None) -> Link:
    """Write the link with which others come in.

    opened: the address under which this page was opened; page: what the link leads to, below the
    app's own path, such as `joining` writes it; listens_on and allowed: the server's
    settings; own: this computer's address in its network. An address that is not this computer's
    own loopback is taken as it is: whoever opened the page came that way. So is the path above the
    page's own, below which the app may be served.
    """
    parts = urlsplit(opened)
    host, port = parts.hostname or "localhost", parts.port
    warning = None
    if is_local(host):
        if listens_on not in _ANY:
            warning = "This link works on this computer only: the app listens to nobody else."
        elif own is None:
            warning = "This link works on this computer only: it has no address in a network."
        else:
            host = own
            if allowed and own not in allowed and "*" not in allowed:
                warning = f"The app refuses visitors who come to {own}."
    remedy = _how(own) if warning and own else None
    folder = parts.path.rpartition("/")[0]
    return Link(_address(parts.scheme, host, port, folder, page), warning, remedy)


def joining(token: str) -> str:
    """Name the page on which an invitation is taken up.

    >>> joining("7.ab")
    '?join=7.ab'
    """
    return f"?join={quote(token, safe='')}"


def _how(own: str) -> str:
    hosts = " ".join(f"--server.allowedHosts {name}" for name in ("localhost", "127.0.0.1", own))
    return f"ALCORE_WORD=a-word-of-yours {start_command()} --server.address 0.0.0.0 {hosts}"


def _address(scheme: str, host: str, port: int | None, folder: str, page: str) -> str:
    place = f"[{host}]" if ":" in host else host
    place += f":{port}" if port else ""
    return f"{scheme or 'http'}://{place}{folder}/{page}"


def qr(address: str) -> str:
    """Draw an address as a QR code, dark on light on any page; return an image's data address."""
    code = segno.make(address, error="m")
    return str(code.svg_data_uri(scale=4, border=3, dark="#14161d", light="#ffffff"))
