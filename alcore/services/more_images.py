"""Owns more images for a project that is there: which source, under which names, how it went."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from alcore.config import user_path
from alcore.datasets import remote
from alcore.datasets.sources import open_source
from alcore.errors import ImportRefused
from alcore.services import audit, setup
from alcore.services.folders import Folders, check_source
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, additions, jobs, projects

KINDS = ("folder", "archive", "remote")
ANYWHERE = Folders()


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
    with store.write() as connection:
        check_owner(connection, project_id, by)
        if projects.get(connection, project_id).state != "ready":
            raise ImportRefused("the first import is not finished; more images can come after it")
        place, prefix = _place(connection, project_id, spec)
        open_source(place)
        additions.request(connection, project_id, place, prefix, time.time())
        audit.note(connection, project_id, by, "more images", source=setup.describe(spec))
        jobs.request(connection, project_id, "import", time.time())


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
    return f"{images:,} more images came in {where}" if images else f"there was nothing new {where}"


def _place(
    connection: Connection, project_id: int, spec: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return how a source is read, and what stands before the names of its images.

    Each place has a prefix of its own, so that the same place again is known by its names, and
    equal names in two places are two images.
    """
    first, _ = projects.source(connection, project_id)
    if _same(first, spec):
        return dict(first), ""
    place = {**spec, "copy": True} if spec["kind"] == "folder" else dict(spec)
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
