"""Owns the signed tickets with which the board asks: for whom, for which project, until when.

Times in seconds.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer

from alcore import disk
from alcore.config import Workspace
from alcore.errors import InvalidTicket, WorkspaceUnusable

LIFE = 12 * 3600
"""A ticket works for this long; the board is handed a fresh one at half of it."""
DAY = 24 * 3600
PASS_LIFE = 30 * DAY
"""A pass works for this long."""
SECRET_BYTES = 32
OUTSIDE = 0
"""In place of a project's id, in tickets for what belongs to none."""
OWNERS_WORD = 16
"""Characters of the word that owners are asked for where nobody has chosen one."""


@dataclass(frozen=True)
class Ticket:
    project_id: int
    annotator_id: int
    age: float
    """Below 0 where the clock was set back since."""


class TicketOffice:
    """Issues and reads tickets; the secret lies in the workspace, readable by its owner only."""

    def __init__(self, secret: bytes, door: str = "") -> None:
        """door: what lets people in now; tickets from before it was changed open nothing."""
        self._secret = secret
        self._passes = Signer(secret, salt="word")
        self._handed = Signer(secret, salt="handed")
        self._boards = URLSafeTimedSerializer(secret, salt=f"board {door}".strip())
        self._pictures = Signer(secret, salt="picture")
        self._invitations = Signer(secret, salt="numbered invitation")

    @classmethod
    def of(cls, workspace: Workspace, door: str = "") -> Self:
        """Open the office of a workspace, making its secret on first use."""
        path = workspace.root / "secret"
        try:
            if not path.exists():
                _make_secret(path)
            secret = path.read_bytes()
        except OSError as error:
            raise WorkspaceUnusable(
                f"{path} cannot be read ({error.strerror}); give this account the right to read "
                "it, or delete it: then open pages have to be reloaded, and people invited anew"
            ) from error
        if len(secret) < SECRET_BYTES:
            raise WorkspaceUnusable(f"{path} is damaged; delete it and start again")
        return cls(secret, door)

    def issue(self, project_id: int, annotator_id: int) -> str:
        """Sign a ticket for one annotator at one project."""
        return str(self._boards.dumps([project_id, annotator_id]))

    def read(self, ticket: str) -> Ticket:
        """Check a ticket. Raises InvalidTicket where it is forged, damaged or too old."""
        try:
            (project_id, annotator_id), age = _signed(self._boards, ticket)
        except BadSignature as error:
            raise InvalidTicket("this page has no ticket of this server; reload it") from error
        if age > LIFE:
            raise InvalidTicket("this page is old; reload it")
        if age < -LIFE:
            raise InvalidTicket("the server's clock was set back since; reload this page")
        return Ticket(project_id, annotator_id, age)

    def renewed(self, ticket: Ticket) -> str | None:
        """Sign a fresh ticket for one that is worn by half, None while it is good."""
        if 0 <= ticket.age <= LIFE / 2:
            return None
        return self.issue(ticket.project_id, ticket.annotator_id)

    def invite(self, invitation_id: int) -> str:
        """Sign the number of an invitation; whether it still works its row says."""
        return self._invitations.sign(str(invitation_id)).decode()

    def invitation(self, link: str) -> int:
        """Read the number of an invitation. Raises InvalidTicket for a forged one."""
        try:
            return int(self._invitations.unsign(link))
        except (BadSignature, ValueError) as error:
            raise InvalidTicket("this invitation is damaged; ask for a new one") from error

    def hand(self, project_id: int, annotator_id: int, item_id: int) -> str:
        """Sign that somebody was given an image to answer, which outlives its lease."""
        return self._handed.get_signature(f"{project_id} {annotator_id} {item_id}").decode()

    def was_handed(self, ticket: Ticket, item_id: int, proof: str) -> bool:
        """Tell whether this proves that an image was given to whoever asks."""
        expected = self.hand(ticket.project_id, ticket.annotator_id, item_id)
        return secrets.compare_digest(expected.encode(), proof.encode())

    def word_of_owners(self) -> str:
        """Return the word that owners are asked for where nobody has chosen one."""
        return self._passes.get_signature("owners' word").decode()[:OWNERS_WORD]

    def give_pass(self, word: str, name: str = "") -> str:
        """Sign that somebody has said a word, under a name where it counts for that one alone."""
        return str(self._passes_of(word).dumps(name))

    def has_pass(self, text: str, word: str, name: str = "") -> bool:
        """Tell whether this is a pass for saying the word that is asked for now, not too old."""
        try:
            holder, age = _signed(self._passes_of(word), text)
        except BadSignature:
            return False
        return holder == name and age <= PASS_LIFE

    def _passes_of(self, word: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._secret, salt=f"pass {word}")

    def show(self, annotator_id: int, path: str) -> str:
        """Sign one annotator's right to look at the picture of this path, for one to two days.

        It changes once a day, so that browsers keep the pictures that they have.
        """
        until = int(time.time() // DAY) + 2
        return f"{annotator_id}.{until}.{self._picture(annotator_id, until, path)}"

    def shown_to(self, path: str, signature: str, however_old: bool = False) -> int:
        """Read for whom the picture of this path was signed. Raises InvalidTicket."""
        annotator_id, until, signed = (*signature.split("."), "", "")[:3]
        if not (annotator_id.isdecimal() and until.isdecimal() and len(signature) < 100):
            raise InvalidTicket("this link has no valid signature; reload the page")
        expected = self._picture(int(annotator_id), int(until), path)
        if not secrets.compare_digest(signed.encode(), expected.encode()):
            raise InvalidTicket("this link has no valid signature; reload the page")
        if not however_old and time.time() > int(until) * DAY:
            raise InvalidTicket("this link is old; reload the page")
        return int(annotator_id)

    def _picture(self, annotator_id: int, until: int, path: str) -> str:
        return self._pictures.get_signature(f"{annotator_id} {until} {path}").decode()


def _signed(serializer: URLSafeTimedSerializer, text: str) -> tuple[Any, float]:
    """Read what was signed, and its age. Raises BadSignature.

    A clock that was set back leaves ages below 0, which itsdangerous would call expired.
    """
    value, signed = serializer.loads(text, return_timestamp=True)
    return value, time.time() - signed.timestamp()


def _make_secret(path: Path) -> None:
    """Write a secret whole or not at all; of several processes at once, the first one wins.

    Without hard links, of processes that start within the same instant the last one may win: a
    board that was opened in between has to be reloaded.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            disk.sync(file)
        try:
            os.link(beside, path)
        except OSError:  # it is there already, or this is exFAT, FAT or a share without links
            if not path.exists():
                beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
