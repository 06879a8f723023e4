"""Owns more images for a project that is there: which source, under which names, how it went."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from alcore import disk
from alcore.config import user_path
from alcore.datasets import addresses, remote
from alcore.datasets.addresses import AddressList, AddressSource
from alcore.datasets.sources import open_source
from alcore.errors import ImportRefused
from alcore.job_kinds import INCOMING
from alcore.loop import contributions
from alcore.services import audit, setup
from alcore.services.folders import ANYWHERE, Folders, check_source
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, additions, jobs, projects

MOST_BYTES = addresses.MOST_BYTES
"""Of a list of addresses."""
KINDS = ("folder", "archive", "remote")


def add(
    store: Store,
    project_id: int,
    spec: Mapping[str, Any],
    by: int | None = None,
    folders: Folders = ANYWHERE,
) -> None:
    """Ask for what is new of a folder, an archive or a bucket.

    Images of the project's own folder stay where they are if the others do; all others are copied.
    Raises NotAllowed, ImportRefused, InvalidSettings.
    """
    if spec.get("kind") not in KINDS:
        raise ImportRefused("more images come from a folder, a zip archive or a bucket")
    check_source(folders, spec, store.workspace)
    upload = (Path(str(spec.get("path", ""))),)
    with store.publish(project_id, (), also=upload) as connection:
        check_ready(connection, project_id, by)
        _request(connection, project_id, spec, by)


def keep_photograph(
    store: Store, project_id: int, path: Path, name: str, by: int | None = None
) -> None:
    """Let a photograph wait in the project until `add_photographs` brings it in.

    path: a file on the workspace's disk, which is moved; name: what it was called. Raises
    NotAllowed, ImportRefused, NoRoom, WorkspaceUnusable.
    """
    with store.read() as connection:
        check_ready(connection, project_id, by)
    folder = _waiting(store, project_id)
    disk.check_room(store.workspace.root, path.stat().st_size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.replace(folder / _file_name(path, name))
        disk.sync_names(folder)
    except OSError as error:
        raise disk.unusable(folder, error) from error


def add_photographs(store: Store, project_id: int, by: int | None = None) -> None:
    """Ask for the photographs that wait. Raises NotAllowed, ImportRefused."""
    spec = {"kind": "photographs", "path": str(_waiting(store, project_id))}
    with store.publish(project_id, INCOMING) as connection:
        check_ready(connection, project_id, by)
        _request(connection, project_id, spec, by)


def add_addresses(
    store: Store,
    project_id: int,
    data: bytes,
    by: int | None = None,
    folders: Folders = ANYWHERE,
) -> AddressList:
    """Ask for the images that a list of addresses names; return what it names.

    data: addresses, one a line, or a table with a column of them. The list waits in the project
    until all of it was asked for. Raises NotAllowed, ImportRefused, NoRoom, WorkspaceUnusable.
    """
    wanted = addresses.read(data)
    for address in wanted.addresses:
        folders.check_address(address.text)
    with store.read() as connection:
        check_ready(connection, project_id, by)
    source = AddressSource(store.workspace.addresses(project_id))
    source.keep(data)
    with store.publish(project_id, INCOMING) as connection:
        check_ready(connection, project_id, by)
        _request(connection, project_id, {"kind": "addresses", "path": str(source.root)}, by)
    return wanted


def _waiting(store: Store, project_id: int) -> Path:
    return store.folder(project_id) / contributions.FOLDER


def check_ready(connection: Connection, project_id: int, by: int | None) -> None:
    """Raise NotAllowed for who is no owner, ImportRefused before the first import is through."""
    check_owner(connection, project_id, by)
    if projects.get(connection, project_id).state != "ready":
        raise ImportRefused("the first import is not finished; more images can come after it")


def _request(
    connection: Connection, project_id: int, spec: Mapping[str, Any], by: int | None
) -> None:
    place, prefix = place_of(connection, project_id, spec)
    open_source(place)
    additions.request(connection, project_id, place, prefix, time.time())
    audit.note(connection, project_id, by, "more images", source=setup.describe(spec))
    jobs.request(connection, project_id, "import", time.time())


def _file_name(path: Path, name: str) -> str:
    """Name a photograph by what it was called and holds: all that are pasted are called alike."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=4)).hexdigest()
    return waiting_name(name, digest)


def waiting_name(name: str, digest: str) -> str:
    """Name a photograph that waits by what it was called and the digest of what it holds.

    >>> waiting_name("C:\\\\pictures\\\\my cat.jpg", "0a1b")
    'my cat-0a1b.jpg'
    """
    stem, dot, ending = PurePath(name.replace("\\", "/")).name.rpartition(".")
    plain = re.sub(r"[^\w. -]", "_", stem or ending).strip(". ")[:60] or "photograph"
    return f"{plain}-{digest}{dot}{ending[:5]}"


def last(store: Store, project_id: int) -> str:
    """Say how the newest of them went; empty where there were none."""
    with store.read() as connection:
        known = additions.last(connection, project_id)
    if known is None:
        return ""
    prefix, images, through = known
    where = f"from {prefix}" if prefix else "from the project's own source"
    if not through:
        return f"more images {where} are still to come in; {images:,} are"
    what = "1 more image" if images == 1 else f"{images:,} more images"
    return f"{what} came in {where}" if images else f"there was nothing new {where}"


def place_of(
    connection: Connection, project_id: int, spec: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return how a source is read, and what stands before the names of its images.

    Each place has a prefix of its own, so that the same place again is known by its names, and
    equal names in two places are two images.
    """
    first, _ = projects.source(connection, project_id)
    if _same(first, spec):
        return dict(first), ""
    if spec["kind"] == "addresses":
        return dict(spec), "addresses"
    is_folder = spec["kind"] == "folder"
    place = {**spec, "copy": True, "least": 1} if is_folder else dict(spec)
    known = additions.prefixes(connection, project_id)
    base = setup.source_name(spec).replace("/", "-")
    prefix, n = base, 2
    while prefix in known and not _same(known[prefix], spec):
        prefix, n = f"{base} {n}", n + 1
    return place, prefix


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two descriptions name the same place."""
    if one.get("kind") != other.get("kind"):
        return False
    if one["kind"] == "remote":
        return remote.check(str(one["path"])) == remote.check(str(other["path"]))
    return user_path(str(one.get("path"))).resolve() == user_path(str(other.get("path"))).resolve()
