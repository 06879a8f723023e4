"""Owns the rows that say which objects of an object store make up which file.

A file is made of parts, end to end; an append-only file gets a part more for what is appended.
Names are paths below the workspace's folder, with slashes. Sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from alcore.store.tables import stored_file


@dataclass(frozen=True)
class Part:
    """A part of a file, and the object that has it."""

    start: int
    size: int
    digest: str
    """BLAKE2b of 16 bytes, in hexadecimal digits."""
    object: str


Parts = tuple[Part, ...]


def version(connection: Connection, project_id: int) -> tuple[int, int]:
    """Return what changes with the rows of a project: ids are never given twice."""
    query = select(func.max(stored_file.c.id), func.count()).where(_of(project_id))
    highest, n = connection.execute(query).one()
    return highest or 0, n


def of_project(connection: Connection, project_id: int | None) -> dict[str, Parts]:
    """Read the files of a project by name, or those of none."""
    query = select(stored_file).where(_of(project_id)).order_by(stored_file.c.start)
    files: dict[str, Parts] = {}
    for row in connection.execute(query):
        part = Part(row.start, row.size, row.digest, row.object)
        files[row.name] = (*files.get(row.name, ()), part)
    return files


def replace(
    connection: Connection, project_id: int | None, name: str, before: Parts, parts: Parts
) -> list[str]:
    """Let a file be made of these parts from now on; return the objects that are none any more."""
    kept = {part.object for part in parts}
    gone = [part.object for part in before if part.object not in kept]
    forget(connection, gone)
    known = {part.object for part in before}
    new: Sequence[dict[str, Any]] = [
        {"project_id": project_id, "name": name, **asdict(part)}
        for part in parts
        if part.object not in known
    ]
    if new:
        connection.execute(insert(stored_file), new)
    return gone


def forget(connection: Connection, objects: Iterable[str]) -> None:
    """Delete the rows of objects."""
    for one in objects:
        connection.execute(delete(stored_file).where(stored_file.c.object == one))


def forget_uploads(connection: Connection, needed: Set[str]) -> list[str]:
    """Delete the rows of uploads of other names than these; return their objects."""
    query = select(stored_file.c.name, stored_file.c.object)
    rows = connection.execute(query.where(stored_file.c.name.startswith("uploads/")))
    gone = [row.object for row in rows if row.name.removeprefix("uploads/") not in needed]
    forget(connection, gone)
    return gone


def forget_all(connection: Connection) -> None:
    """Delete all rows, as those of a backup, which name objects that may be gone."""
    connection.execute(delete(stored_file))


def objects(connection: Connection) -> set[str]:
    """List all objects that rows name."""
    return set(connection.execute(select(stored_file.c.object)).scalars())


def _of(project_id: int | None) -> ColumnElement[bool]:
    if project_id is None:
        return stored_file.c.project_id.is_(None)
    return stored_file.c.project_id == project_id
