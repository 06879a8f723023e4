"""Owns links that invite to a project: which address others reach, and its picture to scan."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import segno

_ANY = {"", "0.0.0.0", "::"}


@dataclass(frozen=True)
class Invitation:
    """An address, and what keeps others from opening it; None where nothing is known to."""

    address: str
    warning: str | None


def own_address() -> str | None:
    """Find this computer's address in its network, without sending anything; None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation; UDP sends nothing yet
            found = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if _is_local(found) or found == "0.0.0.0" else found


def invitation(
    opened: str, token: str, listens_on: str, allowed: Sequence[str], own: str | None
) -> Invitation:
    """Write the link with which others come in.

    opened: the address under which this page was opened; listens_on and allowed: the server's
    settings; own: this computer's address in its network. An address that is not this computer's
    own loopback is taken as it is: whoever opened the page came that way.
    """
    parts = urlsplit(opened)
    host, port = parts.hostname or "localhost", parts.port
    warning = None
    if _is_local(host):
        if listens_on not in _ANY:
            return Invitation(
                _link(parts.scheme, host, port, token),
                "This link works on this computer only. To let others in, start the app with "
                f"{_how(own)}",
            )
        if own is None:
            warning = "This link works on this computer only: it has no address in a network."
        else:
            host = own
            if allowed and own not in allowed and "*" not in allowed:
                warning = f"The app refuses visitors under {own}. Start it with {_how(own)}"
    return Invitation(_link(parts.scheme, host, port, token), warning)


def _how(own: str | None) -> str:
    name = own or "the address of this computer"
    return f"--server.address 0.0.0.0 --server.allowedHosts localhost --server.allowedHosts {name}"


def _link(scheme: str, host: str, port: int | None, token: str) -> str:
    place = f"[{host}]" if ":" in host else host
    place += f":{port}" if port else ""
    return f"{scheme or 'http'}://{place}/?join={quote(token, safe='')}"


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def qr(address: str) -> str:
    """Draw an address as a QR code: SVG, dark on light on any page."""
    return segno.make(address, error="m").svg_inline(
        scale=4, border=3, dark="#14161d", light="#ffffff"
    )
