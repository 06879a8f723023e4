"""Owns who is let in: whether others can reach the app, which accounts may sign in, what is asked.

Where only this computer reaches the app nothing is asked: whoever sits at it owns its files.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from alcore.config import Access
from alcore.errors import InvalidSettings, NotAllowed


def is_local(host: str) -> bool:
    """Tell whether a host's name or address is this computer's own loopback.

    >>> is_local("localhost"), is_local("[::1]"), is_local("10.0.0.5")
    (True, True, False)
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def reaches_beyond(address: str, hosts: Sequence[str]) -> bool:
    """Tell whether others than this computer can reach a server.

    address: what it listens on; hosts: the names under which it answers, empty for all. A proxy on
    this computer asks under a name of its own, which the hosts must then have.
    """
    return not (is_local(address) and hosts and all(is_local(host) for host in hosts))


def check_door(access: Access, beyond: bool, accounts: bool) -> None:
    """Raise InvalidSettings where anybody could come in though nobody has said so.

    accounts: people sign in.
    """
    if not beyond or access.anybody:
        return
    if accounts and not access.sign_in:
        raise InvalidSettings(
            "others than this computer can reach the app, and every account of the provider could "
            "sign in; set ALCORE_SIGN_IN to the addresses or @domains that may, or to * for all"
        )
    if not accounts and not access.word:
        raise InvalidSettings(
            "others than this computer could reach the app and come in under any name; let people "
            "sign in ([auth] in .streamlit/secrets.toml), or set ALCORE_WORD to a word that "
            "everybody is asked for, or ALCORE_ANYBODY=yes to let all in that reach it"
        )


def check_account(access: Access, claims: Mapping[str, Any]) -> bool:
    """Tell whether an account is an administrator's; claims: what the provider says of it.

    Raises NotAllowed for an account that may not sign in here. An address that the provider has
    not verified counts for nothing: anybody may have typed it.
    """
    verified = claims.get("email_verified") in (True, "true")
    email = str(claims.get("email") or "").casefold() if verified else ""
    if access.sign_in and "*" not in access.sign_in:
        domain = "@" + email.rpartition("@")[2]
        if not email or not {email, domain} & {*access.sign_in, *access.administrators}:
            raise NotAllowed(
                f"the account {claims.get('email') or 'without an address'} may not come in here; "
                "ask whoever runs the app, or sign in with another one"
            )
    return bool(email) and email in access.administrators
