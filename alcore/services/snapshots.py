"""Owns snapshots: names for label sets, which give back the same files later, bit for bit.

A snapshot keeps the rows that exports are written from, as they were: classes, people, votes and
comments with the names of then. So it needs neither the log nor today's classes to be read again.
What a model says is no part of a label set, and not of a snapshot.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alcore import names
from alcore.errors import InvalidSettings, UnknownFormat, UnknownItem
from alcore.label_formats import Header, LabelRow, Vote
from alcore.metadata import PREFIX
from alcore.records import Project, Snapshot
from alcore.services import audit
from alcore.services.export_rows import PARTS, Missing, Rows
from alcore.services.rights import check_owner
from alcore.store import Connection, Store, labels, projects, snapshots

FORMAT = 1
"""Counts up when rows are written otherwise; older ones stay readable."""
LONGEST_NAME = 100
KEPT = tuple(part for part in PARTS if part not in ("probabilities", "model labels"))
"""The parts of an export that a snapshot keeps."""


def make(store: Store, project_id: int, name: str, by: int | None = None) -> Snapshot:
    """Name the label set of this moment. Raises InvalidSettings, NotAllowed, UnknownProject."""
    clean = names.clean(name)
    if not names.is_name(clean, LONGEST_NAME):
        raise InvalidSettings(
            f"a snapshot's name has 1 to {LONGEST_NAME} visible characters; got {name!r}"
        )
    with store.read() as connection:
        check_owner(connection, project_id, by)
        project = projects.get(connection, project_id)
        last_event = labels.last_event(connection, project_id)
        rows = Rows(store, connection, project, KEPT, False, Missing())
        header = rows.header()
        text = [json.dumps(_about(header), ensure_ascii=False)]
        text += [json.dumps(_values(row), ensure_ascii=False) for row in rows]
    new = Snapshot(
        id=0,
        name=clean,
        revision=header.revision,
        labels=len(text) - 1,
        created_at=time.time(),
        who=None,
        format=FORMAT,
        last_event=last_event,
    )
    if not new.labels:
        raise InvalidSettings("there are no labels to take a snapshot of")
    packed = gzip.compress("\n".join(text).encode(), mtime=0)
    with store.write() as connection:
        check_owner(connection, project_id, by)
        snapshots.add(connection, project_id, new, by, packed)
        audit.note(connection, project_id, by, "snapshot", name=clean, labels=new.labels)
    return new


def of_project(store: Store, project_id: int) -> list[Snapshot]:
    """List a project's snapshots, newest first."""
    with store.read() as connection:
        return snapshots.of_project(connection, project_id)


def named(store: Store, project_id: int, name: str) -> Snapshot:
    """Find a snapshot by its name. Raises UnknownItem, naming the others."""
    everything = of_project(store, project_id)
    for one in everything:
        if one.name == name:
            return one
    others = ", ".join(repr(one.name) for one in everything) or "none yet"
    raise UnknownItem(f"there is no snapshot called {name!r}; there are: {others}")


def remove(store: Store, project_id: int, snapshot_id: int, by: int | None = None) -> None:
    """Forget a snapshot; labels stay. Raises NotAllowed, UnknownItem."""
    with store.write() as connection:
        check_owner(connection, project_id, by)
        there = {one.id: one.name for one in snapshots.of_project(connection, project_id)}
        if snapshot_id not in there:
            raise UnknownItem(f"the project has no snapshot {snapshot_id}")
        snapshots.remove(connection, project_id, snapshot_id)
        audit.note(connection, project_id, by, "remove snapshot", name=there[snapshot_id])


def names_of(store: Store, project_id: int) -> dict[str, str]:
    """Return the name of each label set that a snapshot has named, by its revision."""
    return {one.revision: one.name for one in reversed(of_project(store, project_id))}


class SnapshotRows:
    """The rows of an export, as a snapshot kept them."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        project: Project,
        snapshot_id: int,
        parts: Sequence[str],
        missing: Missing,
    ) -> None:
        form, packed = snapshots.rows_of(connection, project.id, snapshot_id)
        if form > FORMAT:
            raise UnknownFormat(f"this snapshot was made by a newer alcore (format {form})")
        about, *self._lines = gzip.decompress(packed).decode().split("\n")
        self._about: dict[str, Any] = json.loads(about)
        self._parts = [part for part in KEPT if part in parts]
        wanted = {column for part in self._parts for column in PARTS[part][1]}
        self._places = [
            i
            for i, column in enumerate(self._about["columns"])
            if column in wanted or ("metadata" in parts and column.startswith(PREFIX))
        ]
        self._originals = Rows(store, connection, project, (), False, missing)

    def header(self) -> Header:
        read: Callable[[LabelRow], bytes | None] = self._originals.read_anew
        return Header(
            project=self._about["project"],
            classes=tuple(self._about["classes"]),
            columns=tuple(self._about["columns"][i] for i in self._places),
            votes="votes" in self._parts,
            revision=self._about["revision"],
            numbers=frozenset(self._about.get("numbers", ())),
            read=read,
        )

    def __iter__(self) -> Iterator[LabelRow]:
        for line in self._lines:
            item, file, place, width, height, split, digest, more, votes = json.loads(line)
            values = tuple(more[i] for i in self._places)
            answers = tuple(Vote(*vote) for vote in votes) if "votes" in self._parts else ()
            yield LabelRow(item, file, place, width, height, split, digest, values, answers)


def _about(header: Header) -> dict[str, Any]:
    return {
        "project": header.project,
        "classes": header.classes,
        "columns": header.columns,
        "revision": header.revision,
        "numbers": sorted(header.numbers),
    }


def _values(row: LabelRow) -> list[Any]:
    known = [row.item, row.file, row.place, row.width, row.height, row.split, row.content_hash]
    votes = [[v.annotator, v.class_name, v.created_at, v.seconds] for v in row.votes]
    return [*known, list(row.more), votes]
