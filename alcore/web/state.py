"""Owns what one web process has once: its store, its ticket office, its models' views."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from alcore.config import Runtime
from alcore.services import rights
from alcore.services.folders import Folders
from alcore.services.instant import Instant
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Store as Store  # pages may name it, but import no store
from alcore.web.presences import Presences
from alcore.web.spool import file_of
from alcore.web.tickets import TicketOffice
from alcore.web.uploads import Uploads
from alcore.workers import presence
from alcore.workers.answering import Answering
from alcore.workers.presence import Presence

_origins: tuple[str, ...] = ()
_beyond = False
_listens_on: tuple[str, tuple[str, ...]] = ("", ())
_presences = Presences()


@functools.cache
def runtime() -> Runtime:
    """Read the environment, once. Raises InvalidSettings."""
    return Runtime.from_environment()


@functools.cache
def store() -> Store:
    """Open the workspace, once. Raises WorkspaceUnusable."""
    return Store.open(runtime().workspace)


@functools.cache
def tickets() -> TicketOffice:
    """Open the ticket office with the workspace's own secret."""
    workspace, door = runtime().workspace, runtime().access.door
    office = TicketOffice.of(workspace, door)
    # Another computer may have made one before.
    return TicketOffice.of(workspace, door) if store().share(workspace.root / "secret") else office


def origins() -> tuple[str, ...]:
    """Name the addresses, besides the server's own, whose pages may ask; "*" stands for all."""
    return _origins


def let_ask(addresses: Iterable[str]) -> None:
    """Let pages of further addresses ask, such as that of a proxy."""
    global _origins
    _origins = tuple(addresses)


def is_beyond() -> bool:
    """Tell whether others than this computer can reach the app."""
    return _beyond


def let_reach(beyond: bool) -> None:
    """Note whether others than this computer can reach the app."""
    global _beyond
    _beyond = beyond
    rights.guard(beyond)


def listens_on() -> tuple[str, tuple[str, ...]]:
    """Return the address that the server listens on, and the names that it answers under."""
    return _listens_on


def let_listen(address: str, hosts: Iterable[str]) -> None:
    """Note the address that the server listens on, and the names that it answers under."""
    global _listens_on
    _listens_on = (address, tuple(hosts))


def present() -> Presences:
    """Keep which students' browsers have asked lately."""
    return _presences


def owners_word() -> str:
    """Return the word by which owners prove themselves where nobody signs in."""
    return runtime().access.owners_word or tickets().word_of_owners()


def folders() -> Folders:
    """Name the folders of the server that pages may name."""
    access = runtime().access
    closed: tuple[()] | None = () if is_beyond() else None
    return Folders(
        closed if access.folders is None else access.folders,
        closed if access.remote is None else access.remote,
    )


@functools.cache
def uploads() -> Uploads:
    """Keep who may upload."""
    return Uploads(lambda: runtime().workspace.uploads)


def uploaded(slip: bytes) -> Path:
    """Return the file that was written while it was uploaded. Raises InvalidSettings."""
    return file_of(slip, runtime().workspace.uploads)


def neighbours() -> list[Presence]:
    """List the other apps and trainers that work in the workspace."""
    return presence.apart(presence.others(runtime().workspace))


@functools.cache
def playground() -> Answering:
    """Keep the process that computes the Playground."""
    return Answering("alcore.playground", runtime())


@functools.cache
def next_batches() -> Answering:
    """Keep the process that computes what strategies would ask next."""
    return Answering("alcore.jobs.next_batches", runtime())


@functools.cache
def explaining() -> Answering:
    """Keep the process that says why models answer as they do."""
    return Answering(
        "alcore.explanations", runtime(), remedy="the computer is busy; try again in a while"
    )


@functools.cache
def looking() -> Answering:
    """Keep the process that looks into networks, apart so that no heat map waits for it."""
    return Answering(
        "alcore.explanations",
        runtime(),
        patience=180,
        remedy="the computer is busy; try again in a while",
    )


@functools.cache
def teaching() -> Answering:
    """Keep the process that learns from pictures while they are taken."""
    return Answering(
        "alcore.teaching",
        runtime(),
        patience=120,
        remedy="the computer is busy; try again in a while",
    )


def prediction_cache() -> PredictionCache:
    """Keep what the models of the open store say."""
    return _prediction_cache(store())


def instant() -> Instant:
    """Keep the thread that lets the queues of the open store follow the answers."""
    return _instant(store())


@functools.cache
def _prediction_cache(opened: Store) -> PredictionCache:
    return PredictionCache(opened)


@functools.cache
def _instant(opened: Store) -> Instant:
    return Instant(opened, _prediction_cache(opened))
