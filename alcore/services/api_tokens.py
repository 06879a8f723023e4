"""Owns API tokens: what programs ask with, for one person in one project, within a scope.

Their secret is said once, when they are made; the database knows a digest. Times are Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from alcore import names
from alcore.errors import InvalidSettings, InvalidTicket, NotAllowed
from alcore.records import ApiToken, Scope
from alcore.services import audit
from alcore.services.rights import check_active, check_owner, is_owner
from alcore.store import Connection, Store, api_tokens, labels

SCOPES: Mapping[Scope, str] = MappingProxyType(
    {
        "read": "read what its person may see",
        "label": "also label",
        "own": "also what owners do: train, stop, add classes",
    }
)
"""What a token of each scope lets a program do; each holds those before it."""
LONGEST_NAME = 60
MOST_WORKING = 20
"""Tokens that work which one person may have in a project."""
_NOTED_EVERY = 60.0
"""Seconds between two notes that a token was used."""
_TEXT = re.compile(r"alcore_(?P<id>\d{1,15})_(?P<secret>[\w-]{43})", re.ASCII)


def create(
    store: Store, project_id: int, annotator_id: int, name: str, scope: Scope
) -> tuple[ApiToken, str]:
    """Make a token for somebody; return it and its text, which is said this one time.

    Raises NotAllowed for who may not do what the scope allows, InvalidSettings for a name that
    is none, an unknown scope, and more than MOST_WORKING tokens.
    """
    name = names.clean(name)
    if not names.is_name(name, LONGEST_NAME):
        raise InvalidSettings(
            f"a token's name has 1 to {LONGEST_NAME} visible characters; got {name!r}"
        )
    if scope not in SCOPES:
        raise InvalidSettings(f"no scope called {scope!r}; choose from {', '.join(SCOPES)}")
    secret = secrets.token_urlsafe(32)
    with store.write() as connection:
        check_active(connection, project_id, annotator_id)
        if scope == "own":
            check_owner(connection, project_id, annotator_id)
        mine = api_tokens.of_project(connection, project_id, annotator_id)
        if sum(one.revoked_at is None for one in mine) >= MOST_WORKING:
            raise InvalidSettings(f"you have {MOST_WORKING} tokens here; revoke one of them first")
        person = labels.annotator_by_id(connection, annotator_id)
        token = ApiToken(
            id=0,
            project_id=project_id,
            annotator_id=annotator_id,
            person=person.name if person else "",
            name=name,
            scope=scope,
            digest=_digest(secret),
            created_at=time.time(),
        )
        token = replace(token, id=api_tokens.add(connection, token))
        _note(connection, token, annotator_id, "token", scope=scope)
    return token, f"alcore_{token.id}_{secret}"


def revoke(store: Store, project_id: int, by: int | None, token_id: int) -> None:
    """Let a token work no more: one's own, or as an owner anybody's. Raises NotAllowed."""
    with store.write() as connection:
        token = api_tokens.get(connection, token_id)
        if token is None or token.project_id != project_id:
            raise InvalidSettings(f"the project has no token {token_id}")
        if token.annotator_id != by:
            check_owner(connection, project_id, by)
        if token.revoked_at is None:
            api_tokens.revoke(connection, token_id, time.time())
            _note(connection, token, by, "revoke token")


def of_project(store: Store, project_id: int, by: int) -> list[ApiToken]:
    """List tokens, newest first: everybody's for an owner, else one's own. Raises NotAllowed."""
    with store.read() as connection:
        check_active(connection, project_id, by)
        everybody = is_owner(connection, project_id, by)
        return api_tokens.of_project(connection, project_id, None if everybody else by)


def read(store: Store, text: str) -> ApiToken:
    """Find the token that a program shows. Raises InvalidTicket where it does not work."""
    parts = _TEXT.fullmatch(text)
    if parts is None:
        raise InvalidTicket(
            "this needs an API token, as 'Authorization: Bearer alcore_…'; make one on the Team "
            "page"
        )
    with store.read() as connection:
        token = api_tokens.get(connection, int(parts["id"]))
    expected = token.digest if token else _digest("")
    if not hmac.compare_digest(expected, _digest(parts["secret"])) or token is None:
        raise InvalidTicket("this API token is not known here; make one on the Team page")
    if token.revoked_at is not None:
        raise InvalidTicket("this API token was revoked; make another one on the Team page")
    return token


def check_scope(token: ApiToken, scope: Scope) -> None:
    """Raise NotAllowed where a token's scope is smaller than what is asked."""
    order = list(SCOPES)
    if order.index(token.scope) < order.index(scope):
        raise NotAllowed(
            f"this API token has the scope {token.scope!r}; this needs one with {scope!r}"
        )


def note_use(store: Store, token: ApiToken) -> None:
    """Note that a token was used, once in a while."""
    now = time.time()
    if token.used_at is None or not 0 <= now - token.used_at < _NOTED_EVERY:
        with store.write(lasting=False) as connection:
            api_tokens.used(connection, token.id, now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _note(
    connection: Connection, token: ApiToken, by: int | None, act: str, **details: object
) -> None:
    named = {"name": token.name, "person": token.person}
    audit.note(connection, token.project_id, by, act, **named, **details)
